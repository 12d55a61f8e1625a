//! The only doors to the outside: Clock, Store, Effects; plus the in-memory reference store.
