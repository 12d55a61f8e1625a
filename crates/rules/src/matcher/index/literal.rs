//! A text as tables compare it: its first sixteen bytes as one number. Most texts have no more,
//! so that comparing them is comparing numbers, and no step depends on how long they are.

/// Bytes that are compared at once.
pub(crate) const FRONT: usize = 16;

/// For each length the bytes that count, the first byte lowest.
const COUNTS: [u128; FRONT + 1] = {
    let (mut counts, mut length) = ([0; FRONT + 1], 1);
    while length <= FRONT {
        counts[length] = u128::MAX >> (8 * (FRONT - length));
        length += 1;
    }
    counts
};

/// A text that is looked up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Literal<'t> {
    /// Its first bytes, the first lowest, zeros for what is missing.
    pub(super) front: u128,
    pub(super) length: usize,
    /// The text itself, looked at only if it is longer than its front.
    text: &'t [u8],
}

impl<'t> Literal<'t> {
    /// A text that stands alone.
    pub(crate) fn of(text: &'t [u8]) -> Literal<'t> {
        Literal {
            front: front(text),
            length: text.len(),
            text,
        }
    }

    /// A text that stands within another; empty if it does not.
    #[inline]
    pub(crate) fn within(all: &'t [u8], (start, end): (usize, usize)) -> Literal<'t> {
        let text = all.get(start..end).unwrap_or_default();
        let counts = COUNTS.get(text.len().min(FRONT));
        match (all.get(start..).and_then(|rest| rest.first_chunk()), counts) {
            (Some(bytes), Some(counts)) => Literal {
                front: u128::from_le_bytes(*bytes) & counts,
                length: text.len(),
                text,
            },
            _ => Literal::of(text),
        }
    }

    /// The first bytes of the text, if it has so many.
    #[inline]
    pub(super) fn first(self, length: usize) -> Option<Literal<'t>> {
        let text = self.text.get(..length)?;
        let counts = COUNTS.get(length).copied().unwrap_or(u128::MAX);
        Some(Literal {
            front: self.front & counts,
            length,
            text,
        })
    }

    /// The same with ASCII letters in lower case; `None` for a text longer than its front.
    #[inline]
    pub(super) fn folded(self) -> Option<Literal<'t>> {
        if !self.is_all_front() {
            return None;
        }
        Some(Literal {
            front: lower(self.front),
            ..self
        })
    }

    /// Whether front and length are all there is to know.
    #[inline]
    pub(super) fn is_all_front(&self) -> bool {
        self.length <= FRONT
    }

    #[inline]
    pub(super) fn text(&self) -> &'t [u8] {
        self.text
    }

    /// A hash of the text: quick on short texts, spread over all bits.
    #[inline]
    pub(crate) fn hash(&self) -> u64 {
        const START: u64 = 0x9e37_79b9_7f4a_7c15;
        const OTHER: u64 = 0xe703_7ed1_a0b4_28db;
        let state = START ^ self.length as u64;
        // Truncation is meant: the two halves.
        let (low, high) = (self.front as u64, (self.front >> 64) as u64);
        let state = mix(state ^ fold(low ^ START, high ^ OTHER));
        if self.is_all_front() {
            return state;
        }
        hash_rest(state, self.text.get(FRONT..).unwrap_or_default())
    }
}

/// Goes on with what follows the front.
#[inline(never)]
fn hash_rest(state: u64, rest: &[u8]) -> u64 {
    let (words, last) = rest.as_chunks::<8>();
    let state = words
        .iter()
        .fold(state, |state, word| mix(state ^ u64::from_le_bytes(*word)));
    // Truncation is meant: fewer than eight bytes are left.
    mix(state ^ front(last) as u64)
}

/// The hash of a text that stands alone.
pub(crate) fn hash(text: &[u8]) -> u64 {
    Literal::of(text).hash()
}

fn front(text: &[u8]) -> u128 {
    if let Some(bytes) = text.first_chunk() {
        return u128::from_le_bytes(*bytes);
    }
    let length = text.len();
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        // The two words overlap.
        let last = u128::from(u64::from_le_bytes(*last)) << (8 * (length - 8));
        return u128::from(u64::from_le_bytes(*first)) | last;
    }
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        let last = u128::from(u32::from_le_bytes(*last)) << (8 * (length - 4));
        return u128::from(u32::from_le_bytes(*first)) | last;
    }
    let bytes = text.iter().rev();
    bytes.fold(0, |word, byte| (word << 8) | u128::from(*byte))
}

/// Sixteen bytes with ASCII letters in lower case.
#[inline]
fn lower(bytes: u128) -> u128 {
    const EACH: u128 = u128::MAX / 255;
    // The highest bit of each byte tells, and no sum goes beyond its byte.
    let low = bytes & (EACH * 0x7f);
    let from_a = low + EACH * (0x80 - b'A' as u128);
    let beyond_z = low + EACH * (0x7f - b'Z' as u128);
    let upper = from_a & !beyond_z & !bytes & (EACH * 0x80);
    bytes | (upper >> 2)
}

#[inline]
fn mix(state: u64) -> u64 {
    const FACTOR: u64 = 0xa076_1d64_78bd_642f;
    fold(state, FACTOR)
}

/// Both halves of a product.
#[inline]
fn fold(one: u64, other: u64) -> u64 {
    let product = u128::from(one) * u128::from(other);
    (product as u64) ^ ((product >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::Literal;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_text_is_the_same_alone_and_within_others(
            before in "[a-zé]{0,5}", text in "[A-Z0-9é]{0,24}", after in "[a-zé]{0,24}", length in 0usize..30,
        ) {
            let all = format!("{before}{text}{after}");
            let range = (before.len(), before.len() + text.len());
            let within = Literal::within(all.as_bytes(), range);
            let alone = Literal::of(text.as_bytes());
            let parts = |of: Literal<'_>| (of.front, of.length, of.text().to_vec(), of.hash());
            prop_assert_eq!(parts(within), parts(alone));
            let first = text.as_bytes().get(..length).map(Literal::of);
            prop_assert_eq!(within.first(length).map(parts), first.map(parts));
            if let Some(folded) = within.folded() {
                let lower = text.to_ascii_lowercase();
                let lower = Literal::of(lower.as_bytes());
                prop_assert_eq!((folded.front, folded.hash()), (lower.front, lower.hash()));
            }
        }
    }
}
