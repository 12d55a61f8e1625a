//! API destinations: where they are kept, how they are read and shown.

use model::arn::Arn;
use model::connection::{API_DESTINATION, ApiDestination, Connection, ConnectionState, named};
use serde_json::{Map, Value, json};

use super::connections;
use super::names::RULE_NAME;
use crate::call::Call;
use crate::catalog::{self, Kept, Key};
use crate::decode::{Fields, Text, epoch};
use crate::error::ApiError;

/// A destination's name.
pub(super) const NAME: Text = RULE_NAME;
/// Most destinations of one account and region (the quota of AWS).
pub(super) const MAX_DESTINATIONS: usize = 3_000;
/// In the order of AWS's messages.
pub(super) const METHODS: &[&str] = &["HEAD", "POST", "PATCH", "DELETE", "PUT", "GET", "OPTIONS"];
const CONNECTION_ARN: Text = Text::length(1, 1600).matching(
    "^arn:aws([a-z]|\\-)*:events:([a-z]|\\d|\\-)*:([0-9]{12})?:connection\\/[\\.\\-_A-Za-z0-9]+\\/[\\-A-Za-z0-9]+$",
    |text| connection_in(text).is_some(),
);

/// Name and id in a connection's ARN.
fn connection_in(text: &str) -> Option<(Arn, String)> {
    let arn = Arn::parse(text)?;
    let tail = arn.tail("connection")?.to_owned();
    let (_, id) = named(&tail)?;
    (arn.service == "events" && id.is_some()).then_some((arn, tail))
}

/// Where a destination is kept; with an empty name, the family.
pub(super) fn key(call: &Call, name: &str) -> Key {
    Key {
        scope: call.scope.clone(),
        kind: API_DESTINATION,
        name: name.to_owned(),
    }
}

/// One that must be there; `doing` as in "describe".
pub(super) async fn existing(
    call: &Call,
    name: &str,
    doing: &str,
) -> Result<Kept<ApiDestination>, ApiError> {
    let found = catalog::read(call.handle(), &key(call, name)).await?;
    found.ok_or_else(|| absent(name, doing))
}

/// The exception of one that is not there.
pub(super) fn absent(name: &str, doing: &str) -> ApiError {
    ApiError::not_found(format!(
        "Failed to {doing} the api-destination(s). An api-destination '{name}' does not exist."
    ))
}

/// The connection that a member names; it must exist.
pub(super) async fn connection(
    call: &Call,
    fields: &Fields<'_>,
) -> Result<Option<String>, ApiError> {
    let Some(text) = fields.text("ConnectionArn", CONNECTION_ARN)? else {
        return Ok(None);
    };
    match connection_of(call, text).await? {
        Some(_) => Ok(Some(text.to_owned())),
        None => Err(ApiError::not_found(format!(
            "Connection '{}' does not exist.",
            crate::error::echo(text)
        ))),
    }
}

/// The text of a `ConnectionArn` that only selects.
pub(super) fn connection_filter<'a>(fields: &Fields<'a>) -> Result<Option<&'a str>, ApiError> {
    fields.text("ConnectionArn", CONNECTION_ARN)
}

async fn connection_of(call: &Call, text: &str) -> Result<Option<Connection>, ApiError> {
    let Some((arn, tail)) = connection_in(text) else {
        return Ok(None);
    };
    let Some((name, id)) = named(&tail) else {
        return Ok(None);
    };
    if arn.account != call.scope.account || arn.region != call.scope.region {
        return Ok(None);
    }
    let key = connections::key(call, name);
    let found: Option<Kept<Connection>> = catalog::read(call.handle(), &key).await?;
    let found = found.map(|kept| kept.body);
    Ok(found.filter(|connection| Some(connection.id) == id))
}

/// Whether its connection can authorize: `ACTIVE` or `INACTIVE`.
pub(super) async fn state(
    call: &Call,
    destination: &ApiDestination,
) -> Result<&'static str, ApiError> {
    let connection = connection_of(call, &destination.connection_arn).await?;
    Ok(state_by(connection.as_ref()))
}

/// The same, of a connection at hand.
pub(super) fn state_by(connection: Option<&Connection>) -> &'static str {
    match connection {
        Some(connection) if connection.state == ConnectionState::Authorized => "ACTIVE",
        _ => "INACTIVE",
    }
}

/// What every change answers.
pub(super) fn answer(call: &Call, kept: &Kept<ApiDestination>, state: &str) -> Map<String, Value> {
    let place = format!("api-destination/{}/{}", kept.body.name, kept.body.id);
    let body = json!({
        "ApiDestinationArn": call.arn("events", &place),
        "ApiDestinationState": state,
        "CreationTime": epoch(kept.created),
        "LastModifiedTime": epoch(kept.updated),
    });
    match body {
        Value::Object(body) => body,
        _ => Map::new(),
    }
}

/// A destination as `ListApiDestinations` shows it.
pub(super) fn summary(call: &Call, kept: &Kept<ApiDestination>, state: &str) -> Map<String, Value> {
    let destination = &kept.body;
    let mut shown = answer(call, kept, state);
    let members = [
        ("Name", destination.name.as_str()),
        ("ConnectionArn", &destination.connection_arn),
        ("InvocationEndpoint", &destination.endpoint),
        ("HttpMethod", &destination.method),
    ];
    shown.extend(members.map(|(name, value)| (name.to_owned(), value.into())));
    let rate = destination.rate_per_second.into();
    shown.insert("InvocationRateLimitPerSecond".to_owned(), rate);
    shown
}

/// The rate limit that a member gives.
pub(super) fn rate(fields: &Fields<'_>) -> Result<Option<u32>, ApiError> {
    let given = fields.integer("InvocationRateLimitPerSecond", 1, i64::from(i32::MAX))?;
    Ok(given.and_then(|rate| u32::try_from(rate).ok()))
}
