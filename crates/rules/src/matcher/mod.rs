//! Which of many rules want an event, without asking each of them.
//!
//! Readers see an immutable snapshot and never wait; a writer makes the next snapshot and swaps
//! it in. New rules are indexed in small segments, which are merged into larger ones as they
//! become many, so that adding stays cheap and an event meets few segments. A rule taken out is
//! marked, and forgotten at the next merge, or when a third of everything is marked.

mod index;
mod judge;
mod links;
mod paths;
mod program;
mod rank;
mod rule;
mod snapshot;

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

pub(crate) use index::Literal;
pub(crate) use paths::PathTree;
use paths::Paths;
use rule::Rule;
pub use snapshot::Scratch;
use snapshot::{Segment, Shelf, Snapshot};

use crate::event::{Event, EventError};
use crate::event_text::EventText;
use crate::pattern::Pattern;
use crate::scan::LastBytes;

/// A segment is merged with the smaller ones after it once they have together a
/// `MERGE_AT`th of its rules.
const MERGE_AT: usize = 7;

/// So few rules are always in one segment. AWS allows a bus 300 rules unless asked for more.
const SMALL: usize = 300;

/// Fewer rules or paths than this are not worth tidying up.
const LITTER: usize = 64;

/// A set of rules, asked together. Rules are added and taken out while others match.
///
/// ```
/// # use rules::{Event, Matcher, Pattern};
/// let matcher = Matcher::new();
/// matcher.insert("ec2", Pattern::parse(r#"{"source":["aws.ec2"]}"#)?);
/// matcher.insert("s3", Pattern::parse(r#"{"source":["aws.s3"]}"#)?);
/// assert_eq!(matcher.matching(&Event::parse(r#"{"source":"aws.s3"}"#)?), ["s3"]);
/// assert_eq!(matcher.matching_text(r#"{"source":"aws.ec2"}"#)?, ["ec2"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Matcher<K> {
    snapshot: ArcSwap<Snapshot<K>>,
    writer: Mutex<Writer<K>>,
}

/// What only writers need.
#[derive(Debug)]
struct Writer<K> {
    /// Where each rule is.
    places: BTreeMap<K, Place>,
    shelves: Vec<Shelf<K>>,
    paths: Paths,
    /// Rules marked as taken out.
    gone: usize,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    shelf: usize,
    at: usize,
}

impl<K: Clone + Ord> Default for Matcher<K> {
    fn default() -> Self {
        Matcher::new()
    }
}

impl<K: Clone + Ord> Matcher<K> {
    /// A matcher without rules.
    #[must_use]
    pub fn new() -> Self {
        let mut writer = Writer {
            places: BTreeMap::new(),
            shelves: Vec::new(),
            paths: Paths::default(),
            gone: 0,
        };
        Matcher {
            snapshot: ArcSwap::from_pointee(writer.snapshot()),
            writer: Mutex::new(writer),
        }
    }

    /// Adds a rule, in place of an earlier one with the same key, whose pattern is returned.
    /// Events matched from now on see it.
    pub fn insert(&self, key: K, pattern: Pattern) -> Option<Pattern> {
        let mut earlier = None;
        self.write(|writer| {
            earlier = writer.remove(&key);
            writer.add(vec![(key, pattern)]);
        });
        earlier
    }

    /// Adds many rules at once, which is cheaper than one by one. Of equal keys the last counts.
    pub fn extend(&self, rules: impl IntoIterator<Item = (K, Pattern)>) {
        let last: BTreeMap<K, Pattern> = rules.into_iter().collect();
        self.write(|writer| {
            for key in last.keys() {
                writer.remove(key);
            }
            writer.add(last.into_iter().collect());
        });
    }

    /// Takes a rule out and returns its pattern. Events matched from now on do not see it.
    pub fn remove<Q>(&self, key: &Q) -> Option<Pattern>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let mut removed = None;
        self.write(|writer| removed = writer.remove(key));
        removed
    }

    fn write(&self, change: impl FnOnce(&mut Writer<K>)) {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut writer);
        writer.tidy();
        self.snapshot.store(Arc::new(writer.snapshot()));
    }

    /// The keys of all rules that match the event, in key order.
    #[must_use]
    pub fn matching(&self, event: &Event) -> Vec<K> {
        self.matching_known(EventText::of(event))
    }

    /// The keys of all rules that match an event given as JSON text, in key order.
    ///
    /// # Errors
    /// As [`Event::parse`].
    pub fn matching_text(&self, json: &str) -> Result<Vec<K>, EventError> {
        Ok(self.matching_known(EventText::check(json)?))
    }

    fn matching_known(&self, event: EventText<'_>) -> Vec<K> {
        let mut scratch = Scratch::new();
        let mut keys = Vec::new();
        self.each_match(event, &mut scratch, |key| keys.push(key.clone()));
        keys.sort_unstable();
        keys
    }

    /// Calls `tell` with the key of every rule that matches, in no particular order. Once
    /// `scratch` has grown to the size of the events, memory is allocated only where two fields
    /// of a rule meet in lists, and for texts beyond ASCII compared without case.
    ///
    /// ```
    /// # use rules::{EventText, Matcher, Pattern, Scratch};
    /// let matcher = Matcher::new();
    /// matcher.insert(7, Pattern::parse(r#"{"source":["aws.ec2"]}"#)?);
    /// let mut scratch = Scratch::new();
    /// let mut matched = 0;
    /// for text in [r#"{"source":"aws.ec2"}"#, r#"{"source":"aws.s3"}"#] {
    ///     matcher.each_match(EventText::check(text)?, &mut scratch, |_| matched += 1);
    /// }
    /// assert_eq!(matched, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn each_match(&self, event: EventText<'_>, scratch: &mut Scratch, tell: impl FnMut(&K)) {
        self.snapshot.load().each_match(event, scratch, tell);
    }

    /// Calls `tell` with the place of an event in the list and the key of a rule, for every rule
    /// that matches one of the events. All meet the same rules. This is quicker than
    /// [`Matcher::each_match`] for one after the other, most of all if the events are no longer in
    /// the processor's caches: the next ones are fetched while one is matched.
    pub fn each_match_of(
        &self,
        events: &[EventText<'_>],
        scratch: &mut Scratch,
        mut tell: impl FnMut(usize, &K),
    ) {
        /// How many events are fetched in advance.
        const AHEAD: usize = 3;
        let snapshot = self.snapshot.load();
        for event in events.iter().take(AHEAD) {
            scratch.fetch(*event);
        }
        for (place, event) in events.iter().enumerate() {
            if let Some(later) = events.get(place + AHEAD) {
                scratch.fetch(*later);
            }
            snapshot.each_match(*event, scratch, |key| tell(place, key));
        }
    }

    /// The pattern of a rule.
    #[must_use]
    pub fn get<Q>(&self, key: &Q) -> Option<Pattern>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let place = writer.places.get(key)?;
        let rule = writer
            .shelves
            .get(place.shelf)?
            .segment
            .rules
            .get(place.at)?;
        Some(rule.pattern.clone())
    }

    /// How many rules there are.
    #[must_use]
    pub fn len(&self) -> usize {
        let snapshot = self.snapshot.load();
        snapshot.shelves.iter().map(|shelf| shelf.left).sum()
    }

    /// Whether there are no rules.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of memory that the rules and their index take, without what keys hold on the heap.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.snapshot.load().memory
    }
}

