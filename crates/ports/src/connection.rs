//! What a connection knows, opened: its way to authorize, and the parameters that it adds to every request. And the
//! doors through which they are found and tried.
//!
//! The only place where the parameters have a written form with secrets in it: that form is a [`Secret`], which goes to
//! the vault and nowhere else.

use std::fmt;

use model::connection::{ApiDestination, Connection};
use model::effect::HttpCall;
use model::{Outcome, Scope};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::BoxFuture;
use crate::vault::Secret;

/// All parameters of a connection.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AuthParameters {
    /// How requests are authorized.
    pub authorization: Authorization,
    /// What every request to a destination gets.
    pub invocation: HttpParameters,
}

/// How requests are authorized.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Authorization {
    /// `Authorization: Basic ...`.
    Basic {
        /// User name.
        username: String,
        /// Password.
        #[serde(with = "clear")]
        password: Secret,
    },
    /// A header of the caller's choice.
    ApiKey {
        /// The header's name.
        name: String,
        /// Its value.
        #[serde(with = "clear")]
        value: Secret,
    },
    /// `Authorization: Bearer ...` with a token from a token endpoint.
    OauthClientCredentials(Box<Oauth>),
}

/// OAuth 2.0 client credentials (RFC 6749, section 4.4).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Oauth {
    /// Client id.
    pub client_id: String,
    /// Client secret.
    #[serde(with = "clear")]
    pub client_secret: Secret,
    /// Address of the token endpoint.
    pub endpoint: String,
    /// `GET`, `POST` or `PUT`.
    pub method: String,
    /// What the request for a token gets besides.
    pub http: HttpParameters,
}

/// Parameters that are added to a request.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct HttpParameters {
    /// Headers.
    pub headers: Vec<Parameter>,
    /// Of the query string.
    pub query: Vec<Parameter>,
    /// Members of the body.
    pub body: Vec<Parameter>,
}

/// One of them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Parameter {
    /// Name.
    pub key: String,
    /// Value.
    #[serde(with = "clear")]
    pub value: Secret,
    /// Whether the API hides the value.
    pub secret: bool,
}

/// Secrets in the written form of this module.
mod clear {
    use super::{Deserialize, Deserializer, Secret, Serializer};

    pub(super) fn serialize<S: Serializer>(secret: &Secret, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(secret.expose())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Secret, D::Error> {
        String::deserialize(from).map(Secret::new)
    }
}

/// What was opened is not what was sealed by this program or one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the connection's sealed parameters are of a form that this program does not know: give them anew"
)]
pub struct UnknownForm;

impl AuthParameters {
    /// The written form, for the vault.
    #[must_use]
    pub fn to_secret(&self) -> Secret {
        // INVARIANT: texts, lists and structures of them always have a JSON form.
        let text = Zeroizing::new(serde_json::to_string(self).unwrap_or_default());
        Secret::new(text.as_str())
    }

    /// Reads the written form.
    ///
    /// # Errors
    /// [`UnknownForm`]; it says nothing of the content.
    pub fn from_secret(secret: &Secret) -> Result<Self, UnknownForm> {
        serde_json::from_str(secret.expose()).map_err(|_| UnknownForm)
    }

    /// Every value that must not be shown.
    #[must_use]
    pub fn secrets(&self) -> Vec<&Secret> {
        let mut found: Vec<&Secret> = self.invocation.hidden().collect();
        match &self.authorization {
            Authorization::Basic { password, .. } => found.push(password),
            Authorization::ApiKey { value, .. } => found.push(value),
            Authorization::OauthClientCredentials(oauth) => {
                found.push(&oauth.client_secret);
                found.extend(oauth.http.hidden());
            }
        }
        found
    }
}

impl HttpParameters {
    fn hidden(&self) -> impl Iterator<Item = &Secret> {
        let all = [&self.headers, &self.query, &self.body];
        let all = all.into_iter().flatten();
        all.filter(|parameter| parameter.secret)
            .map(|parameter| &parameter.value)
    }
}

/// An API destination with its connection, as they are configured now.
#[derive(Debug, Clone, PartialEq)]
pub struct Configured {
    /// The destination.
    pub destination: ApiDestination,
    /// Its connection.
    pub connection: Connection,
}

/// Why there is no configuration to call by.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfiguredError {
    /// One of the two is not there.
    #[error("{0}")]
    Missing(String),
    /// It cannot be read now.
    #[error("{0}")]
    Unreadable(String),
}

/// Finds how a web API is to be called: at the moment of the call, so that a changed secret counts at once.
pub trait Destinations: fmt::Debug + Send + Sync + 'static {
    /// The destination of an ARN, with its connection.
    fn configured(
        &self,
        scope: Scope,
        arn: String,
    ) -> BoxFuture<'static, Result<Configured, ConfiguredError>>;

    /// The connection of an ARN.
    fn connection(
        &self,
        scope: Scope,
        arn: String,
    ) -> BoxFuture<'static, Result<Connection, ConfiguredError>>;
}

/// A call that was made to be looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Traced {
    /// How it ended.
    pub outcome: Outcome,
    /// What was sent: the members of `inspectionData.request`. Nothing if nothing was.
    pub request: Option<Value>,
    /// What came back: the members of `inspectionData.response`.
    pub response: Option<Value>,
}

/// Tries a connection before it is stored, and calls that nobody depends on.
pub trait Authorizer: fmt::Debug + Send + Sync + 'static {
    /// Asks the connection's token endpoint for a token; a connection without one is authorized as it is.
    ///
    /// # Errors
    /// Why there is no token, in words for the operator and without any secret.
    fn authorize(&self, parameters: AuthParameters) -> BoxFuture<'static, Result<(), String>>;

    /// Makes a call for whoever tries a Task, and shows it: with what the connection adds to it only if `reveal`.
    fn trace(&self, call: HttpCall, reveal: bool) -> BoxFuture<'static, Traced>;
}
