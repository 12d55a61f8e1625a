//! Decides for one event which candidates match.

use std::sync::Arc;

use super::index::{NONE, PathIndex, Postings, Wanted};
use super::program::{Link, Program, Test, hint};
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
    folded: &'r mut Vec<u8>,
    matched: &'r mut Vec<u32>,
}

/// Takes what one value meets.
struct Meeting<'j, 'a, 'r> {
    judge: &'j mut Judge<'a, 'r>,
    leaf: &'a Leaf,
}

impl<'a, 'r> Judge<'a, 'r> {
    pub(super) fn new(
        program: &'a Program,
        rules: &'a [Arc<Rule>],
        view: View<'a>,
        room: &'r mut Room<'_>,
    ) -> Self {
        Judge {
            program,
            rules,
            view,
            stamp: room.stamp,
            stamps: room.stamps,
            folded: room.folded,
            matched: room.matched,
        }
    }

    /// Takes everything that one value meets.
    #[inline]
    pub(super) fn look_up(&mut self, leaf: &'a Leaf, index: &PathIndex) {
        let view = self.view;
        let wanted = Wanted {
            kind: leaf.kind,
            text: view.leaves.text(leaf, view.text),
            nearest: || view.leaves.nearest(leaf, view.text),
        };
        let mut folded = std::mem::take(self.folded);
        let mut meeting = Meeting { judge: self, leaf };
        index.look_up(wanted, &mut folded, &mut meeting);
        *self.folded = folded;
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

    /// Decides a branch one of whose fields holds, or which has none that must be found first.
    pub(super) fn consider(&mut self, branch: u32) {
        let Some(definition) = self.program.branches.get(branch as usize) else {
            return;
        };
        let number = definition.rule;
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
            // Most candidates fail at the hints, before their rule is looked at.
            if !tests.iter().all(|test| self.may_hold_by_hint(test)) {
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

    /// Whether a field that accepts one text only may find it.
    #[inline]
    fn may_hold_by_hint(&self, test: &Test) -> bool {
        let (leaves, text) = (self.view.leaves, self.view.text);
        test.hint == 0
            || leaves.at(test.path).any(|leaf| {
                matches!(leaf.kind, Kind::Text | Kind::Unescaped)
                    && hint(leaves.text(leaf, text)) == test.hint
            })
    }

    /// Whether a field may hold; `exact` says that absence means absence from the whole event.
    fn may_hold(&self, rule: &Rule, test: &Test, exact: bool) -> bool {
        let Some(field) = rule.pattern.fields().get(test.field as usize) else {
            return false;
        };
        let leaves = self.view.leaves;
        let mut present = false;
        for leaf in leaves.at(test.path) {
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
        let Some(path) = rule.paths.get(index) else {
            return Vec::new();
        };
        let leaves = self.view.leaves;
        leaves
            .at(*path)
            .filter(|leaf| field.is_met_by(leaves.value(leaf, self.view.text)))
            .map(|leaf| leaf.element)
            .take(FIRST)
            .collect()
    }
}

impl Postings for Meeting<'_, '_, '_> {
    #[inline]
    fn take(&mut self, head: u32) {
        let mut next = head;
        while let Some(link) = self.judge.program.links.get(next as usize) {
            next = link.next;
            if link.check == NONE || self.passes(link) {
                self.judge.consider(link.branch);
            }
        }
    }

    fn is_news(&self, head: u32) -> bool {
        let mut next = head;
        while let Some(link) = self.judge.program.links.get(next as usize) {
            next = link.next;
            let branch = self.judge.program.branches.get(link.branch as usize);
            if branch.is_some_and(|branch| !self.judge.is_settled(link.branch, branch.rule)) {
                return true;
            }
        }
        false
    }
}

impl Meeting<'_, '_, '_> {
    /// Whether the check of a link that is left holds.
    fn passes(&self, link: &Link) -> bool {
        let judge = &self.judge;
        let (leaves, text) = (judge.view.leaves, judge.view.text);
        if !link
            .guard
            .lets_pass(leaves.text(self.leaf, text).as_bytes())
        {
            return false;
        }
        let Some(branch) = judge.program.branches.get(link.branch as usize) else {
            return false;
        };
        if judge.is_settled(link.branch, branch.rule) {
            return false;
        }
        let condition = judge.program.checks.get(link.check as usize);
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
        let path = self.rule.paths.get(index).copied();
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
