//! What carries tags: plans, the replication set and incidents, named by ARN.

use std::collections::BTreeMap;

use engine::views::incident::Input;
use model::incident::{check_tags, incident_id};
use model::plan::{ReplicationSet, ResponsePlan};

use super::names::{self, ARN, PLAN, RECORD, SET};
use super::{account, record};
use crate::call::Call;
use crate::catalog::{self, Edit};
use crate::decode::Text;
use crate::error::ApiError;

/// Most tags of one resource.
const MOST: usize = 50;

/// Tags by key.
pub(super) type Tags = BTreeMap<String, String>;

/// A change of tags.
#[derive(Debug, Clone)]
pub(super) enum Change {
    /// Adds tags, or gives them other values.
    Set(Tags),
    /// Removes tags; a key that is not there is already removed.
    Remove(Vec<String>),
}

/// Reads a map of tags; absent is empty.
pub(super) fn read(call: &Call, member: &str) -> Result<Tags, ApiError> {
    let long = Text::length(0, 4096);
    let tags = call
        .fields()
        .text_map(member, (0, 1000), (long, long))?
        .unwrap_or_default();
    check_tags(member, &tags).map_err(names::refused)?;
    Ok(tags)
}

/// The ARN of what carries the tags.
pub(super) fn arn(call: &Call) -> Result<&str, ApiError> {
    names::required(call, "resourceArn", ARN)
}

/// The tags of the resource that `arn` names.
pub(super) async fn tags(call: &Call, arn: &str) -> Result<Tags, ApiError> {
    if names::plan_name(call, arn).is_some() {
        return Ok(names::existing_plan(call, arn).await?.tags);
    }
    if incident_id(arn).is_some() {
        return Ok(record::existing(call, arn).await?.tags);
    }
    if is_set(arn) {
        return Ok(account::named(call, arn).await?.tags);
    }
    Err(unknown(arn))
}

/// Changes the tags of the resource that `arn` names.
pub(super) async fn change(call: &Call, arn: &str, change: Change) -> Result<(), ApiError> {
    if let Some(name) = names::plan_name(call, arn) {
        let key = names::plan_key(call, name);
        return catalog::edit(call.handle(), &key, |found: Option<ResponsePlan>| {
            let mut plan = found.ok_or_else(|| names::missing(PLAN, arn))?;
            apply(&mut plan.tags, &change)?;
            Ok((Edit::Put(plan), ()))
        })
        .await;
    }
    if incident_id(arn).is_some() {
        let input = match change {
            Change::Set(tags) => Input::Tag { tags },
            Change::Remove(keys) => Input::Untag { keys },
        };
        return record::ask(call, arn, input).await.map(|_| ());
    }
    if !is_set(arn) {
        return Err(unknown(arn));
    }
    catalog::edit(
        call.handle(),
        &account::set_key(call),
        |found: Option<ReplicationSet>| {
            let mut set = found
                .filter(|set| set.arn == arn)
                .ok_or_else(|| names::missing(SET, arn))?;
            apply(&mut set.tags, &change)?;
            Ok((Edit::Put(set), ()))
        },
    )
    .await
}

fn apply(tags: &mut Tags, change: &Change) -> Result<(), ApiError> {
    match change {
        Change::Set(more) => tags.extend(more.clone()),
        Change::Remove(keys) => tags.retain(|key, _| !keys.contains(key)),
    }
    if tags.len() > MOST {
        return Err(names::quota(format!(
            "a resource has at most {MOST} tags: remove some first"
        )));
    }
    Ok(())
}

fn is_set(arn: &str) -> bool {
    arn.contains(":replication-set/")
}

fn unknown(arn: &str) -> ApiError {
    let kind = if arn.contains(":incident-record/") {
        RECORD
    } else {
        PLAN
    };
    names::missing(kind, arn)
}
