//! A run that is only planned: the same machine, told what a reading answered and passing over what would change
//! something.
//!
//! A turn with a ledger is such a run. Its steps are written into the plan; a branch whose condition is not known yet
//! stops for whoever follows all its ways; what a step that was not done would give is not known.

use model::effect::Outcome;
use model::fleet::ChildEnd;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::settle::settle;
use super::turn::Turn;
use super::{arrivals, flow, start};
use crate::automation::action::{Goto, Progress, Success};
use crate::automation::document::references::resolved_texts;
use crate::automation::document::{Action, Body, OnFailure, Step};
use crate::automation::input::{Command, Context};
use crate::automation::preview::ledger::{Halt, Ledger};
use crate::automation::preview::live;
use crate::automation::preview::plan::PlanStep;
use crate::automation::record::Failure;
use crate::automation::run::Run;
use crate::expr::reference::{Reference, find, substitute};
use crate::expr::unknown;

/// What a planned run is told.
pub(crate) enum Cue {
    /// Begin, or go on.
    On,
    /// An effect ended.
    Effect(Uuid, Outcome),
    /// A child ended.
    Child(Box<ChildEnd>),
    /// The branch goes on here.
    Goto(Option<String>),
    /// The present step is passed over: what it gives is not known. With a remark.
    Pass(Option<String>),
    /// The present step fails on this way.
    Fail,
}

/// A planned run after its turn.
pub(crate) struct Played {
    pub(crate) run: Run,
    pub(crate) ledger: Ledger,
    pub(crate) commands: Vec<Command>,
}

/// Plays a run on.
pub(crate) fn play(run: Run, cue: Cue, ledger: Ledger, cx: &Context) -> Played {
    let mut turn = Turn::new(run, cx);
    turn.plan = Some(Box::new(ledger));
    match cue {
        Cue::On => {
            if turn.run.root.lookup.is_none() && !turn.run.root.lookups.is_empty() {
                start::next_lookup(&mut turn);
            }
        }
        Cue::Effect(effect, outcome) => super::on_effect(&mut turn, effect, outcome),
        Cue::Child(end) => arrivals::on_child(&mut turn, &end),
        Cue::Goto(target) => {
            let success = Success {
                goto: target.map(Goto),
                ..Success::default()
            };
            settle(&mut turn, Progress::Done(success));
        }
        Cue::Pass(note) => pass(&mut turn, note),
        Cue::Fail => fail(&mut turn),
    }
    flow::advance(&mut turn);
    let mut ledger = turn.plan.take().map(|plan| *plan).unwrap_or_default();
    ledger.fails = false;
    Played {
        run: turn.run,
        ledger,
        commands: turn.commands,
    }
}

/// The present step ends without having been done.
fn pass(turn: &mut Turn<'_>, note: Option<String>) {
    let document = turn.document();
    let current = turn.run.root.current.as_ref();
    let Some((seq, step)) = current.and_then(|now| Some((now.seq, document.steps.get(now.step)?)))
    else {
        return;
    };
    if let (Some(note), Some(plan)) = (note, turn.plan.as_mut()) {
        plan.note((turn.cx.id, seq), note);
    }
    settle(turn, Progress::Done(unknown_end(step)));
}

/// The present step fails, as it may in a run.
fn fail(turn: &mut Turn<'_>) {
    let step = present(&turn.run).map_or(String::new(), |(_, step)| step.name.clone());
    if let Some(plan) = turn.plan.as_mut() {
        plan.fails = true;
    }
    let failure = Failure::action(format!("if {step} fails"));
    settle(turn, Progress::Failed(failure));
}

/// Where the failure of a run's present step leads, if not to the run's end.
pub(crate) fn leads_on(run: &Run) -> Option<String> {
    let (_, step) = present(run)?;
    match &step.on_failure {
        OnFailure::Abort => None,
        OnFailure::Continue => Some("the run goes on".to_owned()),
        OnFailure::Step(name) => Some(format!("the run goes on at {name}")),
    }
}

/// Whether the failure of a run's present step leads to a step that is named for it.
pub(crate) fn leads_to_step(run: &Run) -> bool {
    present(run).is_some_and(|(_, step)| matches!(step.on_failure, OnFailure::Step(_)))
}

