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
pub use state::{AccessKey, AppState, Peer, Readiness, ServerConfig};

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

/// Whether a runbook's call of this operation is answered by Quell itself; all others go to AWS.
///
/// `service` is the SigV4 signing name, `operation` the name in the service model (`PutEvents`).
#[must_use]
pub fn serves(service: &str, operation: &str) -> bool {
    let served = aws::find_service(service).is_some_and(|found| found.serves(operation));
    let absent = service == "events" && aws::events::ABSENT.contains(&operation);
    // A runbook's topics are the account's: Quell's own are published to by rules and by callers of this server.
    let topics = service == aws::sns::SERVICE.name;
    // So are its state machines: Quell's own are started by callers of this server.
    let machines = service == aws::states::SERVICE.name;
    served && !absent && !topics && !machines && !MEANT_FOR_AWS.contains(&(service, operation))
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
            ("ec2", "DescribeInstances", false),
        ] {
            assert_eq!(serves(service, operation), want, "{service} {operation}");
        }
    }
}
