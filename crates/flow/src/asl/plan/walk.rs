//! A walk through a machine: its states in the order of the run, each way once, and the questions that keep it from the end.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use model::agreed::{END, START};
use model::effect::{AwsCall, Outcome, PreviewAsk};
use serde_json::{Value, json};

use super::Begin;
use super::touch::Changes;
use crate::asl::definition::{self, MachineType, State, StateMachine};
use crate::asl::document::Document;
use crate::asl::fault::QUERY_EVALUATION;
use crate::asl::input::{Context, Start};
use crate::asl::machine::planned::{Did, Left, Spot, told};
use crate::asl::open;
use crate::automation::preview::moment::Moment;
use crate::automation::preview::plan::{self, PlanStep, digest};
use crate::automation::preview::state::Read;
use crate::automation::preview::{Summary, blast};
use crate::expr::unknown;

/// Most steps of a plan, those of all ways and machines together.
const MOST_STEPS: usize = 2_000;
/// How often one way may come back to a state.
const MOST_ROUNDS: u32 = 20;
/// Most ways of one block that wait to be followed.
const MOST_WAYS: usize = 32;
/// Deepest nesting of blocks, those of machines that start machines counted together.
const MOST_DEPTH: u32 = 32;
/// Most expressions that fail: each may have used up its time.
const MOST_FAILED_EXPRESSIONS: u32 = 20;
/// Most endings that are told.
const MOST_ENDINGS: usize = 3;

/// How far a walk came.
pub(super) enum Walked {
    /// To questions that must be answered first.
    Asks(Vec<Question>),
    /// To all ends: the plan and its hash.
    Done(Box<Summary>, String),
}

/// What must be known to walk on.
pub(super) struct Question {
    /// What its answer is kept under.
    pub(super) key: String,
    pub(super) call: AwsCall,
    pub(super) ask: PreviewAsk,
}

/// A walk in the making.
pub(super) struct Walk<'a> {
    pub(super) cx: &'a Context,
    pub(super) answers: BTreeMap<&'a str, &'a Outcome>,
    pub(super) questions: Vec<Question>,
    pub(super) steps: Vec<PlanStep>,
    edges: BTreeSet<(u32, u32)>,
    pub(super) changes: Changes,
    /// Whether something was left out for its size.
    pub(super) cut: bool,
    failed_expressions: u32,
}

/// A block that is walked through, and whose it is.
#[derive(Clone)]
pub(super) struct Frame<'f> {
    pub(super) machine: &'f Arc<StateMachine>,
    pub(super) start: &'f Start,
    pub(super) block: usize,
    /// Machines above it.
    pub(super) depth: u32,
    /// Blocks above it.
    pub(super) nesting: u32,
    /// The item of the Map around it, and its position.
    pub(super) item: Option<Document>,
    pub(super) iteration: Option<u32>,
    /// The failure that leads here, in words.
    pub(super) when: Option<String>,
}

/// One way through a block.
#[derive(Clone)]
pub(super) struct Way {
    pub(super) state: usize,
    pub(super) input: Document,
    pub(super) variables: BTreeMap<String, Value>,
    /// Steps that lead to its next one.
    pub(super) tails: Vec<u32>,
    /// Whether it has passed what only the run decides: then it ends where a state has been shown already.
    pub(super) open: bool,
    /// The failure that leads here, in words.
    pub(super) when: Option<String>,
}

/// How the ways of a block ended.
#[derive(Default)]
pub(super) struct Ended {
    pub(super) outputs: Vec<Document>,
    pub(super) tails: Vec<u32>,
    /// Errors and causes.
    pub(super) failed: Vec<(Option<String>, Option<String>)>,
    pub(super) failed_tails: Vec<u32>,
    /// Whether a question is open.
    pub(super) halted: bool,
}

/// What is known of a block while its ways are followed.
#[derive(Default)]
pub(super) struct Book {
    seen: BTreeMap<usize, Seen>,
    /// Ways that branch off, and ways that failures of planned calls lead to.
    later: VecDeque<Way>,
    failures: VecDeque<Way>,
    pub(super) ended: Ended,
}

struct Seen {
    node: u32,
    rounds: u32,
    entered: String,
}

