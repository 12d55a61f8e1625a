//! How one service spells the errors that all services have: header or body, names, statuses.

/// Where an error's code stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// AWS JSON 1.1: `__type` in the body, 400 for everything that is the client's fault.
    Json,
    /// AWS rest-json: `x-amzn-errortype` header, the status says what kind of error.
    Rest,
    /// Quell's own API: RFC 9457 problem documents.
    Problem,
    /// AWS query, for calls of services that are not served here: their clients read XML only.
    Query,
    /// As `Query` in the spelling of `ec2`.
    Ec2,
}

/// The error words of one service.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dialect {
    /// Where the code stands.
    pub(crate) shape: Shape,
    /// `message` or `Message`.
    pub(crate) message_key: &'static str,
    /// Code for input of the wrong JSON type.
    pub(crate) malformed: &'static str,
    /// Code for a fault of the server.
    pub(crate) internal: &'static str,
    /// Whether a `ValidationException` names its place in `Fields` (`ssm-contacts`).
    pub(crate) fields: bool,
}

/// `events`.
pub(crate) const EVENTS: Dialect = Dialect {
    shape: Shape::Json,
    message_key: "message",
    malformed: "SerializationException",
    internal: "InternalException",
    fields: false,
};

/// `ssm`.
pub(crate) const SSM: Dialect = Dialect {
    message_key: "Message",
    internal: "InternalServerError",
    ..EVENTS
};

/// `ssm-contacts`.
pub(crate) const CONTACTS: Dialect = Dialect {
    shape: Shape::Json,
    message_key: "Message",
    malformed: "ValidationException",
    internal: "InternalServerException",
    fields: true,
};

/// `ssm-incidents`.
pub(crate) const INCIDENTS: Dialect = Dialect {
    shape: Shape::Rest,
    message_key: "message",
    malformed: "ValidationException",
    internal: "InternalServerException",
    fields: false,
};

/// Quell's own API.
pub(crate) const OPERATOR: Dialect = Dialect {
    shape: Shape::Problem,
    message_key: "detail",
    malformed: "ValidationException",
    internal: "InternalServerException",
    fields: false,
};

/// A query service that is not served here.
pub(crate) const QUERY: Dialect = Dialect {
    shape: Shape::Query,
    ..EVENTS
};

/// `ec2`, which is not served here either.
pub(crate) const EC2: Dialect = Dialect {
    shape: Shape::Ec2,
    ..EVENTS
};
