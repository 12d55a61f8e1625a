//! Between HTTP as the server has it and as the `aws` crate does.

use aws::HttpResponse;
use aws::inbound::{Headers, Request};
use axum::response::Response;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

/// Headers as they came; those that are not UTF-8 are not seen, and fail the signature anyway.
pub(crate) struct Received<'a>(pub(crate) &'a HeaderMap);

impl Headers for Received<'_> {
    fn first(&self, name: &str) -> Option<&str> {
        let value = self.0.get(name)?;
        std::str::from_utf8(value.as_bytes()).ok()
    }

    fn each(&self, show: &mut dyn FnMut(&str, &str)) {
        for (name, value) in self.0 {
            if let Ok(value) = std::str::from_utf8(value.as_bytes()) {
                show(name.as_str(), value);
            }
        }
    }
}

/// A request.
pub(crate) fn request<'a>(
    parts: &'a Parts,
    headers: &'a Received<'a>,
    body: &'a [u8],
) -> Request<'a> {
    Request {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
        headers,
        body,
    }
}

/// An answer.
pub(crate) fn response(answer: HttpResponse) -> Response {
    let mut response = Response::new(answer.body.into());
    if let Ok(status) = StatusCode::from_u16(answer.status) {
        *response.status_mut() = status;
    }
    for (name, value) in answer.headers {
        let pair = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_bytes(value.as_bytes()),
        );
        if let (Ok(name), Ok(value)) = pair {
            response.headers_mut().append(name, value);
        }
    }
    response
}
