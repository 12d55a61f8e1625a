//! `aws:runInstances`: starts new instances and waits until they run and both their status checks are `ok`.

use model::effect::Failure as EffectFailure;
use serde_json::{Map, Value, json};

use super::change_instance_state::{all_checks_pass, states};
use super::{
    DEFAULT_TIMEOUT, EXECUTING, POLLING, Phase, Progress, call, call_failure, given, polling,
    text_input,
};
use crate::automation::document::Step;
use crate::automation::machine::Turn;
use crate::automation::record::Failure;

/// Inputs that are parameters of RunInstances as they are.
const SAME: [&str; 17] = [
    "AdditionalInfo",
    "BlockDeviceMappings",
    "ClientToken",
    "DisableApiTermination",
    "EbsOptimized",
    "InstanceInitiatedShutdownBehavior",
    "KernelId",
    "KeyName",
    "MetadataOptions",
    "NetworkInterfaces",
    "Placement",
    "PrivateIpAddress",
    "RamdiskId",
    "SecurityGroupIds",
    "SecurityGroups",
    "SubnetId",
    "TagSpecifications",
];

pub(super) fn begin(
    turn: &mut Turn<'_>,
    step: &Step,
    inputs: &Map<String, Value>,
) -> Result<Progress, Failure> {
    let params = params(inputs)?;
    turn.set_timeout(step.timeout_seconds.unwrap_or(DEFAULT_TIMEOUT));
    polling::start(turn, Phase::Change);
    call(turn, ("ec2", "RunInstances"), params, (false, None))
}

fn params(inputs: &Map<String, Value>) -> Result<Map<String, Value>, Failure> {
    let mut params = given::same(inputs, &SAME);
    params.insert("ImageId".to_owned(), text_input(inputs, "ImageId")?.into());
    let or = |key: &str, default: Value| given::value(inputs, key).cloned().unwrap_or(default);
    params.insert(
        "InstanceType".to_owned(),
        or("InstanceType", "m1.small".into()),
    );
    let least = or("MinInstanceCount", json!(1));
    params.insert("MaxCount".to_owned(), or("MaxInstanceCount", least.clone()));
    params.insert("MinCount".to_owned(), least);
    let mut profile = Map::new();
    given::renamed(
        &mut profile,
        inputs,
        &[
            ("IamInstanceProfileArn", "Arn"),
            ("IamInstanceProfileName", "Name"),
        ],
    );
    if !profile.is_empty() {
        params.insert("IamInstanceProfile".to_owned(), Value::Object(profile));
    }
    if let Some(monitoring) = given::value(inputs, "Monitoring") {
        let monitoring = match monitoring {
            Value::Object(_) => monitoring.clone(),
            flag => json!({"Enabled": flag}),
        };
        params.insert("Monitoring".to_owned(), monitoring);
    }
    if let Some(data) = given::value(inputs, "UserData") {
        params.insert("UserData".to_owned(), user_data(data));
    }
    given::wrap(
        &mut params,
        &[
            "BlockDeviceMappings",
            "NetworkInterfaces",
            "SecurityGroupIds",
            "SecurityGroups",
            "TagSpecifications",
        ],
    );
    Ok(params)
}

/// A document gives user data in base64; the client encodes what is given as text, as boto3 does.
fn user_data(data: &Value) -> Value {
    match data.as_str().map(str::trim) {
        Some(text) if is_base64(text) => json!({ "$base64": text }),
        _ => data.clone(),
    }
}

fn is_base64(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    text.len().is_multiple_of(4)
        && text.len() - body.len() <= 2
        && !body.is_empty()
        && body
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/')
}

/// One look at the instances or at their checks.
pub(super) fn look(turn: &mut Turn<'_>) -> Result<Progress, Failure> {
    let Some(followed) = polling::followed(turn) else {
        return Ok(Progress::Waiting);
    };
    let mut params = Map::new();
    params.insert("InstanceIds".to_owned(), json!(followed.rest));
    let api = look_api(followed.phase);
    if followed.phase == Phase::Checks {
        params.insert("IncludeAllInstances".to_owned(), Value::Bool(true));
    }
    call(turn, ("ec2", api), params, (true, None))
}

