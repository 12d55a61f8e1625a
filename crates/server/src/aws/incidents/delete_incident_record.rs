//! `DeleteIncidentRecord`: an incident that is not there is already deleted.

use engine::views::incident::Input;

use super::names::ARN;
use super::record;
use crate::call::{Answer, Call, Reply};

pub(super) async fn handle(call: Call) -> Answer {
    let arn = call.fields().required_text("arn", ARN)?;
    if record::find(&call, arn).await?.is_some() {
        record::ask(&call, arn, Input::Delete).await?;
    }
    Ok(Reply::empty())
}
