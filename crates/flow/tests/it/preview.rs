//! Dry runs of small documents, with an account that answers readings and describes all else.

mod keeping;
mod ways;

use flow::automation::preview::{Begin, Command, Input, Preview, Status, Then, step};
use flow::automation::{Context, DocumentSource, Format, Parsed, Start};
use model::effect::{AwsCall, Failure, PreviewAsk};
use model::report::StartRun;
use model::{EffectCommand, Outcome, Scope};
use serde_json::{Value, json};
use uuid::Uuid;

/// Answers the readings of a preview.
pub(crate) type Account<'a> = &'a dyn Fn(&AwsCall) -> Result<Value, String>;

/// A preview that was played to its end.
pub(crate) struct Played {
    pub(crate) preview: Preview,
    /// Calls that were made.
    made: Vec<String>,
    pub(crate) then: Vec<Then>,
    turns: usize,
}

fn context(id: Uuid, second: i64) -> Context {
    Context {
        id,
        scope: Scope::new("123456789012", "us-east-1"),
        at: jiff::Timestamp::from_second(1_800_000_000 + second).expect("an instant"),
        entropy: [7; 32],
        budget: 100,
        throttle_retry_secs: 3_600,
    }
}

pub(crate) fn source(document: &Value) -> DocumentSource {
    DocumentSource::Found {
        name: "Doc".to_owned(),
        version: "3".to_owned(),
        format: Format::Json,
        content: document.to_string(),
        attachments: Vec::new(),
    }
}

pub(crate) fn begin(document: &Value, parameters: &[(&str, &str)]) -> Begin {
    let given = parameters
        .iter()
        .map(|(name, value)| ((*name).to_owned(), vec![(*value).to_owned()]));
    Begin {
        start: Some(Box::new(Start {
            request: StartRun {
                document_name: "Doc".to_owned(),
                parameters: given.collect(),
                mode: "Auto".to_owned(),
                region: "us-east-1".to_owned(),
                ..StartRun::default()
            },
            document: source(document),
            parsed: Parsed::default(),
            target_type: None,
            queued: false,
        })),
        waiting: None,
        bound: None,
    }
}

/// Whether an operation of these tests only reads.
fn reads(operation: &str) -> bool {
    operation.starts_with("Describe") || operation.starts_with("Get")
}

pub(crate) fn answer(ask: &PreviewAsk, account: Account<'_>, made: &mut Vec<String>) -> Outcome {
    let PreviewAsk::Call { call, known, .. } = ask else {
        let isolated = matches!(ask, PreviewAsk::Script { isolated: true, .. });
        let planned = json!({"planned": {"isolated": isolated, "calls": [], "note": "not run"}});
        return Outcome::Done { result: planned };
    };
    let reading = reads(&call.operation);
    if reading && *known {
        made.push(call.operation.clone());
        return match account(call) {
            Ok(read) => Outcome::Done {
                result: json!({ "read": read }),
            },
            Err(code) => Outcome::Failed(Failure {
                code,
                message: "refused".to_owned(),
                status: Some(400),
                request_id: None,
                extended_request_id: None,
                shape: None,
                transient: false,
            }),
        };
    }
    let impact = if reading { "NonMutating" } else { "Mutating" };
    let id = call.params["Id"].as_str().unwrap_or("*");
    let needs = json!([{"action": format!("{}:{}", call.service, call.operation), "resources": [format!("arn:aws:ec2:us-east-1:123456789012:instance/{id}")]}]);
    Outcome::Done {
        result: json!({"planned": {"service": call.service, "operation": call.operation, "impact": impact, "class": "changes", "permissions": needs, "secrets": call.params}}),
    }
}

fn performed(command: &EffectCommand, account: Account<'_>, made: &mut Vec<String>) -> Outcome {
    match command {
        EffectCommand::Preview(ask) => answer(ask, account, made),
        EffectCommand::RunScript(script) => {
            made.push("script".to_owned());
            Outcome::Done {
                result: json!({"Payload": script.payload}),
            }
        }
        other => panic!("a preview asks for {other:?}"),
    }
}

