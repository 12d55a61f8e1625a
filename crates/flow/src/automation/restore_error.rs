//! Why stored frames are no run.

use super::run::VERSION;

/// Why frames are no run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// A frame that every run has is missing.
    #[error("the run has no frame `{0}`: the store is damaged, restore it from a backup")]
    Missing(String),
    /// A frame's body has another shape.
    #[error("frame `{key}` cannot be read: {reason}")]
    Unreadable {
        /// The frame.
        key: String,
        /// What is wrong.
        reason: String,
    },
    /// A frame was written by a newer version.
    #[error(
        "frame `{key}` has version {version}, this program reads up to {VERSION}: use a newer one"
    )]
    Newer {
        /// The frame.
        key: String,
        /// Its version.
        version: u64,
    },
    /// The stored document is not valid for this version.
    #[error("the run's document cannot be read any more: {0}")]
    Document(String),
}
