//! Taking runs back: what is read around a changing call, and the run that brings the state back.

use std::collections::BTreeSet;

use flow::automation::undo::{UndoPlan, plan};
use flow::automation::{
    Command, Context, DEFAULT_BUDGET, DocumentSource, Format, Input, Run, Start, Status, step,
};
use model::effect::{AwsCall, Failure, Outcome};
use model::report::{StartRun, UndoWish};
use model::{EffectCommand, Scope};
use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

fn context(id: u128) -> Context {
    Context {
        id: Uuid::from_u128(id),
        scope: Scope::new("123456789012", "eu-west-1"),
        at: "2026-11-21T03:00:00Z".parse().expect("an instant"),
        entropy: Default::default(),
        budget: DEFAULT_BUDGET,
        throttle_retry_secs: 0,
    }
}

/// One bucket's policy and one instance's attribute, and what was asked of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct World {
    pub policy: Option<String>,
    pub protected: bool,
    pub denied: bool,
    pub asked: Vec<String>,
}

impl World {
    pub(crate) fn call(&mut self, call: &AwsCall) -> Outcome {
        let operation = match call.operation.as_str() {
            "delete_bucket_policy" => "DeleteBucketPolicy",
            other => other,
        };
        self.asked.push(operation.to_owned());
        let done = |result: Value| Outcome::Done { result };
        let failed = |code: &str| {
            Outcome::Failed(Failure {
                code: code.to_owned(),
                message: "no".to_owned(),
                status: Some(403),
                request_id: None,
                extended_request_id: None,
                shape: None,
                transient: false,
            })
        };
        match operation {
            "GetBucketPolicy" if self.denied => failed("AccessDenied"),
            "GetBucketPolicy" => match &self.policy {
                Some(text) => done(json!({"Policy": text})),
                None => failed("NoSuchBucketPolicy"),
            },
            "PutBucketPolicy" => {
                self.policy = call.params["Policy"].as_str().map(str::to_owned);
                done(json!({}))
            }
            "DeleteBucketPolicy" => {
                self.policy = None;
                done(json!({}))
            }
            "DescribeInstanceAttribute" => {
                done(json!({"DisableApiTermination": {"Value": self.protected}}))
            }
            "ModifyInstanceAttribute" => {
                self.protected = call.params["DisableApiTermination"]["Value"] == json!(true);
                done(json!({}))
            }
            other => panic!("{other}"),
        }
    }

    /// Runs to the end; every state goes through its frames, as after a crash.
    pub(crate) fn run(&mut self, start: Start, id: u128) -> Run {
        let cx = context(id);
        let mut decision = step(None, Input::Start(Box::new(start)), &cx).expect("started");
        let mut frames = std::collections::BTreeMap::new();
        loop {
            for frame in &decision.frames {
                frames.insert(
                    frame.key.clone(),
                    frame.body.as_ref().expect("written").to_value(),
                );
            }
            let run = Run::restore(frames.clone().into_iter().collect()).expect("restored");
            let input = decision.commands.iter().find_map(|command| match command {
                Command::Perform {
                    effect,
                    command: EffectCommand::CallAws(call),
                } => Some(Input::Effect {
                    effect: *effect,
                    outcome: self.call(call),
                }),
                Command::SetTimer { key, .. } if !key.contains("timeout") => {
                    Some(Input::Timer { key: key.clone() })
                }
                _ => None,
            });
            match input {
                Some(input) => decision = step(Some(run), input, &cx).expect("accepted"),
                None => return run,
            }
        }
    }
}

fn start(steps: Value) -> Start {
    let content = json!({"schemaVersion": "0.3", "mainSteps": steps}).to_string();
    Start {
        request: StartRun {
            mode: "Auto".to_owned(),
            region: "eu-west-1".to_owned(),
            undo: UndoWish {
                capture: true,
                ..UndoWish::default()
            },
            ..StartRun::default()
        },
        document: DocumentSource::Found {
            name: "D".to_owned(),
            version: "1".to_owned(),
            format: Format::Json,
            content,
            attachments: Vec::new(),
        },
        parsed: Default::default(),
        target_type: None,
        queued: false,
    }
}

fn change(name: &str, inputs: Value) -> Value {
    json!({"name": name, "action": "aws:executeAwsApi", "inputs": inputs})
}

fn put(name: &str, text: &str) -> Value {
    change(
        name,
        json!({"Service": "s3", "Api": "PutBucketPolicy", "Bucket": "b", "Policy": text}),
    )
}

fn planned(run: &Run, accept: &[&str]) -> UndoPlan {
    let accept: BTreeSet<String> = accept.iter().map(|&name| name.to_owned()).collect();
    plan(run, &accept, "me").expect("ended")
}

#[test]
fn the_state_is_read_before_and_after() {
    let mut world = World::default();
    let run = world.run(start(json!([put("A", "x")])), 1);
    assert_eq!(run.status(), Status::Success);
    assert_eq!(
        world.asked,
        ["GetBucketPolicy", "PutBucketPolicy", "GetBucketPolicy"]
    );
}

#[test]
fn a_reading_that_is_denied_does_not_keep_the_call_back() {
    let mut world = World {
        denied: true,
        ..World::default()
    };
    let run = world.run(start(json!([put("A", "x")])), 1);
    assert_eq!(run.status(), Status::Success);
    assert_eq!(world.policy.as_deref(), Some("x"));
    let plan = planned(&run, &[]);
    assert!(plan.start.is_none());
    let how = plan
        .steps
        .first()
        .map(|step| step.how.as_str())
        .unwrap_or_default();
    assert!(
        how.starts_with("cannot be undone: the prior state could not be read"),
        "{how}"
    );
}

