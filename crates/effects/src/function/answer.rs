//! What a run says, in Lambda's words: the answer or the error object, and the log with its first and last lines.

use std::time::Duration;

use jiff::Timestamp;
use model::effect::FunctionCall;
use model::function::Version;
use ports::function::Invoked;
use serde_json::{Value, json};

use crate::script::{End, Finished};

/// Bytes of the log's end that a caller gets.
const TAIL: usize = 4 * 1024;

/// When a run began and how long it took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Took {
    pub(super) ended: Timestamp,
    pub(super) duration: Duration,
}

/// The answer of a run, and all of its log.
pub(super) fn of_run(
    call: &FunctionCall,
    version: &Version,
    finished: Finished,
    took: Took,
) -> (Invoked, Vec<u8>) {
    let id = call.request_id;
    let mut last = None;
    let (payload, failed) = match finished.end {
        End::Returned(value) => (value.to_string(), false),
        End::Said(text) => (text, false),
        End::Raised {
            kind,
            message,
            trace,
            ..
        } => (raised((&kind, &message), trace, call).to_string(), true),
        End::TimedOut => {
            let seconds = version.timeout_secs;
            let ended = took.ended;
            let line = format!("{ended:.3} {id} Task timed out after {seconds}.00 seconds");
            last = Some(format!("{line}\n\n"));
            (json!({ "errorMessage": line }).to_string(), true)
        }
        End::Died(how) => {
            let message = format!("RequestId: {id} Error: Runtime exited with error: {how}");
            last = Some(format!("{message}\nRuntime.ExitError\n"));
            let error = json!({ "errorType": "Runtime.ExitError", "errorMessage": message });
            (error.to_string(), true)
        }
    };
    let log = log((call, version), &finished.log, (finished.memory_kib, took));
    let mut log = log.into_bytes();
    log.extend(last.into_iter().flat_map(String::into_bytes));
    let tail = log.get(log.len().saturating_sub(TAIL)..);
    let invoked = Invoked {
        payload,
        failed,
        log_tail: tail.unwrap_or_default().to_vec(),
    };
    (invoked, log)
}

/// The error object of an exception
/// (<https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html>).
fn raised((kind, message): (&str, &str), trace: Vec<String>, call: &FunctionCall) -> Value {
    let id = call.request_id;
    let message = match kind {
        "Runtime.ExitError" => format!("RequestId: {id} Error: {message}"),
        _ => message.to_owned(),
    };
    json!({
        "errorMessage": message,
        "errorType": kind,
        "requestId": id,
        "stackTrace": trace,
    })
}

fn log(
    (call, version): (&FunctionCall, &Version),
    said: &str,
    (memory_kib, took): (Option<u64>, Took),
) -> String {
    let (id, name) = (call.request_id, &call.version);
    let millis = took.duration.as_secs_f64() * 1000.0;
    let billed = took.duration.as_millis() + 1;
    let end = if said.is_empty() || said.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    let used = memory_kib.map_or_else(String::new, |kib| {
        format!("\tMax Memory Used: {} MB", kib.div_ceil(1024))
    });
    format!(
        "START RequestId: {id} Version: {name}\n{said}{end}END RequestId: {id}\nREPORT RequestId: {id}\tDuration: {millis:.2} ms\tBilled Duration: {billed} ms\tMemory Size: {} MB{used}\t\n",
        version.memory_mib
    )
}
