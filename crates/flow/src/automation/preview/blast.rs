//! The blast radius: what the planned calls name, and what the readings show to refer to it.
//!
//! Only what was read anyway is looked at: that nothing is shown does not mean that nothing depends on a resource.

use std::collections::BTreeMap;

use model::arn::Arn;
use model::effect::Outcome;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::plan::{Impact, PlanStep};
use super::state::Read;

/// Most resources of a plan, and most references shown of one.
const MOST_RESOURCES: usize = 500;
const MOST_RELATED: usize = 20;
/// Deepest level of an answer that is looked at.
const MOST_DEPTH: usize = 32;
/// Ends of the names of members that name something, the surest first.
const NAMING: [&str; 4] = ["Id", "Arn", "ARN", "Name"];

/// A resource that planned calls name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resource {
    /// Its ARN.
    pub arn: String,
    /// Its type, as CloudFormation writes types: `AWS::EC2::Instance`.
    pub resource_type: String,
    /// Its account; empty where its ARN has none.
    pub account: String,
    /// Its region; empty where its ARN has none.
    pub region: String,
    /// Calls that name it, as `service:Operation`.
    pub calls: Vec<String>,
    /// What refers to it.
    pub related: Vec<Related>,
}

/// Something that refers to a resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Related {
    /// What it is called, e.g. `AutoScalingGroupName=web`.
    pub name: String,
    /// The reading that shows it, as `service:Operation`.
    pub by: String,
}

/// The resources of a plan.
pub(crate) fn resources(steps: &[PlanStep], reads: &[Read]) -> Vec<Resource> {
    let mut found: BTreeMap<String, Resource> = BTreeMap::new();
    let calls = steps.iter().flat_map(|step| &step.calls);
    for call in calls.filter(|call| call.impact != Impact::NonMutating) {
        let name = format!("{}:{}", call.service, call.operation);
        for arn in named(&call.permissions) {
            if found.len() >= MOST_RESOURCES && !found.contains_key(arn) {
                continue;
            }
            let resource = found.entry(arn.to_owned()).or_insert_with(|| resource(arn));
            if !resource.calls.contains(&name) {
                resource.calls.push(name.clone());
            }
        }
    }
    let mut resources: Vec<Resource> = found.into_values().collect();
    for resource in &mut resources {
        relate(resource, reads);
    }
    resources
}

/// Resources that permissions name exactly. A role that is passed on is not touched.
fn named(permissions: &[Value]) -> impl Iterator<Item = &str> {
    let touching = permissions
        .iter()
        .filter(|need| need.get("action").and_then(Value::as_str) != Some("iam:PassRole"));
    let arns = touching.filter_map(|need| need.get("resources")?.as_array());
    arns.flatten()
        .filter_map(Value::as_str)
        .filter(|arn| !arn.contains('*'))
}

fn resource(text: &str) -> Resource {
    let arn = Arn::parse(text);
    let part = |pick: fn(&Arn) -> &str| arn.as_ref().map(pick).unwrap_or_default().to_owned();
    Resource {
        arn: text.to_owned(),
        resource_type: type_of(text),
        account: part(|arn| &arn.account),
        region: part(|arn| &arn.region),
        ..Resource::default()
    }
}

/// A type's name from an ARN: the service, and the word before the resource's own name.
fn type_of(arn: &str) -> String {
    let mut parts = arn.splitn(6, ':').skip(2);
    let service = parts.next().unwrap_or_default();
    let rest = parts.nth(2).unwrap_or_default();
    let kind = match rest.split_once([':', '/']) {
        Some((kind, _)) if service != "s3" => kind,
        Some(_) => "object",
        None if service == "s3" => "bucket",
        None if service == "sns" => "topic",
        None if service == "sqs" => "queue",
        None => "resource",
    };
    format!("AWS::{}::{}", service_word(service), words(kind))
}

fn service_word(service: &str) -> String {
    const OWN: [(&str, &str); 10] = [
        ("autoscaling", "AutoScaling"),
        ("cloudtrail", "CloudTrail"),
        ("cloudwatch", "CloudWatch"),
        ("dynamodb", "DynamoDB"),
        ("elasticloadbalancing", "ElasticLoadBalancingV2"),
        ("events", "Events"),
        ("guardduty", "GuardDuty"),
        ("lambda", "Lambda"),
        ("logs", "Logs"),
        ("secretsmanager", "SecretsManager"),
    ];
    let known = OWN.iter().find(|(name, _)| *name == service);
    known.map_or_else(
        || service.to_ascii_uppercase(),
        |(_, word)| (*word).to_owned(),
    )
}

