//! Processes, memory and handles that a script must not use up.

use std::time::Duration;

use model::EffectCommand;
use serde_json::json;

use super::payload;
use crate::script::{bench, bench_without_namespaces, call, processes_with};
use crate::world::perform;

#[tokio::test]
async fn a_fork_bomb_is_bounded() {
    let Some(bench) = bench() else { return };
    let walls = bench.performer.script_walls().await.unwrap().unwrap();
    if !walls.counted {
        assert!(
            walls.missing().iter().any(|told| told.contains("count")),
            "it is told"
        );
        eprintln!("not run: the kernel does not count the processes of this user");
        return;
    }
    let script = "
import os, time
def run(e, c):
    made = 0
    while made < 1000:
        try:
            if os.fork() == 0:
                time.sleep(60)
                os._exit(0)
        except OSError as error:
            return [type(error).__name__, made < 64]
        made += 1
    return made
";
    assert_eq!(
        payload(&bench, script, json!({})).await,
        json!(["BlockingIOError", true])
    );
    assert_eq!(processes_with("harness.py", bench.scratch.path()), 0);
}

#[tokio::test]
async fn scripts_are_what_the_kernel_kills_first_when_memory_runs_out() {
    let Some(bench) = bench_without_namespaces(|_| {}) else {
        return;
    };
    let mut slow = call(
        "import time\ndef run(e, c): time.sleep(20)",
        json!({}),
        false,
    );
    slow.timeout_secs = 20;
    let running = perform(&bench.performer, EffectCommand::RunScript(slow));
    tokio::pin!(running);
    for _ in 0..200 {
        let pause = tokio::time::timeout(Duration::from_millis(25), &mut running);
        assert!(pause.await.is_err(), "the script ended by itself");
        let found = crate::script::ids_with("-X\0utf8", bench.scratch.path());
        if let Some(id) = found.first() {
            let told = std::fs::read_to_string(format!("/proc/{id}/oom_score_adj")).unwrap();
            assert_eq!(told.trim(), "1000");
            return;
        }
    }
    panic!("the script does not start");
}

#[tokio::test]
async fn memory_output_and_handles_are_bounded() {
    let Some(bench) = bench() else { return };
    let script = "
import os, sys
def run(e, c):
    told = []
    try:
        bytearray(2 << 30)
    except MemoryError:
        told.append('memory')
    for _ in range(3000):
        os.write(1, b'y' * 1000)
        os.write(2, b'y' * 1000)
    told.append('output')
    return told
";
    assert_eq!(
        payload(&bench, script, json!({})).await,
        json!(["memory", "output"])
    );
    // What a script writes to other handles is no result: it has none that leads to the server.
    let forge = "
import os
def run(e, c):
    for handle in range(3, 64):
        try: os.write(handle, b'{\"Payload\": \"forged\"}\\n')
        except OSError: pass
    os._exit(0)
";
    let command = EffectCommand::RunScript(call(forge, json!({}), false));
    let outcome = perform(&bench.performer, command).await;
    let own = match outcome {
        model::Outcome::Failed(failure) => failure.message,
        model::Outcome::Done { result } => result.to_string(),
        other => panic!("{other:?}"),
    };
    // The result is the script's own word in any case; forging it gains nothing but itself.
    assert!(
        own.contains("forged") || own.contains("without a result"),
        "{own}"
    );
}
