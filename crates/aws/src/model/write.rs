//! Writes one service as a frame of the packed table. The layout is described in `pack`, the reverse is in `read`.

use std::collections::HashMap;

use serde_json::Value;

use super::bytes::Writer;
use super::names::interned;
use super::{
    Acceptor, AcceptorState, ContextParam, ContextSource, ErrorTraits, Location, Matcher, Name,
    Operation, Paginator, Protocol, Ref, Service, Shape, Structure, TimestampFormat, Traits,
    USUAL_STATUS, Waiter,
};

/// Writes one service: what is alike is kept together, in columns, which compress better than a mixture.
#[derive(Default)]
pub(super) struct ServiceWriter {
    numbers: HashMap<Name, u64>,
    shared: u64,
    pub(super) own: Vec<Name>,
    /// Shapes referred to so far, counted from the first.
    referred: u32,
    names: Writer,
    shapes: Writer,
    kinds: Writer,
    flags: Writer,
    /// Everything else.
    rest: Writer,
}

impl ServiceWriter {
    pub(super) fn new(shared: &[Name]) -> Self {
        Self {
            numbers: shared.iter().copied().zip(0..).collect(),
            shared: shared.len() as u64,
            ..Self::default()
        }
    }

    pub(super) fn write(&mut self, service: &Service) -> Vec<u8> {
        self.metadata(service);
        self.rest.varint(service.operations.len() as u64);
        for operation in &service.operations {
            self.operation(operation);
        }
        self.rest.varint(service.shapes.len() as u64);
        for shape in &service.shapes {
            self.shape(shape);
        }
        self.rest.varint(service.waiters.len() as u64);
        for waiter in &service.waiters {
            self.waiter(waiter);
        }
        let mut whole = Writer::default();
        whole.strings(&self.own);
        for column in [
            &self.names,
            &self.shapes,
            &self.kinds,
            &self.flags,
            &self.rest,
        ] {
            whole.bytes(&column.out);
        }
        whole.out
    }

    /// 0 for a string of the service's own that has not been named before: the next one; else the number plus one.
    fn name(&mut self, name: Name) {
        let code = match self.numbers.get(name) {
            Some(number) => number + 1,
            None => {
                let next = self.shared + self.own.len() as u64;
                self.numbers.insert(name, next);
                self.own.push(name);
                0
            }
        };
        self.names.varint(code);
    }

    /// 0 for the first reference to the shape after those referred to so far, else the number plus one.
    fn shape_number(&mut self, shape: u32) {
        if shape == self.referred {
            self.referred += 1;
            return self.shapes.varint(0);
        }
        self.shapes.varint(u64::from(shape) + 1);
    }

    /// 0 for absent, else the number plus one.
    fn optional(&mut self, name: Option<Name>) {
        match name {
            None => self.rest.varint(0),
            Some(name) => {
                self.rest.varint(1);
                self.name(name);
            }
        }
    }

    fn flags(&mut self, flags: &[bool]) {
        let bits = flags
            .iter()
            .zip(0..)
            .fold(0_u64, |bits, (flag, at)| bits | (u64::from(*flag) << at));
        self.flags.varint(bits);
    }

    fn metadata(&mut self, service: &Service) {
        let names = [
            service.name,
            service.service_id,
            service.endpoint_prefix,
            service.signing_name,
            service.signature_version,
            service.api_version,
        ];
        for name in names {
            self.name(name);
        }
        self.rest.varint(match service.protocol {
            Protocol::Json => 0,
            Protocol::RestJson => 1,
            Protocol::RestXml => 2,
            Protocol::Query => 3,
            Protocol::Ec2 => 4,
            Protocol::Cbor => 5,
        });
        for name in [
            service.target_prefix,
            service.json_version,
            service.xml_namespace,
        ] {
            self.optional(name);
        }
        self.flags(&[service.query_compatible]);
        self.names(&service.auth);
    }

    fn names(&mut self, names: &[Name]) {
        self.rest.varint(names.len() as u64);
        for name in names {
            self.name(name);
        }
    }

