//! AWS's own events, records and alarms.

use intake::decode::Kind;
use serde_json::json;

use super::{auto, detail, event, in_format, one, refusal};

const EVENT: &str = r#"{"version":"0","id":"0d6ba9cb-71b5-4f4f-8f1a-2b0f55a4a111","detail-type":"GuardDuty Finding",
  "source":"aws.guardduty","account":"123456789012","time":"2026-03-01T10:00:00Z","region":"eu-west-1",
  "resources":["arn:aws:ec2:eu-west-1:123456789012:instance/i-1"],
  "detail":{ "severity" : 8.0, "n":1e2, "title":"Caf\u00e9", "twice":1, "twice":2 }}"#;

#[test]
fn an_event_keeps_its_envelope_and_the_letters_of_its_detail() {
    let signal = one(EVENT);
    assert_eq!(
        signal.id.to_string(),
        "0d6ba9cb-71b5-4f4f-8f1a-2b0f55a4a111"
    );
    assert!(signal.own_id && signal.speaks_for_aws() && signal.notes.is_empty());
    assert_eq!(signal.kind, Kind::EventBridge);
    assert_eq!(signal.source, "aws.guardduty");
    assert_eq!(signal.detail_type, "GuardDuty Finding");
    assert_eq!(
        signal.detail,
        r#"{ "severity" : 8.0, "n":1e2, "title":"Caf\u00e9", "twice":1, "twice":2 }"#
    );
    assert_eq!(signal.time.unwrap().to_string(), "2026-03-01T10:00:00Z");
    assert_eq!(signal.account.as_deref(), Some("123456789012"));
    assert_eq!(signal.region.as_deref(), Some("eu-west-1"));
    assert_eq!(
        signal.resources,
        ["arn:aws:ec2:eu-west-1:123456789012:instance/i-1"]
    );
    event(&signal);
    assert_eq!(in_format("eventbridge", EVENT).unwrap(), [signal]);
}

#[test]
fn what_is_odd_in_an_envelope_is_told() {
    let signal = one(
        r#"{"detail-type":"t","source":"s","id":"not a uuid","account":"12","region":"Europe","time":"soon","detail":{}}"#,
    );
    assert_eq!(
        signal.id,
        one(r#"{"detail-type":"t","source":"s","id":"not a uuid","detail":{"other":1}}"#).id
    );
    assert_eq!(
        (signal.account, signal.region, signal.time),
        (None, None, None)
    );
    let notes = signal.notes.join("; ");
    for part in [
        "no UUID",
        "time could not be read",
        "`12` is no account",
        "`Europe` is no region",
    ] {
        assert!(notes.contains(part), "{notes}");
    }
}

#[test]
fn an_event_that_is_none_is_refused_or_kept() {
    for (body, reason) in [
        (
            r#"{"source":"s","detail":{}}"#,
            "`body` has no `detail-type`, which the format `eventbridge` needs; send it, or choose another format",
        ),
        (
            r#"{"detail-type":"t","source":"s","detail":"text"}"#,
            "`body` has a `detail` that is not an object; send an object",
        ),
        (
            r#"{"detail-type":"t","source":"s","source":"aws.s3","detail":{}}"#,
            "`body` names `source` twice; send every member once",
        ),
        (
            r#"{"detail-type":"","source":"s","detail":{}}"#,
            "`body` has a `detail-type` that is not a string that is not empty; send a string that is not empty",
        ),
    ] {
        assert_eq!(refusal("eventbridge", body), reason);
    }
    let kept = one(r#"{"detail-type":"t","source":"s","detail":"text"}"#);
    assert_eq!(kept.kind, Kind::Unrecognized);
    assert!(kept.notes[0].starts_with("looks like `eventbridge`, but `body` has a `detail`"));
}

const TRAIL: &str = r#"{"eventVersion":"1.09","userIdentity":{"type":"Root","accountId":"123456789012"},
  "eventTime":"2026-03-01T10:00:00Z","eventSource":"ec2.amazonaws.com","eventName":"StopInstances",
  "awsRegion":"eu-west-1","eventID":"7f4d5a0e-0000-4000-8000-1234567890ab","eventType":"AwsApiCall",
  "recipientAccountId":"210987654321","requestParameters":{"x":1.0},
  "resources":[{"ARN":"arn:aws:ec2:eu-west-1:210987654321:instance/i-1"},{"type":"x"}]}"#;

#[test]
fn a_trail_record_is_the_event_that_eventbridge_would_send() {
    let signal = one(TRAIL);
    assert_eq!(signal.kind, Kind::CloudTrail);
    assert_eq!(
        (signal.source.as_str(), signal.detail_type.as_str()),
        ("aws.ec2", "AWS API Call via CloudTrail")
    );
    assert_eq!(signal.detail, TRAIL);
    assert_eq!(signal.account.as_deref(), Some("210987654321"));
    assert_eq!(
        signal.resources,
        ["arn:aws:ec2:eu-west-1:210987654321:instance/i-1"]
    );
    assert!(signal.own_id);
    event(&signal);
    for (kind, source, detail_type) in [
        (
            "AwsConsoleSignIn",
            "aws.signin",
            "AWS Console Sign In via CloudTrail",
        ),
        (
            "AwsServiceEvent",
            "aws.ec2",
            "AWS Service Event via CloudTrail",
        ),
        (
            "AwsCloudTrailInsight",
            "aws.cloudtrail",
            "AWS Insight via CloudTrail",
        ),
    ] {
        let signal = one(&TRAIL.replace("AwsApiCall", kind));
        assert_eq!(
            (signal.source.as_str(), signal.detail_type.as_str()),
            (source, detail_type)
        );
    }
}

#[test]
fn a_trail_file_gives_each_of_its_records() {
    let other = TRAIL.replace("7f4d", "8f4d");
    let file = format!("{{\"Records\":[{TRAIL},{other}]}}");
    let signals = auto(&file).unwrap();
    assert_eq!(signals.len(), 2);
    assert_eq!(
        signals[0].id,
        one(TRAIL).id,
        "a record is the same in a file and alone"
    );
    assert_ne!(signals[0].id, signals[1].id);
    assert_eq!(
        signals[0]
            .layers
            .iter()
            .map(|layer| layer.word())
            .collect::<Vec<_>>(),
        ["cloudtrail-file"]
    );
    assert_eq!(in_format("cloudtrail", &file).unwrap(), signals);
}

/// One alarm by its two other ways.
const NOTIFIED: &str = r#"{"AlarmName":"cpu","AlarmDescription":"CPU is high","AWSAccountId":"123456789012",
  "NewStateValue":"ALARM","NewStateReason":"Threshold Crossed","StateChangeTime":"2026-03-01T10:00:00.500+0000",
  "Region":"EU (Ireland)","AlarmArn":"arn:aws:cloudwatch:eu-west-1:123456789012:alarm:cpu","OldStateValue":"OK",
  "AlarmActions":["arn:aws:sns:eu-west-1:123456789012:ops"],
  "Trigger":{"MetricName":"CPUUtilization","Namespace":"AWS/EC2","StatisticType":"Statistic","Statistic":"AVERAGE",
  "Unit":null,"Dimensions":[{"value":"i-1","name":"InstanceId"}],"Period":60,"EvaluationPeriods":1,
  "ComparisonOperator":"GreaterThanThreshold","Threshold":80.0}}"#;
