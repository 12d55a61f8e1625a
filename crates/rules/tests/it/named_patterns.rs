//! The three patterns of the product's main job, on events shaped like real ones.

use super::matches;
use rules::{Event, Matcher, Pattern};

const ROOT: &str = r#"{"detail-type":["AWS API Call via CloudTrail","AWS Console Sign In via CloudTrail"],"detail":{"userIdentity":{"type":["Root"]}}}"#;
const CONFIG: &str = r#"{"source":["aws.config"],"detail-type":["Config Rules Compliance Change"],"detail":{"messageType":["ComplianceChangeNotification"],"configRuleName":["s3-bucket-public-write-prohibited"],"newEvaluationResult":{"complianceType":["NON_COMPLIANT"]}}}"#;

fn severities() -> String {
    let list: Vec<String> = std::iter::once("7".to_owned())
        .chain((70..90).map(|tenth| format!("{}.{}", tenth / 10, tenth % 10)))
        .collect();
    let list = list.join(",");
    format!(
        r#"{{"source":["aws.guardduty"],"detail-type":["GuardDuty Finding"],"detail":{{"severity":[{list}]}}}}"#
    )
}

fn envelope(source: &str, detail_type: &str, detail: &str) -> String {
    format!(
        r#"{{"version":"0","id":"6a7e8feb-b491-4cf7-a9f1-bf3703467718","detail-type":"{detail_type}","source":"{source}","account":"111122223333","time":"2026-01-05T17:48:16Z","region":"eu-west-1","resources":[],"detail":{detail}}}"#
    )
}

fn root_event(kind: &str) -> String {
    let detail = format!(
        r#"{{"eventVersion":"1.08","userIdentity":{{"type":"{kind}","principalId":"111122223333","arn":"arn:aws:iam::111122223333:root","accountId":"111122223333"}},"eventSource":"signin.amazonaws.com","eventName":"ConsoleLogin","sourceIPAddress":"198.51.100.7","requestParameters":null,"responseElements":{{"ConsoleLogin":"Success"}},"additionalEventData":{{"MFAUsed":"No"}}}}"#
    );
    envelope("aws.signin", "AWS Console Sign In via CloudTrail", &detail)
}

fn finding(severity: &str) -> String {
    let detail = format!(
        r#"{{"schemaVersion":"2.0","accountId":"111122223333","region":"eu-west-1","type":"UnauthorizedAccess:EC2/TorClient","resource":{{"resourceType":"Instance","instanceDetails":{{"instanceId":"i-0a1b2c3d4e5f60718","tags":[{{"key":"Name","value":"web"}}],"networkInterfaces":[{{"privateIpAddress":"10.0.0.23","securityGroups":[{{"groupId":"sg-1"}}]}}]}}}},"service":{{"count":3,"archived":false}},"severity":{severity},"title":"Tor"}}"#
    );
    envelope("aws.guardduty", "GuardDuty Finding", &detail)
}

fn compliance(kind: &str) -> String {
    let detail = format!(
        r#"{{"resourceId":"bucket-1","awsRegion":"eu-west-1","awsAccountId":"111122223333","configRuleName":"s3-bucket-public-write-prohibited","recordVersion":"1.0","configRuleARN":"arn:aws:config:eu-west-1:111122223333:config-rule/config-rule-abc","messageType":"ComplianceChangeNotification","newEvaluationResult":{{"complianceType":"{kind}","resultRecordedTime":"2026-01-05T17:48:16Z"}},"oldEvaluationResult":null,"resourceType":"AWS::S3::Bucket"}}"#
    );
    envelope("aws.config", "Config Rules Compliance Change", &detail)
}

#[test]
fn root_activity() {
    assert!(matches(ROOT, &root_event("Root")));
    assert!(!matches(ROOT, &root_event("IAMUser")));
    assert!(!matches(ROOT, &finding("8")));
}

#[test]
fn guardduty_severity() {
    let pattern = severities();
    for severity in ["7", "7.0", "7.00", "7.1", "8", "8.0", "8.9"] {
        assert!(matches(&pattern, &finding(severity)), "{severity}");
    }
    for severity in ["6.9", "9", "9.0", "7.15", "\"8\"", "null"] {
        assert!(!matches(&pattern, &finding(severity)), "{severity}");
    }
}

#[test]
fn config_compliance() {
    assert!(matches(CONFIG, &compliance("NON_COMPLIANT")));
    assert!(!matches(CONFIG, &compliance("COMPLIANT")));
}

#[test]
fn all_three_in_one_matcher() {
    let matcher = Matcher::new();
    matcher.insert("root", Pattern::parse(ROOT).unwrap());
    matcher.insert("guardduty", Pattern::parse(&severities()).unwrap());
    matcher.insert("config", Pattern::parse(CONFIG).unwrap());
    let matching = |text: String| matcher.matching(&Event::parse(&text).unwrap());
    assert_eq!(matching(root_event("Root")), ["root"]);
    assert_eq!(matching(finding("8.5")), ["guardduty"]);
    assert_eq!(matching(compliance("NON_COMPLIANT")), ["config"]);
    assert!(matching(compliance("COMPLIANT")).is_empty());
}
