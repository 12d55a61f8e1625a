//! Requests of a run to the services that Quell serves: what Quell does not own of them goes on to AWS with the run's
//! session, so that a client finds a whole service behind one address.

use std::sync::Arc;
use std::time::Duration;

use aws::HttpResponse;
use aws::client::{CallError, Identity, Policy};
use aws::credentials::Credentials;
use aws::inbound::{self, ErrorAnswer, Headers, Limits, Routes};
use aws::model::{self, Operation, Service};
use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Request, Response, StatusCode};
use serde_json::{Map, Value};

use crate::aws_call::AwsClient;
use crate::config::{LocalService, Outgoing};

/// Services, by the names of their signatures, whose other operations go on to AWS.
const SHARED: [&str; 5] = ["events", "lambda", "ssm", "ssm-contacts", "ssm-incidents"];
/// Longest run of a function that a call waits for.
const INVOCATION: Duration = Duration::from_secs(900);
/// How signed requests begin their authorization.
const SIGNED: &str = "AWS4-HMAC-SHA256 ";
const REGION_LENGTH: usize = 40;

/// Quell's own services as one run finds them.
pub(crate) struct Own {
    /// Answers what Quell owns.
    pub(crate) service: Arc<dyn LocalService>,
    /// Calls AWS.
    pub(crate) client: AwsClient,
    /// Session of the run; `None` for a run without a role.
    pub(crate) keys: Option<Credentials>,
    /// Account of that session: a function's name alone is that account's.
    pub(crate) account: Option<String>,
}

/// Why a request is not answered at all.
pub(super) const UNSIGNED: &str = "Quell answers a script's signed requests only";

/// Who a request says it is from, and for which service of which region. Not verified here: what Quell owns it verifies
/// itself, and what goes on is signed anew with the keys that the run has anyway.
struct Claim<'a> {
    access_key_id: &'a str,
    region: &'a str,
    service: &'a str,
}

/// Whether a request is signed, so far as its form goes.
pub(super) fn is_signed(headers: &HeaderMap) -> bool {
    authorization(headers).is_some()
}

fn authorization(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    text.strip_prefix(SIGNED)
}

/// Reads `Credential=AKID/20261121/eu-west-1/ssm/aws4_request` from a signature's header.
fn claim(headers: &HeaderMap) -> Option<Claim<'_>> {
    let mut parts = authorization(headers)?.split(',').map(str::trim);
    let scope = parts.find_map(|part| part.strip_prefix("Credential="))?;
    let mut parts = scope.split('/');
    let (access_key_id, _date) = (parts.next()?, parts.next()?);
    let (region, service) = (parts.next()?, parts.next()?);
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_region = (1..=REGION_LENGTH).contains(&region.len()) && region.bytes().all(fits);
    is_region.then_some(Claim {
        access_key_id,
        region,
        service,
    })
}

/// Whose a request is.
enum Asked {
    /// Quell's, be it that the request makes no sense.
    Quell,
    /// Nobody's.
    Refused(HttpResponse),
    /// AWS's.
    Aws(Box<Passed>),
}

/// A call that goes on to AWS.
struct Passed {
    service: Arc<Service>,
    operation: Operation,
    call: aws::client::Request,
}

impl Own {
    /// Answers one request.
    pub(super) async fn answer(&self, request: Request<Bytes>) -> Response<Bytes> {
        match self.asked(&request) {
            Asked::Quell => self.service.call(request).await,
            Asked::Refused(answer) => written(answer),
            Asked::Aws(passed) => {
                let Passed {
                    service,
                    operation,
                    call,
                } = *passed;
                tracing::debug!(service = service.name, operation = %operation.name, "a script's call goes on to AWS");
                let answered = self.client.call_outside(&call, policy(&call)).await;
                let at = (&*service, &operation);
                written(match answered {
                    Ok(answer) => output(at, answer.value),
                    Err(fault) => failure(at, &fault),
                })
            }
        }
    }

