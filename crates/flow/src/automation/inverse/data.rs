//! Buckets and objects, keys, trails, databases, backups.

use serde_json::{Map, Value, json};

use super::{Call, Params, Rule, at, get, items, list, missing, ordered, sorted};

pub(super) fn rule(service: &str, operation: &str) -> Option<Rule> {
    match service {
        "s3" => bucket(operation),
        "s3control" => match operation {
            "putpublicaccessblock" | "deletepublicaccessblock" => Some(
                Rule::new(
                    |p| {
                        Some(Call::new(
                            "s3control",
                            "GetPublicAccessBlock",
                            json!({"AccountId": get(p, "AccountId")?}),
                        ))
                    },
                    |_, answer| at(answer, "/PublicAccessBlockConfiguration"),
                    |p, before, _| account_block(p, before),
                )
                .absent(&["NoSuchPublicAccessBlockConfiguration"]),
            ),
            _ => None,
        },
        _ => others(service, operation),
    }
}

fn bucket(operation: &str) -> Option<Rule> {
    Some(match operation {
        "putpublicaccessblock" | "deletepublicaccessblock" => Rule::new(
            |p| read(p, "GetPublicAccessBlock"),
            |_, answer| at(answer, "/PublicAccessBlockConfiguration"),
            |p, b, _| {
                put(
                    p,
                    b,
                    (
                        "PutPublicAccessBlock",
                        "PublicAccessBlockConfiguration",
                        "DeletePublicAccessBlock",
                    ),
                )
            },
        )
        .absent(&["NoSuchPublicAccessBlockConfiguration"]),
        "putbucketpolicy" | "deletebucketpolicy" => Rule::new(
            |p| read(p, "GetBucketPolicy"),
            |_, answer| at(answer, "/Policy"),
            |p, b, _| put(p, b, ("PutBucketPolicy", "Policy", "DeleteBucketPolicy")),
        )
        .absent(&["NoSuchBucketPolicy"]),
        "putbucketencryption" | "deletebucketencryption" => Rule::new(
            |p| read(p, "GetBucketEncryption"),
            |_, answer| at(answer, "/ServerSideEncryptionConfiguration"),
            |p, b, _| {
                put(
                    p,
                    b,
                    (
                        "PutBucketEncryption",
                        "ServerSideEncryptionConfiguration",
                        "DeleteBucketEncryption",
                    ),
                )
            },
        )
        .absent(&["ServerSideEncryptionConfigurationNotFoundError"]),
        "putbucketownershipcontrols" | "deletebucketownershipcontrols" => Rule::new(
            |p| read(p, "GetBucketOwnershipControls"),
            |_, answer| at(answer, "/OwnershipControls"),
            |p, b, _| {
                put(
                    p,
                    b,
                    (
                        "PutBucketOwnershipControls",
                        "OwnershipControls",
                        "DeleteBucketOwnershipControls",
                    ),
                )
            },
        )
        .absent(&["OwnershipControlsNotFoundError"]),
        _ => return settings(operation),
    })
}

fn settings(operation: &str) -> Option<Rule> {
    Some(match operation {
        "putbuckettagging" | "deletebuckettagging" => Rule::new(
            |p| read(p, "GetBucketTagging"),
            |_, answer| json!({"TagSet": at(answer, "/TagSet")}),
            |p, b, _| put(p, b, ("PutBucketTagging", "Tagging", "DeleteBucketTagging")),
        )
        .absent(&["NoSuchTagSet"]),
        "putobjecttagging" | "deleteobjecttagging" => {
            Rule::new(read_object_tags, object_tags, set_object_tags)
        }
        "putbucketversioning" => Rule::new(
            |p| read(p, "GetBucketVersioning"),
            |_, answer| at(answer, "/Status"),
            |p, before, _| {
                // A bucket that never had versions cannot be without them again: suspended is the nearest state.
                let status = if before.is_null() {
                    json!("Suspended")
                } else {
                    before.clone()
                };
                let params = json!({"Bucket": p.get("Bucket"), "VersioningConfiguration": {"Status": status}});
                vec![Call::new("s3", "PutBucketVersioning", params)]
            },
        ),
        "putbucketlogging" => Rule::new(
            |p| read(p, "GetBucketLogging"),
            |_, answer| at(answer, "/LoggingEnabled"),
            |p, before, _| {
                let status = if before.is_null() {
                    json!({})
                } else {
                    json!({"LoggingEnabled": before})
                };
                let params = json!({"Bucket": p.get("Bucket"), "BucketLoggingStatus": status});
                vec![Call::new("s3", "PutBucketLogging", params)]
            },
        ),
        "putbucketacl" => Rule::new(
            |p| read(p, "GetBucketAcl"),
            |_, answer| json!({"Owner": at(answer, "/Owner"), "Grants": at(answer, "/Grants")}),
            |p, before, _| {
                let params = json!({"Bucket": p.get("Bucket"), "AccessControlPolicy": before});
                vec![Call::new("s3", "PutBucketAcl", params)]
            },
        ),
        _ => return None,
    })
}

