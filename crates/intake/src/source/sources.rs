//! All sources: those of the configuration file and those made by the API, running while they are there.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use engine::{Handle, ResourceChange};
use jiff::{SignedDuration, Timestamp};
use model::Scope;
use model::bus::BUS;
use model::resource::Expect;
use ports::store::ResourceQuery;
use serde_json::json;
use tokio::sync::{Semaphore, watch};

use super::credentials::Variables;
use super::doors::Doors;
use super::oauth::TokenKey;
use super::room::Room;
use super::settings::{Kind, MAX_SOURCES, Settings, SettingsError};
use super::state::{Snapshot, State};
use super::tasks::Tasks;
use super::{http, parked, sns, sqs};
use crate::decode::Format;

/// Resource kind of sources made by the API. Name: the source's.
pub const SOURCE: &str = "intake-source";
/// How long a bus that was found counts as there.
const BUS_MEMORY: SignedDuration = SignedDuration::from_secs(5);

/// Where a source stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// In the configuration file: the API shows it and cannot change it.
    File,
    /// In the store, at this revision.
    Api {
        /// The resource's revision.
        revision: u64,
    },
}

/// What holds for all sources.
#[derive(Debug, Clone)]
pub struct Options {
    /// The account that this server stands for.
    pub account: String,
    /// The region of buses that settings name without one.
    pub region: String,
    /// Sources of the configuration file, checked and sealed.
    pub file: Vec<Settings>,
    /// Requests worked on at once; more are told to come again.
    pub max_requests: usize,
    /// Messages that are parked at once; what comes beyond is left with its sender.
    pub max_parked: u64,
}

/// Why a source was not made, changed or removed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// Its settings are wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// It is one of the configuration file's.
    #[error(
        "source `{0}` stands in the configuration file: change it there and start the server anew"
    )]
    OfFile(String),
    /// There is one of this name.
    #[error("there is a source `{0}` already: choose another name, or change that one")]
    Exists(String),
    /// There is none of this name.
    #[error("there is no source `{0}`")]
    Missing(String),
    /// There are too many.
    #[error("there are {MAX_SOURCES} sources, and no more fit: remove one")]
    TooMany,
    /// The store refused.
    #[error(transparent)]
    Store(#[from] engine::ChangeError),
}

/// A source as it runs.
pub(super) struct Source {
    pub(super) settings: Settings,
    pub(super) origin: Origin,
    pub(super) format: Format,
    pub(super) bus: String,
    pub(super) scope: Scope,
    pub(super) state: State,
    found_bus: Mutex<Option<Timestamp>>,
    stop: watch::Sender<bool>,
}

/// What all sources share.
pub(super) struct Shared {
    pub(super) handle: Handle,
    pub(super) doors: Doors,
    pub(super) options: Options,
    pub(super) slots: Semaphore,
    pub(super) room: Room,
    pub(super) tokens: TokenKey,
    pub(super) certificates: sns::Certificates,
    table: RwLock<BTreeMap<String, Arc<Source>>>,
    changes: tokio::sync::Mutex<bool>,
    tasks: Tasks,
}

/// All sources. Cheap to clone.
#[derive(Clone)]
pub struct Sources {
    pub(super) shared: Arc<Shared>,
}

impl Source {
    fn new(settings: Settings, origin: Origin, options: &Options) -> Result<Self, SettingsError> {
        let wrong = |problem: String| SettingsError {
            name: settings.name.clone(),
            problem,
        };
        let format = settings.read_format().map_err(&wrong)?;
        let (bus, place) = settings.bus().map_err(&wrong)?;
        let (account, region) =
            place.unwrap_or_else(|| (options.account.clone(), options.region.clone()));
        if account != options.account {
            return Err(wrong(format!(
                "`bus` is one of the account {account}, and this server stands for {}",
                options.account
            )));
        }
        Ok(Self {
            format,
            bus,
            scope: Scope::new(&account, &region),
            origin,
            state: State::default(),
            found_bus: Mutex::default(),
            stop: watch::channel(false).0,
            settings,
        })
    }

    /// Events for a bus that is not there would match nothing: they are left where they are.
    pub(super) async fn require_bus(&self, engine: &Handle) -> Result<(), String> {
        if self.bus == "default" {
            return Ok(());
        }
        let now = engine.now();
        let found = *self
            .found_bus
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if found.is_some_and(|at| now.duration_since(at) < BUS_MEMORY) {
            return Ok(());
        }
        let bus = engine.resource(&self.scope, BUS, &self.bus).await;
        match bus.map_err(|error| error.to_string())? {
            Some(_) => {
                *self
                    .found_bus
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner) = Some(now);
                Ok(())
            }
            None => Err(format!(
                "the bus `{}` does not exist in {}: create it, or name another in the source's `bus`",
                self.bus, self.scope.region
            )),
        }
    }

    pub(super) fn is_reachable(&self, kind: Kind) -> bool {
        self.settings.enabled && self.settings.kind == kind
    }
}

