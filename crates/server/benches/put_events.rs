//! `PutEvents` from socket to commit, as a multiple of the disk's own sync rate R: `cargo bench -p server`.
//!
//! Real sockets, real signatures, a real database, 1,000 rules on the bus; batches of 10 events. Each client sends its
//! next batch when the one before is answered, which is after the commit. R is the rate at which one thread overwrites
//! 4 KiB and calls fdatasync, measured beside each round.

use std::fs::File;
use std::net::SocketAddr;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws::sigv4::{SigningScope, sign};
use aws::{Credentials, HttpRequest};
use bytes::Bytes;
use engine::{Engine, Handle, Options, Ports, ResourceChange};
use jiff::Timestamp;
use model::bus::{RULE, Rule};
use model::effect::Intent;
use model::resource::Expect;
use model::{EffectCommand, Outcome, Recovery, Scope};
use ports::effects::Probe;
use ports::vault::{Key, KeyRing};
use ports::{BoxFuture, Clock, Effects, EntropySource, SeededEntropy, Store};
use serde_json::json;
use server::{AccessKey, AppState, ListenOptions, ServerConfig, router, serve};
use store::SqliteStore;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// The allocator of the binary that is shipped.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ACCOUNT: &str = "123456789012";
const REGION: &str = "us-east-1";
const RULES: usize = 1_000;
const BATCH: usize = 10;
/// Length of one measured slice.
const SLICE: Duration = Duration::from_secs(2);
/// Rounds of each case, each beside its own raw slice.
const ROUNDS: usize = 5;

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

/// Takes every delivery at once.
struct Takes;

impl Effects for Takes {
    fn recovery(&self, _: &EffectCommand) -> Recovery {
        Recovery::Repeat
    }
    fn perform(&self, _: Intent) -> BoxFuture<'static, Outcome> {
        Box::pin(async { Outcome::Done { result: json!({}) } })
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

fn figures(mut times: Vec<Duration>, took: Duration, count: usize) -> Figures {
    times.sort();
    let at = |share: f64| {
        let index = ((times.len() as f64) * share) as usize;
        let last = times.len().saturating_sub(1);
        times.get(index.min(last)).copied().unwrap_or_default()
    };
    Figures {
        rate: count as f64 / took.as_secs_f64(),
        p50: at(0.5),
        p99: at(0.99),
    }
}

fn raw(dir: &Path) -> f64 {
    let file = File::create(dir.join("raw")).expect("a file");
    let block = [7_u8; 4096];
    file.write_all_at(&block, 0).expect("written");
    file.sync_all().expect("synced");
    let (start, mut count) = (now(), 0_u32);
    while start.elapsed() < Duration::from_secs(1) {
        file.write_all_at(&block, 0).expect("written");
        file.sync_data().expect("synced");
        count += 1;
    }
    f64::from(count) / start.elapsed().as_secs_f64()
}

fn scope() -> Scope {
    Scope::new(ACCOUNT, REGION)
}

/// Rules as people write them: a source, a kind, a severity and a part of a name; each wants events of one tenant.
async fn install_rules(handle: &Handle) {
    for numbers in (0..RULES).collect::<Vec<_>>().chunks(100) {
        let changes = numbers.iter().map(|number| {
            let pattern = json!({
                "source": ["shop.orders"],
                "detail-type": [{ "prefix": "Order" }],
                "detail": { "tenant": [format!("t{number}")], "severity": [{ "numeric": [">=", 4] }],
                            "name": [{ "wildcard": "*-prod-*" }] },
            });
            let rule: Rule = serde_json::from_value(json!({
                "name": format!("rule-{number}"), "bus": "default", "state": "ENABLED",
                "event_pattern": pattern.to_string(),
                "targets": { "web": { "Id": "web", "Arn": "https://hooks.example.com/x" } },
            }))
            .expect("a rule");
            ResourceChange {
                scope: scope(),
                kind: RULE,
                name: format!("default/rule-{number}"),
                expect: Expect::Absent,
                body: Some(json!(rule)),
            }
        });
        handle.change(changes.collect()).await.expect("rules");
    }
}

/// A batch of which `matched` events are wanted by one rule each, signed, as it goes over the wire.
fn batch(matched: usize) -> Vec<u8> {
    let entries: Vec<_> = (0..BATCH)
        .map(|number| {
            let tenant = if number < matched { format!("t{number}") } else { format!("x{number}") };
            let detail = json!({
                "tenant": tenant, "severity": 7, "name": "web-prod-1", "order": { "id": "o-1234567890", "total": 99.5 },
                "lines": [{ "sku": "A-1", "count": 2 }, { "sku": "B-7", "count": 1 }],
                "note": "x".repeat(400),
            });
            json!({ "Source": "shop.orders", "DetailType": "Order Placed", "Detail": detail.to_string() })
        })
        .collect();
    let body = json!({ "Entries": entries }).to_string();
    let mut request = HttpRequest {
        method: "POST".to_owned(),
        scheme: "http".to_owned(),
        authority: "bench".to_owned(),
        path: "/".to_owned(),
        query: String::new(),
        headers: vec![("host".to_owned(), "bench".to_owned())],
        body: Bytes::from(body),
    };
    request.set_header("content-type", "application/x-amz-json-1.1");
    request.set_header("x-amz-target", "AWSEvents.PutEvents");
    let credentials = Credentials::new("BENCH", "secret-of-the-bench");
    let scope = SigningScope::new(REGION, "events");
    sign(&mut request, &credentials, &scope, BenchClock(now()).now());
    let mut wire = format!(
        "POST / HTTP/1.1\r\ncontent-length: {}\r\n",
        request.body.len()
    );
    for (name, value) in &request.headers {
        wire.push_str(&format!("{name}: {value}\r\n"));
    }
    wire.push_str("\r\n");
    let mut wire = wire.into_bytes();
    wire.extend_from_slice(&request.body);
    wire
}

/// Sends one batch after the other until the slice is over; how long each took.
async fn send(address: SocketAddr, matched: usize, start: Instant) -> Vec<Duration> {
    let mut stream = TcpStream::connect(address).await.expect("connected");
    stream.set_nodelay(true).expect("set");
    let (wire, mut times, mut buffer) = (batch(matched), Vec::new(), vec![0; 64 * 1024]);
    while start.elapsed() < SLICE {
        let one = now();
        stream.write_all(&wire).await.expect("sent");
        read_answer(&mut stream, &mut buffer).await;
        times.push(one.elapsed());
    }
    times
}

async fn read_answer(stream: &mut TcpStream, buffer: &mut [u8]) {
    let mut have = 0;
    loop {
        let more = stream.read(&mut buffer[have..]).await.expect("an answer");
        assert!(more > 0, "the server closed the connection");
        have += more;
        let text = String::from_utf8_lossy(&buffer[..have]);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse::<usize>().ok())?
        });
        if body.len() >= length.expect("a length") {
            assert!(head.starts_with("HTTP/1.1 200"), "{text}");
            assert!(body.contains("\"FailedEntryCount\":0"), "{body}");
            return;
        }
    }
}

