//! From bytes to bit masks: which quotes, brackets and colons count.
//!
//! Bytes are compared 64 or 32 at a time where the processor can, otherwise one by one. What a
//! backslash or a string means is decided on the masks, the same way everywhere.

mod vector;

use super::{BLOCK, Block, Masks, number};
pub(crate) use vector::fetch;

/// The last bytes that keys may have. Keys that end otherwise are no marks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LastBytes {
    /// For each lower half of an ASCII byte, a bit for each upper half.
    halves: [u8; 16],
    /// Any byte, and any spelling of a key.
    any: bool,
}

impl LastBytes {
    pub(crate) const ANY: LastBytes = LastBytes {
        halves: [0; 16],
        any: true,
    };

    /// Adds the last byte of a key as it stands in an event; an empty key ends with its quote.
    pub(crate) fn add(&mut self, key: &[u8]) {
        match key.last().copied().unwrap_or(b'"') {
            byte if byte.is_ascii() => {
                if let Some(half) = self.halves.get_mut(usize::from(byte & 15)) {
                    *half |= 1 << (byte >> 4);
                }
            }
            _ => self.any = true,
        }
    }

    pub(crate) fn join(&mut self, other: LastBytes) {
        self.any |= other.any;
        for (half, other) in self.halves.iter_mut().zip(other.halves) {
            *half |= other;
        }
    }

    fn has(&self, byte: u8) -> bool {
        let half = self.halves.get(usize::from(byte & 15));
        byte.is_ascii() && half.is_some_and(|half| half & (1 << (byte >> 4)) != 0)
    }
}

/// Where the bytes of interest are in 64 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Raw {
    quotes: u64,
    backslashes: u64,
    opening: u64,
    closing: u64,
    colons: u64,
    /// Bytes that wanted keys may end with.
    lasts: u64,
}

/// What one block leaves for the next.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Carry {
    /// All ones inside a string.
    in_string: u64,
    /// One if the next byte is escaped.
    escaped: u64,
    /// All backslashes so far.
    backslashes: u64,
    /// The quotes and last bytes of the block before.
    quotes: u64,
    lasts: u64,
}

impl Carry {
    pub(super) fn has_backslashes(&self) -> bool {
        self.backslashes != 0
    }

    /// Decides what counts. `parity` turns quotes into the ranges between them.
    #[inline(always)]
    fn decide(&mut self, raw: Raw, any: bool, parity: impl Fn(u64) -> u64) -> Block {
        self.backslashes |= raw.backslashes;
        let quotes = raw.quotes & !self.escaped_by(raw.backslashes);
        let strings = parity(quotes) ^ self.in_string;
        // The sign of the mask, spread over all of it.
        self.in_string = 0u64.wrapping_sub(strings >> 63);
        let opening = raw.opening & !strings;
        let closing = raw.closing & !strings;
        // Two before the colon stands the last byte of the key, unless there is space between.
        let after_last = (raw.lasts << 2) | (self.lasts >> 62);
        let after_quote = (quotes << 1) | (self.quotes >> 63);
        self.lasts = raw.lasts;
        self.quotes = quotes;
        let wanted = if any {
            u64::MAX
        } else {
            after_last | !after_quote
        };
        Block {
            quotes,
            opening,
            closing,
            marks: opening | closing | (raw.colons & !strings & wanted),
            before: 0,
        }
    }

    /// The bytes that have a backslash before them which is not escaped itself. In a run of
    /// backslashes every second one escapes: subtracting where a run starts flips the odd runs.
    #[inline(always)]
    fn escaped_by(&mut self, backslashes: u64) -> u64 {
        const ODD: u64 = 0xaaaa_aaaa_aaaa_aaaa;
        if backslashes == 0 {
            return std::mem::take(&mut self.escaped);
        }
        let starts = backslashes & !self.escaped;
        let series = ((starts << 1) | ODD).wrapping_sub(starts);
        let escaping_and_after = series ^ ODD;
        let escaped = escaping_and_after ^ (backslashes | self.escaped);
        self.escaped = (escaping_and_after & backslashes) >> 63;
        escaped
    }
}

/// Takes in the next part of a text, which is whole blocks unless it is the last.
pub(super) fn blocks(text: &[u8], masks: &mut Masks) {
    if !vector::blocks(text, masks) {
        each_block(text, masks, raw, parity, places);
    }
}

/// Room for the places of the marks of one block.
type Places = [u32; BLOCK];

/// Takes in blocks with one way of reading, of telling [`parity`] and of writing [`places`].
#[inline(always)]
fn each_block(
    text: &[u8],
    masks: &mut Masks,
    raw: impl Fn(&[u8; BLOCK], &LastBytes) -> Raw,
    parity: impl Fn(u64) -> u64,
    places: impl Fn(u64, u32, &mut Places),
) {
    let wanted = masks.wanted;
    let mut carry = masks.carry;
    let (whole, rest) = text.as_chunks::<BLOCK>();
    let last = (!rest.is_empty()).then(|| padded(rest));
    // One loop for both, so that what a block takes is compiled in one place.
    for chunk in whole.iter().chain(&last) {
        let mut block = carry.decide(raw(chunk, &wanted), wanted.any, &parity);
        block.before = number(masks.marked);
        if masks.marks.len() < masks.marked + BLOCK {
            more_marks(&mut masks.marks, masks.marked);
        }
        let room = masks.marks.get_mut(masks.marked..);
        if let Some(room) = room.and_then(|room| room.first_chunk_mut()) {
            places(block.marks, number(masks.blocks.len() * BLOCK), room);
        }
        masks.marked += block.marks.count_ones() as usize;
        masks.blocks.push(block);
    }
    masks.carry = carry;
}

