//! The in-memory reference store.
#[derive(Debug, Default)]
/// Reference store.
pub struct MemoryStore;
