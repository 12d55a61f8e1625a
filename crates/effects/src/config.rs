//! What the operator decides about outside effects: addresses, secrets, limits.
//!
//! Knows no file format: `app` reads its configuration and fills these in.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::function::FunctionShelf;
pub use crate::local::{Local, LocalService, Outgoing};
use aws::client::{AssumedRole, Concurrency};
use aws::credentials::Credentials;
use aws::settings::SettingError;
use ports::connection::Destinations;
use ports::document::Attachments;
use ports::{Clock, EntropySource, Notary, Vault};

use crate::script::SessionRegistry;

/// A text that never shows in a log: `Debug` prints `***`.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that sends it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

/// Everything a [`crate::Performer`] needs.
#[derive(Clone)]
pub struct Config {
    /// Where the time of signatures and cached credentials comes from.
    pub clock: Arc<dyn Clock>,
    /// Where tokens and chance come from.
    pub entropy: Arc<dyn EntropySource>,
    /// The mail server; `None` makes every e-mail fail with a message that says so.
    pub smtp: Option<Smtp>,
    /// Which AWS account is called, and how.
    pub aws: Aws,
    /// How scripts are run; `None` makes every script fail with a message that says so.
    pub scripts: Option<Scripts>,
    /// Where the sessions that scripts hold are known, so that the server can ask.
    pub sessions: Arc<SessionRegistry>,
    /// What webhooks may reach.
    pub webhook: Webhook,
    /// The services that Quell itself answers.
    pub local: Option<Local>,
    /// Where log groups are kept; `None` makes every line fail with a message that says so.
    pub logs: Option<LogFiles>,
    /// Opens the sealed secrets of commands; `None` makes every command that carries one fail with a message that says so.
    pub vault: Option<Arc<dyn Vault>>,
    /// Finds how API destinations are called; `None` makes every call of one fail with a message that says so.
    pub destinations: Option<Arc<dyn Destinations>>,
    /// How functions are found and run; `None` makes every invocation fail with a message that says so.
    pub functions: Option<Functions>,
    /// Finds the attachments of documents; `None` makes every script in one fail with a message that says so.
    pub attachments: Option<Arc<dyn Attachments>>,
    /// How messages of topics are signed and sent; `None` makes each of them fail with a message that says so.
    pub topics: Option<Topics>,
}

/// How functions are found and run.
#[derive(Clone)]
pub struct Functions {
    /// Finds them.
    pub source: Arc<dyn ports::function::Functions>,
    /// Where their code lies.
    pub shelf: FunctionShelf,
    /// Directory of their logs.
    pub logs: PathBuf,
    /// How long an invocation waits for a place.
    pub patience: Duration,
}

/// What messages of topics need besides themselves.
#[derive(Clone)]
pub struct Topics {
    /// Signs them.
    pub notary: Arc<dyn Notary>,
    /// Address under which their receivers reach this server, for links and the certificate.
    pub public_url: String,
    /// Addresses of the chat channels by name; each is a secret.
    pub chat: BTreeMap<String, Secret>,
}

/// The mail server.
#[derive(Clone, Debug)]
pub struct Smtp {
    /// Host name or address.
    pub host: String,
    /// Port, usually 587 (STARTTLS), 465 (TLS) or 25.
    pub port: u16,
    /// How the connection is encrypted.
    pub tls: SmtpTls,
    /// Login; needs `password` too.
    pub username: Option<String>,
    /// Password of the login.
    pub password: Option<Secret>,
    /// Sender, e.g. `Quell <quell@example.com>`.
    pub from: String,
    /// PEM file with more trusted roots, for a private certificate authority.
    pub ca_bundle: Option<PathBuf>,
    /// Limit of each SMTP command.
    pub timeout: Duration,
}

/// Encryption of the connection to the mail server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpTls {
    /// Plain text: only for a relay on the same machine or network.
    None,
    /// Upgrade by STARTTLS; refused when the server does not offer it.
    StartTls,
    /// TLS from the first byte.
    Tls,
}

/// Which AWS account is called, and how.
#[derive(Clone, Debug)]
pub struct Aws {
    /// Sends every call to this address instead of AWS, e.g. a test server.
    pub endpoint_url: Option<String>,
    /// The same for single services, by boto3's client name or AWS's service id; goes before `endpoint_url`.
    pub endpoint_urls: BTreeMap<String, String>,
    /// Where single calls go, by boto3's client name, before all of the above; calls that fetch keys do not follow it.
    pub call_endpoint_urls: BTreeMap<String, String>,
    /// Profile of the shared files that the operator named: it goes before keys in the environment, as in boto3.
    pub profile: Option<String>,
    /// Where credentials come from.
    pub credentials: CredentialSource,
    /// PEM file that replaces the built-in trusted roots; `None` takes it from `AWS_CA_BUNDLE` or the profile.
    pub ca_bundle: Option<PathBuf>,
    /// Region of `sts` and of nothing else: calls carry their own. Empty takes it from the environment or the
    /// profile, else `us-east-1`; the instance's is asked for by [`crate::AwsClient::instance_region`].
    pub region: String,
    /// How many exchanges with AWS go on at once.
    pub concurrency: Concurrency,
    /// How a role is assumed, by its ARN. It holds for whoever assumes the role for a call or a script; not for roles
    /// of the shared files' profiles, which say it themselves.
    pub roles: BTreeMap<String, RoleChoices>,
}

