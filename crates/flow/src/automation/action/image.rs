//! What making an image and copying one have in common: waiting until it is available.

use model::effect::Failure as EffectFailure;
use serde_json::{Map, Value, json};

use super::{EXECUTING, POLLING, Phase, Progress, call, call_failure, polling};
use crate::automation::machine::Turn;
use crate::automation::record::Failure;

/// One look at the image.
pub(super) fn look(turn: &mut Turn<'_>) -> Result<Progress, Failure> {
    let Some(followed) = polling::followed(turn) else {
        return Ok(Progress::Waiting);
    };
    let mut params = Map::new();
    params.insert("ImageIds".to_owned(), json!([followed.subject]));
    call(turn, ("ec2", "DescribeImages"), params, (true, None))
}

/// The answer of the making call `api`, or of a look.
pub(super) fn on_effect(
    turn: &mut Turn<'_>,
    api: &str,
    answer: Result<Value, EffectFailure>,
) -> Result<Progress, Failure> {
    let Some(followed) = polling::followed(turn) else {
        let result = answer.map_err(|error| call_failure(EXECUTING, ("ec2", api), &error))?;
        let Some(id) = result.get("ImageId").and_then(Value::as_str) else {
            return Err(Failure::verification(format!(
                "Step fails when it is verifying the outputs: {api} answered without an ImageId."
            )));
        };
        turn.set_outputs(outputs(id, "pending"));
        polling::follow(turn, Phase::State, id, Vec::new());
        return look(turn);
    };
    let id = &followed.subject;
    let result = match answer {
        Err(error) if polling::is_refused(&error.code) => {
            return Err(call_failure(POLLING, ("ec2", "DescribeImages"), &error));
        }
        // A new image may not be known everywhere yet.
        Err(_) => return Ok(polling::again(turn)),
        Ok(result) => result,
    };
    let image = result.pointer("/Images/0");
    let read = |pointer: &str| {
        image
            .and_then(|image| image.pointer(pointer))
            .and_then(Value::as_str)
    };
    match read("/State") {
        Some("available") => Ok(Progress::done(outputs(id, "available"))),
        None | Some("pending" | "transient") => Ok(polling::again(turn)),
        Some(state) => {
            let reason = read("/StateReason/Message").unwrap_or("no reason given");
            let message = format!(
                "Step fails when it is {POLLING}. Image {id} entered unexpected state: {state} ({reason})."
            );
            let outputs = outputs(id, state);
            turn.set_outputs(outputs);
            Err(Failure::verification(message))
        }
    }
}

fn outputs(id: &str, state: &str) -> Map<String, Value> {
    let mut outputs = Map::new();
    outputs.insert("ImageId".to_owned(), id.into());
    outputs.insert("ImageState".to_owned(), state.into());
    outputs
}
