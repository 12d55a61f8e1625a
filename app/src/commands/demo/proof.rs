//! What the account itself says about an instance or a user: the demo believes nothing else.

mod user;

use anyhow::Result;
use serde_json::{Value, json};

use super::client::{Client, list};
use super::style::Style;
pub(crate) use user::read_back as read_back_user;

/// One thing read back, and whether it is as containment demands.
#[derive(Debug, Clone)]
pub(crate) struct Finding {
    pub(crate) what: &'static str,
    /// Whether the playbook is to see to it.
    pub(crate) promised: bool,
    pub(crate) holds: bool,
    pub(crate) seen: String,
}

impl Finding {
    /// Whether what the playbook is to see to is so.
    pub(crate) fn is_as_promised(&self) -> bool {
        self.holds || !self.promised
    }

    /// The finding in a word.
    pub(crate) fn word(&self) -> &'static str {
        match (self.holds, self.promised) {
            (true, _) => "yes",
            (false, true) => "NO ",
            (false, false) => "-  ",
        }
    }
}

/// Reads everything back from the account.
pub(crate) async fn read_back(
    aws: &Client,
    (instance, attacker): (&str, &str),
    style: Style,
) -> Result<Vec<Finding>> {
    let whole = style == Style::Automation;
    let status = if whole { "isolated" } else { "quarantined" };
    let found = aws
        .call(
            "ec2",
            "DescribeInstances",
            json!({"InstanceIds": [instance]}),
        )
        .await?;
    let described = found
        .pointer("/Reservations/0/Instances/0")
        .cloned()
        .unwrap_or(Value::Null);
    let mut read = vec![
        groups(aws, instance).await?,
        tags(&described, status),
        snapshots(aws, instance, &described).await?,
    ];
    let more = [
        profile(aws, instance, &described).await?,
        balancers(aws, instance).await?,
        scaling(aws, instance).await?,
        denied(aws, instance, attacker).await?,
        protected(aws, instance).await?,
    ];
    // What a playbook does not see to, it cannot fail at; it is shown all the same.
    read.extend(more.map(|finding| Finding {
        promised: whole,
        ..finding
    }));
    Ok(read)
}

fn by_instance(instance: &str) -> Value {
    json!({"Filters": [{"Name": "attachment.instance-id", "Values": [instance]}]})
}

/// Every network interface is in one group, and that group lets nothing in or out.
async fn groups(aws: &Client, instance: &str) -> Result<Finding> {
    let found = aws
        .call("ec2", "DescribeNetworkInterfaces", by_instance(instance))
        .await?;
    let interfaces = list(&found, "/NetworkInterfaces");
    let mut holds = !interfaces.is_empty();
    let mut names = Vec::new();
    for interface in &interfaces {
        let groups = list(interface, "/Groups");
        holds &= groups.len() == 1;
        for group in groups {
            let params = json!({"GroupIds": [group["GroupId"]]});
            let described = aws.call("ec2", "DescribeSecurityGroups", params).await?;
            let closed = |pointer: &str| {
                list(&described, &format!("/SecurityGroups/0/{pointer}")).is_empty()
            };
            holds &= closed("IpPermissions") && closed("IpPermissionsEgress");
            names.push(group["GroupName"].as_str().unwrap_or_default().to_owned());
        }
    }
    Ok(Finding {
        what: "quarantine group alone, closed both ways",
        promised: true,
        holds,
        seen: names.join(", "),
    })
}

fn tags(described: &Value, status: &str) -> Finding {
    let tags: Vec<String> = list(described, "/Tags")
        .iter()
        .filter(|tag| {
            tag["Key"]
                .as_str()
                .is_some_and(|key| key.starts_with("quell:"))
        })
        .map(|tag| {
            format!(
                "{}={}",
                tag["Key"].as_str().unwrap_or_default(),
                tag["Value"].as_str().unwrap_or_default()
            )
        })
        .collect();
    let status = format!("quell:status={status}");
    let holds = tags.contains(&status);
    Finding {
        what: "tagged",
        promised: true,
        holds,
        seen: tags.join(", "),
    }
}

async fn profile(aws: &Client, instance: &str, described: &Value) -> Result<Finding> {
    let filter = json!({"Filters": [
        {"Name": "instance-id", "Values": [instance]}, {"Name": "state", "Values": ["associated", "associating"]},
    ]});
    let found = aws
        .call("ec2", "DescribeIamInstanceProfileAssociations", filter)
        .await?;
    let associations = list(&found, "/IamInstanceProfileAssociations");
    let policies = aws
        .call("iam", "ListRolePolicies", json!({"RoleName": "shop-web"}))
        .await?;
    let policies: Vec<String> = list(&policies, "/PolicyNames")
        .iter()
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect();
    let holds = associations.is_empty()
        && described.get("IamInstanceProfile").is_none()
        && !policies.is_empty();
    Ok(Finding {
        what: "no instance profile, sessions revoked",
        promised: true,
        holds,
        seen: policies.join(", "),
    })
}

