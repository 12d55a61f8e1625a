//! What an event is about: the primary resource of a finding, and the facts that runbooks ask for.
//!
//! Formats: GuardDuty (camelCase as in events, PascalCase as in `GetFindings`), Security Hub (ASFF and OCSF), AWS Config
//! rule changes, CloudTrail calls, CloudWatch alarms, AWS Health. Anything else: the envelope's `resources[0]`.

use std::net::IpAddr;

use model::arn::Arn;
use serde_json::Value;

use super::scalar;

/// The resource that an event is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Primary {
    /// Its own id: `i-0abc...`, a bucket's name, an access key's id.
    pub id: String,
    /// Its type in the source's words.
    pub kind: Option<String>,
    /// Its ARN, where one is known or can be built.
    pub arn: Option<String>,
}

impl Primary {
    /// `id`, `type` or `arn`.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<String> {
        match name {
            "id" => Some(self.id.clone()),
            "type" => self.kind.clone(),
            "arn" => self.arn.clone(),
            _ => None,
        }
    }

    fn named(id: Option<&str>, kind: &str, arn: Option<String>) -> Option<Self> {
        let id = id.filter(|id| !id.is_empty())?.to_owned();
        Some(Self {
            id,
            kind: Some(kind.to_owned()).filter(|kind| !kind.is_empty()),
            arn,
        })
    }
}

/// A member by name; the first letter may be of the other case.
fn get<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let members = value.as_object()?;
    if let Some(value) = members.get(name) {
        return Some(value);
    }
    let first = name.chars().next()?;
    let rest = name.get(first.len_utf8()..)?;
    let other = if first.is_ascii_lowercase() {
        first.to_ascii_uppercase()
    } else {
        first.to_ascii_lowercase()
    };
    members.get(&format!("{other}{rest}"))
}

/// The value at a path such as `detail.findings[0].Id` or `resources.0`; at most 32 steps.
pub(crate) fn at<'a>(root: &'a Value, path: &str) -> Option<&'a Value> {
    let mut value = root;
    for (count, step) in path.split('.').enumerate() {
        if count >= 32 {
            return None;
        }
        let (name, indexes) = step
            .split_once('[')
            .map_or((step, ""), |(name, rest)| (name, rest));
        if !name.is_empty() {
            value = match value {
                Value::Array(items) => items.get(name.parse::<usize>().ok()?)?,
                _ => get(value, name)?,
            };
        }
        for index in indexes.split('[').filter(|index| !index.is_empty()) {
            value = value.get(index.strip_suffix(']')?.parse::<usize>().ok()?)?;
        }
    }
    Some(value)
}

fn text<'a>(root: &'a Value, path: &str) -> Option<&'a str> {
    at(root, path)?.as_str().filter(|text| !text.is_empty())
}

/// The resource that an event is about.
#[must_use]
pub fn primary(event: &Value) -> Option<Primary> {
    let detail = event.get("detail")?;
    let found = if at(detail, "resource.resourceType").is_some() {
        guardduty(event, detail)
    } else if at(detail, "findings[0]").is_some() {
        security_hub(detail)
    } else if at(detail, "configRuleName").is_some() || at(detail, "newEvaluationResult").is_some()
    {
        config(event, detail)
    } else if at(detail, "eventSource").is_some() {
        cloudtrail(detail)
    } else if at(detail, "alarmName").is_some() {
        alarm(event, detail)
    } else {
        health(detail)
    };
    found.or_else(|| enveloped(event))
}

fn enveloped(event: &Value) -> Option<Primary> {
    let arn = text(event, "resources[0]")?;
    Primary::named(Some(arn), "", Arn::parse(arn).map(|arn| arn.to_string()))
}