    fn owns(
        &self,
        service: &Service,
        operation: &Operation,
        (read, region): (&inbound::Request<'_>, &str),
    ) -> bool {
        let params = inbound::decode(service, operation, read, Limits::default());
        params.is_ok_and(|params| {
            self.service.owns(&Outgoing {
                service: service.name,
                operation: operation.name,
                params: &Value::Object(params),
                region,
                account: self.account.as_deref(),
                delivers: false,
            })
        })
    }

    fn asked(&self, request: &Request<Bytes>) -> Asked {
        let claim = claim(request.headers()).filter(|claim| SHARED.contains(&claim.service));
        let Some(claim) = claim else {
            return Asked::Quell;
        };
        let Ok(service) = model::catalog().service(claim.service) else {
            return Asked::Quell;
        };
        let seen = Seen(request.headers());
        let read = inbound::Request {
            method: request.method().as_str(),
            path: request.uri().path(),
            query: request.uri().query().unwrap_or_default(),
            headers: &seen,
            body: request.body(),
        };
        let Ok(operation) = Routes::new(&service).operation(&service, &read).cloned() else {
            return Asked::Quell;
        };
        if self.service.serves(service.name, operation.name) {
            return Asked::Quell;
        }
        // A function may be this server's own: what it is called by tells.
        if service.name == "lambda" && self.owns(&service, &operation, (&read, claim.region)) {
            return Asked::Quell;
        }
        let refused = |code: &str, message: &str| {
            let words = (code, message, 400);
            Asked::Refused(error((&service, &operation), words, &Map::new(), ""))
        };
        let keys = match &self.keys {
            Some(keys) if keys.access_key_id == claim.access_key_id => keys.clone(),
            Some(_) => {
                return refused(
                    "AccessDeniedException",
                    "Quell passes requests of the run's own session on to AWS: for other keys give the client an `endpoint_url` of AWS",
                );
            }
            None => {
                return refused(
                    "AccessDeniedException",
                    "the run has no role: a script without `assumeRole` has no keys",
                );
            }
        };
        match inbound::decode(&service, &operation, &read, Limits::default()) {
            Ok(params) => {
                let (name, region) = (service.name, claim.region);
                let params = Value::Object(params);
                let call = aws::client::Request::new(name, operation.name, params, region)
                    .with_identity(Identity::Keys(Box::new(keys)));
                Asked::Aws(Box::new(Passed {
                    service,
                    operation,
                    call,
                }))
            }
            Err(fault) => refused("SerializationException", &fault.to_string()),
        }
    }
}

/// As the operation is, but a function is waited for as long as it may run.
fn policy(call: &aws::client::Request) -> Policy {
    let policy = Policy::of(call);
    if (call.service.as_str(), call.operation.as_str()) != ("lambda", "Invoke") {
        return policy;
    }
    Policy {
        attempt_timeout: INVOCATION,
        ..policy.within(INVOCATION)
    }
}

fn output((service, operation): (&Service, &Operation), value: Value) -> HttpResponse {
    let mut output = match value {
        Value::Object(output) => output,
        _ => Map::new(),
    };
    let about = output.remove("ResponseMetadata").unwrap_or_default();
    let id = about.get("RequestId").and_then(Value::as_str);
    inbound::encode(service, operation, &output, id.unwrap_or_default())
}

fn failure(at: (&Service, &Operation), fault: &CallError) -> HttpResponse {
    if let Some(told) = fault.service_error() {
        let id = told.request_id.as_deref().unwrap_or_default();
        let words = (told.code.as_str(), told.message.as_str(), told.status);
        return error(at, words, &told.detail, id);
    }
    // Clients repeat what failed with 502: not where the call may have happened.
    let status = if fault.is_unknown() { 400 } else { 502 };
    error(
        at,
        (fault.code(), &fault.message(), status),
        &Map::new(),
        "",
    )
}

fn error(
    (service, operation): (&Service, &Operation),
    (code, message, status): (&str, &str, u16),
    members: &Map<String, Value>,
    request_id: &str,
) -> HttpResponse {
    let answer = ErrorAnswer {
        code,
        message,
        status,
        members,
        request_id,
    };
    inbound::encode_error(service, Some(operation), &answer)
}

fn written(answer: HttpResponse) -> Response<Bytes> {
    let mut response = Response::new(answer.body);
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY);
    for (name, value) in &answer.headers {
        let pair = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_str(value),
        );
        if let (Ok(name), Ok(value)) = pair {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// Headers as they came; those that are not UTF-8 are not seen.
struct Seen<'a>(&'a HeaderMap);

impl Headers for Seen<'_> {
    fn first(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.0.get(name)?.as_bytes()).ok()
    }

    fn each(&self, show: &mut dyn FnMut(&str, &str)) {
        for (name, value) in self.0 {
            if let Ok(value) = std::str::from_utf8(value.as_bytes()) {
                show(name.as_str(), value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(text: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static(text))])
    }

    #[test]
    fn a_signature_says_who_and_where() {
        let headers = signed(
            "AWS4-HMAC-SHA256 Credential=ASIAX/20261121/eu-west-1/ssm/aws4_request, SignedHeaders=host, Signature=0",
        );
        let read = claim(&headers).expect("a claim");
        assert_eq!(
            (read.access_key_id, read.region, read.service),
            ("ASIAX", "eu-west-1", "ssm")
        );
        for other in [
            "",
            "Bearer x",
            "AWS4-HMAC-SHA256 SignedHeaders=host",
            "AWS4-HMAC-SHA256 Credential=ASIAX/20261121/eu-west-1",
            "AWS4-HMAC-SHA256 Credential=ASIAX/20261121/evil.example#/ssm/aws4_request",
            "AWS4-HMAC-SHA256 Credential=ASIAX/20261121//ssm/aws4_request",
        ] {
            assert!(claim(&signed(other)).is_none(), "{other}");
        }
        assert!(!is_signed(&signed("Bearer x")) && !is_signed(&HeaderMap::new()));
    }
}