#[cold]
fn more_marks(marks: &mut Vec<u32>, marked: usize) {
    marks.resize(marked + BLOCK * 4, 0);
}

/// The last bytes of a text, filled up with spaces.
fn padded(rest: &[u8]) -> [u8; BLOCK] {
    let mut chunk = [b' '; BLOCK];
    for (to, from) in chunk.iter_mut().zip(rest) {
        *to = *from;
    }
    chunk
}

fn raw(chunk: &[u8; BLOCK], wanted: &LastBytes) -> Raw {
    let mut raw = Raw::default();
    for (at, byte) in chunk.iter().enumerate() {
        let bit = 1u64 << at;
        match byte {
            b'"' => raw.quotes |= bit,
            b'\\' => raw.backslashes |= bit,
            b'{' | b'[' => raw.opening |= bit,
            b'}' | b']' => raw.closing |= bit,
            b':' => raw.colons |= bit,
            _ => {}
        }
        raw.lasts |= u64::from(wanted.has(*byte)) << at;
    }
    raw
}

/// A bit is set if the number of bits at and below it is odd.
fn parity(bits: u64) -> u64 {
    [1u32, 2, 4, 8, 16, 32]
        .into_iter()
        .fold(bits, |bits, by| bits ^ (bits << by))
}

/// Writes where bits are set, counted from `start`. What is written after the last is of no
/// concern.
#[inline(always)]
fn places(mut bits: u64, start: u32, into: &mut Places) {
    // Few bits are written whether they are there or not, which is quicker than asking.
    let (first, others) = into.split_at_mut(6);
    for place in first {
        *place = start + bits.trailing_zeros();
        bits &= bits.wrapping_sub(1);
    }
    if bits == 0 {
        return;
    }
    for place in others {
        *place = start + bits.trailing_zeros();
        bits &= bits.wrapping_sub(1);
        if bits == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Block, LastBytes, Masks, blocks, each_block, parity, places, raw};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]

        #[test]
        fn every_way_of_reading_sees_the_same(
            text in prop::collection::vec(
                prop::sample::select(br#""""\\\{}[]:::, ax"#.to_vec()), 0..400,
            ),
            keys in prop::collection::vec("[a-z:]{0,2}", 0..3),
            any in any::<bool>(),
        ) {
            let mut wanted = LastBytes { any, ..LastBytes::default() };
            for key in &keys {
                wanted.add(key.as_bytes());
            }
            let (mut chosen, mut plain) = (Masks::default(), Masks::default());
            // What texts before have left does no harm.
            blocks(&[b':'; 300], &mut chosen);
            chosen.clear(wanted);
            plain.clear(wanted);
            let (first, second) = text.split_at(text.len() / 128 * 64);
            for part in [first, second] {
                blocks(part, &mut chosen);
            }
            each_block(&text, &mut plain, raw, parity, places);
            let (blocks, marks) = one_by_one(&text, wanted);
            for masks in [chosen, plain] {
                prop_assert_eq!(masks.has_escapes(), text.contains(&b'\\'));
                prop_assert_eq!(&masks.marks[..masks.marked], &marks);
                prop_assert_eq!(masks.blocks, blocks.clone());
            }
        }
    }

    #[test]
    fn blocks_full_of_marks() {
        for count in 0..=64 {
            let mut text = vec![b'x'; 200];
            text[70..70 + count].fill(b'{');
            let mut masks = Masks::default();
            masks.clear(LastBytes::default());
            blocks(&text, &mut masks);
            let places: Vec<u32> = (70..).take(count).collect();
            assert_eq!(&masks.marks[..masks.marked], places);
        }
    }

    /// The same masks and marks from reading byte by byte.
    fn one_by_one(text: &[u8], wanted: LastBytes) -> (Vec<Block>, Vec<u32>) {
        let mut masks = vec![Block::default(); text.len().div_ceil(64)];
        let mut marks = Vec::new();
        let (mut in_string, mut escaped) = (false, false);
        for (at, byte) in text.iter().enumerate() {
            let quoted = at > 0 && masks[(at - 1) / 64].quotes & (1 << ((at - 1) % 64)) != 0;
            let (block, bit) = (&mut masks[at / 64], 1u64 << (at % 64));
            if at % 64 == 0 {
                block.before = u32::try_from(marks.len()).unwrap();
            }
            let was_escaped = std::mem::take(&mut escaped);
            match byte {
                b'\\' if !was_escaped => escaped = true,
                b'"' if !was_escaped => {
                    in_string = !in_string;
                    block.quotes |= bit;
                }
                _ if in_string => {}
                b'{' | b'[' => block.opening |= bit,
                b'}' | b']' => block.closing |= bit,
                b':' => {
                    let last = at.checked_sub(2).is_some_and(|at| wanted.has(text[at]));
                    if wanted.any || last || !quoted {
                        block.marks |= bit;
                    }
                }
                _ => {}
            }
            block.marks |= (block.opening | block.closing) & bit;
            if block.marks & bit != 0 {
                marks.push(u32::try_from(at).unwrap());
            }
        }
        (masks, marks)
    }
}
