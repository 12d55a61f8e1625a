//! One execution in a world that follows from a seed: what is answered next, what fails, which time limits pass first, when
//! somebody stops it, and when the program is killed.

use std::collections::{BTreeMap, BTreeSet};

use flow::asl::activity::Word;
use flow::asl::{
    self, Announcement, Command, Context, Definitions, Execution, Input, Settlement, Status,
};
use jiff::Timestamp;
use model::effect::{AwsCall, Outcome};
use model::{Decision, EffectCommand, FrameBody, Recovery, Scope};
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::chance::Chance;
use super::super::world::start;
use super::account::Account;
use super::folded::Folded;

/// How an execution is played.
#[derive(Clone, Copy)]
pub(super) struct Habits {
    /// States of one turn.
    pub(super) budget: u32,
    /// Whether its history is folded after every turn.
    pub(super) folds: bool,
    /// How many of a hundred commits are the last thing the program does.
    pub(super) kills: usize,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            budget: 5,
            folds: false,
            kills: 0,
        }
    }
}

/// What the execution waits for.
#[derive(Clone)]
enum Awaited {
    Call(Uuid, AwsCall),
    /// A person's word on a call whose outcome nobody knows, and what came of it.
    Word(Option<Value>),
    Token(String),
    /// A task of an activity: offered, then taken.
    Offered(String),
    Taken(String),
}

/// One execution with what the store holds of it.
pub(super) struct Play {
    seed: u64,
    habits: Habits,
    pub(super) execution: Execution,
    pub(super) frames: BTreeMap<String, Value>,
    pub(super) history: Vec<Value>,
    pub(super) account: Account,
    timers: Vec<(Timestamp, u64, String)>,
    awaited: Vec<Awaited>,
    /// What it was told already.
    told: Vec<Input>,
    at: Timestamp,
    turns: u64,
    pub(super) kills: usize,
    /// Whether a person had a call made anew, so that the history is another one.
    pub(super) diverged: bool,
    folded: Folded,
    stopped: bool,
    /// What the account's bus was told.
    announced: Vec<Announcement>,
}

fn id() -> Uuid {
    Uuid::from_u128(7)
}

impl Play {
    /// Plays to the end.
    pub(super) fn run(seed: u64, (definition, input): (&Value, &Value), habits: Habits) -> Self {
        let at: Timestamp = "2026-01-01T00:00:00Z".parse().expect("an instant");
        let begin = Input::Start(Box::new(start(definition, input)));
        let cx = context(at, (0, habits.budget));
        let decision = asl::step(None, begin, &cx)
            .unwrap_or_else(|refused| panic!("QUELL_SEED={seed}: {refused:?} {definition:#}"));
        let mut play = Self {
            seed,
            habits,
            execution: decision.state.clone(),
            frames: BTreeMap::new(),
            history: Vec::new(),
            account: Account::new(seed),
            timers: Vec::new(),
            awaited: Vec::new(),
            told: Vec::new(),
            at,
            turns: 0,
            kills: 0,
            diverged: false,
            folded: Folded::default(),
            stopped: false,
            announced: Vec::new(),
        };
        let mut goes_on = play.commit(decision);
        for _ in 0..20_000 {
            if goes_on {
                goes_on = play.tell(Input::Continue);
            } else if play.execution.status() == Status::Running {
                goes_on = play.next();
            } else if play.is_redriven() {
                let (token, by_map_run) = (None, false);
                goes_on = play.tell(Input::Redrive { token, by_map_run });
            } else {
                play.finish();
                play.assert_announced();
                return play;
            }
        }
        panic!("QUELL_SEED={seed}: it does not end")
    }

    /// What was asked for before the end is done, whoever wants it.
    fn finish(&mut self) {
        for awaited in std::mem::take(&mut self.awaited) {
            match awaited {
                Awaited::Call(effect, call) => drop(self.account.perform(effect, &call)),
                Awaited::Word(None) => self.diverged = true,
                _ => {}
            }
        }
    }

    /// The bus was told of each change of the status that the history tells of, in its order, once.
    fn assert_announced(&self) {
        let told = self.announced.iter().map(|told| {
            let detail: Value = serde_json::from_str(&told.detail).expect("a detail");
            detail["status"].as_str().expect("a status").to_owned()
        });
        let events = self
            .history
            .iter()
            .filter_map(|event| event["type"].as_str());
        let changes = events.filter_map(|kind| match kind {
            "ExecutionStarted" | "ExecutionRedriven" => Some("RUNNING".to_owned()),
            "ExecutionTimedOut" => Some("TIMED_OUT".to_owned()),
            _ => kind.strip_prefix("Execution").map(str::to_uppercase),
        });
        let (told, changes): (Vec<_>, Vec<_>) = (told.collect(), changes.collect());
        assert_eq!(told, changes, "QUELL_SEED={}", self.seed);
        let ids: BTreeSet<Uuid> = self.announced.iter().map(|told| told.id).collect();
        assert_eq!(ids.len(), told.len(), "QUELL_SEED={}", self.seed);
    }

