//! The class of every changing operation of the services that responders act on, against a list that was read by a
//! person. A new model or a new rule that moves an operation shows here, to be judged.
//!
//! `QUELL_WRITE_CLASSES=1 cargo test -p aws classes` writes the list anew; read the difference before it is committed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use aws::knowledge::{Mutation, mutation};
use aws::model::catalog;
use serde_json::json;

const LIST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/classes.txt");

const SERVICES: &[&str] = &[
    "accessanalyzer",
    "account",
    "autoscaling",
    "backup",
    "cloudformation",
    "cloudfront",
    "cloudtrail",
    "cloudwatch",
    "cognito-idp",
    "config",
    "detective",
    "dynamodb",
    "ec2",
    "ecr",
    "ecs",
    "eks",
    "elb",
    "elbv2",
    "events",
    "fms",
    "guardduty",
    "iam",
    "identitystore",
    "inspector2",
    "kms",
    "lambda",
    "logs",
    "macie2",
    "network-firewall",
    "organizations",
    "rds",
    "route53",
    "route53resolver",
    "s3",
    "s3control",
    "secretsmanager",
    "securityhub",
    "shield",
    "sns",
    "sqs",
    "ssm",
    "ssm-contacts",
    "ssm-incidents",
    "sso-admin",
    "stepfunctions",
    "sts",
    "wafv2",
];

fn class(service: &str, operation: &str) -> &'static str {
    match mutation(service, operation, &json!({})) {
        Mutation::ReadOnly => "reads",
        Mutation::Idempotent { .. } => "repeats",
        Mutation::Token { .. } => "token",
        // Without parameters a probe has nothing to look for.
        Mutation::Probe(_) | Mutation::None => "asks",
    }
}

fn listed() -> String {
    let mut text = String::from(
        "# Service, class, operations. Reads are left out. Written by the test `classes`; judged by a person.\n",
    );
    for service in SERVICES {
        let model = catalog().service(service).unwrap();
        let mut classes: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for operation in &model.operations {
            classes
                .entry(class(service, operation.name))
                .or_default()
                .push(operation.name);
        }
        classes.remove("reads");
        for (class, operations) in classes {
            writeln!(text, "{service} {class}: {}", operations.join(" ")).unwrap();
        }
    }
    text
}

#[test]
fn classes_are_as_judged() {
    let found = listed();
    if std::env::var_os("QUELL_WRITE_CLASSES").is_some() {
        std::fs::write(Path::new(LIST), &found).unwrap();
    }
    let judged = std::fs::read_to_string(LIST).unwrap();
    for (found, judged) in found.lines().zip(judged.lines()) {
        assert_eq!(
            found, judged,
            "judge the change, then write the list anew: see the head of this file"
        );
    }
    assert_eq!(found.lines().count(), judged.lines().count());
}

/// Of what only sends, starts or runs, nothing is repeated unasked but what was judged here or is marked in its model.
#[test]
fn occurrences_are_not_repeated() {
    const VERBS: [&str; 8] = [
        "Send",
        "Publish",
        "Invoke",
        "Reboot",
        "Start",
        "Run",
        "Execute",
        "PutRecord",
    ];
    // Each of them only switches something on: a second start finds it on. A version of unchanged code is the one that is
    // there. Source: Lambda API reference, PublishVersion.
    const JUDGED: [(&str, &str); 8] = [
        ("cloudtrail", "StartEventDataStoreIngestion"),
        ("cloudwatch", "StartMetricStreams"),
        ("config", "StartConfigurationRecorder"),
        ("detective", "StartMonitoringMember"),
        ("ec2", "StartInstances"),
        ("guardduty", "StartMonitoringMembers"),
        ("lambda", "PublishVersion"),
        ("rds", "StartDBInstance"),
    ];
    let mut found = Vec::new();
    for name in catalog().names() {
        let model = catalog().service(name).unwrap();
        for operation in &model.operations {
            let occurs = VERBS.iter().any(|verb| operation.name.starts_with(verb));
            if occurs && class(name, operation.name) == "repeats" && !operation.idempotent {
                found.push(format!("{name}:{}", operation.name));
            }
        }
    }
    let judged: Vec<String> = JUDGED
        .iter()
        .map(|(service, name)| format!("{service}:{name}"))
        .collect();
    assert_eq!(found, judged);
}
