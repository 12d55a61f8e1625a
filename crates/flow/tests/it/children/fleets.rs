//! Runs of one step for many targets, accounts and regions.

use std::collections::BTreeMap;

use flow::automation::{Input, Status, StopKind, view};
use model::fleet::{RateControl, Target, TargetLocation};
use model::report::{AlarmWatch, StartRun};
use model::{EffectCommand, Rejection};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{TARGETED, end, fleet};
use crate::world::{World, done, failed, request, start};

fn rated(key: &str, values: &[&str], limits: (&str, &str)) -> StartRun {
    let mut wish = request(&[]);
    wish.incident = None;
    wish.rate = RateControl {
        parameter: Some("InstanceId".to_owned()),
        targets: vec![Target {
            key: key.to_owned(),
            values: values.iter().map(|value| (*value).to_owned()).collect(),
        }],
        maps: Vec::new(),
        max_concurrency: Some(limits.0.to_owned()),
        max_errors: Some(limits.1.to_owned()),
    };
    wish
}

fn instances(count: usize) -> Value {
    let list: Vec<Value> = (1..=count)
        .map(|n| json!({"InstanceId": format!("i-{n}")}))
        .collect();
    json!({"Reservations": [{"Instances": list}]})
}

fn shown(world: &World) -> Value {
    view::execution(world.run())
}

#[test]
fn one_child_for_each_resource_in_growing_waves() {
    let mut world = fleet(rated("tag:Env", &["prod"], ("3", "0")));
    assert_eq!(world.last_call().operation, "DescribeInstances");
    world.answer(done(instances(8)));
    let mut waves = Vec::new();
    while !world.children.is_empty() {
        let wave = world.children.len();
        waves.push(wave);
        (0..wave).for_each(|_| {
            world.child_ends("Success");
        });
    }
    assert_eq!(waves, [1, 2, 3, 2], "one, two, then as many as may");
    assert_eq!(world.status(), Status::Success);
    let shown = shown(&world);
    let counters = json!({"TotalSteps": 8, "SuccessSteps": 8, "FailedSteps": 0, "CancelledSteps": 0, "TimedOutSteps": 0});
    assert_eq!(shown["ProgressCounters"], counters);
    assert_eq!(shown["ResolvedTargets"]["ParameterValues"][7], "i-8");
    assert_eq!(
        shown["Targets"],
        json!([{"Key": "tag:Env", "Values": ["prod"]}])
    );
    assert_eq!(shown["StepExecutions"][0]["StepName"], "i-1");
    assert_eq!(
        shown["StepExecutions"][0]["Inputs"],
        json!({"InstanceId": "i-1"})
    );
    assert_eq!(shown["MaxConcurrency"], "3");
}

#[test]
fn a_child_of_a_fleet_knows_its_resource() {
    let mut wish = rated("ParameterValues", &["i-7"], ("1", "0"));
    wish.parameters
        .insert("Mode".to_owned(), vec!["{{ RESOURCE_ID }}".to_owned()]);
    let world = fleet(wish);
    let (id, child) = world.children[0].clone();
    assert_eq!(child.parameters["InstanceId"], ["i-7"]);
    assert_eq!(child.parameters["Mode"], ["i-7"]);
    assert_eq!(
        child.document_version.as_deref(),
        Some("1"),
        "the version that the parent found"
    );
    let mut inner = World::new();
    inner.cx.id = id;
    inner.feed(start(TARGETED, child)).expect("starts");
    assert_eq!(
        inner.last_call().params["Resources"],
        json!(["i-7", "i-7", "i-7"])
    );
    let shown = view::metadata(&inner.run().summary());
    assert_eq!(shown["Target"], "i-7");
    assert_eq!(shown["ParentAutomationExecutionId"], json!(world.cx.id));
    assert_eq!(shown["AutomationType"], "Local");
}

