//! Finds the values of an event at the paths that rules mention, straight from its bytes.
//!
//! First every 64 bytes become a [`Block`] of bit masks: where quotes and brackets are that count.
//! Then [`walk`] follows the tree of mentioned [`paths`](crate::matcher) and jumps over everything
//! else. The text is known to be a valid event; on any other the answer is wrong but harmless.

mod classify;
mod leaves;
mod walk;

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

/// The bit masks of a text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Masks {
    blocks: Vec<Block>,
    /// Whether there is a backslash anywhere.
    pub(crate) escapes: bool,
}

const BLOCK: usize = 64;

impl Masks {
    /// Looks at a text, forgetting the one before.
    pub(crate) fn read(&mut self, text: &[u8]) {
        self.blocks.clear();
        self.escapes = classify::blocks(text, &mut self.blocks);
    }

    /// The first quote at or after a place; the end of the masks if there is none.
    #[inline]
    pub(crate) fn quote(&self, from: usize) -> usize {
        let mut at = from / BLOCK;
        let Some(block) = self.blocks.get(at) else {
            return self.end();
        };
        let mut quotes = block.quotes & (u64::MAX << (from % BLOCK));
        while quotes == 0 {
            at += 1;
            match self.blocks.get(at) {
                Some(block) => quotes = block.quotes,
                None => return self.end(),
            }
        }
        at * BLOCK + place(quotes)
    }

    /// The place after the bracket that closes the one opened just before `from`.
    #[inline]
    pub(crate) fn after_container(&self, from: usize) -> usize {
        let mut at = from / BLOCK;
        let mut depth = 1u32;
        let mut seen = u64::MAX << (from % BLOCK);
        while let Some(block) = self.blocks.get(at) {
            let opening = block.opening & seen;
            let mut closing = block.closing & seen;
            seen = u64::MAX;
            let closed = closing.count_ones();
            if closed < depth {
                depth = depth - closed + opening.count_ones();
                at += 1;
                continue;
            }
            let mut earlier = 0;
            while closing != 0 {
                let before = closing & closing.wrapping_neg();
                let opened = (opening & (before - 1)).count_ones();
                if depth + opened == earlier + 1 {
                    return at * BLOCK + place(before) + 1;
                }
                earlier += 1;
                closing &= closing - 1;
            }
            depth = depth + opening.count_ones() - closed;
            at += 1;
        }
        self.end()
    }

    fn end(&self) -> usize {
        self.blocks.len() * BLOCK
    }
}

fn place(bits: u64) -> usize {
    // At most 64.
    bits.trailing_zeros() as usize
}

#[cfg(test)]
mod tests;
