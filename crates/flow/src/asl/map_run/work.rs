//! One turn of a map run: executions begin while there is room, ends are counted, and at some time it is over.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::{AggregateId, Decision, IndexEntry, Rejection, ids};
use serde_json::Value;
use uuid::Uuid;

use super::child::{Child, End, Member, Standing};
use super::state::{MapRun, Phase, RunStatus, Verdict};
use super::{Command, MAX_EXECUTIONS, MAX_LIVE, MAX_RESULTS, Outcome, Report};
use crate::asl::dataset::manifest::Place;
use crate::asl::fault::{self, EXCEEDED, Fault, ITEM_READER_FAILED};
use crate::asl::input::{Context, Start};
use crate::asl::intrinsic::Randomness;

/// Executions that one turn begins before others have theirs.
const STARTS: u32 = 100;

/// A turn in the making.
pub(super) struct Turn<'a> {
    pub(super) run: MapRun,
    pub(super) cx: &'a Context,
    pub(super) commands: Vec<Command>,
    pub(super) random: Randomness,
    touched: BTreeSet<u32>,
    pub(super) changed: bool,
    /// Whether what items are read from is another.
    pub(super) source_changed: bool,
    /// Pieces of items that have come in this turn, or have gone.
    pub(super) fresh_pieces: BTreeSet<u64>,
    /// The objects that items were read from before.
    places: Option<Arc<Vec<Place>>>,
    /// Whether it goes on in another turn.
    paused: bool,
    /// Whether the run is new.
    pub(super) fresh: bool,
    pub(super) index: Vec<IndexEntry>,
    pub(super) reply: Value,
}

/// The names of one execution.
pub(super) struct Named {
    id: Uuid,
    pub(super) name: String,
    pub(super) arn: String,
}

impl<'a> Turn<'a> {
    pub(super) fn new(run: MapRun, cx: &'a Context) -> Self {
        Self {
            places: run.places().cloned(),
            paused: false,
            run,
            cx,
            commands: Vec::new(),
            random: Randomness::new(cx.entropy, 0),
            touched: BTreeSet::new(),
            changed: false,
            source_changed: false,
            fresh_pieces: BTreeSet::new(),
            fresh: false,
            index: Vec::new(),
            reply: Value::Null,
        }
    }

    /// The decision: only what was touched is written.
    pub(super) fn finish(self) -> Decision<MapRun, Command> {
        let mut frames = Vec::new();
        if self.fresh || self.changed || !self.touched.is_empty() {
            frames.push(self.run.root_frame());
        }
        if self.fresh {
            frames.extend(self.run.first_frames());
        } else {
            let pieces = self.fresh_pieces.iter();
            frames.extend(pieces.map(|first| self.run.piece_frame(*first)));
        }
        if self.source_changed {
            frames.push(self.run.source_frame());
        }
        let same = match (&self.places, self.run.places()) {
            (None, None) => true,
            (Some(before), Some(now)) => Arc::ptr_eq(before, now),
            _ => false,
        };
        if !same {
            frames.push(self.run.places_frame());
        }
        let touched = self.touched.iter();
        frames.extend(touched.map(|index| self.run.child_frame(*index)));
        let mut decision = Decision::unchanged(self.run);
        decision.frames = frames;
        decision.commands = self.commands;
        decision.index = self.index;
        decision.reply = self.reply;
        decision
    }

    /// An execution has ended. What is said of one that does not live is of no meaning.
    pub(super) fn ended(&mut self, (index, attempt): (u32, u32), end: End) {
        let Some(child) = self.run.children.get(&index) else {
            return;
        };
        if child.standing != Standing::Running || child.attempt != attempt {
            return;
        }
        let mut child = child.clone();
        child.standing = Standing::Ended;
        child.end = Some(end);
        let (first, items) = (child.first, u64::from(child.items));
        // An execution of a Standard machine has its input itself.
        let done = child.succeeded() && self.run.origin.pattern.express;
        self.keep(&mut child);
        self.set(index, child);
        if done {
            self.release((first, items));
        }
        let root = &self.run.root;
        let held = root.bytes.saturating_add(root.described);
        if root.phase == Phase::Running && self.is_written() && held > MAX_RESULTS {
            let cause = format!(
                "The results of the Map Run have more than {MAX_RESULTS} bytes: let its executions give less"
            );
            let (error, cause) = self.unwritten(cause);
            self.end_early(Verdict::Failed { error, cause });
        }
    }

    /// Items are not needed any more.
    fn release(&mut self, items: (u64, u64)) {
        let gone = self.run.pieces.release(items);
        self.fresh_pieces.extend(gone);
    }

