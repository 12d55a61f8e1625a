//! What the API shows of targets, locations and children.

use model::fleet::{Progress, RateControl, Target, TargetLocation};
use serde_json::{Map, Value, json};

use super::put;
use crate::automation::fleet::SHOWN_TARGETS;
use crate::automation::record::StepExecution;
use crate::automation::summary::Summary;

/// Members that executions and their metadata share.
pub(super) fn head(run: &Summary, map: &mut Map<String, Value>) {
    let request = run.request();
    let rate = &request.rate;
    map.insert("Targets".to_owned(), targets(&rate.targets));
    put(map, "TargetParameterName", text(rate.parameter.as_ref()));
    put(map, "MaxConcurrency", text(rate.max_concurrency.as_ref()));
    put(map, "MaxErrors", text(rate.max_errors.as_ref()));
    if !rate.maps.is_empty() {
        map.insert("TargetMaps".to_owned(), json!(rate.maps));
    }
    put(
        map,
        "ParentAutomationExecutionId",
        request.parent.as_ref().map(|parent| json!(parent.run)),
    );
    put(
        map,
        "TargetLocationsURL",
        text(request.locations_url.as_ref()),
    );
    let target = match (&request.target, &request.location) {
        (Some(target), _) => Some(target.resource.clone()),
        (None, Some(location)) if location.instead => {
            Some(format!("{}_{}", location.account, request.region))
        }
        _ => None,
    };
    put(map, "Target", text(target.as_ref()));
    if run.root.fleet.is_some() {
        map.insert("ResolvedTargets".to_owned(), resolved(run));
    }
}

/// Members of an execution alone.
pub(super) fn execution(run: &Summary, map: &mut Map<String, Value>) {
    let request = run.request();
    if !request.locations.is_empty() {
        let shown = request
            .locations
            .iter()
            .map(|one| location(one, &request.rate));
        map.insert("TargetLocations".to_owned(), shown.collect());
    }
    if let Some(fleet) = &run.root.fleet {
        map.insert("ProgressCounters".to_owned(), counters(&fleet.progress));
    }
}

/// The resources that were found, as far as they are shown.
pub(super) fn resolved(run: &Summary) -> Value {
    let resolved = run.root.fleet.as_ref().is_some_and(|fleet| fleet.resolved);
    let names = run
        .members
        .iter()
        .filter(|_| resolved)
        .map(|member| member.name.as_str());
    let shown: Vec<&str> = names.take(SHOWN_TARGETS).collect();
    json!({"ParameterValues": shown, "Truncated": resolved && run.members.len() > SHOWN_TARGETS})
}

/// `AutomationType`: where the run acts.
pub(super) fn automation_type(run: &Summary) -> &'static str {
    let request = run.request();
    if request.location.is_some() || !request.locations.is_empty() {
        "CrossAccount"
    } else {
        "Local"
    }
}

/// The execution of one child, as a step of its parent.
pub(super) fn child(record: &StepExecution, map: &mut Map<String, Value>) {
    let inputs = record.inputs.iter().map(|(name, values)| {
        let shown = match values.as_array().map(Vec::as_slice) {
            Some([Value::String(one)]) => one.clone(),
            _ => values.to_string(),
        };
        (name.clone(), Value::String(shown))
    });
    map.insert("Inputs".to_owned(), Value::Object(inputs.collect()));
}

fn text(text: Option<&String>) -> Option<Value> {
    text.map(|text| json!(text))
}

fn targets(targets: &[Target]) -> Value {
    let shown = targets
        .iter()
        .map(|target| json!({"Key": target.key, "Values": target.values}));
    shown.collect()
}

fn location(location: &TargetLocation, rate: &RateControl) -> Value {
    let mut map = Map::new();
    map.insert("Accounts".to_owned(), json!(location.accounts));
    map.insert("Regions".to_owned(), json!(location.regions));
    put(
        &mut map,
        "ExecutionRoleName",
        text(location.role_name.as_ref()),
    );
    put(
        &mut map,
        "TargetLocationMaxConcurrency",
        text(location.max_concurrency.as_ref()),
    );
    put(
        &mut map,
        "TargetLocationMaxErrors",
        text(location.max_errors.as_ref()),
    );
    if location.include_child_units {
        map.insert("IncludeChildOrganizationUnits".to_owned(), json!(true));
    }
    if !location.exclude_accounts.is_empty() {
        map.insert(
            "ExcludeAccounts".to_owned(),
            json!(location.exclude_accounts),
        );
    }
    if !location.targets.is_empty() {
        map.insert("Targets".to_owned(), targets(&location.targets));
    }
    let alarm = location.alarm.as_ref().map(super::alarm_configured);
    put(&mut map, "TargetLocationAlarmConfiguration", alarm);
    let concurrency = location.targets_max_concurrency.as_ref();
    let errors = location.targets_max_errors.as_ref();
    if rate.is_asked() || !location.targets.is_empty() {
        put(
            &mut map,
            "TargetsMaxConcurrency",
            text(concurrency.or(rate.max_concurrency.as_ref())),
        );
        put(
            &mut map,
            "TargetsMaxErrors",
            text(errors.or(rate.max_errors.as_ref())),
        );
    }
    Value::Object(map)
}

fn counters(progress: &Progress) -> Value {
    json!({
        "TotalSteps": progress.total,
        "SuccessSteps": progress.success,
        "FailedSteps": progress.failed,
        "CancelledSteps": progress.cancelled,
        "TimedOutSteps": progress.timed_out,
    })
}
