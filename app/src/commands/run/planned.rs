//! `quell run plan|start|approve`: what a waiting run would do, and runs and approvals that are bound to a plan.

use anyhow::{Result, anyhow, bail};
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Value, json};

use super::{client, connection};
use crate::commands::plan;

fn run_argument() -> Arg {
    Arg::new("run")
        .required(true)
        .value_name("RUN")
        .help("execution id")
}

fn hash_argument(help: &'static str) -> Arg {
    Arg::new("plan-hash")
        .long("plan-hash")
        .required(true)
        .value_name("HASH")
        .help(help)
}

pub(super) fn plan_interface() -> Command {
    let command = Command::new("plan").about("What a run would do that waits for approval");
    connection(command).arg(run_argument()).arg(
        Arg::new("json")
            .long("json")
            .action(ArgAction::SetTrue)
            .help("print the plan as JSON"),
    )
}

pub(super) fn start_interface() -> Command {
    let command =
        Command::new("start").about("Start what was planned, if the plan is still the same");
    connection(command).arg(hash_argument(
        "the plan's hash, as `quell playbook plan` prints it",
    ))
}

pub(super) fn approve_interface() -> Command {
    let command = Command::new("approve")
        .about("Approve a waiting run, if it would still do what was planned");
    connection(command)
        .arg(run_argument())
        .arg(hash_argument(
            "the plan's hash, as `quell run plan` prints it",
        ))
        .arg(
            Arg::new("comment")
                .long("comment")
                .value_name("TEXT")
                .help("kept with the approval"),
        )
}

fn text(matches: &ArgMatches, name: &str) -> String {
    matches.get_one::<String>(name).cloned().unwrap_or_default()
}

fn run_id(matches: &ArgMatches) -> Result<uuid::Uuid> {
    let given = text(matches, "run");
    given
        .parse()
        .map_err(|_| anyhow!("the run's id must be a UUID"))
}

fn hash(matches: &ArgMatches) -> Result<String> {
    let given = text(matches, "plan-hash");
    if given.len() != 64 || !given.bytes().all(|b| b.is_ascii_hexdigit()) {
        bail!("--plan-hash must have 64 hexadecimal digits, as the plan's last line has");
    }
    Ok(given.to_ascii_lowercase())
}

pub(super) async fn plan_run(matches: &ArgMatches) -> Result<()> {
    let body = json!({"run": run_id(matches)?});
    let made = plan::made(&client(matches)?, "/api/v1/plans", &body).await?;
    if plan::print(&made, matches.get_flag("json"))? {
        return Ok(());
    }
    bail!("there is no plan")
}

pub(super) async fn start(matches: &ArgMatches) -> Result<()> {
    let path = format!("/api/v1/plans/{}/start", hash(matches)?);
    let client = client(matches)?;
    let made = plan::made(&client, &path, &json!({})).await?;
    if made["status"].as_str() == Some("Success") {
        plan::begun(&client, &made).await?;
    }
    done(&made, "started")
}

pub(super) async fn approve(matches: &ArgMatches) -> Result<()> {
    let path = format!("/api/v1/runs/{}/approve", run_id(matches)?);
    let mut body = json!({"planHash": hash(matches)?});
    if let Some(comment) = matches.get_one::<String>("comment") {
        body["comment"] = comment.clone().into();
    }
    let made = plan::made(&client(matches)?, &path, &body).await?;
    done(&made, "approved")
}

/// What became of what hung on a plan.
fn done(made: &Value, word: &str) -> Result<()> {
    if made["status"].as_str() != Some("Success") {
        bail!("{}", made["message"].as_str().unwrap_or("there is no plan"));
    }
    let run = made["bound"]["AutomationExecutionId"].as_str();
    println!("{word} {}", run.unwrap_or("-"));
    Ok(())
}