/// Walks through a machine with the answers that are there.
pub(super) fn walk(begin: &Begin, reads: &[Read], cx: &Context) -> Walked {
    let mut walk = Walk {
        cx,
        answers: (reads.iter().map(|read| (read.key.as_str(), &read.outcome))).collect(),
        questions: Vec::new(),
        steps: Vec::new(),
        edges: BTreeSet::new(),
        changes: Changes::default(),
        cut: false,
        failed_expressions: 0,
    };
    let kind = if begin.express {
        MachineType::Express
    } else {
        MachineType::Standard
    };
    let input: Value = serde_json::from_str(&begin.input).unwrap_or_default();
    // It was read when the preview began.
    let Ok(machine) = definition::parse(&begin.definition, kind).map(Arc::new) else {
        return Walked::Asks(Vec::new());
    };
    let start = started(begin, cx);
    let frame = Frame {
        machine: &machine,
        start: &start,
        block: 0,
        depth: 0,
        nesting: 0,
        item: None,
        iteration: None,
        when: None,
    };
    let ended = walk.block(&frame, (input.clone().into(), BTreeMap::new()), vec![START]);
    for tail in ended.tails.iter().chain(&ended.failed_tails) {
        walk.edges.insert((*tail, END));
    }
    if !walk.questions.is_empty() {
        return Walked::Asks(walk.questions);
    }
    let outcome = outcome(&ended);
    let (summary, calls) = walk.summary(reads, outcome);
    let text: Value = serde_json::from_str(&begin.definition).unwrap_or_default();
    let hash = digest(&json!({
        "definition": text, "input": input, "role": begin.role_arn, "calls": calls,
    }));
    Walked::Done(Box::new(summary), hash)
}

/// What an execution would be started with. Its name is only known in the run.
pub(super) fn started(begin: &Begin, cx: &Context) -> Start {
    let name = unknown::mark("execution name");
    let name = name.as_str().unwrap_or_default().to_owned();
    let (account, region) = (&cx.scope.account, &cx.scope.region);
    let partition = cx.scope.partition();
    let place = format!("arn:{partition}:states:{region}:{account}");
    Start {
        arn: format!("{place}:execution:{}:{name}", begin.name),
        name,
        machine_arn: format!("{place}:stateMachine:{}", begin.name),
        machine_name: begin.name.clone(),
        // The states are read already, and nothing else of it is looked at.
        definition: String::new(),
        revision: None,
        version: None,
        alias: None,
        express: begin.express,
        logging: None,
        role_arn: begin.role_arn.clone(),
        input: begin.input.clone(),
        member: None,
    }
}

/// How the ways end, for people.
fn outcome(ended: &Ended) -> String {
    let mut told_of: Vec<String> = Vec::new();
    if !ended.outputs.is_empty() {
        told_of.push("SUCCEEDED".to_owned());
    }
    for (error, cause) in &ended.failed {
        let text = told(error.as_deref(), cause.as_deref());
        let text = unknown::shown(&Value::String(format!("FAILED: {text}")));
        let text = text.as_str().unwrap_or_default().to_owned();
        if !told_of.contains(&text) {
            told_of.push(text);
        }
    }
    let more = told_of.len().saturating_sub(MOST_ENDINGS);
    told_of.truncate(MOST_ENDINGS);
    if more > 0 {
        told_of.push(format!("{more} other failures"));
    }
    told_of.join(", or ")
}

