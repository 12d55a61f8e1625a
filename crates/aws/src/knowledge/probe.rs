//! Calls that tell whether another call took effect.

use serde_json::{Map, Value, json};

use super::token::{TOKEN_TAG, token_of};

/// A read call and how its answer is to be understood.
#[derive(Debug, Clone, PartialEq)]
pub struct ProbeSpec {
    /// Service of the read call.
    pub service: &'static str,
    /// Operation of the read call.
    pub operation: &'static str,
    /// Its parameters.
    pub params: Value,
    reading: Reading,
}

/// What a probe found.
#[derive(Debug, Clone, PartialEq)]
pub enum ProbeAnswer {
    /// The call took effect; this stands for its answer, as far as the account still tells.
    Happened(Value),
    /// The call did not take effect. Right after it was made this may only mean "not yet visible": wait for the
    /// service's consistency delay before believing it.
    NotHappened,
    /// The account does not tell. Ask a person.
    Unclear(&'static str),
}

#[derive(Debug, Clone, PartialEq)]
enum Reading {
    /// One element of a list is the answer; with `key`, only that member of it.
    One {
        list: &'static str,
        key: Option<&'static str>,
    },
    /// The whole list is the answer, under its own name.
    Whole { list: &'static str },
    /// Instances of an Auto Scaling group are where the call puts them.
    Scaling {
        group: String,
        instances: Vec<String>,
        wanted: Membership,
    },
    /// An association of this profile with the instance.
    ProfileAssociation { profile: String },
    /// An association that the call would have ended is still there.
    StillAssociated,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Membership {
    Standby,
    OutOfStandby,
    Detached,
    Attached,
}

impl ProbeSpec {
    /// What the answer of the read call says.
    #[must_use]
    pub fn interpret(&self, answer: &Value) -> ProbeAnswer {
        let list = |name: &str| {
            answer
                .get(name)
                .and_then(Value::as_array)
                .map(Vec::as_slice)
                .unwrap_or_default()
        };
        match &self.reading {
            Reading::One { list: name, key } => match list(name).first() {
                None => ProbeAnswer::NotHappened,
                Some(found) => ProbeAnswer::Happened(match key {
                    Some(key) => json!({*key: found.get(*key).cloned().unwrap_or_default()}),
                    None => found.clone(),
                }),
            },
            Reading::Whole { list: name } => match list(name) {
                [] => ProbeAnswer::NotHappened,
                found => ProbeAnswer::Happened(json!({*name: found})),
            },
            Reading::Scaling {
                group,
                instances,
                wanted,
            } => scaling(list("AutoScalingInstances"), (group, instances), *wanted),
            Reading::ProfileAssociation { profile } => {
                association(list("IamInstanceProfileAssociations"), profile)
            }
            Reading::StillAssociated => match list("NetworkAcls") {
                [] => ProbeAnswer::Unclear(
                    "the association was replaced, but its new id cannot be found out",
                ),
                _ => ProbeAnswer::NotHappened,
            },
        }
    }
}

fn scaling(
    found: &[Value],
    (group, instances): (&str, &[String]),
    wanted: Membership,
) -> ProbeAnswer {
    let is_there = |instance: &String| {
        let state = found
            .iter()
            .filter(|entry| {
                entry["InstanceId"] == instance.as_str() && entry["AutoScalingGroupName"] == group
            })
            .find_map(|entry| entry.get("LifecycleState").and_then(Value::as_str));
        match (wanted, state) {
            (Membership::Standby, Some("EnteringStandby" | "Standby")) => true,
            (Membership::OutOfStandby, Some(state)) => {
                !matches!(state, "EnteringStandby" | "Standby")
            }
            (Membership::Detached, None | Some("Detaching" | "Detached")) => true,
            (Membership::Attached, Some(state)) => !matches!(state, "Detaching" | "Detached"),
            _ => false,
        }
    };
    let there = instances
        .iter()
        .filter(|instance| is_there(instance))
        .count();
    match there {
        0 => ProbeAnswer::NotHappened,
        all if all == instances.len() && wanted == Membership::Attached => {
            ProbeAnswer::Happened(json!({}))
        }
        all if all == instances.len() => ProbeAnswer::Happened(json!({"Activities": []})),
        _ => ProbeAnswer::Unclear(
            "only some of the instances are where the call would have put them",
        ),
    }
}

fn association(found: &[Value], profile: &str) -> ProbeAnswer {
    let is_profile = |entry: &&Value| {
        let arn = entry
            .pointer("/IamInstanceProfile/Arn")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let live = matches!(
            entry.get("State").and_then(Value::as_str),
            Some("associating" | "associated") | None
        );
        live && (arn == profile || arn.rsplit('/').next() == Some(profile))
    };
    match found.iter().find(is_profile) {
        Some(entry) => ProbeAnswer::Happened(json!({"IamInstanceProfileAssociation": entry})),
        None => ProbeAnswer::NotHappened,
    }
}

fn by_tag(token: &str) -> Value {
    json!({"Name": format!("tag:{TOKEN_TAG}"), "Values": [token]})
}

/// How the outcome of an operation is found out; `None` when the parameters lack what the probe needs.
pub(super) fn build(operation: &str, params: &Map<String, Value>) -> Option<ProbeSpec> {
    let text = |name: &str| params.get(name).and_then(Value::as_str).map(str::to_owned);
    let ec2 = |operation, params, reading| {
        Some(ProbeSpec {
            service: "ec2",
            operation,
            params,
            reading,
        })
    };
    match operation {
        "CreateSnapshot" => ec2(
            "DescribeSnapshots",
            json!({"Filters": [by_tag(token_of(params)?)]}),
            Reading::One {
                list: "Snapshots",
                key: None,
            },
        ),
        "CreateSnapshots" => ec2(
            "DescribeSnapshots",
            json!({"Filters": [by_tag(token_of(params)?)]}),
            Reading::Whole { list: "Snapshots" },
        ),
        "CreateImage" => ec2(
            "DescribeImages",
            json!({"Owners": ["self"], "Filters": [by_tag(token_of(params)?)]}),
            Reading::One {
                list: "Images",
                key: Some("ImageId"),
            },
        ),
        "CreateSecurityGroup" => ec2(
            "DescribeSecurityGroups",
            json!({"Filters": [by_tag(token_of(params)?)]}),
            Reading::One {
                list: "SecurityGroups",
                key: Some("GroupId"),
            },
        ),
        "AssociateIamInstanceProfile" => ec2(
            "DescribeIamInstanceProfileAssociations",
            json!({"Filters": [{"Name": "instance-id", "Values": [text("InstanceId")?]}]}),
            Reading::ProfileAssociation {
                profile: profile(params)?,
            },
        ),
        "ReplaceNetworkAclAssociation" => ec2(
            "DescribeNetworkAcls",
            json!({"Filters": [{"Name": "association.association-id", "Values": [text("AssociationId")?]}]}),
            Reading::StillAssociated,
        ),
        "EnterStandby" => scaling_probe(params, Membership::Standby),
        "ExitStandby" => scaling_probe(params, Membership::OutOfStandby),
        "DetachInstances" => scaling_probe(params, Membership::Detached),
        "AttachInstances" => scaling_probe(params, Membership::Attached),
        _ => None,
    }
}

/// ARN or name of the profile that a call associates.
fn profile(params: &Map<String, Value>) -> Option<String> {
    let profile = params.get("IamInstanceProfile")?;
    profile
        .get("Arn")
        .or_else(|| profile.get("Name"))?
        .as_str()
        .map(str::to_owned)
}

fn scaling_probe(params: &Map<String, Value>, wanted: Membership) -> Option<ProbeSpec> {
    let group = params.get("AutoScalingGroupName")?.as_str()?.to_owned();
    let given = params.get("InstanceIds")?;
    let opened = given
        .as_str()
        .and_then(|text| serde_json::from_str::<Value>(text).ok());
    let instances: Vec<String> = opened
        .as_ref()
        .unwrap_or(given)
        .as_array()?
        .iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    if instances.is_empty() {
        return None;
    }
    Some(ProbeSpec {
        service: "autoscaling",
        operation: "DescribeAutoScalingInstances",
        params: json!({"InstanceIds": instances}),
        reading: Reading::Scaling {
            group,
            instances,
            wanted,
        },
    })
}
