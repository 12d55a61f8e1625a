//! Decides for one event which candidates match.

use std::sync::Arc;

use super::index::{Literal, NONE, PathIndex, Postings, Wanted};
use super::links::{Check, Target};
use super::program::{Hint, Program, Test, hint, hint_of_number};
use super::rule::Rule;
use crate::event::{ElementId, Elements, NO_ELEMENT};
use crate::pattern::Field;
use crate::scan::{Kind, Leaf, Leaves};
use crate::search::{Found, Search, Sight};

/// What is known of the event.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) text: &'a str,
    pub(super) leaves: &'a Leaves,
}

/// Memory for one run.
pub(super) struct Room<'a> {
    /// For each rule and each branch, the last event that settled it.
    pub(super) stamps: &'a mut [u32],
    pub(super) stamp: u32,
    pub(super) folded: &'a mut Vec<u8>,
    /// A bit for each place for any value that a value is an exception to, without the first 64.
    pub(super) excepted: &'a mut Vec<u64>,
    /// The rules that match, by their place in the list.
    pub(super) matched: &'a mut Vec<u32>,
}

/// One event before one index.
pub(super) struct Judge<'a, 'r> {
    program: &'a Program,
    rules: &'a [Arc<Rule>],
    view: View<'a>,
    stamp: u32,
    stamps: &'r mut [u32],
    /// A bit for each of the first places for any value that a value is an exception to.
    first_excepted: u64,
    excepted: &'r mut Vec<u64>,
    matched: &'r mut Vec<u32>,
    known: [Known; KNOWN],
}

/// Between which numbers a path has nothing more to say.
#[derive(Clone, Copy)]
struct Known {
    index: u32,
    above: f64,
    below: f64,
}

impl Known {
    const NOTHING: Known = Known {
        index: NONE,
        above: 0.0,
        below: 0.0,
    };
}

/// For so many paths it is remembered: coordinates have few.
const KNOWN: usize = 4;

/// Takes what one value meets.
struct Meeting<'j, 'a, 'r> {
    judge: &'j mut Judge<'a, 'r>,
    leaf: &'a Leaf,
    /// Of a string; empty for other values.
    text: &'a [u8],
    /// The number of the index that is asked.
    index: u32,
}

impl<'a, 'r> Judge<'a, 'r> {
    /// A judge, and memory for looking up.
    pub(super) fn new(
        program: &'a Program,
        rules: &'a [Arc<Rule>],
        view: View<'a>,
        room: Room<'r>,
    ) -> (Self, &'r mut Vec<u8>) {
        let judge = Judge {
            program,
            rules,
            view,
            stamp: room.stamp,
            stamps: room.stamps,
            first_excepted: 0,
            excepted: room.excepted,
            matched: room.matched,
            known: [Known::NOTHING; KNOWN],
        };
        (judge, room.folded)
    }

    /// Takes everything that one value meets in an index, given with its number.
    #[inline]
    pub(super) fn look_up(
        &mut self,
        leaf: &'a Leaf,
        (number, index): (u32, &PathIndex),
        folded: &mut Vec<u8>,
    ) {
        let seen = Seen {
            view: self.view,
            leaf,
        };
        let mut meeting = Meeting {
            text: self.view.leaves.string(leaf, self.view.text),
            judge: self,
            leaf,
            index: number,
        };
        index.look_up(&seen, folded, &mut meeting);
    }

    fn is_settled(&self, branch: u32, rule: u32) -> bool {
        let stamped = |at: usize| self.stamps.get(at) == Some(&self.stamp);
        stamped(rule as usize) || stamped(self.program.rules + branch as usize)
    }

    fn settle(&mut self, at: usize) {
        if let Some(stamp) = self.stamps.get_mut(at) {
            *stamp = self.stamp;
        }
    }

    /// Takes a rule that matches, unless it was taken before.
    #[inline]
    fn find(&mut self, number: u32) {
        if self.stamps.get(number as usize) != Some(&self.stamp) {
            self.settle(number as usize);
            self.matched.push(number);
        }
    }

    /// Follows a target other than an exception.
    #[inline]
    fn reach(&mut self, target: Target) {
        match target {
            Target::Rule(number) => self.find(number),
            Target::Branch(branch) => self.consider(branch),
            Target::Exception(_) => {}
        }
    }

