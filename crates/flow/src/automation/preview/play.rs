//! Playing the runs of a preview: what each wants next, and what it gets.

use model::EffectCommand;
use model::agreed::END;
use model::effect::{Failure as EffectFailure, Outcome, PreviewAsk, ScriptCall};
use model::fleet::ChildEnd;
use model::ids;
use serde_json::{Value, json};
use uuid::Uuid;

use super::describe::asks;
use super::itself;
use super::ledger::Halt;
use super::plan::{Impact, digest};
use super::state::{Asked, Preview, Read, Status, Way, Work};
use super::{Command, planning};
use crate::automation::agreed;
use crate::automation::document::Action;
use crate::automation::input::{Command as RunCommand, Context, Start};
use crate::automation::machine::{self, Cue, Played};
use crate::automation::parameters;
use crate::automation::record::Status as RunStatus;
use crate::automation::run::Run;
use crate::expr::unknown;

/// Cues of one turn.
const SHARE: usize = 200;
/// Most effects of one preview.
const MOST_EFFECTS: u64 = 500;
/// Most ways that wait to be followed.
const MOST_WAYS: usize = 200;
/// Most runs of one preview.
const MOST_RUNS: usize = 200;
/// Apart so far are the ids of children on different ways.
const APART: u64 = 1_000_000;
/// Whose the unknown values are that a child is given.
const ABOVE: &str = "^";

impl Preview {
    /// Plays on until something is asked for, the turn's share is done or no way is left.
    pub(super) fn play(&mut self, first: Option<Cue>, cx: &Context, commands: &mut Vec<Command>) {
        let mut cue = first;
        let mut played = 0;
        while !self.is_over() {
            let Some(work) = self.work.as_mut() else {
                return;
            };
            if work.asked.is_some() {
                return;
            }
            if work.wanted.is_some() || (cue.is_none() && played >= SHARE) {
                commands.push(Command::Next);
                return;
            }
            let Some(next) = cue.take().or_else(|| work.next_cue()) else {
                if work.wanted.is_none() && work.now.is_none() && !work.turn_to_next() {
                    self.finish(cx, commands);
                }
                continue;
            };
            played += 1;
            cue = self.cue(next, cx, commands);
        }
    }

    /// Gives the innermost run its cue; what follows for it at once.
    fn cue(&mut self, cue: Cue, cx: &Context, commands: &mut Vec<Command>) -> Option<Cue> {
        let work = self.work.as_mut()?;
        if matches!(cue, Cue::Pass(_)) {
            work.turn_off_failing();
        }
        let way = work.now.as_mut()?;
        let run = way.stack.pop()?;
        let before = (
            run.steps.len(),
            run.root.effects,
            run.root.current.is_some(),
        );
        let went_on = matches!(cue, Cue::On);
        let context = planning(cx, run.id());
        let ledger = std::mem::take(&mut work.ledger);
        let Played {
            run,
            ledger,
            commands: asked,
        } = machine::play(run, cue, ledger, &context);
        let after = (
            run.steps.len(),
            run.root.effects,
            run.root.current.is_some(),
        );
        let stands_still = went_on && before == after && !run.status().is_final();
        work.ledger = ledger;
        way.stack.push(run);
        match work.ledger.halt.take() {
            Some(Halt::Joined) => {
                work.leave(false);
                return None;
            }
            Some(Halt::Fork(targets)) => work.fork(targets),
            None if stands_still && asked.is_empty() => {
                work.leave(true);
                return None;
            }
            None => {}
        }
        let mut follows = None;
        for command in asked {
            follows = self.order(command, cx, commands).or(follows);
        }
        follows
    }

    /// What a run asks for.
    fn order(
        &mut self,
        command: RunCommand,
        cx: &Context,
        commands: &mut Vec<Command>,
    ) -> Option<Cue> {
        let work = self.work.as_mut()?;
        let way = work.now.as_mut()?;
        match command {
            RunCommand::Perform { effect, command } => self.ask(effect, command, (cx, commands)),
            RunCommand::StartChild { run, request } => {
                if unknown::in_text(&request.document_name) {
                    work.impact(Impact::Undetermined);
                    let note = "which document it runs is known after the run";
                    return Some(Cue::Pass(Some(note.to_owned())));
                }
                way.pending.push((run, *request));
                None
            }
            RunCommand::StopChild { run, .. } => {
                way.pending.retain(|(id, _)| *id != run);
                None
            }
            RunCommand::TellParent { mut end, .. } => {
                let above = way.stack.iter().rev().nth(1).and_then(machine::present);
                let whose = above.map_or("", |(_, step)| step.name.as_str());
                let lists = end.outputs.values_mut().flatten();
                for text in lists.chain(&mut end.output) {
                    *text = unknown::named_as_of(text, whose);
                }
                way.end = Some(end);
                None
            }
            RunCommand::SetTimer { .. }
            | RunCommand::CancelTimer { .. }
            | RunCommand::Report(_)
            | RunCommand::Continue => None,
        }
    }

