//! Map runs in the world without time: their executions are run one after the other.

use std::collections::{BTreeMap, VecDeque};

use flow::asl::map_run::{self, Begin, Command, Input, MapRun};
use flow::asl::{Context, Input as ExecutionInput};
use jiff::Timestamp;
use model::effect::Outcome;
use model::{EffectCommand, FrameBody, Scope};
use serde_json::Value;
use uuid::Uuid;

use super::bucket::Bucket;
use super::world::World;

/// One map run, with what the store would hold of it.
pub(crate) struct Line {
    pub id: Uuid,
    pub run: Option<MapRun>,
    frames: BTreeMap<String, Value>,
    turns: u8,
    at: Timestamp,
    /// Frames that the last turn wrote.
    pub written: usize,
}

impl Line {
    pub(crate) fn new(id: Uuid, at: Timestamp) -> Self {
        Self {
            id,
            run: None,
            frames: BTreeMap::new(),
            turns: 0,
            at,
            written: 0,
        }
    }

    pub(crate) fn say(&mut self, input: Input) -> Vec<Command> {
        let cx = Context {
            id: self.id,
            scope: Scope::new("111111111111", "us-east-1"),
            at: self.at,
            entropy: [self.turns; 32],
            budget: 3,
            definitions: std::sync::Arc::default(),
        };
        self.turns = self.turns.wrapping_add(1);
        let decision = map_run::step(self.run.take(), input, &cx).expect("taken");
        self.written = decision.frames.len();
        for frame in decision.frames {
            match frame.body.map(FrameBody::into_value) {
                Some(body) => self.frames.insert(frame.key, body),
                None => self.frames.remove(&frame.key),
            };
        }
        // Killed here, the run comes back as it is; a large one is looked at now and then.
        if self.frames.len() < 100 || self.turns.is_multiple_of(64) {
            let stored = self.frames.clone().into_iter().collect();
            let restored = MapRun::restore(stored).expect("a map run");
            assert!(restored == decision.state, "the frames tell another state");
        }
        self.run = Some(decision.state);
        decision.commands
    }
}

impl World {
    /// Runs the executions of the map run that was to begin first, and tells its parent.
    pub(super) fn map_run(&mut self, (id, begin): (Uuid, Box<Begin>)) -> bool {
        let mut line = Line::new(id, self.at);
        let mut queue = VecDeque::from(line.say(Input::Begin(begin)));
        let mut goes_on = false;
        let mut bucket = Bucket {
            objects: std::mem::take(&mut self.objects),
            ..Bucket::default()
        };
        while let Some(command) = queue.pop_front() {
            let input = match command {
                Command::Start { execution, start } => {
                    let child = Self::run_as(execution, *start, 3).expect("a valid child");
                    child.told.expect("the child tells how it ended")
                }
                Command::Continue => Input::Continue,
                Command::Tell { execution, report } => {
                    assert_eq!(execution, self.id);
                    goes_on = self.step(ExecutionInput::MapRun(Box::new(report)));
                    continue;
                }
                Command::Perform { effect, command } => {
                    let EffectCommand::CallAws(call) = *command else {
                        panic!("unexpected: {command:?}");
                    };
                    let outcome = match bucket.answer(&call.operation, &call.params) {
                        Ok(result) => Outcome::Done { result },
                        Err(failure) => Outcome::Failed(failure),
                    };
                    Input::Effect { effect, outcome }
                }
                Command::Stop { .. } | Command::Redrive { .. } => continue,
            };
            queue.extend(line.say(input));
        }
        self.objects = bucket.objects;
        goes_on
    }
}
