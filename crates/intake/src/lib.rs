//! Signals from outside: pulled or received, verified, and decoded into events.

pub mod decode;
