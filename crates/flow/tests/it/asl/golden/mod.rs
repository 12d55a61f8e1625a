//! What each release kept of executions, map runs and activities in the middle of what they did: every later version goes
//! on with it.
//!
//! `tests/golden/RELEASE.json` holds for each kind the frames, the journal so far, and what it is told then; it is written
//! by `QUELL_WRITE_GOLDEN=1 cargo test -p flow --test it golden`, and never again once it was released.
//! `RELEASE.ends.json` holds what today's program makes of it: a program that means to do otherwise removes it and has it
//! written anew the same way, so that the difference is read in its commit.

mod flight;
mod kinds;
mod runs;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use flow::asl::Execution;
use flow::asl::activity::Activity;
use flow::asl::map_run::MapRun;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use flight::{Kept, gone_on, unread};

/// Releases whose files are in `tests/golden`, oldest first.
const RELEASES: [&str; 1] = ["0.1.0"];

type All = BTreeMap<String, Kept>;

fn file(release: &str, what: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    folder.join(format!("{release}{what}.json"))
}

/// What a file holds; it is written first where it is not there and somebody wants it.
fn kept<T: Serialize + DeserializeOwned>(path: &Path, made: impl FnOnce() -> T) -> T {
    if std::env::var_os("QUELL_WRITE_GOLDEN").is_some() && !path.exists() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        let text = serde_json::to_string_pretty(&made()).expect("JSON");
        std::fs::write(path, text + "\n").expect("written");
    }
    let text = std::fs::read_to_string(path).expect("the release's file is there");
    serde_json::from_str(&text).expect("the shape of this test")
}

fn of(release: &str) -> All {
    kept(&file(release, ""), || {
        let named = kinds::executions().into_iter().chain(runs::map_runs());
        named.map(|(name, kept)| (name.to_owned(), kept)).collect()
    })
}

fn end(kept: &Kept) -> Value {
    match kept.aggregate.as_str() {
        "execution" => gone_on::<Execution>(kept),
        "map run" => gone_on::<MapRun>(kept),
        _ => gone_on::<Activity>(kept),
    }
}

#[test]
fn what_every_release_kept_goes_on_to_its_end() {
    for release in RELEASES {
        let all = of(release);
        let ends: BTreeMap<String, Value> = kept(&file(release, ".ends"), || {
            all.iter()
                .map(|(name, kept)| (name.clone(), end(kept)))
                .collect()
        });
        assert_eq!(ends.len(), all.len());
        for (name, kept) in &all {
            assert_eq!(end(kept), ends[name], "{release}: {name}");
        }
    }
}

/// A member whose name changed, with a default for the old name's absence, would be lost silently.
#[test]
fn every_member_of_a_kept_frame_is_read() {
    for release in RELEASES {
        for (name, kept) in of(release) {
            let unread = match kept.aggregate.as_str() {
                "execution" => unread::<Execution>(&kept),
                "map run" => unread::<MapRun>(&kept),
                _ => unread::<Activity>(&kept),
            };
            assert!(unread.is_empty(), "{release}: {name}: {unread:#?}");
        }
    }
}

#[test]
fn this_release_has_its_file_with_every_kind() {
    let version = env!("CARGO_PKG_VERSION");
    assert!(
        RELEASES.contains(&version),
        "write it as the head of this file says"
    );
    let made = kinds::executions().into_iter().chain(runs::map_runs());
    let mut made: Vec<&str> = made.map(|(name, _)| name).collect();
    made.sort_unstable();
    let kept = of(version);
    assert_eq!(kept.keys().collect::<Vec<_>>(), made);
}
