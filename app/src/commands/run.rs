//! `quell run list|plan|start|approve|resolve|undo`: runs, what they would do, those that wait for a person, and taking
//! runs back.

mod planned;
pub(crate) mod undo;

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use clap::{Arg, ArgAction, ArgMatches, Command};
use effects::operator::OperatorClient;
use ports::Clock;
use serde_json::{Value, json};

use crate::clock::SystemClock;
use crate::credentials;

pub(crate) fn interface() -> Command {
    Command::new("run")
        .about("Look at runs, start and approve what was planned, settle unknown outcomes, take runs back")
        .subcommand_required(true)
        .subcommand(undo::interface())
        .subcommand(planned::plan_interface())
        .subcommand(planned::start_interface())
        .subcommand(planned::approve_interface())
        .subcommand(
            connection(Command::new("list").about("Runs, newest first")).arg(
                Arg::new("unknown")
                    .long("unknown")
                    .action(ArgAction::SetTrue)
                    .help("only those that wait for a person"),
            ),
        )
        .subcommand(
            connection(
                Command::new("resolve").about("Say what became of a step whose outcome is unknown"),
            )
            .arg(
                Arg::new("run")
                    .required(true)
                    .value_name("RUN")
                    .help("execution id"),
            )
            .arg(
                Arg::new("step")
                    .long("step")
                    .required(true)
                    .value_name("NAME")
                    .help("the step that waits"),
            )
            .arg(
                Arg::new("outcome")
                    .long("outcome")
                    .required(true)
                    .value_parser(["succeeded", "failed", "retry", "skip"])
                    .help("it happened; it did not; do it again; go on without it"),
            )
            .arg(
                Arg::new("output")
                    .long("output")
                    .value_name("JSON")
                    .help("the step's outputs by name, for `succeeded`"),
            )
            .arg(
                Arg::new("result")
                    .long("result")
                    .value_name("JSON")
                    .help("the call's answer, for `succeeded`"),
            )
            .arg(
                Arg::new("message")
                    .long("message")
                    .value_name("TEXT")
                    .help("why, for `failed`"),
            ),
        )
}

/// Where the server is, and who calls it.
pub(super) fn connection(command: Command) -> Command {
    command
        .arg(
            Arg::new("endpoint-url")
                .long("endpoint-url")
                .value_name("URL")
                .help("the server [default: AWS_ENDPOINT_URL, then http://127.0.0.1:8710]"),
        )
        .arg(
            Arg::new("credentials")
                .long("credentials")
                .value_name("FILE")
                .help("credentials file [default: AWS_SHARED_CREDENTIALS_FILE, then quell-data/credentials]"),
        )
        .arg(Arg::new("region").long("region").value_name("REGION").help("region of the resources [default: AWS_REGION, AWS_DEFAULT_REGION, then us-east-1]"))
}

/// Runs the subcommand.
pub(crate) fn run(matches: &ArgMatches) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the async runtime")?;
    match matches.subcommand() {
        Some(("list", found)) => runtime.block_on(list(found)),
        Some(("resolve", found)) => runtime.block_on(resolve(found)),
        Some(("undo", found)) => runtime.block_on(undo::run(found)),
        Some(("plan", found)) => runtime.block_on(planned::plan_run(found)),
        Some(("start", found)) => runtime.block_on(planned::start(found)),
        Some(("approve", found)) => runtime.block_on(planned::approve(found)),
        _ => bail!("`quell run` needs `list`, `plan`, `start`, `approve`, `resolve` or `undo`"),
    }
}

async fn list(matches: &ArgMatches) -> Result<()> {
    let client = client(matches)?;
    let mut after: Option<String> = None;
    loop {
        let mut query = if matches.get_flag("unknown") {
            "outcome=unknown".to_owned()
        } else {
            String::new()
        };
        if let Some(after) = &after {
            query.push_str(&format!("&after={after}"));
        }
        let page = client
            .call(
                ("GET", "/api/v1/runs", query.trim_start_matches('&')),
                None,
                now(),
            )
            .await?;
        for run in page["runs"].as_array().into_iter().flatten() {
            println!("{}", line(run));
        }
        match page["nextAfter"].as_str() {
            Some(next) => after = Some(next.to_owned()),
            None => return Ok(()),
        }
    }
}

fn line(run: &Value) -> String {
    let text = |name: &str| run[name].as_str().unwrap_or("-").to_owned();
    let mut line = format!(
        "{}  {:<12} {}",
        text("AutomationExecutionId"),
        text("AutomationExecutionStatus"),
        text("DocumentName")
    );
    if let Some(unknown) = run.get("UnknownOutcome") {
        let said = |name: &str| unknown[name].as_str().unwrap_or("-");
        line.push_str(&format!(
            "\n    step {} waits: {}",
            said("Step"),
            said("Reason")
        ));
    }
    line
}

async fn resolve(matches: &ArgMatches) -> Result<()> {
    let given = |name: &str| matches.get_one::<String>(name).cloned();
    let required = |name: &str| given(name).ok_or_else(|| anyhow!("--{name} is missing"));
    let run: uuid::Uuid = required("run")?
        .parse()
        .map_err(|_| anyhow!("the run's id must be a UUID"))?;
    let mut body = json!({"step": required("step")?, "resolution": required("outcome")?});
    for name in ["output", "result"] {
        if let Some(text) = given(name) {
            body[name] =
                serde_json::from_str(&text).with_context(|| format!("--{name} is no JSON"))?;
        }
    }
    if let Some(message) = given("message") {
        body["message"] = message.into();
    }
    let path = format!("/api/v1/runs/{run}/resolve");
    let answer = client(matches)?
        .call(("POST", &path, ""), Some(&body), now())
        .await?;
    println!("{}", line(&answer));
    Ok(())
}

/// The server that the arguments name.
pub(super) fn client(matches: &ArgMatches) -> Result<OperatorClient> {
    // As the AWS CLI does: what is given, else the environment, else the default.
    let setting = |name: &str, variables: &[&str], default: &str| {
        let given = matches.get_one::<String>(name).cloned();
        let from_environment = || {
            let mut found = variables.iter().filter_map(|name| std::env::var(name).ok());
            found.find(|value| !value.is_empty())
        };
        given
            .or_else(from_environment)
            .unwrap_or_else(|| default.to_owned())
    };
    let url = setting(
        "endpoint-url",
        &["AWS_ENDPOINT_URL"],
        "http://127.0.0.1:8710",
    );
    let region = setting("region", &["AWS_REGION", "AWS_DEFAULT_REGION"], "us-east-1");
    let file = setting(
        "credentials",
        &["AWS_SHARED_CREDENTIALS_FILE"],
        "quell-data/credentials",
    );
    let key = credentials::read(Path::new(&file))?;
    let credentials = aws::Credentials::new(&key.id, &key.secret);
    Ok(OperatorClient::new(&url, credentials, &region)?)
}

pub(super) fn now() -> jiff::Timestamp {
    SystemClock::new().now()
}