/// A good end whose outputs are not known.
fn unknown_end(step: &Step) -> Success {
    let mut outputs = Map::new();
    let mark = |output: &str| unknown::mark(&format!("{}.{output}", step.name));
    for output in &step.outputs {
        outputs.insert(output.name.clone(), mark(&output.name));
    }
    for output in step.action.fixed_outputs() {
        outputs.entry(*output).or_insert_with(|| mark(output));
    }
    if step.action == Action::Approve {
        outputs.insert("ApprovalStatus".to_owned(), json!("Approved"));
    }
    outputs.insert(unknown::any_output(), unknown::mark(&step.name));
    Success {
        outputs,
        ..Success::default()
    }
}

/// Whether a planned run goes on at this step; a real one always does.
pub(super) fn enter(turn: &mut Turn<'_>, at: usize) -> bool {
    if turn.plan.is_none() {
        return true;
    }
    let (key, state) = (visit_key(turn, at), live_state(turn, at));
    turn.plan
        .as_mut()
        .is_none_or(|plan| plan.enter(&key, &state))
}

/// Digest of what counts of the run's state from a step on.
fn live_state(turn: &Turn<'_>, at: usize) -> String {
    let document = turn.document();
    live::state(&document, at, &|reference| lookup(turn, reference))
}

/// Names a step's execution for all ways: by run, position and pass of the loop around it.
fn visit_key(turn: &Turn<'_>, at: usize) -> String {
    let inside = turn.run.document.steps.get(at).and_then(|step| step.parent);
    let pass = turn.run.root.in_loop.as_ref().filter(|_| inside.is_some());
    let pass = pass.map_or(0, |state| state.iteration);
    format!("{}/{at}/{pass}", turn.cx.id)
}

fn step_key(turn: &Turn<'_>, step: &str) -> String {
    format!("{}/step/{step}", turn.cx.id)
}

fn variable_key(turn: &Turn<'_>, name: &str) -> String {
    format!("{}/variable/{name}", turn.cx.id)
}

/// A step of a planned run has begun.
pub(super) fn begun(turn: &mut Turn<'_>, step: &Step, (at, seq): (usize, u32)) {
    if turn.plan.is_none() {
        return;
    }
    let arrived = turn.plan.as_mut().and_then(|plan| plan.arrived.take());
    let key = (visit_key(turn, at), arrived.unwrap_or_default());
    let stale = rests_on_changes(turn, at);
    let name = step_key(turn, &step.name);
    let (document, _) = turn.run.document_name();
    let pass = turn
        .run
        .root
        .in_loop
        .as_ref()
        .filter(|_| step.parent.is_some());
    let planned = PlanStep {
        document: document.to_owned(),
        depth: turn
            .run
            .request()
            .parent
            .as_ref()
            .map_or(0, |parent| parent.depth),
        run: (turn.run.request().agreed.as_ref()).map_or(String::new(), |plan| plan.run.clone()),
        step: step.name.clone(),
        action: step.action.as_str().to_owned(),
        iteration: pass.map(|state| state.iteration),
        ..PlanStep::default()
    };
    let place = (turn.cx.id, seq);
    if let Some(plan) = turn.plan.as_mut() {
        plan.begin(key, place, planned);
        if stale {
            plan.mark_stale(name);
        }
    }
}

/// Whether a step refers to something that the calls planned before it change.
fn rests_on_changes(turn: &Turn<'_>, at: usize) -> bool {
    let Some(plan) = turn.plan.as_ref() else {
        return false;
    };
    let mut rests = false;
    resolved_texts(&turn.run.document, at, &mut |_, text| {
        rests |= find(text).iter().any(|found| match &found.reference {
            Reference::Output { step, .. } => plan.is_stale(&step_key(turn, step)),
            Reference::Variable { name, .. } => plan.is_stale(&variable_key(turn, name)),
            _ => false,
        });
    });
    rests
}

/// What a reference stands for in a run; in a planned one that follows another way than the account's present state
/// leads, what rests on planned changes is not known.
pub(super) fn lookup(turn: &Turn<'_>, reference: &Reference) -> Result<Value, String> {
    if let Some(plan) = turn.plan.as_ref().filter(|plan| plan.is_otherwise()) {
        let stale = match reference {
            Reference::Output { step, .. } => plan.is_stale(&step_key(turn, step)),
            Reference::Variable { name, .. } => plan.is_stale(&variable_key(turn, name)),
            _ => false,
        };
        if stale {
            return Ok(unknown::mark(&reference.to_string()));
        }
    }
    turn.run.lookup(turn.cx, reference)
}

