//! `GetExecutionPreview`.

use engine::views::preview::{Preview, Summary};
use http::StatusCode;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::call::{Answer, Call, Reply};
use crate::decode::{Text, epoch, is_word};
use crate::error::ApiError;
use crate::previews;

const ID: Text = Text::length(36, 36).matching(
    "[a-fA-F0-9]{8}-[a-fA-F0-9]{4}-[a-fA-F0-9]{4}-[a-fA-F0-9]{4}-[a-fA-F0-9]{12}",
    |text| is_word(text, "-") && text.parse::<Uuid>().is_ok(),
);
/// Most types of resources shown (the model's own limit).
const MOST_TYPES: usize = 50;

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let given = fields.required_text("ExecutionPreviewId", ID)?;
    let missing = || {
        let message = format!("There is no execution preview `{given}`.");
        ApiError::new("ResourceNotFoundException", message).status(StatusCode::BAD_REQUEST)
    };
    let id: Uuid = given.parse().map_err(|_| missing())?;
    let preview = previews::find(&call, id).await?.ok_or_else(missing)?;
    Ok(Reply::ok(shown(id, &preview)))
}

fn shown(id: Uuid, preview: &Preview) -> Value {
    let mut body = json!({
        "ExecutionPreviewId": id,
        "Status": preview.status().as_str(),
    });
    if let Some(ended) = preview.times().1 {
        body["EndedAt"] = epoch(ended);
    }
    let summary = preview.summary();
    let message = preview.message().map(str::to_owned);
    if let Some(message) = message.or_else(|| summary.map(told)) {
        body["StatusMessage"] = message.into();
    }
    if let Some(summary) = summary {
        body["ExecutionPreview"] = json!({ "Automation": automation(summary) });
    }
    body
}

/// What the counts leave out: how the run would end, and the plan's completeness.
fn told(summary: &Summary) -> String {
    let mut message = format!("The run would end as {}", summary.outcome);
    if !summary.complete {
        message.push_str("; the plan is not complete: it is larger than a preview may be");
    }
    message
}

fn automation(summary: &Summary) -> Value {
    let counts = summary.step_counts();
    let counts: Map<String, Value> = counts
        .into_iter()
        .map(|(impact, count)| (impact.to_owned(), count.into()))
        .collect();
    let types = summary.type_counts();
    let types = types.into_iter().take(MOST_TYPES);
    let types: Vec<Value> = types
        .map(|(name, count)| json!({"Count": count, "TargetType": name}))
        .collect();
    let mut body = json!({
        "StepPreviews": counts,
        "TargetPreviews": types,
        "TotalAccounts": summary.accounts.len(),
    });
    if !summary.regions.is_empty() {
        body["Regions"] = json!(summary.regions.iter().take(50).collect::<Vec<_>>());
    }
    body
}
