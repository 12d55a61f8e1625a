//! Puts the parts together. The only place that names a concrete store, performer or clock.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use aws::client::Concurrency;
use bytes::Bytes;
use effects::config as rim;
use effects::function::FunctionShelf;
use effects::notary::FileNotary;
use effects::{
    AwsClient, AwsClientConfig, Local, LocalService, Outgoing, Performer, SessionRegistry,
};
use engine::{
    ChatChannel, Engine, Handle, Options, Ports, StoredAttachments, StoredDestinations,
    StoredFunctions,
};
use intake::source::Sources;
use jiff::SignedDuration;
use ports::connection::Authorizer;
use ports::{BoxFuture, Clock, EntropySource, Notary, Store, Vault};
use server::{AccessKey, AppState, FunctionPorts, Router, ServerConfig};
use store::SqliteStore;

use crate::clock::{SystemClock, SystemEntropy};
use crate::config::{Config, Encryption};
use crate::credentials::{self, Minted};
use crate::vault;

/// Everything that runs.
pub(crate) struct Parts {
    pub(crate) engine: Engine,
    pub(crate) handle: Handle,
    pub(crate) state: AppState,
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) minted: Minted,
    pub(crate) sources: Sources,
}

/// Name of the file with the key and certificate of topics' messages in the data directory.
const SIGNING_FILE: &str = "topic-signing.pem";

/// Name of the hidden command that limits a script before it starts.
pub(crate) const SANDBOX: &str = "__script-sandbox";

/// Opens the store, recovers, and runs the engine; the server is ready to be served.
pub(crate) async fn assemble(config: &Config) -> Result<Parts> {
    let data_dir = &config.server.data_dir;
    make_private_dir(data_dir)?;
    let entropy = Arc::new(SystemEntropy);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let internal = credentials::mint("quell-runbooks", entropy.as_ref(), false);
    let inside = Arc::new(Inside::default());
    let mut aws = outbound(config, rim::Environment::of_process());
    find_region(&mut aws, (&clock, &entropy)).await;
    let store = Arc::new(open_store(data_dir)?);
    let source: Arc<dyn EntropySource> = Arc::<SystemEntropy>::clone(&entropy);
    let vault::Opened { vault, proof } = vault::open(data_dir, store.as_ref(), source).await?;
    let doors = crate::intake::doors((&clock, &entropy), &aws)?;
    let shelf: Arc<dyn Store> = Arc::<SqliteStore>::clone(&store);
    let notary = notary(data_dir, &clock, &entropy);
    let code = code_shelf(config, &clock)?;
    let kept = Kept::new((&vault, &shelf), &notary, &code);
    let performer = performer(config, (&clock, &entropy, aws), &internal, &inside, kept)?;
    crate::scripts::check_walls(&performer, config).await?;
    let (authorizer, objects) = (performer.authorizer(), performer.objects());
    let functions = function_ports(&performer, code);
    // Only now: a start that is refused above must not use up the one time that a new key is told.
    let minted = credentials::load_or_mint(data_dir, entropy.as_ref())?;
    minted.tell();
    let ports = Ports {
        store: shelf,
        effects: Arc::new(performer),
        clock,
        entropy,
    };
    // The router must stand before the engine recovers: a runbook under way may call Quell itself at once.
    let (engine, handle) = Engine::start_with(ports, options(config), |handle| {
        handle.show_in_chat(&chat_channels(config));
        let mut server = server_config(config, &minted, (&internal, &inside), (vault, authorizer));
        server.notary = Some(notary);
        server.functions = functions;
        server.objects = Some(objects);
        let state = AppState::new(handle.clone(), server);
        let _ = inside.router.set(server::router(state.clone()));
        let _ = inside.state.set(state);
    })
    .await
    .context("the engine cannot start")?;
    let state = inside.state()?;
    if let Some(proof) = proof {
        let kept = handle.change(vec![proof]).await;
        kept.context("the proof of the key file cannot be kept")?;
    }
    let sources = crate::intake::sources(config, &handle, doors)?;
    state.set_intake(sources.clone());
    let started = sources.start().await;
    started.context("the sources of events cannot be read")?;
    state.readiness().ready();
    Ok(Parts {
        sources,
        engine,
        handle,
        state,
        store,
        minted,
    })
}