impl Sources {
    /// Puts the sources of the configuration file together; nothing runs yet.
    ///
    /// # Errors
    /// A source that is wrong.
    pub fn new(handle: Handle, doors: Doors, options: Options) -> Result<Self, SettingsError> {
        let mut table = BTreeMap::new();
        for settings in &options.file {
            settings.check()?;
            let source = Source::new(settings.clone(), Origin::File, &options)?;
            if table
                .insert(settings.name.clone(), Arc::new(source))
                .is_some()
            {
                return Err(SettingsError {
                    name: settings.name.clone(),
                    problem: "the name stands twice: give each source its own".to_owned(),
                });
            }
        }
        let tokens = TokenKey::new(&doors.entropy.draw());
        let shared = Shared {
            slots: Semaphore::new(options.max_requests.max(1)),
            room: Room::new(options.max_parked),
            handle,
            doors,
            options,
            tokens,
            certificates: sns::Certificates::default(),
            table: RwLock::new(table),
            changes: tokio::sync::Mutex::new(false),
            tasks: Tasks::default(),
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// Adds the sources that were made by the API, and starts polling.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn start(&self) -> Result<(), engine::ReadError> {
        let mut started = self.shared.changes.lock().await;
        let query = ResourceQuery {
            scope: Some(self.shared.owner()),
            kind: SOURCE.to_owned(),
            prefix: String::new(),
            after: None,
            limit: 1_000,
        };
        for resource in self.shared.handle.resources(query).await? {
            let origin = Origin::Api {
                revision: resource.revision,
            };
            let settings: Result<Settings, _> = serde_json::from_value(resource.body);
            let source = settings
                .map_err(|error| error.to_string())
                .and_then(|settings| {
                    Source::new(settings, origin, &self.shared.options)
                        .map_err(|error| error.to_string())
                });
            match source {
                Ok(_) if self.shared.find(&resource.name).is_some() => tracing::warn!(
                    source = resource.name,
                    "a source of the configuration file goes before the stored one of the same name"
                ),
                Ok(source) => self.shared.insert(Arc::new(source)),
                Err(error) => {
                    tracing::error!(
                        source = resource.name,
                        error,
                        "a stored source cannot be used; it is left out"
                    );
                }
            }
        }
        *started = true;
        for source in self.shared.all() {
            self.shared.run(&source);
        }
        Ok(())
    }

    /// Stops polling: messages in hand are settled first.
    pub async fn stop(&self) {
        *self.shared.changes.lock().await = false;
        for source in self.shared.all() {
            source.stop.send_replace(true);
        }
        self.shared.tasks.ended().await;
    }

    /// Every source in order of name: its settings, where it stands, its state.
    #[must_use]
    pub fn list(&self) -> Vec<(Settings, Origin, Snapshot)> {
        self.shared
            .all()
            .iter()
            .map(|source| source.shown())
            .collect()
    }

    /// One source.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<(Settings, Origin, Snapshot)> {
        self.shared.find(name).map(|source| source.shown())
    }

