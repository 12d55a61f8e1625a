//! One state of a planned execution: what the interpreter's own code makes of it, as far as its values are known.
//!
//! The states' code does the work, in an execution that nobody stores, as in a trial. Where a state wants the world, that
//! is told instead, and what the world would bring is given to it afterwards. Retries are not waited for.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::EffectCommand;
use model::effect::{AwsCall, Outcome};
use serde_json::{Value, json};

use super::turn::Turn;
use super::{enter, fail, fork, leave, task};
use crate::asl::definition::{Distributed, Kind, State, StateMachine};
use crate::asl::document::Document;
use crate::asl::execution::{Execution, Phase, Status, Thread};
use crate::asl::fault::{Fault, NO_CHOICE_MATCHED, RUNTIME};
use crate::asl::input::{Command, Context, Start};
use crate::asl::integration::{Family, Integration};
use crate::asl::open;
use crate::expr::unknown;

/// Most iterations of one Map that are played.
pub(crate) const MOST_ITERATIONS: usize = 200;
/// Member that stands for parameters that are not known at all.
const ANY: &str = "*";

/// A state, and what it is entered with.
#[derive(Debug, Clone)]
pub(crate) struct Spot {
    pub(crate) machine: Arc<StateMachine>,
    pub(crate) start: Start,
    /// Block and position.
    pub(crate) at: (usize, usize),
    pub(crate) input: Document,
    /// Variables in sight.
    pub(crate) variables: BTreeMap<String, Value>,
    /// The item of the Map around it.
    pub(crate) item: Option<Document>,
}

/// What a state's work brings.
#[derive(Debug, Clone)]
pub(crate) enum Brought {
    /// The answer to its call.
    Answer(Outcome),
    /// Its result.
    Result(Value),
    /// An error.
    Failed(Option<String>, Option<String>),
    /// An error that only the run would know, for the catcher at this position.
    Caught(usize),
    /// The rule of a Choice that applies; `None` is its default.
    Chosen(Option<usize>),
}

/// What a state does.
#[derive(Debug)]
pub(crate) enum Did {
    /// It is left.
    Left(Box<Left>),
    /// It fails and nothing catches that.
    Failed(Option<String>, Option<String>),
    /// It asks for a call.
    Calls(Box<AwsCall>),
    /// It offers a task, with this input, to the workers of an activity.
    Offers(String, String),
    /// It has blocks run: the first of them, and how many there are.
    Forks(Vec<Child>, usize),
}

/// How a state is left.
#[derive(Debug, Clone)]
pub(crate) struct Left {
    /// The state behind; `None` at the end of the block.
    pub(crate) next: Option<usize>,
    pub(crate) output: Document,
    pub(crate) variables: BTreeMap<String, Value>,
    /// The error that a catcher took.
    pub(crate) caught: Option<String>,
    /// Seconds that it waited.
    pub(crate) waited: Option<i64>,
}

/// Where a Choice may lead.
#[derive(Debug)]
pub(crate) struct Ways {
    /// The rules that may apply; `None` is its default.
    pub(crate) ways: Vec<Option<usize>>,
    /// The error and cause of a rule that cannot be judged, if the run comes to it.
    pub(crate) fails: Option<(Option<String>, Option<String>)>,
}

/// A branch or iteration.
#[derive(Debug, Clone)]
pub(crate) struct Child {
    pub(crate) block: usize,
    pub(crate) index: u32,
    pub(crate) input: Document,
    pub(crate) item: Option<Document>,
}

impl Spot {
    pub(crate) fn state(&self) -> Option<&State> {
        let (block, at) = self.at;
        self.machine.blocks.get(block)?.states.get(at)
    }

