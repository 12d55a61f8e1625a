//! The performer against real sockets and processes: a mail sink, HTTP stubs, the script sandbox, and moto where it is
//! installed.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod api_destination;
mod aws_calls;
mod aws_client;
mod breakout;
mod credentials;
mod email;
mod http_stub;
mod http_task;
mod identity_choices;
mod identity_sources;
mod integration;
mod moto;
mod script;
mod smtp_sink;
mod tls;
mod webhook;
mod world;
