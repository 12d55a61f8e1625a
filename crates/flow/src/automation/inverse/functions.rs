//! Lambda functions: how many run at once, who may invoke them, and at which address.

use serde_json::{Map, Value, json};

use super::{Call, Params, Rule, at, get, items};

const NONE: &[&str] = &["ResourceNotFoundException"];

pub(super) fn rule(operation: &str) -> Option<Rule> {
    Some(match operation {
        "putfunctionconcurrency" | "deletefunctionconcurrency" => Rule::new(
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
        // An address that is deleted is never given again, so `DeleteFunctionUrlConfig` is not here.
        "createfunctionurlconfig" | "updatefunctionurlconfig" => {
            Rule::new(|p| read(p, "GetFunctionUrlConfig"), url, set_url).absent(NONE)
        }
        "addpermission" | "removepermission" => Rule::new(
            |p| {
                get(p, "StatementId")?;
                read(p, "GetPolicy")
            },
            statement,
            set_statement,
        )
        .absent(NONE),
        _ => return None,
    })
}

/// What names a function, or one of its versions or aliases.
fn named(params: &Params) -> Map<String, Value> {
    let names = ["FunctionName", "Qualifier"].iter();
    names
        .filter_map(|name| Some(((*name).to_owned(), get(params, name)?)))
        .collect()
}

fn read(params: &Params, operation: &'static str) -> Option<Call> {
    get(params, "FunctionName")?;
    let function = Value::Object(named(params));
    Some(Call::new("lambda", operation, function))
}

/// How an address may be called; not which one it is.
fn url(_: &Params, answer: &Value) -> Value {
    json!({
        "AuthType": at(answer, "/AuthType"),
        "Cors": at(answer, "/Cors"),
        "InvokeMode": at(answer, "/InvokeMode"),
    })
}

fn set_url(params: &Params, before: &Value, after: &Value) -> Vec<Call> {
    let mut given = named(params);
    if before.is_null() {
        let function = Value::Object(given);
        return vec![Call::new("lambda", "DeleteFunctionUrlConfig", function)];
    }
    if after.is_null() {
        return Vec::new();
    }
    for member in ["AuthType", "Cors", "InvokeMode"] {
        let was = at(before, &format!("/{member}"));
        if at(after, &format!("/{member}")) == was {
            continue;
        }
        let value = match (member, was) {
            // Settings that were not there are taken away by empty ones.
            ("Cors", Value::Null) => json!({}),
            (_, was) => was,
        };
        given.insert(member.to_owned(), value);
    }
    let given = Value::Object(given);
    vec![Call::new("lambda", "UpdateFunctionUrlConfig", given)]
}

/// The statement of the function's policy that the call names; null where there is none.
fn statement(params: &Params, answer: &Value) -> Value {
    let text = answer.get("Policy").and_then(Value::as_str);
    let policy: Value = text
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    let id = params.get("StatementId");
    let mut all = items(&policy, "/Statement");
    let found = all.find(|one| one.get("Sid") == id);
    found.cloned().unwrap_or_default()
}

fn set_statement(params: &Params, before: &Value, after: &Value) -> Vec<Call> {
    let mut calls = Vec::new();
    let mut given = named(params);
    let id = params.get("StatementId").cloned().unwrap_or_default();
    given.insert("StatementId".to_owned(), id);
    let added = match before {
        Value::Null => None,
        statement => match grant(statement) {
            Some(grant) => Some(grant),
            // Not to be had by AddPermission: what is there now is better than nothing.
            None => return Vec::new(),
        },
    };
    if !after.is_null() {
        let given = Value::Object(given.clone());
        calls.push(Call::new("lambda", "RemovePermission", given));
    }
    if let Some(mut added) = added {
        given.append(&mut added);
        calls.push(Call::new("lambda", "AddPermission", Value::Object(given)));
    }
    calls
}

/// Conditions of statements, and the parameters of AddPermission that make them.
const CONDITIONS: [(&str, &str, &str); 6] = [
    ("ArnLike", "aws:sourcearn", "SourceArn"),
    ("StringEquals", "aws:sourceaccount", "SourceAccount"),
    ("StringEquals", "aws:principalorgid", "PrincipalOrgID"),
    (
        "StringEquals",
        "lambda:eventsourcetoken",
        "EventSourceToken",
    ),
    (
        "StringEquals",
        "lambda:functionurlauthtype",
        "FunctionUrlAuthType",
    ),
    (
        "Bool",
        "lambda:invokedviafunctionurl",
        "InvokedViaFunctionUrl",
    ),
];

/// The parameters of AddPermission that make a statement; none where it has what they cannot say.
fn grant(statement: &Value) -> Option<Map<String, Value>> {
    let members = statement.as_object()?;
    let known = [
        "Sid",
        "Effect",
        "Principal",
        "Action",
        "Resource",
        "Condition",
    ];
    if !members.keys().all(|key| known.contains(&key.as_str())) {
        return None;
    }
    if statement.get("Effect")? != "Allow" {
        return None;
    }
    let mut given = Map::new();
    let action = statement.get("Action")?.as_str()?;
    given.insert("Action".to_owned(), json!(action));
    given.insert("Principal".to_owned(), json!(principal(statement)?));
    let tests = statement.get("Condition").and_then(Value::as_object);
    for (test, keys) in tests.into_iter().flatten() {
        for (key, value) in keys.as_object()? {
            let mut all = CONDITIONS.iter();
            let (_, _, name) = all.find(|(t, k, _)| t == test && k.eq_ignore_ascii_case(key))?;
            let value = match (*name, value) {
                ("InvokedViaFunctionUrl", Value::String(text)) => json!(text == "true"),
                ("InvokedViaFunctionUrl", Value::Bool(_)) | (_, Value::String(_)) => value.clone(),
                _ => return None,
            };
            given.insert((*name).to_owned(), value);
        }
    }
    Some(given)
}

/// Whom a statement names, as AddPermission takes it.
fn principal(statement: &Value) -> Option<&str> {
    let found = statement.get("Principal")?;
    if let Some(text) = found.as_str() {
        return Some(text);
    }
    let mut members = found.as_object()?.iter();
    let (kind, name) = members.next()?;
    let alone = members.next().is_none();
    (alone && matches!(kind.as_str(), "Service" | "AWS")).then(|| name.as_str())?
}
