//! A small world: in-memory store, manual clock, effects that a test scripts and that remember what was done.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engine::{Engine, Handle, Input, Options, Ports, PutEntry, ResourceChange};
use jiff::Timestamp;
use model::bus::{RULE, Rule};
use model::contact::{CONTACT, CONTACT_CHANNEL, Contact, ContactChannel};
use model::document::{DOCUMENT, DOCUMENT_CONTENT, DocumentContent, DocumentHead, DocumentVersion};
use model::effect::{Failure, Intent};
use model::plan::{RESPONSE_PLAN, ResponsePlan};
use model::report::StartRun;
use model::resource::Expect;
use model::{AggregateId, AggregateKind, EffectCommand, Outcome, Recovery, Scope};
use ports::effects::Probe;
use ports::store::{Frames, Query, Stored};
use ports::{BoxFuture, Clock, Effects, ManualClock, MemoryStore, SeededEntropy, Store};
use serde_json::{Value, json};
use uuid::Uuid;

pub(crate) fn scope() -> Scope {
    Scope::new("123456789012", "us-east-1")
}

pub(crate) fn start_time() -> Timestamp {
    "2026-03-01T03:00:00Z".parse().expect("an instant")
}

/// How the world answers one operation.
#[derive(Clone)]
pub(crate) enum Answer {
    Done(Value),
    Failed(&'static str),
    Unknown,
}

/// Effects as the outside sees them: what arrived, under which token, how often.
#[derive(Default)]
pub(crate) struct Outside {
    /// Recovery class by operation; `Repeat` otherwise.
    pub(crate) classes: Mutex<BTreeMap<String, Recovery>>,
    /// Scripted answers by operation; `{}` otherwise.
    pub(crate) answers: Mutex<BTreeMap<String, Answer>>,
    /// Every effect that reached the outside: (name, token).
    pub(crate) seen: Mutex<Vec<(String, Uuid)>>,
    /// What a probe says by operation.
    pub(crate) probes: Mutex<BTreeMap<String, bool>>,
    /// Every effect that reached the outside, whole.
    pub(crate) commands: Mutex<Vec<EffectCommand>>,
    /// Mails sent.
    pub(crate) mails: Mutex<Vec<model::effect::EmailMessage>>,
}

impl Outside {
    /// Scripts the answer of an operation.
    pub(crate) fn answer(&self, name: &str, answer: Answer) {
        let mut answers = self.answers.lock().expect("no panic held it");
        answers.insert(name.to_owned(), answer);
    }

    pub(crate) fn count(&self, name: &str) -> usize {
        self.seen
            .lock()
            .expect("no panic held it")
            .iter()
            .filter(|(seen, _)| seen == name)
            .count()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.seen
            .lock()
            .expect("no panic held it")
            .iter()
            .map(|(name, _)| name.clone())
            .collect()
    }
}

fn name(command: &EffectCommand) -> String {
    match command {
        EffectCommand::CallAws(call) => call.operation.clone(),
        EffectCommand::RunScript(_) => "script".to_owned(),
        EffectCommand::SendEmail(mail) => format!("mail {}", mail.to),
        EffectCommand::PostWebhook(post) => format!("post {}", post.url),
        EffectCommand::InvokeApiDestination(call) => format!("invoke {}", call.destination_arn),
        EffectCommand::DeliverByAws(call) => format!("deliver {}", call.operation),
        EffectCommand::AppendLog(line) => format!("log {}", line.group),
        EffectCommand::WriteLogs(batch) => format!("log {} {}", batch.group, batch.stream),
        EffectCommand::SendTopicMessage(message) => message.message.clone(),
        EffectCommand::PostChat(post) => post.channel.clone(),
        EffectCommand::InvokeIntegration(call) => format!("integration {}", call.name),
        EffectCommand::InvokeHttp(call) => format!("http {}", call.endpoint),
        EffectCommand::Preview(_) => "preview".to_owned(),
        EffectCommand::InvokeFunction(call) => format!("invoke {}", call.function),
    }
}

/// One process's way to the outside. A process that died can do nothing more.
pub(crate) struct Door {
    outside: Arc<Outside>,
    alive: Arc<AtomicBool>,
}

impl Effects for Door {
    fn recovery(&self, command: &EffectCommand) -> Recovery {
        assert_ne!(name(command), "Panic", "a bug, for the test that wants one");
        self.outside
            .classes
            .lock()
            .expect("no panic held it")
            .get(&name(command))
            .copied()
            .unwrap_or(Recovery::Repeat)
    }

