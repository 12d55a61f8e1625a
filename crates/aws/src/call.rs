//! One call: any operation of any service, from JSON to a request and from the answer back to JSON.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use crate::customization::{self, Params, Place};
use crate::endpoint::{self, Authentication, Endpoint, Wanted};
use crate::model::{Operation, Service, Shape, catalog};
use crate::protocol::{self, Parts};
use crate::service_error::ServiceError;
use crate::sigv4::{self, Presigned, SigningScope};
use crate::{CallOptions, Credentials, Error, HttpRequest, HttpResponse, cross_region, params};

/// A call to be made.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// Service: boto3's client name (`ec2`, `stepfunctions`) or AWS's service id.
    pub service: &'a str,
    /// Operation in PascalCase, snake_case or kebab-case.
    pub operation: &'a str,
    /// Parameters in boto3's spelling: an object, or null for none. Text is accepted for numbers, truth values,
    /// timestamps, and (as JSON) for lists and structures. A blob is its text, or `{"$base64": "..."}`.
    pub params: &'a Value,
    /// Region.
    pub region: &'a str,
    /// Where to send it instead of AWS's own endpoint.
    pub endpoint_url: Option<&'a str>,
    /// Fills idempotency tokens that the parameters leave open; a repeat must bring the same one.
    pub token: &'a str,
    /// Choices of endpoint and body; [`CallOptions::defaults`] where nothing is configured.
    pub options: &'a CallOptions,
}

/// A call that is ready to be signed and sent, and knows how to read its answer.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The unsigned request.
    pub request: HttpRequest,
    /// How it is signed.
    pub signing: Signing,
    service: Arc<Service>,
    operation: String,
    /// The answer's keys are encoded because this crate asked for it.
    keys_encoded: bool,
    /// The answer's checksum was asked for.
    verifies: bool,
}

/// How a request shows who sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signing {
    /// It goes out as it is.
    Unsigned,
    /// Signature Version 4 for this scope.
    SigV4(SigningScope),
    /// A bearer token in the `authorization` header; see [`Prepared::bear`].
    Bearer,
    /// A scheme that this crate does not write, as `sigv4a`. The request can be looked at, but not signed.
    Unsupported(String),
}

impl Signing {
    /// Whether the request goes out as it is, so that no credentials are needed.
    #[must_use]
    pub fn is_unsigned(&self) -> bool {
        *self == Self::Unsigned
    }

    /// The scope of a Signature Version 4.
    #[must_use]
    pub fn scope(&self) -> Option<&SigningScope> {
        match self {
            Self::SigV4(scope) => Some(scope),
            _ => None,
        }
    }
}

/// Checks a call against its model and writes the request.
///
/// # Errors
/// [`Error`] when the service, operation, parameters, region or endpoint do not fit. Nothing is sent.
pub fn prepare(call: &Call<'_>) -> Result<Prepared, Error> {
    let service = catalog().service(call.service)?;
    prepare_with(service, call)
}

/// As [`prepare`], with a model that is not from the table. `call.service` is not looked at.
///
/// # Errors
/// As [`prepare`].
pub fn prepare_with(service: Arc<Service>, call: &Call<'_>) -> Result<Prepared, Error> {
    let operation = find(&service, call.operation)?.clone();
    refuse_streams(&service, &operation)?;
    let place = Place {
        service: &service,
        operation: &operation,
        options: call.options,
    };
    customization::refuse(&place, call.endpoint_url)?;
    let keys_encoded = customization::asks_encoded_keys(&place, call.params);
    let params = customization::before_checks(&place, call.params)?;
    let mut params = params::check(&service, &operation, &params, call.token)?;
    customization::before_encoding(&place, &mut params);
    let wanted = Wanted {
        region: call.region,
        endpoint_url: call.endpoint_url,
        options: call.options,
    };
    let endpoint = endpoint::resolve(&service, &operation, &params, wanted)?;
    let mut parts = encode(&place, &params, &endpoint)?;
    customization::after_encoding(&place, &mut parts);
    protocol::compress(&operation, call.options, &mut parts);
    protocol::add_checksum(&service, &operation, (&params, call.options), &mut parts)?;
    let host_prefix = if endpoint.by_rules && endpoint::rules_place_prefix(&operation) {
        None
    } else {
        protocol::host_prefix(&service, &operation, &params)?
    };
    let signing = signing(&service, &operation, &endpoint);
    let mut request = assemble(parts, endpoint, host_prefix);
    if call.endpoint_url.is_none() {
        customization::after_addressing(&place, &params, &mut request);
    }
    Ok(Prepared {
        request,
        signing,
        verifies: operation
            .checksum_mode_member
            .is_some_and(|mode| params.get(mode).and_then(Value::as_str) == Some("ENABLED")),
        operation: operation.name.to_string(),
        service,
        keys_encoded,
    })
}

