//! Connections and API destinations, as stored: how a web API is called, and as whom.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::sealed::Sealed;

/// Resource kind of connections. Name: the connection's name.
pub const CONNECTION: &str = "event-connection";
/// Resource kind of API destinations. Name: the destination's name.
pub const API_DESTINATION: &str = "event-api-destination";
/// Requests a second to a destination that says nothing else.
pub const DEFAULT_RATE_PER_SECOND: u32 = 300;

/// How a connection authorizes its requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AuthorizationType {
    /// User name and password.
    #[serde(rename = "BASIC")]
    Basic,
    /// A header with a key.
    #[serde(rename = "API_KEY")]
    ApiKey,
    /// A bearer token from an OAuth token endpoint.
    #[serde(rename = "OAUTH_CLIENT_CREDENTIALS")]
    OauthClientCredentials,
}

/// Whether a connection can authorize requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConnectionState {
    /// It has what it needs; its token endpoint, if it has one, granted a token.
    #[serde(rename = "AUTHORIZED")]
    Authorized,
    /// Its secrets were taken away, or its token endpoint refused when it was asked.
    #[serde(rename = "DEAUTHORIZED")]
    Deauthorized,
}

/// A connection. Its secrets are sealed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Connection {
    /// Name.
    pub name: String,
    /// Tells it from an earlier connection of the same name; part of its ARN.
    pub id: Uuid,
    /// Tail of the ARN of the secret that AWS would keep: the API shows one.
    pub secret_id: String,
    /// Free text.
    #[serde(default)]
    pub description: Option<String>,
    /// Whether it can authorize requests.
    pub state: ConnectionState,
    /// Why it cannot.
    #[serde(default)]
    pub state_reason: Option<String>,
    /// How it authorizes.
    pub authorization: AuthorizationType,
    /// Its parameters as the API shows them: without the secrets.
    pub shown: Value,
    /// All its parameters, sealed for [`Connection::place`]; none once it is deauthorized.
    #[serde(default)]
    pub sealed: Option<Sealed>,
    /// When it was last given what it needs to authorize.
    #[serde(default)]
    pub authorized: Option<Timestamp>,
}

impl Connection {
    /// Name and id: what an ARN says behind `connection/`, and what its secrets are sealed for.
    #[must_use]
    pub fn place(&self) -> String {
        format!("{}/{}", self.name, self.id)
    }
}

/// An API destination: a web address that events are sent to, through a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiDestination {
    /// Name.
    pub name: String,
    /// Tells it from an earlier destination of the same name; part of its ARN.
    pub id: Uuid,
    /// Free text.
    #[serde(default)]
    pub description: Option<String>,
    /// The connection's ARN.
    pub connection_arn: String,
    /// Address; each `*` of its path stands for a path parameter of the target.
    pub endpoint: String,
    /// HTTP method.
    pub method: String,
    /// Most requests a second.
    pub rate_per_second: u32,
}

/// The parts of what an ARN of a connection or of a destination says behind its family: `NAME/ID`, or the name alone.
/// `None` when the id is no id.
#[must_use]
pub fn named(tail: &str) -> Option<(&str, Option<Uuid>)> {
    match tail.split_once('/') {
        None => Some((tail, None)),
        Some((name, id)) => Some((name, Some(Uuid::parse_str(id).ok()?))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_with_and_without_an_id() {
        let id = Uuid::from_u128(7);
        assert_eq!(named("a.b"), Some(("a.b", None)));
        assert_eq!(named(&format!("a/{id}")), Some(("a", Some(id))));
        for bad in ["a/", "a/b", "a/b/c"] {
            assert_eq!(named(bad), None, "{bad}");
        }
    }
}
