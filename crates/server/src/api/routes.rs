//! How a request finds its operation of the operator's API: method and path.

use http::StatusCode;
use http::request::Parts;

use super::ROUTES;
use crate::call::Handler;
use crate::error::{ApiError, echo};
use crate::query;

/// One operation.
pub(crate) struct Route {
    name: &'static str,
    method: &'static str,
    /// Segments; `*` stands for one decoded segment.
    path: &'static str,
    handler: Handler,
}

impl Route {
    /// An operation at a method and path such as `/api/v1/runs/*/resolve`.
    pub(super) const fn new(
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
        let mut have = path.split('/');
        let mut captured = Vec::new();
        for want in self.path.split('/') {
            let segment = have.next()?;
            if want == "*" {
                let text = query::decode(segment).ok();
                captured.push(text.filter(|text| !text.is_empty())?);
            } else if want != segment {
                return None;
            }
        }
        have.next().is_none().then_some(captured)
    }
}

/// The operation that a request means.
#[derive(Debug)]
pub(crate) struct Target {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its code.
    pub(crate) handler: Handler,
    /// Decoded variable segments of the path.
    pub(crate) path: Vec<String>,
}

/// Finds the operation of a request.
///
/// # Errors
/// None has this method and path.
pub(crate) fn target(parts: &Parts) -> Result<Target, ApiError> {
    let path = parts.uri.path();
    let mut routes = ROUTES.iter().filter(|route| parts.method == route.method);
    let found = routes.find_map(|route| Some((route, route.captures(path)?)));
    if let Some((route, path)) = found {
        let (name, handler) = (route.name, route.handler);
        return Ok(Target {
            name,
            handler,
            path,
        });
    }
    let names: Vec<&str> = ROUTES.iter().map(|route| route.name).collect();
    let (method, shown) = (&parts.method, echo(path));
    let message = format!(
        "`{method} {shown}` is not served here; the service has: {}",
        names.join(", ")
    );
    Err(ApiError::new("UnknownOperationException", message).status(StatusCode::NOT_FOUND))
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
            ("/a/*", "/a/1%2F2", Some(vec!["1/2"])),
            ("/a/*", "/a/1/2", None),
            ("/a/*", "/a/", None),
            ("/a/*", "/a", None),
            ("/a/*", "/ax/1", None),
            ("/a/*/b", "/a/1/b", Some(vec!["1"])),
            ("/a/*/b", "/a/1/b/c", None),
            ("/a", "/a", Some(vec![])),
            ("/a", "/a/", None),
        ];
        for (pattern, path, want) in cases {
            let want = want.map(|list| list.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(route(pattern).captures(path), want, "{pattern} {path}");
        }
    }

    #[test]
    fn each_operation_is_named_once() {
        let mut names: Vec<&str> = ROUTES.iter().map(|route| route.name).collect();
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
