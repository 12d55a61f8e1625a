//! Reads a service model in botocore's JSON form: its metadata and shapes. Operations, paginators and waiters are in
//! `botocore_operation`.
//!
//! For the packer and for tests: the names of what is read here are kept as long as the process (`names::interned`).

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::names::interned;
use super::{
    ErrorTraits, Location, Member, Name, Protocol, Ref, Service, Shape, Structure, TimestampFormat,
    Traits, XmlNamespace,
};

/// Why a model could not be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ModelError {
    /// A part that must be there is not.
    #[error("model of `{service}`: `{place}` is missing; give a complete service-2.json model")]
    Missing {
        /// Client name.
        service: String,
        /// Path in the model.
        place: String,
    },
    /// A type, location or format this crate does not know.
    #[error(
        "model of `{service}`: `{place}` has the unknown value `{value}`; update the generator"
    )]
    Unknown {
        /// Client name.
        service: String,
        /// Path in the model.
        place: String,
        /// What stands there.
        value: String,
    },
}

/// Protocols in the order in which botocore prefers them.
const PREFERRED: [(&str, Protocol); 6] = [
    ("json", Protocol::Json),
    ("rest-json", Protocol::RestJson),
    ("rest-xml", Protocol::RestXml),
    ("smithy-rpc-v2-cbor", Protocol::Cbor),
    ("query", Protocol::Query),
    ("ec2", Protocol::Ec2),
];

impl Service {
    /// Reads a model in botocore's JSON form (`service-2.json`).
    ///
    /// `name` is the client name. Only what the operations can reach is kept; shapes are numbered as they
    /// are met from the first operation on, breadth first.
    ///
    /// # Errors
    /// [`ModelError`] names the place that is missing or unknown.
    pub fn from_botocore(name: &str, model: &Value) -> Result<Self, ModelError> {
        let metadata = model
            .get("metadata")
            .ok_or_else(|| missing(name, "metadata"))?;
        let text = |key: &str| optional(metadata, key);
        let endpoint_prefix = text("endpointPrefix").unwrap_or_else(|| interned(name));
        let mut loader = Loader::new(name, model);
        let operations = loader.operations(model)?;
        Ok(Service {
            name: interned(name),
            service_id: text("serviceId").unwrap_or_else(|| interned(name)),
            signing_name: text("signingName").unwrap_or(endpoint_prefix),
            signature_version: text("signatureVersion").unwrap_or("v4"),
            endpoint_prefix,
            protocol: protocol(name, metadata)?,
            api_version: text("apiVersion").unwrap_or_default(),
            target_prefix: text("targetPrefix"),
            json_version: text("jsonVersion"),
            xml_namespace: text("xmlNamespace").or_else(|| {
                metadata
                    .pointer("/xmlNamespace/uri")
                    .and_then(Value::as_str)
                    .map(interned)
            }),
            query_compatible: metadata.get("awsQueryCompatible").is_some(),
            shapes: loader.shapes,
            operations,
            waiters: Vec::new(),
            auth: texts(metadata, "auth"),
        })
    }
}

pub(super) fn missing(service: &str, place: &str) -> ModelError {
    ModelError::Missing {
        service: service.to_owned(),
        place: place.to_owned(),
    }
}

pub(super) fn unknown(service: &str, place: &str, value: &str) -> ModelError {
    ModelError::Unknown {
        service: service.to_owned(),
        place: place.to_owned(),
        value: value.to_owned(),
    }
}

/// The text of this key, kept for good.
pub(super) fn optional(value: &Value, key: &str) -> Option<Name> {
    value.get(key).and_then(Value::as_str).map(interned)
}

/// The texts of this key: a list of them, or a single one.
pub(super) fn texts(value: &Value, key: &str) -> Vec<Name> {
    match value.get(key) {
        Some(Value::Array(list)) => list
            .iter()
            .filter_map(Value::as_str)
            .map(interned)
            .collect(),
        Some(Value::String(text)) => vec![interned(text)],
        _ => Vec::new(),
    }
}

