//! Calls of web APIs by Tasks of state machines: what is sent, and what the Task is told of the answer.
//!
//! Source: Step Functions developer guide, "Call HTTPS APIs in Step Functions workflows": the connection's headers,
//! query parameters and members of the body win over the task's; the body is encoded when all of it is together.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RANGE, USER_AGENT};
use http::{Method, Request, Response};
use model::Outcome;
use model::effect::{Failure, HttpCall};
use ports::connection::{AuthParameters, Parameter};
use serde_json::{Map, Value, json};

use super::redact::Redactor;
use super::request::{self, Bearer, Rules};
use super::{failure, form};
use crate::http::TransportError;

/// Most bytes of an answer: a state's result can have no more.
pub(super) const ANSWER_BYTES: usize = 262_144;
/// What is asked for, as the service does.
const ASKED_RANGE: HeaderValue = HeaderValue::from_static("bytes=0-262144");
/// Most bytes of an answer that become an error's cause.
const CAUSE_BYTES: usize = 32 * 1024;
/// Deepest answer that is read as JSON; a deeper one is a text.
const DEPTH: usize = 80;
/// Answers of these types cannot be a state's result.
const UNSUPPORTED: [&str; 4] = ["application/octet-stream", "image/", "video/", "audio/"];

/// The whole request.
///
/// # Errors
/// What cannot be sent, in words that repeat no secret.
pub(super) fn build(
    call: &HttpCall,
    (parameters, bearer): (&AuthParameters, Option<&Bearer>),
    rules: &Rules,
) -> Result<Request<Bytes>, String> {
    let method = Method::from_bytes(call.method.as_bytes())
        .map_err(|_| format!("`{}` is no HTTP method", call.method.escape_debug()))?;
    let added = &parameters.invocation;
    let mut query = own(&call.query, &added.query, false);
    query.extend(request::pairs(&added.query));
    let uri = request::literal_address(&call.endpoint, &query)?;
    rules
        .check(&uri)
        .map_err(|reason| format!("the endpoint cannot be called: {reason}"))?;
    let body = body(call, &added.body)?;
    let mut made = Request::new(body.clone().unwrap_or_default());
    *made.method_mut() = method;
    *made.uri_mut() = uri;
    let headers = made.headers_mut();
    let agent = format!("Quell|StepFunctions|HttpInvoke|{}", call.scope.region);
    let agent = HeaderValue::from_str(&agent).map_err(|_| "the region is no text".to_owned())?;
    headers.insert(USER_AGENT, agent);
    headers.insert(RANGE, ASKED_RANGE);
    for (name, value) in own(&call.headers, &added.headers, true) {
        if let Some((name, value)) = request::header(name, value)? {
            headers.append(name, value);
        }
    }
    for (name, value) in request::pairs(&added.headers) {
        request::insert(headers, name, value)?;
    }
    if body.is_some() && !headers.contains_key(CONTENT_TYPE) {
        let json = HeaderValue::from_static("application/json; charset=UTF-8");
        headers.insert(CONTENT_TYPE, json);
    }
    request::authorize(headers, &parameters.authorization, bearer)?;
    Ok(made)
}

/// The task's parameters without those that the connection sets.
fn own<'a>(
    own: &'a [(String, String)],
    connection: &[Parameter],
    any_case: bool,
) -> Vec<(&'a str, &'a str)> {
    let same = |a: &str, b: &str| a == b || (any_case && a.eq_ignore_ascii_case(b));
    own.iter()
        .filter(|(key, _)| !connection.iter().any(|set| same(&set.key, key)))
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect()
}

/// The body with the connection's members, as it is sent.
fn body(call: &HttpCall, members: &[Parameter]) -> Result<Option<Bytes>, String> {
    let mut whole = call.body.clone();
    if !members.is_empty() {
        let mut object = match whole {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(object)) => object,
            Some(_) => {
                return Err("the connection adds body parameters, but the request body is no JSON object: the two cannot be merged".to_owned());
            }
        };
        for (key, value) in request::pairs(members) {
            object.insert(key.to_owned(), value.into());
        }
        whole = Some(Value::Object(object));
    }
    let Some(whole) = whole else { return Ok(None) };
    let text = match (whole, call.form) {
        (Value::String(text), _) => text,
        (whole, Some(format)) => form::encoded(&whole, format)?,
        (whole, None) => whole.to_string(),
    };
    Ok(Some(Bytes::from(text)))
}