    pub(super) fn update(
        &mut self,
        (concurrency, count, percentage): (Option<u32>, Option<u64>, Option<f64>),
    ) -> Result<(), Rejection> {
        if percentage.is_some_and(|share| !(0.0..=100.0).contains(&share)) {
            let message = "must be between 0 and 100";
            return Err(Rejection::invalid("toleratedFailurePercentage", message));
        }
        let limits = &mut self.run.root.limits;
        limits.concurrency = concurrency.unwrap_or(limits.concurrency);
        limits.tolerated_count = count.or(limits.tolerated_count);
        limits.tolerated_percentage = percentage.or(limits.tolerated_percentage);
        self.changed = true;
        Ok(())
    }

    /// Goes on as far as nobody else has to do something first.
    pub(super) fn advance(&mut self) {
        loop {
            self.go_on();
            let reads = self.run.root.phase == Phase::Running && self.read_on();
            if self.paused || !reads {
                return;
            }
        }
    }

    fn go_on(&mut self) {
        let mut begun = 0;
        loop {
            match self.run.root.phase.clone() {
                Phase::Over => return,
                Phase::Writing => {
                    self.write_on();
                    if self.run.root.phase == Phase::Writing {
                        return;
                    }
                }
                Phase::Ending(verdict) => {
                    if self.run.root.executions.running == 0 {
                        self.over(verdict);
                        continue;
                    }
                    return;
                }
                Phase::Running if self.exceeded() => self.end_early(Verdict::Failed {
                    error: Some(EXCEEDED.to_owned()),
                    cause: Some(
                        "The specified tolerated failure threshold was exceeded".to_owned(),
                    ),
                }),
                Phase::Running if self.is_done() => self.succeed(),
                Phase::Running if !self.has_room() => return,
                Phase::Running if begun == STARTS => {
                    self.paused = true;
                    return self.commands.push(Command::Continue);
                }
                Phase::Running => {
                    begun += 1;
                    if let Err(fault) = self.begin_next() {
                        let parent = &self.run.origin.parent;
                        let fault = fault.in_state(&parent.state, parent.entered);
                        self.end_early(Verdict::Failed {
                            error: fault.error,
                            cause: fault.cause,
                        });
                    }
                }
            }
        }
    }

    /// Whether more items failed than may.
    fn exceeded(&self) -> bool {
        let root = &self.run.root;
        let failed = root.item_tally.unsuccessful();
        let (count, share) = (
            root.limits.tolerated_count,
            root.limits.tolerated_percentage,
        );
        if failed == 0 {
            return false;
        }
        #[expect(clippy::cast_precision_loss, reason = "items are below 2^53")]
        let over_share = |most: f64| failed as f64 * 100.0 > most * root.items as f64;
        match (count, share) {
            (None, None) => true,
            // A share is one of all items, which are known when they have been read.
            _ => {
                let known = self.run.source.is_none();
                count.is_some_and(|most| failed > most) || known && share.is_some_and(over_share)
            }
        }
    }

    fn is_done(&self) -> bool {
        let root = &self.run.root;
        let begun = root.next_item >= root.items && self.run.again.is_empty();
        begun && root.executions.running == 0 && self.run.source.is_none()
    }

    /// Whether another execution may begin now.
    fn has_room(&self) -> bool {
        let root = &self.run.root;
        let most = match root.limits.concurrency {
            0 => MAX_LIVE,
            most => most.min(MAX_LIVE),
        };
        let waits = self.has_items() || !self.run.again.is_empty();
        waits && root.executions.running < u64::from(most)
    }

    /// Begins an execution: one that is to live again first.
    fn begin_next(&mut self) -> Result<(), Fault> {
        let Some(index) = self.run.again.first().copied() else {
            return self.begin_first();
        };
        let Some(mut child) = self.run.children.get(&index).cloned() else {
            return Ok(());
        };
        child.standing = Standing::Running;
        child.end = None;
        (child.size, child.bare) = (0, false);
        if self.run.origin.pattern.express {
            // Executions of Express machines begin anew: they have nothing that they could go on from.
            child.attempt += 1;
            let taken = self.taken((index, child.first), Some(child.items))?;
            self.start((index, &child), taken.input, taken.item);
        } else {
            let execution = self.named(index, child.attempt).id;
            let token = format!("{}/{}", self.cx.id, self.run.root.redrives);
            self.commands.push(Command::Redrive { execution, token });
        }
        self.set(index, child);
        Ok(())
    }

