//! Which resources an event is about.

use std::collections::BTreeSet;

use response::template::{self, Facts, resource};
use serde_json::{Value, json};

use super::super::world::{Desk, response_plan};
use super::{event, key, keyed, trigger};

/// `(detail, id, type, arn)`.
fn shapes() -> Vec<(
    Value,
    &'static str,
    Option<&'static str>,
    Option<&'static str>,
)> {
    let instance = Some("arn:aws:ec2:eu-west-1:111122223333:instance/i-1");
    vec![
        (
            json!({ "Resource": { "ResourceType": "Instance", "InstanceDetails": { "InstanceId": "i-1" } } }),
            "i-1",
            Some("Instance"),
            instance,
        ),
        (
            json!({ "resource": { "resourceType": "S3Bucket", "s3BucketDetails": [{ "name": "b", "arn": "arn:aws:s3:::b" }] } }),
            "b",
            Some("S3Bucket"),
            Some("arn:aws:s3:::b"),
        ),
        (
            json!({ "resource": { "resourceType": "AccessKey",
                    "accessKeyDetails": { "accessKeyId": "AKIA1", "userName": "ana", "userType": "IAMUser" } } }),
            "AKIA1",
            Some("AccessKey"),
            Some("arn:aws:iam::111122223333:user/ana"),
        ),
        (
            json!({ "findings": [{ "Resources": [{ "Type": "AwsEc2Instance",
                    "Id": "arn:aws:ec2:eu-west-1:111122223333:instance/i-1" }] }] }),
            "i-1",
            Some("AwsEc2Instance"),
            instance,
        ),
        (
            json!({ "configRuleName": "s3-bucket-public-write-prohibited", "resourceType": "AWS::S3::Bucket", "resourceId": "b" }),
            "b",
            Some("AWS::S3::Bucket"),
            Some("arn:aws:s3:::b"),
        ),
        (
            json!({ "eventSource": "s3.amazonaws.com", "requestParameters": { "bucketName": "b" } }),
            "b",
            Some("bucketName"),
            None,
        ),
        (
            json!({ "eventSource": "signin.amazonaws.com", "userIdentity": { "type": "Root", "arn": "arn:aws:iam::1:root" } }),
            "arn:aws:iam::1:root",
            Some("Root"),
            Some("arn:aws:iam::1:root"),
        ),
        (
            json!({ "alarmName": "cpu", "configuration": { "metrics": [{ "metricStat": { "metric":
                    { "dimensions": { "InstanceId": "i-1" } } } }] } }),
            "i-1",
            Some("InstanceId"),
            None,
        ),
        (
            json!({ "affectedEntities": [{ "entityValue": "AKIA2" }] }),
            "AKIA2",
            None,
            None,
        ),
        (
            json!({ "resource": { "resourceType": "Novel" } }),
            "arn:aws:s3:::envelope",
            None,
            Some("arn:aws:s3:::envelope"),
        ),
        (
            json!({}),
            "arn:aws:s3:::envelope",
            None,
            Some("arn:aws:s3:::envelope"),
        ),
    ]
}

#[test]
fn the_primary_resource_of_every_known_source() {
    for (detail, id, kind, arn) in shapes() {
        let mut event = event("e", "x", detail.clone());
        event.resources = vec!["arn:aws:s3:::envelope".to_owned()];
        let envelope = serde_json::to_value(&event).expect("JSON");
        let primary = resource::primary(&envelope).unwrap_or_else(|| panic!("{detail}"));
        assert_eq!(
            (
                primary.id.as_str(),
                primary.kind.as_deref(),
                primary.arn.as_deref()
            ),
            (id, kind, arn),
            "{detail}"
        );
    }
}

