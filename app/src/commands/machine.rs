//! `quell machine`: state machines before they run, their executions, and calls of theirs whose outcome is unknown.

mod check;
mod graph;
mod permissions;
mod plan;
mod test;
mod undo;

use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail};
use clap::{Arg, ArgAction, ArgMatches, Command};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::run::{client, connection, now};

pub(crate) fn interface() -> Command {
    Command::new("machine")
        .about("Look at state machines before they run and at their executions, take these back, and settle calls whose outcome is unknown")
        .subcommand_required(true)
        .subcommand(check::interface())
        .subcommand(graph::interface())
        .subcommand(test::interface())
        .subcommand(plan::interface())
        .subcommand(permissions::interface())
        .subcommand(undo::interface())
        .subcommand(
            connection(Command::new("list").about("Executions, newest first")).arg(
                Arg::new("unknown")
                    .long("unknown")
                    .action(ArgAction::SetTrue)
                    .help("only those that wait for a person"),
            ),
        )
        .subcommand(resolve_interface())
}

fn resolve_interface() -> Command {
    connection(Command::new("resolve").about("Say what became of a call whose outcome is unknown"))
        .arg(
            Arg::new("execution")
                .required(true)
                .value_name("EXECUTION")
                .help("the execution's ARN, or its id as `list` shows it"),
        )
        .arg(
            Arg::new("state")
                .long("state")
                .required(true)
                .value_name("NAME")
                .help("the state that waits"),
        )
        .arg(
            Arg::new("call")
                .long("call")
                .value_name("ID")
                .help("which call of the state, as `list` shows it, where more than one waits"),
        )
        .arg(
            Arg::new("outcome")
                .long("outcome")
                .required(true)
                .value_parser(["succeeded", "failed", "retry"])
                .help("it happened; it did not; do it again"),
        )
        .arg(
            Arg::new("result")
                .long("result")
                .value_name("JSON")
                .help("the task's result, for `succeeded` [default: {}]"),
        )
        .arg(
            Arg::new("error")
                .long("error")
                .value_name("NAME")
                .help("the error's name, for `failed` [default: States.TaskFailed]"),
        )
        .arg(
            Arg::new("message")
                .long("message")
                .value_name("TEXT")
                .help("why, for `failed`"),
        )
}

/// Runs the subcommand.
pub(crate) fn run(matches: &ArgMatches) -> Result<ExitCode> {
    match matches.subcommand() {
        Some(("check", found)) => return Ok(check::run(found)),
        Some(("test", found)) => return Ok(test::run(found)),
        Some(("permissions", found)) => return permissions::run(found),
        _ => {}
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the async runtime")?;
    match matches.subcommand() {
        Some(("plan", found)) => return runtime.block_on(plan::run(found)),
        Some(("graph", found)) => runtime.block_on(graph::run(found)),
        Some(("undo", found)) => runtime.block_on(undo::run(found)),
        Some(("list", found)) => runtime.block_on(list(found)),
        Some(("resolve", found)) => runtime.block_on(resolve(found)),
        _ => bail!("`quell machine` needs one of its subcommands: see `quell machine --help`"),
    }?;
    Ok(ExitCode::SUCCESS)
}

async fn list(matches: &ArgMatches) -> Result<()> {
    let client = client(matches)?;
    let mut after: Option<String> = None;
    loop {
        let mut query: Vec<String> = Vec::new();
        if matches.get_flag("unknown") {
            query.push("outcome=unknown".to_owned());
        }
        query.extend(after.map(|after| format!("after={after}")));
        let query = query.join("&");
        let page = client
            .call(("GET", "/api/v1/executions", &query), None, now())
            .await?;
        for execution in page["executions"].as_array().into_iter().flatten() {
            println!("{}", line(execution));
        }
        match page["nextAfter"].as_str() {
            Some(next) => after = Some(next.to_owned()),
            None => return Ok(()),
        }
    }
}

fn line(execution: &Value) -> String {
    let text = |name: &str| execution[name].as_str().unwrap_or("-").to_owned();
    let mut line = format!(
        "{}  {:<10} {}",
        text("id"),
        text("status"),
        text("executionArn")
    );
    for unknown in execution["unknownOutcomes"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let said = |name: &str| unknown[name].as_str().unwrap_or("-");
        line.push_str(&format!(
            "\n    state {} waits: {}",
            said("state"),
            said("reason")
        ));
        let within = unknown["within"].as_array().into_iter().flatten();
        let within: Vec<&str> = within.filter_map(Value::as_str).collect();
        if !within.is_empty() {
            line.push_str(&format!(" (in {})", within.join(", ")));
        }
        line.push_str(&format!(
            "\n        call {}, asked for by event {}",
            said("call"),
            unknown["event"]
        ));
    }
    line
}

/// The path of the execution that an argument names, by its id or its ARN.
fn at(matches: &ArgMatches, name: &str) -> String {
    let given = matches.get_one::<String>(name).cloned();
    let encoded = utf8_percent_encode(given.as_deref().unwrap_or_default(), NON_ALPHANUMERIC);
    format!("/api/v1/executions/{encoded}")
}

async fn resolve(matches: &ArgMatches) -> Result<()> {
    let given = |name: &str| matches.get_one::<String>(name).cloned();
    let required = |name: &str| given(name).ok_or_else(|| anyhow!("--{name} is missing"));
    let mut body = json!({"state": required("state")?, "resolution": required("outcome")?});
    if let Some(text) = given("result") {
        body["result"] = serde_json::from_str(&text).context("--result is no JSON")?;
    }
    for name in ["call", "error", "message"] {
        if let Some(text) = given(name) {
            body[name] = text.into();
        }
    }
    let path = format!("{}/resolve", at(matches, "execution"));
    let answer = client(matches)?
        .call(("POST", &path, ""), Some(&body), now())
        .await?;
    println!("{}", line(&answer));
    Ok(())
}
