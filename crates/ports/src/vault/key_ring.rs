//! A vault over keys in memory: XChaCha20-Poly1305, a fresh random nonce of 24 bytes for every seal.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use model::sealed::Sealed;
use zeroize::Zeroizing;

use super::{MAX_SECRET_BYTES, Place, Secret, Vault, VaultError};
use crate::EntropySource;

/// Size of a key.
pub const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;

/// One key with the id under which sealed secrets name it.
#[derive(Clone)]
pub struct Key {
    id: String,
    bytes: Zeroizing<[u8; KEY_BYTES]>,
}

impl Key {
    /// A key; `None` if the id is not 1 to 64 letters, digits, `-` or `_`.
    #[must_use]
    pub fn new(id: &str, bytes: [u8; KEY_BYTES]) -> Option<Self> {
        let word = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
        ((1..=64).contains(&id.len()) && id.chars().all(word)).then(|| Self {
            id: id.to_owned(),
            bytes: Zeroizing::new(bytes),
        })
    }

    /// A new random key under a new random id.
    #[must_use]
    pub fn mint(entropy: &dyn EntropySource) -> Self {
        let id: String = entropy.draw()[..8]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Self {
            id,
            bytes: Zeroizing::new(entropy.draw()),
        }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The key itself, for the one file that keeps it.
    #[must_use]
    pub fn expose(&self) -> &[u8; KEY_BYTES] {
        &self.bytes
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id)
    }
}

/// A vault with its keys: the current one seals, all of them open.
pub struct KeyRing {
    current: Key,
    earlier: Vec<Key>,
    entropy: Arc<dyn EntropySource>,
}

impl KeyRing {
    /// A vault that seals with `current` and also opens what `earlier` keys sealed.
    #[must_use]
    pub fn new(current: Key, earlier: Vec<Key>, entropy: Arc<dyn EntropySource>) -> Self {
        Self {
            current,
            earlier,
            entropy,
        }
    }

    /// Id of the key that seals.
    #[must_use]
    pub fn current_id(&self) -> &str {
        &self.current.id
    }

    fn key(&self, id: &str) -> Option<&Key> {
        std::iter::once(&self.current)
            .chain(&self.earlier)
            .find(|key| key.id == id)
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing")
            .field("current", &self.current)
            .field("earlier", &self.earlier)
            .finish_non_exhaustive()
    }
}

fn cipher(key: &Key) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&(*key.bytes).into())
}

fn shown(place: &Place) -> String {
    format!("{}/{}", place.kind, place.name)
}

impl Vault for KeyRing {
    fn seal(&self, place: &Place, secret: &Secret) -> Result<Sealed, VaultError> {
        let clear = secret.expose().as_bytes();
        let too_large = || VaultError::TooLarge { bytes: clear.len() };
        if clear.len() > MAX_SECRET_BYTES {
            return Err(too_large());
        }
        let drawn = self.entropy.draw();
        let mut nonce = [0; NONCE_BYTES];
        nonce.copy_from_slice(&drawn[..NONCE_BYTES]);
        let aad = place.bytes();
        let payload = Payload {
            msg: clear,
            aad: &aad,
        };
        // The only failure of this cipher is a message of more than 2^38 bytes.
        let hidden = cipher(&self.current)
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| too_large())?;
        let mut body = nonce.to_vec();
        body.extend_from_slice(&hidden);
        Ok(Sealed::from_text(format!(
            "quell1.{}.{}",
            self.current.id,
            BASE64.encode(body)
        )))
    }

    fn open(&self, place: &Place, sealed: &Sealed) -> Result<Secret, VaultError> {
        let malformed = || VaultError::Malformed {
            place: shown(place),
        };
        let damaged = || VaultError::Damaged {
            place: shown(place),
        };
        let id = sealed.key_id().ok_or_else(malformed)?;
        let text = sealed.as_text().rsplit('.').next().unwrap_or_default();
        let longest = (MAX_SECRET_BYTES + NONCE_BYTES + TAG_BYTES) * 4 / 3 + 4;
        if text.len() > longest {
            return Err(malformed());
        }
        let body = BASE64.decode(text).map_err(|_| malformed())?;
        let (nonce, hidden) = body
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or_else(malformed)?;
        let key = self.key(id).ok_or_else(|| VaultError::UnknownKey {
            key_id: id.to_owned(),
        })?;
        let aad = place.bytes();
        let payload = Payload {
            msg: hidden,
            aad: &aad,
        };
        let clear = cipher(key)
            .decrypt(&XNonce::from(*nonce), payload)
            .map_err(|_| damaged())?;
        // INVARIANT: only texts are sealed.
        let text = String::from_utf8(clear).map_err(|_| damaged())?;
        Ok(Secret::new(text))
    }
}

