//! From an operation to its IAM actions: the service's prefix and the operation's name, but for the exceptions here.

use std::borrow::Cow;

use serde_json::Value;

use super::{given, member, table};
use crate::model::{Operation, Service};

/// Signing names whose IAM prefix is another.
const PREFIXES: [(&str, &str); 9] = [
    ("monitoring", "cloudwatch"),
    ("tagging", "tag"),
    ("iotdata", "iot"),
    ("iotsecuredtunneling", "iot"),
    ("iot-jobs-data", "iotjobsdata"),
    ("ioteventsdata", "iotevents"),
    ("mturk-requester", "mechanicalturk"),
    ("cloudcontrolapi", "cloudformation"),
    ("awsssoportal", "sso"),
];

/// The IAM prefix of a service.
pub(super) fn prefix(service: &Service) -> &'static str {
    let signing = service.signing_name;
    if signing.starts_with("partnercentral-") {
        return "partnercentral";
    }
    let known = PREFIXES
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(signing));
    known.map_or(signing, |(_, prefix)| prefix)
}

/// boto3's service name, operation, and the actions in its place, separated by blanks. An action of another prefix
/// is written with it.
const RENAMED: &str = include_str!("renamed.tsv");

/// The actions of one call, without the prefix unless it is another service's.
pub(super) fn of(
    service: &Service,
    operation: &Operation,
    params: &Value,
) -> Vec<Cow<'static, str>> {
    if let Some(found) = by_parameters(service.name, operation.name, params) {
        return found.into_iter().map(Cow::Borrowed).collect();
    }
    let renamed = RENAMED
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .filter(|(name, _)| *name == service.name)
        .filter_map(|(_, rest)| rest.split_once('\t'))
        .find(|(name, _)| *name == operation.name);
    if let Some((_, actions)) = renamed {
        return actions
            .split_ascii_whitespace()
            .map(Cow::Borrowed)
            .collect();
    }
    // The table's spelling, where an operation and its action differ in case only.
    let name = table::row(prefix(service), operation.name).map_or(operation.name, |row| row.name);
    vec![Cow::Borrowed(name)]
}

/// Operations whose actions depend on what is asked of them.
fn by_parameters(service: &str, operation: &str, params: &Value) -> Option<Vec<&'static str>> {
    match service {
        "s3" => s3(operation, params),
        "dynamodb" => dynamodb(operation, params),
        _ => None,
    }
}

fn s3(operation: &str, params: &Value) -> Option<Vec<&'static str>> {
    let versioned = given(params, "VersionId");
    let mut actions = match operation {
        "GetObject" | "HeadObject" if versioned => vec!["GetObjectVersion"],
        "GetObjectTagging" if versioned => vec!["GetObjectVersionTagging"],
        "PutObjectTagging" if versioned => vec!["PutObjectVersionTagging"],
        "DeleteObjectTagging" if versioned => vec!["DeleteObjectVersionTagging"],
        "GetObjectAcl" if versioned => vec!["GetObjectVersionAcl"],
        "PutObjectAcl" if versioned => vec!["PutObjectVersionAcl"],
        "DeleteObject" if versioned => vec!["DeleteObjectVersion"],
        "GetObjectAttributes" if versioned => {
            vec!["GetObjectVersion", "GetObjectVersionAttributes"]
        }
        "DeleteObjects" => deleted_objects(params),
        "CopyObject" => vec!["PutObject", "GetObject"],
        "PutObject" | "CreateMultipartUpload" => vec!["PutObject"],
        "CreateBucket" => vec!["CreateBucket"],
        _ => return None,
    };
    let writes = matches!(
        operation,
        "PutObject" | "CopyObject" | "CreateMultipartUpload"
    );
    let grants = [
        "ACL",
        "GrantFullControl",
        "GrantRead",
        "GrantReadACP",
        "GrantWrite",
        "GrantWriteACP",
    ]
    .iter()
    .any(|name| given(params, name));
    if writes && grants {
        actions.push("PutObjectAcl");
    }
    if writes && given(params, "Tagging") {
        actions.push("PutObjectTagging");
    }
    if writes && given(params, "ObjectLockMode") {
        actions.push("PutObjectRetention");
    }
    if writes && given(params, "ObjectLockLegalHoldStatus") {
        actions.push("PutObjectLegalHold");
    }
    if operation == "CreateBucket" {
        if grants {
            actions.push("PutBucketAcl");
        }
        if given(params, "ObjectOwnership") {
            actions.push("PutBucketOwnershipControls");
        }
        if given(params, "ObjectLockEnabledForBucket") {
            actions.extend(["PutBucketObjectLockConfiguration", "PutBucketVersioning"]);
        }
    }
    Some(actions)
}

/// Deleting versions is an action of its own; a list that is not known yet may name some.
fn deleted_objects(params: &Value) -> Vec<&'static str> {
    let objects = member(params, "Delete").and_then(|delete| member(delete, "Objects"));
    let Some(objects) = objects.and_then(Value::as_array) else {
        return vec!["DeleteObject", "DeleteObjectVersion"];
    };
    let mut actions = Vec::new();
    if objects.iter().any(|object| !given(object, "VersionId")) {
        actions.push("DeleteObject");
    }
    if objects
        .iter()
        .any(|object| given(object, "VersionId") || object.is_string())
    {
        actions.push("DeleteObjectVersion");
    }
    actions
}

fn dynamodb(operation: &str, params: &Value) -> Option<Vec<&'static str>> {
    if operation != "TransactWriteItems" {
        return None;
    }
    let items = member(params, "TransactItems").and_then(Value::as_array);
    let kinds = [
        ("ConditionCheck", "ConditionCheckItem"),
        ("Put", "PutItem"),
        ("Update", "UpdateItem"),
        ("Delete", "DeleteItem"),
    ];
    let used = kinds.iter().filter(|(kind, _)| {
        items.is_none_or(|items| {
            items
                .iter()
                .any(|item| item.is_string() || given(item, kind))
        })
    });
    Some(used.map(|(_, action)| *action).collect())
}
