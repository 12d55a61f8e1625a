//! Events that archives keep.

use jiff::Timestamp;
use model::Scope;
use uuid::Uuid;

/// An event to be kept for an archive. One that the archive has already (same instant and id) is left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchivedEvent {
    /// Whose it is.
    pub scope: Scope,
    /// The archive's own id: an archive that is made anew under an old name has another.
    pub archive: Uuid,
    /// The event's own time.
    pub at: Timestamp,
    /// The event's id.
    pub event: Uuid,
    /// The event as JSON text, kept to the letter.
    pub text: String,
}

/// A kept event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchivedRow {
    /// The event's own time.
    pub at: Timestamp,
    /// The event's id.
    pub event: Uuid,
    /// The event as JSON text.
    pub text: String,
}

/// Which events of an archive, in order of time and id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveQuery {
    /// The archive's own id.
    pub archive: Uuid,
    /// The first instant.
    pub from: Timestamp,
    /// The last instant.
    pub until: Timestamp,
    /// Strictly behind this event.
    pub after: Option<(Timestamp, Uuid)>,
    /// At most so many, 1 to 1,000.
    pub limit: usize,
    /// No more once their texts have so many bytes together; one event comes always.
    pub bytes: usize,
}

/// What an archive holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ArchiveSize {
    /// Events.
    pub events: u64,
    /// Bytes of their texts.
    pub bytes: u64,
}