    fn turn<'a>(&self, cx: &'a Context) -> Turn<'a> {
        let start = self.start.clone();
        let execution = Execution::new(cx.id, cx.at, start, Arc::clone(&self.machine));
        let mut turn = Turn::new(execution, cx);
        turn.open = true;
        turn.notes = Some(super::trial::Notes::default());
        let thread = Thread {
            v: 1,
            id: 0,
            parent: None,
            index: 0,
            block: self.at.0,
            state: self.at.1,
            phase: Phase::Ready,
            input: self.input.clone(),
            entered: (0, 0),
            entered_at: cx.at,
            last: 0,
            variables: self.variables.clone(),
            retries: Vec::new(),
            item: self.item.clone(),
        };
        turn.x.root.threads = 1;
        turn.x.threads.insert(0, Arc::new(thread));
        enter::prepare(&mut turn, 0);
        turn
    }

    /// Where a distributed Map writes its results, if it does: bucket and prefix.
    pub(crate) fn destination(&self, cx: &Context) -> Option<Value> {
        let state = self.state()?;
        let Kind::Map(map) = &state.kind else {
            return None;
        };
        let writer = map.distributed.as_ref()?.writer.as_ref()?;
        let template = writer.destination.as_ref()?;
        let mut turn = self.turn(cx);
        let scene = enter::Scene::of(&turn, 0, state)?.ok()?;
        scene.fill(template, &scene.input, &mut turn).ok()
    }

    /// Enters the state, which is no Choice.
    pub(crate) fn enter(&self, cx: &Context) -> Did {
        let mut turn = self.turn(cx);
        enter::work(&mut turn, 0);
        let due = turn.commands.iter().find_map(|command| match command {
            Command::SetTimer { due, .. } => Some(*due),
            _ => None,
        });
        let waits = matches!(
            turn.thread(0).map(|thread| &thread.phase),
            Some(Phase::Waiting { .. })
        );
        if waits {
            turn.commands.clear();
            leave::after_wait(&mut turn, 0);
        }
        let waited = due.filter(|_| waits);
        match self.outcome(turn, cx) {
            Did::Left(left) => Did::Left(Box::new(Left {
                waited: waited.map(|due| due.duration_since(cx.at).as_secs()),
                ..*left
            })),
            other => other,
        }
    }

    /// Gives the state what its work brings.
    pub(crate) fn bring(&self, brought: Brought, cx: &Context) -> Did {
        let mut turn = self.turn(cx);
        let Some(state) = self.state() else {
            return nowhere();
        };
        let done = match brought {
            Brought::Answer(outcome) => {
                enter::work(&mut turn, 0);
                match turn.thread(0).map(|thread| &thread.phase) {
                    Some(Phase::Calling(call)) => {
                        if let Some(effect) = call.effect {
                            task::on_effect(&mut turn, effect, outcome);
                        }
                    }
                    _ => return self.outcome(turn, cx),
                }
                Ok(())
            }
            Brought::Result(result) => match enter::Scene::of(&turn, 0, state) {
                None => return nowhere(),
                Some(scene) => scene.and_then(|scene| {
                    leave::with_result(&mut turn, (0, state), scene, result.into())
                }),
            },
            Brought::Failed(error, cause) => Err(Fault::of(error, cause)),
            Brought::Caught(at) => leave::caught(&mut turn, (0, state), (at, unknown_error(state))),
            Brought::Chosen(at) => choose(&mut turn, state, at),
        };
        if let Err(fault) = done {
            fail::fail(&mut turn, 0, fault);
        }
        self.outcome(turn, cx)
    }

    /// Where a Choice may lead: the rules that may apply, `None` for its default.
    pub(crate) fn ways(&self, cx: &Context) -> Result<Ways, Did> {
        let mut turn = self.turn(cx);
        let mut ways = Vec::new();
        let judged = self.judged(&mut turn, &mut ways);
        let Err(fault) = judged else {
            return Ok(Ways { ways, fails: None });
        };
        fail::fail(&mut turn, 0, fault);
        match self.outcome(turn, cx) {
            Did::Failed(error, cause) if !ways.is_empty() => Ok(Ways {
                ways,
                fails: Some((error, cause)),
            }),
            did => Err(did),
        }
    }

    fn judged(&self, turn: &mut Turn<'_>, ways: &mut Vec<Option<usize>>) -> Result<(), Fault> {
        let Some(state) = self.state() else {
            return Ok(());
        };
        let Kind::Choice { rules, .. } = &state.kind else {
            return Ok(());
        };
        let Some(scene) = enter::Scene::of(turn, 0, state).transpose()? else {
            return Ok(());
        };
        for (n, rule) in rules.iter().enumerate() {
            let location = format!("Choices[{n}]/Condition");
            let view = scene.view(&scene.input);
            match rule.condition.judge(&view, (&location, &mut turn.random))? {
                Some(false) => {}
                Some(true) => {
                    ways.push(Some(n));
                    return Ok(());
                }
                None => ways.push(Some(n)),
            }
        }
        // Without a default the state may also fail there.
        ways.push(None);
        Ok(())
    }

    /// What a turn has come to.
    fn outcome(&self, mut turn: Turn<'_>, cx: &Context) -> Did {
        let notes = turn.notes.take().unwrap_or_default();
        let caught = notes.caught.then(|| {
            let (error, cause) = notes.fault.unwrap_or_default();
            told(error.as_deref(), cause.as_deref())
        });
        match turn.x.root.status {
            Status::Succeeded => {
                let output = turn.x.root.output.as_deref().unwrap_or("null");
                return Did::Left(Box::new(Left {
                    next: None,
                    output: serde_json::from_str::<Value>(output)
                        .unwrap_or_default()
                        .into(),
                    variables: BTreeMap::new(),
                    caught,
                    waited: None,
                }));
            }
            Status::Running => {}
            _ => return Did::Failed(turn.x.root.error.clone(), turn.x.root.cause.clone()),
        }
        let Some(thread) = turn.thread(0).cloned() else {
            return nowhere();
        };
        if turn.x.root.ready.contains(&0) {
            return Did::Left(Box::new(Left {
                next: Some(thread.state),
                output: thread.input,
                variables: thread.variables,
                caught,
                waited: None,
            }));
        }
        match thread.phase {
            Phase::Calling(_) => asked(&turn),
            Phase::Forked(_) => self.forked(turn, cx),
            _ => nowhere(),
        }
    }

    /// The branches or iterations that a state begins.
    fn forked(&self, mut turn: Turn<'_>, cx: &Context) -> Did {
        let Some(state) = self.state() else {
            return nowhere();
        };
        let mut count = 0;
        loop {
            let (begun, all) = match turn.thread(0).map(|thread| &thread.phase) {
                Some(Phase::Forked(fork)) => (fork.begun as usize, fork.count as usize),
                _ => return nowhere(),
            };
            count = count.max(all);
            if begun >= all || begun >= MOST_ITERATIONS {
                break;
            }
            if let Err(fault) = fork::iterate(&mut turn, (0, state), 0) {
                fail::fail(&mut turn, 0, fault);
                return self.outcome(turn, cx);
            }
        }
        let children = turn.x.threads.values().filter(|thread| thread.id != 0);
        let children = children.map(|thread| Child {
            block: thread.block,
            index: thread.index,
            input: thread.input.clone(),
            item: thread.item.clone(),
        });
        Did::Forks(children.collect(), count)
    }
}

