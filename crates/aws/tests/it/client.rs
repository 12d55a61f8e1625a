//! The client against a scripted transport and a clock that a test moves: what is repeated, corrected and given up.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use aws::client::{
    BoxFuture, CallError, CallFailure, Client, Clock, Concurrency, CredentialError,
    CredentialSource, Doors, Identity, Policy, Request, SendLimits, Settings, TokenSource,
    Transport, TransportError,
};
use aws::{Credentials, HttpRequest, HttpResponse};
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
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

fn not_sent() -> Reply {
    Err(TransportError::NotSent {
        host: "h".to_owned(),
        reason: "refused".to_owned(),
    })
}

fn broken() -> Reply {
    Err(TransportError::Broken {
        host: "h".to_owned(),
        reason: "reset".to_owned(),
    })
}

fn timeout() -> Reply {
    Err(TransportError::Timeout {
        host: "h".to_owned(),
        seconds: 60,
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

/// What one failure, then a good answer, makes of a call.
#[derive(Debug, PartialEq)]
enum End {
    Answered,
    /// Its code; the outcome is known.
    Failed(&'static str),
    Unknown,
}

#[test]
fn every_failure_by_class_of_call() {
    use End::{Answered, Failed, Unknown};
    let too_large = || {
        Err(TransportError::TooLarge {
            host: "h".to_owned(),
            limit: 1,
        })
    };
    let forbidden = || {
        Err(TransportError::Forbidden {
            reason: "inside".to_owned(),
        })
    };
    let unsendable = || {
        Err(TransportError::Unsendable {
            reason: "no".to_owned(),
        })
    };
    let page = "<!doctype html><html></html>";
    for (name, failure, repeatable, once) in [
        ("not sent", not_sent(), Answered, Answered),
        ("broken", broken(), Answered, Unknown),
        ("timeout", timeout(), Answered, Unknown),
        ("too large", too_large(), Failed("Http"), Unknown),
        (
            "forbidden",
            forbidden(),
            Failed("ParamValidation"),
            Failed("ParamValidation"),
        ),
        (
            "unsendable",
            unsendable(),
            Failed("ParamValidation"),
            Failed("ParamValidation"),
        ),
        (
            "throttled",
            error(400, "RequestLimitExceeded", &[]),
            Answered,
            Answered,
        ),
        ("slow down", error(503, "SlowDown", &[]), Answered, Answered),
        (
            "internal",
            error(500, "InternalError", &[]),
            Answered,
            Failed("InternalError"),
        ),
        (
            "unavailable",
            error(503, "Unavailable", &[]),
            Answered,
            Failed("Unavailable"),
        ),
        (
            "gateway",
            answer(504, &[], "upstream timed out"),
            Answered,
            Unknown,
        ),
        (
            "gateway says so",
            error(502, "BadGateway", &[]),
            Answered,
            Unknown,
        ),
        (
            "refused",
            error(400, "InvalidParameterValue", &[]),
            Failed("InvalidParameterValue"),
            Failed("InvalidParameterValue"),
        ),
        (
            "denied",
            error(403, "UnauthorizedOperation", &[]),
            Failed("UnauthorizedOperation"),
            Failed("UnauthorizedOperation"),
        ),
        (
            "a proxy's words",
            answer(503, &[], "no healthy upstream"),
            Answered,
            Unknown,
        ),
        (
            "a server's silence",
            answer(500, &[], ""),
            Answered,
            Unknown,
        ),
        (
            "a proxy's refusal",
            answer(413, &[], "too large"),
            Failed("413"),
            Failed("413"),
        ),
        (
            "html",
            answer(500, &[], page),
            Failed("NotImplementedByTarget"),
            Failed("NotImplementedByTarget"),
        ),
        (
            "cut off",
            answer(200, &[], "<R><requestId>r</requ"),
            Failed("UnreadableResponse"),
            Unknown,
        ),
    ] {
        for (may, expected) in [(true, &repeatable), (false, &once)] {
            let world = World::new([failure.clone(), good()]);
            let got = match world.call(&run_instances(), policy(may)) {
                Ok(value) => {
                    assert_eq!(value["ResponseMetadata"]["RetryAttempts"], 1, "{name}");
                    Answered
                }
                Err(error) if error.is_unknown() => {
                    assert!(
                        error.to_string().contains("may have been carried out"),
                        "{error}"
                    );
                    Unknown
                }
                Err(error) => match expected {
                    Failed(code) if error.code() == *code => Failed(code),
                    other => panic!("{name}, repeatable {may}: {other:?} expected, got {error:?}"),
                },
            };
            assert_eq!(&got, expected, "{name}, repeatable {may}");
            let sent = world.script.sent.lock().unwrap();
            assert_eq!(
                sent.len(),
                if got == Answered { 2 } else { 1 },
                "{name}, repeatable {may}"
            );
            assert!(
                sent.iter().all(|sent| sent.limits.fresh_connection != may),
                "{name}"
            );
        }
    }
}

#[test]
fn repeats_are_the_same_call_and_end_after_three_attempts() {
    for (failure, code) in [
        (not_sent(), "Network"),
        (error(400, "Throttling", &[]), "Throttling"),
    ] {
        for may in [true, false] {
            let world = World::new([failure.clone()]);
            let refused = world.call(&run_instances(), policy(may)).unwrap_err();
            assert_eq!((refused.code(), refused.attempts), (code, 3));
            assert!(refused.is_transient() && !refused.may_have_happened);
            let sent = world.sent();
            assert_eq!(sent.len(), 3);
            assert!(String::from_utf8_lossy(&sent[0].body).contains("ClientToken=token-1"));
            for (i, request) in sent.iter().enumerate() {
                assert_eq!(request.body, sent[0].body, "the same token in every repeat");
                assert_eq!(request.header("amz-sdk-invocation-id"), Some("token-2"));
                let attempt = format!("attempt={}; max=3", i + 1);
                assert_eq!(request.header("amz-sdk-request"), Some(attempt.as_str()));
            }
            let halves = [500, 1000].map(Duration::from_millis);
            assert_eq!(*world.clock.slept.lock().unwrap(), halves);
        }
    }
}

#[test]
fn the_number_of_attempts_can_be_chosen() {
    for (of_client, of_call, expected) in [
        (None, None, 3),
        (Some(5), None, 5),
        (Some(5), Some(1), 1),
        (None, Some(2), 2),
        (Some(0), None, 1),
    ] {
        let mut world = World::new([not_sent()]);
        world.set(Settings {
            max_attempts: of_client,
            ..Settings::default()
        });
        let policy = Policy {
            max_attempts: of_call,
            ..policy(true)
        };
        world.call(&run_instances(), policy).unwrap_err();
        assert_eq!(world.sent().len(), expected, "{of_client:?} {of_call:?}");
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
fn the_service_says_how_long_to_wait() {
    let asked = error(503, "SlowDown", &[("retry-after", "7")]);
    let world = World::new([asked, good()]);
    world.call(&run_instances(), policy(false)).unwrap();
    assert_eq!(*world.clock.slept.lock().unwrap(), [Duration::from_secs(7)]);
    let tomorrow = error(503, "SlowDown", &[("retry-after", "86400")]);
    let world = World::new([tomorrow, good()]);
    let refused = world.call(&run_instances(), policy(true)).unwrap_err();
    assert_eq!((refused.code(), refused.attempts), ("SlowDown", 1));
}

#[test]
fn time_limits_of_attempts_and_of_the_call() {
    let world = World::with([timeout()], Keys::default(), Duration::from_secs(60));
    let limits = Policy::repeatable().within(Duration::from_secs(100));
    let refused = world.call(&run_instances(), limits).unwrap_err();
    assert_eq!((refused.code(), refused.attempts), ("Timeout", 2));
    assert!(refused.may_have_happened && !refused.is_unknown());
    let times: Vec<Duration> = world
        .script
        .sent
        .lock()
        .unwrap()
        .iter()
        .map(|sent| sent.limits.time)
        .collect();
    assert_eq!(times[0], Duration::from_secs(60));
    assert!(
        times[1] < Duration::from_secs(40),
        "what is left: {times:?}"
    );
    // A pause that would outlast the call is not begun.
    let world = World::new([error(400, "Throttling", &[("retry-after", "50")])]);
    let limits = policy(false).within(Duration::from_secs(20));
    let refused = world.call(&run_instances(), limits).unwrap_err();
    assert_eq!((refused.code(), world.sent().len()), ("Throttling", 1));
    assert!(world.clock.slept.lock().unwrap().is_empty());
    let world = World::new([good()]);
    let refused = world
        .call(&run_instances(), policy(true).within(Duration::ZERO))
        .unwrap_err();
    assert_eq!(
        (refused.code(), refused.attempts, world.sent().len()),
        ("Timeout", 0, 0)
    );
}

#[test]
fn a_service_in_trouble_is_not_flooded() {
    let world = World::new([not_sent()]);
    for _ in 0..60 {
        world.call(&run_instances(), policy(true)).unwrap_err();
    }
    // 500 tokens are 100 repeats; 60 calls would have made 120.
    assert_eq!(world.sent().len(), 60 + 100);
    let elsewhere = Request {
        region: "eu-west-2".to_owned(),
        ..run_instances()
    };
    world.call(&elsewhere, policy(true)).unwrap_err();
    assert_eq!(
        world.sent().len(),
        160 + 3,
        "another region has its own quota"
    );
    let other = Request {
        account: Some("210987654321".to_owned()),
        ..run_instances()
    };
    world.call(&other, policy(true)).unwrap_err();
    assert_eq!(world.sent().len(), 163 + 3, "so has another account");
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

fn get_object() -> Request {
    Request::new(
        "s3",
        "GetObject",
        json!({"Bucket": "b-1", "Key": "k"}),
        "us-east-1",
    )
}

#[test]
fn a_bucket_elsewhere_is_followed_once_and_remembered() {
    let moved = || {
        let body = "<Error><Code>PermanentRedirect</Code><Message>m</Message></Error>";
        answer(301, &[("x-amz-bucket-region", "eu-west-1")], body)
    };
    let regions = |world: &World| -> Vec<bool> {
        let signed = |request: &HttpRequest| {
            request
                .header("authorization")
                .unwrap()
                .contains("/eu-west-1/s3/")
        };
        world.sent().iter().map(signed).collect()
    };
    let world = World::new([moved(), answer(200, &[], "body")]);
    world.call(&get_object(), policy(false)).unwrap();
    world.call(&get_object(), policy(false)).unwrap();
    assert_eq!(regions(&world), [false, true, true]);
    // The answer names no region: S3 is asked.
    let body = "<Error><Code>PermanentRedirect</Code></Error>";
    let silent = answer(301, &[], body);
    let head = answer(403, &[("x-amz-bucket-region", "eu-west-1")], "");
    let world = World::new([silent, head, answer(200, &[], "body")]);
    world.call(&get_object(), policy(true)).unwrap();
    assert_eq!(regions(&world), [false, false, true]);
    assert_eq!(world.sent()[1].method, "HEAD");
    // Signed for the wrong region.
    let body = "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-1</Region></Error>";
    let world = World::new([answer(400, &[], body), answer(200, &[], "body")]);
    world.call(&get_object(), policy(true)).unwrap();
    assert_eq!(regions(&world), [false, true]);
    // No circle.
    let back = answer(
        301,
        &[("x-amz-bucket-region", "us-east-1")],
        "<Error><Code>PermanentRedirect</Code></Error>",
    );
    let world = World::new([moved(), back]);
    let refused = world.call(&get_object(), policy(true)).unwrap_err();
    assert_eq!(
        (refused.code(), world.sent().len()),
        ("PermanentRedirect", 2)
    );
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

/// Counts how many exchanges go on at once, and lets each take some polls.
struct Crowd {
    now: Mutex<(usize, usize)>,
}

impl Transport for Crowd {
    fn send(&self, _: HttpRequest, _: SendLimits) -> BoxFuture<'_, Reply> {
        let mut polls = 0;
        Box::pin(std::future::poll_fn(move |_| {
            polls += 1;
            let mut now = self.now.lock().unwrap();
            match polls {
                1 => {
                    now.0 += 1;
                    now.1 = now.1.max(now.0);
                    Poll::Pending
                }
                2..5 => Poll::Pending,
                _ => {
                    now.0 -= 1;
                    Poll::Ready(good())
                }
            }
        }))
    }
}

/// A clock whose sleeps never end.
struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
}

#[test]
fn no_more_exchanges_go_on_at_once_than_allowed() {
    for (each, overall, regions, most) in
        [(3, 64, 1, 3), (3, 64, 4, 12), (3, 5, 4, 5), (0, 64, 1, 1)]
    {
        let crowd = Arc::new(Crowd {
            now: Mutex::default(),
        });
        let doors = Doors {
            transport: Arc::<Crowd>::clone(&crowd),
            clock: Arc::new(Still),
            tokens: Arc::new(Tokens::default()),
            credentials: Arc::new(Keys::default()),
        };
        let concurrency = Concurrency {
            each,
            overall,
            ..Concurrency::default()
        };
        let client = Client::new(
            doors,
            Settings {
                concurrency,
                ..Settings::default()
            },
        );
        let mut calls: Vec<BoxFuture<'_, bool>> = (0..40)
            .map(|i| {
                let client = client.clone();
                let region = format!("eu-west-{}", i % regions);
                let request = Request {
                    region,
                    ..run_instances()
                };
                let call: BoxFuture<'_, bool> =
                    Box::pin(async move { client.call(&request, policy(false)).await.is_ok() });
                call
            })
            .collect();
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..1000 {
            calls.retain_mut(|call| match call.as_mut().poll(&mut context) {
                Poll::Ready(done) => {
                    assert!(done);
                    false
                }
                Poll::Pending => true,
            });
        }
        assert!(calls.is_empty(), "every call had its turn");
        assert_eq!(*crowd.now.lock().unwrap(), (0, most));
    }
}

/// A reply by number, and whether the request may have taken effect.
fn reply(kind: u8) -> (Reply, bool) {
    match kind {
        0 => (good(), true),
        1 => (not_sent(), false),
        2 => (broken(), true),
        3 => (timeout(), true),
        4 => (error(400, "Throttling", &[]), false),
        5 => (error(503, "SlowDown", &[]), false),
        6 => (error(500, "InternalError", &[]), false),
        7 => (answer(504, &[], "late"), true),
        8 => (error(400, "ExpiredToken", &[]), false),
        9 => (
            error(
                403,
                "AuthFailure",
                &[("date", "Sat, 21 Nov 2026 09:00:00 GMT")],
            ),
            false,
        ),
        10 => (answer(200, &[], "<cut"), true),
        11 => (answer(503, &[], "no healthy upstream"), true),
        _ => (error(400, "InvalidParameterValue", &[]), false),
    }
}

proptest! {
    #[test]
    fn what_may_have_happened_is_never_sent_again_unless_it_may_be_repeated(
        kinds in prop::collection::vec(0_u8..13, 1..8),
        repeatable: bool,
    ) {
        let replies: Vec<(Reply, bool)> = kinds.iter().map(|kind| reply(*kind)).collect();
        let world = World::new(replies.iter().map(|(reply, _)| reply.clone()));
        let ended = world.call(&run_instances(), policy(repeatable));
        let sent = world.sent();
        let met = (0..sent.len()).map(|i| &replies[i.min(replies.len() - 1)]);
        let effects: Vec<bool> = met.map(|(_, effect)| *effect).collect();
        if !repeatable {
            let first = effects.iter().position(|effect| *effect);
            prop_assert!(first.is_none_or(|first| first + 1 == effects.len()), "{:?}", effects);
        }
        prop_assert!(sent.len() <= 5, "three attempts, a clock and keys corrected");
        prop_assert!(sent.iter().all(|request| request.body == sent[0].body));
        match ended {
            Ok(answer) => prop_assert_eq!(&answer["ResponseMetadata"]["RetryAttempts"], sent.len() - 1),
            Err(error) => {
                prop_assert_eq!(error.attempts as usize, sent.len());
                let open = effects.iter().any(|effect| *effect);
                prop_assert_eq!(error.may_have_happened, open);
                prop_assert_eq!(error.is_unknown(), open && !repeatable);
            }
        }
    }
}