#[test]
fn too_many_failures_end_the_sending() {
    // 10 % of 20 allows two; the third stops the rest, and the run fails.
    let mut world = fleet(rated("tag:Env", &["prod"], ("1", "10%")));
    world.answer(done(instances(20)));
    for _ in 0..3 {
        assert_eq!(world.status(), Status::InProgress);
        world.child_ends("Failed");
    }
    assert_eq!(world.status(), Status::Failed);
    assert!(world.children.is_empty());
    let reason = world.run().failure_message().expect("a reason");
    assert!(reason.contains("17 were not begun"), "{reason}");

    // What is under way may end.
    let mut world = fleet(rated("tag:Env", &["prod"], ("2", "0")));
    world.answer(done(instances(5)));
    world.child_ends("Success");
    assert_eq!(world.children.len(), 2);
    world.child_ends("TimedOut");
    assert_eq!(world.status(), Status::InProgress);
    world.child_ends("Success");
    assert_eq!(world.status(), Status::Failed);
    assert_eq!(shown(&world)["ProgressCounters"]["TimedOutSteps"], 1);

    // As many as may fail.
    let mut world = fleet(rated("ParameterValues", &["a", "b"], ("1", "1")));
    world.child_ends("Failed");
    world.child_ends("Success");
    assert_eq!(world.status(), Status::Success);
}

#[test]
fn targets_that_are_not_there_are_told() {
    let mut world = fleet(rated("tag:Env", &["prod"], ("1", "0")));
    world.answer(done(json!({"Reservations": []})));
    assert_eq!(world.status(), Status::Failed);
    assert!(
        world
            .run()
            .failure_message()
            .expect("a reason")
            .contains("no resource")
    );
    let mut world = fleet(rated("tag:Env", &["prod"], ("1", "0")));
    world.answer(failed("UnauthorizedOperation"));
    assert!(
        world
            .run()
            .failure_message()
            .expect("a reason")
            .contains("DescribeInstances")
    );
    for (parameter, wish) in [
        ("instanceid", "declares"),
        ("AutomationAssumeRole", "not AutomationAssumeRole"),
    ] {
        let mut request = rated("tag:Env", &["prod"], ("1", "0"));
        request.rate.parameter = Some(parameter.to_owned());
        match World::new().feed(start(TARGETED, request)) {
            Err(Rejection::Invalid { field, message }) => {
                assert_eq!(field, "TargetParameterName");
                assert!(message.contains(wish), "{message}");
            }
            other => panic!("{parameter}: {other:?}"),
        }
    }
    let mut request = rated("tag:Env", &["prod"], ("1", "0"));
    request.mode = "Interactive".to_owned();
    assert!(World::new().feed(start(TARGETED, request)).is_err());
}

#[test]
fn the_document_says_what_kind_of_resource_is_meant() {
    let asks = |target_type: Option<&str>| {
        let mut input = start(TARGETED, rated("tag:Env", &["prod"], ("1", "0")));
        if let Input::Start(start) = &mut input {
            start.target_type = target_type.map(str::to_owned);
        }
        let mut world = World::new();
        world.feed(input).expect("starts");
        let call = world.last_call();
        (
            call.operation.clone(),
            call.params["ResourceTypeFilters"].clone(),
        )
    };
    assert_eq!(asks(None).0, "DescribeInstances");
    assert_eq!(asks(Some("/AWS::EC2::Instance")).0, "DescribeInstances");
    assert_eq!(
        asks(Some("/AWS::EC2::SecurityGroup")),
        ("GetResources".to_owned(), json!(["ec2:security-group"]))
    );
    assert_eq!(asks(Some("/")), ("GetResources".to_owned(), Value::Null));
}

#[test]
fn pages_of_targets_are_read_to_the_end() {
    let mut world = fleet(rated("ResourceGroup", &["fleet"], ("2", "0")));
    let arn = |id: &str| json!({"Identifier": {"ResourceArn": format!("arn:aws:ec2:eu-west-1:123456789012:instance/{id}")}});
    world.answer(done(
        json!({"Resources": [arn("i-1"), arn("i-2")], "NextToken": "more"}),
    ));
    assert_eq!(world.last_call().params["NextToken"], "more");
    world.answer(done(json!({"Resources": [arn("i-2"), arn("i-3")]})));
    let resolved = shown(&world)["ResolvedTargets"].clone();
    assert_eq!(
        resolved,
        json!({"ParameterValues": ["i-1", "i-2", "i-3"], "Truncated": false})
    );
}

#[test]
fn maps_give_parameters_to_each() {
    let mut wish = request(&[]);
    wish.rate.maps = vec![
        BTreeMap::from([
            ("InstanceId".to_owned(), vec!["i-1".to_owned()]),
            ("Mode".to_owned(), vec!["hard".to_owned()]),
        ]),
        BTreeMap::from([("InstanceId".to_owned(), vec!["i-2".to_owned()])]),
    ];
    wish.rate.max_errors = Some("100%".to_owned());
    let mut world = fleet(wish);
    let first = world.child_ends("Failed");
    assert_eq!(first.parameters["Mode"], ["hard"]);
    let second = world.child_ends("Success");
    assert_eq!(second.parameters.get("Mode"), None);
    assert_eq!(second.target.expect("a target").resource, "i-2");
    assert_eq!(world.status(), Status::Success);
}

