//! `DeleteEventBus`: only without rules and archives, never the default bus; a bus that is not there is already deleted.

use model::bus::{Archive, Bus, Rule};

use super::archives;
use super::names::{self, BUS_NAME, DEFAULT_BUS};
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit, Kept};
use crate::error::ApiError;

pub(super) async fn handle(call: Call) -> Answer {
    let name = call.fields().required_text("Name", BUS_NAME)?;
    if name == DEFAULT_BUS {
        return Err(ApiError::validation("Cannot delete event bus default."));
    }
    let rules: Vec<Kept<Rule>> =
        catalog::list(call.handle(), &names::rule_key(&call, name, ""), None, 1).await?;
    if !rules.is_empty() {
        return Err(ApiError::validation(format!(
            "Event bus {name} can't be deleted since it has rules."
        )));
    }
    let archives: Vec<Kept<Archive>> =
        catalog::all(call.handle(), &archives::key(&call, "")).await?;
    if archives.iter().any(|archive| archive.body.bus == name) {
        return Err(ApiError::validation(format!(
            "Event bus {name} can't be deleted since it has archives."
        )));
    }
    catalog::edit(
        call.handle(),
        &names::bus_key(&call, name),
        |_: Option<Bus>| Ok((Edit::Delete, ())),
    )
    .await?;
    Ok(Reply::empty())
}
