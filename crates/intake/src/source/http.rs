//! Senders that call: `POST /intake/<source>`, and PagerDuty's `POST /v2/enqueue`.
//!
//! `who ─► decode ─► take in ─► answer`. A sender is answered once its message is committed and within five seconds, which
//! is all that EventBridge waits; what takes longer is told to come again. A message of a sender that is known but cannot
//! be decoded is parked, and its sender told what is wrong with it.

use std::time::Duration;

use bytes::Bytes;
use engine::AskError;
use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::credentials::{self, Credential, CredentialKind, Shown};
use super::oauth::{self, Token};
use super::settings::Kind;
use super::sns;
use super::sources::{Shared, Source};
use super::taking::{self, Incoming, Took, Trouble};
use crate::decode::{self, Format, Layer, pagerduty};

/// How long a sender may wait. Source: EventBridge user guide: API destinations are given 5 seconds.
const PATIENCE: Duration = Duration::from_millis(4_500);
/// Where tokens are given out.
const TOKEN_PATH: &str = "/oauth/token";
/// Where PagerDuty's senders send.
const ENQUEUE_PATH: &str = "/v2/enqueue";
/// Longest body of PagerDuty's senders, in bytes. Source: PagerDuty Events API v2.
const ENQUEUE_BODY: usize = 512 * 1024;
/// Longest form that asks for a token, in bytes.
const TOKEN_BODY: usize = 16 * 1024;

/// Largest body that a path takes; `None` when nobody takes requests there.
pub(super) fn body_limit(shared: &Shared, path: &str) -> Option<usize> {
    match path {
        TOKEN_PATH => Some(TOKEN_BODY),
        ENQUEUE_PATH => Some(ENQUEUE_BODY),
        _ => {
            let source = shared.find(path.strip_prefix("/intake/")?)?;
            let takes = source.is_reachable(Kind::Http) || source.is_reachable(Kind::Sns);
            takes.then(|| source.settings.body_limit())
        }
    }
}

/// Answers a request.
pub(super) async fn answer(shared: &Shared, request: Request<Bytes>) -> Response<Bytes> {
    let (parts, body) = request.into_parts();
    let Ok(_slot) = shared.slots.try_acquire() else {
        return come_again(StatusCode::TOO_MANY_REQUESTS, 1);
    };
    let path = parts.uri.path();
    if path == TOKEN_PATH || path == ENQUEUE_PATH {
        if parts.method != Method::POST {
            return wrong_method("POST");
        }
        if path == TOKEN_PATH {
            return oauth::answer(shared, &parts, &body);
        }
        return enqueue(shared, &parts, &body).await;
    }
    let source = path
        .strip_prefix("/intake/")
        .and_then(|name| shared.find(name))
        .filter(|source| source.settings.enabled && source.settings.kind != Kind::Sqs);
    let Some(source) = source else {
        return problem(StatusCode::NOT_FOUND, "there is no such source");
    };
    match (source.settings.kind, &parts.method) {
        (Kind::Http, &Method::OPTIONS) => handshake(&source, &parts),
        (Kind::Sns, &Method::POST) => sns::answer(shared, &source, &parts, &body).await,
        (_, &Method::POST) => post(shared, &source, &parts, &body).await,
        _ => wrong_method("POST, OPTIONS"),
    }
}

