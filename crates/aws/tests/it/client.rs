//! The client against a scripted transport and a clock that a test moves: what is repeated, corrected and given up.

mod buckets;
mod failures;
mod gate;

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use aws::client::{
    BoxFuture, CallError, CallFailure, Client, Clock, CredentialError, CredentialSource, Doors,
    Identity, Policy, Request, SendLimits, Settings, TokenSource, Transport, TransportError,
};
use aws::{Credentials, HttpRequest, HttpResponse};
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// Runs a future that never waits for anything outside.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    for _ in 0..1_000_000 {
        if let Poll::Ready(value) = future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            return value;
        }
    }
    panic!("the future waits for something that never comes");
}

pub(crate) type Reply = Result<HttpResponse, TransportError>;

/// One request as it was sent.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) request: HttpRequest,
    pub(crate) limits: SendLimits,
}

/// Gives the scripted replies in their order, then the last one again.
pub(crate) struct Script {
    replies: Mutex<VecDeque<Reply>>,
    pub(crate) sent: Mutex<Vec<Sent>>,
    clock: Arc<TestClock>,
    /// How long an exchange takes.
    takes: Duration,
}

impl Transport for Script {
    fn send(&self, request: HttpRequest, limits: SendLimits) -> BoxFuture<'_, Reply> {
        Box::pin(async move {
            self.sent.lock().unwrap().push(Sent { request, limits });
            self.clock.advance(self.takes.min(limits.time));
            let mut replies = self.replies.lock().unwrap();
            if replies.len() > 1 {
                replies.pop_front().unwrap()
            } else {
                replies.front().unwrap().clone()
            }
        })
    }
}

/// A clock on which sleeping takes no time.
pub(crate) struct TestClock {
    start: Timestamp,
    elapsed: Mutex<Duration>,
    pub(crate) slept: Mutex<Vec<Duration>>,
}

impl TestClock {
    fn advance(&self, by: Duration) {
        *self.elapsed.lock().unwrap() += by;
    }
}

struct ClockDoor(Arc<TestClock>);

impl Clock for ClockDoor {
    fn now(&self) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.monotonic()).unwrap();
        self.0.start + elapsed
    }

    fn monotonic(&self) -> Duration {
        *self.0.elapsed.lock().unwrap()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let clock = Arc::clone(&self.0);
        Box::pin(async move {
            clock.advance(duration);
            clock.slept.lock().unwrap().push(duration);
        })
    }
}

#[derive(Default)]
struct Tokens(Mutex<u32>);

impl TokenSource for Tokens {
    fn token(&self) -> String {
        let mut next = self.0.lock().unwrap();
        *next += 1;
        format!("token-{next}")
    }

    fn jitter(&self) -> f64 {
        0.5
    }
}

/// Numbers the keys it gives, so that a test sees when they were fetched anew.
#[derive(Default)]
pub(crate) struct Keys {
    generation: Mutex<u32>,
    refuses: bool,
}

impl CredentialSource for Keys {
    fn credentials<'a>(
        &'a self,
        _: &'a Identity,
    ) -> BoxFuture<'a, Result<Credentials, CredentialError>> {
        Box::pin(async move {
            if self.refuses {
                return Err(CredentialError {
                    message: "no keys here".to_owned(),
                    transient: true,
                });
            }
            let generation = *self.generation.lock().unwrap();
            Ok(Credentials::new(format!("AKID{generation}"), "secret"))
        })
    }

    fn forget<'a>(&'a self, _: &'a Identity) -> BoxFuture<'a, ()> {
        Box::pin(async {
            *self.generation.lock().unwrap() += 1;
        })
    }
}

pub(crate) struct World {
    pub(crate) client: Client,
    doors: Doors,
    pub(crate) script: Arc<Script>,
    pub(crate) clock: Arc<TestClock>,
}

impl World {
    pub(crate) fn new(replies: impl IntoIterator<Item = Reply>) -> Self {
        Self::with(replies, Keys::default(), Duration::from_millis(10))
    }

