//! An execution whose calls are made twice: does it end as it does when they are made once?
//!
//! A call was done and its answer got lost. Who makes it again depends:
//!
//! | | Who makes it again | The same call? |
//! |---|---|---|
//! | the state's Retry takes `States.Timeout` | the execution, as a new call with parameters filled in anew | only what reads, what a repeat leaves as it is, and what carries the same token of its own |
//! | else, the call may be made again by its class | the server, or a redrive | yes |
//! | else | nobody: it waits for a person | – |
//!
//! Knows no service: what a repeat of a call does is told by whoever asks.

use std::time::Duration;

use serde_json::Value;

use super::super::definition::{Block, Kind, State, StateMachine};
use super::super::fault::{ALL, TIMEOUT};
use super::mocks::Mock;
use super::{Answers, Ended, Made, Reply, Stage, Stuck};

/// What a repeat of a call does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Class {
    /// It changes nothing.
    Reads,
    /// It leaves the account as the first call did.
    Idempotent,
    /// It is the same call when this member of its parameters is.
    Token(String),
    /// Whether the first call happened can be looked up, by the very call that is made again.
    Lookup,
    /// A worker outside does it, and knows what a repeat does.
    Worker,
    /// It may be done twice: a person is asked.
    Asks,
}

impl Class {
    /// The class as people read it in lists and records.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Reads => "reads",
            Self::Idempotent => "changes, repeatable",
            Self::Token(_) => "changes, repeatable with its token",
            Self::Lookup => "changes, can be looked up",
            Self::Worker => "a worker does it",
            Self::Asks => "changes, not repeatable",
        }
    }
}

/// Who makes a call again whose answer was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The state's Retry.
    Retry,
    /// The server after a crash, or a redrive.
    Server,
    /// Nobody: a person must say what became of it.
    Person,
    /// Nobody: its answer is a worker's.
    Worker,
}

impl By {
    /// As people and programs read it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Server => "server",
            Self::Person => "person",
            Self::Worker => "worker",
        }
    }
}

/// What comes of repeating a state's call.
#[derive(Debug, Clone, PartialEq)]
pub struct Repetition {
    /// The state.
    pub state: String,
    /// Its call, e.g. `ec2:CreateTags`.
    pub call: String,
    /// What a repeat of it does.
    pub class: Class,
    /// Who makes it again.
    pub by: By,
    /// What is not as it is with the call made once, in sentences; nothing if all is.
    pub unmet: Vec<String>,
}

/// An execution and all that its repeats need.
pub struct Script<'a> {
    /// The machine's name, its definition, whether it is an Express one.
    pub machine: (&'a str, &'a str, bool),
    /// The execution's input.
    pub input: &'a str,
    /// What a repeat of a call does.
    pub class: &'a dyn Fn(&Made) -> Class,
    /// What repeats of a state's call are answered, where that is another answer than the first one's.
    pub repeats: &'a dyn Fn(&str) -> Option<Mock>,
}

