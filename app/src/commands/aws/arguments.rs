//! The command line of `quell aws`, and what it asks for.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::Value;
use uuid::Uuid;

use super::ending::{Ended, Result};
use super::output::{self, Format};
use super::{params, reading};

const DEFAULT_RECORD: &str = "quell-data/aws-calls.jsonl";
const DEFAULT_KEY: &str = "quell-data/credentials";
/// Limit of a call where the command line gives none, in seconds.
const TIMEOUT: u32 = 60;
/// Longest time that a call may be given, in seconds.
const MAX_TIMEOUT: u32 = 900;

/// A call that is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// boto3's client name.
    pub(crate) service: String,
    /// Operation in any spelling.
    pub(crate) operation: String,
    /// Wait by this waiter, which repeats `operation`.
    pub(crate) wait: Option<String>,
    pub(crate) params: Value,
    pub(crate) account: Option<String>,
    pub(crate) role: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) profile: Option<String>,
    pub(crate) endpoint_url: Option<String>,
    pub(crate) config: Option<PathBuf>,
    pub(crate) dry_run: bool,
    pub(crate) all_pages: bool,
    pub(crate) max_items: Option<usize>,
    pub(crate) starting_token: Option<String>,
    pub(crate) format: Format,
    /// A JMESPath expression that was read without a mistake.
    pub(crate) query: Option<String>,
    /// Id of an earlier call that this one repeats.
    pub(crate) token: Option<Uuid>,
    /// In seconds; `None` when the command line does not say.
    pub(crate) timeout: Option<u32>,
    pub(crate) record: PathBuf,
    pub(crate) server: Option<Server>,
}

/// A Quell server to go through.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) credentials: PathBuf,
    pub(crate) region: String,
}

/// What a person says of a call whose outcome is unknown.
#[derive(Debug, Clone)]
pub(crate) struct Settled {
    pub(crate) id: Uuid,
    pub(crate) outcome: String,
    pub(crate) result: Option<Value>,
    pub(crate) message: Option<String>,
}

pub(crate) fn interface() -> Command {
    Command::new("aws")
        .about("Call any operation of any AWS service, or list what there is")
        .args_conflicts_with_subcommands(true)
        .disable_help_subcommand(true)
        .arg(word(
            "service",
            "SERVICE",
            "as boto3 names it, e.g. ec2; `help` behind it lists its operations",
        ))
        .arg(word(
            "operation",
            "OPERATION",
            "e.g. describe-instances, in any spelling; `wait` and a waiter's name waits",
        ))
        .arg(
            word(
                "words",
                "PARAMS",
                "parameters in boto3's spelling as JSON or YAML; `-` reads standard input",
            )
            .num_args(0..=2),
        )
        .args(call_options())
        .args(server_options())
        .arg(record_option())
        .subcommand(list_interface())
        .subcommand(record_interface())
        .subcommand(resolve_interface())
}

fn word(id: &'static str, shown: &'static str, help: &'static str) -> Arg {
    Arg::new(id).value_name(shown).help(help)
}

fn option(id: &'static str, shown: &'static str, help: &'static str) -> Arg {
    Arg::new(id).long(id).value_name(shown).help(help)
}

fn flag(id: &'static str, help: &'static str) -> Arg {
    Arg::new(id).long(id).action(ArgAction::SetTrue).help(help)
}

