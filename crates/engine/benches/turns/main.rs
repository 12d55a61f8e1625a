//! Durable turns as multiples of the disk's own sync rate R, measured in the same run: `cargo bench -p engine`.
//!
//! R is the rate at which one thread overwrites 4 KiB and calls fdatasync. Absolute figures say little on a shared
//! machine; the ratios say how much of the disk the engine turns into progress.

mod containment;

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use engine::{Engine, Handle, Input, Options, Ports, ResourceChange};
use jiff::Timestamp;
use model::document::{DOCUMENT, DOCUMENT_CONTENT, DocumentContent, DocumentHead, DocumentVersion};
use model::effect::Intent;
use model::report::StartRun;
use model::resource::Expect;
use model::{AggregateId, EffectCommand, Fact, FrameWrite, Outcome, Recovery, Scope};
use ports::effects::Probe;
use ports::store::{AggregateWrite, JournalEntry, NewEffect, SettledEffect, Turn};
use ports::{BoxFuture, Clock, Effects, EntropySource, SeededEntropy, Store};
use serde_json::json;
use store::SqliteStore;
use tokio::sync::oneshot;
use uuid::Uuid;

use containment::containment;

/// The allocator of the binary that is shipped.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Length of one measured slice.
const SLICE: Duration = Duration::from_millis(1_000);
/// Steps of each run in the automation slice.
const STEPS: usize = 20;

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

/// Calls so far, and who waits for the last one.
type Progress = (usize, Option<oneshot::Sender<()>>);

/// Answers every call at once and notes when calls came.
#[derive(Default)]
struct Instantly {
    calls: AtomicU64,
    /// Time between two calls of one run: its turn, commit included.
    last: Mutex<HashMap<String, Instant>>,
    gaps: Mutex<Vec<Duration>>,
    /// First call by run or instance.
    first: Mutex<HashMap<String, Instant>>,
    /// Calls of a run so far, and who waits for its last one.
    runs: Mutex<HashMap<String, Progress>>,
}

impl Effects for Instantly {
    fn recovery(&self, _: &EffectCommand) -> Recovery {
        Recovery::Repeat
    }

    fn perform(&self, intent: Intent) -> BoxFuture<'static, Outcome> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if let EffectCommand::CallAws(call) = &intent.command {
            let key = call.params["Key"].as_str().unwrap_or_default().to_owned();
            let at = now();
            if let Some(before) = self
                .last
                .lock()
                .expect("no panic held it")
                .insert(key.clone(), at)
            {
                self.gaps
                    .lock()
                    .expect("no panic held it")
                    .push(at - before);
            }
            self.first
                .lock()
                .expect("no panic held it")
                .entry(key.clone())
                .or_insert(at);
            if let Some((calls, waiter)) = self.runs.lock().expect("no panic held it").get_mut(&key)
            {
                *calls += 1;
                if *calls == STEPS {
                    waiter.take().map(|waiter| waiter.send(()));
                }
            }
        }
        Box::pin(async {
            Outcome::Done {
                result: json!({"State": "ok"}),
            }
        })
    }

    fn probe(&self, _: Intent) -> BoxFuture<'static, Probe> {
        Box::pin(async { Probe::NotHappened })
    }
}

struct Figures {
    rate: f64,
    p50: Duration,
    p99: Duration,
}

fn figures(mut times: Vec<Duration>, took: Duration, count: u64) -> Figures {
    times.sort();
    let at = |share: f64| {
        let index = ((times.len() as f64) * share) as usize;
        times
            .get(index.min(times.len().saturating_sub(1)))
            .copied()
            .unwrap_or_default()
    };
    Figures {
        rate: count as f64 / took.as_secs_f64(),
        p50: at(0.5),
        p99: at(0.99),
    }
}

fn raw(dir: &Path) -> Figures {
    let path = dir.join("raw");
    let file = File::create(&path).expect("a file");
    let block = [7_u8; 4096];
    file.write_all_at(&block, 0).expect("written");
    file.sync_all().expect("synced");
    let (start, mut times) = (now(), Vec::new());
    while start.elapsed() < SLICE {
        let one = now();
        file.write_all_at(&block, 0).expect("written");
        file.sync_data().expect("synced");
        times.push(one.elapsed());
    }
    let count = times.len() as u64;
    figures(times, start.elapsed(), count)
}

fn scope() -> Scope {
    Scope::new("123456789012", "us-east-1")
}

fn open(dir: &Path, name: &str) -> Arc<SqliteStore> {
    Arc::new(SqliteStore::open(&dir.join(name), store::Options::default()).expect("a store"))
}

