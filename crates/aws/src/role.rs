//! The ARN of a role that a person names.

use crate::endpoint::partition;

/// Why a role cannot be named.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum RoleError {
    /// A name without its account.
    #[error("role `{0}` is a name: give the account as well, or the role's ARN")]
    NoAccount(String),
    /// Neither an ARN nor a name.
    #[error(
        "`{0}` names no role: give `arn:aws:iam::<account>:role/<name>`, or a name of letters, digits and `+=,.@_-`"
    )]
    Unreadable(String),
    /// The account is none.
    #[error("`{0}` is no account: give its twelve digits")]
    Account(String),
    /// The ARN is of another account than the one named.
    #[error("role `{role}` is of account {found}, not of {wanted}: correct one of the two")]
    OtherAccount {
        /// The role's ARN.
        role: String,
        /// Its account.
        found: String,
        /// The account that was named.
        wanted: String,
    },
}

/// The ARN of a role given by name (in `account`, in the partition of `region`) or by its ARN.
///
/// # Errors
/// [`RoleError`].
pub fn role_arn(role: &str, account: Option<&str>, region: &str) -> Result<String, RoleError> {
    if let Some(account) = account.filter(|account| !is_account(account)) {
        return Err(RoleError::Account(shown(account)));
    }
    if role.starts_with("arn:") {
        let found = account_of(role).ok_or_else(|| RoleError::Unreadable(shown(role)))?;
        return match account {
            Some(wanted) if wanted != found => Err(RoleError::OtherAccount {
                role: role.to_owned(),
                found: found.to_owned(),
                wanted: wanted.to_owned(),
            }),
            _ => Ok(role.to_owned()),
        };
    }
    if !is_role_name(role) {
        return Err(RoleError::Unreadable(shown(role)));
    }
    let account = account.ok_or_else(|| RoleError::NoAccount(role.to_owned()))?;
    Ok(format!(
        "arn:{}:iam::{account}:role/{role}",
        partition(region)
    ))
}

/// The account in a role's ARN.
fn account_of(arn: &str) -> Option<&str> {
    let mut parts = arn.splitn(6, ':');
    let [_, partition, service, region, account, resource] =
        std::array::from_fn(|_| parts.next().unwrap_or_default());
    let name = resource.strip_prefix("role/")?;
    let fits = partition.starts_with("aws")
        && service == "iam"
        && region.is_empty()
        && is_account(account)
        && is_role_name(name);
    fits.then_some(account)
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A name, perhaps behind a path. IAM allows names of 64 characters and paths of 512.
fn is_role_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_-/".contains(&byte);
    (1..=576).contains(&text.len())
        && text.bytes().all(allowed)
        && !text.starts_with('/')
        && !text.ends_with('/')
}

fn shown(text: &str) -> String {
    text.chars()
        .take(128)
        .flat_map(char::escape_debug)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_by_name_and_by_arn() {
        let arn = "arn:aws:iam::111122223333:role/ops/Responder";
        for (role, account, region, want) in [
            (arn, None, "eu-west-1", arn),
            (arn, Some("111122223333"), "eu-west-1", arn),
            ("ops/Responder", Some("111122223333"), "eu-west-1", arn),
            (
                "R",
                Some("111122223333"),
                "cn-north-1",
                "arn:aws-cn:iam::111122223333:role/R",
            ),
            (
                "R",
                Some("111122223333"),
                "us-gov-west-1",
                "arn:aws-us-gov:iam::111122223333:role/R",
            ),
        ] {
            assert_eq!(role_arn(role, account, region).as_deref(), Ok(want));
        }
        for (role, account, words) in [
            ("R", None, "give the account"),
            (arn, Some("999999999999"), "not of 999999999999"),
            ("R", Some("12"), "twelve digits"),
            ("a b", Some("111122223333"), "names no role"),
            ("", Some("111122223333"), "names no role"),
            ("arn:aws:iam::111122223333:user/R", None, "names no role"),
            ("arn:aws:iam::1:role/R", None, "names no role"),
            ("arn:", None, "names no role"),
        ] {
            let error = role_arn(role, account, "eu-west-1").unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
        }
    }
}