    pub(super) fn execution_id(&self) -> Uuid {
        id()
    }

    /// Chance that depends on how far the execution is, not on how it came there.
    fn chance(&self, of: u64) -> Chance {
        let place = self.execution.events().wrapping_mul(0x1000_0001);
        let waits = u64::try_from(self.awaited.len() + self.timers.len()).expect("small");
        Chance::new(self.seed.wrapping_mul(0x5851_f42d) ^ place ^ (waits << 40) ^ (of << 50))
    }

    fn is_redriven(&self) -> bool {
        self.execution.redrives().0 == 0
            && self.execution.not_redrivable(self.at).is_none()
            && Chance::new(self.seed).percent(40)
    }

    /// The next thing that happens in the world.
    fn next(&mut self) -> bool {
        let chance = &mut self.chance(1);
        if !self.stopped && chance.percent(1) {
            self.stopped = true;
            return self.tell(Input::Stop {
                error: Some("Enough".to_owned()),
                cause: None,
            });
        }
        self.repeat(chance);
        let time = !self.timers.is_empty() && (self.awaited.is_empty() || chance.percent(25));
        if time {
            self.timers.sort();
            let (due, _, key) = self.timers.remove(0);
            self.at = self.at.max(due);
            return self.tell(Input::Timer { key });
        }
        assert!(
            !self.awaited.is_empty(),
            "it is stuck: {:#?}\n{:#?}\n{}",
            self.frames,
            self.told,
            super::shown(self.seed)
        );
        let awaited = self.awaited.remove(chance.below(self.awaited.len()));
        self.answer(awaited, chance)
    }

    fn answer(&mut self, awaited: Awaited, chance: &mut Chance) -> bool {
        match awaited {
            Awaited::Call(effect, call) => {
                let outcome = self.account.perform(effect, &call);
                let token = call.params["Parameters"]["t"].as_str().map(str::to_owned);
                if let (Some(token), Outcome::Done { .. }) = (token, &outcome) {
                    self.awaited.push(Awaited::Token(token));
                }
                self.tell(Input::Effect { effect, outcome })
            }
            Awaited::Word(output) => {
                let first = self.execution.unknown().next();
                let Some((state, call)) = first.map(|one| (one.state.to_owned(), one.call)) else {
                    return false;
                };
                let call = Some(call);
                self.diverged |= output.is_none() || self.execution.unknown().count() > 1;
                let word = match output {
                    Some(output) => Settlement::Succeeded { output },
                    None => Settlement::Retry,
                };
                self.tell(Input::Resolve { state, call, word })
            }
            Awaited::Token(token) => {
                let word = if chance.percent(25) {
                    let (error, cause) = (Some("Own".to_owned()), Some("worker".to_owned()));
                    Settlement::Failed { error, cause }
                } else {
                    let output = json!({"N": chance.below(9)});
                    Settlement::Succeeded { output }
                };
                self.tell(Input::Token { token, word })
            }
            Awaited::Offered(token) => {
                self.awaited.push(Awaited::Taken(token.clone()));
                let word = Word::Offered;
                self.tell(Input::Activity { token, word })
            }
            Awaited::Taken(token) => {
                self.awaited.push(Awaited::Token(token.clone()));
                let worker = Some("w".to_owned());
                let word = Word::Taken { worker };
                self.tell(Input::Activity { token, word })
            }
        }
    }

    /// Now and then something is said twice: that changes nothing.
    fn repeat(&mut self, chance: &mut Chance) {
        if self.told.is_empty() || !chance.percent(10) {
            return;
        }
        let again = self.told[chance.below(self.told.len())].clone();
        let cx = context(self.at, (self.execution.events(), self.habits.budget));
        if let Ok(decision) = asl::step(Some(self.execution.clone()), again.clone(), &cx) {
            let quiet = decision.frames.is_empty() && decision.commands.is_empty();
            assert!(quiet, "QUELL_SEED={}: {again:?} is heard twice", self.seed);
        }
    }

