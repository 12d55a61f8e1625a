//! Writes service models as the packed table. The reverse is in `unpack`.
//!
//! Layout: magic, number of frames (u32, little-endian), then for each frame its packed and plain length (u32 each),
//! then the frames, each a zstd frame of its own. Frame 0 is the index: source, shared strings, services. Frame n is
//! service n-1, so that one service is read without the others. A string is a number: below the count of shared
//! strings it is shared, else it is the service's own.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;

use super::bytes::Writer;
use super::{
    Location, ModelError, Name, Operation, Protocol, Ref, Service, Shape, Structure,
    TimestampFormat, Traits,
};

/// First bytes of a table; the last one is the format's version.
pub(super) const MAGIC: &[u8; 8] = b"AWSMODL\x01";

/// Highest level that still packs in seconds.
const LEVEL: i32 = 19;

/// Why a table could not be written.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// A line of the export is not what `export_botocore.py` prints.
    #[error("line {line} of the export: {reason}; run `cargo xtask models` again")]
    Export {
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// A model has a part this crate does not know.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// zstd failed.
    #[error("cannot compress the table: {0}")]
    Compress(std::io::Error),
}

/// Packs the lines printed by `xtask/models/export_botocore.py`.
///
/// `digest` identifies the source and is stored in the table. The same lines and digest give the same bytes.
///
/// # Errors
/// [`PackError`] names the line or the part of the model.
pub fn pack(export: &str, digest: &str) -> Result<Vec<u8>, PackError> {
    let mut version = String::new();
    let mut services = Vec::new();
    for (number, line) in export.lines().enumerate() {
        let wrong = |reason: String| PackError::Export {
            line: number + 1,
            reason,
        };
        let value: Value = serde_json::from_str(line).map_err(|error| wrong(error.to_string()))?;
        let text = |key: &str| value.get(key).and_then(Value::as_str);
        if number == 0 {
            version = text("version")
                .ok_or_else(|| wrong("no `version`".to_owned()))?
                .to_owned();
            continue;
        }
        let name = text("name").ok_or_else(|| wrong("no `name`".to_owned()))?;
        let model = value
            .get("model")
            .ok_or_else(|| wrong("no `model`".to_owned()))?;
        let global = value.get("globalEndpoints").unwrap_or(&Value::Null);
        services.push(Service::from_botocore(name, model, global)?);
    }
    let shared = shared_strings(&services);
    let mut frames = vec![index(&version, digest, &shared, &services)];
    frames.extend(
        services
            .iter()
            .map(|service| ServiceWriter::new(&shared).write(service)),
    );
    assemble(&frames)
}

fn assemble(frames: &[Vec<u8>]) -> Result<Vec<u8>, PackError> {
    let mut out = MAGIC.to_vec();
    let mut body = Vec::new();
    out.extend_from_slice(&length(frames.len()));
    for frame in frames {
        let packed = zstd::bulk::compress(frame, LEVEL).map_err(PackError::Compress)?;
        out.extend_from_slice(&length(packed.len()));
        out.extend_from_slice(&length(frame.len()));
        body.extend_from_slice(&packed);
    }
    out.extend_from_slice(&body);
    Ok(out)
}

fn length(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes()
}

/// Strings of two or more services, the most used first so that their numbers are short.
fn shared_strings(services: &[Service]) -> Vec<Name> {
    let mut uses: BTreeMap<Name, usize> = BTreeMap::new();
    for service in services {
        let mut counter = ServiceWriter::new(&[]);
        counter.write(service);
        let own: HashSet<&Name> = counter.own.iter().collect();
        for name in own {
            *uses.entry(name.clone()).or_default() += 1;
        }
    }
    let mut shared: Vec<(Name, usize)> = uses.into_iter().filter(|(_, count)| *count > 1).collect();
    shared.sort_by(|left, right| right.1.cmp(&left.1).then_with(|| left.0.cmp(&right.0)));
    shared.into_iter().map(|(name, _)| name).collect()
}

fn index(version: &str, digest: &str, shared: &[Name], services: &[Service]) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.text(version);
    writer.text(digest);
    writer.varint(shared.len() as u64);
    for name in shared {
        writer.text(name);
    }
    writer.varint(services.len() as u64);
    for service in services {
        writer.text(&service.name);
        writer.text(&service.service_id);
        writer.text(&service.endpoint_prefix);
        writer.text(&service.signing_name);
    }
    writer.out
}

struct ServiceWriter {
    numbers: HashMap<Name, u64>,
    shared: u64,
    own: Vec<Name>,
    writer: Writer,
}

impl ServiceWriter {
    fn new(shared: &[Name]) -> Self {
        let numbers = shared.iter().cloned().zip(0..).collect();
        Self {
            numbers,
            shared: shared.len() as u64,
            own: Vec::new(),
            writer: Writer::default(),
        }
    }

    /// Body first, so that the service's own strings are known; they are put before it.
    fn write(&mut self, service: &Service) -> Vec<u8> {
        self.metadata(service);
        self.writer.varint(service.shapes.len() as u64);
        for shape in &service.shapes {
            self.shape(shape);
        }
        self.writer.varint(service.operations.len() as u64);
        for operation in &service.operations {
            self.operation(operation);
        }
        let mut whole = Writer::default();
        whole.varint(self.own.len() as u64);
        for name in &self.own {
            whole.text(name);
        }
        whole.out.extend_from_slice(&self.writer.out);
        whole.out
    }

    fn name(&mut self, name: &Name) {
        let next = self.shared + self.own.len() as u64;
        let number = match self.numbers.get(name) {
            Some(number) => *number,
            None => {
                self.numbers.insert(name.clone(), next);
                self.own.push(name.clone());
                next
            }
        };
        self.writer.varint(number);
    }

