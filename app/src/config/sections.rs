//! One struct per section of the configuration. What each setting means stands in `config.default.toml`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use aws::settings::{ExplicitEndpoints, Settings};
use intake::source::Settings as Source;
use serde::{Deserialize, Serialize};

use super::chat::Chat;
use super::roles::Role;
use super::scripts::Scripts;

/// The whole configuration.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) server: Server,
    pub(crate) auth: Auth,
    pub(crate) aws: Aws,
    pub(crate) smtp: Smtp,
    pub(crate) scripts: Scripts,
    pub(crate) functions: Functions,
    pub(crate) webhooks: Webhooks,
    pub(crate) chat: Chat,
    pub(crate) events: Events,
    pub(crate) intake: Intake,
    pub(crate) metrics: Metrics,
    pub(crate) engine: Engine,
    pub(crate) retention: Retention,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Server {
    pub(crate) listen: SocketAddr,
    pub(crate) data_dir: PathBuf,
    pub(crate) tls_certificate: String,
    pub(crate) tls_key: String,
    pub(crate) insecure_listen: bool,
    pub(crate) max_connections: usize,
    pub(crate) public_url: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Auth {
    pub(crate) account_id: String,
    #[serde(default)]
    pub(crate) access_keys: Vec<AccessKey>,
}

/// A caller.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccessKey {
    pub(crate) id: String,
    pub(crate) secret: String,
    #[serde(default)]
    pub(crate) name: Option<String>,
    #[serde(default)]
    pub(crate) ingest: bool,
}

impl std::fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessKey")
            .field("id", &self.id)
            .field("ingest", &self.ingest)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Aws {
    pub(crate) endpoint_url: String,
    pub(crate) endpoint_urls: BTreeMap<String, String>,
    pub(crate) profile: String,
    pub(crate) region: String,
    pub(crate) ca_bundle: String,
    pub(crate) max_concurrent_calls: usize,
    pub(crate) max_concurrent_calls_overall: usize,
    pub(crate) service_limits: BTreeMap<String, usize>,
    #[serde(default)]
    pub(crate) roles: BTreeMap<String, Role>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Smtp {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) encryption: Encryption,
    pub(crate) username: String,
    pub(crate) password: String,
    pub(crate) from: String,
    pub(crate) timeout_secs: u64,
}

impl std::fmt::Debug for Smtp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Smtp")
            .field("host", &self.host)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

