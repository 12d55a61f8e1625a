//! Reads a service model in botocore's JSON form.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::{
    ErrorTraits, GlobalEndpoint, Location, Member, Name, Operation, Protocol, Ref, Service, Shape,
    Structure, TimestampFormat, Traits, XmlNamespace,
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

/// Protocols in the order in which this crate prefers them.
const PREFERRED: [(&str, Protocol); 6] = [
    ("json", Protocol::Json),
    ("rest-json", Protocol::RestJson),
    ("rest-xml", Protocol::RestXml),
    ("query", Protocol::Query),
    ("ec2", Protocol::Ec2),
    ("smithy-rpc-v2-cbor", Protocol::Cbor),
];

impl Service {
    /// Reads a model in botocore's JSON form (`service-2.json`).
    ///
    /// `name` is the client name. Only what the operations can reach is kept; shapes are numbered in the order of
    /// their names, so equal models give equal services.
    ///
    /// # Errors
    /// [`ModelError`] names the place that is missing or unknown.
    pub fn from_botocore(name: &str, model: &Value, global: &Value) -> Result<Self, ModelError> {
        let metadata = model
            .get("metadata")
            .ok_or_else(|| missing(name, "metadata"))?;
        let text = |key: &str| metadata.get(key).and_then(Value::as_str).map(Name::from);
        let endpoint_prefix = text("endpointPrefix").unwrap_or_else(|| Name::from(name));
        let mut loader = Loader::new(name, model);
        let operations = loader.operations(model)?;
        let mut service = Service {
            name: Name::from(name),
            service_id: text("serviceId").unwrap_or_else(|| Name::from(name)),
            signing_name: text("signingName").unwrap_or_else(|| endpoint_prefix.clone()),
            signature_version: text("signatureVersion").unwrap_or_else(|| Name::from("v4")),
            endpoint_prefix,
            protocol: protocol(name, metadata)?,
            api_version: text("apiVersion").unwrap_or_default(),
            target_prefix: text("targetPrefix"),
            json_version: text("jsonVersion"),
            xml_namespace: text("xmlNamespace").or_else(|| {
                metadata
                    .pointer("/xmlNamespace/uri")
                    .and_then(Value::as_str)
                    .map(Name::from)
            }),
            query_compatible: metadata.get("awsQueryCompatible").is_some(),
            global_endpoints: globals(global),
            shapes: loader.shapes,
            operations,
            index: HashMap::new(),
        };
        service.build_index();
        Ok(service)
    }
}

fn missing(service: &str, place: &str) -> ModelError {
    ModelError::Missing {
        service: service.to_owned(),
        place: place.to_owned(),
    }
}

fn unknown(service: &str, place: &str, value: &str) -> ModelError {
    ModelError::Unknown {
        service: service.to_owned(),
        place: place.to_owned(),
        value: value.to_owned(),
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
    offered.push(given);
    PREFERRED
        .iter()
        .find(|(text, _)| offered.contains(text))
        .map(|(_, protocol)| *protocol)
        .ok_or_else(|| unknown(name, "metadata.protocol", given))
}

fn globals(given: &Value) -> Vec<GlobalEndpoint> {
    let entry = |value: &Value| {
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(Name::from);
        Some(GlobalEndpoint {
            partition: text("partition")?,
            hostname: text("hostname")?,
            region: text("region"),
        })
    };
    given
        .as_array()
        .map(|list| list.iter().filter_map(entry).collect())
        .unwrap_or_default()
}

/// Numbers the reachable shapes and turns them into ours.
struct Loader<'a> {
    service: &'a str,
    source: Option<&'a Map<String, Value>>,
    numbers: HashMap<&'a str, u32>,
    shapes: Vec<Shape>,
    names: HashMap<&'a str, Name>,
}

impl<'a> Loader<'a> {
    fn new(service: &'a str, model: &'a Value) -> Self {
        let source = model.get("shapes").and_then(Value::as_object);
        Self {
            service,
            source,
            numbers: HashMap::new(),
            shapes: Vec::new(),
            names: HashMap::new(),
        }
    }

    fn name(&mut self, text: &'a str) -> Name {
        self.names
            .entry(text)
            .or_insert_with(|| Name::from(text))
            .clone()
    }

    fn optional(&mut self, value: &'a Value, key: &str) -> Option<Name> {
        value
            .get(key)
            .and_then(Value::as_str)
            .map(|text| self.name(text))
    }

