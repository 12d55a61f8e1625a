//! One state of a walk: what it does, what is told of it, and the ways that lead on from it.

use std::sync::Arc;

use model::agreed::END;
use serde_json::Value;

use super::walk::Walk;
use super::way::{Book, Ended, Frame, Way};
use crate::asl::definition::{Kind, State};
use crate::asl::document::Document;
use crate::asl::machine::planned::{Brought, Child, Did, Left, Spot, Ways, told};
use crate::asl::open;
use crate::expr::unknown;

/// Why ways are left out.
const TOO_MANY: &str = "more ways wait to be followed than a plan takes";

/// What a state is, in a word: its type, and what a Task asks for.
pub(super) fn action(state: &State) -> String {
    match &state.kind {
        Kind::Task(task) => {
            let resource = task.resource.as_str();
            let short = resource.split(":states:::").nth(1).unwrap_or(resource);
            format!("Task {short}")
        }
        other => other.as_str().to_owned(),
    }
}

impl Walk<'_> {
    /// Plays a state; `None` when the way ends here.
    pub(super) fn state(
        &mut self,
        frame: &Frame<'_>,
        (spot, node): (&Spot, u32),
        way: &mut Way,
        book: &mut Book,
    ) -> Option<Left> {
        let state = spot.state()?;
        match &state.kind {
            Kind::Choice { .. } => self.choice((spot, node), way, book),
            Kind::Task(_) => self.task(frame, (spot, node), way, book),
            _ => match spot.enter(self.cx) {
                Did::Forks(children, count) => {
                    self.forks(frame, (spot, node), (way, book), (children, count))
                }
                did => {
                    let left = self.settle(did, node, book)?;
                    if matches!(state.kind, Kind::Wait(_)) {
                        self.note(node, &waits(&left));
                    }
                    Some(left)
                }
            },
        }
    }

    /// A Choice: where only the run decides, each way is followed.
    fn choice(
        &mut self,
        (spot, node): (&Spot, u32),
        way: &mut Way,
        book: &mut Book,
    ) -> Option<Left> {
        let Ways { ways, fails } = match spot.ways(self.cx) {
            Ok(ways) => ways,
            Err(did) => return self.settle(did, node, book),
        };
        let is_open = ways.len() > 1 || fails.is_some();
        let mut left = Vec::new();
        if let Some((error, cause)) = fails {
            let text = told(error.as_deref(), cause.as_deref());
            self.note(node, &format!("may fail: {text}"));
            book.ended.failed.push((error, cause));
            book.ended.failed_tails.push(node);
        }
        for at in ways {
            let did = spot.bring(Brought::Chosen(at), self.cx);
            if is_open && let Did::Failed(error, cause) = did {
                book.ended.failed.push((error, cause));
                book.ended.failed_tails.push(node);
                continue;
            }
            left.extend(self.settle(did, node, book));
        }
        let mut names: Vec<String> = Vec::new();
        for one in &left {
            let name = one.next.and_then(|next| name_at(spot, next));
            let name = name.unwrap_or_else(|| "the end".to_owned());
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let names = names.join(" or ");
        if is_open {
            way.open = true;
            self.note(node, &format!("depends on the run: goes on at {names}"));
        } else if !left.is_empty() {
            self.note(node, &format!("goes on at {names}"));
        }
        let mut left = left.into_iter();
        let first = left.next();
        for other in left {
            self.branches(book, other, way);
        }
        first
    }

    /// A way that leaves a state otherwise than its first one.
    fn branches(&mut self, book: &mut Book, left: Left, way: &Way) {
        let tails = way.tails.clone();
        let Some(next) = left.next else {
            book.ended.outputs.push(left.output);
            book.ended.tails.extend(tails);
            return;
        };
        let fits = book.branch(Way {
            state: next,
            input: left.output,
            variables: left.variables,
            tails: tails.clone(),
            open: true,
            when: way.when.clone(),
            passed: way.passed.clone(),
            changes: Arc::clone(&way.changes),
            widened: way.widened,
        });
        if !fits {
            self.cut(TOO_MANY);
            self.arrows(&tails, END);
        }
    }

    /// The ways that failures of a state's planned work lead to.
    pub(super) fn failures(&mut self, (spot, node): (&Spot, u32), (way, book): (&Way, &mut Book)) {
        let Some(state) = spot.state() else { return };
        let mut leads = Vec::new();
        for retrier in state.retry.iter().filter(|one| one.max_attempts > 0) {
            leads.push(format!(
                "with {}: tried again up to {} times",
                retrier.errors.join(", "),
                retrier.max_attempts
            ));
        }
        for (n, catcher) in state.catch.iter().enumerate() {
            let Did::Left(left) = spot.bring(Brought::Caught(n), self.cx) else {
                continue;
            };
            let Some(next) = left.next else { continue };
            let name = name_at(spot, next).unwrap_or_default();
            leads.push(format!(
                "with {}: goes on at {name}",
                catcher.errors.join(", ")
            ));
            let fits = book.on_failure(Way {
                state: next,
                input: left.output,
                variables: left.variables,
                tails: Vec::new(),
                open: true,
                when: Some(format!("if {} fails", state.name)),
                passed: way.passed.clone(),
                changes: Arc::clone(&way.changes),
                widened: way.widened,
            });
            if !fits {
                self.cut(TOO_MANY);
            }
        }
        if let Some(step) = self.step_mut(node).filter(|_| !leads.is_empty()) {
            step.if_fails = Some(leads.join("; "));
        }
    }

    /// Parallel and Map: all branches, each iteration.
    fn forks(
        &mut self,
        frame: &Frame<'_>,
        (spot, node): (&Spot, u32),
        (way, book): (&mut Way, &mut Book),
        (children, count): (Vec<Child>, usize),
    ) -> Option<Left> {
        let state = spot.state()?;
        let map = match &state.kind {
            Kind::Map(map) => Some(map),
            _ => None,
        };
        self.tell_items(node, &children, count);
        let before = self.steps.len();
        let (results, all) = self.children(frame, spot, way, (&children, count));
        way.takes(&all, book);
        if all.halted {
            book.ended.halted = true;
            return None;
        }
        let planned = self
            .steps
            .iter()
            .skip(before)
            .any(|step| !step.calls.is_empty());
        let tolerates = map
            .is_some_and(|map| map.tolerated_count.is_some() || map.tolerated_percentage.is_some());
        if (planned || !all.failed.is_empty()) && !state.catch.is_empty() {
            self.failures((spot, node), (way, book));
        }
        // Branches without any good end fail the state.
        if !all.outputs.is_empty() && !tolerates {
            return self.failed((spot, node), (way, book), all);
        }
        if !tolerates {
            self.may_fail((spot, node), book, &all);
        }
        if let Some(destination) = spot.destination(self.cx) {
            return self.written((spot, node), (way, book), destination);
        }
        let did = spot.bring(Brought::Result(Value::Array(results)), self.cx);
        self.settle(did, node, book)
    }

    /// A block has no good end: each of the errors that the state may fail with leads somewhere.
    fn failed(
        &mut self,
        (spot, node): (&Spot, u32),
        (way, book): (&mut Way, &mut Book),
        mut all: Ended,
    ) -> Option<Left> {
        way.tails.append(&mut all.failed_tails);
        let errors = distinct(&all.failed);
        way.open |= errors.len() > 1;
        let mut first = None;
        for (error, cause) in errors {
            let did = spot.bring(Brought::Failed(error, cause), self.cx);
            let left = match did {
                Did::Failed(error, cause) => {
                    let text = told(error.as_deref(), cause.as_deref());
                    self.note(node, &format!("fails: {text}"));
                    book.ended.failed.push((error, cause));
                    book.ended.failed_tails.append(&mut way.tails.clone());
                    continue;
                }
                did => self.settle(did, node, book),
            };
            match left {
                Some(left) if first.is_none() => first = Some(left),
                Some(left) => self.branches(book, left, way),
                None => {}
            }
        }
        first
    }

    /// What a block may fail with although it may also end well: what nothing catches ends the ways around it.
    fn may_fail(&mut self, (spot, node): (&Spot, u32), book: &mut Book, all: &Ended) {
        for (error, cause) in distinct(&all.failed) {
            let did = spot.bring(Brought::Failed(error, cause), self.cx);
            if let Did::Failed(error, cause) = did {
                let text = told(error.as_deref(), cause.as_deref());
                self.note(node, &format!("may fail: {text}"));
                book.ended.failed.push((error, cause));
                book.ended.failed_tails.extend(&all.failed_tails);
            }
        }
    }

    /// Follows the branches or iterations one behind the other: their results, and how they end. An output stands there
    /// for each that has no good end.
    fn children(
        &mut self,
        frame: &Frame<'_>,
        spot: &Spot,
        way: &mut Way,
        (children, count): (&[Child], usize),
    ) -> (Vec<Value>, Ended) {
        let name = spot.state().map_or("", |state| state.name.as_str());
        let maps = spot
            .state()
            .is_some_and(|state| matches!(state.kind, Kind::Map(_)));
        let mut results = Vec::new();
        let mut all = Ended::default();
        for child in children {
            let inner = Frame {
                block: child.block,
                nesting: frame.nesting + 1,
                item: child.item.clone().or_else(|| frame.item.clone()),
                iteration: if maps {
                    Some(child.index)
                } else {
                    frame.iteration
                },
                when: way.when.clone(),
                ..frame.clone()
            };
            let entry = way.entry(child.input.clone(), way.variables.clone());
            let mut ended = self.block(&inner, entry);
            // What runs beside it may come first.
            Arc::make_mut(&mut way.changes).join(&ended.changes);
            all.changes.join(&ended.changes);
            results.push(one_of(&ended.outputs, name));
            if ended.outputs.is_empty() && !ended.failed.is_empty() {
                all.outputs.push(Document::default());
            }
            all.halted |= ended.halted;
            all.failed.append(&mut ended.failed);
            all.failed_tails.append(&mut ended.failed_tails);
            if !ended.tails.is_empty() {
                way.tails = ended.tails;
            }
        }
        if count > children.len() {
            self.cut(format!(
                "{name}: {} of its {count} items are shown",
                children.len()
            ));
            let rest = count - children.len();
            results.extend((0..rest).map(|_| open::named(&format!("{name}: a result"))));
        }
        (results, all)
    }

    /// What is told of a Map's items.
    fn tell_items(&mut self, node: u32, children: &[Child], count: usize) {
        let item = children.first().and_then(|child| child.item.as_ref());
        let open = item.is_some_and(|item| item.get("Value").is_some_and(unknown::is_whole));
        if open && count == 1 {
            self.note(
                node,
                "for each item: shown once, since the items are known only in the run",
            );
        } else if item.is_some() {
            self.note(node, &format!("for each of {count} items"));
        }
    }
}

fn waits(left: &Left) -> String {
    match left.waited {
        Some(seconds) => format!("waits {seconds} seconds; not waited for"),
        None => {
            "waits no longer than until now, or for a time that is known only in the run".to_owned()
        }
    }
}

/// What the ways of a block give: the same, or what only the run would tell.
fn one_of(outputs: &[Document], state: &str) -> Value {
    match outputs {
        [] => open::named(&format!("{state}: a result")),
        [first, rest @ ..] if rest.iter().all(|one| one == first) => first.to_value(),
        _ => open::named(&format!("{state}: a result")),
    }
}

/// Errors by their names, each with the first of its causes.
fn distinct(failed: &[(Option<String>, Option<String>)]) -> Vec<(Option<String>, Option<String>)> {
    let mut errors: Vec<(Option<String>, Option<String>)> = Vec::new();
    for one in failed {
        if !errors.iter().any(|known| known.0 == one.0) {
            errors.push(one.clone());
        }
    }
    errors
}

/// Name of a state of the same block.
fn name_at(spot: &Spot, at: usize) -> Option<String> {
    let block = spot.machine.blocks.get(spot.at.0)?;
    block.states.get(at).map(|state| state.name.clone())
}
