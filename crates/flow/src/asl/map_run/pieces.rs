//! The items of a map run that may be needed yet, in pieces of bounded size; each piece is a frame that is written once.
//! Decides nothing.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use serde_json::Value;

use crate::asl::dataset::weight;

/// Bytes of items that a piece holds, as far as one item does not have more.
const PIECE: usize = 65_536;

/// Some items that stand one after another.
#[derive(Debug, Clone, PartialEq)]
struct Piece {
    items: Arc<Vec<Value>>,
    /// About the bytes of memory that they take.
    weight: usize,
    /// How many of them may be needed yet.
    needed: u64,
    /// Where they were read from; `None`: they were given.
    source: Option<Arc<str>>,
}

impl Piece {
    /// Gives back the memory of some of its items; says how much that was.
    fn forget(&mut self, places: Range<usize>) -> usize {
        let items = Arc::make_mut(&mut self.items);
        let mut freed = 0_usize;
        for item in items.get_mut(places).into_iter().flatten() {
            // What weighs no more than nothing stays.
            let more = weigh(item).saturating_sub(weigh(&Value::Null));
            if more > 0 {
                *item = Value::Null;
                freed += more;
            }
        }
        self.weight = self.weight.saturating_sub(freed);
        freed
    }
}

/// About the bytes of memory that an item takes.
fn weigh(item: &Value) -> usize {
    weight::of(item, weight::text(item))
}

/// Items by their position.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Pieces {
    /// By the position of the first item.
    held: BTreeMap<u64, Piece>,
    weight: usize,
}

impl Pieces {
    /// Takes further items of one source, the first of them at position `first`; says where the pieces begin that they make.
    pub(crate) fn add(
        &mut self,
        first: u64,
        items: Vec<Value>,
        source: Option<&Arc<str>>,
    ) -> Vec<u64> {
        let (mut at, mut piece, mut bytes) = (first, Vec::new(), 0);
        let mut fresh = Vec::new();
        for item in items {
            let size = weight::text(&item);
            if !piece.is_empty() && bytes + size > PIECE {
                let full = std::mem::take(&mut piece);
                fresh.push(at);
                at += count(&full);
                bytes = 0;
                self.put(at - count(&full), full, source.cloned());
            }
            bytes += size;
            piece.push(item);
        }
        if !piece.is_empty() {
            fresh.push(at);
            self.put(at, piece, source.cloned());
        }
        fresh
    }

    /// Takes one piece as it is.
    pub(crate) fn put(&mut self, first: u64, items: Vec<Value>, source: Option<Arc<str>>) {
        let weight = items.iter().map(weigh).sum();
        self.weight += weight;
        let piece = Piece {
            weight,
            needed: count(&items),
            items: Arc::new(items),
            source,
        };
        self.held.insert(first, piece);
    }

    /// The item at a position, and where it was read from.
    pub(crate) fn item(&self, at: u64) -> Option<(&Value, Option<&str>)> {
        let (first, piece) = self.held.range(..=at).next_back()?;
        let item = piece.items.get(usize::try_from(at - first).ok()?)?;
        Some((item, piece.source.as_deref()))
    }

    /// The items of the piece that begins at a position, and where they were read from.
    pub(crate) fn piece(&self, first: u64) -> Option<(&[Value], Option<&str>)> {
        let piece = self.held.get(&first)?;
        Some((piece.items.as_slice(), piece.source.as_deref()))
    }

    /// Where the pieces begin.
    pub(crate) fn firsts(&self) -> impl Iterator<Item = u64> {
        self.held.keys().copied()
    }

    /// About the bytes of memory that all take.
    pub(crate) fn weight(&self) -> usize {
        self.weight
    }

    /// The same of those from a position on; a piece that begins before it counts whole.
    pub(crate) fn weight_from(&self, next: u64) -> usize {
        let pieces = self.held.iter().rev();
        pieces
            .take_while(|(first, piece)| *first + count(&piece.items) > next)
            .map(|(_, piece)| piece.weight)
            .sum()
    }

    /// So many items from a position on are not needed any more: their memory is given back. Says where the pieces began
    /// that are gone with them.
    pub(crate) fn release(&mut self, (first, items): (u64, u64)) -> Vec<u64> {
        let until = first.saturating_add(items);
        let before = self.held.range(..=first).next_back().map(|(at, _)| *at);
        let mut gone = Vec::new();
        for (at, piece) in self.held.range_mut(before.unwrap_or(first)..until) {
            let behind = at.saturating_add(count(&piece.items)).min(until);
            let from = first.max(*at);
            let released = behind.saturating_sub(from);
            piece.needed = piece.needed.saturating_sub(released);
            if piece.needed == 0 {
                gone.push(*at);
                continue;
            }
            let place = |position: u64| usize::try_from(position - *at).unwrap_or(usize::MAX);
            if released > 0 {
                self.weight = self
                    .weight
                    .saturating_sub(piece.forget(place(from)..place(behind)));
            }
        }
        for at in &gone {
            if let Some(piece) = self.held.remove(at) {
                self.weight = self.weight.saturating_sub(piece.weight);
            }
        }
        gone
    }
}

fn count(items: &[Value]) -> u64 {
    u64::try_from(items.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_piece_goes_with_the_last_item_that_needs_it() {
        let items: Vec<Value> = (0..10).map(|n| json!(format!("{n:0>30000}"))).collect();
        let mut pieces = Pieces::default();
        assert_eq!(
            pieces.add(5, items.clone(), Some(&"s3://b/k".into())),
            [5, 7, 9, 11, 13]
        );
        assert_eq!(pieces.item(8), Some((&items[3], Some("s3://b/k"))));
        assert_eq!(pieces.item(4), None);
        assert_eq!(pieces.item(15), None);
        let whole = pieces.weight();
        assert_eq!(pieces.weight_from(0), whole);
        assert_eq!(pieces.weight_from(8), whole / 5 * 4);
        assert_eq!(pieces.weight_from(15), 0);
        assert_eq!(pieces.release((6, 4)), [7]);
        assert_eq!(pieces.release((5, 1)), [5]);
        assert_eq!(pieces.item(8), None);
        assert_eq!(pieces.item(10).map(|found| found.0), Some(&items[5]));
        assert_eq!(pieces.release((10, 5)), [9, 11, 13]);
        assert_eq!((pieces.weight(), pieces.firsts().count()), (0, 0));
        assert_eq!(pieces.release((0, 100)), [0; 0]);
    }

    #[test]
    fn what_a_piece_holds_for_one_item_is_little() {
        let items: Vec<Value> = (0..60).map(|n| json!(format!("{n:0>1000}"))).collect();
        let mut pieces = Pieces::default();
        assert_eq!(pieces.add(0, items.clone(), None), [0]);
        let whole = pieces.weight();
        assert_eq!(pieces.release((0, 33)), [0; 0]);
        assert_eq!(pieces.release((34, 26)), [0; 0]);
        assert_eq!(pieces.item(33), Some((&items[33], None)));
        assert!(pieces.weight() < whole / 10, "{}", pieces.weight());
        assert_eq!(pieces.release((33, 1)), [0]);
        assert_eq!(pieces.weight(), 0);
    }
}
