//! An aggregate under way: told things one after the other, stopped, kept, restored and told the rest. Executions, map runs
//! and activities alike.

use std::collections::BTreeMap;
use std::sync::Arc;

use flow::asl::{self, Context, Definitions, Execution, activity, map_run};
use jiff::{SignedDuration, Timestamp};
use model::decision::FrameWrite;
use model::{FrameBody, Scope};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

/// What is kept of an aggregate: its frames, what it was told so far, and what it is told then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) aggregate: String,
    pub(super) id: Uuid,
    pub(super) turns: u8,
    pub(super) frames: BTreeMap<String, Value>,
    pub(super) journal: Vec<Told>,
    pub(super) then: Vec<Told>,
}

/// Something that an aggregate was told, and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Told {
    pub(super) at: Timestamp,
    pub(super) input: Value,
}

/// What a turn brought.
pub(super) struct Turned<A> {
    state: A,
    frames: Vec<FrameWrite>,
    commands: Vec<Value>,
}

/// A kind of aggregate.
pub(super) trait Aggregate: Clone + PartialEq {
    const NAME: &'static str;
    type Input: Serialize + DeserializeOwned;
    fn turn(state: Option<Self>, input: Self::Input, cx: &Context) -> Turned<Self>;
    fn restored(frames: Vec<(String, Value)>) -> Result<Self, asl::RestoreError>;
    /// How it stands, as far as others see it.
    fn shown(&self) -> Value;
}

fn values<T: Serialize>(commands: Vec<T>) -> Vec<Value> {
    let value = |command| serde_json::to_value(command).expect("JSON");
    commands.into_iter().map(value).collect()
}

impl Aggregate for Execution {
    const NAME: &'static str = "execution";
    type Input = asl::Input;

    fn turn(state: Option<Self>, input: asl::Input, cx: &Context) -> Turned<Self> {
        let decision = asl::step(state, input, cx).expect("taken");
        Turned {
            state: decision.state,
            frames: decision.frames,
            commands: values(decision.commands),
        }
    }

    fn restored(frames: Vec<(String, Value)>) -> Result<Self, asl::RestoreError> {
        Self::restore(frames, &Definitions::default())
    }

    fn shown(&self) -> Value {
        let (error, cause) = self.failure();
        json!({"status": self.status().as_str(), "output": self.output(), "error": error, "cause": cause,
            "events": self.events(), "redrives": self.redrives().0,
            "notRedrivable": self.not_redrivable(self.times().0),
            "unknown": self.unknown().map(|one| (one.state, one.reason)).collect::<Vec<_>>()})
    }
}

impl Aggregate for map_run::MapRun {
    const NAME: &'static str = "map run";
    type Input = map_run::Input;

    fn turn(state: Option<Self>, input: map_run::Input, cx: &Context) -> Turned<Self> {
        let decision = map_run::step(state, input, cx).expect("taken");
        Turned {
            state: decision.state,
            frames: decision.frames,
            commands: values(decision.commands),
        }
    }

    fn restored(frames: Vec<(String, Value)>) -> Result<Self, asl::RestoreError> {
        Self::restore(frames)
    }

    fn shown(&self) -> Value {
        json!({"status": self.status().as_str(), "arn": self.arn(), "items": self.items().body(),
            "executions": self.executions().body(), "redrives": self.redrives().0})
    }
}

impl Aggregate for activity::Activity {
    const NAME: &'static str = "activity";
    type Input = activity::Input;

    fn turn(state: Option<Self>, input: activity::Input, cx: &Context) -> Turned<Self> {
        let decision = activity::step(state, input, cx.at).expect("taken");
        Turned {
            state: decision.state,
            frames: decision.frames,
            commands: values(decision.commands),
        }
    }

    fn restored(frames: Vec<(String, Value)>) -> Result<Self, asl::RestoreError> {
        Self::restore(frames)
    }

