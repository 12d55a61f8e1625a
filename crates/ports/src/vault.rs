//! The door to secrets at rest: [`Vault`] seals what is stored and opens what is used.
//!
//! Every secret is sealed for one place, the [`Place`] that says whose and of what it is: moved elsewhere, it does not
//! open. [`KeyRing`] is the implementation; where its keys lie is somebody else's matter.

mod key_ring;

use std::fmt;

use model::Scope;
use model::sealed::Sealed;
use zeroize::Zeroizing;

pub use key_ring::{KEY_BYTES, Key, KeyRing};

/// Most bytes of one secret, before sealing.
pub const MAX_SECRET_BYTES: usize = 1 << 20;

/// A secret in clear: never shown by `Debug`, wiped when dropped. It has no serialized form on purpose.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Wraps a secret text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text itself, for the one place that uses it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Where a sealed secret belongs. Part of what is authenticated: the same text sealed for another place does not open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Whose it is.
    pub scope: Scope,
    /// Family of the resource, e.g. `event-connection`.
    pub kind: String,
    /// Name of the resource, with whatever tells it from a later one of the same name.
    pub name: String,
    /// Which of its secrets.
    pub member: String,
}

impl Place {
    /// The place of one secret of a resource.
    #[must_use]
    pub fn new(scope: &Scope, kind: &str, name: &str, member: &str) -> Self {
        Self {
            scope: scope.clone(),
            kind: kind.to_owned(),
            name: name.to_owned(),
            member: member.to_owned(),
        }
    }

    /// The bytes that are authenticated: parts behind their lengths, so that no two places give the same.
    fn bytes(&self) -> Vec<u8> {
        let Scope {
            tenant,
            account,
            region,
        } = &self.scope;
        let parts = [
            tenant,
            account,
            region,
            &self.kind,
            &self.name,
            &self.member,
        ];
        let mut bytes = b"quell place v1".to_vec();
        for part in parts {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
        bytes
    }
}

/// Why a secret cannot be sealed or opened. No message repeats any of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// No key of this id is at hand.
    #[error(
        "the secret is sealed with key `{key_id}`, which the key file does not hold: put that key back into it, or give the secret anew"
    )]
    UnknownKey {
        /// The id that the sealed secret names.
        key_id: String,
    },
    /// Changed, or sealed for another place.
    #[error(
        "the sealed secret of `{place}` does not open: it was changed, or belongs to something else; give the secret anew"
    )]
    Damaged {
        /// Family and name of the place.
        place: String,
    },
    /// Not the form of a sealed secret at all.
    #[error("what is stored for `{place}` is no sealed secret: give the secret anew")]
    Malformed {
        /// Family and name of the place.
        place: String,
    },
    /// Larger than [`MAX_SECRET_BYTES`].
    #[error("a secret of {bytes} bytes is too large: at most {MAX_SECRET_BYTES} are sealed")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
}

/// Seals secrets for the store and opens them for use.
pub trait Vault: fmt::Debug + Send + Sync + 'static {
    /// Seals a secret for one place, under the current key and a fresh nonce: two seals of one secret differ.
    ///
    /// # Errors
    /// [`VaultError::TooLarge`].
    fn seal(&self, place: &Place, secret: &Secret) -> Result<Sealed, VaultError>;

    /// Opens what was sealed for this place, under whichever key that is still at hand.
    ///
    /// # Errors
    /// [`VaultError`]: an unknown key, a changed text, another place.
    fn open(&self, place: &Place, sealed: &Sealed) -> Result<Secret, VaultError>;
}
