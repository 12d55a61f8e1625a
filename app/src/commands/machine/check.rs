//! `quell machine check`: everything that can be said about definitions before they run.

use std::process::ExitCode;

use clap::{Arg, ArgMatches, Command};
use flow::asl::definition::{Calls, MAX_BYTES, MachineType};
use flow::asl::review::review;
use serde_json::Map;

use crate::commands::findings::{self, Checker};

pub(crate) fn interface() -> Command {
    let command = Command::new("check")
        .about("Say what is wrong with definitions, and what a careful reader would ask about: 0 no mistakes, 1 mistakes, 2 a file cannot be read");
    findings::arguments(
        command,
        "definitions in Amazon States Language (JSON); `-` reads standard input",
    )
    .arg(kind())
}

/// `--type`.
pub(super) fn kind() -> Arg {
    Arg::new("type")
        .long("type")
        .value_name("TYPE")
        .value_parser(["standard", "express"])
        .default_value("standard")
        .help("type of the state machine")
}

/// What `--type` says.
pub(super) fn kind_of(matches: &ArgMatches) -> MachineType {
    match matches.get_one::<String>("type").map(String::as_str) {
        Some("express") => MachineType::Express,
        _ => MachineType::Standard,
    }
}

/// Runs the subcommand.
pub(crate) fn run(matches: &ArgMatches) -> ExitCode {
    let kind = kind_of(matches);
    let calls = Calls {
        exists: aws::knowledge::exists,
        required: aws::knowledge::required,
        foreign: aws::knowledge::foreign,
    };
    let checker = Checker {
        max_bytes: MAX_BYTES,
        part: "state",
        look: &|_, content| {
            (
                Map::new(),
                review(content, kind, (&aws::knowledge::is_repeatable, calls)),
            )
        },
    };
    findings::check(matches, &checker)
}