fn call_options() -> Vec<Arg> {
    vec![
        option("params-file", "FILE", "read the parameters from a file"),
        option(
            "account",
            "ID",
            "the account to act on: refused if the keys or the role are of another one",
        ),
        option(
            "role",
            "NAME_OR_ARN",
            "assume this role; a name needs --account",
        ),
        option(
            "region",
            "REGION",
            "[default: AWS_REGION, AWS_DEFAULT_REGION, the profile's, the configuration's]",
        ),
        option("profile", "NAME", "profile of the shared AWS files"),
        option(
            "endpoint-url",
            "URL",
            "send the call there instead of to AWS",
        ),
        option(
            "config",
            "FILE",
            "configuration file of Quell, for its `[aws]` section [default: QUELL_CONFIG]",
        ),
        flag("dry-run", "print the request and send nothing"),
        output_option("json"),
        option("query", "JMESPATH", "print what this selects of the answer"),
        flag("all-pages", "follow a list that comes in pages to its end"),
        option("max-items", "N", "follow such a list up to so many items"),
        option(
            "starting-token",
            "TOKEN",
            "go on behind --max-items: its answer's NextToken",
        ),
        option(
            "token",
            "ID",
            "repeat the call of this id, with its idempotency token",
        ),
        option(
            "timeout",
            "SECONDS",
            "limit with all retries [default: 60; for a wait: none but the waiter's own]",
        ),
    ]
}

fn output_option(default: &'static str) -> Arg {
    option("output", "FORMAT", "how the answer is written")
        .value_parser(["json", "yaml", "table"])
        .default_value(default)
}

fn record_option() -> Arg {
    option(
        "record",
        "FILE",
        "where calls without a server are recorded [default: quell-data/aws-calls.jsonl]",
    )
}

fn server_options() -> Vec<Arg> {
    vec![
        option(
            "server",
            "URL",
            "have a Quell server make the call, with its credentials and its audit trail [default: QUELL_SERVER]",
        ),
        option(
            "credentials",
            "FILE",
            "key for the server [default: quell-data/credentials]",
        ),
    ]
}

fn list_interface() -> Command {
    Command::new("list")
        .about("List services, a service's operations, its waiters (`wait`), or an operation's parameters")
        .arg(word("service", "SERVICE", "as boto3 names it"))
        .arg(word("operation", "OPERATION", "in any spelling"))
        .arg(output_option("table"))
}

fn record_interface() -> Command {
    Command::new("record")
        .about("Show the calls that were made, oldest first; a server's newest first")
        .arg(flag("unknown", "only those whose outcome is unknown"))
        .arg(record_option())
        .args(server_options())
}

fn resolve_interface() -> Command {
    Command::new("resolve")
        .about("Say what became of a call whose outcome is unknown")
        .arg(
            Arg::new("id")
                .required(true)
                .value_name("ID")
                .help("id of the call"),
        )
        .arg(
            Arg::new("outcome")
                .long("outcome")
                .required(true)
                .value_parser(["succeeded", "failed", "retry"])
                .help("it happened; it did not; do it again (a server's call only)"),
        )
        .arg(option(
            "result",
            "JSON",
            "the call's answer, for `succeeded` of a server's call",
        ))
        .arg(option("message", "TEXT", "why"))
        .arg(record_option())
        .args(server_options())
}

impl Asked {
    /// What the command line asks for; `None` when it asks for help on names.
    pub(crate) fn read(matches: &ArgMatches) -> Result<Option<Self>> {
        let text = |name: &str| matches.get_one::<String>(name).cloned();
        let mut words: Vec<String> = matches
            .get_many::<String>("words")
            .map(|words| words.cloned().collect())
            .unwrap_or_default();
        let (Some(service), Some(mut operation)) = (text("service"), text("operation")) else {
            return Ok(None);
        };
        if operation == "help" || words.first().is_some_and(|word| word == "help") {
            return Ok(None);
        }
        let mut wait = None;
        if operation == "wait" {
            if words.is_empty() {
                return Err(Ended::usage(format!(
                    "`wait` needs the name of a waiter; `quell aws list {service} wait` lists them"
                )));
            }
            let waiter = words.remove(0);
            operation = reading::operation_of(&service, &waiter)?;
            wait = Some(waiter);
        }
        if words.len() > 1 {
            return Err(Ended::usage(
                "give the parameters as one argument: quote the JSON",
            ));
        }
        Ok(Some(Self {
            params: params::read(words.pop(), text("params-file"))?,
            service,
            operation,
            wait,
            account: text("account"),
            role: text("role"),
            region: text("region"),
            profile: text("profile"),
            endpoint_url: text("endpoint-url"),
            config: text("config")
                .map(PathBuf::from)
                .or_else(|| std::env::var_os("QUELL_CONFIG").map(PathBuf::from)),
            dry_run: matches.get_flag("dry-run"),
            format: format(matches)?,
            query: text("query").map(output::checked_query).transpose()?,
            token: text("token").map(|text| id("--token", &text)).transpose()?,
            all_pages: matches.get_flag("all-pages"),
            max_items: number(matches, "max-items", (1, usize::MAX))?,
            starting_token: text("starting-token"),
            timeout: number(matches, "timeout", (1, MAX_TIMEOUT))?,
            record: record_file(matches),
            server: server(matches)?,
        }))
    }
}

