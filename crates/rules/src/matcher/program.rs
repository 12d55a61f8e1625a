//! An index over a fixed list of rules, made once and never changed.
//!
//! Every combination of a rule's `$or`s (a *branch*) is filed under its rarest field. A value that
//! meets a condition there makes the branch a candidate; the other fields are then tested on the
//! values the event has. Whether the fields hold in the same element of a list is asked last, and
//! only where two fields found their values in lists: that is the `search` module's.

use std::sync::Arc;

use super::index::{Chains, Gathering, Guard, Left, NONE, PathIndex, hash};
use super::judge::{Judge, Room, View};
use super::rank::Ranking;
use super::rule::Rule;
use crate::condition::Condition;

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
    pub(super) links: Vec<Link>,
    /// Conditions that links name; copies, so that they are found without going through rules.
    pub(super) checks: Vec<Condition>,
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
    pub(super) tests: u16,
    /// How many fields it has.
    pub(super) fields: u16,
}

/// A field to be tested.
#[derive(Clone, Copy, Debug)]
pub(super) struct Test {
    pub(super) path: u32,
    /// Its place among the pattern's fields.
    pub(super) field: u32,
    /// Tells the one text or number that the field accepts from most others; zero if it accepts
    /// anything else.
    pub(super) hint: u32,
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

/// Set in a link's branch if the number is that of a place which the value is no longer for.
pub(super) const EXCEPTION: u32 = 1 << 31;

/// A place where a posting leads to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    /// A branch, or an [`EXCEPTION`].
    pub(super) branch: u32,
    /// The condition that has to be checked, if any.
    pub(super) check: u32,
    pub(super) next: u32,
    pub(super) guard: Guard,
}

/// Adds the links of one condition.
struct Linking<'a> {
    links: &'a mut Vec<Link>,
    checks: &'a mut Vec<Condition>,
    branch: u32,
    condition: &'a Condition,
}

impl Chains for Linking<'_> {
    fn link(&mut self, head: u32, left: Left) -> u32 {
        let place = count(self.links.len());
        let (check, guard) = match left {
            Left::Nothing => (NONE, Guard::default()),
            Left::Check(guard) => {
                self.checks.push(self.condition.clone());
                (count(self.checks.len() - 1), guard)
            }
        };
        self.links.push(Link {
            branch: self.branch,
            check,
            next: head,
            guard,
        });
        place
    }

    fn join(&mut self, first: u32, second: u32) -> u32 {
        let mut end = first;
        while let Some(link) = self.links.get_mut(end as usize) {
            if link.next == NONE {
                link.next = second;
                break;
            }
            end = link.next;
        }
        first
    }

    fn place(&self) -> u32 {
        self.branch
    }

    fn except<'c>(&'c mut self, exception: u32, condition: &'c Condition) -> impl Chains + 'c {
        Linking {
            links: self.links,
            checks: self.checks,
            branch: EXCEPTION | exception,
            condition,
        }
    }
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
            for (ordinal, fields) in rule.pattern.branches().iter().enumerate() {
                let filed = program.add_branch((number, ordinal), rule, fields, &ranking);
                if let Some((branch, field)) = filed {
                    program.file(rule, branch, field, &mut gatherings);
                }
            }
        }
        gatherings.sort_unstable_by_key(|(path, _)| *path);
        let mut linking = Linking {
            links: &mut program.links,
            checks: &mut program.checks,
            branch: NONE,
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
        program.links.shrink_to_fit();
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
        let mut tests: Vec<(u64, Test)> = Vec::with_capacity(fields.len());
        for &index in fields {
            let (Some(field), Some(path)) =
                (rule.pattern.fields().get(index), rule.paths.get(index))
            else {
                continue;
            };
            let load = ranking.load(rule_number, index);
            let test = Test {
                path: *path,
                field: count(index),
                hint: match field.conditions.as_slice() {
                    [Condition::Exactly(text)] => hint(hash(text.as_bytes())),
                    [
                        Condition::Number {
                            comparable: Some(number),
                            ..
                        },
                    ] => hint_of_number(*number),
                    _ => 0,
                },
            };
            tests.push((load.unwrap_or(u64::MAX), test));
        }
        // What excludes most is tested first.
        tests.sort_by_key(|(load, _)| *load);
        let filed_under = ranking.choose(rule_number, rule, fields);
        let first = count(self.tests.len());
        let left = tests.into_iter().map(|(_, test)| test);
        self.tests
            .extend(left.filter(|test| Some(test.field as usize) != filed_under));
        let branch = count(self.branches.len());
        self.branches.push(Branch {
            rule: count(rule_number),
            ordinal: count(ordinal),
            first_test: first,
            // A pattern of 4096 characters has fewer fields.
            tests: u16::try_from(self.tests.len() - first as usize).unwrap_or(u16::MAX),
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
        let (Some(field), Some(path)) = (rule.pattern.fields().get(index), rule.paths.get(index))
        else {
            return;
        };
        let at = match gatherings.binary_search_by_key(path, |(path, _)| *path) {
            Ok(at) => at,
            Err(at) => {
                gatherings.insert(at, (*path, Gathering::default()));
                at
            }
        };
        let Some((_, gathering)) = gatherings.get_mut(at) else {
            return;
        };
        for condition in &field.conditions {
            let mut linking = Linking {
                links: &mut self.links,
                checks: &mut self.checks,
                branch,
                condition,
            };
            gathering.file(condition, &mut linking);
        }
    }

    /// Finds the rules that match; `room.matched` gets their places in the list.
    pub(super) fn run(&self, rules: &[Arc<Rule>], view: View<'_>, room: &mut Room<'_>) {
        let mut judge = Judge::new(self, rules, view, room);
        for branch in &self.unfiled {
            judge.consider(*branch);
        }
        for leaf in view.leaves.all() {
            let place = leaf.path.wrapping_sub(self.first_path) as usize;
            if let Some(place) = self.places.get(place)
                && let Some(index) = self.indexes.get(*place as usize)
            {
                judge.look_up(leaf, (*place, index));
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
        let checks: usize = self.checks.iter().map(Condition::memory).sum();
        indexes
            + checks
            + self.places.capacity() * size_of::<u32>()
            + self.checks.capacity() * size_of::<Condition>()
            + self.branches.capacity() * size_of::<Branch>()
            + self.tests.capacity() * size_of::<Test>()
            + self.links.capacity() * size_of::<Link>()
            + self.unfiled.capacity() * size_of::<u32>()
            + size_of::<Self>()
    }
}

/// Counts of rules, fields and conditions in memory fit.
fn count(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(NONE)
}
