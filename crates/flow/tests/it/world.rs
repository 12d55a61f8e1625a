//! A tiny world: feeds the machine, keeps its frames and timers, and answers its effects.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use flow::automation::document::Format;
use flow::automation::{
    self, Command, Context, DocumentSource, Input, ReadDocuments, Run, Signal, SignalKind, Start,
    Status, StopKind, Summary, view,
};
use jiff::Timestamp;
use model::effect::{AwsCall, Failure, Outcome};
use model::fleet::ChildEnd;
use model::report::{RunReport, StartRun};
use model::{EffectCommand, Rejection, Scope};
use serde_json::{Value, json};
use uuid::Uuid;

pub(crate) const ANA: &str = "arn:aws:iam::123456789012:user/ana";

#[derive(Clone)]
pub(crate) struct World {
    pub(crate) cx: Context,
    pub(crate) run: Option<Run>,
    pub(crate) frames: BTreeMap<String, Value>,
    pub(crate) effects: VecDeque<(Uuid, EffectCommand)>,
    pub(crate) performed: Vec<EffectCommand>,
    pub(crate) timers: BTreeMap<String, Timestamp>,
    pub(crate) reports: Vec<RunReport>,
    /// Runs that were started and have not been answered.
    pub(crate) children: VecDeque<(Uuid, StartRun)>,
    pub(crate) stopped: Vec<(Uuid, StopKind)>,
    pub(crate) told: Vec<(Uuid, ChildEnd)>,
    pub(crate) facts: Vec<String>,
    pub(crate) turns: u32,
    pub(crate) wants_continue: bool,
    /// Whether every turn is followed by a restart from the stored frames.
    pub(crate) check_frames: bool,
    seen: BTreeSet<Uuid>,
}

pub(crate) fn request(parameters: &[(&str, &str)]) -> StartRun {
    StartRun {
        document_name: "Doc".to_owned(),
        document_version: None,
        parameters: parameters
            .iter()
            .map(|(k, v)| ((*k).to_owned(), vec![(*v).to_owned()]))
            .collect(),
        executed_by: ANA.to_owned(),
        region: "eu-west-1".to_owned(),
        mode: "Auto".to_owned(),
        incident: Some(Uuid::from_u128(7)),
        tags: BTreeMap::new(),
        ..StartRun::default()
    }
}