fn guardduty(event: &Value, detail: &Value) -> Option<Primary> {
    let resource = at(detail, "resource")?;
    let kind = text(resource, "resourceType")?;
    let own = |path: &str| text(resource, path);
    let arn = |path: &str| text(resource, path).map(str::to_owned);
    match kind {
        "Instance" => {
            let id = own("instanceDetails.instanceId");
            Primary::named(id, kind, id.and_then(|id| instance_arn(event, detail, id)))
        }
        "AccessKey" => {
            let id =
                own("accessKeyDetails.accessKeyId").or_else(|| own("accessKeyDetails.userName"));
            let user = own("accessKeyDetails.userName")
                .filter(|_| own("accessKeyDetails.userType") == Some("IAMUser"));
            let account = text(detail, "accountId").or_else(|| text(event, "account"));
            let arn = user
                .zip(account)
                .map(|(user, account)| format!("arn:aws:iam::{account}:user/{user}"));
            Primary::named(id, kind, arn)
        }
        "S3Bucket" | "S3Object" => Primary::named(
            own("s3BucketDetails[0].name"),
            kind,
            arn("s3BucketDetails[0].arn"),
        ),
        "EKSCluster" | "KubernetesCluster" => Primary::named(
            own("eksClusterDetails.name"),
            kind,
            arn("eksClusterDetails.arn"),
        ),
        "ECSCluster" => Primary::named(
            own("ecsClusterDetails.name"),
            kind,
            arn("ecsClusterDetails.arn"),
        ),
        "Container" => Primary::named(own("containerDetails.id"), kind, None),
        "RDSDBInstance" => Primary::named(
            own("rdsDbInstanceDetails.dbInstanceIdentifier"),
            kind,
            arn("rdsDbInstanceDetails.dbInstanceArn"),
        ),
        "Lambda" => Primary::named(
            own("lambdaDetails.functionName"),
            kind,
            arn("lambdaDetails.functionArn"),
        ),
        _ => None,
    }
}

fn instance_arn(event: &Value, detail: &Value, id: &str) -> Option<String> {
    let partition = text(detail, "partition").unwrap_or("aws");
    let region = text(detail, "region").or_else(|| text(event, "region"))?;
    let account = text(detail, "accountId").or_else(|| text(event, "account"))?;
    Some(format!(
        "arn:{partition}:ec2:{region}:{account}:instance/{id}"
    ))
}

fn security_hub(detail: &Value) -> Option<Primary> {
    let resource = at(detail, "findings[0].resources[0]")?;
    let id = text(resource, "Id")
        .or_else(|| text(resource, "uid_alt"))
        .or_else(|| text(resource, "uid"))?;
    let kind = text(resource, "Type").unwrap_or_default();
    let arn = Arn::parse(id);
    // A runbook wants the instance's id, which is the tail of its ARN.
    let own = match (&arn, kind) {
        (Some(arn), "AwsEc2Instance" | "AWS::EC2::Instance") => arn.tail("instance").unwrap_or(id),
        _ => id,
    };
    Primary::named(Some(own), kind, arn.as_ref().map(ToString::to_string))
}

fn config(event: &Value, detail: &Value) -> Option<Primary> {
    let id = text(detail, "resourceId")?;
    let kind = text(detail, "resourceType").unwrap_or_default();
    let arn = match kind {
        "AWS::S3::Bucket" => Some(format!("arn:aws:s3:::{id}")),
        "AWS::EC2::Instance" => {
            let region = text(detail, "awsRegion").or_else(|| text(event, "region"))?;
            let account = text(detail, "awsAccountId").or_else(|| text(event, "account"))?;
            Some(format!("arn:aws:ec2:{region}:{account}:instance/{id}"))
        }
        _ => Arn::parse(id).map(|arn| arn.to_string()),
    };
    Primary::named(Some(id), kind, arn)
}

fn cloudtrail(detail: &Value) -> Option<Primary> {
    if let Some(arn) = text(detail, "resources[0].ARN") {
        return Primary::named(
            Some(arn),
            text(detail, "resources[0].type").unwrap_or_default(),
            Some(arn.to_owned()),
        );
    }
    let names = [
        "bucketName",
        "instanceId",
        "instancesSet.items[0].instanceId",
        "userName",
        "roleName",
        "functionName",
        "groupId",
        "dBInstanceIdentifier",
        "keyId",
        "name",
    ];
    let asked = names
        .iter()
        .find_map(|name| Some((name, text(detail, &format!("requestParameters.{name}"))?)));
    if let Some((name, id)) = asked {
        return Primary::named(Some(id), name.rsplit('.').next().unwrap_or(name), None);
    }
    let arn = text(detail, "userIdentity.arn")?;
    Primary::named(
        Some(arn),
        text(detail, "userIdentity.type").unwrap_or_default(),
        Some(arn.to_owned()),
    )
}

