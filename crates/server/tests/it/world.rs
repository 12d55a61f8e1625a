//! A small world: an engine in memory, effects that a test scripts, the router, and clients that sign.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws::sigv4::{SigningScope, sign};
use aws::{Credentials, HttpRequest};
use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use engine::{Engine, Handle, Options, Ports};
use http::HeaderMap;
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use model::effect::Intent;
use model::{EffectCommand, Outcome, Recovery};
use ports::effects::Probe;
use ports::vault::{Key, KeyRing, Vault};
use ports::{BoxFuture, Clock as _, Effects, ManualClock, MemoryStore, SeededEntropy};
use serde_json::{Value, json};
use server::{AccessKey, AppState, ServerConfig, router};
use tower::ServiceExt as _;

pub(crate) const ACCOUNT: &str = "123456789012";
pub(crate) const REGION: &str = "us-east-1";

pub(crate) fn start_time() -> Timestamp {
    "2026-03-01T03:00:00Z".parse().expect("an instant")
}

/// Effects as the outside sees them.
#[derive(Default)]
pub(crate) struct Outside {
    /// Answers by name; `{}` otherwise.
    pub(crate) answers: Mutex<BTreeMap<String, Outcome>>,
    /// What arrived.
    pub(crate) seen: Mutex<Vec<EffectCommand>>,
}

impl Outside {
    pub(crate) fn answer(&self, name: &str, outcome: Outcome) {
        self.answers
            .lock()
            .expect("no test has panicked")
            .insert(name.to_owned(), outcome);
    }

    pub(crate) fn count(&self, wanted: &str) -> usize {
        self.seen
            .lock()
            .expect("no test has panicked")
            .iter()
            .filter(|command| name(command) == wanted)
            .count()
    }
}

fn name(command: &EffectCommand) -> String {
    match command {
        EffectCommand::CallAws(call) => call.operation.clone(),
        EffectCommand::RunScript(_) => "script".to_owned(),
        EffectCommand::SendEmail(mail) => mail.to.clone(),
        EffectCommand::PostWebhook(post) => post.url.clone(),
        EffectCommand::InvokeApiDestination(call) => call.destination_arn.clone(),
        EffectCommand::DeliverByAws(call) => call.operation.clone(),
        EffectCommand::AppendLog(line) => line.group.clone(),
        EffectCommand::WriteLogs(batch) => batch.group.clone(),
        EffectCommand::SendTopicMessage(message) => message.message.clone(),
        EffectCommand::PostChat(post) => post.channel.clone(),
        EffectCommand::InvokeIntegration(call) => call.name.clone(),
        EffectCommand::InvokeHttp(call) => call.endpoint.clone(),
        EffectCommand::Preview(_) => "preview".to_owned(),
        EffectCommand::InvokeFunction(call) => format!("invoke {}", call.function),
    }
}

struct Door(Arc<Outside>);

impl Effects for Door {
    fn recovery(&self, _: &EffectCommand) -> Recovery {
        Recovery::Ask
    }

    fn perform(&self, intent: Intent) -> BoxFuture<'static, Outcome> {
        let answer = self
            .0
            .answers
            .lock()
            .expect("no test has panicked")
            .get(&name(&intent.command))
            .cloned();
        self.0
            .seen
            .lock()
            .expect("no test has panicked")
            .push(intent.command);
        Box::pin(async move { answer.unwrap_or(Outcome::Done { result: json!({}) }) })
    }

    fn probe(&self, _: Intent) -> BoxFuture<'static, Probe> {
        Box::pin(async { Probe::NotHappened })
    }
}

pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) handle: Handle,
    pub(crate) clock: ManualClock,
    pub(crate) outside: Arc<Outside>,
    pub(crate) state: AppState,
    pub(crate) router: Router,
}

fn key(id: &str, ingest: bool) -> AccessKey {
    AccessKey {
        id: id.to_owned(),
        secret: format!("secret-of-{id}"),
        ingest,
        name: id.to_lowercase(),
    }
}

