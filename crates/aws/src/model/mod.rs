//! Service models: what a service's operations are called, which shapes they take and give, and how each member is
//! written on the wire.
//!
//! A [`Service`] comes from the packed table ([`catalog`]) or from a model in botocore's JSON form
//! ([`Service::from_botocore`]). The model knows nothing of requests: the protocols read it.

mod botocore;
mod botocore_operation;
mod bytes;
mod names;
mod pack;
mod read;
mod rules;
mod session;
mod strings;
mod table;
mod write;

pub use botocore::ModelError;
pub use pack::{PackError, pack};
pub use session::{
    Acceptor, AcceptorState, ContextParam, ContextSource, Matcher, Paginator, Waiter,
};
pub use table::{Catalog, catalog};

pub(crate) use names::nearest;

/// A name of a model. Models are read once and live as long as the process, so their names are copied freely.
pub type Name = &'static str;

/// Status of answers of which the model says nothing.
const USUAL_STATUS: u16 = 200;

/// How requests and answers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// AWS JSON 1.0 and 1.1: one path, the operation in `X-Amz-Target`.
    Json,
    /// JSON bodies with HTTP bindings.
    RestJson,
    /// XML bodies with HTTP bindings.
    RestXml,
    /// Form-encoded requests, XML answers.
    Query,
    /// The EC2 dialect of [`Protocol::Query`].
    Ec2,
    /// Smithy RPC v2 with CBOR bodies. Read from models, not spoken.
    Cbor,
}

/// One AWS service in one API version.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// boto3's client name, as `stepfunctions`.
    pub name: Name,
    /// AWS's service id, as `SFN`.
    pub service_id: Name,
    /// First label of the endpoint host, as `states`.
    pub endpoint_prefix: Name,
    /// Name in the SigV4 credential scope.
    pub signing_name: Name,
    /// Signature version as the model names it: `v4`, `s3`, `s3v4`, `bearer`, `none`, ...
    pub signature_version: Name,
    /// Protocol this crate speaks with the service (the model's first that it can).
    pub protocol: Protocol,
    /// API version, as `2016-11-15`.
    pub api_version: Name,
    /// Prefix of `X-Amz-Target`; JSON services only.
    pub target_prefix: Option<Name>,
    /// `1.0` or `1.1`; JSON services only.
    pub json_version: Option<Name>,
    /// Default XML namespace of request bodies.
    pub xml_namespace: Option<Name>,
    /// A JSON service that once spoke the query protocol and still tells the old error codes in a header.
    pub query_compatible: bool,
    /// Shapes; [`Ref::shape`] is the index.
    pub shapes: Vec<Shape>,
    /// Operations in the order of their names.
    pub operations: Vec<Operation>,
    /// Waiters in the order of their names.
    pub waiters: Vec<Waiter>,
    /// Signature schemes in the order of preference, as `aws.auth#sigv4`, `aws.auth#sigv4a` or
    /// `smithy.api#httpBearerAuth`; empty where only [`Service::signature_version`] tells.
    pub auth: Vec<Name>,
}

/// One operation.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Operation {
    /// Name in PascalCase.
    pub name: Name,
    /// HTTP method.
    pub method: Name,
    /// URI template, with `{Label}` and `{Greedy+}` and perhaps a constant query.
    pub uri: Name,
    /// Status of an answer that is no error, where the model says one; 200 otherwise.
    pub status: u16,
    /// Input structure.
    pub input: Option<Ref>,
    /// Output structure.
    pub output: Option<Ref>,
    /// Element around the output (query protocol).
    pub result_wrapper: Option<Name>,
    /// Exceptions the operation may answer with; indices of shapes.
    pub errors: Vec<u32>,
    /// Prefix of the endpoint host, with `{Label}` places.
    pub host_prefix: Option<Name>,
    /// Sent without a signature (`sts:AssumeRoleWithWebIdentity`).
    pub unsigned: bool,
    /// Body is not part of the signature.
    pub unsigned_payload: bool,
    /// A body checksum header must be sent.
    pub checksum_required: bool,
    /// Member that names the checksum algorithm.
    pub checksum_member: Option<Name>,
    /// Algorithms that [`Operation::checksum_member`] may name, as `CRC32`; empty where there is no such member.
    pub checksum_algorithms: Vec<Name>,
    /// Member that asks for checksums in the answer when it says `ENABLED`.
    pub checksum_mode_member: Option<Name>,
    /// Algorithms whose checksums an answer may carry in `x-amz-checksum-*` headers.
    pub answer_checksums: Vec<Name>,
    /// Large bodies may be sent gzip-compressed.
    pub compressible: bool,
    /// The model's trait that says that nothing is changed.
    pub readonly: bool,
    /// The model's trait that says that a repeat has no further effect.
    pub idempotent: bool,
    /// How the answer goes on in further pages.
    pub paginator: Option<Box<Paginator>>,
    /// Signature schemes in the order of preference; empty where the service's hold.
    pub auth: Vec<Name>,
    /// Parameters that this operation gives to the endpoint rules, the ones that win first.
    pub context: Vec<ContextParam>,
}