/// What a planned run does in the place of an action; `None` when it does what a real one does.
pub(super) fn instead(
    turn: &mut Turn<'_>,
    step: &Step,
    inputs: &mut Map<String, Value>,
) -> Option<Progress> {
    turn.plan.as_ref()?;
    match step.action {
        Action::Branch => Some(branch(turn, step)),
        Action::UpdateVariable => update(turn, step, inputs),
        Action::Sleep => {
            let time = ["Duration", "Timestamp"];
            let time = time.iter().find_map(|name| inputs.get(*name)?.as_str());
            note(
                turn,
                format!("sleeps: {}", time.unwrap_or("until an unknown time")),
            );
            Some(Progress::done(Map::new()))
        }
        Action::Loop => {
            let items = inputs
                .get_mut("Iterators")
                .filter(|items| unknown::is_whole(items))?;
            *items = Value::Array(vec![unknown::item(items)]);
            if let (Some(now), Some(plan)) = (&turn.run.root.current, turn.plan.as_mut())
                && let Some(step) = plan.step_mut((turn.cx.id, now.seq))
            {
                step.open = true;
            }
            note(
                turn,
                "one pass is shown: what it goes over is known after the run".to_owned(),
            );
            None
        }
        _ => None,
    }
}

fn note(turn: &mut Turn<'_>, text: String) {
    let place = turn
        .run
        .root
        .current
        .as_ref()
        .map(|now| (turn.cx.id, now.seq));
    if let (Some(place), Some(plan)) = (place, turn.plan.as_mut()) {
        plan.note(place, text);
    }
}

/// A variable gets a value that is not known, whatever its type; or one that rests on planned changes.
fn update(turn: &mut Turn<'_>, step: &Step, inputs: &Map<String, Value>) -> Option<Progress> {
    let name = inputs.get("Name")?.as_str()?;
    let name = name.strip_prefix("variable:").unwrap_or(name).to_owned();
    let (from, to) = (step_key(turn, &step.name), variable_key(turn, &name));
    let plan = turn.plan.as_mut()?;
    if plan.is_stale(&from) {
        plan.mark_stale(to);
    }
    let value = inputs.get("Value").filter(|value| unknown::is_in(value))?;
    turn.run
        .document
        .variables
        .iter()
        .find(|one| one.name == name)?;
    turn.run.root.variables.insert(name, value.clone());
    Some(Progress::done(Map::new()))
}

/// A branch goes where its conditions lead; where they are open, whoever plays the run decides.
fn branch(turn: &mut Turn<'_>, step: &Step) -> Progress {
    let Body::Branch { choices, default } = &step.body else {
        return Progress::Failed(Failure::inputs("The step has no choices."));
    };
    let lookup = |reference: &Reference| lookup(turn, reference);
    let is_open = |side: &Value| is_open(turn, side);
    let mut targets: Vec<Option<String>> = Vec::new();
    let mut likeliest = None;
    let mut decided = false;
    for (condition, target) in choices {
        let judged = match condition.judge(&lookup, &is_open) {
            Ok(judged) => judged,
            Err(reason) => {
                let message = format!("Input Choices can not be resolved: {reason}.");
                return Progress::Failed(Failure::inputs(message));
            }
        };
        let target = Some(target.clone());
        if judged == Some(false) {
            continue;
        }
        // A reading that planned calls will change speaks for one way nevertheless.
        if likeliest.is_none() && (judged == Some(true) || holds_now(turn, condition)) {
            likeliest.clone_from(&target);
        }
        if !targets.contains(&target) {
            targets.push(target);
        }
        if judged == Some(true) {
            decided = true;
            break;
        }
    }
    if !decided && !targets.contains(default) {
        targets.push(default.clone());
    }
    choose(turn, (targets, likeliest.or_else(|| default.clone())))
}

/// Whether a condition holds by what is there now, as far as that is known.
fn holds_now(turn: &Turn<'_>, condition: &crate::automation::condition::Condition) -> bool {
    let lookup = |reference: &Reference| {
        let value = turn.run.lookup(turn.cx, reference)?;
        if unknown::is_in(&value) {
            return Err("it is not known".to_owned());
        }
        Ok(value)
    };
    condition.holds(&lookup).unwrap_or(false)
}

