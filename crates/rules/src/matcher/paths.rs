//! The field paths that rules mention: numbers for them, and the trees along which events are
//! walked.
//!
//! A new path changes the smallest of three trees only, so that rules which all mention new paths
//! stay cheap to add. Most sets of rules have few paths and so one tree.

use std::collections::HashMap;
use std::sync::Arc;

use super::index::{NONE, TextTable};
use crate::scan::LastBytes;

/// How many paths the smaller trees may have.
const SIZES: [usize; 2] = [64, 4096];

/// The numbers of paths, each with how many fields of rules use it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Paths {
    numbers: HashMap<Arc<str>, Use>,
    tiers: [Tier; 3],
    /// Numbers given so far.
    count: u32,
    /// Paths without a use.
    idle: usize,
}

#[derive(Clone, Copy, Debug)]
struct Use {
    number: u32,
    fields: usize,
}

#[derive(Clone, Debug, Default)]
struct Tier {
    paths: Vec<(Arc<str>, u32)>,
    tree: Arc<PathTree>,
    changed: bool,
}

impl Paths {
    /// The number of a path, which gets one more use.
    pub(crate) fn take(&mut self, path: &str) -> u32 {
        if let Some(known) = self.numbers.get_mut(path) {
            self.idle -= usize::from(known.fields == 0);
            known.fields += 1;
            return known.number;
        }
        let (path, number): (Arc<str>, u32) = (path.into(), self.count);
        self.count += 1;
        self.numbers
            .insert(Arc::clone(&path), Use { number, fields: 1 });
        let [small, middle, large] = &mut self.tiers;
        small.add([(path, number)]);
        if small.paths.len() > SIZES[0] {
            middle.add(small.paths.drain(..));
        }
        if middle.paths.len() > SIZES[1] {
            large.add(middle.paths.drain(..));
        }
        number
    }

    /// Takes back one use of a path.
    pub(crate) fn give_back(&mut self, path: &str) {
        if let Some(known) = self.numbers.get_mut(path) {
            known.fields = known.fields.saturating_sub(1);
            self.idle += usize::from(known.fields == 0);
        }
    }

    /// How many numbers have been given.
    pub(crate) fn count(&self) -> usize {
        self.count as usize
    }

    /// How many of them no rule uses any more.
    pub(crate) fn idle(&self) -> usize {
        self.idle
    }

    /// The trees of all paths.
    pub(crate) fn trees(&mut self) -> Vec<Arc<PathTree>> {
        let trees = self.tiers.iter_mut().rev().map(Tier::tree);
        trees.filter(|tree| !tree.is_empty()).collect()
    }

    /// Bytes kept, without the trees.
    pub(crate) fn memory(&self) -> usize {
        let each = size_of::<(Arc<str>, Use)>() + size_of::<(Arc<str>, u32)>() + 16;
        let texts: usize = self.numbers.keys().map(|path| path.len()).sum();
        self.numbers.capacity() * each + texts
    }
}

impl Tier {
    fn add(&mut self, paths: impl IntoIterator<Item = (Arc<str>, u32)>) {
        self.paths.extend(paths);
        self.changed = true;
    }

    fn tree(&mut self) -> Arc<PathTree> {
        // A tier that was emptied into the next one counts as changed by its length.
        if self.changed || self.tree.paths != self.paths.len() {
            self.tree = Arc::new(PathTree::new(&self.paths));
            self.changed = false;
        }
        Arc::clone(&self.tree)
    }
}

/// Paths as a tree of key parts.
#[derive(Clone, Debug, Default)]
pub(crate) struct PathTree {
    nodes: Vec<Node>,
    children: Vec<Child>,
    /// Children of nodes that have many.
    tables: Vec<TextTable>,
    bytes: Vec<u8>,
    paths: usize,
    last_bytes: LastBytes,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    /// The path that ends here.
    path: u32,
    first_child: u32,
    children: u32,
    /// Which table holds the children instead.
    table: u32,
}

#[derive(Clone, Copy, Debug)]
struct Child {
    /// The last bytes of the part as it stands in an event, opening quote included, zeros before;
    /// and which of these bytes count.
    tail: u128,
    counts: u128,
    /// Of the part; as many bytes stand at `start`.
    length: u32,
    start: u32,
    node: u32,
    /// A part with a quote or a backslash is never spelled like that in an event.
    spelled: bool,
}

/// Bytes of a key that are compared at once.
const TAIL: usize = 16;

/// The parts of a path, with its number.
type Steps<'p> = (Vec<&'p str>, u32);

