//! Fleets: runs whose children take the place of steps.
//!
//! `resolve the targets ─► begin children in growing waves ─► each end may begin more ─► the run ends with the last`

mod members;

use std::collections::BTreeSet;
use std::sync::Arc;

use model::effect::{AwsCall, Outcome};
use model::fleet::ChildEnd;
use model::report::StartRun;
use model::{EffectCommand, Rejection};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::turn::Turn;
use super::{alarm, flow};
use crate::automation::action::CALL_SECONDS;
use crate::automation::document::Document;
use crate::automation::fleet::located::is_unit;
use crate::automation::fleet::questions::{self, Question};
use crate::automation::fleet::{Fleet, Group, MAX_MEMBERS, Member, Place};
use crate::automation::input::{Command, StopKind};
use crate::automation::parameters;
use crate::automation::record::{Failure, Status, StepExecution};
use crate::automation::run::{Run, Stop};
use members::{child_request, places, resources};

/// Most questions about targets of one run, pages included.
const MAX_QUESTIONS: u32 = 1_000;
/// Whether a run of this request has children in the place of steps.
pub(super) fn is_asked(request: &StartRun) -> bool {
    request.rate.is_asked() || !request.locations.is_empty()
}

/// Typed parameters as far as they do not depend on the target, after a check of what the targets fill in.
pub(super) fn bind(
    document: &Document,
    request: &StartRun,
) -> Result<(Map<String, Value>, Vec<String>), Rejection> {
    if request.mode == "Interactive" {
        let message =
            "Mode Interactive goes with a single execution: leave out the targets, or use Auto";
        return Err(Rejection::invalid("Mode", message));
    }
    let mut filled: BTreeSet<&str> = BTreeSet::new();
    if let Some(name) = &request.rate.parameter {
        filled.insert(name);
    }
    filled.extend(
        request
            .rate
            .maps
            .iter()
            .flat_map(|map| map.keys().map(String::as_str)),
    );
    for name in &filled {
        let known = document.parameter(name).is_some();
        if !known || *name == "AutomationAssumeRole" {
            let message = format!(
                "\"{name}\" cannot take a target: it must be a parameter that the document declares (upper and lower case matter), and not AutomationAssumeRole."
            );
            return Err(Rejection::invalid("TargetParameterName", message));
        }
    }
    let mut rest = document.clone();
    rest.parameters
        .retain(|parameter| !filled.contains(parameter.name.as_str()));
    let mut given = request.parameters.clone();
    given.retain(|name, _| !filled.contains(name.as_str()));
    parameters::bind(&rest, &given)
}

/// The state that a new run begins with.
pub(super) fn first_state(run: &Run, target_type: Option<&str>) -> Fleet {
    let request = run.request();
    let mut fleet = Fleet::default();
    if !request.locations.is_empty() {
        for (entry, location) in request.locations.iter().enumerate() {
            for unit in location.accounts.iter().filter(|id| is_unit(id)) {
                fleet.questions.extend(questions::of_unit(
                    entry,
                    unit,
                    location.include_child_units,
                ));
            }
        }
        return fleet;
    }
    if request.rate.maps.is_empty()
        && let Ok(question) = questions::of_targets(&request.rate.targets, kind(run, target_type))
    {
        fleet.questions.push(question);
    }
    fleet.resource_type = kind(run, target_type).map(str::to_owned);
    fleet
}

/// What kind of resource the targets are: as the document says, else as its parameter says.
fn kind<'a>(run: &'a Run, target_type: Option<&'a str>) -> Option<&'a str> {
    let declared = || {
        let name = run.request().rate.parameter.as_ref()?;
        questions::type_of_parameter(&run.document.parameter(name)?.type_name)
    };
    target_type
        .map(questions::type_of_document)
        .or_else(declared)
}

/// Takes the run as far as it goes without an answer.
pub(super) fn advance(turn: &mut Turn<'_>) {
    let root = &turn.run.root;
    let busy = root.status.is_final()
        || root.status == Status::Pending
        || root.lookup.is_some()
        || !root.lookups.is_empty()
        || alarm::is_awaited(&turn.run);
    let Some(fleet) = root.fleet.as_ref().filter(|_| !busy) else {
        return;
    };
    if root.stop.is_some() {
        if fleet.under_way.is_empty() {
            finish(turn);
        }
        return;
    }
    if fleet.asking.is_some() {
        return;
    }
    if let Some(question) = fleet.questions.last().cloned() {
        return ask(turn, &question);
    }
    if !fleet.resolved
        && let Err(reason) = resolve(turn)
    {
        return fail(turn, reason);
    }
    launch(turn);
}

