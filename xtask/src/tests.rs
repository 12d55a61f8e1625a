//! Checks, tests, demo and benches.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::lanes::{self, Job};
use crate::process::{cargo, root, run};
use crate::{deny, setup};

/// Format, lints, layers and unit tests.
pub(crate) fn check() -> Result<()> {
    lint()?;
    run(cargo().args(["test", "--workspace", "--quiet"]))
}

/// Everything, as CI runs it.
pub(crate) fn all() -> Result<()> {
    let venv = setup::venv()?;
    lint()?;
    deny::run()?;
    run(with_venv(cargo().args(["build", "--workspace"]), &venv))?;
    run(with_venv(
        cargo().args(["test", "--workspace", "--no-run"]),
        &venv,
    ))?;
    lanes::run(jobs(&venv)?)
}

fn lint() -> Result<()> {
    run(cargo().args(["fmt", "--all", "--check"]))?;
    let clippy = ["clippy", "--workspace", "--all-targets", "--quiet"];
    run(cargo().args(clippy).args(["--", "--deny", "warnings"]))
}

/// The crates' own tests, and the real binary under the AWS CLI, boto3 and Terraform, file by file, longest first.
fn jobs(venv: &Path) -> Result<Vec<Job>> {
    const LONGEST: [&str; 8] = [
        "test_playbooks",
        "test_playbook_permissions",
        "test_documents",
        "test_crash",
        "test_terraform",
        "test_docs",
        "test_crash_playbook",
        "test_story",
    ];
    let folder = root().join("tests/e2e");
    let mut files = Vec::new();
    for entry in std::fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.starts_with("test_") && name.ends_with(".py") {
            files.push(name.trim_end_matches(".py").to_owned());
        }
    }
    files.sort_by_key(|name| {
        let place = LONGEST.iter().position(|long| long == name);
        (place.unwrap_or(LONGEST.len()), name.clone())
    });
    let mut crates = cargo();
    // What conformance suites did not run is in their tables: a test that passes must show its own, too.
    crates.args([
        "test",
        "--workspace",
        "--no-fail-fast",
        "--",
        "--show-output",
    ]);
    with_venv(&mut crates, venv);
    let mut jobs = vec![Job::new("cargo test", crates)];
    for name in files {
        let mut command = Command::new(venv.join("bin/python"));
        command.current_dir(&folder);
        command.args(["-m", "unittest", "--verbose", &name]);
        with_venv(&mut command, venv);
        jobs.push(Job::new(&name, command));
    }
    Ok(jobs)
}

/// The main job on this machine; arguments go on to `quell demo`.
pub(crate) fn demo(rest: &[String]) -> Result<()> {
    let venv = setup::venv()?;
    let mut command = cargo();
    command
        .args(["run", "--quiet", "--package", "quell", "--", "demo"])
        .args(rest);
    run(with_venv(&mut command, &venv))
}

/// The benches; figures are ratios measured in one run.
pub(crate) fn bench(rest: &[String]) -> Result<()> {
    let venv = setup::venv()?;
    let mut benches = cargo();
    run(with_venv(
        benches
            .args([
                "bench", "-p", "store", "-p", "engine", "-p", "server", "-p", "aws", "-p",
                "effects",
            ])
            .args(rest),
        &venv,
    ))
}

fn with_venv<'a>(command: &'a mut Command, venv: &Path) -> &'a mut Command {
    let path = std::env::var("PATH").unwrap_or_default();
    command
        .env("QUELL_VENV", venv)
        .env("PATH", format!("{}:{path}", venv.join("bin").display()))
}