/// One small turn: a state frame, a journal row, an outbox row, and the outcome of the turn before: an outbox does not
/// grow for ever.
fn small_turn(id: AggregateId, revision: u64) -> Turn {
    let command = EffectCommand::PostWebhook(model::effect::WebhookPost {
        url: "https://example.com".to_owned(),
        headers: std::collections::BTreeMap::new(),
        body: String::new(),
        content_type: String::new(),
    });
    let at = BenchClock(now()).now();
    Turn {
        aggregate: Some(AggregateWrite {
            id,
            scope: scope(),
            expect_revision: revision,
            at,
            frames: vec![FrameWrite::root(
                json!({"v": 1, "position": revision, "status": "InProgress"}),
            )],
            index: Vec::new(),
            journal: JournalEntry {
                entropy: [1; 32],
                inputs: vec![json!({"v": 1, "machine": "settled"})],
                facts: vec![Fact::new("run.step.ended", json!({"step": "s"}))],
            },
            delete: false,
        }),
        effects_new: vec![NewEffect {
            id: model::ids::child(id.id, revision),
            command,
            recovery: Recovery::Repeat,
        }],
        effects_settled: revision
            .checked_sub(1)
            .map(|before| SettledEffect {
                id: model::ids::child(id.id, before),
                outcome: Outcome::Done { result: json!({}) },
            })
            .into_iter()
            .collect(),
        ..Turn::default()
    }
}

async fn bare(dir: &Path, concurrent: usize, round: usize) -> Figures {
    let store = open(dir, &format!("bare-{concurrent}-{round}.sqlite"));
    let start = now();
    let mut tasks = tokio::task::JoinSet::new();
    for worker in 0..concurrent {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let id = AggregateId::run(model::ids::named(&["bench", &worker.to_string()]));
            let (mut times, mut revision) = (Vec::new(), 0);
            while start.elapsed() < SLICE {
                let one = now();
                store
                    .commit(small_turn(id, revision))
                    .await
                    .expect("committed");
                revision += 1;
                times.push(one.elapsed());
            }
            times
        });
    }
    let times: Vec<Duration> = tasks.join_all().await.into_iter().flatten().collect();
    let count = times.len() as u64;
    figures(times, start.elapsed(), count)
}

fn document(steps: usize) -> String {
    let steps: Vec<_> = (0..steps)
        .map(|number| {
            json!({
                "name": format!("Step{number}"), "action": "aws:executeAwsApi",
                "inputs": {"Service": "ec2", "Api": "CreateTags", "Key": "{{ Key }}", "Value": format!("v{number}")},
                "outputs": [{"Name": "State", "Selector": "$.State", "Type": "String"}],
            })
        })
        .collect();
    json!({"schemaVersion": "0.3", "parameters": {"Key": {"type": "String"}}, "mainSteps": steps})
        .to_string()
}

async fn put_document(handle: &Handle, name: &str, content: String) {
    let head = DocumentHead {
        name: name.to_owned(),
        document_type: "Automation".to_owned(),
        default_version: 1,
        latest_version: 1,
        versions: vec![DocumentVersion {
            number: 1,
            name: None,
            created: handle.now(),
            hash: String::new(),
            format: "JSON".to_owned(),
            attachments: Vec::new(),
            requires: Vec::new(),
        }],
        owner: scope().account,
        created: handle.now(),
        target_type: None,
        display_name: None,
        shared_with: Vec::new(),
        tags: std::collections::BTreeMap::new(),
    };
    let content = DocumentContent {
        format: "JSON".to_owned(),
        content,
    };
    let put = |kind, name: String, body| ResourceChange {
        scope: scope(),
        kind,
        name,
        expect: Expect::Absent,
        body: Some(body),
    };
    let changes = vec![
        put(DOCUMENT, name.to_owned(), json!(head)),
        put(DOCUMENT_CONTENT, format!("{name}/1"), json!(content)),
    ];
    handle.change(changes).await.expect("a document");
}

struct World {
    engine: Engine,
    handle: Handle,
    effects: Arc<Instantly>,
    store: Arc<SqliteStore>,
}

async fn world(dir: &Path, name: &str) -> World {
    let store = open(dir, name);
    let effects = Arc::new(Instantly::default());
    let ports = Ports {
        store: Arc::clone(&store) as Arc<dyn Store>,
        effects: Arc::clone(&effects) as Arc<dyn Effects>,
        clock: Arc::new(BenchClock(now())),
        entropy: Arc::new(SeededEntropy::new(1)) as Arc<dyn EntropySource>,
    };
    let (engine, handle) = Engine::start(ports, Options::default())
        .await
        .expect("an engine");
    World {
        engine,
        handle,
        effects,
        store,
    }
}

/// Real automation runs: parsed document, journal, step frames, outbox; only the AWS calls are answered at once.
async fn automation(dir: &Path, concurrent: usize, round: usize) -> Figures {
    let world = world(dir, &format!("runs-{concurrent}-{round}.sqlite")).await;
    put_document(&world.handle, "Bench", document(STEPS)).await;
    let before = world.store.stats().turns;
    let start = now();
    let mut tasks = tokio::task::JoinSet::new();
    for worker in 0..concurrent {
        let (handle, effects) = (world.handle.clone(), Arc::clone(&world.effects));
        tasks.spawn(async move {
            let mut number = 0_u64;
            while start.elapsed() < SLICE {
                let id = model::ids::named(&["run", &worker.to_string(), &number.to_string()]);
                run_once(&handle, &effects, id).await;
                number += 1;
            }
        });
    }
    tasks.join_all().await;
    world.engine.settle().await;
    let turns = world.store.stats().turns - before;
    let took = start.elapsed();
    let gaps = std::mem::take(&mut *world.effects.gaps.lock().expect("no panic held it"));
    let figures = figures(gaps, took, turns);
    world.engine.stop().await;
    figures
}

