//! One turn in the making: the run and all that its decision will carry.
//!
//! Offers the small moves that actions are made of. Decides nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::SignedDuration;
use model::decision::{Fact, IndexEntry};
use model::fleet::ChildEnd;
use model::report::{RunReport, StartRun};
use model::{Decision, EffectCommand, ids};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::automation::action::Memory;
use crate::automation::agreed;
use crate::automation::captured::Captured;
use crate::automation::document::Document;
use crate::automation::input::{Command, Context, StopKind};
use crate::automation::preview::ledger::Ledger;
use crate::automation::record::StepExecution;
use crate::automation::run::{Current, Run};

/// A turn in the making.
pub(crate) struct Turn<'a> {
    pub(crate) run: Run,
    pub(crate) cx: &'a Context,
    pub(crate) commands: Vec<Command>,
    pub(crate) facts: Vec<Fact>,
    pub(crate) index: Vec<IndexEntry>,
    pub(crate) reply: Value,
    /// Steps begun in this turn.
    pub(crate) begun: u32,
    /// Whether the run is new, so that its document is written as well.
    pub(crate) fresh: bool,
    /// Whether a fleet's members are new, so that they are written as well.
    pub(crate) members_changed: bool,
    /// Whether the run is bound to a plan now, so that what it is asked for is written anew.
    request_changed: bool,
    /// The plan in the making, where the run is only planned.
    pub(crate) plan: Option<Box<Ledger>>,
    touched: BTreeSet<u32>,
    /// Records of changing calls that were written in this turn.
    captured: BTreeSet<u32>,
}

impl<'a> Turn<'a> {
    pub(crate) fn new(run: Run, cx: &'a Context) -> Self {
        Self {
            run,
            cx,
            commands: Vec::new(),
            facts: Vec::new(),
            index: Vec::new(),
            reply: Value::Null,
            begun: 0,
            fresh: false,
            members_changed: false,
            request_changed: false,
            plan: None,
            touched: BTreeSet::new(),
            captured: BTreeSet::new(),
        }
    }

    /// The decision: only what was touched is written.
    pub(crate) fn finish(self) -> Decision<Run, Command> {
        let mut frames = Vec::new();
        let changed = self.fresh
            || !self.touched.is_empty()
            || !self.commands.is_empty()
            || !self.facts.is_empty();
        // A run that was told something without a command (a second approver's word, a note) touches a step frame.
        if changed {
            frames.push(self.run.root_frame());
        }
        if self.fresh || self.request_changed {
            frames.push(self.run.document_frame());
        }
        if self.members_changed {
            frames.push(self.run.members_frame());
        }
        frames.extend(
            self.touched
                .iter()
                .filter_map(|seq| self.run.step_frame(*seq)),
        );
        frames.extend(self.captured.iter().filter_map(|n| self.run.undo_frame(*n)));
        let mut decision = Decision::unchanged(self.run);
        decision.frames = frames;
        decision.commands = self.commands;
        decision.facts = self.facts;
        decision.index = self.index;
        decision.reply = self.reply;
        decision
    }

    /// Changes what the run is asked for.
    pub(crate) fn rewrite_request(&mut self, change: impl FnOnce(&mut StartRun)) {
        change(&mut Arc::make_mut(&mut self.run.origin).request);
        self.request_changed = true;
    }

    pub(crate) fn document(&self) -> Arc<Document> {
        Arc::clone(&self.run.document)
    }

    /// A step execution's record, to be changed and therefore written.
    pub(crate) fn touch(&mut self, seq: u32) -> Option<&mut StepExecution> {
        if self.touched.last() != Some(&seq) {
            self.touched.insert(seq);
        }
        self.run.record_mut(seq)
    }

    /// The record of a changing call, to be changed and therefore written.
    pub(crate) fn captured(&mut self, n: u32) -> Option<&mut Captured> {
        self.captured.insert(n);
        let record = self.run.undo.get_mut(usize::try_from(n).ok()?)?;
        Some(Arc::make_mut(record))
    }

    pub(crate) fn current_mut(&mut self) -> Option<&mut Current> {
        self.run.root.current.as_mut()
    }

    /// Resolved inputs of the current step.
    pub(crate) fn current_inputs(&self) -> Map<String, Value> {
        self.run
            .current()
            .map(|record| record.inputs.clone())
            .unwrap_or_default()
    }

    fn touch_current(&mut self) -> Option<&mut StepExecution> {
        let seq = self.run.root.current.as_ref()?.seq;
        self.touch(seq)
    }

    pub(crate) fn set_outputs(&mut self, outputs: Map<String, Value>) {
        if let Some(record) = self.touch_current() {
            record.outputs = outputs;
        }
    }

    pub(crate) fn set_response(&mut self, remark: String) {
        if let Some(record) = self.touch_current() {
            record.response = Some(remark);
        }
    }

    /// What the current action remembers.
    pub(crate) fn memory(&self) -> Option<Memory> {
        self.run
            .root
            .current
            .as_ref()
            .map(|current| current.memory.clone())
    }

    pub(crate) fn remember(&mut self, memory: Memory) {
        if let Some(current) = self.current_mut() {
            current.memory = memory;
        }
    }