fn open_store(data_dir: &Path) -> Result<SqliteStore> {
    let options = store::Options {
        // After a failed sync nothing in memory can be trusted: recovery starts from what is on disk.
        on_fatal: Box::new(|reason| {
            tracing::error!(
                reason,
                "the store failed; the process ends and recovers at its next start"
            );
            std::process::abort();
        }),
        ..store::Options::default()
    };
    let path = data_dir.join("quell.sqlite");
    SqliteStore::open(&path, options).with_context(|| format!("cannot open {}", path.display()))
}

pub(crate) fn make_private_dir(path: &Path) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder
        .create(path)
        .with_context(|| format!("cannot create the data directory {}", path.display()))
}

fn options(config: &Config) -> Options {
    let days = |days: u32| SignedDuration::from_hours(i64::from(days) * 24);
    Options {
        step_budget: config.engine.step_budget,
        throttle_retry_secs: config.engine.throttle_retry_secs,
        stop_grace: Duration::from_secs(config.engine.stop_grace_secs),
        consistency_delay: Duration::from_secs(config.engine.consistency_delay_secs),
        keep_inbox: days(config.retention.inbox_days),
        keep_effects: days(config.retention.effects_days),
        keep_journal: (config.retention.journal_days > 0)
            .then(|| days(config.retention.journal_days)),
        missed_schedules: config.events.missed_schedules,
        keep_metrics: days(config.retention.metrics_days),
        keep_previews: days(config.retention.previews_days),
        recent: engine::RecentLimits {
            events: config.events.recent_events,
            bytes: config.events.recent_bytes,
        },
        runs: engine::RunLimits {
            concurrent: config.engine.concurrent_runs,
            queued: config.engine.queued_runs,
            concurrent_fleets: config.engine.concurrent_target_runs,
            queued_fleets: config.engine.queued_target_runs,
        },
        ..Options::default()
    }
}

fn server_config(
    config: &Config,
    minted: &Minted,
    (internal, inside): (&AccessKey, &Inside),
    (vault, authorizer): (Arc<dyn Vault>, Arc<dyn Authorizer>),
) -> ServerConfig {
    let own = config.auth.access_keys.iter().map(|key| AccessKey {
        id: key.id.clone(),
        secret: key.secret.clone(),
        ingest: key.ingest,
        name: key.name.clone().unwrap_or_else(|| key.id.clone()),
    });
    let keys = own.chain([minted.key.clone(), internal.clone()]).collect();
    let mut server = ServerConfig::new(&config.auth.account_id, keys, vault);
    server.authorizer = Some(authorizer);
    server.sessions = Some(Arc::<SessionRegistry>::clone(&inside.sessions));
    server.allow_http_endpoints = config.webhooks.allow_http;
    server.public_url = addresses(config).1;
    server.event_size_limit = config.events.max_request_bytes;
    server.scrape = server::ScrapeConfig {
        token: server::ScrapeToken(config.metrics.scrape_token.clone()),
        open_on_loopback: config.metrics.open_on_loopback,
    };
    server.aws_endpoint_url =
        (!config.aws.endpoint_url.is_empty()).then(|| config.aws.endpoint_url.clone());
    server
}

/// What lies in the data directory.
struct Kept<'a> {
    vault: &'a Arc<dyn Vault>,
    store: &'a Arc<dyn Store>,
    notary: &'a Arc<dyn Notary>,
    code: &'a FunctionShelf,
}

impl<'a> Kept<'a> {
    fn new(
        (vault, store): (&'a Arc<dyn Vault>, &'a Arc<dyn Store>),
        notary: &'a Arc<dyn Notary>,
        code: &'a FunctionShelf,
    ) -> Self {
        Self {
            vault,
            store,
            notary,
            code,
        }
    }
}

