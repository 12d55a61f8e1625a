//! Reads operations, paginators and waiters in botocore's JSON form. Metadata and shapes are in `botocore`.

use serde_json::Value;

use super::botocore::{Loader, missing, optional, texts, unknown};
use super::names::interned;
use super::{
    Acceptor, AcceptorState, ContextParam, ContextSource, Matcher, ModelError, Name, Operation,
    Paginator, Service, USUAL_STATUS, Waiter,
};

impl Service {
    /// Adds the paginators of botocore's `paginators-1.json`, its extras merged in. Those of operations that the model
    /// does not have are left out; `null` adds nothing.
    ///
    /// # Errors
    /// [`ModelError::Missing`] for a paginator without its tokens.
    pub fn with_paginators(mut self, file: &Value) -> Result<Self, ModelError> {
        let given = file.get("pagination").and_then(Value::as_object);
        for (name, value) in given.into_iter().flatten() {
            let paginator = Paginator {
                input_tokens: texts(value, "input_token"),
                output_tokens: texts(value, "output_token"),
                result_keys: texts(value, "result_key"),
                non_aggregate_keys: texts(value, "non_aggregate_keys"),
                limit_key: optional(value, "limit_key"),
                more_results: optional(value, "more_results"),
            };
            let tokens = paginator.input_tokens.len();
            if tokens == 0 || tokens != paginator.output_tokens.len() {
                let place = format!("pagination.{name}.output_token");
                return Err(missing(self.name, &place));
            }
            let mut operations = self.operations.iter_mut();
            if let Some(operation) = operations.find(|operation| operation.name == name) {
                operation.paginator = Some(Box::new(paginator));
            }
        }
        Ok(self)
    }

    /// Adds the waiters of botocore's `waiters-2.json`; `null` adds nothing.
    ///
    /// # Errors
    /// [`ModelError`] names the place that is missing or unknown.
    pub fn with_waiters(mut self, file: &Value) -> Result<Self, ModelError> {
        let given = file.get("waiters").and_then(Value::as_object);
        for (name, value) in given.into_iter().flatten() {
            let at = |key: &str| missing(self.name, &format!("waiters.{name}.{key}"));
            let number = |key: &str| {
                let number = value.get(key).and_then(Value::as_u64);
                number
                    .and_then(|number| u32::try_from(number).ok())
                    .ok_or_else(|| at(key))
            };
            let acceptors = value
                .get("acceptors")
                .and_then(Value::as_array)
                .ok_or_else(|| at("acceptors"))?;
            let acceptors = acceptors.iter().map(|value| acceptor(self.name, value));
            self.waiters.push(Waiter {
                name: interned(name),
                operation: optional(value, "operation").ok_or_else(|| at("operation"))?,
                delay_s: number("delay")?,
                max_attempts: number("maxAttempts")?,
                acceptors: acceptors.collect::<Result<_, _>>()?,
            });
        }
        self.waiters.sort_by_key(|waiter| waiter.name);
        Ok(self)
    }
}

fn acceptor(service: &str, value: &Value) -> Result<Acceptor, ModelError> {
    let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
    let at = |key: &str| missing(service, &format!("waiters.acceptors.{key}"));
    let state = match text("state") {
        "success" => AcceptorState::Success,
        "failure" => AcceptorState::Failure,
        "retry" => AcceptorState::Retry,
        other => return Err(unknown(service, "waiters.acceptors.state", other)),
    };
    let expected = value.get("expected").ok_or_else(|| at("expected"))?;
    let path = || optional(value, "argument").ok_or_else(|| at("argument"));
    let matcher = match (text("matcher"), expected) {
        ("status", expected) => {
            let status = expected.as_u64().and_then(|n| u16::try_from(n).ok());
            Matcher::Status(status.ok_or_else(|| at("expected"))?)
        }
        ("error", Value::String(code)) => Matcher::Error(Some(interned(code))),
        ("error", Value::Bool(true)) => Matcher::Error(None),
        ("error", Value::Bool(false)) => Matcher::NoError,
        ("path", expected) => Matcher::Path {
            path: path()?,
            expected: expected.clone(),
        },
        ("pathAll", expected) => Matcher::PathAll {
            path: path()?,
            expected: expected.clone(),
        },
        ("pathAny", expected) => Matcher::PathAny {
            path: path()?,
            expected: expected.clone(),
        },
        (other, _) => return Err(unknown(service, "waiters.acceptors.matcher", other)),
    };
    Ok(Acceptor { state, matcher })
}

impl<'a> Loader<'a> {
    pub(super) fn operations(&mut self, model: &'a Value) -> Result<Vec<Operation>, ModelError> {
        let source = model.get("operations").and_then(Value::as_object);
        let mut given: Vec<(&str, &Value)> = source
            .into_iter()
            .flatten()
            .map(|(k, v)| (k.as_str(), v))
            .collect();
        given.sort_by_key(|(name, _)| *name);
        self.number(&given)?;
        given
            .into_iter()
            .map(|(name, value)| self.operation(name, value))
            .collect()
    }

