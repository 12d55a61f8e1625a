//! Finds the values of an event at the paths that rules mention, straight from its bytes.
//!
//! [`walk`] follows the tree of mentioned [`paths`](crate::matcher) and jumps over everything else.
//! It jumps with bit masks: every 64 bytes become a [`Block`] that tells where quotes and brackets
//! are that count. The text is known to be a valid event; on any other the answer is wrong but
//! harmless.

mod classify;
mod leaves;
mod walk;

use classify::Carry;
pub(crate) use leaves::{Kind, Leaf, Leaves};
pub(crate) use walk::walk;

/// What 64 bytes of text hold, a bit for each byte, the lowest for the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Block {
    /// Quotes that open or close a string.
    pub(crate) quotes: u64,
    /// `{` and `[` outside strings.
    pub(crate) opening: u64,
    /// `}` and `]` outside strings.
    pub(crate) closing: u64,
}

/// The bit masks of a text, made as far as they are asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Masks {
    blocks: Vec<Block>,
    carry: Carry,
}

const BLOCK: usize = 64;

/// Blocks made at once.
const STRETCH: usize = 4;

impl Masks {
    /// Forgets the text before.
    pub(crate) fn clear(&mut self) {
        self.blocks.clear();
        self.carry = Carry::default();
    }

    /// The block at a place; `None` behind the end of the text.
    #[inline]
    fn block(&mut self, at: usize, text: &[u8]) -> Option<Block> {
        match self.blocks.get(at) {
            Some(block) => Some(*block),
            None => self.later_block(at, text),
        }
    }

    #[inline(never)]
    fn later_block(&mut self, at: usize, text: &[u8]) -> Option<Block> {
        while self.blocks.len() <= at {
            let rest = text.get(self.blocks.len() * BLOCK..)?;
            if rest.is_empty() {
                return None;
            }
            let stretch = rest.get(..STRETCH * BLOCK).unwrap_or(rest);
            classify::blocks(stretch, &mut self.carry, &mut self.blocks);
        }
        self.blocks.get(at).copied()
    }

    /// Whether there is a backslash in what has been looked at so far.
    pub(crate) fn has_escapes(&self) -> bool {
        self.carry.has_backslashes()
    }

    /// The first quote at or after a place; the end of the text if there is none.
    #[inline]
    pub(crate) fn quote(&mut self, from: usize, text: &[u8]) -> usize {
        let mut at = from / BLOCK;
        let mut seen = u64::MAX << (from % BLOCK);
        while let Some(block) = self.block(at, text) {
            let quotes = block.quotes & seen;
            if quotes != 0 {
                return at * BLOCK + place(quotes);
            }
            seen = u64::MAX;
            at += 1;
        }
        text.len()
    }

    /// The place after the bracket that closes the container that `from` lies in.
    #[inline]
    pub(crate) fn after_container(&mut self, from: usize, text: &[u8]) -> usize {
        let mut at = from / BLOCK;
        let mut depth = 1u32;
        let mut seen = u64::MAX << (from % BLOCK);
        while let Some(block) = self.block(at, text) {
            let opening = block.opening & seen;
            let mut closing = block.closing & seen;
            seen = u64::MAX;
            let closed = closing.count_ones();
            if closed >= depth {
                let mut earlier = 0;
                while closing != 0 {
                    let lowest = closing & closing.wrapping_neg();
                    let opened = (opening & (lowest - 1)).count_ones();
                    if depth + opened == earlier + 1 {
                        return at * BLOCK + place(lowest) + 1;
                    }
                    earlier += 1;
                    closing &= closing - 1;
                }
            }
            depth = depth + opening.count_ones() - closed;
            at += 1;
        }
        text.len()
    }
}

fn place(bits: u64) -> usize {
    // At most 64.
    bits.trailing_zeros() as usize
}

#[cfg(test)]
mod tests;
