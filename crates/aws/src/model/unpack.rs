//! Reads the frames of the packed table. The layout is described in `pack`.

use std::collections::HashMap;

use super::bytes::Reader;
use super::pack::uncapitalised;
use super::{
    ErrorTraits, GlobalEndpoint, Location, Member, Name, Operation, Protocol, Ref, Service, Shape,
    Structure, TimestampFormat, Traits, XmlNamespace,
};

/// What the index tells about a service.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) name: Name,
    pub(super) service_id: Name,
    pub(super) endpoint_prefix: Name,
    pub(super) signing_name: Name,
}

/// Frame 0.
#[derive(Debug)]
pub(super) struct Index {
    pub(super) version: String,
    pub(super) digest: String,
    pub(super) shared: Vec<Name>,
    pub(super) services: Vec<Entry>,
}

pub(super) fn index(frame: &[u8]) -> Option<Index> {
    let mut reader = Reader::new(frame);
    let version = reader.text()?.to_owned();
    let digest = reader.text()?.to_owned();
    let shared = names(&mut reader)?;
    let mut services = Vec::new();
    for _ in 0..reader.count()? {
        services.push(Entry {
            name: reader.text()?.into(),
            service_id: reader.text()?.into(),
            endpoint_prefix: reader.text()?.into(),
            signing_name: reader.text()?.into(),
        });
    }
    Some(Index {
        version,
        digest,
        shared,
        services,
    })
}

fn names(reader: &mut Reader<'_>) -> Option<Vec<Name>> {
    let count = reader.count()?;
    (0..count).map(|_| reader.text().map(Name::from)).collect()
}

/// Reads one service's frame.
pub(super) fn service(frame: &[u8], shared: &[Name]) -> Option<Service> {
    let mut reader = Reader::new(frame);
    let own = names(&mut reader)?;
    let mut frame = ServiceReader {
        reader,
        shared,
        own,
    };
    let mut service = frame.metadata()?;
    let count = frame.reader.count()?;
    service.shapes = (0..count).map(|_| frame.shape()).collect::<Option<_>>()?;
    let count = frame.reader.count()?;
    service.operations = (0..count)
        .map(|_| frame.operation())
        .collect::<Option<_>>()?;
    service.build_index();
    frame.reader.is_empty().then_some(service)
}

struct ServiceReader<'a> {
    reader: Reader<'a>,
    shared: &'a [Name],
    own: Vec<Name>,
}

/// One bit of a flag word.
fn bit(bits: u64, at: u32) -> bool {
    bits >> at & 1 == 1
}

