//! One turn in the making: the execution and all that its decision will carry.
//!
//! Offers the small moves that states are made of. Decides nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use model::arn::Arn;
use model::decision::FrameWrite;
use model::effect::{AssumeRole, LogBatch};
use model::{Decision, FrameBody, IndexEntry, ids};
use serde_json::Value;

use super::event::{Details, Event};
use super::redrive::Resting;
use super::task;
use super::touched::Touched;
use super::trial::Notes;
use crate::asl::context::{ContextObject, Parts};
use crate::asl::definition::State;
use crate::asl::document::Document;
use crate::asl::execution::{Execution, HISTORY_PIECE, Phase, Thread, history_key};
use crate::asl::input::{Command, Context};
use crate::asl::intrinsic::Randomness;

/// Threads, the items of their Maps, and the results of their branches.
type Held = (
    BTreeMap<u32, Arc<Thread>>,
    BTreeMap<u32, Arc<Vec<Value>>>,
    BTreeMap<(u32, u32), Document>,
);

/// A turn in the making.
pub(super) struct Turn<'a> {
    pub(super) x: Execution,
    pub(super) cx: &'a Context,
    pub(super) commands: Vec<Command>,
    pub(super) random: Randomness,
    /// States entered in this turn.
    pub(super) entered: u32,
    /// Whether the execution is new.
    pub(super) fresh: bool,
    /// Whether the root changed in a way that no event and no command tells of.
    pub(super) silent: bool,
    pub(super) index: Vec<IndexEntry>,
    pub(super) reply: Value,
    /// What a trial notes; an execution has none.
    pub(super) notes: Option<Notes>,
    /// Whether it is a turn of a plan: some of its values are not known.
    pub(super) open: bool,
    /// The threads as they were when the failure began that is being taken up.
    pub(super) failing: Option<Resting>,
    events: Vec<Event>,
    /// Frames that are written and not looked at again.
    kept: Vec<FrameWrite>,
    threads: Touched<u32>,
    items: Touched<u32>,
    results: Touched<(u32, u32)>,
}

impl<'a> Turn<'a> {
    pub(super) fn new(x: Execution, cx: &'a Context) -> Self {
        Self {
            x,
            cx,
            commands: Vec::new(),
            random: Randomness::new(cx.entropy, 0),
            entered: 0,
            fresh: false,
            silent: false,
            index: Vec::new(),
            reply: Value::Null,
            notes: None,
            open: false,
            failing: None,
            events: Vec::new(),
            kept: Vec::new(),
            threads: Touched::none(),
            items: Touched::none(),
            results: Touched::none(),
        }
    }

    /// The decision: only what was touched is written.
    pub(super) fn finish(mut self) -> Decision<Execution, Command> {
        let changed = self.fresh
            || self.silent
            || !self.events.is_empty()
            || !self.kept.is_empty()
            || !self.threads.is_empty()
            || !self.commands.is_empty();
        let mut frames = Vec::new();
        if changed {
            frames.push(self.x.root_frame());
        }
        if self.fresh {
            frames.push(self.x.origin_frame());
        }
        let x = &self.x;
        let threads = self.threads.written(|id| x.threads.contains_key(&id));
        let items = self.items.written(|id| x.items.contains_key(&id));
        let results = self.results.written(|at| x.results.contains_key(&at));
        frames.extend(threads.map(|id| x.thread_frame(id)));
        frames.extend(items.map(|id| x.items_frame(id)));
        frames.extend(results.map(|at| x.result_frame(at)));
        frames.append(&mut self.kept);
        log(&self.x, &self.events, (&mut self.commands, self.cx));
        // Executions of Express machines have no history: the service writes theirs to logs only.
        let kept = !self.x.origin.start.express;
        if kept {
            frames.extend(pieces(self.events));
        }
        let mut decision = Decision::unchanged(self.x);
        decision.frames = frames;
        decision.commands = self.commands;
        decision.index = self.index;
        decision.reply = self.reply;
        decision
    }

    /// Writes a frame that no turn reads.
    pub(super) fn keep(&mut self, frame: FrameWrite) {
        self.kept.push(frame);
    }

    /// Adds an event behind `previous` and gives its id.
    pub(super) fn event(
        &mut self,
        kind: &str,
        previous: u64,
        details: Option<(&str, Value)>,
    ) -> u64 {
        self.x.root.events += 1;
        let id = self.x.root.events;
        self.events.push(Event {
            timestamp: self.cx.at.as_millisecond(),
            kind: kind.to_owned(),
            id,
            previous,
            details: details.map(|(name, value)| Details::Other(name.to_owned(), value)),
        });
        id
    }

