//! Pagination tokens: opaque, of characters that every service allows, and good only for the same question.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use uuid::Uuid;

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

/// One page of a listing: its size and the position behind which it begins.
pub(crate) struct Page {
    cursor: Cursor,
    /// Most elements.
    pub(crate) size: usize,
    /// The position behind which it begins.
    pub(crate) after: Option<String>,
}

impl Page {
    /// The page that a token asks for, the first one without it; `None` if it is not a token of this listing.
    pub(crate) fn new(cursor: Cursor, size: usize, token: Option<&str>) -> Option<Self> {
        let after = match token {
            Some(token) => Some(cursor.position(token)?),
            None => None,
        };
        Some(Self {
            cursor,
            size,
            after,
        })
    }

    /// The position as a number of elements that were shown before.
    pub(crate) fn offset(&self) -> usize {
        self.after
            .as_deref()
            .and_then(|after| after.parse().ok())
            .unwrap_or(0)
    }

    /// The token for the page behind `position`.
    pub(crate) fn token(&self, position: &str) -> String {
        self.cursor.token(position)
    }

    /// The elements of this page out of all, and the token of the next page.
    pub(crate) fn cut<T>(&self, all: Vec<T>) -> (Vec<T>, Option<String>) {
        let (from, to) = (self.offset(), self.offset() + self.size);
        let next = (to < all.len()).then(|| self.token(&to.to_string()));
        (all.into_iter().skip(from).take(self.size).collect(), next)
    }
}

/// A place in a list with the newest first: when the one shown last was created, and its id.
pub(crate) type Place = (Timestamp, Uuid);

/// A place as a token's position.
pub(crate) fn place_text((created, id): Place) -> String {
    format!("{}/{id}", created.as_nanosecond())
}

/// The place in a token's position.
pub(crate) fn parse_place(text: &str) -> Option<Place> {
    let (nanoseconds, id) = text.split_once('/')?;
    Some((
        Timestamp::from_nanosecond(nanoseconds.parse().ok()?).ok()?,
        id.parse().ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_round_trip() {
        let at = (
            Timestamp::from_nanosecond(1_714_557_600_123_456_789).expect("instant"),
            Uuid::from_u128(7),
        );
        assert_eq!(parse_place(&place_text(at)), Some(at));
        assert_eq!(parse_place("x/y"), None);
    }

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
