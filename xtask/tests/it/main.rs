//! House rules as tests: the layers of ARCHITECTURE.md against `cargo metadata`, and the size of files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Which crates of the house each crate may depend on, as ARCHITECTURE.md states it.
const LAYERS: [(&str, &[&str]); 12] = [
    ("model", &[]),
    ("rules", &["model"]),
    ("response", &["model"]),
    ("flow", &["model"]),
    ("aws", &[]),
    ("ports", &["model"]),
    ("engine", &["model", "rules", "response", "flow", "ports"]),
    ("store", &["model", "ports"]),
    ("effects", &["model", "ports", "aws"]),
    ("server", &["model", "ports", "engine", "aws"]),
    (
        "quell",
        &[
            "model", "rules", "response", "flow", "aws", "ports", "engine", "store", "effects",
            "server",
        ],
    ),
    ("xtask", &[]),
];

/// Crates that only decide: no async, clock, randomness, logging or network.
const PURE: [&str; 4] = ["model", "rules", "response", "flow"];
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
    for folder in ["app/src", "crates", "xtask/src"] {
        visit(&root().join(folder), &mut |path, lines| {
            let relative = path
                .strip_prefix(root())
                .unwrap_or(path)
                .display()
                .to_string();
            let tests = relative.contains("/tests/") || relative.contains("/benches/");
            if lines > 500 && !tests {
                long.push(format!("{relative}: {lines} lines"));
            }
        });
    }
    assert!(long.is_empty(), "split by meaning:\n{}", long.join("\n"));
}

fn visit(folder: &Path, see: &mut dyn FnMut(&Path, usize)) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            visit(&path, see);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = std::fs::read_to_string(&path).expect("a text");
            // Tests beside the code do not count.
            let code = source
                .split("\n#[cfg(test)]\nmod tests {")
                .next()
                .unwrap_or_default();
            see(&path, code.lines().count());
        }
    }
}
