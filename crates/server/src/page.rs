//! Pagination tokens: opaque, of characters that every service allows, and good only for the same question.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::call::Call;

/// Longest token that is read, in characters (the limit of `ssm-contacts`).
const MAX_TOKEN: usize = 2048;

/// One listing's tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cursor {
    binding: String,
}

impl Cursor {
    /// Tokens of one operation for one caller's account and region; `question` is all that selects the results.
    pub(crate) fn new(call: &Call, operation: &str, question: &str) -> Self {
        Self::bound(&[
            &call.scope.tenant,
            &call.scope.account,
            &call.scope.region,
            operation,
            question,
        ])
    }

    fn bound(parts: &[&str]) -> Self {
        let digest = Sha256::digest(parts.join("\n").as_bytes());
        Self {
            binding: hex::encode(digest.get(..8).unwrap_or_default()),
        }
    }

    /// The token for "behind this position".
    pub(crate) fn token(&self, position: &str) -> String {
        URL_SAFE_NO_PAD.encode(format!("1.{}.{position}", self.binding))
    }

    /// The position in a token; `None` if it is not a token of this listing.
    pub(crate) fn position(&self, token: &str) -> Option<String> {
        if token.len() > MAX_TOKEN {
            return None;
        }
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
        let rest = text.strip_prefix("1.")?.strip_prefix(&self.binding)?;
        rest.strip_prefix('.').map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_opaque_and_bound() {
        let cursor = Cursor::bound(&[
            "default",
            "123456789012",
            "us-east-1",
            "ListRules",
            "default/",
        ]);
        let token = cursor.token("default/rule é");
        assert!(
            token
                .chars()
                .all(|letter| letter.is_ascii_alphanumeric() || "-_".contains(letter))
        );
        assert_eq!(cursor.position(&token).as_deref(), Some("default/rule é"));
        let other = Cursor::bound(&[
            "default",
            "123456789012",
            "us-east-1",
            "ListRules",
            "other/",
        ]);
        for (listing, bad) in [
            (&other, token.as_str()),
            (&cursor, "x!"),
            (&cursor, ""),
            (&cursor, &"A".repeat(4000)),
        ] {
            assert_eq!(listing.position(bad), None, "{bad}");
        }
    }
}
