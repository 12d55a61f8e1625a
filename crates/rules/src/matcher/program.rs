//! An index over a fixed list of rules, made once and never changed.
//!
//! Every combination of a rule's `$or`s (a *branch*) is filed under its rarest field. A value that
//! meets a condition there makes the branch a candidate; the other fields are then tested on the
//! values the event has. Whether the fields hold in the same element of a list is asked last, and
//! only where two fields found their values in lists: that is the `search` module's.

use std::sync::Arc;

use super::index::{Gathering, NONE, PathIndex, hash};
use super::judge::{Judge, Room, View};
use super::links::{Linking, Links, Target};
use super::rank::Ranking;
use super::rule::Rule;
use crate::condition::Condition;
use crate::pattern::Field;

/// The index.
#[derive(Debug, Default)]
pub(super) struct Program {
    /// What is filed under each of some paths.
    indexes: Vec<PathIndex>,
    /// For each path, from the first that a branch is filed under to the last, where its index is.
    places: Vec<u32>,
    first_path: u32,
    pub(super) branches: Vec<Branch>,
    pub(super) tests: Vec<Test>,
    pub(super) links: Links,
    /// Branches that are filed nowhere, because absence may satisfy each of their fields.
    unfiled: Vec<u32>,
    /// How many rules there are.
    pub(super) rules: usize,
}

/// One combination of a rule's `$or`s.
#[derive(Clone, Copy, Debug)]
pub(super) struct Branch {
    pub(super) rule: u32,
    /// Its place among the pattern's branches.
    pub(super) ordinal: u32,
    /// The tests that are left once it is a candidate.
    pub(super) first_test: u32,
    /// Of the first test, which is made before anything else is looked at.
    pub(super) hint: Hint,
    pub(super) tests: u16,
    /// How many fields it has.
    pub(super) fields: u16,
}

/// A field to be tested.
#[derive(Clone, Copy, Debug)]
pub(super) struct Test {
    pub(super) hint: Hint,
    /// Its place among the pattern's fields.
    pub(super) field: u32,
}

/// Tells the one text or number that a field accepts from most others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hint {
    pub(super) path: u32,
    /// Zero if the field accepts anything else.
    pub(super) value: u32,
}

impl Hint {
    /// There is no field.
    const NONE: Hint = Hint {
        path: NONE,
        value: 0,
    };
}

/// What tests compare first of a field; zero if it accepts other things than one text or number.
pub(super) fn hint_of(field: &Field) -> u32 {
    match field.conditions.as_slice() {
        [Condition::Exactly(text)] => hint(hash(text.as_bytes())),
        [
            Condition::Number {
                comparable: Some(number),
                ..
            },
        ] => hint_of_number(*number),
        _ => 0,
    }
}

/// What tests compare first of a text, given with its [`hash`]; never zero.
pub(super) fn hint(hash: u64) -> u32 {
    // Truncation is meant.
    hash as u32 | 1
}

/// The same of a number.
pub(super) fn hint_of_number(number: f64) -> u32 {
    hint(number.to_bits().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32)
}

impl Program {
    pub(super) fn new(rules: &[Arc<Rule>]) -> Program {
        let ranking = Ranking::of(rules);
        let mut program = Program {
            rules: rules.len(),
            ..Program::default()
        };
        let mut gatherings: Vec<(u32, Gathering)> = Vec::new();
        for (number, rule) in rules.iter().enumerate() {
            for (ordinal, fields) in rule.branches().enumerate() {
                let filed = program.add_branch((number, ordinal), rule, fields, &ranking);
                if let Some((branch, field)) = filed {
                    program.file(rule, branch, field, &mut gatherings);
                }
            }
        }
        gatherings.sort_unstable_by_key(|(path, _)| *path);
        let mut linking = Linking {
            links: &mut program.links,
            target: Target::Branch(NONE),
            condition: &Condition::Absent,
        };
        program.first_path = gatherings.first().map_or(0, |(path, _)| *path);
        for (path, gathering) in gatherings {
            let place = path.saturating_sub(program.first_path) as usize;
            program.places.resize(place, NONE);
            program.places.push(count(program.indexes.len()));
            program.indexes.push(gathering.build(&mut linking));
        }
        program.places.shrink_to_fit();
        program.branches.shrink_to_fit();
        program.tests.shrink_to_fit();
        program.links.shrink();
        program
    }