const DIRECT: &str = r#"{"source":"aws.cloudwatch","alarmArn":"arn:aws:cloudwatch:eu-west-1:123456789012:alarm:cpu",
  "accountId":"123456789012","time":"2026-03-01T10:00:01.000+0000","region":"eu-west-1","alarmData":{"alarmName":"cpu",
  "state":{"value":"ALARM","reason":"Threshold Crossed","timestamp":"2026-03-01T10:00:00.500+0000"},
  "previousState":{"value":"OK"},"configuration":{"description":"CPU is high","metrics":[{"id":"m1","metricStat":
  {"metric":{"namespace":"AWS/EC2","name":"CPUUtilization","dimensions":{"InstanceId":"i-1"}},"period":60,"stat":"Average"},
  "returnData":true}]}}}"#;

#[test]
fn an_alarm_has_one_shape_by_every_way() {
    let (notified, direct) = (one(NOTIFIED), one(DIRECT));
    for signal in [&notified, &direct] {
        assert_eq!(signal.kind, Kind::Alarm);
        assert_eq!(signal.source, "aws.cloudwatch");
        assert_eq!(signal.detail_type, "CloudWatch Alarm State Change");
        assert_eq!(
            signal.resources,
            ["arn:aws:cloudwatch:eu-west-1:123456789012:alarm:cpu"]
        );
        assert_eq!(signal.account.as_deref(), Some("123456789012"));
        assert_eq!(signal.region.as_deref(), Some("eu-west-1"));
        assert!(signal.notes.is_empty(), "{:?}", signal.notes);
        let event = event(signal);
        assert_eq!(event["detail"]["alarmName"], "cpu");
        assert_eq!(event["detail"]["state"]["value"], "ALARM");
        assert_eq!(
            event["detail"]["state"]["timestamp"],
            "2026-03-01T10:00:00.500+0000"
        );
        assert_eq!(event["detail"]["previousState"]["value"], "OK");
        assert_eq!(
            event["detail"]["configuration"]["description"],
            "CPU is high"
        );
        let stat = &event["detail"]["configuration"]["metrics"][0]["metricStat"];
        assert_eq!(
            *stat,
            json!({"metric": {"namespace": "AWS/EC2", "name": "CPUUtilization", "dimensions": {"InstanceId": "i-1"}},
                   "period": 60, "stat": "Average"})
        );
    }
    assert_eq!(
        notified.id, direct.id,
        "one change of one alarm is one signal of a source"
    );
    assert_eq!(notified.time.unwrap().to_string(), "2026-03-01T10:00:00.5Z");
    let sent = detail(&notified);
    assert_eq!(
        sent["trigger"]["Threshold"],
        json!(80.0),
        "what only the notification knows is kept"
    );
    assert_ne!(
        one(&NOTIFIED.replace("\"ALARM\"", "\"OK\"")).id,
        notified.id
    );
    assert_eq!(in_format("cloudwatch-alarm", DIRECT).unwrap(), [direct]);
}