    fn tell(&mut self, input: Input) -> bool {
        let cx = context(self.at, (self.execution.events(), self.habits.budget));
        let once = matches!(
            input,
            Input::Effect { .. } | Input::Timer { .. } | Input::Token { .. }
        );
        if once {
            self.told.push(input.clone());
        }
        match asl::step(Some(self.execution.clone()), input, &cx) {
            Ok(decision) => self.commit(decision),
            // A token that came too late, or a word on a call that is over.
            Err(_) => false,
        }
    }

    fn commit(&mut self, decision: Decision<Execution, Command>) -> bool {
        self.execution = decision.state;
        self.turns += 1;
        for frame in decision.frames {
            let body = frame.body.map(FrameBody::into_value);
            if let (true, Some(Value::Array(events))) = (frame.key.starts_with("history/"), &body) {
                if self.habits.folds {
                    events.iter().for_each(|event| self.folded.take(event));
                }
                self.history.extend(events.iter().cloned());
            }
            match body {
                Some(body) => self.frames.insert(frame.key, body),
                None => self.frames.remove(&frame.key),
            };
        }
        let mut goes_on = false;
        for command in decision.commands {
            match command {
                Command::SetTimer { key, due } => {
                    let number = key.split('/').next().and_then(|it| it.parse().ok());
                    self.timers.push((due, number.expect("a number"), key));
                }
                Command::CancelTimer { key } => self.timers.retain(|(.., set)| *set != key),
                Command::Continue => goes_on = true,
                Command::Perform {
                    effect,
                    command: EffectCommand::CallAws(call),
                } => self.awaited.push(Awaited::Call(effect, call)),
                Command::Offer { token, .. } => self.awaited.push(Awaited::Offered(token)),
                Command::Withdraw { token, .. } => self.awaited.retain(
                    |it| !matches!(it, Awaited::Offered(own) | Awaited::Taken(own) if *own == token),
                ),
                Command::Announce(told) => self.announced.push(*told),
                other => panic!("unexpected: {other:?}"),
            }
        }
        if self.habits.folds
            && let Err(why) = self.folded.compare(&self.frames)
        {
            panic!("{why}\n{}\n{:#?}", super::shown(self.seed), self.history);
        }
        let kill =
            Chance::new(self.seed.wrapping_mul(31) ^ (self.turns << 32)).percent(self.habits.kills);
        kill && self.die() || goes_on
    }

    /// The program is killed after a commit and started again. `true` where that makes the execution go on at once: never.
    fn die(&mut self) -> bool {
        self.kills += 1;
        let stored = self.frames.clone().into_iter().collect();
        let restored = Execution::restore(stored, &Definitions::default()).expect("an execution");
        assert!(
            restored == self.execution,
            "QUELL_SEED={}: the frames tell another state",
            self.seed
        );
        self.execution = restored;
        let chance = &mut Chance::new(self.seed ^ (self.turns << 20));
        for at in 0..self.awaited.len() {
            let Awaited::Call(effect, call) = self.awaited[at].clone() else {
                continue;
            };
            // Its answer, if there was one, is lost.
            let reached = chance.percent(80);
            match Account::class(&call) {
                // It is made again, with the same token.
                Recovery::Repeat => {}
                Recovery::RepeatWithToken { .. } if reached => {
                    self.account.perform(effect, &call);
                }
                Recovery::RepeatWithToken { .. } => {}
                Recovery::Ask | Recovery::Probe => {
                    if reached {
                        self.account.perform(effect, &call);
                    }
                    let done = self.account.outcome(effect, &call);
                    let made = self.account.has_made(effect);
                    let output = match done {
                        Outcome::Done { result } if made => Some(result),
                        _ => None,
                    };
                    self.awaited[at] = Awaited::Word(output);
                    self.lose(effect);
                }
            }
        }
        false
    }

    /// Nobody knows what became of a call.
    fn lose(&mut self, effect: Uuid) {
        let cx = context(self.at, (self.execution.events(), self.habits.budget));
        let reason = "the program was killed".to_owned();
        let outcome = Outcome::Unknown { reason };
        let input = Input::Effect { effect, outcome };
        let decision = asl::step(Some(self.execution.clone()), input, &cx).expect("taken");
        // Its time limit waits for the word, too, which it would not have done.
        self.diverged |= !decision.commands.is_empty();
        let habits = std::mem::replace(&mut self.habits.kills, 0);
        self.commit(decision);
        self.habits.kills = habits;
    }
}

fn context(at: Timestamp, (place, budget): (u64, u32)) -> Context {
    let mut entropy = [7; 32];
    entropy[..8].copy_from_slice(&place.to_le_bytes());
    Context {
        id: id(),
        scope: Scope::new("111111111111", "us-east-1"),
        at,
        entropy,
        budget,
        definitions: std::sync::Arc::default(),
    }
}
