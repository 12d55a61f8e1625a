//! IAM: keys, policies, boundaries, groups; policies of organizations.

use serde_json::{Value, json};

use super::{Call, Params, Rule, at, get, items};

const NONE: &[&str] = &["NoSuchEntity", "NoSuchEntityException"];

pub(super) fn rule(operation: &str) -> Option<Rule> {
    Some(match operation {
        "putrolepolicy" | "deleterolepolicy" => Rule::new(
            |p| inline(p, "GetRolePolicy", "RoleName"),
            document,
            |p, before, _| set_inline(p, before, ("RoleName", "PutRolePolicy", "DeleteRolePolicy")),
        )
        .absent(NONE),
        "putuserpolicy" | "deleteuserpolicy" => Rule::new(
            |p| inline(p, "GetUserPolicy", "UserName"),
            document,
            |p, before, _| set_inline(p, before, ("UserName", "PutUserPolicy", "DeleteUserPolicy")),
        )
        .absent(NONE),
        "putgrouppolicy" | "deletegrouppolicy" => Rule::new(
            |p| inline(p, "GetGroupPolicy", "GroupName"),
            document,
            |p, before, _| {
                set_inline(
                    p,
                    before,
                    ("GroupName", "PutGroupPolicy", "DeleteGroupPolicy"),
                )
            },
        )
        .absent(NONE),
        "attachrolepolicy" | "detachrolepolicy" => Rule::new(
            |p| named(p, "ListAttachedRolePolicies", "RoleName"),
            attached,
            |p, before, _| {
                attach(
                    p,
                    before,
                    ("RoleName", "AttachRolePolicy", "DetachRolePolicy"),
                )
            },
        ),
        "attachuserpolicy" | "detachuserpolicy" => Rule::new(
            |p| named(p, "ListAttachedUserPolicies", "UserName"),
            attached,
            |p, before, _| {
                attach(
                    p,
                    before,
                    ("UserName", "AttachUserPolicy", "DetachUserPolicy"),
                )
            },
        ),
        "attachgrouppolicy" | "detachgrouppolicy" => Rule::new(
            |p| named(p, "ListAttachedGroupPolicies", "GroupName"),
            attached,
            |p, before, _| {
                attach(
                    p,
                    before,
                    ("GroupName", "AttachGroupPolicy", "DetachGroupPolicy"),
                )
            },
        ),
        _ => return principals(operation),
    })
}

fn principals(operation: &str) -> Option<Rule> {
    Some(match operation {
        "updateaccesskey" => Rule::new(read_keys, key_status, set_key),
        "putrolepermissionsboundary" | "deleterolepermissionsboundary" => Rule::new(
            |p| named(p, "GetRole", "RoleName"),
            |_, answer| at(answer, "/Role/PermissionsBoundary/PermissionsBoundaryArn"),
            |p, before, _| bound(p, before, "RoleName"),
        ),
        "putuserpermissionsboundary" | "deleteuserpermissionsboundary" => Rule::new(
            |p| named(p, "GetUser", "UserName"),
            |_, answer| at(answer, "/User/PermissionsBoundary/PermissionsBoundaryArn"),
            |p, before, _| bound(p, before, "UserName"),
        ),
        "updateassumerolepolicy" => Rule::new(
            |p| named(p, "GetRole", "RoleName"),
            |_, answer| at(answer, "/Role/AssumeRolePolicyDocument"),
            |p, before, _| {
                let params = json!({"RoleName": p.get("RoleName"), "PolicyDocument": text(before)});
                vec![Call::new("iam", "UpdateAssumeRolePolicy", params)]
            },
        ),
        "addusertogroup" | "removeuserfromgroup" => Rule::new(
            |p| named(p, "ListGroupsForUser", "UserName"),
            |p, answer| {
                let group = p.get("GroupName");
                json!(items(answer, "/Groups").any(|one| one.get("GroupName") == group))
            },
            |p, before, _| {
                let operation = if before == &json!(true) {
                    "AddUserToGroup"
                } else {
                    "RemoveUserFromGroup"
                };
                let params =
                    json!({"UserName": p.get("UserName"), "GroupName": p.get("GroupName")});
                vec![Call::new("iam", operation, params)]
            },
        ),
        _ => return None,
    })
}