    /// Asks for an effect, unless its answer is there already.
    fn ask(
        &mut self,
        inner: Uuid,
        command: EffectCommand,
        (cx, commands): (&Context, &mut Vec<Command>),
    ) -> Option<Cue> {
        let work = self.work.as_mut()?;
        let (key, call, script, command) = match command {
            EffectCommand::CallAws(call) => {
                let stack = work.now.as_ref().map(|way| way.stack.as_slice());
                if let Some(result) = itself::answer(stack.unwrap_or_default(), &call) {
                    return Some(Cue::Effect(inner, Outcome::Done { result }));
                }
                let key = digest(&json!(call));
                let ask = work.question(&call, cx);
                (key, Some(call), None, EffectCommand::Preview(Box::new(ask)))
            }
            EffectCommand::RunScript(call) => {
                let key = digest(&json!(call));
                let (text, command) = script_of(call);
                (key, None, text, command)
            }
            other => {
                work.plan_other(&other, (self.root.started, cx.at));
                return Some(Cue::Pass(None));
            }
        };
        if let Some(read) = self.reads.iter().find(|read| read.key == key) {
            let outcome = read.outcome.clone();
            work.turn_off_failing_reading(&outcome);
            work.stale(call.as_ref());
            return Some(Cue::Effect(inner, outcome));
        }
        if self.root.effects >= MOST_EFFECTS {
            let reason = format!("the plan needs more than {MOST_EFFECTS} readings");
            self.fail(reason, cx);
            return None;
        }
        self.root.effects += 1;
        let effect = ids::child(cx.id, self.root.effects);
        work.asked = Some(Asked {
            effect,
            inner,
            key,
            call,
            script,
        });
        commands.push(Command::Perform { effect, command });
        None
    }

    /// An effect ended; `None` when nobody waits for it.
    pub(super) fn settled(&mut self, effect: Uuid, outcome: Outcome, cx: &Context) -> Option<Cue> {
        let work = self.work.as_mut()?;
        let asked = work.asked.take_if(|asked| asked.effect == effect)?;
        let outcome = match outcome {
            Outcome::Done { result } => {
                let result = unknown::cleaned(&result);
                if let Some(planned) = result.get("planned") {
                    work.turn_off_failing();
                    return Some(work.planned(&asked, planned, (self.root.started, cx.at)));
                }
                let read = result.get("read").filter(|_| asked.call.is_some());
                Outcome::Done {
                    result: read.cloned().unwrap_or(result),
                }
            }
            Outcome::Failed(failure) => Outcome::Failed(failure),
            Outcome::Unknown { reason } => Outcome::Failed(EffectFailure {
                code: "Network".to_owned(),
                message: reason,
                status: None,
                request_id: None,
                extended_request_id: None,
                shape: None,
                transient: true,
            }),
        };
        work.turn_off_failing_reading(&outcome);
        work.stale(asked.call.as_ref());
        self.reads
            .push(Read::new(asked.key, asked.call.as_ref(), outcome.clone()));
        Some(Cue::Effect(asked.inner, outcome))
    }

    /// The document of the child that was wanted is there, or why not.
    pub(super) fn child_found(&mut self, start: Start, cx: &Context) -> Option<Cue> {
        let work = self.work.as_mut()?;
        let (id, request) = work.wanted.take()?;
        let way = work.now.as_mut()?;
        let failed = |message: String| {
            Some(Cue::Child(Box::new(ChildEnd {
                run: id,
                status: RunStatus::Failed.as_str().to_owned(),
                output: Vec::new(),
                outputs: std::collections::BTreeMap::new(),
                message: Some(message),
                progress: None,
                drift: false,
            })))
        };
        if work.runs.len() >= MOST_RUNS {
            work.ledger.cut = true;
            return failed(format!("a preview plays at most {MOST_RUNS} runs"));
        }
        let mut request = request;
        for text in request.parameters.values_mut().flatten() {
            *text = unknown::named_as_of(text, ABOVE);
        }
        let start = Start {
            request,
            queued: false,
            ..start
        };
        match machine::make(start, &planning(cx, id), parameters::bind_planned) {
            Ok(run) => {
                work.runs.push(id);
                if !run.is_fleet() {
                    work.places.insert(place_of(&run));
                }
                let path =
                    (run.request().agreed.as_ref()).map_or(String::new(), |plan| plan.run.clone());
                way.stack.push(run.planned_as(path));
                Some(Cue::On)
            }
            Err(refused) => failed(refused.1.to_string()),
        }
    }

    /// There is no plan.
    pub(super) fn fail(&mut self, reason: String, cx: &Context) {
        self.root.status = Status::Failed;
        self.root.message = Some(reason);
        self.root.ended = Some(cx.at);
    }
}

/// Account and region that a run acts in.
fn place_of(run: &Run) -> (String, String) {
    (run.origin.account.clone(), run.request().region.clone())
}

