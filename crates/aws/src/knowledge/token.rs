//! Tokens put into calls before they are made: into the member that the model names, or into a tag that a probe can
//! find.

use serde_json::{Map, Value, json};

use super::derive::token_member;
use crate::model::catalog;

/// Key of the tag by which a probe finds what a call made.
pub const TOKEN_TAG: &str = "quell:token";

/// Operations whose result is found by its token tag, with the resource type of the tag specification.
const TAGGED: [(&str, &str, &str); 4] = [
    ("ec2", "CreateSnapshot", "snapshot"),
    ("ec2", "CreateSnapshots", "snapshot"),
    ("ec2", "CreateImage", "image"),
    ("ec2", "CreateSecurityGroup", "security-group"),
];

/// Puts the token into the parameters: into the idempotency token member if the operation has one and it is absent, or
/// into a tag of what will be created. Other calls are left as they are. Doing it again changes nothing.
pub fn inject_token(service: &str, operation: &str, params: &mut Value, token: &str) {
    let Ok(service) = catalog().service(service) else {
        return;
    };
    let Some(operation) = service.operation(operation) else {
        return;
    };
    if params.is_null() {
        *params = Value::Object(Map::new());
    }
    let Some(params) = params.as_object_mut() else {
        return;
    };
    if let Some(member) = token_member(&service, operation) {
        if params.get(&member).is_none_or(Value::is_null) {
            params.insert(member, token.into());
        }
        return;
    }
    let tagged = TAGGED
        .iter()
        .find(|(name, op, _)| *name == &*service.name && *op == &*operation.name);
    if let Some((_, _, kind)) = tagged {
        tag(params, kind, token);
    }
}

fn tag(params: &mut Map<String, Value>, kind: &str, token: &str) {
    if token_of(params).is_some() {
        return;
    }
    let entry = json!({"Key": TOKEN_TAG, "Value": token});
    let specifications = params
        .entry("TagSpecifications")
        .or_insert_with(|| json!([]));
    // JSON text, as runbook parameters come.
    let opened = specifications
        .as_str()
        .and_then(|text| serde_json::from_str::<Value>(text).ok());
    if let Some(opened) = opened.filter(Value::is_array) {
        *specifications = opened;
    }
    let Some(specifications) = specifications.as_array_mut() else {
        return;
    };
    let same_kind = specifications
        .iter_mut()
        .find(|specification| specification["ResourceType"] == kind);
    match same_kind.and_then(Value::as_object_mut) {
        Some(specification) => {
            if let Some(tags) = specification
                .entry("Tags")
                .or_insert_with(|| json!([]))
                .as_array_mut()
            {
                tags.push(entry);
            }
        }
        None => specifications.push(json!({"ResourceType": kind, "Tags": [entry]})),
    }
}

/// The token in the tag specifications of a call.
pub(super) fn token_of(params: &Map<String, Value>) -> Option<&str> {
    let specifications = params.get("TagSpecifications")?.as_array()?;
    let tags = specifications
        .iter()
        .filter_map(|specification| specification.get("Tags")?.as_array())
        .flatten();
    tags.filter(|tag| tag.get("Key").and_then(Value::as_str) == Some(TOKEN_TAG))
        .find_map(|tag| tag.get("Value").and_then(Value::as_str))
}
