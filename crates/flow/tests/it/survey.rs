//! What documents may do, told without running them.

use std::collections::BTreeMap;

use flow::automation::document::{Format, parse};
use flow::automation::survey::{Known, Survey, survey};
use serde_json::json;

fn look(steps: &str, known: &Known) -> Survey {
    let text = format!(
        "schemaVersion: '0.3'\nparameters:\n  InstanceId: {{type: String, allowedPattern: '^i-[a-f0-9]+$'}}\n  Bucket: {{type: 'AWS::S3::Bucket::Name'}}\n  Ids: {{type: StringList}}\n  From: {{type: String, default: '{{{{ssm:/a/b}}}}'}}\nmainSteps:\n{steps}"
    );
    let (document, diagnostics) = parse(&text, Format::Yaml);
    survey(
        &document.unwrap_or_else(|| panic!("{diagnostics:?}")),
        known,
    )
}

fn told(survey: &Survey) -> Vec<String> {
    survey
        .calls
        .iter()
        .map(|call| {
            format!(
                "{} {}:{} {}",
                call.step, call.service, call.operation, call.params
            )
        })
        .collect()
}

#[test]
fn each_action_tells_its_calls() {
    let steps = r#"
  - {name: A, action: 'aws:executeAwsApi', inputs: {Service: s3, Api: GetBucketAcl, Bucket: '{{ Bucket }}', Prefix: 'x/{{ Bucket }}/y'}}
  - {name: B, action: 'aws:changeInstanceState', inputs: {InstanceIds: ['{{ InstanceId }}'], DesiredState: stopped}}
  - {name: C, action: 'aws:createTags', inputs: {ResourceIds: '{{ Ids }}', Tags: [{Key: a, Value: b}]}}
  - {name: D, action: 'aws:approve', inputs: {Approvers: [me], NotificationArn: 'arn:aws:sns:eu-west-1:123456789012:Automation-x'}}
  - {name: E, action: 'aws:sleep', inputs: {Duration: PT1S}}
"#;
    let found = look(steps, &Known::default());
    let expected = [
        r#" ssm:GetParameter {"Name":"/a/b"}"#,
        r#"A s3:GetBucketAcl {"Bucket":"*","Prefix":"x/*/y"}"#,
        r#"B ec2:StopInstances {"InstanceIds":["i-*"]}"#,
        r#"B ec2:DescribeInstances {"InstanceIds":["i-*"]}"#,
        r#"C ec2:CreateTags {"Resources":"*","Tags":[{"Key":"a","Value":"b"}]}"#,
        r#"D sns:Publish {"TopicArn":"arn:aws:sns:eu-west-1:123456789012:Automation-x"}"#,
    ];
    assert_eq!(told(&found), expected);
    assert!(found.unknown.is_empty(), "{:?}", found.unknown);
    let undoing = Survey {
        calls: found.undoing(),
        ..Survey::default()
    };
    let expected = [
        r#"B ec2:StartInstances {"InstanceIds":["i-*"]}"#,
        r#"B ec2:StopInstances {"InstanceIds":["i-*"]}"#,
        r#"B ec2:DescribeInstances {"InstanceIds":["i-*"]}"#,
        r#"C ec2:CreateTags {"Resources":"*","Tags":[{"Key":"a","Value":"b"}]}"#,
        r#"C ec2:DeleteTags {"Resources":"*","Tags":[{"Key":"a","Value":"b"}]}"#,
        r#"C ec2:DescribeTags {"Filters":[{"Name":"resource-id","Values":["*"]}]}"#,
    ];
    assert_eq!(told(&undoing), expected);
}

#[test]
fn given_values_are_used() {
    let known = Known {
        parameters: BTreeMap::from([
            ("Ids".to_owned(), vec!["i-1".to_owned(), "i-2".to_owned()]),
            ("From".to_owned(), vec!["x".to_owned()]),
        ]),
        account: Some("123456789012".to_owned()),
        region: None,
    };
    let steps = "  - {name: A, action: 'aws:executeAwsApi', inputs: {Service: s3control, Api: GetPublicAccessBlock, AccountId: '{{ global:ACCOUNT_ID }}', List: ['{{ Ids }}'], R: '{{global:REGION}}'}}\n";
    let found = look(steps, &known);
    let expected = json!({"AccountId": "123456789012", "List": ["i-1", "i-2"], "R": "*"});
    let params: Vec<_> = found.calls.iter().map(|call| &call.params).collect();
    assert_eq!(params, [&expected]);
}

#[test]
fn what_cannot_be_told_is_said() {
    let steps = "  - {name: A, action: 'aws:executeAwsApi', inputs: {Service: s3, Api: '{{ InstanceId }}'}}\n  - {name: B, action: 'aws:executeScript', inputs: {Runtime: python3.11, Handler: f, Script: 'def f(e, c): pass'}}\n";
    let found = look(steps, &Known::default());
    let unknown: Vec<&str> = found
        .unknown
        .iter()
        .map(|(step, _)| step.as_str())
        .collect();
    assert_eq!(unknown, ["A"]);
    assert_eq!(found.scripts.len(), 1);
}
