//! `UpdateReplicationSet`: one region more or less. Without its last region the set is deleted, with all data.

use model::plan::{RegionInfo, ReplicationSet};

use super::account;
use super::names::{self, ARN, SET};
use super::purge;
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit};
use crate::decode::{Fields, Text};
use crate::error::ApiError;

const REGION: Text = Text::length(0, 20);

enum Change<'a> {
    Add(&'a str, Option<String>),
    Remove(&'a str),
}

pub(super) async fn handle(call: Call) -> Answer {
    names::client_token(&call)?;
    let fields = call.fields();
    let arn = fields.required_text("arn", ARN)?;
    let actions = fields.required_objects("actions", 1, 1)?;
    let change = actions.first().map(read).transpose()?;
    let Some(change) = change else {
        return Ok(Reply::empty());
    };
    let now = call.handle().now();
    let by = call.caller.arn.clone();
    let last = catalog::edit(call.handle(), &account::set_key(&call), |found: Option<ReplicationSet>| {
        let mut set = found.filter(|set| set.arn == arn).ok_or_else(|| names::missing(SET, arn))?;
        if set.status != account::ACTIVE {
            return Err(names::conflict(SET, arn, "The replication set is being deleted."));
        }
        match &change {
            Change::Add(region, _) if set.region_map.contains_key(*region) => {
                let message = format!("The replication set has the region `{region}` already; its key cannot be changed.");
                return Err(names::conflict(SET, arn, message));
            }
            Change::Add(region, key) => {
                set.region_map.insert((*region).to_owned(), RegionInfo::active(key.clone(), now));
            }
            Change::Remove(region) if !set.region_map.contains_key(*region) => {
                return Err(ApiError::validation(format!("The replication set has no region `{region}`.")));
            }
            Change::Remove(_) if set.region_map.len() == 1 => return Ok((Edit::Keep, true)),
            Change::Remove(region) => {
                set.region_map.remove(*region);
            }
        }
        set.validate().map_err(names::refused)?;
        set.last_modified_by.clone_from(&by);
        set.last_modified_time = now;
        Ok((Edit::Put(set), false))
    })
    .await?;
    if last {
        purge::delete_set(&call, arn).await?;
    }
    Ok(Reply::empty())
}

fn read<'a>(action: &Fields<'a>) -> Result<Change<'a>, ApiError> {
    let kind = action.union(&["addRegionAction", "deleteRegionAction"])?;
    let change = action.required_object(kind)?;
    let region = change.required_text("regionName", REGION)?;
    if kind == "deleteRegionAction" {
        return Ok(Change::Remove(region));
    }
    Ok(Change::Add(
        region,
        change
            .text("sseKmsKeyId", Text::length(0, 2048))?
            .map(str::to_owned),
    ))
}
