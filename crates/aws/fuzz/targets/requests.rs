//! Requests, as our server reads them.

use std::sync::{Arc, OnceLock};

use aws::inbound::{self, Limits, Request, Routes};
use aws::model::{Service, catalog};

use super::answers::cbor_service;
use super::{Raw, choice, pick};

/// Requests in JSON 1.0 and 1.1.
pub(super) fn inbound_json(data: &[u8]) {
    request(&["dynamodb", "kms", "ssm", "sqs"], data);
}

/// Requests in JSON with HTTP bindings.
pub(super) fn inbound_rest_json(data: &[u8]) {
    request(&["ssm-incidents", "lambda", "guardduty"], data);
}

/// Requests of the query protocol.
pub(super) fn inbound_query(data: &[u8]) {
    request(&["iam", "sts", "sns", "cloudformation"], data);
}

/// Requests of EC2.
pub(super) fn inbound_ec2(data: &[u8]) {
    request(&["ec2"], data);
}

/// Requests in XML with HTTP bindings.
pub(super) fn inbound_rest_xml(data: &[u8]) {
    request(&["route53", "s3", "cloudfront"], data);
}

/// Requests in CBOR.
pub(super) fn inbound_cbor(data: &[u8]) {
    static ROUTES: OnceLock<Routes> = OnceLock::new();
    let Some(service) = cbor_service() else {
        return;
    };
    let raw = Raw::read(data);
    let request = Request {
        method: &raw.method,
        path: &raw.path,
        query: &raw.query,
        headers: &raw.headers,
        body: raw.body,
    };
    let routes = ROUTES.get_or_init(|| Routes::new(service));
    read(service, routes, &request, data.len());
}

fn routes(name: &'static str) -> Option<(Arc<Service>, Arc<Routes>)> {
    use std::collections::HashMap;
    use std::sync::{LazyLock, Mutex, PoisonError};
    static ROUTES: LazyLock<Mutex<HashMap<&'static str, Arc<Routes>>>> =
        LazyLock::new(Mutex::default);
    let service = catalog().service(name).ok()?;
    let mut known = ROUTES.lock().unwrap_or_else(PoisonError::into_inner);
    let routes = known
        .entry(name)
        .or_insert_with(|| Arc::new(Routes::new(&service)));
    Some((service, Arc::clone(routes)))
}

/// A byte for the service, then the request. The body is read for the operation meant, and, where none is, for one
/// chosen by its length.
fn request(services: &[&'static str], data: &[u8]) {
    let (at, data) = choice(data);
    let raw = Raw::read(data);
    let Some((service, routes)) = pick(services, at).and_then(|name| routes(name)) else {
        return;
    };
    let request = Request {
        method: &raw.method,
        path: &raw.path,
        query: &raw.query,
        headers: &raw.headers,
        body: raw.body,
    };
    read(&service, &routes, &request, data.len());
}

/// The operation meant, else the one at `otherwise`, and its parameters.
fn read(service: &Service, routes: &Routes, request: &Request<'_>, otherwise: usize) {
    let operation = routes.operation(service, request).ok();
    let operation = operation.or_else(|| pick(&service.operations, otherwise));
    let Some(operation) = operation else {
        return;
    };
    if let Err(error) = inbound::decode(service, operation, request, Limits::default()) {
        assert!(!error.to_string().is_empty(), "an error says what it is");
    }
}
