//! A queue: polled, taken in, deleted only after the commit.
//!
//! `ReceiveMessage (20 s, 10) ─► decode ─► take in ─► DeleteMessageBatch`. A message that cannot be taken is left to come
//! again after a pause, and is parked at its third try, then deleted: it lies in the store. A kill between commit and
//! deletion brings the message again; its id is claimed, so that it is deleted without effect. While messages are worked
//! on they stay hidden from others (`ChangeMessageVisibilityBatch`). Source: Amazon SQS API reference.

use std::sync::Arc;
use std::time::Duration;

use aws::client::{AssumedRole, CallError, Identity, Policy, Request};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::sources::{Shared, Source};
use super::taking::{self, Incoming, Trouble};

mod queue;

/// Messages of one poll: the most that SQS gives.
const BATCH: usize = 10;
/// Seconds that a poll waits for a message: the most that SQS allows.
const WAIT_SECS: u64 = 20;
/// Tries before a message is parked.
pub(super) const MAX_TRIES: u32 = 3;
/// Seconds before a message that failed once comes again; it doubles.
const FIRST_PAUSE_SECS: u64 = 2;
/// Seconds before a message comes again that the engine could not take now.
const BUSY_PAUSE_SECS: u64 = 5;
/// Longest rest after polls that failed.
const LONGEST_REST: Duration = Duration::from_secs(60);

/// One queue's settings as its calls need them.
#[derive(Clone)]
pub(super) struct Queue {
    url: String,
    region: String,
    identity: Identity,
    visibility: u64,
}

impl Queue {
    /// The queue of a source whose settings have been checked.
    pub(super) fn of(source: &Source) -> Result<Self, String> {
        let (url, region) = source.settings.queue()?;
        Ok(Self {
            url,
            region,
            identity: identity(source),
            visibility: source.settings.visibility().as_secs().unsigned_abs(),
        })
    }

    fn request(&self, operation: &str, mut params: Value) -> Request {
        params["QueueUrl"] = self.url.clone().into();
        Request::new("sqs", operation, params, self.region.clone())
            .with_identity(self.identity.clone())
    }
}

/// As whom a source's calls are made.
pub(super) fn identity(source: &Source) -> Identity {
    match &source.settings.role_arn {
        None => Identity::Own,
        Some(role_arn) => Identity::Role(Box::new(AssumedRole {
            role_arn: role_arn.clone(),
            session_name: "quell-intake".to_owned(),
            external_id: source.settings.external_id.clone(),
            ..AssumedRole::default()
        })),
    }
}

/// A received message.
#[derive(Debug, Clone, PartialEq)]
struct Received {
    id: String,
    handle: String,
    body: String,
    attributes: Vec<(String, String)>,
    sent: Option<Timestamp>,
    receives: u32,
}

/// What is to be done with a received message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// It is taken or parked.
    Delete,
    /// It comes again after so many seconds.
    Again(u64),
}