/// A script that only computes is run; of any other only its text is looked at.
fn script_of(call: ScriptCall) -> (Option<Value>, EffectCommand) {
    if call.isolated && !unknown::is_in(&call.payload) {
        return (None, EffectCommand::RunScript(call));
    }
    let isolated = call.isolated;
    let asked = EffectCommand::RunScript(ScriptCall {
        isolated: false,
        ..call.clone()
    });
    let compared = agreed::compared(&asked);
    let ask = PreviewAsk::Script {
        runtime: call.runtime,
        script: call.script,
        isolated,
        region: call.region,
        assume_role: call.assume_role,
    };
    (compared, EffectCommand::Preview(Box::new(ask)))
}

impl Way {
    /// Its effects and children have other ids than those of all other ways.
    fn set_apart(&mut self) {
        for run in &mut self.stack {
            run.root.effects %= APART;
            run.root.effects += u64::from(self.trail.number()) * APART;
        }
    }
}

impl Work {
    /// What the innermost run of the way is told next; `None` when the way is over or wants a document.
    fn next_cue(&mut self) -> Option<Cue> {
        let way = self.now.as_mut()?;
        if let Some(target) = way.goto.take() {
            return Some(Cue::Goto(target));
        }
        if std::mem::take(&mut way.fails) {
            return Some(Cue::Fail);
        }
        if std::mem::take(&mut self.approving) {
            return Some(Cue::Pass(None));
        }
        let top = way.stack.last()?;
        if top.status().is_final() {
            if way.stack.len() > 1 {
                way.stack.pop();
                return way.end.take().map(Cue::Child);
            }
            self.leave(true);
            return None;
        }
        if !way.pending.is_empty() {
            self.wanted = Some(way.pending.remove(0));
            return None;
        }
        match machine::present(top) {
            None => {
                if !top.is_fleet() {
                    self.places.insert(place_of(top));
                }
                Some(Cue::On)
            }
            Some((_, step)) => {
                let note = match step.action {
                    Action::Approve => Some(asks(top)),
                    Action::Pause => Some("waits until a person resumes it".to_owned()),
                    Action::ExecuteAutomation => None,
                    _ => Some("waits for what is not so now: known after the run".to_owned()),
                };
                Some(Cue::Pass(note))
            }
        }
    }

    /// Begins the next way, if one is left.
    fn turn_to_next(&mut self) -> bool {
        let Some(way) = self.later.pop() else {
            return false;
        };
        self.ledger.trail = way.trail.clone();
        self.now = Some(way);
        true
    }

    /// The way is over.
    fn leave(&mut self, at_end: bool) {
        if at_end {
            self.ledger.arrow(END);
        }
        let Some(way) = self.now.take() else {
            return;
        };
        let Some(run) = way.stack.first().filter(|_| at_end) else {
            return;
        };
        let status = run.status().as_str();
        let ends = match run
            .failure_message()
            .and_then(|message| message.lines().next())
        {
            Some(reason) => format!("{status}: {reason}"),
            None => status.to_owned(),
        };
        // One example of each status.
        if !self.outcomes.iter().any(|known| known.starts_with(status)) {
            self.outcomes.push(ends);
        }
    }

    /// What a reading or a script that only computes gave may be another in the run, or none: where a step is named for
    /// the failure of the present one, of this run or of one above it, that way is followed as well.
    fn turn_off_failing_reading(&mut self, outcome: &Outcome) {
        let runs = self.now.as_ref().map(|way| way.stack.iter().rev());
        let mut leading = runs
            .into_iter()
            .flatten()
            .skip_while(|run| machine::leads_on(run).is_none());
        let named = leading.next().is_some_and(machine::leads_to_step);
        if named && matches!(outcome, Outcome::Done { .. }) {
            self.turn_off_failing();
        }
    }

    /// The failure of the present step is followed after it, where anything is done then.
    fn turn_off_failing(&mut self) {
        let Some(way) = &self.now else { return };
        let Some(run) = way.stack.last() else { return };
        let leads = way.stack.iter().rev().find_map(machine::leads_on);
        let (Some(leads), Some((seq, step))) = (leads, machine::present(run)) else {
            return;
        };
        let (place, name) = ((run.id(), seq), step.name.clone());
        let Some(trail) = self.ledger.turn_off_failing(place, (&name, leads)) else {
            return;
        };
        if self.later.len() >= MOST_WAYS {
            self.ledger.cut = true;
            return;
        }
        let mut way = Way {
            trail,
            fails: true,
            ..way.clone()
        };
        way.set_apart();
        self.later.push(way);
    }

    /// The way goes on at the first target; the others are followed after it.
    fn fork(&mut self, targets: Vec<Option<String>>) {
        let mut targets = targets.into_iter();
        let first = targets.next().flatten();
        for target in targets {
            if self.later.len() >= MOST_WAYS {
                self.ledger.cut = true;
                break;
            }
            let Some(now) = &self.now else { break };
            let mut way = Way {
                trail: self.ledger.turn_off(),
                goto: Some(target),
                ..now.clone()
            };
            way.set_apart();
            self.later.push(way);
        }
        if let Some(now) = self.now.as_mut() {
            now.goto = Some(first);
        }
    }
}
