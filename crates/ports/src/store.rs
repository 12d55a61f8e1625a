//! The door to durable state. Narrow and shaped by use: one write (`commit`), and the reads that turns and views need.
//!
//! Crash meaning: when [`Store::commit`] has answered `Ok`, the whole turn survives a kill and a power cut; when the
//! process dies before the answer, the whole turn is there or nothing of it.
//!
//! Instants are kept to the microsecond: finer digits are cut at the door ([`crate::limits::instant`]).

mod archived;
mod measured;
mod shared;

pub use archived::{ArchiveQuery, ArchiveSize, ArchivedEvent, ArchivedRow};
pub use measured::{MeasuredMinute, MeasuredQuery, MeasuredRow, Series};

use jiff::Timestamp;
use model::ids::Entropy;
use model::resource::{Expect, Resource};
use model::{
    AggregateId, AggregateKind, EffectCommand, Fact, FrameWrite, IndexEntry, Outcome, Recovery,
    Scope,
};
use serde_json::Value;
use uuid::Uuid;

use crate::BoxFuture;

/// Everything one turn changes: committed together or not at all.
///
/// Checked in this order: the turn's own form ([`Turn::check`]), the aggregate's revision, claims (after the turn's own
/// releases), resources; the first that does not hold is the answer.
#[derive(Debug, Clone, Default)]
pub struct Turn {
    /// The one aggregate that changes; `None` for an acceptance or a resource change.
    pub aggregate: Option<AggregateWrite>,
    /// Inbox rows that this turn consumed; one that is consumed already, or gone, is left alone.
    pub inbox_done: Vec<u64>,
    /// Inputs for other aggregates (fan-out), or accepted deliveries.
    pub inbox_new: Vec<NewInput>,
    /// Intents of effects that may start once this turn is committed. Needs `aggregate`, which waits for them.
    pub effects_new: Vec<NewEffect>,
    /// Effects whose outcome this turn took in. The first outcome stays: a second one is
    /// left alone. An intent of the same turn can be settled.
    pub effects_settled: Vec<SettledEffect>,
    /// Timers set (a timer of the same key is replaced) or cancelled. Needs `aggregate`, whose they are.
    pub timers: Vec<TimerWrite>,
    /// Unique claims taken. A claim that the same holder has is renewed with the new expiry; one that has lapsed at
    /// [`Turn::at`] is taken over.
    pub claims: Vec<NewClaim>,
    /// Claims given back; one that is not held by the turn's aggregate is left alone.
    pub releases: Vec<ClaimKey>,
    /// Resources created, changed or deleted.
    pub resources: Vec<ResourceWrite>,
    /// Numbers of minutes, kept beside those of the same series and minute that are there already.
    pub measured: Vec<MeasuredMinute>,
    /// Events kept for archives.
    pub archived: Vec<ArchivedEvent>,
}

/// The change of one aggregate.
#[derive(Debug, Clone)]
pub struct AggregateWrite {
    /// Which aggregate.
    pub id: AggregateId,
    /// Whose it is.
    pub scope: Scope,
    /// Revision found when the turn was decided; 0 creates. Anything else found is [`CommitError::Stale`].
    pub expect_revision: u64,
    /// When the turn was decided; on creation also the aggregate's creation time.
    pub at: Timestamp,
    /// Frames touched.
    pub frames: Vec<FrameWrite>,
    /// Index entries added; an existing one is left alone.
    pub index: Vec<IndexEntry>,
    /// The journal row of this turn.
    pub journal: JournalEntry,
    /// Removes the aggregate with its frames, index entries and timers after journaling.
    pub delete: bool,
}

/// One turn in the journal: enough to decide it again.
#[derive(Debug, Clone, PartialEq)]
pub struct JournalEntry {
    /// The turn's entropy.
    pub entropy: Entropy,
    /// The inputs taken, in order.
    pub inputs: Vec<Value>,
    /// The facts decided, in order.
    pub facts: Vec<Fact>,
}

/// An input to be put into an inbox.
#[derive(Debug, Clone, PartialEq)]
pub struct NewInput {
    /// For which aggregate (it need not exist yet).
    pub aggregate: AggregateId,
    /// Whose it is.
    pub scope: Scope,
    /// The input's versioned body.
    pub body: Value,
    /// When it was accepted.
    pub at: Timestamp,
}

/// A pending inbox row.
#[derive(Debug, Clone, PartialEq)]
pub struct InboxRow {
    /// Order of acceptance, unique, growing.
    pub seq: u64,
    /// The input.
    pub input: NewInput,
}

/// The intent of an effect.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEffect {
    /// Id and idempotency token.
    pub id: Uuid,
    /// What to do.
    pub command: EffectCommand,
    /// What may be done when its outcome is unknown.
    pub recovery: Recovery,
}

/// An effect whose intent is committed and whose outcome is not.
#[derive(Debug, Clone, PartialEq)]
pub struct EffectRow {
    /// Order of commitment, unique, growing.
    pub seq: u64,
    /// The intent.
    pub effect: NewEffect,
    /// Who waits for the outcome.
    pub aggregate: AggregateId,
    /// Whose it is.
    pub scope: Scope,
    /// When the intent was committed.
    pub at: Timestamp,
}

