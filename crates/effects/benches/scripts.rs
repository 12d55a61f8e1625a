//! What a Python step costs beside its own function: `cargo bench -p effects`.
//!
//! The function times itself; the overhead is what the caller waits longer. Behind all walls that this system permits,
//! with what the `python3` of `PATH` has installed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws::Credentials;
use effects::config::{Aws, CredentialSource, Sandbox, ScriptLimits, Scripts, Webhook};
use effects::{Config, Performer};
use jiff::Timestamp;
use model::effect::{Intent, ScriptCall};
use model::{EffectCommand, Outcome};
use ports::{BoxFuture, Clock, Effects, SeededEntropy};
use serde_json::json;
use uuid::Uuid;

/// Runs of each row.
const RUNS: usize = 25;
/// Between runs: the next process imports boto3 meanwhile, as between steps of real runs.
const PAUSE: Duration = Duration::from_millis(1200);
/// Most that a warm step may cost more than its function, in milliseconds.
const GOAL: f64 = 60.0;

const COMPUTES: &str = "
import time
def run(e, c):
    began = time.perf_counter()
    sum(n * n for n in range(100_000))
    return time.perf_counter() - began
";
const CALLS: &str = "
import time
def run(e, c):
    began = time.perf_counter()
    import boto3
    boto3.client('ec2')
    return time.perf_counter() - began
";

struct BenchClock(Instant);

impl Clock for BenchClock {
    #[expect(clippy::disallowed_methods, reason = "a bench measures real time")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

#[expect(clippy::disallowed_methods, reason = "a bench measures real time")]
fn now() -> Instant {
    Instant::now()
}

fn python() -> Option<PathBuf> {
    let ask = "import sys; print(sys.executable)";
    let asked = std::process::Command::new("python3")
        .args(["-c", ask])
        .output();
    let path = String::from_utf8(asked.ok()?.stdout).ok()?;
    Some(PathBuf::from(path.trim())).filter(|path| path.is_file())
}

fn performer(python: &Path, scratch: &Path, warm: usize) -> Performer {
    let keys = Credentials::new("AKIDEXAMPLE", "not-a-secret");
    let scripts = Scripts {
        launcher: PathBuf::from(env!("CARGO_BIN_EXE_effects-script-sandbox")),
        launcher_args: Vec::new(),
        python: python.to_path_buf(),
        interpreters: BTreeMap::new(),
        pwsh: None,
        readable: Vec::new(),
        scratch: scratch.to_path_buf(),
        limits: ScriptLimits::default(),
        env: BTreeMap::new(),
        own_services: Vec::new(),
        allow_hosts: Vec::new(),
        private_endpoints: false,
        warm,
        sandbox: Sandbox::Standard,
    };
    let config = Config {
        clock: Arc::new(BenchClock(now())),
        entropy: Arc::new(SeededEntropy::new(1)),
        smtp: None,
        aws: Aws::new(CredentialSource::Static(keys)),
        scripts: Some(scripts),
        sessions: Arc::default(),
        webhook: Webhook::default(),
        local: None,
        logs: None,
        vault: None,
        destinations: None,
        functions: None,
        attachments: None,
        topics: None,
    };
    Performer::new(config).expect("a configuration")
}

/// Milliseconds that one run took, and those of its function.
async fn measure(performer: &Performer, script: &str, id: Uuid) -> (f64, f64) {
    let command = EffectCommand::RunScript(ScriptCall {
        attachment: None,
        runtime: "python3.11".to_owned(),
        handler: "run".to_owned(),
        script: script.to_owned(),
        payload: json!({}),
        isolated: false,
        assume_role: None,
        region: "eu-west-1".to_owned(),
        timeout_secs: 60,
    });
    let recovery = performer.recovery(&command);
    let began = now();
    let outcome = performer
        .perform(Intent {
            id,
            at: BenchClock(began).now(),
            command,
            recovery,
            repeat: false,
        })
        .await;
    let took = began.elapsed().as_secs_f64();
    match outcome {
        Outcome::Done { result } => {
            let own = result["Payload"].as_f64().expect("seconds");
            (took * 1000.0, own * 1000.0)
        }
        other => panic!("{other:?}"),
    }
}

fn quantile(sorted: &[f64], part: f64) -> f64 {
    let at = (sorted.len() - 1) as f64 * part;
    sorted[at.round() as usize]
}

async fn row(python: &Path, (name, script, warm): (&str, &str, usize), goal: Option<f64>) {
    let scratch = tempfile::tempdir().expect("a directory");
    let performer = performer(python, scratch.path(), warm);
    // The first run fills the pool.
    measure(&performer, script, Uuid::from_u128(0)).await;
    let (mut over, mut own) = (Vec::new(), Vec::new());
    for number in 1..=RUNS {
        tokio::time::sleep(PAUSE).await;
        let (took, function) = measure(&performer, script, Uuid::from_u128(number as u128)).await;
        over.push(took - function);
        own.push(function);
    }
    over.sort_by(f64::total_cmp);
    own.sort_by(f64::total_cmp);
    let median = quantile(&over, 0.5);
    let verdict = goal.map_or(String::new(), |goal| {
        format!(
            "{goal} ms {}",
            if median <= goal { "met" } else { "missed" }
        )
    });
    println!(
        "| {name} | {:.1} | {median:.1} | {:.1} | {verdict} |",
        quantile(&own, 0.5),
        quantile(&over, 0.95)
    );
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let Some(python) = python() else {
        println!("not run: no python3 on this machine");
        return;
    };
    let scratch = tempfile::tempdir().expect("a directory");
    let walls = performer(&python, scratch.path(), 0).script_walls().await;
    if let Some(Ok(walls)) = walls {
        println!("missing walls: {:?}\n", walls.missing());
    }
    println!(
        "| Python step | function, ms (p50) | overhead, ms (p50) | overhead, ms (p95) | goal |"
    );
    println!("|---|---|---|---|---|");
    for (row_of, goal) in [
        (("warm, computes", COMPUTES, 2), Some(GOAL)),
        (("warm, makes a boto3 client", CALLS, 2), Some(GOAL)),
        (("started when needed, computes", COMPUTES, 0), None),
        (
            ("started when needed, makes a boto3 client", CALLS, 0),
            None,
        ),
    ] {
        row(&python, row_of, goal).await;
    }
}