    fn perform(&self, intent: Intent) -> BoxFuture<'static, Outcome> {
        if !self.alive.load(Ordering::Acquire) {
            return Box::pin(std::future::pending());
        }
        let name = name(&intent.command);
        self.outside
            .seen
            .lock()
            .expect("no panic held it")
            .push((name.clone(), intent.id));
        self.outside
            .commands
            .lock()
            .expect("no panic held it")
            .push(intent.command.clone());
        if let EffectCommand::SendEmail(mail) = &intent.command {
            self.outside
                .mails
                .lock()
                .expect("no panic held it")
                .push(mail.clone());
        }
        let answer = self
            .outside
            .answers
            .lock()
            .expect("no panic held it")
            .get(&name)
            .cloned();
        let outcome = match answer {
            None => Outcome::Done { result: json!({}) },
            Some(Answer::Done(result)) => Outcome::Done { result },
            Some(Answer::Failed(code)) => Outcome::Failed(Failure {
                code: code.to_owned(),
                message: "refused by the test".to_owned(),
                status: Some(400),
                request_id: None,
                extended_request_id: None,
                shape: None,
                transient: false,
            }),
            Some(Answer::Unknown) => Outcome::Unknown {
                reason: "the connection broke".to_owned(),
            },
        };
        Box::pin(async move { outcome })
    }

    fn probe(&self, intent: Intent) -> BoxFuture<'static, Probe> {
        let name = name(&intent.command);
        let happened = match self
            .outside
            .probes
            .lock()
            .expect("no panic held it")
            .get(&name)
        {
            Some(answer) => *answer,
            // A faithful world: it happened if it was seen.
            None => self
                .outside
                .seen
                .lock()
                .expect("no panic held it")
                .iter()
                .any(|(_, token)| *token == intent.id),
        };
        let answer = if happened {
            Probe::Happened(json!({"Probed": true}))
        } else {
            Probe::NotHappened
        };
        Box::pin(async move { answer })
    }
}

/// One process working on the world.
pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) handle: Handle,
    pub(crate) clock: ManualClock,
    pub(crate) outside: Arc<Outside>,
    alive: Arc<AtomicBool>,
}

impl World {
    pub(crate) async fn new() -> (Self, Arc<MemoryStore>) {
        let store = Arc::new(MemoryStore::new());
        let world = Self::on(
            Arc::clone(&store),
            Arc::default(),
            ManualClock::new(start_time()),
        )
        .await;
        (world, store)
    }

    /// A process over a store, an outside and a clock that may have a past.
    pub(crate) async fn on<S: Store>(
        store: Arc<S>,
        outside: Arc<Outside>,
        clock: ManualClock,
    ) -> Self {
        Self::with(store, outside, clock, Options::default()).await
    }

    /// As [`World::on`], with other options.
    pub(crate) async fn with<S: Store>(
        store: Arc<S>,
        outside: Arc<Outside>,
        clock: ManualClock,
        options: Options,
    ) -> Self {
        let alive = Arc::new(AtomicBool::new(true));
        let door = Door {
            outside: Arc::clone(&outside),
            alive: Arc::clone(&alive),
        };
        let ports = Ports {
            store,
            effects: Arc::new(door),
            clock: Arc::new(clock.clone()),
            entropy: Arc::new(SeededEntropy::new(clock.now().as_second().unsigned_abs())),
        };
        let (engine, handle) = Engine::start(ports, options).await.expect("an engine");
        Self {
            engine,
            handle,
            clock,
            outside,
            alive,
        }
    }

    /// The process is gone at once: nothing more leaves it.
    pub(crate) fn kill(&self) {
        self.alive.store(false, Ordering::Release);
    }

