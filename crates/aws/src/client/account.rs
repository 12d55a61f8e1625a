//! Which account a call's keys are of: some services have an endpoint for each account.
//!
//! Before the keys are there it is known for a role only, whose ARN names it. Source: SDK reference guide,
//! "Account-based endpoints".

use std::borrow::Cow;

use super::{Identity, Keys};
use crate::{AccountIdEndpointMode, CallOptions};

/// What is known of the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Account<'a> {
    /// The keys may tell it, and nobody has asked for them yet.
    Open,
    /// All that there is to know.
    Known(Option<&'a str>),
}

impl<'a> Account<'a> {
    /// What an identity tells without its keys.
    pub(super) fn before_keys(identity: &'a Identity) -> Self {
        match identity {
            Identity::Keys(keys) => Self::Known(keys.account_id.as_deref()),
            Identity::Anonymous => Self::Known(None),
            Identity::Own | Identity::Role(_) => match of_role(identity) {
                None => Self::Open,
                known => Self::Known(known),
            },
        }
    }

    /// What an identity tells with its keys.
    pub(super) fn of_keys(keys: &'a Keys, identity: &'a Identity) -> Self {
        let own = match keys {
            Keys::Pair(keys) => keys.account_id.as_deref(),
            Keys::None | Keys::Bearer(_) => None,
        };
        Self::Known(own.or_else(|| of_role(identity)))
    }

    /// The choices of a call with the account in them. What only the keys can tell is not demanded before they are
    /// there.
    pub(super) fn fill(self, options: &CallOptions) -> Cow<'_, CallOptions> {
        let required = options.account_id_endpoint_mode == AccountIdEndpointMode::Required;
        match self {
            _ if options.account_id.is_some() => Cow::Borrowed(options),
            Self::Known(Some(account)) => Cow::Owned(CallOptions {
                account_id: Some(account.to_owned()),
                ..options.clone()
            }),
            Self::Open if required => Cow::Owned(CallOptions {
                account_id_endpoint_mode: AccountIdEndpointMode::Preferred,
                ..options.clone()
            }),
            Self::Known(None) | Self::Open => Cow::Borrowed(options),
        }
    }
}

fn of_role(identity: &Identity) -> Option<&str> {
    let account = identity.account();
    let fits = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    fits.then_some(account)
}
