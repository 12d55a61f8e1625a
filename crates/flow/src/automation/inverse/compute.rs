//! EC2 instances, their profiles, tags, snapshots and images.

use serde_json::{Map, Value, json};

use super::{Call, Params, Rule, at, get, items, list, missing, ordered, sorted};

pub(super) fn rule(operation: &str) -> Option<Rule> {
    Some(match operation {
        "modifyinstanceattribute" => Rule::new(read_attribute, attribute, set_attribute),
        "modifyinstancemetadataoptions" => Rule::new(read_instance, metadata, set_metadata),
        "startinstances" | "stopinstances" => Rule::new(read_states, states, set_states),
        "createtags" | "deletetags" => Rule::new(read_tags, tags, set_tags),
        "associateiaminstanceprofile" => Rule::new(
            |p| profile_of(&get(p, "InstanceId")?),
            profile,
            |_, _, after| disassociate(after),
        ),
        "disassociateiaminstanceprofile" => Rule::new(read_association, profile, associate)
            .after(|_, before| profile_of(before.get("InstanceId")?)),
        "replaceiaminstanceprofileassociation" => Rule::new(read_association, profile, |_, before, after| {
            let params = json!({"AssociationId": after.get("AssociationId"), "IamInstanceProfile": {"Arn": before.get("Arn")}});
            vec![Call::new("ec2", "ReplaceIamInstanceProfileAssociation", params)]
        })
        .after(|_, before| profile_of(before.get("InstanceId")?)),
        "modifysnapshotattribute" => Rule::new(
            |p| {
                let id = get(p, "SnapshotId")?;
                Some(Call::new("ec2", "DescribeSnapshotAttribute", json!({"SnapshotId": id, "Attribute": "createVolumePermission"})))
            },
            |_, answer| ordered(items(answer, "/CreateVolumePermissions").cloned().collect()),
            share_snapshot,
        ),
        "modifyimageattribute" => Rule::new(
            |p| {
                let id = get(p, "ImageId")?;
                Some(Call::new("ec2", "DescribeImageAttribute", json!({"ImageId": id, "Attribute": "launchPermission"})))
            },
            |_, answer| ordered(items(answer, "/LaunchPermissions").cloned().collect()),
            |p, before, after| {
                let change = json!({"Add": missing(before, after), "Remove": missing(after, before)});
                let params = json!({"ImageId": p.get("ImageId"), "LaunchPermission": change});
                vec![Call::new("ec2", "ModifyImageAttribute", params)]
            },
        ),
        "enableebsencryptionbydefault" | "disableebsencryptionbydefault" => Rule::new(
            |_| Some(Call::new("ec2", "GetEbsEncryptionByDefault", json!({}))),
            |_, answer| at(answer, "/EbsEncryptionByDefault"),
            |_, before, _| {
                let on = before == &json!(true);
                let operation = if on { "EnableEbsEncryptionByDefault" } else { "DisableEbsEncryptionByDefault" };
                vec![Call::new("ec2", operation, json!({}))]
            },
        ),
        _ => return None,
    })
}

/// Attributes of instances that can be taken back: the member, and the attribute's name in the reading call.
const ATTRIBUTES: [(&str, &str); 5] = [
    ("Groups", "groupSet"),
    ("DisableApiTermination", "disableApiTermination"),
    ("DisableApiStop", "disableApiStop"),
    ("SourceDestCheck", "sourceDestCheck"),
    (
        "InstanceInitiatedShutdownBehavior",
        "instanceInitiatedShutdownBehavior",
    ),
];

/// The one attribute that a call changes.
fn changed(params: &Params) -> Option<(&'static str, &'static str)> {
    let by_name = params.get("Attribute").and_then(Value::as_str);
    let mut given = ATTRIBUTES
        .iter()
        .filter(|(member, name)| params.contains_key(*member) || by_name == Some(*name));
    let only = given.next()?;
    let known = |key: &str| matches!(key, "InstanceId" | "Attribute" | "Value") || key == only.0;
    (given.next().is_none() && params.keys().all(|key| known(key))).then_some(*only)
}

