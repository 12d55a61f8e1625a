//! HTTP: the AWS wire APIs and the operator's own.
//!
//! One port. A request is canonical or refused, then its signature says who calls which service in which region,
//! then one handler per operation decodes, asks the engine and encodes. Nothing is decided here: rules, plans and
//! runbooks are the engine's, and this crate must not know how they work or where they are stored.

mod api;
mod auth;
mod aws;
mod call;
mod catalog;
mod decode;
mod error;
mod gate;
mod intake;
mod json_body;
mod listen;
mod metric_data;
mod page;
mod previews;
mod query;
mod scrape;
mod state;
mod tags;
mod topic_links;
mod voice;
mod wire;

pub use axum::Router;
pub use listen::{ListenError, ListenOptions, TlsConfig, serve};
pub use scrape::{ScrapeConfig, ScrapeToken};
pub use state::{AccessKey, AppState, FunctionPorts, Peer, Readiness, ServerConfig};

/// Everything that Quell answers, also usable in-process (`tower::ServiceExt::oneshot`) for calls from runbooks to Quell itself.
pub fn router(state: AppState) -> Router {
    gate::router(state)
}

/// Answers one request in this process, through the same door as any caller.
pub async fn call_inside(
    router: Router,
    request: http::Request<bytes::Bytes>,
) -> http::Response<bytes::Bytes> {
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    // INVARIANT: a router answers every request; its error type has no value.
    let answer = match router.oneshot(request.map(axum::body::Body::from)).await {
        Ok(answer) => answer,
        Err(never) => match never {},
    };
    let (head, body) = answer.into_parts();
    // Bodies of this server are in memory: collecting them cannot fail.
    let bytes = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    http::Response::from_parts(head, bytes)
}

/// Operations that Quell serves for its own resources, but that runbooks mean for AWS's: what a runbook tags through
/// `ssm` is a parameter or a managed instance, and the metrics it reads are those of the account.
const MEANT_FOR_AWS: [(&str, &str); 5] = [
    ("monitoring", "GetMetricData"),
    ("monitoring", "ListMetrics"),
    ("ssm", "AddTagsToResource"),
    ("ssm", "RemoveTagsFromResource"),
    ("ssm", "ListTagsForResource"),
];

/// A call that is about to go out, as far as it decides where it goes.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    /// boto3's client name.
    pub service: &'a str,
    /// Operation in the model's spelling.
    pub operation: &'a str,
    /// Parameters.
    pub params: &'a serde_json::Value,
    /// Region that is called.
    pub region: &'a str,
    /// Account of the role that it is made as; `None` is the server's own identity.
    pub account: Option<&'a str>,
    /// Whether it delivers an event; else a runbook or an operator makes it.
    pub delivers: bool,
}

/// Whether what a call is for is this server's own: a function that is invoked, a state machine, an activity, a task's
/// token, or for a delivery a topic or a bus.
#[must_use]
pub fn owns(state: &AppState, call: &Outgoing<'_>) -> bool {
    let text = |name: &str| call.params.get(name).and_then(serde_json::Value::as_str);
    let scope = model::Scope::new(&state.config().account, call.region);
    match (call.service, call.operation) {
        ("lambda", "Invoke") => {
            let named = text("FunctionName").and_then(model::function::Named::parse);
            named.is_some_and(|named| {
                // A name alone is that of a function in the caller's account.
                let account = named.account.as_deref().or(call.account);
                let own = account.is_none_or(|account| account == scope.account);
                own && named.is_of(&scope.account, &scope.region)
                    && state.handle().holds_function(&scope, &named.name)
            })
        }
        ("stepfunctions", operation) => {
            let own = call.account.is_none_or(|account| account == scope.account);
            let activity = text("activityArn").or(text("resourceArn"));
            let activity = activity.and_then(model::arn::Arn::parse);
            let activity = activity.filter(|arn| arn.resource.starts_with("activity:"));
            own && (owns_machine(state, call.params, &scope)
                || activity.is_some_and(|arn| is_of(&arn, &scope))
                || matches!(operation, "CreateActivity" | "ListActivities")
                || is_own_token(operation, text("taskToken")))
        }
        ("sns", "Publish") if call.delivers => {
            let topic = text("TopicArn").and_then(|arn| model::topic::topic_name(&scope, arn));
            topic.is_some_and(|topic| state.handle().holds_topic(&scope, &topic))
        }
        ("events", "PutEvents") if call.delivers => {
            let entries = call
                .params
                .get("Entries")
                .and_then(serde_json::Value::as_array);
            entries.is_some_and(|entries| {
                let own = |entry: &serde_json::Value| {
                    let bus = entry
                        .get("EventBusName")
                        .and_then(serde_json::Value::as_str);
                    let arn = bus.and_then(model::arn::Arn::parse);
                    arn.is_some_and(|arn| is_of(&arn, &scope))
                };
                !entries.is_empty() && entries.iter().all(own)
            })
        }
        _ => false,
    }
}

