//! What holds for every document and every chain of steps.

use flow::automation::document::{Format, parse};
use flow::automation::{Command, Context, DEFAULT_BUDGET, Input, Status, step};
use proptest::prelude::*;

use crate::world::{World, document, nothing, request, start};

fn chain(steps: usize) -> String {
    let mut text =
        "schemaVersion: '0.3'\nvariables:\n  V: {type: Integer, default: 0}\nmainSteps:\n"
            .to_owned();
    for n in 0..steps {
        text.push_str(&match n % 2 {
            0 => format!("- {{name: s{n}, action: 'aws:updateVariable', inputs: {{Name: 'variable:V', Value: {n}}}}}\n"),
            _ => format!("- {{name: s{n}, action: 'aws:sleep', inputs: {{Duration: PT0S}}}}\n"),
        });
    }
    text
}

#[test]
fn an_effect_free_chain_is_one_turn() {
    for steps in [100, 501] {
        let world = World::of(&chain(steps), &[]);
        assert_eq!(
            (world.status(), world.turns, world.trail().len()),
            (Status::Success, 1, steps)
        );
    }
    let circle = document(
        "- name: count\n  action: aws:updateVariable\n  inputs: {Name: 'variable:V', Value: 1}\n  nextStep: look\n\
         - name: look\n  action: aws:branch\n  inputs:\n    Choices:\n    - {NextStep: count, Variable: '{{ variable:V }}', NumericEquals: 1}\n",
    ) + "variables:\n  V: {type: Integer, default: 0}\n";
    let mut world = World::new();
    world.cx.budget = 1_000;
    world.feed(start(&circle, request(&[]))).expect("starts");
    assert_eq!(
        (world.turns, world.trail().len(), world.wants_continue),
        (1, 1_000, true)
    );
    world.check_frames = false;
    world.cx.budget = DEFAULT_BUDGET;
    world.play(|_, _| nothing());
    // Nothing else would end this circle.
    assert_eq!(
        (world.status(), world.trail().len()),
        (Status::Failed, 10_000)
    );
    assert!(
        world
            .run()
            .failure_message()
            .expect("says why")
            .contains("10000 steps")
    );
}

#[test]
fn a_thousand_steps_are_one_turn() {
    let steps: Vec<String> = (0..1_000)
        .map(|n| format!("- {{name: s{n}, action: 'aws:sleep', inputs: {{Duration: PT0S}}}}\n"))
        .collect();
    let world = World::of(&document(&steps.concat()), &[]);
    assert_eq!(
        (world.status(), world.turns, world.trail().len()),
        (Status::Success, 1, 1_000)
    );
}

#[test]
fn a_spent_budget_asks_to_go_on() {
    let mut world = World::new();
    world.cx.budget = 10;
    world.feed(start(&chain(25), request(&[]))).expect("starts");
    assert!(world.wants_continue);
    world.play(|_, _| nothing());
    assert_eq!((world.status(), world.turns), (Status::Success, 3));
}

const SEED: &str = "schemaVersion: '0.3'\nassumeRole: '{{ Role }}'\nparameters:\n  Role: {type: String, default: ''}\n  Ids: {type: StringList, default: [i-1], allowedPattern: '^i-[0-9]+$'}\nvariables:\n  V: {type: String, default: x}\nmainSteps:\n- name: look\n  action: aws:executeAwsApi\n  maxAttempts: 2\n  onFailure: step:done\n  inputs: {Service: ec2, Api: DescribeInstances, InstanceIds: '{{ Ids }}'}\n  outputs:\n  - {Name: State, Selector: '$.R[0].State', Type: String}\n- name: each\n  action: aws:loop\n  inputs:\n    Iterators: '{{ Ids }}'\n    Steps:\n    - {name: nap, action: 'aws:sleep', inputs: {Duration: PT1S}}\n- name: pick\n  action: aws:branch\n  inputs:\n    Choices:\n    - {NextStep: done, Variable: '{{ look.State }}', StringEquals: a}\n    Default: done\n- name: done\n  action: aws:approve\n  isEnd: true\n  inputs: {Approvers: [ana]}\noutputs: [look.State]\n";

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics(cuts in prop::collection::vec((0..SEED.len(), 0..40_usize, "[ -~\n{}\\[\\]:é]{0,6}"), 1..4)) {
        let mut text: Vec<char> = SEED.chars().collect();
        for (at, length, new) in cuts {
            let at = at.min(text.len());
            let end = (at + length).min(text.len());
            text.splice(at..end, new.chars());
        }
        let text: String = text.into_iter().collect();
        let (parsed, diagnostics) = parse(&text, Format::Yaml);
        prop_assert_eq!(parsed.is_some(), diagnostics.is_empty());
        let _ = parse(&text, Format::Json);
        let mut world = World::new();
        if world.feed(start(&text, request(&[]))).is_ok() {
            world.play(|_, _| nothing());
        }
    }

    #[test]
    fn any_order_of_inputs_keeps_frames_and_state_alike(moves in prop::collection::vec(0..12_u8, 1..40)) {
        let mut world = World::of(SEED, &[]);
        for one in moves {
            drive(&mut world, one);
        }
    }
}

