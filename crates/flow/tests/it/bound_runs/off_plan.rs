//! Where a plan leaves something open: a run may look there, and change nothing.

use flow::automation::{self, Input, Signal, SignalKind, Status};
use model::EffectCommand;
use model::effect::AwsCall;
use serde_json::json;
use uuid::Uuid;

use super::{agreed, begun, below, ended, message, over, run, starts};
use crate::preview::{Account, answer, api, branch, doc, play};
use crate::world::ANA;

#[test]
fn a_loop_over_what_only_the_run_knows_may_go_round() {
    let each = api(
        "Each",
        "StopThing",
        json!({"Id": "{{ loop.CurrentIteratorValue }}", "With": "{{ Make.Id }}"}),
    );
    let document = doc(vec![
        api("Make", "CreateThing", json!({})),
        over("{{ Make.List }}", each),
        api(
            "After",
            "TagThing",
            json!({"Id": "{{ Make.Id }}", "All": "{{ Make.List }}"}),
        ),
    ]);
    let account = |_: &AwsCall| Ok(json!({"Id": "x", "List": ["a-1", "a-2", "a-3"]}));
    let (world, made) = run(&document, &account, &account);
    assert_eq!(world.status(), Status::Success, "{}", message(&world));
    assert_eq!(made.len(), 5, "{made:?}");
}

#[test]
fn off_the_plan_a_run_may_look_and_no_more() {
    let document = doc(vec![
        api("Look", "DescribeThing", json!({})),
        branch("Which", "{{ Look.Flag }}", "Yes", "No"),
        json!({"name": "Yes", "action": "aws:executeAwsApi", "isEnd": true, "inputs": {"Service": "ec2", "Api": "StopThing"}}),
        api("No", "GetThing", json!({})),
        json!({"name": "Ask", "action": "aws:approve", "inputs": {"Approvers": [ANA]}}),
        api("Change", "StopThing", json!({})),
    ]);
    let mut world = begun(
        &document,
        agreed(&document, &|_| Ok(json!({"Flag": true})), None),
    );
    let off = |_: &AwsCall| Ok(json!({"Flag": false}));
    for _ in 0..2 {
        let (_, command) = world.effects.front().cloned().expect("a question");
        let EffectCommand::Preview(ask) = command else {
            panic!("{command:?}")
        };
        world.answer(answer(&ask, &off, &mut Vec::new()));
    }
    // It stands at an approval that nobody agreed to.
    let refused = world
        .signal(SignalKind::Approve, &[], ANA)
        .expect_err("refused");
    assert!(
        refused
            .to_string()
            .contains("has left the plan that it is bound to, at step No"),
        "{refused}"
    );
    // An approval of what it would do now binds it anew.
    let waiting = automation::preview::Begin {
        start: None,
        waiting: Some(world.frames.clone().into_iter().collect()),
        bound: None,
    };
    let fresh = play(waiting, 0, &off, None);
    let summary = fresh.preview.summary().expect("a plan");
    let plan =
        automation::preview::plan::agreed(("00", Uuid::nil()), &summary.steps, &summary.edges);
    let approval = Signal {
        kind: SignalKind::Approve,
        payload: Default::default(),
        by: ANA.to_owned(),
        agreed: Some(Box::new(plan)),
    };
    world.feed(Input::Signal(approval)).expect("approved");
    assert_eq!(ended(&mut world, &off), ["StopThing {}"]);
    assert_eq!(world.status(), Status::Success, "{}", message(&world));
}

#[test]
fn off_the_plan_nothing_is_changed() {
    let document = doc(vec![
        api("Look", "DescribeThing", json!({})),
        branch("Which", "{{ Look.Flag }}", "Yes", "No"),
        json!({"name": "Yes", "action": "aws:executeAwsApi", "isEnd": true, "inputs": {"Service": "ec2", "Api": "StopThing"}}),
        api("No", "StopThing", json!({})),
    ]);
    let (world, made) = run(&document, &|_| Ok(json!({"Flag": true})), &|_| {
        Ok(json!({"Flag": false}))
    });
    assert!(made.is_empty(), "{made:?}");
    assert!(
        message(&world).contains("the run left the plan at step No"),
        "{}",
        message(&world)
    );
}

#[test]
fn off_the_plan_a_child_changes_nothing() {
    let (run, child) = starts("Run");
    let document = doc(vec![
        api("Look", "DescribeThing", json!({})),
        branch("Which", "{{ Look.Flag }}", "Run", "Off"),
        api("Off", "GetThing", json!({})),
        json!({"name": "Same", "action": "aws:branch", "inputs": {"Choices": [
            {"Variable": "{{ Look.Id }}", "StringEquals": "i-1", "NextStep": "Run"}]}, "isEnd": true}),
        run,
    ]);
    let on = |_: &AwsCall| Ok(json!({"Flag": true, "Id": "i-1"}));
    let off = |_: &AwsCall| Ok(json!({"Flag": false, "Id": "i-1"}));
    for (account, calls, status) in [
        (&on as Account<'_>, 1, Status::Success),
        (&off, 0, Status::Failed),
    ] {
        let mut above = begun(&document, agreed(&document, &on, Some(&child)));
        assert!(ended(&mut above, account).is_empty());
        let (child, made) = below(&mut above, &child, account);
        let told = message(&child);
        assert_eq!((made.len(), child.status()), (calls, status), "{told}");
        ended(&mut above, account);
        assert_eq!(above.status(), status, "{}", message(&above));
    }
}

#[test]
fn children_of_an_open_loop_follow_the_pass_that_stands_for_all() {
    let (run, child) = starts("Run");
    let document = doc(vec![
        api("Make", "CreateThing", json!({})),
        over("{{ Make.List }}", run),
    ]);
    let account = |_: &AwsCall| Ok(json!({"List": ["a-1", "a-2", "a-3"]}));
    let mut above = begun(&document, agreed(&document, &account, Some(&child)));
    for _ in 0..3 {
        ended(&mut above, &account);
        let (child, made) = below(&mut above, &child, &account);
        assert_eq!(made, ["StopThing {}"], "{}", message(&child));
    }
    ended(&mut above, &account);
    assert_eq!(above.status(), Status::Success, "{}", message(&above));
}
