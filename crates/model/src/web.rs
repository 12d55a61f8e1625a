//! Requests to web APIs through connections, as they are asked for: the connection's own part is added when they are sent.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Scope;

/// One request to an API destination. Address, method, authorization and the connection's own parameters are those in
/// force when it is sent; no secret is in here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiDestinationCall {
    /// Whose destination it is.
    pub scope: Scope,
    /// The destination's ARN, `arn:...:api-destination/NAME/ID` or without the id.
    pub destination_arn: String,
    /// What the `*`s of the endpoint's path stand for, in order: data, never more than a part of a path.
    pub path: Vec<String>,
    /// The target's headers; the connection's go before them.
    pub headers: BTreeMap<String, String>,
    /// The target's parameters of the query string; the connection's go before them.
    pub query: BTreeMap<String, String>,
    /// The payload: a JSON text.
    pub body: String,
}

/// One call of a web API by a state machine's Task (`http:invoke`). Authorization and the connection's own parameters
/// are those in force when it is sent; no secret of the connection is in here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HttpCall {
    /// Whose connection it is.
    pub scope: Scope,
    /// The connection's ARN.
    pub connection_arn: String,
    /// HTTP method.
    pub method: String,
    /// Address, without the parameters below.
    pub endpoint: String,
    /// The task's headers, a name once for each of its values; the connection's go before them.
    pub headers: Vec<(String, String)>,
    /// The task's parameters of the query string, likewise.
    pub query: Vec<(String, String)>,
    /// The body; a text is sent as it is.
    pub body: Option<Value>,
    /// The body becomes a form, its lists written so; `None` sends JSON.
    pub form: Option<ArrayFormat>,
    /// Upper bound for the whole call, in seconds.
    pub timeout_secs: u32,
}

impl HttpCall {
    /// Whether the method only reads (RFC 9110's safe methods), so that the call may be made again.
    #[must_use]
    pub fn reads(&self) -> bool {
        only_reads(&self.method)
    }
}

/// Whether an HTTP method is one that only reads.
#[must_use]
pub fn only_reads(method: &str) -> bool {
    matches!(method, "GET" | "HEAD" | "OPTIONS")
}

/// How a form writes the items of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ArrayFormat {
    /// `a[0]=x&a[1]=y`.
    Indices,
    /// `a=x&a=y`.
    Repeat,
    /// `a=x,y`.
    Commas,
    /// `a[]=x&a[]=y`.
    Brackets,
}