impl Prepared {
    /// Whether the account of the keys may belong into the address.
    pub(crate) fn takes_account(&self) -> bool {
        endpoint::takes_account(self.service.name)
    }

    /// The request with its signature; as it is when it goes out unsigned.
    ///
    /// # Errors
    /// [`Error::Signature`] when the service wants another scheme than Signature Version 4: a wrong signature would
    /// only be refused by the service, in words that do not say why.
    pub fn sign(&self, credentials: &Credentials, at: Timestamp) -> Result<HttpRequest, Error> {
        let mut request = self.request.clone();
        match &self.signing {
            Signing::Unsigned => {}
            Signing::SigV4(scope) => {
                let names = (self.service.name, self.operation.as_str());
                cross_region::fill(&mut request, names, credentials, (scope, at));
                sigv4::sign(&mut request, credentials, scope, at);
            }
            Signing::Bearer => return Err(self.unsupported("bearer")),
            Signing::Unsupported(scheme) => return Err(self.unsupported(scheme)),
        }
        Ok(request)
    }

    /// The request signed by its URL, which can be called without keys for `expires_s` seconds: at most seven days,
    /// and no longer than temporary keys last. The method can be changed in [`Prepared::request`] before.
    ///
    /// # Errors
    /// [`Error::Presign`] when the life is out of range, [`Error::Signature`] when the service wants another scheme.
    pub fn presign(
        &self,
        credentials: &Credentials,
        at: Timestamp,
        expires_s: u32,
    ) -> Result<Presigned, Error> {
        match &self.signing {
            Signing::SigV4(scope) => {
                let mut request = self.request.clone();
                let names = (self.service.name, self.operation.as_str());
                cross_region::fill(&mut request, names, credentials, (scope, at));
                let until = (at, expires_s);
                Ok(sigv4::presign(&request, credentials, scope, until)?)
            }
            Signing::Unsigned => Ok(Presigned {
                method: self.request.method.clone(),
                url: self.request.url(),
                headers: Vec::new(),
                body: self.request.body.clone(),
            }),
            Signing::Bearer => Err(self.unsupported("bearer")),
            Signing::Unsupported(scheme) => Err(self.unsupported(scheme)),
        }
    }

    /// The request with a bearer token.
    ///
    /// # Errors
    /// [`Error::Signature`] when the service wants a signature instead of a token, or the token cannot be in a header.
    pub fn bear(&self, token: &str) -> Result<HttpRequest, Error> {
        let fits = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        match &self.signing {
            Signing::Bearer if fits => {
                let mut request = self.request.clone();
                request.set_header("authorization", format!("Bearer {token}"));
                Ok(request)
            }
            Signing::Unsupported(scheme) => Err(self.unsupported(scheme)),
            Signing::Unsigned => Ok(self.request.clone()),
            Signing::Bearer | Signing::SigV4(_) => Err(self.unsupported("bearer")),
        }
    }

    fn unsupported(&self, scheme: &str) -> Error {
        Error::Signature {
            service: self.service.name.to_string(),
            operation: self.operation.clone(),
            scheme: scheme.to_owned(),
        }
    }

    /// Reads the answer as boto3 gives it: members in its spelling, timestamps in ISO form, blobs base64-encoded,
    /// absent members left out, and `ResponseMetadata`. A body that is one blob or text (`s3:GetObject`,
    /// `lambda:Invoke`) is text where it is UTF-8, else base64.
    ///
    /// # Errors
    /// [`ServiceError`]: the service's own error, or an answer that cannot be read.
    pub fn decode(&self, response: &HttpResponse) -> Result<Value, ServiceError> {
        if self.verifies
            && response.status < 300
            && let Some(operation) = self.service.operation(&self.operation)
        {
            protocol::verify(operation, response)
                .map_err(|error| error.at(self.service.name, &self.operation))?;
        }
        decode(&self.service, &self.operation, response, self.keys_encoded)
    }

    /// Client name of the service, as `stepfunctions`.
    #[must_use]
    pub fn service(&self) -> &str {
        self.service.name
    }

    /// Operation in PascalCase.
    #[must_use]
    pub fn operation(&self) -> &str {
        &self.operation
    }
}

/// Canonical names of a service and an operation: boto3's client name and PascalCase.
///
/// # Errors
/// [`Error::UnknownService`] and [`Error::UnknownOperation`] with the nearest names.
pub fn resolve_names(service: &str, operation: &str) -> Result<(String, String), Error> {
    let service = catalog().service(service)?;
    let operation = find(&service, operation)?;
    Ok((service.name.to_string(), operation.name.to_string()))
}

/// Reads an answer; see [`Prepared::decode`]. The request is taken to be one of [`prepare`] that left the encoding of
/// keys to it.
///
/// # Errors
/// [`ServiceError`].
pub fn decode_with(
    service: &Service,
    operation: &str,
    response: &HttpResponse,
) -> Result<Value, ServiceError> {
    decode(service, operation, response, true)
}

