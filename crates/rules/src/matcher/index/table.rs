//! A table from texts to numbers that only grows, made for looking up texts that are mostly not
//! there. Texts of sixteen bytes and less stand in the table itself; longer ones in one piece of
//! memory beside it.

use super::literal::{FRONT, Literal};

/// Stands for "no entry".
pub(crate) const NONE: u32 = u32::MAX;

/// Texts, each with a number.
#[derive(Clone, Debug, Default)]
pub(crate) struct TextTable {
    /// Open addressing; empty or of a power of two, at most half full.
    slots: Vec<Slot>,
    count: usize,
    long: Vec<Long>,
    bytes: Vec<u8>,
    /// All texts that are no longer than a front, once nothing is added any more and if there are
    /// few texts: then short texts are not looked for in the slots.
    few: Option<Vec<Slot>>,
    /// For each text two bits of a word, both told by its hash, once nothing is added any more. It
    /// fits into nearer caches than the slots do.
    filter: Vec<u64>,
}

/// So few texts are compared one by one.
const FEW: usize = 4;

/// So many texts share a word of the filter, or fewer.
const TEXTS_OF_WORD: usize = 4;

/// Two bits of a word of a filter.
fn bits_of_filter(hash: u64) -> u64 {
    (1 << (hash >> 58)) | (1 << ((hash >> 52) & 63))
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    /// The text, or the hash of a text that is longer, and then zeros.
    front: [u8; FRONT],
    /// Of the text; [`NONE`] if the slot is free.
    length: u32,
    /// The number of the text, or which of the long texts it is.
    value: u32,
}

const FREE: Slot = Slot {
    front: [0; FRONT],
    length: NONE,
    value: NONE,
};

#[derive(Clone, Copy, Debug)]
struct Long {
    start: u32,
    value: u32,
}

impl Slot {
    #[inline]
    fn is_free(&self) -> bool {
        self.length == NONE
    }

    #[inline]
    fn is_long(&self) -> bool {
        self.length as usize > FRONT
    }

    #[inline]
    fn front(&self) -> u128 {
        u128::from_le_bytes(self.front)
    }

    /// The hash of the text.
    fn hash(&self) -> u64 {
        if self.is_long() {
            // Truncation is meant: the hash of a long text stands in front.
            return self.front() as u64;
        }
        let length = self.length as usize;
        Literal::of(self.front.get(..length).unwrap_or_default()).hash()
    }
}

impl TextTable {
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// The number of a text.
    #[inline]
    pub(crate) fn get(&self, text: &[u8]) -> Option<u32> {
        let text = Literal::of(text);
        self.find(text, || text.hash())
    }

    /// The same with the [hash](Literal::hash) of the text, which is asked for if it is needed.
    #[inline]
    pub(crate) fn find(&self, text: Literal<'_>, hash: impl FnOnce() -> u64) -> Option<u32> {
        if let Some(few) = &self.few
            && text.is_all_front()
        {
            let equal =
                |slot: &&Slot| slot.front() == text.front && slot.length as usize == text.length;
            return few.iter().find(equal).map(|slot| slot.value);
        }
        let hash = hash();
        if !self.may_have(hash) {
            return None;
        }
        let slot = self.slots.get(self.search(text, hash).ok()?)?;
        if slot.is_long() {
            return self.long.get(slot.value as usize).map(|long| long.value);
        }
        Some(slot.value)
    }

    /// The place of a text, or the free one where it would be; any place in an empty table.
    #[inline]
    fn search(&self, text: Literal<'_>, hash: u64) -> Result<usize, usize> {
        let mask = self.slots.len().wrapping_sub(1);
        let is_long = !text.is_all_front();
        let front = if is_long {
            u128::from(hash)
        } else {
            text.front
        };
        // Truncation is meant.
        let mut at = hash as usize & mask;
        while let Some(slot) = self.slots.get(at) {
            if slot.is_free() {
                break;
            }
            if slot.front() == front
                && slot.length as usize == text.length
                && (!is_long || self.long_text(slot) == text.text())
            {
                return Ok(at);
            }
            at = (at + 1) & mask;
        }
        Err(at)
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
        if (self.count + 1) * 2 > self.slots.len() {
            self.grow();
        }
        let literal = Literal::of(text);
        let hash = literal.hash();
        let at = match self.search(literal, hash) {
            Ok(at) => at,
            Err(at) => {
                self.add(literal, hash, at);
                at
            }
        };
        let Some(slot) = self.slots.get_mut(at) else {
            return;
        };
        if !slot.is_long() {
            slot.value = change(slot.value);
        } else if let Some(long) = self.long.get_mut(slot.value as usize) {
            long.value = change(long.value);
        }
    }

