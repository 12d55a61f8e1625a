//! What all cases share: the disk's own rate, a server on a loopback port with a real database, signed requests.

use std::fs::File;
use std::net::SocketAddr;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws::sigv4::{SigningScope, sign};
use aws::{Credentials, HttpRequest};
use bytes::Bytes;
use engine::{Engine, Handle, Options, Ports};
use jiff::Timestamp;
use model::effect::Intent;
use model::{EffectCommand, Outcome, Recovery, Scope};
use ports::effects::Probe;
use ports::vault::{Key, KeyRing};
use ports::{BoxFuture, Clock, Effects, EntropySource, SeededEntropy, Store};
use serde_json::{Value, json};
use server::{AccessKey, AppState, ListenOptions, ServerConfig, router, serve};
use store::SqliteStore;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

pub(crate) const ACCOUNT: &str = "123456789012";
pub(crate) const REGION: &str = "us-east-1";
/// Rounds of each case, each beside its own raw slice.
pub(crate) const ROUNDS: usize = 5;

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
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Does every effect at once.
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

/// What one slice of a case gave.
pub(crate) struct Figures {
    /// Units per second.
    pub(crate) rate: f64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
}

impl Figures {
    pub(crate) fn of(mut times: Vec<Duration>, took: Duration, count: usize) -> Self {
        times.sort();
        let at = |share: f64| {
            let index = ((times.len() as f64) * share) as usize;
            let last = times.len().saturating_sub(1);
            times.get(index.min(last)).copied().unwrap_or_default()
        };
        Self {
            rate: count as f64 / took.as_secs_f64(),
            p50: at(0.5),
            p99: at(0.99),
        }
    }
}

/// What one thread overwrites and syncs in a second: its rate is R, its p50 is f.
pub(crate) fn raw(dir: &Path) -> Figures {
    let file = File::create(dir.join("raw")).expect("a file");
    let block = [7_u8; 4096];
    file.write_all_at(&block, 0).expect("written");
    file.sync_all().expect("synced");
    let (start, mut times) = (now(), Vec::new());
    while start.elapsed() < Duration::from_secs(1) {
        let one = now();
        file.write_all_at(&block, 0).expect("written");
        file.sync_data().expect("synced");
        times.push(one.elapsed());
    }
    let count = times.len();
    Figures::of(times, start.elapsed(), count)
}

pub(crate) fn scope() -> Scope {
    Scope::new(ACCOUNT, REGION)
}

/// A server that listens, and the engine behind it.
pub(crate) struct Rig {
    pub(crate) address: SocketAddr,
    pub(crate) handle: Handle,
    pub(crate) engine: Engine,
    stop: oneshot::Sender<()>,
    server: JoinSet<()>,
}

impl Rig {
    /// Begins with a database of its own in this folder.
    pub(crate) async fn start(dir: &Path, name: &str) -> Self {
        let path = dir.join(format!("{name}.sqlite"));
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
        let key = AccessKey {
            id: "BENCH".to_owned(),
            secret: "secret-of-the-bench".to_owned(),
            ingest: false,
            name: "bench".to_owned(),
        };
        let vault = KeyRing::new(Key::mint(entropy.as_ref()), Vec::new(), entropy);
        let config = ServerConfig::new(ACCOUNT, vec![key], Arc::new(vault));
        let state = AppState::new(handle.clone(), config);
        state.readiness().ready();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel::<()>();
        let mut server = JoinSet::new();
        let options = ListenOptions::default();
        server.spawn(async move {
            serve(listener, router(state), options, async move {
                stopped.await.ok();
            })
            .await;
        });
        Self {
            address,
            handle,
            engine,
            stop,
            server,
        }
    }

    /// Ends when all that was begun has settled.
    pub(crate) async fn stop(self) {
        self.stop.send(()).ok();
        self.server.join_all().await;
        self.engine.settle().await;
        self.engine.stop().await;
    }
}

/// A signed call as it goes over the wire.
pub(crate) fn signed(service: &str, target: &str, body: &Value) -> Vec<u8> {
    let mut request = HttpRequest {
        method: "POST".to_owned(),
        scheme: "http".to_owned(),
        authority: "bench".to_owned(),
        path: "/".to_owned(),
        query: String::new(),
        headers: vec![("host".to_owned(), "bench".to_owned())],
        body: Bytes::from(body.to_string()),
    };
    request.set_header("content-type", "application/x-amz-json-1.1");
    request.set_header("x-amz-target", target);
    let credentials = Credentials::new("BENCH", "secret-of-the-bench");
    let scope = SigningScope::new(REGION, service);
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

/// A client's connection.
pub(crate) struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("connected");
        stream.set_nodelay(true).expect("set");
        Self {
            stream,
            buffer: vec![0; 64 * 1024],
        }
    }

    /// Sends a request and gives the body of its answer, which must be a good one.
    pub(crate) async fn ask(&mut self, wire: &[u8]) -> &str {
        self.stream.write_all(wire).await.expect("sent");
        let mut have = 0;
        let (from, length) = loop {
            have += self.read(have).await;
            if let Some(found) = body_of(&self.buffer[..have]) {
                break found;
            }
        };
        while have < from + length {
            have += self.read(have).await;
        }
        std::str::from_utf8(&self.buffer[from..from + length]).expect("text")
    }

    /// Reads more of an answer behind what is there; how much it was.
    async fn read(&mut self, have: usize) -> usize {
        if have == self.buffer.len() {
            self.buffer.resize(2 * have, 0);
        }
        let room = &mut self.buffer[have..];
        let more = self.stream.read(room).await.expect("an answer");
        assert!(more > 0, "the server closed the connection");
        more
    }

    /// Calls an operation of Step Functions.
    pub(crate) async fn states(&mut self, operation: &str, body: &Value) -> Value {
        let wire = signed("states", &format!("AWSStepFunctions.{operation}"), body);
        serde_json::from_str(self.ask(&wire).await).expect("JSON")
    }
}

/// Where the body begins and how long it will be, once the head is there.
fn body_of(bytes: &[u8]) -> Option<(usize, usize)> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]);
    assert!(
        head.starts_with("HTTP/1.1 200"),
        "{}",
        String::from_utf8_lossy(bytes)
    );
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse().ok())?
    });
    Some((end + 4, length.expect("a length")))
}
