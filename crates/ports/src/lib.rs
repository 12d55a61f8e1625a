//! The only doors to the outside: [`Clock`], [`EntropySource`], [`Store`], [`Effects`], [`Vault`], [`Notary`] and
//! [`Sessions`]; the
//! in-memory reference store, the manual clock and the store conformance suite.
//!
//! Knows the words of `model` and nothing of SQL, sockets or tokio.

pub mod clock;
pub mod connection;
pub mod document;
pub mod effects;
pub mod function;
pub mod limits;
pub mod memory;
pub mod notary;
pub mod sessions;
pub mod store;
pub mod suite;
pub mod vault;

pub use clock::{Clock, EntropySource, ManualClock, SeededEntropy};
pub use effects::{Effects, Probe};
pub use memory::MemoryStore;
pub use notary::{Notary, NotaryError};
pub use sessions::{Session, Sessions};
pub use store::{CommitError, Committed, Store, StoreError, Turn};
pub use vault::Vault;

/// A boxed future that a port returns.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