fn fleet_mut<'a>(turn: &'a mut Turn<'_>) -> Option<&'a mut Fleet> {
    turn.run.root.fleet.as_mut()
}

fn fail(turn: &mut Turn<'_>, reason: String) {
    turn.run.root.failed = Some(reason);
    flow::end(turn, false);
}

fn ask(turn: &mut Turn<'_>, question: &Question) {
    let role = match turn.run.role(turn.cx) {
        Ok(role) => role,
        Err(reason) => return fail(turn, reason),
    };
    let effect = turn.next_effect();
    let Some(fleet) = fleet_mut(turn) else { return };
    fleet.asked += 1;
    fleet.asking = Some(effect);
    if fleet.asked > MAX_QUESTIONS {
        return fail(
            turn,
            format!("The targets could not be found within {MAX_QUESTIONS} calls: name fewer."),
        );
    }
    let (service, operation, params) = question.call();
    let command = EffectCommand::CallAws(AwsCall {
        service: service.to_owned(),
        operation: operation.to_owned(),
        params: Value::Object(params),
        region: turn.run.request().region.clone(),
        assume_role: role,
        timeout_secs: CALL_SECONDS,
        spelling: model::effect::Spelling::default(),
    });
    turn.commands.push(Command::Perform { effect, command });
}

/// An answer about targets. False when nobody asked.
pub(super) fn on_effect(turn: &mut Turn<'_>, effect: Uuid, outcome: &Outcome) -> bool {
    let asked = fleet_mut(turn).filter(|fleet| fleet.asking == Some(effect));
    let Some(fleet) = asked else { return false };
    fleet.asking = None;
    let Some(question) = fleet.questions.pop() else {
        return true;
    };
    let (_, operation, _) = question.call();
    let answer = match outcome {
        Outcome::Done { result } => result,
        Outcome::Failed(error) => {
            let reason = format!("{} ({})", error.message, error.code);
            fail(
                turn,
                format!("The targets could not be found: {operation}: {reason}."),
            );
            return true;
        }
        // A read whose answer was lost has changed nothing: it is asked again.
        Outcome::Unknown { .. } => {
            fleet.questions.push(question);
            return true;
        }
    };
    let found = question.take(answer);
    fleet.questions.extend(found.further);
    let members = Arc::make_mut(&mut turn.run.members);
    let resource = |name: String| Member {
        name,
        ..Member::default()
    };
    members.extend(found.resources.into_iter().map(resource));
    members.extend(found.accounts.into_iter().map(|(entry, account)| Member {
        name: account.clone(),
        place: Some((entry, account, String::new())),
        ..Member::default()
    }));
    let many = members.len() > MAX_MEMBERS;
    turn.members_changed = true;
    turn.fact(
        "run.targets.found",
        json!({"run": turn.cx.id, "so_far": turn.run.members.len()}),
    );
    if many {
        fail(turn, too_many());
    }
    true
}

fn too_many() -> String {
    format!("The targets are more than {MAX_MEMBERS}, which is the limit: divide them.")
}

/// Makes the members of what was found and what was given.
fn resolve(turn: &mut Turn<'_>) -> Result<(), String> {
    let found = std::mem::take(&mut turn.run.members);
    let request = turn.run.request();
    let (members, groups) = if request.locations.is_empty() {
        let members = resources(&turn.run, &found);
        let limits = (
            request.rate.max_concurrency.as_deref(),
            request.rate.max_errors.as_deref(),
        );
        let group = Group::new((0, members.len()), limits.0, limits.1);
        (members, vec![group])
    } else {
        places(&request.locations, &found)
    };
    if members.is_empty() {
        return Err("The targets match no resource: nothing was done.".to_owned());
    }
    if members.len() > MAX_MEMBERS {
        return Err(too_many());
    }
    let total = u32::try_from(members.len()).unwrap_or(u32::MAX);
    turn.fact(
        "run.targets.resolved",
        json!({"run": turn.cx.id, "count": total}),
    );
    turn.run.members = Arc::new(members);
    turn.members_changed = true;
    if let Some(fleet) = fleet_mut(turn) {
        fleet.resolved = true;
        fleet.groups = groups;
        fleet.progress.total = total;
    }
    Ok(())
}

/// Begins as many children as may run, or ends the run when none is left.
fn launch(turn: &mut Turn<'_>) {
    loop {
        let Some(fleet) = &turn.run.root.fleet else {
            return;
        };
        let room = fleet.groups.iter().position(Group::has_room);
        let Some((group, at)) = room.and_then(|at| Some((at, fleet.groups.get(at)?.next))) else {
            break;
        };
        if let Err(reason) = begin(turn, group, at) {
            turn.run.root.failed = Some(reason);
            break;
        }
    }
    let Some(fleet) = &turn.run.root.fleet else {
        return;
    };
    if fleet.under_way.is_empty() {
        finish(turn);
    }
}