fn choose(turn: &mut Turn<'_>, state: &State, at: Option<usize>) -> Result<(), Fault> {
    let Kind::Choice { rules, default } = &state.kind else {
        return Ok(());
    };
    let Some(scene) = enter::Scene::of(turn, 0, state).transpose()? else {
        return Ok(());
    };
    let rule = at.and_then(|at| rules.get(at));
    let exit = match (rule, default) {
        (Some(rule), _) => leave::Exit {
            next: Some(rule.next),
            assign: rule.assign.as_ref(),
            output: rule.output.as_ref(),
        },
        (None, Some(default)) => leave::Exit {
            next: Some(*default),
            assign: state.assign.as_ref(),
            output: state.output.as_ref(),
        },
        (None, None) => {
            return Err(Fault::definition(
                NO_CHOICE_MATCHED,
                "no rule matches, and there is no Default",
            ));
        }
    };
    leave::to(turn, (0, state), scene, exit)
}

/// What a state has asked the world for.
fn asked(turn: &Turn<'_>) -> Did {
    let found = turn.commands.iter().find_map(|command| match command {
        Command::Perform {
            command: EffectCommand::CallAws(call),
            ..
        } => Some(Did::Calls(Box::new(call.clone()))),
        Command::Offer {
            activity, input, ..
        } => Some(Did::Offers(activity.clone(), input.clone())),
        _ => None,
    });
    found.unwrap_or_else(nowhere)
}

fn unknown_error(state: &State) -> Value {
    let part = |name: &str| open::named(&format!("{}, its {name}", state.name));
    json!({"Error": part("error"), "Cause": part("cause")})
}

/// An error and its cause in one line.
pub(crate) fn told(error: Option<&str>, cause: Option<&str>) -> String {
    match (error, cause) {
        (Some(error), Some(cause)) if !cause.is_empty() => format!("{error}: {cause}"),
        (Some(error), _) => error.to_owned(),
        (None, cause) => cause.unwrap_or("an error without a name").to_owned(),
    }
}

/// A state that cannot be played: no definition that was read has one.
fn nowhere() -> Did {
    let cause = "the state cannot be played in a plan";
    Did::Failed(Some(RUNTIME.to_owned()), Some(cause.to_owned()))
}

/// Whether a distributed Map makes its items of what only the run reads, or bundles them.
pub(super) fn shapes_items(distributed: &Distributed) -> bool {
    distributed.reader.is_some() || distributed.batcher.is_some()
}

/// An item that only the run would know.
pub(super) fn some_item(thread: &Thread, turn: &Turn<'_>) -> Value {
    let block = turn.x.machine.blocks.get(thread.block);
    let state = block.and_then(|block| block.states.get(thread.state));
    let name = state.map_or("a Map", |state| state.name.as_str());
    open::named(&format!("item of {name}"))
}

/// A task's token in a plan.
pub(super) fn token(turn: &Turn<'_>) -> Option<String> {
    let mark = turn.open.then(|| unknown::mark("task token"))?;
    mark.as_str().map(str::to_owned)
}

/// A call's arguments; in a plan they may be not known at all, and stand as one member then.
pub(super) fn arguments(turn: &Turn<'_>, integration: &Integration, arguments: Value) -> Value {
    let takes_all = matches!(integration.family, Family::Function | Family::Activity);
    if turn.open && !takes_all && unknown::is_whole(&arguments) {
        return json!({ANY: arguments});
    }
    arguments
}