    /// Adds the event of a thread that enters or leaves a state: the next one follows it.
    pub(super) fn state_event(&mut self, id: u32, kind: String, details: Details) -> u64 {
        self.x.root.events += 1;
        let event = self.x.root.events;
        let at = self.cx.at;
        if let Some(thread) = self.touch(id) {
            let previous = std::mem::replace(&mut thread.last, event);
            self.events.push(Event {
                timestamp: at.as_millisecond(),
                kind,
                id: event,
                previous,
                details: Some(details),
            });
        }
        event
    }

    /// Adds an event of a thread: the next one follows it.
    pub(super) fn thread_event(
        &mut self,
        id: u32,
        kind: &str,
        details: Option<(&str, Value)>,
    ) -> u64 {
        let previous = self.thread(id).map_or(0, |thread| thread.last);
        let event = self.event(kind, previous, details);
        if let Some(thread) = self.touch(id) {
            thread.last = event;
        }
        event
    }

    pub(super) fn thread(&self, id: u32) -> Option<&Thread> {
        self.x.threads.get(&id).map(AsRef::as_ref)
    }

    /// A thread, to be changed and therefore written.
    pub(super) fn touch(&mut self, id: u32) -> Option<&mut Thread> {
        self.threads.changed(id);
        self.x.threads.get_mut(&id).map(Arc::make_mut)
    }

    /// A thread and the state it is at. The machine is shared, so the state outlives changes of the turn.
    pub(super) fn at(
        &self,
        id: u32,
    ) -> Option<(Thread, Arc<crate::asl::definition::StateMachine>)> {
        Some((self.thread(id)?.clone(), Arc::clone(&self.x.machine)))
    }

    /// Begins a thread at a block's first state.
    pub(super) fn begin_thread(
        &mut self,
        parent: Option<u32>,
        (block, index): (usize, u32),
        (input, item): (Document, Option<Document>),
    ) -> Option<u32> {
        let state = self.x.machine.blocks.get(block)?.start;
        let id = self.x.root.threads;
        self.x.root.threads += 1;
        let last = parent
            .and_then(|parent| self.thread(parent))
            .map_or(0, |parent| parent.last);
        let thread = Thread {
            v: 1,
            id,
            parent,
            index,
            block,
            state,
            phase: Phase::Ready,
            input,
            entered: (0, 0),
            entered_at: self.cx.at,
            last,
            variables: BTreeMap::new(),
            retries: Vec::new(),
            item,
        };
        self.x.threads.insert(id, Arc::new(thread));
        self.threads.begun(id);
        self.x.root.ready.push_back(id);
        Some(id)
    }

    /// Takes a thread away, with all that hangs on it.
    pub(super) fn end_thread(&mut self, id: u32) {
        self.drop_timers(id);
        self.x.threads.remove(&id);
        self.threads.changed(id);
        self.drop_fork(id);
        self.x.root.ready.retain(|ready| *ready != id);
    }

    /// Takes away the items and results of a thread's Parallel or Map.
    pub(super) fn drop_fork(&mut self, id: u32) {
        if self.x.items.remove(&id).is_some() {
            self.items.changed(id);
        }
        let kept: Vec<(u32, u32)> = self
            .x
            .results
            .range((id, 0)..=(id, u32::MAX))
            .map(|(at, _)| *at)
            .collect();
        for at in kept {
            self.x.results.remove(&at);
            self.results.changed(at);
        }
    }

    /// Puts threads back, with what hangs on them, as they were.
    pub(super) fn put_back(&mut self, (threads, items, results): Held) {
        for id in threads.keys().chain(self.x.threads.keys()) {
            self.threads.changed(*id);
        }
        for id in items.keys().chain(self.x.items.keys()) {
            self.items.changed(*id);
        }
        for at in results.keys().chain(self.x.results.keys()) {
            self.results.changed(*at);
        }
        self.x.threads = threads;
        self.x.items = items;
        self.x.results = results;
    }

    pub(super) fn keep_items(&mut self, id: u32, items: Vec<Value>) {
        match self.x.items.insert(id, Arc::new(items)) {
            None => self.items.begun(id),
            Some(_) => self.items.changed(id),
        }
    }

    pub(super) fn keep_result(&mut self, at: (u32, u32), result: Document) {
        match self.x.results.insert(at, result) {
            None => self.results.begun(at),
            Some(_) => self.results.changed(at),
        }
    }