/// Whether a resource is of this account and region. An activity that is, is this server's: tasks of its machines are
/// offered to no other.
fn is_of(arn: &model::arn::Arn, scope: &model::Scope) -> bool {
    arn.account == scope.account && arn.region == scope.region
}

/// Whether a call is about a state machine of this server: by its ARN, or that of a version, alias or execution.
fn owns_machine(state: &AppState, params: &serde_json::Value, scope: &model::Scope) -> bool {
    [
        "stateMachineArn",
        "executionArn",
        "stateMachineAliasArn",
        "stateMachineVersionArn",
        "resourceArn",
    ]
    .into_iter()
    .filter_map(|member| params.get(member)?.as_str())
    .filter_map(model::arn::Arn::parse)
    .filter(|arn| is_of(arn, scope))
    .any(|arn| {
        let mut parts = arn.resource.split(':').skip(1);
        let name = parts.next();
        name.is_some_and(|name| state.handle().holds_machine(scope, name))
    })
}

/// Whether a task's token is one of this server: `EXECUTION.THREAD.SECRET`.
fn is_own_token(operation: &str, token: Option<&str>) -> bool {
    let hex = |text: &str| text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let parts: Vec<&str> = token.unwrap_or_default().split('.').collect();
    let formed = matches!(parts.as_slice(), [execution, thread, secret]
        if hex(execution) && hex(secret) && thread.parse::<u32>().is_ok());
    formed && operation.starts_with("SendTask")
}

/// Whether a runbook's call of this operation is answered by Quell itself; all others go to AWS.
/// Functions and state machines are looked up one by one: [`owns`].
///
/// `service` is the SigV4 signing name, `operation` the name in the service model (`PutEvents`).
#[must_use]
pub fn serves(service: &str, operation: &str) -> bool {
    let served = aws::find_service(service).is_some_and(|found| found.serves(operation));
    let absent = service == "events" && aws::events::ABSENT.contains(&operation);
    // A runbook's topics are the account's: Quell's own are published to by rules and by callers of this server.
    let topics = service == aws::sns::SERVICE.name;
    // State machines are looked up one by one: [`owns`].
    let machines = service == aws::states::SERVICE.name;
    // Functions are looked up one by one: [`owns`].
    let functions = service == aws::lambda::SERVICE.name;
    let by_name = topics || machines || functions;
    served && !absent && !by_name && !MEANT_FOR_AWS.contains(&(service, operation))
}

#[cfg(test)]
mod tests {
    use super::serves;

    #[test]
    fn own_operations_stay_inside() {
        for (service, operation, want) in [
            ("events", "PutEvents", true),
            ("ssm", "StartAutomationExecution", true),
            ("ssm", "AddTagsToResource", false),
            ("ssm", "GetParameter", false),
            ("events", "DescribeConnection", true),
            ("events", "ListEventSources", false),
            ("events", "DescribeEndpoint", false),
            ("monitoring", "GetMetricData", false),
            ("states", "StartExecution", false),
            ("sns", "Publish", false),
            ("lambda", "Invoke", false),
            ("lambda", "PutFunctionConcurrency", false),
            ("ec2", "DescribeInstances", false),
        ] {
            assert_eq!(serves(service, operation), want, "{service} {operation}");
        }
    }
}
