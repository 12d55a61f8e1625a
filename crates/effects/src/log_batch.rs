//! Writes lines to a log group: of this server, where its name says so, else of CloudWatch Logs.
//!
//! At least once: a repeat finds lines of an own group that are there; CloudWatch Logs gets them again. Knows nothing of
//! what the lines are about.

use model::Outcome;
use model::effect::{AwsCall, Intent, LogAppend, LogBatch, Spelling};
use serde_json::{Value, json};

use crate::aws_call::{AwsCaller, plain_failure};
use crate::event_log::EventLogs;

/// Limit of one call, in seconds.
const CALL_SECS: u32 = 30;
/// What CloudWatch Logs says of a stream, or a group, that is not there.
const NOT_THERE: &str = "ResourceNotFoundException";
/// What it says of a stream that somebody else has just made.
const THERE: &str = "ResourceAlreadyExistsException";

/// Writes a batch.
pub(crate) async fn write(
    (aws, own): (&AwsCaller, Option<&EventLogs>),
    intent: &Intent,
    batch: &LogBatch,
) -> Outcome {
    match batch.own() {
        Some(lines) => append(own, &lines).await,
        None => put(aws, intent, batch).await,
    }
}

/// Appends lines to log groups of this server.
pub(crate) async fn append(own: Option<&EventLogs>, lines: &[LogAppend]) -> Outcome {
    match own {
        Some(logs) => logs.append_all(lines).await,
        None => Outcome::Failed(plain_failure(
            "Storage",
            "no log groups are kept here: set `logs`".to_owned(),
            false,
        )),
    }
}

/// The size of a batch, in bytes.
pub(crate) fn size(batch: &LogBatch) -> usize {
    batch.lines.iter().map(|line| line.message.len()).sum()
}

/// Puts the lines into their stream; the stream is made when it turns out not to be there.
async fn put(aws: &AwsCaller, intent: &Intent, batch: &LogBatch) -> Outcome {
    let lines = batch.lines.iter();
    let events: Vec<Value> = lines
        .map(|line| json!({"timestamp": line.timestamp, "message": line.message}))
        .collect();
    let stream = json!({"logGroupName": batch.group, "logStreamName": batch.stream});
    let mut params = stream.clone();
    params["logEvents"] = events.into();
    let put = call(batch, "PutLogEvents", params);
    let first = aws.deliver(intent, &put).await;
    if !refused(&first, NOT_THERE) {
        return judged(first);
    }
    let made = aws
        .deliver(intent, &call(batch, "CreateLogStream", stream))
        .await;
    if matches!(made, Outcome::Done { .. }) || refused(&made, THERE) {
        return judged(aws.deliver(intent, &put).await);
    }
    made
}

/// The service answers well to lines that it does not keep: too old, too new, expired.
fn judged(outcome: Outcome) -> Outcome {
    let rejected = match &outcome {
        Outcome::Done { result } => result.get("rejectedLogEventsInfo"),
        _ => None,
    };
    match rejected.filter(|info| !info.is_null()) {
        Some(info) => Outcome::Failed(plain_failure("RejectedLogEvents", info.to_string(), false)),
        None => outcome,
    }
}

fn refused(outcome: &Outcome, code: &str) -> bool {
    matches!(outcome, Outcome::Failed(failure) if failure.code == code)
}

fn call(batch: &LogBatch, operation: &str, params: Value) -> AwsCall {
    AwsCall {
        service: "logs".to_owned(),
        operation: operation.to_owned(),
        params,
        region: batch.region.clone(),
        assume_role: batch.role.clone(),
        timeout_secs: CALL_SECS,
        spelling: Spelling::Service,
    }
}
