//! Finds the values of an event at the paths that rules mention, straight from its bytes.
//!
//! [`walk`] follows the tree of mentioned [`paths`](crate::matcher) from *mark* to mark: the
//! brackets outside strings, and the colons after keys that may be mentioned. Events of one kind
//! have the same marks in the same order, however long their values are, so that the processor
//! foresees where the walk goes. Marks are made with bit masks, 64 bytes at a time, and hardly
//! further than the walk gets. The text is known to be a valid event; on any other the answer is
//! wrong but harmless.

mod classify;
mod leaves;
mod walk;

use classify::Carry;
pub(crate) use classify::{LastBytes, fetch};
pub(crate) use leaves::{Kind, Leaf, Leaves};
pub(crate) use walk::walk;

/// What 64 bytes of text hold, a bit for each byte, the lowest for the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Block {
    /// Quotes that open or close a string.
    quotes: u64,
    /// `{` and `[` outside strings.
    opening: u64,
    /// `}` and `]` outside strings.
    closing: u64,
    /// Brackets, and each `:` outside strings that ends a key which may be wanted.
    marks: u64,
    /// How many marks the blocks before have.
    before: u32,
}

/// The bit masks of a text, made as far as they are asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Masks {
    blocks: Vec<Block>,
    /// The places of all marks, in order; what lies behind `marked` is left from texts before.
    marks: Vec<u32>,
    marked: usize,
    carry: Carry,
    /// How keys end that are wanted.
    wanted: LastBytes,
    /// How many blocks were looked into.
    reached: usize,
    /// How many blocks are made first: as many as the text before needed.
    first: usize,
}

const BLOCK: usize = 64;

/// Blocks made at once when those made first are not enough.
const LATER: usize = 2;

/// Most blocks that are made before it is known that they are needed.
const MOST_FIRST: usize = 16;

impl Masks {
    /// Forgets the text before, and goes on to one where keys are wanted that end so.
    #[inline]
    pub(crate) fn clear(&mut self, wanted: LastBytes) {
        self.first = self.reached.clamp(1, MOST_FIRST);
        self.reached = 0;
        self.blocks.clear();
        self.marked = 0;
        self.carry = Carry::default();
        self.wanted = wanted;
    }

    /// How many bytes of the next text will be read if it is like the one before.
    pub(crate) fn foresight(&self) -> usize {
        (self.reached.clamp(1, MOST_FIRST) + 1) * BLOCK
    }

    /// Makes some more blocks; `None` at the end of the text.
    #[inline(never)]
    fn go_on(&mut self, text: &[u8]) -> Option<()> {
        let rest = text.get(self.blocks.len() * BLOCK..)?;
        if rest.is_empty() {
            return None;
        }
        let blocks = if self.blocks.is_empty() {
            self.first.max(1)
        } else {
            LATER
        };
        let stretch = rest.get(..blocks * BLOCK).unwrap_or(rest);
        classify::blocks(stretch, self);
        Some(())
    }

    /// The place of a mark, given by its number; `None` behind the last one.
    #[inline]
    fn mark(&mut self, number: usize, text: &[u8]) -> Option<usize> {
        while number >= self.marked {
            self.go_on(text)?;
        }
        self.marks.get(number).map(|place| *place as usize)
    }

    /// Takes note that the text was looked at as far as the mark before the one with this number.
    fn note(&mut self, next: usize) {
        let last = self.marks.get(..self.marked.min(next));
        if let Some(place) = last.and_then(<[u32]>::last) {
            self.reached = self.reached.max(*place as usize / BLOCK + 1);
        }
    }

    /// The block at a place; `None` behind the end of the text.
    #[inline]
    fn block(&mut self, at: usize, text: &[u8]) -> Option<Block> {
        loop {
            if let Some(block) = self.blocks.get(at) {
                return Some(*block);
            }
            self.go_on(text)?;
        }
    }

    /// Whether there is a backslash in what has been looked at so far.
    fn has_escapes(&self) -> bool {
        self.carry.has_backslashes()
    }

    /// The first quote at or after a place; the end of the text if there is none.
    #[inline]
    fn quote(&mut self, from: usize, text: &[u8]) -> usize {
        let mut at = from / BLOCK;
        let mut seen = u64::MAX << (from % BLOCK);
        while let Some(block) = self.block(at, text) {
            let quotes = block.quotes & seen;
            if quotes != 0 {
                self.reached = self.reached.max(at + 1);
                return at * BLOCK + place(quotes);
            }
            seen = u64::MAX;
            at += 1;
        }
        text.len()
    }

    /// The last quote before a place that has been looked at.
    fn quote_before(&self, to: usize) -> Option<usize> {
        let at = to / BLOCK;
        let mut seen = (1 << (to % BLOCK)) - 1;
        for (at, block) in self.blocks.get(..=at)?.iter().enumerate().rev() {
            let quotes = block.quotes & seen;
            if let Some(place) = quotes.checked_ilog2() {
                return Some(at * BLOCK + place as usize);
            }
            seen = u64::MAX;
        }
        None
    }

    /// The number of the mark after the bracket that closes the container whose first mark has
    /// this number; `None` if nothing closes it.
    fn after_container(&mut self, next: usize, text: &[u8]) -> Option<usize> {
        let from = self.mark(next, text)?;
        let mut at = from / BLOCK;
        let mut block = self.block(at, text)?;
        let seen = u64::MAX << (from % BLOCK);
        let mut depth = 1;
        let mut found = close(&mut depth, block.opening & seen, block.closing & seen);
        let bracket = loop {
            if let Some(bracket) = found {
                break bracket;
            }
            at += 1;
            block = self.block(at, text)?;
            let closed = block.closing.count_ones();
            if closed < depth {
                depth = depth - closed + block.opening.count_ones();
            } else {
                found = close(&mut depth, block.opening, block.closing);
            }
        };
        self.reached = self.reached.max(at + 1);
        let passed = block.marks & (bracket | bracket.wrapping_sub(1));
        Some(block.before as usize + passed.count_ones() as usize)
    }
}

/// Follows brackets one by one; tells where the depth gets to zero, as a bit.
#[inline]
fn close(depth: &mut u32, opening: u64, closing: u64) -> Option<u64> {
    let mut brackets = opening | closing;
    while brackets != 0 {
        let lowest = brackets & brackets.wrapping_neg();
        if closing & lowest == 0 {
            *depth += 1;
        } else if *depth == 1 {
            return Some(lowest);
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

/// An event is no longer than 1 MiB, so places and counts fit.
fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
