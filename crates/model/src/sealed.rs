//! A secret as it may be stored and passed around: sealed. Only `ports::Vault` opens it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A sealed secret: `quell1.<key id>.<base64 of nonce and ciphertext>`. Safe in a store, an intent and a journal.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sealed(String);

impl Sealed {
    /// Takes the text form as it is; whether it can be opened, opening tells.
    #[must_use]
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text form.
    #[must_use]
    pub fn as_text(&self) -> &str {
        &self.0
    }

    /// Id of the key that it is sealed under, if the text has the form of a sealed secret.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        let (id, body) = self.0.strip_prefix("quell1.")?.split_once('.')?;
        (!id.is_empty() && !body.is_empty()).then_some(id)
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({})", self.key_id().unwrap_or("?"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_its_key_and_shows_no_more() {
        let sealed = Sealed::from_text("quell1.k7.AAAA");
        assert_eq!(sealed.key_id(), Some("k7"));
        assert_eq!(format!("{sealed:?}"), "Sealed(k7)");
        for bad in [
            "",
            "quell1.",
            "quell1.k7",
            "quell1..AAAA",
            "quell1.k7.",
            "quell2.k7.AAAA",
        ] {
            assert_eq!(Sealed::from_text(bad).key_id(), None, "{bad}");
        }
    }
}
