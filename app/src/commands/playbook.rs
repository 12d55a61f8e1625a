//! `quell playbook`: what documents are, before they run.

mod check;
pub(super) mod permissions;
mod plan;

use std::process::ExitCode;

use clap::{ArgMatches, Command};

pub(crate) fn interface() -> Command {
    Command::new("playbook")
        .about("Look at playbooks before they run")
        .subcommand_required(true)
        .subcommand(check::interface())
        .subcommand(permissions::interface())
        .subcommand(plan::interface())
}

/// Runs the subcommand.
pub(crate) fn run(matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    match matches.subcommand() {
        Some(("check", found)) => Ok(check::run(found)),
        Some(("permissions", found)) => permissions::run(found),
        Some(("plan", found)) => plan::run(found),
        _ => Ok(ExitCode::from(2)),
    }
}
