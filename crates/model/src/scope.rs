//! Whose data it is: tenant, account and region. Every stored row carries one.

use serde::{Deserialize, Serialize};

/// The owner of a row. ARNs show `account` and `region`; `tenant` separates installations that share a store.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Scope {
    /// Installation-wide tenant id, `default` unless several tenants share one store.
    pub tenant: String,
    /// Twelve-digit AWS account id.
    pub account: String,
    /// AWS region name such as `us-east-1`; empty for global resources (response plans, incidents).
    pub region: String,
}

impl Scope {
    /// The default tenant's scope for an account and region.
    #[must_use]
    pub fn new(account: &str, region: &str) -> Self {
        Self {
            tenant: "default".to_owned(),
            account: account.to_owned(),
            region: region.to_owned(),
        }
    }

    /// The same owner without a region: where account-global resources live.
    #[must_use]
    pub fn global(&self) -> Self {
        Self {
            region: String::new(),
            ..self.clone()
        }
    }

    /// The partition that the region belongs to, as it stands in ARNs.
    #[must_use]
    pub fn partition(&self) -> &'static str {
        if self.region.starts_with("cn-") {
            "aws-cn"
        } else if self.region.starts_with("us-gov-") {
            "aws-us-gov"
        } else {
            "aws"
        }
    }
}
