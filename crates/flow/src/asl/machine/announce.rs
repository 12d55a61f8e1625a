//! What the account's default event bus is told of an execution: every change of its status.
//!
//! Source: Step Functions developer guide, "Automating Step Functions event delivery with EventBridge": which executions
//! (those of Standard machines), the members of `detail`, and what is left out of a large one. Times are milliseconds.

use jiff::Timestamp;
use model::ids;
use serde_json::{Value, json};

use super::turn::Turn;
use crate::asl::execution::Execution;
use crate::asl::input::{Announcement, Command};

/// Bytes that the escaped input and output may have together in one event, and error and cause with them: some targets take
/// no more than 256 KB.
const MAX_DATA: usize = 248 * 1024;
/// Characters of a cause at most, as of one that the API takes.
const MAX_CAUSE: usize = 32_768;

/// Tells the status that the execution has now. Map runs tell of their executions themselves, to whoever asks; and a plan
/// tells nobody anything.
pub(super) fn status(turn: &mut Turn<'_>) {
    let start = &turn.x.origin.start;
    let trial = turn.open || turn.notes.is_some();
    if trial || start.express || start.member.is_some() {
        return;
    }
    let announcement = Announcement {
        id: ids::named(&[
            "execution-status",
            &turn.x.root.id.to_string(),
            turn.x.status().as_str(),
            &turn.x.root.redrives.to_string(),
        ]),
        resources: vec![start.arn.clone()],
        detail: detail(&turn.x, turn.cx.at).to_string(),
    };
    turn.commands
        .push(Command::Announce(Box::new(announcement)));
}

fn detail(x: &Execution, at: Timestamp) -> Value {
    let start = &x.origin.start;
    let (started, stopped) = x.times();
    let (redrives, redriven) = x.redrives();
    let (error, cause) = x.failure();
    let reason = x.not_redrivable(at);
    let millis = |at: Option<Timestamp>| at.map(Timestamp::as_millisecond);
    let escaped = |text: Option<&str>| text.map_or(0, |text| json!(text).to_string().len());
    let cause = cause.map(cut);
    let other = escaped(x.output()) + escaped(error) + escaped(cause);
    let input = Some(start.input.as_str());
    let input = input.filter(|input| escaped(Some(input)) + other <= MAX_DATA);
    let output = x.output().filter(|_| other <= MAX_DATA);
    json!({
        "executionArn": start.arn,
        "stateMachineArn": start.machine_arn,
        "name": start.name,
        "status": x.status().as_str(),
        "startDate": started.as_millisecond(),
        "stopDate": millis(stopped),
        "input": input,
        "output": output,
        "stateMachineVersionArn": start.version,
        "stateMachineAliasArn": start.alias,
        "redriveCount": redrives,
        "redriveDate": millis(redriven),
        "redriveStatus": if reason.is_some() { "NOT_REDRIVABLE" } else { "REDRIVABLE" },
        "redriveStatusReason": reason,
        "inputDetails": {"included": input.is_some()},
        "outputDetails": x.output().map(|_| json!({"included": output.is_some()})),
        "error": error,
        "cause": cause,
    })
}

/// As much of a cause as an event has room for.
fn cut(cause: &str) -> &str {
    let end = cause.char_indices().nth(MAX_CAUSE);
    end.and_then(|(end, _)| cause.get(..end)).unwrap_or(cause)
}