fn located(accounts: &[&str]) -> StartRun {
    let mut wish = request(&[
        ("InstanceId", "i-1"),
        (
            "AutomationAssumeRole",
            "arn:aws:iam::123456789012:role/Admin",
        ),
    ]);
    wish.incident = None;
    wish.locations = vec![TargetLocation {
        accounts: accounts
            .iter()
            .map(|account| (*account).to_owned())
            .collect(),
        regions: vec!["eu-west-1".to_owned(), "us-east-1".to_owned()],
        role_name: Some("Exec".to_owned()),
        max_concurrency: Some("10".to_owned()),
        ..TargetLocation::default()
    }];
    wish
}

#[test]
fn one_child_for_each_account_and_region() {
    let plain = TARGETED.replace(", '{{ RESOURCE_ID }}', '{{ automation:RESOURCE_ID }}'", "");
    let mut world = fleet(located(&["111111111111", "222222222222"]));
    let mut seen = Vec::new();
    while !world.children.is_empty() {
        let (id, child) = world.children[0].clone();
        let mut inner = World::new();
        inner.cx.id = id;
        inner.feed(start(&plain, child.clone())).expect("starts");
        let call = inner.last_call();
        let role = call.assume_role.clone().expect("a role");
        assert_eq!(
            role.arns(),
            [
                "arn:aws:iam::123456789012:role/Admin",
                role.role_arn.as_str()
            ]
        );
        seen.push((call.region.clone(), role.role_arn));
        let shown = view::metadata(&inner.run().summary());
        assert_eq!(shown["AutomationType"], "CrossAccount");
        assert_eq!(child.location.expect("a place").home_region, "eu-west-1");
        world.child_ends("Success");
    }
    let role = |account: &str| format!("arn:aws:iam::{account}:role/Exec");
    let expected = ["111111111111", "222222222222"]
        .map(|account| ["eu-west-1", "us-east-1"].map(|region| (region.to_owned(), role(account))));
    assert_eq!(seen, expected.concat());
    assert_eq!(world.status(), Status::Success);
    assert_eq!(shown(&world)["ProgressCounters"]["TotalSteps"], 4);
    assert_eq!(
        shown(&world)["TargetLocations"][0]["ExecutionRoleName"],
        "Exec"
    );
    assert_eq!(
        shown(&world)["StepExecutions"][0]["StepName"],
        "111111111111_eu-west-1"
    );
}

#[test]
fn an_alarm_of_a_place_stops_the_runs_there_alone() {
    let mut wish = located(&["111111111111"]);
    let mut other = wish.locations[0].clone();
    other.accounts = vec!["222222222222".to_owned()];
    wish.locations[0].alarm = Some(AlarmWatch {
        name: "Load".to_owned(),
        ignore_poll_failure: true,
    });
    wish.locations.push(other);
    let mut world = fleet(wish);
    let shown_first =
        shown(&world)["TargetLocations"][0]["TargetLocationAlarmConfiguration"].clone();
    let alarms = json!({"Alarms": [{"Name": "Load"}], "IgnorePollAlarmFailure": true});
    assert_eq!(shown_first, alarms);
    let plain = TARGETED.replace(", '{{ RESOURCE_ID }}', '{{ automation:RESOURCE_ID }}'", "");
    let mut asked = Vec::new();
    while !world.children.is_empty() {
        let (id, child) = world.children[0].clone();
        let mut inner = World::new();
        inner.cx.id = id;
        inner.feed(start(&plain, child)).expect("starts");
        let call = inner.last_call();
        let account = call.assume_role.clone().expect("a role").role_arn[13..25].to_owned();
        asked.push((
            account,
            call.region.clone(),
            call.operation == "DescribeAlarms",
        ));
        world.child_ends("Success");
    }
    let expected = [("111111111111", true), ("222222222222", false)].map(|(account, watched)| {
        ["eu-west-1", "us-east-1"].map(|region| (account.to_owned(), region.to_owned(), watched))
    });
    asked.sort();
    assert_eq!(asked, expected.concat());
}

