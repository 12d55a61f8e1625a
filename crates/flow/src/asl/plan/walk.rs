//! A walk through a machine: its states in the order of the run, each way once, and the questions that keep it from the end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::agreed::{END, START};
use model::effect::{AwsCall, Outcome, PreviewAsk};
use serde_json::{Value, json};

use super::Begin;
use super::merge::{merged, one_state};
use super::size::fit;
use super::way::{Book, Ended, Entry, Frame, Way};
use crate::asl::definition::{self, MachineType, State};
use crate::asl::fault::QUERY_EVALUATION;
use crate::asl::input::{Context, Start};
use crate::asl::machine::planned::{Did, Left, Spot, told};
use crate::asl::open;
use crate::automation::preview::moment::Moment;
use crate::automation::preview::plan::{self, PlanStep, PlannedCall, digest};
use crate::automation::preview::state::Read;
use crate::automation::preview::{Summary, blast};
use crate::expr::unknown;

/// Most steps of a plan, those of all ways and machines together.
const MOST_STEPS: usize = 2_000;
/// Deepest nesting of blocks, those of machines that start machines counted together.
const MOST_DEPTH: u32 = 32;
/// Most expressions that fail: each may have used up its time.
const MOST_FAILED_EXPRESSIONS: u32 = 20;
/// Most endings that are told.
const MOST_ENDINGS: usize = 3;
/// Most arrows between steps.
const MOST_EDGES: usize = 100_000;
/// Most bytes of all steps: a plan must fit into one frame.
const MOST_BYTES: usize = 4 << 20;
/// Most bytes of values that the states of one walk are entered with, all together.
const MOST_WORK: usize = 32 << 20;
/// Bytes of a step besides what it calls and what is said of it, about.
const STEP_BYTES: usize = 400;
/// Most characters of one thing that is said of a step, or of an ending.
const MOST_SAID: usize = 1_000;
/// Most reasons that are told why a plan is not complete.
const MOST_REASONS: usize = 10;

/// How far a walk came.
pub(super) enum Walked {
    /// To questions that must be answered first; the bytes of values that were looked at so far.
    Asks(Vec<Question>, usize),
    /// To all ends: the plan and its hash.
    Done(Box<Summary>, String),
    /// Nowhere: what is stored is no machine.
    Failed(String),
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
    /// Why something was left out.
    left_out: Vec<String>,
    failed_expressions: u32,
    /// Bytes of the steps, about.
    bytes: usize,
    /// Bytes of the values that states were entered with.
    work: usize,
    /// Whether the present way has values that are taken as not known, since there are too many.
    widened: bool,
}

