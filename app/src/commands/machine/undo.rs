//! `quell machine undo`: takes back what an execution changed, newest first.

use anyhow::Result;
use clap::{Arg, ArgMatches, Command};

use super::at;
use crate::commands::run::{connection, undo};

pub(super) fn interface() -> Command {
    let command = Command::new("undo").about("Take back what an execution changed, newest first");
    let command = connection(command).arg(
        Arg::new("execution")
            .required(true)
            .value_name("EXECUTION")
            .help("the execution's ARN, or its id as `list` shows it"),
    );
    undo::wishes(command, ("STATE", "state"))
}

/// Prints what is taken back, and which run does it.
pub(super) async fn run(matches: &ArgMatches) -> Result<()> {
    let path = format!("{}/undo", at(matches, "execution"));
    undo::take_back(matches, &path).await
}