/// An effect's recorded outcome.
#[derive(Debug, Clone, PartialEq)]
pub struct SettledEffect {
    /// The effect.
    pub id: Uuid,
    /// How it ended.
    pub outcome: Outcome,
}

/// A timer set or cancelled for the turn's aggregate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimerWrite {
    /// Key within the aggregate.
    pub key: String,
    /// When it is due; `None` cancels.
    pub due: Option<Timestamp>,
}

/// A pending timer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimerRow {
    /// When it is due.
    pub due: Timestamp,
    /// Whose machine it wakes.
    pub aggregate: AggregateId,
    /// Whose it is.
    pub scope: Scope,
    /// Key within the aggregate.
    pub key: String,
}

/// A unique name within a tenant and account.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClaimKey {
    /// Tenant and account count; the region does not.
    pub scope: Scope,
    /// Family of names.
    pub family: String,
    /// The unique value.
    pub key: String,
}

/// A claim taken by a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewClaim {
    /// What is claimed.
    pub claim: ClaimKey,
    /// For whom.
    pub holder: AggregateId,
    /// When it lapses by itself: from this instant on anybody can take it.
    pub expires: Option<Timestamp>,
}

/// A resource created, changed (`body: Some`) or deleted (`body: None`).
#[derive(Debug, Clone, PartialEq)]
pub struct ResourceWrite {
    /// Whose it is.
    pub scope: Scope,
    /// Family.
    pub kind: String,
    /// Name within scope and family.
    pub name: String,
    /// What must be found for the write to hold.
    pub expect: Expect,
    /// The new body, or `None` to delete.
    pub body: Option<Value>,
    /// When.
    pub at: Timestamp,
}

/// What a commit answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Committed {
    /// Sequence numbers of `inbox_new`, in order.
    pub inbox: Vec<u64>,
    /// Sequence numbers of `effects_new`, in order.
    pub effects: Vec<u64>,
    /// Revisions of `resources` after the write, in order (0 for a deletion).
    pub resources: Vec<u64>,
}

/// Why a turn was not committed. Nothing of it was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// Somebody else holds a claim of this turn: decide again with the holder.
    #[error("`{}` is held by {holder}", claim.key)]
    Claimed {
        /// The claim at issue.
        claim: Box<ClaimKey>,
        /// Who holds it.
        holder: AggregateId,
    },
    /// The aggregate has changed since it was loaded: load and decide again.
    #[error("the aggregate {id} is at another revision than {expected}")]
    Stale {
        /// Which aggregate.
        id: AggregateId,
        /// What the turn expected.
        expected: u64,
    },
    /// A resource is not as the writer expected.
    #[error("resource `{kind}/{name}` is not as expected")]
    ResourceConflict {
        /// Family.
        kind: String,
        /// Name.
        name: String,
        /// Revision found, if it exists.
        found: Option<u64>,
    },
    /// The writer's queue is full: try later, nothing was accepted.
    #[error("the store's queue is full, try again later")]
    Full,
    /// The turn is malformed: parts that need an aggregate without one, a name or body beyond the limits, the id of
    /// an effect that is still open. A fault of the caller; the same turn will never be accepted, others are.
    #[error("the turn was refused: {0}")]
    Refused(String),
    /// The store is closed or broken. Nothing may be assumed; the process should end and recover.
    #[error("the store failed: {0}")]
    Broken(String),
}

/// Why a read failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the store cannot be read: {0}")]
pub struct StoreError(pub String);

/// Which frames of an aggregate to load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frames {
    /// All of them.
    All,
    /// The root and these.
    RootAnd(Vec<String>),
    /// Those whose key begins so (`""` would be all), without the root.
    Prefix(String),
    /// Those from this key until before another one (`from` must not be empty), without the root.
    Range {
        /// The first that is wanted.
        from: String,
        /// The first behind that is not.
        until: String,
    },
    /// The root and those whose key does not begin so: what lives, without what is only kept.
    Without(String),
}

/// A stored aggregate, or the part of it that was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// Which.
    pub id: AggregateId,
    /// Whose.
    pub scope: Scope,
    /// Current revision, from 1.
    pub revision: u64,
    /// When it was created.
    pub created: Timestamp,
    /// `(key, body)` in order of key; the root's key is empty.
    pub frames: Vec<(String, Value)>,
}

/// A page of aggregates, newest first, root frames only.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// Family.
    pub kind: AggregateKind,
    /// Tenant and account must be equal; the region too unless it is empty.
    pub scope: Scope,
    /// Index entry that must be there; `None` lists all of the family.
    pub index: Option<IndexEntry>,
    /// Strictly older than this (creation time, id), for the next page.
    pub before: Option<(Timestamp, Uuid)>,
    /// At most so many, 1 to 1,000.
    pub limit: usize,
}