    fn shown(&self) -> Value {
        json!({"arn": self.arn(), "tags": self.tags(), "waiting": self.waiting(), "exists": self.exists()})
    }
}

/// One aggregate under way.
pub(super) struct Flight<A> {
    id: Uuid,
    pub(super) state: Option<A>,
    pub(super) frames: BTreeMap<String, Value>,
    /// Events that came about since it was begun or restored.
    events: Vec<Value>,
    told: Vec<Told>,
    /// What was asked for and not answered.
    pub(super) asked: Vec<Value>,
    /// All that was asked for since it was begun or restored.
    all_asked: Vec<Value>,
    at: Timestamp,
    turns: u8,
    pub(super) budget: u32,
}

impl<A: Aggregate> Flight<A> {
    pub(super) fn new(id: u128) -> Self {
        Self {
            id: Uuid::from_u128(id),
            state: None,
            frames: BTreeMap::new(),
            events: Vec::new(),
            told: Vec::new(),
            asked: Vec::new(),
            all_asked: Vec::new(),
            at: "2026-01-01T00:00:00.123Z".parse().expect("an instant"),
            turns: 0,
            budget: 100,
        }
    }

    /// The aggregate as it was kept.
    pub(super) fn of(kept: &Kept) -> Self {
        let frames = kept.frames.clone();
        let state = A::restored(frames.clone().into_iter().collect()).expect("it is read");
        Self {
            state: Some(state),
            frames,
            turns: kept.turns,
            ..Self::new(kept.id.as_u128())
        }
    }

    /// Tells it something, a second after the last.
    pub(super) fn tell(&mut self, input: Value) {
        let at = self.at.checked_add(SignedDuration::from_secs(1));
        self.tell_at(at.expect("an instant"), input);
    }

    pub(super) fn tell_at(&mut self, at: Timestamp, input: Value) {
        self.at = at;
        let told = input.clone();
        self.told.push(Told { at, input: told });
        let read: A::Input = serde_json::from_value(input).expect("a journal is read");
        let cx = Context {
            id: self.id,
            scope: Scope::new("111111111111", "us-east-1"),
            at,
            entropy: [self.turns; 32],
            budget: self.budget,
            definitions: Arc::default(),
        };
        self.turns += 1;
        let turned = A::turn(self.state.take(), read, &cx);
        self.state = Some(turned.state);
        for frame in turned.frames {
            let body = frame.body.map(FrameBody::into_value);
            if let (true, Some(Value::Array(events))) = (frame.key.starts_with("history/"), &body) {
                self.events.extend(events.iter().cloned());
            }
            match body {
                Some(body) => self.frames.insert(frame.key, body),
                None => self.frames.remove(&frame.key),
            };
        }
        // Releases did not tell a bus of executions from the start.
        let mut commands = turned.commands;
        commands.retain(|command| command["type"] != "announce");
        self.all_asked.extend(commands.iter().cloned());
        for command in commands {
            if command["type"] == "cancel_timer" {
                self.asked
                    .retain(|it| it["type"] != "set_timer" || it["key"] != command["key"]);
            } else {
                self.asked.push(command);
            }
        }
    }

    /// Takes what was asked for first of a type.
    pub(super) fn asked_for(&mut self, kind: &str) -> Value {
        let at = self.asked.iter().position(|it| it["type"] == kind);
        let at = at.unwrap_or_else(|| panic!("no {kind}: {:#?}", self.asked));
        self.asked.remove(at)
    }

    /// Answers the call that was asked for first.
    pub(super) fn answer(&mut self, outcome: Value) -> Value {
        let asked = self.asked_for("perform");
        self.tell(json!({"type": "effect", "effect": asked["effect"], "outcome": outcome}));
        asked["command"].clone()
    }

    pub(super) fn done(&mut self, result: Value) -> Value {
        self.answer(json!({"type": "done", "result": result}))
    }