/// Where the code of functions lies.
fn code_shelf(config: &Config, clock: &Arc<dyn Clock>) -> Result<FunctionShelf> {
    let functions = &config.functions;
    let limits = ports::function::CodeLimits {
        archive_bytes: functions.max_archive_mib << 20,
        unpacked_bytes: functions.max_unpacked_mib << 20,
        overall_bytes: functions.code_storage_mib << 20,
        concurrent: functions.max_concurrent,
    };
    let directory = config.server.data_dir.join("functions");
    make_private_dir(&directory)?;
    FunctionShelf::new(&directory, limits, Arc::clone(clock))
        .with_context(|| format!("the code of functions in {}", directory.display()))
}

fn function_ports(performer: &Performer, code: FunctionShelf) -> Option<FunctionPorts> {
    let invoker = performer.functions()?;
    Some(FunctionPorts {
        invoker,
        code: Arc::new(code),
    })
}

/// The address of this server's listener, and the one under which others reach it.
fn addresses(config: &Config) -> (String, String) {
    let scheme = if config.server.tls_certificate.is_empty() {
        "http"
    } else {
        "https"
    };
    let url = format!("{scheme}://{}", config.server.listen);
    let public_url = match config.server.public_url.as_str() {
        "" => url.clone(),
        own => own.trim_end_matches('/').to_owned(),
    };
    (url, public_url)
}

/// The signer of topics' messages; its key is made when it is first needed.
fn notary(
    data_dir: &Path,
    clock: &Arc<dyn Clock>,
    entropy: &Arc<SystemEntropy>,
) -> Arc<dyn Notary> {
    let entropy: Arc<dyn EntropySource> = Arc::<SystemEntropy>::clone(entropy);
    let path = data_dir.join(SIGNING_FILE);
    Arc::new(FileNotary::new(&path, Arc::clone(clock), entropy))
}

fn performer(
    config: &Config,
    (clock, entropy, aws): (&Arc<dyn Clock>, &Arc<SystemEntropy>, rim::Aws),
    internal: &AccessKey,
    inside: &Arc<Inside>,
    kept: Kept<'_>,
) -> Result<Performer> {
    let (url, public_url) = addresses(config);
    let ca_bundle = aws.ca_bundle.clone();
    let rim = rim::Config {
        clock: Arc::clone(clock),
        entropy: Arc::<SystemEntropy>::clone(entropy),
        smtp: smtp(config),
        aws,
        scripts: crate::scripts::of(config)?,
        sessions: Arc::clone(&inside.sessions),
        webhook: rim::Webhook {
            allow_http: config.webhooks.allow_http,
            allow_private: config.webhooks.allow_private,
            ca_bundle,
            timeout: Duration::from_secs(config.webhooks.timeout_secs),
            destination_timeout: Duration::from_secs(config.webhooks.destination_timeout_secs),
        },
        local: Some(Local {
            service: Arc::clone(inside) as Arc<dyn LocalService>,
            credentials: aws::credentials::Credentials::new(&internal.id, &internal.secret),
            url,
        }),
        logs: Some(rim::LogFiles::new(config.server.data_dir.join("logs"))),
        functions: Some(rim::Functions {
            source: Arc::new(StoredFunctions::new(Arc::clone(kept.store))),
            shelf: kept.code.clone(),
            logs: config.server.data_dir.join("logs/functions"),
            patience: Duration::from_secs(config.functions.queue_secs),
        }),
        vault: Some(Arc::clone(kept.vault)),
        destinations: Some(Arc::new(StoredDestinations::new(Arc::clone(kept.store)))),
        attachments: Some(Arc::new(StoredAttachments::new(Arc::clone(kept.store)))),
        topics: Some(topics(config, public_url, kept.notary)),
    };
    Performer::new(rim).context("outside effects cannot be set up")
}

/// What messages of topics are signed with, and where chat channels lie.
fn topics(config: &Config, public_url: String, notary: &Arc<dyn Notary>) -> rim::Topics {
    let channels = config.chat.slack.iter();
    rim::Topics {
        notary: Arc::clone(notary),
        public_url,
        chat: channels
            .map(|one| (one.name.clone(), one.webhook_url.as_str().into()))
            .collect(),
    }
}

/// The chat channels, without their addresses.
fn chat_channels(config: &Config) -> Vec<ChatChannel> {
    let channels = config.chat.slack.iter();
    channels
        .map(|one| ChatChannel {
            name: one.name.clone(),
            topics: one.topics.clone(),
        })
        .collect()
}

