//! Signals from outside: pulled or received, verified, and decoded into events.

pub mod decode;
pub mod source;
pub mod verify;