/// A node to be grown, its paths, and how many parts of them lead there.
type Part<'p> = (usize, &'p [Steps<'p>], usize);

/// More children than this are looked up in a table.
const FEW: usize = 8;

impl PathTree {
    pub(crate) const ROOT: u32 = 0;

    pub(crate) fn new(paths: &[(Arc<str>, u32)]) -> PathTree {
        let mut tree = PathTree {
            paths: paths.len(),
            ..PathTree::default()
        };
        if paths.is_empty() {
            return tree;
        }
        let mut split: Vec<Steps<'_>> = paths
            .iter()
            .map(|(path, number)| (path.split('.').collect(), *number))
            .collect();
        split.sort_unstable();
        tree.nodes.push(Node::EMPTY);
        let mut waiting = vec![(0usize, split.as_slice(), 0usize)];
        while let Some((at, paths, depth)) = waiting.pop() {
            tree.grow(at, paths, depth, &mut waiting);
        }
        tree
    }

    fn grow<'p>(
        &mut self,
        at: usize,
        paths: &'p [Steps<'p>],
        depth: usize,
        waiting: &mut Vec<Part<'p>>,
    ) {
        let mut node = Node::EMPTY;
        let mut paths = paths;
        if let Some((first, rest)) = paths.split_first()
            && first.0.len() == depth
        {
            node.path = first.1;
            paths = rest;
        }
        let part = |path: &Steps<'p>| path.0.get(depth).copied().unwrap_or_default();
        node.first_child = number(self.children.len());
        let mut table = TextTable::default();
        for group in paths.chunk_by(|a, b| part(a) == part(b)) {
            let name = group.first().map(part).unwrap_or_default();
            let child = self.nodes.len();
            self.nodes.push(Node::EMPTY);
            waiting.push((child, group, depth + 1));
            table.update(name.as_bytes(), |_| number(child));
            self.last_bytes.add(name.as_bytes());
        }
        node.children = number(table.len());
        if table.len() > FEW {
            node.table = number(self.tables.len());
            self.tables.push(table);
        } else {
            for (name, child) in table.iter() {
                self.children.push(self.child_named(name, child));
                self.bytes.extend_from_slice(name);
            }
        }
        if let Some(place) = self.nodes.get_mut(at) {
            *place = node;
        }
    }

    fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// How keys end that lead anywhere.
    pub(crate) fn last_bytes(&self) -> LastBytes {
        self.last_bytes
    }

    /// The path that ends at a node.
    #[inline]
    pub(crate) fn path(&self, node: u32) -> Option<u32> {
        let path = self.nodes.get(node as usize)?.path;
        (path != NONE).then_some(path)
    }

    /// How many children a node has.
    #[inline]
    pub(crate) fn children(&self, node: u32) -> u32 {
        self.nodes
            .get(node as usize)
            .map_or(0, |node| node.children)
    }

    /// Whether a node has so many children that they are found by their whole names only.
    #[inline]
    pub(crate) fn has_table(&self, node: u32) -> bool {
        self.nodes
            .get(node as usize)
            .is_some_and(|node| node.table != NONE)
    }

    /// The child for the key, without a backslash in it, whose closing quote stands at a place of
    /// a text.
    #[inline]
    pub(crate) fn child_before(&self, node: u32, text: &[u8], close: usize) -> Option<u32> {
        let node = self.nodes.get(node as usize)?;
        let first = node.first_child as usize;
        let children = self.children.get(first..first + node.children as usize)?;
        let tail = tail(text, close);
        for child in children {
            if tail & child.counts == child.tail && child.spelled && (child.length as usize) < TAIL
            {
                return Some(child.node);
            }
            if tail & child.counts == child.tail && self.is_long_key(child, text, close) {
                return Some(child.node);
            }
        }
        None
    }

    fn is_long_key(&self, child: &Child, text: &[u8], close: usize) -> bool {
        let key = close
            .checked_sub(child.length as usize)
            .and_then(|start| text.get(start.checked_sub(1)?..close));
        child.spelled && key.and_then(<[u8]>::split_first) == Some((&b'"', self.name(child)))
    }

    fn child_named(&self, name: &[u8], node: u32) -> Child {
        let mut spelled = vec![b'"'];
        spelled.extend_from_slice(name);
        let tail = tail(&spelled, spelled.len());
        let known = 8 * spelled.len().min(TAIL);
        Child {
            tail,
            counts: u128::MAX.checked_shl(number(8 * TAIL - known)).unwrap_or(0),
            length: number(name.len()),
            start: number(self.bytes.len()),
            node,
            spelled: !name.iter().any(|byte| matches!(byte, b'"' | b'\\')),
        }
    }

    /// The node that an unescaped key leads to; dots in it are steps.
    pub(crate) fn descend(&self, from: u32, key: &str) -> Option<u32> {
        key.split('.').try_fold(from, |node, part| {
            let node = self.nodes.get(node as usize)?;
            if let Some(table) = self.tables.get(node.table as usize) {
                return table.get(part.as_bytes());
            }
            let first = node.first_child as usize;
            let children = self.children.get(first..first + node.children as usize)?;
            let wanted = children
                .iter()
                .find(|child| self.name(child) == part.as_bytes());
            wanted.map(|child| child.node)
        })
    }

    #[inline]
    fn name(&self, child: &Child) -> &[u8] {
        let start = child.start as usize;
        self.bytes
            .get(start..start + child.length as usize)
            .unwrap_or_default()
    }

    /// Bytes kept.
    pub(crate) fn memory(&self) -> usize {
        self.nodes.capacity() * size_of::<Node>()
            + self.children.capacity() * size_of::<Child>()
            + self.tables.iter().map(TextTable::memory).sum::<usize>()
            + self.bytes.capacity()
    }
}

impl Node {
    const EMPTY: Node = Node {
        path: NONE,
        first_child: 0,
        children: 0,
        table: NONE,
    };
}

/// Counts of nodes and bytes of paths stay far below the limit: they come from rules in memory.
fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(NONE)
}

/// The bytes before a place, the nearest highest; zeros for those that there are not.
#[inline]
fn tail(text: &[u8], to: usize) -> u128 {
    if let Some(from) = to.checked_sub(TAIL) {
        let bytes = text.get(from..).and_then(|rest| rest.first_chunk());
        return bytes.map_or(0, |bytes| u128::from_le_bytes(*bytes));
    }
    match text.first_chunk::<TAIL>() {
        // What stands at `to` and behind it is shifted out; if nothing stands before, all is.
        Some(bytes) => u128::from_le_bytes(*bytes)
            .checked_shl(number(8 * (TAIL - to)))
            .unwrap_or(0),
        None => {
            let bytes = text.get(..to).unwrap_or_default();
            bytes.iter().fold(0, |word, byte| {
                (word >> 8) | (u128::from(*byte) << (8 * (TAIL - 1)))
            })
        }
    }
}