impl Script<'_> {
    /// Plays the execution once for each state that called something and was answered well, with that call made twice.
    /// `base` is the execution with every call made once.
    pub fn each(&self, base: &Ended, answers: &mut Answers<'_>) -> Vec<Repetition> {
        let mut shifted = Stage {
            salt: 1,
            ..Stage::default()
        };
        let later = shifted.at.checked_add(Duration::from_secs(100_003));
        shifted.at = later.unwrap_or(shifted.at);
        shifted.began = shifted.at;
        let shifted = shifted.rehearse(self.machine, self.input, answers).ok();
        let mut told: Vec<Repetition> = Vec::new();
        // A call that was refused did nothing.
        for made in base.calls.iter().filter(|made| made.done) {
            if told.iter().any(|one| one.state == made.state) {
                continue;
            }
            told.push(self.one(made, (base, shifted.as_ref()), answers));
        }
        told
    }

    /// Repeats the call of one state.
    fn one(
        &self,
        made: &Made,
        (base, shifted): (&Ended, Option<&Ended>),
        answers: &mut Answers<'_>,
    ) -> Repetition {
        let class = (self.class)(made);
        let first = made.retried.then(|| self.play(made, How::Lost, answers));
        let lost = first.filter(|lost| lost.retried(base, &made.state));
        let (by, played) = match (lost, &class) {
            (Some(lost), _) => (By::Retry, Some(lost)),
            (None, Class::Asks) => (By::Person, None),
            (None, Class::Worker) => (By::Worker, None),
            (None, _) => (By::Server, Some(self.play(made, How::Again, answers))),
        };
        let says = (self.repeats)(&made.state).is_some();
        let unmet = played.map_or_else(Vec::new, |played| {
            let another = (by == By::Retry && !says).then(|| played.another(&class));
            match another.flatten() {
                Some(another) => vec![another],
                None => self.otherwise((base, shifted), (&played, &made.state)),
            }
        });
        Repetition {
            state: made.state.clone(),
            call: made.call.clone(),
            class,
            by,
            unmet,
        }
    }

    fn play(&self, made: &Made, how: How, answers: &mut Answers<'_>) -> Played {
        let mut stage = Stage {
            twice: Some(Twice {
                state: made.state.clone(),
                how,
                replies: (self.repeats)(&made.state).unwrap_or_default(),
                repeats: 0,
                calls: 0,
                at: None,
                lost: false,
            }),
            ..Stage::default()
        };
        let ended = stage.rehearse(self.machine, self.input, answers);
        let calls = stage.made.iter().filter(|one| one.state == made.state);
        Played {
            ended,
            calls: calls.cloned().collect(),
            at: stage.twice.and_then(|twice| twice.at),
        }
    }

    /// What is otherwise than with every call made once.
    fn otherwise(
        &self,
        (base, shifted): (&Ended, Option<&Ended>),
        (played, state): (&Played, &str),
    ) -> Vec<String> {
        let ended = match &played.ended {
            Ok(ended) => ended,
            Err(stuck) => return vec![stuck.to_string()],
        };
        let mut unmet = Vec::new();
        let mut compare = |what: &str, wanted: String, found: String| {
            if wanted != found {
                unmet.push(format!("{what} was {wanted}, is {found}"));
            }
        };
        compare(
            "status",
            base.status.as_str().to_owned(),
            ended.status.as_str().to_owned(),
        );
        let error = |of: &Ended| of.error.clone().unwrap_or_else(|| "none".to_owned());
        compare("error", error(base), error(ended));
        let output = |of: &Ended| -> Value {
            let text = of.output.as_deref().unwrap_or_default();
            serde_json::from_str(text).unwrap_or_default()
        };
        let (wanted, found) = (output(base), output(ended));
        let other = shifted.map_or_else(|| wanted.clone(), output);
        if !alike(&wanted, &other, &found) {
            compare("output", wanted.to_string(), found.to_string());
        }
        // Branches may have changed places meanwhile, and more may have been read.
        let changes = |of: &Ended| -> String {
            let others = of
                .calls
                .iter()
                .filter(|made| made.state != state && (self.class)(made) != Class::Reads);
            let mut all: Vec<String> = others
                .map(|made| format!("{} ({})", made.call, made.state))
                .collect();
            all.sort();
            all.join(", ")
        };
        compare("what else it changes", changes(base), changes(ended));
        unmet
    }
}

/// Whether a value is the wanted one, apart from what is another one whenever the execution runs at another time.
fn alike(wanted: &Value, other: &Value, found: &Value) -> bool {
    match (wanted, other, found) {
        _ if wanted == found => true,
        (Value::Object(a), Value::Object(b), Value::Object(c)) => {
            a.len() == c.len()
                && a.iter().all(|(key, value)| {
                    let present = b.get(key).zip(c.get(key));
                    present.is_some_and(|(other, found)| alike(value, other, found))
                })
        }
        (Value::Array(a), Value::Array(b), Value::Array(c)) if a.len() == b.len() => {
            let mut all = a.iter().zip(b).zip(c);
            a.len() == c.len() && all.all(|((wanted, other), found)| alike(wanted, other, found))
        }
        _ => wanted != other && !wanted.is_object() && !wanted.is_array(),
    }
}