    /// Adds a branch and says under which field it is to be filed.
    fn add_branch(
        &mut self,
        (rule_number, ordinal): (usize, usize),
        rule: &Rule,
        fields: &[usize],
        ranking: &Ranking,
    ) -> Option<(u32, usize)> {
        let filed_under = ranking.choose(rule_number, rule, fields);
        let first = self.tests.len();
        for &index in fields.iter().filter(|field| Some(**field) != filed_under) {
            if let Some(field) = rule.fields.get(index) {
                self.tests.push(Test {
                    field: count(index),
                    hint: Hint {
                        path: field.path,
                        value: field.hint,
                    },
                });
            }
        }
        let tests = self.tests.get_mut(first..).unwrap_or_default();
        // What excludes most is tested first.
        tests.sort_by_key(|test| {
            let load = ranking.load(rule_number, test.field as usize);
            load.unwrap_or(u64::MAX)
        });
        let hint = tests.first().map_or(Hint::NONE, |test| test.hint);
        // A pattern of 4096 characters has fewer fields.
        let tests = u16::try_from(tests.len()).unwrap_or(u16::MAX);
        let branch = count(self.branches.len());
        self.branches.push(Branch {
            rule: count(rule_number),
            ordinal: count(ordinal),
            first_test: count(first),
            hint,
            tests,
            fields: u16::try_from(fields.len()).unwrap_or(u16::MAX),
        });
        if filed_under.is_none() {
            self.unfiled.push(branch);
        }
        filed_under.map(|index| (branch, index))
    }

    fn file(
        &mut self,
        rule: &Rule,
        branch: u32,
        index: usize,
        gatherings: &mut Vec<(u32, Gathering)>,
    ) {
        let (Some(field), Some(path)) = (rule.pattern.fields().get(index), rule.path(index)) else {
            return;
        };
        let at = match gatherings.binary_search_by_key(&path, |(path, _)| *path) {
            Ok(at) => at,
            Err(at) => {
                gatherings.insert(at, (path, Gathering::default()));
                at
            }
        };
        let (Some((_, gathering)), Some(definition)) =
            (gatherings.get_mut(at), self.branches.get(branch as usize))
        else {
            return;
        };
        let target = if definition.fields == 1 {
            Target::Rule(definition.rule)
        } else {
            Target::Branch(branch)
        };
        for condition in &field.conditions {
            let mut linking = Linking {
                links: &mut self.links,
                target,
                condition,
            };
            gathering.file(condition, &mut linking);
        }
    }

    /// Finds the rules that match; `room.matched` gets their places in the list.
    pub(super) fn run(&self, rules: &[Arc<Rule>], view: View<'_>, room: Room<'_>) {
        let (mut judge, folded) = Judge::new(self, rules, view, room);
        for branch in &self.unfiled {
            judge.consider(*branch);
        }
        for leaf in view.leaves.all() {
            let place = leaf.path.wrapping_sub(self.first_path) as usize;
            if let Some(place) = self.places.get(place)
                && let Some(index) = self.indexes.get(*place as usize)
            {
                judge.look_up(leaf, (*place, index), folded);
            }
        }
    }

    /// How many stamps a run needs.
    pub(super) fn stamps(&self) -> usize {
        self.rules + self.branches.len()
    }

    /// Bytes kept.
    pub(super) fn memory(&self) -> usize {
        let indexes: usize = self.indexes.iter().map(PathIndex::memory).sum();
        indexes
            + self.places.capacity() * size_of::<u32>()
            + self.branches.capacity() * size_of::<Branch>()
            + self.tests.capacity() * size_of::<Test>()
            + self.links.memory()
            + self.unfiled.capacity() * size_of::<u32>()
            + size_of::<Self>()
    }
}

/// Counts of rules, fields and conditions in memory fit.
fn count(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(NONE)
}
