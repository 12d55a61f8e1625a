//! Licences, bans and sources of all dependencies, by cargo-deny in the pinned version.
//!
//! It is installed into `target/tools` on first use. Its advisory check is left out: it needs a database from outside
//! the package registries.

use std::process::Command;

use anyhow::Result;

use crate::process::{cargo, root, succeeds};

const VERSION: &str = "0.20.2";

/// Runs cargo-deny over the workspace.
pub(crate) fn run() -> Result<()> {
    let tools = root().join("target/tools");
    let program = tools.join("bin/cargo-deny");
    if !succeeds(Command::new(&program).arg("--version")) {
        run_install(&tools)?;
    }
    run_checks(&program)
}

fn run_install(tools: &std::path::Path) -> Result<()> {
    eprintln!("installing cargo-deny {VERSION} into target/tools (once, a few minutes)");
    // A target folder of its own: its features must not disturb the workspace's build.
    crate::process::run(
        cargo()
            .args([
                "install",
                "--quiet",
                "--locked",
                "--version",
                VERSION,
                "cargo-deny",
                "--root",
            ])
            .arg(tools)
            .env("CARGO_TARGET_DIR", tools.join("build"))
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
    )
}

fn run_checks(program: &std::path::Path) -> Result<()> {
    let mut command = Command::new(program);
    command
        .current_dir(root())
        .args(["check", "licenses", "bans", "sources"]);
    crate::process::run(&mut command)
}
