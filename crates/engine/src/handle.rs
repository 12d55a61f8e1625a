//! What the rest of the binary can ask of the engine.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bus::measures::Measures;
use bus::topics::Message as TopicMessage;
use jiff::Timestamp;
use model::aggregate::AggregateId;
use model::resource::Resource;
use model::{ClaimWish, Scope, ids};
use ports::store::{ArchiveSize, Frames, JournalRow, Query, ResourceQuery, Series, Stored};
use rules::Pattern;
use serde_json::Value;
use uuid::Uuid;

use crate::accept::{self, EntryOutcome, PutEntry};
use crate::catalog::{self, ResourceChange};
use crate::engine::Shared;
use crate::error::{AskError, ChangeError, ReadError};
use crate::input::Input;
use crate::metrics::{self, Figures};
use crate::recent::NearMisses;
use crate::removal;
use crate::replays::{self, StartReplayError};
use crate::take_in::{self, Message, TakeInError, TakenIn};
use crate::topics::{self, ChatChannel};
use crate::watch::Watch;

/// A client's idempotency token for one operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Operation, e.g. `StartAutomationExecution`.
    pub operation: String,
    /// The token as given.
    pub token: String,
    /// Hash of the request without the token: another request under the same token is refused.
    pub request_hash: String,
}

/// How long a client's token is remembered: the longest that AWS documents for these services.
const TOKEN_LIFE_HOURS: i64 = 24;

impl Token {
    /// The two claims that make the token unique: the second one tells a replay from a mismatch.
    pub(crate) fn claims(&self, at: Timestamp) -> Vec<ClaimWish> {
        let expires = at
            .checked_add(jiff::SignedDuration::from_hours(TOKEN_LIFE_HOURS))
            .ok();
        let exact = format!("{}\n{}", self.token, self.request_hash);
        [self.token.clone(), exact]
            .into_iter()
            .map(|key| ClaimWish {
                scope: self.family(),
                key,
                expires,
            })
            .collect()
    }

    pub(crate) fn family(&self) -> String {
        format!("client-token/{}", self.operation)
    }
}

/// A cheap-to-clone way to the engine.
#[derive(Clone)]
pub struct Handle {
    pub(crate) shared: Arc<Shared>,
}