/// What names an object, as far as the call names it.
fn object(params: &Params) -> Map<String, Value> {
    let names = ["Bucket", "Key", "VersionId"].iter();
    names
        .filter_map(|name| Some(((*name).to_owned(), get(params, name)?)))
        .collect()
}

fn read_object_tags(params: &Params) -> Option<Call> {
    get(params, "Bucket")?;
    get(params, "Key")?;
    let object = Value::Object(object(params));
    Some(Call::new("s3", "GetObjectTagging", object))
}

fn object_tags(_: &Params, answer: &Value) -> Value {
    ordered(items(answer, "/TagSet").cloned().collect())
}

fn set_object_tags(params: &Params, before: &Value, _: &Value) -> Vec<Call> {
    let mut given = object(params);
    if items(before, "").next().is_none() {
        let object = Value::Object(given);
        return vec![Call::new("s3", "DeleteObjectTagging", object)];
    }
    given.insert("Tagging".to_owned(), json!({ "TagSet": before }));
    vec![Call::new("s3", "PutObjectTagging", Value::Object(given))]
}

fn read(params: &Params, operation: &'static str) -> Option<Call> {
    let bucket = get(params, "Bucket")?;
    Some(Call::new("s3", operation, json!({ "Bucket": bucket })))
}

fn put(
    params: &Params,
    before: &Value,
    (put, member, delete): (&'static str, &str, &'static str),
) -> Vec<Call> {
    let bucket = params.get("Bucket");
    if before.is_null() {
        return vec![Call::new("s3", delete, json!({ "Bucket": bucket }))];
    }
    vec![Call::new(
        "s3",
        put,
        json!({"Bucket": bucket, member: before}),
    )]
}

fn account_block(params: &Params, before: &Value) -> Vec<Call> {
    let account = params.get("AccountId");
    if before.is_null() {
        return vec![Call::new(
            "s3control",
            "DeletePublicAccessBlock",
            json!({ "AccountId": account }),
        )];
    }
    let given = json!({"AccountId": account, "PublicAccessBlockConfiguration": before});
    vec![Call::new("s3control", "PutPublicAccessBlock", given)]
}

fn others(service: &str, operation: &str) -> Option<Rule> {
    Some(match (service, operation) {
        ("cloudtrail", "startlogging" | "stoplogging") => Rule::new(
            |p| {
                Some(Call::new(
                    "cloudtrail",
                    "GetTrailStatus",
                    json!({"Name": get(p, "Name")?}),
                ))
            },
            |_, answer| at(answer, "/IsLogging"),
            |p, before, _| {
                let operation = if before == &json!(true) {
                    "StartLogging"
                } else {
                    "StopLogging"
                };
                vec![Call::new(
                    "cloudtrail",
                    operation,
                    json!({"Name": p.get("Name")}),
                )]
            },
        ),
        ("cloudtrail", "puteventselectors") => Rule::new(
            |p| {
                Some(Call::new(
                    "cloudtrail",
                    "GetEventSelectors",
                    json!({"TrailName": get(p, "TrailName")?}),
                ))
            },
            selectors,
            set_selectors,
        ),
        ("backup", "tagresource" | "untagresource") => {
            Rule::new(read_backup_tags, backup_tags, set_backup_tags).paged("/NextToken")
        }
        _ => return keys_and_databases(service, operation),
    })
}

