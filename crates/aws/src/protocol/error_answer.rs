//! Answers that are errors: code, message, request id and the modelled members, for each protocol.

use serde_json::{Map, Value};

use super::{json, rest_answer, rpc_cbor, xml_answer};
use crate::HttpResponse;
use crate::model::{Operation, Protocol, Service};
use crate::service_error::{FailureKind, ServiceError, status_name};

/// Whether the body is an HTML page. The content type alone does not tell: some servers, moto among them, label every
/// answer so.
pub(super) fn is_html(response: &HttpResponse) -> bool {
    let start: String = String::from_utf8_lossy(
        response
            .body
            .get(..response.body.len().min(256))
            .unwrap_or_default(),
    )
    .trim_start()
    .to_ascii_lowercase();
    if start.starts_with("<!doctype html") || start.starts_with("<html") {
        return true;
    }
    let labelled = response
        .header("content-type")
        .is_some_and(|kind| kind.to_ascii_lowercase().starts_with("text/html"));
    labelled && response.status >= 400 && !start.is_empty() && !start.starts_with(['<', '{', '['])
}

/// A gateway's page (502, 503, 504) may pass; any other means that nobody there speaks the protocol.
pub(super) fn html(response: &HttpResponse) -> ServiceError {
    let status = response.status;
    if matches!(status, 502..=504) {
        return ServiceError::new(
            FailureKind::Api,
            response,
            &status.to_string(),
            status_name(status),
        );
    }
    let message = format!(
        "the endpoint answered with an HTML page (status {status}): it does not implement this operation"
    );
    ServiceError::new(
        FailureKind::NotImplementedByTarget,
        response,
        "NotImplementedByTarget",
        &message,
    )
}

pub(super) fn read(
    service: &Service,
    operation: &Operation,
    response: &HttpResponse,
) -> ServiceError {
    if response.body.iter().all(u8::is_ascii_whitespace) && !has_type_header(response) {
        return ServiceError::new(
            FailureKind::Api,
            response,
            &response.status.to_string(),
            status_name(response.status),
        );
    }
    match service.protocol {
        Protocol::Json | Protocol::RestJson => from_json(service, operation, response),
        Protocol::Query | Protocol::Ec2 | Protocol::RestXml => {
            let mut error = from_xml(response);
            if error.kind == FailureKind::Api
                && let Some(structure) = service.exception(operation, &error.code)
            {
                *error.detail = xml_answer::error_detail(service, structure, &response.body)
                    .unwrap_or_default();
                add_bound(service, structure, response, &mut error);
            }
            error
        }
        Protocol::Cbor => from_cbor(service, operation, response),
    }
}

fn has_type_header(response: &HttpResponse) -> bool {
    response.header("x-amzn-errortype").is_some()
}

fn unreadable(response: &HttpResponse, reason: &str) -> ServiceError {
    let message = format!(
        "status {} {}: {reason}",
        response.status,
        status_name(response.status)
    );
    ServiceError::new(
        FailureKind::Unreadable,
        response,
        "UnreadableResponse",
        &message,
    )
}

fn add_bound(
    service: &Service,
    structure: &crate::model::Structure,
    response: &HttpResponse,
    error: &mut ServiceError,
) {
    if matches!(service.protocol, Protocol::RestJson | Protocol::RestXml) {
        error
            .detail
            .extend(rest_answer::bound_members(service, structure, response));
    }
}

/// The parts of an XML error that every form has.
pub(super) fn from_xml(response: &HttpResponse) -> ServiceError {
    let parts = match xml_answer::error_parts(&response.body) {
        Ok(parts) => parts,
        Err(reason) => return unreadable(response, &reason),
    };
    let code = parts.code.unwrap_or_else(|| response.status.to_string());
    let message = parts.message.unwrap_or_default();
    let mut error = ServiceError::new(FailureKind::Api, response, &code, &message);
    error.request_id = parts.request_id.or(error.request_id);
    error
}

fn from_json(service: &Service, operation: &Operation, response: &HttpResponse) -> ServiceError {
    let body = match serde_json::from_slice::<Value>(&response.body) {
        Ok(body) => body,
        Err(_) if response.body.is_empty() => Value::Object(Map::new()),
        Err(error) => return unreadable(response, &format!("the answer is not JSON: {error}")),
    };
    from_body(service, operation, response, &body)
}

fn from_cbor(service: &Service, operation: &Operation, response: &HttpResponse) -> ServiceError {
    match rpc_cbor::tree(service, &response.body) {
        Ok(body) => from_body(service, operation, response, &body),
        Err(reason) => unreadable(response, &reason),
    }
}

/// Errors of all protocols with keys.
fn from_body(
    service: &Service,
    operation: &Operation,
    response: &HttpResponse,
    body: &Value,
) -> ServiceError {
    let text = |names: &[&str]| {
        names
            .iter()
            .find_map(|name| body.get(name).and_then(Value::as_str))
            .map(str::to_owned)
    };
    let header = response.header("x-amzn-errortype").map(str::to_owned);
    let named = header.or_else(|| text(&["__type", "code", "Code"]));
    let code = named
        .as_deref()
        .map_or_else(|| response.status.to_string(), bare_code);
    let message = text(&["message", "Message", "errorMessage"]).unwrap_or_default();
    let mut error = ServiceError::new(FailureKind::Api, response, &code, &message);
    if let Some(structure) = service.exception(operation, &code) {
        *error.detail = json::read_detail(service, structure, body).unwrap_or_default();
        add_bound(service, structure, response, &mut error);
    }
    // Services that once spoke the query protocol still tell its code, which is the one in use.
    if service.query_compatible {
        let old = response
            .header("x-amzn-query-error")
            .and_then(|header| header.split_once(';'));
        if let Some((old, _)) = old.filter(|(old, _)| !old.is_empty()) {
            old.clone_into(&mut error.code);
        }
    }
    error
}

/// `aws.x#Fault:http://...` is `Fault`.
fn bare_code(text: &str) -> String {
    let text = text.split(':').next().unwrap_or_default();
    text.rsplit('#')
        .next()
        .unwrap_or_default()
        .trim()
        .to_owned()
}
