//! What boto3 does beside the models, for calls that a responder makes. Each case names its service and operation.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use crate::model::{Location, Operation, Service};
use crate::percent;
use crate::protocol::Parts;

/// Deepest place in an answer that is searched for policy documents.
const MAX_SEARCH_DEPTH: usize = 16;

/// Parameters as the caller gave them.
pub(crate) fn before_checks<'a>(
    service: &Service,
    operation: &Operation,
    params: &'a Value,
) -> Cow<'a, Value> {
    // Glacier's account id is `-`, the caller's own, unless given.
    if &*service.name == "glacier" && params.get("accountId").is_none() {
        let input = operation
            .input
            .as_ref()
            .and_then(|input| service.structure(input));
        if input.is_some_and(|input| input.member("accountId").is_some()) {
            let mut params = crate::call::as_object(params);
            params.insert("accountId".to_owned(), "-".into());
            return Cow::Owned(Value::Object(params));
        }
    }
    Cow::Borrowed(params)
}

/// Checked parameters.
pub(crate) fn before_encoding(
    service: &Service,
    operation: &Operation,
    params: &mut Map<String, Value>,
) {
    match (&*service.name, &*operation.name) {
        // These two take user data as plain text in boto3; the wire wants base64.
        ("ec2", "RunInstances") | ("autoscaling", "CreateLaunchConfiguration") => {
            encode_text(params, "UserData")
        }
        // The source of a copy is a path; the wire wants it encoded.
        ("s3", "CopyObject" | "UploadPartCopy") => encode_copy_source(params),
        ("route53", _) => strip_route53_ids(service, operation, params),
        _ => {}
    }
}

/// The request.
pub(crate) fn after_encoding(service: &Service, _operation: &Operation, parts: &mut Parts) {
    match &*service.name {
        // Without it API Gateway answers in another form.
        "apigateway" => parts
            .headers
            .push(("accept".to_owned(), "application/json".to_owned())),
        "glacier" => parts.headers.push((
            "x-amz-glacier-version".to_owned(),
            service.api_version.to_string(),
        )),
        _ => {}
    }
}

/// The decoded answer.
pub(crate) fn after_decoding(service: &Service, operation: &Operation, answer: &mut Value) {
    match (&*service.name, &*operation.name) {
        ("iam", _) => open_policies(answer, 0),
        ("ec2", "GetConsoleOutput") => decode_text(answer, "Output"),
        ("cloudformation", "GetTemplate") => open_json(answer, "TemplateBody"),
        _ => {}
    }
}

fn encode_text(params: &mut Map<String, Value>, name: &str) {
    if let Some(Value::String(text)) = params.get_mut(name) {
        *text = STANDARD.encode(text.as_bytes());
    }
}

fn encode_copy_source(params: &mut Map<String, Value>) {
    if let Some(Value::String(text)) = params.get_mut("CopySource") {
        let (path, version) = text
            .split_once("?versionId=")
            .map_or((text.as_str(), None), |(p, v)| (p, Some(v)));
        let version = version
            .map(|version| format!("?versionId={version}"))
            .unwrap_or_default();
        *text = format!("{}{version}", percent::encode_path(path));
    }
}

/// Route 53 gives ids as paths (`/hostedzone/Z1`) and takes them bare.
fn strip_route53_ids(service: &Service, operation: &Operation, params: &mut Map<String, Value>) {
    let Some(input) = operation
        .input
        .as_ref()
        .and_then(|input| service.structure(input))
    else {
        return;
    };
    for member in &input.members {
        let in_path = member.target.traits().location == Some(Location::Uri);
        if !in_path && !matches!(&*member.name, "DelegationSetId" | "HostedZoneId") {
            continue;
        }
        if let Some(Value::String(id)) = params.get_mut(&*member.name) {
            let bare = ["/hostedzone/", "/change/", "/delegationset/"]
                .iter()
                .find_map(|kind| id.strip_prefix(kind));
            if let Some(bare) = bare {
                *id = bare.to_owned();
            }
        }
    }
}

fn decode_text(answer: &mut Value, name: &str) {
    if let Some(Value::String(text)) = answer.get_mut(name)
        && let Ok(bytes) = STANDARD.decode(text.as_bytes())
    {
        *text = String::from_utf8_lossy(&bytes).into_owned();
    }
}

fn open_json(answer: &mut Value, name: &str) {
    if let Some(value) = answer.get_mut(name) {
        let opened = value
            .as_str()
            .and_then(|text| serde_json::from_str::<Map<String, Value>>(text).ok());
        if let Some(opened) = opened {
            *value = Value::Object(opened);
        }
    }
}

/// IAM gives policy documents as percent-encoded JSON text; boto3 gives them opened.
fn open_policies(value: &mut Value, depth: usize) {
    if depth > MAX_SEARCH_DEPTH {
        return;
    }
    match value {
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| open_policies(item, depth + 1)),
        Value::Object(map) => {
            for (name, item) in map {
                match item {
                    Value::String(text)
                        if matches!(
                            name.as_str(),
                            "PolicyDocument" | "AssumeRolePolicyDocument" | "Document"
                        ) =>
                    {
                        let plain = percent::decode_bytes(text);
                        if let Ok(document @ Value::Object(_)) = serde_json::from_slice(&plain) {
                            *item = document;
                        }
                    }
                    other => open_policies(other, depth + 1),
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn policies_are_opened() {
        let mut answer = json!({"Role": {"AssumeRolePolicyDocument": "%7B%22Version%22%3A%20%222012-10-17%22%7D"},
            "Description": "%7B%7D"});
        open_policies(&mut answer, 0);
        assert_eq!(
            answer["Role"]["AssumeRolePolicyDocument"],
            json!({"Version": "2012-10-17"})
        );
        assert_eq!(answer["Description"], "%7B%7D");
    }

    #[test]
    fn copy_sources_are_encoded() {
        let mut params = crate::call::as_object(&json!({"CopySource": "bucket/a b?versionId=1"}));
        encode_copy_source(&mut params);
        assert_eq!(params["CopySource"], "bucket/a%20b?versionId=1");
    }
}
