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
const QUARANTINE_BY_FUNCTION: &str =
    include_str!("../../../../playbooks/styles/ec2-by-function.yaml");
const QUARANTINE_BY_MACHINE: &str =
    include_str!("../../../../playbooks/styles/ec2-by-machine.yaml");
const QUARANTINE: &str = include_str!("../../../../playbooks/styles/ec2_quarantine.py");
const EC2_RESPONSE: &str = include_str!("../../../../playbooks/ec2-response.asl.json");
const CONTAIN: &str = include_str!("../../../../playbooks/iam-contain.yaml");
const CONTAIN_BY_FUNCTION: &str = include_str!("../../../../playbooks/styles/iam-by-function.yaml");
const CONTAIN_BY_MACHINE: &str = include_str!("../../../../playbooks/styles/iam-by-machine.yaml");
const CONTAIN_IN_PYTHON: &str = include_str!("../../../../playbooks/styles/iam_contain.py");
const IAM_RESPONSE: &str = include_str!("../../../../playbooks/iam-response.asl.json");

/// Seconds that one invocation of a function may take.
const FUNCTION_SECONDS: u32 = 300;

/// How the playbooks are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// A Python function with boto3.
    Function,
    /// A state machine in Amazon States Language.
    States,
    /// A document of Systems Manager Automation.
    Automation,
}

/// What a playbook contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Case {
    /// A compromised EC2 instance.
    Instance,
    /// A user whose access key has leaked.
    User,
}

/// A playbook in one style.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Playbook {
    /// The file of the playbook library.
    pub(crate) file: &'static str,
    /// Documents that a server needs, the one first that the response plan runs: name and text.
    pub(crate) documents: &'static [(&'static str, &'static str)],
    behind: Behind,
}

/// What the document hands the finding on to.
#[derive(Debug, Clone, Copy)]
enum Behind {
    Nothing {
        /// Parameters that the demo's plan sets besides.
        switches: &'static [(&'static str, &'static str)],
    },
    Machine {
        name: &'static str,
        definition: &'static str,
    },
    Function {
        name: &'static str,
        /// Name of the Python file, without its ending.
        module: &'static str,
        text: &'static str,
        /// The document's output that has the answer.
        output: &'static str,
    },
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

    /// The playbook of this style.
    pub(crate) fn playbook(self, case: Case) -> Playbook {
        match case {
            Case::Instance => self.of_instance(),
            Case::User => self.of_user(),
        }
    }

    fn of_instance(self) -> Playbook {
        match self {
            Self::Function => Playbook {
                file: "playbooks/styles/ec2_quarantine.py",
                documents: &[("Quell-EC2-ByFunction", QUARANTINE_BY_FUNCTION)],
                behind: Behind::Function {
                    name: "quell-ec2-quarantine",
                    module: "ec2_quarantine",
                    text: QUARANTINE,
                    output: "Quarantine.Payload",
                },
            },
            Self::States => Playbook {
                file: "playbooks/ec2-response.asl.json",
                documents: &[("Quell-EC2-ByMachine", QUARANTINE_BY_MACHINE)],
                behind: Behind::Machine {
                    name: "ec2-response",
                    definition: EC2_RESPONSE,
                },
            },
            Self::Automation => Playbook {
                file: "playbooks/ec2-isolate.yaml",
                documents: &[
                    ("Quell-EC2-Isolate", ISOLATE),
                    ("Quell-EC2-Release", RELEASE),
                ],
                behind: Behind::Nothing { switches: &[] },
            },
        }
    }

    fn of_user(self) -> Playbook {
        match self {
            Self::Function => Playbook {
                file: "playbooks/styles/iam_contain.py",
                documents: &[("Quell-IAM-ByFunction", CONTAIN_BY_FUNCTION)],
                behind: Behind::Function {
                    name: "quell-iam-contain",
                    module: "iam_contain",
                    text: CONTAIN_IN_PYTHON,
                    output: "Contain.Payload",
                },
            },
            Self::States => Playbook {
                file: "playbooks/iam-response.asl.json",
                documents: &[("Quell-IAM-ByMachine", CONTAIN_BY_MACHINE)],
                behind: Behind::Machine {
                    name: "iam-response",
                    definition: IAM_RESPONSE,
                },
            },
            Self::Automation => Playbook {
                file: "playbooks/iam-contain.yaml",
                documents: &[("Quell-IAM-Contain", CONTAIN)],
                // moto knows no `LookupEvents` of CloudTrail, without whose answer the run would rightly fail.
                behind: Behind::Nothing {
                    switches: &[("LookUpCalls", "false")],
                },
            },
        }
    }
}