/// Polls until the source is stopped.
pub(super) async fn receive(
    shared: Arc<Shared>,
    source: Arc<Source>,
    mut stop: watch::Receiver<bool>,
) {
    let queue = match Queue::of(&source) {
        Ok(queue) => queue,
        Err(problem) => return source.state.failed(shared.handle.now(), &problem),
    };
    let mut failures = 0;
    while !*stop.borrow() {
        let poll = async {
            source.require_bus(&shared.handle).await?;
            let polled = poll(&shared, &queue).await;
            polled.map_err(|error| format!("ReceiveMessage: {}: {}", error.code(), error.message()))
        };
        let polled = tokio::select! {
            polled = poll => polled,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        match polled {
            Ok(messages) => {
                failures = 0;
                source.state.works();
                work(&shared, &source, &queue, messages).await;
            }
            Err(problem) => {
                failures += 1;
                if failures == 1 {
                    tracing::warn!(
                        source = source.settings.name,
                        error = problem,
                        "a queue cannot be polled; it is tried again"
                    );
                }
                source.state.failed(shared.handle.now(), &problem);
                tokio::select! {
                    () = shared.doors.clock.sleep(rest(failures)) => {}
                    _ = stop.wait_for(|stop| *stop) => return,
                }
            }
        }
    }
}

/// The rest after so many failures in a row.
fn rest(failures: u32) -> Duration {
    Duration::from_secs(1 << failures.saturating_sub(1).min(6)).min(LONGEST_REST)
}

async fn poll(shared: &Shared, queue: &Queue) -> Result<Vec<Received>, CallError> {
    let params = json!({
        "MaxNumberOfMessages": BATCH,
        "WaitTimeSeconds": WAIT_SECS,
        "VisibilityTimeout": queue.visibility,
        "MessageSystemAttributeNames": ["ApproximateReceiveCount", "SentTimestamp"],
        "MessageAttributeNames": ["All"],
    });
    let policy = Policy {
        // What a lost answer held comes again by itself; this loop has its own pauses.
        repeatable: true,
        timeout: Duration::from_secs(WAIT_SECS + 30),
        attempt_timeout: Duration::from_secs(WAIT_SECS + 15),
        max_attempts: Some(1),
    };
    let request = queue.request("ReceiveMessage", params);
    let answer = shared.doors.aws.call(request, policy).await?;
    let messages = answer.value.get("Messages").and_then(Value::as_array);
    let messages = messages.map(|list| list.iter().filter_map(received).collect());
    Ok(messages.unwrap_or_default())
}

fn received(value: &Value) -> Option<Received> {
    let text = |name: &str| value.get(name)?.as_str().map(str::to_owned);
    let system = |name: &str| value.get("Attributes")?.get(name)?.as_str();
    let attributes = value.get("MessageAttributes").and_then(Value::as_object);
    let attributes = attributes
        .into_iter()
        .flatten()
        .filter_map(|(name, attribute)| {
            let text = attribute.get("StringValue")?.as_str()?;
            Some((name.clone(), text.to_owned()))
        });
    let sent = system("SentTimestamp").and_then(|text| text.parse().ok());
    Some(Received {
        id: text("MessageId")?,
        handle: text("ReceiptHandle")?,
        body: text("Body").unwrap_or_default(),
        attributes: attributes.collect(),
        sent: sent.and_then(|millis| Timestamp::from_millisecond(millis).ok()),
        receives: system("ApproximateReceiveCount")
            .and_then(|text| text.parse().ok())
            .unwrap_or(1),
    })
}

/// Works on a batch, and keeps it hidden from others meanwhile.
async fn work(shared: &Shared, source: &Source, queue: &Queue, messages: Vec<Received>) {
    if messages.is_empty() {
        return;
    }
    source.state.received(messages.len());
    let ordered = queue.url.ends_with(".fifo");
    let settle = async {
        if ordered {
            let mut nexts = Vec::with_capacity(messages.len());
            for message in &messages {
                nexts.push(one(shared, source, message).await);
            }
            nexts
        } else {
            let each = messages.iter().map(|message| one(shared, source, message));
            futures_util::future::join_all(each).await
        }
    };
    let nexts = with_heartbeat(shared, (source, queue), &messages, settle).await;
    let oldest = messages.iter().filter_map(|message| message.sent).min();
    source.state.oldest(oldest, shared.handle.now());
    queue::settle(shared, (source, queue), &messages, &nexts).await;
}

/// Runs `work`, and every half of the visibility timeout asks for another whole one.
async fn with_heartbeat<T>(
    shared: &Shared,
    (source, queue): (&Source, &Queue),
    messages: &[Received],
    work: impl Future<Output = T>,
) -> T {
    let mut work = std::pin::pin!(work);
    loop {
        let beat = shared
            .doors
            .clock
            .sleep(Duration::from_secs((queue.visibility / 2).max(1)));
        tokio::select! {
            done = &mut work => return done,
            () = beat => {
                let all: Vec<_> = messages.iter().map(|message| (message, queue.visibility)).collect();
                queue::change_visibility(shared, (source, queue), &all).await;
            }
        }
    }
}

async fn one(shared: &Shared, source: &Source, message: &Received) -> Next {
    let incoming = Incoming {
        id: Some(&message.id),
        headers: &message.attributes,
        body: message.body.as_bytes(),
        sent: message.sent,
        credential: None,
        secret: None,
    };
    let trouble = match taking::take(&shared.handle, source, &incoming).await {
        Ok(took) => {
            let now = shared.handle.now();
            source
                .state
                .taken((took.new.len(), took.seen), message.sent, now);
            source.state.settled(&message.id);
            return Next::Delete;
        }
        Err(trouble) => trouble,
    };
    if let Trouble::Later(error) = &trouble {
        source.state.failed(shared.handle.now(), &error.to_string());
        return Next::Again(BUSY_PAUSE_SECS);
    }
    let tries = source.state.tried(&message.id).max(message.receives);
    let reason = trouble.reason();
    if tries < MAX_TRIES {
        source.state.failed(shared.handle.now(), &reason);
        return Next::Again(FIRST_PAUSE_SECS << tries.saturating_sub(1).min(4));
    }
    match taking::park(shared, source, &incoming, (&reason, tries)).await {
        Ok(()) => {
            tracing::warn!(
                source = source.settings.name,
                message.id = message.id,
                reason,
                "a message could not be taken and is parked"
            );
            source.state.parked(shared.handle.now(), &reason);
            source.state.settled(&message.id);
            Next::Delete
        }
        Err(trouble) => {
            source.state.failed(shared.handle.now(), &trouble.reason());
            Next::Again(BUSY_PAUSE_SECS)
        }
    }
}

pub(super) use queue::watch as watch_queue;