    fn with(replies: impl IntoIterator<Item = Reply>, keys: Keys, takes: Duration) -> Self {
        let clock = Arc::new(TestClock {
            start: "2026-11-21T05:00:00Z".parse().unwrap(),
            elapsed: Mutex::default(),
            slept: Mutex::default(),
        });
        let script = Arc::new(Script {
            replies: Mutex::new(replies.into_iter().collect()),
            sent: Mutex::default(),
            clock: Arc::clone(&clock),
            takes,
        });
        let doors = Doors {
            transport: Arc::<Script>::clone(&script),
            clock: Arc::new(ClockDoor(Arc::clone(&clock))),
            tokens: Arc::new(Tokens::default()),
            credentials: Arc::new(keys),
        };
        Self {
            client: Client::new(doors.clone(), Settings::default()),
            doors,
            script,
            clock,
        }
    }

    /// Keys from elsewhere, for the next client that is set.
    pub(crate) fn lend(&mut self, credentials: Arc<dyn CredentialSource>) {
        self.doors.credentials = credentials;
    }

    /// Another client with the same doors.
    pub(crate) fn set(&mut self, settings: Settings) {
        self.client = Client::new(self.doors.clone(), settings);
    }

    pub(crate) fn sent(&self) -> Vec<HttpRequest> {
        let sent = self.script.sent.lock().unwrap();
        sent.iter().map(|sent| sent.request.clone()).collect()
    }

    fn call(&self, request: &Request, policy: Policy) -> Result<Value, CallError> {
        block_on(self.client.call(request, policy)).map(|answer| answer.value)
    }
}

pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Reply {
    Ok(HttpResponse {
        status,
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        body: Bytes::copy_from_slice(body.as_bytes()),
    })
}

pub(crate) fn error(status: u16, code: &str, headers: &[(&str, &str)]) -> Reply {
    let body = format!(
        "<Response><Errors><Error><Code>{code}</Code><Message>told</Message></Error></Errors><RequestID>r-1</RequestID></Response>"
    );
    answer(status, headers, &body)
}

fn good() -> Reply {
    answer(200, &[], "<R><requestId>r</requestId></R>")
}

fn broken() -> Reply {
    Err(TransportError::Broken {
        host: "h".to_owned(),
        reason: "reset".to_owned(),
    })
}

fn run_instances() -> Request {
    let params = json!({"ImageId": "ami-1", "MinCount": 1, "MaxCount": 1});
    Request::new("ec2", "RunInstances", params, "eu-west-1")
}

fn policy(repeatable: bool) -> Policy {
    Policy {
        repeatable,
        ..Policy::default()
    }
}

#[test]
fn endpoints_of_the_client_of_a_service_and_of_a_call() {
    let mut world = World::new([good()]);
    world.set(Settings {
        endpoint_url: Some("http://all.example:1".to_owned()),
        endpoint_urls: [("ec2".to_owned(), "http://ec2.example:2".to_owned())].into(),
        ..Settings::default()
    });
    let own = Request {
        endpoint_url: Some("http://own.example:3".to_owned()),
        ..run_instances()
    };
    let sts = Request::new("sts", "GetCallerIdentity", Value::Null, "eu-west-1");
    for request in [&own, &run_instances(), &sts] {
        world.call(request, policy(true)).unwrap();
    }
    let hosts: Vec<String> = world
        .sent()
        .into_iter()
        .map(|request| request.authority)
        .collect();
    assert_eq!(hosts, ["own.example:3", "ec2.example:2", "all.example:1"]);
}

#[test]
fn a_token_of_the_callers_is_sent() {
    let world = World::new([broken(), good()]);
    let request = run_instances().with_token("mine");
    world.call(&request, policy(true)).unwrap();
    for sent in world.sent() {
        assert!(String::from_utf8_lossy(&sent.body).contains("ClientToken=mine"));
    }
}