#[test]
fn an_alarm_of_several_metrics_and_a_composite_one() {
    let metrics = r#""Metrics":[{"Expression":"m1*1","Id":"e1","Label":"twice","ReturnData":true},
      {"Id":"m1","MetricStat":{"Metric":{"Dimensions":[],"MetricName":"NetworkOut","Namespace":"AWS/EC2"},
      "Period":60,"Stat":"p99","Unit":"Bytes"},"ReturnData":false}]"#;
    let several = NOTIFIED.replace(r#""MetricName":"CPUUtilization""#, metrics);
    assert_eq!(
        detail(&one(&several))["configuration"]["metrics"],
        json!([
            {"id": "e1", "expression": "m1*1", "label": "twice", "returnData": true},
            {"id": "m1", "metricStat": {"metric": {"namespace": "AWS/EC2", "name": "NetworkOut", "dimensions": {}},
             "period": 60, "stat": "p99", "unit": "Bytes"}, "returnData": false},
        ])
    );
    let composite = one(
        r#"{"AlarmName":"all","NewStateValue":"OK","OldStateValue":"ALARM","AlarmRule":"ALARM(cpu)",
            "StateChangeTime":"2026-03-01T10:00:00.000+0000",
            "AlarmArn":"arn:aws:cloudwatch:eu-west-1:123456789012:alarm:all"}"#,
    );
    assert_eq!(
        detail(&composite)["configuration"],
        json!({"alarmRule": "ALARM(cpu)"})
    );
    assert_eq!(detail(&composite)["state"]["value"], "OK");
}

#[test]
fn an_alarm_that_lacks_its_state_is_refused() {
    assert_eq!(
        refusal(
            "cloudwatch-alarm",
            r#"{"alarmArn":"a","alarmData":{"alarmName":"x"}}"#
        ),
        "`body.alarmData.state` has no `value`, which the format `cloudwatch-alarm` needs; send it, or choose another format"
    );
}

#[test]
fn a_config_rule_has_its_strings_opened_and_no_token() {
    let item = json!({"configurationItem": {"resourceType": "AWS::S3::Bucket", "resourceId": "b", "awsRegion": "eu-west-1",
        "ARN": "arn:aws:s3:::b", "awsAccountId": "123456789012"}, "messageType": "ConfigurationItemChangeNotification",
        "notificationCreationTime": "2026-03-01T10:00:00.000Z"});
    let body = json!({"version": "1.0", "invokingEvent": item.to_string(), "ruleParameters": "{\"max\":1}",
        "resultToken": "may-answer-for-the-rule", "configRuleName": "no-public",
        "configRuleArn": "arn:aws:config:eu-west-1:123456789012:config-rule/config-rule-1", "accountId": "123456789012"});
    let signal = one(&body.to_string());
    assert_eq!(signal.kind, Kind::ConfigRule);
    assert_eq!(
        (signal.source.as_str(), signal.detail_type.as_str()),
        ("aws.config", "Config Rule Invocation")
    );
    let detail = detail(&signal);
    assert_eq!(detail["invokingEvent"], item);
    assert_eq!(detail["ruleParameters"], json!({"max": 1}));
    assert_eq!(detail["resourceType"], "AWS::S3::Bucket");
    assert_eq!(detail["resourceId"], "b");
    assert!(!signal.detail.contains("may-answer"));
    assert_eq!(signal.notes, ["the rule's `resultToken` was left out"]);
    assert_eq!(signal.resources[0], "arn:aws:s3:::b");
    assert_eq!(signal.time.unwrap().to_string(), "2026-03-01T10:00:00Z");
    assert_eq!(
        refusal(
            "config-rule",
            r#"{"configRuleName":"r","invokingEvent":"no object"}"#
        ),
        "`body` has a `invokingEvent` that is not a JSON object as a string; send a JSON object as a string"
    );
}
