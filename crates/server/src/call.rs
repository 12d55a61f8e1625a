//! One authenticated call, and what a handler answers.

use engine::{Handle, Token};
use futures_util::future::BoxFuture;
use http::StatusCode;
use model::Scope;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::auth::Caller;
use crate::decode::Fields;
use crate::error::ApiError;
use crate::query::Query;
use crate::state::AppState;

/// What a handler is given.
pub(crate) struct Call {
    /// The server's state.
    pub(crate) state: AppState,
    /// Who calls.
    pub(crate) caller: Caller,
    /// Account and region of the call.
    pub(crate) scope: Scope,
    /// Parameters: of an AWS operation all of them, in the model's spelling and types; of the operator's API the body's.
    pub(crate) input: Map<String, Value>,
    /// Parameters of the query; of the operator's API only.
    pub(crate) query: Query,
    /// What the route's `*`s stand for, decoded, in order; of the operator's API only.
    pub(crate) path: Vec<String>,
}

/// What a handler answers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reply {
    /// HTTP status; of the operator's API only, since the model knows that of an AWS operation.
    pub(crate) status: StatusCode,
    /// Of an AWS operation the output, in the model's spelling; of the operator's API the body.
    pub(crate) body: Value,
}

impl Reply {
    /// The usual answer.
    pub(crate) fn ok(body: Value) -> Self {
        Self {
            status: StatusCode::OK,
            body,
        }
    }

    /// The answer of operations without output.
    pub(crate) fn empty() -> Self {
        Self::ok(Value::Object(Map::new()))
    }
}

/// A handler's result.
pub(crate) type Answer = Result<Reply, ApiError>;

/// One operation's code.
pub(crate) type Handler = fn(Call) -> BoxFuture<'static, Answer>;

impl Call {
    /// The engine.
    pub(crate) fn handle(&self) -> &Handle {
        self.state.handle()
    }

    /// The parameters, to be read one by one.
    pub(crate) fn fields(&self) -> Fields<'_> {
        Fields::new(&self.input)
    }

    /// A decoded part of the path; of the operator's API only.
    pub(crate) fn segment(&self, at: usize) -> &str {
        self.path.get(at).map_or("", String::as_str)
    }

    /// An ARN in the call's account and region.
    pub(crate) fn arn(&self, service: &str, resource: &str) -> String {
        let Scope {
            account, region, ..
        } = &self.scope;
        format!(
            "arn:{}:{service}:{region}:{account}:{resource}",
            self.scope.partition()
        )
    }

    /// The client's idempotency token from a member, bound to all other members of the request.
    pub(crate) fn token(&self, operation: &str, member: &str) -> Option<Token> {
        let token = self.input.get(member)?.as_str()?.to_owned();
        let mut hash = Sha256::new();
        hash.update(operation.as_bytes());
        digest_members(&mut hash, &self.input, Some(member));
        let scoped = format!("{operation}/{}", self.scope.region);
        Some(Token {
            operation: scoped,
            token,
            request_hash: hex::encode(hash.finalize()),
        })
    }
}

/// Hashes an object independent of the order of its members. Depth is bounded by the body's.
fn digest_members(hash: &mut Sha256, map: &Map<String, Value>, except: Option<&str>) {
    let mut names: Vec<&String> = map
        .keys()
        .filter(|name| Some(name.as_str()) != except)
        .collect();
    names.sort();
    hash.update(b"{");
    for name in names {
        hash.update(Value::from(name.as_str()).to_string().as_bytes());
        if let Some(value) = map.get(name) {
            digest_value(hash, value);
        }
    }
    hash.update(b"}");
}

fn digest_value(hash: &mut Sha256, value: &Value) {
    match value {
        Value::Object(map) => digest_members(hash, map, None),
        Value::Array(items) => {
            hash.update(b"[");
            for item in items {
                digest_value(hash, item);
                hash.update(b",");
            }
            hash.update(b"]");
        }
        scalar => hash.update(scalar.to_string().as_bytes()),
    }
}