fn begin(turn: &mut Turn<'_>, group: usize, at: usize) -> Result<(), String> {
    let Some(member) = turn.run.members.get(at).cloned() else {
        return Err("A target of the run is not stored any more.".to_owned());
    };
    let request = child_request(&turn.run, turn.cx, &member)?;
    let id = turn.start_child(request);
    let seq = u32::try_from(turn.run.steps.len()).unwrap_or(u32::MAX);
    let inputs = member
        .parameters
        .iter()
        .map(|(name, values)| (name.clone(), json!(values)));
    let record = StepExecution {
        v: 1,
        seq,
        id,
        name: member.name,
        action: "aws:executeAutomation".to_owned(),
        status: Status::InProgress,
        outcome_unknown: false,
        started: turn.cx.at,
        ended: None,
        attempt: 1,
        inputs: inputs.collect(),
        outputs: Map::new(),
        response: None,
        response_code: None,
        failure: None,
        parent: None,
    };
    turn.fact(
        "run.child.started",
        json!({"run": turn.cx.id, "child": id, "target": record.name}),
    );
    turn.run.steps.push(Arc::new(record));
    turn.touch(seq);
    if let Some(fleet) = fleet_mut(turn) {
        fleet.under_way.insert(id, Place { group, seq });
        if let Some(group) = fleet.groups.get_mut(group) {
            group.begun();
        }
    }
    Ok(())
}

/// A child ended. One that is not under way was told of before.
pub(super) fn on_child(turn: &mut Turn<'_>, end: &ChildEnd) {
    let status = Status::parse(&end.status).unwrap_or(Status::Failed);
    let well = status == Status::Success;
    let Some(fleet) = fleet_mut(turn) else { return };
    let Some(place) = fleet.under_way.remove(&end.run) else {
        return;
    };
    let counted = &mut fleet.progress;
    match &end.progress {
        Some(nested) => {
            counted.total = counted.total.saturating_add(nested.total).saturating_sub(1);
            counted.success += nested.success;
            counted.failed += nested.failed;
            counted.cancelled += nested.cancelled;
            counted.timed_out += nested.timed_out;
        }
        None => match status {
            Status::Success => counted.success += 1,
            Status::Cancelled => counted.cancelled += 1,
            Status::TimedOut => counted.timed_out += 1,
            _ => counted.failed += 1,
        },
    }
    if let Some(group) = fleet.groups.get_mut(place.group) {
        group.ended(well);
    }
    let at = turn.cx.at;
    if let Some(record) = turn.touch(place.seq) {
        record.status = status;
        record.ended = Some(at);
        let outputs = end
            .outputs
            .iter()
            .map(|(name, values)| (name.clone(), json!(values)));
        record.outputs = outputs.collect();
        record
            .outputs
            .insert("ExecutionId".to_owned(), json!(end.run));
        record.failure = end.message.clone().map(Failure::action);
    }
    turn.fact(
        "run.child.ended",
        json!({"run": turn.cx.id, "child": end.run, "status": status.as_str(), "message": end.message}),
    );
}

/// Stops the children; the run ends with the last of them.
pub(super) fn stop(turn: &mut Turn<'_>, kind: StopKind, by: &str) {
    if let Some(fleet) = fleet_mut(turn) {
        fleet.asking = None;
        fleet.questions.clear();
        let children: Vec<Uuid> = fleet.under_way.keys().copied().collect();
        if kind == StopKind::Cancel {
            children
                .into_iter()
                .for_each(|child| turn.stop_child(child, kind, by));
        }
    }
}

fn finish(turn: &mut Turn<'_>) {
    let Some(fleet) = &turn.run.root.fleet else {
        return;
    };
    let spoilt = fleet.groups.iter().filter(|group| group.is_spoilt());
    let (errors, allowed) = spoilt.fold((0, 0), |(errors, allowed), group| {
        (errors + group.errors, allowed + group.allowed_errors)
    });
    let never = turn.run.members.len().saturating_sub(turn.run.steps.len());
    if errors > 0
        && turn.run.root.failed.is_none()
        && !matches!(turn.run.root.stop, Some(Stop::Cancel { .. }))
    {
        turn.run.root.failed = Some(format!(
            "{errors} of the executions for targets did not succeed, more than the {allowed} that MaxErrors allows; {never} were not begun."
        ));
    }
    flow::end(turn, false);
}
