//! The same random calls through botocore and through this crate: equal requests, equal answers, equal reports,
//! and each reads what the other writes.
//!
//! `tests/oracle/botocore_oracle.py` makes the calls from botocore's own models and says what botocore does; it needs
//! the Python environment of the project (`QUELL_VENV`, else `.venv` beside the crates). `QUELL_DIFFERENTIAL_SEED` and
//! `QUELL_DIFFERENTIAL_CASES` choose other cases; `QUELL_DIFFERENTIAL_SERVICES=all` takes every service.

mod answers;
mod bodies;
mod reports;
mod requests;
mod served;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
const ORACLE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/oracle/botocore_oracle.py"
);
const SEED: &str = "20261121";
/// Differences shown in full; the rest is counted.
const SHOWN: usize = 40;

fn python() -> Option<PathBuf> {
    let venv = std::env::var_os("QUELL_VENV")
        .map_or_else(|| PathBuf::from(ROOT).join(".venv"), PathBuf::from);
    let python = venv.join("bin").join("python");
    if python.exists() {
        return Some(python);
    }
    println!(
        "not run: no `{}`; make it with `cargo xtask setup` or name another environment in QUELL_VENV",
        python.display()
    );
    None
}

/// What is wrong with a case; one line for each aspect that differs.
type Differences = Vec<String>;

fn seed() -> String {
    std::env::var("QUELL_DIFFERENTIAL_SEED").unwrap_or_else(|_| SEED.to_owned())
}

/// The oracle, not yet started.
fn oracle(python: &Path, kind: &str, count: usize) -> Command {
    let mut oracle = Command::new(python);
    oracle
        .args([ORACLE, kind, &seed(), &count.to_string()])
        .env_remove("PYTHONPATH")
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    oracle
}

/// What was compared.
struct Compared {
    cases: usize,
    services: usize,
}

/// Runs the oracle and compares every line of it. Fails on any difference, and when fewer cases or services than
/// wanted were compared.
fn run(kind: &str, cases: usize, services: usize, check: &dyn Fn(&Value) -> Differences) {
    let Some(python) = python() else { return };
    let wanted = std::env::var("QUELL_DIFFERENTIAL_CASES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(cases);
    let mut oracle = oracle(&python, kind, wanted).spawn().unwrap();
    let compared = compare_all(kind, &mut oracle, check);
    assert!(
        compared.cases >= wanted && (compared.services >= services || wanted < cases),
        "only {} cases of {} services",
        compared.cases,
        compared.services
    );
}

/// Compares every line of an oracle that runs. Fails on any difference.
fn compare_all(kind: &str, oracle: &mut Child, check: &dyn Fn(&Value) -> Differences) -> Compared {
    let seed = seed();
    let mut compared = 0;
    let mut seen = BTreeSet::new();
    let mut failures: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in BufReader::new(oracle.stdout.take().unwrap()).lines() {
        let case: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let service = case["service"].as_str().unwrap().to_owned();
        let differences = check(&case);
        if !differences.is_empty() {
            failures
                .entry(format!("{service}:{}", case["operation"].as_str().unwrap()))
                .or_default()
                .push(differences.join("\n    "));
        }
        seen.insert(service);
        compared += 1;
    }
    assert!(oracle.wait().unwrap().success(), "the oracle failed");
    let failed: usize = failures.values().map(Vec::len).sum();
    println!(
        "{kind}: {} of {compared} equal, {} services, seed {seed}",
        compared - failed,
        seen.len()
    );
    let shown: Vec<String> = failures
        .iter()
        .take(shown())
        .map(|(operation, cases)| format!("{operation} ({} cases)\n    {}", cases.len(), cases[0]))
        .collect();
    assert!(
        failures.is_empty(),
        "{failed} of {compared} cases differ in {} operations (seed {seed}):\n{}",
        failures.len(),
        shown.join("\n")
    );
    Compared {
        cases: compared,
        services: seen.len(),
    }
}

fn shown() -> usize {
    let chosen = std::env::var("QUELL_DIFFERENTIAL_SHOWN").ok();
    chosen.and_then(|text| text.parse().ok()).unwrap_or(SHOWN)
}

fn text<'a>(case: &'a Value, key: &str) -> &'a str {
    case[key]
        .as_str()
        .unwrap_or_else(|| panic!("no `{key}` in {case}"))
}

fn bytes(case: &Value, key: &str) -> Vec<u8> {
    STANDARD.decode(text(case, key)).unwrap()
}

/// Headers of a case.
fn headers(case: &Value) -> Vec<(String, String)> {
    let pairs = case["headers"].as_array().unwrap();
    pairs
        .iter()
        .map(|pair| {
            let part = |at: usize| pair[at].as_str().unwrap().to_owned();
            (part(0), part(1))
        })
        .collect()
}
