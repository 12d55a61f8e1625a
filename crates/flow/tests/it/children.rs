//! Runs that start runs: the step, fleets over resources, accounts and regions, and the queue.

mod fleets;

use std::collections::BTreeMap;

use flow::automation::{Input, Run, Start, Status, StopKind};
use model::fleet::{ChildEnd, MAX_DEPTH, ParentRun};
use model::report::StartRun;
use serde_json::json;
use uuid::Uuid;

use crate::world::{World, document, done, request, start};

fn end(run: Uuid, status: &str) -> ChildEnd {
    ChildEnd {
        run,
        status: status.to_owned(),
        output: vec!["a".to_owned(), String::new()],
        outputs: BTreeMap::new(),
        message: (status != "Success").then(|| "it broke".to_owned()),
        progress: None,
        drift: false,
    }
}

impl World {
    /// The oldest child ends.
    fn child_ends(&mut self, status: &str) -> StartRun {
        let (run, request) = self.children.pop_front().expect("a child was started");
        let input = Input::ChildEnded(Box::new(end(run, status)));
        self.feed(input.clone()).expect("taken");
        if !self.status().is_final() {
            let before = self.frames.clone();
            self.feed(input).expect("told again");
            assert_eq!(self.frames, before, "an end that is told twice counts once");
        }
        request
    }
}

fn step(more: &str) -> String {
    document(&format!(
        "- name: Sub\n  action: aws:executeAutomation\n{more}  inputs:\n    DocumentName: Child\n"
    ))
}

