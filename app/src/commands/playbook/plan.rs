//! `quell playbook plan`: what a playbook would do with these parameters, on the account as it is.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Arg, ArgAction, ArgMatches, Command};
use flow::automation::document::MAX_BYTES;
use serde_json::{Value, json};

use crate::commands::{plan, run};

pub(super) fn interface() -> Command {
    let command = Command::new("plan")
        .about("What a playbook would do: reads, changes nothing")
        .arg(
            Arg::new("file")
                .value_name("FILE")
                .required_unless_present("document")
                .conflicts_with("document")
                .help("a document that need not be known to the server"),
        )
        .arg(
            Arg::new("document")
                .long("document")
                .value_name("NAME")
                .help("a document of the server, in the place of a file"),
        )
        .arg(
            Arg::new("version")
                .long("version")
                .value_name("VERSION")
                .requires("document")
                .help("its version [default: its default version]"),
        )
        .arg(
            Arg::new("param")
                .long("param")
                .value_name("NAME=VALUE")
                .action(ArgAction::Append)
                .help("a parameter (repeat it for lists)"),
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
pub(super) fn run(matches: &ArgMatches) -> Result<ExitCode> {
    let body = wish(matches)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the async runtime")?;
    let client = run::client(matches)?;
    let made = runtime.block_on(plan::made(&client, "/api/v1/plans", &body))?;
    let there = plan::print(&made, matches.get_flag("json"))?;
    Ok(ExitCode::from(u8::from(!there)))
}

fn wish(matches: &ArgMatches) -> Result<Value> {
    let text = |name: &str| matches.get_one::<String>(name).cloned();
    let mut parameters: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for given in matches.get_many::<String>("param").into_iter().flatten() {
        let Some((name, value)) = given.split_once('=') else {
            bail!("--param `{given}` must be written NAME=VALUE");
        };
        let values = parameters.entry(name.to_owned()).or_default();
        values.push(value.to_owned());
    }
    if let Some(name) = text("document") {
        return Ok(json!({"document": name, "version": text("version"), "parameters": parameters}));
    }
    let file = text("file").unwrap_or_default();
    let size = std::fs::metadata(&file)
        .with_context(|| format!("`{file}`"))?
        .len();
    if usize::try_from(size).map_or(true, |size| size > MAX_BYTES) {
        bail!("`{file}` has {size} bytes; a document may have {MAX_BYTES}");
    }
    let content = std::fs::read_to_string(&file).with_context(|| format!("`{file}`"))?;
    let name = Path::new(&file).file_stem().unwrap_or_default();
    Ok(json!({"document": name.to_string_lossy(), "content": content, "parameters": parameters}))
}