/// Plays a preview; after each turn it is stored and restored. Children run `child`.
pub(crate) fn play(
    begin: Begin,
    second: i64,
    account: Account<'_>,
    child: Option<&Value>,
) -> Played {
    let cx = context(
        Uuid::from_u128(u128::from(second.unsigned_abs()) + 99),
        second,
    );
    let mut played = Vec::new();
    let mut then = Vec::new();
    let mut kept = 0;
    let mut stored: std::collections::BTreeMap<String, Value> = std::collections::BTreeMap::new();
    let mut input = Input::Start(Box::new(begin));
    let mut state = None;
    for turns in 1..1_000 {
        let decision = step(state, input, &cx).expect("taken");
        for frame in decision.frames {
            match frame.body {
                Some(body) => stored.insert(frame.key, body.into_value()),
                None => stored.remove(&frame.key),
            };
        }
        let restored = Preview::restore(stored.clone().into_iter().collect()).expect("restored");
        let mut next = None;
        for command in decision.commands {
            match command {
                Command::Perform { effect, command } => {
                    let outcome = performed(&command, account, &mut played);
                    next = Some(Input::Settled { effect, outcome });
                }
                Command::Next => {
                    let wanted = restored.wanted().map(|request| {
                        Box::new(Start {
                            request: request.clone(),
                            document: source(child.expect("a child's document")),
                            parsed: Parsed::default(),
                            target_type: None,
                            queued: false,
                        })
                    });
                    next = Some(Input::Next { child: wanted });
                }
                Command::Then(one) => then.push(one),
                Command::Kept => kept += 1,
            }
        }
        assert_eq!(
            kept,
            1 + i32::from(restored.is_over() && turns > 1),
            "it asks to be forgotten at its beginning and at its end"
        );
        let Some(following) = next else {
            return Played {
                preview: restored,
                made: played,
                then,
                turns,
            };
        };
        input = following;
        state = Some(restored);
    }
    panic!("the preview does not end")
}

fn plan_of(document: &Value, account: Account<'_>) -> Played {
    let played = play(begin(document, &[]), 0, account, None);
    assert_eq!(
        played.preview.status(),
        Status::Success,
        "{:?}",
        played.preview.message()
    );
    played
}

/// Planned calls as `Step service:Operation params`, those of uncertain steps with a question mark.
fn calls(played: &Played) -> Vec<String> {
    let summary = played.preview.summary().expect("a plan");
    let told = summary.steps.iter().flat_map(|step| {
        step.calls.iter().map(move |call| {
            let mark = if step.certain { "" } else { "?" };
            format!(
                "{mark}{} {}:{} {}",
                step.step, call.service, call.operation, call.params
            )
        })
    });
    told.collect()
}

fn nothing(_: &AwsCall) -> Result<Value, String> {
    Ok(json!({}))
}

pub(crate) fn api(name: &str, operation: &str, more: Value) -> Value {
    let mut inputs = json!({"Service": "ec2", "Api": operation});
    for (key, value) in more.as_object().expect("a map") {
        inputs[key] = value.clone();
    }
    json!({"name": name, "action": "aws:executeAwsApi", "inputs": inputs,
        "outputs": [{"Name": "Id", "Selector": "$.Id", "Type": "String"}, {"Name": "Flag", "Selector": "$.Flag", "Type": "Boolean"}, {"Name": "List", "Selector": "$.List", "Type": "StringList"}]})
}

pub(crate) fn doc(steps: Vec<Value>) -> Value {
    json!({"schemaVersion": "0.3", "mainSteps": steps})
}

pub(crate) fn branch(name: &str, variable: &str, to: &str, default: &str) -> Value {
    json!({"name": name, "action": "aws:branch", "inputs": {"Choices": [{"Variable": variable, "BooleanEquals": true, "NextStep": to}], "Default": default}})
}

#[test]
fn readings_are_made_and_changes_are_not() {
    let document = doc(vec![
        api("Look", "DescribeThing", json!({})),
        api("Make", "CreateThing", json!({"From": "{{ Look.Id }}"})),
        api(
            "Use",
            "TagThing",
            json!({"Id": "{{ Make.Id }}", "Text": "of {{ Make.Id }}, run {{ automation:EXECUTION_ID }}", "At": "{{ global:DATE_TIME }}"}),
        ),
        api("LookAgain", "DescribeThing", json!({"Id": "{{ Make.Id }}"})),
    ]);
    let played = plan_of(&document, &|_| Ok(json!({"Id": "i-1"})));
    assert_eq!(played.made, ["DescribeThing"]);
    assert_eq!(
        calls(&played),
        [
            r#"Make ec2:CreateThing {"From":"i-1"}"#,
            r#"Use ec2:TagThing {"Id":"<known after the run: Make.Id>","Text":"of <known after the run: Make.Id>, run <execution id>","At":"<time>"}"#,
            r#"LookAgain ec2:DescribeThing {"Id":"<known after the run: Make.Id>"}"#,
        ]
    );
    let summary = played.preview.summary().expect("a plan");
    assert_eq!(summary.outcome, "Success");
    assert!(summary.complete);
    assert_eq!(
        summary.step_counts(),
        [("Mutating", 2), ("NonMutating", 2)].into()
    );
    assert_eq!(
        (&summary.accounts[..], &summary.regions[..]),
        (
            &["123456789012".to_owned()][..],
            &["us-east-1".to_owned()][..]
        )
    );
}

