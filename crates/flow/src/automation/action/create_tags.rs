//! `aws:createTags`: tags EC2 resources, or one resource of Systems Manager.

use model::effect::Failure as EffectFailure;
use serde_json::{Map, Value, json};

use super::{EXECUTING, Progress, call, call_failure, list_input, text_input};
use crate::automation::document::Step;
use crate::automation::machine::Turn;
use crate::automation::record::Failure;

const EC2: (&str, &str) = ("ec2", "CreateTags");
const SSM: (&str, &str) = ("ssm", "AddTagsToResource");

pub(super) fn begin(
    turn: &mut Turn<'_>,
    step: &Step,
    inputs: &Map<String, Value>,
) -> Result<Progress, Failure> {
    let ids = list_input(inputs, "ResourceIds")?;
    let tags = match inputs.get("Tags") {
        Some(Value::Array(tags)) if !tags.is_empty() && tags.iter().all(Value::is_object) => {
            tags.clone()
        }
        Some(Value::Object(tag)) => vec![Value::Object(tag.clone())],
        _ => {
            return Err(Failure::inputs(
                "Input Tags must be a list of maps with Key and Value.",
            ));
        }
    };
    let kind = resource_type(inputs)?;
    let mut params = Map::new();
    if kind == "EC2" {
        params.insert("Resources".to_owned(), json!(ids));
        params.insert("Tags".to_owned(), Value::Array(tags));
        return call(turn, EC2, params, (false, step.timeout_seconds));
    }
    let [id] = ids.as_slice() else {
        return Err(Failure::inputs(format!(
            "Input ResourceIds must have exactly one item for {kind}."
        )));
    };
    params.insert("ResourceType".to_owned(), json!(kind));
    params.insert("ResourceId".to_owned(), json!(id));
    params.insert("Tags".to_owned(), Value::Array(tags));
    call(turn, SSM, params, (false, step.timeout_seconds))
}

fn resource_type(inputs: &Map<String, Value>) -> Result<String, Failure> {
    if inputs.get("ResourceType").is_none_or(Value::is_null) {
        return Ok("EC2".to_owned());
    }
    let kind = text_input(inputs, "ResourceType")?;
    if !["EC2", "ManagedInstance", "MaintenanceWindow", "Parameter"].contains(&kind.as_str()) {
        return Err(Failure::inputs(
            "Input ResourceType must be EC2, ManagedInstance, MaintenanceWindow or Parameter.",
        ));
    }
    Ok(kind)
}

pub(super) fn on_effect(
    turn: &mut Turn<'_>,
    answer: Result<Value, EffectFailure>,
) -> Result<Progress, Failure> {
    let called = if resource_type(&turn.current_inputs())? == "EC2" {
        EC2
    } else {
        SSM
    };
    match answer {
        Ok(_) => Ok(Progress::done(Map::new())),
        Err(error) => Err(call_failure(EXECUTING, called, &error)),
    }
}
