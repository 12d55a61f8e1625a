//! What came from outside, as events for the bus.
//!
//! [`decode`] takes the bytes of one message (an HTTP body, an SQS message, a file), unwraps what is wrapped (SNS in
//! SQS, records in Kinesis, gzip), recognises each content and gives a [`Signal`] for each. A shape that nobody knows
//! becomes a signal too ([`Kind::Unrecognized`]): nothing is dropped. What breaks a limit, or is not of the format that
//! the source demands, is a [`DecodeError`] that names the place, the field and the remedy.
//!
//! Everything is a function of its arguments: no clock, no sockets, no waiting. Who sent a message, and whether that is
//! to be believed, is not asked here: a signal may say that it comes from `aws.guardduty`
//! ([`Signal::speaks_for_aws`]), and the source decides whether its senders may.
//!
//! `docs/reference/intake-formats.md` says for each format what becomes source, detail-type, id, time and resources.

pub mod cloudevents;
pub mod pagerduty;

mod alarm;
mod alertmanager;
mod cloudtrail;
mod config_rule;
mod error;
mod eventbridge;
mod falco;
mod format;
mod json;
mod limits;
mod logs;
mod mapped;
mod members;
mod packed;
mod recognise;
mod record;
mod sns;
mod uniform;
mod unrecognized;
mod unwrapping;
mod walk;
mod wazuh;

use jiff::Timestamp;
use uuid::Uuid;

pub use error::{DecodeError, Problem};
pub use format::{Format, Kind, Layer, UnknownFormat};
pub use limits::Limits;
pub use mapped::{Mapping, MappingError, MappingText};

/// One message as a source got it.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// The source's own name: part of every identity that a signal is given, so that two sources cannot clash.
    pub origin: &'a str,
    /// The transport's id of the message where it has one (SQS `MessageId`): the same on redelivery.
    pub id: Option<&'a str>,
    /// Header lines (HTTP) or message attributes (SQS). Names are compared without regard to case.
    pub headers: &'a [(String, String)],
    /// The body as it came; gzip is recognised by its first bytes.
    pub body: &'a [u8],
}

impl<'a> Message<'a> {
    /// The value of a header; the first one when it is repeated.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers
            .iter()
            .find(|(have, _)| have.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// An event for the bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signal {
    /// A stable identity: the same message, delivered again to the same source, gives the same id. An EventBridge event
    /// keeps its own.
    pub id: Uuid,
    /// Whether the id is made of one that the sender or the transport gave. Else it is made of the content alone, and an
    /// equal message may be a repetition or a new event of the same words (PagerDuty's trigger, resolve, trigger): a
    /// source should give such messages an id of its own ([`Message::id`]).
    pub own_id: bool,
    /// The event's `source`, e.g. `aws.guardduty`, `alertmanager`.
    pub source: String,
    /// The event's `detail-type`.
    pub detail_type: String,
    /// The event's `detail`: the text of one JSON object, to the letter where the format has one.
    pub detail: String,
    /// When it happened, where the message tells.
    pub time: Option<Timestamp>,
    /// Account of 12 digits, where the message tells.
    pub account: Option<String>,
    /// Region, where the message tells.
    pub region: Option<String>,
    /// The event's `resources`.
    pub resources: Vec<String>,
    /// What it was recognised as.
    pub kind: Kind,
    /// The wrappers that it was taken out of, the outermost first.
    pub layers: Vec<Layer>,
    /// What was left out, replaced or not understood, for people: one sentence each. Holds no secrets.
    pub notes: Vec<String>,
}

impl Signal {
    /// Whether its `source` is one that only AWS's own services use.
    #[must_use]
    pub fn speaks_for_aws(&self) -> bool {
        self.source == "aws" || self.source.starts_with("aws.")
    }
}

/// The signals in one message, in its order.
///
/// # Errors
/// [`DecodeError`] when the message breaks a limit or is not of the demanded format. Nothing of it has then been taken.
pub fn decode(
    format: &Format,
    message: &Message<'_>,
    limits: &Limits,
) -> Result<Vec<Signal>, DecodeError> {
    walk::Walk::new(format, message, limits).run()
}
