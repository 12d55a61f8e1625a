//! OAuth 2.0 client credentials: asks a token endpoint for a token and keeps it until shortly before it ends.
//!
//! As RFC 6749 has it (sections 2.3.1, 4.4, 5.1). Client id and secret go into the form of the body; where the endpoint
//! refuses that with 401 they go into the `Authorization` header instead. A `GET` carries them in the header only.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue, USER_AGENT};
use http::{Method, Request, Response, StatusCode};
use ports::Clock;
use ports::connection::Oauth;
use ports::vault::Secret;
use serde_json::Value;
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use super::redact::Redactor;
use super::request::{self, Bearer, Rules};
use crate::http::TransportError;

/// A token is renewed this long before it ends.
const MARGIN: Duration = Duration::from_secs(60);
/// Life of a token whose endpoint tells none.
const UNTOLD_LIFE: Duration = Duration::from_secs(300);
/// Longest time that a token is kept, whatever its endpoint says.
const LONGEST_LIFE: Duration = Duration::from_secs(86_400);
/// Connections whose tokens are kept before the ended ones are forgotten.
const REMEMBERED: usize = 1024;

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum TokenError {
    /// The endpoint does not work now.
    #[error("the token endpoint does not work now: {reason}")]
    Passing { status: Option<u16>, reason: String },
    /// The endpoint will not give one.
    #[error("the token endpoint gives no token: {reason}")]
    Refused { status: Option<u16>, reason: String },
    /// The endpoint cannot be called.
    #[error("the token endpoint cannot be called: {reason}")]
    Address { reason: String },
}

/// Sends a request within the caller's limits.
pub(super) trait Exchange {
    fn exchange(
        &self,
        request: Request<Bytes>,
    ) -> impl Future<Output = Result<Response<Bytes>, TransportError>> + Send;
}

/// A token and how long it holds.
#[derive(Debug, Clone)]
pub(super) struct Granted {
    bearer: Bearer,
    life: Duration,
}

/// The tokens at hand, by the sealed form of the connection's parameters: a changed connection asks anew.
#[derive(Default)]
pub(super) struct Tokens {
    held: Mutex<HashMap<String, Arc<Mutex<Option<Held>>>>>,
}

#[derive(Clone)]
struct Held {
    bearer: Bearer,
    until: Duration,
}

impl Tokens {
    /// The token at hand, or a new one. Who comes while one is asked for waits for that one.
    pub(super) async fn get<F>(
        &self,
        connection: &str,
        clock: &dyn Clock,
        ask: impl FnOnce() -> F,
    ) -> Result<Bearer, TokenError>
    where
        F: Future<Output = Result<Granted, TokenError>>,
    {
        let slot = self.slot(connection).await;
        let mut held = slot.lock().await;
        if let Some(found) = held.as_ref()
            && found.until > clock.monotonic()
        {
            return Ok(found.bearer.clone());
        }
        *held = None;
        let asked = clock.monotonic();
        let granted = ask().await?;
        let life = granted.life.min(LONGEST_LIFE);
        let kept = life.saturating_sub(MARGIN.min(life / 5));
        *held = Some(Held {
            bearer: granted.bearer.clone(),
            until: asked + kept,
        });
        Ok(granted.bearer)
    }

    async fn slot(&self, connection: &str) -> Arc<Mutex<Option<Held>>> {
        let mut slots = self.held.lock().await;
        if slots.len() >= REMEMBERED {
            // Whoever uses a slot holds it too.
            slots.retain(|_, slot| Arc::strong_count(slot) > 1);
        }
        Arc::clone(slots.entry(connection.to_owned()).or_default())
    }

    /// Forgets a token that a receiver refused, unless it was renewed meanwhile.
    pub(super) async fn forget(&self, connection: &str, used: &Bearer) {
        let slot = self.slot(connection).await;
        let mut held = slot.lock().await;
        let same = |held: &Held| held.bearer.token().expose() == used.token().expose();
        if held.as_ref().is_some_and(same) {
            *held = None;
        }
    }
}

