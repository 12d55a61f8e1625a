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
    /// How many of both there are.
    pub(crate) opened: u32,
    pub(crate) closed: u32,
}

/// The bit masks of a text, made as far as they are asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Masks {
    blocks: Vec<Block>,
    carry: Carry,
}

const BLOCK: usize = 64;

/// Blocks made at once.
const STRETCH: usize = 2;

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
        let Some(first) = self.block(at, text) else {
            return text.len();
        };
        let seen = u64::MAX << (from % BLOCK);
        let mut depth = 1;
        if let Some(end) = close(&mut depth, first.opening & seen, first.closing & seen) {
            return at * BLOCK + end + 1;
        }
        loop {
            at += 1;
            let Some(block) = self.block(at, text) else {
                return text.len();
            };
            // Counts were made with the masks, which is quicker than looking at each bracket.
            if block.closed < depth {
                depth = depth - block.closed + block.opened;
            } else if let Some(end) = close(&mut depth, block.opening, block.closing) {
                return at * BLOCK + end + 1;
            }
        }
    }
}

/// Follows brackets one by one; tells where the depth gets to zero.
#[inline]
fn close(depth: &mut u32, opening: u64, closing: u64) -> Option<usize> {
    let mut brackets = opening | closing;
    while brackets != 0 {
        let lowest = brackets & brackets.wrapping_neg();
        if closing & lowest == 0 {
            *depth += 1;
        } else if *depth == 1 {
            return Some(place(lowest));
        } else {
            *depth -= 1;
        }
        brackets ^= lowest;
    }
    None
}

fn place(bits: u64) -> usize {
    // At most 64.
    bits.trailing_zeros() as usize
}

#[cfg(test)]
mod tests;
