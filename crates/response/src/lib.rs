//! What people and incidents do next (pure).