/// Asks for a token.
pub(super) async fn ask(
    oauth: &Oauth,
    rules: &Rules,
    door: &impl Exchange,
) -> Result<Granted, TokenError> {
    let method = Method::from_bytes(oauth.method.as_bytes()).map_err(|_| TokenError::Address {
        reason: format!("`{}` is no HTTP method", oauth.method),
    })?;
    let in_form = method != Method::GET;
    let redactor = Redactor::of(&secrets(oauth));
    let mut answer = send(oauth, (&method, in_form), rules, door).await?;
    if in_form && answer.status() == StatusCode::UNAUTHORIZED {
        answer = send(oauth, (&method, false), rules, door).await?;
    }
    read(&answer, &redactor)
}

fn secrets(oauth: &Oauth) -> Vec<Secret> {
    let http = [&oauth.http.headers, &oauth.http.query, &oauth.http.body];
    let http = http.into_iter().flatten().filter(|one| one.secret);
    let mut secrets: Vec<Secret> = http.map(|one| one.value.clone()).collect();
    secrets.push(oauth.client_secret.clone());
    secrets
}

async fn send(
    oauth: &Oauth,
    (method, in_form): (&Method, bool),
    rules: &Rules,
    door: &impl Exchange,
) -> Result<Response<Bytes>, TokenError> {
    let built = build(oauth, (method, in_form), rules);
    let request = built.map_err(|reason| TokenError::Address { reason })?;
    door.exchange(request).await.map_err(|error| match error {
        TransportError::Forbidden { reason } => TokenError::Address { reason },
        error => TokenError::Passing {
            status: None,
            reason: error.to_string(),
        },
    })
}

fn build(
    oauth: &Oauth,
    (method, in_form): (&Method, bool),
    rules: &Rules,
) -> Result<Request<Bytes>, String> {
    let mut form: Vec<(&str, &str)> = request::pairs(&oauth.http.body).collect();
    if !form.iter().any(|(key, _)| *key == "grant_type") {
        form.push(("grant_type", "client_credentials"));
    }
    if in_form {
        form.push(("client_id", &oauth.client_id));
        form.push(("client_secret", oauth.client_secret.expose()));
    }
    let mut query: Vec<(&str, &str)> = request::pairs(&oauth.http.query).collect();
    let body = if *method == Method::GET {
        query.append(&mut form);
        Bytes::new()
    } else {
        let encoded = form
            .iter()
            .map(|(key, value)| format!("{}={}", request::encoded(key), request::encoded(value)));
        Bytes::from(encoded.collect::<Vec<_>>().join("&"))
    };
    let uri = request::address(&oauth.endpoint, &[], &query)?;
    rules.check(&uri)?;
    let mut made = Request::new(body);
    *made.method_mut() = method.clone();
    *made.uri_mut() = uri;
    let headers = made.headers_mut();
    headers.insert(
        USER_AGENT,
        HeaderValue::from_static("Quell/ApiDestinations"),
    );
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    if *method != Method::GET {
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, form);
    }
    for (name, value) in request::pairs(&oauth.http.headers) {
        request::insert(headers, name, value)?;
    }
    if !in_form {
        // RFC 6749, section 2.3.1: both are form-encoded first.
        let id = request::encoded(&oauth.client_id);
        let secret = Zeroizing::new(request::encoded(oauth.client_secret.expose()));
        request::basic(headers, &id, &Secret::new(secret.as_str()));
    }
    Ok(made)
}

fn read(answer: &Response<Bytes>, redactor: &Redactor) -> Result<Granted, TokenError> {
    let status = answer.status();
    let told = Some(status.as_u16());
    if !status.is_success() {
        let said = redactor.excerpt(answer.body());
        let reason = format!("HTTP {status}: {said}");
        let passing = status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429);
        return Err(if passing {
            TokenError::Passing {
                status: told,
                reason,
            }
        } else {
            TokenError::Refused {
                status: told,
                reason,
            }
        });
    }
    // Nothing of an answer that holds a token is repeated.
    let refused = |reason: &str| TokenError::Refused {
        status: told,
        reason: reason.to_owned(),
    };
    let body: Value =
        serde_json::from_slice(answer.body()).map_err(|_| refused("its answer is no JSON"))?;
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    if text("token_type").is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return Err(refused("its token is of another type than `bearer`"));
    }
    let bearer = text("access_token")
        .and_then(Bearer::new)
        .ok_or_else(|| refused("its answer has no `access_token` that can stand in a header"))?;
    // Some endpoints write the number as a text.
    let told_life = body.get("expires_in").and_then(|life| match life {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    });
    Ok(Granted {
        bearer,
        life: told_life.map_or(UNTOLD_LIFE, Duration::from_secs),
    })
}