/// A trail has selectors of one kind only.
const SELECTORS: [&str; 2] = ["EventSelectors", "AdvancedEventSelectors"];

fn selectors(_: &Params, answer: &Value) -> Value {
    let kinds = SELECTORS.iter();
    let given = kinds.filter_map(|kind| {
        let list = answer.get(*kind).filter(|list| {
            let items = list.as_array();
            items.is_some_and(|items| !items.is_empty())
        })?;
        Some(((*kind).to_owned(), list.clone()))
    });
    Value::Object(given.collect())
}

/// A trail that names no selectors at all cannot be brought about: CloudTrail takes no empty lists.
fn set_selectors(params: &Params, before: &Value, _: &Value) -> Vec<Call> {
    let mut given = before.as_object().cloned().unwrap_or_default();
    if given.is_empty() {
        return Vec::new();
    }
    let trail = params.get("TrailName").cloned().unwrap_or_default();
    given.insert("TrailName".to_owned(), trail);
    vec![Call::new(
        "cloudtrail",
        "PutEventSelectors",
        Value::Object(given),
    )]
}

fn read_backup_tags(params: &Params) -> Option<Call> {
    let arn = get(params, "ResourceArn")?;
    if params.get("Tags").is_none() && params.get("TagKeyList").is_none() {
        return None;
    }
    Some(Call::new("backup", "ListTags", json!({"ResourceArn": arn})))
}

/// The values of the keys that the call touches; null where there is no such tag.
fn backup_tags(params: &Params, answer: &Value) -> Value {
    let written = params.get("Tags").and_then(Value::as_object);
    let removed = list(params, "TagKeyList").unwrap_or_default();
    let removed = removed.iter().filter_map(Value::as_str);
    let keys = written.into_iter().flatten().map(|(key, _)| key.as_str());
    let value = |key: &str| {
        let tags = answer.get("Tags").and_then(Value::as_object);
        tags.and_then(|tags| tags.get(key))
            .cloned()
            .unwrap_or_default()
    };
    let mut state: Map<String, Value> = keys
        .chain(removed)
        .map(|key| (key.to_owned(), value(key)))
        .collect();
    state.sort_keys();
    Value::Object(state)
}

fn set_backup_tags(params: &Params, before: &Value, after: &Value) -> Vec<Call> {
    let arn = params.get("ResourceArn");
    let (mut set, mut gone) = (Map::new(), Vec::new());
    for (key, value) in before.as_object().into_iter().flatten() {
        if after.get(key) == Some(value) {
            continue;
        }
        match value {
            Value::Null => gone.push(json!(key)),
            value => {
                set.insert(key.clone(), value.clone());
            }
        }
    }
    let mut calls = Vec::new();
    if !set.is_empty() {
        let given = json!({"ResourceArn": arn, "Tags": set});
        calls.push(Call::new("backup", "TagResource", given));
    }
    if !gone.is_empty() {
        let given = json!({"ResourceArn": arn, "TagKeyList": gone});
        calls.push(Call::new("backup", "UntagResource", given));
    }
    calls
}

fn keys_and_databases(service: &str, operation: &str) -> Option<Rule> {
    Some(match (service, operation) {
        ("kms", "disablekey" | "enablekey") => Rule::new(
            |p| {
                Some(Call::new(
                    "kms",
                    "DescribeKey",
                    json!({"KeyId": get(p, "KeyId")?}),
                ))
            },
            |_, answer| at(answer, "/KeyMetadata/Enabled"),
            |p, before, _| {
                let operation = if before == &json!(true) {
                    "EnableKey"
                } else {
                    "DisableKey"
                };
                vec![Call::new(
                    "kms",
                    operation,
                    json!({"KeyId": p.get("KeyId")}),
                )]
            },
        ),
        ("rds", "modifydbinstance") => Rule::new(read_database, database, set_database),
        ("rds", "modifydbsnapshotattribute") => Rule::new(
            |p| read_sharing(p, &SNAPSHOT),
            |p, answer| sharing(p, answer, &SNAPSHOT),
            |p, before, after| share(p, (before, after), &SNAPSHOT),
        ),
        ("rds", "modifydbclustersnapshotattribute") => Rule::new(
            |p| read_sharing(p, &CLUSTER_SNAPSHOT),
            |p, answer| sharing(p, answer, &CLUSTER_SNAPSHOT),
            |p, before, after| share(p, (before, after), &CLUSTER_SNAPSHOT),
        ),
        _ => return None,
    })
}

