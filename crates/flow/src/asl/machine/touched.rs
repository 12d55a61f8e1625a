//! Which frames of a family a turn touched, so that only those are written.

use std::collections::BTreeMap;

/// Keys that a turn touched, each with whether the store may have a frame of it.
///
/// What begins and ends within one turn was never stored: nothing is written of it. A Map whose thousand iterations need
/// nobody would otherwise delete thousands of frames that do not exist.
#[derive(Debug)]
pub(super) struct Touched<K>(BTreeMap<K, bool>);

impl<K: Ord + Copy> Touched<K> {
    pub(super) fn none() -> Self {
        Self(BTreeMap::new())
    }

    /// This one is new.
    pub(super) fn begun(&mut self, key: K) {
        self.0.entry(key).or_insert(false);
    }

    /// This one was there before, perhaps in the store.
    pub(super) fn changed(&mut self, key: K) {
        self.0.entry(key).or_insert(true);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those that are to be written: put if they live, else deleted.
    pub(super) fn written(&self, lives: impl Fn(K) -> bool) -> impl Iterator<Item = K> {
        self.0
            .iter()
            .filter(move |(key, stored)| **stored || lives(**key))
            .map(|(key, _)| *key)
    }
}
