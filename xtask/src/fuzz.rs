//! `cargo xtask fuzz [target] [--seconds N]`: gives the decoders of the crate `aws` random input, by libFuzzer.
//!
//! Outside CI, since it needs the nightly toolchain and time; CI replays the kept corpora on stable
//! (`crates/aws/tests/it/corpora.rs`). What the fuzzer finds of new ways through the code it keeps in
//! `target/fuzz/corpus`; only inputs that made a decoder fail are worth keeping in the repository.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::process::{root, succeeds};

/// Seconds for each target unless told otherwise.
const SECONDS: u32 = 600;

/// What cargo-fuzz passes as well: coverage counters for libFuzzer, and the address sanitizer.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Zsanitizer=address --cfg fuzzing -Cdebug-assertions \
    -Coverflow-checks";

/// Builds the fuzzer and runs one target, or all, one after the other.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let (wanted, seconds) = parse(arguments)?;
    let folder = root().join("crates/aws/fuzz");
    let known = targets(&folder)?;
    if let Some(wanted) = &wanted
        && !known.contains(wanted)
    {
        bail!("no target `{wanted}`; there are {}", known.join(", "));
    }
    if !succeeds(rustup_cargo().arg("--version")) {
        println!("not run: no nightly toolchain; install it by `rustup toolchain install nightly`");
        return Ok(());
    }
    let program = build(&folder)?;
    let mut failed = Vec::new();
    for target in known {
        if wanted.as_ref().is_none_or(|wanted| *wanted == target)
            && !fuzz(&program, &folder, &target, seconds)?
        {
            failed.push(target);
        }
    }
    if !failed.is_empty() {
        bail!(
            "{} failed; the inputs are in target/fuzz/finds: mend the code, and keep each smallest input in \
             crates/aws/fuzz/corpus/<target>",
            failed.join(", ")
        );
    }
    Ok(())
}

fn parse(arguments: &[String]) -> Result<(Option<String>, u32)> {
    let mut target = None;
    let mut seconds = SECONDS;
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        if argument == "--seconds" {
            let given = rest.next().context("`--seconds` needs a number")?;
            seconds = given
                .parse()
                .ok()
                .filter(|seconds| *seconds > 0)
                .with_context(|| format!("`{given}` is not a number of seconds"))?;
        } else if target.is_none() && !argument.starts_with('-') {
            target = Some(argument.clone());
        } else {
            bail!("`{argument}` is not understood; usage: cargo xtask fuzz [target] [--seconds N]");
        }
    }
    Ok((target, seconds))
}

/// A target is a folder of kept inputs; the replay sees to it that both lists are the same.
fn targets(folder: &Path) -> Result<Vec<String>> {
    let mut targets = Vec::new();
    for entry in fs::read_dir(folder.join("corpus"))? {
        targets.push(entry?.file_name().to_string_lossy().into_owned());
    }
    targets.sort();
    Ok(targets)
}

/// The `cargo` that takes `+nightly` is rustup's, not the one that runs us.
fn rustup_cargo() -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly", "cargo"]);
    for variable in ["CARGO", "RUSTC", "RUSTUP_TOOLCHAIN", "RUSTFLAGS"] {
        command.env_remove(variable);
    }
    command
}

fn build(folder: &Path) -> Result<PathBuf> {
    let target_dir = root().join("target/fuzz");
    let host = host()?;
    crate::process::run(
        rustup_cargo()
            .current_dir(folder)
            .args(["build", "--release", "--target", &host])
            .env("RUSTFLAGS", FLAGS)
            .env("CARGO_TARGET_DIR", &target_dir),
    )?;
    Ok(target_dir.join(host).join("release/aws-fuzz"))
}

fn host() -> Result<String> {
    let output = Command::new("rustup")
        .args(["run", "nightly", "rustc", "-vV"])
        .output()
        .context("cannot start `rustup run nightly rustc`")?;
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .context("`rustc -vV` names no host")
}

/// Whether the target ended without a find.
fn fuzz(program: &Path, folder: &Path, target: &str, seconds: u32) -> Result<bool> {
    let memory = root().join("target/fuzz/corpus").join(target);
    let finds = root().join("target/fuzz/finds").join(target);
    fs::create_dir_all(&memory)?;
    fs::create_dir_all(&finds)?;
    println!("== {target}: {seconds} s");
    let status = Command::new(program)
        .env("QUELL_FUZZ_TARGET", target)
        .env("ASAN_OPTIONS", "detect_leaks=0")
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-artifact_prefix={}/", finds.display()))
        // What the table keeps for good is no leak that matters; the limits find endless work and hunger.
        .args(["-detect_leaks=0", "-timeout=10", "-rss_limit_mb=3072"])
        .args(["-max_len=16384", "-print_final_stats=1", "-verbosity=1"])
        .arg(&memory)
        .arg(folder.join("corpus").join(target))
        .status()
        .with_context(|| format!("cannot start `{}`", program.display()))?;
    Ok(status.success())
}
