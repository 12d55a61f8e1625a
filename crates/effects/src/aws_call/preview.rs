//! Answers a dry run: makes the calls that only read, and describes all others.
//!
//! This is the only place where a preview meets an account, and it refuses by what crate `aws` knows of the operation:
//! an operation that is not known to only read is never made.

use aws::knowledge::{self, Mutation};
use aws::permissions::{self, Need, Place, python};
use model::Outcome;
use model::effect::{AwsCall, Intent, PreviewAsk};
use serde_json::{Value, json};

use super::AwsCaller;

/// Most calls told of one script.
const MOST_CALLS: usize = 200;

impl AwsCaller {
    /// The answer.
    pub(crate) async fn preview(&self, intent: &Intent, ask: &PreviewAsk) -> Outcome {
        match ask {
            PreviewAsk::Call {
                call,
                known,
                account,
            } => {
                let own = super::spelled(call);
                let class = class_of(&own);
                if class != Mutation::ReadOnly || !known {
                    return planned(self.describe(&own, &class, account));
                }
                match self.read(intent.id, call).await {
                    Ok(answer) => Outcome::Done {
                        result: json!({ "read": answer }),
                    },
                    Err(failure) => Outcome::Failed(failure),
                }
            }
            PreviewAsk::Script {
                runtime,
                script,
                isolated,
                ..
            } if *isolated || !runtime.to_ascii_lowercase().starts_with("python") => {
                let note = if *isolated {
                    "not run: it computes with what is only known after the run"
                } else {
                    "not run: what a script for this runtime calls cannot be told"
                };
                planned(json!({"isolated": isolated, "calls": [], "note": note}))
            }
            PreviewAsk::Script { script, region, .. } => planned(script_calls(script, region)),
        }
    }

    fn describe(&self, call: &AwsCall, class: &Mutation, account: &str) -> Value {
        let names = aws::resolve_names(&call.service, &call.operation);
        let (service, operation) = match names {
            Ok(names) => names,
            Err(error) => {
                return json!({
                    "service": call.service, "operation": call.operation, "impact": "Mutating",
                    "class": class.word(), "permissions": [], "problem": error.to_string(),
                    "secrets": knowledge::masked(&call.params),
                });
            }
        };
        let own = self.answers_itself(call);
        let place = place(call, account);
        let needs = if own {
            Ok(permissions::Needs::default())
        } else {
            permissions::needs(&service, &operation, &call.params, &place)
        };
        let needs = needs.unwrap_or_default().needs;
        let impact = match class {
            Mutation::ReadOnly => "NonMutating",
            _ => "Mutating",
        };
        json!({
            "service": service,
            "operation": operation,
            "impact": impact,
            "class": class.word(),
            "permissions": needs.iter().map(shown).collect::<Vec<_>>(),
            "secrets": knowledge::masked(&call.params),
        })
    }
}

fn planned(description: Value) -> Outcome {
    Outcome::Done {
        result: json!({ "planned": description }),
    }
}

/// What a call does.
fn class_of(call: &AwsCall) -> Mutation {
    let mut params = call.params.clone();
    knowledge::inject_token(&call.service, &call.operation, &mut params, "preview");
    knowledge::mutation(&call.service, &call.operation, &params)
}

fn place(call: &AwsCall, account: &str) -> Place {
    let role = call.assume_role.as_ref();
    let of_role = role.and_then(|role| {
        let mut parts = role.role_arn.split(':');
        Some((parts.nth(1)?, parts.nth(2)?))
    });
    let (partition, account) = of_role.unwrap_or(("", account));
    Place {
        partition: if partition.is_empty() {
            model::Scope::new(account, &call.region)
                .partition()
                .to_owned()
        } else {
            partition.to_owned()
        },
        region: call.region.clone(),
        account: account.to_owned(),
    }
}

fn shown(need: &Need) -> Value {
    json!({"action": need.action, "resources": need.resources, "passedTo": need.passed_to})
}

/// The calls that a script's text makes, each with what it does.
fn script_calls(script: &str, region: &str) -> Value {
    let found = python::calls(script);
    let calls = found.calls.iter().take(MOST_CALLS).map(|call| {
        let class = knowledge::mutation(&call.service, &call.operation, &call.params);
        json!({
            "service": call.service, "operation": call.operation, "line": call.line, "class": class.word(),
        })
    });
    let calls: Vec<Value> = calls.collect();
    let place = Place {
        region: region.to_owned(),
        ..Place::default()
    };
    let needs = found.calls.iter().take(MOST_CALLS).filter_map(|call| {
        permissions::needs(&call.service, &call.operation, &call.params, &place).ok()
    });
    let needs: Vec<Value> = needs
        .flat_map(|needs| needs.needs)
        .map(|need| shown(&need))
        .collect();
    let unknown = found
        .unknown
        .iter()
        .take(MOST_CALLS)
        .map(|(line, reason)| json!([line, reason]));
    json!({
        "isolated": false,
        "calls": calls,
        "unknown": unknown.collect::<Vec<Value>>(),
        "permissions": needs,
        "note": "not run: it can call AWS, and what it gives is known after the run",
    })
}
