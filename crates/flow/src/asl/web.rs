//! HTTP Tasks (`http:invoke`): what their arguments ask for, and what errors of the call are known as.
//!
//! Source: Step Functions developer guide, "Call HTTPS APIs in Step Functions workflows". Which connection it is, and
//! what that adds, is found out when the call is made.

use model::Scope;
use model::effect::{ArrayFormat, DESTINATION_BUSY, Failure, HttpCall};
use serde_json::{Map, Value, json};

use super::fault::{DATA_LIMIT_EXCEEDED, Fault};

/// Seconds that a call may take, whatever the state's own limit is.
const SECONDS: u32 = 60;
const METHODS: [&str; 7] = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"];
const MEMBERS: [&str; 8] = [
    "ApiEndpoint",
    "Method",
    "Authentication",
    "InvocationConfig",
    "Headers",
    "QueryParameters",
    "RequestBody",
    "Transform",
];
/// Headers that a definition may not set, besides those that begin with [`FORBIDDEN_PREFIXES`].
const FORBIDDEN: [&str; 32] = [
    "a-im",
    "accept-charset",
    "accept-datetime",
    "accept-encoding",
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-md5",
    "date",
    "expect",
    "forwarded",
    "from",
    "host",
    "http2-settings",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "max-forwards",
    "origin",
    "pragma",
    "proxy-authorization",
    "referer",
    "server",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "warning",
];
const FORBIDDEN_PREFIXES: [&str; 3] = ["x-forwarded-", "x-amz-", "x-amzn-"];

/// The call that a Task's arguments ask for.
pub(crate) fn call(arguments: &Value, scope: &Scope) -> Result<HttpCall, Fault> {
    read(arguments, scope).map_err(|why| {
        Fault::runtime(format!(
            "The Parameters '{arguments}' could not be used to start the Task: [{why}]"
        ))
    })
}

fn read(arguments: &Value, scope: &Scope) -> Result<HttpCall, String> {
    let given = arguments
        .as_object()
        .ok_or("The parameters must be an object")?;
    if let Some(other) = given.keys().find(|key| !MEMBERS.contains(&key.as_str())) {
        return Err(format!(
            "The field '{other}' is not supported by Step Functions"
        ));
    }
    let method = required(given, "Method")?;
    if !METHODS.contains(&method) {
        return Err(format!(
            "The field 'Method' must be one of {}",
            METHODS.join(", ")
        ));
    }
    Ok(HttpCall {
        scope: scope.clone(),
        connection_arn: connection(given)?,
        method: method.to_owned(),
        endpoint: required(given, "ApiEndpoint")?.to_owned(),
        headers: headers(given.get("Headers"))?,
        query: query(given.get("QueryParameters"))?,
        body: given.get("RequestBody").cloned(),
        form: form(given.get("Transform"))?,
        timeout_secs: SECONDS,
    })
}

fn required<'a>(given: &'a Map<String, Value>, name: &str) -> Result<&'a str, String> {
    match given.get(name) {
        None | Some(Value::Null) => Err(format!("The field '{name}' is required but was missing")),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(format!("The field '{name}' must be a string")),
    }
}

/// The connection's ARN, of either place that it may stand in.
fn connection(given: &Map<String, Value>) -> Result<String, String> {
    let (old, new) = (given.get("Authentication"), given.get("InvocationConfig"));
    let (name, found) = match (old, new) {
        (Some(_), Some(_)) => {
            return Err(
                "Only one of the fields 'Authentication' and 'InvocationConfig' may be given"
                    .to_owned(),
            );
        }
        (Some(found), None) => ("Authentication", found),
        (None, Some(found)) => ("InvocationConfig", found),
        (None, None) => {
            return Err(
                "The field 'InvocationConfig' with a 'ConnectionArn' is required but was missing"
                    .to_owned(),
            );
        }
    };
    let found = found
        .as_object()
        .ok_or_else(|| format!("The field '{name}' must be an object"))?;
    required(found, "ConnectionArn").map(str::to_owned)
}

