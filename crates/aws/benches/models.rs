//! Time until the first service of a process is there: `cargo bench -p aws --bench models`.
//!
//! The compiled-in table is read once per process, so a load of it cannot be timed twice. Timed are therefore:
//!
//! - *process*: the first `catalog().service(..)` in a fresh process, page faults and all: the bench starts itself anew
//!   for each sample. This is what the goals are about;
//! - *warm*: `Catalog::read` of the table and `service(..)` on a fresh [`Catalog`] again and again in one process. What
//!   is decoded is kept as long as the process, so each round costs memory; that is fine here.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a bench that cannot go on stops, and it is the clock that is wanted here"
)]

use std::env;
use std::process::Command;
use std::time::{Duration, Instant};

use aws::model::{Catalog, catalog};

/// The allocator of the binary that is shipped.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

static TABLE: &[u8] = include_bytes!("../models/services.bin");

/// Set in the processes that the bench starts: the service to load.
const CHILD: &str = "QUELL_BENCH_SERVICE";

/// A service and the most milliseconds its first load may take.
const GOALS: [(&str, Option<f64>); 5] = [
    ("ec2", Some(3.0)),
    ("sts", Some(0.5)),
    ("iam", None),
    ("s3", None),
    ("sagemaker", None),
];

/// Samples of each kind.
const ROUNDS: usize = 41;

fn main() {
    if let Ok(service) = env::var(CHILD) {
        let start = Instant::now();
        let loaded = catalog().service(&service).unwrap();
        let took = start.elapsed();
        assert!(!loaded.operations.is_empty());
        println!("{}", took.as_nanos());
        return;
    }
    println!("table: {} bytes of at most 1600000", TABLE.len());
    println!(
        "{:<10} {:>12} {:>12} {:>8}",
        "service", "process ms", "warm ms", "goal ms"
    );
    let mut missed = Vec::new();
    for (service, goal) in GOALS {
        let process = median((0..ROUNDS).map(|_| in_a_process(service)).collect());
        let warm = median((0..ROUNDS).map(|_| again(service)).collect());
        let shown = goal.map_or_else(|| "-".to_owned(), |goal| format!("{goal:.1}"));
        println!("{service:<10} {process:>12.3} {warm:>12.3} {shown:>8}");
        if goal.is_some_and(|goal| process > goal) {
            missed.push(service);
        }
    }
    match missed.as_slice() {
        [] => println!("goals met"),
        missed => println!("goals MISSED: {}", missed.join(", ")),
    }
}

fn in_a_process(service: &str) -> Duration {
    let mut child = Command::new(env::current_exe().unwrap());
    let output = child.env(CHILD, service).output().unwrap();
    assert!(output.status.success());
    let nanos = String::from_utf8(output.stdout).unwrap();
    Duration::from_nanos(nanos.trim().parse().unwrap())
}

fn again(service: &str) -> Duration {
    let start = Instant::now();
    let catalog = Catalog::read(TABLE).unwrap();
    let loaded = catalog.service(service).unwrap();
    let took = start.elapsed();
    assert!(!loaded.operations.is_empty());
    took
}

fn median(mut samples: Vec<Duration>) -> f64 {
    samples.sort();
    samples.get(samples.len() / 2).unwrap().as_secs_f64() * 1_000.0
}
