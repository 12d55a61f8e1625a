//! The crate's tests through its public face.

#![expect(
    clippy::unwrap_used,
    clippy::too_many_lines,
    reason = "a test that cannot go on stops, and a table of cases is best in one place"
)]

mod corpora;
mod decode;
mod queues;
mod signer;
mod topics;
mod verify;
mod world;