fn named(params: &Params, operation: &'static str, key: &str) -> Option<Call> {
    let name = get(params, key)?;
    Some(Call::new("iam", operation, json!({ key: name })))
}

fn read_keys(params: &Params) -> Option<Call> {
    get(params, "AccessKeyId")?;
    named(params, "ListAccessKeys", "UserName")
}

fn key_status(params: &Params, answer: &Value) -> Value {
    let id = params.get("AccessKeyId");
    let mut keys = items(answer, "/AccessKeyMetadata");
    let key = keys.find(|key| key.get("AccessKeyId") == id);
    key.and_then(|key| key.get("Status"))
        .cloned()
        .unwrap_or_default()
}

fn set_key(params: &Params, before: &Value, _: &Value) -> Vec<Call> {
    if before.is_null() {
        return Vec::new();
    }
    let params = json!({"UserName": params.get("UserName"), "AccessKeyId": params.get("AccessKeyId"), "Status": before});
    vec![Call::new("iam", "UpdateAccessKey", params)]
}

fn inline(params: &Params, operation: &'static str, key: &str) -> Option<Call> {
    let (name, policy) = (get(params, key)?, get(params, "PolicyName")?);
    Some(Call::new(
        "iam",
        operation,
        json!({key: name, "PolicyName": policy}),
    ))
}

fn document(_: &Params, answer: &Value) -> Value {
    at(answer, "/PolicyDocument")
}

/// A policy as the text that IAM takes.
fn text(document: &Value) -> Value {
    match document {
        Value::String(text) => json!(text),
        other => json!(other.to_string()),
    }
}

fn set_inline(
    params: &Params,
    before: &Value,
    (key, put, delete): (&str, &'static str, &'static str),
) -> Vec<Call> {
    let (name, policy) = (params.get(key), params.get("PolicyName"));
    if before.is_null() {
        return vec![Call::new(
            "iam",
            delete,
            json!({key: name, "PolicyName": policy}),
        )];
    }
    let given = json!({key: name, "PolicyName": policy, "PolicyDocument": text(before)});
    vec![Call::new("iam", put, given)]
}

fn attached(params: &Params, answer: &Value) -> Value {
    let arn = params.get("PolicyArn");
    json!(items(answer, "/AttachedPolicies").any(|one| one.get("PolicyArn") == arn))
}

fn attach(
    params: &Params,
    before: &Value,
    (key, attach, detach): (&str, &'static str, &'static str),
) -> Vec<Call> {
    let operation = if before == &json!(true) {
        attach
    } else {
        detach
    };
    let given = json!({key: params.get(key), "PolicyArn": params.get("PolicyArn")});
    vec![Call::new("iam", operation, given)]
}

fn bound(params: &Params, before: &Value, key: &str) -> Vec<Call> {
    let of_role = key == "RoleName";
    let name = params.get(key);
    if before.is_null() {
        let operation = if of_role {
            "DeleteRolePermissionsBoundary"
        } else {
            "DeleteUserPermissionsBoundary"
        };
        return vec![Call::new("iam", operation, json!({ key: name }))];
    }
    let operation = if of_role {
        "PutRolePermissionsBoundary"
    } else {
        "PutUserPermissionsBoundary"
    };
    vec![Call::new(
        "iam",
        operation,
        json!({key: name, "PermissionsBoundary": before}),
    )]
}

/// Organizations: where a policy is attached.
pub(super) fn organization(operation: &str) -> Option<Rule> {
    Some(match operation {
        "attachpolicy" | "detachpolicy" => Rule::new(
            |p| {
                get(p, "TargetId")?;
                let policy = get(p, "PolicyId")?;
                let params = json!({ "PolicyId": policy });
                Some(Call::new("organizations", "ListTargetsForPolicy", params))
            },
            |p, answer| {
                let target = p.get("TargetId");
                json!(items(answer, "/Targets").any(|one| one.get("TargetId") == target))
            },
            |p, before, _| {
                let operation = if before == &json!(true) {
                    "AttachPolicy"
                } else {
                    "DetachPolicy"
                };
                let params = json!({"PolicyId": p.get("PolicyId"), "TargetId": p.get("TargetId")});
                vec![Call::new("organizations", operation, params)]
            },
        )
        .paged("/NextToken"),
        _ => return None,
    })
}
