//! `CreateReplicationSet`: one per account, in force at once.

use std::collections::BTreeMap;

use jiff::Timestamp;
use model::plan::{RegionInfo, ReplicationSet};
use serde_json::json;

use super::account::{self, ACTIVE};
use super::names::{self, SET};
use super::remembered::{self, Creation, Written};
use super::tagged;
use crate::call::{Answer, Call, Reply};
use crate::catalog;
use crate::decode::Text;
use crate::error::ApiError;

pub(super) async fn handle(call: Call) -> Answer {
    names::client_token(&call)?;
    let now = call.handle().now();
    let id = call.handle().new_id();
    let arn = format!(
        "arn:{}:ssm-incidents::{}:replication-set/{id}",
        call.scope.global().partition(),
        call.scope.account
    );
    let set = ReplicationSet {
        arn: arn.clone(),
        created_by: call.caller.arn.clone(),
        created_time: now,
        deletion_protected: false,
        last_modified_by: call.caller.arn.clone(),
        last_modified_time: now,
        region_map: regions(&call, now)?,
        status: ACTIVE.to_owned(),
        tags: tagged::read(&call, "tags")?,
    };
    set.validate().map_err(names::refused)?;
    let creation = Creation {
        key: account::set_key(&call),
        body: catalog::to_body(&set)?,
        token: call.token("CreateReplicationSet", "clientToken"),
        answer: arn,
    };
    match remembered::create(&call, creation).await? {
        Written::Answer(arn) => Ok(Reply::ok(json!({ "arn": arn }))),
        Written::OtherRequest(made) => Err(names::conflict(
            SET,
            &made,
            remembered::other_request(&made),
        )),
        Written::Exists => {
            let existing = account::current(&call)
                .await?
                .map(|set| set.arn)
                .unwrap_or_default();
            let message = format!(
                "The account already has the replication set `{existing}`: an account has one."
            );
            Err(names::conflict(SET, &existing, message))
        }
    }
}

fn regions(call: &Call, now: Timestamp) -> Result<BTreeMap<String, RegionInfo>, ApiError> {
    let fields = call.fields();
    let regions = fields.required_object("regions")?;
    let mut map = BTreeMap::new();
    for name in regions.map().keys() {
        let key = match regions.object(name)? {
            Some(region) => region
                .text("sseKmsKeyId", Text::length(0, 2048))?
                .map(str::to_owned),
            None => None,
        };
        map.insert(name.clone(), RegionInfo::active(key, now));
    }
    Ok(map)
}
