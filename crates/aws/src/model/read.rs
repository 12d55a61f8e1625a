//! Reads the frames of the packed table. The layout is described in `pack`. Names point into the frames, which live as
//! long as the process.

use serde_json::Value;

use super::bytes::Reader;
use super::strings::Strings;
use super::{
    Acceptor, AcceptorState, ContextParam, ContextSource, ErrorTraits, Location, Matcher, Member,
    Name, Operation, Paginator, Protocol, Ref, Service, Shape, Structure, TimestampFormat, Traits,
    USUAL_STATUS, Waiter, XmlNamespace,
};

/// Frame 0.
#[derive(Debug)]
pub(super) struct Index {
    pub(super) version: Name,
    pub(super) digest: Name,
    /// Client names of the services.
    pub(super) services: Vec<Name>,
    /// Normalised names in sorted order, each with the number of its service.
    pub(super) spellings: Vec<(Name, usize)>,
}

pub(super) fn index(frame: &'static [u8]) -> Option<Index> {
    let mut reader = Reader::new(frame);
    let version = reader.text()?;
    let digest = reader.text()?;
    let count = reader.count()?;
    let services = (0..count)
        .map(|_| reader.text())
        .collect::<Option<Vec<_>>>()?;
    let count = reader.count()?;
    let spelling = |_| Some((reader.text()?, usize::try_from(reader.varint()?).ok()?));
    let spellings = (0..count).map(spelling).collect::<Option<Vec<_>>>()?;
    Some(Index {
        version,
        digest,
        services,
        spellings,
    })
}

/// Reads one service's frame.
pub(super) fn service(frame: &'static [u8], shared: &Strings) -> Option<Service> {
    let mut whole = Reader::new(frame);
    let own = Strings::read(&mut whole)?;
    let mut column = || whole.bytes().map(Reader::new);
    let mut frame = ServiceReader {
        names: column()?,
        shapes: column()?,
        kinds: column()?,
        flags: column()?,
        rest: column()?,
        shared,
        own,
        named: 0,
        referred: 0,
        highest: None,
    };
    let mut service = frame.metadata()?;
    let count = frame.count_in_names()?;
    service.operations = (0..count)
        .map(|_| frame.operation())
        .collect::<Option<_>>()?;
    let count = frame.shape_count()?;
    service.shapes = (0..count).map(|_| frame.shape()).collect::<Option<_>>()?;
    let waiters = frame.count_in_names()?;
    service.waiters = (0..waiters)
        .map(|_| frame.waiter())
        .collect::<Option<_>>()?;
    let columns = [
        &frame.names,
        &frame.shapes,
        &frame.kinds,
        &frame.flags,
        &frame.rest,
    ];
    let whole = whole.is_empty() && columns.iter().all(|column| column.is_empty());
    let highest = frame.highest.map(usize::try_from).transpose().ok()?;
    (whole && highest.is_none_or(|highest| highest < count)).then_some(service)
}

struct ServiceReader<'a> {
    names: Reader<'static>,
    shapes: Reader<'static>,
    kinds: Reader<'static>,
    flags: Reader<'static>,
    rest: Reader<'static>,
    shared: &'a Strings,
    own: Strings,
    /// How many of the service's own strings have been named.
    named: usize,
    /// Shapes referred to so far, counted from the first.
    referred: u32,
    /// The highest shape referred to.
    highest: Option<u32>,
}

/// One bit of a flag word.
fn bit(bits: u64, at: u32) -> bool {
    bits >> at & 1 == 1
}