fn read_attribute(params: &Params) -> Option<Call> {
    let (_, name) = changed(params)?;
    let id = get(params, "InstanceId")?;
    Some(Call::new(
        "ec2",
        "DescribeInstanceAttribute",
        json!({"InstanceId": id, "Attribute": name}),
    ))
}

fn attribute(params: &Params, answer: &Value) -> Value {
    match changed(params) {
        Some(("Groups", _)) => sorted(answer, "/Groups", "GroupId"),
        Some((member, _)) => at(answer, &format!("/{member}/Value")),
        None => Value::Null,
    }
}

fn set_attribute(params: &Params, before: &Value, _: &Value) -> Vec<Call> {
    let Some((member, _)) = changed(params) else {
        return Vec::new();
    };
    let value = if member == "Groups" {
        before.clone()
    } else {
        json!({ "Value": before })
    };
    let given = json!({"InstanceId": params.get("InstanceId"), member: value});
    vec![Call::new("ec2", "ModifyInstanceAttribute", given)]
}

fn read_instance(params: &Params) -> Option<Call> {
    let id = get(params, "InstanceId")?;
    Some(Call::new(
        "ec2",
        "DescribeInstances",
        json!({ "InstanceIds": [id] }),
    ))
}

const METADATA: [&str; 5] = [
    "HttpTokens",
    "HttpPutResponseHopLimit",
    "HttpEndpoint",
    "HttpProtocolIpv6",
    "InstanceMetadataTags",
];

fn metadata(_: &Params, answer: &Value) -> Value {
    let options = at(answer, "/Reservations/0/Instances/0/MetadataOptions");
    let kept = METADATA
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), options.get(*name)?.clone())));
    Value::Object(kept.collect())
}

fn set_metadata(params: &Params, before: &Value, _: &Value) -> Vec<Call> {
    let mut given = before.as_object().cloned().unwrap_or_default();
    given.insert(
        "InstanceId".to_owned(),
        params.get("InstanceId").cloned().unwrap_or_default(),
    );
    vec![Call::new(
        "ec2",
        "ModifyInstanceMetadataOptions",
        Value::Object(given),
    )]
}

fn read_states(params: &Params) -> Option<Call> {
    let ids = list(params, "InstanceIds")?;
    Some(Call::new(
        "ec2",
        "DescribeInstances",
        json!({ "InstanceIds": ids }),
    ))
}

/// Where an instance is or is going.
fn states(_: &Params, answer: &Value) -> Value {
    let mut found = Map::new();
    for instance in items(answer, "/Reservations").flat_map(|one| items(one, "/Instances")) {
        let state = instance.pointer("/State/Name").and_then(Value::as_str);
        let (Some(id), Some(state)) = (instance.get("InstanceId").and_then(Value::as_str), state)
        else {
            continue;
        };
        let settled = match state {
            "pending" => "running",
            "stopping" => "stopped",
            "shutting-down" => "terminated",
            other => other,
        };
        found.insert(id.to_owned(), json!(settled));
    }
    found.sort_keys();
    Value::Object(found)
}

fn set_states(_: &Params, before: &Value, after: &Value) -> Vec<Call> {
    let changed = |state: &str| -> Vec<String> {
        let all = before.as_object().into_iter().flatten();
        all.filter(|(id, was)| *was == state && after.get(*id) != Some(*was))
            .map(|(id, _)| id.clone())
            .collect()
    };
    let mut calls = Vec::new();
    for (state, operation) in [("running", "StartInstances"), ("stopped", "StopInstances")] {
        let ids = changed(state);
        if !ids.is_empty() {
            calls.push(Call::new("ec2", operation, json!({ "InstanceIds": ids })));
        }
    }
    calls
}

fn read_tags(params: &Params) -> Option<Call> {
    let ids = list(params, "Resources")?;
    list(params, "Tags")?;
    let filter = json!({"Name": "resource-id", "Values": ids});
    Some(Call::new(
        "ec2",
        "DescribeTags",
        json!({ "Filters": [filter] }),
    ))
}