#[test]
fn remote_addresses_are_addresses() {
    let ip = |detail: Value| resource::finding(&json!({ "detail": detail }), "remote_ip");
    let action = |kind: Value| json!({ "service": { "action": kind } });
    assert_eq!(
        ip(action(
            json!({ "awsApiCallAction": { "remoteIpDetails": { "ipAddressV4": "203.0.113.9" } } })
        ))
        .as_deref(),
        Some("203.0.113.9")
    );
    let probe = json!({ "portProbeAction": { "portProbeDetails": [{ "remoteIpDetails": { "ipAddressV4": "203.0.113.8" } }] } });
    assert_eq!(ip(action(probe)).as_deref(), Some("203.0.113.8"));
    let pascal = json!({ "Service": { "Action": { "NetworkConnectionAction": { "RemoteIpDetails": { "IpAddressV4": "203.0.113.7" } } } } });
    assert_eq!(ip(pascal).as_deref(), Some("203.0.113.7"));
    let asff = json!({ "findings": [{ "Action": { "NetworkConnectionAction": { "RemoteIpDetails": { "IpAddressV4": "203.0.113.6" } } } }] });
    assert_eq!(ip(asff).as_deref(), Some("203.0.113.6"));
    assert_eq!(
        ip(json!({ "eventSource": "x", "sourceIPAddress": "ec2.amazonaws.com" })),
        None
    );
    assert_eq!(
        ip(json!({ "sourceIPAddress": "2001:db8::1" })).as_deref(),
        Some("2001:db8::1")
    );
    assert_eq!(
        ip(action(
            json!({ "a": { "remoteIpDetails": { "ipAddressV4": "1.2.3.4; rm -rf /" } } })
        )),
        None
    );
}

#[test]
fn paths_reach_lists_and_stop_at_nothing() {
    let value = json!({ "detail-type": "T", "a": { "B": [{ "c": 1 }, true] } });
    let facts = Facts {
        event: Some(&value),
        incident: None,
    };
    for (name, expected) in [
        ("event.detail-type", Some("T")),
        ("event.a.b[0].c", Some("1")),
        ("event.a.b.1", Some("true")),
        ("event.a.B[9]", None),
        ("event.a.B[x]", None),
        ("event.a", None),
        ("event.", None),
        ("event", None),
        ("incident.arn", None),
    ] {
        assert_eq!(facts.value(name).ok().as_deref(), expected, "{name}");
    }
    let deep: Vec<&str> = vec!["a"; 5000];
    assert!(facts.value(&format!("event.{}", deep.join("."))).is_err());
    let unique: BTreeSet<_> = ["{{", "}}", "{{}}", "{{ {{ }} }}", "}}{{"]
        .map(template::has_variables)
        .into_iter()
        .collect();
    assert_eq!(unique.len(), 2, "odd braces do no harm");
}

#[test]
fn an_alarm_brings_its_metric_and_the_resources_of_its_dimensions() {
    use model::incident::{ItemType, ItemValue};
    let alarm = "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:cpu";
    let instance = "arn:aws:ec2:eu-west-1:111122223333:instance/i-1";
    let state = |value: &str| {
        let mut event = event(
            "e1",
            "CloudWatch Alarm State Change",
            json!({ "alarmName": "cpu", "state": { "value": value, "timestamp": "2026-03-01T09:58:30.000+0000" },
                    "configuration": { "metrics": [{ "id": "m1", "metricStat": { "metric": { "namespace": "AWS/EC2",
                    "name": "CPUUtilization", "dimensions": { "InstanceId": "i-1" } }, "period": 60, "stat": "Average" },
                    "returnData": true }] } }),
        );
        event.source = "aws.cloudwatch".to_owned();
        event.resources = vec![alarm.to_owned()];
        event
    };
    let firing = trigger(&keyed("{{ resource.arn }}"), &state("ALARM"));
    assert_eq!(firing.involved_resources, [instance, alarm]);
    assert_eq!(firing.detected.to_string(), "2026-03-01T09:58:30Z");
    assert!(key(&firing).starts_with("arn:aws:ec2:eu-west-1:111122223333:instance%2Fi-1#"));
    let desk = Desk::opened(firing);
    let metrics = desk.related(ItemType::Metric);
    assert_eq!(metrics.len(), 1);
    assert_eq!(metrics[0].title.as_deref(), Some("cpu"));
    let ItemValue::MetricDefinition(definition) = &metrics[0].identifier.value else {
        panic!("a definition");
    };
    assert!(definition.contains(r#"["AWS/EC2","CPUUtilization","InstanceId","i-1""#));
    let involved: Vec<_> = desk.related(ItemType::InvolvedResource);
    assert_eq!(involved.len(), 2);
    assert_eq!(
        trigger(&response_plan(), &state("OK")).related_items.len(),
        1,
        "an alarm that is over is an event like another: rules say what it does"
    );
}
