//! Security groups, interfaces, network ACLs, flow logs.

use serde_json::{Value, json};

use super::{Call, Params, Rule, at, get, items, list, missing, ordered, sorted};

pub(super) fn rule(operation: &str) -> Option<Rule> {
    Some(match operation {
        "authorizesecuritygroupingress" | "revokesecuritygroupingress" => Rule::new(
            read_group,
            |_, answer| permissions(answer, "/SecurityGroups/0/IpPermissions"),
            |p, before, after| {
                set_permissions(
                    p,
                    (before, after),
                    (
                        "AuthorizeSecurityGroupIngress",
                        "RevokeSecurityGroupIngress",
                    ),
                )
            },
        ),
        "authorizesecuritygroupegress" | "revokesecuritygroupegress" => Rule::new(
            read_group,
            |_, answer| permissions(answer, "/SecurityGroups/0/IpPermissionsEgress"),
            |p, before, after| {
                set_permissions(
                    p,
                    (before, after),
                    ("AuthorizeSecurityGroupEgress", "RevokeSecurityGroupEgress"),
                )
            },
        ),
        "modifynetworkinterfaceattribute" => Rule::new(
            |p| {
                get(p, "Groups")?;
                let id = get(p, "NetworkInterfaceId")?;
                let only = p
                    .keys()
                    .all(|key| key == "Groups" || key == "NetworkInterfaceId");
                only.then(|| {
                    Call::new(
                        "ec2",
                        "DescribeNetworkInterfaces",
                        json!({ "NetworkInterfaceIds": [id] }),
                    )
                })
            },
            |_, answer| sorted(answer, "/NetworkInterfaces/0/Groups", "GroupId"),
            |p, before, _| {
                let params =
                    json!({"NetworkInterfaceId": p.get("NetworkInterfaceId"), "Groups": before});
                vec![Call::new("ec2", "ModifyNetworkInterfaceAttribute", params)]
            },
        ),
        "createnetworkaclentry" | "deletenetworkaclentry" | "replacenetworkaclentry" => {
            Rule::new(read_acl, entry, set_entry)
        }
        "createflowlogs" => {
            Rule::new(read_flow_logs, flow_logs, delete_flow_logs).paged("/NextToken")
        }
        _ => return None,
    })
}

fn read_group(params: &Params) -> Option<Call> {
    let id = get(params, "GroupId")?;
    Some(Call::new(
        "ec2",
        "DescribeSecurityGroups",
        json!({ "GroupIds": [id] }),
    ))
}

/// Lists of a permission, each item of which is a rule of its own.
const SOURCES: [&str; 4] = [
    "IpRanges",
    "Ipv6Ranges",
    "PrefixListIds",
    "UserIdGroupPairs",
];

/// Rules one by one, so that two sets can be compared whatever way they are grouped.
fn permissions(answer: &Value, path: &str) -> Value {
    let mut rules = Vec::new();
    for permission in items(answer, path) {
        for source in SOURCES {
            for item in items(permission, &format!("/{source}")) {
                let mut rule = json!({
                    "IpProtocol": permission.get("IpProtocol"),
                    source: [pair(source, item)],
                });
                for port in ["FromPort", "ToPort"] {
                    if let (Some(value), Some(map)) = (permission.get(port), rule.as_object_mut()) {
                        map.insert(port.to_owned(), value.clone());
                    }
                }
                rules.push(rule);
            }
        }
    }
    ordered(rules)
}

/// A source as the changing calls take it: a group is named by its id alone.
fn pair(source: &str, item: &Value) -> Value {
    if source != "UserIdGroupPairs" {
        return item.clone();
    }
    let kept = [
        "GroupId",
        "UserId",
        "VpcId",
        "VpcPeeringConnectionId",
        "Description",
    ];
    let kept = kept
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), item.get(*name)?.clone())));
    Value::Object(kept.collect())
}

fn set_permissions(
    params: &Params,
    (before, after): (&Value, &Value),
    (authorize, revoke): (&'static str, &'static str),
) -> Vec<Call> {
    let group = params.get("GroupId");
    let changes = [
        (revoke, missing(after, before)),
        (authorize, missing(before, after)),
    ];
    let calls = changes.into_iter().filter(|(_, rules)| !rules.is_empty());
    calls
        .map(|(operation, rules)| {
            Call::new(
                "ec2",
                operation,
                json!({"GroupId": group, "IpPermissions": rules}),
            )
        })
        .collect()
}

fn read_acl(params: &Params) -> Option<Call> {
    get(params, "RuleNumber")?;
    get(params, "Egress")?;
    let id = get(params, "NetworkAclId")?;
    Some(Call::new(
        "ec2",
        "DescribeNetworkAcls",
        json!({ "NetworkAclIds": [id] }),
    ))
}

/// A number or truth value, also where a document wrote it as text.
fn same(left: Option<&Value>, right: Option<&Value>) -> bool {
    let text = |value: &Value| match value {
        Value::String(text) => text.to_ascii_lowercase(),
        other => other.to_string(),
    };
    left.map(text) == right.map(text)
}

/// The entry with the number and direction that the call names.
fn entry(params: &Params, answer: &Value) -> Value {
    let mut all = items(answer, "/NetworkAcls/0/Entries");
    let found = all.find(|one| {
        same(one.get("RuleNumber"), params.get("RuleNumber"))
            && same(one.get("Egress"), params.get("Egress"))
    });
    found.map_or(Value::Null, |one| at(one, ""))
}

fn set_entry(params: &Params, before: &Value, after: &Value) -> Vec<Call> {
    let acl = params.get("NetworkAclId").cloned().unwrap_or_default();
    let Some(mut given) = before.as_object().cloned() else {
        let params = json!({"NetworkAclId": acl, "RuleNumber": params.get("RuleNumber"), "Egress": params.get("Egress")});
        return vec![Call::new("ec2", "DeleteNetworkAclEntry", params)];
    };
    let operation = if after.is_null() {
        "CreateNetworkAclEntry"
    } else {
        "ReplaceNetworkAclEntry"
    };
    given.insert("NetworkAclId".to_owned(), acl);
    vec![Call::new("ec2", operation, Value::Object(given))]
}

fn read_flow_logs(params: &Params) -> Option<Call> {
    let watched = list(params, "ResourceIds")?;
    let filter = json!([{"Name": "resource-id", "Values": watched}]);
    Some(Call::new(
        "ec2",
        "DescribeFlowLogs",
        json!({ "Filter": filter }),
    ))
}

/// Which flow logs watch the resources.
fn flow_logs(_: &Params, answer: &Value) -> Value {
    sorted(answer, "/FlowLogs", "FlowLogId")
}

/// What was made is deleted; what it has written stays where it was delivered to.
fn delete_flow_logs(_: &Params, before: &Value, after: &Value) -> Vec<Call> {
    let made = missing(after, before);
    if made.is_empty() {
        return Vec::new();
    }
    let params = json!({ "FlowLogIds": made });
    vec![Call::new("ec2", "DeleteFlowLogs", params)]
}
