//! One event on its way to one target.

mod dead_letters;

use bus::delivery::{
    Command, Delivery, Exhausted, Input, Notification, Request, Retry, Start, Status, step,
};
use jiff::{SignedDuration, Timestamp};
use model::effect::{AwsCall, DESTINATION_BUSY, EmailMessage, Failure};
use model::{Decision, EffectCommand, Outcome, ids};
use serde_json::{Value, json};

use super::{context, failure, start_of_time};

const RULE: &str = "arn:aws:events:us-east-1:123456789012:rule/r";
const QUEUE: &str = "arn:aws:sqs:us-east-1:123456789012:dead";

fn request() -> Start {
    Start {
        origin: RULE.to_owned(),
        target_id: "t".to_owned(),
        target_arn: "https://hooks.example.com/x".to_owned(),
        request: Request::Notification(Notification {
            url: "https://hooks.example.com/x".to_owned(),
            subject: "GuardDuty\r\nFinding".to_owned(),
            message: "{\"a\":1}".to_owned(),
        }),
        retry: Retry::default(),
        dead_letter: None,
        event: "{\"source\":\"app\"}".to_owned(),
    }
}

fn with_queue() -> Start {
    Start {
        dead_letter: Some(QUEUE.to_owned()),
        ..request()
    }
}

fn tries(attempts: Option<u32>, age: Option<u32>) -> Retry {
    Retry {
        maximum_attempts: attempts,
        maximum_age_secs: age,
        ..Retry::default()
    }
}

fn done() -> Outcome {
    Outcome::Done {
        result: Value::Null,
    }
}

fn refused(code: &str, status: Option<u16>, transient: bool) -> Outcome {
    Outcome::Failed(Failure {
        code: code.to_owned(),
        message: "why".to_owned(),
        status,
        request_id: None,
        extended_request_id: None,
        shape: None,
        transient,
    })
}

/// What is in the store, frame by frame.
#[derive(Default)]
struct Stored(std::collections::BTreeMap<String, Value>);

impl Stored {
    /// Takes in a decision; what is stored then reads as the decision's state.
    fn take(&mut self, decision: &Decision<Delivery, Command>) {
        for write in &decision.frames {
            match &write.body {
                Some(body) => {
                    self.0.insert(write.key.clone(), body.to_value());
                }
                None if write.key.is_empty() => self.0.clear(),
                None => {
                    self.0.remove(&write.key);
                }
            }
        }
        if !self.0.is_empty() {
            let frames = self.0.clone().into_iter().collect();
            assert_eq!(Delivery::restore(frames).expect("restores"), decision.state);
        }
    }
}

/// What became of a delivery: its last state, the instants of its attempts, the messages for its queue, the facts.
struct Story {
    state: Delivery,
    posts: Vec<Timestamp>,
    buried: Vec<Value>,
    facts: Vec<String>,
    stored: Stored,
}

/// Runs a delivery to its end: attempts end as `outcome` says, writes to its queue as `burial` says.
fn run(
    request: Start,
    outcome: impl Fn(usize) -> Outcome,
    burial: impl Fn(usize) -> Outcome,
) -> Story {
    let id = ids::named(&["test delivery"]);
    let (mut now, mut posts, mut buried) = (start_of_time(), Vec::new(), Vec::new());
    let (mut state, mut stored, mut facts) = (None, Stored::default(), Vec::new());
    let mut effects = std::collections::BTreeSet::new();
    let mut input = Input::Start(Box::new(request));
    for turn in 0..1000 {
        let decision = step(state.as_ref(), input, &context(id, now, turn)).expect("decides");
        stored.take(&decision);
        facts.extend(decision.facts.iter().map(|fact| fact.name.clone()));
        let burying = decision.state.status == Status::Burying;
        let command = decision.commands.first().cloned();
        state = Some(decision.state);
        input = match command {
            Some(Command::Perform { effect, command }) => {
                assert!(effects.insert(effect), "an effect's id is its own");
                let outcome = match command {
                    EffectCommand::DeliverByAws(call) if burying => {
                        assert_eq!(
                            (call.service.as_str(), call.operation.as_str()),
                            ("sqs", "SendMessage")
                        );
                        buried.push(call.params);
                        burial(buried.len())
                    }
                    _ => {
                        posts.push(now);
                        outcome(posts.len())
                    }
                };
                Input::Sent { effect, outcome }
            }
            Some(Command::SetTimer { key, .. }) if key == "forget" => break,
            Some(Command::SetTimer { key, due }) => {
                now = due;
                Input::Timer { key }
            }
            Some(other) => panic!("{other:?}"),
            None => break,
        };
    }
    Story {
        state: state.expect("started"),
        posts,
        buried,
        facts,
        stored,
    }
}

