//! AWS on the wire, both directions, without sockets.
//!
//! Outward: [`prepare`] turns any operation of any public service, given as JSON in boto3's shape, into an
//! [`HttpRequest`]; [`Prepared::sign`] signs it; whoever has a socket sends it; [`Prepared::decode`] turns the
//! [`HttpResponse`] into JSON or a [`ServiceError`]. [`retry`] says whether another attempt is worth it,
//! [`knowledge`] what a repeat would do, [`credentials`] how keys are found. [`client::Client`] does all of it through
//! doors that its caller brings: repeats, corrections, pages, waits, limits. Inward: [`sigv4::Verifier`] says who calls,
//! [`inbound`] what, and how it is answered.
//!
//! This crate has no sockets, no clock, no randomness and no files, and knows nothing of incidents.
//!
//! ```
//! use aws::{Call, CallOptions, Credentials, HttpResponse};
//!
//! let params = serde_json::json!({"InstanceIds": ["i-0123456789abcdef0"]});
//! let call = Call {
//!     service: "ec2",
//!     operation: "stop-instances",
//!     params: &params,
//!     region: "eu-west-1",
//!     endpoint_url: None,
//!     token: "",
//!     options: CallOptions::defaults(),
//! };
//! let prepared = aws::prepare(&call)?;
//! let at = "2026-11-21T03:00:00Z".parse()?;
//! let request = prepared.sign(&Credentials::new("AKIDEXAMPLE", "secret"), at)?;
//! assert_eq!(request.url(), "https://ec2.eu-west-1.amazonaws.com/");
//!
//! // Whoever has a socket sends it and brings the answer.
//! let answer = HttpResponse {
//!     status: 200,
//!     body: "<StopInstancesResponse><instancesSet><item><instanceId>i-0123456789abcdef0</instanceId></item>\
//!            </instancesSet></StopInstancesResponse>"
//!         .into(),
//!     ..HttpResponse::default()
//! };
//! let answer = prepared.decode(&answer)?;
//! assert_eq!(answer["StoppingInstances"][0]["InstanceId"], "i-0123456789abcdef0");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod client;
pub mod credentials;
pub mod endpoint;
pub mod inbound;
pub mod knowledge;
pub mod model;
pub mod permissions;
pub mod retry;
pub mod settings;
pub mod sigv4;
pub mod spelling;
pub mod timestamp;

mod call;
mod checksum;
mod cross_region;
mod customization;
mod error;
mod message;
mod notation;
mod options;
mod params;
mod percent;
mod protocol;
mod role;
mod service_error;

pub use call::{Call, Prepared, Signing, decode_with, prepare, prepare_with, resolve_names};
pub use credentials::Credentials;
pub use error::Error;
pub use message::{HttpRequest, HttpResponse};
pub use options::{
    AccountIdEndpointMode, AddressingStyle, CallOptions, Checksums, EndpointParameter,
    RegionalEndpoints, S3Options,
};
pub use protocol::MAX_ANSWER;
pub use role::{RoleError, role_arn};
pub use service_error::{FailureKind, ServiceError};