/// As [`automation`], but what counts is steps: one commit for each.
async fn steps(dir: &Path, runs: usize, round: usize) -> Figures {
    let world = world(dir, &format!("steps-{runs}-{round}.sqlite")).await;
    put_document(&world.handle, "Bench", document(STEPS)).await;
    let (start, mut count) = (now(), 0);
    while start.elapsed() < SLICE {
        let mut tasks = tokio::task::JoinSet::new();
        for worker in 0..runs {
            let (handle, effects) = (world.handle.clone(), Arc::clone(&world.effects));
            let id = model::ids::named(&["run", &worker.to_string(), &count.to_string()]);
            tasks.spawn(async move { run_once(&handle, &effects, id).await });
        }
        tasks.join_all().await;
        world.engine.settle().await;
        count += (runs * STEPS) as u64;
    }
    let took = start.elapsed();
    let gaps = std::mem::take(&mut *world.effects.gaps.lock().expect("no panic held it"));
    let figures = figures(gaps, took, count);
    world.engine.stop().await;
    figures
}

/// Starts a run and waits for its last call; its last turn may still be under way then.
async fn run_once(handle: &Handle, effects: &Instantly, id: Uuid) {
    let (last, reached) = oneshot::channel();
    effects
        .runs
        .lock()
        .expect("no panic held it")
        .insert(id.to_string(), (0, Some(last)));
    let request = StartRun {
        document_name: "Bench".to_owned(),
        document_version: None,
        parameters: [("Key".to_owned(), vec![id.to_string()])].into(),
        executed_by: "arn:aws:iam::123456789012:user/bench".to_owned(),
        region: scope().region,
        mode: "Auto".to_owned(),
        incident: None,
        tags: std::collections::BTreeMap::new(),
        ..StartRun::default()
    };
    let run = AggregateId::run(id);
    handle
        .ask(run, &scope(), Input::StartRun(Box::new(request)))
        .await
        .expect("started");
    reached.await.expect("the last call");
}

/// Rounds of each case, each beside its own raw slice: the disk's rate drifts, the ratio within a round does not.
const ROUNDS: usize = 5;

/// Measures one case beside the raw rate and prints the round with the median ratio.
fn case(dir: &Path, name: &str, wanted: Option<f64>, mut measure: impl FnMut(usize) -> Figures) {
    let mut rounds: Vec<(f64, Figures, Figures)> = (0..ROUNDS)
        .map(|round| {
            let raw = raw(dir);
            let figures = measure(round);
            (figures.rate / raw.rate, raw, figures)
        })
        .collect();
    rounds.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (least, most) = (rounds[0].0, rounds[ROUNDS - 1].0);
    let (ratio, raw, figures) = &rounds[ROUNDS / 2];
    let goal = wanted.map_or(String::new(), |wanted| {
        let met = if *ratio >= wanted { "met" } else { "MISSED" };
        format!("{wanted:.1} R {met}")
    });
    println!(
        "| {name} | {:.0} | {:.0} | {ratio:.2} R ({least:.2} to {most:.2}) | {:.3} ms | {:.3} ms | {goal} |",
        raw.rate,
        figures.rate,
        figures.p50.as_secs_f64() * 1e3,
        figures.p99.as_secs_f64() * 1e3,
    );
}

fn main() {
    // `cargo test --benches` runs this with `--test`: a bench has nothing to test.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let dir = tempfile::tempdir_in(".").expect("a folder on a real disk");
    let dir = dir.path();
    // A word as argument chooses cases: `cargo bench -p engine -- automation`.
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let chosen = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word));
    println!(
        "| case | R per sec. | per sec. | ratio (least to most of {ROUNDS}) | p50 | p99 | goal |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (at_once, wanted) in [(1, 0.4), (16, 2.0), (64, 2.5)] {
        let name = format!("bare store commits, {at_once} at once");
        if chosen(&name) {
            case(dir, &name, Some(wanted), |round| {
                runtime.block_on(bare(dir, at_once, round))
            });
        }
    }
    for (at_once, wanted) in [(1, None), (16, None), (64, Some(1.5))] {
        let name = format!("automation turns, {at_once} runs at once");
        if chosen(&name) {
            case(dir, &name, wanted, |round| {
                runtime.block_on(automation(dir, at_once, round))
            });
        }
    }
    let name = "automation steps, 64 runs of 20 steps";
    if chosen(name) {
        case(dir, name, Some(1.2), |round| {
            runtime.block_on(steps(dir, 64, round))
        });
    }
    let name = "finding sent to first containment call";
    if chosen(name) {
        case(dir, name, None, |round| {
            runtime.block_on(containment(dir, round))
        });
    }
}