#[test]
fn people_are_named_and_not_asked() {
    let document = doc(vec![
        json!({"name": "Ask", "action": "aws:approve", "inputs": {"Approvers": ["alice"]}}),
        json!({"name": "Hold", "action": "aws:pause", "inputs": {}}),
        json!({"name": "Rest", "action": "aws:sleep", "inputs": {"Duration": "P1D"}}),
        api(
            "Do",
            "StopThing",
            json!({"Said": "{{ Ask.ApprovalStatus }}"}),
        ),
    ]);
    let played = plan_of(&document, &nothing);
    assert_eq!(calls(&played), [r#"Do ec2:StopThing {"Said":"Approved"}"#]);
    let notes = played
        .preview
        .summary()
        .expect("a plan")
        .steps
        .iter()
        .map(|step| step.note.clone());
    let notes: Vec<String> = notes.map(Option::unwrap_or_default).collect();
    assert_eq!(
        notes[..3],
        [
            r#"asks ["alice"]; shown as if they agreed"#,
            "waits until a person resumes it",
            "sleeps: P1D"
        ]
    );
}

#[test]
fn waits_and_asserts_are_judged_after_the_changes() {
    let wait = |action: &str, name: &str| json!({"name": name, "action": action, "inputs": {"Service": "ec2", "Api": "DescribeThing", "PropertySelector": "$.State", "DesiredValues": ["stopped"]}});
    let after = doc(vec![
        api("Stop", "StopThing", json!({"Id": "i-123"})),
        wait("aws:waitForAwsResourceProperty", "Wait"),
        wait("aws:assertAwsResourceProperty", "Assert"),
        api("Then", "TagThing", json!({})),
    ]);
    let running = |_: &AwsCall| Ok(json!({"State": "running"}));
    assert_eq!(calls(&plan_of(&after, &running)).len(), 2);
    // Nothing will have changed by then: the run would fail here, and so says the plan.
    let before = doc(vec![
        wait("aws:assertAwsResourceProperty", "Assert"),
        api("Then", "TagThing", json!({})),
    ]);
    let played = plan_of(&before, &running);
    assert!(calls(&played).is_empty());
    let outcome = &played.preview.summary().expect("a plan").outcome;
    assert!(outcome.starts_with("Failed: "), "{outcome}");
}

#[test]
fn scripts_that_compute_are_run_and_others_are_not() {
    let script = |name: &str, text: &str, payload: Value| json!({"name": name, "action": "aws:executeScript", "inputs": {"Runtime": "python3.11", "Handler": "main", "Script": text, "InputPayload": payload}, "outputs": [{"Name": "Id", "Selector": "$.Payload.Id", "Type": "String"}]});
    let pure = "def main(events, context):\n    return events";
    let document = doc(vec![
        script("Compute", pure, json!({"Id": "i-7"})),
        script(
            "Call",
            "import boto3\ndef main(events, context):\n    return {}",
            json!({}),
        ),
        script("ComputeLater", pure, json!({"Id": "{{ Call.Id }}"})),
        api(
            "Use",
            "StopThing",
            json!({"A": "{{ Compute.Id }}", "B": "{{ Call.Id }}", "C": "{{ ComputeLater.Id }}"}),
        ),
    ]);
    let played = plan_of(&document, &nothing);
    assert_eq!(played.made, ["script"]);
    let summary = played.preview.summary().expect("a plan");
    assert_eq!(
        calls(&played).last().expect("a call"),
        r#"Use ec2:StopThing {"A":"i-7","B":"<known after the run: Call.Id>","C":"<known after the run: ComputeLater.Id>"}"#
    );
    assert_eq!(
        summary.step_counts(),
        [("Mutating", 1), ("NonMutating", 2), ("Undetermined", 1)].into()
    );
}

#[test]
fn loops_over_unknown_lists_show_one_pass() {
    let inner = api(
        "Each",
        "StopThing",
        json!({"Id": "{{ loop.CurrentIteratorValue }}"}),
    );
    let over = |items: &str| json!({"name": "Over", "action": "aws:loop", "inputs": {"Iterators": items, "IteratorDataType": "String", "Steps": [inner.clone()]}});
    let known = doc(vec![
        api("Look", "DescribeThing", json!({})),
        over("{{ Look.List }}"),
    ]);
    let played = plan_of(&known, &|_| Ok(json!({"List": ["a-1", "a-2"]})));
    assert_eq!(
        calls(&played),
        [
            r#"Each ec2:StopThing {"Id":"a-1"}"#,
            r#"Each ec2:StopThing {"Id":"a-2"}"#
        ]
    );
    let unknown = doc(vec![
        api("Make", "CreateThing", json!({})),
        over("{{ Make.List }}"),
    ]);
    let played = plan_of(&unknown, &nothing);
    assert_eq!(
        calls(&played)[1..],
        [r#"Each ec2:StopThing {"Id":"<known after the run: each of Make.List>"}"#]
    );
}

#[test]
fn children_are_planned_with_what_they_are_given() {
    let parent = doc(vec![
        api("Make", "CreateThing", json!({})),
        json!({"name": "Run", "action": "aws:executeAutomation", "inputs": {"DocumentName": "Child", "RuntimeParameters": {"Id": "{{ Make.Id }}", "Count": 2}}}),
        api("After", "TagThing", json!({"Out": "{{ Run.Output }}"})),
    ]);
    let child = json!({"schemaVersion": "0.3",
        "parameters": {"Id": {"type": "String", "allowedPattern": "^i-[0-9]+$"}, "Count": {"type": "Integer"}},
        "mainSteps": [api("Stop", "StopThing", json!({"Id": "{{ Id }}", "Count": "{{ Count }}"}))]});
    let played = play(begin(&parent, &[]), 0, &nothing, Some(&child));
    assert_eq!(
        calls(&played)[1..],
        [
            r#"Stop ec2:StopThing {"Id":"<known after the run: Make.Id>","Count":2}"#.to_owned(),
            r#"After ec2:TagThing {"Out":[]}"#.to_owned(),
        ]
    );
    let depths: Vec<u32> = played
        .preview
        .summary()
        .expect("a plan")
        .steps
        .iter()
        .map(|step| step.depth)
        .collect();
    assert_eq!(depths, [0, 0, 1, 0]);
}

#[test]
fn what_comes_in_cannot_look_unknown() {
    let mark = "\u{E0F1}x\u{E0F2}";
    let document = json!({"schemaVersion": "0.3", "parameters": {"P": {"type": "String"}}, "mainSteps": [
        api("Look", "DescribeThing", json!({})), api("Use", "StopThing", json!({"Id": "{{ Look.Id }}"}))]});
    let refused = step(
        None,
        Input::Start(Box::new(begin(&document, &[("P", mark)]))),
        &context(Uuid::nil(), 0),
    );
    assert!(refused.is_err_and(|error| error.to_string().contains("\"P\"")));
    let account = |_: &AwsCall| Ok(json!({ "Id": mark }));
    let played = play(begin(&document, &[("P", "plain")]), 0, &account, None);
    let planned = calls(&played).join(" ");
    assert!(
        !planned.contains("known after") && planned.contains('\u{FFFD}'),
        "{planned}"
    );
}

#[test]
fn a_document_that_goes_round_for_ever_ends_as_a_plan() {
    let document = doc(vec![
        api("Look", "DescribeThing", json!({})),
        json!({"name": "Rest", "action": "aws:sleep", "nextStep": "Look", "inputs": {"Duration": "PT1S"}}),
    ]);
    let played = plan_of(&document, &nothing);
    assert_eq!(played.made, ["DescribeThing"], "all rounds see the same");
    assert!(played.turns < 20, "{} turns", played.turns);
}

#[test]
fn a_failed_reading_is_told_in_the_plan() {
    let document = doc(vec![
        api("Look", "DescribeThing", json!({})),
        api("Stop", "StopThing", json!({})),
    ]);
    let played = plan_of(&document, &|_| Err("AccessDenied".to_owned()));
    let summary = played.preview.summary().expect("a plan");
    assert!(
        summary.outcome.contains("AccessDenied"),
        "{}",
        summary.outcome
    );
    assert_eq!(summary.steps.len(), 1);
    assert!(
        summary.steps[0]
            .note
            .as_deref()
            .is_some_and(|note| note.starts_with("would fail: "))
    );
}
