//! Performs commands: page, call AWS, run script, call a webhook.
//!
//! The only crate that makes outbound calls. It knows how to carry out a command and how sure it is of the outcome; it
//! must not know why the command was given, nor what follows from the answer.

mod api_destination;
mod aws_call;
pub mod config;
mod credentials;
mod event_log;
pub mod function;
mod http;
mod http_call;
mod integration;
mod local;
mod log_batch;
pub mod notary;
mod notify;
mod objects;
pub mod operator;
mod performer;
mod places;
pub mod script;

pub use aws_call::{AwsClient, AwsClientConfig};
pub use config::{Config, ConfigError, Local, LocalService, Outgoing};
pub use http::fetch::Fetcher;
pub use performer::Performer;
pub use script::{SessionRegistry, Walls};
