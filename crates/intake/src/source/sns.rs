//! Topics that call: `POST /intake/<source>` of a source of type `sns`.
//!
//! `envelope ─► topic on the list ─► certificate ─► signature and age ─► by kind`. A `SubscribeURL` is never asked: a
//! subscription is confirmed by a call of our own (`sns:ConfirmSubscription`), or waits for the operator. Raw delivery
//! bears no signature, so it is taken only where the source has another credential.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws::client::{Policy, Request};
use bytes::Bytes;
use http::request::Parts;
use http::{Response, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::doors::Fetching;
use super::http::{come_again, plain, post, problem, reply, work};
use super::parked::ParkedError;
use super::settings::Kind;
use super::sources::{Shared, Source};
use super::sqs;
use super::state::Pending;
use super::taking::Incoming;
use crate::verify::{
    self, CertificateAddress, Envelope, EnvelopeKind, MAX_CERTIFICATE, SigningKey, Trust,
    VerifyError,
};

/// How long a certificate is kept before it is fetched again.
const KEEP: SignedDuration = SignedDuration::from_hours(24);
/// How long a certificate that could not be had is not asked for again.
const KEEP_FAILURE: SignedDuration = SignedDuration::from_secs(10);
/// Most certificates kept.
const MAX_KEPT: usize = 64;
/// Limit of a confirmation: SNS waits 15 seconds.
const CONFIRM_LIMIT: Duration = Duration::from_secs(4);

/// Certificates that were fetched, by address and by who had to vouch for them.
#[derive(Default)]
pub(super) struct Certificates {
    kept: Mutex<HashMap<(CertificateAddress, String), Kept>>,
}

type Kept = (Timestamp, Result<SigningKey, VerifyError>);

impl Certificates {
    fn find(
        &self,
        place: &(CertificateAddress, String),
        now: Timestamp,
    ) -> Option<Result<SigningKey, VerifyError>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, found) = kept.get(place)?;
        let (age, fresh) = (now.duration_since(*at), found.as_ref());
        let good = match fresh {
            Ok(key) => age < KEEP && key.holds(now),
            Err(_) => age < KEEP_FAILURE,
        };
        good.then(|| found.clone())
    }

    fn keep(
        &self,
        place: (CertificateAddress, String),
        now: Timestamp,
        found: Result<SigningKey, VerifyError>,
    ) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        kept.insert(place, (now, found));
    }
}

