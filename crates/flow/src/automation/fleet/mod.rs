//! Runs whose children take the place of steps: one for each resource, or for each account and region.
//!
//! [`asked`] reads what was asked for, [`questions`] finds the resources and accounts, and this file holds the state:
//! who the children are for, how many may run at once, and how many may fail. The machine (`machine::fleet`) drives it.

pub mod asked;
pub(crate) mod located;
pub(crate) mod questions;

use std::collections::BTreeMap;

use model::fleet::Progress;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use questions::Question;

/// Most children of one run.
pub const MAX_MEMBERS: usize = 5_000;
/// `MaxConcurrency` where none is given (SSM's own).
const DEFAULT_CONCURRENCY: u32 = 10;
/// Resources shown in `ResolvedTargets`.
pub(crate) const SHOWN_TARGETS: usize = 100;

/// The state of a fleet; what its children are for stands in a frame of its own.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Fleet {
    /// What kind of resource is looked for.
    #[serde(default)]
    pub(crate) resource_type: Option<String>,
    /// What is still to be asked; the last one comes first.
    #[serde(default)]
    pub(crate) questions: Vec<Question>,
    /// The question in flight.
    #[serde(default)]
    pub(crate) asking: Option<Uuid>,
    /// Number of questions asked.
    #[serde(default)]
    pub(crate) asked: u32,
    /// Whether all members are known.
    #[serde(default)]
    pub(crate) resolved: bool,
    /// Members that share their limits.
    #[serde(default)]
    pub(crate) groups: Vec<Group>,
    /// Children under way: execution id to group and step execution.
    #[serde(default)]
    pub(crate) under_way: BTreeMap<Uuid, Place>,
    /// How many have ended, and how.
    #[serde(default)]
    pub(crate) progress: Progress,
}

/// Where a child belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) group: usize,
    pub(crate) seq: u32,
}

/// Members behind each other that share their limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Group {
    /// Position of the next member to begin.
    pub(crate) next: usize,
    /// Position behind the last member.
    pub(crate) end: usize,
    /// Members under way at once, at most.
    pub(crate) concurrency: u32,
    /// Members under way at once for now: it grows by one with each success, so that waves double (1, 2, 4, ...).
    pub(crate) window: u32,
    /// Members under way.
    pub(crate) under_way: u32,
    /// Failures that are still no reason to stop.
    pub(crate) allowed_errors: u32,
    /// Failures.
    pub(crate) errors: u32,
}

/// What one child is for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Member {
    /// The resource, or account and region: the name of its step execution.
    pub(crate) name: String,
    /// Its parameters besides those of the request.
    #[serde(default)]
    pub(crate) parameters: BTreeMap<String, Vec<String>>,
    /// The resource of `{{RESOURCE_ID}}`.
    #[serde(default)]
    pub(crate) resource: Option<String>,
    /// Entry of `TargetLocations`, account and region.
    #[serde(default)]
    pub(crate) place: Option<(usize, String, String)>,
}

/// The frame of the members.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Members {
    pub(crate) v: u16,
    pub(crate) members: Vec<Member>,
}

impl Group {
    pub(crate) fn new(
        (first, end): (usize, usize),
        max_concurrency: Option<&str>,
        max_errors: Option<&str>,
    ) -> Self {
        let count = u32::try_from(end.saturating_sub(first)).unwrap_or(u32::MAX);
        let concurrency = max_concurrency
            .map_or(DEFAULT_CONCURRENCY, |text| share(text, count))
            .max(1);
        Self {
            next: first,
            end,
            concurrency,
            window: 1,
            under_way: 0,
            allowed_errors: max_errors.map_or(0, |text| share(text, count)),
            errors: 0,
        }
    }

    /// Whether another member may begin.
    pub(crate) fn has_room(&self) -> bool {
        self.next < self.end && !self.is_spoilt() && self.under_way < self.window
    }

    /// Whether more members failed than may.
    pub(crate) fn is_spoilt(&self) -> bool {
        self.errors > self.allowed_errors
    }

    pub(crate) fn begun(&mut self) {
        self.next += 1;
        self.under_way += 1;
    }

    pub(crate) fn ended(&mut self, well: bool) {
        self.under_way = self.under_way.saturating_sub(1);
        if well {
            self.window = self.window.saturating_add(1).min(self.concurrency);
        } else {
            self.errors = self.errors.saturating_add(1);
        }
    }
}

/// `5` as it stands, `10%` of `count` rounded down. What is neither counts as 0; it was refused when it was given.
fn share(text: &str, count: u32) -> u32 {
    match text.strip_suffix('%') {
        Some(percent) => {
            let percent: u64 = percent.parse().unwrap_or(0);
            u32::try_from(u64::from(count) * percent / 100).unwrap_or(u32::MAX)
        }
        None => text.parse().unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_round_down() {
        for (text, count, expected) in [
            ("5", 50, 5),
            ("10%", 50, 5),
            ("10%", 9, 0),
            ("100%", 7, 7),
            ("0", 7, 0),
        ] {
            assert_eq!(share(text, count), expected, "{text} of {count}");
        }
    }

    /// Waves of one, two and four, then as many as may.
    #[test]
    fn waves_double() {
        let mut group = Group::new((0, 20), Some("6"), None);
        let mut waves = Vec::new();
        while group.next < group.end {
            let mut wave = 0;
            while group.has_room() {
                group.begun();
                wave += 1;
            }
            waves.push(wave);
            (0..wave).for_each(|_| group.ended(true));
        }
        assert_eq!(waves, [1, 2, 4, 6, 6, 1]);
    }

    /// The sixth failure of fifty at 10 % is one too many.
    #[test]
    fn errors_stop_the_rest() {
        let mut group = Group::new((0, 50), Some("1"), Some("10%"));
        let mut failures = 0;
        while group.has_room() {
            group.begun();
            group.ended(false);
            failures += 1;
        }
        assert_eq!(failures, 6);
        assert!(group.is_spoilt());
    }
}