    /// Lets turns and effects end. Pauses before repeats pass by moving the clock on.
    pub(crate) async fn settle(&self) {
        for attempt in 0..200 {
            // What goes on beside a starved machine gets more and more of real time.
            let patience = Duration::from_millis(20 + attempt);
            let settled = tokio::time::timeout(patience, self.engine.settle()).await;
            if settled.is_ok() {
                // Timers that are due now belong to what is under way.
                tokio::task::yield_now().await;
                self.clock.advance(Duration::ZERO);
                if tokio::time::timeout(Duration::from_millis(5), self.engine.settle())
                    .await
                    .is_ok()
                {
                    return;
                }
            }
            self.clock.advance(Duration::from_secs(1));
        }
        panic!("the engine does not settle");
    }

    /// Moves the clock on and lets everything due happen.
    pub(crate) async fn fast_forward(&self, by: Duration) {
        self.clock.advance(by);
        for _ in 0..5 {
            tokio::time::sleep(Duration::from_millis(1)).await;
            self.settle().await;
        }
    }

    pub(crate) async fn put(&self, changes: Vec<ResourceChange>) {
        self.handle.change(changes).await.expect("resources");
    }

    pub(crate) async fn document(&self, name: &str, steps: Value) {
        let content = json!({"schemaVersion": "0.3", "mainSteps": steps}).to_string();
        self.document_text(name, "JSON", content).await;
    }

    pub(crate) async fn document_text(&self, name: &str, format: &str, content: String) {
        let head = DocumentHead {
            name: name.to_owned(),
            document_type: "Automation".to_owned(),
            default_version: 1,
            latest_version: 1,
            versions: vec![DocumentVersion {
                number: 1,
                name: None,
                created: self.handle.now(),
                hash: String::new(),
                format: format.to_owned(),
                attachments: Vec::new(),
                requires: Vec::new(),
            }],
            owner: scope().account,
            created: self.handle.now(),
            target_type: None,
            display_name: None,
            shared_with: Vec::new(),
            tags: BTreeMap::new(),
        };
        let content = DocumentContent {
            format: format.to_owned(),
            content,
        };
        self.put(vec![
            put(scope(), DOCUMENT, name, json!(head)),
            put(
                scope(),
                DOCUMENT_CONTENT,
                &format!("{name}/1"),
                json!(content),
            ),
        ])
        .await;
    }

    /// A rule for GuardDuty findings, a plan with a dedupe template, an escalation of two people, and their mail.
    pub(crate) async fn install(&self, document: Option<&str>) {
        let plan: ResponsePlan = serde_json::from_value(json!({
            "name": "compromised",
            "incidentTemplate": {
                "title": "Compromised instance", "impact": 1,
                "dedupeString": "{{ event.account }}/{{ event.region }}/{{ resource.id }}",
            },
            "engagements": [contact_arn("ladder")],
            "actions": document.map(|name| json!([{"ssmAutomation": {
                "documentName": name, "roleArn": "arn:aws:iam::123456789012:role/r",
            }}])).unwrap_or_else(|| json!([])),
        }))
        .expect("a plan");
        let rule: Rule = serde_json::from_value(json!({
            "name": "findings", "bus": "default", "state": "ENABLED",
            "event_pattern": "{\"source\":[\"aws.guardduty\"]}",
            "targets": {"plan": {"Id": "plan", "Arn": "arn:aws:ssm-incidents::123456789012:response-plan/compromised"}},
        }))
        .expect("a rule");
        let mut changes = vec![
            put(scope().global(), RESPONSE_PLAN, "compromised", json!(plan)),
            put(scope(), RULE, "default/findings", json!(rule)),
        ];
        changes.extend(people());
        self.put(changes).await;
    }

    pub(crate) async fn finding(&self, instance: &str) {
        let detail = json!({
            "type": "UnauthorizedAccess:EC2/TorClient", "severity": 8,
            "resource": {"resourceType": "Instance", "instanceDetails": {"instanceId": instance}},
        });
        let entry = PutEntry {
            bus: "default".to_owned(),
            source: "aws.guardduty".to_owned(),
            detail_type: "GuardDuty Finding".to_owned(),
            detail: detail.to_string(),
            resources: Vec::new(),
            time: None,
            ..PutEntry::default()
        };
        let _ = self.handle.put_events(&scope(), vec![entry]).await;
    }

