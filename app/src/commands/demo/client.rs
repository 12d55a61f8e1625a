//! Calls of the demo's two servers: the moto server that stands for the AWS account, and Quell.
//!
//! The same dynamic client that runbooks use, pointed at one address.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use aws::credentials::Credentials;
use effects::Performer;
use effects::config::{self as rim, CredentialSource};
use model::effect::{AwsCall, Command, Intent};
use model::{Outcome, Recovery};
use ports::{Clock, Effects, EntropySource};
use serde_json::Value;

use crate::clock::{SystemClock, SystemEntropy};

/// The region of the demo.
pub(crate) const REGION: &str = "us-east-1";
/// Limit of one call.
const CALL_SECS: u32 = 25;

/// A client of one server.
#[derive(Clone)]
pub(crate) struct Client {
    performer: Arc<Performer>,
    clock: Arc<dyn Clock>,
}

impl Client {
    /// A client of the server at `url`.
    pub(crate) fn new(url: &str, credentials: Credentials) -> Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let config = rim::Config {
            clock: Arc::clone(&clock),
            entropy: Arc::new(SystemEntropy),
            smtp: None,
            aws: rim::Aws {
                endpoint_url: Some(url.to_owned()),
                region: REGION.to_owned(),
                ..rim::Aws::new(CredentialSource::Static(credentials))
            },
            scripts: None,
            sessions: Default::default(),
            webhook: rim::Webhook::default(),
            local: None,
            logs: None,
            functions: None,
            vault: None,
            destinations: None,
            attachments: None,
            topics: None,
        };
        let performer = Performer::new(config).with_context(|| format!("a client of {url}"))?;
        Ok(Self {
            performer: Arc::new(performer),
            clock,
        })
    }

    /// Calls one operation; a refusal is an error that names it.
    pub(crate) async fn call(
        &self,
        service: &str,
        operation: &str,
        params: Value,
    ) -> Result<Value> {
        match self.outcome(service, operation, params).await {
            Outcome::Done { result } => Ok(result),
            Outcome::Failed(failure) => bail!(
                "{service} {operation}: {}: {}",
                failure.code,
                failure.message
            ),
            Outcome::Unknown { reason } => bail!("{service} {operation}: {reason}"),
        }
    }

    async fn outcome(&self, service: &str, operation: &str, params: Value) -> Outcome {
        let command = Command::CallAws(AwsCall {
            service: service.to_owned(),
            operation: operation.to_owned(),
            params,
            region: REGION.to_owned(),
            assume_role: None,
            timeout_secs: CALL_SECS,
            spelling: model::effect::Spelling::default(),
        });
        let id = model::ids::random(&SystemEntropy.draw(), "demo");
        let intent = Intent {
            id,
            command,
            recovery: Recovery::Ask,
            at: self.clock.now(),
            repeat: false,
        };
        self.performer.perform(intent).await
    }
}

/// The text at a JSON pointer, or an error that names the place.
pub(crate) fn text(value: &Value, pointer: &str) -> Result<String> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found
        .map(str::to_owned)
        .with_context(|| format!("the answer has no text at {pointer}"))
}

/// The list at a JSON pointer; empty when there is none.
pub(crate) fn list(value: &Value, pointer: &str) -> Vec<Value> {
    value
        .pointer(pointer)
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default()
}