    fn add(&mut self, text: Literal<'_>, hash: u64, at: usize) {
        // Rules of more than 4 GiB of text do not fit into memory either.
        let fits = |count: usize| u32::try_from(count).unwrap_or(NONE);
        self.filter.clear();
        self.few = None;
        self.count += 1;
        let (front, value) = if text.is_all_front() {
            (text.front, NONE)
        } else {
            self.long.push(Long {
                start: fits(self.bytes.len()),
                value: NONE,
            });
            self.bytes.extend_from_slice(text.text());
            (u128::from(hash), fits(self.long.len() - 1))
        };
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = Slot {
                front: front.to_le_bytes(),
                length: fits(text.length),
                value,
            };
        }
    }

    fn grow(&mut self) {
        let size = (self.slots.len() * 2).max(8);
        let old = std::mem::replace(&mut self.slots, vec![FREE; size]);
        for slot in old.into_iter().filter(|slot| !slot.is_free()) {
            // Truncation is meant.
            let mut at = slot.hash() as usize & (size - 1);
            while self.slots.get(at).is_some_and(|slot| !slot.is_free()) {
                at = (at + 1) & (size - 1);
            }
            if let Some(place) = self.slots.get_mut(at) {
                *place = slot;
            }
        }
    }

    fn long_text(&self, slot: &Slot) -> &[u8] {
        let start = self.long.get(slot.value as usize).map(|long| long.start);
        let start = start.unwrap_or(NONE) as usize;
        self.bytes
            .get(start..start.saturating_add(slot.length as usize))
            .unwrap_or_default()
    }

    /// All texts with their numbers, always in the same order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], u32)> {
        let taken = self.slots.iter().filter(|slot| !slot.is_free());
        taken.map(|slot| {
            if slot.is_long() {
                let value = self.long.get(slot.value as usize).map(|long| long.value);
                return (self.long_text(slot), value.unwrap_or(NONE));
            }
            let text = slot.front.get(..slot.length as usize);
            (text.unwrap_or_default(), slot.value)
        })
    }

    /// Bytes kept.
    pub(crate) fn memory(&self) -> usize {
        let few = self.few.as_ref().map_or(0, Vec::capacity);
        (self.slots.capacity() + few) * size_of::<Slot>()
            + self.long.capacity() * size_of::<Long>()
            + self.bytes.capacity()
            + self.filter.capacity() * size_of::<u64>()
    }

    /// Gives back memory that growing took in advance, and makes what looking up is quicker with:
    /// nothing is to be added any more.
    pub(crate) fn finish(&mut self) {
        let taken = || self.slots.iter().filter(|slot| !slot.is_free());
        if self.count <= FEW {
            self.few = Some(taken().filter(|slot| !slot.is_long()).copied().collect());
        } else {
            let words = (self.count / TEXTS_OF_WORD).next_power_of_two();
            let mut filter = vec![0u64; words];
            for slot in taken() {
                let hash = slot.hash();
                // Truncation is meant.
                if let Some(word) = filter.get_mut(hash as usize & (words - 1)) {
                    *word |= bits_of_filter(hash);
                }
            }
            self.filter = filter;
        }
        self.long.shrink_to_fit();
        self.bytes.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::TextTable;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn holds_what_a_map_holds(
            texts in prop::collection::vec("[ab]{0,2}|[a-c]{14,19}|[a-z]{1,9}", 0..40),
            others in prop::collection::vec("[ab]{0,2}|[a-c]{14,19}", 0..20),
            finished in any::<bool>(),
        ) {
            let mut table = TextTable::default();
            let mut map = BTreeMap::new();
            for (number, text) in (0..).zip(&texts) {
                table.update(text.as_bytes(), |known| {
                    assert_eq!(known, map.get(text).copied().unwrap_or(super::NONE));
                    number
                });
                map.insert(text.clone(), number);
            }
            if finished {
                table.finish();
            }
            for text in texts.iter().chain(&others) {
                prop_assert_eq!(table.get(text.as_bytes()), map.get(text).copied());
            }
            prop_assert_eq!(table.len(), map.len());
            let held: BTreeMap<String, u32> = table
                .iter()
                .map(|(text, number)| (String::from_utf8_lossy(text).into_owned(), number))
                .collect();
            prop_assert_eq!(held, map);
        }
    }
}