    /// Decides a branch one of whose fields holds, or which has none that must be found first.
    pub(super) fn consider(&mut self, branch: u32) {
        let Some(definition) = self.program.branches.get(branch as usize) else {
            return;
        };
        let number = definition.rule;
        // Most candidates fail at their first hint, before anything else is looked at. Many values
        // are looked through for each branch only once.
        let is_cheap = self.view.leaves.is_at_most_one(definition.hint.path);
        if is_cheap && !self.may_hold_by_hint(definition.hint) {
            return;
        }
        if self.is_settled(branch, number) {
            return;
        }
        // Whatever comes out, it is the same for every value that leads here.
        self.settle(self.program.rules + branch as usize);
        // Without lists, or without another field to agree with, the tests are exact.
        let exact = definition.fields == 1 || self.view.leaves.elements.is_empty();
        if definition.tests > 0 {
            let first = definition.first_test as usize;
            let tests = first..first + usize::from(definition.tests);
            let tests = self.program.tests.get(tests).unwrap_or_default();
            // Nearly all others fail at the other hints, before their rule is looked at.
            if !tests.iter().all(|test| self.may_hold_by_hint(test.hint)) {
                return;
            }
            let Some(rule) = self.rules.get(number as usize) else {
                return;
            };
            if !tests.iter().all(|test| self.may_hold(rule, test, exact)) {
                return;
            }
        }
        self.settle(number as usize);
        if exact || self.holds_together(number, definition.ordinal) {
            self.matched.push(number);
        }
    }

    /// Whether fields that may hold one by one hold together.
    #[inline(never)]
    fn holds_together(&self, number: u32, ordinal: u32) -> bool {
        let Some(rule) = self.rules.get(number as usize) else {
            return false;
        };
        let fields = rule.pattern.branches().get(ordinal as usize);
        if self.needs_no_search(rule, fields.map_or(&[], Vec::as_slice)) {
            return true;
        }
        // The search decides the whole rule at once, as it does when asked for one rule.
        let sight = RuleSight {
            rule,
            view: self.view,
        };
        Search::new(&rule.pattern, &sight).any_branch_holds()
    }

    /// Whether a field that accepts one text or number only may find it.
    #[inline]
    fn may_hold_by_hint(&self, wanted: Hint) -> bool {
        let (leaves, text) = (self.view.leaves, self.view.text);
        let may_be = |leaf: &Leaf| match leaf.kind {
            Kind::Text | Kind::Unescaped => hint(leaves.hash(leaf, text)) == wanted.value,
            Kind::Number => leaves
                .nearest(leaf, text)
                .is_some_and(|number| hint_of_number(number) == wanted.value),
            _ => false,
        };
        wanted.value == 0 || leaves.at(wanted.path).any(may_be)
    }

    /// Whether a field may hold; `exact` says that absence means absence from the whole event.
    fn may_hold(&self, rule: &Rule, test: &Test, exact: bool) -> bool {
        let Some(field) = rule.pattern.fields().get(test.field as usize) else {
            return false;
        };
        let leaves = self.view.leaves;
        let mut present = false;
        for leaf in leaves.at(test.hint.path) {
            present = true;
            if field.is_met_by(leaves.value(leaf, self.view.text)) {
                return true;
            }
        }
        field.allows_absence() && (!present || !exact)
    }

    /// Whether fields that may hold one by one hold together: at most one of them has only values
    /// in lists, or all of these have one in the same element.
    fn needs_no_search(&self, rule: &Rule, fields: &[usize]) -> bool {
        let mut in_lists = Vec::new();
        for &index in fields {
            let Some(field) = rule.pattern.fields().get(index) else {
                return false;
            };
            if field.allows_absence() {
                return false;
            }
            let elements = self.meeting(rule, index, field);
            if !elements.contains(&NO_ELEMENT) {
                in_lists.push(elements);
            }
        }
        let Some((first, others)) = in_lists.split_first() else {
            return true;
        };
        others.is_empty()
            || first
                .iter()
                .any(|element| others.iter().all(|other| other.contains(element)))
    }

    /// The elements of the first values that meet the field.
    fn meeting(&self, rule: &Rule, index: usize, field: &Field) -> Vec<ElementId> {
        const FIRST: usize = 16;
        let Some(path) = rule.path(index) else {
            return Vec::new();
        };
        let leaves = self.view.leaves;
        leaves
            .at(path)
            .filter(|leaf| field.is_met_by(leaves.value(leaf, self.view.text)))
            .map(|leaf| leaf.element)
            .take(FIRST)
            .collect()
    }
}

/// A value as the index asks for it.
struct Seen<'a> {
    view: View<'a>,
    leaf: &'a Leaf,
}