/// The question of a sender of CloudEvents whether it may send.
fn handshake(source: &Source, parts: &Parts) -> Response<Bytes> {
    let headers = kept_headers(&parts.headers, &[]);
    let message = decode::Message {
        origin: &source.settings.name,
        id: None,
        headers: &headers,
        body: &[],
    };
    let allowed = &source.settings.allowed_origins;
    let Some(said) = decode::cloudevents::handshake(&message, allowed, None) else {
        return problem(
            StatusCode::FORBIDDEN,
            "the origin is not among the source's `allowed_origins`",
        );
    };
    let mut response = Response::new(Bytes::new());
    for (name, value) in said {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

#[derive(Deserialize)]
struct Routed {
    #[serde(default)]
    routing_key: Option<String>,
}

fn routing_key(body: &[u8]) -> Option<String> {
    let routed: Routed = serde_json::from_slice(body).ok()?;
    routed.routing_key
}

/// A message of PagerDuty's senders: its routing key says for which source it is.
async fn enqueue(shared: &Shared, parts: &Parts, body: &Bytes) -> Response<Bytes> {
    let key = routing_key(body);
    for source in shared.all() {
        let keyed = |credential: &&Credential| credential.kind == CredentialKind::RoutingKey;
        let is_pagerduty = source.settings.format == decode::Kind::PagerDuty.word();
        if !is_pagerduty || !source.is_reachable(Kind::Http) {
            continue;
        }
        let keys: Vec<Credential> = source
            .settings
            .credentials
            .iter()
            .filter(keyed)
            .cloned()
            .collect();
        let shown = Shown {
            headers: &parts.headers,
            routing_key: key.as_deref(),
            token: None,
        };
        if let Some(credential) = credentials::find(&keys, &shown) {
            let sender = Sender {
                credential: Some(credential),
                secret: key.as_deref(),
            };
            return receive(shared, &source, (parts, body), sender).await;
        }
    }
    let why = "the routing key is not one of a source with `format = \"pagerduty\"`";
    let body =
        json!({ "status": "invalid event", "message": "Event object is invalid", "errors": [why] });
    reply(StatusCode::BAD_REQUEST, &body)
}

/// A message of a sender that has to prove who it is.
pub(super) async fn post(
    shared: &Shared,
    source: &Source,
    parts: &Parts,
    body: &Bytes,
) -> Response<Bytes> {
    let settings = &source.settings;
    let keyed = |credential: &Credential| credential.kind == CredentialKind::RoutingKey;
    let key = settings
        .credentials
        .iter()
        .any(keyed)
        .then(|| routing_key(body))
        .flatten();
    let now = shared.handle.now();
    let token = credentials::bearer(&parts.headers)
        .and_then(|text| Token::parse(&shared.tokens, text, now));
    let shown = Shown {
        headers: &parts.headers,
        routing_key: key.as_deref(),
        token,
    };
    let Some(credential) = credentials::find(&settings.credentials, &shown) else {
        source
            .state
            .refused(now, "a request without a valid credential");
        return unauthorized(
            settings
                .credentials
                .iter()
                .map(|credential| credential.kind),
        );
    };
    let sender = Sender {
        credential: Some(credential),
        secret: key.as_deref(),
    };
    receive(shared, source, (parts, body), sender).await
}

/// Who sends, as far as it matters for what is sent.
#[derive(Clone, Copy)]
struct Sender<'a> {
    credential: Option<&'a Credential>,
    secret: Option<&'a str>,
}

async fn receive(
    shared: &Shared,
    source: &Source,
    (parts, body): (&Parts, &Bytes),
    sender: Sender<'_>,
) -> Response<Bytes> {
    let told = told_id(&parts.headers);
    // What has no id of its own is news whenever it comes: two alike may be two.
    let fresh = shared.handle.new_id().to_string();
    let secrets: Vec<&str> = source
        .settings
        .credentials
        .iter()
        .filter(|credential| credential.kind == CredentialKind::Header)
        .map(|credential| credential.name.as_str())
        .collect();
    let headers = kept_headers(&parts.headers, &secrets);
    let incoming = Incoming {
        id: Some(told.as_deref().unwrap_or(&fresh)),
        headers: &headers,
        body,
        sent: None,
        credential: sender.credential,
        secret: sender.secret,
    };
    let done = work(shared, source, &incoming, told.is_some()).await;
    Voice::of(source, &parts.headers).answer(shared, done)
}

/// An id by which the sender says that a message is one that it has sent before.
fn told_id(headers: &HeaderMap) -> Option<String> {
    let names = ["x-amz-firehose-request-id", "idempotency-key"];
    let found = names
        .iter()
        .find_map(|name| headers.get(*name)?.to_str().ok());
    found
        .filter(|id| (1..=256).contains(&id.len()))
        .map(str::to_owned)
}

/// Headers that decoding may look at.
pub(super) fn kept_headers(headers: &HeaderMap, secrets: &[&str]) -> Vec<(String, String)> {
    const NEVER: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];
    let secret = |name: &str| {
        NEVER.contains(&name)
            || name == "x-amz-firehose-access-key"
            || secrets
                .iter()
                .any(|secret| secret.eq_ignore_ascii_case(name))
    };
    let kept = headers.iter().filter(|(name, _)| !secret(name.as_str()));
    kept.filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
        .collect()
}

