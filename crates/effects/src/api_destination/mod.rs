//! Calls web addresses through connections, which know the secrets: API destinations for events, and what Tasks of state
//! machines ask for.
//!
//! How a destination is called is looked up for each call, so that a changed secret, address or limit counts at once.
//! Secrets are opened here, put into the request, and dropped with it: no outcome, message or log line holds one, even
//! when the receiver sends it back. No redirect is followed: it would lead past the checks. The address is checked as
//! that of a webhook is (`crate::http::guard`).

mod form;
mod http_task;
mod mask;
mod pace;
pub(crate) mod redact;
mod request;
mod token;
mod tried;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use model::connection::ConnectionState;
use model::effect::{ApiDestinationCall, DESTINATION_BUSY, Failure, HttpCall};
use model::{Outcome, Scope};
use ports::connection::{
    AuthParameters, Authorization, Authorizer, Configured, ConfiguredError, Destinations, Traced,
};
use ports::vault::Place;
use ports::{BoxFuture, Clock, Vault};
use serde_json::json;

use self::pace::Pace;
use self::redact::Redactor;
use self::request::{Bearer, Rules};
use self::token::{TokenError, Tokens};
use crate::config::{Config, ConfigError};
use crate::http::transport::{Connection, Limits};
use crate::http::{Transport, TransportError};

/// Most bytes of an answer that are read.
const ANSWER_BYTES: usize = 1 << 20;

/// The sender to API destinations.
#[derive(Clone)]
pub(crate) struct ApiDestinations {
    inner: Arc<Inner>,
}

struct Inner {
    transport: Transport,
    rules: Rules,
    timeout: Duration,
    vault: Option<Arc<dyn Vault>>,
    destinations: Option<Arc<dyn Destinations>>,
    clock: Arc<dyn Clock>,
    tokens: Tokens,
    pace: Pace,
}

impl ApiDestinations {
    pub(crate) fn new(config: &Config) -> Result<Self, ConfigError> {
        let settings = &config.webhook;
        let transport = Transport::new(settings.ca_bundle.as_deref(), settings.allow_private)?;
        let inner = Inner {
            transport,
            rules: Rules {
                allow_http: settings.allow_http,
                allow_private: settings.allow_private,
            },
            timeout: settings.destination_timeout,
            vault: config.vault.clone(),
            destinations: config.destinations.clone(),
            clock: Arc::clone(&config.clock),
            tokens: Tokens::default(),
            pace: Pace::default(),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Sends one event. Once, but for a token that the receiver no longer takes: that is renewed and tried again.
    pub(crate) async fn invoke(&self, call: &ApiDestinationCall) -> Outcome {
        match self.inner.invoke(call).await {
            Ok(status) => Outcome::Done {
                result: json!({ "StatusCode": status.as_u16() }),
            },
            Err(failure) => Outcome::Failed(failure),
        }
    }
}

impl ApiDestinations {
    /// Makes one call of a Task.
    pub(crate) async fn call(&self, call: &HttpCall) -> Outcome {
        self.inner.call(call).await.0
    }
}

impl Authorizer for ApiDestinations {
    fn authorize(&self, parameters: AuthParameters) -> BoxFuture<'static, Result<(), String>> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move {
            let Authorization::OauthClientCredentials(oauth) = &parameters.authorization else {
                return Ok(());
            };
            let asked = token::ask(oauth, &inner.rules, &*inner).await;
            asked.map(|_| ()).map_err(|error| error.to_string())
        })
    }

    fn trace(&self, call: HttpCall, reveal: bool) -> BoxFuture<'static, Traced> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move { inner.traced(&call, reveal).await })
    }
}

impl std::fmt::Debug for ApiDestinations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiDestinations").finish_non_exhaustive()
    }
}

impl Inner {
    async fn invoke(&self, call: &ApiDestinationCall) -> Result<StatusCode, Failure> {
        let configured = self.configured(call).await?;
        let parameters = self.open(&call.scope, &configured.connection)?;
        let rate = configured.destination.rate_per_second;
        let _place = self
            .pace
            .turn(&call.destination_arn, rate, self.clock.as_ref())
            .await
            .map_err(|wait| {
                let message = format!(
                    "`{}` is not to be called for another {} s: its rate limit, or its own wish (`Retry-After`)",
                    call.destination_arn,
                    wait.as_secs().max(1)
                );
                failure(DESTINATION_BUSY, message, None, true)
            })?;
        let cache = token_key(&configured.connection);
        let mut bearer = self.bearer(&cache, &parameters).await?;
        let mut answer = self.send(call, &configured, (&parameters, &bearer)).await?;
        if let (Some(used), 401 | 407) = (&bearer, answer.status().as_u16()) {
            self.tokens.forget(&cache, used).await;
            bearer = self.bearer(&cache, &parameters).await?;
            answer = self.send(call, &configured, (&parameters, &bearer)).await?;
        }
        self.judge(call, &answer, &Redactor::new(&parameters, bearer.as_ref()))
    }

    async fn configured(&self, call: &ApiDestinationCall) -> Result<Configured, Failure> {
        let found = self
            .destinations()?
            .configured(call.scope.clone(), call.destination_arn.clone());
        found.await.map_err(not_configured)
    }

