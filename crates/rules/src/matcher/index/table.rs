//! A table from texts to numbers that only grows, with all texts in one piece of memory.

/// Stands for "no entry".
pub(crate) const NONE: u32 = u32::MAX;

/// Texts, each with a number; made for looking up texts that are mostly not there.
#[derive(Clone, Debug, Default)]
pub(crate) struct TextTable {
    /// Open addressing; empty or of a power of two, at most half full.
    slots: Vec<Slot>,
    entries: Vec<Entry>,
    bytes: Vec<u8>,
    /// For each text two bits of a word, both told by its hash; empty if there are few texts. It
    /// fits into nearer caches than the slots do.
    filter: Vec<u64>,
}

/// Fewer texts need no filter.
const MANY: usize = 2048;

/// So many texts share a word of the filter, or fewer.
const TEXTS_OF_WORD: usize = 4;

/// Two bits of a word of a filter.
fn bits_of_filter(hash: u64) -> u64 {
    (1 << (hash >> 58)) | (1 << ((hash >> 52) & 63))
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    /// The upper half of the hash, so that strangers are told apart without looking at them.
    tag: u32,
    entry: u32,
}

const FREE: Slot = Slot {
    tag: 0,
    entry: NONE,
};

#[derive(Clone, Copy, Debug)]
struct Entry {
    start: u32,
    length: u32,
    value: u32,
}

impl TextTable {
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The number of a text.
    #[inline]
    pub(crate) fn get(&self, text: &[u8]) -> Option<u32> {
        self.get_hashed(text, hash(text))
    }

    /// The same if the [`hash`] of the text is known.
    #[inline]
    pub(crate) fn get_hashed(&self, text: &[u8], hash: u64) -> Option<u32> {
        if !self.may_have(hash) {
            return None;
        }
        let mask = self.slots.len().wrapping_sub(1);
        let (tag, mut at) = split(hash);
        loop {
            let slot = self.slots.get(at & mask)?;
            if slot.entry == NONE {
                return None;
            }
            if slot.tag == tag
                && let Some(entry) = self.entries.get(slot.entry as usize)
                && self.text(entry) == text
            {
                return Some(entry.value);
            }
            at += 1;
        }
    }

    /// Whether a text with this hash may be in the table.
    #[inline]
    fn may_have(&self, hash: u64) -> bool {
        let mask = self.filter.len().wrapping_sub(1);
        let bits = bits_of_filter(hash);
        // Truncation is meant.
        match self.filter.get(hash as usize & mask) {
            Some(word) => word & bits == bits,
            None => true,
        }
    }

    /// Changes the number of a text; [`NONE`] is that of a text that is new.
    pub(crate) fn update(&mut self, text: &[u8], change: impl FnOnce(u32) -> u32) {
        if (self.entries.len() + 1) * 2 > self.slots.len() {
            self.grow();
        }
        let mask = self.slots.len().wrapping_sub(1);
        let (tag, mut at) = split(hash(text));
        let found = loop {
            match self.slots.get(at & mask) {
                Some(slot) if slot.entry != NONE => {
                    let entry = self.entries.get(slot.entry as usize);
                    if slot.tag == tag && entry.is_some_and(|entry| self.text(entry) == text) {
                        break slot.entry as usize;
                    }
                    at += 1;
                }
                _ => break self.add(text, (at & mask, tag)),
            }
        };
        if let Some(entry) = self.entries.get_mut(found) {
            entry.value = change(entry.value);
        }
    }

    fn add(&mut self, text: &[u8], (at, tag): (usize, u32)) -> usize {
        let entry = self.entries.len();
        self.filter.clear();
        // Rules of more than 4 GiB of text do not fit into memory either.
        let fits = |count: usize| u32::try_from(count).unwrap_or(NONE);
        self.entries.push(Entry {
            start: fits(self.bytes.len()),
            length: fits(text.len()),
            value: NONE,
        });
        self.bytes.extend_from_slice(text);
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = Slot {
                tag,
                entry: fits(entry),
            };
        }
        entry
    }

    fn grow(&mut self) {
        let size = (self.slots.len() * 2).max(8);
        let mut slots = vec![FREE; size];
        for (number, entry) in self.entries.iter().enumerate() {
            let (tag, mut at) = split(hash(self.text(entry)));
            while slots
                .get(at & (size - 1))
                .is_some_and(|slot| slot.entry != NONE)
            {
                at += 1;
            }
            if let Some(slot) = slots.get_mut(at & (size - 1)) {
                *slot = Slot {
                    tag,
                    entry: u32::try_from(number).unwrap_or(NONE),
                };
            }
        }
        self.slots = slots;
    }

    fn text(&self, entry: &Entry) -> &[u8] {
        let start = entry.start as usize;
        self.bytes
            .get(start..start + entry.length as usize)
            .unwrap_or_default()
    }

    /// All texts with their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], u32)> {
        self.entries
            .iter()
            .map(|entry| (self.text(entry), entry.value))
    }

    /// Bytes kept.
    pub(crate) fn memory(&self) -> usize {
        self.slots.capacity() * size_of::<Slot>()
            + self.entries.capacity() * size_of::<Entry>()
            + self.bytes.capacity()
            + self.filter.capacity() * size_of::<u64>()
    }

    /// Gives back memory that growing took in advance, and makes the filter: nothing is to be
    /// added any more.
    pub(crate) fn shrink(&mut self) {
        if self.entries.len() >= MANY {
            let words = (self.entries.len() / TEXTS_OF_WORD).next_power_of_two();
            let mut filter = vec![0u64; words];
            for entry in &self.entries {
                let hash = hash(self.text(entry));
                // Truncation is meant.
                if let Some(word) = filter.get_mut(hash as usize & (words - 1)) {
                    *word |= bits_of_filter(hash);
                }
            }
            self.filter = filter;
        }
        self.entries.shrink_to_fit();
        self.bytes.shrink_to_fit();
    }
}

fn split(hash: u64) -> (u32, usize) {
    // Truncation is meant: the two halves serve two ends.
    ((hash >> 32) as u32, hash as u32 as usize)
}

/// A hash of bytes: quick on short texts, spread over all bits.
#[inline]
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    const START: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut state = START ^ bytes.len() as u64;
    if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        let mut rest = bytes;
        while let Some((word, after)) = rest.split_first_chunk::<8>() {
            if after.is_empty() {
                break;
            }
            state = mix(state ^ u64::from_le_bytes(*word));
            rest = after;
        }
        state = mix(state ^ u64::from_le_bytes(*first));
        // The last word overlaps the one before unless the length is a multiple of eight.
        return mix(state ^ u64::from_le_bytes(*last));
    }
    let word = match (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        (Some(first), Some(last)) => {
            u64::from(u32::from_le_bytes(*first)) | (u64::from(u32::from_le_bytes(*last)) << 32)
        }
        _ => bytes
            .iter()
            .fold(0u64, |word, byte| (word << 8) | u64::from(*byte)),
    };
    mix(state ^ word)
}

#[inline]
fn mix(state: u64) -> u64 {
    const FACTOR: u128 = 0xa076_1d64_78bd_642f;
    let product = u128::from(state) * FACTOR;
    // Both halves of the product.
    (product as u64) ^ ((product >> 64) as u64)
}