fn look_api(phase: Phase) -> &'static str {
    if phase == Phase::Checks {
        "DescribeInstanceStatus"
    } else {
        "DescribeInstances"
    }
}

pub(super) fn on_effect(
    turn: &mut Turn<'_>,
    answer: Result<Value, EffectFailure>,
) -> Result<Progress, Failure> {
    let Some(followed) = polling::followed(turn) else {
        let result =
            answer.map_err(|error| call_failure(EXECUTING, ("ec2", "RunInstances"), &error))?;
        return started(turn, &result);
    };
    let ids = &followed.rest;
    match (followed.phase, answer) {
        (phase, Err(error)) if polling::is_refused(&error.code) => {
            Err(call_failure(POLLING, ("ec2", look_api(phase)), &error))
        }
        // A new instance may not be known everywhere yet.
        (_, Err(_)) => Ok(polling::again(turn)),
        (Phase::Checks, Ok(result)) if all_checks_pass(ids, &result) => {
            Ok(Progress::done(outputs(ids, &vec!["running"; ids.len()])))
        }
        (Phase::Checks, Ok(_)) => Ok(polling::again(turn)),
        (_, Ok(result)) => looked(turn, ids, &result),
    }
}

fn started(turn: &mut Turn<'_>, result: &Value) -> Result<Progress, Failure> {
    let instances = result.get("Instances").and_then(Value::as_array);
    let found: Vec<(String, &str)> = instances
        .into_iter()
        .flatten()
        .filter_map(|instance| {
            let id = instance.get("InstanceId")?.as_str()?;
            let state = instance.pointer("/State/Name").and_then(Value::as_str);
            Some((id.to_owned(), state.unwrap_or("pending")))
        })
        .collect();
    if found.is_empty() {
        return Err(Failure::verification(
            "Step fails when it is verifying the outputs: RunInstances answered without instances.",
        ));
    }
    let (ids, now): (Vec<String>, Vec<&str>) = found.into_iter().unzip();
    turn.set_outputs(outputs(&ids, &now));
    polling::follow(turn, Phase::State, "", ids);
    look(turn)
}

fn looked(turn: &mut Turn<'_>, ids: &[String], result: &Value) -> Result<Progress, Failure> {
    let known = states(result);
    let now: Vec<&str> = ids
        .iter()
        .map(|id| {
            let found = known.iter().find(|(known, _)| known == id);
            found.map_or("pending", |(_, state)| *state)
        })
        .collect();
    if let Some(at) = now
        .iter()
        .position(|state| !matches!(*state, "pending" | "running"))
    {
        let message = format!(
            "Step fails when it is {POLLING}. Instance {} entered unexpected state: {}.",
            ids.get(at).map_or("", String::as_str),
            now.get(at).copied().unwrap_or_default()
        );
        turn.set_outputs(outputs(ids, &now));
        return Err(Failure::verification(message));
    }
    if now.iter().any(|state| *state != "running") {
        return Ok(polling::again(turn));
    }
    turn.set_outputs(outputs(ids, &now));
    polling::follow(turn, Phase::Checks, "", ids.to_vec());
    look(turn)
}

fn outputs(ids: &[String], states: &[&str]) -> Map<String, Value> {
    let mut outputs = Map::new();
    outputs.insert("InstanceIds".to_owned(), json!(ids));
    outputs.insert("InstanceStates".to_owned(), json!(states));
    outputs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_data_is_encoded_once() {
        for (given, sent) in [
            ("IyEvYmluL3No", json!({"$base64": "IyEvYmluL3No"})),
            ("aGk=", json!({"$base64": "aGk="})),
            ("#!/bin/sh", json!("#!/bin/sh")),
            ("abc", json!("abc")),
            ("====", json!("====")),
        ] {
            assert_eq!(user_data(&json!(given)), sent, "{given}");
        }
    }
}