impl Handle {
    /// The current instant by the engine's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.shared.ports.clock.now()
    }

    /// An unpredictable new id.
    #[must_use]
    pub fn new_id(&self) -> Uuid {
        ids::random(&self.shared.ports.entropy.draw(), "id")
    }

    /// Fresh entropy for a decision outside a turn (an activation code, say).
    #[must_use]
    pub fn entropy(&self) -> ids::Entropy {
        self.shared.ports.entropy.draw()
    }

    /// Gives an aggregate an input and waits until the turn that took it is committed.
    ///
    /// An input for an incident may end at another incident than asked (an open one with the same dedupe key):
    /// the reply names the one that took it.
    pub async fn ask(
        &self,
        to: AggregateId,
        scope: &Scope,
        input: Input,
    ) -> Result<Value, AskError> {
        self.shared
            .dispatcher
            .ask(to, scope.clone(), input, Vec::new())
            .await
    }

    /// As [`Handle::ask`], for the creation of `to` under a client's idempotency token.
    ///
    /// # Errors
    /// [`AskError::Replayed`] with what the first request created, or [`AskError::TokenMismatch`].
    pub async fn create(
        &self,
        to: AggregateId,
        scope: &Scope,
        input: Input,
        token: Option<Token>,
    ) -> Result<Value, AskError> {
        let Some(token) = token else {
            return self.ask(to, scope, input).await;
        };
        let claims = token.claims(self.now());
        match self
            .shared
            .dispatcher
            .ask(to, scope.clone(), input, claims)
            .await
        {
            Err(AskError::Replayed { holder }) => {
                Err(self.replay_or_mismatch(scope, &token, holder).await?)
            }
            other => other,
        }
    }

    async fn replay_or_mismatch(
        &self,
        scope: &Scope,
        token: &Token,
        holder: AggregateId,
    ) -> Result<AskError, AskError> {
        let exact = format!("{}\n{}", token.token, token.request_hash);
        let key = ports::store::ClaimKey {
            scope: scope.clone(),
            family: token.family(),
            key: exact,
        };
        Ok(
            match self.shared.ports.store.claim(key, self.now()).await? {
                Some(_) => AskError::Replayed { holder },
                None => AskError::TokenMismatch,
            },
        )
    }

    /// Starts an incident from a trigger: folds into the open incident of the same dedupe key, or opens a new one.
    /// The reply is the machine's (it names the incident that took the trigger).
    pub async fn trigger(
        &self,
        scope: &Scope,
        trigger: model::incident::Trigger,
    ) -> Result<Value, AskError> {
        accept::trigger(&self.shared, scope, trigger).await
    }

    /// Waits for commits of an aggregate from now on.
    #[must_use]
    pub fn watch(&self, id: AggregateId) -> Watch {
        Watch::new(&self.shared, id)
    }

    /// Removes a state machine whose stored body says `deleting`: each of its executions fails before it enters its next
    /// state, and when none runs any more, the machine is gone. Returns then, or after `patience`; the removal goes on
    /// either way, also behind a restart.
    pub async fn remove_machine(&self, scope: &Scope, name: &str, patience: Duration) {
        let gone = removal::begin(&self.shared, scope.clone(), name.to_owned());
        let time = self.shared.ports.clock.sleep(patience);
        tokio::select! {
            _ = gone => {}
            () = time => {}
        }
    }

    /// The definitions of state machines that were parsed of late.
    #[must_use]
    pub fn definitions(&self) -> &flow::asl::Definitions {
        &self.shared.definitions
    }

    /// One aggregate, or the frames of it that are asked for.
    pub async fn load(&self, id: AggregateId, frames: Frames) -> Result<Option<Stored>, ReadError> {
        self.shared.ports.store.load(id, frames).await
    }

    /// A page of aggregates, newest first, root frames only.
    pub async fn list(&self, query: Query) -> Result<Vec<Stored>, ReadError> {
        self.shared.ports.store.list(query).await
    }

    /// The journal of one aggregate or of all, behind `after`.
    pub async fn journal(
        &self,
        aggregate: Option<AggregateId>,
        after: u64,
        limit: usize,
    ) -> Result<Vec<JournalRow>, ReadError> {
        self.shared
            .ports
            .store
            .journal(aggregate, after, limit)
            .await
    }

    /// One resource.
    pub async fn resource(
        &self,
        scope: &Scope,
        kind: &str,
        name: &str,
    ) -> Result<Option<Resource>, ReadError> {
        let store = &self.shared.ports.store;
        store
            .resource(scope.clone(), kind.to_owned(), name.to_owned())
            .await
    }

    /// Resources of a family in order of name.
    pub async fn resources(&self, query: ResourceQuery) -> Result<Vec<Resource>, ReadError> {
        self.shared.ports.store.resources(query).await
    }

    /// Creates, changes and deletes resources, all in one transaction; answers their new revisions.
    /// Changed rules match from the moment this returns.
    pub async fn change(&self, changes: Vec<ResourceChange>) -> Result<Vec<u64>, ChangeError> {
        catalog::change(&self.shared, changes).await
    }

    /// How many events came since the start of the process.
    #[must_use]
    pub fn event_counts(&self) -> accept::EventCounts {
        self.shared.counters.read()
    }

    /// What was counted of a series from minute `from` until before minute `until` (since 1970 UTC), by minute. The
    /// minute that runs is included.
    pub async fn measured(
        &self,
        series: &Series,
        from: i64,
        until: i64,
    ) -> Result<BTreeMap<i64, Measures>, ReadError> {
        metrics::minutes(&self.shared, series, from, until).await
    }

    /// The series of an owner and region of which minutes are kept, in order, strictly behind `after`; at most 1,000.
    pub async fn measured_series(
        &self,
        scope: &Scope,
        after: Option<Series>,
    ) -> Result<Vec<Series>, ReadError> {
        let store = &self.shared.ports.store;
        store.series(scope.clone(), after, 1_000).await
    }

    /// What was counted since the start of the process: of each bus (events, and which matched), rule (matches) and
    /// target (what became of events), in order.
    #[must_use]
    pub fn measured_totals(&self) -> Vec<(Series, Measures)> {
        self.shared.metrics.totals()
    }

    /// How the engine is doing.
    #[must_use]
    pub fn figures(&self) -> Figures {
        metrics::figures(&self.shared)
    }

    /// Holds the last events of a bus against a pattern and tells those that came nearest, at most `limit`.
    pub async fn near_misses(
        &self,
        scope: &Scope,
        bus: &str,
        pattern: &Pattern,
        limit: usize,
    ) -> NearMisses {
        let place = (scope, bus);
        self.shared.recent.near_misses(place, pattern, limit).await
    }

    /// Accepts events: matches them in memory, commits those that a rule wants with their deliveries, then answers.
    /// Index-aligned with `entries`.
    ///
    /// # Errors
    /// Nothing was accepted.
    pub async fn put_events(
        &self,
        scope: &Scope,
        entries: Vec<PutEntry>,
    ) -> Result<Vec<EntryOutcome>, AskError> {
        accept::put_events(&self.shared, scope, entries).await
    }

    /// What an archive holds, by its own id.
    pub async fn archive_size(&self, archive: Uuid) -> Result<ArchiveSize, ReadError> {
        self.shared.ports.store.archive_size(archive).await
    }

    /// Starts a replay; its slot is given by the engine.
    ///
    /// # Errors
    /// As many run as may, or the name is taken.
    pub async fn start_replay(
        &self,
        scope: &Scope,
        request: bus::replay::Start,
    ) -> Result<(), StartReplayError> {
        replays::start(&self.shared, scope, request).await
    }

    /// Takes in a message from outside: all its events with their deliveries, its notes and its dedupe keys are one
    /// commit, after which the message may be acknowledged. A key that was claimed within 24 hours means that the
    /// message (or the event) was seen before: acknowledged without effect. Events that no rule wants are taken too,
    /// at no cost.
    ///
    /// # Errors
    /// Nothing of the message was taken.
    pub async fn take_in(&self, scope: &Scope, message: Message) -> Result<TakenIn, TakeInError> {
        take_in::take_in(&self.shared, scope, message).await
    }

    /// Publishes messages to a topic: commits the deliveries to all subscribers that want them, then answers the ids
    /// of the messages, in order. `None` if there is no such topic.
    ///
    /// # Errors
    /// Nothing was published.
    pub async fn publish(
        &self,
        scope: &Scope,
        topic: &str,
        messages: &[TopicMessage],
    ) -> Result<Option<Vec<Uuid>>, AskError> {
        topics::publish(&self.shared, scope, topic, messages).await
    }

    /// Whether there is a topic of this name here.
    #[must_use]
    pub fn holds_topic(&self, scope: &Scope, name: &str) -> bool {
        self.shared.topics.holds(scope, name)
    }

    /// Whether there is a state machine of this name here.
    #[must_use]
    pub fn holds_machine(&self, scope: &Scope, name: &str) -> bool {
        self.shared.machines.holds(scope, name)
    }

    /// Whether there is a function of this name here.
    #[must_use]
    pub fn holds_function(&self, scope: &Scope, name: &str) -> bool {
        self.shared.functions.holds(scope, name)
    }

    /// Takes an event for a function: answered once it is durable. The id is the request's.
    ///
    /// # Errors
    /// Nothing was taken.
    pub async fn invoke_later(
        &self,
        scope: &Scope,
        id: Uuid,
        start: bus::invocation::Start,
    ) -> Result<(), AskError> {
        let input = bus::invocation::Input::Start(Box::new(start));
        let input = Input::Invocation(Box::new(input));
        let to = AggregateId::invocation(id);
        self.ask(to, scope, input).await.map(|_| ())
    }

    /// Names the chat channels that get what topics publish.
    pub fn show_in_chat(&self, channels: &[ChatChannel]) {
        self.shared.topics.show_in_chat(channels);
    }
}
