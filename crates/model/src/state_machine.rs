//! State machines, as stored.
//!
//! Knows what they look like and what their ARNs are; what they mean is crate `flow`'s.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::Scope;

/// Resource kind of state machines. Name: the machine's name.
pub const STATE_MACHINE: &str = "state-machine";

/// A state machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StateMachine {
    /// Name.
    pub name: String,
    /// The definition's text, as it was given.
    pub definition: String,
    /// The role that its executions act as.
    pub role_arn: String,
    /// `loggingConfiguration`, with the defaults of what was not given.
    #[serde(default)]
    pub logging: Option<Value>,
    /// Whether `tracingConfiguration` is enabled: kept and shown; executions are not traced.
    #[serde(default)]
    pub tracing: bool,
    /// Whether an `encryptionConfiguration` was given: the one of the server's own key, no other is taken.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub encryption: bool,
    /// `revisionId`: another one for every change; the first revision has none.
    #[serde(default)]
    pub revision: Option<Uuid>,
    /// When it was last changed: what the revision is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated: Option<Timestamp>,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Whether its type is `EXPRESS`.
    #[serde(default)]
    pub express: bool,
    /// Number of the last version that was published.
    #[serde(default)]
    pub last_version: u32,
    /// Numbers of the versions that there are.
    #[serde(default)]
    pub versions: BTreeSet<u32>,
    /// The version that holds the current revision.
    #[serde(default)]
    pub published: Option<u32>,
    /// Aliases by name.
    #[serde(default)]
    pub aliases: BTreeMap<String, MachineAlias>,
    /// Whether it was deleted, and is only here until none of its executions runs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleting: bool,
}

/// The ARN of the machine of a name.
#[must_use]
pub fn machine_arn(scope: &Scope, name: &str) -> String {
    let Scope {
        account, region, ..
    } = scope;
    format!(
        "arn:{}:states:{region}:{account}:stateMachine:{name}",
        scope.partition()
    )
}

/// Resource kind of published versions. Name: [`version_name`].
pub const STATE_MACHINE_VERSION: &str = "state-machine-version";

/// A published version: it never changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MachineVersion {
    /// Its number, from 1.
    pub number: u32,
    /// The machine as it was; its versions and aliases are of no meaning.
    pub machine: StateMachine,
    /// Description.
    #[serde(default)]
    pub description: Option<String>,
}

/// An alias: a name for one version, or for two that share the executions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MachineAlias {
    /// Description.
    #[serde(default)]
    pub description: Option<String>,
    /// Where executions go; the weights' sum is 100.
    pub routes: Vec<MachineRoute>,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
}

/// A part of an alias.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineRoute {
    /// Number of the version.
    pub version: u32,
    /// Its share in percent.
    pub weight: u8,
}

impl MachineAlias {
    /// The version for a number from 0 to below 1.
    #[must_use]
    pub fn route(&self, chance: f64) -> Option<u32> {
        let mut below = 0.0;
        for route in &self.routes {
            below += f64::from(route.weight) / 100.0;
            if chance < below {
                return Some(route.version);
            }
        }
        self.routes.last().map(|route| route.version)
    }
}

/// The name under which a version is stored: in the order of these names the newest comes first.
#[must_use]
pub fn version_name(machine: &str, number: u32) -> String {
    format!("{machine}:{:010}", u32::MAX - number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_shares_executions_by_weight() {
        let alias = |weights: &[u8]| MachineAlias {
            description: None,
            routes: (1..)
                .zip(weights)
                .map(|(version, weight)| MachineRoute {
                    version,
                    weight: *weight,
                })
                .collect(),
            created: Timestamp::UNIX_EPOCH,
            updated: Timestamp::UNIX_EPOCH,
        };
        for (weights, chance, want) in [
            (&[100][..], 0.999, 1),
            (&[70, 30], 0.0, 1),
            (&[70, 30], 0.699, 1),
            (&[70, 30], 0.701, 2),
            (&[0, 100], 0.0, 2),
            (&[100, 0], 0.999_999, 1),
        ] {
            assert_eq!(
                alias(weights).route(chance),
                Some(want),
                "{weights:?} {chance}"
            );
        }
    }

    #[test]
    fn the_newest_version_is_stored_first() {
        assert!(version_name("m", 10) < version_name("m", 9));
    }
}
