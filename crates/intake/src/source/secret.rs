//! A sender's secret as it is kept: its digest. The secret itself is compared, never stored.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;

/// SHA-256 of a secret, 64 hexadecimal digits. Secrets are long and random ([`MIN_SECRET`]), so that a digest without
/// salt cannot be looked up.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretDigest(String);

/// Shortest secret, in bytes.
pub const MIN_SECRET: usize = 16;
/// Longest secret, in bytes.
pub const MAX_SECRET: usize = 1_024;

impl SecretDigest {
    /// The digest of a secret.
    #[must_use]
    pub fn of(secret: &str) -> Self {
        Self(hex::encode(Sha256::digest(secret.as_bytes())))
    }

    /// Whether this has the form of a digest.
    #[must_use]
    pub fn is_well_formed(&self) -> bool {
        let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        self.0.len() == 64 && self.0.bytes().all(digit)
    }

    /// Whether `secret` is the one, in a time that does not depend on where it differs.
    #[must_use]
    pub fn matches(&self, secret: &[u8]) -> bool {
        let given = hex::encode(Sha256::digest(secret));
        given.as_bytes().ct_eq(self.0.as_bytes()).into()
    }

    /// The digits.
    #[must_use]
    pub(crate) fn digits(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for SecretDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretDigest(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_secret_matches() {
        let digest = SecretDigest::of("0123456789abcdef");
        assert!(digest.is_well_formed());
        assert!(digest.matches(b"0123456789abcdef"));
        for other in ["", "0123456789abcdeF", "0123456789abcdef ", digest.digits()] {
            assert!(!digest.matches(other.as_bytes()), "{other}");
        }
        assert!(!SecretDigest("ABC".to_owned()).is_well_formed());
        assert!(!format!("{digest:?}").contains(digest.digits()));
    }
}