    fn operation(&mut self, operation: &Operation) {
        for name in [operation.name, operation.method, operation.uri] {
            self.name(name);
        }
        self.flags(&[
            operation.unsigned,
            operation.unsigned_payload,
            operation.checksum_required,
            operation.compressible,
            operation.readonly,
            operation.idempotent,
            operation.input.is_some(),
            operation.output.is_some(),
            operation.result_wrapper.is_some(),
            operation.host_prefix.is_some(),
            operation.checksum_member.is_some(),
            operation.checksum_mode_member.is_some(),
            operation.paginator.is_some(),
            !operation.auth.is_empty(),
            !operation.context.is_empty(),
            operation.status != USUAL_STATUS,
        ]);
        if operation.status != USUAL_STATUS {
            self.rest.varint(u64::from(operation.status));
        }
        for target in [&operation.input, &operation.output].into_iter().flatten() {
            self.reference(target, false, None);
        }
        for name in [
            operation.result_wrapper,
            operation.host_prefix,
            operation.checksum_member,
            operation.checksum_mode_member,
        ]
        .into_iter()
        .flatten()
        {
            self.name(name);
        }
        self.rest.varint(operation.errors.len() as u64);
        for error in &operation.errors {
            self.shape_number(*error);
        }
        if operation.checksum_member.is_some() {
            self.names(&operation.checksum_algorithms);
        }
        if operation.checksum_mode_member.is_some() {
            self.names(&operation.answer_checksums);
        }
        if let Some(paginator) = &operation.paginator {
            self.paginator(paginator);
        }
        if !operation.auth.is_empty() {
            self.names(&operation.auth);
        }
        if !operation.context.is_empty() {
            self.context(&operation.context);
        }
    }

    fn paginator(&mut self, paginator: &Paginator) {
        for names in [
            &paginator.input_tokens,
            &paginator.output_tokens,
            &paginator.result_keys,
            &paginator.non_aggregate_keys,
        ] {
            self.names(names);
        }
        self.optional(paginator.limit_key);
        self.optional(paginator.more_results);
    }

    fn context(&mut self, context: &[ContextParam]) {
        self.rest.varint(context.len() as u64);
        for param in context {
            self.name(param.name);
            match &param.source {
                ContextSource::Static(value) => {
                    self.rest.varint(0);
                    self.value(value);
                }
                ContextSource::Member(name) => {
                    self.rest.varint(1);
                    self.name(name);
                }
                ContextSource::Path(path) => {
                    self.rest.varint(2);
                    self.name(path);
                }
            }
        }
    }

    /// Text and truth values as such, what else there may be as JSON.
    fn value(&mut self, value: &Value) {
        match value {
            Value::Bool(value) => self.rest.varint(u64::from(*value)),
            Value::String(text) => {
                self.rest.varint(2);
                self.name(interned(text));
            }
            other => {
                self.rest.varint(3);
                self.name(interned(&other.to_string()));
            }
        }
    }

    fn waiter(&mut self, waiter: &Waiter) {
        self.name(waiter.name);
        self.name(waiter.operation);
        self.rest.varint(u64::from(waiter.delay_s));
        self.rest.varint(u64::from(waiter.max_attempts));
        self.rest.varint(waiter.acceptors.len() as u64);
        for acceptor in &waiter.acceptors {
            self.acceptor(acceptor);
        }
    }

    fn acceptor(&mut self, acceptor: &Acceptor) {
        self.rest.varint(match acceptor.state {
            AcceptorState::Success => 0,
            AcceptorState::Failure => 1,
            AcceptorState::Retry => 2,
        });
        let (kind, path, expected) = match &acceptor.matcher {
            Matcher::Status(status) => {
                self.rest.varint(0);
                self.rest.varint(u64::from(*status));
                return;
            }
            Matcher::Error(code) => {
                self.rest.varint(1);
                self.optional(*code);
                return;
            }
            Matcher::NoError => return self.rest.varint(2),
            Matcher::Path { path, expected } => (3, path, expected),
            Matcher::PathAll { path, expected } => (4, path, expected),
            Matcher::PathAny { path, expected } => (5, path, expected),
        };
        self.rest.varint(kind);
        self.name(path);
        self.value(expected);
    }

