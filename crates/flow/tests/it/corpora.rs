//! The fuzzer's kept corpora, replayed: what once made a reader fail must not again. `cargo xtask fuzz` looks for more.

#[path = "../../fuzz/targets.rs"]
mod targets;

use std::fs;
use std::path::Path;

use crate::asl::world;

const CORPORA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus");

/// Most bytes of all corpora: the repository keeps seeds and finds, not the fuzzer's whole memory.
const MOST: u64 = 400_000;

#[test]
fn every_kept_input_is_taken() {
    let mut bytes = 0;
    for (name, target) in targets::TARGETS {
        let mut inputs = 0;
        for entry in fs::read_dir(Path::new(CORPORA).join(name)).expect("a corpus") {
            let data = fs::read(entry.expect("an entry").path()).expect("an input");
            bytes += data.len() as u64;
            target(&data);
            inputs += 1;
        }
        assert!(inputs > 0, "no corpus of `{name}`");
    }
    assert!(bytes <= MOST, "{bytes} bytes");
}

#[test]
fn every_corpus_has_a_target() {
    for entry in fs::read_dir(CORPORA).expect("corpora") {
        let name = entry.expect("an entry").file_name();
        let name = name.to_string_lossy();
        let known = targets::TARGETS.iter().any(|(target, _)| *target == name);
        assert!(known, "`{name}`");
    }
}