async fn snapshots(aws: &Client, instance: &str, described: &Value) -> Result<Finding> {
    let volumes: Vec<String> = list(described, "/BlockDeviceMappings")
        .iter()
        .filter_map(|mapping| {
            mapping
                .pointer("/Ebs/VolumeId")
                .and_then(Value::as_str)
                .map(str::to_owned)
        })
        .collect();
    let found = aws
        .call("ec2", "DescribeSnapshots", json!({"OwnerIds": ["self"]}))
        .await?;
    let ours: Vec<(String, String)> = list(&found, "/Snapshots")
        .iter()
        .filter(|snapshot| {
            list(snapshot, "/Tags")
                .iter()
                .any(|tag| tag["Value"].as_str() == Some(instance))
        })
        .filter_map(|snapshot| {
            Some((
                snapshot["SnapshotId"].as_str()?.to_owned(),
                snapshot["VolumeId"].as_str()?.to_owned(),
            ))
        })
        .collect();
    let each_once = volumes
        .iter()
        .all(|volume| ours.iter().filter(|(_, of)| of == volume).count() == 1);
    let holds = !volumes.is_empty() && each_once && ours.len() == volumes.len();
    let seen = ours
        .into_iter()
        .map(|(id, _)| id)
        .collect::<Vec<_>>()
        .join(", ");
    Ok(Finding {
        what: "one snapshot of every volume",
        promised: true,
        holds,
        seen,
    })
}

async fn balancers(aws: &Client, instance: &str) -> Result<Finding> {
    let found = aws.call("elbv2", "DescribeTargetGroups", json!({})).await?;
    let mut registered = Vec::new();
    for group in list(&found, "/TargetGroups") {
        let health = aws
            .call(
                "elbv2",
                "DescribeTargetHealth",
                json!({"TargetGroupArn": group["TargetGroupArn"]}),
            )
            .await?;
        let here = list(&health, "/TargetHealthDescriptions")
            .into_iter()
            .filter(|target| {
                let state = target
                    .pointer("/TargetHealth/State")
                    .and_then(Value::as_str)
                    .unwrap_or_default();
                target.pointer("/Target/Id").and_then(Value::as_str) == Some(instance)
                    && !matches!(state, "unused" | "draining")
            });
        registered.extend(here.map(|_| {
            group["TargetGroupName"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        }));
    }
    let holds = registered.is_empty();
    let seen = if holds {
        "in no target group".to_owned()
    } else {
        registered.join(", ")
    };
    Ok(Finding {
        what: "behind no load balancer",
        promised: true,
        holds,
        seen,
    })
}

async fn scaling(aws: &Client, instance: &str) -> Result<Finding> {
    let found = aws
        .call(
            "autoscaling",
            "DescribeAutoScalingInstances",
            json!({"InstanceIds": [instance]}),
        )
        .await?;
    let state = found
        .pointer("/AutoScalingInstances/0/LifecycleState")
        .and_then(Value::as_str)
        .unwrap_or("no group");
    let holds = matches!(state, "Standby" | "no group");
    Ok(Finding {
        what: "out of its Auto Scaling group",
        promised: true,
        holds,
        seen: state.to_owned(),
    })
}

/// The network ACL of every subnet of the instance denies the attacker both ways, before any rule that allows.
async fn denied(aws: &Client, instance: &str, attacker: &str) -> Result<Finding> {
    let found = aws
        .call("ec2", "DescribeNetworkInterfaces", by_instance(instance))
        .await?;
    let cidr = format!("{attacker}/32");
    let mut holds = true;
    let mut seen = Vec::new();
    for interface in list(&found, "/NetworkInterfaces") {
        let filter = json!({"Filters": [{"Name": "association.subnet-id", "Values": [interface["SubnetId"]]}]});
        let acls = aws.call("ec2", "DescribeNetworkAcls", filter).await?;
        for egress in [false, true] {
            let entries = list(&acls, "/NetworkAcls/0/Entries");
            let number = |action: &str, cidr: Option<&str>| {
                let matching = entries.iter().filter(|entry| {
                    entry["Egress"].as_bool() == Some(egress)
                        && entry["RuleAction"].as_str() == Some(action)
                        && cidr.is_none_or(|cidr| entry["CidrBlock"].as_str() == Some(cidr))
                });
                matching
                    .filter_map(|entry| entry["RuleNumber"].as_i64())
                    .min()
            };
            let (deny, allow) = (number("deny", Some(&cidr)), number("allow", None));
            holds &= deny.is_some_and(|deny| allow.is_none_or(|allow| deny < allow));
            seen.extend(
                deny.map(|deny| format!("rule {deny} {}", if egress { "out" } else { "in" })),
            );
        }
    }
    seen.dedup();
    Ok(Finding {
        what: "attacker denied in the network ACL",
        promised: true,
        holds,
        seen: seen.join(", "),
    })
}

async fn protected(aws: &Client, instance: &str) -> Result<Finding> {
    let params = json!({"InstanceId": instance, "Attribute": "disableApiTermination"});
    let found = aws.call("ec2", "DescribeInstanceAttribute", params).await?;
    let value = found
        .pointer("/DisableApiTermination/Value")
        .and_then(Value::as_bool)
        .unwrap_or(false);
    Ok(Finding {
        what: "protected from termination",
        promised: true,
        holds: value,
        seen: value.to_string(),
    })
}