/// What became of a message.
pub(super) enum Done {
    /// It is committed.
    Taken(Took),
    /// It is not, and why; `parked` when it is kept for an operator.
    Not { trouble: Trouble, parked: bool },
    /// It could not be done in time.
    Slow,
}

/// Takes a message in, or parks it, in time.
pub(super) async fn work(
    shared: &Shared,
    source: &Source,
    incoming: &Incoming<'_>,
    told: bool,
) -> Done {
    source.state.received(1);
    let done = tokio::select! {
        done = attempt(shared, source, incoming, told) => done,
        () = shared.doors.clock.sleep(PATIENCE) => Done::Slow,
    };
    let now = shared.handle.now();
    match &done {
        Done::Taken(took) => source
            .state
            .taken((took.new.len(), took.seen), incoming.sent, now),
        Done::Not { trouble, parked } => {
            let reason = trouble.reason();
            match trouble {
                Trouble::Forbidden(_) => source.state.refused(now, &reason),
                _ if *parked => source.state.parked(now, &reason),
                _ => source.state.failed(now, &reason),
            }
        }
        Done::Slow => source
            .state
            .failed(now, "a message could not be committed in time"),
    }
    done
}

async fn attempt(shared: &Shared, source: &Source, incoming: &Incoming<'_>, told: bool) -> Done {
    let not = |trouble, parked| Done::Not { trouble, parked };
    if let Err(problem) = source.require_bus(&shared.handle).await {
        return not(Trouble::Later(AskError::Broken(problem)), false);
    }
    let trouble = match taking::take(&shared.handle, source, incoming).await {
        Ok(took) => return Done::Taken(took),
        Err(trouble) => trouble,
    };
    if matches!(trouble, Trouble::Later(_) | Trouble::Forbidden(_)) {
        return not(trouble, false);
    }
    // The same bytes again are the same parked message, whatever id they came under.
    let kept = Incoming {
        id: incoming.id.filter(|_| told),
        ..*incoming
    };
    let reason = trouble.reason();
    match taking::park(shared, source, &kept, (&reason, 1)).await {
        Ok(()) => not(trouble, true),
        Err(later) => not(later, false),
    }
}

/// How the senders of a format want to be answered.
enum Voice {
    Plain,
    PagerDuty,
    Firehose(String),
}

impl Voice {
    fn of(source: &Source, headers: &HeaderMap) -> Self {
        let firehose = headers.get("x-amz-firehose-request-id");
        let firehose = firehose.and_then(|value| value.to_str().ok());
        match (&source.format, firehose) {
            (Format::Only(decode::Kind::PagerDuty), _) => Self::PagerDuty,
            (Format::Wrapped(Layer::Firehose) | Format::Auto, Some(id)) => {
                Self::Firehose(id.to_owned())
            }
            _ => Self::Plain,
        }
    }

