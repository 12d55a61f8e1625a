//! Which of many prefixes does a text start with? (Or, read from the back, which suffixes.)
//!
//! Prefixes of few different lengths are looked up in a table, once for each length. Others make a
//! radix tree in one array: a step of a text costs one look at a node, however many prefixes there
//! are, and there are at most twice as many nodes as prefixes.

use super::literal::Literal;
use super::table::{NONE, TextTable};

/// Lengths that are still looked up one by one.
const FEW_LENGTHS: usize = 3;

/// Texts that are still compared one by one, if they are short.
const FEW: usize = 8;

/// Bytes that are compared at once.
const WORD: usize = 8;

/// A set of prefixes, each with a number.
#[derive(Clone, Debug, Default)]
pub(crate) struct Affixes {
    few: Vec<Short>,
    /// The lengths of the texts in the table; none if the tree holds them.
    lengths: Vec<usize>,
    table: TextTable,
    nodes: Vec<Node>,
    labels: Vec<u8>,
}

/// One of few prefixes: a text has it where `word` holds what `counts` says.
#[derive(Clone, Copy, Debug)]
struct Short {
    word: u64,
    counts: u64,
    length: usize,
    value: u32,
}

impl Short {
    fn new(text: &[u8], value: u32, from: From) -> Short {
        let all = word(text, from);
        let bits = 8 * u32::try_from(text.len()).unwrap_or(u32::MAX);
        let counts = match from {
            From::Front => !u64::MAX.checked_shl(bits).unwrap_or(0),
            From::Back => !u64::MAX.checked_shr(bits).unwrap_or(0),
        };
        Short {
            word: all & counts,
            counts,
            length: text.len(),
            value,
        }
    }
}

/// The first bytes of a text, the first lowest, or the last, the last highest; zeros for what is
/// missing.
#[inline]
fn word(text: &[u8], from: From) -> u64 {
    let whole = match from {
        From::Front => text.first_chunk(),
        From::Back => text.last_chunk(),
    };
    if let Some(whole) = whole {
        return u64::from_le_bytes(*whole);
    }
    let word = match (text.first_chunk(), text.last_chunk()) {
        (Some(first), Some(last)) => {
            let last = u64::from(u32::from_le_bytes(*last));
            u64::from(u32::from_le_bytes(*first)) | (last << (8 * (text.len() - 4)))
        }
        _ => {
            let bytes = text.iter().rev();
            bytes.fold(0, |word, byte| (word << 8) | u64::from(*byte))
        }
    };
    match from {
        From::Front => word,
        From::Back if text.is_empty() => 0,
        From::Back => word << (8 * (WORD - text.len())),
    }
}

#[derive(Clone, Copy, Debug)]
struct Node {
    /// The bytes that lead on, a bit for each.
    branches: [u64; 4],
    /// The child of the lowest of them; the others follow.
    children: u32,
    /// Bytes that a text must have here before it can branch.
    label: (u32, u32),
    /// The number of the prefix that ends after the label.
    value: u32,
}

impl Node {
    fn leaf(label: (u32, u32)) -> Node {
        Node {
            branches: [0; 4],
            children: NONE,
            label,
            value: NONE,
        }
    }

    /// The child for a byte.
    #[inline]
    fn child(&self, byte: u8) -> Option<u32> {
        let (word, bit) = (usize::from(byte / 64), byte % 64);
        let bits = *self.branches.get(word)?;
        if bits & (1 << bit) == 0 {
            return None;
        }
        let before: u32 = self
            .branches
            .iter()
            .take(word)
            .map(|w| w.count_ones())
            .sum();
        Some(self.children + before + (bits & ((1 << bit) - 1)).count_ones())
    }
}

/// The end of a text that is read first.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    Front,
    Back,
}

/// A text, read from the end that counts, with its number.
type Text = (Vec<u8>, u32);

/// A node to be grown, its texts, and how many bytes of them lead there.
type Part<'t> = (usize, &'t [Text], usize);

impl Affixes {
    /// Takes the table's texts, which are read from one end.
    pub(crate) fn new(texts: TextTable, from: From) -> Affixes {
        let mut affixes = Affixes::default();
        if texts.is_empty() {
            return affixes;
        }
        if texts.len() <= FEW && texts.iter().all(|(text, _)| text.len() <= WORD) {
            let few = texts
                .iter()
                .map(|(text, value)| Short::new(text, value, from));
            affixes.few = few.collect();
            return affixes;
        }
        let mut lengths: Vec<usize> = Vec::new();
        for (text, _) in texts.iter() {
            if lengths.len() <= FEW_LENGTHS && !lengths.contains(&text.len()) {
                lengths.push(text.len());
            }
        }
        if lengths.len() <= FEW_LENGTHS {
            affixes.lengths = lengths;
            affixes.table = texts;
            affixes.table.finish();
            return affixes;
        }
        let mut sorted: Vec<Text> = texts
            .iter()
            .map(|(text, value)| {
                let mut text = text.to_vec();
                if from == From::Back {
                    text.reverse();
                }
                (text, value)
            })
            .collect();
        sorted.sort_unstable();
        affixes.nodes.push(Node::leaf((0, 0)));
        let mut waiting = vec![(0usize, sorted.as_slice(), 0usize)];
        while let Some((at, texts, depth)) = waiting.pop() {
            affixes.grow(at, texts, depth, &mut waiting);
        }
        affixes.nodes.shrink_to_fit();
        affixes.labels.shrink_to_fit();
        affixes
    }