#[test]
fn units_are_read_down_to_their_accounts() {
    let mut wish = located(&["ou-ab12-cd345678", "333333333333"]);
    wish.locations[0].include_child_units = true;
    wish.locations[0].exclude_accounts = vec!["111111111111".to_owned()];
    wish.rate = rated("tag:Env", &["prod"], ("4", "0")).rate;
    let mut world = fleet(wish);
    let accounts = |ids: &[&str]| json!({"Accounts": ids.iter().map(|id| json!({"Id": id, "Status": "ACTIVE"})).collect::<Vec<_>>()});
    let mut asked = Vec::new();
    while let Some((_, EffectCommand::CallAws(call))) = world.effects.front().cloned() {
        asked.push(format!(
            "{} {}",
            call.operation,
            call.params["ParentId"].as_str().expect("an id")
        ));
        let top = call.params["ParentId"] == "ou-ab12-cd345678";
        let answer = match (call.operation.as_str(), top) {
            ("ListOrganizationalUnitsForParent", true) => {
                json!({"OrganizationalUnits": [{"Id": "ou-ab12-ef345678"}]})
            }
            ("ListAccountsForParent", true) => accounts(&["111111111111", "222222222222"]),
            ("ListAccountsForParent", false) => accounts(&["444444444444"]),
            _ => json!({}),
        };
        world.answer(done(answer));
    }
    assert_eq!(asked.len(), 4, "{asked:?}");
    let resolved = shown(&world)["ResolvedTargets"]["ParameterValues"].clone();
    assert_eq!(
        resolved.as_array().map(Vec::len),
        Some(6),
        "three accounts, two regions: {resolved}"
    );
    assert!(!resolved.to_string().contains("111111111111"));
    targets_of_a_place_are_found_there(&world.children[0]);
    let id = world.children[0].0;
    // Its counters are counted for its own children.
    let progress = model::fleet::Progress {
        total: 3,
        success: 3,
        ..Default::default()
    };
    let mut told = end(id, "Success");
    told.progress = Some(progress);
    world.children.clear();
    world
        .feed(Input::ChildEnded(Box::new(told)))
        .expect("taken");
    let counters = shown(&world)["ProgressCounters"].clone();
    assert_eq!(
        (&counters["TotalSteps"], &counters["SuccessSteps"]),
        (&json!(8), &json!(3))
    );
}

/// A child has targets of its own to find, in its account and region.
fn targets_of_a_place_are_found_there((id, child): &(Uuid, StartRun)) {
    assert_eq!(child.rate.max_concurrency.as_deref(), Some("4"));
    let mut inner = World::new();
    inner.cx.id = *id;
    inner.feed(start(TARGETED, child.clone())).expect("starts");
    assert_eq!(inner.last_call().operation, "DescribeInstances");
    let role = inner
        .last_call()
        .assume_role
        .clone()
        .expect("a role")
        .role_arn;
    inner.answer(done(instances(3)));
    let grandchild = inner.children[0].1.clone();
    assert!(role.ends_with(":role/Exec"));
    assert_eq!(grandchild.location.expect("a place").role_arn, role);
}

#[test]
fn a_stopped_fleet_stops_its_children() {
    let mut world = fleet(rated("ParameterValues", &["a", "b", "c", "d"], ("2", "0")));
    world.child_ends("Success");
    let under_way: Vec<Uuid> = world.children.iter().map(|(id, _)| *id).collect();
    world.stop(StopKind::Cancel).expect("taken");
    let mut stopped: Vec<Uuid> = world.stopped.iter().map(|(id, _)| *id).collect();
    stopped.sort();
    let mut expected = under_way.clone();
    expected.sort();
    assert_eq!(stopped, expected);
    assert_eq!(world.status(), Status::Cancelling);
    world.child_ends("Cancelled");
    world.child_ends("Cancelled");
    assert_eq!(world.status(), Status::Cancelled);
    assert_eq!(world.trail().len(), 3, "the fourth never began");

    let mut world = fleet(rated("ParameterValues", &["a", "b"], ("1", "0")));
    world.stop(StopKind::Complete).expect("taken");
    assert!(world.stopped.is_empty());
    world.child_ends("Success");
    assert_eq!(world.status(), Status::Success);

    let mut world = fleet(rated("tag:Env", &["prod"], ("1", "0")));
    world.stop(StopKind::Cancel).expect("taken");
    assert_eq!(world.status(), Status::Cancelled, "nothing was begun");
}
