//! Runs that are bound to a plan: they make the calls that the plan has, and stop before any other.

mod failures;
mod off_plan;

use flow::automation::preview::{Bound, Then};
use flow::automation::{self, Input, Parsed, Signal, SignalKind, Start, Status};
use model::EffectCommand;
use model::effect::{AwsCall, Outcome};
use model::report::StartRun;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::preview::{Account, answer, api, begin, branch, doc, play, source};
use crate::world::{ANA, World, failed};

/// What a run is asked for that is bound to the plan of this document on this account.
fn agreed(document: &Value, account: Account<'_>, child: Option<&Value>) -> StartRun {
    let first = play(begin(document, &[]), 0, account, child);
    let bound = Bound {
        preview: Uuid::from_u128(2),
        hash: first.preview.hash().expect("a hash").to_owned(),
        steps: first.preview.summary().expect("a plan").steps.clone(),
        then: Then::Start {
            run: Uuid::from_u128(42),
            request: Box::new(StartRun {
                executed_by: ANA.to_owned(),
                ..first.preview.request().clone()
            }),
        },
    };
    let wish = automation::preview::Begin {
        bound: Some(bound),
        ..begin(document, &[])
    };
    let second = play(wish, 5, account, child);
    match second.then.into_iter().next() {
        Some(Then::Start { request, .. }) => *request,
        other => panic!("{other:?}: {:?}", second.preview.message()),
    }
}

fn begun(document: &Value, request: StartRun) -> World {
    let mut world = World::new();
    let start = Start {
        request,
        document: source(document),
        parsed: Parsed::default(),
        target_type: None,
        queued: false,
    };
    world.feed(Input::Start(Box::new(start))).expect("starts");
    world
}

/// Plays a run on; gives the changing calls that were made.
fn ended(world: &mut World, account: Account<'_>) -> Vec<String> {
    let mut made = Vec::new();
    world.play(|_, command| match command {
        EffectCommand::Preview(ask) => answer(ask, account, &mut Vec::new()),
        EffectCommand::CallAws(call) => {
            made.push(format!("{} {}", call.operation, call.params));
            account(call).map_or_else(|code| failed(&code), |result| Outcome::Done { result })
        }
        EffectCommand::RunScript(script) => {
            made.push(format!("script {}", script.payload));
            Outcome::Done {
                result: json!({"Payload": script.payload}),
            }
        }
        other => panic!("{other:?}"),
    });
    made
}

/// Plans on one account, runs on another.
fn run(document: &Value, planned: Account<'_>, account: Account<'_>) -> (World, Vec<String>) {
    let mut world = begun(document, agreed(document, planned, None));
    let made = ended(&mut world, account);
    (world, made)
}

fn message(world: &World) -> &str {
    world.run().failure_message().unwrap_or_default()
}

fn over(items: &str, inner: Value) -> Value {
    json!({"name": "Over", "action": "aws:loop", "inputs": {"Iterators": items, "IteratorDataType": "String", "Steps": [inner]}})
}

