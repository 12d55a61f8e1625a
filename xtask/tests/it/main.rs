//! House rules as tests: the layers of ARCHITECTURE.md against `cargo metadata`, and the size of files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Which crates of the house each crate may depend on, as ARCHITECTURE.md states it.
const LAYERS: [(&str, &[&str]); 14] = [
    ("model", &[]),
    ("rules", &["model"]),
    ("bus", &["model", "rules"]),
    ("response", &["model"]),
    ("flow", &["model"]),
    ("aws", &[]),
    ("ports", &["model"]),
    (
        "engine",
        &["model", "rules", "bus", "response", "flow", "ports"],
    ),
    ("store", &["model", "ports"]),
    ("effects", &["model", "ports", "aws"]),
    ("intake", &["model", "ports", "engine", "aws"]),
    ("server", &["model", "ports", "engine", "aws", "intake"]),
    (
        "quell",
        &[
            "model", "rules", "bus", "response", "flow", "aws", "ports", "engine", "store",
            "effects", "intake", "server",
        ],
    ),
    ("xtask", &[]),
];

/// Crates that only decide: no async, clock, randomness, logging or network.
const PURE: [&str; 5] = ["model", "rules", "bus", "response", "flow"];
/// What a pure crate must not depend on, directly.
const WORLDLY: [&str; 10] = [
    "tokio",
    "futures-util",
    "tracing",
    "getrandom",
    "hyper",
    "axum",
    "rusqlite",
    "lettre",
    "nix",
    "rand",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies in the workspace")
        .to_path_buf()
}

/// Normal dependencies of every crate of the workspace, by name.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args([
            "metadata",
            "--no-deps",
            "--format-version",
            "1",
            "--offline",
        ])
        .current_dir(root())
        .output()
        .expect("cargo metadata runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    packages
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().expect("dependencies");
            let normal = dependencies
                .iter()
                .filter(|dependency| dependency["kind"].is_null());
            let names = normal.map(|dependency| text(&dependency["name"])).collect();
            (text(&package["name"]), names)
        })
        .collect()
}

fn text(value: &Value) -> String {
    value.as_str().expect("a string").to_owned()
}

#[test]
fn every_crate_depends_only_on_the_layers_below() {
    let found = dependencies();
    let house: BTreeSet<&str> = LAYERS.iter().map(|(name, _)| *name).collect();
    let known: BTreeSet<&str> = found.keys().map(String::as_str).collect();
    assert_eq!(
        house, known,
        "a new crate needs its line in LAYERS and in ARCHITECTURE.md"
    );
    for (name, allowed) in LAYERS {
        let ours = found[name]
            .iter()
            .filter(|dependency| house.contains(dependency.as_str()));
        for dependency in ours {
            assert!(
                allowed.contains(&dependency.as_str()),
                "`{name}` must not depend on `{dependency}`"
            );
        }
    }
}

#[test]
fn pure_crates_have_no_door_to_the_world() {
    let found = dependencies();
    for name in PURE {
        for worldly in WORLDLY {
            assert!(
                !found[name].contains(worldly),
                "`{name}` decides only; it must not depend on `{worldly}`"
            );
        }
    }
}

#[test]
fn source_files_stay_readable() {
    let mut long = Vec::new();
    for folder in ["app", "crates", "xtask"] {
        each_source(&root().join(folder), &mut |path, source| {
            let relative = relative(path);
            let lines = source.lines().count();
            if lines > 500 {
                long.push(format!("{relative}: {lines} lines"));
            }
        });
    }
    assert!(long.is_empty(), "split by meaning:\n{}", long.join("\n"));
}

/// Every Rust file below a folder.
fn each_source(folder: &Path, see: &mut dyn FnMut(&Path, &str)) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            each_source(&path, see);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            see(&path, &std::fs::read_to_string(&path).expect("a text"));
        }
    }
}

/// A source without the tests beside its code.
fn code(source: &str) -> &str {
    source
        .split("\n#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or_default()
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root())
        .unwrap_or(path)
        .display()
        .to_string()
}

/// Source files outside tests and benches that hold a word.
fn files_with(word: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for folder in ["app/src", "crates"] {
        each_source(&root().join(folder), &mut |path, source| {
            let relative = relative(path);
            let tests = relative.contains("/tests/") || relative.contains("/benches/");
            if !tests && code(source).contains(word) {
                found.insert(relative);
            }
        });
    }
    found
}

#[test]
fn only_the_wiring_names_a_concrete_store() {
    let outside =
        |path: &&String| !path.starts_with("crates/store/") && *path != "app/src/wiring.rs";
    let found = files_with("SqliteStore");
    assert!(
        found.contains("app/src/wiring.rs"),
        "the word that is looked for is still right"
    );
    assert_eq!(
        found.iter().filter(outside).collect::<Vec<_>>(),
        Vec::<&String>::new()
    );
}

#[test]
fn only_the_engine_commits() {
    let rooms = ["crates/engine/", "crates/store/", "crates/ports/"];
    let found = files_with("store.commit(");
    assert!(found.iter().any(|path| path.starts_with("crates/engine/")));
    let outside = found
        .iter()
        .filter(|path| !rooms.iter().any(|room| path.starts_with(room)));
    assert_eq!(outside.collect::<Vec<_>>(), Vec::<&String>::new());
    let turns = files_with("ports::store::Turn");
    let outside = turns
        .iter()
        .filter(|path| !rooms.iter().any(|room| path.starts_with(room)));
    assert_eq!(outside.collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn only_effects_calls_out() {
    for word in [
        "hyper_util::client",
        "AsyncSmtpTransport",
        "TcpStream::connect(",
    ] {
        let found = files_with(word);
        let outside = found
            .iter()
            .filter(|path| !path.starts_with("crates/effects/"));
        assert_eq!(outside.collect::<Vec<_>>(), Vec::<&String>::new(), "{word}");
    }
}

#[test]
fn without_its_toolchain_the_fuzzer_is_not_run() {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["fuzz", "table", "--seconds", "1"])
        .env("QUELL_FUZZ_TOOLCHAIN", "no-such-toolchain")
        .output()
        .expect("xtask runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(
        said.starts_with("not run: no toolchain `no-such-toolchain`"),
        "{said}"
    );
}
