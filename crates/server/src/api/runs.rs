//! `GET /api/v1/runs?outcome=unknown&after=&limit=`: runs, newest first; with `outcome=unknown` those that wait for a
//! person to say what became of an effect.

use engine::views::{Summary, automation};
use serde_json::{Value, json};
use uuid::Uuid;

use super::listing;
use crate::aws::ssm::runs as all_runs;
use crate::call::{Answer, Call, Reply};
use crate::error::ApiError;
use crate::page::Cursor;

pub(super) async fn handle(call: Call) -> Answer {
    let unknown_only = match call.query.first("outcome") {
        None | Some("") => false,
        Some("unknown") => true,
        Some(_) => {
            return Err(ApiError::validation(
                "`outcome` must be `unknown`, or be left out",
            ));
        }
    };
    let limit = listing::limit(&call)?;
    let cursor = Cursor::new(&call, "ListRuns", if unknown_only { "unknown" } else { "" });
    let after = listing::after(&call, &cursor)?;
    let page = all_runs::page(&call, (after.as_deref(), None), limit, |run| {
        !unknown_only || run.unknown().is_some()
    })
    .await?;
    let list: Vec<Value> = page.runs.iter().map(view).collect();
    let next = page.next.map(|position| cursor.token(&position));
    Ok(Reply::ok(json!({ "runs": list, "nextAfter": next })))
}

/// A run as `DescribeAutomationExecutions` shows it, with what is unknown about it.
pub(super) fn view(run: &Summary) -> Value {
    let mut body = automation::metadata(run);
    if let Some(reason) = run.unknown() {
        body["UnknownOutcome"] = json!({ "Step": run.current_step(), "Reason": reason });
    }
    body
}

/// A number in the query.
pub(super) fn number(call: &Call, name: &str, min: u64, max: u64) -> Result<Option<u64>, ApiError> {
    let Some(text) = call.query.first(name).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let parsed = text
        .parse()
        .ok()
        .filter(|number| (min..=max).contains(number));
    parsed.map(Some).ok_or_else(|| {
        ApiError::validation(format!("`{name}` must be a number from {min} to {max}"))
    })
}

/// A UUID in the path or the query.
pub(super) fn uuid(name: &str, text: &str) -> Result<Uuid, ApiError> {
    let shown = crate::error::echo(text);
    text.parse()
        .map_err(|_| ApiError::validation(format!("`{name}` must be a UUID, not `{shown}`")))
}
