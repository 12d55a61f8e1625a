//! `aws:executeAutomation`: another run, waited for.
//!
//! The child acts as this run does unless its own document names a role, and counts as one of this run's levels.

use std::collections::BTreeMap;

use model::fleet::{ChildEnd, MAX_DEPTH, ParentRun};
use model::report::StartRun;
use serde_json::{Map, Value, json};

use super::{Progress, text_input};
use crate::automation::document::Step;
use crate::automation::fleet::asked;
use crate::automation::machine::Turn;
use crate::automation::parameters::to_wire;
use crate::automation::record::{Failure, Status};
use crate::expr::value_type::{kind_of, text_of};

const MAX_TAGS: usize = 5;

pub(super) fn begin(
    turn: &mut Turn<'_>,
    step: &Step,
    inputs: &Map<String, Value>,
) -> Result<Progress, Failure> {
    let depth = turn
        .run
        .request()
        .parent
        .as_ref()
        .map_or(0, |parent| parent.depth)
        + 1;
    if depth > MAX_DEPTH {
        return Err(Failure::inputs(format!(
            "The execution is {MAX_DEPTH} levels below the first one, which is the limit: its documents probably start each other in a circle."
        )));
    }
    let (rate, locations) =
        asked::read(inputs).map_err(|error| Failure::inputs(format!("Input {error}.")))?;
    let role = turn.run.role(turn.cx).map_err(Failure::inputs)?;
    let request = turn.run.request();
    let location = request.location.clone().map(|mut location| {
        location.instead = false;
        location
    });
    let here = location.as_ref().map(|location| location.role_arn.as_str());
    let caller_role = role
        .map(|role| role.role_arn)
        .filter(|arn| Some(arn.as_str()) != here);
    let version = inputs
        .get("DocumentVersion")
        .map(|version| text_of(version).into_owned());
    let child = StartRun {
        document_name: text_input(inputs, "DocumentName")?,
        document_version: version.filter(|text| !text.is_empty()),
        parameters: runtime_parameters(inputs)?,
        executed_by: request.executed_by.clone(),
        region: request.region.clone(),
        mode: "Auto".to_owned(),
        tags: tags(inputs)?,
        parent: Some(ParentRun {
            run: turn.cx.id,
            depth,
            holds_place: true,
        }),
        caller_role,
        rate,
        locations,
        location,
        ..StartRun::default()
    };
    if let Some(seconds) = step.timeout_seconds {
        turn.set_timeout(seconds);
    }
    let id = turn.start_child(child);
    if let Some(current) = turn.current_mut() {
        current.child = Some(id);
    }
    turn.set_outputs(Map::from_iter([("ExecutionId".to_owned(), json!(id))]));
    Ok(Progress::Waiting)
}

/// Values of any kind in wire form: scalars are one text, lists one text for each item.
fn runtime_parameters(
    inputs: &Map<String, Value>,
) -> Result<BTreeMap<String, Vec<String>>, Failure> {
    match inputs.get("RuntimeParameters") {
        None | Some(Value::Null) => Ok(BTreeMap::new()),
        Some(Value::Object(map)) => {
            let given = map.iter().filter(|(_, value)| !value.is_null());
            Ok(given
                .map(|(name, value)| (name.clone(), to_wire(value)))
                .collect())
        }
        Some(Value::String(text)) if text.trim().is_empty() => Ok(BTreeMap::new()),
        Some(other) => Err(Failure::inputs(format!(
            "Input RuntimeParameters must be a map of parameters, not a {}.",
            kind_of(other)
        ))),
    }
}

fn tags(inputs: &Map<String, Value>) -> Result<BTreeMap<String, String>, Failure> {
    let list = match inputs.get("Tags") {
        None | Some(Value::Null) => return Ok(BTreeMap::new()),
        Some(Value::Array(list)) if list.len() <= MAX_TAGS => list,
        Some(_) => {
            return Err(Failure::inputs(format!(
                "Input Tags must be a list of at most {MAX_TAGS} maps with Key and Value."
            )));
        }
    };
    let mut tags = BTreeMap::new();
    for tag in list {
        let text = |name: &str| tag.get(name).map(|value| text_of(value).into_owned());
        match text("Key").filter(|key| !key.is_empty()) {
            Some(key) => tags.insert(key, text("Value").unwrap_or_default()),
            None => return Err(Failure::inputs("Input Tags has an entry without a Key.")),
        };
    }
    Ok(tags)
}

/// The child ended: the outputs, and why the step fails if it does.
pub(crate) fn on_child(end: &ChildEnd) -> (Map<String, Value>, Option<Failure>) {
    let outputs = Map::from_iter([
        ("ExecutionId".to_owned(), json!(end.run)),
        ("Status".to_owned(), json!(end.status)),
        ("Output".to_owned(), json!(end.output)),
    ]);
    if end.status == Status::Success.as_str() {
        return (outputs, None);
    }
    let why = end.message.as_deref().unwrap_or("it gives no reason");
    let why: String = why.chars().take(2_000).collect();
    let message = format!(
        "Step fails when it is {}. Automation execution {} ended with status {}: {why}",
        super::POLLING,
        end.run,
        end.status
    );
    (outputs, Some(Failure::action(message)))
}