impl Walk<'_> {
    /// Follows all ways through a block.
    pub(super) fn block(
        &mut self,
        frame: &Frame<'_>,
        (input, variables): (Document, BTreeMap<String, Value>),
        tails: Vec<u32>,
    ) -> Ended {
        let mut book = Book::default();
        let Some(block) = frame.machine.blocks.get(frame.block) else {
            return book.ended;
        };
        if frame.nesting >= MOST_DEPTH {
            self.cut = true;
            book.ended
                .outputs
                .push(open::named("a deeper block").into());
            book.ended.tails = tails;
            return book.ended;
        }
        book.later.push_back(Way {
            state: block.start,
            input,
            variables,
            tails,
            open: false,
            when: frame.when.clone(),
        });
        while let Some(way) = book.later.pop_front().or_else(|| book.failures.pop_front()) {
            self.follow(frame, way, &mut book);
        }
        book.ended
    }

    fn follow(&mut self, frame: &Frame<'_>, mut way: Way, book: &mut Book) {
        while self.goes_on(&way, book) {
            let spot = Spot {
                machine: Arc::clone(frame.machine),
                start: frame.start.clone(),
                at: (frame.block, way.state),
                input: way.input.clone(),
                variables: way.variables.clone(),
                item: frame.item.clone(),
            };
            let Some(state) = spot.state() else { return };
            let node = self.begin(frame, state, &mut way, book);
            let Some(left) = self.state(frame, (&spot, node), &mut way, book) else {
                return;
            };
            let Some(next) = left.next else {
                book.ended.outputs.push(left.output);
                book.ended.tails.append(&mut way.tails);
                return;
            };
            (way.state, way.input, way.variables) = (next, left.output, left.variables);
        }
    }

    /// Whether a way goes on: not where its state has been shown already.
    fn goes_on(&mut self, way: &Way, book: &Book) -> bool {
        let full =
            self.steps.len() >= MOST_STEPS || self.failed_expressions >= MOST_FAILED_EXPRESSIONS;
        let shown = book.seen.get(&way.state);
        let joins = shown.is_some_and(|seen| {
            way.open || seen.rounds >= MOST_ROUNDS || seen.entered == entered(way)
        });
        if !full && !joins {
            return true;
        }
        self.cut |= full && shown.is_none();
        let to = shown.map_or(END, |seen| seen.node);
        self.arrows(&way.tails, to);
        false
    }

    pub(super) fn arrows(&mut self, from: &[u32], to: u32) {
        self.edges.extend(from.iter().map(|tail| (*tail, to)));
    }

    /// A step begins.
    fn begin(&mut self, frame: &Frame<'_>, state: &State, way: &mut Way, book: &mut Book) -> u32 {
        let node = u32::try_from(self.steps.len()).unwrap_or(END);
        self.arrows(&way.tails, node);
        way.tails = vec![node];
        self.steps.push(PlanStep {
            node,
            document: frame.start.machine_name.clone(),
            depth: frame.depth,
            step: state.name.clone(),
            action: super::step::action(state),
            iteration: frame.iteration,
            when: way.when.clone(),
            ..PlanStep::default()
        });
        let entered = entered(way);
        let seen = book.seen.entry(way.state).or_insert(Seen {
            node,
            rounds: 0,
            entered: String::new(),
        });
        seen.rounds += 1;
        seen.entered = entered;
        node
    }

    pub(super) fn step_mut(&mut self, node: u32) -> Option<&mut PlanStep> {
        self.steps.get_mut(usize::try_from(node).ok()?)
    }

    /// Says something about a step.
    pub(super) fn note(&mut self, node: u32, text: &str) {
        let text = match unknown::shown(&Value::String(text.to_owned())) {
            Value::String(text) => text,
            _ => return,
        };
        let Some(step) = self.step_mut(node) else {
            return;
        };
        match &mut step.note {
            Some(note) => note.push_str(&format!("; {text}")),
            None => step.note = Some(text),
        }
    }

    /// How a state was left, or the end of the way.
    pub(super) fn settle(&mut self, did: Did, node: u32, book: &mut Book) -> Option<Left> {
        match did {
            Did::Left(left) => {
                if let Some(caught) = &left.caught {
                    self.count(caught);
                    self.note(node, &format!("fails and is caught: {caught}"));
                }
                Some(*left)
            }
            Did::Failed(error, cause) => {
                let text = told(error.as_deref(), cause.as_deref());
                self.count(&text);
                self.note(node, &format!("fails: {text}"));
                book.ended.failed.push((error, cause));
                book.ended.failed_tails.push(node);
                None
            }
            Did::Calls(_) | Did::Offers(..) | Did::Forks(..) => None,
        }
    }

    fn count(&mut self, failure: &str) {
        if failure.starts_with(QUERY_EVALUATION) {
            self.failed_expressions += 1;
        }
    }

    /// The plan, and the hash of its calls.
    fn summary(mut self, reads: &[Read], outcome: String) -> (Summary, String) {
        let edges: Vec<(u32, u32)> = self.edges.into_iter().collect();
        plan::mark_certain(&mut self.steps, &edges, END);
        let calls = plan::hash("", &self.steps);
        let summary = Summary {
            v: 1,
            resources: blast::resources(&self.steps, reads),
            steps: self.steps,
            accounts: vec![self.cx.scope.account.clone()],
            regions: vec![self.cx.scope.region.clone()],
            complete: !self.cut,
            edges,
            outcome,
        };
        (summary, calls)
    }

    /// A value without the moment of the plan.
    pub(super) fn lasting(&self, value: &Value) -> Value {
        let runs = [self.cx.id];
        let moment = Moment {
            from: self.cx.at,
            until: self.cx.at,
            runs: &runs,
        };
        moment.removed_from(value)
    }
}

impl Book {
    /// How often the present way has come to a state.
    pub(super) fn rounds(&self, state: usize) -> u32 {
        self.seen.get(&state).map_or(0, |seen| seen.rounds)
    }

    /// A way that branches off. False when there are too many.
    pub(super) fn branch(&mut self, way: Way) -> bool {
        let fits = self.later.len() < MOST_WAYS;
        if fits {
            self.later.push_back(way);
        }
        fits
    }

    /// A way that a failure of a planned call leads to.
    pub(super) fn on_failure(&mut self, way: Way) -> bool {
        let fits = self.failures.len() < MOST_WAYS;
        if fits {
            self.failures.push_back(way);
        }
        fits
    }
}

fn entered(way: &Way) -> String {
    digest(&json!([&*way.input, &way.variables]))
}
