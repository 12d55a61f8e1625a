//! One event on its way to one webhook.

use bus::delivery::{Command, Delivery, Input, Start, Status, step};
use jiff::{SignedDuration, Timestamp};
use model::{EffectCommand, Outcome, ids};
use serde_json::{Value, json};

use super::{context, failure, start_of_time};

fn request() -> Start {
    Start {
        url: "https://hooks.example.com/x".to_owned(),
        rule_arn: "arn:aws:events:us-east-1:123456789012:rule/r".to_owned(),
        subject: "GuardDuty\r\nFinding".to_owned(),
        message: "{\"a\":1}".to_owned(),
        maximum_retry_attempts: None,
        maximum_event_age_in_seconds: None,
    }
}

/// Runs a delivery whose posts end as `outcome` says; gives its state and the instants of its posts.
fn run(request: Start, outcome: impl Fn(usize) -> Outcome) -> (Delivery, Vec<Timestamp>) {
    let id = ids::named(&["test delivery"]);
    let (mut now, mut posts, mut state) = (start_of_time(), Vec::new(), None);
    let mut input = Input::Start(request);
    for turn in 0..1000 {
        let decision = step(state.as_ref(), input, &context(id, now, turn)).expect("decides");
        for write in &decision.frames {
            let stored = vec![(write.key.clone(), write.body.clone().expect("a body"))];
            assert_eq!(Delivery::restore(stored).expect("restores"), decision.state);
        }
        state = Some(decision.state);
        input = match decision.commands.first() {
            Some(Command::Post {
                effect,
                command: EffectCommand::PostWebhook(_),
            }) => {
                posts.push(now);
                Input::Sent {
                    effect: *effect,
                    outcome: outcome(posts.len()),
                }
            }
            Some(Command::SetTimer { key, due }) => {
                now = *due;
                Input::Timer { key: key.clone() }
            }
            Some(other) => panic!("{other:?}"),
            None => break,
        };
    }
    (state.expect("started"), posts)
}

#[test]
fn a_notification_has_sns_form() {
    let id = ids::named(&["test delivery"]);
    let decision = step(
        None,
        Input::Start(request()),
        &context(id, start_of_time(), 1),
    )
    .expect("starts");
    let Command::Post {
        command: EffectCommand::PostWebhook(post),
        ..
    } = &decision.commands[0]
    else {
        panic!("a post")
    };
    let body: Value = serde_json::from_str(&post.body).expect("JSON");
    assert_eq!(
        body,
        json!({ "Type": "Notification", "MessageId": id, "TopicArn": request().rule_arn, "Subject": "GuardDuty Finding",
                "Message": "{\"a\":1}", "Timestamp": "2026-03-01T10:00:00Z" })
    );
    assert_eq!(post.headers["x-amz-sns-message-type"], "Notification");
    for url in ["ftp://x", "https://", "mailto:", "", "javascript:alert(1)"] {
        let bad = Start {
            url: url.to_owned(),
            ..request()
        };
        assert!(
            step(None, Input::Start(bad), &context(id, start_of_time(), 1)).is_err(),
            "{url}"
        );
    }
}

#[test]
fn failures_in_passing_are_repeated_with_growing_waits() {
    let done = |after: usize| {
        move |post: usize| {
            if post > after {
                Outcome::Done {
                    result: Value::Null,
                }
            } else {
                failure(true)
            }
        }
    };
    let (state, posts) = run(request(), done(6));
    assert_eq!((state.status, posts.len()), (Status::Delivered, 7));
    let waits: Vec<i64> = posts
        .windows(2)
        .map(|pair| pair[1].duration_since(pair[0]).as_millis() as i64)
        .collect();
    for (number, wait) in waits.iter().enumerate() {
        let full = 1000_i64 << number;
        assert!(*wait <= full && *wait >= full * 3 / 4, "{number}: {wait}");
    }
    let unknown = |_| Outcome::Unknown {
        reason: "broke".to_owned(),
    };
    let (state, posts) = run(
        Start {
            maximum_retry_attempts: Some(2),
            ..request()
        },
        unknown,
    );
    assert_eq!(
        (state.status, posts.len()),
        (Status::Dropped, 3),
        "an unknown outcome is repeated too"
    );
}

#[test]
fn a_refusal_drops_and_so_does_old_age() {
    let (state, posts) = run(request(), |_| failure(false));
    assert_eq!((state.status, posts.len()), (Status::Dropped, 1));
    assert!(state.last_error.expect("kept").contains("450"));
    let (state, posts) = run(
        Start {
            maximum_event_age_in_seconds: Some(60),
            ..request()
        },
        |_| failure(true),
    );
    assert_eq!(state.status, Status::Dropped);
    let last = posts.last().expect("one").duration_since(start_of_time());
    assert!(
        last <= SignedDuration::from_secs(60) && posts.len() >= 5,
        "{posts:?}"
    );
    let (state, posts) = run(request(), |_| failure(true));
    assert_eq!(state.status, Status::Dropped);
    assert!(
        posts.len() <= 186
            && posts
                .last()
                .expect("one")
                .duration_since(start_of_time())
                .as_hours()
                <= 24
    );
    let (_, posts) = run(
        Start {
            maximum_retry_attempts: Some(0),
            ..request()
        },
        |_| failure(true),
    );
    assert_eq!(posts.len(), 1);
}

#[test]
fn what_comes_twice_or_late_changes_nothing() {
    let (state, _) = run(request(), |_| Outcome::Done {
        result: Value::Null,
    });
    let cx = context(ids::named(&["test delivery"]), start_of_time(), 9);
    for input in [
        Input::Start(request()),
        Input::Timer {
            key: "retry".to_owned(),
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
    assert!(
        step(
            None,
            Input::Timer {
                key: "retry".to_owned()
            },
            &cx
        )
        .is_err()
    );
}

#[test]
fn a_mail_address_gets_a_mail() {
    let mail = Start {
        url: "mailto:ana@example.com".to_owned(),
        subject: "Your code\r\nBcc: all@example.com".to_owned(),
        message: "Code: 123456".to_owned(),
        ..request()
    };
    let cx = context(ids::named(&["test delivery"]), start_of_time(), 1);
    let decision = step(None, Input::Start(mail), &cx).expect("starts");
    let Command::Post {
        effect,
        command: EffectCommand::SendEmail(sent),
    } = &decision.commands[0]
    else {
        panic!("a mail")
    };
    assert_eq!(
        (sent.to.as_str(), sent.body.as_str()),
        ("ana@example.com", "Code: 123456")
    );
    assert_eq!(sent.subject, "Your code Bcc: all@example.com");
    let lost = Input::Sent {
        effect: *effect,
        outcome: failure(true),
    };
    let again = step(Some(&decision.state), lost, &cx).expect("waits");
    assert_eq!(again.state.status, Status::Waiting);
}