    /// 0 for absent, else the number plus one.
    fn optional(&mut self, name: Option<&Name>) {
        match name {
            None => self.writer.varint(0),
            Some(name) => {
                self.writer.varint(1);
                self.name(name);
            }
        }
    }

    fn flags(&mut self, flags: &[bool]) {
        let bits = flags
            .iter()
            .zip(0..)
            .fold(0_u64, |bits, (flag, at)| bits | (u64::from(*flag) << at));
        self.writer.varint(bits);
    }

    fn metadata(&mut self, service: &Service) {
        let names = [
            &service.name,
            &service.service_id,
            &service.endpoint_prefix,
            &service.signing_name,
            &service.signature_version,
            &service.api_version,
        ];
        for name in names {
            self.name(name);
        }
        self.writer.varint(match service.protocol {
            Protocol::Json => 0,
            Protocol::RestJson => 1,
            Protocol::RestXml => 2,
            Protocol::Query => 3,
            Protocol::Ec2 => 4,
            Protocol::Cbor => 5,
        });
        for name in [
            &service.target_prefix,
            &service.json_version,
            &service.xml_namespace,
        ] {
            self.optional(name.as_ref());
        }
        self.flags(&[service.query_compatible]);
        self.writer.varint(service.global_endpoints.len() as u64);
        for endpoint in &service.global_endpoints {
            self.name(&endpoint.partition);
            self.name(&endpoint.hostname);
            self.optional(endpoint.region.as_ref());
        }
    }

    fn operation(&mut self, operation: &Operation) {
        for name in [&operation.name, &operation.method, &operation.uri] {
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
        ]);
        for target in [&operation.input, &operation.output].into_iter().flatten() {
            self.reference(target, false, None);
        }
        for name in [
            &operation.result_wrapper,
            &operation.host_prefix,
            &operation.checksum_member,
        ]
        .into_iter()
        .flatten()
        {
            self.name(name);
        }
        self.writer.varint(operation.errors.len() as u64);
        for error in &operation.errors {
            self.writer.varint(u64::from(*error));
        }
    }

    /// The flags of a reference carry `required` too. `member` is the name whose lower-case form is the most common
    /// wire name: that case takes a bit and no string.
    fn reference(&mut self, target: &Ref, required: bool, member: Option<&str>) {
        let traits = target.traits();
        let implied = member.is_some()
            && traits.location_name.as_deref().map(str::to_owned) == member.map(uncapitalised);
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
        self.writer.varint(u64::from(target.shape));
        self.traits(traits, implied);
    }

    fn traits(&mut self, traits: &Traits, implied: bool) {
        if let Some(name) = traits.location_name.as_ref().filter(|_| !implied) {
            self.name(name);
        }
        if let Some(location) = traits.location {
            self.writer.varint(match location {
                Location::Uri => 0,
                Location::QueryString => 1,
                Location::Header => 2,
                Location::Headers => 3,
                Location::StatusCode => 4,
            });
        }
        if let Some(format) = traits.timestamp_format {
            self.writer.varint(match format {
                TimestampFormat::Iso8601 => 0,
                TimestampFormat::Rfc822 => 1,
                TimestampFormat::Unix => 2,
            });
        }
        if let Some(name) = &traits.query_name {
            self.name(name);
        }
        if let Some(namespace) = &traits.xml_namespace {
            self.optional(namespace.prefix.as_ref());
            self.name(&namespace.uri);
        }
    }

    fn shape(&mut self, shape: &Shape) {
        match shape {
            Shape::Structure(structure) => {
                self.writer.varint(0);
                self.structure(structure);
            }
            Shape::List { member, min } => {
                self.writer.varint(1);
                self.writer.varint(u64::from(*min));
                self.reference(member, false, None);
            }
            Shape::Map { key, value } => {
                self.writer.varint(2);
                self.reference(key, false, None);
                self.reference(value, false, None);
            }
            Shape::String { min } => {
                self.writer.varint(3);
                self.writer.varint(u64::from(*min));
            }
            Shape::Integer { min } => self.least(4, *min),
            Shape::Long { min } => self.least(5, *min),
            Shape::Float => self.writer.varint(6),
            Shape::Double => self.writer.varint(7),
            Shape::Boolean => self.writer.varint(8),
            Shape::Timestamp => self.writer.varint(9),
            Shape::Blob => self.writer.varint(10),
        }
    }

    /// 0 for no bound, else the bound in zigzag form plus one.
    fn least(&mut self, kind: u64, min: Option<i64>) {
        self.writer.varint(kind);
        let bound = min.filter(|min| min.unsigned_abs() < 1 << 40);
        self.writer
            .varint(bound.map_or(0, |min| ((min << 1) ^ (min >> 63)).unsigned_abs() + 1));
    }

    fn structure(&mut self, structure: &Structure) {
        let status = structure.error.as_ref().and_then(|error| error.status);
        let code = structure
            .error
            .as_ref()
            .and_then(|error| error.code.as_ref());
        self.flags(&[
            structure.union,
            structure.document,
            structure.event_stream,
            structure.payload.is_some(),
            structure.error.is_some(),
            structure.error.as_ref().is_some_and(|error| error.fault),
        ]);
        if let Some(payload) = &structure.payload {
            self.name(payload);
        }
        if structure.error.is_some() {
            self.name(&structure.name);
            self.optional(code);
            self.writer.varint(u64::from(status.unwrap_or(0)));
        }
        self.writer.varint(structure.members.len() as u64);
        for member in &structure.members {
            self.name(&member.name);
            self.reference(&member.target, member.required, Some(&member.name));
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