/// What the Task is told of an answer.
pub(super) fn told(answer: &Response<Bytes>, redactor: &Redactor) -> Outcome {
    let status = answer.status();
    let kind = answer.headers().get(CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let kind = kind.to_ascii_lowercase();
    let refused = |message: String| {
        let status = Some(status.as_u16());
        Outcome::Failed(failure("UnsupportedResponse", message, status, false))
    };
    if UNSUPPORTED.iter().any(|one| kind.starts_with(one)) {
        return refused(format!(
            "the response has the content type `{kind}`, which is not supported"
        ));
    }
    let Ok(text) = std::str::from_utf8(answer.body()) else {
        return refused("the response cannot be read as text".to_owned());
    };
    if !status.is_success() {
        let mut cause = redactor.text(text.as_bytes(), CAUSE_BYTES);
        if cause.is_empty() {
            cause = status.canonical_reason().unwrap_or_default().to_owned();
        }
        let status = status.as_u16();
        let transient = status >= 500 || matches!(status, 408 | 425 | 429);
        return Outcome::Failed(failure("Http", cause, Some(status), transient));
    }
    let is_json = kind.is_empty() || kind == "application/json" || kind.ends_with("+json");
    let parsed = serde_json::from_str::<Value>(text).ok();
    let parsed = parsed.filter(|value| is_json && depth(value) <= DEPTH);
    let mut result = json!({
        "Headers": fields(answer.headers()),
        "ResponseBody": parsed.unwrap_or_else(|| text.into()),
        "StatusCode": status.as_u16(),
        "StatusText": status.canonical_reason().unwrap_or_default(),
    });
    redactor.clean(&mut result);
    Outcome::Done { result }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or_default(),
        Value::Object(map) => 1 + map.values().map(depth).max().unwrap_or_default(),
        _ => 0,
    }
}

/// Headers as a state's result has them: each with all its values.
fn fields(headers: &HeaderMap) -> Value {
    let each = headers.keys().map(|name| {
        let values = headers.get_all(name).iter();
        let values: Vec<_> = values
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .collect();
        (name.as_str().to_owned(), json!(values))
    });
    Value::Object(each.collect())
}

/// What a Task is told of a call that has no answer.
pub(super) fn unreached(error: &TransportError) -> Failure {
    match error {
        TransportError::Forbidden { reason } => {
            let message = format!("the endpoint cannot be called: {reason}");
            failure("ParamValidation", message, None, false)
        }
        TransportError::TooLarge { .. } => failure("DataLimit", error.to_string(), None, false),
        TransportError::NotSent { .. }
        | TransportError::Broken { .. }
        | TransportError::Timeout { .. } => failure("Socket", error.to_string(), None, true),
    }
}

