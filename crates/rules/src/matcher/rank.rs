//! How rare the values are that a field accepts: rules are found by their rarest field.
//!
//! A guess from the conditions alone, since events are not known in advance. A wrong guess costs
//! time, never a match.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::index::hash;
use super::rule::Rule;
use crate::condition::Condition;
use crate::pattern::Field;

/// How often conditions that many rules might share occur.
#[derive(Default)]
pub(super) struct Crowds {
    counts: HashMap<u64, u32, BuildHasherDefault<Hashed>>,
}

/// Takes keys that are hashes already.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 ^= hash(bytes);
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

impl Crowds {
    /// Counts the conditions of all rules that have a choice between fields.
    pub(super) fn count<'a>(rules: impl Iterator<Item = &'a Rule>) -> Crowds {
        let mut crowds = Crowds::default();
        for rule in rules {
            let choice = rule.pattern.branches().iter().any(|b| b.len() > 1);
            if !choice {
                continue;
            }
            for (field, path) in rule.pattern.fields().iter().zip(&rule.paths) {
                for condition in &field.conditions {
                    if let Some(key) = key(condition, *path) {
                        *crowds.counts.entry(key).or_default() += 1;
                    }
                }
            }
        }
        crowds
    }

    /// A measure of how many events a field accepts, times how many rules it accepts them for;
    /// `None` for a field that absence satisfies.
    pub(super) fn load(&self, field: &Field, path: u32) -> Option<u64> {
        let mut load = 0u64;
        for condition in &field.conditions {
            let crowd = key(condition, path)
                .and_then(|key| self.counts.get(&key))
                .map_or(1, |count| u64::from(*count));
            load = load.saturating_add(share(condition)?.saturating_mul(crowd));
        }
        Some(load)
    }
}

/// Of a million values, how many a condition may accept.
fn share(condition: &Condition) -> Option<u64> {
    // A text of some length excludes most others.
    let long = |length: usize| 200_000 >> (2 * length.min(6));
    Some(match condition {
        Condition::Exactly(text) => 100 + common(text),
        Condition::EqualsIgnoreCase(text) => 120 + common(text.as_str()),
        Condition::Address(_) => 100,
        // Reading a number is dearer than comparing a text.
        Condition::Number { raw, .. } => 105 + common(raw),
        Condition::True | Condition::False => 300_000,
        Condition::Null => 50_000,
        Condition::Prefix(text) | Condition::Suffix(text) => 150 + long(text.len()),
        Condition::PrefixIgnoreCase(text) | Condition::SuffixIgnoreCase(text) => {
            170 + long(text.as_str().len())
        }
        Condition::Wildcard(wildcard) => {
            let longest = wildcard.pieces().iter().map(String::len).max();
            300 + long(longest.unwrap_or(0))
        }
        Condition::Cidr(_) => 2_000,
        Condition::Numeric(bounds) => match (bounds.low, bounds.high) {
            (Some(low), Some(high)) if low == high => 110,
            (Some(_), Some(_)) => 5_000,
            _ => 300_000,
        },
        Condition::AnythingBut(_) => 900_000,
        Condition::Present => 1_000_000,
        Condition::Absent => return None,
    })
}

/// How much more often a text may occur that is short, or that could be a word: names of states
/// and kinds are words, identifiers have digits.
fn common(text: &str) -> u64 {
    let short = 10_000 >> (2 * text.len().min(6));
    let word = !text.bytes().any(|byte| byte.is_ascii_digit());
    short + if word { 100 } else { 0 }
}

/// Names a condition that other rules may have as well.
fn key(condition: &Condition, path: u32) -> Option<u64> {
    let (kind, text) = match condition {
        Condition::Exactly(text) => (1, text.as_str()),
        Condition::Number { raw, .. } => (2, raw.as_str()),
        Condition::Prefix(text) => (3, text.as_str()),
        Condition::Suffix(text) => (4, text.as_str()),
        Condition::EqualsIgnoreCase(text) => (5, text.as_str()),
        Condition::PrefixIgnoreCase(text) => (6, text.as_str()),
        Condition::SuffixIgnoreCase(text) => (7, text.as_str()),
        Condition::True => (8, ""),
        Condition::False => (9, ""),
        Condition::Null => (10, ""),
        Condition::Present | Condition::AnythingBut(_) => (11, ""),
        Condition::Wildcard(_)
        | Condition::Address(_)
        | Condition::Numeric(_)
        | Condition::Cidr(_)
        | Condition::Absent => return None,
    };
    Some(hash(text.as_bytes()) ^ (u64::from(path) << 8) ^ kind)
}