/// A reference to a shape, together with the traits that hold at this place.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ref {
    /// Index into [`Service::shapes`].
    pub shape: u32,
    /// `None` when the place has no traits.
    pub traits: Option<Box<Traits>>,
}

/// Where a member of an HTTP-bound structure goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Location {
    /// A label of the URI.
    Uri,
    /// A query parameter, or a map of them.
    QueryString,
    /// One header.
    Header,
    /// Headers with a common prefix.
    Headers,
    /// The HTTP status (answers only).
    StatusCode,
}

/// How a timestamp is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampFormat {
    /// `2015-01-25T08:00:00Z`.
    Iso8601,
    /// `Sun, 25 Jan 2015 08:00:00 GMT`.
    Rfc822,
    /// Seconds since 1970, perhaps with a fraction.
    Unix,
}

/// An XML namespace with its optional prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct XmlNamespace {
    /// Prefix, as `xsi`.
    pub prefix: Option<Name>,
    /// Namespace URI.
    pub uri: Name,
}

/// Wire traits of one place in a structure. A trait of the target shape is already merged in.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Traits {
    /// HTTP binding.
    pub location: Option<Location>,
    /// Name on the wire where it is not the member's.
    pub location_name: Option<Name>,
    /// Name in EC2 requests.
    pub query_name: Option<Name>,
    /// List or map without a wrapping element.
    pub flattened: bool,
    /// Namespace declared on the element.
    pub xml_namespace: Option<XmlNamespace>,
    /// An attribute of the enclosing element.
    pub xml_attribute: bool,
    /// Format where it is not the protocol's default.
    pub timestamp_format: Option<TimestampFormat>,
    /// A JSON document carried base64-encoded in a header.
    pub json_value: bool,
    /// Filled with the call's token when absent.
    pub idempotency_token: bool,
    /// The body is a stream.
    pub streaming: bool,
    /// Replaces a place of [`Operation::host_prefix`].
    pub host_label: bool,
}

/// A data type.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// Named members.
    Structure(Structure),
    /// A list; `min` is its least length.
    List {
        /// Element.
        member: Ref,
        /// Least number of elements.
        min: u32,
    },
    /// A map with string keys.
    Map {
        /// Key.
        key: Ref,
        /// Value.
        value: Ref,
    },
    /// Text; `min` is its least length in characters.
    String {
        /// Least length.
        min: u32,
        /// The values of an enumeration, for messages and documentation. Services add values at any time, so others
        /// are not refused. Empty where any text is meant.
        values: Box<[Name]>,
    },
    /// 32-bit integer with its least value.
    Integer {
        /// Least value.
        min: Option<i64>,
    },
    /// 64-bit integer with its least value.
    Long {
        /// Least value.
        min: Option<i64>,
    },
    /// Single-precision number.
    Float,
    /// Double-precision number.
    Double,
    /// Truth value.
    Boolean,
    /// Point in time.
    Timestamp,
    /// Bytes.
    Blob,
}

/// A structure, union, exception or document.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Structure {
    /// Name of an exception, its code unless [`ErrorTraits::code`] says otherwise; empty for other structures.
    pub name: Name,
    /// Members in the model's order.
    pub members: Vec<Member>,
    /// Member that alone makes the body.
    pub payload: Option<Name>,
    /// Present for exceptions.
    pub error: Option<ErrorTraits>,
    /// Exactly one member is set.
    pub union: bool,
    /// Any JSON.
    pub document: bool,
    /// An event stream, which this crate refuses.
    pub event_stream: bool,
}