    fn begin_first(&mut self) -> Result<(), Fault> {
        let index = self.run.root.begun;
        let first = self.run.root.next_item;
        if index >= MAX_EXECUTIONS {
            let cause = format!(
                "The Map Run has more than {MAX_EXECUTIONS} executions: give each of them more items with an ItemBatcher, or all of them fewer with MaxItems"
            );
            return Err(Fault::of(Some(ITEM_READER_FAILED.to_owned()), Some(cause)));
        }
        let taken = self.taken((index, first), None)?;
        let child = Child {
            v: 1,
            standing: Standing::Running,
            first,
            items: taken.count,
            attempt: 0,
            end: None,
            size: 0,
            bare: false,
        };
        self.run.root.begun += 1;
        self.run.root.next_item += u64::from(taken.count);
        let count = u64::from(taken.count);
        self.start((index, &child), taken.input, taken.item);
        self.set(index, child);
        // An execution of a Standard machine has its input itself, should it live again.
        if !self.run.origin.pattern.express {
            self.release((first, count));
        }
        Ok(())
    }

    fn start(&mut self, (index, child): (u32, &Child), input: String, item: Value) {
        let Named { id, name, arn } = self.named(index, child.attempt);
        let origin = &self.run.origin;
        let start = Start {
            name,
            arn,
            input,
            member: Some(Box::new(Member {
                run: self.cx.id,
                arn: origin.arn.clone(),
                label: origin.label.clone(),
                block: origin.block,
                index,
                attempt: child.attempt,
                items: child.items,
                item,
                whole: self.wants_records(),
            })),
            ..origin.pattern.as_ref().clone()
        };
        self.commands.push(Command::Start {
            execution: id,
            start: Box::new(start),
        });
    }

    /// Name, ARN and id of an execution: they follow from the run's id.
    pub(super) fn named(&self, index: u32, attempt: u32) -> Named {
        let number = (u64::from(attempt) << 32) | (u64::from(index) + 1);
        let name = ids::child(self.cx.id, number).to_string();
        let pattern = &self.run.origin.pattern;
        let (kind, unique) = if pattern.express {
            ("express", format!("{name}:{name}"))
        } else {
            ("execution", name.clone())
        };
        let account = pattern.machine_arn.split(":stateMachine:").next();
        let account = account.unwrap_or_default();
        Named {
            id: AggregateId::execution_of(&self.cx.scope, &pattern.machine_arn, &unique).id,
            arn: format!("{account}:{kind}:{}:{unique}", pattern.machine_name),
            name,
        }
    }

    /// Stops what runs; the run is over when it has ended.
    pub(super) fn end_early(&mut self, verdict: Verdict) {
        let running: Vec<(u32, u32)> = self
            .run
            .children
            .iter()
            .filter(|(_, child)| child.standing == Standing::Running)
            .map(|(index, child)| (*index, child.attempt))
            .collect();
        for (index, attempt) in running {
            let execution = self.named(index, attempt).id;
            self.commands.push(Command::Stop { execution });
        }
        // What waited to live again stays what it was.
        for index in std::mem::take(&mut self.run.again) {
            if let Some(mut child) = self.run.children.get(&index).cloned() {
                child.standing = Standing::Ended;
                self.set(index, child);
            }
        }
        self.phase(Phase::Ending(verdict));
    }

    /// All have ended, and not too many badly.
    fn succeed(&mut self) {
        if self.deliver(None) {
            return;
        }
        let state = self.run.origin.parent.state.clone();
        match self.results() {
            Some(result) => self.close(RunStatus::Succeeded, Some(Outcome::Succeeded { result })),
            None => {
                let Fault { error, cause, .. } = fault::too_large(&state);
                self.close(RunStatus::Failed, Some(Outcome::Failed { error, cause }));
            }
        }
    }

    /// Nothing runs any more.
    fn over(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Failed { error, cause } => {
                if self.deliver(Some((error.clone(), cause.clone()))) {
                    return;
                }
                self.close(RunStatus::Failed, Some(Outcome::Failed { error, cause }));
            }
            Verdict::Stopped => self.close(RunStatus::Aborted, None),
        }
        self.wanted_again();
    }

    pub(super) fn close(&mut self, status: RunStatus, outcome: Option<Outcome>) {
        self.run.root.status = status;
        self.run.root.stopped = Some(self.cx.at);
        self.phase(Phase::Over);
        let Some(outcome) = outcome else { return };
        let parent = &self.run.origin.parent;
        self.commands.push(Command::Tell {
            execution: parent.execution,
            report: Report {
                thread: parent.thread,
                run: self.cx.id,
                redrives: self.run.root.redrives,
                outcome,
            },
        });
    }

    pub(super) fn phase(&mut self, phase: Phase) {
        self.run.root.phase = phase;
        self.changed = true;
    }

    pub(super) fn set(&mut self, index: u32, child: Child) {
        self.touched.insert(index);
        self.run.set(index, child);
    }
}