fn choose(
    turn: &mut Turn<'_>,
    (mut targets, likeliest): (Vec<Option<String>>, Option<String>),
) -> Progress {
    if targets.len() < 2 {
        let goto = targets.pop().flatten();
        if let Some(target) = &goto {
            note(turn, format!("goes on at {target}"));
        }
        return Progress::Done(Success {
            goto: goto.map(Goto),
            ..Success::default()
        });
    }
    if let Some(at) = targets.iter().position(|target| *target == likeliest) {
        targets[..=at].rotate_right(1);
    }
    let names = targets
        .iter()
        .map(|target| target.as_deref().unwrap_or("the next step"));
    let names: Vec<&str> = names.collect();
    let text = format!("depends on the run: goes on at {}", names.join(" or "));
    note(turn, text);
    if let Some(plan) = turn.plan.as_mut() {
        plan.pass_fork();
        plan.halt = Some(Halt::Fork(targets));
    }
    Progress::Waiting
}

/// Whether one side of a comparison is not known yet, or rests on what planned calls change.
fn is_open(turn: &Turn<'_>, side: &Value) -> bool {
    let Some(plan) = turn.plan.as_ref() else {
        return false;
    };
    let lookup = |reference: &Reference| {
        let stale = match reference {
            Reference::Output { step, .. } => plan.is_stale(&step_key(turn, step)),
            Reference::Variable { name, .. } => plan.is_stale(&variable_key(turn, name)),
            _ => false,
        };
        if stale {
            return Ok(unknown::mark(""));
        }
        turn.run.lookup(turn.cx, reference)
    };
    substitute(side, &lookup).is_ok_and(|value| unknown::is_in(&value))
}

/// Whether no further pass of a loop is shown: whether there is one is not known.
pub(super) fn ends_open_loop(turn: &mut Turn<'_>, around: &Step) -> bool {
    let Some(state) = turn.run.root.in_loop.clone() else {
        return false;
    };
    let place = (turn.cx.id, state.seq);
    let shown = turn.plan.as_mut().and_then(|plan| plan.step_mut(place));
    let open = shown.is_some_and(|step| step.open) || is_open_loop(turn, around);
    if let (true, Body::Loop { first, .. }) = (open, &around.body) {
        let first = visit_key(turn, *first);
        if let Some(plan) = turn.plan.as_mut() {
            plan.go_round(&first, place);
        }
    }
    open
}

fn is_open_loop(turn: &Turn<'_>, around: &Step) -> bool {
    let Body::Loop {
        condition: Some(condition),
        ..
    } = &around.body
    else {
        return false;
    };
    let lookup = |reference: &Reference| turn.run.lookup(turn.cx, reference);
    let judged = condition.judge(&lookup, &|side| is_open(turn, side));
    turn.plan.is_some() && matches!(judged, Ok(None))
}

/// A step of a planned run fails on what is there now. Where that is about to be changed, it is passed over.
pub(super) fn overlooks(turn: &mut Turn<'_>, step: &Step, failure: &Failure) -> Option<Success> {
    let key = step_key(turn, &step.name);
    let plan = turn.plan.as_ref().filter(|plan| !plan.fails)?;
    let looks = matches!(
        step.action,
        Action::AssertAwsResourceProperty | Action::WaitForAwsResourceProperty
    );
    if plan.is_stale(&key) || (looks && plan.changes()) {
        let reason = first_line(&failure.message);
        note(
            turn,
            format!("known after the run; now it would fail: {reason}"),
        );
        let key = step_key(turn, &step.name);
        turn.plan.as_mut()?.mark_stale(key);
        return Some(unknown_end(step));
    }
    note(
        turn,
        format!("would fail: {}", first_line(&failure.message)),
    );
    None
}

/// A message without a script's traceback.
fn first_line(message: &str) -> &str {
    message.lines().next().unwrap_or_default()
}

/// What the present step is, in a planned run: for whoever plays it.
pub(crate) fn present(run: &Run) -> Option<(u32, &Step)> {
    let current = run.root.current.as_ref()?;
    Some((current.seq, run.document.steps.get(current.step)?))
}

/// The present step reads what planned calls change.
pub(crate) fn reads_changes(run: &Run, ledger: &mut Ledger) {
    if let Some((seq, step)) = present(run) {
        let key = format!("{}/step/{}", run.root.id, step.name);
        ledger.mark_stale(key);
        ledger.note(
            (run.root.id, seq),
            "read as it is before the planned changes",
        );
    }
}
