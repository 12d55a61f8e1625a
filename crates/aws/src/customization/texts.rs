//! Texts that stand for something else, and headers that services want.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::{Params, Place};
use crate::protocol::Parts;
use crate::sigv4::sha256_hex;
use crate::{Error, HttpRequest, HttpResponse, percent};

/// Deepest place in an answer that is searched for policy documents.
const MAX_SEARCH_DEPTH: usize = 16;
/// Members of IAM's answers that are policy documents. Source: the model's `policyDocumentType`.
const POLICIES: [&str; 3] = ["PolicyDocument", "AssumeRolePolicyDocument", "Document"];
/// Piece of a body that Glacier's tree hash is made of.
const TREE_PIECE: usize = 1024 * 1024;

/// Bytes as text in base64. A blob is its text or `{"$base64": ...}`.
pub(super) fn base64_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(STANDARD.encode(text)),
        Value::Object(map) if map.len() == 1 => {
            let encoded = map.get("$base64")?.as_str()?;
            let bytes = STANDARD.decode(encoded).ok()?;
            Some(STANDARD.encode(bytes))
        }
        _ => None,
    }
}

pub(super) fn encode_user_data(_: &Place<'_>, params: &mut Params) -> Result<(), Error> {
    if let Some(value) = params.get_mut("UserData")
        && let Some(encoded) = base64_of(value)
    {
        *value = encoded.into();
    }
    Ok(())
}

/// Adds a header unless the call has it.
pub(super) fn header(parts: &mut Parts, name: &str, value: &str) {
    if !parts
        .headers
        .iter()
        .any(|(have, _)| have.eq_ignore_ascii_case(name))
    {
        parts.headers.push((name.to_owned(), value.to_owned()));
    }
}

pub(super) fn glacier_version(place: &Place<'_>, parts: &mut Parts) {
    header(parts, "x-amz-glacier-version", place.service.api_version);
}

pub(super) fn api_version(place: &Place<'_>, parts: &mut Parts) {
    header(parts, "x-amz-api-version", place.service.api_version);
}

pub(super) fn glacier_checksums(_: &Place<'_>, parts: &mut Parts) {
    let (whole, tree) = (sha256_hex(&parts.body), tree_hash(&parts.body));
    header(parts, "x-amz-content-sha256", &whole);
    header(parts, "x-amz-sha256-tree-hash", &tree);
}

/// Source: Glacier developer guide, "Computing checksums": hashes of the pieces, joined by twos until one is left.
fn tree_hash(body: &[u8]) -> String {
    let mut level: Vec<[u8; 32]> = body
        .chunks(TREE_PIECE)
        .map(|piece| Sha256::digest(piece).into())
        .collect();
    while level.len() > 1 {
        level = level
            .chunks(2)
            .map(|pair| match pair {
                [one, other] => Sha256::new()
                    .chain_update(one)
                    .chain_update(other)
                    .finalize()
                    .into(),
                pair => pair.first().copied().unwrap_or_default(),
            })
            .collect();
    }
    level.first().map_or_else(|| sha256_hex(b""), hex::encode)
}

pub(super) fn query_as_form(_: &Params, request: &mut HttpRequest) {
    if request.method == "GET" && !request.query.is_empty() {
        request.set_header("content-type", "application/x-www-form-urlencoded");
        "POST".clone_into(&mut request.method);
        request.body = std::mem::take(&mut request.query).into();
    }
}

/// OAuth errors tell no `message`.
pub(super) fn oauth_message(_: &Place<'_>, response: &HttpResponse) -> Option<HttpResponse> {
    if response.status < 400 {
        return None;
    }
    let mut body: Map<String, Value> = serde_json::from_slice(&response.body).ok()?;
    if body.contains_key("message") || body.contains_key("Message") {
        return None;
    }
    let message = body.get("error_description")?.clone();
    body.insert("message".to_owned(), message);
    let mut response = response.clone();
    response.body = Value::Object(body).to_string().into();
    Some(response)
}

pub(super) fn open_policies(_: &Place<'_>, _: &HttpResponse, answer: &mut Value) {
    open_below(answer, 0);
}

fn open_below(value: &mut Value, depth: usize) {
    if depth > MAX_SEARCH_DEPTH {
        return;
    }
    match value {
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| open_below(item, depth + 1)),
        Value::Object(map) => {
            for (name, item) in map {
                match item {
                    Value::String(text) if POLICIES.contains(&name.as_str()) => {
                        if let Ok(document) = serde_json::from_slice(&percent::decode_bytes(text)) {
                            *item = document;
                        }
                    }
                    other => open_below(other, depth + 1),
                }
            }
        }
        _ => {}
    }
}

/// What is not base64 stays; what is not UTF-8 in it is replaced.
pub(super) fn open_console(_: &Place<'_>, _: &HttpResponse, answer: &mut Value) {
    if let Some(Value::String(text)) = answer.get_mut("Output") {
        let packed: String = text.split_ascii_whitespace().collect();
        if let Ok(bytes) = STANDARD.decode(packed) {
            *text = String::from_utf8_lossy(&bytes).into_owned();
        }
    }
}

pub(super) fn open_template(_: &Place<'_>, _: &HttpResponse, answer: &mut Value) {
    if let Some(value) = answer.get_mut("TemplateBody") {
        let opened = value
            .as_str()
            .and_then(|text| serde_json::from_str::<Value>(text).ok());
        if let Some(opened) = opened {
            *value = opened;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn policies_are_opened() {
        let mut answer = json!({"Role": {"AssumeRolePolicyDocument": "%7B%22Version%22%3A%20%222012-10-17%22%7D"},
            "Description": "%7B%7D", "PolicyDocument": "no document", "List": [{"Document": "%5B1%5D"}]});
        open_below(&mut answer, 0);
        assert_eq!(
            answer,
            json!({"Role": {"AssumeRolePolicyDocument": {"Version": "2012-10-17"}},
                "Description": "%7B%7D", "PolicyDocument": "no document", "List": [{"Document": [1]}]})
        );
    }

    #[test]
    fn tree_hashes() {
        // One piece is its own tree.
        assert_eq!(tree_hash(b"abc"), sha256_hex(b"abc"));
        assert_eq!(tree_hash(b""), sha256_hex(b""));
        let three = vec![7_u8; 2 * TREE_PIECE + 1];
        let digest = |bytes: &[u8]| <[u8; 32]>::from(Sha256::digest(bytes));
        let (a, b, c) = (
            digest(&three[..TREE_PIECE]),
            digest(&three[..TREE_PIECE]),
            digest(&[7]),
        );
        let ab = digest(&[a, b].concat());
        assert_eq!(tree_hash(&three), sha256_hex(&[ab, c].concat()));
    }
}