    fn answer(&self, shared: &Shared, done: Done) -> Response<Bytes> {
        match self {
            Self::Plain => plain(done),
            Self::PagerDuty => match done {
                Done::Taken(took) => {
                    reply(StatusCode::ACCEPTED, &pagerduty::accepted(&took.signals))
                }
                Done::Not {
                    trouble: Trouble::Undecodable(error),
                    ..
                } => reply(StatusCode::BAD_REQUEST, &pagerduty::refused(&error)),
                other => plain(other),
            },
            Self::Firehose(id) => {
                // A batch that is parked is kept: sent again it would be the same.
                let (status, why) = match plain_status(&done) {
                    (_, why) if matches!(done, Done::Not { parked: true, .. }) => {
                        tracing::warn!(reason = why, "a batch of Firehose is parked");
                        (StatusCode::OK, String::new())
                    }
                    other => other,
                };
                let mut body =
                    json!({ "requestId": id, "timestamp": shared.handle.now().as_millisecond() });
                if status != StatusCode::OK {
                    body["errorMessage"] = why.into();
                }
                reply(status, &body)
            }
        }
    }
}

fn plain_status(done: &Done) -> (StatusCode, String) {
    match done {
        Done::Taken(_) => (StatusCode::OK, String::new()),
        Done::Slow => (
            StatusCode::SERVICE_UNAVAILABLE,
            "it could not be committed in time".to_owned(),
        ),
        Done::Not { trouble, .. } => match trouble {
            Trouble::Undecodable(_) | Trouble::Poison(_) => {
                (StatusCode::BAD_REQUEST, trouble.reason())
            }
            Trouble::Forbidden(reason) => (StatusCode::FORBIDDEN, reason.clone()),
            Trouble::Later(AskError::Busy) => (
                StatusCode::TOO_MANY_REQUESTS,
                "the server is busy".to_owned(),
            ),
            // What broke is in the log and in the source's state, not in an answer.
            Trouble::Later(_) | Trouble::NoRoom(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "it could not be taken now".to_owned(),
            ),
        },
    }
}

pub(super) fn plain(done: Done) -> Response<Bytes> {
    let (status, why) = plain_status(&done);
    match done {
        Done::Taken(took) => reply(
            StatusCode::OK,
            &json!({ "accepted": took.new.len(), "duplicates": took.seen, "eventIds": took.new }),
        ),
        Done::Not { parked: true, .. } => problem(
            status,
            &format!("{why} (the message is parked at the server)"),
        ),
        _ if status == StatusCode::TOO_MANY_REQUESTS => come_again(status, 1),
        _ if status == StatusCode::SERVICE_UNAVAILABLE => come_again(status, 5),
        _ => problem(status, &why),
    }
}

/// An answer in JSON.
pub(super) fn reply(status: StatusCode, body: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

/// A problem document.
pub(super) fn problem(status: StatusCode, detail: &str) -> Response<Bytes> {
    let title = status.canonical_reason().unwrap_or("Error");
    let body = json!({ "type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail });
    let mut response = reply(status, &body);
    let kind = HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

pub(super) fn come_again(status: StatusCode, seconds: u64) -> Response<Bytes> {
    let mut response = problem(status, "nothing was taken: send it again later");
    response.headers_mut().insert(RETRY_AFTER, seconds.into());
    response
}

fn wrong_method(allowed: &'static str) -> Response<Bytes> {
    let mut response = problem(StatusCode::METHOD_NOT_ALLOWED, "send it with POST");
    response
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

fn unauthorized(kinds: impl Iterator<Item = CredentialKind>) -> Response<Bytes> {
    let mut response = problem(
        StatusCode::UNAUTHORIZED,
        "the request shows no valid credential of this source",
    );
    let mut schemes = kinds.filter_map(|kind| match kind {
        CredentialKind::Basic => Some("Basic realm=\"quell\""),
        CredentialKind::Bearer | CredentialKind::Oauth => Some("Bearer realm=\"quell\""),
        CredentialKind::Header | CredentialKind::RoutingKey => None,
    });
    let scheme = schemes.next().unwrap_or("Bearer realm=\"quell\"");
    let scheme = HeaderValue::from_static(scheme);
    response.headers_mut().insert(WWW_AUTHENTICATE, scheme);
    response
}
