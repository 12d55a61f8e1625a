//! `cargo xtask fuzz [crate|target|crate/target] [--seconds N]`: gives what reads bytes from outside random input, by
//! libFuzzer.
//!
//! A crate with a folder `fuzz` takes part: its targets are the folders of `fuzz/corpus`, and `fuzz/words.dict`, if there
//! is one, holds words that the fuzzer puts into its inputs. Outside CI, since it needs the
//! nightly toolchain and time; CI replays the kept corpora on stable (`tests/it/corpora.rs` of each crate). What the
//! fuzzer finds of new ways through the code it keeps in `target/fuzz/corpus`, and what it says in `target/fuzz/logs`;
//! only inputs that made a target fail are worth keeping in the repository.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::process::{root, succeeds};

/// Seconds for each target unless told otherwise.
const SECONDS: u32 = 600;

/// Variable that names another toolchain than `nightly`, such as `nightly-2026-11-01`.
const TOOLCHAIN: &str = "QUELL_FUZZ_TOOLCHAIN";

/// Lines of the fuzzer's output that are shown of a target that failed.
const LAST_LINES: usize = 40;

/// What cargo-fuzz passes as well: coverage counters for libFuzzer, and the address sanitizer.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Zsanitizer=address --cfg fuzzing -Cdebug-assertions \
    -Coverflow-checks";

/// A crate's fuzzer.
struct Fuzzer {
    /// The crate.
    name: String,
    /// Its folder `fuzz`.
    folder: PathBuf,
    /// Those of its targets that are meant.
    targets: Vec<String>,
}

/// Builds each fuzzer that is meant and runs its targets, one after the other.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let (wanted, seconds) = parse(arguments)?;
    let meant = meant(fuzzers(&root())?, wanted.as_deref())?;
    if !succeeds(rustup_cargo().arg("--version")) {
        let toolchain = toolchain();
        println!(
            "not run: no toolchain `{toolchain}`; get it by `rustup toolchain install {toolchain}`"
        );
        return Ok(());
    }
    let mut failed = Vec::new();
    for fuzzer in meant {
        let program = build(&fuzzer)?;
        for target in &fuzzer.targets {
            if !fuzz(&program, &fuzzer, target, seconds)? {
                failed.push(format!("{}/{target}", fuzzer.name));
            }
        }
    }
    if !failed.is_empty() {
        bail!(
            "{} failed; the inputs are in target/fuzz/finds: mend the code, and keep each smallest input in \
             crates/<crate>/fuzz/corpus/<target>",
            failed.join(", ")
        );
    }
    Ok(())
}

fn parse(arguments: &[String]) -> Result<(Option<String>, u32)> {
    let mut wanted = None;
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
        } else if wanted.is_none() && !argument.starts_with('-') {
            wanted = Some(argument.clone());
        } else {
            bail!(
                "`{argument}` is not understood; usage: cargo xtask fuzz [crate|target|crate/target] [--seconds N]"
            );
        }
    }
    Ok((wanted, seconds))
}

/// All fuzzers with all their targets, by name. A target is a folder of kept inputs; the replay sees to it that both
/// lists are the same.
fn fuzzers(root: &Path) -> Result<Vec<Fuzzer>> {
    let mut fuzzers = Vec::new();
    for entry in fs::read_dir(root.join("crates"))? {
        let entry = entry?;
        let folder = entry.path().join("fuzz");
        if !folder.join("Cargo.toml").is_file() {
            continue;
        }
        let mut targets = Vec::new();
        for entry in fs::read_dir(folder.join("corpus"))? {
            targets.push(entry?.file_name().to_string_lossy().into_owned());
        }
        targets.sort();
        fuzzers.push(Fuzzer {
            name: entry.file_name().to_string_lossy().into_owned(),
            folder,
            targets,
        });
    }
    fuzzers.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(fuzzers)
}

/// Those that a word means: a crate, a target of any crate, or `crate/target`; without one all.
fn meant(all: Vec<Fuzzer>, wanted: Option<&str>) -> Result<Vec<Fuzzer>> {
    let Some(wanted) = wanted else {
        return Ok(all);
    };
    let known: Vec<String> = all
        .iter()
        .map(|fuzzer| format!("{}/{{{}}}", fuzzer.name, fuzzer.targets.join(",")))
        .collect();
    let mut meant = all;
    for fuzzer in &mut meant {
        let name = &fuzzer.name;
        fuzzer.targets.retain(|target| {
            wanted == name || wanted == target || wanted.split_once('/') == Some((name, target))
        });
    }
    meant.retain(|fuzzer| !fuzzer.targets.is_empty());
    if meant.is_empty() {
        bail!("no target `{wanted}`; there are {}", known.join(", "));
    }
    Ok(meant)
}

fn toolchain() -> String {
    std::env::var(TOOLCHAIN).unwrap_or_else(|_| "nightly".to_owned())
}

/// The nightly's `cargo`, found by rustup: it is not the one that runs us.
fn rustup_cargo() -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", &toolchain(), "cargo"]);
    for variable in ["CARGO", "RUSTC", "RUSTUP_TOOLCHAIN", "RUSTFLAGS"] {
        command.env_remove(variable);
    }
    command
}

