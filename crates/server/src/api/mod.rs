//! Quell's own API for operators, under `/api/v1/`, signed like everything else (service name `quell`).

mod aws_calls;
mod create_aws_call;
mod deliveries;
mod event_counts;
mod executions;
mod explain_event;
mod function_log;
mod incident_times;
mod incident_triggers;
mod intake_sources;
mod journal;
mod listing;
mod machine_plans;
mod metric_data;
mod near_misses;
mod parked;
mod plans;
mod resolve_aws_call;
mod resolve_run;
mod runs;
mod undo;

mod routes;

use routes::Route;
pub(crate) use routes::target;

/// Name in the credential scope.
pub(crate) const SIGNING_NAME: &str = "quell";

const ROUTES: &[Route] = &[
    Route::new("CreateAwsCall", "POST", "/api/v1/aws/calls", |call| {
        Box::pin(create_aws_call::handle(call))
    }),
    Route::new("GetAwsCall", "GET", "/api/v1/aws/calls/*", |call| {
        Box::pin(aws_calls::get(call))
    }),
    Route::new("ListAwsCalls", "GET", "/api/v1/aws/calls", |call| {
        Box::pin(aws_calls::list(call))
    }),
    Route::new(
        "ResolveAwsCall",
        "POST",
        "/api/v1/aws/calls/*/resolve",
        |call| Box::pin(resolve_aws_call::handle(call)),
    ),
    Route::new(
        "CreateMachinePlan",
        "POST",
        "/api/v1/machine-plans",
        |call| Box::pin(machine_plans::create(call)),
    ),
    Route::new("GetMachinePlan", "GET", "/api/v1/machine-plans/*", |call| {
        Box::pin(machine_plans::get(call))
    }),
    Route::new("GetDelivery", "GET", "/api/v1/deliveries/*", |call| {
        Box::pin(deliveries::get(call))
    }),
    Route::new("ListDeliveries", "GET", "/api/v1/deliveries", |call| {
        Box::pin(deliveries::list(call))
    }),
    Route::new(
        "RetryDelivery",
        "POST",
        "/api/v1/deliveries/*/retry",
        |call| Box::pin(deliveries::retry(call)),
    ),
    Route::new("GetEventCounts", "GET", "/api/v1/events/counts", |call| {
        Box::pin(event_counts::handle(call))
    }),
    Route::new("ExplainEvent", "POST", "/api/v1/events/explain", |call| {
        Box::pin(explain_event::handle(call))
    }),
    Route::new(
        "ListNearMisses",
        "GET",
        "/api/v1/events/rules/*/*/near-misses",
        |call| Box::pin(near_misses::handle(call)),
    ),
    Route::new("GetFunctionLog", "GET", "/api/v1/functions/*/log", |call| {
        Box::pin(function_log::handle(call))
    }),
    Route::new("GetMetricData", "POST", "/api/v1/metrics/data", |call| {
        Box::pin(metric_data::handle(call))
    }),
    Route::new(
        "GetIncidentTimes",
        "GET",
        "/api/v1/incidents/*/times",
        |call| Box::pin(incident_times::handle(call)),
    ),
    Route::new(
        "ListIncidentTriggers",
        "GET",
        "/api/v1/incidents/*/triggers",
        |call| Box::pin(incident_triggers::handle(call)),
    ),
    Route::new(
        "ListIntakeSources",
        "GET",
        "/api/v1/intake/sources",
        |call| Box::pin(intake_sources::list(call)),
    ),
    Route::new(
        "CreateIntakeSource",
        "POST",
        "/api/v1/intake/sources",
        |call| Box::pin(intake_sources::create(call)),
    ),
    Route::new(
        "GetIntakeSource",
        "GET",
        "/api/v1/intake/sources/*",
        |call| Box::pin(intake_sources::get(call)),
    ),
    Route::new(
        "ReplaceIntakeSource",
        "PUT",
        "/api/v1/intake/sources/*",
        |call| Box::pin(intake_sources::replace(call)),
    ),
    Route::new(
        "DeleteIntakeSource",
        "DELETE",
        "/api/v1/intake/sources/*",
        |call| Box::pin(intake_sources::remove(call)),
    ),
    Route::new(
        "ConfirmIntakeSubscription",
        "POST",
        "/api/v1/intake/sources/*/confirm",
        |call| Box::pin(intake_sources::confirm(call)),
    ),
    Route::new("ListParked", "GET", "/api/v1/intake/parked", |call| {
        Box::pin(parked::list(call))
    }),
    Route::new("GetParked", "GET", "/api/v1/intake/parked/*", |call| {
        Box::pin(parked::get(call))
    }),
    Route::new(
        "RetryParked",
        "POST",
        "/api/v1/intake/parked/*/retry",
        |call| Box::pin(parked::retry(call)),
    ),
    Route::new(
        "DiscardParked",
        "POST",
        "/api/v1/intake/parked/*/discard",
        |call| Box::pin(parked::discard(call)),
    ),
    Route::new("ListJournal", "GET", "/api/v1/journal", |call| {
        Box::pin(journal::handle(call))
    }),
    Route::new("ListExecutions", "GET", "/api/v1/executions", |call| {
        Box::pin(executions::list(call))
    }),
    Route::new(
        "GetExecutionGraph",
        "GET",
        "/api/v1/executions/*/graph",
        |call| Box::pin(executions::graph(call)),
    ),
    Route::new(
        "ResolveExecution",
        "POST",
        "/api/v1/executions/*/resolve",
        |call| Box::pin(executions::resolve(call)),
    ),
    Route::new(
        "UndoExecution",
        "POST",
        "/api/v1/executions/*/undo",
        |call| Box::pin(undo::execution(call)),
    ),
    Route::new("CreatePlan", "POST", "/api/v1/plans", |call| {
        Box::pin(plans::create(call))
    }),
    Route::new("GetPlan", "GET", "/api/v1/plans/*", |call| {
        Box::pin(plans::get(call))
    }),
    Route::new("StartPlan", "POST", "/api/v1/plans/*/start", |call| {
        Box::pin(plans::start(call))
    }),
    Route::new("ApproveRun", "POST", "/api/v1/runs/*/approve", |call| {
        Box::pin(plans::approve(call))
    }),
    Route::new("ListRuns", "GET", "/api/v1/runs", |call| {
        Box::pin(runs::handle(call))
    }),
    Route::new("ResolveRun", "POST", "/api/v1/runs/*/resolve", |call| {
        Box::pin(resolve_run::handle(call))
    }),
    Route::new("UndoRun", "POST", "/api/v1/runs/*/undo", |call| {
        Box::pin(undo::run(call))
    }),
];