#[test]
fn drift_stops_before_anything_is_changed() {
    let mut world = World::default();
    let run = world.run(start(json!([put("A", "x")])), 1);
    world.policy = Some("somebody else's".to_owned());
    let undone = world.run(planned(&run, &[]).start.expect("something"), 2);
    assert_eq!(undone.status(), Status::Failed);
    assert!(
        undone
            .failure_message()
            .unwrap_or_default()
            .contains("Drift")
    );
    assert_eq!(world.policy.as_deref(), Some("somebody else's"));
    let undone = world.run(planned(&run, &["A"]).start.expect("something"), 3);
    assert_eq!(undone.status(), Status::Success);
    assert_eq!(world.policy, None);
    assert!(plan(&run, &BTreeSet::from(["Nobody".to_owned()]), "me").is_err());
}

#[test]
fn drift_of_an_older_change_stops_before_the_newest_is_taken_back() {
    let mut world = World::default();
    let protect = change(
        "B",
        json!({"Service": "ec2", "Api": "ModifyInstanceAttribute", "InstanceId": "i-1", "DisableApiTermination": {"Value": true}}),
    );
    let run = world.run(start(json!([put("A", "x"), put("A2", "y"), protect])), 1);
    world.policy = Some("somebody else's".to_owned());
    let undone = world.run(planned(&run, &[]).start.expect("something"), 2);
    assert_eq!(undone.status(), Status::Failed);
    assert!(world.protected, "nothing at all is changed");
    let undone = world.run(planned(&run, &["A2"]).start.expect("something"), 3);
    assert_eq!(
        undone.status(),
        Status::Success,
        "{:?}",
        undone.failure_message()
    );
    assert_eq!((world.policy, world.protected), (None, false));
}

#[test]
fn a_run_that_took_one_back_is_not_taken_back() {
    let mut world = World::default();
    let run = world.run(start(json!([put("A", "x")])), 1);
    let undone = world.run(planned(&run, &[]).start.expect("something"), 2);
    let refused = plan(&undone, &BTreeSet::new(), "me").expect_err("it took one back");
    assert!(
        refused.to_string().contains("start its playbook again"),
        "{refused}"
    );
}

#[test]
fn a_call_whose_outcome_stayed_unknown_is_not_said_to_have_changed_nothing() {
    let authorize = change(
        "A",
        json!({"Service": "ec2", "Api": "AuthorizeSecurityGroupIngress", "GroupId": "sg-1", "IpPermissions": []}),
    );
    let cx = context(1);
    let begun =
        step(None, Input::Start(Box::new(start(json!([authorize])))), &cx).expect("started");
    let effect = |commands: &[Command]| {
        let performed = commands.iter().find_map(|command| match command {
            Command::Perform { effect, .. } => Some(*effect),
            _ => None,
        });
        performed.expect("an effect")
    };
    let read = Outcome::Done {
        result: json!({"SecurityGroups": [{"IpPermissions": []}]}),
    };
    let input = Input::Effect {
        effect: effect(&begun.commands),
        outcome: read,
    };
    let called = step(Some(begun.state), input, &cx).expect("accepted");
    let lost = Input::Effect {
        effect: effect(&called.commands),
        outcome: Outcome::Unknown {
            reason: "the line broke".to_owned(),
        },
    };
    let unknown = step(Some(called.state), lost, &cx).expect("accepted");
    let settled = Input::Resolve {
        step: "A".to_owned(),
        resolution: flow::automation::Resolution::Skip,
        by: "me".to_owned(),
    };
    let ended = step(Some(unknown.state), settled, &cx)
        .expect("settled")
        .state;
    let plan = planned(&ended, &[]);
    assert!(plan.start.is_none());
    let said = plan
        .steps
        .first()
        .map(|step| step.how.clone())
        .unwrap_or_default();
    assert!(
        said.contains("the state that it left is not known; before it was []"),
        "{said}"
    );
}

#[test]
fn without_the_wish_nothing_is_read() {
    let mut world = World::default();
    let mut wanted = start(json!([put("A", "x")]));
    wanted.request.undo.capture = false;
    world.run(wanted, 1);
    assert_eq!(world.asked, ["PutBucketPolicy"]);
}

/// A text of a document that names no value of it.
fn literal() -> impl Strategy<Value = String> {
    "[a-z{}: ]{1,12}".prop_filter("a reference", |text| !text.contains("{{"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn undoing_any_run_brings_the_world_back(
        before in proptest::option::of("[a-z{}: ]{0,12}"),
        protected in any::<bool>(),
        changes in proptest::collection::vec((0_u8..4, literal()), 1..8),
    ) {
        let mut world = World { policy: before, protected, ..World::default() };
        let first = world.clone();
        let steps: Vec<Value> = changes.iter().enumerate().map(|(n, (kind, text))| {
            let name = format!("S{n}");
            match kind {
                0 => put(&name, text),
                1 => change(&name, json!({"Service": "S3", "Api": "delete_bucket_policy", "Bucket": "b"})),
                on => change(&name, json!({
                    "Service": "ec2", "Api": "ModifyInstanceAttribute", "InstanceId": "i-1",
                    "DisableApiTermination": {"Value": *on == 2},
                })),
            }
        }).collect();
        let run = world.run(start(json!(steps)), 1);
        prop_assert_eq!(run.status(), Status::Success);
        if let Some(back) = planned(&run, &[]).start {
            let undone = world.run(back, 2);
            prop_assert_eq!(undone.status(), Status::Success, "{:?}", undone.failure_message());
        }
        prop_assert_eq!((&world.policy, world.protected), (&first.policy, first.protected));
    }
}