/// What an exception tells the HTTP layer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ErrorTraits {
    /// Code on the wire where it is not the shape's name.
    pub code: Option<Name>,
    /// HTTP status; `None` where the model is silent.
    pub status: Option<u16>,
    /// The service is at fault, not the caller.
    pub fault: bool,
    /// The model says that the same call may be tried again.
    pub retryable: bool,
    /// The model says that the caller is throttled.
    pub throttling: bool,
}

/// A member of a structure.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// Name in boto3's spelling.
    pub name: Name,
    /// Must be given.
    pub required: bool,
    /// Its shape and traits.
    pub target: Ref,
}

static NO_TRAITS: Traits = Traits {
    location: None,
    location_name: None,
    query_name: None,
    flattened: false,
    xml_namespace: None,
    xml_attribute: false,
    timestamp_format: None,
    json_value: false,
    idempotency_token: false,
    streaming: false,
    host_label: false,
};

impl Ref {
    /// Traits of this place; all absent when it has none.
    #[must_use]
    pub fn traits(&self) -> &Traits {
        self.traits.as_deref().unwrap_or(&NO_TRAITS)
    }
}

impl Structure {
    /// The member of this name.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }

    /// The member that alone makes the body.
    #[must_use]
    pub fn payload_member(&self) -> Option<&Member> {
        self.payload.and_then(|name| self.member(name))
    }

    /// Code of this exception on the wire.
    #[must_use]
    pub fn error_code(&self) -> &str {
        self.error
            .as_ref()
            .and_then(|error| error.code)
            .unwrap_or(self.name)
    }
}

/// What a reference to a missing shape resolves to; only a corrupt model has one.
static MISSING: Shape = Shape::Blob;

impl Service {
    /// The shape behind a reference.
    #[must_use]
    pub fn shape(&self, target: &Ref) -> &Shape {
        self.shape_at(target.shape)
    }

    /// The shape at an index.
    #[must_use]
    pub fn shape_at(&self, index: u32) -> &Shape {
        usize::try_from(index)
            .ok()
            .and_then(|index| self.shapes.get(index))
            .unwrap_or(&MISSING)
    }

    /// The structure behind a reference, if it is one.
    #[must_use]
    pub fn structure(&self, target: &Ref) -> Option<&Structure> {
        match self.shape(target) {
            Shape::Structure(structure) => Some(structure),
            _ => None,
        }
    }

    /// The exception structure with this wire code among those the operation declares, then among all of the service.
    #[must_use]
    pub fn exception(&self, operation: &Operation, code: &str) -> Option<&Structure> {
        let matching = |shape: &'_ Shape| match shape {
            Shape::Structure(structure) => {
                structure.error.is_some()
                    && (structure.error_code() == code || structure.name == code)
            }
            _ => false,
        };
        let declared = operation
            .errors
            .iter()
            .map(|index| self.shape_at(*index))
            .find(|shape| matching(shape));
        match declared.or_else(|| self.shapes.iter().find(|shape| matching(shape))) {
            Some(Shape::Structure(structure)) => Some(structure),
            _ => None,
        }
    }

    /// The operation of this name. Case, `_` and `-` do not matter: `DescribeInstances`, `describe_instances` and
    /// `describe-instances` are the same.
    #[must_use]
    pub fn operation(&self, name: &str) -> Option<&Operation> {
        let exact = self
            .operations
            .binary_search_by(|operation| operation.name.cmp(name))
            .ok()
            .and_then(|at| self.operations.get(at));
        exact.or_else(|| {
            let mut operations = self.operations.iter();
            operations.find(|operation| names::same(operation.name, name))
        })
    }

    /// The waiter of this name, in any customary spelling: `InstanceRunning`, `instance_running`, `instance-running`.
    #[must_use]
    pub fn waiter(&self, name: &str) -> Option<&Waiter> {
        self.waiters
            .iter()
            .find(|waiter| names::same(waiter.name, name))
    }
}
