//! What tests do with a world or a map run that the fuzzer does not.

use flow::asl::map_run::MapRun;
use flow::asl::{Input, UNDO_FAMILY, step};
use model::effect::{Failure, Outcome};
use serde_json::{Value, json};

use super::spread::Line;
use super::world::World;

/// A machine of one distributed Map with these fields, whose executions go through these states.
pub(crate) fn distributed(kind: &str, fields: &Value, states: &Value) -> Value {
    let first = states.as_object().and_then(|states| states.keys().next());
    let mut map = json!({"Type": "Map", "Label": "Each", "End": true, "ItemProcessor": {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": kind},
        "StartAt": first, "States": states}});
    for (field, value) in fields.as_object().expect("fields") {
        map[field] = value.clone();
    }
    json!({"StartAt": "Map", "States": {"Map": map}})
}

/// A call that the service refused.
pub(crate) fn broken() -> Outcome {
    Outcome::Failed(Failure {
        code: "Broken".to_owned(),
        message: "broken".to_owned(),
        status: Some(400),
        request_id: None,
        extended_request_id: None,
        shape: None,
        transient: false,
    })
}

impl World {
    /// Tells the execution something, and lets it run on.
    pub(crate) fn tell(&mut self, input: Input) {
        let goes_on = self.step(input);
        self.go_on(goes_on);
    }

    /// Why an input is refused.
    pub(super) fn refuses(&self, input: Input) -> String {
        let refused = step(Some(self.execution.clone()), input, &self.now());
        refused.map(|_| ()).expect_err("refused").to_string()
    }

    /// What the store holds of changing calls.
    pub(super) fn kept(&self) -> Vec<(String, Value)> {
        let frames = self.frames.iter();
        let kept = frames.filter(|(key, _)| key.starts_with(UNDO_FAMILY));
        kept.map(|(key, body)| (key.clone(), body.clone()))
            .collect()
    }
}

impl Line {
    /// The map run as it is.
    pub(crate) fn run(&self) -> &MapRun {
        self.run.as_ref().expect("a map run")
    }
}