impl Wanted for Seen<'_> {
    #[inline]
    fn kind(&self) -> Kind {
        self.leaf.kind
    }

    #[inline]
    fn text(&self) -> &str {
        self.view.leaves.text(self.leaf, self.view.text)
    }

    #[inline]
    fn literal(&self) -> Literal<'_> {
        self.view.leaves.literal(self.leaf, self.view.text)
    }

    #[inline]
    fn hash(&self) -> u64 {
        self.view.leaves.hash(self.leaf, self.view.text)
    }

    #[inline]
    fn nearest(&self) -> Option<f64> {
        self.view.leaves.nearest(self.leaf, self.view.text)
    }

    #[inline]
    fn is_exact(&self) -> bool {
        self.view.leaves.is_exact(self.leaf, self.view.text)
    }
}

impl Postings for Meeting<'_, '_, '_> {
    #[inline]
    fn take(&mut self, head: u32) {
        let links = &self.judge.program.links;
        links.follow(head, |target, check| {
            if check.is_none_or(|check| self.passes(target, check)) {
                match target {
                    Target::Exception(place) => self.except(place as usize),
                    other => self.judge.reach(other),
                }
            }
            true
        });
    }

    #[inline]
    fn is_news(&self, head: u32) -> bool {
        let mut is_news = false;
        self.judge.program.links.follow(head, |target, _| {
            is_news = self.is_open(target);
            !is_news
        });
        is_news
    }

    #[inline]
    fn is_like_before(&self) -> bool {
        let view = self.judge.view;
        let known = self.judge.known.get(self.index as usize % KNOWN);
        known.is_some_and(|known| {
            known.index == self.index
                && view
                    .leaves
                    .is_surely_between(self.leaf, view.text, known.above, known.below)
        })
    }

    #[inline]
    fn remember(&mut self, (above, below): (f64, f64)) {
        if let Some(known) = self.judge.known.get_mut(self.index as usize % KNOWN) {
            *known = Known {
                index: self.index,
                above,
                below,
            };
        }
    }

    #[inline]
    fn expect(&mut self, places: usize) {
        self.judge.first_excepted = 0;
        if places > 64 {
            self.judge.excepted.clear();
            self.judge.excepted.resize((places - 1) / 64, 0);
        }
    }

    #[inline]
    fn take_others(&mut self, places: &[u32]) {
        for (at, places) in places.chunks(64).enumerate() {
            let excepted = match at.checked_sub(1) {
                None => self.judge.first_excepted,
                Some(at) => self.judge.excepted.get(at).copied().unwrap_or(0),
            };
            for (bit, target) in places.iter().enumerate() {
                if excepted & (1 << bit) == 0 {
                    self.judge.reach(Target::of(*target));
                }
            }
        }
    }
}

impl Meeting<'_, '_, '_> {
    /// Whether a target may still change anything.
    #[inline]
    fn is_open(&self, target: Target) -> bool {
        let judge = &self.judge;
        match target {
            Target::Exception(_) => true,
            Target::Rule(number) => judge.stamps.get(number as usize) != Some(&judge.stamp),
            Target::Branch(branch) => {
                let definition = judge.program.branches.get(branch as usize);
                definition.is_some_and(|definition| !judge.is_settled(branch, definition.rule))
            }
        }
    }

    #[inline]
    fn except(&mut self, place: usize) {
        let word = match (place / 64).checked_sub(1) {
            None => Some(&mut self.judge.first_excepted),
            Some(at) => self.judge.excepted.get_mut(at),
        };
        if let Some(word) = word {
            *word |= 1 << (place % 64);
        }
    }

    /// Whether the check of a link that is left holds; checks are of strings only.
    #[inline]
    fn passes(&self, target: Target, check: Check) -> bool {
        check.guard.lets_pass(self.text) && self.is_open(target) && self.is_met(check)
    }

    #[inline(never)]
    fn is_met(&self, check: Check) -> bool {
        let judge = &self.judge;
        let condition = judge.program.links.condition(check);
        let (leaves, text) = (judge.view.leaves, judge.view.text);
        condition.is_some_and(|condition| condition.is_met_by(leaves.value(self.leaf, text)))
    }
}

/// An event as the search sees it for one rule.
struct RuleSight<'a> {
    rule: &'a Rule,
    view: View<'a>,
}

impl Sight for RuleSight<'_> {
    fn look(&self, index: usize, field: &Field) -> Found {
        let leaves = self.view.leaves;
        let path = self.rule.path(index);
        let here = path.into_iter().flat_map(|path| leaves.at(path));
        Found::among(
            field,
            here.map(|leaf| (leaf.element, leaves.value(leaf, self.view.text))),
        )
    }

    fn elements(&self) -> &Elements {
        &self.view.leaves.elements
    }
}