/// Whether a Retry of a state, or of one around it in the same execution, may take `States.Timeout`.
pub(super) fn retries(machine: &StateMachine, name: &str) -> bool {
    let takes = |state: &State| {
        let mut retriers = state.retry.iter().filter(|one| one.max_attempts > 0);
        retriers.any(|one| {
            one.errors
                .iter()
                .any(|error| error == ALL || error == TIMEOUT)
        })
    };
    let holds = |block: &Block| block.states.iter().any(|state| state.name == name);
    let mut at = machine.blocks.iter().position(holds);
    if let Some(block) = at.and_then(|at| machine.blocks.get(at)) {
        let mut states = block.states.iter();
        if states.any(|state| state.name == name && takes(state)) {
            return true;
        }
    }
    while let Some(block) = at {
        let mut around = machine
            .blocks
            .iter()
            .enumerate()
            .flat_map(|(at, block)| block.states.iter().map(move |state| (at, state)));
        let found = around.find(|(_, state)| match &state.kind {
            Kind::Parallel { branches, .. } => branches.contains(&block),
            // The executions of a distributed one fail for themselves.
            Kind::Map(map) => map.processor == block && map.distributed.is_none(),
            _ => false,
        });
        if found.is_some_and(|(_, state)| takes(state)) {
            return true;
        }
        at = found.map(|(at, _)| at);
    }
    false
}

/// How far a play with a repeat came.
struct Played {
    ended: Result<Ended, Stuck>,
    /// The state's calls.
    calls: Vec<Made>,
    /// Which of the calls was made twice.
    at: Option<usize>,
}

impl Played {
    /// Whether the state called once more.
    fn retried(&self, base: &Ended, state: &str) -> bool {
        let before = base.calls.iter().filter(|made| made.state == state).count();
        self.calls.len() > before
    }

    /// Why the call that a Retry made is not the call that was lost.
    fn another(&self, class: &Class) -> Option<String> {
        let why = match class {
            Class::Reads | Class::Idempotent | Class::Worker => return None,
            Class::Token(member) => {
                let of = |made: &Made| -> Option<Value> {
                    let mut members = made.params.as_object()?.iter();
                    let found = members.find(|(key, _)| key.eq_ignore_ascii_case(member));
                    found.map(|(_, value)| value.clone())
                };
                let behind = self.at.map_or(usize::MAX, |at| at.saturating_add(1));
                let first = self.at.and_then(|at| of(self.calls.get(at)?));
                // Between the two, other items of a Map may have called.
                let mut later = self.calls.get(behind..).unwrap_or_default().iter();
                match first {
                    None => format!("`{member}` is not given, so each call is a new one"),
                    Some(_) if later.any(|made| of(made) == first) => return None,
                    Some(_) => format!("`{member}` is another one in each call"),
                }
            }
            Class::Lookup => "each call is a new one, which is not looked up".to_owned(),
            Class::Asks => "it takes no token".to_owned(),
        };
        Some(format!(
            "its Retry takes States.Timeout and may do it twice: {why}"
        ))
    }
}

/// How a call comes to be made twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// The state is told that the time ran out, once.
    Lost,
    /// It is made again before the state hears of it.
    Again,
}

/// The state whose call is made twice: the first one that is answered well.
#[derive(Debug)]
pub(super) struct Twice {
    pub(super) state: String,
    how: How,
    /// What the repeats are answered; beyond them what the first call was.
    replies: Mock,
    repeats: u64,
    calls: usize,
    at: Option<usize>,
    /// Whether the last answer was lost.
    lost: bool,
}

impl Twice {
    /// Whether the last answer was lost; asked once.
    pub(super) fn was_lost(&mut self) -> bool {
        std::mem::take(&mut self.lost)
    }

    /// Whether the call of this number is now made a second time, before its state hears of it.
    pub(super) fn again(&mut self, call: u64, answers: &mut Answers<'_>) -> bool {
        let mut good = || matches!(answers(&self.state, call), Ok(Reply::Return(_)));
        if self.at.is_some() || self.how != How::Again || !good() {
            return false;
        }
        self.at = Some(self.calls);
        self.calls += 1;
        true
    }

    /// The answer to a call, and whether it uses up the call's number.
    pub(super) fn reply(
        &mut self,
        call: u64,
        answers: &mut Answers<'_>,
    ) -> Result<(Reply, bool), String> {
        let made = self.calls;
        self.calls += 1;
        if self.at.is_some() {
            let number = self.repeats;
            self.repeats += 1;
            if let Some(reply) = self.replies.get(number) {
                let done = matches!(reply, Reply::Return(_));
                return Ok((reply.clone(), done));
            }
        }
        let reply = answers(&self.state, call)?;
        if self.at.is_none() && self.how == How::Lost && matches!(reply, Reply::Return(_)) {
            self.at = Some(made);
            self.lost = true;
            let lost = Reply::Throw {
                error: TIMEOUT.to_owned(),
                cause: "its answer was lost".to_owned(),
            };
            return Ok((lost, false));
        }
        Ok((reply, true))
    }
}
