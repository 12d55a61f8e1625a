//! `aws:deleteImage`: deregisters an image, then deletes the snapshots it was made of.
//!
//! | phase | call | then |
//! |---|---|---|
//! | State | DescribeImages, which names the snapshots | Change |
//! | Change | DeregisterImage | Clearing |
//! | Clearing | DeleteSnapshot, one after the other | the end |
//!
//! A snapshot that still counts as used by the image just deregistered is tried again for about a minute.

use model::effect::Failure as EffectFailure;
use serde_json::{Map, Value, json};

use super::{DEFAULT_TIMEOUT, EXECUTING, Phase, Progress, call, call_failure, polling, text_input};
use crate::automation::document::Step;
use crate::automation::machine::Turn;
use crate::automation::record::Failure;

pub(super) fn begin(
    turn: &mut Turn<'_>,
    step: &Step,
    inputs: &Map<String, Value>,
) -> Result<Progress, Failure> {
    let id = text_input(inputs, "ImageId")?;
    turn.set_timeout(step.timeout_seconds.unwrap_or(DEFAULT_TIMEOUT));
    polling::follow(turn, Phase::State, &id, Vec::new());
    let mut params = Map::new();
    params.insert("ImageIds".to_owned(), json!([id]));
    call(turn, ("ec2", "DescribeImages"), params, (true, None))
}

pub(super) fn on_effect(
    turn: &mut Turn<'_>,
    answer: Result<Value, EffectFailure>,
) -> Result<Progress, Failure> {
    let Some(followed) = polling::followed(turn) else {
        return Ok(Progress::Waiting);
    };
    match (followed.phase, answer) {
        (Phase::State, Err(error)) if error.transient => Ok(polling::again(turn)),
        (Phase::State, Err(error)) => {
            Err(call_failure(EXECUTING, ("ec2", "DescribeImages"), &error))
        }
        (Phase::State, Ok(result)) => described(turn, &followed.subject, &result),
        (Phase::Change, Err(error)) => {
            Err(call_failure(EXECUTING, ("ec2", "DeregisterImage"), &error))
        }
        (Phase::Change, Ok(_)) => next_snapshot(turn, &followed.subject, followed.rest),
        (_, Ok(_)) => deleted(turn, followed),
        (_, Err(error)) if error.code == "InvalidSnapshot.NotFound" => deleted(turn, followed),
        (_, Err(error))
            if (error.transient || error.code == "InvalidSnapshot.InUse")
                && !polling::is_long(turn) =>
        {
            Ok(polling::again(turn))
        }
        (_, Err(error)) => Err(call_failure(EXECUTING, ("ec2", "DeleteSnapshot"), &error)),
    }
}

fn described(turn: &mut Turn<'_>, id: &str, result: &Value) -> Result<Progress, Failure> {
    let Some(image) = result.pointer("/Images/0") else {
        return Err(Failure::action(format!(
            "Step fails when it is {EXECUTING}. Image {id} does not exist."
        )));
    };
    let snapshots: Vec<String> = image
        .get("BlockDeviceMappings")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|mapping| mapping.pointer("/Ebs/SnapshotId")?.as_str())
        .map(str::to_owned)
        .collect();
    polling::follow(turn, Phase::Change, id, snapshots);
    let mut params = Map::new();
    params.insert("ImageId".to_owned(), id.into());
    call(turn, ("ec2", "DeregisterImage"), params, (false, None))
}

fn deleted(turn: &mut Turn<'_>, mut followed: polling::Followed) -> Result<Progress, Failure> {
    if !followed.rest.is_empty() {
        followed.rest.remove(0);
    }
    next_snapshot(turn, &followed.subject, followed.rest)
}

fn next_snapshot(
    turn: &mut Turn<'_>,
    image: &str,
    snapshots: Vec<String>,
) -> Result<Progress, Failure> {
    if snapshots.is_empty() {
        return Ok(Progress::done(Map::new()));
    }
    polling::follow(turn, Phase::Clearing, image, snapshots);
    look(turn)
}

/// The next call: again after a wait.
pub(super) fn look(turn: &mut Turn<'_>) -> Result<Progress, Failure> {
    let Some(followed) = polling::followed(turn) else {
        return Ok(Progress::Waiting);
    };
    let mut params = Map::new();
    if followed.phase == Phase::State {
        params.insert("ImageIds".to_owned(), json!([followed.subject]));
        return call(turn, ("ec2", "DescribeImages"), params, (true, None));
    }
    params.insert("SnapshotId".to_owned(), json!(followed.rest.first()));
    call(turn, ("ec2", "DeleteSnapshot"), params, (false, None))
}
