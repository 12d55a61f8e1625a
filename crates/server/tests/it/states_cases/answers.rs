//! Answers of the wire in the form that the records hold: what boto3 makes of them.

use serde_json::{Map, Value, json};

use crate::world::{ACCOUNT, Answer};

/// The account of the records.
pub(super) const RECORDED: &str = "111111111111";

/// A request's parameters as they are sent here.
pub(super) fn sent(params: &Value) -> Value {
    let text = params.to_string().replace(RECORDED, ACCOUNT);
    serde_json::from_str(&text).expect("still JSON")
}

/// An answer in the form of the recorded one.
pub(super) fn seen(operation: &str, answer: &Answer, recorded: &Value) -> Value {
    let failed = answer.status >= 300;
    let (code, message) = (answer.code().to_owned(), answer.message());
    let told =
        format!("An error occurred ({code}) when calling the {operation} operation: {message}");
    let shown = if failed && recorded.is_string() {
        Value::String(told)
    } else if failed && recorded.get("exception_typename").is_some() {
        json!({"exception_typename": code, "exception_value": told})
    } else {
        whole(answer, failed.then_some((code, message)))
    };
    let text = shown.to_string().replace(ACCOUNT, RECORDED);
    serde_json::from_str(&text).expect("still JSON")
}

/// The members, with the error and what boto3 says of the answer's head.
fn whole(answer: &Answer, error: Option<(String, String)>) -> Value {
    let mut body = match &answer.body {
        Value::Object(members) => members.clone(),
        _ => Map::new(),
    };
    if let Some((code, message)) = error {
        body.remove("__type");
        body.insert(
            "Error".to_owned(),
            json!({"Code": code, "Message": message}),
        );
    }
    let head = json!({"HTTPHeaders": {}, "HTTPStatusCode": answer.status});
    body.insert("ResponseMetadata".to_owned(), head);
    dated(&mut Value::Object(body))
}

/// Seconds become the text that the record's `datetime` stands for.
fn dated(value: &mut Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter_mut()
            .map(|(key, member)| match member.as_f64() {
                Some(_) if key.ends_with("Date") => (key.clone(), json!("2026-03-01T03:00:00Z")),
                _ => (key.clone(), dated(member)),
            })
            .collect(),
        Value::Array(items) => items.iter_mut().map(dated).collect(),
        other => other.take(),
    }
}

/// Headers that all records have one text for, also where an answer has a list of them.
const HEADERS: [&str; 5] = [
    "Date",
    "X-Amzn-Trace-Id",
    "x-amz-crc32",
    "x-amzn-RequestId",
    "x-amzn-requestid",
];

fn lone_headers(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                match member {
                    Value::Array(one) if HEADERS.contains(&key.as_str()) && one.len() == 1 => {
                        *member = one.remove(0);
                    }
                    _ => lone_headers(member),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(lone_headers),
        _ => {}
    }
}

/// The placeholders that are no texts: headers, values by name, and lists in any order.
pub(super) fn placed(record: &Value, value: &mut Value) {
    lone_headers(value);
    let all = record["placeholders"].as_array();
    for placeholder in all.into_iter().flatten() {
        let path = placeholder["path"]
            .as_str()
            .and_then(|path| path.strip_prefix("$.."));
        if let (Some(name), false) = (path, placeholder["ref"] == true) {
            put(value, name, &placeholder["to"]);
        }
        if placeholder["other"] == "_SfnSortVariableReferences" {
            sort_references(value);
        }
    }
}

fn put(value: &mut Value, name: &str, to: &Value) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                if key == name {
                    *member = to.clone();
                } else {
                    put(member, name, to);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| put(item, name, to)),
        _ => {}
    }
}

fn sort_references(value: &mut Value) {
    let Some(members) = value.as_object_mut() else {
        return;
    };
    for (key, member) in members {
        if key == "variableReferences" {
            let lists = member.as_object_mut().into_iter().flatten();
            for list in lists.filter_map(|(_, list)| list.as_array_mut()) {
                list.sort_by_key(ToString::to_string);
            }
        } else {
            sort_references(member);
        }
    }
}
