//! The AWS services that Quell speaks, and how a request finds its operation.
//!
//! To add a service: one module with a `SERVICE` constant, one line in [`SERVICES`]. To add an operation: one file with
//! a handler, one line in its service's table.

pub(crate) mod contacts;
pub(crate) mod events;
pub(crate) mod incidents;
pub(crate) mod ssm;

use http::StatusCode;
use http::request::Parts;

use crate::api;
use crate::call::Handler;
use crate::dialect::Dialect;
use crate::error::ApiError;
use crate::query;

/// Largest body of an operation that does not say otherwise, in bytes.
pub(crate) const DEFAULT_BODY_LIMIT: usize = 256 * 1024;

/// Everything that is served.
const SERVICES: &[&Service] = &[
    &contacts::SERVICE,
    &events::SERVICE,
    &incidents::SERVICE,
    &ssm::SERVICE,
    &api::SERVICE,
];

/// One service.
pub(crate) struct Service {
    /// Name in the credential scope.
    pub(crate) signing_name: &'static str,
    /// How it spells errors.
    pub(crate) dialect: Dialect,
    /// What it does.
    pub(crate) operations: Operations,
}

/// A service's operations, by the protocol that chooses among them.
pub(crate) enum Operations {
    /// AWS JSON: `POST /` with `X-Amz-Target: <prefix>.<operation>`.
    Json {
        /// Prefix of the target.
        prefix: &'static str,
        /// The operations.
        table: &'static [JsonOperation],
    },
    /// rest-json: method and path.
    Rest(&'static [Route]),
}

/// One operation of a JSON service.
pub(crate) struct JsonOperation {
    name: &'static str,
    handler: Handler,
    body_limit: usize,
}

impl JsonOperation {
    /// An operation with the default body limit.
    pub(crate) const fn new(name: &'static str, handler: Handler) -> Self {
        Self {
            name,
            handler,
            body_limit: DEFAULT_BODY_LIMIT,
        }
    }

    /// Another body limit, in bytes.
    pub(crate) const fn body_limit(self, body_limit: usize) -> Self {
        Self { body_limit, ..self }
    }
}

/// One operation of a rest-json service.
pub(crate) struct Route {
    name: &'static str,
    method: &'static str,
    /// Segments; `*` stands for one decoded segment, as the last one for all that follows.
    path: &'static str,
    handler: Handler,
}

impl Route {
    /// An operation at a method and path such as `/tags/*`.
    pub(crate) const fn new(
        name: &'static str,
        method: &'static str,
        path: &'static str,
        handler: Handler,
    ) -> Self {
        Self {
            name,
            method,
            path,
            handler,
        }
    }

    /// What the `*`s stand for, if the path is this route's.
    fn captures(&self, path: &str) -> Option<Vec<String>> {
        let mut captured = Vec::new();
        let mut wanted = self.path.split('/').peekable();
        let mut rest = path;
        while let Some(want) = wanted.next() {
            let last = wanted.peek().is_none();
            let (segment, behind) = match rest.split_once('/') {
                Some((segment, behind)) if !(last && want == "*") => (segment, Some(behind)),
                _ => (rest, None),
            };
            if want == "*" {
                captured.push(
                    query::decode(segment)
                        .ok()
                        .filter(|text| !text.is_empty())?,
                );
            } else if want != segment {
                return None;
            }
            match behind {
                Some(behind) if !last => rest = behind,
                None if last => return Some(captured),
                _ => return None,
            }
        }
        None
    }
}

/// The operation that a request means.
#[derive(Debug)]
pub(crate) struct Target {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its code.
    pub(crate) handler: Handler,
    /// Largest body, in bytes.
    pub(crate) body_limit: usize,
    /// Decoded variable segments of the path.
    pub(crate) path: Vec<String>,
}

impl Operations {
    /// Finds the operation of a request.
    pub(crate) fn target(&self, parts: &Parts) -> Result<Target, ApiError> {
        match self {
            Self::Json { prefix, table } => json_target(prefix, table, parts),
            Self::Rest(routes) => rest_target(routes, parts),
        }
    }