fn headers(given: Option<&Value>) -> Result<Vec<(String, String)>, String> {
    let Some(given) = given else {
        return Ok(Vec::new());
    };
    let given = given
        .as_object()
        .ok_or("The field 'Headers' must be an object")?;
    let mut found = Vec::new();
    for (name, value) in given {
        let plain = name.to_ascii_lowercase();
        let forbidden = FORBIDDEN.contains(&plain.as_str())
            || FORBIDDEN_PREFIXES.iter().any(|it| plain.starts_with(it));
        if forbidden {
            return Err(format!("The header '{name}' is not allowed"));
        }
        pairs((name, value), "Headers", &mut found)?;
    }
    Ok(found)
}

/// `QueryParameters`: an object, a text such as `a=1&b=2`, or a list of both.
fn query(given: Option<&Value>) -> Result<Vec<(String, String)>, String> {
    let mut found = Vec::new();
    match given {
        None | Some(Value::Null) => {}
        Some(Value::Array(parts)) => {
            for part in parts {
                query_part(part, &mut found)?;
            }
        }
        Some(part) => query_part(part, &mut found)?,
    }
    Ok(found)
}

fn query_part(part: &Value, found: &mut Vec<(String, String)>) -> Result<(), String> {
    match part {
        Value::Object(members) => members
            .iter()
            .try_for_each(|(name, value)| pairs((name, value), "QueryParameters", found)),
        Value::String(text) => {
            let each = text.split('&').filter(|pair| !pair.is_empty());
            found.extend(each.map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                (name.to_owned(), value.to_owned())
            }));
            Ok(())
        }
        _ => Err(
            "The field 'QueryParameters' must be an object, a string, or an array of them"
                .to_owned(),
        ),
    }
}

/// A name with each of its values; `null` is none.
fn pairs(
    (name, value): (&str, &Value),
    field: &str,
    found: &mut Vec<(String, String)>,
) -> Result<(), String> {
    let text = |value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(_) | Value::Bool(_) => Ok(value.to_string()),
        _ => Err(format!(
            "The value of '{name}' in '{field}' must be a string or an array of strings"
        )),
    };
    match value {
        Value::Null => {}
        Value::Array(items) => {
            for item in items {
                found.push((name.to_owned(), text(item)?));
            }
        }
        value => found.push((name.to_owned(), text(value)?)),
    }
    Ok(())
}

fn form(transform: Option<&Value>) -> Result<Option<ArrayFormat>, String> {
    let member = |of: Option<&Value>, name: &str| match of {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(map)) => Ok(map.get(name).filter(|it| !it.is_null()).cloned()),
        Some(_) => Err("The field 'Transform' and its options must be objects".to_owned()),
    };
    let encoding = member(transform, "RequestBodyEncoding")?;
    let options = member(transform, "RequestEncodingOptions")?;
    let format = member(options.as_ref(), "ArrayFormat")?;
    let format = match format {
        None => ArrayFormat::Indices,
        Some(word) => serde_json::from_value(word).map_err(|_| {
            "The field 'ArrayFormat' must be one of INDICES, REPEAT, COMMAS, BRACKETS".to_owned()
        })?,
    };
    match encoding.as_ref().map(Value::as_str) {
        None | Some(Some("NONE")) => Ok(None),
        Some(Some("URL_ENCODED")) => Ok(Some(format)),
        Some(_) => {
            Err("The field 'RequestBodyEncoding' must be one of NONE, URL_ENCODED".to_owned())
        }
    }
}