impl ServiceReader<'_> {
    fn name(&mut self) -> Option<Name> {
        let number = usize::try_from(self.reader.varint()?).ok()?;
        self.shared
            .get(number)
            .or_else(|| self.own.get(number.checked_sub(self.shared.len())?))
            .cloned()
    }

    /// Outer `None`: broken frame. Inner: absent.
    fn optional(&mut self) -> Option<Option<Name>> {
        match self.reader.varint()? {
            0 => Some(None),
            _ => self.name().map(Some),
        }
    }

    fn when(&mut self, present: bool) -> Option<Option<Name>> {
        if present {
            self.name().map(Some)
        } else {
            Some(None)
        }
    }

    fn metadata(&mut self) -> Option<Service> {
        let name = self.name()?;
        let service_id = self.name()?;
        let endpoint_prefix = self.name()?;
        let signing_name = self.name()?;
        let signature_version = self.name()?;
        let api_version = self.name()?;
        let protocol = match self.reader.varint()? {
            0 => Protocol::Json,
            1 => Protocol::RestJson,
            2 => Protocol::RestXml,
            3 => Protocol::Query,
            4 => Protocol::Ec2,
            5 => Protocol::Cbor,
            _ => return None,
        };
        let target_prefix = self.optional()?;
        let json_version = self.optional()?;
        let xml_namespace = self.optional()?;
        let query_compatible = bit(self.reader.varint()?, 0);
        let count = self.reader.count()?;
        let global_endpoints = (0..count)
            .map(|_| {
                Some(GlobalEndpoint {
                    partition: self.name()?,
                    hostname: self.name()?,
                    region: self.optional()?,
                })
            })
            .collect::<Option<_>>()?;
        Some(Service {
            name,
            service_id,
            endpoint_prefix,
            signing_name,
            signature_version,
            protocol,
            api_version,
            target_prefix,
            json_version,
            xml_namespace,
            query_compatible,
            global_endpoints,
            shapes: Vec::new(),
            operations: Vec::new(),
            index: HashMap::new(),
        })
    }

    fn operation(&mut self) -> Option<Operation> {
        let name = self.name()?;
        let method = self.name()?;
        let uri = self.name()?;
        let bits = self.reader.varint()?;
        let input = if bit(bits, 6) {
            Some(self.reference(None)?.0)
        } else {
            None
        };
        let output = if bit(bits, 7) {
            Some(self.reference(None)?.0)
        } else {
            None
        };
        let result_wrapper = self.when(bit(bits, 8))?;
        let host_prefix = self.when(bit(bits, 9))?;
        let checksum_member = self.when(bit(bits, 10))?;
        let count = self.reader.count()?;
        let errors = (0..count)
            .map(|_| self.reader.number())
            .collect::<Option<_>>()?;
        Some(Operation {
            name,
            method,
            uri,
            input,
            output,
            result_wrapper,
            errors,
            host_prefix,
            unsigned: bit(bits, 0),
            unsigned_payload: bit(bits, 1),
            checksum_required: bit(bits, 2),
            checksum_member,
            compressible: bit(bits, 3),
            readonly: bit(bits, 4),
            idempotent: bit(bits, 5),
        })
    }

    /// The reference and whether the member is required.
    fn reference(&mut self, member: Option<&str>) -> Option<(Ref, bool)> {
        let bits = self.reader.varint()?;
        let shape = self.reader.number()?;
        let traits = if bits >> 1 == 0 {
            None
        } else {
            Some(Box::new(self.traits(bits, member)?))
        };
        Some((Ref { shape, traits }, bit(bits, 0)))
    }

    fn traits(&mut self, bits: u64, member: Option<&str>) -> Option<Traits> {
        let location_name = if bit(bits, 1) {
            Some(uncapitalised(member?).into())
        } else {
            self.when(bit(bits, 2))?
        };
        let location = match bit(bits, 3).then(|| self.reader.varint()) {
            None => None,
            Some(number) => Some(match number? {
                0 => Location::Uri,
                1 => Location::QueryString,
                2 => Location::Header,
                3 => Location::Headers,
                4 => Location::StatusCode,
                _ => return None,
            }),
        };
        let timestamp_format = match bit(bits, 6).then(|| self.reader.varint()) {
            None => None,
            Some(number) => Some(match number? {
                0 => TimestampFormat::Iso8601,
                1 => TimestampFormat::Rfc822,
                2 => TimestampFormat::Unix,
                _ => return None,
            }),
        };
        let query_name = self.when(bit(bits, 7))?;
        let xml_namespace = if bit(bits, 8) {
            Some(XmlNamespace {
                prefix: self.optional()?,
                uri: self.name()?,
            })
        } else {
            None
        };
        Some(Traits {
            location,
            location_name,
            query_name,
            flattened: bit(bits, 5),
            xml_namespace,
            xml_attribute: bit(bits, 9),
            timestamp_format,
            json_value: bit(bits, 10),
            idempotency_token: bit(bits, 4),
            streaming: bit(bits, 11),
            host_label: bit(bits, 12),
        })
    }

    fn shape(&mut self) -> Option<Shape> {
        Some(match self.reader.varint()? {
            0 => Shape::Structure(self.structure()?),
            1 => {
                let min = self.reader.number()?;
                Shape::List {
                    member: self.reference(None)?.0,
                    min,
                }
            }
            2 => Shape::Map {
                key: self.reference(None)?.0,
                value: self.reference(None)?.0,
            },
            3 => Shape::String {
                min: self.reader.number()?,
            },
            4 => Shape::Integer { min: self.least()? },
            5 => Shape::Long { min: self.least()? },
            6 => Shape::Float,
            7 => Shape::Double,
            8 => Shape::Boolean,
            9 => Shape::Timestamp,
            10 => Shape::Blob,
            _ => return None,
        })
    }

    fn least(&mut self) -> Option<Option<i64>> {
        let stored = self.reader.varint()?;
        Some(stored.checked_sub(1).and_then(|zigzag| {
            let half = i64::try_from(zigzag >> 1).ok()?;
            Some(if zigzag & 1 == 1 { -half - 1 } else { half })
        }))
    }

    fn structure(&mut self) -> Option<Structure> {
        let bits = self.reader.varint()?;
        let payload = self.when(bit(bits, 3))?;
        let mut name = Name::default();
        let mut error = None;
        if bit(bits, 4) {
            name = self.name()?;
            let code = self.optional()?;
            let status = u16::try_from(self.reader.varint()?)
                .ok()
                .filter(|status| *status != 0);
            error = Some(ErrorTraits {
                code,
                status,
                fault: bit(bits, 5),
            });
        }
        let count = self.reader.count()?;
        let mut members = Vec::with_capacity(count);
        for _ in 0..count {
            let name = self.name()?;
            let (target, required) = self.reference(Some(&name))?;
            members.push(Member {
                name,
                required,
                target,
            });
        }
        Some(Structure {
            name,
            members,
            payload,
            error,
            union: bit(bits, 0),
            document: bit(bits, 1),
            event_stream: bit(bits, 2),
        })
    }
}
