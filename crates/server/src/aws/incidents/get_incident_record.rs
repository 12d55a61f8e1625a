//! `GetIncidentRecord`.

use engine::views::view;
use serde_json::json;

use super::{names, record};
use crate::call::{Answer, Call, Reply};

pub(super) async fn handle(call: Call) -> Answer {
    let arn = names::required(&call, "arn", names::ARN)?;
    let incident = record::existing(&call, arn).await?;
    Ok(Reply::ok(
        json!({ "incidentRecord": view::incident_record(&incident) }),
    ))
}
