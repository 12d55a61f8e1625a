//! An event for a function, told to its machine.

use bus::invocation::{Command, Input, Invocation, MAX_TELLS, Start, step};
use jiff::{SignedDuration, Timestamp};
use model::effect::AwsCall;
use model::{Decision, EffectCommand, Outcome, Rejection, ids};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{context, failure, start_of_time};

const QUEUE: &str = "arn:aws:sqs:eu-west-1:123456789012:failed";
const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:dead";

fn start() -> Start {
    let arn = "arn:aws:lambda:us-east-1:123456789012:function:f";
    Start {
        function: "f".to_owned(),
        invoked_arn: format!("{arn}:live"),
        version_arn: format!("{arn}:3"),
        version: "3".to_owned(),
        payload: r#"{"n":1}"#.to_owned(),
        client_context: None,
        retries: 2,
        age_secs: 21_600,
        on_failure: None,
        on_success: None,
        dead_letter: None,
    }
}

/// An invocation under test, with the clock in hand. What it holds goes through the store's form at each step.
struct Told {
    id: Uuid,
    at: Timestamp,
    frames: Vec<(String, Value)>,
    commands: Vec<Command>,
    facts: Vec<String>,
}

impl Told {
    fn new(start: Start) -> Self {
        let mut told = Self {
            id: ids::named(&["invocation"]),
            at: start_of_time(),
            frames: Vec::new(),
            commands: Vec::new(),
            facts: Vec::new(),
        };
        told.tell(Input::Start(Box::new(start)));
        told
    }

    fn state(&self) -> Option<Invocation> {
        let frames = self.frames.clone();
        (!frames.is_empty()).then(|| Invocation::restore(frames).expect("restores"))
    }

    fn tell(&mut self, input: Input) {
        let cx = context(self.id, self.at, 1);
        let decision: Decision<Invocation, Command> =
            step(self.state().as_ref(), input, &cx).expect("taken");
        for write in decision.frames {
            self.frames.retain(|(key, _)| *key != write.key);
            match write.body {
                Some(body) => self.frames.push((write.key, body.into_value())),
                // The root goes with everything.
                None if write.key.is_empty() => self.frames.clear(),
                None => {}
            }
        }
        self.commands = decision.commands;
        self.facts
            .extend(decision.facts.into_iter().map(|fact| fact.name));
    }

    fn performed(&self) -> (Uuid, EffectCommand) {
        match self.commands.as_slice() {
            [Command::Perform { effect, command }] => (*effect, command.clone()),
            other => panic!("no effect but {other:?}"),
        }
    }

    fn ends(&mut self, outcome: Outcome) {
        let (effect, _) = self.performed();
        self.tell(Input::Ended { effect, outcome });
    }

    /// The wait that was set, in seconds, after which its timer is told.
    fn waits(&mut self) -> i64 {
        let [Command::SetTimer { key, due }] = self.commands.as_slice() else {
            panic!("no timer but {:?}", self.commands);
        };
        let (key, wait) = (key.clone(), due.duration_since(self.at));
        self.at = *due;
        self.tell(Input::Timer { key });
        wait.as_secs()
    }

    fn runs(&self) -> model::effect::FunctionCall {
        match self.performed().1 {
            EffectCommand::InvokeFunction(call) => *call,
            other => panic!("{other:?}"),
        }
    }

    fn tells(&self) -> AwsCall {
        match self.performed().1 {
            EffectCommand::DeliverByAws(call) => call,
            other => panic!("{other:?}"),
        }
    }
}

fn answered(text: &str) -> Outcome {
    Outcome::Done {
        result: json!({ "Payload": text }),
    }
}

fn raised() -> Outcome {
    let payload = json!({ "errorMessage": "it went wrong", "errorType": "Own" });
    Outcome::Done {
        result: json!({ "Payload": payload.to_string(), "FunctionError": "Unhandled" }),
    }
}

fn unknown() -> Outcome {
    Outcome::Unknown {
        reason: "the server stopped".to_owned(),
    }
}

#[test]
fn what_succeeds_is_gone() {
    let mut told = Told::new(start());
    let call = told.runs();
    assert_eq!((call.function.as_str(), call.version.as_str()), ("f", "3"));
    assert_eq!(call.payload, r#"{"n":1}"#);
    assert_eq!(call.request_id, told.id);
    told.ends(answered("7"));
    assert_eq!(told.facts, ["invocation.accepted", "invocation.succeeded"]);
    assert!(told.frames.is_empty() && told.commands.is_empty());
}

#[test]
fn a_failure_is_tried_again_after_one_and_two_minutes() {
    let mut told = Told::new(start());
    told.ends(raised());
    assert_eq!(told.waits(), 60);
    assert_eq!(told.runs().request_id, told.id);
    told.ends(raised());
    assert_eq!(told.waits(), 120);
    told.ends(raised());
    assert!(told.frames.is_empty(), "nobody is to be told");
    assert_eq!(
        told.facts.last().map(String::as_str),
        Some("invocation.gave_up")
    );
}

#[test]
fn no_place_costs_no_try() {
    let mut told = Told::new(Start {
        retries: 0,
        ..start()
    });
    let mut waits = Vec::new();
    for _ in 0..10 {
        told.ends(failure(true));
        waits.push(told.waits());
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]);
    told.ends(unknown());
    assert_eq!(told.waits(), 300, "an attempt cut off is made again");
    told.ends(answered("1"));
    assert!(told.frames.is_empty());
}