pub(crate) fn start(yaml: &str, request: StartRun) -> Input {
    Input::Start(Box::new(Start {
        parsed: Default::default(),
        target_type: None,
        queued: false,
        request,
        document: DocumentSource::Found {
            name: "Doc".to_owned(),
            version: "1".to_owned(),
            format: Format::Yaml,
            content: yaml.to_owned(),
            attachments: Vec::new(),
        },
    }))
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            cx: Context {
                id: Uuid::from_u128(42),
                scope: Scope::new("123456789012", "eu-west-1"),
                at: "2026-03-01T10:00:00Z".parse().expect("valid"),
                entropy: [0; 32],
                budget: automation::DEFAULT_BUDGET,
                throttle_retry_secs: 0,
            },
            run: None,
            frames: BTreeMap::new(),
            effects: VecDeque::new(),
            performed: Vec::new(),
            timers: BTreeMap::new(),
            reports: Vec::new(),
            children: VecDeque::new(),
            stopped: Vec::new(),
            told: Vec::new(),
            facts: Vec::new(),
            turns: 0,
            wants_continue: false,
            check_frames: true,
            seen: BTreeSet::new(),
        }
    }

    /// A world with a run of this document, after its first turn.
    pub(crate) fn of(yaml: &str, parameters: &[(&str, &str)]) -> Self {
        let mut world = Self::new();
        world
            .feed(start(yaml, request(parameters)))
            .expect("starts");
        let born = !world
            .reports
            .iter()
            .any(|r| matches!(r, RunReport::StartFailed { .. }));
        assert!(born, "{:?}", world.reports);
        world
    }

    /// One turn.
    pub(crate) fn feed(&mut self, input: Input) -> Result<Value, Rejection> {
        // What the engine's inbox does to an input.
        let text = serde_json::to_string(&input).expect("serialises");
        assert_eq!(
            serde_json::from_str::<Input>(&text).expect("reads back"),
            input
        );
        let decision = automation::step(self.run.clone(), input, &self.cx)?;
        self.turns += 1;
        for frame in decision.frames {
            match frame.body {
                Some(body) => self.frames.insert(frame.key, body.into_value()),
                None => self.frames.remove(&frame.key),
            };
        }
        self.facts
            .extend(decision.facts.into_iter().map(|fact| fact.name));
        self.wants_continue = false;
        for command in decision.commands {
            match command {
                Command::Perform { effect, command } => {
                    assert!(self.seen.insert(effect), "an effect id was given twice");
                    self.performed.push(command.clone());
                    self.effects.push_back((effect, command));
                }
                Command::SetTimer { key, due } => {
                    assert!(
                        self.timers.insert(key.clone(), due).is_none(),
                        "timer {key} was set twice"
                    );
                }
                Command::CancelTimer { key } => {
                    self.timers.remove(&key);
                }
                Command::Report(report) => self.reports.push(report),
                Command::Continue => self.wants_continue = true,
                Command::StartChild { run, request } => {
                    assert!(self.seen.insert(run), "a child's id was given twice");
                    self.children.push_back((run, *request));
                }
                Command::StopChild { run, kind, .. } => self.stopped.push((run, kind)),
                Command::TellParent { run, end } => self.told.push((run, *end)),
            }
        }
        if self.check_frames {
            let stored = self.frames.clone().into_iter().collect();
            let restored = Run::restore(stored).expect("restores");
            assert!(restored == decision.state, "the frames are not the state");
            self.check_summary(&restored);
        }
        let done = decision.state.status().is_final();
        self.run = Some(decision.state);
        if done {
            assert!(
                self.timers.is_empty(),
                "an ended run left timers: {:?}",
                self.timers
            );
        }
        Ok(decision.reply)
    }

    /// A list shows of a run what the whole of it shows, from a few of its frames.
    fn check_summary(&self, run: &Run) {
        let mut keys = Summary::frames(&self.frames[""]).expect("a root");
        keys.push(String::new());
        let few = self.frames.iter().filter(|(key, _)| keys.contains(key));
        let few = few.map(|(key, body)| (key.clone(), body.clone())).collect();
        let summary = Summary::restore(few, &mut ReadDocuments::default()).expect("restores");
        assert_eq!(view::metadata(&summary), view::metadata(&run.summary()));
        assert_eq!(summary.unknown(), run.unknown());
    }

    pub(crate) fn run(&self) -> &Run {
        self.run.as_ref().expect("there is a run")
    }

    pub(crate) fn status(&self) -> Status {
        self.run().status()
    }

    /// Answers the oldest effect.
    pub(crate) fn answer(&mut self, outcome: Outcome) {
        let (effect, _) = self.effects.pop_front().expect("an effect is in flight");
        self.feed(Input::Effect { effect, outcome }).expect("taken");
    }

    /// Fires the timer that is due first.
    pub(crate) fn tick(&mut self) -> String {
        let (key, due) = self
            .timers
            .iter()
            .min_by_key(|(_, due)| **due)
            .expect("a timer is set");
        let (key, due) = (key.clone(), *due);
        self.cx.at = due;
        self.timers.remove(&key);
        self.feed(Input::Timer { key: key.clone() }).expect("taken");
        key
    }

    /// Answers effects and fires timers until nothing is left to do.
    pub(crate) fn play(&mut self, mut answer: impl FnMut(usize, &EffectCommand) -> Outcome) {
        for _ in 0..20_000 {
            if let Some((_, command)) = self.effects.front() {
                let outcome = answer(self.performed.len(), command);
                self.answer(outcome);
            } else if self.wants_continue {
                self.feed(Input::Continue).expect("taken");
            } else if !self.timers.is_empty() {
                self.tick();
            } else {
                return;
            }
        }
        panic!("the run goes on for ever");
    }

    pub(crate) fn signal(
        &mut self,
        kind: SignalKind,
        payload: &[(&str, &str)],
        by: &str,
    ) -> Result<Value, Rejection> {
        let payload = payload
            .iter()
            .map(|(k, v)| ((*k).to_owned(), vec![(*v).to_owned()]))
            .collect();
        self.feed(Input::Signal(Signal {
            kind,
            payload,
            by: by.to_owned(),
            agreed: None,
        }))
    }

    pub(crate) fn stop(&mut self, kind: StopKind) -> Result<Value, Rejection> {
        self.feed(Input::Stop {
            kind,
            by: ANA.to_owned(),
        })
    }

    /// Status of the last execution of a step.
    pub(crate) fn step(&self, name: &str) -> Option<&'static str> {
        let record = self
            .run()
            .executions()
            .rev()
            .find(|record| record.name == name)?;
        Some(record.status.as_str())
    }

    /// Names of all executions, in order.
    pub(crate) fn trail(&self) -> Vec<&str> {
        self.run()
            .executions()
            .map(|record| record.name.as_str())
            .collect()
    }

    pub(crate) fn output(&self, step: &str, name: &str) -> Option<Value> {
        let record = self
            .run()
            .executions()
            .rev()
            .find(|record| record.name == step)?;
        record.outputs.get(name).cloned()
    }

    pub(crate) fn failure(&self, step: &str) -> String {
        let record = self
            .run()
            .executions()
            .rev()
            .find(|record| record.name == step)
            .expect("it ran");
        record
            .failure
            .as_ref()
            .map(|failure| failure.message.clone())
            .unwrap_or_default()
    }

    pub(crate) fn last_call(&self) -> &AwsCall {
        self.calls().last().expect("a call was made")
    }

    pub(crate) fn calls(&self) -> impl Iterator<Item = &AwsCall> {
        self.performed.iter().filter_map(|command| match command {
            EffectCommand::CallAws(call) => Some(call),
            _ => None,
        })
    }
}

pub(crate) fn done(result: Value) -> Outcome {
    Outcome::Done { result }
}

pub(crate) fn failed(code: &str) -> Outcome {
    Outcome::Failed(Failure {
        code: code.to_owned(),
        message: "no".to_owned(),
        status: Some(400),
        request_id: Some("req-1".to_owned()),
        extended_request_id: None,
        shape: None,
        transient: code == "Throttling",
    })
}

pub(crate) fn unknown() -> Outcome {
    Outcome::Unknown {
        reason: "the connection broke".to_owned(),
    }
}

/// A document of these steps.
pub(crate) fn document(steps: &str) -> String {
    format!("schemaVersion: '0.3'\nmainSteps:\n{steps}")
}

/// One API step.
pub(crate) fn api(name: &str, more: &str) -> String {
    format!(
        "- name: {name}\n  action: aws:executeAwsApi\n{more}  inputs:\n    Service: ec2\n    Api: DescribeInstances\n"
    )
}

pub(crate) fn nothing() -> Outcome {
    done(json!({}))
}
