//! Checks, tests, demo and benches.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::process::{cargo, root, run};
use crate::{deny, setup};

/// Format, lints, layers and unit tests.
pub(crate) fn check() -> Result<()> {
    run(cargo().args(["fmt", "--all", "--check"]))?;
    run(cargo().args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--quiet",
        "--",
        "--deny",
        "warnings",
    ]))?;
    run(cargo().args(["test", "--workspace", "--quiet"]))
}

/// Everything, as CI runs it.
pub(crate) fn all() -> Result<()> {
    let venv = setup::venv()?;
    run(cargo().args(["fmt", "--all", "--check"]))?;
    run(cargo().args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--quiet",
        "--",
        "--deny",
        "warnings",
    ]))?;
    deny::run()?;
    run(with_venv(cargo().args(["build", "--workspace"]), &venv))?;
    run(with_venv(
        cargo().args(["test", "--workspace", "--no-fail-fast"]),
        &venv,
    ))?;
    end_to_end(&venv)
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
    run(cargo()
        .args(["bench", "-p", "store", "-p", "engine"])
        .args(rest))
}

/// The real binary under the AWS CLI, boto3 and Terraform.
fn end_to_end(venv: &Path) -> Result<()> {
    let mut command = Command::new(venv.join("bin/python"));
    command.current_dir(root());
    command.args([
        "-m",
        "unittest",
        "discover",
        "--verbose",
        "--start-directory",
        "tests/e2e",
        "--pattern",
        "test_*.py",
    ]);
    run(with_venv(&mut command, venv))
}

fn with_venv<'a>(command: &'a mut Command, venv: &Path) -> &'a mut Command {
    let path = std::env::var("PATH").unwrap_or_default();
    command
        .env("QUELL_VENV", venv)
        .env("PATH", format!("{}:{path}", venv.join("bin").display()))
}
