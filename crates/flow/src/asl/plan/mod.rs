//! Dry runs of state machines: what an execution would do with this input, found out by playing it on the account as it is.
//!
//! | state | input | next |
//! |---|---|---|
//! | none | Start | the machine is walked through until it asks for something |
//! | asking | Settled: an answer | kept; with the last one of a round the machine is walked through again |
//! | no question is left | (same turn) | Success: the plan with its hash |
//! | ended | Forget | nothing is left of it |
//!
//! The states are those of the interpreter (`machine::planned`). Nothing that changes the account can be asked for here:
//! calls go out as [`PreviewAsk`](model::effect::PreviewAsk), whose performer makes those that only read and describes
//! the others. A walk is a pure function of definition, input and answers, so nothing of it is stored but the answers.

mod call;
mod child;
mod join;
mod merge;
mod size;
mod state;
mod step;
pub mod survey;
mod touch;
mod walk;
mod way;

use jiff::Timestamp;
use model::decision::FrameWrite;
use model::effect::{Failure, Outcome};
use model::{Decision, EffectCommand, Fact, IndexEntry, Rejection, ids};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::definition::{self, MachineType};
use super::input::Context;
use crate::automation::preview::state::Read;
use crate::automation::preview::{Status, Summary};
use crate::expr::unknown;
use state::{Asked, Root};
pub use state::{Preview, RestoreError};
use walk::{Walked, walk};

/// Index of previews by the hash of their plan.
pub const HASH_INDEX: &str = "machine-plan";
/// Most effects of one preview.
const MOST_EFFECTS: u64 = 500;
/// How often a reading is tried whose failures may pass.
const MOST_TRIES: u32 = 3;
/// Most bytes of all answers together.
const MOST_BYTES: usize = 32 << 20;
/// Most questions that are open at once.
const AT_ONCE: usize = 50;
/// Most bytes of values that all walks of a preview look at, together.
const MOST_WORK: usize = 1 << 30;

/// What is to be planned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Begin {
    /// Name of the machine, or of the file.
    pub name: String,
    /// What was asked for: the ARN of a machine, version or alias; empty for a definition that is only shown.
    #[serde(default)]
    pub arn: String,
    /// The definition's text.
    pub definition: String,
    /// Whether it is an Express machine.
    #[serde(default)]
    pub express: bool,
    /// The role that its calls are made as; empty is the server's own identity.
    #[serde(default)]
    pub role_arn: String,
    /// The input, JSON text.
    pub input: String,
}

/// What can happen to a preview.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Input {
    /// Begin.
    Start(Box<Begin>),
    /// An effect ended.
    Settled {
        /// The effect.
        effect: Uuid,
        /// How.
        outcome: Outcome,
    },
    /// It has been kept long enough.
    Forget,
}

/// What a preview asks for.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "few are made, and each is performed at once"
)]
pub enum Command {
    /// Perform; nothing of it changes the account.
    Perform {
        /// Id of the effect; comes back in [`Input::Settled`].
        effect: Uuid,
        /// What to perform.
        command: EffectCommand,
    },
    /// It has ended: give [`Input::Forget`] when it has been kept long enough.
    Kept,
}

/// Decides what an input makes of a preview.
///
/// # Errors
/// A start whose definition or input is refused; any other input without a state.
pub fn step(
    state: Option<Preview>,
    input: Input,
    cx: &Context,
) -> Result<Decision<Preview, Command>, Rejection> {
    let Some(mut preview) = state else {
        let Input::Start(begin) = input else {
            return Err(Rejection::not_found("MachinePlan", cx.id.to_string()));
        };
        return start(*begin, cx);
    };
    if preview.is_over() && input == Input::Forget {
        return Ok(preview.forgotten(cx));
    }
    // The engine may deliver an input twice.
    let taken = match input {
        Input::Settled { effect, outcome } => preview.takes(effect, outcome),
        Input::Start(_) | Input::Forget => false,
    };
    if !taken {
        return Ok(Decision::unchanged(preview));
    }
    let commands = preview.goes_on(cx);
    Ok(preview.decided(commands, cx))
}

fn start(begin: Begin, cx: &Context) -> Result<Decision<Preview, Command>, Rejection> {
    check(&begin)?;
    let (name, arn) = (begin.name.clone(), begin.arn.clone());
    let mut preview = Preview::new(begin, cx.at);
    let commands = preview.goes_on(cx);
    let mut decision = preview.decided(commands, cx);
    decision.reply = json!({"id": cx.id});
    let body = json!({"plan": cx.id, "machine": name, "arn": arn});
    decision
        .facts
        .insert(0, Fact::new("machine_plan.started", body));
    Ok(decision)
}

/// What is planned must be readable, and may not hold the characters that mark unknown values.
fn check(begin: &Begin) -> Result<(), Rejection> {
    let kind = if begin.express {
        MachineType::Express
    } else {
        MachineType::Standard
    };
    for (field, text) in [
        ("definition", &begin.definition),
        ("input", &begin.input),
        ("role", &begin.role_arn),
        ("name", &begin.name),
    ] {
        let value: Value = serde_json::from_str(text).unwrap_or_default();
        let marked = [Value::String(text.clone()), value];
        if marked
            .iter()
            .any(|value| unknown::cleaned_whole(value) != *value)
        {
            let message =
                "it has a character of Unicode's private use that plans mark unknown values with";
            return Err(Rejection::invalid(field, message));
        }
    }
    serde_json::from_str::<Value>(&begin.input)
        .map_err(|error| Rejection::invalid("input", format!("it is no JSON: {error}")))?;
    definition::parse(&begin.definition, kind).map_err(|problems| {
        let all: Vec<String> = problems.iter().take(20).map(ToString::to_string).collect();
        Rejection::invalid("definition", all.join("; "))
    })?;
    Ok(())
}

