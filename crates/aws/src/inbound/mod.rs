//! The service's side of the protocols: which operation a request means, its parameters, and the answer on the wire.
//!
//! Parameters come out as a client gives them, in boto3's spelling and typed by the model: numbers and truth values are
//! JSON's, timestamps RFC 3339 text in UTC, blobs base64 text, members that are null are left out. Members that the
//! model does not know are passed over, as AWS does. Whether a required member is there, and lengths, ranges and
//! enumerations, are for whoever knows the service's messages. Bodies that a client may send compressed are opened.
//!
//! Nothing is served here: no sockets, no clock, no signatures ([`crate::sigv4::Verifier`] checks those), no handlers.

mod compressed;
mod error;
mod read_http;
mod read_json;
mod read_query;
mod read_xml;
mod routes;
mod scalar;
mod write;
mod write_error;
mod write_json;

use std::cell::{Cell, RefCell};

use serde_json::{Map, Value};

use crate::model::{Operation, Protocol, Ref, Service, Structure};

pub use error::InboundError;
pub use routes::Routes;
pub use write::encode;
pub use write_error::{ErrorAnswer, encode_error};

/// A request as it came, but for its signature.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// `GET`, `POST`, ...
    pub method: &'a str,
    /// Path, percent-encoded as it came, beginning with `/`; of S3 with the bucket in it.
    pub path: &'a str,
    /// Query without its `?`, percent-encoded as it came.
    pub query: &'a str,
    /// Headers.
    pub headers: &'a dyn Headers,
    /// Body; empty while only the operation is looked for by its head.
    pub body: &'a [u8],
}

/// Headers of a request, wherever they are kept.
pub trait Headers {
    /// First value of a header; `name` is in lower case.
    fn first(&self, name: &str) -> Option<&str>;
    /// Shows every header, its name in any case, in the order of arrival.
    fn each(&self, show: &mut dyn FnMut(&str, &str));
}

impl Headers for Vec<(String, String)> {
    fn first(&self, name: &str) -> Option<&str> {
        let mut found = self
            .iter()
            .filter(|(have, _)| have.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.as_str())
    }

    fn each(&self, show: &mut dyn FnMut(&str, &str)) {
        for (name, value) in self {
            show(name, value);
        }
    }
}

/// What a request may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Deepest nesting of lists, maps and structures.
    pub depth: usize,
    /// Most values in one request.
    pub values: usize,
    /// Most bytes of a body that comes compressed, once it is not.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: 64,
            values: 100_000,
            bytes: 10 * 1024 * 1024,
        }
    }
}

/// The parameters of a request of this operation.
///
/// # Errors
/// [`InboundError`], but for an unknown operation.
pub fn decode(
    service: &Service,
    operation: &Operation,
    request: &Request<'_>,
    limits: Limits,
) -> Result<Map<String, Value>, InboundError> {
    let nothing = Structure::default();
    let input = operation
        .input
        .as_ref()
        .and_then(|input| service.structure(input));
    let input = input.unwrap_or(&nothing);
    let body = compressed::opened(operation, input, request, limits.bytes)?;
    let request = &Request {
        body: &body,
        ..*request
    };
    let budget = Budget::new(service, limits);
    match service.protocol {
        Protocol::Json => read_json::body(&budget, input, request.body),
        Protocol::Query | Protocol::Ec2 => read_query::form(&budget, input, request),
        Protocol::RestJson | Protocol::RestXml => {
            read_http::bound(&budget, operation, input, request)
        }
        Protocol::Cbor => read_json::cbor_body(&budget, input, request.body),
    }
}

/// What is left of the limits while one request is read, and the fault that ended the reading.
#[derive(Debug)]
struct Budget<'s> {
    service: &'s Service,
    limits: Limits,
    values: Cell<usize>,
    /// Kept here, since serde's errors are only text.
    fault: RefCell<Option<InboundError>>,
}

impl<'s> Budget<'s> {
    fn new(service: &'s Service, limits: Limits) -> Self {
        Self {
            service,
            limits,
            values: Cell::new(0),
            fault: RefCell::new(None),
        }
    }

    /// Counts one value.
    fn count(&self) -> Result<(), String> {
        let values = self.values.get() + 1;
        self.values.set(values);
        if values > self.limits.values {
            return Err(format!("more than {} values", self.limits.values));
        }
        Ok(())
    }

    /// Allows a list, map or structure within `depth` others.
    fn deeper(&self, depth: usize) -> Result<usize, String> {
        if depth >= self.limits.depth {
            return Err(format!("nested deeper than {} levels", self.limits.depth));
        }
        Ok(depth + 1)
    }
}

/// Name of a place on the wire.
fn wire_name<'a>(target: &'a Ref, own: &'a str) -> &'a str {
    target.traits().location_name.unwrap_or(own)
}