    fn operation(&self, name: &str, value: &Value) -> Result<Operation, ModelError> {
        let http = value.get("http").unwrap_or(&Value::Null);
        let flag = |key: &str| value.get(key).and_then(Value::as_bool).unwrap_or(false);
        let errors = value.get("errors").and_then(Value::as_array);
        let errors = errors.into_iter().flatten();
        let checksum = value.get("httpChecksum").unwrap_or(&Value::Null);
        let prefix = value.get("endpoint").unwrap_or(&Value::Null);
        let auth = texts(value, "auth");
        let no_auth = !auth.is_empty() && auth.iter().all(|scheme| *scheme == "smithy.api#noAuth");
        let checksum_member = optional(checksum, "requestAlgorithmMember");
        let reference = |key: &str| value.get(key).map(|at| self.reference(at)).transpose();
        Ok(Operation {
            // Not the inner `name`, in which CloudFront repeats its API version.
            name: interned(name),
            method: optional(http, "method").unwrap_or("POST"),
            uri: optional(http, "requestUri").unwrap_or("/"),
            status: self.status(name, http)?,
            input: reference("input")?,
            output: reference("output")?,
            result_wrapper: self.result_wrapper(value.get("output")),
            errors: errors
                .map(|error| self.reference(error).map(|error| error.shape))
                .collect::<Result<_, _>>()?,
            host_prefix: optional(prefix, "hostPrefix"),
            unsigned: no_auth || value.get("authtype").and_then(Value::as_str) == Some("none"),
            unsigned_payload: flag("unsignedPayload"),
            checksum_required: flag("httpChecksumRequired")
                || checksum
                    .get("requestChecksumRequired")
                    .and_then(Value::as_bool)
                    .unwrap_or(false),
            checksum_member,
            checksum_algorithms: self.algorithms(value, checksum_member),
            checksum_mode_member: optional(checksum, "requestValidationModeMember"),
            answer_checksums: texts(checksum, "responseAlgorithms"),
            compressible: value.get("requestcompression").is_some(),
            readonly: flag("readonly"),
            idempotent: flag("idempotent"),
            paginator: None,
            auth,
            context: self.context(value),
        })
    }

    fn status(&self, name: &str, http: &Value) -> Result<u16, ModelError> {
        let Some(given) = http.get("responseCode") else {
            return Ok(USUAL_STATUS);
        };
        let number = given.as_u64().and_then(|n| u16::try_from(n).ok());
        let status = number.filter(|status| (200..300).contains(status));
        status.ok_or_else(|| {
            let place = format!("operations.{name}.http.responseCode");
            unknown(self.service, &place, &given.to_string())
        })
    }

    /// The structure of the request as the model has it.
    fn input_members(&self, operation: &Value) -> Option<&'a serde_json::Map<String, Value>> {
        let input = operation.get("input")?.get("shape")?.as_str()?;
        self.source_of(input).ok()?.get("members")?.as_object()
    }

    /// The values of the enumeration that the member has.
    fn algorithms(&self, operation: &Value, member: Option<Name>) -> Vec<Name> {
        let shape = member.and_then(|member| {
            let member = self.input_members(operation)?.get(member)?;
            let shape = member.get("shape")?.as_str()?;
            self.source_of(shape).ok()
        });
        shape.map(|shape| texts(shape, "enum")).unwrap_or_default()
    }

    /// In the order in which botocore looks for a value.
    fn context(&self, operation: &Value) -> Vec<ContextParam> {
        let of = |key: &str| operation.get(key).and_then(Value::as_object);
        let fixed = of("staticContextParams").into_iter().flatten();
        let fixed = fixed.filter_map(|(name, at)| {
            let value = at.get("value")?.clone();
            Some((name, ContextSource::Static(value)))
        });
        let paths = of("operationContextParams").into_iter().flatten();
        let paths = paths.filter_map(|(name, at)| {
            let path = optional(at, "path")?;
            Some((name, ContextSource::Path(path)))
        });
        let members = self.input_members(operation).into_iter().flatten();
        let members = members.filter_map(|(member, at)| {
            let Value::String(name) = at.pointer("/contextParam/name")? else {
                return None;
            };
            Some((name, ContextSource::Member(interned(member))))
        });
        fixed
            .chain(members)
            .chain(paths)
            .map(|(name, source)| ContextParam {
                name: interned(name),
                source,
            })
            .collect()
    }

    /// Named at the operation, in older models at the output's shape.
    fn result_wrapper(&self, output: Option<&Value>) -> Option<Name> {
        let output = output?;
        let shape = output
            .get("shape")
            .and_then(Value::as_str)
            .and_then(|name| self.source_of(name).ok());
        optional(output, "resultWrapper").or_else(|| optional(shape?, "resultWrapper"))
    }
}