    /// Whether there is an operation of this name.
    pub(crate) fn serves(&self, operation: &str) -> bool {
        self.names().contains(&operation)
    }

    fn names(&self) -> Vec<&'static str> {
        match self {
            Self::Json { table, .. } => table.iter().map(|operation| operation.name).collect(),
            Self::Rest(routes) => routes.iter().map(|route| route.name).collect(),
        }
    }
}

fn json_target(prefix: &str, table: &[JsonOperation], parts: &Parts) -> Result<Target, ApiError> {
    let header = parts
        .headers
        .get("x-amz-target")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let name = header
        .strip_prefix(prefix)
        .and_then(|rest| rest.strip_prefix('.'))
        .unwrap_or(header);
    let at_root = parts.method == http::Method::POST && parts.uri.path() == "/";
    match table.iter().find(|operation| operation.name == name) {
        Some(found) if at_root => Ok(Target {
            name: found.name,
            handler: found.handler,
            body_limit: found.body_limit,
            path: Vec::new(),
        }),
        Some(_) => Err(unknown_operation(
            "this operation is called by POST to the path `/`",
        )),
        None => {
            let names: Vec<&str> = table.iter().map(|operation| operation.name).collect();
            let shown = crate::error::echo(header);
            Err(unknown_operation(&format!(
                "operation `{shown}` is not served here; {prefix} has: {}",
                names.join(", ")
            )))
        }
    }
}

fn rest_target(routes: &[Route], parts: &Parts) -> Result<Target, ApiError> {
    let path = parts.uri.path();
    let found = routes.iter().filter(|route| parts.method == route.method);
    for route in found {
        if let Some(path) = route.captures(path) {
            let (name, handler) = (route.name, route.handler);
            return Ok(Target {
                name,
                handler,
                body_limit: DEFAULT_BODY_LIMIT,
                path,
            });
        }
    }
    let names: Vec<&str> = routes.iter().map(|route| route.name).collect();
    let shown = crate::error::echo(path);
    let method = &parts.method;
    Err(unknown_operation(&format!(
        "`{method} {shown}` is not served here; the service has: {}",
        names.join(", ")
    )))
}

fn unknown_operation(message: &str) -> ApiError {
    ApiError::new("UnknownOperationException", message).status(StatusCode::NOT_FOUND)
}

/// The service that a credential scope names.
pub(crate) fn find_service(signing_name: &str) -> Option<&'static Service> {
    SERVICES
        .iter()
        .copied()
        .find(|service| service.signing_name == signing_name)
}

/// Names of all services.
pub(crate) fn service_names() -> Vec<&'static str> {
    SERVICES
        .iter()
        .map(|service| service.signing_name)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_capture_segments() {
        let route = |path| {
            Route::new("X", "GET", path, |_| {
                Box::pin(async { Ok(crate::call::Reply::empty()) })
            })
        };
        let cases = [
            ("/tags/*", "/tags/arn%3Aa%2Fb", Some(vec!["arn:a/b"])),
            ("/tags/*", "/tags/arn:a/b", Some(vec!["arn:a/b"])),
            ("/tags/*", "/tags/", None),
            ("/tags/*", "/tags", None),
            ("/tags/*", "/tagsx/a", None),
            ("/a/*/b", "/a/1/b", Some(vec!["1"])),
            ("/a/*/b", "/a/1/b/c", None),
            ("/a/*/b", "/a/1%2F2/b", Some(vec!["1/2"])),
            ("/getPlan", "/getPlan", Some(vec![])),
            ("/getPlan", "/getPlan/", None),
        ];
        for (pattern, path, want) in cases {
            let want = want.map(|list| list.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(route(pattern).captures(path), want, "{pattern} {path}");
        }
    }

    #[test]
    fn tables_name_each_operation_once() {
        for service in SERVICES {
            let mut names = service.operations.names();
            names.sort_unstable();
            let all = names.len();
            names.dedup();
            assert_eq!(names.len(), all, "{}", service.signing_name);
        }
    }
}
