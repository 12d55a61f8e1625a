//! `aws:changeInstanceState`: starts, stops or terminates instances and looks until all are there.
//!
//! `running` also waits until both status checks of every instance are `ok`.

use model::effect::Failure as EffectFailure;
use serde_json::{Map, Value, json};

use super::{
    DEFAULT_TIMEOUT, EXECUTING, Memory, POLLING, Phase, Progress, call, call_failure, flag_input,
    list_input, polling, text_input,
};
use crate::automation::document::Step;
use crate::automation::machine::Turn;
use crate::automation::record::Failure;

/// What is wanted of the instances.
struct Wish {
    ids: Vec<String>,
    state: String,
    check_only: bool,
    force: bool,
}

impl Wish {
    fn read(inputs: &Map<String, Value>) -> Result<Self, Failure> {
        let state = text_input(inputs, "DesiredState")?;
        if !["running", "stopped", "terminated"].contains(&state.as_str()) {
            return Err(Failure::inputs(
                "Input DesiredState must be running, stopped or terminated.",
            ));
        }
        Ok(Self {
            ids: list_input(inputs, "InstanceIds")?,
            state,
            check_only: flag_input(inputs, "CheckStateOnly")?,
            force: flag_input(inputs, "Force")?,
        })
    }

    fn api(&self) -> &'static str {
        match self.state.as_str() {
            "running" => "StartInstances",
            "stopped" => "StopInstances",
            _ => "TerminateInstances",
        }
    }

    fn params(&self) -> Map<String, Value> {
        let mut params = Map::new();
        params.insert("InstanceIds".to_owned(), json!(self.ids));
        params
    }
}

pub(super) fn begin(
    turn: &mut Turn<'_>,
    step: &Step,
    inputs: &Map<String, Value>,
) -> Result<Progress, Failure> {
    let wish = Wish::read(inputs)?;
    turn.set_timeout(step.timeout_seconds.unwrap_or(DEFAULT_TIMEOUT));
    if wish.check_only {
        polling::start(turn, Phase::State);
        return look(turn);
    }
    polling::start(turn, Phase::Change);
    let mut params = wish.params();
    if wish.state == "stopped" && wish.force {
        params.insert("Force".to_owned(), Value::Bool(true));
    }
    if wish.state == "running"
        && let Some(info) = inputs
            .get("AdditionalInfo")
            .filter(|info| info.as_str().is_some_and(|t| !t.is_empty()))
    {
        params.insert("AdditionalInfo".to_owned(), info.clone());
    }
    call(turn, ("ec2", wish.api()), params, (false, None))
}

/// One look at the instances or at their checks.
pub(super) fn look(turn: &mut Turn<'_>) -> Result<Progress, Failure> {
    let wish = Wish::read(&turn.current_inputs())?;
    let mut params = wish.params();
    let api = match turn.memory() {
        Some(Memory::Poll {
            phase: Phase::Checks,
            ..
        }) => {
            params.insert("IncludeAllInstances".to_owned(), Value::Bool(true));
            "DescribeInstanceStatus"
        }
        _ => "DescribeInstances",
    };
    call(turn, ("ec2", api), params, (true, None))
}

pub(super) fn on_effect(
    turn: &mut Turn<'_>,
    _step: &Step,
    answer: Result<Value, EffectFailure>,
) -> Result<Progress, Failure> {
    let wish = Wish::read(&turn.current_inputs())?;
    let phase = match turn.memory() {
        Some(Memory::Poll { phase, .. }) => phase,
        _ => Phase::State,
    };
    match (phase, answer) {
        (Phase::Change, Err(error)) => Err(call_failure(EXECUTING, ("ec2", wish.api()), &error)),
        (Phase::Change, Ok(_)) => {
            polling::start(turn, Phase::State);
            look(turn)
        }
        (_, Err(error))
            if error.code == "InvalidInstanceID.NotFound"
                && wish.state == "terminated"
                && !wish.check_only =>
        {
            // EC2 forgets terminated instances after a while.
            Ok(Progress::done(Map::new()))
        }
        (phase, Err(error))
            if polling::is_final(&error.code) || error.code == "InvalidInstanceID.Malformed" =>
        {
            let api = if phase == Phase::Checks {
                "DescribeInstanceStatus"
            } else {
                "DescribeInstances"
            };
            Err(call_failure(POLLING, ("ec2", api), &error))
        }
        (_, Err(_)) => Ok(polling::again(turn)),
        (Phase::Checks, Ok(result)) => Ok(if all_checks_pass(&wish.ids, &result) {
            Progress::done(Map::new())
        } else {
            polling::again(turn)
        }),
        (_, Ok(result)) => after_look(turn, &wish, &result),
    }
}

fn after_look(turn: &mut Turn<'_>, wish: &Wish, result: &Value) -> Result<Progress, Failure> {
    let states = states(result);
    let mut there = true;
    for id in &wish.ids {
        let state = states
            .iter()
            .find(|(known, _)| known == id)
            .map(|(_, state)| *state);
        if wish.state != "terminated" && matches!(state, Some("terminated" | "shutting-down")) {
            return Err(Failure::verification(format!(
                "Step fails when it is {POLLING}. Instance {id} entered unexpected state: {}.",
                state.unwrap_or_default()
            )));
        }
        there &= state == Some(wish.state.as_str());
    }
    if !there {
        return Ok(polling::again(turn));
    }
    if wish.state == "running" {
        polling::start(turn, Phase::Checks);
        return look(turn);
    }
    Ok(Progress::done(Map::new()))
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value
        .get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

/// Ids and states of the instances in DescribeInstances' answer.
pub(super) fn states(result: &Value) -> Vec<(&str, &str)> {
    list(result, "Reservations")
        .flat_map(|reservation| list(reservation, "Instances"))
        .filter_map(|instance| {
            Some((
                instance.get("InstanceId")?.as_str()?,
                instance.pointer("/State/Name")?.as_str()?,
            ))
        })
        .collect()
}

/// Whether both status checks of all these instances are `ok` in DescribeInstanceStatus' answer.
pub(super) fn all_checks_pass(ids: &[String], result: &Value) -> bool {
    ids.iter().all(|id| {
        list(result, "InstanceStatuses").any(|status| {
            let ok = |path: &str| status.pointer(path).and_then(Value::as_str) == Some("ok");
            status.get("InstanceId").and_then(Value::as_str) == Some(id)
                && ok("/InstanceStatus/Status")
                && ok("/SystemStatus/Status")
        })
    })
}