/// How the connection to the mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Encryption {
    None,
    StartTls,
    Tls,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Functions {
    pub(crate) max_concurrent: usize,
    pub(crate) queue_secs: u64,
    pub(crate) max_archive_mib: u64,
    pub(crate) max_unpacked_mib: u64,
    pub(crate) code_storage_mib: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Webhooks {
    pub(crate) allow_http: bool,
    pub(crate) allow_private: bool,
    pub(crate) timeout_secs: u64,
    pub(crate) destination_timeout_secs: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Events {
    pub(crate) max_request_bytes: usize,
    pub(crate) missed_schedules: engine::MissedSchedules,
    pub(crate) recent_events: usize,
    pub(crate) recent_bytes: usize,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Metrics {
    pub(crate) scrape_token: String,
    pub(crate) open_on_loopback: bool,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics")
            .field("open_on_loopback", &self.open_on_loopback)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Intake {
    pub(crate) max_requests: usize,
    pub(crate) max_parked: u64,
    #[serde(default)]
    pub(crate) sources: Vec<Source>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Engine {
    pub(crate) step_budget: u32,
    pub(crate) throttle_retry_secs: u32,
    pub(crate) stop_grace_secs: u64,
    pub(crate) consistency_delay_secs: u64,
    pub(crate) concurrent_runs: usize,
    pub(crate) queued_runs: usize,
    pub(crate) concurrent_target_runs: usize,
    pub(crate) queued_target_runs: usize,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Retention {
    pub(crate) inbox_days: u32,
    pub(crate) effects_days: u32,
    pub(crate) journal_days: u32,
    pub(crate) metrics_days: u32,
    pub(crate) previews_days: u32,
}

/// A user's file: any part of the configuration, but nothing else. Read only to find mistakes with their lines.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the fields exist to be checked by serde")]
pub(crate) struct Partial {
    server: Option<toml::Table>,
    auth: Option<toml::Table>,
    aws: Option<toml::Table>,
    smtp: Option<toml::Table>,
    scripts: Option<toml::Table>,
    functions: Option<toml::Table>,
    webhooks: Option<toml::Table>,
    chat: Option<toml::Table>,
    events: Option<toml::Table>,
    intake: Option<toml::Table>,
    metrics: Option<toml::Table>,
    engine: Option<toml::Table>,
    retention: Option<toml::Table>,
}

const MASK: &str = "********";

impl Config {
    /// Replaces secrets by stars.
    pub(crate) fn mask(&mut self) {
        if !self.smtp.password.is_empty() {
            MASK.clone_into(&mut self.smtp.password);
        }
        if !self.metrics.scrape_token.is_empty() {
            MASK.clone_into(&mut self.metrics.scrape_token);
        }
        for key in &mut self.auth.access_keys {
            MASK.clone_into(&mut key.secret);
        }
        for channel in &mut self.chat.slack {
            MASK.clone_into(&mut channel.webhook_url);
        }
    }

    /// Checks what types cannot say.
    pub(crate) fn check(&self) -> Result<()> {
        let account = &self.auth.account_id;
        if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
            bail!("auth.account_id `{account}` must be twelve digits");
        }
        let mut ids = std::collections::BTreeSet::new();
        for key in &self.auth.access_keys {
            if !ids.insert(&key.id) {
                bail!(
                    "auth.access_keys: the id `{}` stands twice: give each key its own",
                    key.id
                );
            }
            if key.id.is_empty()
                || key.id.len() > 128
                || !key.id.bytes().all(|byte| byte.is_ascii_alphanumeric())
            {
                bail!(
                    "auth.access_keys.id `{}` must be 1 to 128 letters and digits",
                    key.id
                );
            }
            if key.secret.len() < 16 {
                bail!(
                    "auth.access_keys: the secret of `{}` must have at least 16 characters",
                    key.id
                );
            }
        }
        let token = &self.metrics.scrape_token;
        if !token.is_empty()
            && (token.len() < 16 || !token.bytes().all(|byte| byte.is_ascii_graphic()))
        {
            bail!(
                "metrics.scrape_token must have at least 16 letters, digits and signs, or be empty to let nobody in by token"
            );
        }
        self.scripts.check()?;
        let server = &self.server;
        if server.tls_certificate.is_empty() != server.tls_key.is_empty() {
            bail!(
                "server.tls_certificate and server.tls_key belong together: give both or neither"
            );
        }
        if !server.listen.ip().is_loopback()
            && server.tls_certificate.is_empty()
            && !server.insecure_listen
        {
            bail!(
                "server.listen `{}` is not loopback: give server.tls_certificate and server.tls_key, or allow plain HTTP with insecure_listen = true (--insecure-listen)",
                server.listen
            );
        }
        self.check_public_url()?;
        self.chat
            .check(&self.auth.account_id, self.webhooks.allow_http)?;
        self.check_outside()?;
        self.sealed_sources()?;
        self.check_amounts()
    }

    /// The sources of events, checked, with digests in place of secrets.
    pub(crate) fn sealed_sources(&self) -> Result<Vec<Source>> {
        let variable = |name: &str| std::env::var(name).ok();
        let mut names = std::collections::BTreeSet::new();
        let sources = self.intake.sources.iter().map(|source| {
            let mut source = source.clone();
            intake::source::seal(&mut source, Some(&variable))?;
            source.check()?;
            if !names.insert(source.name.clone()) {
                bail!(
                    "source `{}` stands twice: give each its own name",
                    source.name
                );
            }
            Ok(source)
        });
        let sealed: Result<_> = sources.collect();
        sealed.context("intake.sources")
    }

    /// The address under which others reach this server.
    fn check_public_url(&self) -> Result<()> {
        let url = &self.server.public_url;
        let rest = url
            .strip_prefix("https://")
            .or_else(|| url.strip_prefix("http://"));
        let plain = |rest: &str| {
            !rest.is_empty()
                && rest
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-._~:/[]%".contains(c))
        };
        if !url.is_empty() && !rest.is_some_and(plain) {
            bail!(
                "server.public_url `{url}` must be an address such as https://quell.example.com, or empty for the listener's own"
            );
        }
        Ok(())
    }

    /// Addresses of other servers.
    fn check_outside(&self) -> Result<()> {
        let endpoint = &self.aws.endpoint_url;
        let http = endpoint
            .strip_prefix("http://")
            .or_else(|| endpoint.strip_prefix("https://"));
        if !endpoint.is_empty() && http.is_none_or(str::is_empty) {
            bail!(
                "aws.endpoint_url `{endpoint}` must be an address such as http://127.0.0.1:5000, or empty for AWS's own"
            );
        }
        for (service, url) in &self.aws.endpoint_urls {
            if let Err(error) = aws::model::catalog().service(service) {
                bail!("aws.endpoint_urls: {error}");
            }
            let explicit = ExplicitEndpoints {
                general: None,
                services: [(service.clone(), url.clone())].into(),
            };
            if let Err(error) = Settings::default().with_endpoints(explicit) {
                bail!("aws.{error}");
            }
        }
        for (service, limit) in &self.aws.service_limits {
            if *limit == 0 {
                bail!("aws.service_limits.{service} must be at least 1");
            }
            if let Err(error) = aws::model::catalog().service(service) {
                bail!("aws.service_limits: {error}");
            }
        }
        for (arn, role) in &self.aws.roles {
            role.check(arn)?;
        }
        if !self.smtp.host.is_empty() && !self.smtp.from.contains('@') {
            bail!(
                "smtp.from `{}` must be an address such as `Quell <quell@example.com>`",
                self.smtp.from
            );
        }
        if self.smtp.encryption == Encryption::None
            && !matches!(
                self.smtp.host.as_str(),
                "" | "localhost" | "127.0.0.1" | "::1"
            )
        {
            bail!(
                "smtp.encryption = \"none\" is for a mail server on this machine; `{}` is not",
                self.smtp.host
            );
        }
        Ok(())
    }

    /// Numbers with which nothing would ever happen.
    fn check_amounts(&self) -> Result<()> {
        let amounts = [
            ("server.max_connections", self.server.max_connections as u64),
            (
                "aws.max_concurrent_calls",
                self.aws.max_concurrent_calls as u64,
            ),
            (
                "aws.max_concurrent_calls_overall",
                self.aws.max_concurrent_calls_overall as u64,
            ),
            ("smtp.timeout_secs", self.smtp.timeout_secs),
            ("scripts.memory_mib", self.scripts.memory_mib),
            (
                "functions.max_concurrent",
                self.functions.max_concurrent as u64,
            ),
            ("functions.queue_secs", self.functions.queue_secs),
            ("functions.max_archive_mib", self.functions.max_archive_mib),
            (
                "functions.max_unpacked_mib",
                self.functions.max_unpacked_mib,
            ),
            (
                "functions.code_storage_mib",
                self.functions.code_storage_mib,
            ),
            ("webhooks.timeout_secs", self.webhooks.timeout_secs),
            (
                "webhooks.destination_timeout_secs",
                self.webhooks.destination_timeout_secs,
            ),
            (
                "events.max_request_bytes",
                self.events.max_request_bytes as u64,
            ),
            ("intake.max_requests", self.intake.max_requests as u64),
            ("intake.max_parked", self.intake.max_parked),
            ("engine.step_budget", u64::from(self.engine.step_budget)),
            ("engine.concurrent_runs", self.engine.concurrent_runs as u64),
            (
                "engine.concurrent_target_runs",
                self.engine.concurrent_target_runs as u64,
            ),
            (
                "retention.metrics_days",
                u64::from(self.retention.metrics_days),
            ),
            (
                "retention.previews_days",
                u64::from(self.retention.previews_days),
            ),
        ];
        if self.engine.throttle_retry_secs > 3_600 {
            bail!("engine.throttle_retry_secs must be 0 to 3600");
        }
        match amounts.iter().find(|(_, amount)| *amount == 0) {
            Some((name, _)) => bail!("{name} must be at least 1"),
            None => Ok(()),
        }
    }
}
