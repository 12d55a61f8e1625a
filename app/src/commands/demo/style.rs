//! The three styles of a playbook side by side: an automation document, a state machine, a function.
//!
//! What starts them is the same in all: a rule, a response plan, and the document that the plan runs. The document is the
//! playbook itself, or one step that hands the finding on.

use std::io::{Cursor, Write};

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use zip::write::{SimpleFileOptions, ZipWriter};

use super::client::{Client, list};

const ISOLATE: &str = include_str!("../../../../playbooks/ec2-isolate.yaml");
const RELEASE: &str = include_str!("../../../../playbooks/ec2-release.yaml");
const BY_FUNCTION: &str = include_str!("../../../../playbooks/styles/ec2-by-function.yaml");
const BY_MACHINE: &str = include_str!("../../../../playbooks/styles/ec2-by-machine.yaml");
const FUNCTION: &str = include_str!("../../../../playbooks/styles/ec2_quarantine.py");
const MACHINE: &str = include_str!("../../../../playbooks/ec2-response.asl.json");

/// Seconds that one invocation of the function may take.
const FUNCTION_SECONDS: u32 = 300;

/// How the playbook is written that contains the instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// A Python function with boto3.
    Function,
    /// A state machine in Amazon States Language.
    States,
    /// A document of Systems Manager Automation.
    Automation,
}

impl Style {
    /// As the command line spells them.
    pub(crate) const NAMES: [&'static str; 3] = ["function", "states", "automation"];

    /// The style of a name; that of the documents for any other.
    pub(crate) fn of(name: &str) -> Self {
        match name {
            "function" => Self::Function,
            "states" => Self::States,
            _ => Self::Automation,
        }
    }

    /// The file of the playbook library.
    pub(crate) fn file(self) -> &'static str {
        match self {
            Self::Function => "playbooks/styles/ec2_quarantine.py",
            Self::States => "playbooks/ec2-response.asl.json",
            Self::Automation => "playbooks/ec2-isolate.yaml",
        }
    }

    /// Documents that a server needs, the one first that the response plan runs: name and text.
    pub(crate) fn documents(self) -> Vec<(&'static str, &'static str)> {
        match self {
            Self::Function => vec![("Quell-EC2-ByFunction", BY_FUNCTION)],
            Self::States => vec![("Quell-EC2-ByMachine", BY_MACHINE)],
            Self::Automation => vec![
                ("Quell-EC2-Isolate", ISOLATE),
                ("Quell-EC2-Release", RELEASE),
            ],
        }
    }

    /// Makes the function or the machine.
    pub(crate) async fn install(self, quell: &Client, role_arn: &str) -> Result<()> {
        match self {
            Self::Automation => {}
            Self::States => {
                let params =
                    json!({"name": "ec2-response", "roleArn": role_arn, "definition": MACHINE});
                quell
                    .call("stepfunctions", "CreateStateMachine", params)
                    .await?;
            }
            Self::Function => {
                let params = json!({
                    "FunctionName": "quell-ec2-quarantine", "Runtime": "python3.12",
                    "Handler": "ec2_quarantine.handler", "Role": role_arn, "Timeout": FUNCTION_SECONDS,
                    "Code": {"ZipFile": {"$base64": STANDARD.encode(packed("ec2_quarantine.py", FUNCTION)?)}},
                });
                quell.call("lambda", "CreateFunction", params).await?;
            }
        }
        Ok(())
    }

    /// The shipped response plan, running this style's document.
    pub(crate) fn plan(self, mut plan: Value) -> Value {
        if self == Self::Automation {
            return plan;
        }
        let document = self.documents().first().map(|(name, _)| *name);
        if let Some(action) = plan.pointer_mut("/actions/0/ssmAutomation") {
            action["documentName"] = json!(document);
            // These documents take the finding and nothing else.
            if let Some(action) = action.as_object_mut() {
                action.remove("dynamicParameters");
            }
            if let Some(parameters) = action.get_mut("parameters").and_then(Value::as_object_mut) {
                parameters.remove("InstanceId");
            }
        }
        plan
    }

    /// What a finished run of this style has to say of itself, from its outputs: one line each.
    pub(crate) async fn told(self, quell: &Client, outputs: &Value) -> Result<Vec<String>> {
        let output = |name: &str| {
            let value = outputs.get(name)?;
            value.pointer("/0").unwrap_or(value).as_str()
        };
        match self {
            Self::Automation => Ok(Vec::new()),
            Self::Function => {
                let said = output("Quarantine.Payload").unwrap_or_default();
                Ok(vec![format!("the function answered {said}")])
            }
            Self::States => {
                let execution = output("Respond.executionArn")
                    .context("the run tells no execution of the state machine")?;
                let params = json!({"executionArn": execution, "maxResults": 1000});
                let history = quell
                    .call("stepfunctions", "GetExecutionHistory", params)
                    .await?;
                Ok(states(&history))
            }
        }
    }
}

/// The states that an execution went through, from its history.
fn states(history: &Value) -> Vec<String> {
    let events = list(history, "/events");
    let entered = events.iter().filter_map(|event| {
        let kind = event["type"].as_str()?.strip_suffix("StateEntered")?;
        let name = event.pointer("/stateEnteredEventDetails/name")?.as_str()?;
        Some(format!("state {name} ({kind})"))
    });
    entered.collect()
}

/// A zip with one file.
fn packed(name: &str, text: &str) -> Result<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().unix_permissions(0o644);
    zip.start_file(name, options)
        .and_then(|()| zip.write_all(text.as_bytes()).map_err(Into::into))
        .context("the function could not be packed")?;
    Ok(zip
        .finish()
        .context("the function could not be packed")?
        .into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_runs_the_document_of_its_style() {
        let shipped: Value = serde_json::from_str(include_str!(
            "../../../../playbooks/ec2-isolate.response-plan.json"
        ))
        .expect("JSON");
        for name in Style::NAMES {
            let style = Style::of(name);
            let plan = style.plan(shipped.clone());
            let action = &plan["actions"][0]["ssmAutomation"];
            let (document, text) = style.documents()[0];
            assert_eq!(action["documentName"], document);
            let parameters = action["parameters"].as_object().expect("parameters");
            for parameter in parameters.keys() {
                assert!(
                    text.contains(&format!("\n  {parameter}:\n")),
                    "{name} {parameter}"
                );
            }
        }
        assert_eq!(Style::Automation.plan(shipped.clone()), shipped);
    }

    #[test]
    fn a_history_tells_its_states() {
        let history = json!({"events": [
            {"type": "ExecutionStarted"},
            {"type": "TaskStateEntered", "stateEnteredEventDetails": {"name": "Tag"}},
            {"type": "TaskStateExited", "stateExitedEventDetails": {"name": "Tag"}},
        ]});
        assert_eq!(states(&history), ["state Tag (Task)"]);
    }
}