    fn destinations(&self) -> Result<&Arc<dyn Destinations>, Failure> {
        self.destinations.as_ref().ok_or_else(|| {
            let message = "connections are not set up in this process".to_owned();
            failure("ParamValidation", message, None, false)
        })
    }

    fn open(
        &self,
        scope: &Scope,
        connection: &model::connection::Connection,
    ) -> Result<AuthParameters, Failure> {
        let refused = |message: String| failure("Unauthorized", message, None, false);
        let Some(vault) = &self.vault else {
            return Err(refused("this process has no keys for secrets".to_owned()));
        };
        let Some(sealed) = &connection.sealed else {
            let state = match connection.state {
                ConnectionState::Deauthorized => "deauthorized",
                ConnectionState::Authorized => "without its parameters",
            };
            return Err(refused(format!(
                "connection `{}` is {state}: give it new parameters with UpdateConnection",
                connection.name
            )));
        };
        let place = Place::new(
            scope,
            model::connection::CONNECTION,
            &connection.place(),
            "parameters",
        );
        let opened = vault
            .open(&place, sealed)
            .map_err(|error| refused(error.to_string()))?;
        AuthParameters::from_secret(&opened).map_err(|error| refused(error.to_string()))
    }

    /// The connection's bearer token, if it is one that uses them.
    async fn bearer(
        &self,
        cache: &str,
        parameters: &AuthParameters,
    ) -> Result<Option<Bearer>, Failure> {
        let Authorization::OauthClientCredentials(oauth) = &parameters.authorization else {
            return Ok(None);
        };
        let got = self
            .tokens
            .get(cache, self.clock.as_ref(), || {
                token::ask(oauth, &self.rules, self)
            })
            .await;
        got.map(Some).map_err(|error| {
            let message = format!("no token for the connection: {error}");
            match error {
                TokenError::Passing { status, .. } => failure("Network", message, status, true),
                TokenError::Refused { status, .. } => {
                    failure("Unauthorized", message, status, false)
                }
                TokenError::Address { .. } => failure("ParamValidation", message, None, false),
            }
        })
    }

    async fn send(
        &self,
        call: &ApiDestinationCall,
        configured: &Configured,
        (parameters, bearer): (&AuthParameters, &Option<Bearer>),
    ) -> Result<Response<Bytes>, Failure> {
        let destination = &configured.destination;
        let request = request::build(
            call,
            destination,
            (parameters, bearer.as_ref()),
            &self.rules,
        )
        .map_err(|message| failure("ParamValidation", message, None, false))?;
        self.exchange(request)
            .await
            .map_err(|error| unreached(&error))
    }

    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let limits = Limits {
            time: self.timeout,
            answer_bytes: ANSWER_BYTES,
        };
        self.transport
            .send(request, Connection::Pooled, limits)
            .await
    }

    fn judge(
        &self,
        call: &ApiDestinationCall,
        answer: &Response<Bytes>,
        redactor: &Redactor,
    ) -> Result<StatusCode, Failure> {
        let status = answer.status();
        if status.is_success() {
            return Ok(status);
        }
        let transient = status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429);
        if transient && let Some(wait) = pace::retry_after(answer.headers(), self.clock.now()) {
            self.pace
                .leave_alone(&call.destination_arn, wait, self.clock.as_ref());
        }
        let message = if status.is_redirection() {
            format!(
                "the receiver redirects (HTTP {status}); redirects are not followed: give the final address"
            )
        } else {
            let said = redactor.excerpt(answer.body());
            format!("the receiver answered HTTP {status}: {said}")
        };
        Err(failure("Http", message, Some(status.as_u16()), transient))
    }
}

impl token::Exchange for Inner {
    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        Inner::exchange(self, request).await
    }
}

fn not_configured(error: ConfiguredError) -> Failure {
    match error {
        ConfiguredError::Missing(message) => failure("NotFound", message, None, false),
        ConfiguredError::Unreadable(message) => failure("Store", message, None, true),
    }
}

/// What the tokens of a connection are kept by.
fn token_key(connection: &model::connection::Connection) -> String {
    let sealed = connection.sealed.as_ref();
    sealed.map_or_else(String::new, |sealed| sealed.as_text().to_owned())
}

fn unreached(error: &TransportError) -> Failure {
    match error {
        TransportError::Timeout { .. } => failure("Timeout", error.to_string(), None, true),
        // The receiver took the request; only its answer is of no use.
        TransportError::TooLarge { .. } => failure("Http", error.to_string(), None, false),
        TransportError::Forbidden { reason } => failure(
            "ParamValidation",
            format!("the endpoint cannot be called: {reason}"),
            None,
            false,
        ),
        TransportError::NotSent { .. } | TransportError::Broken { .. } => {
            failure("Network", error.to_string(), None, true)
        }
    }
}

fn failure(code: &str, message: String, status: Option<u16>, transient: bool) -> Failure {
    Failure {
        code: code.to_owned(),
        message,
        status,
        request_id: None,
        extended_request_id: None,
        shape: None,
        transient,
    }
}