/// A call as its arguments say it, for whoever looks at it.
pub(crate) fn shown(call: &HttpCall) -> Value {
    let mut shown = json!({
        "ApiEndpoint": call.endpoint,
        "Method": call.method,
        "ConnectionArn": call.connection_arn,
    });
    for (name, given) in [("Headers", &call.headers), ("QueryParameters", &call.query)] {
        let each = given.iter().map(|(name, value)| json!({name: value}));
        let each: Vec<_> = each.collect();
        if !each.is_empty() {
            shown[name] = each.into();
        }
    }
    if let Some(body) = &call.body {
        shown["RequestBody"] = body.clone();
    }
    shown
}

/// The fault of a call that failed.
pub(crate) fn fault(failure: &Failure) -> Fault {
    let cause = failure.message.clone();
    let error = match (failure.code.as_str(), failure.status) {
        ("Http", Some(status)) => format!("States.Http.StatusCode.{status}"),
        ("Socket" | DESTINATION_BUSY, _) => "States.Http.Socket".to_owned(),
        ("DataLimit", _) => DATA_LIMIT_EXCEEDED.to_owned(),
        (code, _) if code.starts_with("Events.ConnectionResource.") => code.to_owned(),
        _ => return Fault::runtime(cause),
    };
    Fault::of(Some(error), Some(cause))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asked(more: &Value) -> Result<HttpCall, String> {
        let mut whole = json!({
            "ApiEndpoint": "https://example.com/a",
            "Method": "POST",
            "InvocationConfig": {"ConnectionArn": "arn:c"},
        });
        for (name, value) in more.as_object().expect("an object") {
            if value == "none" {
                whole.as_object_mut().expect("an object").remove(name);
            } else {
                whole[name] = value.clone();
            }
        }
        read(&whole, &Scope::new("123456789012", "us-east-1"))
    }

    fn shown(pairs: &[(String, String)]) -> String {
        let each = pairs.iter().map(|(name, value)| format!("{name}={value}"));
        each.collect::<Vec<_>>().join("&")
    }

    #[test]
    fn arguments_become_a_call() {
        let plain = asked(&json!({})).expect("a call");
        assert_eq!(plain.connection_arn, "arn:c");
        assert_eq!(
            (plain.body, plain.form, plain.timeout_secs),
            (None, None, 60)
        );
        let old = json!({"InvocationConfig": "none", "Authentication": {"ConnectionArn": "arn:o"}});
        assert_eq!(asked(&old).expect("a call").connection_arn, "arn:o");
        for (headers, wanted) in [
            (
                json!({"A": "x", "b": ["y", "z"], "c": 1, "d": null}),
                "A=x&b=y&b=z&c=1",
            ),
            (json!({}), ""),
        ] {
            let call = asked(&json!({"Headers": headers})).expect("a call");
            assert_eq!(shown(&call.headers), wanted);
        }
        for (query, wanted) in [
            (
                json!({"q": "a b", "t": ["x", 2, true], "n": null}),
                "q=a b&t=x&t=2&t=true",
            ),
            (json!("a=1&b&&c=2=3"), "a=1&b=&c=2=3"),
            (json!([{"a": 1}, "b=2"]), "a=1&b=2"),
            (json!(null), ""),
        ] {
            let call = asked(&json!({"QueryParameters": query})).expect("a call");
            assert_eq!(shown(&call.query), wanted);
        }
        for (transform, wanted) in [
            (json!({}), None),
            (
                json!({"RequestBodyEncoding": "NONE", "RequestEncodingOptions": {"ArrayFormat": "COMMAS"}}),
                None,
            ),
            (
                json!({"RequestBodyEncoding": "URL_ENCODED"}),
                Some(ArrayFormat::Indices),
            ),
            (
                json!({"RequestBodyEncoding": "URL_ENCODED", "RequestEncodingOptions": {"ArrayFormat": "REPEAT"}}),
                Some(ArrayFormat::Repeat),
            ),
            (
                json!({"RequestBodyEncoding": "URL_ENCODED", "RequestEncodingOptions": {"ArrayFormat": "COMMAS"}}),
                Some(ArrayFormat::Commas),
            ),
            (
                json!({"RequestBodyEncoding": "URL_ENCODED", "RequestEncodingOptions": {"ArrayFormat": "BRACKETS"}}),
                Some(ArrayFormat::Brackets),
            ),
        ] {
            assert_eq!(
                asked(&json!({"Transform": transform}))
                    .expect("a call")
                    .form,
                wanted
            );
        }
    }

    #[test]
    fn what_cannot_be_called_is_refused_in_words() {
        for (more, says) in [
            (json!({"ApiEndpoint": "none"}), "'ApiEndpoint' is required"),
            (json!({"ApiEndpoint": 1}), "'ApiEndpoint' must be a string"),
            (json!({"Method": "none"}), "'Method' is required"),
            (json!({"Method": "get"}), "'Method' must be one of"),
            (json!({"Method": "TRACE"}), "'Method' must be one of"),
            (
                json!({"InvocationConfig": "none"}),
                "'ConnectionArn' is required",
            ),
            (
                json!({"InvocationConfig": {}}),
                "'ConnectionArn' is required",
            ),
            (json!({"InvocationConfig": []}), "must be an object"),
            (
                json!({"Authentication": {"ConnectionArn": "x"}}),
                "Only one of",
            ),
            (json!({"Url": "x"}), "'Url' is not supported"),
            (json!({"Headers": "x"}), "'Headers' must be an object"),
            (json!({"Headers": {"a": {"b": 1}}}), "'a' in 'Headers'"),
            (json!({"Headers": {"a": [["b"]]}}), "'a' in 'Headers'"),
            (json!({"QueryParameters": 1}), "'QueryParameters' must be"),
            (json!({"QueryParameters": [1]}), "'QueryParameters' must be"),
            (json!({"Transform": "URL_ENCODED"}), "must be objects"),
            (
                json!({"Transform": {"RequestBodyEncoding": "BASE64"}}),
                "'RequestBodyEncoding' must be",
            ),
            (
                json!({"Transform": {"RequestBodyEncoding": 1}}),
                "'RequestBodyEncoding' must be",
            ),
            (
                json!({"Transform": {"RequestBodyEncoding": "URL_ENCODED", "RequestEncodingOptions": {"ArrayFormat": "x"}}}),
                "'ArrayFormat' must be",
            ),
        ] {
            let said = asked(&more).expect_err("refused");
            assert!(said.contains(says), "{more}: {said}");
        }
        for header in [
            "Authorization",
            "HOST",
            "x-amz-date",
            "X-Forwarded-For",
            "x-amzn-trace-id",
            "Server",
        ] {
            let said = asked(&json!({"Headers": {header: "x"}})).expect_err("refused");
            assert!(said.contains("is not allowed"), "{header}: {said}");
        }
        let fault =
            call(&json!([]), &Scope::new("123456789012", "us-east-1")).expect_err("refused");
        assert_eq!(fault.name(), "States.Runtime");
    }

    #[test]
    fn failures_have_the_services_names() {
        for (code, status, wanted) in [
            ("Http", Some(503), "States.Http.StatusCode.503"),
            ("Http", Some(302), "States.Http.StatusCode.302"),
            ("Socket", None, "States.Http.Socket"),
            (DESTINATION_BUSY, None, "States.Http.Socket"),
            ("DataLimit", None, "States.DataLimitExceeded"),
            ("ParamValidation", None, "States.Runtime"),
            ("UnsupportedResponse", Some(200), "States.Runtime"),
            (
                "Events.ConnectionResource.ResourceNotFound",
                None,
                "Events.ConnectionResource.ResourceNotFound",
            ),
        ] {
            let fault = fault(&Failure {
                code: code.to_owned(),
                message: "why".to_owned(),
                status,
                request_id: None,
                extended_request_id: None,
                shape: None,
                transient: false,
            });
            assert_eq!(
                (fault.name(), fault.cause.as_deref()),
                (wanted, Some("why")),
                "{code}"
            );
        }
    }
}
