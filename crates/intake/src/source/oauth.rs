//! `POST /oauth/token`: a client's id and secret for a token that lives an hour (RFC 6749, section 4.4).
//!
//! A token names its client and its end, under a seal whose key lives as long as the process and which covers the
//! digest of the client's secret: a client that is removed, or whose secret is replaced, has no token any more. After a
//! restart clients are told 401 and fetch a new one.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Response, StatusCode};
use jiff::Timestamp;
use model::ids::{self, Entropy};
use ring::hmac;
use serde::Deserialize;
use serde_json::json;

use super::credentials::{self, CredentialKind};
use super::http::reply;
use super::settings::Kind;
use super::sources::Shared;

/// Life of a token in seconds.
const LIFE_SECS: i64 = 3_600;
/// Longest token that is looked at, in bytes.
const MAX_TOKEN: usize = 1_024;

/// The key of this process's tokens.
pub(super) struct TokenKey(hmac::Key);

impl TokenKey {
    pub(super) fn new(entropy: &Entropy) -> Self {
        let secret = ids::secret(entropy, "intake tokens");
        Self(hmac::Key::new(hmac::HMAC_SHA256, &secret))
    }

    /// A token for a client whose secret has this digest.
    fn mint(&self, client: &str, digest: &str, now: Timestamp) -> String {
        let head = format!("{}.{client}", now.as_second().saturating_add(LIFE_SECS));
        let tag = hmac::sign(&self.0, sealed(&head, digest).as_bytes());
        format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(&head),
            URL_SAFE_NO_PAD.encode(tag.as_ref())
        )
    }
}

fn sealed(head: &str, digest: &str) -> String {
    format!("quell intake token v1\n{head}\n{digest}")
}

/// A token that is in date and names a client; whether it is genuine depends on the client's secret.
pub(super) struct Token<'k> {
    key: &'k TokenKey,
    head: String,
    tag: Vec<u8>,
}

impl<'k> Token<'k> {
    pub(super) fn parse(key: &'k TokenKey, text: &str, now: Timestamp) -> Option<Self> {
        let (head, tag) = text.split_once('.').filter(|_| text.len() <= MAX_TOKEN)?;
        let head = String::from_utf8(URL_SAFE_NO_PAD.decode(head).ok()?).ok()?;
        let (end, _) = head.split_once('.')?;
        let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
        let end: i64 = end.parse().ok()?;
        (now.as_second() < end).then_some(Self { key, head, tag })
    }

    /// Whether it was made for this client with this secret's digest.
    pub(super) fn is_for(&self, client: &str, digest: &str) -> bool {
        let named = self
            .head
            .split_once('.')
            .is_some_and(|(_, name)| name == client);
        let text = sealed(&self.head, digest);
        hmac::verify(&self.key.0, text.as_bytes(), &self.tag).is_ok() & named
    }
}

#[derive(Default, Deserialize)]
struct Form {
    #[serde(default)]
    grant_type: Option<String>,
    #[serde(default)]
    client_id: Option<String>,
    #[serde(default)]
    client_secret: Option<String>,
}

/// Answers a request for a token.
pub(super) fn answer(shared: &Shared, parts: &Parts, body: &Bytes) -> Response<Bytes> {
    let refuse = |status, error: &str, why: &str| {
        let mut response = reply(status, &json!({ "error": error, "error_description": why }));
        no_store(response.headers_mut());
        response
    };
    let Some(form) = form(&parts.headers, body) else {
        return refuse(
            StatusCode::BAD_REQUEST,
            "invalid_request",
            "send a form or JSON with grant_type, client_id and client_secret",
        );
    };
    // Client credentials are the only grant: a client that does not name it means it.
    let grant = form.grant_type.as_deref();
    if grant.is_some_and(|grant| grant != "client_credentials") {
        return refuse(
            StatusCode::BAD_REQUEST,
            "unsupported_grant_type",
            "the only grant_type is client_credentials",
        );
    }
    let shown =
        credentials::basic(&parts.headers).or_else(|| Some((form.client_id?, form.client_secret?)));
    let token = shown.and_then(|(client, secret)| token_of(shared, &client, &secret));
    let Some(token) = token else {
        let mut response = refuse(
            StatusCode::UNAUTHORIZED,
            "invalid_client",
            "no source knows this client and secret",
        );
        let basic = http::HeaderValue::from_static("Basic realm=\"quell\"");
        response
            .headers_mut()
            .insert(http::header::WWW_AUTHENTICATE, basic);
        return response;
    };
    let body = json!({ "access_token": token, "token_type": "Bearer", "expires_in": LIFE_SECS });
    let mut response = reply(StatusCode::OK, &body);
    no_store(response.headers_mut());
    response
}

fn no_store(headers: &mut HeaderMap) {
    let value = http::HeaderValue::from_static("no-store");
    headers.insert(http::header::CACHE_CONTROL, value);
}

fn token_of(shared: &Shared, client: &str, secret: &str) -> Option<String> {
    let mut found = None;
    for source in shared.all() {
        if !source.is_reachable(Kind::Http) {
            continue;
        }
        for credential in &source.settings.credentials {
            let Some(digest) = &credential.secret_sha256 else {
                continue;
            };
            let fits = digest.matches(secret.as_bytes());
            let named = credential.kind == CredentialKind::Oauth && credential.name == client;
            if fits && named && found.is_none() {
                found = Some(
                    shared
                        .tokens
                        .mint(client, digest.digits(), shared.handle.now()),
                );
            }
        }
    }
    found
}

/// The members of a form or of JSON.
fn form(headers: &HeaderMap, body: &[u8]) -> Option<Form> {
    let media = headers.get(http::header::CONTENT_TYPE);
    let media = media
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if body.is_empty() {
        return Some(Form::default());
    }
    if media.starts_with("application/json") {
        return serde_json::from_slice(body).ok();
    }
    let text = std::str::from_utf8(body).ok()?;
    let mut form = Form::default();
    for pair in text.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = value.replace('+', " ");
        let value = percent_encoding::percent_decode_str(&value)
            .decode_utf8()
            .ok()?;
        let place = match name {
            "grant_type" => &mut form.grant_type,
            "client_id" => &mut form.client_id,
            "client_secret" => &mut form.client_secret,
            _ => continue,
        };
        // A member that stands twice is nobody's.
        if place.replace(value.into_owned()).is_some() {
            return None;
        }
    }
    Some(form)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_its_clients_for_an_hour() {
        let key = TokenKey::new(&[1; 32]);
        let now: Timestamp = "2026-03-01T03:00:00Z".parse().expect("an instant");
        let text = key.mint("eb.one", "d1", now);
        let later = |seconds: i64| {
            let at = now
                .checked_add(jiff::SignedDuration::from_secs(seconds))
                .expect("an instant");
            Token::parse(&key, &text, at)
        };
        let token = later(3_599).expect("in date");
        assert!(token.is_for("eb.one", "d1"));
        for (client, digest) in [("eb", "d1"), ("eb.one", "d2"), ("one", "d1"), ("", "")] {
            assert!(!token.is_for(client, digest), "{client} {digest}");
        }
        assert!(later(3_600).is_none());
        let other = TokenKey::new(&[2; 32]);
        let token = Token::parse(&other, &text, now).expect("in date");
        assert!(!token.is_for("eb.one", "d1"));
        for bad in ["", ".", "x.y", &text[1..], &"a".repeat(5_000)] {
            let token = Token::parse(&key, bad, now);
            assert!(
                !token.is_some_and(|token| token.is_for("eb.one", "d1")),
                "{bad}"
            );
        }
    }
}
