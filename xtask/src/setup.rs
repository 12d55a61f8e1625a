//! The Python side of demo and tests: one virtual environment with pinned packages.
//!
//! Debian's `python3` comes without `ensurepip`, so three ways are tried in turn; what is missing is named.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process::{root, run, succeeds};

const MISSING: &str =
    "no virtual environment can be made: python3 has neither `ensurepip` nor `pip`.
On Debian or Ubuntu install the package that holds it, then run this again:

    apt-get install python3-venv";

/// Makes or renews `.venv` and answers its folder. Does nothing when it is up to date.
pub(crate) fn venv() -> Result<PathBuf> {
    let root = root();
    let venv = root.join(".venv");
    let wanted = fs::read_to_string(root.join("xtask/requirements.txt"))
        .context("xtask/requirements.txt")?;
    let stamp = venv.join("quell-requirements.txt");
    if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(venv);
    }
    let python = python()?;
    make(&python, &venv)?;
    let requirements = root.join("xtask/requirements.txt");
    run(pip(&python, &venv)
        .args([
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
            "-r",
        ])
        .arg(requirements))
    .context("the packages of xtask/requirements.txt could not be installed from PyPI")?;
    fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(venv)
}

/// A Python of at least 3.10.
fn python() -> Result<String> {
    let new_enough = "import sys; sys.exit(sys.version_info < (3, 10))";
    for name in ["python3.11", "python3", "python"] {
        if succeeds(Command::new(name).args(["-c", new_enough])) {
            return Ok(name.to_owned());
        }
    }
    bail!(
        "Python 3.10 or newer is needed and was not found: on Debian, `apt-get install python3 python3-venv`"
    )
}

fn make(python: &str, venv: &Path) -> Result<()> {
    if venv.exists() {
        fs::remove_dir_all(venv)
            .with_context(|| format!("cannot remove the outdated {}", venv.display()))?;
    }
    let whole = |python: &str| succeeds(Command::new(python).args(["-m", "venv"]).arg(venv));
    if whole(python) {
        return Ok(());
    }
    let bare = succeeds(
        Command::new(python)
            .args(["-m", "venv", "--clear", "--without-pip"])
            .arg(venv),
    );
    if bare && succeeds(Command::new(python).args(["-m", "pip", "--version"])) {
        return Ok(());
    }
    // A machine of one's own (a container, a CI runner): the package manager is at hand and may be used.
    if is_root() && succeeds(Command::new("apt-get").arg("--version")) {
        eprintln!("python3 lacks venv support; installing Debian's python3-venv");
        let quiet = |command: &mut Command| run(command.env("DEBIAN_FRONTEND", "noninteractive"));
        quiet(Command::new("apt-get").args(["update", "-qq"]))?;
        quiet(Command::new("apt-get").args(["install", "-y", "-qq", "python3-venv"]))?;
        if whole("python3") {
            return Ok(());
        }
    }
    bail!(MISSING)
}

/// The environment's own pip, or the system's working on the environment.
fn pip(python: &str, venv: &Path) -> Command {
    let inside = venv.join("bin/python");
    if succeeds(Command::new(&inside).args(["-m", "pip", "--version"])) {
        let mut command = Command::new(inside);
        command.args(["-m", "pip"]);
        return command;
    }
    let mut command = Command::new(python);
    command.args(["-m", "pip", "--python"]).arg(inside);
    command
}

fn is_root() -> bool {
    Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|output| output.stdout.starts_with(b"0\n"))
}
