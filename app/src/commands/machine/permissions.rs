//! `quell machine permissions`: the policy that a set of state machines needs, and nothing else.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use aws::permissions::Place;
use clap::{Arg, ArgMatches, Command};
use flow::asl::definition::{self, MAX_BYTES, MachineType};
use flow::asl::plan::survey::survey;

use super::check::{kind, kind_of};
use crate::commands::playbook::permissions::{Wanted, explain, place, runs, shape, undo};

pub(super) fn interface() -> Command {
    let command = Command::new("permissions")
        .about("The IAM policy that a set of state machines needs, and nothing else")
        .arg(
            Arg::new("file")
                .required(true)
                .num_args(1..)
                .value_name("FILE")
                .help("definitions in Amazon States Language (JSON)"),
        );
    runs(shape(command))
        .arg(kind())
        .arg(undo("executions"))
        .arg(explain("states"))
}

/// Prints the policy; what a reader should know goes to standard error.
pub(super) fn run(matches: &ArgMatches) -> Result<ExitCode> {
    let place = place(matches)?;
    let mut wanted = Wanted::default();
    let files = matches.get_many::<String>("file").into_iter().flatten();
    for file in files {
        let back = matches.get_flag("undo");
        add(
            &mut wanted,
            (Path::new(file), back),
            (kind_of(matches), &place),
        )?;
    }
    wanted.tell(matches, &place)?;
    Ok(ExitCode::SUCCESS)
}

/// Adds the needs of a file's machine, and those of taking it back.
fn add(
    wanted: &mut Wanted,
    (file, back): (&Path, bool),
    (kind, place): (MachineType, &Place),
) -> Result<()> {
    let shown = file.display();
    let size = std::fs::metadata(file)
        .with_context(|| format!("`{shown}`"))?
        .len();
    if usize::try_from(size).map_or(true, |size| size > MAX_BYTES) {
        bail!("`{shown}` has {size} bytes; a definition may have {MAX_BYTES}");
    }
    let text = std::fs::read_to_string(file).with_context(|| format!("`{shown}`"))?;
    let machine = definition::parse(&text, kind).map_err(|problems| {
        let all: Vec<String> = problems.iter().map(|one| format!("  {one}")).collect();
        anyhow::anyhow!("`{shown}` is no valid definition:\n{}", all.join("\n"))
    })?;
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let name = name.split('.').next().unwrap_or_default().to_owned();
    let found = survey(&Arc::new(machine));
    let undoing = if back { found.undoing() } else { Vec::new() };
    for call in found.calls {
        let state = format!("{name} {}", call.step);
        let called = (call.service.as_str(), call.operation.as_str());
        wanted.call(&state, called, (&call.params, place));
    }
    for call in undoing {
        let state = format!("{name} {}, its undo", call.step);
        let called = (call.service.as_str(), call.operation.as_str());
        wanted.call(&state, called, (&call.params, place));
    }
    for (state, reason) in found.unknown {
        wanted.notes.insert(format!("{name} {state}: {reason}"));
    }
    Ok(())
}