    /// Makes a source; it runs from here on.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub async fn create(&self, settings: Settings) -> Result<(), ChangeError> {
        let started = self.shared.changes.lock().await;
        let name = settings.name.clone();
        if let Some(existing) = self.shared.find(&name) {
            return Err(match existing.origin {
                Origin::File => ChangeError::OfFile(name),
                Origin::Api { .. } => ChangeError::Exists(name),
            });
        }
        if self.shared.all().len() >= MAX_SOURCES {
            return Err(ChangeError::TooMany);
        }
        self.put(settings, Expect::Absent, *started).await
    }

    /// Changes a source as a whole. Its counts begin anew.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub async fn replace(&self, settings: Settings) -> Result<(), ChangeError> {
        let started = self.shared.changes.lock().await;
        let revision = self.shared.changeable(&settings.name)?;
        self.put(settings, Expect::Revision(revision), *started)
            .await
    }

    /// Removes a source. What it has parked stays.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub async fn remove(&self, name: &str) -> Result<(), ChangeError> {
        let _order = self.shared.changes.lock().await;
        let revision = self.shared.changeable(name)?;
        let change = ResourceChange {
            scope: self.shared.owner(),
            kind: SOURCE,
            name: name.to_owned(),
            expect: Expect::Revision(revision),
            body: None,
        };
        self.shared.handle.change(vec![change]).await?;
        if let Some(source) = self.shared.take(name) {
            source.stop.send_replace(true);
        }
        Ok(())
    }

    async fn put(
        &self,
        mut settings: Settings,
        expect: Expect,
        started: bool,
    ) -> Result<(), ChangeError> {
        seal(&mut settings, None)?;
        settings.check()?;
        let mut source = Source::new(settings, Origin::Api { revision: 0 }, &self.shared.options)?;
        let change = ResourceChange {
            scope: self.shared.owner(),
            kind: SOURCE,
            name: source.settings.name.clone(),
            expect,
            body: Some(json!(source.settings)),
        };
        let revisions = self.shared.handle.change(vec![change]).await?;
        source.origin = Origin::Api {
            revision: revisions.first().copied().unwrap_or_default(),
        };
        let source = Arc::new(source);
        if let Some(before) = self.shared.take(&source.settings.name) {
            before.stop.send_replace(true);
        }
        self.shared.insert(Arc::clone(&source));
        if started {
            self.shared.run(&source);
        }
        Ok(())
    }

    /// Largest body that a path takes; `None` when nobody takes requests there.
    #[must_use]
    pub fn body_limit(&self, path: &str) -> Option<usize> {
        http::body_limit(&self.shared, path)
    }

    /// Answers a request of a sender: once what it brought is committed, and within five seconds.
    pub async fn answer(
        &self,
        request: ::http::Request<bytes::Bytes>,
    ) -> ::http::Response<bytes::Bytes> {
        http::answer(&self.shared, request).await
    }

    /// Confirms a subscription that waits for an operator.
    ///
    /// # Errors
    /// There is none, or SNS refused.
    pub async fn confirm(&self, name: &str, topic: &str) -> Result<String, parked::ParkedError> {
        sns::confirm_pending(&self.shared, name, topic).await
    }

    /// Takes a parked message in after all, as its source now is.
    ///
    /// # Errors
    /// [`parked::ParkedError`].
    pub async fn retry(
        &self,
        id: uuid::Uuid,
        by: &str,
    ) -> Result<parked::RetriedMessage, parked::ParkedError> {
        parked::retry(&self.shared, id, by).await
    }
}

/// Replaces secrets by their digests.
///
/// # Errors
/// A credential without a usable secret.
pub fn seal(settings: &mut Settings, variable: Variables<'_>) -> Result<(), SettingsError> {
    let name = model::incident::cut(&settings.name, 64).to_owned();
    for (index, credential) in settings.credentials.iter_mut().enumerate() {
        credential.seal(variable).map_err(|problem| SettingsError {
            name: name.clone(),
            problem: format!("credential {}: {problem}", index + 1),
        })?;
    }
    Ok(())
}

impl Shared {
    /// Whose the stored sources are.
    pub(super) fn owner(&self) -> Scope {
        Scope::new(&self.options.account, "").global()
    }

    pub(super) fn find(&self, name: &str) -> Option<Arc<Source>> {
        self.read().get(name).cloned()
    }

    pub(super) fn all(&self) -> Vec<Arc<Source>> {
        self.read().values().cloned().collect()
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, BTreeMap<String, Arc<Source>>> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn insert(&self, source: Arc<Source>) {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        table.insert(source.settings.name.clone(), source);
    }

    fn take(&self, name: &str) -> Option<Arc<Source>> {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        table.remove(name)
    }

    /// The revision of a source that the API may change.
    fn changeable(&self, name: &str) -> Result<u64, ChangeError> {
        match self.find(name).map(|source| source.origin) {
            None => Err(ChangeError::Missing(name.to_owned())),
            Some(Origin::File) => Err(ChangeError::OfFile(name.to_owned())),
            Some(Origin::Api { revision }) => Ok(revision),
        }
    }

    /// Starts what a source does by itself.
    fn run(self: &Arc<Self>, source: &Arc<Source>) {
        if !source.is_reachable(Kind::Sqs) {
            return;
        }
        for _ in 0..source.settings.receivers.unwrap_or(2) {
            let work = sqs::receive(
                Arc::clone(self),
                Arc::clone(source),
                source.stop.subscribe(),
            );
            self.tasks.spawn(work);
        }
        let look = sqs::watch_queue(
            Arc::clone(self),
            Arc::clone(source),
            source.stop.subscribe(),
        );
        self.tasks.spawn(look);
    }
}

impl Source {
    fn shown(&self) -> (Settings, Origin, Snapshot) {
        (self.settings.clone(), self.origin, self.state.snapshot())
    }
}