#[test]
fn an_old_event_is_given_up_and_told() {
    let mut told = Told::new(Start {
        age_secs: 60,
        on_failure: Some(QUEUE.to_owned()),
        ..start()
    });
    while let EffectCommand::InvokeFunction(_) = told.performed().1 {
        told.ends(failure(true));
        if let [Command::SetTimer { .. }] = told.commands.as_slice() {
            told.waits();
        }
    }
    let end = start_of_time() + SignedDuration::from_secs(60);
    assert!(told.at <= end, "{}", told.at);
    let call = told.tells();
    let record: Value = serde_json::from_str(call.params["MessageBody"].as_str().unwrap()).unwrap();
    assert_eq!(record["requestContext"]["condition"], "EventAgeExceeded");
    assert_eq!(record["requestContext"]["approximateInvokeCount"], 0);
    assert_eq!(record.get("responseContext"), None);
}

#[test]
fn the_record_goes_to_the_destination_and_the_event_to_the_queue() {
    let mut told = Told::new(Start {
        retries: 0,
        on_failure: Some(QUEUE.to_owned()),
        dead_letter: Some(TOPIC.to_owned()),
        ..start()
    });
    told.ends(raised());
    let first = told.tells();
    assert_eq!(
        (
            first.service.as_str(),
            first.operation.as_str(),
            first.region.as_str()
        ),
        ("sqs", "SendMessage", "eu-west-1")
    );
    let record: Value =
        serde_json::from_str(first.params["MessageBody"].as_str().unwrap()).unwrap();
    let id = told.id;
    assert_eq!(
        record,
        json!({
            "version": "1.0",
            "timestamp": "2026-03-01T10:00:00.000Z",
            "requestContext": {
                "requestId": id,
                "functionArn": "arn:aws:lambda:us-east-1:123456789012:function:f:3",
                "condition": "RetriesExhausted",
                "approximateInvokeCount": 1,
            },
            "requestPayload": { "n": 1 },
            "responseContext": { "statusCode": 200, "executedVersion": "3", "functionError": "Unhandled" },
            "responsePayload": { "errorMessage": "it went wrong", "errorType": "Own" },
        })
    );
    told.ends(failure(true));
    told.waits();
    assert_eq!(told.tells(), first, "told again, the same");
    told.ends(answered("{}"));
    let second = told.tells();
    assert_eq!(
        (second.service.as_str(), second.operation.as_str()),
        ("sns", "Publish")
    );
    assert_eq!(second.params["Message"], r#"{"n":1}"#);
    let attributes = &second.params["MessageAttributes"];
    assert_eq!(attributes["RequestID"]["StringValue"], json!(id));
    assert_eq!(attributes["ErrorMessage"]["StringValue"], "it went wrong");
    told.ends(answered("{}"));
    assert!(told.frames.is_empty());
}

#[test]
fn who_cannot_be_told_is_left() {
    let both = || Start {
        on_failure: Some(QUEUE.to_owned()),
        dead_letter: Some(TOPIC.to_owned()),
        retries: 0,
        ..start()
    };
    let mut told = Told::new(both());
    told.ends(raised());
    told.ends(failure(false));
    assert_eq!(told.tells().service, "sns", "the next one");
    for _ in 1..MAX_TELLS {
        told.ends(unknown());
        told.waits();
    }
    told.ends(unknown());
    assert!(told.frames.is_empty());
    let lost = told
        .facts
        .iter()
        .filter(|fact| *fact == "invocation.not_told");
    assert_eq!(lost.count(), 2);
    // What is no ARN of anything that can be told is passed over.
    let mut told = Told::new(Start {
        on_failure: Some("arn:aws:s3:::bucket".to_owned()),
        dead_letter: None,
        ..both()
    });
    told.ends(raised());
    assert!(told.frames.is_empty());
}

#[test]
fn other_destinations_get_the_record_in_their_form() {
    for (arn, service, operation) in [
        (
            "arn:aws:lambda:us-east-1:123456789012:function:g",
            "lambda",
            "Invoke",
        ),
        (
            "arn:aws:events:us-east-1:123456789012:event-bus/b",
            "events",
            "PutEvents",
        ),
    ] {
        let mut told = Told::new(Start {
            on_success: Some(arn.to_owned()),
            ..start()
        });
        told.ends(answered("[1]"));
        let call = told.tells();
        assert_eq!(
            (call.service.as_str(), call.operation.as_str()),
            (service, operation)
        );
        if service == "events" {
            let entry = &call.params["Entries"][0];
            assert_eq!(
                entry["DetailType"],
                "Lambda Function Invocation Result - Success"
            );
            // An entry that is refused is told again.
            let result = json!({ "FailedEntryCount": 1 });
            told.ends(Outcome::Done { result });
            assert_eq!(told.waits(), 2);
            told.ends(Outcome::Done {
                result: json!({ "FailedEntryCount": 0 }),
            });
        } else {
            assert_eq!(call.params["InvocationType"], "Event");
            told.ends(answered("{}"));
        }
        assert!(told.frames.is_empty(), "{arn}");
    }
}

#[test]
fn what_comes_late_or_twice_changes_nothing() {
    let cx = context(ids::named(&["invocation"]), start_of_time(), 1);
    let ended = Input::Ended {
        effect: Uuid::nil(),
        outcome: raised(),
    };
    assert!(matches!(
        step(None, ended.clone(), &cx),
        Err(Rejection::NotFound { .. })
    ));
    let told = Told::new(start());
    let state = told.state().expect("there");
    let timer = |key: &str| Input::Timer {
        key: key.to_owned(),
    };
    for input in [
        ended,
        Input::Start(Box::new(start())),
        timer("retry"),
        timer("tell"),
        timer("other"),
    ] {
        let decision = step(Some(&state), input, &cx).expect("taken");
        assert!(decision.commands.is_empty() && decision.frames.is_empty());
        assert_eq!(decision.state, state);
    }
}