impl ServiceReader<'_> {
    fn name(&mut self) -> Option<Name> {
        let number = self.name_number()?;
        match number.checked_sub(self.shared.len()) {
            None => self.shared.get(number),
            Some(own) => self.own.get(own),
        }
    }

    fn name_number(&mut self) -> Option<usize> {
        match self.names.varint()?.checked_sub(1) {
            Some(number) => usize::try_from(number).ok(),
            None => {
                self.named += 1;
                Some(self.shared.len() + self.named - 1)
            }
        }
    }

    fn uncapitalised(&self, number: usize) -> Option<Name> {
        match number.checked_sub(self.shared.len()) {
            None => self.shared.lower(number),
            Some(own) => self.own.lower(own),
        }
    }

    fn shape_number(&mut self) -> Option<u32> {
        let number = match self.shapes.varint()?.checked_sub(1) {
            Some(number) => u32::try_from(number).ok()?,
            None => {
                self.referred = self.referred.checked_add(1)?;
                self.referred - 1
            }
        };
        self.highest = self.highest.max(Some(number));
        Some(number)
    }

    /// A count of things each of which takes a byte or more in the column of names.
    fn count_in_names(&mut self) -> Option<usize> {
        let count = usize::try_from(self.rest.varint()?).ok()?;
        self.names.holds(count).then_some(count)
    }

    /// Each shape takes a byte in the column of kinds.
    fn shape_count(&mut self) -> Option<usize> {
        let count = usize::try_from(self.rest.varint()?).ok()?;
        self.kinds.holds(count).then_some(count)
    }

    /// Outer `None`: broken frame. Inner: absent.
    fn optional(&mut self) -> Option<Option<Name>> {
        let present = self.rest.varint()? != 0;
        self.when(present)
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
        let protocol = match self.rest.varint()? {
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
        let query_compatible = bit(self.flags.varint()?, 0);
        let auth = self.names()?;
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
            shapes: Vec::new(),
            operations: Vec::new(),
            waiters: Vec::new(),
            auth,
        })
    }

    fn names(&mut self) -> Option<Vec<Name>> {
        let count = self.count_in_names()?;
        (0..count).map(|_| self.name()).collect()
    }

    fn operation(&mut self) -> Option<Operation> {
        let name = self.name()?;
        let method = self.name()?;
        let uri = self.name()?;
        let bits = self.flags.varint()?;
        let status = match bit(bits, 15) {
            true => u16::try_from(self.rest.varint()?).ok()?,
            false => USUAL_STATUS,
        };
        let target = |reader: &mut Self, present: bool| match present {
            true => Some(Some(reader.reference(None)?.0)),
            false => Some(None),
        };
        let input = target(self, bit(bits, 6))?;
        let output = target(self, bit(bits, 7))?;
        let result_wrapper = self.when(bit(bits, 8))?;
        let host_prefix = self.when(bit(bits, 9))?;
        let checksum_member = self.when(bit(bits, 10))?;
        let checksum_mode_member = self.when(bit(bits, 11))?;
        let count = usize::try_from(self.rest.varint()?).ok()?;
        let errors = (0..count)
            .map(|_| self.shape_number())
            .collect::<Option<_>>()?;
        Some(Operation {
            name,
            method,
            uri,
            status,
            input,
            output,
            result_wrapper,
            errors,
            host_prefix,
            unsigned: bit(bits, 0),
            unsigned_payload: bit(bits, 1),
            checksum_required: bit(bits, 2),
            checksum_algorithms: self.names_when(checksum_member.is_some())?,
            checksum_member,
            answer_checksums: self.names_when(checksum_mode_member.is_some())?,
            checksum_mode_member,
            compressible: bit(bits, 3),
            readonly: bit(bits, 4),
            idempotent: bit(bits, 5),
            paginator: match bit(bits, 12) {
                true => Some(Box::new(self.paginator()?)),
                false => None,
            },
            auth: self.names_when(bit(bits, 13))?,
            context: match bit(bits, 14) {
                true => self.context()?,
                false => Vec::new(),
            },
        })
    }

    fn names_when(&mut self, present: bool) -> Option<Vec<Name>> {
        match present {
            true => self.names(),
            false => Some(Vec::new()),
        }
    }

    fn paginator(&mut self) -> Option<Paginator> {
        Some(Paginator {
            input_tokens: self.names()?,
            output_tokens: self.names()?,
            result_keys: self.names()?,
            non_aggregate_keys: self.names()?,
            limit_key: self.optional()?,
            more_results: self.optional()?,
        })
    }

    fn context(&mut self) -> Option<Vec<ContextParam>> {
        let count = self.count_in_names()?;
        let param = |_| {
            Some(ContextParam {
                name: self.name()?,
                source: match self.rest.varint()? {
                    0 => ContextSource::Static(self.value()?),
                    1 => ContextSource::Member(self.name()?),
                    2 => ContextSource::Path(self.name()?),
                    _ => return None,
                },
            })
        };
        (0..count).map(param).collect()
    }

    fn value(&mut self) -> Option<Value> {
        Some(match self.rest.varint()? {
            0 => Value::Bool(false),
            1 => Value::Bool(true),
            2 => Value::String(self.name()?.to_owned()),
            3 => serde_json::from_str(self.name()?).ok()?,
            _ => return None,
        })
    }

    fn waiter(&mut self) -> Option<Waiter> {
        let name = self.name()?;
        let operation = self.name()?;
        let delay_s = self.rest.number()?;
        let max_attempts = self.rest.number()?;
        let count = self.rest.count()?;
        Some(Waiter {
            name,
            operation,
            delay_s,
            max_attempts,
            acceptors: (0..count).map(|_| self.acceptor()).collect::<Option<_>>()?,
        })
    }

    fn acceptor(&mut self) -> Option<Acceptor> {
        let state = match self.rest.varint()? {
            0 => AcceptorState::Success,
            1 => AcceptorState::Failure,
            2 => AcceptorState::Retry,
            _ => return None,
        };
        let matcher = match self.rest.varint()? {
            0 => Matcher::Status(u16::try_from(self.rest.varint()?).ok()?),
            1 => Matcher::Error(self.optional()?),
            2 => Matcher::NoError,
            kind => {
                let path = self.name()?;
                let expected = self.value()?;
                match kind {
                    3 => Matcher::Path { path, expected },
                    4 => Matcher::PathAll { path, expected },
                    5 => Matcher::PathAny { path, expected },
                    _ => return None,
                }
            }
        };
        Some(Acceptor { state, matcher })
    }

    /// The reference and whether the member is required.
    fn reference(&mut self, member: Option<usize>) -> Option<(Ref, bool)> {
        let bits = self.flags.varint()?;
        let shape = self.shape_number()?;
        let traits = if bits >> 1 == 0 {
            None
        } else {
            Some(Box::new(self.traits(bits, member)?))
        };
        Some((Ref { shape, traits }, bit(bits, 0)))
    }

    fn traits(&mut self, bits: u64, member: Option<usize>) -> Option<Traits> {
        let location_name = if bit(bits, 1) {
            Some(self.uncapitalised(member?)?)
        } else {
            self.when(bit(bits, 2))?
        };
        let location = match bit(bits, 3).then(|| self.rest.varint()) {
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
        let timestamp_format = match bit(bits, 6).then(|| self.rest.varint()) {
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
        Some(match self.kinds.varint()? {
            0 => Shape::Structure(self.structure()?),
            1 => {
                let min = self.rest.number()?;
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
                min: self.rest.number()?,
                values: Box::default(),
            },
            4 => Shape::Integer { min: self.least()? },
            5 => Shape::Long { min: self.least()? },
            6 => Shape::Float,
            7 => Shape::Double,
            8 => Shape::Boolean,
            9 => Shape::Timestamp,
            10 => Shape::Blob,
            11 => Shape::String {
                min: self.rest.number()?,
                values: self.names()?.into_boxed_slice(),
            },
            _ => return None,
        })
    }

    fn least(&mut self) -> Option<Option<i64>> {
        let stored = self.rest.varint()?;
        Some(stored.checked_sub(1).and_then(|zigzag| {
            let half = i64::try_from(zigzag >> 1).ok()?;
            Some(if zigzag & 1 == 1 { -half - 1 } else { half })
        }))
    }

    fn structure(&mut self) -> Option<Structure> {
        let bits = self.flags.varint()?;
        let payload = self.when(bit(bits, 3))?;
        let mut name = Name::default();
        let mut error = None;
        if bit(bits, 4) {
            name = self.name()?;
            let code = self.optional()?;
            let status = u16::try_from(self.rest.varint()?)
                .ok()
                .filter(|status| *status != 0);
            error = Some(ErrorTraits {
                code,
                status,
                fault: bit(bits, 5),
                retryable: bit(bits, 6),
                throttling: bit(bits, 7),
            });
        }
        let count = self.count_in_names()?;
        let mut members = Vec::with_capacity(count);
        for _ in 0..count {
            let number = self.name_number()?;
            let name = match number.checked_sub(self.shared.len()) {
                None => self.shared.get(number)?,
                Some(own) => self.own.get(own)?,
            };
            let (target, required) = self.reference(Some(number))?;
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