fn build(fuzzer: &Fuzzer) -> Result<PathBuf> {
    let target_dir = root().join("target/fuzz");
    let host = host()?;
    crate::process::run(
        rustup_cargo()
            .current_dir(&fuzzer.folder)
            .args(["build", "--release", "--target", &host])
            .env("RUSTFLAGS", FLAGS)
            .env("CARGO_TARGET_DIR", &target_dir),
    )?;
    let program = format!("{}-fuzz", fuzzer.name);
    Ok(target_dir.join(host).join("release").join(program))
}

fn host() -> Result<String> {
    let output = Command::new("rustup")
        .args(["run", &toolchain(), "rustc", "-vV"])
        .output()
        .context("cannot start `rustup run ... rustc`")?;
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .context("`rustc -vV` names no host")
}

/// Whether the target ended without a find. Says so on one line, and, where it did not, what the fuzzer said last.
fn fuzz(program: &Path, fuzzer: &Fuzzer, target: &str, seconds: u32) -> Result<bool> {
    let name = &fuzzer.name;
    let place = |kind: &str| root().join("target/fuzz").join(kind).join(name);
    let (memory, finds) = (place("corpus").join(target), place("finds").join(target));
    let log = place("logs").join(format!("{target}.txt"));
    for folder in [&memory, &finds, &place("logs")] {
        fs::create_dir_all(folder)?;
    }
    let output = File::create(&log)?;
    let words = fuzzer.folder.join("words.dict");
    let words = words
        .is_file()
        .then(|| format!("-dict={}", words.display()));
    let status = Command::new(program)
        .env("QUELL_FUZZ_TARGET", target)
        // What the table keeps for good is no leak that matters; the limits find endless work and hunger.
        .env("ASAN_OPTIONS", "detect_leaks=0")
        .args(["-detect_leaks=0", "-timeout=10", "-rss_limit_mb=3072"])
        .args(["-max_len=16384", "-print_final_stats=1", "-verbosity=1"])
        .arg(format!("-max_total_time={seconds}"))
        .args(words)
        .arg(format!("-artifact_prefix={}/", finds.display()))
        .arg(&memory)
        .arg(fuzzer.folder.join("corpus").join(target))
        .stdout(output.try_clone()?)
        .stderr(output)
        .status()
        .with_context(|| format!("cannot start `{}`", program.display()))?;
    let said = fs::read(&log)?;
    let said = String::from_utf8_lossy(&said);
    match done(&said) {
        Some((runs, took)) if status.success() => {
            println!("{name}/{target}: {runs} runs in {took} s, clean");
            Ok(true)
        }
        _ => {
            let lines: Vec<&str> = said.lines().collect();
            let last = lines.get(lines.len().saturating_sub(LAST_LINES)..);
            let last = last.unwrap_or_default().join("\n");
            println!(
                "{last}\n{name}/{target}: failed ({status}); all of it is in {}",
                log.display()
            );
            Ok(false)
        }
    }
}

/// Runs and seconds, as libFuzzer tells them at the end: `Done 5 runs in 2 second(s)`.
fn done(said: &str) -> Option<(u64, u64)> {
    let line = said
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("Done "))?;
    let (runs, rest) = line.split_once(" runs in ")?;
    let (seconds, _) = rest.split_once(' ')?;
    Some((runs.parse().ok()?, seconds.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_a_target_and_seconds() {
        let parse = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            parse(&words).ok()
        };
        assert_eq!(parse(&[]), Some((None, SECONDS)));
        let both = Some((Some("table".to_owned()), 5));
        assert_eq!(parse(&["table", "--seconds", "5"]), both);
        assert_eq!(parse(&["--seconds", "5", "table"]), both);
        for wrong in [
            &["--seconds"][..],
            &["--seconds", "0"],
            &["a", "b"],
            &["--all"],
        ] {
            assert_eq!(parse(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_word_means_a_crate_or_a_target() {
        let all = || {
            let fuzzer = |name: &str, targets: &[&str]| Fuzzer {
                name: name.to_owned(),
                folder: PathBuf::new(),
                targets: targets.iter().map(|target| (*target).to_owned()).collect(),
            };
            vec![
                fuzzer("aws", &["table", "xml"]),
                fuzzer("rules", &["pattern", "table"]),
            ]
        };
        let names = |wanted: Option<&str>| {
            let meant = meant(all(), wanted).map_err(|error| error.to_string())?;
            let list = |fuzzer: &Fuzzer| format!("{}:{}", fuzzer.name, fuzzer.targets.join(","));
            Ok::<_, String>(meant.iter().map(list).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(
            names(None),
            Ok("aws:table,xml rules:pattern,table".to_owned())
        );
        assert_eq!(names(Some("aws")), Ok("aws:table,xml".to_owned()));
        assert_eq!(names(Some("table")), Ok("aws:table rules:table".to_owned()));
        assert_eq!(names(Some("rules/table")), Ok("rules:table".to_owned()));
        let none = "no target `aws/pattern`; there are aws/{table,xml}, rules/{pattern,table}";
        assert_eq!(names(Some("aws/pattern")), Err(none.to_owned()));
    }

    #[test]
    fn the_end_is_read() {
        assert_eq!(
            done("#5\tDONE\nDone 598901 runs in 76 second(s)\nstat::x: 1\n"),
            Some((598_901, 76))
        );
        assert_eq!(done("==1== ERROR: libFuzzer: deadly signal"), None);
    }
}
