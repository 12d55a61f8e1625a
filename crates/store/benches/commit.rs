//! Commits per second as multiples of the disk's own rate R: one thread that overwrites 4 KiB and calls fdatasync.
//!
//! Machines and hours differ, so R is measured in slices between the others, in the same run, and only ratios count.
//! Targets: 0.4 R for 1 caller, 2 R for 16, 2.5 R for 64. `cargo bench -p store`; the directory is that of the system's
//! temporary files, or `QUELL_BENCH_DIR`.

use std::cell::Cell;
use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use jiff::Timestamp;
use model::effect::AwsCall;
use model::{AggregateId, EffectCommand, Fact, FrameWrite, Recovery, Scope, ids};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use ports::Store;
use ports::store::{AggregateWrite, JournalEntry, NewEffect, SettledEffect, Turn};
use ports::suite::block_on;
use serde_json::json;
use store::{Options, SqliteStore};
use uuid::Uuid;

const CALLERS: [(usize, f64); 3] = [(1, 0.4), (16, 2.0), (64, 2.5)];
const ROUNDS: usize = 7;
const SLICE: Duration = Duration::from_millis(700);

fn main() {
    let base = std::env::var_os("QUELL_BENCH_DIR").map_or_else(std::env::temp_dir, Into::into);
    let directory = tempfile::tempdir_in(base).expect("a temporary directory");
    let mut raw = Raw::new(&directory.path().join("raw"));
    let store = SqliteStore::open(&directory.path().join("quell.sqlite"), Options::default())
        .expect("opens");
    let mut world = World {
        store: &store,
        created: 0,
    };
    let mut rates: Vec<Vec<f64>> = vec![Vec::new(); CALLERS.len()];
    let mut disk = Vec::new();
    let mut cost = vec![Vec::new(); CALLERS.len()];
    for _ in 0..ROUNDS {
        for (place, (callers, _)) in CALLERS.iter().enumerate() {
            let before = raw.slice();
            let (rate, cpu) = world.slice(*callers);
            let around = f64::midpoint(before, raw.slice());
            disk.push(around);
            rates[place].push(rate / around);
            cost[place].push(cpu);
        }
    }
    println!("R = {:.0} fdatasync/s (median)", median(&mut disk));
    println!("callers   x R (median)  (least)  (best)   target   CPU us/turn");
    for (place, (callers, target)) in CALLERS.iter().enumerate() {
        let middle = median(&mut rates[place]);
        let (least, best) = (rates[place][0], rates[place][ROUNDS - 1]);
        let cpu = median(&mut cost[place]);
        let verdict = if middle >= *target { "met" } else { "MISSED" };
        println!(
            "{callers:>7}   {middle:>12.2}  {least:>7.2}  {best:>6.2}   {target:>6}   {cpu:>8.1}   {verdict}"
        );
    }
    let stats = store.stats();
    println!("{} turns in {} transactions", stats.turns, stats.commits);
    store.close().expect("closes");
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Instant {
    Instant::now()
}

/// The disk by itself.
struct Raw {
    file: File,
}

impl Raw {
    fn new(path: &Path) -> Self {
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .open(path)
            .expect("a file");
        file.write_all(&[0; 4096])
            .and_then(|()| file.sync_all())
            .expect("written");
        Self { file }
    }

    fn slice(&mut self) -> f64 {
        let begin = now();
        let mut count = 0_u32;
        while begin.elapsed() < SLICE / 2 {
            self.file.seek(SeekFrom::Start(0)).expect("seeks");
            self.file
                .write_all(&[u8::try_from(count % 251).unwrap_or(0); 4096])
                .expect("writes");
            self.file.sync_data().expect("syncs");
            count += 1;
        }
        f64::from(count) / begin.elapsed().as_secs_f64()
    }
}

/// Runs in a store, each with its own caller.
struct World<'a> {
    store: &'a SqliteStore,
    created: u128,
}

impl World<'_> {
    /// Turns per second with so many callers, and CPU microseconds per turn of the whole process.
    fn slice(&mut self, callers: usize) -> (f64, f64) {
        let first = self.created;
        self.created += callers as u128;
        let turns = Cell::new(0_u32);
        let (begin, cpu) = (now(), cpu_micros());
        let loops = (0..callers).map(|caller| {
            let (turns, store) = (&turns, self.store);
            async move {
                // As a hash would spread them.
                let id = AggregateId::run(ids::child(
                    Uuid::nil(),
                    u64::try_from(first).unwrap_or(0) + caller as u64,
                ));
                let mut revision = 0;
                while begin.elapsed() < SLICE {
                    store.commit(turn(id, revision)).await.expect("holds");
                    revision += 1;
                    turns.set(turns.get() + 1);
                }
            }
        });
        block_on(join_all(loops));
        let count = f64::from(turns.get());
        (
            count / begin.elapsed().as_secs_f64(),
            (cpu_micros() - cpu) / count,
        )
    }
}

fn cpu_micros() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("the system tells");
    #[expect(
        clippy::cast_precision_loss,
        reason = "far fewer than 2^52 microseconds"
    )]
    let micros =
        (usage.user_time().num_microseconds() + usage.system_time().num_microseconds()) as f64;
    micros
}

/// A small turn as a run makes it: the last effect's outcome, the state, the journal, the next intent.
fn turn(id: AggregateId, revision: u64) -> Turn {
    let call = AwsCall {
        service: "ec2".to_owned(),
        operation: "DescribeInstances".to_owned(),
        params: json!({"InstanceIds": ["i-0123456789abcdef0"]}),
        region: "eu-central-1".to_owned(),
        assume_role: None,
        timeout_secs: 30,
        spelling: model::effect::Spelling::default(),
    };
    let state = json!({"v": 1, "step": "readInstance", "position": revision, "attempt": 1,
        "vars": {"instance": "i-0123456789abcdef0", "vpc": "vpc-0123456789abcdef0"}});
    let fact = Fact::new(
        "run.step.started",
        json!({"step": "readInstance", "number": revision}),
    );
    let write = AggregateWrite {
        id,
        scope: Scope::new("123456789012", "eu-central-1"),
        expect_revision: revision,
        at: Timestamp::UNIX_EPOCH,
        frames: vec![FrameWrite::root(state)],
        index: Vec::new(),
        journal: JournalEntry {
            entropy: [7; 32],
            inputs: vec![json!({"v": 1, "wake": revision})],
            facts: vec![fact],
        },
        delete: false,
    };
    let effect = NewEffect {
        id: ids::child(id.id, revision),
        command: EffectCommand::CallAws(call),
        recovery: Recovery::Repeat,
    };
    let settled = revision.checked_sub(1).map(|last| SettledEffect {
        id: ids::child(id.id, last),
        outcome: model::Outcome::Done {
            result: json!({"Reservations": []}),
        },
    });
    Turn {
        aggregate: Some(write),
        effects_new: vec![effect],
        effects_settled: settled.into_iter().collect(),
        ..Turn::default()
    }
}
