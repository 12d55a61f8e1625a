//! A process whose only way out is one webhook that remembers every event.

use std::sync::Arc;
use std::time::Duration;

use engine::{Engine, Handle, MissedSchedules, Options, Ports};
use jiff::Timestamp;
use model::effect::Intent;
use model::{EffectCommand, Outcome, Recovery};
use ports::effects::Probe;
use ports::{BoxFuture, Effects, ManualClock, MemoryStore, SeededEntropy, Store};
use serde_json::{Value, json};

pub(crate) const HOOK: &str = "https://hooks.example.com/scheduled";

/// Every event that reached the hook, in order of arrival.
#[derive(Default)]
pub(crate) struct Hook(
    pub(crate) std::sync::Mutex<Vec<Value>>,
    /// The deliveries that brought them.
    pub(crate) std::sync::Mutex<std::collections::BTreeSet<String>>,
);

impl Hook {
    /// The events that came since the last time.
    pub(crate) fn take(&self) -> Vec<Value> {
        std::mem::take(&mut *self.0.lock().expect("no panic held it"))
    }

    pub(crate) fn times(&self) -> Vec<Timestamp> {
        let events = self.0.lock().expect("no panic held it");
        events
            .iter()
            .map(|event| {
                event["time"]
                    .as_str()
                    .expect("a time")
                    .parse()
                    .expect("an instant")
            })
            .collect()
    }
}

struct Door(Arc<Hook>);

impl Effects for Door {
    fn recovery(&self, _: &EffectCommand) -> Recovery {
        Recovery::Repeat
    }

    fn perform(&self, intent: Intent) -> BoxFuture<'static, Outcome> {
        if let EffectCommand::PostWebhook(post) = intent.command {
            let body: Value = serde_json::from_str(&post.body).expect("JSON");
            let delivery = body["MessageId"].to_string();
            self.0.1.lock().expect("no panic held it").insert(delivery);
            // A webhook gets a notification around the event.
            let event = match body.get("Message").and_then(Value::as_str) {
                Some(message) => serde_json::from_str(message).expect("JSON"),
                None => body,
            };
            self.0.0.lock().expect("no panic held it").push(event);
        }
        Box::pin(async { Outcome::Done { result: json!({}) } })
    }

    fn probe(&self, _: Intent) -> BoxFuture<'static, Probe> {
        Box::pin(async { Probe::NotHappened })
    }
}

/// A process over a store, a hook and a clock that may have a past.
pub(crate) struct Process {
    pub(crate) engine: Engine,
    pub(crate) handle: Handle,
}

impl Process {
    pub(crate) async fn start<S: Store>(
        store: &Arc<S>,
        (hook, clock): (&Arc<Hook>, &ManualClock),
        missed: MissedSchedules,
    ) -> Self {
        let ports = Ports {
            store: Arc::clone(store) as Arc<dyn Store>,
            effects: Arc::new(Door(Arc::clone(hook))),
            clock: Arc::new(clock.clone()),
            entropy: Arc::new(SeededEntropy::new(7)),
        };
        let options = Options {
            missed_schedules: missed,
            ..Options::default()
        };
        let (engine, handle) = Engine::start(ports, options).await.expect("an engine");
        Self { engine, handle }
    }
}

pub(crate) fn memory() -> Arc<MemoryStore> {
    Arc::default()
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

pub(crate) fn secs(secs: i64) -> Duration {
    Duration::from_secs(secs.unsigned_abs())
}