/// The values of the keys that the call touches, by resource; null where there is no such tag.
fn tags(params: &Params, answer: &Value) -> Value {
    let mut state = Vec::new();
    for id in list(params, "Resources").unwrap_or_default() {
        for tag in list(params, "Tags").unwrap_or_default() {
            let Some(key) = tag.get("Key") else { continue };
            let found = items(answer, "/Tags")
                .find(|one| one.get("ResourceId") == Some(&id) && one.get("Key") == Some(key));
            let value = found.and_then(|one| one.get("Value"));
            state.push(json!({"Resource": id, "Key": key, "Value": value}));
        }
    }
    ordered(state)
}

fn set_tags(_: &Params, before: &Value, after: &Value) -> Vec<Call> {
    let mut calls = Vec::new();
    for one in missing(before, after) {
        let resource = one.get("Resource");
        let value = one.get("Value").filter(|value| !value.is_null());
        let (operation, tag) = match value {
            Some(value) => ("CreateTags", json!({"Key": one.get("Key"), "Value": value})),
            None => ("DeleteTags", json!({"Key": one.get("Key")})),
        };
        calls.push(Call::new(
            "ec2",
            operation,
            json!({"Resources": [resource], "Tags": [tag]}),
        ));
    }
    calls
}

fn profile_of(instance: &Value) -> Option<Call> {
    instance.as_str()?;
    let filters = json!([
        {"Name": "instance-id", "Values": [instance]},
        {"Name": "state", "Values": ["associating", "associated"]},
    ]);
    Some(Call::new(
        "ec2",
        "DescribeIamInstanceProfileAssociations",
        json!({ "Filters": filters }),
    ))
}

fn read_association(params: &Params) -> Option<Call> {
    let id = get(params, "AssociationId")?;
    Some(Call::new(
        "ec2",
        "DescribeIamInstanceProfileAssociations",
        json!({ "AssociationIds": [id] }),
    ))
}

fn profile(_: &Params, answer: &Value) -> Value {
    let mut live = items(answer, "/IamInstanceProfileAssociations").filter(|one| {
        let state = one.get("State").and_then(Value::as_str);
        !matches!(state, Some("disassociating" | "disassociated"))
    });
    let Some(found) = live.next() else {
        return Value::Null;
    };
    json!({
        "AssociationId": found.get("AssociationId"),
        "InstanceId": found.get("InstanceId"),
        "Arn": found.pointer("/IamInstanceProfile/Arn"),
    })
}

fn disassociate(after: &Value) -> Vec<Call> {
    let id = after.get("AssociationId").cloned();
    let call = |id| {
        Call::new(
            "ec2",
            "DisassociateIamInstanceProfile",
            json!({ "AssociationId": id }),
        )
    };
    id.map(call).into_iter().collect()
}

fn associate(_: &Params, before: &Value, _: &Value) -> Vec<Call> {
    if before.is_null() {
        return Vec::new();
    }
    let params = json!({"InstanceId": before.get("InstanceId"), "IamInstanceProfile": {"Arn": before.get("Arn")}});
    vec![Call::new("ec2", "AssociateIamInstanceProfile", params)]
}

/// Brings back who may make volumes of a snapshot.
fn share_snapshot(params: &Params, before: &Value, after: &Value) -> Vec<Call> {
    let changes = [
        ("add", missing(before, after)),
        ("remove", missing(after, before)),
    ];
    let mut calls = Vec::new();
    for (change, permissions) in changes {
        let of = |member: &str| -> Vec<Value> {
            let all = permissions.iter();
            all.filter_map(|one| one.get(member).cloned()).collect()
        };
        for (list, values) in [("UserIds", of("UserId")), ("GroupNames", of("Group"))] {
            if !values.is_empty() {
                let given = json!({
                    "SnapshotId": params.get("SnapshotId"),
                    "Attribute": "createVolumePermission",
                    "OperationType": change,
                    list: values,
                });
                calls.push(Call::new("ec2", "ModifySnapshotAttribute", given));
            }
        }
    }
    calls
}
