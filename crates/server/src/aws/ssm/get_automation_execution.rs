//! `GetAutomationExecution`.

use engine::views::automation;
use serde_json::json;

use super::runs;
use crate::call::{Answer, Call, Reply};

pub(super) async fn handle(call: Call) -> Answer {
    let id = runs::run_id(&call.fields())?;
    let run = runs::existing(&call, id).await?;
    Ok(Reply::ok(
        json!({ "AutomationExecution": automation::execution(&run) }),
    ))
}
