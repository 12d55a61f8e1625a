//! What is kept of a plan: its hash, the start that is bound to it, what differs, when it is forgotten.

use flow::automation::preview::plan::{Impact, differences};
use flow::automation::preview::{Begin, Bound, Command, Input, Status, Then, step};
use flow::automation::{DocumentSource, Format};
use model::effect::AwsCall;
use serde_json::json;
use uuid::Uuid;

use super::{api, begin, context, doc, nothing, plan_of, play};

#[test]
fn the_hash_is_that_of_what_is_done_and_of_nothing_else() {
    let document = doc(vec![
        api("Look", "DescribeThing", json!({})),
        api(
            "Change",
            "ModifyThing",
            json!({"Id": "{{ Look.Id }}", "At": "{{ global:DATE_TIME }}", "Run": "{{ automation:EXECUTION_ID }}"}),
        ),
    ]);
    let hash = |second: i64, id: &'static str| {
        let account = move |_: &AwsCall| Ok(json!({"Id": id, "Noise": second}));
        let played = play(begin(&document, &[]), second, &account, None);
        played.preview.hash().expect("a hash").to_owned()
    };
    let first = hash(0, "i-1");
    assert_eq!(first.len(), 64);
    assert_eq!(
        hash(86_400 * 40, "i-1"),
        first,
        "another time and another run"
    );
    assert_ne!(hash(0, "i-2"), first, "another instance");
}

#[test]
fn a_bound_start_is_void_when_the_plan_is_another() {
    let document = doc(vec![
        api("Look", "DescribeThing", json!({})),
        api("Stop", "StopThing", json!({"Id": "{{ Look.Id }}"})),
    ]);
    let agreed = plan_of(&document, &|_| Ok(json!({"Id": "i-1"})));
    let run = Uuid::from_u128(1);
    let bound = Bound {
        preview: Uuid::from_u128(2),
        hash: agreed.preview.hash().expect("a hash").to_owned(),
        steps: agreed.preview.summary().expect("a plan").steps.clone(),
        then: Then::Start {
            run,
            request: Box::default(),
        },
    };
    let again = |id: &'static str| {
        let wish = Begin {
            bound: Some(bound.clone()),
            ..begin(&document, &[])
        };
        play(wish, 5, &move |_| Ok(json!({"Id": id})), None)
    };
    let same = again("i-1");
    assert_eq!(
        (same.preview.status(), same.then.len()),
        (Status::Success, 1)
    );
    let other = again("i-2");
    assert_eq!(
        (other.preview.status(), other.then.len()),
        (Status::Failed, 0)
    );
    let message = other.preview.message().expect("a message");
    assert!(
        message.contains(
            r#"the run was not started: step Stop: ec2:StopThing: Id was "i-1", is "i-2""#
        ),
        "{message}"
    );
    assert_eq!(other.preview.drift().len(), 1);
}

#[test]
fn differences_name_calls_that_come_and_go() {
    let with = |operations: &[&str]| {
        let steps = operations
            .iter()
            .enumerate()
            .map(|(n, name)| api(&format!("S{n}{name}"), name, json!({})));
        let played = plan_of(&doc(steps.collect()), &nothing);
        played.preview.summary().expect("a plan").steps.clone()
    };
    let (one, two) = (
        with(&["StopThing", "TagThing"]),
        with(&["StopThing", "StartThing"]),
    );
    assert_eq!(
        differences(&one, &two),
        [
            "step S1TagThing: ec2:TagThing is no longer made",
            "step S1StartThing: ec2:StartThing is new"
        ]
    );
    assert!(differences(&one, &one).is_empty());
    assert!(one.iter().all(|step| step.impact == Impact::Mutating));
}

#[test]
fn an_ended_preview_is_forgotten_when_it_is_told_so() {
    let played = plan_of(&doc(vec![api("Stop", "StopThing", json!({}))]), &nothing);
    let cx = context(Uuid::from_u128(99), 9);
    let gone = step(Some(played.preview), Input::Forget, &cx).expect("taken");
    assert_eq!(gone.frames, [model::FrameWrite::delete("")]);
    // So is one that stands still.
    let begun = step(
        None,
        Input::Start(Box::new(begin(
            &doc(vec![api("Look", "DescribeThing", json!({}))]),
            &[],
        ))),
        &cx,
    );
    let begun = begun.expect("begun");
    assert_eq!(begun.commands.last(), Some(&Command::Kept));
    let gone = step(Some(begun.state), Input::Forget, &cx).expect("taken");
    assert_eq!(gone.frames, [model::FrameWrite::delete("")]);
}

#[test]
fn a_document_that_is_given_is_kept_and_in_the_hash() {
    let planned = |text: &str| {
        let mut wish = begin(&doc(Vec::new()), &[]);
        if let Some(start) = wish.start.as_mut() {
            start.document = DocumentSource::Found {
                name: "File".to_owned(),
                version: String::new(),
                format: Format::Yaml,
                content: text.to_owned(),
                attachments: Vec::new(),
            };
        }
        play(wish, 0, &nothing, None).preview
    };
    let text = "schemaVersion: '0.3'\nmainSteps:\n- {name: Rest, action: 'aws:sleep', inputs: {Duration: PT1S}}\n";
    let (one, other) = (planned(text), planned(&format!("{text}# another byte\n")));
    let given = one.given().expect("kept");
    assert_eq!((given.content.as_str(), given.json), (text, false));
    assert_ne!(one.hash(), other.hash());
    assert_eq!(one.hash(), planned(text).hash());
}
