//! A call of a Task as it may be shown: with a mask for each value of its connection.

use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use http::{Request, Response};
use model::effect::HttpCall;
use ports::connection::{AuthParameters, Authorization, HttpParameters, Parameter};
use ports::vault::Secret;
use serde_json::{Value, json};

use super::http_task;
use super::request::{Bearer, Rules};

/// What stands for a value of the connection.
const MASK: &str = "***";

/// The members of `inspectionData.request`.
pub(super) fn shown_request(request: &Request<Bytes>, hides: bool) -> Value {
    let mut shown = json!({
        "protocol": request.uri().scheme_str().unwrap_or_default(),
        "method": request.method().as_str(),
        "url": unmasked(&request.uri().to_string(), hides),
        "headers": listed(request.headers()),
    });
    if !request.body().is_empty() {
        let body = String::from_utf8_lossy(request.body());
        shown["body"] = unmasked(&body, hides).into();
    }
    shown
}

/// An address or form writes the mask in its own way.
fn unmasked(text: &str, hides: bool) -> String {
    if hides {
        text.replace("%2A%2A%2A", MASK)
    } else {
        text.to_owned()
    }
}

/// The members of `inspectionData.response`.
pub(super) fn shown_response(answer: &Response<Bytes>, protocol: &str) -> Value {
    json!({
        "protocol": protocol,
        "statusCode": answer.status().as_u16().to_string(),
        "statusMessage": answer.status().canonical_reason().unwrap_or_default(),
        "headers": listed(answer.headers()),
        "body": String::from_utf8_lossy(answer.body()),
    })
}

fn listed(headers: &HeaderMap) -> String {
    let each = headers.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes());
        format!("{name}: {value}")
    });
    format!("[{}]", each.collect::<Vec<_>>().join(", "))
}

/// The request as it may be shown: with [`MASK`] for all that the connection adds.
pub(super) fn masked_request(
    call: &HttpCall,
    parameters: &AuthParameters,
    rules: &Rules,
) -> Result<Request<Bytes>, String> {
    let (parameters, bearer) = (masked(parameters), Bearer::new(MASK));
    let mut request = http_task::build(call, (&parameters, bearer.as_ref()), rules)?;
    // User name and password are one text in it.
    if request.headers().contains_key(AUTHORIZATION) {
        let mask = HeaderValue::from_static(MASK);
        request.headers_mut().insert(AUTHORIZATION, mask);
    }
    Ok(request)
}

/// The same parameters without their values.
fn masked(parameters: &AuthParameters) -> AuthParameters {
    let authorization = match &parameters.authorization {
        Authorization::Basic { .. } => Authorization::Basic {
            username: MASK.to_owned(),
            password: Secret::new(MASK),
        },
        Authorization::ApiKey { name, .. } => Authorization::ApiKey {
            name: name.clone(),
            value: Secret::new(MASK),
        },
        // No token is asked for with it.
        Authorization::OauthClientCredentials(oauth) => {
            Authorization::OauthClientCredentials(oauth.clone())
        }
    };
    let hidden = |all: &[Parameter]| {
        let each = all.iter().map(|one| Parameter {
            value: Secret::new(MASK),
            ..one.clone()
        });
        each.collect()
    };
    let added = &parameters.invocation;
    AuthParameters {
        authorization,
        invocation: HttpParameters {
            headers: hidden(&added.headers),
            query: hidden(&added.query),
            body: hidden(&added.body),
        },
    }
}
