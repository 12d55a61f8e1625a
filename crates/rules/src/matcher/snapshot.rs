//! The rules at one moment. Readers keep theirs while writers make the next one.

use std::sync::Arc;

use super::judge::{Room, View};
use super::paths::PathTree;
use super::program::Program;
use super::rule::Rule;
use crate::event_text::EventText;
use crate::scan::{LastBytes, Leaves, Masks, fetch, walk};

/// Rules that were indexed together.
#[derive(Debug)]
pub(super) struct Segment<K> {
    pub(super) keys: Vec<K>,
    pub(super) rules: Vec<Arc<Rule>>,
    program: Program,
    /// Bytes kept, rules included.
    memory: usize,
}

/// A segment, and which of its rules have been taken out since.
#[derive(Clone, Debug)]
pub(super) struct Shelf<K> {
    pub(super) segment: Arc<Segment<K>>,
    /// A bit for each rule that is gone.
    gone: Arc<[u64]>,
    pub(super) left: usize,
}

/// All rules.
#[derive(Debug)]
pub(super) struct Snapshot<K> {
    pub(super) shelves: Vec<Shelf<K>>,
    pub(super) trees: Vec<Arc<PathTree>>,
    pub(super) last_bytes: LastBytes,
    pub(super) paths: usize,
    pub(super) memory: usize,
}

/// Memory that matching uses again and again: one for each thread that matches.
#[derive(Default)]
pub struct Scratch {
    masks: Masks,
    leaves: Leaves,
    stamps: Vec<u32>,
    stamp: u32,
    folded: Vec<u8>,
    excepted: Vec<u64>,
    matched: Vec<u32>,
}

impl Scratch {
    /// Memory for matching; it grows with the first events.
    #[must_use]
    pub fn new() -> Self {
        Scratch::default()
    }

    /// Has as much of a later event fetched from memory as the one before was looked at.
    pub(super) fn fetch(&self, event: EventText<'_>) {
        let bytes = event.as_str().as_bytes();
        fetch(bytes.get(..self.masks.foresight()).unwrap_or(bytes));
    }

    fn next_stamp(&mut self, stamps: usize) -> u32 {
        if self.stamps.len() < stamps {
            self.stamps.resize(stamps, 0);
        }
        self.stamp = self.stamp.wrapping_add(1);
        if self.stamp == 0 {
            self.stamps.fill(0);
            self.stamp = 1;
        }
        self.stamp
    }
}

impl std::fmt::Debug for Scratch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scratch").finish_non_exhaustive()
    }
}

impl<K> Segment<K> {
    pub(super) fn new(rules: Vec<(K, Arc<Rule>)>) -> Segment<K> {
        let (keys, rules): (Vec<K>, Vec<Arc<Rule>>) = rules.into_iter().unzip();
        let program = Program::new(&rules);
        let patterns: usize = rules.iter().map(|rule| rule.memory).sum();
        Segment {
            memory: keys.capacity() * size_of::<K>()
                + rules.capacity() * size_of::<Arc<Rule>>()
                + patterns
                + program.memory(),
            keys,
            rules,
            program,
        }
    }
}

impl<K> Shelf<K> {
    pub(super) fn new(segment: Segment<K>) -> Shelf<K> {
        let left = segment.keys.len();
        Shelf {
            gone: vec![0; left.div_ceil(64)].into(),
            segment: Arc::new(segment),
            left,
        }
    }

    /// Takes a rule out.
    pub(super) fn take_out(&mut self, place: usize) {
        let mut gone = self.gone.to_vec();
        if let Some(word) = gone.get_mut(place / 64) {
            let bit = 1 << (place % 64);
            if *word & bit == 0 {
                *word |= bit;
                self.left -= 1;
            }
        }
        self.gone = gone.into();
    }

    pub(super) fn has(&self, place: usize) -> bool {
        let word = self.gone.get(place / 64);
        place < self.segment.keys.len() && word.is_some_and(|word| word & (1 << (place % 64)) == 0)
    }

    pub(super) fn memory(&self) -> usize {
        self.segment.memory + size_of_val(&*self.gone)
    }
}

impl<K> Snapshot<K> {
    /// Calls `tell` with the key of every rule that a valid event matches.
    pub(super) fn each_match(
        &self,
        event: EventText<'_>,
        scratch: &mut Scratch,
        mut tell: impl FnMut(&K),
    ) {
        if self.shelves.is_empty() {
            return;
        }
        let text = event.as_str();
        scratch.masks.clear(if event.is_plain() {
            self.last_bytes
        } else {
            LastBytes::ANY
        });
        scratch.leaves.clear(self.paths);
        for tree in &self.trees {
            walk(event, &mut scratch.masks, tree, &mut scratch.leaves);
        }
        let programs = self.shelves.iter().map(|shelf| &shelf.segment.program);
        let stamp = scratch.next_stamp(programs.map(Program::stamps).sum());
        let mut stamps = scratch.stamps.as_mut_slice();
        for shelf in &self.shelves {
            let segment = &shelf.segment;
            let needed = segment.program.stamps().min(stamps.len());
            let (own, others) = std::mem::take(&mut stamps).split_at_mut(needed);
            stamps = others;
            scratch.matched.clear();
            let view = View {
                text,
                leaves: &scratch.leaves,
            };
            let room = Room {
                stamps: own,
                stamp,
                folded: &mut scratch.folded,
                excepted: &mut scratch.excepted,
                matched: &mut scratch.matched,
            };
            segment.program.run(&segment.rules, view, room);
            for place in &scratch.matched {
                let place = *place as usize;
                if let Some(key) = segment.keys.get(place)
                    && shelf.has(place)
                {
                    tell(key);
                }
            }
        }
    }
}
