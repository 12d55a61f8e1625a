//! HTTP out of the process: one transport with pools and limits, and the guard against calls to inside addresses.
//!
//! Knows neither AWS nor webhooks; it carries bytes.

pub(crate) mod fetch;
pub(crate) mod guard;
pub(crate) mod tls;
pub(crate) mod transport;

pub(crate) use transport::{Transport, TransportError};
