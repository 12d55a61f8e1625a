//! The client around the decoders: pages, tokens and states of any answers.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use aws::client::{
    BoxFuture, Client, Clock, Doors, Identity, NoCredentials, PageLimits, Policy, Request,
    SendLimits, Settings, TokenSource, Transport, TransportError, WaitOverrides,
};
use aws::{HttpRequest, HttpResponse};
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::json;

use super::{choice, head, pick};

/// Gives prepared answers, one after the other, then none.
struct Prepared(Mutex<VecDeque<HttpResponse>>);

impl Transport for Prepared {
    fn send(
        &self,
        _: HttpRequest,
        _: SendLimits,
    ) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        let next = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front();
        Box::pin(async {
            next.ok_or_else(|| TransportError::NotSent {
                host: "h".to_owned(),
                reason: "there is no more".to_owned(),
            })
        })
    }
}

/// A clock whose pauses pass at once.
#[derive(Default)]
struct Quick(AtomicU64);

impl Clock for Quick {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Relaxed))
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let passed = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        self.0.fetch_add(passed, Ordering::Relaxed);
        Box::pin(std::future::ready(()))
    }
}

struct Same;

impl TokenSource for Same {
    fn token(&self) -> String {
        "t".to_owned()
    }

    fn jitter(&self) -> f64 {
        0.5
    }
}

/// A client that is answered with the parts of `data` between zero bytes: a byte for the status, then headers and body.
fn client(data: &[u8]) -> Client {
    let answers = data.split(|byte| *byte == 0).take(8).map(|part| {
        let (status, part) = choice(part);
        let (headers, body) = head(part);
        HttpResponse {
            status: *pick(&[200, 400, 404, 500, 503, 429, 301, 403], status).unwrap_or(&200),
            headers,
            body: Bytes::copy_from_slice(body),
        }
    });
    let doors = Doors {
        transport: Arc::new(Prepared(Mutex::new(answers.collect()))),
        clock: Arc::new(Quick::default()),
        tokens: Arc::new(Same),
        credentials: Arc::new(NoCredentials),
    };
    Client::new(doors, Settings::default())
}

/// Nothing here waits for anything, so a future that is not done will never be.
fn done<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..1_000 {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return Some(value);
        }
    }
    None
}

/// Lists in pages: a byte for the operation, one for the limits, then the answers.
pub(super) fn pages(data: &[u8]) {
    let lists = [
        ("s3", "ListObjectsV2", json!({"Bucket": "b"})),
        ("s3", "ListObjectVersions", json!({"Bucket": "b"})),
        ("s3", "ListObjects", json!({"Bucket": "b"})),
        ("ec2", "DescribeInstances", json!({})),
        ("iam", "ListRoles", json!({})),
        ("iam", "GetAccountAuthorizationDetails", json!({})),
        ("dynamodb", "Scan", json!({"TableName": "t"})),
        (
            "route53",
            "ListResourceRecordSets",
            json!({"HostedZoneId": "Z"}),
        ),
        ("cloudfront", "ListDistributions", json!({})),
        ("logs", "FilterLogEvents", json!({"logGroupName": "g"})),
        ("kinesis", "ListStreams", json!({})),
        ("lambda", "ListFunctions", json!({})),
    ];
    let (at, data) = choice(data);
    let (limits, data) = choice(data);
    let Some((service, operation, params)) = pick(&lists, at) else {
        return;
    };
    let request = Request::new(*service, *operation, params.clone(), "eu-west-1");
    let request = request.with_identity(Identity::Anonymous);
    let limits = PageLimits {
        max_items: (limits & 1 != 0).then_some(limits / 8),
        max_pages: (limits & 2 != 0).then_some(limits / 64 + 1),
        page_size: None,
        starting_token: None,
    };
    let Ok(pages) = client(data).pages(&request, Policy::repeatable(), limits) else {
        return;
    };
    if let Err(error) = done(pages.collect()).expect("nothing here waits") {
        assert!(!error.to_string().is_empty(), "an error says what it is");
    }
}

/// Waits for a state: a byte for the waiter, then the answers.
pub(super) fn waiters(data: &[u8]) {
    let states = [
        ("ec2", "InstanceRunning", json!({})),
        ("s3", "BucketNotExists", json!({"Bucket": "b"})),
        (
            "cloudformation",
            "StackCreateComplete",
            json!({"StackName": "s"}),
        ),
        ("rds", "DBInstanceAvailable", json!({})),
        ("dynamodb", "TableExists", json!({"TableName": "t"})),
        ("ecs", "ServicesStable", json!({"services": ["s"]})),
        ("lambda", "FunctionActive", json!({"FunctionName": "f"})),
        (
            "ssm",
            "CommandExecuted",
            json!({"CommandId": "12345678-1234-1234-1234-123456789012", "InstanceId": "i-12345678"}),
        ),
    ];
    let (at, data) = choice(data);
    let Some((service, waiter, params)) = pick(&states, at) else {
        return;
    };
    let request = Request::new(*service, "", params.clone(), "eu-west-1");
    let request = request.with_identity(Identity::Anonymous);
    let overrides = WaitOverrides {
        max_attempts: Some(8),
        ..WaitOverrides::default()
    };
    let client = client(data);
    let waited = done(client.wait(waiter, &request, overrides)).expect("nothing here waits");
    if let Err(error) = waited {
        assert!(!error.to_string().is_empty(), "an error says what it is");
    }
}
