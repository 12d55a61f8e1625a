//! `quell run undo`: takes back what a run changed, newest first; and what it shares with that of executions.

use anyhow::{Result, anyhow};
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Value, json};

use super::{client, connection, now};

pub(super) fn interface() -> Command {
    let command = Command::new("undo").about("Take back what a run changed, newest first");
    let command = connection(command).arg(
        Arg::new("run")
            .required(true)
            .value_name("RUN")
            .help("execution id"),
    );
    wishes(command, ("STEP", "step"))
}

/// How something is taken back. `part`: what its parts are called, as a value's name and as a word.
pub(crate) fn wishes(command: Command, (value, part): (&'static str, &'static str)) -> Command {
    command
        .arg(
            Arg::new("plan")
                .long("plan")
                .action(ArgAction::SetTrue)
                .help("only say what would be done"),
        )
        .arg(
            Arg::new("accept-drift")
                .long("accept-drift")
                .value_name(value)
                .action(ArgAction::Append)
                .help(format!(
                    "overwrite the state of this {part}'s resource even if it was changed since"
                )),
        )
}

pub(super) async fn run(matches: &ArgMatches) -> Result<()> {
    let given = matches.get_one::<String>("run").cloned();
    let run: uuid::Uuid = given
        .unwrap_or_default()
        .parse()
        .map_err(|_| anyhow!("the run's id must be a UUID"))?;
    take_back(matches, &format!("/api/v1/runs/{run}/undo")).await
}

/// Asks for it at this path, and prints what is taken back and which run does it.
pub(crate) async fn take_back(matches: &ArgMatches, path: &str) -> Result<()> {
    let accepted: Vec<&String> = matches
        .get_many("accept-drift")
        .into_iter()
        .flatten()
        .collect();
    let body = json!({"plan": matches.get_flag("plan"), "acceptDrift": accepted});
    let answer = client(matches)?
        .call(("POST", path, ""), Some(&body), now())
        .await?;
    for step in answer["plan"].as_array().into_iter().flatten() {
        print(step);
    }
    match answer["AutomationExecutionId"].as_str() {
        Some(id) => println!("started {id}"),
        None if matches.get_flag("plan") => {}
        None => println!("nothing to undo"),
    }
    Ok(())
}

fn print(step: &Value) {
    let text = |name: &str| step[name].as_str().unwrap_or("-");
    println!("{}  {}  {}", text("step"), text("call"), text("how"));
    for call in step["calls"].as_array().into_iter().flatten() {
        let said = |name: &str| call[name].as_str().unwrap_or("-");
        println!(
            "    {}:{} {}",
            said("service"),
            said("operation"),
            call["params"]
        );
    }
}
