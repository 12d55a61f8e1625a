//! What cannot be delivered: the dead-letter queue, and a person who may have it tried again.

use bus::delivery::{
    Command, Input, MAX_BURIALS, Request, STATE_INDEX, Start, Status, Undeliverable, step,
};
use jiff::SignedDuration;
use model::ids;
use serde_json::Value;

use super::super::{context, failure, start_of_time};
use super::{RULE, done, refused, request, run, tries, with_queue};

#[test]
fn what_cannot_be_delivered_goes_to_the_dead_letter_queue() {
    let attribute = |message: &Value, name: &str| {
        message["MessageAttributes"][name]["StringValue"]
            .as_str()
            .map(str::to_owned)
    };
    let start = Start {
        retry: tries(Some(2), None),
        ..with_queue()
    };
    let story = run(start, |_| refused("Http", Some(503), true), |_| done());
    assert_eq!(story.state.status, Status::DeadLettered);
    assert!(story.state.payload.is_none() && !story.stored.0.contains_key("payload"));
    let message = &story.buried[0];
    assert_eq!(
        message["QueueUrl"],
        "https://sqs.us-east-1.amazonaws.com/123456789012/dead"
    );
    assert_eq!(message["MessageBody"], "{\"source\":\"app\"}");
    for (name, want) in [
        ("RULE_ARN", Some(RULE)),
        ("TARGET_ARN", Some("https://hooks.example.com/x")),
        ("ERROR_CODE", Some("ERROR_FROM_TARGET")),
        ("ERROR_MESSAGE", Some("Http: why")),
        ("RETRY_ATTEMPTS", Some("2")),
        ("EXHAUSTED_RETRY_CONDITION", Some("MaximumRetryAttempts")),
    ] {
        assert_eq!(attribute(message, name).as_deref(), want, "{name}");
    }
    let story = run(
        with_queue(),
        |_| refused("AccessDenied", Some(403), false),
        |_| done(),
    );
    assert_eq!(
        (story.posts.len(), story.buried.len()),
        (1, 1),
        "no permission: at once"
    );
    let message = &story.buried[0];
    assert_eq!(
        attribute(message, "ERROR_CODE").as_deref(),
        Some("NO_PERMISSIONS")
    );
    assert_eq!(attribute(message, "RETRY_ATTEMPTS").as_deref(), Some("0"));
    assert_eq!(attribute(message, "EXHAUSTED_RETRY_CONDITION"), None);
    let never = Start {
        request: Request::Undeliverable(Undeliverable {
            code: "INVALID_JSON".to_owned(),
            message: "no JSON".to_owned(),
        }),
        ..with_queue()
    };
    let story = run(never, |_| panic!("nothing to send"), |_| done());
    assert_eq!(
        (story.state.status, story.state.attempts),
        (Status::DeadLettered, 0)
    );
    assert_eq!(
        attribute(&story.buried[0], "ERROR_CODE").as_deref(),
        Some("INVALID_JSON")
    );
}

#[test]
fn a_queue_that_fails_is_tried_within_bounds_and_then_the_event_is_shown() {
    let refuse = |_| failure(false);
    let third = |number| if number == 3 { done() } else { failure(true) };
    let story = run(with_queue(), refuse, third);
    assert_eq!(
        (story.state.status, story.buried.len()),
        (Status::DeadLettered, 3)
    );
    let story = run(with_queue(), refuse, |_| failure(true));
    assert_eq!(story.state.status, Status::Dropped);
    assert_eq!(story.buried.len(), MAX_BURIALS as usize);
    let error = story.state.failed.expect("kept").message;
    assert!(error.contains("the dead-letter queue failed"), "{error}");
    let story = run(with_queue(), refuse, |_| failure(false));
    assert_eq!(
        (story.state.status, story.buried.len()),
        (Status::Dropped, 1)
    );
    let strange = Start {
        dead_letter: Some("arn:aws:sns:us-east-1:123456789012:topic".to_owned()),
        ..request()
    };
    let story = run(strange, refuse, |_| panic!("there is no queue"));
    assert_eq!(story.state.status, Status::Dropped);
    assert_eq!(
        story.facts,
        [
            "delivery.started",
            "delivery.gave_up",
            "delivery.lost_queue",
            "delivery.dropped"
        ]
    );
}

#[test]
fn a_person_may_have_it_tried_again() {
    let story = run(request(), |_| failure(false), |_| done());
    let later = start_of_time() + SignedDuration::from_hours(100);
    let cx = context(ids::named(&["test delivery"]), later, 77);
    let again = step(Some(&story.state), Input::Retry, &cx).expect("tried again");
    let Some(Command::Perform { effect, .. }) = again.commands.first() else {
        panic!("{:?}", again.commands)
    };
    let key = "forget".to_owned();
    assert_eq!(again.commands[1], Command::CancelTimer { key });
    assert_eq!(
        (again.state.attempts, again.state.status),
        (1, Status::Posting)
    );
    let lost = Input::Sent {
        effect: *effect,
        outcome: failure(true),
    };
    let waits = step(Some(&again.state), lost, &cx).expect("waits");
    assert_eq!(
        waits.state.status,
        Status::Waiting,
        "with all its tries and its whole age"
    );
    assert!(
        waits
            .index
            .iter()
            .any(|entry| (entry.name.as_str(), entry.value.as_str()) == (STATE_INDEX, "waiting"))
    );
    let now = step(Some(&waits.state), Input::Retry, &cx).expect("does not wait");
    assert_eq!(now.state.status, Status::Posting);
    assert!(
        step(Some(&now.state), Input::Retry, &cx).is_err(),
        "it is under way"
    );
    let forgotten = Input::Timer {
        key: "forget".to_owned(),
    };
    let gone = step(Some(&story.state), forgotten, &cx).expect("goes");
    assert!(
        gone.frames
            .iter()
            .any(|write| write.key.is_empty() && write.body.is_none())
    );
}
