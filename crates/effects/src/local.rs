//! What Quell answers itself: calls that stay in this process.

use std::sync::Arc;

use aws::credentials::Credentials;
use bytes::Bytes;
use ports::BoxFuture;

/// A call that is about to go out, as far as it decides where it goes.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    /// boto3's client name.
    pub service: &'a str,
    /// Operation in the model's spelling.
    pub operation: &'a str,
    /// Parameters.
    pub params: &'a serde_json::Value,
    /// Region that is called.
    pub region: &'a str,
    /// Account of the role that it is made as; `None` is the server's own identity.
    pub account: Option<&'a str>,
    /// Whether it delivers an event; else a runbook or an operator makes it.
    pub delivers: bool,
}

/// A service answered by Quell itself, called in this process.
pub trait LocalService: Send + Sync + 'static {
    /// Whether Quell answers this operation; both names as in the service's model, e.g. `ssm`, `StartAutomationExecution`.
    fn serves(&self, service: &str, operation: &str) -> bool;
    /// Whether what a call is for is this server's own though the operation is AWS's otherwise: a function, or for a
    /// delivery a topic or a bus.
    fn owns(&self, call: &Outgoing<'_>) -> bool {
        let _ = call;
        false
    }
    /// Answers one signed request as the network door would.
    fn call(&self, request: http::Request<Bytes>) -> BoxFuture<'static, http::Response<Bytes>>;
}

/// The local services with the key pair that they accept.
#[derive(Clone)]
pub struct Local {
    /// Answers the calls.
    pub service: Arc<dyn LocalService>,
    /// Internal key pair, known to the server's authentication.
    pub credentials: Credentials,
    /// Address for the `Host` header, e.g. `http://127.0.0.1:8710`.
    pub url: String,
}