fn decode(
    service: &Service,
    operation: &str,
    response: &HttpResponse,
    keys_encoded: bool,
) -> Result<Value, ServiceError> {
    let place = |error: ServiceError| error.at(service.name, operation);
    let Some(found) = service.operation(operation) else {
        return Err(place(ServiceError::unreadable(
            response,
            "the operation is not in the model",
        )));
    };
    let here = Place {
        service,
        operation: found,
        options: CallOptions::defaults(),
    };
    let replaced = customization::before_decoding(&here, response);
    let response = replaced.as_ref().unwrap_or(response);
    let mut answer = protocol::decode(service, found, response).map_err(place)?;
    customization::after_decoding(&here, response, &mut answer);
    if keys_encoded {
        customization::decode_keys(&here, &mut answer);
    }
    Ok(answer)
}

pub(crate) fn find<'a>(service: &'a Service, name: &str) -> Result<&'a Operation, Error> {
    service.operation(name).ok_or_else(|| {
        let names = service.operations.iter().map(|operation| operation.name);
        Error::UnknownOperation {
            service: service.name.to_string(),
            operation: name.to_owned(),
            nearest: crate::model::nearest(name, names).join("`, `"),
        }
    })
}

fn refuse_streams(service: &Service, operation: &Operation) -> Result<(), Error> {
    let streams = [&operation.input, &operation.output].into_iter().flatten().any(|root| {
        service.structure(root).is_some_and(|structure| {
            structure.members.iter().any(|member| {
                matches!(service.shape(&member.target), Shape::Structure(inner) if inner.event_stream)
            })
        })
    });
    if streams {
        return Err(Error::EventStream {
            service: service.name.to_string(),
            operation: operation.name.to_string(),
        });
    }
    Ok(())
}

/// Writes the operation, but for what the rules have put into the endpoint.
fn encode(place: &Place<'_>, params: &Params, endpoint: &Endpoint) -> Result<Parts, Error> {
    let (service, operation) = (place.service, place.operation);
    match endpoint::uri_without_bucket(operation).filter(|_| endpoint.by_rules) {
        Some(uri) => {
            let mut operation = operation.clone();
            operation.uri = uri;
            protocol::encode(service, &operation, params)
        }
        None => protocol::encode(service, operation, params),
    }
}

fn signing(service: &Service, operation: &Operation, endpoint: &Endpoint) -> Signing {
    if operation.unsigned {
        return Signing::Unsigned;
    }
    // The client of S3 on Outposts itself is told its scheme by the model, and signs as other services do.
    let named = SigningScope::new(&endpoint.signing_region, &endpoint.signing_name);
    let told = matches!(endpoint.authentication, Authentication::OfModel);
    let as_s3 = named.as_s3 && (!told || service.signature_version.starts_with("s3"));
    let scope = || SigningScope {
        as_s3,
        // boto3 signs what goes to S3, where the whole body is at hand.
        unsigned_payload: operation.unsigned_payload && service.name != "s3",
        ..named.clone()
    };
    match &endpoint.authentication {
        Authentication::None => Signing::Unsigned,
        Authentication::SigV4 => Signing::SigV4(scope()),
        Authentication::Bearer => Signing::Bearer,
        Authentication::Unsupported(scheme) => Signing::Unsupported(scheme.clone()),
        Authentication::OfModel => match service.signature_version {
            "none" => Signing::Unsigned,
            "bearer" => Signing::Bearer,
            // Its model says `v2`, but it takes version 4; boto3 signs so too.
            "v2" if service.name != "importexport" => Signing::Unsupported("sigv2".to_owned()),
            _ => Signing::SigV4(scope()),
        },
    }
}

fn assemble(parts: Parts, endpoint: Endpoint, host_prefix: Option<String>) -> HttpRequest {
    let prefix = host_prefix.filter(|_| !endpoint.custom).unwrap_or_default();
    let authority = format!("{prefix}{}", endpoint.authority);
    let mut request = HttpRequest {
        method: parts.method,
        scheme: endpoint.scheme,
        path: join(&endpoint.path, &parts.path),
        query: parts.query,
        headers: vec![("host".to_owned(), authority.clone())],
        authority,
        body: parts.body,
    };
    for (name, value) in endpoint.headers.into_iter().chain(parts.headers) {
        request.set_header(&name, value);
    }
    request
}

/// The path of an operation behind that of its endpoint. An operation whose whole path the rules have put into the
/// endpoint has none of its own.
fn join(base: &str, path: &str) -> String {
    if path.is_empty() && !base.is_empty() {
        return base.to_owned();
    }
    let base = base.trim_end_matches('/');
    let slash = if path.starts_with('/') { "" } else { "/" };
    format!("{base}{slash}{path}")
}
