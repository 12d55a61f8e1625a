//! Resource policies of response plans: kept and shown, for tools that share plans between accounts.

use model::resource::Expect;
use serde::{Deserialize, Serialize};

use super::names;
use crate::call::Call;
use crate::catalog::{self, Kept, Key};
use crate::error::ApiError;

/// Resource kind of the policies. Name: `<plan>/<policy id>`.
pub(super) const RESOURCE_POLICY: &str = "resource-policy";
/// Most policies of one plan.
pub(super) const MOST: usize = 20;

/// A policy as stored and shown.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Policy {
    /// The document as it was given.
    pub(super) policy_document: String,
    /// 32 lower-case hexadecimal digits.
    pub(super) policy_id: String,
    /// Region from which it was put.
    pub(super) ram_resource_share_region: String,
}

/// Where a policy is kept; with an empty id, the family of all policies of the plan.
pub(super) fn key(call: &Call, plan: &str, id: &str) -> Key {
    Key {
        scope: call.scope.global(),
        kind: RESOURCE_POLICY,
        name: format!("{plan}/{id}"),
    }
}

/// The name of the plan whose policies a request means; the plan must exist.
pub(super) async fn plan_of(call: &Call, arn: &str) -> Result<String, ApiError> {
    names::existing_plan(call, arn).await.map(|plan| plan.name)
}

/// All policies of a plan.
pub(super) async fn all(call: &Call, plan: &str) -> Result<Vec<Kept<Policy>>, ApiError> {
    catalog::all(call.handle(), &key(call, plan, "")).await
}

/// Deletes all policies of a plan.
pub(super) async fn delete_all(call: &Call, plan: &str) -> Result<(), ApiError> {
    let policies = all(call, plan).await?;
    let keys = policies.into_iter().map(|kept| Key {
        name: kept.name,
        ..key(call, plan, "")
    });
    let changes: Vec<_> = keys
        .map(|key| catalog::change(&key, Expect::Any, None))
        .collect();
    if !changes.is_empty() {
        call.handle().change(changes).await?;
    }
    Ok(())
}