/// How this configuration has AWS called, by the server and by `quell aws` alike.
pub(crate) fn outbound(config: &Config, environment: rim::Environment) -> rim::Aws {
    let filled = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let roles = config.aws.roles.iter();
    rim::Aws {
        endpoint_url: filled(&config.aws.endpoint_url),
        endpoint_urls: config.aws.endpoint_urls.clone(),
        profile: filled(&config.aws.profile),
        ca_bundle: filled(&config.aws.ca_bundle).map(PathBuf::from),
        region: config.aws.region.clone(),
        concurrency: concurrency(config),
        roles: roles
            .map(|(arn, role)| (arn.clone(), role.choices()))
            .collect(),
        ..rim::Aws::new(rim::CredentialSource::Chain(environment))
    }
}

/// Where nobody names a region, the instance does. What cannot be used is told by whoever uses it.
async fn find_region(aws: &mut rim::Aws, (clock, entropy): (&Arc<dyn Clock>, &Arc<SystemEntropy>)) {
    let open = aws.settings().is_ok_and(|found| found.region.is_none());
    if !aws.region.is_empty() || !open {
        return;
    }
    let client = AwsClient::new(&AwsClientConfig {
        clock: Arc::clone(clock),
        entropy: Arc::<SystemEntropy>::clone(entropy),
        aws: aws.clone(),
        local: None,
    });
    if let Ok(client) = client
        && let Some(region) = client.instance_region().await
    {
        tracing::info!(region, "the instance names the region");
        aws.region = region;
    }
}

/// Limits of calls, by the client names of the services.
fn concurrency(config: &Config) -> Concurrency {
    let name = |service: &str| {
        let found = aws::model::catalog().service(service);
        found.map_or_else(|_| service.to_owned(), |found| found.name.to_string())
    };
    let limits = config.aws.service_limits.iter();
    Concurrency {
        each: config.aws.max_concurrent_calls,
        overall: config.aws.max_concurrent_calls_overall,
        services: limits
            .map(|(service, limit)| (name(service), *limit))
            .collect(),
    }
}

fn smtp(config: &Config) -> Option<rim::Smtp> {
    let smtp = &config.smtp;
    let filled = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    filled(&smtp.host).map(|host| rim::Smtp {
        host,
        port: smtp.port,
        tls: match smtp.encryption {
            Encryption::None => rim::SmtpTls::None,
            Encryption::StartTls => rim::SmtpTls::StartTls,
            Encryption::Tls => rim::SmtpTls::Tls,
        },
        username: filled(&smtp.username),
        password: filled(&smtp.password).map(Into::into),
        from: smtp.from.clone(),
        ca_bundle: None,
        timeout: Duration::from_secs(smtp.timeout_secs),
    })
}

/// Quell's own services as runbooks call them: in this process, through the same door as any caller.
#[derive(Default)]
struct Inside {
    router: OnceLock<Router>,
    state: OnceLock<AppState>,
    /// The sessions that scripts hold, lent by the performer and asked for by the server.
    sessions: Arc<SessionRegistry>,
}

impl Inside {
    fn state(&self) -> Result<AppState> {
        let state = self.state.get().cloned();
        state.ok_or_else(|| anyhow!("the server was not put together"))
    }
}

impl LocalService for Inside {
    fn serves(&self, service: &str, operation: &str) -> bool {
        server::serves(service, operation)
    }

    fn owns(&self, call: &Outgoing<'_>) -> bool {
        let call = server::Outgoing {
            service: call.service,
            operation: call.operation,
            params: call.params,
            region: call.region,
            account: call.account,
            delivers: call.delivers,
        };
        let state = self.state.get();
        state.is_some_and(|state| server::owns(state, &call))
    }

    fn call(&self, request: http::Request<Bytes>) -> BoxFuture<'static, http::Response<Bytes>> {
        let router = self.router.get().cloned();
        Box::pin(async move {
            match router {
                Some(router) => server::call_inside(router, request).await,
                None => {
                    let mut response =
                        http::Response::new(Bytes::from_static(b"the server is starting"));
                    *response.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
                    response
                }
            }
        })
    }
}