fn protocol(name: &str, metadata: &Value) -> Result<Protocol, ModelError> {
    let given = metadata
        .get("protocol")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let mut offered: Vec<&str> = metadata
        .get("protocols")
        .and_then(Value::as_array)
        .map(|list| list.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    // Older models name one only.
    if offered.is_empty() {
        offered.push(given);
    }
    PREFERRED
        .iter()
        .find(|(text, _)| offered.contains(text))
        .map(|(_, protocol)| *protocol)
        .ok_or_else(|| unknown(name, "metadata.protocol", given))
}

fn position(queue: &[&str]) -> u32 {
    u32::try_from(queue.len()).unwrap_or(u32::MAX)
}

/// Numbers the reachable shapes and turns them into ours.
pub(super) struct Loader<'a> {
    pub(super) service: &'a str,
    source: Option<&'a Map<String, Value>>,
    numbers: HashMap<&'a str, u32>,
    shapes: Vec<Shape>,
}

impl<'a> Loader<'a> {
    fn new(service: &'a str, model: &'a Value) -> Self {
        let source = model.get("shapes").and_then(Value::as_object);
        Self {
            service,
            source,
            numbers: HashMap::new(),
            shapes: Vec::new(),
        }
    }

    /// Finds every shape in reach of the operations, and every exception, and converts them in the order in which they
    /// are met, breadth first: so most references in the packed table are to the next new shape.
    pub(super) fn number(&mut self, operations: &[(&'a str, &'a Value)]) -> Result<(), ModelError> {
        let mut queue: Vec<&'a str> = Vec::new();
        for (_, operation) in operations {
            let errors = operation.get("errors").and_then(Value::as_array);
            let roots = [operation.get("input"), operation.get("output")]
                .into_iter()
                .flatten()
                .chain(errors.into_iter().flatten());
            for root in roots {
                self.meet(root, &mut queue);
            }
        }
        let mut at = 0;
        loop {
            while let Some(name) = queue.get(at) {
                at += 1;
                let shape = self.source_of(name)?;
                let members = shape.get("members").and_then(Value::as_object);
                let parts = ["member", "key", "value"];
                let parts = parts.into_iter().filter_map(|key| shape.get(key));
                let members = members.into_iter().flatten().map(|(_, member)| member);
                for part in members.chain(parts) {
                    self.meet(part, &mut queue);
                }
            }
            // Services answer with exceptions that an operation does not declare, too.
            let mut shapes = self.source.into_iter().flatten();
            let other = shapes.find(|(name, shape)| {
                shape.get("exception").is_some() && !self.numbers.contains_key(name.as_str())
            });
            let Some((name, _)) = other else {
                break;
            };
            self.numbers.insert(name, position(&queue));
            queue.push(name);
        }
        for name in queue {
            let source = self.source_of(name)?;
            let shape = self.shape(name, source)?;
            self.shapes.push(shape);
        }
        Ok(())
    }

    fn meet(&mut self, place: &'a Value, queue: &mut Vec<&'a str>) {
        let Some(name) = place.get("shape").and_then(Value::as_str) else {
            return;
        };
        self.numbers.entry(name).or_insert_with(|| {
            queue.push(name);
            position(queue) - 1
        });
    }