impl<K: Clone + Ord> Writer<K> {
    fn snapshot(&mut self) -> Snapshot<K> {
        let trees = self.paths.trees();
        let index: usize = self.shelves.iter().map(Shelf::memory).sum();
        let trees_memory: usize = trees.iter().map(|tree| tree.memory()).sum();
        let places = self.places.len() * (size_of::<(K, Place)>() + 8);
        let mut last_bytes = LastBytes::default();
        for tree in &trees {
            last_bytes.join(tree.last_bytes());
        }
        Snapshot {
            shelves: self.shelves.clone(),
            paths: self.paths.count(),
            memory: index + trees_memory + places + self.paths.memory(),
            trees,
            last_bytes,
        }
    }

    fn remove<Q>(&mut self, key: &Q) -> Option<Pattern>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let place = self.places.remove(key)?;
        let shelf = self.shelves.get_mut(place.shelf)?;
        let rule = Arc::clone(shelf.segment.rules.get(place.at)?);
        shelf.take_out(place.at);
        self.gone += 1;
        for field in rule.pattern.fields() {
            self.paths.give_back(&field.path);
        }
        Some(rule.pattern.clone())
    }

    /// Adds rules whose keys are new, merging the segments that have become small beside them.
    fn add(&mut self, rules: Vec<(K, Pattern)>) {
        if rules.is_empty() {
            return;
        }
        let mut merged = Vec::new();
        let mut first = self.shelves.len();
        let mut count = rules.len();
        let kept = self.shelves.iter().map(|shelf| shelf.segment.keys.len());
        let is_small = kept.sum::<usize>() + count <= SMALL;
        while let Some(before) = first.checked_sub(1)
            && let Some(shelf) = self.shelves.get(before)
            && (is_small || shelf.segment.keys.len() <= MERGE_AT * count)
        {
            count += shelf.segment.keys.len();
            first = before;
        }
        for shelf in self.shelves.split_off(first) {
            self.empty(&shelf, &mut merged);
        }
        for (key, pattern) in rules {
            let rule = self.prepare(pattern);
            merged.push((key, rule));
        }
        self.put_up(merged);
    }

    fn prepare(&mut self, pattern: Pattern) -> Arc<Rule> {
        let fields = pattern.fields().iter();
        let paths: Vec<u32> = fields.map(|field| self.paths.take(&field.path)).collect();
        Arc::new(Rule::new(pattern, &paths))
    }

    /// Takes the rules that are left from a shelf that has been taken down.
    fn empty(&mut self, shelf: &Shelf<K>, into: &mut Vec<(K, Arc<Rule>)>) {
        let segment = &shelf.segment;
        self.gone -= segment.keys.len() - shelf.left;
        for (at, (key, rule)) in segment.keys.iter().zip(&segment.rules).enumerate() {
            if shelf.has(at) {
                into.push((key.clone(), Arc::clone(rule)));
            }
        }
    }

    /// Indexes rules as the last shelf.
    fn put_up(&mut self, rules: Vec<(K, Arc<Rule>)>) {
        let shelf = self.shelves.len();
        for (at, (key, _)) in rules.iter().enumerate() {
            self.places.insert(key.clone(), Place { shelf, at });
        }
        self.shelves.push(Shelf::new(Segment::new(rules)));
    }

    /// Builds everything anew from the rules that are left, once too much is left behind.
    fn tidy(&mut self) {
        let left = self.places.len();
        let paths = self.paths.count();
        if self.gone <= left / 2 + LITTER && self.paths.idle() <= paths / 2 + LITTER {
            return;
        }
        let mut rules = Vec::with_capacity(left);
        for shelf in std::mem::take(&mut self.shelves) {
            self.empty(&shelf, &mut rules);
        }
        self.paths = Paths::default();
        let rules: Vec<(K, Arc<Rule>)> = rules
            .into_iter()
            .map(|(key, rule)| (key, self.prepare(rule.pattern.clone())))
            .collect();
        if !rules.is_empty() {
            self.put_up(rules);
        }
    }
}

#[cfg(test)]
mod tests;