/// What a Task is told of a connection that cannot be used.
pub(super) fn unusable(found: Failure) -> Failure {
    let kind = match found.code.as_str() {
        "NotFound" => "ResourceNotFound",
        "Unauthorized" | "ParamValidation" => "InvalidConnectionState",
        _ => "InternalError",
    };
    Failure {
        code: format!("Events.ConnectionResource.{kind}"),
        ..found
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use model::Scope;
    use model::effect::ArrayFormat;
    use ports::connection::{Authorization, HttpParameters};
    use ports::vault::Secret;

    use super::super::mask::{masked_request, shown_request};
    use super::*;

    const RULES: Rules = Rules {
        allow_http: false,
        allow_private: false,
    };

    fn call(method: &str, body: Option<Value>) -> HttpCall {
        HttpCall {
            scope: Scope::new("123456789012", "us-east-1"),
            connection_arn: String::new(),
            method: method.to_owned(),
            endpoint: "https://example.com/path".to_owned(),
            headers: Vec::new(),
            query: Vec::new(),
            body,
            form: None,
            timeout_secs: 60,
        }
    }

    fn added(key: &str, value: &str) -> Vec<Parameter> {
        vec![Parameter {
            key: key.to_owned(),
            value: Secret::new(value),
            secret: true,
        }]
    }

    fn keyed(invocation: HttpParameters) -> AuthParameters {
        AuthParameters {
            authorization: Authorization::ApiKey {
                name: "ApiKey".to_owned(),
                value: Secret::new("key_value"),
            },
            invocation,
        }
    }

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    /// The developer guide's own example of what is merged.
    #[test]
    fn the_connection_wins_over_the_task() {
        let parameters = keyed(HttpParameters {
            headers: added("Header-Param", "connection_header_param"),
            query: added("QueryParam", "connection_query_param"),
            body: added("BodyParam", "connection_body_param"),
        });
        let body = json!({"Job": "Software Engineer", "Company": "AnyCompany", "BodyParam": "state_machine_body_param"});
        let mut asked = call("POST", Some(body));
        asked.headers = vec![
            pair("Request-Id", "my_request_id"),
            pair("header-param", "state_machine_header_param"),
            pair("X-Many", "one"),
            pair("X-Many", "two"),
            pair("User-Agent", "mine"),
        ];
        asked.query = vec![
            pair("QueryParam", "state_machine_query_param"),
            pair("a b", "c&d"),
        ];
        let made = build(&asked, (&parameters, None), &RULES).unwrap();
        assert_eq!(
            made.uri().to_string(),
            "https://example.com/path?a%20b=c%26d&QueryParam=connection_query_param"
        );
        assert_eq!(
            std::str::from_utf8(made.body()).unwrap(),
            r#"{"Job":"Software Engineer","Company":"AnyCompany","BodyParam":"connection_body_param"}"#
        );
        for (name, wanted) in [
            ("apikey", vec!["key_value"]),
            ("content-type", vec!["application/json; charset=UTF-8"]),
            ("header-param", vec!["connection_header_param"]),
            ("request-id", vec!["my_request_id"]),
            ("x-many", vec!["one", "two"]),
            ("range", vec!["bytes=0-262144"]),
            (
                "user-agent",
                vec!["Quell|StepFunctions|HttpInvoke|us-east-1"],
            ),
        ] {
            let found: Vec<&str> = made
                .headers()
                .get_all(name)
                .iter()
                .map(|value| value.to_str().unwrap())
                .collect();
            assert_eq!(found, wanted, "{name}");
        }
        let shown =
            shown_request(&masked_request(&asked, &parameters, &RULES).unwrap(), true).to_string();
        assert!(
            shown.contains("my_request_id") && shown.contains("QueryParam=***"),
            "{shown}"
        );
        assert!(
            !shown.contains("connection_") && !shown.contains("key_value"),
            "{shown}"
        );
    }

    #[test]
    fn bodies_are_sent_as_they_are_meant() {
        let none = keyed(HttpParameters::default());
        let more = keyed(HttpParameters {
            body: added("Mode", "x y"),
            ..HttpParameters::default()
        });
        let form = Some(ArrayFormat::Indices);
        for (body, form, parameters, wanted) in [
            (None, None, &none, Ok("")),
            (None, None, &more, Ok(r#"{"Mode":"x y"}"#)),
            (Some(json!("<a/>")), None, &none, Ok("<a/>")),
            (Some(json!("a=b")), form, &none, Ok("a=b")),
            (Some(json!([1, null])), None, &none, Ok("[1,null]")),
            (
                Some(json!({"Mode": 1, "l": ["a"]})),
                form,
                &more,
                Ok("Mode=x%20y&l%5B0%5D=a"),
            ),
            (Some(json!("a=b")), None, &more, Err("cannot be merged")),
            (Some(json!([1])), None, &more, Err("cannot be merged")),
            (Some(json!([1])), form, &none, Err("must be a JSON object")),
        ] {
            let asked = HttpCall {
                form,
                ..call("POST", body.clone())
            };
            let made = build(&asked, (parameters, None), &RULES);
            match (made, wanted) {
                (Ok(made), Ok(wanted)) => {
                    assert_eq!(
                        std::str::from_utf8(made.body()).unwrap(),
                        wanted,
                        "{body:?}"
                    );
                    assert_eq!(
                        made.headers().contains_key(CONTENT_TYPE),
                        !wanted.is_empty()
                    );
                }
                (Err(said), Err(wanted)) => assert!(said.contains(wanted), "{body:?}: {said}"),
                (made, wanted) => panic!("{body:?}: {made:?}, not {wanted:?}"),
            }
        }
    }

    #[test]
    fn the_address_is_checked_and_taken_as_it_is() {
        let none = keyed(HttpParameters::default());
        for endpoint in [
            "http://example.com/",
            "https://127.0.0.1/",
            "https://u:p@example.com/",
            "no",
            "https://e x/",
        ] {
            let asked = HttpCall {
                endpoint: endpoint.to_owned(),
                ..call("GET", None)
            };
            assert!(build(&asked, (&none, None), &RULES).is_err(), "{endpoint}");
        }
        let starred = HttpCall {
            endpoint: "https://example.com/a*b".to_owned(),
            ..call("GET", None)
        };
        let made = build(&starred, (&none, None), &RULES).unwrap();
        assert_eq!(made.uri().path(), "/a*b");
    }

    fn answer(status: u16, kind: &str, body: &[u8]) -> Response<Bytes> {
        let mut made = Response::new(Bytes::copy_from_slice(body));
        *made.status_mut() = StatusCode::from_u16(status).unwrap();
        if !kind.is_empty() {
            made.headers_mut()
                .insert(CONTENT_TYPE, kind.parse().unwrap());
        }
        made
    }

    #[test]
    fn answers_become_results_or_errors() {
        let redactor = Redactor::of(&[Secret::new("hunter2hunter2")]);
        let deep = "[".repeat(100) + &"]".repeat(100);
        for (kind, body, wanted) in [
            (
                "application/json; charset=utf-8",
                r#"{"a":[1]}"#,
                json!({"a": [1]}),
            ),
            ("application/problem+json", "true", json!(true)),
            ("", r#"{"a":1}"#, json!({"a": 1})),
            ("", "plain", json!("plain")),
            ("text/plain", "12", json!("12")),
            ("application/json", "{broken", json!("{broken")),
            ("application/json", deep.as_str(), json!(deep)),
            (
                "application/json",
                r#"{"hunter2hunter2":"a hunter2hunter2"}"#,
                json!({"***": "a ***"}),
            ),
        ] {
            let Outcome::Done { result } = told(&answer(200, kind, body.as_bytes()), &redactor)
            else {
                panic!("{kind} {body}");
            };
            assert_eq!(result["ResponseBody"], wanted, "{kind} {body}");
            assert_eq!(
                (&result["StatusCode"], &result["StatusText"]),
                (&json!(200), &json!("OK"))
            );
        }
        for (answer, code, says) in [
            (
                answer(503, "text/plain", b"slow hunter2hunter2"),
                "Http",
                "slow ***",
            ),
            (answer(404, "", b""), "Http", "Not Found"),
            (answer(302, "", b"elsewhere"), "Http", "elsewhere"),
            (
                answer(200, "image/png", b"x"),
                "UnsupportedResponse",
                "image/png",
            ),
            (
                answer(200, "application/octet-stream", b"x"),
                "UnsupportedResponse",
                "octet",
            ),
            (
                answer(200, "text/plain", b"\xff"),
                "UnsupportedResponse",
                "as text",
            ),
        ] {
            let Outcome::Failed(failure) = told(&answer, &redactor) else {
                panic!("{answer:?}");
            };
            assert_eq!(failure.code, code);
            assert!(failure.message.contains(says), "{failure:?}");
        }
    }
}