    pub(super) fn source_of(&self, name: &str) -> Result<&'a Value, ModelError> {
        self.source
            .and_then(|shapes| shapes.get(name))
            .ok_or_else(|| missing(self.service, &format!("shapes.{name}")))
    }

    /// A reference with the traits of the place laid over those of the target.
    pub(super) fn reference(&self, place: &Value) -> Result<Ref, ModelError> {
        let name = place
            .get("shape")
            .and_then(Value::as_str)
            .ok_or_else(|| missing(self.service, "shape"))?;
        let target = self.source_of(name)?;
        let shape = *self
            .numbers
            .get(name)
            .ok_or_else(|| missing(self.service, &format!("shapes.{name}")))?;
        let traits = self.traits(place, target)?;
        Ok(Ref {
            shape,
            traits: (traits != Traits::default()).then(|| Box::new(traits)),
        })
    }

    fn traits(&self, place: &Value, target: &Value) -> Result<Traits, ModelError> {
        let get = |key: &str| place.get(key).or_else(|| target.get(key));
        let flag = |key: &str| get(key).and_then(Value::as_bool).unwrap_or(false);
        let location = match get("location").and_then(Value::as_str) {
            None => None,
            Some("uri") => Some(Location::Uri),
            Some("querystring") => Some(Location::QueryString),
            Some("header") => Some(Location::Header),
            Some("headers") => Some(Location::Headers),
            Some("statusCode") => Some(Location::StatusCode),
            Some(other) => return Err(unknown(self.service, "location", other)),
        };
        let timestamp_format = match get("timestampFormat").and_then(Value::as_str) {
            None => None,
            Some("iso8601") => Some(TimestampFormat::Iso8601),
            Some("rfc822") => Some(TimestampFormat::Rfc822),
            Some("unixTimestamp" | "unixtimestamp") => Some(TimestampFormat::Unix),
            Some(other) => return Err(unknown(self.service, "timestampFormat", other)),
        };
        let xml_namespace = match get("xmlNamespace") {
            Some(Value::String(uri)) => Some(XmlNamespace {
                prefix: None,
                uri: interned(uri),
            }),
            Some(object) => {
                let prefix = optional(object, "prefix");
                optional(object, "uri").map(|uri| XmlNamespace { prefix, uri })
            }
            None => None,
        };
        Ok(Traits {
            location,
            location_name: get("locationName").and_then(Value::as_str).map(interned),
            query_name: get("queryName").and_then(Value::as_str).map(interned),
            flattened: flag("flattened"),
            xml_namespace,
            xml_attribute: flag("xmlAttribute"),
            timestamp_format,
            json_value: flag("jsonvalue"),
            idempotency_token: flag("idempotencyToken"),
            streaming: flag("streaming"),
            host_label: flag("hostLabel"),
        })
    }

    fn shape(&self, name: &str, source: &Value) -> Result<Shape, ModelError> {
        let kind = source
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let least = |key: &str| source.get(key).and_then(Value::as_i64);
        let length = least("min")
            .and_then(|min| u32::try_from(min).ok())
            .unwrap_or(0);
        let part = |key: &str| {
            source
                .get(key)
                .ok_or_else(|| missing(self.service, &format!("shapes.{name}.{key}")))
        };
        Ok(match kind {
            "structure" => Shape::Structure(self.structure(name, source)?),
            "list" => {
                let member = part("member")?;
                Shape::List {
                    member: self.reference(member)?,
                    min: length,
                }
            }
            "map" => {
                let (key, value) = (part("key")?, part("value")?);
                Shape::Map {
                    key: self.reference(key)?,
                    value: self.reference(value)?,
                }
            }
            "string" | "character" => Shape::String {
                min: length,
                values: texts(source, "enum").into_boxed_slice(),
            },
            "integer" | "short" | "byte" => Shape::Integer { min: least("min") },
            "long" | "bigInteger" => Shape::Long { min: least("min") },
            "float" => Shape::Float,
            "double" | "bigDecimal" => Shape::Double,
            "boolean" => Shape::Boolean,
            "timestamp" => Shape::Timestamp,
            "blob" => Shape::Blob,
            other => return Err(unknown(self.service, &format!("shapes.{name}.type"), other)),
        })
    }

    fn structure(&self, name: &str, source: &Value) -> Result<Structure, ModelError> {
        let flag = |key: &str| source.get(key).and_then(Value::as_bool).unwrap_or(false);
        let required: HashSet<&str> = source
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let mut members = Vec::new();
        for (member, place) in source
            .get("members")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            let target = self.reference(place)?;
            members.push(Member {
                name: interned(member),
                required: required.contains(member.as_str()),
                target,
            });
        }
        let is_error = flag("exception") || source.get("error").is_some();
        let error = source.get("error").unwrap_or(&Value::Null);
        let status = error
            .get("httpStatusCode")
            .and_then(Value::as_u64)
            .and_then(|status| u16::try_from(status).ok());
        let error = is_error.then(|| ErrorTraits {
            code: optional(error, "code"),
            status,
            fault: flag("fault") || error.get("fault").and_then(Value::as_bool).unwrap_or(false),
            retryable: source.get("retryable").is_some_and(Value::is_object),
            throttling: source.pointer("/retryable/throttling") == Some(&Value::Bool(true)),
        });
        Ok(Structure {
            // Other names appear nowhere on the wire.
            name: if is_error {
                interned(name)
            } else {
                Name::default()
            },
            members,
            payload: optional(source, "payload"),
            error,
            union: flag("union"),
            document: flag("document"),
            event_stream: flag("eventstream"),
        })
    }
}
