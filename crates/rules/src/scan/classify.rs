//! From bytes to bit masks: which quotes and brackets count.
//!
//! Bytes are compared 32 at a time where the processor can, otherwise one by one. What a backslash
//! or a string means is decided on the masks, the same way everywhere.

mod vector;

use super::{BLOCK, Block};

/// Where the bytes of interest are in 64 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Raw {
    quotes: u64,
    backslashes: u64,
    opening: u64,
    closing: u64,
}

/// What one block leaves for the next.
#[derive(Clone, Debug, Default)]
pub(super) struct Carry {
    /// All ones inside a string.
    in_string: u64,
    /// One if the next byte is escaped.
    escaped: u64,
    /// All backslashes so far.
    backslashes: u64,
}

impl Carry {
    pub(super) fn has_backslashes(&self) -> bool {
        self.backslashes != 0
    }

    /// Decides what counts. `parity` turns quotes into the ranges between them.
    #[inline(always)]
    fn decide(&mut self, raw: Raw, parity: impl Fn(u64) -> u64) -> Block {
        self.backslashes |= raw.backslashes;
        let quotes = raw.quotes & !self.escaped_by(raw.backslashes);
        let strings = parity(quotes) ^ self.in_string;
        // The sign of the mask, spread over all of it.
        self.in_string = 0u64.wrapping_sub(strings >> 63);
        let (opening, closing) = (raw.opening & !strings, raw.closing & !strings);
        Block {
            quotes,
            opening,
            closing,
            opened: opening.count_ones(),
            closed: closing.count_ones(),
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

/// Appends the blocks of the next part of a text, which is whole blocks unless it is the last.
pub(super) fn blocks(text: &[u8], carry: &mut Carry, into: &mut Vec<Block>) {
    if !vector::blocks(text, carry, into) {
        portable(text, carry, into);
    }
}

fn portable(text: &[u8], carry: &mut Carry, into: &mut Vec<Block>) {
    let (whole, rest) = text.as_chunks::<BLOCK>();
    for chunk in whole {
        into.push(carry.decide(raw(chunk), parity));
    }
    if !rest.is_empty() {
        into.push(carry.decide(raw(&padded(rest)), parity));
    }
}

/// The last bytes of a text, filled up with spaces.
fn padded(rest: &[u8]) -> [u8; BLOCK] {
    let mut chunk = [b' '; BLOCK];
    for (to, from) in chunk.iter_mut().zip(rest) {
        *to = *from;
    }
    chunk
}

fn raw(chunk: &[u8; BLOCK]) -> Raw {
    let mut raw = Raw::default();
    for (at, byte) in chunk.iter().enumerate() {
        let bit = 1u64 << at;
        match byte {
            b'"' => raw.quotes |= bit,
            b'\\' => raw.backslashes |= bit,
            b'{' | b'[' => raw.opening |= bit,
            b'}' | b']' => raw.closing |= bit,
            _ => {}
        }
    }
    raw
}

/// A bit is set if the number of bits at and below it is odd.
fn parity(bits: u64) -> u64 {
    [1u32, 2, 4, 8, 16, 32]
        .into_iter()
        .fold(bits, |bits, by| bits ^ (bits << by))
}

#[cfg(test)]
mod tests {
    use super::{Block, Carry, blocks, portable};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn every_way_of_reading_sees_the_same(
            text in prop::collection::vec(
                prop::sample::select(br#""""\\\{}[]:, ax"#.to_vec()), 0..400,
            ),
        ) {
            let (mut chosen, mut plain) = (Vec::new(), Vec::new());
            let mut carries = [Carry::default(), Carry::default()];
            let (first, second) = text.split_at(text.len() / 128 * 64);
            for part in [first, second] {
                blocks(part, &mut carries[0], &mut chosen);
            }
            portable(&text, &mut carries[1], &mut plain);
            prop_assert_eq!(&chosen, &plain);
            prop_assert_eq!(carries[0].has_backslashes(), text.contains(&b'\\'));
            prop_assert_eq!(chosen, one_by_one(&text));
        }
    }

    /// The same masks from reading byte by byte.
    fn one_by_one(text: &[u8]) -> Vec<Block> {
        let mut masks = vec![Block::default(); text.len().div_ceil(64)];
        let (mut in_string, mut escaped) = (false, false);
        for (at, byte) in text.iter().enumerate() {
            let (block, bit) = (&mut masks[at / 64], 1u64 << (at % 64));
            let was_escaped = std::mem::take(&mut escaped);
            match byte {
                b'\\' if !was_escaped => escaped = true,
                b'"' if !was_escaped => {
                    in_string = !in_string;
                    block.quotes |= bit;
                }
                b'{' | b'[' if !in_string => {
                    block.opening |= bit;
                    block.opened += 1;
                }
                b'}' | b']' if !in_string => {
                    block.closing |= bit;
                    block.closed += 1;
                }
                _ => {}
            }
        }
        masks
    }
}
