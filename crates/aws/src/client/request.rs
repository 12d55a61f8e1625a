//! What a call of the client is: whom to ask for what, as whom, and how far the client may go for an answer.

use std::time::Duration;

use serde_json::Value;

use crate::knowledge::{self, Mutation};
use crate::{CallOptions, Credentials};

/// As whom a call is made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Identity {
    /// As the process itself: what its chain of credential sources finds.
    #[default]
    Own,
    /// In a role that the process assumes.
    Role(Box<AssumedRole>),
    /// With these keys and no others; nothing fetches new ones.
    Keys(Box<Credentials>),
    /// Unsigned.
    Anonymous,
}

/// A role to assume, and how. It is the key under which a session is kept: equal roles share one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct AssumedRole {
    /// ARN of the role.
    pub role_arn: String,
    /// Session name, shown in CloudTrail.
    pub session_name: String,
    /// External id that the role's trust policy may ask for.
    pub external_id: Option<String>,
    /// Life of the session in seconds; `None` is the token service's default, one hour.
    pub duration_s: Option<u32>,
    /// Session policy document (JSON).
    pub policy: Option<String>,
    /// ARNs of managed policies that narrow the session.
    pub policy_arns: Vec<String>,
    /// Source identity.
    pub source_identity: Option<String>,
    /// Session tags, key and value.
    pub tags: Vec<(String, String)>,
    /// Keys of the tags that are passed on when the session assumes another role.
    pub transitive_tag_keys: Vec<String>,
    /// The role whose session assumes this one; `None` is the process's own identity.
    pub through: Option<Box<AssumedRole>>,
}

impl Identity {
    /// A role with a session name and nothing else.
    #[must_use]
    pub fn role(role_arn: impl Into<String>, session_name: impl Into<String>) -> Self {
        Self::Role(Box::new(AssumedRole {
            role_arn: role_arn.into(),
            session_name: session_name.into(),
            ..AssumedRole::default()
        }))
    }

    /// Account of the role's ARN; empty for other identities, whose account nobody knows before the call.
    #[must_use]
    pub fn account(&self) -> &str {
        match self {
            Self::Role(role) => role.role_arn.split(':').nth(4).unwrap_or_default(),
            Self::Own | Self::Keys(_) | Self::Anonymous => "",
        }
    }
}

/// One call.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Request {
    /// Service: boto3's client name (`ec2`, `stepfunctions`) or AWS's service id.
    pub service: String,
    /// Operation in PascalCase, snake_case or kebab-case.
    pub operation: String,
    /// Parameters in boto3's spelling; see [`crate::Call::params`].
    pub params: Value,
    /// Region.
    pub region: String,
    /// As whom.
    pub identity: Identity,
    /// Account that is acted on, for the limits per account; `None` takes it from the role's ARN.
    pub account: Option<String>,
    /// Idempotency token; `None` makes one. Every repeat carries the same.
    pub token: Option<String>,
    /// Where to send it instead of the client's endpoint.
    pub endpoint_url: Option<String>,
    /// Endpoint and body choices instead of the client's.
    pub options: Option<Box<CallOptions>>,
}

impl Request {
    /// A call of `operation` of `service`.
    #[must_use]
    pub fn new(
        service: impl Into<String>,
        operation: impl Into<String>,
        params: Value,
        region: impl Into<String>,
    ) -> Self {
        Self {
            service: service.into(),
            operation: operation.into(),
            params,
            region: region.into(),
            ..Self::default()
        }
    }

    /// The same call as another identity.
    #[must_use]
    pub fn with_identity(mut self, identity: Identity) -> Self {
        self.identity = identity;
        self
    }

    /// The same call with a token of the caller's.
    #[must_use]
    pub fn with_token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }
}

/// How far the client may go for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Whether the call may be repeated although an attempt may have taken effect. If not, it is repeated only when it
    /// surely did not happen, goes out on a fresh connection, and may end as unknown ([`super::CallError::is_unknown`]).
    pub repeatable: bool,
    /// Limit of the whole call with its pauses and repeats.
    pub timeout: Duration,
    /// Limit of one attempt.
    pub attempt_timeout: Duration,
    /// Most attempts, the first included; `None` for what the client's settings say. 0 counts as 1.
    pub max_attempts: Option<u32>,
}

impl Default for Policy {
    /// Not repeatable, five minutes in all, a minute for each attempt.
    fn default() -> Self {
        Self {
            repeatable: false,
            timeout: Duration::from_secs(300),
            attempt_timeout: Duration::from_secs(60),
            max_attempts: None,
        }
    }
}

impl Policy {
    /// For a call that may be repeated.
    #[must_use]
    pub fn repeatable() -> Self {
        Self {
            repeatable: true,
            ..Self::default()
        }
    }

    /// From what [`knowledge`] says of the operation: reads, naturally idempotent calls and calls that carry a token may
    /// be repeated.
    #[must_use]
    pub fn of(request: &Request) -> Self {
        let known = knowledge::mutation(&request.service, &request.operation, &request.params);
        Self {
            repeatable: matches!(
                known,
                Mutation::ReadOnly | Mutation::Idempotent { .. } | Mutation::Token { .. }
            ),
            ..Self::default()
        }
    }

    /// The same with another limit for the whole call.
    #[must_use]
    pub fn within(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_known_of_an_operation_makes_its_policy() {
        for (service, operation, params, repeatable) in [
            ("ec2", "describe-instances", json!({}), true),
            (
                "ec2",
                "StopInstances",
                json!({"InstanceIds": ["i-1"]}),
                true,
            ),
            ("ec2", "RunInstances", json!({}), true),
            ("ec2", "RebootInstances", json!({}), false),
            ("sns", "Publish", json!({}), false),
            ("nothing", "Nowhere", json!({}), false),
        ] {
            let request = Request::new(service, operation, params, "eu-west-1");
            assert_eq!(Policy::of(&request).repeatable, repeatable, "{operation}");
        }
    }

    #[test]
    fn a_role_names_its_account() {
        let role = Identity::role("arn:aws:iam::123456789012:role/r", "s");
        assert_eq!(role.account(), "123456789012");
        assert_eq!(Identity::role("nonsense", "s").account(), "");
        assert_eq!(Identity::Own.account(), "");
    }
}
