//! Time, memory and output of a script, and that nothing of it outlives it.

use std::time::Duration;

use model::EffectCommand;
use ports::Effects;
use serde_json::json;

use super::{Bench, bench, call, message, namespaces, payload, processes_with};
use crate::world::{failed, intent, perform};

#[tokio::test]
async fn a_script_over_its_time_is_killed_with_all_it_started() {
    let Some(bench) = bench() else { return };
    // The grandchild leaves the process group; only the namespace (or the group) ends it.
    let script = format!(
        "
import os, time, sys
def run(e, c):
    print('started', flush=True)
    if os.fork() == 0:
        if {leave}: os.setsid()
        while True:
            open(os.environ['HOME'] + '/beat', 'a').write('x')
            time.sleep(0.02)
    while True: time.sleep(1)
",
        leave = if namespaces() { "True" } else { "False" }
    );
    let mut call = call(&script, json!({}), true);
    call.timeout_secs = 1;
    let failure = failed(perform(&bench.performer, EffectCommand::RunScript(call)).await);
    assert_eq!(failure.code, "Timeout");
    assert!(
        failure.message.contains("Log: started"),
        "{}",
        failure.message
    );
    assert_eq!(processes_with("harness.py", bench.scratch.path()), 0);
    assert_eq!(bench.directories(), 0, "the beat has no place to go on in");
}

#[tokio::test]
async fn what_a_finished_script_leaves_behind_is_killed() {
    let Some(bench) = bench() else { return };
    let script = "
import os, time
def run(e, c):
    if os.fork() == 0:
        time.sleep(60)
    return 'done'
";
    let before = RealTime::now();
    assert_eq!(payload(&bench, script, json!({})).await, "done");
    assert!(before.elapsed() < Duration::from_secs(10));
    assert_eq!(processes_with("harness.py", bench.scratch.path()), 0);
}

#[tokio::test]
async fn a_dropped_run_is_killed() {
    let Some(bench) = bench() else { return };
    let call = call(
        "import time\ndef run(e, c): time.sleep(60)",
        json!({}),
        true,
    );
    let running = bench
        .performer
        .perform(intent(&bench.performer, EffectCommand::RunScript(call)));
    assert!(
        tokio::time::timeout(Duration::from_millis(700), running)
            .await
            .is_err()
    );
    for _ in 0..100 {
        if processes_with("harness.py", bench.scratch.path()) == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the script runs on");
}

/// The launcher is told by the kernel when the thread that started it ends, as it does when Quell is killed.
#[test]
fn a_script_does_not_outlive_its_parent() {
    let Some(bench) = bench() else { return };
    let performer = bench.performer.clone();
    let scratch = bench.scratch.path().to_path_buf();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let call = call(
                "import time\ndef run(e, c): time.sleep(60)",
                json!({}),
                true,
            );
            let mut running = performer.perform(intent(&performer, EffectCommand::RunScript(call)));
            // Only once the interpreter runs; the launcher's own line has the words in another form.
            while processes_with("-X\0utf8", &scratch) == 0 {
                let pause = tokio::time::timeout(Duration::from_millis(50), &mut running);
                assert!(pause.await.is_err(), "the script ended by itself");
            }
            // As after kill -9: nobody cleans up.
            std::mem::forget(running);
        });
        std::mem::forget(runtime);
    })
    .join()
    .unwrap();
    let started = RealTime::now();
    while processes_with("harness.py", bench.scratch.path()) > 0 {
        assert!(
            started.elapsed() < Duration::from_secs(10),
            "the script runs on"
        );
        std::thread::yield_now();
    }
}

#[tokio::test]
async fn resources_are_limited() {
    let Some(bench) = bench() else { return };
    let text = message(
        &bench,
        "def run(e, c):\n  x = bytearray(3 << 30)\n  return len(x)",
    )
    .await;
    assert!(text.contains("MemoryError"), "{text}");
    let text = message(
        &bench,
        "def run(e, c):\n  f = [open('/dev/null') for _ in range(1000)]",
    )
    .await;
    assert!(text.contains("Too many open files"), "{text}");
    let text = message(
        &bench,
        "import signal\ndef run(e, c):\n  signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n  f = open('big', 'wb')\n  for _ in range(100): f.write(bytes(1 << 20))",
    )
    .await;
    assert!(text.contains("File too large"), "{text}");
    let result = payload(
        &bench,
        "import resource\ndef run(e, c): return resource.getrlimit(resource.RLIMIT_CORE)",
        json!({}),
    )
    .await;
    assert_eq!(result, json!([0, 0]));
}

#[tokio::test]
async fn endless_output_neither_blocks_nor_fills_memory() {
    let Some(bench) = bench() else { return };
    let script = "def run(e, c):\n  for _ in range(200): print('x' * 100_000)\n  return 1";
    assert_eq!(payload(&bench, script, json!({})).await, 1);
}

struct RealTime(std::time::Instant);

impl RealTime {
    #[expect(clippy::disallowed_methods, reason = "measures a real process")]
    fn now() -> Self {
        Self(std::time::Instant::now())
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

#[tokio::test]
async fn memory_is_limited_and_the_limit_cannot_be_raised() {
    let Some(bench) = bench() else { return };
    let greedy = "def run(e, c): return len(bytearray(3 << 30))";
    assert!(message(&bench, greedy).await.contains("MemoryError"));
    let cunning = "
import resource
def run(e, c):
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    return len(bytearray(3 << 30))
";
    let refused = payload_or_message(&bench, cunning).await;
    assert!(!refused.contains("3221225472"), "{refused}");
}

/// What a script returned as JSON text, or why it failed.
async fn payload_or_message(bench: &Bench, script: &str) -> String {
    let command = EffectCommand::RunScript(call(script, json!({}), true));
    match perform(&bench.performer, command).await {
        model::Outcome::Done { result } => result.to_string(),
        other => format!("{other:?}"),
    }
}
