//! Starting, recovering and stopping the engine.

use std::sync::Arc;
use std::time::Duration;

use bus::schedule::Missed;
use flow::asl::Definitions;
use jiff::{SignedDuration, Timestamp};
use model::Scope;
use model::bus::RULE;
use model::function::FUNCTION;
use model::resource::Resource;
use model::state_machine::STATE_MACHINE;
use model::topic::TOPIC;
use ports::store::{ResourceQuery, Retention};
use ports::{Clock, Effects, EntropySource, Store, StoreError};

use crate::accept::Counters;
use crate::archives::{self, Archives};
use crate::dispatch::Dispatcher;
use crate::documents::Documents;
use crate::functions::Names;
use crate::handle::Handle;
use crate::metrics::{self, Metrics};
use crate::places::{self, Places, RunLimits};
use crate::recent::{Recent, RecentLimits};
use crate::recovery;
use crate::registry::RuleRegistry;
use crate::removal;
use crate::routes::Routes;
use crate::schedules::Schedules;
use crate::tasks::Tasks;
use crate::timers::TimerWheel;
use crate::topics::TopicRegistry;
use crate::watch::Watches;

/// The doors that the engine works through.
#[derive(Clone)]
pub struct Ports {
    /// Durable state.
    pub store: Arc<dyn Store>,
    /// Outside effects.
    pub effects: Arc<dyn Effects>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn EntropySource>,
}

/// How the engine behaves. The defaults suit one node.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Effect-free steps that one turn of a run may take before others get their chance.
    pub step_budget: u32,
    /// Seconds that a step of a run tries a throttled call again for (0 to 3600).
    pub throttle_retry_secs: u32,
    /// Inputs waiting in memory before new ones are refused as busy.
    pub max_waiting: usize,
    /// How long a stop waits for effects under way; what is not done by then is recovered at the next start.
    pub stop_grace: Duration,
    /// How long consumed inbox rows are kept.
    pub keep_inbox: SignedDuration,
    /// How long settled effects are kept.
    pub keep_effects: SignedDuration,
    /// How long the journal is kept; `None` for ever.
    pub keep_journal: Option<SignedDuration>,
    /// How long lapsed claims are kept beyond their lapse.
    pub keep_claims: SignedDuration,
    /// How long the numbers of minutes are kept.
    pub keep_metrics: SignedDuration,
    /// How long an ended dry run is kept.
    pub keep_previews: SignedDuration,
    /// The last events of each bus that are kept in memory.
    pub recent: RecentLimits,
    /// How often finished rows are pruned.
    pub prune_every: Duration,
    /// How long an eventually consistent read may lag behind a write, before a probe's "not found" counts.
    pub consistency_delay: Duration,
    /// How many runs may be under way and may wait.
    pub runs: RunLimits,
    /// What becomes of firings of scheduled rules that were due while the process was down.
    pub missed_schedules: Missed,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            step_budget: 10_000,
            throttle_retry_secs: 0,
            max_waiting: 100_000,
            stop_grace: Duration::from_secs(10),
            keep_inbox: SignedDuration::from_hours(24),
            keep_effects: SignedDuration::from_hours(24 * 30),
            keep_journal: None,
            keep_claims: SignedDuration::from_hours(1),
            keep_metrics: SignedDuration::from_hours(24 * 15),
            keep_previews: SignedDuration::from_hours(24 * 7),
            recent: RecentLimits {
                events: 1_000,
                bytes: 4 * 1024 * 1024,
            },
            prune_every: Duration::from_secs(600),
            consistency_delay: Duration::from_secs(5),
            runs: RunLimits::default(),
            missed_schedules: Missed::Once,
        }
    }
}

/// What all parts of the engine share.
pub(crate) struct Shared {
    pub(crate) ports: Ports,
    pub(crate) options: Options,
    pub(crate) rules: RuleRegistry,
    pub(crate) archives: Archives,
    pub(crate) schedules: Schedules,
    pub(crate) topics: TopicRegistry,
    pub(crate) functions: Names,
    pub(crate) machines: Names,
    pub(crate) dispatcher: Dispatcher,
    pub(crate) timers: TimerWheel,
    pub(crate) tasks: Tasks,
    pub(crate) rule_changes: tokio::sync::Mutex<()>,
    pub(crate) counters: Counters,
    pub(crate) metrics: Metrics,
    pub(crate) recent: Recent,
    pub(crate) routes: Routes,
    pub(crate) documents: Documents,
    pub(crate) places: Places,
    pub(crate) commits: tokio::sync::Semaphore,
    pub(crate) watches: Watches,
    /// Of state machines.
    pub(crate) definitions: Arc<Definitions>,
}

/// A running engine. Dropping it does not stop it: call [`Engine::stop`].
pub struct Engine {
    shared: Arc<Shared>,
}

/// Commits of actors under way at once; a store's queue has room for more.
const MAX_COMMITS: usize = 1_024;

/// Rows deleted by one pruning transaction, so that none is long.
const PRUNE_BATCH: usize = 500;