    pub(super) fn fails(&mut self, code: &str) {
        self.answer(
            json!({"type": "failed", "code": code, "message": "no", "status": 400,
            "request_id": "r", "transient": false}),
        );
    }

    /// Lets time pass until the next timer is due.
    pub(super) fn wait(&mut self) {
        let timers = self.asked.iter().filter(|it| it["type"] == "set_timer");
        let due = |it: &&Value| it["due"].as_str().expect("an instant").to_owned();
        let next = timers.min_by_key(due).cloned().expect("a timer");
        self.asked.retain(|it| *it != next);
        let at = next["due"].as_str().and_then(|due| due.parse().ok());
        self.tell_at(
            at.expect("an instant"),
            json!({"type": "timer", "key": next["key"]}),
        );
    }

    /// What is kept of it now; what it is told from here on is added by [`Flight::lands`].
    pub(super) fn keep(&mut self) -> Kept {
        self.events.clear();
        self.all_asked.clear();
        Kept {
            aggregate: A::NAME.to_owned(),
            id: self.id,
            turns: self.turns,
            frames: self.frames.clone(),
            journal: std::mem::take(&mut self.told),
            then: Vec::new(),
        }
    }

    /// What it was told since it was kept.
    pub(super) fn lands(self, kept: Kept) -> Kept {
        Kept {
            then: self.told,
            ..kept
        }
    }

    /// What came of it since it was kept.
    pub(super) fn end(&self) -> Value {
        let state = self.state.as_ref().expect("an aggregate");
        json!({"shown": state.shown(), "events": self.events, "asked": self.all_asked})
    }
}

/// Restores what was kept and tells it the rest: what came of it.
pub(super) fn gone_on<A: Aggregate>(kept: &Kept) -> Value {
    let mut flight = Flight::<A>::of(kept);
    for told in &kept.then {
        flight.tell_at(told.at, told.input.clone());
    }
    flight.end()
}

/// Members of the kept frames that today's program does not read: they may be left out, and nothing is told.
pub(super) fn unread<A: Aggregate>(kept: &Kept) -> Vec<String> {
    let restored =
        |frames: &BTreeMap<String, Value>| A::restored(frames.clone().into_iter().collect());
    let whole = restored(&kept.frames).expect("it is read");
    let mut unread = Vec::new();
    for (key, body) in &kept.frames {
        if key.starts_with("history/") {
            continue;
        }
        for pointer in members(body) {
            // Frames that hold one list are not asked for their version.
            if pointer == "/v" && (key.starts_with("items/") || key == "places") {
                continue;
            }
            let mut frames = kept.frames.clone();
            let place = frames.get_mut(key).expect("a frame");
            let (around, name) = pointer.rsplit_once('/').expect("a member");
            let around = place.pointer_mut(around).and_then(Value::as_object_mut);
            around.expect("an object").remove(name);
            if restored(&frames).is_ok_and(|other| other == whole) {
                unread.push(format!("{key}: {pointer}"));
            }
        }
    }
    unread
}

/// Pointers to the members of a frame that say something, down to where the data of users begins.
fn members(body: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut todo = vec![(String::new(), body)];
    while let Some((around, value)) = todo.pop() {
        let Value::Object(map) = value else { continue };
        for (name, value) in map {
            let silent = match value {
                Value::Null | Value::Bool(false) => true,
                Value::Number(number) => number.as_f64() == Some(0.0),
                Value::Array(items) => items.is_empty(),
                Value::Object(map) => map.is_empty(),
                _ => false,
            };
            if silent || name.contains(['/', '~']) {
                continue;
            }
            let pointer = format!("{around}/{name}");
            found.push(pointer.clone());
            let users = [
                "input",
                "item",
                "variables",
                "asked",
                "items",
                "tags",
                "scheduled",
            ];
            if !users.contains(&name.as_str()) {
                todo.push((pointer, value));
            }
        }
    }
    found
}
