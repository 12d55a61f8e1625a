//! The account's replication set: there is one at most, and nothing of Incident Manager works without it.

use model::plan::{REPLICATION_SET, ReplicationSet};
use serde_json::Value;

use super::names::{self, SET};
use crate::call::Call;
use crate::catalog::{self, Key};
use crate::error::ApiError;

/// Status of a set that is in force.
pub(super) const ACTIVE: &str = "ACTIVE";
/// Status of a set whose data is being deleted.
pub(super) const DELETING: &str = "DELETING";

/// Where the set is kept: under a fixed name, so that there cannot be two.
pub(super) fn set_key(call: &Call) -> Key {
    Key {
        scope: call.scope.global(),
        kind: REPLICATION_SET,
        name: "current".to_owned(),
    }
}

/// The account's set.
pub(super) async fn current(call: &Call) -> Result<Option<ReplicationSet>, ApiError> {
    let found = catalog::read::<ReplicationSet>(call.handle(), &set_key(call)).await?;
    Ok(found.map(|kept| kept.body))
}

/// The account's set, if it is in force.
pub(in crate::aws) async fn active_set(call: &Call) -> Result<Option<ReplicationSet>, ApiError> {
    Ok(current(call).await?.filter(|set| set.status == ACTIVE))
}

/// The set that an ARN names.
pub(super) async fn named(call: &Call, arn: &str) -> Result<ReplicationSet, ApiError> {
    current(call)
        .await?
        .filter(|set| set.arn == arn)
        .ok_or_else(|| names::missing(SET, arn))
}

/// `ReplicationSet` as the wire shows it.
pub(super) fn view(set: &ReplicationSet) -> Result<Value, ApiError> {
    let shown = ReplicationSet {
        tags: Default::default(),
        ..set.clone()
    };
    serde_json::to_value(shown).map_err(|error| ApiError::internal(error.to_string()))
}
