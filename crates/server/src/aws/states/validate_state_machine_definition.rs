//! `ValidateStateMachineDefinition`: all problems of a definition.

use engine::views::machines::{self, MachineType};
use serde_json::{Value, json};

use crate::call::{Answer, Call, Reply};
use crate::decode::Text;

/// Most problems that an answer holds where none is asked for.
const MAX_PROBLEMS: i64 = 100;

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let text = fields.required_text("definition", Text::length(1, 1_048_576))?;
    let kind = match fields.one_of("type", &["STANDARD", "EXPRESS"])? {
        Some("EXPRESS") => MachineType::Express,
        _ => MachineType::Standard,
    };
    fields.one_of("severity", &["ERROR", "WARNING"])?;
    let most = fields
        .integer("maxResults", 0, MAX_PROBLEMS)?
        .filter(|most| *most > 0);
    let most = usize::try_from(most.unwrap_or(MAX_PROBLEMS)).unwrap_or(1);
    let problems = machines::parse(text, kind).err().unwrap_or_default();
    let shown: Vec<Value> = problems
        .iter()
        .take(most)
        .map(|problem| {
            let mut shown = json!({
                "severity": "ERROR",
                "code": problem.code,
                "message": problem.message,
            });
            if let Some(location) = &problem.location {
                shown["location"] = location.as_str().into();
            }
            shown
        })
        .collect();
    Ok(Reply::ok(json!({
        "result": if problems.is_empty() { "OK" } else { "FAIL" },
        "diagnostics": shown,
        "truncated": problems.len() > most,
    })))
}
