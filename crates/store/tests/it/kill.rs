//! SIGKILL at any moment: every acknowledged turn is there, and no turn is there by half.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use futures_util::future::join_all;
use ports::Store;
use ports::store::Frames;
use ports::suite::block_on;
use serde_json::json;
use store::{Options, SqliteStore};

use crate::scratch;

/// Where the child finds its database. Set only by the test below, which starts this test binary again.
const CHILD: &str = "QUELL_STORE_KILL_CHILD";
const RUNS: u128 = 8;

#[test]
fn acknowledged_turns_survive_sigkill() {
    for round in 0..5_usize {
        let (_directory, path) = scratch::place();
        let acknowledged = kill_after(&path, 40 + round * 37);
        block_on(check(&path, &acknowledged));
    }
}

/// Runs the child until it has acknowledged so many turns, kills it, and answers the last revision told per run.
fn kill_after(path: &Path, turns: usize) -> Vec<u64> {
    let mut child = Command::new(std::env::current_exe().expect("this binary"))
        .args([
            "--exact",
            "kill::child_commits_until_it_is_killed",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(CHILD, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts");
    let mut revisions = vec![0; RUNS as usize];
    let mut told = 0;
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut note = |line: String| {
        // libtest writes its own words in front of the first line.
        let Some((_, line)) = line.split_once("acknowledged ") else {
            return false;
        };
        // A line cut short by the kill has no end and is no acknowledgement.
        let Some(line) = line.strip_suffix('.') else {
            return false;
        };
        let (run, revision) = line.split_once(' ').expect("two numbers");
        let run: usize = run.parse().expect("a number");
        revisions[run] = revision.parse().expect("a number");
        true
    };
    while told < turns {
        let line = lines
            .next()
            .expect("the child goes on until it is killed")
            .expect("text");
        told += usize::from(note(line));
    }
    child.kill().expect("killed");
    // What it said before it died counts too.
    for line in lines.map_while(Result::ok) {
        note(line);
    }
    let status = child.wait().expect("ended");
    assert_eq!(
        std::os::unix::process::ExitStatusExt::signal(&status),
        Some(9)
    );
    revisions
}

async fn check(path: &Path, acknowledged: &[u64]) {
    let store = SqliteStore::open(path, Options::default()).expect("opens after the kill");
    for (run, revision) in (0..).zip(acknowledged) {
        let stored = store
            .load(scratch::run(run), Frames::All)
            .await
            .expect("readable")
            .expect("there");
        assert!(
            stored.revision >= *revision,
            "run {run}: told {revision}, found {}",
            stored.revision
        );
        // State, journal and fan-out of a turn are there together.
        assert_eq!(
            stored.frames[0].1,
            json!({"v": 1, "revision": stored.revision})
        );
        let journal = store
            .journal(Some(scratch::run(run)), 0, 1_000)
            .await
            .expect("readable");
        let revisions: Vec<u64> = journal.iter().map(|row| row.revision).collect();
        assert_eq!(revisions, (1..=stored.revision).collect::<Vec<_>>());
    }
    let inbox = store.inbox(0, 1_000).await.expect("readable").len();
    let journal = store.journal(None, 0, 1_000).await.expect("readable").len();
    assert_eq!(inbox, journal);
}

#[test]
fn child_commits_until_it_is_killed() {
    // Without the variable this is the ordinary run of all tests: there is no parent, and nothing to do.
    let Some(path) = std::env::var_os(CHILD) else {
        return;
    };
    let store = SqliteStore::open(Path::new(&path), Options::default()).expect("opens");
    let store = &store;
    block_on(join_all((0..RUNS).map(|run| async move {
        for expect in 0.. {
            let mut turn = scratch::step(scratch::run(run), expect);
            let input = ports::store::NewInput {
                aggregate: scratch::run(run),
                scope: model::Scope::new("123456789012", ""),
                body: json!(expect),
                at: jiff::Timestamp::UNIX_EPOCH,
            };
            turn.inbox_new.push(input);
            store.commit(turn).await.expect("holds");
            let mut out = std::io::stdout().lock();
            writeln!(out, "acknowledged {run} {}.", expect + 1)
                .and_then(|()| out.flush())
                .expect("the parent reads");
        }
    })));
}