/// How the snapshots of databases and those of clusters are named in calls and answers.
struct Snapshots {
    id: &'static str,
    describe: &'static str,
    modify: &'static str,
    attributes: &'static str,
}

const SNAPSHOT: Snapshots = Snapshots {
    id: "DBSnapshotIdentifier",
    describe: "DescribeDBSnapshotAttributes",
    modify: "ModifyDBSnapshotAttribute",
    attributes: "/DBSnapshotAttributesResult/DBSnapshotAttributes",
};
const CLUSTER_SNAPSHOT: Snapshots = Snapshots {
    id: "DBClusterSnapshotIdentifier",
    describe: "DescribeDBClusterSnapshotAttributes",
    modify: "ModifyDBClusterSnapshotAttribute",
    attributes: "/DBClusterSnapshotAttributesResult/DBClusterSnapshotAttributes",
};

fn read_sharing(params: &Params, of: &Snapshots) -> Option<Call> {
    get(params, "AttributeName")?;
    let id = get(params, of.id)?;
    Some(Call::new("rds", of.describe, json!({ of.id: id })))
}

/// The values of the attribute that the call names.
fn sharing(params: &Params, answer: &Value, of: &Snapshots) -> Value {
    let name = params.get("AttributeName");
    let mut all = items(answer, of.attributes);
    let found = all.find(|one| one.get("AttributeName") == name);
    let mut values: Vec<Value> = found
        .map(|one| items(one, "/AttributeValues").cloned().collect())
        .unwrap_or_default();
    values.sort_by_key(Value::to_string);
    Value::Array(values)
}

fn share(params: &Params, (before, after): (&Value, &Value), of: &Snapshots) -> Vec<Call> {
    let given = json!({
        of.id: params.get(of.id),
        "AttributeName": params.get("AttributeName"),
        "ValuesToAdd": missing(before, after),
        "ValuesToRemove": missing(after, before),
    });
    vec![Call::new("rds", of.modify, given)]
}

/// Members of ModifyDBInstance that can be taken back; a call that changes others as well cannot.
const DATABASE: [&str; 3] = [
    "PubliclyAccessible",
    "VpcSecurityGroupIds",
    "DeletionProtection",
];

fn read_database(params: &Params) -> Option<Call> {
    let id = get(params, "DBInstanceIdentifier")?;
    let own = ["DBInstanceIdentifier", "ApplyImmediately"];
    let known = |key: &str| own.contains(&key) || DATABASE.contains(&key);
    let all = params.keys().all(|key| known(key));
    all.then(|| {
        Call::new(
            "rds",
            "DescribeDBInstances",
            json!({"DBInstanceIdentifier": id}),
        )
    })
}

fn database(params: &Params, answer: &Value) -> Value {
    let found = at(answer, "/DBInstances/0");
    let mut state = Map::new();
    for member in DATABASE
        .iter()
        .filter(|member| params.contains_key(**member))
    {
        let value = match *member {
            "VpcSecurityGroupIds" => sorted(&found, "/VpcSecurityGroups", "VpcSecurityGroupId"),
            other => at(&found, &format!("/{other}")),
        };
        state.insert((*member).to_owned(), value);
    }
    Value::Object(state)
}

fn set_database(params: &Params, before: &Value, _: &Value) -> Vec<Call> {
    let mut given = before.as_object().cloned().unwrap_or_default();
    let id = params
        .get("DBInstanceIdentifier")
        .cloned()
        .unwrap_or_default();
    given.insert("DBInstanceIdentifier".to_owned(), id);
    given.insert("ApplyImmediately".to_owned(), json!(true));
    vec![Call::new("rds", "ModifyDBInstance", Value::Object(given))]
}