/// Answers a request that comes from a topic, or says so.
pub(super) async fn answer(
    shared: &Shared,
    source: &Source,
    parts: &Parts,
    body: &Bytes,
) -> Response<Bytes> {
    let now = shared.handle.now();
    let refuse = |status: StatusCode, error: &str| {
        source.state.refused(now, error);
        problem(status, error)
    };
    let header = |name: &str| parts.headers.get(name)?.to_str().ok();
    let raw = header("x-amz-sns-rawdelivery").is_some_and(|raw| raw.eq_ignore_ascii_case("true"));
    if raw {
        if source.settings.credentials.is_empty() {
            return refuse(
                StatusCode::FORBIDDEN,
                "raw delivery bears no signature: switch it off at the subscription, or give the source `credentials`",
            );
        }
        return post(shared, source, parts, body).await;
    }
    let envelope = match Envelope::parse(body) {
        Ok(envelope) => envelope,
        Err(error) => return refuse(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    let kind = header("x-amz-sns-message-type");
    if kind.is_some_and(|kind| kind != envelope.kind.word()) {
        return refuse(
            StatusCode::BAD_REQUEST,
            "the header x-amz-sns-message-type says another type than the message",
        );
    }
    let topic = envelope.topic.to_string();
    if !source.settings.topics.contains(&topic) {
        return refuse(
            StatusCode::FORBIDDEN,
            "the topic is not among the source's `topics`",
        );
    }
    match check(shared, source, &envelope, now).await {
        Ok(()) => {}
        Err(Unbelieved::Wrong(error)) => return refuse(StatusCode::FORBIDDEN, &error.to_string()),
        Err(Unbelieved::Unreachable(reason)) => {
            source.state.failed(
                now,
                &format!("the signing certificate cannot be fetched: {reason}"),
            );
            return come_again(StatusCode::SERVICE_UNAVAILABLE, 5);
        }
    }
    match envelope.kind {
        EnvelopeKind::Notification => notified(shared, source, &envelope, body).await,
        EnvelopeKind::SubscriptionConfirmation => subscribed(shared, source, &envelope).await,
        EnvelopeKind::UnsubscribeConfirmation => unsubscribed(source, topic, now),
    }
}

async fn notified(
    shared: &Shared,
    source: &Source,
    envelope: &Envelope,
    body: &Bytes,
) -> Response<Bytes> {
    let incoming = Incoming {
        id: Some(&envelope.message_id),
        // The signature is not over them: `ce-*` headers beside a genuine body would make another event of it.
        headers: &[],
        body,
        sent: Some(envelope.timestamp),
        credential: None,
        secret: None,
    };
    plain(work(shared, source, &incoming, true).await)
}

fn unsubscribed(source: &Source, topic: String, now: Timestamp) -> Response<Bytes> {
    tracing::warn!(
        source = source.settings.name,
        topic,
        "a subscription was ended"
    );
    let reason =
        "the subscription was ended at the topic: subscribe again if that was not meant".to_owned();
    source.state.pend(Pending {
        topic_arn: topic,
        what: "unsubscribe",
        at: now,
        reason,
        token: String::new(),
    });
    reply(StatusCode::OK, &json!({}))
}

/// Why a message is not believed (yet).
enum Unbelieved {
    Wrong(VerifyError),
    Unreachable(String),
}

impl From<VerifyError> for Unbelieved {
    fn from(error: VerifyError) -> Self {
        Self::Wrong(error)
    }
}

async fn check(
    shared: &Shared,
    source: &Source,
    envelope: &Envelope,
    now: Timestamp,
) -> Result<(), Unbelieved> {
    let version_1 = source.settings.signature_version_1;
    // Certificates that the operator gave are all that is believed where there are any.
    if let Some(pem) = &source.settings.signing_certificates {
        let mut last = VerifyError::Certificate("none that was given is in date".to_owned());
        for key in verify::pinned(pem)?.iter().filter(|key| key.holds(now)) {
            match verify::verify(envelope, key, version_1, now) {
                Ok(()) => return Ok(()),
                Err(error) => last = error,
            }
        }
        return Err(last.into());
    }
    let address = verify::certificate_address(&envelope.certificate_url, &envelope.topic)?;
    let key = certificate(shared, source, address, now).await?;
    Ok(verify::verify(envelope, &key, version_1, now)?)
}

async fn certificate(
    shared: &Shared,
    source: &Source,
    address: CertificateAddress,
    now: Timestamp,
) -> Result<SigningKey, Unbelieved> {
    let authorities = source.settings.ca_certificates.clone().unwrap_or_default();
    let place = (address, authorities);
    if let Some(found) = shared.certificates.find(&place, now) {
        return Ok(found?);
    }
    let fetching = Fetching {
        url: place.0.url().to_owned(),
        limit: MAX_CERTIFICATE,
    };
    let file = shared.doors.fetch.fetch(fetching).await;
    let file = file.map_err(Unbelieved::Unreachable)?;
    let trust = match &source.settings.ca_certificates {
        None => Trust::Public,
        Some(pem) => Trust::of_pem(pem)?,
    };
    let found = verify::signing_key(&file, &place.0, &trust, now);
    shared.certificates.keep(place, now, found.clone());
    Ok(found?)
}

/// A topic on the list asks whether it may send.
async fn subscribed(shared: &Shared, source: &Source, envelope: &Envelope) -> Response<Bytes> {
    let topic = envelope.topic.to_string();
    let token = envelope.token.clone().unwrap_or_default();
    let reason = if source.settings.confirm_by_hand {
        "the source leaves confirmations to the operator".to_owned()
    } else {
        match confirm(shared, source, (&topic, &token)).await {
            Ok(_) => {
                source.state.take_pending(&topic);
                tracing::info!(
                    source = source.settings.name,
                    topic,
                    "a subscription is confirmed"
                );
                return reply(StatusCode::OK, &json!({}));
            }
            Err(reason) => reason,
        }
    };
    tracing::warn!(
        source = source.settings.name,
        topic,
        reason,
        "a subscription waits to be confirmed"
    );
    source.state.pend(Pending {
        topic_arn: topic,
        what: "subscribe",
        at: shared.handle.now(),
        reason,
        token,
    });
    reply(StatusCode::OK, &json!({}))
}

async fn confirm(
    shared: &Shared,
    source: &Source,
    (topic, token): (&str, &str),
) -> Result<String, String> {
    let region = topic.split(':').nth(3).unwrap_or_default();
    // Nobody without keys shall end the subscription by an address in a message.
    let params = json!({ "TopicArn": topic, "Token": token, "AuthenticateOnUnsubscribe": "true" });
    let request = Request::new("sns", "ConfirmSubscription", params, region)
        .with_identity(sqs::identity(source));
    let policy = Policy::repeatable().within(CONFIRM_LIMIT);
    match shared.doors.aws.call(request, policy).await {
        Ok(answer) => {
            let arn = answer
                .value
                .get("SubscriptionArn")
                .and_then(serde_json::Value::as_str);
            Ok(arn.unwrap_or_default().to_owned())
        }
        Err(error) => Err(format!(
            "sns:ConfirmSubscription: {}: {}",
            error.code(),
            error.message()
        )),
    }
}

/// Confirms what an operator wants confirmed; answers the subscription's ARN.
pub(super) async fn confirm_pending(
    shared: &Shared,
    name: &str,
    topic: &str,
) -> Result<String, ParkedError> {
    let source = shared
        .find(name)
        .filter(|source| source.settings.kind == Kind::Sns)
        .ok_or_else(|| {
            ParkedError::Missing(format!("there is no source `{name}` of type `sns`"))
        })?;
    let missing = || {
        let topic = model::text::one_line(topic, 300);
        ParkedError::Missing(format!(
            "no subscription of `{topic}` waits for a confirmation"
        ))
    };
    let waiting = source.state.take_pending(topic).ok_or_else(missing)?;
    if waiting.what != "subscribe" {
        return Err(missing());
    }
    match confirm(shared, &source, (topic, &waiting.token)).await {
        Ok(arn) => Ok(arn),
        Err(reason) => {
            source.state.pend(Pending {
                reason: reason.clone(),
                ..waiting
            });
            Err(ParkedError::Aws(reason))
        }
    }
}