    /// Sets a timer and gives its key.
    pub(super) fn timer(&mut self, purpose: &str, due: Timestamp) -> String {
        self.x.root.ticks += 1;
        let key = format!("{}/{purpose}", self.x.root.ticks);
        self.commands.push(Command::SetTimer {
            key: key.clone(),
            due,
        });
        key
    }

    /// Takes back a timer; one that was set in this very turn is not set at all.
    pub(super) fn cancel_timer(&mut self, key: String) {
        let before = self.commands.len();
        self.commands.retain(
            |command| !matches!(command, Command::SetTimer { key: set, .. } if *set == key),
        );
        if self.commands.len() == before {
            self.commands.push(Command::CancelTimer { key });
        }
    }

    fn drop_timers(&mut self, id: u32) {
        let timers = match self.thread(id).map(|thread| &thread.phase) {
            Some(Phase::Waiting { timer } | Phase::Backoff { timer }) => vec![timer.clone()],
            Some(Phase::Calling(call)) => {
                let look = call.job.as_ref().and_then(|job| job.timer.as_ref());
                let set = call.timer.iter().chain(&call.beat).chain(look);
                set.cloned().collect()
            }
            _ => Vec::new(),
        };
        for timer in timers {
            self.cancel_timer(timer);
        }
    }

    /// Variables in sight of a thread: its own before those of the threads around it.
    pub(super) fn variables(&self, id: u32) -> BTreeMap<String, Value> {
        let mut seen = BTreeMap::new();
        let mut next = Some(id);
        while let Some(thread) = next.and_then(|id| self.thread(id)) {
            for (name, value) in &thread.variables {
                seen.entry(name.clone()).or_insert_with(|| value.clone());
            }
            next = thread.parent;
        }
        seen
    }

    /// The context object as a thread's state sees it.
    pub(super) fn context(&self, thread: &Thread, state: &State) -> ContextObject {
        let tried = !state.retry.is_empty() || ["Task", "Map"].contains(&state.kind.as_str());
        let mut item = None;
        let mut around = Some(thread);
        while let (Some(thread), None) = (around, item) {
            item = thread.item.as_ref();
            around = thread.parent.and_then(|parent| self.thread(parent));
        }
        ContextObject::of(Parts {
            origin: Arc::clone(&self.x.origin),
            started: self.x.root.started,
            redrives: (self.x.root.redrives, self.x.root.redriven),
            state: state.name.clone(),
            entered: thread.entered_at,
            retries: tried.then(|| thread.retries.iter().sum()),
            around: item.map(Document::to_value),
            given: self.notes.as_ref().and_then(|notes| notes.context.clone()),
        })
    }
}

/// A turn's events as frames of the history.
fn pieces(events: Vec<Event>) -> Vec<FrameWrite> {
    let mut pieces = Vec::with_capacity(events.len().div_ceil(HISTORY_PIECE));
    let mut events = events.into_iter().peekable();
    while let Some(first) = events.peek().map(|event| event.id) {
        let piece: Vec<Event> = events.by_ref().take(HISTORY_PIECE).collect();
        let body = FrameBody::typed(Arc::new(piece));
        pieces.push(FrameWrite::put(history_key(first), body));
    }
    pieces
}

/// What of a turn's events goes to the execution's log group.
fn log(x: &Execution, events: &[Event], (commands, cx): (&mut Vec<Command>, &Context)) {
    let start = &x.origin.start;
    let (Some(logging), Some(first)) = (&start.logging, events.first()) else {
        return;
    };
    let Some(group) = Arn::parse(&logging.group_arn) else {
        return;
    };
    let name = group
        .resource
        .strip_prefix("log-group:")
        .unwrap_or(&group.resource);
    let (execution, first) = (cx.id.to_string(), first.id.to_string());
    let events: Vec<Value> = events.iter().map(Event::value).collect();
    let batches = logging.batches(&events, (&start.arn, x.root.redrives));
    for (number, lines) in (1_u32..).zip(batches) {
        let id = ids::named(&["execution log", &execution, &first, &number.to_string()]);
        let batch = LogBatch {
            id,
            region: group.region.clone(),
            group: name.to_owned(),
            stream: format!(
                "states/{}/{}/{execution}",
                start.machine_name,
                x.root.started.strftime("%Y-%m-%d")
            ),
            role: Some(AssumeRole {
                role_arn: start.role_arn.clone(),
                session_name: task::session(&start.name),
                through: None,
            }),
            lines,
        };
        commands.push(Command::Log {
            group_arn: logging.group_arn.clone(),
            machine_arn: start.machine_arn.clone(),
            batch: Box::new(batch),
        });
    }
}