impl Engine {
    /// Loads the rules, takes up everything that was under way when the last process ended, and runs.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn start(ports: Ports, options: Options) -> Result<(Self, Handle), StoreError> {
        Self::start_with(ports, options, |_| {}).await
    }

    /// As [`Engine::start`], but hands the handle out before anything is taken up: whoever answers effects that call
    /// Quell itself must be ready by then.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn start_with(
        ports: Ports,
        options: Options,
        ready: impl FnOnce(&Handle),
    ) -> Result<(Self, Handle), StoreError> {
        let shared = Arc::new_cyclic(|weak| Shared {
            dispatcher: Dispatcher::new(weak.clone(), options.max_waiting),
            metrics: Metrics::new(Arc::clone(&ports.clock)),
            recent: Recent::new(options.recent),
            ports,
            options,
            rules: RuleRegistry::default(),
            archives: Archives::default(),
            schedules: Schedules::default(),
            topics: TopicRegistry::default(),
            functions: Names::default(),
            machines: Names::default(),
            timers: TimerWheel::default(),
            tasks: Tasks::default(),
            rule_changes: tokio::sync::Mutex::new(()),
            counters: Counters::default(),
            routes: Routes::default(),
            documents: Documents::default(),
            places: Places::new(options.runs),
            commits: tokio::sync::Semaphore::new(MAX_COMMITS),
            watches: Watches::default(),
            definitions: Arc::default(),
        });
        let handle = Handle {
            shared: Arc::clone(&shared),
        };
        let marks = shared.ports.store.marks().await?;
        let deleted = load_resources(&shared).await?;
        archives::load(&shared).await?;
        places::restore(&shared).await?;
        ready(&handle);
        shared
            .timers
            .refill(&shared, shared.ports.clock.now())
            .await?;
        recovery::take_up(&shared, marks).await?;
        for (scope, name) in deleted {
            removal::begin(&shared, scope, name);
        }
        places::begin(&shared);
        let wheel = Arc::clone(&shared);
        shared
            .tasks
            .spawn_background(async move { wheel.timers.run(&wheel).await });
        let pruner = Arc::clone(&shared);
        shared
            .tasks
            .spawn_background(async move { prune_forever(&pruner).await });
        let counted = Arc::clone(&shared);
        shared
            .tasks
            .spawn_background(async move { metrics::run(&counted).await });
        Ok((Self { shared }, handle))
    }

    /// Refuses new inputs, lets turns and effects under way end (effects at most `stop_grace`), and returns.
    pub async fn stop(self) {
        self.shared.dispatcher.close();
        self.shared.tasks.stop_background();
        let grace = self
            .shared
            .ports
            .clock
            .sleep(self.shared.options.stop_grace);
        tokio::select! {
            () = self.shared.tasks.idle() => {}
            () = grace => tracing::warn!("effects are still under way at the stop; they are recovered at the next start"),
        }
        metrics::flush_all(&self.shared).await;
    }

    /// Waits until no turn and no effect is under way (timers may still be pending). For tests and orderly hand-over.
    pub async fn settle(&self) {
        self.shared.tasks.idle().await;
    }
}

/// Reads what must be at hand of the store's resources. Gives the state machines whose removal was not over.
async fn load_resources(shared: &Shared) -> Result<Vec<(Scope, String)>, StoreError> {
    load(shared, RULE, |found| {
        let (schedules, rules) = (&shared.schedules, &shared.rules);
        schedules.load(&found.scope, &found.name, &found.body);
        rules.apply(&found.scope, &found.name, Some(found.body));
    })
    .await?;
    load(shared, TOPIC, |found| {
        let topics = &shared.topics;
        topics.apply(&found.scope, &found.name, Some(found.body));
    })
    .await?;
    load(shared, FUNCTION, |found| {
        shared.functions.apply(&found.scope, &found.name, true);
    })
    .await?;
    let mut deleted = Vec::new();
    load(shared, STATE_MACHINE, |found| {
        shared.machines.apply(&found.scope, &found.name, true);
        if removal::is_due(&found.body) {
            deleted.push((found.scope, found.name));
        }
    })
    .await?;
    Ok(deleted)
}

/// Shows every stored resource of a family.
async fn load(
    shared: &Shared,
    kind: &str,
    mut show: impl FnMut(Resource),
) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let query = ResourceQuery {
            scope: None,
            kind: kind.to_owned(),
            prefix: String::new(),
            after: after.take(),
            limit: 1_000,
        };
        let page = shared.ports.store.resources(query).await?;
        let full = page.len() == 1_000;
        if let Some(last) = page.last() {
            after = Some((last.scope.clone(), last.name.clone()));
        }
        page.into_iter().for_each(&mut show);
        if !full {
            return Ok(());
        }
    }
}

async fn prune_forever(shared: &Shared) {
    loop {
        shared.ports.clock.sleep(shared.options.prune_every).await;
        if let Err(error) = archives::prune(shared).await {
            tracing::warn!(error = %error, "pruning archives failed, it is tried again later");
        }
        let retention = retention(&shared.options, shared.ports.clock.now());
        loop {
            match shared.ports.store.prune(retention, PRUNE_BATCH).await {
                Ok(0) => break,
                Ok(_) => tokio::task::yield_now().await,
                Err(error) => {
                    tracing::warn!(error = %error, "pruning failed, it is tried again later");
                    break;
                }
            }
        }
    }
}

fn retention(options: &Options, now: Timestamp) -> Retention {
    let before = |keep: SignedDuration| now.checked_sub(keep).ok();
    Retention {
        inbox_before: before(options.keep_inbox),
        effects_before: before(options.keep_effects),
        journal_before: options.keep_journal.and_then(before),
        claims_before: before(options.keep_claims),
        measured_before: before(options.keep_metrics),
    }
}
