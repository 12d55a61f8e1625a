//! `BatchGetIncidentFindings`: ids that are not there fail one by one.

use serde_json::{Value, json};

use super::names::ARN;
use super::record;
use crate::call::{Answer, Call, Reply};
use crate::decode::Text;

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let arn = fields.required_text("incidentRecordArn", ARN)?;
    let ids = fields.required_texts("findingIds", (0, 20), Text::length(0, 128))?;
    record::existing(&call, arn).await?;
    let errors: Vec<Value> = ids.into_iter().map(unknown).collect();
    Ok(Reply::ok(json!({ "findings": [], "errors": errors })))
}

fn unknown(id: &str) -> Value {
    json!({ "findingId": id, "code": "ResourceNotFoundException", "message": "The incident has no finding of this id." })
}