    /// The id of a new intent.
    pub(crate) fn next_effect(&mut self) -> Uuid {
        self.run.root.effects += 1;
        ids::child(self.cx.id, self.run.root.effects)
    }

    /// Asks for an effect of the current step, if the plan that the run is bound to allows it. `reading`: nothing is
    /// lost when nobody waits for its answer.
    pub(crate) fn perform(&mut self, command: EffectCommand, reading: bool) {
        let current = self.run.root.current.as_ref();
        let step = current.and_then(|current| self.run.document.steps.get(current.step));
        // What an action looks at of its own is no call of the document.
        if reading && !step.is_some_and(|step| step.action.calls_what_it_is_told()) {
            return self.send(command, reading);
        }
        let effect = ids::child(self.cx.id, self.run.root.effects + 1);
        if let Some(command) = agreed::checked(&mut self.run, effect, command) {
            self.send(command, reading);
        }
    }

    /// Asks for an effect of the current step.
    pub(crate) fn send(&mut self, command: EffectCommand, reading: bool) {
        let effect = self.next_effect();
        if let Some(current) = self.current_mut() {
            current.effect = Some(effect);
            current.reading = reading;
        }
        self.commands.push(Command::Perform { effect, command });
    }

    /// Sets the time limit of the current attempt.
    pub(crate) fn set_timeout(&mut self, seconds: u64) {
        self.set_timer(TIMEOUT, seconds);
    }

    /// Sets a timer of the current step.
    pub(crate) fn set_timer(&mut self, purpose: &str, seconds: u64) {
        let Some(current) = self.run.root.current.as_mut() else {
            return;
        };
        current.ticks += 1;
        let key = format!("{}/{}/{purpose}", current.seq, current.ticks);
        current.timers.push(key.clone());
        self.timer_at(key, seconds);
    }

    /// Sets a timer with a key of one's own.
    pub(crate) fn timer_at(&mut self, key: String, seconds: u64) {
        let wait = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
        let due = self.cx.at.checked_add(wait).unwrap_or(jiff::Timestamp::MAX);
        self.commands.push(Command::SetTimer { key, due });
    }

    /// Takes back a timer; one that was set in this very turn is not set at all.
    pub(crate) fn cancel_timer(&mut self, key: String) {
        let before = self.commands.len();
        self.commands.retain(
            |command| !matches!(command, Command::SetTimer { key: set, .. } if *set == key),
        );
        if self.commands.len() == before {
            self.commands.push(Command::CancelTimer { key });
        }
    }

    pub(crate) fn fact(&mut self, name: &str, body: Value) {
        self.facts.push(Fact::new(name, body));
    }

    /// Starts a run as this one's child.
    pub(crate) fn start_child(&mut self, mut request: StartRun) -> Uuid {
        let run = self.next_effect();
        if let Some(part) = agreed::part_for(&self.run, &request) {
            request.agreed = Some(Box::new(part));
        }
        let request = Box::new(request);
        self.commands.push(Command::StartChild { run, request });
        run
    }

    /// Tells the run that started this one how it ended.
    pub(crate) fn tell_parent(&mut self) {
        let Some(parent) = &self.run.request().parent else {
            return;
        };
        let run = parent.run;
        let root = &self.run.root;
        let declared = self.run.document.outputs.iter();
        let end = ChildEnd {
            run: self.cx.id,
            status: root.status.as_str().to_owned(),
            output: declared
                .map(|name| one_text(root.outputs.get(name)))
                .collect(),
            outputs: root.outputs.clone(),
            message: root.failure_message.clone(),
            progress: root.fleet.as_ref().map(|fleet| fleet.progress),
            drift: agreed::drift(&self.run).is_some(),
        };
        let end = Box::new(end);
        self.commands.push(Command::TellParent { run, end });
    }

    pub(crate) fn stop_child(&mut self, run: Uuid, kind: StopKind, by: &str) {
        let by = by.to_owned();
        self.commands.push(Command::StopChild { run, kind, by });
    }

    /// Stops the child that the current step waits for, if it does.
    pub(crate) fn abandon_child(&mut self, by: &str) {
        if let Some(child) = self.current_mut().and_then(|current| current.child.take()) {
            self.stop_child(child, StopKind::Cancel, by);
        }
    }

    /// A fact with these members. Every step has two, so that they are made with some care.
    pub(crate) fn fact_of<const N: usize>(&mut self, name: &str, members: [(&str, Value); N]) {
        let mut body = Map::with_capacity(N);
        for (key, value) in members {
            body.insert(key.to_owned(), value);
        }
        self.fact(name, Value::Object(body));
    }

    /// Tells the incident, if there is one.
    pub(crate) fn report(&mut self, report: RunReport) {
        if self.run.incident().is_some() {
            self.commands.push(Command::Report(report));
        }
    }
}

/// An output's wire form as one text: the text itself, or the list as JSON.
fn one_text(wire: Option<&Vec<String>>) -> String {
    match wire.map(Vec::as_slice) {
        None => String::new(),
        Some([one]) => one.clone(),
        Some(several) => serde_json::json!(several).to_string(),
    }
}

/// Purpose of the timer that ends an attempt.
pub(crate) const TIMEOUT: &str = "timeout";
/// Purpose of the timer after which a throttled call is made again.
pub(crate) const THROTTLE: &str = "throttle";