    fn grow<'t>(
        &mut self,
        at: usize,
        texts: &'t [Text],
        depth: usize,
        waiting: &mut Vec<Part<'t>>,
    ) {
        let (Some((first, value)), Some((last, _))) = (texts.first(), texts.last()) else {
            return;
        };
        let rest = |text: &'t [u8]| text.get(depth..).unwrap_or_default();
        let (low, high) = (rest(first), rest(last));
        // What the first and the last of sorted texts share, all share.
        let shared = low.iter().zip(high).take_while(|(a, b)| a == b).count();
        let start = self.labels.len();
        self.labels.extend(low.iter().take(shared));
        let fits = |count: usize| u32::try_from(count).unwrap_or(NONE);
        let mut node = Node::leaf((fits(start), fits(start + shared)));
        let depth = depth + shared;
        let mut texts = texts;
        if first.len() == depth {
            node.value = *value;
            texts = texts.get(1..).unwrap_or_default();
        }
        node.children = fits(self.nodes.len());
        let next = |text: &Text| text.0.get(depth).copied().unwrap_or_default();
        for group in texts.chunk_by(|a, b| next(a) == next(b)) {
            let byte = group.first().map(next).unwrap_or_default();
            if let Some(word) = node.branches.get_mut(usize::from(byte / 64)) {
                *word |= 1 << (byte % 64);
            }
            waiting.push((self.nodes.len(), group, depth + 1));
            self.nodes.push(Node::leaf((0, 0)));
        }
        if let Some(place) = self.nodes.get_mut(at) {
            *place = node;
        }
    }

    /// Tells the number of every prefix that the text starts with.
    #[inline]
    pub(crate) fn of_front(&self, text: Literal<'_>, mut tell: impl FnMut(u32)) {
        if !self.few.is_empty() {
            // Truncation is meant: the first bytes are the lowest.
            self.of_few(text.front as u64, text.length, &mut tell);
            return;
        }
        for length in &self.lengths {
            let front = text.first(*length);
            let found = front.and_then(|front| self.table.find(front, || front.hash()));
            if let Some(value) = found {
                tell(value);
            }
        }
        let text = text.text();
        let mut rest = text;
        let mut next = self.nodes.first();
        while let Some(node) = next {
            match rest.strip_prefix(self.label(node)) {
                Some(after) => rest = after,
                None => return,
            }
            if node.value != NONE {
                tell(node.value);
            }
            next = rest.split_first().and_then(|(byte, after)| {
                rest = after;
                self.nodes.get(node.child(*byte)? as usize)
            });
        }
    }

    /// Tells the number of every suffix that the text ends with.
    #[inline]
    pub(crate) fn of_back(&self, text: &[u8], mut tell: impl FnMut(u32)) {
        if !self.few.is_empty() {
            self.of_few(word(text, From::Back), text.len(), &mut tell);
            return;
        }
        for length in &self.lengths {
            let start = text.len().checked_sub(*length);
            let back = start.and_then(|start| text.get(start..));
            if let Some(value) = back.and_then(|back| self.table.get(back)) {
                tell(value);
            }
        }
        let mut rest = text;
        let mut next = self.nodes.first();
        while let Some(node) = next {
            for wanted in self.label(node) {
                match rest.split_last() {
                    Some((byte, before)) if byte == wanted => rest = before,
                    _ => return,
                }
            }
            if node.value != NONE {
                tell(node.value);
            }
            next = rest.split_last().and_then(|(byte, before)| {
                rest = before;
                self.nodes.get(node.child(*byte)? as usize)
            });
        }
    }

    #[inline]
    fn of_few(&self, word: u64, length: usize, tell: &mut impl FnMut(u32)) {
        for short in &self.few {
            if word & short.counts == short.word && short.length <= length {
                tell(short.value);
            }
        }
    }

    #[inline]
    fn label(&self, node: &Node) -> &[u8] {
        let (start, end) = node.label;
        self.labels
            .get(start as usize..end as usize)
            .unwrap_or_default()
    }

    /// Bytes kept.
    pub(crate) fn memory(&self) -> usize {
        self.nodes.capacity() * size_of::<Node>()
            + self.labels.capacity()
            + self.table.memory()
            + self.few.capacity() * size_of::<Short>()
            + self.lengths.capacity() * size_of::<usize>()
    }
}
