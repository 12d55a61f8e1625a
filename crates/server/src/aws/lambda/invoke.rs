//! `Invoke`: waits for the function, or takes an event for it and answers once that is durable.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine::views::invocation::Start;
use http::StatusCode;
use model::effect::FunctionCall;
use model::function::{
    DEFAULT_EVENT_AGE_SECS, DEFAULT_RETRIES, Function, MAX_EVENT_BYTES, MAX_PAYLOAD_BYTES,
};
use model::ids;
use ports::function::InvokeError;
use serde_json::{Value, json};

use super::names::{self, Place};
use crate::call::{Answer, Call, Reply};
use crate::decode::Text;
use crate::error::ApiError;

/// Longest client context in base64, in characters.
const MAX_CONTEXT: usize = 3_583;

pub(super) async fn handle(call: Call) -> Answer {
    let place = names::place(&call)?;
    let fields = call.fields();
    let kinds = ["Event", "RequestResponse", "DryRun"];
    let kind = fields.one_of("InvocationType", &kinds)?;
    let tail = fields.one_of("LogType", &["None", "Tail"])? == Some("Tail");
    for member in ["DurableExecutionName", "TenantId"] {
        if fields.raw(member).is_some() {
            return Err(names::invalid(format!(
                "{member} is not served by Quell: leave it out"
            )));
        }
    }
    let function = names::existing(&call, &place).await?.body;
    let version = function.resolve(place.qualifier(), chance(&call));
    let version = version.ok_or_else(|| place.missing(&call))?;
    let asynchronous = kind == Some("Event");
    let payload = payload(&call, asynchronous)?;
    let client_context = client_context(&call)?;
    let request = FunctionCall {
        scope: call.scope.clone(),
        function: place.name.clone(),
        invoked_arn: place.arn(&call),
        version,
        request_id: call.handle().new_id(),
        payload,
        client_context,
    };
    match kind {
        Some("DryRun") => Ok(Reply::ok(json!({ "StatusCode": 204 }))),
        Some("Event") => later(&call, (&function, &place), request).await,
        _ => now(&call, request, tail).await,
    }
}

/// A number from 0 to below 1, for an alias with two versions.
fn chance(call: &Call) -> f64 {
    let bytes = ids::secret(&call.handle().entropy(), "alias routing");
    let number = bytes
        .iter()
        .take(4)
        .fold(0_u32, |number, byte| (number << 8) | u32::from(*byte));
    f64::from(number) / (f64::from(u32::MAX) + 1.0)
}

fn payload(call: &Call, asynchronous: bool) -> Result<String, ApiError> {
    let text = call.fields().raw("Payload").and_then(Value::as_str);
    let bytes = STANDARD.decode(text.unwrap_or_default());
    let bytes = bytes.map_err(|_| ApiError::internal("a payload is not in base64"))?;
    let limit = if asynchronous {
        MAX_EVENT_BYTES
    } else {
        MAX_PAYLOAD_BYTES
    };
    if bytes.len() > limit {
        let message =
            format!("Request must be smaller than {limit} bytes for the InvokeFunction operation");
        return Err(ApiError::new("RequestTooLargeException", message)
            .status(StatusCode::PAYLOAD_TOO_LARGE)
            .member("Type", "User"));
    }
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok("{}".to_owned());
    }
    let bad = |why: String| {
        let message = format!(
            "Could not parse request body into json: Could not parse payload into json: {why}"
        );
        ApiError::new("InvalidRequestContentException", message).member("Type", "User")
    };
    let text = String::from_utf8(bytes).map_err(|_| bad("it is not UTF-8".to_owned()))?;
    serde_json::from_str::<serde::de::IgnoredAny>(&text).map_err(|error| bad(error.to_string()))?;
    Ok(text)
}

fn client_context(call: &Call) -> Result<Option<String>, ApiError> {
    let any = Text::length(0, usize::MAX);
    let Some(given) = call.fields().text("ClientContext", any)? else {
        return Ok(None);
    };
    let bad = || {
        let message = "Client context must be a valid Base64-encoded JSON object.";
        ApiError::new("InvalidRequestContentException", message).member("Type", "User")
    };
    if given.len() > MAX_CONTEXT {
        return Err(bad());
    }
    let text = STANDARD.decode(given).ok();
    let text = text.and_then(|bytes| String::from_utf8(bytes).ok());
    let text = text.ok_or_else(bad)?;
    match serde_json::from_str::<Value>(&text) {
        Ok(Value::Object(_)) => Ok(Some(text)),
        _ => Err(bad()),
    }
}

async fn later(
    call: &Call,
    (function, place): (&Function, &Place),
    request: FunctionCall,
) -> Answer {
    let config = function.event_invoke.get(place.qualifier());
    let version = function.version(&request.version);
    let start = Start {
        version_arn: names::arn(call, &place.name, Some(&request.version)),
        function: request.function,
        invoked_arn: request.invoked_arn,
        version: request.version,
        payload: request.payload,
        client_context: request.client_context,
        retries: config
            .and_then(|config| config.retries)
            .unwrap_or(DEFAULT_RETRIES),
        age_secs: config
            .and_then(|config| config.age_secs)
            .unwrap_or(DEFAULT_EVENT_AGE_SECS),
        on_failure: config.and_then(|config| config.on_failure.clone()),
        on_success: config.and_then(|config| config.on_success.clone()),
        dead_letter: version.and_then(|version| version.dead_letter.clone()),
    };
    let handle = call.handle();
    let taken = handle
        .invoke_later(&call.scope, request.request_id, start)
        .await;
    taken.map_err(|error| {
        ApiError::from_ask(error, |rejection| names::invalid(rejection.to_string()))
    })?;
    Ok(Reply::ok(json!({ "StatusCode": 202 })))
}

async fn now(call: &Call, request: FunctionCall, tail: bool) -> Answer {
    let functions = call.state.config().functions.as_ref();
    let functions = functions.ok_or_else(|| ApiError::internal("functions are not set up"))?;
    let version = request.version.clone();
    let done = functions.invoker.invoke(request).await.map_err(refused)?;
    let mut answer = json!({
        "StatusCode": 200,
        "ExecutedVersion": version,
        "Payload": STANDARD.encode(done.payload),
    });
    if done.failed {
        answer["FunctionError"] = "Unhandled".into();
    }
    if tail {
        answer["LogResult"] = STANDARD.encode(done.log_tail).into();
    }
    Ok(Reply::ok(answer))
}

fn refused(error: InvokeError) -> ApiError {
    match &error {
        InvokeError::Missing(_) => names::not_found(&error.to_string()),
        InvokeError::Throttled { reserved } => {
            let reason = if *reserved {
                "ReservedFunctionConcurrentInvocationLimitExceeded"
            } else {
                "ConcurrentInvocationLimitExceeded"
            };
            ApiError::new("TooManyRequestsException", error.to_string())
                .status(StatusCode::TOO_MANY_REQUESTS)
                .member("Type", "User")
                .member("Reason", reason)
        }
        InvokeError::Role { .. } => {
            ApiError::new("AccessDeniedException", error.to_string()).status(StatusCode::FORBIDDEN)
        }
        InvokeError::Broken(_) => ApiError::new("ServiceException", error.to_string())
            .status(StatusCode::INTERNAL_SERVER_ERROR)
            .member("Type", "Service"),
    }
}