/// Walks through a machine with the answers that are there.
pub(super) fn walk(begin: &Begin, reads: &[Read], cx: &Context) -> Walked {
    let mut walk = Walk {
        cx,
        answers: (reads.iter().map(|read| (read.key.as_str(), &read.outcome))).collect(),
        questions: Vec::new(),
        steps: Vec::new(),
        edges: BTreeSet::new(),
        left_out: Vec::new(),
        failed_expressions: 0,
        bytes: 0,
        work: 0,
        widened: false,
    };
    let kind = if begin.express {
        MachineType::Express
    } else {
        MachineType::Standard
    };
    let input: Value = serde_json::from_str(&begin.input).unwrap_or_default();
    // It was read when the preview began, maybe by an older program.
    let Ok(machine) = definition::parse(&begin.definition, kind).map(Arc::new) else {
        return Walked::Failed("the definition cannot be read any more".to_owned());
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
    let entry = Entry {
        input: input.clone().into(),
        variables: BTreeMap::new(),
        tails: vec![START],
        changes: Arc::default(),
    };
    let ended = walk.block(&frame, entry);
    for tail in ended.tails.iter().chain(&ended.failed_tails) {
        walk.arrows(&[*tail], END);
    }
    if !walk.questions.is_empty() {
        return Walked::Asks(walk.questions, walk.work);
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
        tracing: false,
        updated: None,
        trace_header: None,
        role_arn: begin.role_arn.clone(),
        input: begin.input.clone(),
        capture: false,
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
        let text = short(text.as_str().unwrap_or_default());
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
    pub(super) fn block(&mut self, frame: &Frame<'_>, entry: Entry) -> Ended {
        let mut book = Book::default();
        let Some(block) = frame.machine.blocks.get(frame.block) else {
            return book.ended;
        };
        if frame.nesting >= MOST_DEPTH {
            self.cut(format!("more than {MOST_DEPTH} blocks within each other"));
            book.ended
                .outputs
                .push(open::named("a deeper block").into());
            book.ended.tails = entry.tails;
            return book.ended;
        }
        book.later.push_back(Way {
            state: block.start,
            input: entry.input,
            variables: entry.variables,
            tails: entry.tails,
            open: false,
            when: frame.when.clone(),
            passed: BTreeMap::new(),
            changes: entry.changes,
            widened: self.widened,
        });
        let outer = self.widened;
        while let Some(way) = book.later.pop_front().or_else(|| book.failures.pop_front()) {
            self.follow(frame, way, &mut book);
        }
        self.widened = outer;
        book.ended
    }

    fn follow(&mut self, frame: &Frame<'_>, mut way: Way, book: &mut Book) {
        let Some(block) = frame.machine.blocks.get(frame.block) else {
            return;
        };
        while let Some(state) = block.states.get(way.state) {
            if !self.arrives(&state.name, &mut way, book) {
                return;
            }
            let spot = Spot {
                machine: Arc::clone(frame.machine),
                start: frame.start.clone(),
                at: (frame.block, way.state),
                input: way.input.clone(),
                variables: way.variables.clone(),
                item: frame.item.clone(),
            };
            let node = self.begin(frame, state, &mut way);
            self.widened = way.widened;
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

    /// Something is left out: why.
    pub(super) fn cut(&mut self, reason: impl Into<String>) {
        let reason = short(&reason.into());
        if self.left_out.len() < MOST_REASONS && !self.left_out.contains(&reason) {
            self.left_out.push(reason);
        }
    }

    /// Values of so many bytes were looked at.
    pub(super) fn works(&mut self, bytes: usize) {
        self.work = self.work.saturating_add(bytes);
    }

    /// The number of the step that comes next.
    pub(super) fn next_node(&self) -> u32 {
        u32::try_from(self.steps.len()).unwrap_or(END)
    }

    /// Why the plan takes no more.
    pub(super) fn full(&self) -> Option<String> {
        if self.steps.len() >= MOST_STEPS {
            return Some(format!("more than {MOST_STEPS} steps"));
        }
        if self.bytes >= MOST_BYTES || self.edges.len() >= MOST_EDGES {
            return Some(format!("the plan has more than {MOST_BYTES} bytes"));
        }
        if self.work >= MOST_WORK {
            return Some(format!(
                "the values that its states are entered with have more than {MOST_WORK} bytes"
            ));
        }
        (self.failed_expressions >= MOST_FAILED_EXPRESSIONS)
            .then(|| format!("more than {MOST_FAILED_EXPRESSIONS} expressions fail"))
    }

    pub(super) fn arrows(&mut self, from: &[u32], to: u32) {
        let room = MOST_EDGES.saturating_sub(self.edges.len());
        self.edges
            .extend(from.iter().take(room).map(|tail| (*tail, to)));
    }

    /// A step begins.
    fn begin(&mut self, frame: &Frame<'_>, state: &State, way: &mut Way) -> u32 {
        let node = self.next_node();
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
        self.bytes += STEP_BYTES;
        node
    }

    pub(super) fn step_mut(&mut self, node: u32) -> Option<&mut PlanStep> {
        self.steps.get_mut(usize::try_from(node).ok()?)
    }

    /// Says something about a step.
    pub(super) fn note(&mut self, node: u32, text: &str) {
        let text = match unknown::shown(&Value::String(text.to_owned())) {
            Value::String(text) => short(&text),
            _ => return,
        };
        self.bytes += text.len();
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
        let whole = self.edges.len() < MOST_EDGES;
        if !whole {
            self.cut("the plan has more ways than it can hold");
        }
        let (mut steps, edges) = merged(self.steps, self.edges);
        let edges: Vec<(u32, u32)> = edges.into_iter().collect();
        plan::mark_certain(&mut steps, &edges, END, one_state);
        for step in steps.iter_mut().filter(|_| !whole) {
            step.certain = false;
        }
        let calls = plan::hash("", &steps);
        let summary = Summary {
            v: 1,
            resources: blast::resources(&steps, reads),
            steps,
            accounts: vec![self.cx.scope.account.clone()],
            regions: vec![self.cx.scope.region.clone()],
            complete: self.left_out.is_empty(),
            left_out: self.left_out,
            edges,
            outcome,
        };
        (summary, calls)
    }

    /// A call of a way whose values are too many says that, unless it has been shown as it is.
    pub(super) fn tell_widened(&mut self, node: u32, made: &PlannedCall, params: &Value) {
        let mut shown = self.steps.iter().flat_map(|step| &step.calls);
        if !self.widened || !unknown::is_in(params) || shown.any(|it| it.digest == made.digest) {
            return;
        }
        let name = self.step_mut(node).map(|step| step.step.clone());
        let name = name.unwrap_or_default();
        self.cut(format!(
            "{name}: it is called with more values than are shown"
        ));
    }

    /// Writes a call into its step, with as much of it as fits.
    pub(super) fn add_call(&mut self, node: u32, mut made: PlannedCall) {
        let (bytes, cut) = fit(&mut made);
        self.bytes += bytes;
        if cut {
            self.cut("calls that are too large are not shown whole");
        }
        if let Some(step) = self.step_mut(node) {
            step.impact = step.impact.max(made.impact);
            step.calls.push(made);
        }
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

/// A text cut to a bearable length.
fn short(text: &str) -> String {
    let mut short: String = text.chars().take(MOST_SAID).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
