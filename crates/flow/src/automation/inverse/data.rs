//! Buckets, keys, functions, trails and databases.

use serde_json::{Map, Value, json};

use super::{Call, Params, Rule, at, get, items, missing, sorted};

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
        ("lambda", "putfunctionconcurrency" | "deletefunctionconcurrency") => Rule::new(
            |p| {
                Some(Call::new(
                    "lambda",
                    "GetFunctionConcurrency",
                    json!({"FunctionName": get(p, "FunctionName")?}),
                ))
            },
            |_, answer| at(answer, "/ReservedConcurrentExecutions"),
            |p, before, _| {
                let name = p.get("FunctionName");
                if before.is_null() {
                    return vec![Call::new(
                        "lambda",
                        "DeleteFunctionConcurrency",
                        json!({"FunctionName": name}),
                    )];
                }
                let params = json!({"FunctionName": name, "ReservedConcurrentExecutions": before});
                vec![Call::new("lambda", "PutFunctionConcurrency", params)]
            },
        ),
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
        _ => return keys_and_databases(service, operation),
    })
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
            |p| {
                get(p, "AttributeName")?;
                let id = get(p, "DBSnapshotIdentifier")?;
                Some(Call::new(
                    "rds",
                    "DescribeDBSnapshotAttributes",
                    json!({"DBSnapshotIdentifier": id}),
                ))
            },
            |p, answer| {
                let name = p.get("AttributeName");
                let mut all = items(answer, "/DBSnapshotAttributesResult/DBSnapshotAttributes");
                let found = all.find(|one| one.get("AttributeName") == name);
                let mut values: Vec<Value> = found
                    .map(|one| items(one, "/AttributeValues").cloned().collect())
                    .unwrap_or_default();
                values.sort_by_key(Value::to_string);
                Value::Array(values)
            },
            |p, before, after| {
                let params = json!({
                    "DBSnapshotIdentifier": p.get("DBSnapshotIdentifier"),
                    "AttributeName": p.get("AttributeName"),
                    "ValuesToAdd": missing(before, after),
                    "ValuesToRemove": missing(after, before),
                });
                vec![Call::new("rds", "ModifyDBSnapshotAttribute", params)]
            },
        ),
        _ => return None,
    })
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
