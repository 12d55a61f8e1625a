//! Ids are computed, never drawn: from a parent and a sequence number, or from a turn's entropy.

use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The 32 random bytes a turn receives: journaled, so that replay gives the same answer.
pub type Entropy = [u8; 32];

/// The namespace of all ids that Quell derives from names.
pub const NAMESPACE: Uuid = Uuid::from_u128(0x6f1d_8c1e_2b7a_5d43_9a0e_71c4_e3b8_5a10);

/// The id of a parent's child number `sequence`.
#[must_use]
pub fn child(parent: Uuid, sequence: u64) -> Uuid {
    Uuid::new_v5(&parent, &sequence.to_be_bytes())
}

/// An id for the thing that `parts` name together. Parts are length-prefixed: `["ab","c"]` and `["a","bc"]` differ.
#[must_use]
pub fn named(parts: &[&str]) -> Uuid {
    let mut bytes = Vec::with_capacity(parts.iter().map(|part| part.len() + 8).sum());
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    Uuid::new_v5(&NAMESPACE, &bytes)
}

/// An unpredictable id from a turn's entropy; `label` separates several ids of one turn.
#[must_use]
pub fn random(entropy: &Entropy, label: &str) -> Uuid {
    let digest = secret(entropy, label);
    let mut bytes = [0_u8; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

/// 32 secret bytes from a turn's entropy, for accept codes and task tokens; `label` separates several of one turn.
#[must_use]
pub fn secret(entropy: &Entropy, label: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"quell entropy v1");
    hash.update(entropy);
    hash.update(label.as_bytes());
    hash.finalize().into()
}

/// A code of `digits` decimal digits (1 to 18) from a turn's entropy.
#[must_use]
pub fn digits(entropy: &Entropy, label: &str, digits: u32) -> String {
    let bytes = secret(entropy, label);
    let mut number = 0_u64;
    for byte in &bytes[..8] {
        number = (number << 8) | u64::from(*byte);
    }
    let width = digits.clamp(1, 18);
    format!(
        "{:0width$}",
        number % 10_u64.pow(width),
        width = width as usize
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_stable_and_distinct() {
        let parent = named(&["run", "x"]);
        assert_eq!(child(parent, 1), child(parent, 1));
        assert_ne!(child(parent, 1), child(parent, 2));
        assert_ne!(named(&["ab", "c"]), named(&["a", "bc"]));
        let code = digits(&[7; 32], "page", 6);
        assert_eq!(code.len(), 6);
        assert_ne!(code, digits(&[7; 32], "other", 6));
    }
}