/// `security-group` is `SecurityGroup`, `targetgroup` is `Targetgroup`.
fn words(kind: &str) -> String {
    let upper = |word: &str| {
        let mut letters = word.chars();
        let first = letters.next().map(|c| c.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    };
    kind.split(['-', '_']).map(upper).collect()
}

/// What a resource is called besides its ARN: what stands behind its type; without the path for IAM's.
fn own_name(arn: &str) -> &str {
    let mut parts = arn.splitn(6, ':').skip(2);
    let service = parts.next().unwrap_or_default();
    let rest = parts.nth(2).unwrap_or_default();
    match rest.split_once([':', '/']) {
        Some((_, path)) if service == "iam" => path.rsplit('/').next().unwrap_or(path),
        Some((_, name)) if service != "s3" => name,
        _ => rest,
    }
}

/// Finds what refers to the resource.
fn relate(resource: &mut Resource, reads: &[Read]) {
    let own = own_name(&resource.arn);
    if own.len() < 3 {
        return;
    }
    let own = [own.to_owned(), resource.arn.clone()];
    let mut related = Vec::new();
    for read in reads {
        let Outcome::Done { result } = &read.outcome else {
            continue;
        };
        if read.by.is_empty() {
            continue;
        }
        let mut names = Vec::new();
        look(result, &own, &mut vec![("", &read.params)], &mut names);
        related.extend(names.into_iter().map(|name| Related {
            name,
            by: read.by.clone(),
        }));
    }
    related.sort();
    related.dedup();
    related.truncate(MOST_RELATED);
    resource.related = related;
}

/// Visits an answer with the list items on the way; each mention is told by the nearest of them that is something else.
fn look<'a>(
    value: &'a Value,
    own: &[String; 2],
    around: &mut Vec<(&'a str, &'a Value)>,
    names: &mut Vec<String>,
) {
    if around.len() > MOST_DEPTH {
        return;
    }
    match value {
        Value::String(text) if own.contains(text) => {
            let holder = around.iter().rev().find_map(|item| holder(item, own));
            names.extend(holder);
        }
        Value::Array(items) => items.iter().for_each(|item| look(item, own, around, names)),
        Value::Object(map) => {
            for (key, item) in map {
                match item {
                    Value::Array(items) => {
                        for one in items {
                            around.push((key, one));
                            look(one, own, around, names);
                            around.pop();
                        }
                    }
                    other => look(other, own, around, names),
                }
            }
        }
        _ => {}
    }
}

/// What a list's item is called, unless it is the resource itself.
fn holder((list, item): &(&str, &Value), own: &[String; 2]) -> Option<String> {
    let map = item.as_object()?;
    let text = |key: &str| map.get(key).and_then(Value::as_str);
    let singular = list.strip_suffix('s').unwrap_or(list);
    for end in NAMING {
        let key = format!("{singular}{end}");
        if let Some(name) = text(&key) {
            let itself = own.iter().any(|mine| mine == name);
            return (!itself).then(|| format!("{key}={name}"));
        }
    }
    for end in NAMING {
        let other = map.iter().find(|(key, value)| {
            key.ends_with(end)
                && value
                    .as_str()
                    .is_some_and(|name| !own.iter().any(|mine| mine == name))
        });
        if let Some((key, Value::String(name))) = other {
            return Some(format!("{key}={name}"));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn types_of_arns() {
        for (arn, expected) in [
            (
                "arn:aws:ec2:us-east-1:123456789012:instance/i-1",
                "AWS::EC2::Instance",
            ),
            (
                "arn:aws:ec2:us-east-1:123456789012:security-group/sg-1",
                "AWS::EC2::SecurityGroup",
            ),
            ("arn:aws:iam::123456789012:role/a/b", "AWS::IAM::Role"),
            ("arn:aws:s3:::bucket", "AWS::S3::Bucket"),
            ("arn:aws:s3:::bucket/key", "AWS::S3::Object"),
            (
                "arn:aws:lambda:us-east-1:123456789012:function:f",
                "AWS::Lambda::Function",
            ),
            (
                "arn:aws:sns:us-east-1:123456789012:topic",
                "AWS::SNS::Topic",
            ),
        ] {
            assert_eq!(type_of(arn), expected, "{arn}");
        }
    }

    #[test]
    fn what_mentions_a_resource_is_related_and_it_itself_is_not() {
        let read = |by: &str, params: Value, result: Value| {
            let call = model::effect::AwsCall {
                service: by.to_owned(),
                operation: "Read".to_owned(),
                params,
                region: String::new(),
                assume_role: None,
                timeout_secs: 1,
                spelling: model::effect::Spelling::default(),
            };
            Read::new(String::new(), Some(&call), Outcome::Done { result })
        };
        let reads = [
            read(
                "ec2",
                json!({}),
                json!({"Reservations": [{"Instances": [{"InstanceId": "i-1", "SubnetId": "subnet-1"}]}]}),
            ),
            read(
                "eni",
                json!({}),
                json!({"NetworkInterfaces": [{"NetworkInterfaceId": "eni-1", "Attachment": {"InstanceId": "i-1"}}]}),
            ),
            read(
                "asg",
                json!({}),
                json!({"AutoScalingInstances": [{"InstanceId": "i-1", "AutoScalingGroupName": "web"}]}),
            ),
            read(
                "elb",
                json!({"TargetGroupArn": "arn:tg"}),
                json!({"TargetHealthDescriptions": [{"Target": {"Id": "i-1"}}]}),
            ),
            read(
                "other",
                json!({}),
                json!({"Things": [{"ThingId": "t-1", "InstanceId": "i-2"}]}),
            ),
        ];
        let mut resource = resource("arn:aws:ec2:us-east-1:123456789012:instance/i-1");
        relate(&mut resource, &reads);
        let told: Vec<String> = resource
            .related
            .iter()
            .map(|one| format!("{} {}", one.by, one.name))
            .collect();
        assert_eq!(
            told,
            [
                "asg:Read AutoScalingGroupName=web",
                "eni:Read NetworkInterfaceId=eni-1",
                "elb:Read TargetGroupArn=arn:tg"
            ]
        );
        assert_eq!(
            (resource.account.as_str(), resource.region.as_str()),
            ("123456789012", "us-east-1")
        );
    }
}
