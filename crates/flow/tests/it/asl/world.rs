//! A world without time: timers fire as soon as nothing else is to be done.

use std::collections::BTreeMap;

use flow::asl::{self, Command, Context, Execution, Input, Start, Status};
use jiff::Timestamp;
use model::Scope;
use serde_json::Value;
use uuid::Uuid;

/// One execution, run to its end.
pub(crate) struct World {
    pub execution: Execution,
    pub history: Vec<Value>,
    pub at: Timestamp,
    /// What the store would hold.
    frames: BTreeMap<String, Value>,
    timers: Vec<(Timestamp, String)>,
    turns: u8,
    budget: u32,
}

impl World {
    /// Runs an execution until it ends or waits for what no timer brings.
    pub(crate) fn run(start: Start, budget: u32) -> Result<Self, model::Rejection> {
        let at: Timestamp = "2026-01-01T00:00:00Z".parse().expect("an instant");
        let cx = context(at, 0, budget);
        let decision = asl::step(None, Input::Start(Box::new(start)), &cx)?;
        let mut world = Self {
            execution: decision.state.clone(),
            history: Vec::new(),
            at,
            frames: BTreeMap::new(),
            timers: Vec::new(),
            turns: 1,
            budget,
        };
        let mut goes_on = world.take(decision.frames, decision.commands);
        while world.execution.status() == Status::Running {
            let input = if goes_on {
                Input::Continue
            } else {
                world.timers.sort();
                if world.timers.is_empty() {
                    break;
                }
                let (due, key) = world.timers.remove(0);
                world.at = world.at.max(due);
                Input::Timer { key }
            };
            goes_on = world.step(input);
        }
        Ok(world)
    }

    fn step(&mut self, input: Input) -> bool {
        let cx = context(self.at, self.turns, self.budget);
        self.turns = self.turns.wrapping_add(1);
        let decision = asl::step(Some(self.execution.clone()), input, &cx).expect("taken");
        self.execution = decision.state;
        self.take(decision.frames, decision.commands)
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
        // Killed here, the execution comes back as it is.
        let stored = self.frames.clone().into_iter().collect();
        let restored = Execution::restore(stored).expect("an execution");
        assert!(restored == self.execution, "the frames tell another state");
        let mut goes_on = false;
        for command in commands {
            match command {
                Command::SetTimer { key, due } => self.timers.push((due, key)),
                Command::CancelTimer { key } => self.timers.retain(|(_, set)| *set != key),
                Command::Continue => goes_on = true,
                Command::Perform { .. } => {}
            }
        }
        goes_on
    }
}

fn context(at: Timestamp, turn: u8, budget: u32) -> Context {
    Context {
        id: Uuid::from_u128(1),
        scope: Scope::new("111111111111", "us-east-1"),
        at,
        entropy: [turn; 32],
        budget,
    }
}
