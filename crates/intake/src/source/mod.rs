//! Where events come from: queues that are polled, topics and senders that call. Each message is decoded, checked and
//! taken in by one commit, and acknowledged only then.
//!
//! | Module | For |
//! |---|---|
//! | [`settings`] | what a source is, and what is wrong with one |
//! | `sources` | all of them: started, changed, stopped, asked for their state |
//! | `taking` | one message into the engine, whatever brought it; what cannot be taken is parked |
//! | `sqs` | queues, by long polling |
//! | `http`, `oauth`, `credentials` | senders that call, and how they prove who they are |
//! | `sns` | topics that call: signature, confirmation |
//! | `parked` | what an operator does with messages that could not be taken |
//! | `room` | how many of them are kept at once |
//!
//! Nothing is decided here about events: rules are the engine's. Sockets are not here either: requests come from
//! `server`, calls go out through [`doors`].

mod credentials;
pub mod doors;
mod http;
mod oauth;
mod parked;
mod room;
mod secret;
pub mod settings;
mod sns;
mod sources;
mod sqs;
mod state;
mod taking;
mod tasks;

pub use parked::{ParkedError, RetriedMessage};
pub use settings::{Kind, Settings, SettingsError};
pub use sources::{ChangeError, Options, Origin, SOURCE, Sources, seal};
pub use state::{Failure, Pending, Snapshot};