impl Asked {
    /// Limit of a call in seconds.
    pub(crate) fn timeout_secs(&self) -> u32 {
        self.timeout.unwrap_or(TIMEOUT)
    }

    /// Whether more than one call may be made: pages, or a wait.
    pub(crate) fn reads_on(&self) -> bool {
        self.wait.is_some()
            || self.all_pages
            || self.max_items.is_some()
            || self.starting_token.is_some()
    }
}

impl Settled {
    pub(crate) fn read(matches: &ArgMatches) -> Result<Self> {
        let text = |name: &str| matches.get_one::<String>(name).cloned();
        let result = text("result").map(|text| params::object("--result", &text));
        Ok(Self {
            id: id("ID", &text("id").unwrap_or_default())?,
            outcome: text("outcome").unwrap_or_default(),
            result: result.transpose()?,
            message: text("message"),
        })
    }
}

pub(crate) fn format(matches: &ArgMatches) -> Result<Format> {
    let word = matches.get_one::<String>("output").map(String::as_str);
    Format::parse(word.unwrap_or("json"))
        .ok_or_else(|| Ended::usage("--output must be json, yaml or table"))
}

pub(crate) fn record_file(matches: &ArgMatches) -> PathBuf {
    let given = matches.get_one::<String>("record").map(String::as_str);
    PathBuf::from(given.unwrap_or(DEFAULT_RECORD))
}

/// The server to go through, if one is named.
pub(crate) fn server(matches: &ArgMatches) -> Result<Option<Server>> {
    let given = |name: &str| matches.get_one::<String>(name).cloned();
    let filled = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let Some(url) = given("server").or_else(|| filled("QUELL_SERVER")) else {
        return Ok(None);
    };
    // Not AWS_SHARED_CREDENTIALS_FILE: beside this command that file holds keys of AWS.
    let credentials = given("credentials").unwrap_or_else(|| DEFAULT_KEY.to_owned());
    let region = filled("AWS_REGION").or_else(|| filled("AWS_DEFAULT_REGION"));
    Ok(Some(Server {
        url,
        credentials: PathBuf::from(credentials),
        region: region.unwrap_or_else(|| "us-east-1".to_owned()),
    }))
}

fn id(what: &str, text: &str) -> Result<Uuid> {
    text.parse().map_err(|_| {
        Ended::usage(format!(
            "{what} must be the id of a call, a UUID, not `{text}`; `quell aws record` lists them"
        ))
    })
}

fn number<T: FromStr + PartialOrd + std::fmt::Display>(
    matches: &ArgMatches,
    name: &str,
    (min, max): (T, T),
) -> Result<Option<T>> {
    let Some(text) = matches.get_one::<String>(name) else {
        return Ok(None);
    };
    let parsed = text.parse().ok().filter(|n| *n >= min && *n <= max);
    parsed.map(Some).ok_or_else(|| {
        Ended::usage(format!(
            "--{name} must be a whole number from {min} to {max}, not `{text}`"
        ))
    })
}