async fn slice(dir: &Path, clients: usize, matched: usize, round: usize) -> Figures {
    let path = dir.join(format!("{clients}-{matched}-{round}.sqlite"));
    let store = SqliteStore::open(&path, store::Options::default()).expect("a store");
    let entropy = Arc::new(SeededEntropy::new(1));
    let ports = Ports {
        store: Arc::new(store) as Arc<dyn Store>,
        effects: Arc::new(Takes),
        clock: Arc::new(BenchClock(now())),
        entropy: Arc::clone(&entropy) as Arc<dyn EntropySource>,
    };
    let (engine, handle) = Engine::start(ports, Options::default())
        .await
        .expect("an engine");
    install_rules(&handle).await;
    let key = AccessKey {
        id: "BENCH".to_owned(),
        secret: "secret-of-the-bench".to_owned(),
        ingest: false,
        name: "bench".to_owned(),
    };
    let vault = KeyRing::new(Key::mint(entropy.as_ref()), Vec::new(), entropy);
    let config = ServerConfig::new(ACCOUNT, vec![key], Arc::new(vault));
    let state = AppState::new(handle, config);
    state.readiness().ready();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (stop, stopped) = oneshot::channel::<()>();
    let mut server = JoinSet::new();
    let options = ListenOptions::default();
    server.spawn(serve(listener, router(state), options, async move {
        stopped.await.ok();
    }));
    let start = now();
    let mut tasks = JoinSet::new();
    for _ in 0..clients {
        tasks.spawn(send(address, matched, start));
    }
    let times: Vec<Duration> = tasks.join_all().await.into_iter().flatten().collect();
    let took = start.elapsed();
    stop.send(()).ok();
    server.join_all().await;
    engine.settle().await;
    engine.stop().await;
    let events = times.len() * BATCH;
    figures(times, took, events)
}

/// Measures one case beside the raw rate and prints the round with the median ratio.
fn case(dir: &Path, name: &str, mut measure: impl FnMut(usize) -> Figures) {
    let mut rounds: Vec<(f64, f64, Figures)> = (0..ROUNDS)
        .map(|round| {
            let raw = raw(dir);
            let figures = measure(round);
            (figures.rate / raw, raw, figures)
        })
        .collect();
    rounds.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (least, most) = (rounds[0].0, rounds[ROUNDS - 1].0);
    let (ratio, raw, figures) = &rounds[ROUNDS / 2];
    println!(
        "| {name} | {raw:.0} | {:.0} | {ratio:.2} R ({least:.2} to {most:.2}) | {:.3} ms | {:.3} ms |",
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
    println!(
        "| batches of {BATCH}, {RULES} rules | R per sec. | events per sec. | ratio (least to most of {ROUNDS}) | p50 of a batch | p99 |"
    );
    println!("|---|---|---|---|---|---|");
    for (matched, what) in [
        (0, "no event matches"),
        (1, "one event of a batch matches"),
        (BATCH, "each event matches one rule"),
    ] {
        for clients in [1, 16] {
            let name = format!("{what}, {clients} at once");
            case(dir, &name, |round| {
                runtime.block_on(slice(dir, clients, matched, round))
            });
        }
    }
}