#[cfg(test)]
mod tests {
    use model::Scope;

    use super::*;
    use crate::SeededEntropy;

    fn ring(seed: u64) -> KeyRing {
        let entropy = Arc::new(SeededEntropy::new(seed));
        KeyRing::new(Key::mint(entropy.as_ref()), Vec::new(), entropy)
    }

    fn place(name: &str, member: &str) -> Place {
        Place::new(
            &Scope::new("123456789012", "us-east-1"),
            "event-connection",
            name,
            member,
        )
    }

    #[test]
    fn opens_what_it_sealed_and_only_there() {
        let ring = ring(1);
        let here = place("a", "auth");
        for text in ["", "hunter2", "pass wörd\n", &"x".repeat(100_000)] {
            let sealed = ring.seal(&here, &Secret::new(text)).unwrap();
            assert!(text.is_empty() || !sealed.as_text().contains(text));
            assert_eq!(ring.open(&here, &sealed).unwrap().expose(), text);
            let again = ring.seal(&here, &Secret::new(text)).unwrap();
            assert_ne!(again, sealed, "a fresh nonce each time");
            let mut elsewhere = vec![place("b", "auth"), place("a", "other"), place("aa", "uth")];
            elsewhere.push(Place {
                scope: Scope::new("999999999999", "us-east-1"),
                ..here.clone()
            });
            for other in elsewhere {
                let refused = ring.open(&other, &sealed).unwrap_err();
                assert!(matches!(refused, VaultError::Damaged { .. }), "{other:?}");
            }
        }
    }

    #[test]
    fn every_changed_letter_is_noticed() {
        let ring = ring(2);
        let here = place("a", "auth");
        let sealed = ring.seal(&here, &Secret::new("hunter2")).unwrap();
        let text = sealed.as_text().to_owned();
        for at in 0..text.len() {
            for put in ["A", "_", ".", "é"] {
                let mut changed = text.clone();
                changed.replace_range(at..=at, put);
                if changed != text {
                    assert!(
                        ring.open(&here, &Sealed::from_text(changed)).is_err(),
                        "{at} {put}"
                    );
                }
            }
            assert!(ring.open(&here, &Sealed::from_text(&text[..at])).is_err());
        }
    }

    #[test]
    fn earlier_keys_open_and_unknown_keys_are_named() {
        let old = ring(3);
        let here = place("a", "auth");
        let sealed = old.seal(&here, &Secret::new("hunter2")).unwrap();
        let entropy = Arc::new(SeededEntropy::new(4));
        let fresh = Key::mint(entropy.as_ref());
        let both = KeyRing::new(fresh.clone(), vec![old.current.clone()], entropy.clone());
        assert_eq!(both.open(&here, &sealed).unwrap().expose(), "hunter2");
        let resealed = both.seal(&here, &Secret::new("hunter2")).unwrap();
        assert_eq!(resealed.key_id(), Some(both.current_id()));
        let alone = KeyRing::new(fresh, Vec::new(), entropy);
        let refused = alone.open(&here, &sealed).unwrap_err();
        assert!(refused.to_string().contains(old.current_id()), "{refused}");
    }

    #[test]
    fn nothing_shows_a_secret() {
        let ring = ring(5);
        let secret = Secret::new("hunter2");
        let key = hex_of(ring.current.expose());
        let shown = format!(
            "{ring:?} {secret:?} {:?}",
            ring.seal(&place("a", "b"), &secret)
        );
        assert!(
            !shown.contains("hunter2") && !shown.contains(&key),
            "{shown}"
        );
        let large = Secret::new("x".repeat(MAX_SECRET_BYTES + 1));
        let refused = ring.seal(&place("a", "b"), &large).unwrap_err();
        assert!(matches!(refused, VaultError::TooLarge { .. }));
        assert!(Key::new("", [0; 32]).is_none() && Key::new("a.b", [0; 32]).is_none());
    }

    fn hex_of(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
