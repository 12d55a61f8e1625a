//! What callers wait for, from socket to commit: `cargo bench -p server`. Words behind `--` choose: `events`, `machines`.
//!
//! Real sockets, real signatures, a real database. R is the rate at which one thread overwrites 4 KiB and calls
//! fdatasync, and f the time of one, both measured beside each round.

#[path = "requests/executions.rs"]
mod executions;
#[path = "requests/put_events.rs"]
mod put_events;
#[path = "requests/rig.rs"]
mod rig;

/// The allocator of the binary that is shipped.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --benches` runs this with `--test`: a bench has nothing to test.
    if words.iter().any(|word| word == "--test") {
        return;
    }
    let mut words = words
        .iter()
        .filter(|word| !word.starts_with('-'))
        .peekable();
    let all = words.peek().is_none();
    let words: Vec<_> = words.collect();
    let wanted = |name: &str| all || words.iter().any(|word| name == *word);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let dir = tempfile::tempdir_in(".").expect("a folder on a real disk");
    if wanted("events") {
        put_events::table(&runtime, dir.path());
    }
    if wanted("machines") {
        executions::table(&runtime, dir.path());
    }
}
