//! An account whose answers follow from a seed and the call's id, and which counts what it changed.

use std::collections::BTreeMap;

use model::Recovery;
use model::effect::{AwsCall, Failure, Outcome};
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::chance::Chance;

/// The account.
#[derive(Debug, PartialEq)]
pub(super) struct Account {
    seed: u64,
    /// Changes by the id of the call that made them, with how often they were asked for.
    changes: BTreeMap<Uuid, String>,
}

impl Account {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seed,
            changes: BTreeMap::new(),
        }
    }

    /// What may be done with a call of which nobody knows what became of it.
    pub(super) fn class(call: &AwsCall) -> Recovery {
        match call.operation.as_str() {
            "SendMessage" => Recovery::Ask,
            "StartExecution" | "StartAutomationExecution" => {
                Recovery::RepeatWithToken { lifetime_secs: 600 }
            }
            _ => Recovery::Repeat,
        }
    }

    /// How a call ends; the same whenever it is asked.
    pub(super) fn outcome(&self, effect: Uuid, call: &AwsCall) -> Outcome {
        let chance = &mut Chance::new(self.seed ^ u64::from(effect.as_fields().0));
        let fails = chance.percent(25) && call.operation != "DescribeExecution";
        if fails {
            let code = ["Throttling", "AccessDenied", "Broken"];
            return Outcome::Failed(Failure {
                code: chance.pick(&code).to_owned(),
                message: "no".to_owned(),
                status: Some(400),
                request_id: Some("r".to_owned()),
                extended_request_id: None,
                shape: None,
                transient: false,
            });
        }
        let number = chance.below(5);
        Outcome::Done {
            result: match call.operation.as_str() {
                "StartExecution" => json!({"executionArn": "x", "startDate": 0}),
                "DescribeExecution" => job(chance),
                "SendMessage" => json!({"MessageId": "m", "N": number}),
                "StartAutomationExecution" => json!({"AutomationExecutionId": "a"}),
                _ => json!({"QueueUrl": "q", "N": number}),
            },
        }
    }

    /// Makes a call.
    pub(super) fn perform(&mut self, effect: Uuid, call: &AwsCall) -> Outcome {
        let outcome = self.outcome(effect, call);
        let class = Self::class(call);
        if class == Recovery::Repeat || !matches!(outcome, Outcome::Done { .. }) {
            return outcome;
        }
        let before = self.changes.insert(effect, call.operation.clone());
        // A service that knows a token gives its first answer again.
        let may = matches!(class, Recovery::RepeatWithToken { .. });
        assert!(before.is_none() || may, "{} is done twice", call.operation);
        outcome
    }

    /// Whether a call has changed something.
    pub(super) fn has_made(&self, effect: Uuid) -> bool {
        self.changes.contains_key(&effect)
    }
}

fn job(chance: &mut Chance) -> Value {
    match chance.below(4) {
        0 => json!({"executionArn": "x", "status": "SUCCEEDED", "output": "{\"b\":2}"}),
        1 => json!({"executionArn": "x", "status": "FAILED", "error": "E"}),
        _ => json!({"executionArn": "x", "status": "RUNNING"}),
    }
}