fn alarm(event: &Value, detail: &Value) -> Option<Primary> {
    let metrics = at(detail, "configuration.metrics")?.as_array()?;
    let names = [
        "InstanceId",
        "DBInstanceIdentifier",
        "DBClusterIdentifier",
        "FunctionName",
        "BucketName",
        "TableName",
    ];
    let mut found = metrics.iter().take(100).find_map(|metric| {
        let dimensions = at(metric, "metricStat.metric.dimensions")?;
        names
            .iter()
            .find_map(|name| Primary::named(text(dimensions, name), name, None))
    })?;
    let ends = |arn: &String| arn.rsplit([':', '/']).next() == Some(found.id.as_str());
    found.arn = super::alarm::resources(event).into_iter().find(ends);
    Some(found)
}

fn health(detail: &Value) -> Option<Primary> {
    let entity = text(detail, "affectedEntities[0].entityValue")?;
    Primary::named(
        Some(entity),
        "",
        Arn::parse(entity).map(|arn| arn.to_string()),
    )
}

/// `type`, `title`, `id`, `severity` or `remote_ip` of the finding that an event carries.
#[must_use]
pub fn finding(event: &Value, name: &str) -> Option<String> {
    let detail = event.get("detail")?;
    let finding = at(detail, "findings[0]").unwrap_or(detail);
    let first = |paths: &[&str]| paths.iter().find_map(|path| scalar(at(finding, path)?));
    match name {
        "remote_ip" => remote_ip(finding).or_else(|| remote_ip(detail)),
        "type" => first(&[
            "type",
            "Types[0]",
            "eventName",
            "configRuleName",
            "alarmName",
            "eventTypeCode",
        ]),
        "title" => first(&[
            "title",
            "finding_info.title",
            "eventName",
            "configRuleName",
            "alarmName",
            "eventTypeCode",
        ]),
        "id" => first(&["id", "finding_info.uid", "eventID", "eventArn"]),
        "severity" => first(&["severity.Label", "severity", "severity_id"]),
        _ => None,
    }
}

/// The attacker's address: `action.*.remoteIpDetails.ipAddressV4` and its kin. Only a real address is given.
fn remote_ip(finding: &Value) -> Option<String> {
    let action = at(finding, "service.action").or_else(|| at(finding, "action"));
    let kinds = action
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(|action| action.values().take(32));
    let mut places: Vec<&Value> = Vec::new();
    for kind in kinds {
        places.extend(at(kind, "remoteIpDetails"));
        places.extend(at(kind, "portProbeDetails[0].remoteIpDetails"));
    }
    let listed = places
        .iter()
        .find_map(|place| text(place, "ipAddressV4").or_else(|| text(place, "ipAddressV6")));
    let found = listed
        .or_else(|| text(finding, "Network.SourceIpV4"))
        .or_else(|| text(finding, "sourceIPAddress"))
        .or_else(|| text(finding, "evidences[0].src_endpoint.ip"))?;
    found
        .parse::<IpAddr>()
        .ok()
        .map(|address| address.to_string())
}

/// When the cause happened, as the event tells: `service.eventFirstSeen`, `FirstObservedAt`, `eventTime` or the
/// envelope's `time`, as text.
#[must_use]
pub fn first_seen(event: &Value) -> Option<&str> {
    let paths = [
        "detail.service.eventFirstSeen",
        "detail.findings[0].FirstObservedAt",
        "detail.findings[0].CreatedAt",
        "detail.eventTime",
        "detail.state.timestamp",
        "time",
    ];
    paths.iter().find_map(|path| text(event, path))
}
