//! `ValidateStateMachineDefinition`: all problems of a definition, and on request what `quell machine check` warns of.

use engine::views::machines::{self, MachineType, Problem};
use serde_json::{Value, json};

use super::machines::CALLS;
use crate::call::{Answer, Call, Reply};
use crate::decode::Text;

/// Most problems that an answer holds where none is asked for.
const MAX_PROBLEMS: i64 = 100;

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    // One without a sign in it is a problem like others.
    let text = fields.required_text("definition", Text::length(0, 1_048_576))?;
    let kind = match fields.one_of("type", &["STANDARD", "EXPRESS"])? {
        Some("EXPRESS") => MachineType::Express,
        _ => MachineType::Standard,
    };
    let warns = fields.one_of("severity", &["ERROR", "WARNING"])? == Some("WARNING");
    let most = fields
        .integer("maxResults", 0, MAX_PROBLEMS)?
        .filter(|most| *most > 0);
    let most = usize::try_from(most.unwrap_or(MAX_PROBLEMS)).unwrap_or(1);
    let problems = machines::admit(text, kind, CALLS).err().unwrap_or_default();
    let warnings = if warns && problems.is_empty() {
        machines::warned(text, kind, &aws::knowledge::is_repeatable)
    } else {
        Vec::new()
    };
    let errors = problems.iter().map(|problem| shown("ERROR", problem));
    let warnings = warnings.iter().map(|problem| shown("WARNING", problem));
    let diagnostics: Vec<Value> = errors.chain(warnings).collect();
    Ok(Reply::ok(json!({
        "result": if problems.is_empty() { "OK" } else { "FAIL" },
        "truncated": diagnostics.len() > most,
        "diagnostics": diagnostics.into_iter().take(most).collect::<Vec<_>>(),
    })))
}

fn shown(severity: &str, problem: &Problem) -> Value {
    let mut shown = json!({
        "severity": severity,
        "code": problem.code,
        "message": problem.message,
    });
    if let Some(location) = &problem.location {
        shown["location"] = location.as_str().into();
    }
    shown
}
