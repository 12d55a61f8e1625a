//! `ListIncidentFindings`: deployments and stack changes around the incident. Quell takes in none so far, as an account
//! that has not switched findings on.

use serde_json::json;

use super::names::{self, ARN};
use super::record;
use crate::call::{Answer, Call, Reply};

pub(super) async fn handle(call: Call) -> Answer {
    let arn = call.fields().required_text("incidentRecordArn", ARN)?;
    names::page(&call, "ListIncidentFindings", arn, 20)?;
    record::existing(&call, arn).await?;
    Ok(Reply::ok(json!({ "findings": [] })))
}