#[test]
fn a_child_gives_its_outputs_to_the_step() {
    let text = format!(
        "{}    RuntimeParameters: {{Flag: true, Count: 5, Names: [x, y], Map: {{k: v}}, Text: ''}}\n    Tags: [{{Key: team, Value: sec}}]\n- name: After\n  action: aws:executeAwsApi\n  inputs: {{Service: ec2, Api: DescribeInstances, InstanceIds: '{{{{ Sub.Output }}}}', NextToken: '{{{{ Sub.ExecutionId }}}}'}}\n",
        step("")
    );
    let mut world = World::of(&text, &[]);
    let (id, child) = world.children[0].clone();
    assert_eq!(child.document_name, "Child");
    let wire = |name: &str| child.parameters[name].clone();
    assert_eq!(wire("Flag"), ["true"]);
    assert_eq!(wire("Count"), ["5"]);
    assert_eq!(wire("Names"), ["x", "y"]);
    assert_eq!(wire("Map"), [r#"{"k":"v"}"#]);
    assert_eq!(child.tags["team"], "sec");
    assert_eq!(child.incident, None, "the parent tells the incident");
    let parent = child.parent.clone().expect("a parent");
    assert_eq!(
        (parent.run, parent.depth, parent.holds_place),
        (world.cx.id, 1, true)
    );
    assert_eq!(world.output("Sub", "ExecutionId"), Some(json!(id)));
    world.child_ends("Success");
    assert_eq!(world.step("Sub"), Some("Success"));
    assert_eq!(world.output("Sub", "Status"), Some(json!("Success")));
    assert_eq!(world.last_call().params["InstanceIds"], json!(["a", ""]));
    assert_eq!(world.last_call().params["NextToken"], json!(id));
}

#[test]
fn a_child_that_does_not_succeed_fails_the_step() {
    for status in ["Failed", "TimedOut", "Cancelled"] {
        let mut world = World::of(&step("  maxAttempts: 2\n"), &[]);
        let first = world.children[0].0;
        world.child_ends(status);
        assert_eq!(world.status(), Status::InProgress, "another attempt");
        assert_ne!(world.children[0].0, first, "a new child");
        world.child_ends(status);
        assert_eq!(world.status(), Status::Failed);
        assert!(
            world.failure("Sub").contains("it broke"),
            "{}",
            world.failure("Sub")
        );
        assert_eq!(world.output("Sub", "Status"), Some(json!(status)));
    }
}

#[test]
fn a_stopped_run_stops_its_child_and_waits_for_it() {
    let text = format!(
        "{}- name: Clean\n  action: aws:executeAwsApi\n  inputs: {{Service: ec2, Api: DescribeInstances}}\n",
        step("  onCancel: step:Clean\n  isEnd: true\n")
    );
    let mut world = World::of(&text, &[]);
    let child = world.children[0].0;
    world.stop(StopKind::Cancel).expect("taken");
    assert_eq!(world.stopped, [(child, StopKind::Cancel)]);
    assert_eq!(world.status(), Status::Cancelling);
    world.child_ends("Cancelled");
    assert_eq!(world.step("Sub"), Some("Cancelled"));
    world.answer(done(json!({})));
    assert_eq!(world.status(), Status::Cancelled);

    let mut world = World::of(&step(""), &[]);
    world.stop(StopKind::Complete).expect("taken");
    assert!(world.stopped.is_empty(), "the step may end");
    world.child_ends("Success");
    assert_eq!(world.status(), Status::Success);
}

#[test]
fn a_step_whose_time_is_up_stops_its_child() {
    let mut world = World::of(&step("  timeoutSeconds: 60\n"), &[]);
    let child = world.children[0].0;
    world.tick();
    assert_eq!(world.stopped, [(child, StopKind::Cancel)]);
    assert_eq!(world.status(), Status::TimedOut);
    let late = Input::ChildEnded(Box::new(end(child, "Success")));
    world.feed(late).expect("passed over");
    assert_eq!(world.status(), Status::TimedOut);
}

#[test]
fn a_circle_of_documents_ends() {
    let mut wish = request(&[]);
    wish.parent = Some(ParentRun {
        run: Uuid::from_u128(1),
        depth: MAX_DEPTH,
        holds_place: true,
    });
    let mut world = World::new();
    world.feed(start(&step(""), wish)).expect("starts");
    assert_eq!(world.status(), Status::Failed);
    assert!(world.children.is_empty());
    let (parent, told) = &world.told[0];
    assert_eq!(
        (*parent, told.status.as_str()),
        (Uuid::from_u128(1), "Failed")
    );
    assert!(told.message.as_ref().expect("a reason").contains("levels"));
}

#[test]
fn a_child_acts_as_its_parent_unless_it_names_a_role() {
    let role = "arn:aws:iam::123456789012:role/Parent";
    let parent = World::of(&format!("assumeRole: {role}\n{}", step("")), &[]);
    let child = parent.children[0].1.clone();
    assert_eq!(child.caller_role.as_deref(), Some(role));
    let acts_as = |head: &str| {
        let text = format!("{head}{}", document(&crate::world::api("a", "")));
        let mut world = World::new();
        world.feed(start(&text, child.clone())).expect("starts");
        world
            .last_call()
            .assume_role
            .clone()
            .expect("a role")
            .role_arn
    };
    assert_eq!(acts_as(""), role);
    assert_eq!(acts_as("assumeRole: ''\n"), role);
    let own = "arn:aws:iam::123456789012:role/Own";
    assert_eq!(acts_as(&format!("assumeRole: {own}\n")), own);
}

#[test]
fn a_run_tells_its_parent_how_it_ended() {
    let mut wish = request(&[]);
    wish.parent = Some(ParentRun {
        run: Uuid::from_u128(9),
        depth: 1,
        holds_place: true,
    });
    wish.incident = None;
    let steps = "- name: B\n  action: aws:executeAwsApi\n  outputs: [{Name: Id, Selector: $.Id, Type: String}, {Name: L, Selector: $.L, Type: StringList}]\n  inputs: {Service: ec2, Api: DescribeInstances}\n  isEnd: true\n- name: A\n  action: aws:executeAwsApi\n  outputs: [{Name: Id, Selector: $.Id, Type: String}]\n  inputs: {Service: ec2, Api: DescribeInstances}\n";
    let text = format!("outputs: [B.L, A.Id, B.Id]\n{}", document(steps));
    let mut world = World::new();
    world.feed(start(&text, wish.clone())).expect("starts");
    world.answer(done(json!({"Id": "one", "L": ["x", "y"]})));
    let (parent, told) = world.told[0].clone();
    assert_eq!(parent, Uuid::from_u128(9));
    assert_eq!(told.status, "Success");
    assert_eq!(
        told.output,
        [r#"["x","y"]"#, "", "one"],
        "in the document's order"
    );

    // A child that cannot begin is made all the same, so that its parent learns why.
    wish.parameters = BTreeMap::from([("Odd".to_owned(), vec![])]);
    let mut world = World::new();
    world.feed(start(&text, wish)).expect("made");
    assert_eq!(world.status(), Status::Failed);
    assert!(
        world.told[0]
            .1
            .message
            .as_ref()
            .expect("a reason")
            .contains("Odd")
    );
}

const TARGETED: &str = "schemaVersion: '0.3'\nparameters:\n  InstanceId: {type: String}\n  Mode: {type: String, default: soft}\n  AutomationAssumeRole: {type: String, default: ''}\nassumeRole: '{{ AutomationAssumeRole }}'\nmainSteps:\n- name: Tag\n  action: aws:createTags\n  inputs: {ResourceIds: ['{{ InstanceId }}', '{{ RESOURCE_ID }}', '{{ automation:RESOURCE_ID }}'], Tags: [{Key: a, Value: b}]}\n";

fn fleet(wish: StartRun) -> World {
    let mut world = World::new();
    world.feed(start(TARGETED, wish)).expect("starts");
    world
}

#[test]
fn a_queued_run_begins_when_there_is_a_place() {
    let queued = || {
        let mut input = start(&document(&crate::world::api("a", "")), request(&[]));
        if let Input::Start(start) = &mut input {
            start.queued = true;
        }
        let mut world = World::new();
        world.feed(input).expect("starts");
        assert_eq!(world.status(), Status::Pending);
        assert!(world.effects.is_empty());
        world
    };
    let mut world = queued();
    world.feed(Input::Continue).expect("taken");
    assert_eq!(world.status(), Status::Pending, "only a place helps");
    world.feed(Input::Admitted).expect("taken");
    world.feed(Input::Admitted).expect("told twice");
    assert_eq!(world.effects.len(), 1);
    world.answer(done(json!({})));
    assert_eq!(world.status(), Status::Success);
    let mut world = queued();
    world.stop(StopKind::Cancel).expect("taken");
    assert_eq!(world.status(), Status::Cancelled);
    assert!(world.trail().is_empty());
}

/// Frames that were written before runs had children.
#[test]
fn frames_of_the_first_version_are_read() {
    let mut world = World::of(&document(&crate::world::api("a", "")), &[]);
    for (key, body) in &mut world.frames {
        let map = body.as_object_mut().expect("an object");
        if key.is_empty() {
            map.remove("fleet").expect("a new member");
            map["current"]
                .as_object_mut()
                .expect("a step")
                .remove("child")
                .expect("a new member");
        }
        if key == "document" {
            let request = map["request"].as_object_mut().expect("a request");
            for name in [
                "parent",
                "caller_role",
                "rate",
                "locations",
                "location",
                "target",
            ] {
                request.remove(name).expect("a new member");
            }
        }
    }
    let run = Run::restore(world.frames.clone().into_iter().collect()).expect("restores");
    assert_eq!(&run, world.run());
}

/// An input that was accepted before starts had more members.
#[test]
fn a_start_of_the_first_version_is_read() {
    let input = start(&document(&crate::world::api("a", "")), request(&[]));
    let mut body = serde_json::to_value(&input).expect("serialises");
    let map = body.as_object_mut().expect("an object");
    map.remove("queued").expect("a new member");
    map.remove("target_type").expect("a new member");
    let read: Input = serde_json::from_value(body).expect("reads");
    assert_eq!(read, input);
    let Input::Start(start) = read else {
        panic!("another input")
    };
    let Start {
        queued,
        target_type,
        ..
    } = *start;
    assert_eq!((queued, target_type), (false, None));
}