/// A journal row.
#[derive(Debug, Clone, PartialEq)]
pub struct JournalRow {
    /// Order of commitment, unique, growing.
    pub seq: u64,
    /// Which aggregate.
    pub aggregate: AggregateId,
    /// Its revision after the turn.
    pub revision: u64,
    /// When the turn was decided.
    pub at: Timestamp,
    /// The turn.
    pub entry: JournalEntry,
}

/// How old finished rows may grow before they are pruned. `None` keeps for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention {
    /// Consumed inbox rows accepted before this instant go.
    pub inbox_before: Option<Timestamp>,
    /// Settled effects whose intent was committed before this instant go.
    pub effects_before: Option<Timestamp>,
    /// Journal rows of turns decided before this instant go.
    pub journal_before: Option<Timestamp>,
    /// Lapsed claims (client tokens among them) that lapsed before this instant go.
    pub claims_before: Option<Timestamp>,
    /// Numbers of minutes that began before this instant go.
    pub measured_before: Option<Timestamp>,
}

/// The durable store.
pub trait Store: Send + Sync + 'static {
    /// Commits one turn; answers after it is durable. Turns of different callers share a transaction (group commit),
    /// but each fails or holds alone.
    fn commit(&self, turn: Turn) -> BoxFuture<'_, Result<Committed, CommitError>>;

    /// One aggregate, or `None`.
    fn load(
        &self,
        id: AggregateId,
        frames: Frames,
    ) -> BoxFuture<'_, Result<Option<Stored>, StoreError>>;

    /// A page of aggregates, newest first.
    fn list(&self, query: Query) -> BoxFuture<'_, Result<Vec<Stored>, StoreError>>;

    /// The highest sequence numbers of pending rows: everything above them is committed later.
    fn marks(&self) -> BoxFuture<'_, Result<Marks, StoreError>>;

    /// Pending inbox rows behind `after`, in order.
    fn inbox(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<InboxRow>, StoreError>>;

    /// Effects without an outcome behind `after`, in order.
    fn effects(
        &self,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<EffectRow>, StoreError>>;

    /// Timers due at or before `until`, earliest first.
    fn timers(
        &self,
        until: Timestamp,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<TimerRow>, StoreError>>;

    /// Journal rows behind `after`, in order; of one aggregate or of all.
    fn journal(
        &self,
        aggregate: Option<AggregateId>,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<JournalRow>, StoreError>>;

    /// The holder of a claim that has not lapsed at `at`.
    fn claim(
        &self,
        key: ClaimKey,
        at: Timestamp,
    ) -> BoxFuture<'_, Result<Option<AggregateId>, StoreError>>;

    /// Holders of the claims of a family that never lapse, whoever owns them, in order of key strictly behind `after`.
    /// Keys are told apart by name alone: for families whose keys are unique over all owners.
    fn lasting_claims(
        &self,
        family: String,
        after: String,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<(String, AggregateId)>, StoreError>>;

    /// One resource. The region is compared exactly.
    fn resource(
        &self,
        scope: Scope,
        kind: String,
        name: String,
    ) -> BoxFuture<'_, Result<Option<Resource>, StoreError>>;

    /// Resources of a family in order of name, behind `after`, whose names begin with `prefix`.
    fn resources(&self, query: ResourceQuery) -> BoxFuture<'_, Result<Vec<Resource>, StoreError>>;

    /// Minutes of one series, in order.
    fn measured(&self, query: MeasuredQuery)
    -> BoxFuture<'_, Result<Vec<MeasuredRow>, StoreError>>;

    /// The series of an owner and region of which minutes are kept, in order, strictly behind `after`.
    fn series(
        &self,
        scope: Scope,
        after: Option<Series>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Series>, StoreError>>;

    /// Events of an archive, in order of time and id.
    fn archived(&self, query: ArchiveQuery) -> BoxFuture<'_, Result<Vec<ArchivedRow>, StoreError>>;

    /// What an archive holds.
    fn archive_size(&self, archive: Uuid) -> BoxFuture<'_, Result<ArchiveSize, StoreError>>;

    /// Deletes at most `limit` events of an archive, the oldest first: those before an instant, or all.
    /// Answers how many went; called again until it answers 0.
    fn prune_archive(
        &self,
        archive: Uuid,
        before: Option<Timestamp>,
        limit: usize,
    ) -> BoxFuture<'_, Result<u64, CommitError>>;

    /// Deletes at most `limit` rows of each kind that `retention` no longer keeps; answers how many went.
    /// Called again until it answers 0, so that no transaction is long.
    fn prune(&self, retention: Retention, limit: usize) -> BoxFuture<'_, Result<u64, CommitError>>;
}

/// Highest sequence numbers of pending rows, 0 where there are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Marks {
    /// Of the inbox.
    pub inbox: u64,
    /// Of effects without an outcome.
    pub effects: u64,
}

/// Which resources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceQuery {
    /// Whose; `None` means everybody's (used once, at start).
    pub scope: Option<Scope>,
    /// Family.
    pub kind: String,
    /// Names begin so.
    pub prefix: String,
    /// Strictly behind this name (with `scope: None`: behind this `(scope, name)`).
    pub after: Option<(Scope, String)>,
    /// At most so many, 1 to 1,000.
    pub limit: usize,
}
