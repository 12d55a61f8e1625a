//! A world without time: timers fire as soon as nothing else is to be done.

use std::collections::BTreeMap;

use flow::asl::map_run;
use flow::asl::{
    self, Announcement, Command, Context, Definitions, Execution, Input, Start, Status,
};
use jiff::Timestamp;
use model::effect::{AwsCall, HttpCall, LogLine};
use model::{EffectCommand, Scope};
use serde_json::Value;
use uuid::Uuid;

/// What starts an execution of a definition. Names may matter to a test; it then says its own over these.
pub(crate) fn start(definition: &Value, input: &Value) -> Start {
    let account = "arn:aws:states:us-east-1:111111111111";
    Start {
        name: "e".to_owned(),
        arn: format!("{account}:execution:m:e"),
        machine_arn: format!("{account}:stateMachine:m"),
        machine_name: "m".to_owned(),
        definition: definition.to_string(),
        revision: None,
        version: None,
        alias: None,
        express: false,
        logging: None,
        tracing: false,
        updated: None,
        trace_header: None,
        role_arn: "arn:aws:iam::111111111111:role/r".to_owned(),
        input: input.to_string(),
        capture: false,
        member: None,
    }
}

/// One execution, run to its end.
pub(crate) struct World {
    pub execution: Execution,
    pub history: Vec<Value>,
    pub at: Timestamp,
    /// What the store would hold.
    pub(super) frames: BTreeMap<String, Value>,
    timers: Vec<(Timestamp, String)>,
    turns: u8,
    budget: u32,
    /// Calls that were asked for.
    pub calls: Vec<(Uuid, AwsCall)>,
    /// Calls of web APIs that were asked for.
    pub web: Vec<(Uuid, HttpCall)>,
    /// What was asked of activities.
    pub asked: Vec<Command>,
    /// Its id.
    pub id: Uuid,
    /// Map runs that are to begin.
    begun: Vec<(Uuid, Box<map_run::Begin>)>,
    /// What the buckets hold, by key.
    pub objects: BTreeMap<String, Vec<u8>>,
    /// What its map run is told of its end.
    pub told: Option<map_run::Input>,
    /// What goes to the log group.
    pub logged: Vec<LogLine>,
    /// What its bus was told.
    pub announced: Vec<Announcement>,
}

impl World {
    /// Runs an execution until it ends or waits for what no timer brings.
    pub(crate) fn run(start: Start, budget: u32) -> Result<Self, model::Rejection> {
        Self::run_as(Uuid::from_u128(1), start, budget)
    }

    /// Runs an execution with an id.
    pub(crate) fn run_as(id: Uuid, start: Start, budget: u32) -> Result<Self, model::Rejection> {
        Self::run_among((id, BTreeMap::new()), start, budget)
    }

    /// Runs an execution that finds these objects in its buckets.
    pub(crate) fn run_among(
        (id, objects): (Uuid, BTreeMap<String, Vec<u8>>),
        start: Start,
        budget: u32,
    ) -> Result<Self, model::Rejection> {
        let at: Timestamp = "2026-01-01T00:00:00Z".parse().expect("an instant");
        let cx = context(id, at, (0, budget));
        let decision = asl::step(None, Input::Start(Box::new(start)), &cx)?;
        let mut world = Self {
            execution: decision.state.clone(),
            history: Vec::new(),
            at,
            frames: BTreeMap::new(),
            timers: Vec::new(),
            turns: 1,
            budget,
            calls: Vec::new(),
            web: Vec::new(),
            asked: Vec::new(),
            id,
            begun: Vec::new(),
            objects,
            told: None,
            logged: Vec::new(),
            announced: Vec::new(),
        };
        let goes_on = world.take(decision.frames, decision.commands);
        world.go_on(goes_on);
        Ok(world)
    }

    /// Time stands still while the execution waits for a call or a worker.
    pub(super) fn go_on(&mut self, mut goes_on: bool) {
        while self.execution.status() == Status::Running {
            let input = if goes_on {
                Input::Continue
            } else if let Some(begun) = self.begun.pop() {
                goes_on = self.map_run(begun);
                continue;
            } else {
                self.timers.sort();
                let waits =
                    !self.calls.is_empty() || !self.web.is_empty() || !self.asked.is_empty();
                if self.timers.is_empty() || waits {
                    break;
                }
                let (due, key) = self.timers.remove(0);
                self.at = self.at.max(due);
                Input::Timer { key }
            };
            goes_on = self.step(input);
        }
    }

    pub(super) fn step(&mut self, input: Input) -> bool {
        let cx = self.now();
        self.turns = self.turns.wrapping_add(1);
        let decision = asl::step(Some(self.execution.clone()), input, &cx).expect("taken");
        self.execution = decision.state;
        self.take(decision.frames, decision.commands)
    }

    /// What the next turn is given besides its input.
    pub(super) fn now(&self) -> Context {
        context(self.id, self.at, (self.turns, self.budget))
    }

    fn take(&mut self, frames: Vec<model::FrameWrite>, commands: Vec<Command>) -> bool {
        for frame in frames {
            let body = frame.body.map(model::FrameBody::into_value);
            match &body {
                Some(body) => self.frames.insert(frame.key.clone(), body.clone()),
                None => self.frames.remove(&frame.key),
            };
            if let (true, Some(Value::Array(events))) = (frame.key.starts_with("history/"), body) {
                self.history.extend(events);
            }
        }
        // Killed here, the execution comes back as it is, without its history.
        let stored = self.frames.iter();
        let stored = stored.filter(|(key, _)| !key.starts_with("history/"));
        let stored = stored
            .map(|(key, body)| (key.clone(), body.clone()))
            .collect();
        let restored = Execution::restore(stored, &Definitions::default()).expect("an execution");
        assert!(restored == self.execution, "the frames tell another state");
        let mut goes_on = false;
        for command in commands {
            match command {
                Command::SetTimer { key, due } => self.timers.push((due, key)),
                Command::CancelTimer { key } => self.timers.retain(|(_, set)| *set != key),
                Command::Continue => goes_on = true,
                Command::Perform {
                    effect,
                    command: EffectCommand::CallAws(call),
                } => self.calls.push((effect, call)),
                Command::Perform {
                    effect,
                    command: EffectCommand::InvokeHttp(call),
                } => self.web.push((effect, *call)),
                Command::Log { batch, .. } => self.logged.extend(batch.lines),
                Command::Announce(announcement) => self.announced.push(*announcement),
                Command::Perform { command, .. } => panic!("unexpected: {command:?}"),
                asked @ (Command::Offer { .. } | Command::Withdraw { .. }) => {
                    self.asked.push(asked);
                }
                Command::BeginMapRun { run, begin } => self.begun.push((run, begin)),
                Command::StopMapRun { run } => self.begun.retain(|(it, _)| *it != run),
                Command::RedriveMapRun { .. } => {}
                Command::TellMapRun {
                    index,
                    attempt,
                    end,
                    ..
                } => {
                    self.told = Some(map_run::Input::Ended {
                        index,
                        attempt,
                        end,
                    });
                }
            }
        }
        goes_on
    }
}

fn context(id: Uuid, at: Timestamp, (turn, budget): (u8, u32)) -> Context {
    Context {
        id,
        scope: Scope::new("111111111111", "us-east-1"),
        at,
        entropy: [turn; 32],
        budget,
        definitions: std::sync::Arc::default(),
    }
}
