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
    let status = || response.status.to_string();
    if response.body.iter().all(u8::is_ascii_whitespace) && !has_type_header(service, response) {
        let message = status_name(response.status);
        return ServiceError::new(FailureKind::Api, response, &status(), message);
    }
    if let Some(text) = plain_text(response) {
        return match service.protocol {
            Protocol::Json | Protocol::RestJson | Protocol::Cbor => {
                let body = serde_json::json!({ "message": text });
                from_body(service, operation, response, &body)
            }
            Protocol::Query | Protocol::Ec2 | Protocol::RestXml => {
                ServiceError::new(FailureKind::Api, response, &status(), &text)
            }
        };
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

fn has_type_header(service: &Service, response: &HttpResponse) -> bool {
    let keyed = matches!(
        service.protocol,
        Protocol::Json | Protocol::RestJson | Protocol::Cbor
    );
    keyed && response.header("x-amzn-errortype").is_some()
}

/// Most characters of a text that become a message.
const PLAIN_CHARS: usize = 200;

/// The words of a refusal that is in no protocol's form, as proxies and load balancers write it. What begins like a
/// document but is none stays unreadable.
fn plain_text(response: &HttpResponse) -> Option<String> {
    let cbor = response
        .header("content-type")
        .is_some_and(|kind| kind.to_ascii_lowercase().contains("cbor"));
    let text = std::str::from_utf8(&response.body).ok()?.trim();
    if response.status < 400 || cbor || text.is_empty() || text.starts_with(['<', '{', '[']) {
        return None;
    }
    let visible = text
        .chars()
        .map(|one| if one.is_whitespace() { ' ' } else { one })
        .filter(|one| !one.is_control());
    Some(visible.take(PLAIN_CHARS).collect())
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
        Err(_) if response.body.iter().all(u8::is_ascii_whitespace) => Value::Object(Map::new()),
        Err(error) => return unreadable(response, &format!("the answer is not JSON: {error}")),
    };
    from_body(service, operation, response, &body)
}

fn from_cbor(service: &Service, operation: &Operation, response: &HttpResponse) -> ServiceError {
    if response.body.iter().all(u8::is_ascii_whitespace) {
        return from_body(service, operation, response, &Value::Object(Map::new()));
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::catalog;

    /// Service, status, content type, body, and the message; `None` where the answer stays unreadable.
    type Refusal = (
        &'static str,
        u16,
        &'static str,
        &'static str,
        Option<&'static str>,
    );

    #[rustfmt::skip]
    const REFUSALS: [Refusal; 10] = [
        ("ec2", 503, "text/plain", "no\thealthy\r\n upstream\u{7}", Some("no healthy   upstream")),
        ("ssm", 413, "text/plain", "Request too long\n", Some("Request too long")),
        ("ssm", 400, "application/json", "\u{1}\u{1b}[31mred", Some("[31mred")),
        ("route53", 502, "", "bad gateway", Some("bad gateway")),
        ("arc-region-switch", 500, "", "backend down", Some("backend down")),
        ("arc-region-switch", 500, "application/cbor", "backend down", None),
        ("ssm", 500, "", "{\"message\": \"cut o", None),
        ("ec2", 500, "", "<Response><Errors>", None),
        ("ssm", 307, "", "elsewhere", None),
        ("ssm", 411, "application/x-odd", " \n", Some("Length Required")),
    ];

    fn refused(name: &str, status: u16, kind: &str, body: String) -> ServiceError {
        let service = catalog().service(name).unwrap();
        let response = HttpResponse {
            status,
            headers: vec![("content-type".to_owned(), kind.to_owned())],
            body: body.into(),
        };
        read(&service, &service.operations[0], &response)
    }

    #[test]
    fn words_of_proxies_are_messages() {
        for (name, status, kind, body, want) in REFUSALS {
            let error = refused(name, status, kind, body.to_owned());
            let got = (error.kind == FailureKind::Api).then_some(error.message.as_str());
            assert_eq!(got, want, "{name} {body}");
            assert_eq!(error.is_nameless(), want.is_some(), "{name} {body}");
        }
        let long = refused("lambda", 500, "", "x".repeat(300));
        assert_eq!(long.message, "x".repeat(PLAIN_CHARS));
    }
}