fn drive(world: &mut World, one: u8) {
    use crate::world::{ANA, done, failed, unknown};
    use flow::automation::{Resolution, SignalKind, StopKind};
    let effect = world
        .effects
        .pop_front()
        .map(|(effect, _)| effect)
        .unwrap_or_default();
    let feed =
        |world: &mut World, outcome| world.feed(Input::Effect { effect, outcome }).map(|_| ());
    // Refusals are fine here: what counts is that nothing panics and that frames and state agree.
    let _refused = match one {
        0 => feed(world, done(serde_json::json!({"R": [{"State": "a"}]}))),
        1 => feed(world, failed("X")),
        2 => feed(world, unknown()),
        3 => feed(world, failed("Timeout")),
        4 if !world.timers.is_empty() => {
            world.tick();
            Ok(())
        }
        5 => world.signal(SignalKind::Approve, &[], ANA).map(|_| ()),
        6 => world.signal(SignalKind::Reject, &[], ANA).map(|_| ()),
        7 => world.stop(StopKind::Cancel).map(|_| ()),
        8 => world.stop(StopKind::Complete).map(|_| ()),
        9 => world
            .feed(Input::Resolve {
                step: "look".to_owned(),
                resolution: Resolution::Retry,
                by: ANA.to_owned(),
            })
            .map(|_| ()),
        10 => world
            .feed(Input::Timer {
                key: "gone".to_owned(),
            })
            .map(|_| ()),
        _ => world.feed(Input::Continue).map(|_| ()),
    };
}

#[test]
fn a_late_word_changes_nothing() {
    let world = World::of(&chain(3), &[]);
    let cx: &Context = &world.cx;
    for input in [
        Input::Continue,
        Input::Timer {
            key: "0/1/poll".to_owned(),
        },
    ] {
        let decision = step(world.run.clone(), input, cx).expect("taken");
        assert!(
            decision.frames.is_empty() && decision.commands.is_empty() && decision.facts.is_empty()
        );
        assert!(!decision.commands.contains(&Command::Continue));
    }
}

#[test]
fn a_run_is_cheap_to_clone_and_to_turn() {
    // A turn must not copy the document or the finished steps: the frames it writes are the root and what it touched.
    let text = document(
        &(0..200)
            .map(|n| format!("- {{name: s{n}, action: 'aws:sleep', inputs: {{Duration: PT1S}}}}\n"))
            .collect::<String>(),
    );
    let mut world = World::of(&text, &[]);
    world.check_frames = false;
    while world.timers.len() == 1 {
        let key = world.timers.keys().next().expect("one").clone();
        let run = world.run.clone();
        let decision = step(run, Input::Timer { key }, &world.cx).expect("taken");
        let bytes: usize = decision
            .frames
            .iter()
            .filter_map(|frame| frame.body.as_ref())
            .map(|b| b.to_value().to_string().len())
            .sum();
        assert!(
            decision.frames.len() <= 3 && bytes < 4_000,
            "{} frames, {bytes} bytes",
            decision.frames.len()
        );
        world.tick();
    }
    assert_eq!(world.status(), Status::Success);
}
