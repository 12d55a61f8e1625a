//! An engine in memory, an AWS that a test scripts, and a place where certificates lie.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aws::client::{Answer, CallError, Policy, Request};
use engine::{Engine, Handle, Options as EngineOptions, Ports, ResourceChange};
use intake::source::doors::{AwsDoor, Doors, FetchDoor, Fetching};
use intake::source::{Options, Settings, Sources};
use model::bus::{RULE, Rule};
use model::effect::Intent;
use model::resource::Expect;
use model::{AggregateKind, EffectCommand, Outcome, Recovery, Scope};
use ports::effects::Probe;
use ports::store::{Query, Stored};
use ports::{BoxFuture, Effects, ManualClock, MemoryStore, SeededEntropy};
use serde_json::{Value, json};

use crate::signer;

pub(crate) const ACCOUNT: &str = "123456789012";

pub(crate) fn scope() -> Scope {
    Scope::new(ACCOUNT, "us-east-1")
}

/// Effects that all succeed, and are counted.
#[derive(Default)]
struct Calm(Arc<AtomicUsize>);

impl Effects for Calm {
    fn recovery(&self, _: &EffectCommand) -> Recovery {
        Recovery::Repeat
    }

    fn perform(&self, _: Intent) -> BoxFuture<'static, Outcome> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Box::pin(async { Outcome::Done { result: json!({}) } })
    }

    fn probe(&self, _: Intent) -> BoxFuture<'static, Probe> {
        Box::pin(async { Probe::NotHappened })
    }
}

/// What AWS answers, and what it was asked.
#[derive(Default)]
pub(crate) struct Outside {
    /// Messages that the next polls get, a list for each.
    pub(crate) polls: Mutex<VecDeque<Value>>,
    /// Answers by operation; `{}` otherwise. `null` fails.
    pub(crate) answers: Mutex<BTreeMap<&'static str, Value>>,
    /// What was asked: operation, parameters, and how many commits there had been.
    pub(crate) asked: Mutex<Vec<(String, Value, u64)>>,
    /// Files by address.
    pub(crate) files: Mutex<BTreeMap<String, String>>,
    /// Addresses that were fetched.
    pub(crate) fetched: Mutex<Vec<String>>,
    store: Arc<MemoryStore>,
}

impl Outside {
    pub(crate) fn asked(&self, operation: &str) -> Vec<(Value, u64)> {
        let asked = self.asked.lock().unwrap();
        let of = asked.iter().filter(|(name, ..)| name == operation);
        of.map(|(_, params, commits)| (params.clone(), *commits))
            .collect()
    }
}

struct Door(Arc<Outside>);

impl AwsDoor for Door {
    fn call(&self, request: Request, _: Policy) -> BoxFuture<'_, Result<Answer, CallError>> {
        Box::pin(async move {
            let operation = request.operation.clone();
            let asked = (
                operation.clone(),
                request.params.clone(),
                self.0.store.commits(),
            );
            self.0.asked.lock().unwrap().push(asked);
            let value = if operation == "ReceiveMessage" {
                let next = self.0.polls.lock().unwrap().pop_front();
                match next {
                    Some(messages) => json!({ "Messages": messages }),
                    // A long poll that nothing ends.
                    None => std::future::pending().await,
                }
            } else {
                let answers = self.0.answers.lock().unwrap();
                answers
                    .get(operation.as_str())
                    .cloned()
                    .unwrap_or_else(|| json!({}))
            };
            if value.is_null() {
                return Err(CallError {
                    cause: aws::client::CallFailure::OutOfTime,
                    attempts: 1,
                    may_have_happened: false,
                    repeatable: true,
                });
            }
            Ok(Answer { value, attempts: 1 })
        })
    }
}

impl FetchDoor for Door {
    fn fetch(&self, fetching: Fetching) -> BoxFuture<'_, Result<Vec<u8>, String>> {
        self.0.fetched.lock().unwrap().push(fetching.url.clone());
        let found = self.0.files.lock().unwrap().get(&fetching.url).cloned();
        Box::pin(async move {
            let found = found.ok_or_else(|| "nobody answers".to_owned())?;
            Ok(found.into_bytes())
        })
    }
}

pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) handle: Handle,
    pub(crate) sources: Sources,
    pub(crate) outside: Arc<Outside>,
    pub(crate) clock: ManualClock,
    performed: Arc<AtomicUsize>,
}

impl World {
    /// A world with these sources, a rule for everything and a webhook behind it.
    pub(crate) async fn new(file: Vec<Value>) -> Self {
        let store = Arc::new(MemoryStore::new());
        let performed = Arc::new(AtomicUsize::new(0));
        let clock = ManualClock::new(signer::now());
        let entropy = Arc::new(SeededEntropy::new(1));
        let outside = Arc::new(Outside {
            store: Arc::clone(&store),
            ..Outside::default()
        });
        let ports = Ports {
            store,
            effects: Arc::new(Calm(Arc::clone(&performed))),
            clock: Arc::new(clock.clone()),
            entropy: Arc::<SeededEntropy>::clone(&entropy),
        };
        let (engine, handle) = Engine::start(ports, EngineOptions::default())
            .await
            .unwrap();
        let rule: Rule = serde_json::from_value(json!({
            "name": "all", "bus": "default", "state": "ENABLED",
            "event_pattern": "{\"source\":[{\"prefix\":\"\"}]}",
            "targets": {"hook": {"Id": "hook", "Arn": "https://hooks.example.com/x"}},
        }))
        .unwrap();
        let change = ResourceChange {
            scope: scope(),
            kind: RULE,
            name: "default/all".to_owned(),
            expect: Expect::Any,
            body: Some(json!(rule)),
        };
        handle.change(vec![change]).await.unwrap();
        let door = Arc::new(Door(Arc::clone(&outside)));
        let doors = Doors {
            aws: Arc::<Door>::clone(&door),
            fetch: door,
            clock: Arc::new(clock.clone()),
            entropy,
        };
        let options = Options {
            account: ACCOUNT.to_owned(),
            region: "us-east-1".to_owned(),
            file: file.into_iter().map(settings).collect(),
            max_requests: 8,
            max_parked: 3,
        };
        let sources = Sources::new(handle.clone(), doors, options).unwrap();
        Self {
            engine,
            handle,
            sources,
            outside,
            clock,
            performed,
        }
    }

    /// How many events reached the webhook.
    pub(crate) async fn delivered(&self) -> usize {
        self.engine.settle().await;
        self.performed.load(Ordering::Relaxed)
    }

    pub(crate) async fn all(&self, kind: AggregateKind) -> Vec<Stored> {
        self.engine.settle().await;
        let query = Query {
            kind,
            scope: scope().global(),
            index: None,
            before: None,
            limit: 100,
        };
        self.handle.list(query).await.unwrap()
    }

    /// Posts a message to a source; gives status and answer.
    pub(crate) async fn post(
        &self,
        name: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> (u16, Value) {
        let mut request = http::Request::post(format!("/intake/{name}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(bytes::Bytes::from(body.to_owned())).unwrap();
        let answer = self.sources.answer(request).await;
        let status = answer.status().as_u16();
        let body = serde_json::from_slice(answer.body()).unwrap_or(Value::Null);
        (status, body)
    }

    /// Looks until `look` gives something; gives up after a while.
    pub(crate) async fn until<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        for _ in 0..2_000 {
            if let Some(found) = look() {
                return found;
            }
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        panic!("waited for {what}");
    }
}

pub(crate) fn settings(value: Value) -> Settings {
    let mut settings: Settings = serde_json::from_value(value).unwrap();
    intake::source::seal(&mut settings, None).unwrap();
    settings
}

/// An event with an id of its own.
pub(crate) fn event(number: u128) -> Value {
    json!({
        "version": "0", "id": uuid::Uuid::from_u128(0x4000_8000_0000_0000_0000 + number), "detail-type": "GuardDuty Finding",
        "source": "aws.guardduty", "account": ACCOUNT, "time": "2026-03-01T03:00:00Z", "region": "us-east-1",
        "resources": [], "detail": { "severity": 8 },
    })
}