#[test]
fn a_wrong_clock_is_corrected_from_the_answer() {
    let date = ("date", "Sat, 21 Nov 2026 07:30:00 GMT");
    for code in [
        "RequestExpired",
        "SignatureDoesNotMatch",
        "AuthFailure",
        "RequestTimeTooSkewed",
    ] {
        let world = World::new([error(403, code, &[date]), good()]);
        world.call(&run_instances(), policy(false)).unwrap();
        world.call(&run_instances(), policy(false)).unwrap();
        let dates: Vec<String> = world
            .sent()
            .iter()
            .map(|request| request.header("x-amz-date").unwrap()[..13].to_owned())
            .collect();
        assert_eq!(
            dates,
            ["20261121T0500", "20261121T0730", "20261121T0730"],
            "{code}"
        );
    }
    // Once only, and only if the clock is to blame.
    let world = World::new([error(403, "AuthFailure", &[date])]);
    assert_eq!(
        world
            .call(&run_instances(), policy(true))
            .unwrap_err()
            .attempts,
        2
    );
    let near = ("date", "Sat, 21 Nov 2026 05:02:00 GMT");
    let world = World::new([error(403, "AuthFailure", &[near])]);
    assert_eq!(
        world
            .call(&run_instances(), policy(true))
            .unwrap_err()
            .attempts,
        1
    );
    let world = World::new([error(403, "AuthFailure", &[("date", "yesterday")])]);
    assert_eq!(
        world
            .call(&run_instances(), policy(true))
            .unwrap_err()
            .attempts,
        1
    );
    let world = World::new([error(403, "UnauthorizedOperation", &[date])]);
    assert_eq!(
        world
            .call(&run_instances(), policy(true))
            .unwrap_err()
            .attempts,
        1
    );
}

#[test]
fn ended_keys_are_fetched_anew_once() {
    let key_of = |request: &HttpRequest| {
        let header = request.header("authorization").unwrap();
        header
            .split_once("Credential=")
            .unwrap()
            .1
            .split('/')
            .next()
            .unwrap()
            .to_owned()
    };
    for may in [true, false] {
        let world = World::new([error(400, "ExpiredToken", &[]), good()]);
        world.call(&run_instances(), policy(may)).unwrap();
        let keys: Vec<String> = world.sent().iter().map(key_of).collect();
        assert_eq!(keys, ["AKID0", "AKID1"]);
        let world = World::new([error(400, "ExpiredToken", &[])]);
        let refused = world.call(&run_instances(), policy(may)).unwrap_err();
        assert_eq!((refused.code(), refused.attempts), ("ExpiredToken", 2));
    }
    // Nobody has others for keys that the caller brought.
    let world = World::new([error(400, "ExpiredToken", &[])]);
    let keys = Identity::Keys(Box::new(Credentials::new("AKIDMINE", "s")));
    let refused = world
        .call(&run_instances().with_identity(keys), policy(true))
        .unwrap_err();
    assert_eq!(refused.attempts, 1);
    assert_eq!(key_of(&world.sent()[0]), "AKIDMINE");
}

#[test]
fn without_keys_nothing_is_sent() {
    let keys = Keys {
        refuses: true,
        ..Keys::default()
    };
    let world = World::with([good()], keys, Duration::ZERO);
    let refused = world.call(&run_instances(), policy(false)).unwrap_err();
    assert!(
        matches!(&refused.cause, CallFailure::Credentials(error) if error.message == "no keys here")
    );
    assert_eq!(
        (refused.code(), refused.is_transient(), refused.attempts),
        ("Credentials", true, 0)
    );
    assert!(world.sent().is_empty());
    let anonymous = run_instances().with_identity(Identity::Anonymous);
    world.call(&anonymous, policy(false)).unwrap();
    assert_eq!(world.sent()[0].header("authorization"), None);
}

#[test]
fn calls_that_do_not_fit_are_refused_before_sending() {
    let world = World::new([good()]);
    for (request, needle) in [
        (Request::new("ec3", "X", json!({}), "eu-west-1"), "ec2"),
        (
            Request::new("ec2", "DescribeInstance", json!({}), "eu-west-1"),
            "DescribeInstances",
        ),
        (
            Request::new("ec2", "DescribeInstances", json!({"Foo": 1}), "eu-west-1"),
            "Foo",
        ),
        (
            Request::new("ec2", "DescribeInstances", json!({}), "eu west"),
            "eu west",
        ),
    ] {
        let refused = world.call(&request, policy(true)).unwrap_err();
        assert_eq!((refused.code(), refused.attempts), ("ParamValidation", 0));
        assert!(refused.to_string().contains(needle), "{refused}");
    }
    assert!(world.sent().is_empty());
}

#[test]
fn a_dry_run_sends_nothing() {
    let world = World::new([good()]);
    let request = block_on(world.client.dry_run(&run_instances())).unwrap();
    assert!(
        request
            .header("authorization")
            .unwrap()
            .contains("/eu-west-1/ec2/")
    );
    assert!(world.sent().is_empty());
}
