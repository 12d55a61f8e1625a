//! Topics: which subscribers a message is for, and what each of them is sent.
//!
//! | Module | Says |
//! |---|---|
//! | [`filter`] | whether a subscriber's filter policy is one, and what it is matched against |
//! | [`message`] | what may be published, and what a subscription makes of it |
//! | [`policy`] | how often and at what pace a web address is tried |
//! | [`chat`] | how a message reads in a chat channel |

pub mod chat;
pub mod filter;
pub mod message;
pub mod policy;

pub use filter::FilterError;
pub use message::{Message, MessageError};
pub use policy::PolicyError;