    fn operations(&mut self, model: &'a Value) -> Result<Vec<Operation>, ModelError> {
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

    /// Finds every exception and every shape in reach of the operations, and converts them in the order of their names.
    fn number(&mut self, operations: &[(&'a str, &'a Value)]) -> Result<(), ModelError> {
        let mut open: Vec<&'a str> = Vec::new();
        for (_, operation) in operations {
            let errors = operation
                .get("errors")
                .and_then(Value::as_array)
                .into_iter()
                .flatten();
            let roots = [operation.get("input"), operation.get("output")]
                .into_iter()
                .flatten()
                .chain(errors);
            open.extend(roots.filter_map(|root| root.get("shape").and_then(Value::as_str)));
        }
        // Services answer with exceptions that an operation does not declare, too.
        let exceptions = self
            .source
            .into_iter()
            .flatten()
            .filter(|(_, shape)| shape.get("exception").is_some());
        open.extend(exceptions.map(|(name, _)| name.as_str()));
        let mut reached: HashSet<&'a str> = HashSet::new();
        while let Some(name) = open.pop() {
            if !reached.insert(name) {
                continue;
            }
            let shape = self.source_of(name)?;
            let members = shape
                .get("members")
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
                .map(|(_, m)| m);
            let parts = ["member", "key", "value"]
                .into_iter()
                .filter_map(|key| shape.get(key));
            open.extend(
                members
                    .chain(parts)
                    .filter_map(|part| part.get("shape").and_then(Value::as_str)),
            );
        }
        let mut sorted: Vec<&'a str> = reached.into_iter().collect();
        sorted.sort_unstable();
        self.numbers = sorted
            .iter()
            .zip(0_u32..)
            .map(|(name, number)| (*name, number))
            .collect();
        for name in sorted {
            let source = self.source_of(name)?;
            let shape = self.shape(name, source)?;
            self.shapes.push(shape);
        }
        Ok(())
    }

    fn source_of(&self, name: &str) -> Result<&'a Value, ModelError> {
        self.source
            .and_then(|shapes| shapes.get(name))
            .ok_or_else(|| missing(self.service, &format!("shapes.{name}")))
    }

    fn operation(&mut self, name: &'a str, value: &'a Value) -> Result<Operation, ModelError> {
        let http = value.get("http").unwrap_or(&Value::Null);
        let flag = |key: &str| value.get(key).and_then(Value::as_bool).unwrap_or(false);
        let mut errors = Vec::new();
        for error in value
            .get("errors")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            errors.push(self.reference(error)?.shape);
        }
        let checksum = value.get("httpChecksum").unwrap_or(&Value::Null);
        let no_auth = value
            .get("auth")
            .and_then(Value::as_array)
            .is_some_and(|auth| auth.iter().all(|scheme| scheme == "smithy.api#noAuth"));
        let prefix = value.get("endpoint").unwrap_or(&Value::Null);
        Ok(Operation {
            // Not the inner `name`, in which CloudFront repeats its API version.
            name: self.name(name),
            method: self.name(http.get("method").and_then(Value::as_str).unwrap_or("POST")),
            uri: self.name(
                http.get("requestUri")
                    .and_then(Value::as_str)
                    .unwrap_or("/"),
            ),
            input: value
                .get("input")
                .map(|input| self.reference(input))
                .transpose()?,
            output: value
                .get("output")
                .map(|output| self.reference(output))
                .transpose()?,
            result_wrapper: self.result_wrapper(value.get("output")),
            errors,
            host_prefix: self.optional(prefix, "hostPrefix"),
            unsigned: no_auth || value.get("authtype").and_then(Value::as_str) == Some("none"),
            unsigned_payload: flag("unsignedPayload"),
            checksum_required: flag("httpChecksumRequired")
                || checksum
                    .get("requestChecksumRequired")
                    .and_then(Value::as_bool)
                    .unwrap_or(false),
            checksum_member: self.optional(checksum, "requestAlgorithmMember"),
            compressible: value.get("requestcompression").is_some(),
            readonly: flag("readonly"),
            idempotent: flag("idempotent"),
        })
    }

    /// Named at the operation, in older models at the output's shape.
    fn result_wrapper(&mut self, output: Option<&'a Value>) -> Option<Name> {
        let output = output?;
        let shape = output
            .get("shape")
            .and_then(Value::as_str)
            .and_then(|name| self.source_of(name).ok());
        self.optional(output, "resultWrapper")
            .or_else(|| self.optional(shape?, "resultWrapper"))
    }

    /// A reference with the traits of the place laid over those of the target.
    fn reference(&mut self, place: &'a Value) -> Result<Ref, ModelError> {
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

    fn traits(&mut self, place: &'a Value, target: &'a Value) -> Result<Traits, ModelError> {
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
                uri: self.name(uri),
            }),
            Some(object) => {
                let prefix = self.optional(object, "prefix");
                self.optional(object, "uri")
                    .map(|uri| XmlNamespace { prefix, uri })
            }
            None => None,
        };
        Ok(Traits {
            location,
            location_name: get("locationName")
                .and_then(Value::as_str)
                .map(|text| self.name(text)),
            query_name: get("queryName")
                .and_then(Value::as_str)
                .map(|text| self.name(text)),
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

    fn shape(&mut self, name: &'a str, source: &'a Value) -> Result<Shape, ModelError> {
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
            "string" | "character" => Shape::String { min: length },
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

    fn structure(&mut self, name: &'a str, source: &'a Value) -> Result<Structure, ModelError> {
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
                name: self.name(member),
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
            code: self.optional(error, "code"),
            status,
            fault: flag("fault") || error.get("fault").and_then(Value::as_bool).unwrap_or(false),
        });
        Ok(Structure {
            // Other names appear nowhere on the wire.
            name: if is_error {
                self.name(name)
            } else {
                Name::default()
            },
            members,
            payload: self.optional(source, "payload"),
            error,
            union: flag("union"),
            document: flag("document"),
            event_stream: flag("eventstream"),
        })
    }
}