impl Aws {
    /// Calls with these credentials, and nothing else chosen.
    #[must_use]
    pub fn new(credentials: CredentialSource) -> Self {
        Self {
            endpoint_url: None,
            endpoint_urls: BTreeMap::new(),
            call_endpoint_urls: BTreeMap::new(),
            profile: None,
            credentials,
            ca_bundle: None,
            region: String::new(),
            concurrency: Concurrency::default(),
            roles: BTreeMap::new(),
        }
    }
}

/// What the operator says about assuming a role. It goes before what a call says: an external id or a session policy
/// is a matter between the operator and the account's owner.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleChoices {
    /// External id that the role's trust policy asks for.
    pub external_id: Option<String>,
    /// Source identity.
    pub source_identity: Option<String>,
    /// Life of the session in seconds.
    pub duration_secs: Option<u32>,
    /// Session policy document (JSON).
    pub policy: Option<String>,
    /// ARNs of managed policies that narrow the session.
    pub policy_arns: Vec<String>,
    /// Session tags.
    pub tags: BTreeMap<String, String>,
    /// Keys of the tags that are passed on when the session assumes another role.
    pub transitive_tag_keys: Vec<String>,
}

impl RoleChoices {
    /// The role with these choices; what is not chosen stays.
    pub(crate) fn applied(&self, role: &AssumedRole) -> AssumedRole {
        let role = role.clone();
        let or = |chosen: &Option<String>, said: Option<String>| chosen.clone().or(said);
        let list = |chosen: &[String], said: Vec<String>| {
            if chosen.is_empty() {
                said
            } else {
                chosen.to_vec()
            }
        };
        let tags = self.tags.iter();
        AssumedRole {
            external_id: or(&self.external_id, role.external_id),
            source_identity: or(&self.source_identity, role.source_identity),
            duration_s: self.duration_secs.or(role.duration_s),
            policy: or(&self.policy, role.policy),
            policy_arns: list(&self.policy_arns, role.policy_arns),
            tags: if self.tags.is_empty() {
                role.tags
            } else {
                tags.map(|(key, value)| (key.clone(), value.clone()))
                    .collect()
            },
            transitive_tag_keys: list(&self.transitive_tag_keys, role.transitive_tag_keys),
            ..role
        }
    }
}

/// Where the server's own credentials come from.
#[derive(Clone, Debug)]
pub enum CredentialSource {
    /// These keys and no others.
    Static(Credentials),
    /// The order AWS tools use: environment, shared files and profile, web identity, container, instance metadata.
    Chain(Environment),
    /// None: every AWS call fails, except those that Quell serves itself.
    Disabled,
}

/// The process environment as data, so that a test can give its own.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The variables of this process.
    #[must_use]
    pub fn of_process() -> Self {
        Self::from_pairs(std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        }))
    }

    /// These variables.
    pub fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(pairs.into_iter().collect())
    }

    /// All variables.
    #[must_use]
    pub fn variables(&self) -> &BTreeMap<String, String> {
        &self.0
    }

    /// A variable that is set and not empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// How scripts are run.
///
/// A script's process is killed by the kernel when the thread that started it ends (so that it does not outlive a
/// killed Quell): perform scripts from threads that live as long as the runtime, not from short-lived ones.
#[derive(Clone, Debug)]
pub struct Scripts {
    /// Program that offers the sandbox, normally Quell itself.
    pub launcher: PathBuf,
    /// Its first arguments, normally `__script-sandbox`.
    pub launcher_args: Vec<String>,
    /// Interpreter for every Python runtime without one of its own: a real binary, not a wrapper script.
    pub python: PathBuf,
    /// Interpreter by declared runtime, e.g. `python3.12`.
    pub interpreters: BTreeMap<String, PathBuf>,
    /// PowerShell, where it is installed.
    pub pwsh: Option<PathBuf>,
    /// More directories that scripts may read, e.g. the site packages behind a virtual environment.
    pub readable: Vec<PathBuf>,
    /// Where the private directory of each run is made; it is removed afterwards.
    pub scratch: PathBuf,
    /// Resource limits of each run.
    pub limits: ScriptLimits,
    /// More variables for scripts that may use the network: endpoint addresses such as `AWS_ENDPOINT_URL_SSM`.
    pub env: BTreeMap<String, String>,
    /// Services that Quell answers itself, as in the names of variables (`SSM`): scripts call them through the relay.
    pub own_services: Vec<String>,
    /// Hosts and ports that scripts may reach besides AWS and the configured endpoints.
    pub allow_hosts: Vec<(String, u16)>,
    /// Whether AWS's names may lead scripts to private addresses, as those of interface endpoints do.
    pub private_endpoints: bool,
    /// How many processes wait for scripts, ready to run; 0 starts each when it is needed.
    pub warm: usize,
    /// What a missing wall means.
    pub sandbox: Sandbox,
}

