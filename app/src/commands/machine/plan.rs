//! `quell machine plan`: what an execution of a state machine would do with an input, on the account as it is.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Arg, ArgAction, ArgMatches, Command};
use flow::asl::definition::MAX_BYTES;
use serde_json::{Value, json};

use crate::commands::{plan, run};

/// Largest file with an input in bytes, as everywhere in the service.
const MAX_INPUT: u64 = 262_144;

pub(super) fn interface() -> Command {
    let command = Command::new("plan")
        .about("What an execution would do: reads, changes nothing")
        .arg(
            Arg::new("file")
                .value_name("FILE")
                .required_unless_present("arn")
                .conflicts_with("arn")
                .help("a definition that need not be known to the server"),
        )
        .arg(
            Arg::new("arn")
                .long("arn")
                .value_name("ARN")
                .help("a state machine of the server, a version or an alias, in the place of a file"),
        )
        .arg(
            Arg::new("input")
                .long("input")
                .value_name("JSON")
                .help("the input, or @FILE with it [default: {}]"),
        )
        .arg(
            Arg::new("role")
                .long("role")
                .value_name("ARN")
                .conflicts_with("arn")
                .help("the role that the file's calls are made as [default: the server's own identity]"),
        )
        .arg(
            Arg::new("type")
                .long("type")
                .value_name("TYPE")
                .conflicts_with("arn")
                .value_parser(["standard", "express"])
                .default_value("standard")
                .help("type of the state machine"),
        )
        .arg(
            Arg::new("json")
                .long("json")
                .action(ArgAction::SetTrue)
                .help("print the plan as JSON"),
        );
    run::connection(command)
}

/// Prints the plan; exits with 1 when there is none.
pub(super) async fn run(matches: &ArgMatches) -> Result<ExitCode> {
    let body = wish(matches)?;
    let client = run::client(matches)?;
    let made = plan::made_at(&client, "/api/v1/machine-plans", &body).await?;
    let there = plan::print(&made, matches.get_flag("json"))?;
    Ok(ExitCode::from(u8::from(!there)))
}

fn wish(matches: &ArgMatches) -> Result<Value> {
    let text = |name: &str| matches.get_one::<String>(name).cloned();
    let input = match text("input") {
        None => "{}".to_owned(),
        Some(given) => match given.strip_prefix('@') {
            Some(file) => read(file, MAX_INPUT)?,
            None => given,
        },
    };
    serde_json::from_str::<Value>(&input).context("--input is no JSON")?;
    if let Some(arn) = text("arn") {
        return Ok(json!({"stateMachineArn": arn, "input": input}));
    }
    let file = text("file").unwrap_or_default();
    let definition = read(&file, MAX_BYTES as u64)?;
    let name = Path::new(&file).file_name().unwrap_or_default();
    let name = name.to_string_lossy();
    let name = name.split('.').next().filter(|name| !name.is_empty());
    let mut body = json!({
        "definition": definition,
        "name": name.unwrap_or("definition"),
        "type": text("type").unwrap_or_default().to_uppercase(),
        "input": input,
    });
    if let Some(role) = text("role") {
        body["roleArn"] = role.into();
    }
    Ok(body)
}

fn read(file: &str, most: u64) -> Result<String> {
    let size = std::fs::metadata(file)
        .with_context(|| format!("`{file}`"))?
        .len();
    if size > most {
        bail!("`{file}` has {size} bytes; it may have {most}");
    }
    std::fs::read_to_string(file).with_context(|| format!("`{file}`"))
}
