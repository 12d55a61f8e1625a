//! How rare the values are that a field accepts: rules are found by their rarest field. Of fields
//! about as rare as each other, that is taken whose path most rules are found by, so that few
//! paths have to be looked up.
//!
//! A guess from the conditions alone, since events are not known in advance. A wrong guess costs
//! time, never a match.

use std::cmp::Reverse;
use std::sync::Arc;

use super::index::hash;
use super::rule::{FieldNote, Rule};
use crate::condition::Condition;

/// A field may be so many times as common as the rarest to be preferred for its path.
const ABOUT: u64 = 2;

/// What a list of rules is found by.
#[derive(Default)]
pub(super) struct Ranking {
    /// For each field of each rule, a measure of how many events it accepts, times how many rules
    /// it accepts them for; `None` for a field that absence satisfies.
    loads: Vec<Option<u64>>,
    /// For each rule, where its fields begin.
    starts: Vec<usize>,
    /// For each path, how many branches have their rarest field there.
    votes: Vec<u32>,
}

impl Ranking {
    pub(super) fn of(rules: &[Arc<Rule>]) -> Ranking {
        let crowds = Crowds::count(rules);
        let mut ranking = Ranking::default();
        for (number, rule) in rules.iter().enumerate() {
            ranking.starts.push(ranking.loads.len());
            for field in &rule.fields {
                ranking.loads.push(crowds.load(rule, field));
            }
            for fields in rule.branches() {
                let loads = fields
                    .iter()
                    .filter_map(|field| Some((ranking.load(number, *field)?, *field)));
                if let Some((_, field)) = loads.min()
                    && let Some(path) = rule.path(field)
                {
                    let path = path as usize;
                    if ranking.votes.len() <= path {
                        ranking.votes.resize(path + 1, 0);
                    }
                    if let Some(votes) = ranking.votes.get_mut(path) {
                        *votes += 1;
                    }
                }
            }
        }
        ranking
    }

    /// How common what a field accepts is.
    pub(super) fn load(&self, rule: usize, field: usize) -> Option<u64> {
        *self.loads.get(self.starts.get(rule)? + field)?
    }

    /// Which of the fields of a branch the rule is to be found by; none if absence satisfies all.
    pub(super) fn choose(&self, number: usize, rule: &Rule, fields: &[usize]) -> Option<usize> {
        let loads = || {
            let loads = fields.iter();
            loads.filter_map(|field| Some((self.load(number, *field)?, *field)))
        };
        let (least, _) = loads().min()?;
        let votes = |field: usize| {
            let path = rule.path(field);
            path.and_then(|path| self.votes.get(path as usize))
        };
        let about = loads().filter(|(load, _)| *load <= least.saturating_mul(ABOUT));
        about
            .max_by_key(|(load, field)| (votes(*field), Reverse(*load), Reverse(*field)))
            .map(|(_, field)| field)
    }
}

/// How often conditions that many rules might share occur, or more often where keys meet.
struct Crowds {
    /// The counts of keys, told by some of their bits.
    counts: Vec<u16>,
}

impl Crowds {
    /// Counts the conditions of all rules that have a choice between fields.
    fn count(rules: &[Arc<Rule>]) -> Crowds {
        let choosing = || rules.iter().filter(|rule| rule.has_choice);
        let conditions: usize = choosing().map(|rule| rule.conditions().len()).sum();
        let mut crowds = Crowds {
            counts: vec![0; (conditions * 2).next_power_of_two()],
        };
        for rule in choosing() {
            for condition in rule.conditions() {
                let place = crowds.place(condition.key);
                if condition.key != UNSHARED
                    && let Some(count) = crowds.counts.get_mut(place)
                {
                    *count = count.saturating_add(1);
                }
            }
        }
        crowds
    }

    fn place(&self, key: u64) -> usize {
        // Truncation is meant.
        key as usize & self.counts.len().wrapping_sub(1)
    }

    /// A measure of how many events a field accepts, times how many rules it accepts them for;
    /// `None` for a field that absence satisfies.
    fn load(&self, rule: &Rule, field: &FieldNote) -> Option<u64> {
        let conditions = rule.conditions_of(field).iter();
        conditions
            .map(|condition| {
                let crowd = if condition.key == UNSHARED {
                    1
                } else {
                    let count = self.counts.get(self.place(condition.key));
                    count.map_or(1, |count| u64::from(*count))
                };
                let share = u64::from(condition.share?);
                Some(share.saturating_mul(crowd))
            })
            .try_fold(0u64, |sum, load| Some(sum.saturating_add(load?)))
    }
}

/// The key of a condition that no other rule has.
pub(super) const UNSHARED: u64 = 0;

/// Of a million values, how many a condition may accept.
pub(super) fn share(condition: &Condition) -> Option<u32> {
    // A text of some length excludes most others.
    let long = |length: usize| 200_000 >> (2 * length.min(6));
    Some(match condition {
        Condition::Exactly(text) => 100 + common(text),
        Condition::EqualsIgnoreCase(text) => 120 + common(text.as_str()),
        Condition::Address(_) => 100,
        // Reading a number is dearer than comparing a text.
        Condition::Number { raw, .. } => 205 + common(raw),
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
            (Some(low), Some(high)) if low == high => 210,
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
fn common(text: &str) -> u32 {
    let short = 10_000 >> (2 * text.len().min(6));
    let word = !text.bytes().any(|byte| byte.is_ascii_digit());
    short + if word { 100 } else { 0 }
}

/// Names a condition that other rules may have as well.
pub(super) fn key(condition: &Condition, path: u32) -> u64 {
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
        | Condition::Absent => return UNSHARED,
    };
    hash(text.as_bytes()) ^ (u64::from(path) << 4) ^ kind
}
