//! Runs the scripts of automation documents in a process of their own, behind walls.
//!
//! The contract: the script's request is JSON on stdin, its result one JSON line on stdout, its log stderr. A script
//! never sees this process' environment; a script with network access has the session of its assumed role and no other
//! credentials, and its way out is the relay (`egress`). Knows how to run a script, not what it is for.

mod attached;
mod confine;
mod egress;
mod environment;
mod job;
pub mod launcher;
mod namespaces;
mod policy;
mod pool;
mod process;
mod root;
mod run;
mod scratch;
mod sessions;
mod start;
mod syscalls;

use model::Outcome;
use model::effect::{Failure, ScriptCall};
use ports::document::Attachments;
use serde_json::json;
use uuid::Uuid;

pub(crate) use environment::Grant;
pub(crate) use job::{End, Finished, Handler, Job, JobLimits, Source};
pub use policy::Walls;
pub(crate) use run::ScriptRunner;
pub use sessions::SessionRegistry;

/// Largest result of `aws:executeScript` in bytes of JSON.
const RESULT_BYTES: usize = 100 * 1024;
/// Most bytes of log that a failure's message quotes.
const TAIL_BYTES: usize = 2048;

/// Runs the script of an automation step. `grant` is `None` exactly for an isolated script.
pub(crate) async fn execute(
    runner: &ScriptRunner,
    attachments: Option<&dyn Attachments>,
    (id, call): (Uuid, &ScriptCall),
    grant: Option<Grant<'_>>,
) -> Outcome {
    let Some(script) = call.attachment.as_deref() else {
        let source = Source::Text(&call.script);
        return run(runner, (id, call), (source, &call.handler), grant).await;
    };
    let Some(attachments) = attachments else {
        let message = "attachments are not set up on this server".to_owned();
        return Outcome::Failed(failure("ScriptError", message));
    };
    let place = (runner.scratch(), id);
    let laid = match attached::lay_out(attachments, place, (call, script)).await {
        Ok(laid) => laid,
        Err(failure) => return Outcome::Failed(failure),
    };
    let source = match &laid {
        attached::Laid::Text(text) => Source::Text(text),
        attached::Laid::Files { code, .. } => Source::Directory(code),
    };
    let handler = attached::handler(call, script);
    run(runner, (id, call), (source, &handler), grant).await
}

async fn run(
    runner: &ScriptRunner,
    (id, call): (Uuid, &ScriptCall),
    (source, handler): (Source<'_>, &str),
    grant: Option<Grant<'_>>,
) -> Outcome {
    let limits = runner.limits();
    let job = Job {
        id,
        runtime: &call.runtime,
        source,
        handler: Handler::Script(handler),
        payload: &call.payload,
        context: json!({ "IdempotencyToken": id.to_string() }),
        environment: std::collections::BTreeMap::new(),
        grant,
        limits: JobLimits {
            seconds: call.timeout_secs.max(1),
            address_space: limits.address_space,
            result_bytes: RESULT_BYTES,
            log_bytes: limits.log_bytes,
            files_bytes: None,
        },
    };
    let finished = match runner.run(&job).await {
        Ok(finished) => finished,
        Err(failure) => return Outcome::Failed(failure),
    };
    let log = tail(&finished.log);
    let (code, text) = match finished.end {
        End::Returned(payload) => {
            return Outcome::Done {
                result: json!({ "Payload": payload }),
            };
        }
        End::Said(text) => {
            return Outcome::Done {
                result: json!({ "Payload": text }),
            };
        }
        End::Raised { shown, .. } => ("ScriptError", shown),
        End::TimedOut => (
            "Timeout",
            format!("the script was stopped after {} s", job.limits.seconds),
        ),
        End::Died(how) => ("ScriptError", how),
    };
    Outcome::Failed(failure(code, format!("{text}{log}")))
}

fn tail(log: &str) -> String {
    let log = log.trim();
    if log.is_empty() {
        return String::new();
    }
    let start = log.len().saturating_sub(TAIL_BYTES);
    let start = (start..=log.len())
        .find(|at| log.is_char_boundary(*at))
        .unwrap_or(log.len());
    format!("\nLog: {}", log.get(start..).unwrap_or_default())
}

fn failure(code: &str, message: String) -> Failure {
    Failure {
        code: code.to_owned(),
        message,
        status: None,
        request_id: None,
        extended_request_id: None,
        shape: None,
        transient: false,
    }
}