    pub(crate) async fn run(&self, id: Uuid, document: &str) -> Result<Value, engine::AskError> {
        self.start(id, request(document)).await
    }

    pub(crate) async fn start(
        &self,
        id: Uuid,
        request: StartRun,
    ) -> Result<Value, engine::AskError> {
        self.handle
            .ask(
                AggregateId::run(id),
                &scope(),
                Input::StartRun(Box::new(request)),
            )
            .await
    }

    pub(crate) async fn run_view(&self, id: Uuid) -> flow::automation::Run {
        let stored = self
            .handle
            .load(AggregateId::run(id), Frames::All)
            .await
            .expect("read")
            .expect("a run");
        flow::automation::Run::restore(stored.frames).expect("restored")
    }

    pub(crate) async fn incidents(&self) -> Vec<Stored> {
        self.all(AggregateKind::Incident).await
    }

    pub(crate) async fn all(&self, kind: AggregateKind) -> Vec<Stored> {
        let query = Query {
            kind,
            scope: scope().global(),
            index: None,
            before: None,
            limit: 100,
        };
        self.handle.list(query).await.expect("listed")
    }
}

/// A wish for a run of a document.
pub(crate) fn request(document: &str) -> StartRun {
    StartRun {
        document_name: document.to_owned(),
        executed_by: "arn:aws:iam::123456789012:user/test".to_owned(),
        region: scope().region,
        mode: "Auto".to_owned(),
        ..StartRun::default()
    }
}

pub(crate) fn put(scope: Scope, kind: &'static str, name: &str, body: Value) -> ResourceChange {
    ResourceChange {
        scope,
        kind,
        name: name.to_owned(),
        expect: Expect::Any,
        body: Some(body),
    }
}

pub(crate) fn contact_arn(alias: &str) -> String {
    format!("arn:aws:ssm-contacts:us-east-1:123456789012:contact/{alias}")
}

/// ana and bo with a mail channel each, and a ladder: ana at once, bo five minutes later.
fn people() -> Vec<ResourceChange> {
    let mut changes = Vec::new();
    for alias in ["ana", "bo"] {
        let channel =
            format!("arn:aws:ssm-contacts:us-east-1:123456789012:contact-channel/{alias}/c1");
        let body: ContactChannel = serde_json::from_value(json!({
            "ContactChannelArn": channel, "ContactArn": contact_arn(alias), "Name": "mail", "Type": "EMAIL",
            "DeliveryAddress": {"SimpleAddress": format!("{alias}@example.com")}, "ActivationStatus": "ACTIVATED",
        }))
        .expect("a channel");
        changes.push(put(
            scope(),
            CONTACT_CHANNEL,
            &format!("{alias}/c1"),
            json!(body),
        ));
        let stage = json!({"DurationInMinutes": 5, "Targets": [{"ChannelTargetInfo": {"ContactChannelId": channel, "RetryIntervalInMinutes": 1}}]});
        changes.push(contact(alias, "PERSONAL", json!([stage])));
    }
    let stage = |alias: &str| json!({"DurationInMinutes": 5, "Targets": [{"ContactTargetInfo": {"ContactId": contact_arn(alias), "IsEssential": true}}]});
    changes.push(contact(
        "ladder",
        "ESCALATION",
        json!([stage("ana"), stage("bo")]),
    ));
    changes
}

fn contact(alias: &str, kind: &str, stages: Value) -> ResourceChange {
    let body: Contact = serde_json::from_value(json!({
        "ContactArn": contact_arn(alias), "Alias": alias, "Type": kind, "Plan": {"Stages": stages},
    }))
    .expect("a contact");
    put(scope(), CONTACT, alias, json!(body))
}

/// One executeAwsApi step.
pub(crate) fn call(name: &str, operation: &str) -> Value {
    json!({"name": name, "action": "aws:executeAwsApi", "inputs": {"Service": "ec2", "Api": operation}})
}
