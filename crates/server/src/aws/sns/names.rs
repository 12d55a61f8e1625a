//! Names, ARNs and storage keys of topics, and the service's exceptions.

use engine::AskError;
use http::StatusCode;
use model::topic::{TOPIC, Topic, topic_arn, topic_name};

use crate::call::Call;
use crate::catalog::{self, Key};
use crate::error::{ApiError, echo};
use crate::page::Cursor;

/// Elements of one page of a listing.
pub(super) const PAGE: usize = 100;
/// Most topics of one account and region.
pub(super) const MAX_TOPICS: usize = 1_000;
/// Most subscriptions of one topic.
pub(super) const MAX_SUBSCRIPTIONS: usize = 256;
/// Most filter policies of one topic.
pub(super) const MAX_FILTER_POLICIES: usize = 200;

/// `InvalidParameter`, in the service's form.
pub(super) fn invalid(member: &str, reason: &str) -> ApiError {
    plain_invalid(&format!("{member} Reason: {reason}"))
}

/// `InvalidParameter` with a text of the service.
pub(super) fn plain_invalid(text: &str) -> ApiError {
    ApiError::new("InvalidParameter", format!("Invalid parameter: {text}"))
}

/// An exception with status 403: a limit, or what may not be.
pub(super) fn forbidden(code: &'static str, message: &str) -> ApiError {
    ApiError::new(code, message).status(StatusCode::FORBIDDEN)
}

/// `NotFound`.
pub(super) fn not_found(what: &str) -> ApiError {
    ApiError::new("NotFound", format!("{what} does not exist")).status(StatusCode::NOT_FOUND)
}

/// Why nothing was published or sent.
pub(super) fn failed(error: AskError) -> ApiError {
    ApiError::from_ask(error, |rejection| plain_invalid(&rejection.to_string()))
}

/// A string member; empty is absent.
pub(super) fn text<'a>(call: &'a Call, member: &str) -> Result<Option<&'a str>, ApiError> {
    match call.fields().raw(member) {
        None => Ok(None),
        Some(value) => {
            let text = value.as_str();
            let text = text.ok_or_else(|| invalid(member, "it must be a string"))?;
            Ok((!text.is_empty()).then_some(text))
        }
    }
}

/// A string member that must be there.
pub(super) fn required<'a>(call: &'a Call, member: &str) -> Result<&'a str, ApiError> {
    text(call, member)?.ok_or_else(|| invalid(member, "no value for required parameter"))
}

/// The name of the topic that a member names; whether it exists is not looked at.
pub(super) fn topic(call: &Call, member: &str) -> Result<String, ApiError> {
    let arn = required(call, member)?;
    if let Some(name) = topic_name(&call.scope, arn) {
        return Ok(name);
    }
    let elements = arn.split(':').count();
    if elements < 6 {
        let reason = format!("An ARN must have at least 6 elements, not {elements}");
        return Err(invalid(member, &reason));
    }
    let parsed = model::arn::Arn::parse(arn);
    if parsed.is_some_and(|arn| arn.service == "sns" && !arn.resource.contains(':')) {
        return Err(not_found("Topic"));
    }
    Err(invalid(
        member,
        &format!("`{}` is not the ARN of a topic", echo(arn)),
    ))
}

/// Where a topic is kept; with an empty name, the family of all topics.
pub(super) fn key(call: &Call, name: &str) -> Key {
    key_in(&call.scope, name)
}

/// As [`key`], without a call.
pub(super) fn key_in(scope: &model::Scope, name: &str) -> Key {
    Key {
        scope: scope.clone(),
        kind: TOPIC,
        name: name.to_owned(),
    }
}

/// A topic's ARN.
pub(super) fn arn(call: &Call, name: &str) -> String {
    topic_arn(&call.scope, name)
}

/// The topic that a member names, which must exist.
pub(super) async fn existing(call: &Call, member: &str) -> Result<Topic, ApiError> {
    let name = topic(call, member)?;
    let found = catalog::read::<Topic>(call.handle(), &key(call, &name)).await?;
    found
        .map(|kept| kept.body)
        .ok_or_else(|| not_found("Topic"))
}

/// The position behind which a page begins, from the request's `NextToken`.
pub(super) fn position(call: &Call, cursor: &Cursor) -> Result<Option<String>, ApiError> {
    let bad = || invalid("NextToken", "take it from the answer before");
    let token = text(call, "NextToken")?;
    token
        .map(|token| cursor.position(token).ok_or_else(bad))
        .transpose()
}