#[test]
fn a_run_does_what_was_planned() {
    let document = doc(vec![
        api("Look", "DescribeThing", json!({})),
        api("Make", "CreateThing", json!({"From": "{{ Look.Id }}"})),
        api(
            "Use",
            "TagThing",
            json!({"Id": "{{ Make.Id }}", "Text": "of {{ Make.Id }} by {{ automation:EXECUTION_ID }}", "At": "{{ global:DATE_TIME }}"}),
        ),
        api("Again", "DescribeThing", json!({"Id": "{{ Make.Id }}"})),
        api("Last", "StopThing", json!({"Id": "{{ Look.Id }}"})),
    ]);
    let account = |call: &AwsCall| {
        let id = if call.operation == "CreateThing" {
            "new-1"
        } else {
            "i-1"
        };
        Ok(json!({ "Id": id }))
    };
    let (world, made) = run(&document, &account, &account);
    assert_eq!(world.status(), Status::Success, "{}", message(&world));
    assert_eq!(made.len(), 3, "{made:?}");
    assert!(made[1].contains(r#""Text":"of new-1 by "#), "{made:?}");
}

#[test]
fn a_run_stops_before_a_call_with_another_value() {
    let document = doc(vec![
        api("Look", "DescribeThing", json!({})),
        api("First", "StartThing", json!({})),
        json!({"name": "Stop", "action": "aws:executeAwsApi", "onFailure": "Continue", "isCritical": false, "maxAttempts": 3,
            "inputs": {"Service": "ec2", "Api": "StopThing", "Id": "{{ Look.Id }}", "Plain": "p"}}),
        api("Then", "TagThing", json!({})),
    ]);
    let (world, made) = run(&document, &|_| Ok(json!({"Id": "i-1"})), &|_| {
        Ok(json!({"Id": "i-2"}))
    });
    assert_eq!(made, ["StartThing {}"]);
    assert_eq!(world.status(), Status::Failed);
    assert_eq!(
        (world.step("Stop"), world.step("Then")),
        (Some("Failed"), None)
    );
    let told = message(&world);
    assert!(
        told.contains("would call ec2:StopThing, but the plan has it with another Id."),
        "{told}"
    );
}

#[test]
fn the_number_and_the_order_of_calls_count() {
    let each = api(
        "Each",
        "StopThing",
        json!({"Id": "{{ loop.CurrentIteratorValue }}"}),
    );
    let document = doc(vec![
        api("Look", "DescribeThing", json!({})),
        over("{{ Look.List }}", each),
        api("After", "TagThing", json!({})),
    ]);
    let planned = |_: &AwsCall| Ok(json!({"List": ["a-1", "a-2"]}));
    for (list, calls, status) in [
        (json!(["a-1", "a-2"]), 3, Status::Success),
        (json!(["a-1", "a-2", "a-3"]), 2, Status::Failed),
        (json!(["a-1", "a-1"]), 1, Status::Failed),
        (json!(["a-2", "a-1"]), 0, Status::Failed),
    ] {
        let (world, made) = run(&document, &planned, &|_| Ok(json!({ "List": list })));
        assert_eq!(
            (made.len(), world.status()),
            (calls, status),
            "{list}: {}",
            message(&world)
        );
    }
}

#[test]
fn another_attempt_is_no_drift() {
    let document = doc(vec![
        json!({"name": "Stop", "action": "aws:executeAwsApi", "maxAttempts": 3,
        "inputs": {"Service": "ec2", "Api": "StopThing", "Id": "i-1"}}),
    ]);
    let tries = std::cell::Cell::new(0);
    let flaky = |_: &AwsCall| {
        tries.set(tries.get() + 1);
        if tries.get() < 3 {
            Err("Broken".to_owned())
        } else {
            Ok(json!({}))
        }
    };
    let (world, made) = run(&document, &|_| Ok(json!({})), &flaky);
    assert_eq!((world.status(), made.len()), (Status::Success, 3));
}

#[test]
fn scripts_that_can_call_get_what_was_planned() {
    let script = |payload: Value| {
        json!({"name": "Call", "action": "aws:executeScript", "inputs": {"Runtime": "python3.11", "Handler": "main",
            "Script": "import boto3\ndef main(events, context):\n    return {}", "InputPayload": payload}})
    };
    let document = doc(vec![
        api("Look", "DescribeThing", json!({})),
        script(json!({"Id": "{{ Look.Id }}"})),
    ]);
    for (id, calls, status) in [("i-1", 1, Status::Success), ("i-2", 0, Status::Failed)] {
        let (world, made) = run(&document, &|_| Ok(json!({"Id": "i-1"})), &|_| {
            Ok(json!({ "Id": id }))
        });
        assert_eq!(
            (made.len(), world.status()),
            (calls, status),
            "{}",
            message(&world)
        );
    }
}

#[test]
fn children_are_bound_to_their_part() {
    let parent = doc(vec![
        api("Make", "CreateThing", json!({})),
        json!({"name": "Run", "action": "aws:executeAutomation", "onFailure": "Continue", "inputs": {"DocumentName": "Child", "RuntimeParameters": {"Id": "{{ Make.Id }}"}}}),
        api("After", "TagThing", json!({"Id": "{{ Make.Id }}"})),
    ]);
    let child = json!({"schemaVersion": "0.3", "parameters": {"Id": {"type": "String"}}, "mainSteps": [
        api("Look", "DescribeThing", json!({})),
        api("Stop", "StopThing", json!({"Id": "{{ Id }}", "Name": "{{ Look.Id }}"}))]});
    let account = |_: &AwsCall| Ok(json!({"Id": "i-1"}));
    for (name, calls, end) in [("i-1", 1, Status::Success), ("i-2", 0, Status::Failed)] {
        let mut above = begun(&parent, agreed(&parent, &account, Some(&child)));
        assert_eq!(ended(&mut above, &account).len(), 1);
        let (id, request) = above.children.pop_front().expect("a child");
        let part = request.agreed.as_ref().expect("its part of the plan");
        assert_eq!(part.steps.len(), 2);
        let mut below = World::new();
        below.cx.id = id;
        let start = Start {
            request,
            document: source(&child),
            parsed: Parsed::default(),
            target_type: None,
            queued: false,
        };
        below.feed(Input::Start(Box::new(start))).expect("starts");
        let made = ended(&mut below, &|_| Ok(json!({ "Id": name })));
        assert_eq!(
            (made.len(), below.status()),
            (calls, end),
            "{}",
            message(&below)
        );
        // What the child says of drift ends the parent as well, whatever the step says of failures.
        let (_, told) = below.told.pop().expect("an end");
        above
            .feed(Input::ChildEnded(Box::new(told)))
            .expect("taken");
        let made = ended(&mut above, &account);
        assert_eq!(
            (made.len(), above.status()),
            (calls, end),
            "{}",
            message(&above)
        );
    }
}

/// Two ways that lead to the same step with different values.
fn joined() -> Value {
    let set = |name: &str, value: &str, rest: Value| {
        let mut step = json!({"name": name, "action": "aws:updateVariable", "inputs": {"Name": "variable:V", "Value": value}});
        for (key, item) in rest.as_object().expect("members") {
            step[key] = item.clone();
        }
        step
    };
    let mut document = doc(vec![
        api("Make", "CreateThing", json!({})),
        branch("Which", "{{ Make.Flag }}", "Yes", "No"),
        set("Yes", "one", json!({"nextStep": "After"})),
        set("No", "two", json!({})),
        api("After", "TagThing", json!({"With": "{{ variable:V }}"})),
    ]);
    document["variables"] = json!({"V": {"type": "String", "default": "none"}});
    document
}

#[test]
fn behind_a_join_the_values_of_either_way_are_agreed_to() {
    let document = joined();
    for (flag, tagged) in [(true, "one"), (false, "two")] {
        let account = |_: &AwsCall| Ok(json!({ "Flag": flag }));
        let (world, made) = run(&document, &account, &account);
        assert_eq!(world.status(), Status::Success, "{}", message(&world));
        assert_eq!(made[1], format!(r#"TagThing {{"With":"{tagged}"}}"#));
    }
}

/// A parent that starts a child in a step of its own, which changes something.
fn starts(name: &str) -> (Value, Value) {
    let run = json!({"name": name, "action": "aws:executeAutomation", "isEnd": true, "inputs": {"DocumentName": "Child"}});
    (run, doc(vec![api("Stop", "StopThing", json!({}))]))
}

/// A child that a run started: its changing calls, and how it ended.
fn below(above: &mut World, child: &Value, account: Account<'_>) -> (World, Vec<String>) {
    let (id, request) = above.children.pop_front().expect("a child");
    let mut below = World::new();
    below.cx.id = id;
    let start = Start {
        request,
        document: source(child),
        parsed: Parsed::default(),
        target_type: None,
        queued: false,
    };
    below.feed(Input::Start(Box::new(start))).expect("starts");
    let made = ended(&mut below, account);
    let (_, told) = below.told.pop().expect("an end");
    above
        .feed(Input::ChildEnded(Box::new(told)))
        .expect("taken");
    (below, made)
}

#[test]
fn approvals_of_different_plans_do_not_add_up() {
    let bo = "arn:aws:iam::123456789012:user/bo";
    let document = doc(vec![
        json!({"name": "Ask", "action": "aws:approve", "inputs": {"Approvers": [ANA, bo], "MinRequiredApprovals": 2}}),
        api("Stop", "StopThing", json!({"Id": "i-1"})),
    ]);
    let mut world = begun(
        &document,
        StartRun {
            document_name: "Doc".to_owned(),
            executed_by: ANA.to_owned(),
            mode: "Auto".to_owned(),
            region: "us-east-1".to_owned(),
            ..StartRun::default()
        },
    );
    let waiting = || world.frames.clone().into_iter().collect();
    let wish = |bound| automation::preview::Begin {
        start: None,
        waiting: Some(waiting()),
        bound,
    };
    let planned = play(wish(None), 0, &|_| Ok(json!({})), None);
    let summary = planned.preview.summary().expect("a plan");
    let approval = |hash: &str, by: &str| Signal {
        kind: SignalKind::Approve,
        payload: Default::default(),
        by: by.to_owned(),
        agreed: Some(Box::new(automation::preview::plan::agreed(
            (hash, Uuid::nil()),
            &summary.steps,
            &summary.edges,
        ))),
    };
    let (one, other) = (approval("aa", ANA), approval("bb", bo));
    world.feed(Input::Signal(one)).expect("the first");
    let refused = world.feed(Input::Signal(other)).expect_err("another plan");
    let told = refused.to_string();
    assert!(told.contains("has approved the plan aa… already"), "{told}");
    assert_eq!(world.step("Ask"), Some("Waiting"));
    let same = approval("aa", bo);
    world.feed(Input::Signal(same)).expect("the second");
    assert_eq!(
        ended(&mut world, &|_| Ok(json!({}))),
        [r#"StopThing {"Id":"i-1"}"#]
    );
    assert_eq!(world.status(), Status::Success, "{}", message(&world));
}

#[test]
fn nothing_hangs_on_a_plan_that_leaves_something_out() {
    let choices = (0..20).map(
        |n| json!({"Variable": "{{ Make.Id }}", "StringEquals": format!("i-{n}"), "NextStep": format!("Set{n}")}),
    );
    let sets = (0..20).map(|n| {
        json!({"name": format!("Set{n}"), "action": "aws:updateVariable", "nextStep": "After",
        "inputs": {"Name": "variable:V", "Value": format!("v{n}")}})
    });
    let choices: Vec<Value> = choices.collect();
    let mut steps = vec![
        api("Make", "CreateThing", json!({})),
        json!({"name": "Which", "action": "aws:branch", "isEnd": true, "inputs": {"Choices": choices}}),
    ];
    steps.extend(sets);
    steps.push(api(
        "After",
        "TagThing",
        json!({"With": "{{ variable:V }}"}),
    ));
    let mut document = doc(steps);
    document["variables"] = json!({"V": {"type": "String", "default": "none"}});
    let first = play(begin(&document, &[]), 0, &|_| Ok(json!({})), None);
    assert!(!first.preview.summary().expect("a plan").complete);
    let wish = automation::preview::Begin {
        bound: Some(Bound {
            preview: Uuid::from_u128(2),
            hash: first.preview.hash().expect("a hash").to_owned(),
            steps: Vec::new(),
            then: Then::Start {
                run: Uuid::from_u128(42),
                request: Box::default(),
            },
        }),
        ..begin(&document, &[])
    };
    let second = play(wish, 5, &|_| Ok(json!({})), None);
    assert!(second.then.is_empty());
    let told = second.preview.message().unwrap_or_default();
    assert!(told.contains("so the run was not started"), "{told}");
}