/// What a wall that this system does not permit means for scripts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sandbox {
    /// They run behind those that stand.
    #[default]
    Standard,
    /// They do not run.
    Strict,
}

/// Resource limits of a script.
#[derive(Clone, Copy, Debug)]
pub struct ScriptLimits {
    /// Address space in bytes.
    pub address_space: u64,
    /// Size of the private `/tmp` in bytes; on a disk only [`ScriptLimits::file_size`] limits it.
    pub tmp_size: u64,
    /// Largest file in bytes.
    pub file_size: u64,
    /// Open files.
    pub open_files: u64,
    /// Processes and threads; enforced where a user namespace is available.
    pub processes: u64,
    /// Bytes of output that are kept as logs.
    pub log_bytes: usize,
}

impl Default for ScriptLimits {
    fn default() -> Self {
        Self {
            address_space: 1 << 30,
            tmp_size: 128 << 20,
            file_size: 64 << 20,
            open_files: 256,
            processes: 64,
            log_bytes: 1 << 20,
        }
    }
}

/// Where log groups are kept, and how much of them.
#[derive(Clone, Debug)]
pub struct LogFiles {
    /// Directory; each region gets one in it, each group a file.
    pub directory: PathBuf,
    /// A file that would become larger is put aside as `NAME.log.1`, in bytes.
    pub file_bytes: u64,
    /// How many files of a group are put aside; the oldest goes.
    pub kept: u32,
}

impl LogFiles {
    /// 64 MiB each, eight put aside.
    #[must_use]
    pub fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            file_bytes: 64 << 20,
            kept: 8,
        }
    }
}

/// What webhooks may reach.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// Allows `http://` addresses.
    pub allow_http: bool,
    /// Allows private, loopback and link-local addresses.
    pub allow_private: bool,
    /// PEM file that replaces the built-in trusted roots.
    pub ca_bundle: Option<PathBuf>,
    /// Limit of one attempt.
    pub timeout: Duration,
    /// Limit of one request to an API destination or its token endpoint (AWS: 5 s).
    pub destination_timeout: Duration,
}

impl Default for Webhook {
    fn default() -> Self {
        Self {
            allow_http: false,
            allow_private: false,
            ca_bundle: None,
            timeout: Duration::from_secs(10),
            destination_timeout: Duration::from_secs(5),
        }
    }
}

/// What is wrong with a configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A sender address that is none.
    #[error(
        "smtp `from` is not an address: `{value}`: {reason}; write `name@example.com` or `Name <name@example.com>`"
    )]
    Sender {
        /// As configured.
        value: String,
        /// The parser's words.
        reason: String,
    },
    /// TLS to the mail server could not be set up.
    #[error("tls to mail server `{host}` cannot be set up: {reason}")]
    SmtpTls {
        /// As configured.
        host: String,
        /// The library's words.
        reason: String,
    },
    /// The shared files cannot be read.
    #[error("the shared aws files: {0}")]
    SharedFiles(String),
    /// A setting of the environment or the shared files that cannot be used.
    #[error("aws settings: {0}")]
    Aws(#[from] SettingError),
    /// A certificate file that cannot be used.
    #[error(
        "ca bundle `{path}` cannot be used: {reason}; give a PEM file with at least one certificate"
    )]
    CaBundle {
        /// As configured.
        path: String,
        /// What failed.
        reason: String,
    },
    /// TLS could not be set up at all.
    #[error("tls cannot be set up: {0}")]
    Tls(String),
    /// An endpoint address that is none.
    #[error("`{field}` is not an http(s) address: `{value}`; write e.g. `http://127.0.0.1:5000`")]
    Address {
        /// Which setting.
        field: &'static str,
        /// As configured.
        value: String,
    },
    /// A login without its password or the reverse.
    #[error("smtp `username` and `password` go together: set both or none")]
    SmtpLogin,
}