impl Preview {
    /// Keeps the answer to a question. Whether the machine is walked through now.
    fn takes(&mut self, effect: Uuid, outcome: Outcome) -> bool {
        let at = self.root.asked.iter().position(|one| one.effect == effect);
        let Some(at) = at.filter(|_| !self.is_over()) else {
            return false;
        };
        let asked = self.root.asked.remove(at);
        let outcome = match outcome {
            Outcome::Done { result } => Outcome::Done {
                result: unknown::cleaned_whole(&result),
            },
            Outcome::Failed(failure) => Outcome::Failed(Failure {
                code: unknown::cleaned_text(&failure.code),
                message: unknown::cleaned_text(&failure.message),
                ..failure
            }),
            Outcome::Unknown { reason } => Outcome::Failed(Failure {
                code: "Network".to_owned(),
                message: unknown::cleaned_text(&reason),
                status: None,
                request_id: None,
                extended_request_id: None,
                shape: None,
                transient: true,
            }),
        };
        if matches!(&outcome, Outcome::Failed(failure) if failure.transient) {
            let tries = self.root.tries.entry(asked.key.clone()).or_default();
            *tries += 1;
            if *tries < MOST_TRIES {
                // The next walk asks for it again.
                return true;
            }
        }
        let bytes = json!(outcome).to_string().len();
        self.root.bytes = self.root.bytes.saturating_add(bytes);
        self.reads
            .push(Read::new(asked.key, Some(&asked.call), outcome));
        true
    }

    /// Walks through the machine, unless answers are awaited.
    fn goes_on(&mut self, cx: &Context) -> Vec<Command> {
        if !self.root.asked.is_empty() {
            return Vec::new();
        }
        if self.root.bytes > MOST_BYTES {
            let message = format!("the readings give more than {MOST_BYTES} bytes");
            self.fail(message, cx.at);
            return Vec::new();
        }
        if self.root.work > MOST_WORK {
            let message = format!(
                "its readings lead on to ever more readings, whose values have more than {MOST_WORK} bytes together"
            );
            self.fail(message, cx.at);
            return Vec::new();
        }
        let walked = walk(&self.begin, &self.reads, &self.context(cx));
        let questions = match walked {
            Walked::Asks(questions, work) => {
                self.root.work = self.root.work.saturating_add(work);
                questions
            }
            Walked::Failed(message) => {
                self.fail(message, cx.at);
                return Vec::new();
            }
            Walked::Done(summary, hash) => {
                self.end(Status::Success, cx.at);
                self.root.hash = Some(hash);
                self.summary = Some(*summary);
                return Vec::new();
            }
        };
        let mut commands = Vec::new();
        for question in questions.into_iter().take(AT_ONCE) {
            if self.root.effects >= MOST_EFFECTS {
                let message = format!("the plan needs more than {MOST_EFFECTS} readings");
                self.fail(message, cx.at);
                return Vec::new();
            }
            self.root.effects += 1;
            let effect = ids::child(cx.id, self.root.effects);
            commands.push(Command::Perform {
                effect,
                command: EffectCommand::Preview(Box::new(question.ask)),
            });
            self.root.asked.push(Asked {
                effect,
                key: question.key,
                call: question.call,
            });
        }
        commands
    }

    /// All walks see the same instant and no chance.
    fn context(&self, cx: &Context) -> Context {
        Context {
            at: self.root.started,
            entropy: [0; 32],
            budget: 1,
            ..cx.clone()
        }
    }

    /// There will be no plan.
    fn fail(&mut self, message: String, at: Timestamp) {
        self.root.asked.clear();
        self.root.message = Some(message);
        self.end(Status::Failed, at);
    }

    fn end(&mut self, status: Status, at: Timestamp) {
        self.root.status = status;
        self.root.ended = Some(at);
    }

    /// Nothing is left of it but what the journal says.
    fn forgotten(self, cx: &Context) -> Decision<Self, Command> {
        let mut decision = Decision::unchanged(self);
        decision.frames.push(FrameWrite::delete(""));
        let body = json!({"plan": cx.id});
        decision
            .facts
            .push(Fact::new("machine_plan.forgotten", body));
        decision
    }

    fn decided(mut self, mut commands: Vec<Command>, cx: &Context) -> Decision<Self, Command> {
        let frames = self.frames();
        let mut facts = Vec::new();
        let mut index = Vec::new();
        if self.is_over() {
            commands.push(Command::Kept);
            let Root {
                status,
                hash,
                message,
                ..
            } = &self.root;
            let body =
                json!({"plan": cx.id, "status": status.as_str(), "hash": hash, "message": message});
            facts.push(Fact::new("machine_plan.ended", body));
            if let Some(hash) = hash {
                index.push(IndexEntry {
                    name: HASH_INDEX.to_owned(),
                    value: hash.clone(),
                });
            }
        }
        let mut decision = Decision::unchanged(self);
        decision.frames = frames;
        decision.facts = facts;
        decision.index = index;
        decision.commands = commands;
        decision
    }
}

/// A plan as it is told: the automation documents' form.
pub type Plan = Summary;
