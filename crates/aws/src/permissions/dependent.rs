//! What a call needs besides its own action: roles that are passed, tags that are set, keys that are used.

use std::collections::BTreeSet;

use serde_json::Value;

use super::arns::texts;
use super::{ANY, Need, Needs, Place, given, member, table};

/// The services that a role can be passed to, by IAM prefix, where their principal is not the prefix itself.
const PRINCIPALS: [(&str, &str); 1] = [("rds", "monitoring.rds")];

/// Actions of KMS that EC2 performs with the caller's permissions where a key is named.
const KEY_ACTIONS: [&str; 6] = [
    "CreateGrant",
    "Decrypt",
    "DescribeKey",
    "GenerateDataKeyWithoutPlaintext",
    "ReEncryptFrom",
    "ReEncryptTo",
];

/// Adds what `action` needs besides itself.
pub(super) fn add(found: &mut Needs, action: (&str, &str), params: &Value, place: &Place) {
    let (prefix, name) = action;
    let row = table::row(prefix, name).unwrap_or_default();
    pass_role(
        found,
        action,
        params,
        row.dependent.contains(&"iam:PassRole"),
    );
    keys(found, action, params, place);
    managed_password(found, action, params, place);
    for dependent in row.dependent {
        let Some((_, verb)) = dependent.split_once(':') else {
            continue;
        };
        match dependent {
            "iam:PassRole" => {}
            told if found.needs.iter().any(|need| need.action == *told) => {}
            "iam:CreateServiceLinkedRole" => found.notes.push(format!(
                "{prefix}:{name}: the first use in an account may need iam:CreateServiceLinkedRole as well"
            )),
            _ if verb.contains("Tag") => tags(found, (dependent, action), params, place),
            _ => found.notes.push(format!(
                "{prefix}:{name}: depending on what is asked, AWS may require {dependent} as well"
            )),
        }
    }
}

/// A role is passed where a parameter names one, or an instance profile.
fn pass_role(found: &mut Needs, (prefix, name): (&str, &str), params: &Value, documented: bool) {
    let reads = ["Describe", "Get", "List", "Batch", "Simulate"];
    if matches!(prefix, "sts" | "iam" | "s3" | "sns" | "sqs" | "kms")
        || reads.iter().any(|verb| name.starts_with(verb))
    {
        return;
    }
    let mut roles = BTreeSet::new();
    let mut passed = false;
    texts(params, 6, &mut |key, text| {
        let key = key.to_ascii_lowercase();
        let names = key.ends_with("rolearn")
            || key == "role"
            || key == "servicerole"
            || key == "deliverlogspermissionarn"
            || (documented && key.contains("role"));
        if names && !text.is_empty() {
            passed = true;
            roles.insert(if is_role(text) { text } else { ANY }.to_owned());
        }
    });
    let profile = ["IamInstanceProfile", "LaunchTemplate"]
        .iter()
        .any(|name| given(params, name));
    if documented && profile {
        passed = true;
        roles.insert(ANY.to_owned());
    }
    if !passed {
        return;
    }
    if roles.contains(ANY) {
        found.notes.push(format!(
            "{prefix}:{name}: which role it passes is known only in the run, so any may be passed to that service"
        ));
    }
    let known = PRINCIPALS.iter().find(|(known, _)| *known == prefix);
    let principal = known.map_or(prefix, |(_, principal)| principal);
    // The services that deliver flow logs and run instances' roles are not the ones that are called.
    let principal = match name {
        "CreateFlowLogs" => "vpc-flow-logs",
        "SendCommand" => "sns",
        _ => principal,
    };
    found.needs.push(Need {
        action: "iam:PassRole".to_owned(),
        resources: roles,
        passed_to: Some(format!("{principal}.amazonaws.com")),
    });
}

fn is_role(text: &str) -> bool {
    text.starts_with("arn:") && text.contains(":role/")
}