fn first_command(start: Start) -> EffectCommand {
    let id = ids::named(&["test delivery"]);
    let decision = step(
        None,
        Input::Start(Box::new(start)),
        &context(id, start_of_time(), 1),
    );
    let decision = decision.expect("starts");
    match decision.commands.into_iter().next() {
        Some(Command::Perform { command, .. }) => command,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_notification_has_sns_form() {
    let id = ids::named(&["test delivery"]);
    let EffectCommand::PostWebhook(post) = first_command(request()) else {
        panic!("a post")
    };
    let body: Value = serde_json::from_str(&post.body).expect("JSON");
    assert_eq!(
        body,
        json!({ "Type": "Notification", "MessageId": id, "TopicArn": RULE, "Subject": "GuardDuty Finding",
                "Message": "{\"a\":1}", "Timestamp": "2026-03-01T10:00:00Z" })
    );
    assert_eq!(post.headers["x-amz-sns-message-type"], "Notification");
}

#[test]
fn failures_in_passing_are_repeated_with_growing_waits() {
    let after = |good: usize| {
        move |post: usize| {
            if post > good { done() } else { failure(true) }
        }
    };
    let story = run(with_queue(), after(6), |_| panic!("nothing to bury"));
    assert_eq!(
        (story.state.status, story.posts.len()),
        (Status::Delivered, 7)
    );
    assert!(
        story.stored.0.is_empty(),
        "a delivery that ended well leaves nothing"
    );
    assert_eq!(
        story.facts.last().map(String::as_str),
        Some("delivery.delivered")
    );
    for (number, pair) in story.posts.windows(2).enumerate() {
        let wait = pair[1].duration_since(pair[0]).as_millis();
        let full = 1000_i128 << number;
        assert!(wait <= full && wait >= full * 3 / 4, "{number}: {wait}");
    }
    let unknown = |_| Outcome::Unknown {
        reason: "broke".to_owned(),
    };
    let start = Start {
        retry: tries(Some(2), None),
        ..request()
    };
    let story = run(start, unknown, |_| done());
    assert_eq!(
        (story.state.status, story.posts.len()),
        (Status::Dropped, 3),
        "an unknown outcome is repeated too"
    );
}

#[test]
fn limits_end_the_attempts_and_are_named() {
    for (retry, most, exhausted) in [
        (tries(Some(0), None), 1, Exhausted::Attempts),
        (tries(Some(3), None), 4, Exhausted::Attempts),
        (tries(None, Some(60)), 7, Exhausted::Age),
        (tries(Some(185), Some(60)), 7, Exhausted::Age),
        (tries(Some(9_999), Some(u32::MAX)), 186, Exhausted::Age),
        (Retry::default(), 186, Exhausted::Age),
    ] {
        let start = Start { retry, ..request() };
        let story = run(start, |_| failure(true), |_| done());
        assert_eq!(story.state.status, Status::Dropped, "{retry:?}");
        assert!(
            story.posts.len() <= most,
            "{retry:?}: {}",
            story.posts.len()
        );
        let failed = story.state.failed.expect("kept");
        assert_eq!(failed.exhausted, Some(exhausted), "{retry:?}");
        let age = retry.maximum_age_secs.unwrap_or(86_400).min(86_400);
        let last = story
            .posts
            .last()
            .expect("one")
            .duration_since(start_of_time());
        assert!(
            last <= SignedDuration::from_secs(i64::from(age)),
            "{retry:?}"
        );
    }
}

#[test]
fn a_refusal_is_not_repeated() {
    let story = run(request(), |_| failure(false), |_| done());
    assert_eq!(
        (story.state.status, story.posts.len()),
        (Status::Dropped, 1)
    );
    let failed = story.state.failed.expect("kept");
    assert!(failed.message.contains("450") && failed.exhausted.is_none());
    assert!(
        story.state.payload.is_some(),
        "a person may want it tried again"
    );
}

#[test]
fn a_busy_destination_costs_no_attempt() {
    let start = Start {
        retry: tries(Some(0), None),
        ..request()
    };
    let busy_twice = |post| {
        if post <= 2 {
            refused(DESTINATION_BUSY, None, true)
        } else {
            done()
        }
    };
    let story = run(start.clone(), busy_twice, |_| done());
    assert_eq!(
        (story.state.status, story.posts.len()),
        (Status::Delivered, 3)
    );
    let start = Start {
        retry: tries(None, Some(60)),
        ..start
    };
    let story = run(start, |_| refused(DESTINATION_BUSY, None, true), |_| done());
    assert_eq!(story.state.status, Status::Dropped);
    let failed = story.state.failed.expect("kept");
    assert_eq!(
        (failed.code.as_str(), failed.exhausted),
        ("THROTTLING", Some(Exhausted::Age))
    );
}

#[test]
fn what_comes_twice_or_late_changes_nothing() {
    let cx = context(ids::named(&["test delivery"]), start_of_time(), 9);
    for story in [
        run(request(), |_| done(), |_| done()),
        run(request(), |_| failure(false), |_| done()),
        run(with_queue(), |_| failure(false), |_| done()),
    ] {
        let state = story.state;
        for input in [
            Input::Start(Box::new(request())),
            Input::Timer {
                key: "retry".to_owned(),
            },
            Input::Timer {
                key: "bury".to_owned(),
            },
            Input::Timer {
                key: "other".to_owned(),
            },
            Input::Sent {
                effect: ids::named(&["?"]),
                outcome: failure(true),
            },
        ] {
            let decision = step(Some(&state), input, &cx).expect("ignored");
            assert_eq!(decision.state, state);
            assert!(decision.commands.is_empty() && decision.frames.is_empty());
        }
    }
    let late = Input::Timer {
        key: "retry".to_owned(),
    };
    assert!(step(None, late, &cx).is_err());
    assert!(step(None, Input::Retry, &cx).is_err());
}

#[test]
fn a_mail_address_gets_a_mail() {
    let mail = EmailMessage {
        to: "ana@example.com".to_owned(),
        subject: "Your code\r\nBcc: all@example.com".to_owned(),
        body: "Code: 123456".to_owned(),
        thread: None,
    };
    let start = Start {
        request: Request::Email(mail),
        ..request()
    };
    let EffectCommand::SendEmail(sent) = first_command(start) else {
        panic!("a mail")
    };
    assert_eq!(
        (sent.to.as_str(), sent.body.as_str()),
        ("ana@example.com", "Code: 123456")
    );
    assert_eq!(sent.subject, "Your code Bcc: all@example.com");
}

#[test]
fn a_call_is_made_as_it_was_accepted() {
    let call = AwsCall {
        service: "sqs".to_owned(),
        operation: "SendMessage".to_owned(),
        params: json!({ "QueueUrl": "x", "MessageBody": "y" }),
        region: "us-east-1".to_owned(),
        assume_role: None,
        timeout_secs: 30,
        spelling: model::effect::Spelling::default(),
    };
    let start = Start {
        request: Request::Aws(call.clone()),
        ..request()
    };
    let text = serde_json::to_string(&start).expect("JSON");
    assert_eq!(serde_json::from_str::<Start>(&text).expect("reads"), start);
    assert_eq!(first_command(start), EffectCommand::DeliverByAws(call));
}

/// Inputs and roots as version 0.1.0 wrote them.
#[test]
fn what_the_first_version_stored_goes_on() {
    let old = json!({
        "url": "https://hooks.example.com/x", "rule_arn": RULE, "subject": "s", "message": "m",
        "maximum_retry_attempts": 3, "maximum_event_age_in_seconds": null,
    });
    let start: Start = serde_json::from_value(old.clone()).expect("reads");
    assert_eq!(start.origin, RULE);
    assert_eq!(start.retry, tries(Some(3), None));
    let Request::Notification(notification) = &start.request else {
        panic!("{start:?}")
    };
    assert_eq!(
        (notification.subject.as_str(), notification.message.as_str()),
        ("s", "m")
    );
    let mail =
        json!({ "url": "mailto:ana@example.com", "rule_arn": "a", "subject": "s", "message": "m" });
    let start: Start = serde_json::from_value(mail).expect("reads");
    assert!(matches!(start.request, Request::Email(mail) if mail.to == "ana@example.com"));
    assert!(serde_json::from_value::<Start>(json!({ "origin": "a" })).is_err());

    let id = ids::named(&["test delivery"]);
    let in_flight = ids::child(id, 2);
    let root = json!({ "v": 1, "request": old, "started": "2026-03-01T09:59:00Z", "attempts": 2,
                       "in_flight": in_flight, "status": "posting", "last_error": "Http: 500" });
    let state = Delivery::restore(vec![(String::new(), root)]).expect("restores");
    let outcome = failure(true);
    let lost = Input::Sent {
        effect: in_flight,
        outcome,
    };
    let waits = step(Some(&state), lost, &context(id, start_of_time(), 5)).expect("waits");
    assert_eq!(
        (waits.state.status, waits.state.attempts),
        (Status::Waiting, 2)
    );
    let mut stored = Stored::default();
    stored.take(&waits);
    assert!(
        stored.0.contains_key("payload"),
        "the payload gets its own frame"
    );
    let due = Input::Timer {
        key: "retry".to_owned(),
    };
    let again = step(Some(&waits.state), due, &context(id, start_of_time(), 6)).expect("goes on");
    let Some(Command::Perform { effect, .. }) = again.commands.first() else {
        panic!("{:?}", again.commands)
    };
    assert_eq!(*effect, ids::child(id, 3));
}