/// A vault with one key, as a first start makes it.
fn vault() -> Arc<dyn Vault> {
    let entropy = Arc::new(SeededEntropy::new(2));
    Arc::new(KeyRing::new(
        Key::mint(entropy.as_ref()),
        Vec::new(),
        entropy,
    ))
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut ServerConfig)) -> Self {
        let clock = ManualClock::new(start_time());
        let outside = Arc::new(Outside::default());
        let ports = Ports {
            store: Arc::new(MemoryStore::new()),
            effects: Arc::new(Door(Arc::clone(&outside))),
            clock: Arc::new(clock.clone()),
            entropy: Arc::new(SeededEntropy::new(1)),
        };
        let (engine, handle) = Engine::start(ports, Options::default())
            .await
            .expect("an engine");
        let mut config = ServerConfig::new(
            ACCOUNT,
            vec![key("INGEST", true), key("PLAIN", false)],
            vault(),
        );
        change(&mut config);
        let state = AppState::new(handle.clone(), config);
        state.readiness().ready();
        let router = router(state.clone());
        Self {
            engine,
            handle,
            clock,
            outside,
            state,
            router,
        }
    }

    /// Lets turns and effects end.
    pub(crate) async fn settle(&self) {
        for _ in 0..100 {
            let ended = tokio::time::timeout(Duration::from_millis(50), self.engine.settle()).await;
            self.clock.advance(Duration::from_millis(1));
            if ended.is_ok() {
                return;
            }
        }
        panic!("the engine does not settle");
    }

    /// Moves the clock on and lets everything due happen.
    pub(crate) async fn fast_forward(&self, by: Duration) {
        self.clock.advance(by);
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_millis(2)).await;
            self.settle().await;
        }
    }

    pub(crate) fn client(&self) -> Client<'_> {
        self.client_of("INGEST", REGION)
    }

    pub(crate) fn client_of(&self, key: &str, region: &str) -> Client<'_> {
        Client {
            world: self,
            credentials: Credentials::new(key, format!("secret-of-{key}")),
            region: region.to_owned(),
        }
    }

    /// Sends a request as it is.
    pub(crate) async fn send(&self, request: HttpRequest) -> Answer {
        let mut builder = http::Request::builder()
            .method(request.method.as_str())
            .uri(request.target());
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        let sent = builder.body(Body::from(request.body)).expect("a request");
        Answer::of(self.router.clone().oneshot(sent).await.expect("an answer")).await
    }
}

/// Somebody with a key, in a region.
pub(crate) struct Client<'a> {
    world: &'a World,
    pub(crate) credentials: Credentials,
    pub(crate) region: String,
}

impl Client<'_> {
    /// Calls an operation of a JSON service: `AWSEvents.PutRule`.
    pub(crate) async fn json(&self, target: &str, body: Value) -> Answer {
        self.world
            .send(self.signed_json(target, &body.to_string()))
            .await
    }

    /// As [`Client::json`]; the call must succeed.
    pub(crate) async fn ok(&self, target: &str, body: Value) -> Value {
        let answer = self.json(target, body).await;
        assert_eq!(answer.status, 200, "{target}: {}", answer.body);
        answer.body
    }

    /// As [`Client::json`]; the call must fail with this code.
    pub(crate) async fn fails(&self, target: &str, body: Value, code: &str) -> String {
        let answer = self.json(target, body.clone()).await;
        assert_eq!(
            (answer.status, answer.code()),
            (400, code),
            "{target} {body}: {}",
            answer.body
        );
        answer.message()
    }

    pub(crate) fn signed_json(&self, target: &str, body: &str) -> HttpRequest {
        let service = match target.split('.').next() {
            Some("AWSEvents") => "events",
            Some("AmazonSSM") => "ssm",
            Some("SSMContacts") => "ssm-contacts",
            Some("AWSStepFunctions") => "states",
            other => panic!("no service for {other:?}"),
        };
        let mut request = request("POST", "/", body);
        request.set_header("content-type", "application/x-amz-json-1.1");
        request.set_header("x-amz-target", target);
        self.sign(&mut request, service, self.world.clock.now());
        request
    }

    /// Calls a rest service, or Quell's own API.
    pub(crate) async fn rest(
        &self,
        service: &str,
        method: &str,
        target: &str,
        body: Option<Value>,
    ) -> Answer {
        let text = body.map(|body| body.to_string()).unwrap_or_default();
        let mut request = request(method, target, &text);
        self.sign(&mut request, service, self.world.clock.now());
        self.world.send(request).await
    }

    pub(crate) fn sign(&self, request: &mut HttpRequest, service: &str, at: Timestamp) {
        let scope = SigningScope::new(&self.region, service);
        sign(request, &self.credentials, &scope, at);
    }
}

pub(crate) fn request(method: &str, target: &str, body: &str) -> HttpRequest {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    HttpRequest {
        method: method.to_owned(),
        scheme: "http".to_owned(),
        authority: "127.0.0.1:8710".to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: vec![("host".to_owned(), "127.0.0.1:8710".to_owned())],
        body: Bytes::copy_from_slice(body.as_bytes()),
    }
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// As JSON; null if it is none.
    pub(crate) body: Value,
    pub(crate) text: String,
}

impl Answer {
    async fn of(response: axum::response::Response) -> Self {
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("a body").to_bytes();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Self {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body,
            text: String::from_utf8_lossy(&bytes).into_owned(),
        }
    }

    /// The error code, wherever the protocol puts it.
    pub(crate) fn code(&self) -> &str {
        let header = self
            .headers
            .get("x-amzn-errortype")
            .and_then(|value| value.to_str().ok());
        let in_body = ["__type", "code"]
            .iter()
            .find_map(|name| self.body[name].as_str());
        header.or(in_body).unwrap_or_default()
    }

    pub(crate) fn message(&self) -> String {
        let found = ["message", "Message", "detail"]
            .iter()
            .find_map(|name| self.body[name].as_str());
        found.unwrap_or_default().to_owned()
    }
}