    /// The flags of a reference carry `required` too. `member` is the name whose lower-case form is the most common
    /// wire name: that case takes a bit and no string.
    fn reference(&mut self, target: &Ref, required: bool, member: Option<&str>) {
        let traits = target.traits();
        let implied = member.is_some()
            && traits.location_name.map(str::to_owned) == member.map(uncapitalised);
        self.flags(&[
            required,
            implied,
            traits.location_name.is_some() && !implied,
            traits.location.is_some(),
            traits.idempotency_token,
            traits.flattened,
            traits.timestamp_format.is_some(),
            traits.query_name.is_some(),
            traits.xml_namespace.is_some(),
            traits.xml_attribute,
            traits.json_value,
            traits.streaming,
            traits.host_label,
        ]);
        self.shape_number(target.shape);
        self.traits(traits, implied);
    }

    fn traits(&mut self, traits: &Traits, implied: bool) {
        if let Some(name) = traits.location_name.filter(|_| !implied) {
            self.name(name);
        }
        if let Some(location) = traits.location {
            self.rest.varint(match location {
                Location::Uri => 0,
                Location::QueryString => 1,
                Location::Header => 2,
                Location::Headers => 3,
                Location::StatusCode => 4,
            });
        }
        if let Some(format) = traits.timestamp_format {
            self.rest.varint(match format {
                TimestampFormat::Iso8601 => 0,
                TimestampFormat::Rfc822 => 1,
                TimestampFormat::Unix => 2,
            });
        }
        if let Some(name) = traits.query_name {
            self.name(name);
        }
        if let Some(namespace) = &traits.xml_namespace {
            self.optional(namespace.prefix);
            self.name(namespace.uri);
        }
    }

    fn shape(&mut self, shape: &Shape) {
        match shape {
            Shape::Structure(structure) => {
                self.kinds.varint(0);
                self.structure(structure);
            }
            Shape::List { member, min } => {
                self.kinds.varint(1);
                self.rest.varint(u64::from(*min));
                self.reference(member, false, None);
            }
            Shape::Map { key, value } => {
                self.kinds.varint(2);
                self.reference(key, false, None);
                self.reference(value, false, None);
            }
            Shape::String { min, values } if values.is_empty() => {
                self.kinds.varint(3);
                self.rest.varint(u64::from(*min));
            }
            Shape::String { min, values } => {
                self.kinds.varint(11);
                self.rest.varint(u64::from(*min));
                self.names(values);
            }
            Shape::Integer { min } => self.least(4, *min),
            Shape::Long { min } => self.least(5, *min),
            Shape::Float => self.kinds.varint(6),
            Shape::Double => self.kinds.varint(7),
            Shape::Boolean => self.kinds.varint(8),
            Shape::Timestamp => self.kinds.varint(9),
            Shape::Blob => self.kinds.varint(10),
        }
    }

    /// 0 for no bound, else the bound in zigzag form plus one.
    fn least(&mut self, kind: u64, min: Option<i64>) {
        self.kinds.varint(kind);
        let bound = min.filter(|min| min.unsigned_abs() < 1 << 40);
        self.rest
            .varint(bound.map_or(0, |min| ((min << 1) ^ (min >> 63)).unsigned_abs() + 1));
    }

    fn structure(&mut self, structure: &Structure) {
        let status = structure.error.as_ref().and_then(|error| error.status);
        let code = structure.error.as_ref().and_then(|error| error.code);
        let of_error = |flag: fn(&ErrorTraits) -> bool| structure.error.as_ref().is_some_and(flag);
        self.flags(&[
            structure.union,
            structure.document,
            structure.event_stream,
            structure.payload.is_some(),
            structure.error.is_some(),
            of_error(|error| error.fault),
            of_error(|error| error.retryable),
            of_error(|error| error.throttling),
        ]);
        if let Some(payload) = structure.payload {
            self.name(payload);
        }
        if structure.error.is_some() {
            self.name(structure.name);
            self.optional(code);
            self.rest.varint(u64::from(status.unwrap_or(0)));
        }
        self.rest.varint(structure.members.len() as u64);
        for member in &structure.members {
            self.name(member.name);
            self.reference(&member.target, member.required, Some(member.name));
        }
    }
}

/// The name with its first letter in lower case.
pub(super) fn uncapitalised(name: &str) -> String {
    let mut chars = name.chars();
    chars
        .next()
        .map(|first| first.to_ascii_lowercase().to_string() + chars.as_str())
        .unwrap_or_default()
}