impl Playbook {
    /// Makes the documents, and the function or the machine.
    pub(crate) async fn install(&self, quell: &Client, role_arn: &str) -> Result<()> {
        match self.behind {
            Behind::Nothing { .. } => {}
            Behind::Machine { name, definition } => {
                let params = json!({"name": name, "roleArn": role_arn, "definition": definition});
                quell
                    .call("stepfunctions", "CreateStateMachine", params)
                    .await?;
            }
            Behind::Function {
                name, module, text, ..
            } => {
                let file = packed(&format!("{module}.py"), text)?;
                let params = json!({
                    "FunctionName": name, "Runtime": "python3.12", "Handler": format!("{module}.handler"),
                    "Role": role_arn, "Timeout": FUNCTION_SECONDS,
                    "Code": {"ZipFile": {"$base64": STANDARD.encode(file)}},
                });
                quell.call("lambda", "CreateFunction", params).await?;
            }
        }
        for (name, content) in self.documents {
            let params = json!({"Name": name, "Content": content, "DocumentType": "Automation", "DocumentFormat": "YAML"});
            quell.call("ssm", "CreateDocument", params).await?;
        }
        Ok(())
    }

    /// The shipped response plan, running this style's document.
    pub(crate) fn plan(&self, mut plan: Value) -> Value {
        let Some(action) = plan.pointer_mut("/actions/0/ssmAutomation") else {
            return plan;
        };
        if let Behind::Nothing { switches } = self.behind {
            for (name, value) in switches {
                action["parameters"][*name] = json!([value]);
            }
            return plan;
        }
        action["documentName"] = json!(self.documents.first().map(|(name, _)| *name));
        // These documents take the finding and nothing else.
        if let Some(action) = action.as_object_mut() {
            action.remove("dynamicParameters");
        }
        if let Some(parameters) = action.get_mut("parameters").and_then(Value::as_object_mut) {
            parameters.remove("InstanceId");
        }
        plan
    }

    /// What a finished run has to say of itself, from its outputs: one line each.
    pub(crate) async fn told(&self, quell: &Client, outputs: &Value) -> Result<Vec<String>> {
        let output = |name: &str| {
            let value = outputs.get(name)?;
            value.pointer("/0").unwrap_or(value).as_str()
        };
        match self.behind {
            Behind::Nothing { .. } => Ok(Vec::new()),
            Behind::Function { output: name, .. } => {
                let said = output(name).unwrap_or_default();
                Ok(vec![format!("the function answered {said}")])
            }
            Behind::Machine { .. } => {
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

    const PLANS: [(Case, &str); 2] = [
        (
            Case::Instance,
            include_str!("../../../../playbooks/ec2-isolate.response-plan.json"),
        ),
        (
            Case::User,
            include_str!("../../../../playbooks/iam-contain.response-plan.json"),
        ),
    ];

    #[test]
    fn a_plan_runs_the_document_of_its_style() {
        for (case, shipped) in PLANS {
            let shipped: Value = serde_json::from_str(shipped).expect("JSON");
            for name in Style::NAMES {
                let playbook = Style::of(name).playbook(case);
                let plan = playbook.plan(shipped.clone());
                let action = &plan["actions"][0]["ssmAutomation"];
                let (document, text) = playbook.documents[0];
                assert_eq!(action["documentName"], document);
                let parameters = action["parameters"].as_object().expect("parameters");
                for parameter in parameters.keys() {
                    assert!(
                        text.contains(&format!("\n  {parameter}:\n")),
                        "{name} {parameter}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_shipped_plan_runs_as_it_is_but_for_what_moto_lacks() {
        for (case, shipped) in PLANS {
            let shipped: Value = serde_json::from_str(shipped).expect("JSON");
            let mut plan = Style::Automation.playbook(case).plan(shipped.clone());
            if case == Case::User {
                let parameters = &mut plan["actions"][0]["ssmAutomation"]["parameters"];
                let parameters = parameters.as_object_mut().expect("parameters");
                assert_eq!(parameters.remove("LookUpCalls"), Some(json!(["false"])));
            }
            assert_eq!(plan, shipped);
        }
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