/// Tags given with a creation need the tagging action on what is created.
fn tags(
    found: &mut Needs,
    (dependent, (prefix, name)): (&str, (&str, &str)),
    params: &Value,
    place: &Place,
) {
    let tagged = [
        "TagSpecifications",
        "Tags",
        "TagsList",
        "TagList",
        "TagSpecification",
    ]
    .iter()
    .any(|name| given(params, name));
    if !tagged {
        return;
    }
    let mut resources = BTreeSet::new();
    if dependent == "ec2:CreateTags" {
        let specifications = member(params, "TagSpecifications").and_then(Value::as_array);
        for specification in specifications.into_iter().flatten() {
            let kind = member(specification, "ResourceType").and_then(Value::as_str);
            match kind.filter(|kind| *kind != ANY) {
                Some(kind) => resources.insert(format!(
                    "arn:{}:ec2:{}:*:{kind}/*",
                    place.partition, place.region
                )),
                None => resources.insert(ANY.to_owned()),
            };
        }
    }
    if resources.is_empty() {
        resources.insert(ANY.to_owned());
        found.notes.push(format!(
            "{prefix}:{name}: {dependent} is allowed on any resource, since what it makes has no name yet"
        ));
    }
    found.needs.push(Need {
        action: dependent.to_owned(),
        resources,
        passed_to: None,
    });
}

/// A database's master password that Secrets Manager shall keep is made with the caller's permissions.
///
/// Source: the Amazon RDS User Guide, "Permissions required for Secrets Manager integration".
fn managed_password(
    found: &mut Needs,
    (prefix, name): (&str, &str),
    params: &Value,
    place: &Place,
) {
    let managed = match member(params, "ManageMasterUserPassword") {
        Some(Value::Bool(managed)) => *managed,
        Some(Value::String(text)) => text == ANY || text.eq_ignore_ascii_case("true"),
        _ => false,
    };
    if prefix != "rds" || !managed {
        return;
    }
    let of = |service: &str, resource: &str| {
        let Place {
            partition,
            region,
            account,
        } = place;
        format!("arn:{partition}:{service}:{region}:{account}:{resource}")
    };
    let key = member(params, "MasterUserSecretKmsKeyId").and_then(Value::as_str);
    let resource = match key {
        Some(arn) if arn.starts_with("arn:") && arn.contains(":key/") => arn.to_owned(),
        Some(id) if id != ANY && !id.contains('/') => of("kms", &format!("key/{id}")),
        _ => {
            found.notes.push(format!(
                "{prefix}:{name}: the key of the secret has no name before the run, so any key is allowed"
            ));
            of("kms", "key/*")
        }
    };
    let own_key: &[&str] = match key {
        Some(_) => &["CreateGrant", "Decrypt", "DescribeKey", "GenerateDataKey"],
        None => &["DescribeKey"],
    };
    let on_key = own_key
        .iter()
        .map(|action| (format!("kms:{action}"), resource.clone()));
    // RDS names such secrets itself.
    let on_secret = ["CreateSecret", "TagResource"].map(|action| {
        (
            format!("secretsmanager:{action}"),
            of("secretsmanager", "secret:rds!*"),
        )
    });
    for (action, resource) in on_key.chain(on_secret) {
        found.needs.push(Need {
            action,
            resources: BTreeSet::from([resource]),
            passed_to: None,
        });
    }
}

/// Encrypting with a key that is named uses the caller's permissions on it.
fn keys(found: &mut Needs, (prefix, name): (&str, &str), params: &Value, place: &Place) {
    if !matches!(prefix, "ec2" | "rds") || !given(params, "KmsKeyId") {
        return;
    }
    let key = member(params, "KmsKeyId").and_then(Value::as_str);
    let resource = match key {
        Some(arn) if arn.starts_with("arn:") && arn.contains(":key/") => arn.to_owned(),
        Some(id) if id != ANY && !id.contains('/') => format!(
            "arn:{}:kms:{}:{}:key/{id}",
            place.partition, place.region, place.account
        ),
        _ => {
            found.notes.push(format!(
                "{prefix}:{name}: the key is known only in the run, so any key may be used"
            ));
            format!(
                "arn:{}:kms:{}:{}:key/*",
                place.partition, place.region, place.account
            )
        }
    };
    for action in KEY_ACTIONS {
        found.needs.push(Need {
            action: format!("kms:{action}"),
            resources: BTreeSet::from([resource.clone()]),
            passed_to: None,
        });
    }
}
