//! Connections: where they are kept, how they are shown, sealed and tried.

use model::connection::{AuthorizationType, CONNECTION, Connection, ConnectionState};
use ports::connection::AuthParameters;
use ports::vault::Place;
use serde_json::{Map, Value, json};

use super::names::RULE_NAME;
use super::parameters::Before;
use crate::call::Call;
use crate::catalog::{self, Kept, Key};
use crate::decode::{Text, epoch};
use crate::error::ApiError;

/// A connection's name.
pub(super) const NAME: Text = RULE_NAME;
/// Free text.
pub(super) const DESCRIPTION: Text = Text::length(0, 512);
/// Most connections of one account and region (the quota of AWS).
pub(super) const MAX_CONNECTIONS: usize = 3_000;
/// The ways to authorize, in the order of AWS's messages.
pub(super) const TYPES: &[&str] = &["BASIC", "OAUTH_CLIENT_CREDENTIALS", "API_KEY"];
/// Longest reason that is shown, in characters.
const REASON_CHARS: usize = 512;

/// Where a connection is kept; with an empty name, the family.
pub(super) fn key(call: &Call, name: &str) -> Key {
    Key {
        scope: call.scope.clone(),
        kind: CONNECTION,
        name: name.to_owned(),
    }
}

/// Its ARN.
pub(super) fn arn(call: &Call, connection: &Connection) -> String {
    call.arn("events", &format!("connection/{}", connection.place()))
}

/// One that must be there; `doing` as in "describe".
pub(super) async fn existing(
    call: &Call,
    name: &str,
    doing: &str,
) -> Result<Kept<Connection>, ApiError> {
    let found = catalog::read(call.handle(), &key(call, name)).await?;
    found.ok_or_else(|| absent(name, doing))
}

/// The exception of one that is not there.
pub(super) fn absent(name: &str, doing: &str) -> ApiError {
    ApiError::not_found(format!(
        "Failed to {doing} the connection(s). Connection '{name}' does not exist."
    ))
}

pub(super) fn type_of(word: &str) -> AuthorizationType {
    match word {
        "BASIC" => AuthorizationType::Basic,
        "API_KEY" => AuthorizationType::ApiKey,
        _ => AuthorizationType::OauthClientCredentials,
    }
}

pub(super) fn word<T: serde::Serialize>(value: T) -> Value {
    serde_json::to_value(value).unwrap_or(Value::Null)
}

fn place(call: &Call, connection: &Connection) -> Place {
    Place::new(&call.scope, CONNECTION, &connection.place(), "parameters")
}

/// Seals parameters into a connection.
pub(super) fn seal(
    call: &Call,
    connection: &mut Connection,
    parameters: &AuthParameters,
) -> Result<(), ApiError> {
    let vault = &call.state.config().vault;
    let sealed = vault.seal(&place(call, connection), &parameters.to_secret());
    connection.sealed = Some(sealed.map_err(|error| ApiError::internal(error.to_string()))?);
    Ok(())
}

/// What a connection has; none once it is deauthorized.
pub(super) fn open(call: &Call, connection: &Connection) -> Result<Option<Before>, ApiError> {
    let Some(sealed) = &connection.sealed else {
        return Ok(None);
    };
    let vault = &call.state.config().vault;
    let opened = vault
        .open(&place(call, connection), sealed)
        .map_err(|error| ApiError::internal(error.to_string()))?;
    let parameters = AuthParameters::from_secret(&opened)
        .map_err(|error| ApiError::internal(error.to_string()))?;
    Ok(Some(Before {
        parameters,
        shown: connection.shown.clone(),
    }))
}

/// Asks the token endpoint, where there is one, and notes what came of it.
///
/// Before anything is stored: so no connection is left half authorized by a crash.
pub(super) async fn try_out(call: &Call, connection: &mut Connection, parameters: &AuthParameters) {
    let tried = match &call.state.config().authorizer {
        Some(authorizer) => authorizer.authorize(parameters.clone()).await,
        None => Ok(()),
    };
    connection.authorized = Some(call.handle().now());
    match tried {
        Ok(()) => {
            connection.state = ConnectionState::Authorized;
            connection.state_reason = None;
        }
        Err(reason) => {
            connection.state = ConnectionState::Deauthorized;
            connection.state_reason = Some(reason.chars().take(REASON_CHARS).collect());
        }
    }
}

/// What every change answers; a connection under way to another state is shown as such.
pub(super) fn answer(call: &Call, kept: &Kept<Connection>, state: Option<&str>) -> Value {
    let connection = &kept.body;
    let mut body = json!({
        "ConnectionArn": arn(call, connection),
        "ConnectionState": state.map_or_else(|| word(connection.state), Value::from),
        "CreationTime": epoch(kept.created),
        "LastModifiedTime": epoch(kept.updated),
    });
    if let Some(at) = connection.authorized {
        body["LastAuthorizedTime"] = epoch(at);
    }
    body
}

/// A connection as `ListConnections` shows it.
pub(super) fn summary(call: &Call, kept: &Kept<Connection>) -> Map<String, Value> {
    let connection = &kept.body;
    let Value::Object(mut shown) = answer(call, kept, None) else {
        return Map::new();
    };
    shown.insert("Name".to_owned(), connection.name.as_str().into());
    let way = word(connection.authorization);
    shown.insert("AuthorizationType".to_owned(), way);
    if let Some(reason) = &connection.state_reason {
        shown.insert("StateReason".to_owned(), reason.as_str().into());
    }
    shown
}

/// The ARN that the secret would have in Secrets Manager.
pub(super) fn secret_arn(call: &Call, connection: &Connection) -> String {
    let name = format!(
        "events!connection/{}/{}",
        connection.name, connection.secret_id
    );
    call.arn("secretsmanager", &format!("secret:{name}"))
}
