//! Rows of state machines: transitions in a second, and what a Map and a loop of a thousand take.
//!
//! An execution is played from its start to its end, the definition's reading included; each turn's frames are made as
//! the engine would store them, but become JSON only there.

use flow::asl::{self, Command, Context, Execution, Input, Start, Status};
use jiff::Timestamp;
use model::Scope;
use serde_json::{Value, json};
use uuid::Uuid;

use super::rate;

/// States of a chain, and how often it is walked.
const CHAIN: u32 = 100;
const WALKS: u32 = 50;
/// Iterations of the Map and of the loop.
const TIMES: u32 = 1_000;
/// States that one turn enters before others have theirs, as the engine has it.
const BUDGET: u32 = 10_000;

/// Measures the rows whose names are wanted.
pub(crate) fn rows(wanted: impl Fn(&str) -> bool) {
    for language in ["JSONPath", "JSONata"] {
        let name = format!("chain of Pass and Choice, {language}");
        if wanted(&name) {
            let definition = chain(language);
            // Each walk ends with a count and a look at it.
            let transitions = u64::from(WALKS * (CHAIN + 2));
            let best = rate(|| {
                play(&definition, "{\"n\": 0}");
                transitions
            });
            println!("{name:36} {best:>12.0} transitions/s");
        }
    }
    let items = json!((0..TIMES).collect::<Vec<_>>()).to_string();
    let whole = [
        ("Map over 1,000 Pass", map(), items),
        ("loop of 1,000 Choices", counting(), "{\"n\": 0}".to_owned()),
    ];
    for (name, definition, input) in whole.iter().filter(|(name, ..)| wanted(name)) {
        let best = rate(|| {
            play(definition, input);
            1
        });
        println!("{name:36} {:>12.2} ms", 1e3 / best);
    }
}

/// Pass and Choice in turn, walked until the count is reached.
fn chain(language: &str) -> String {
    let jsonata = language == "JSONata";
    let mut states = serde_json::Map::new();
    for n in 0..CHAIN {
        let next = format!("S{}", n + 1);
        let state = match (n % 2, jsonata) {
            (0, _) => json!({"Type": "Pass", "Next": next}),
            (_, true) => json!({
                "Type": "Choice", "Default": "Never",
                "Choices": [{"Condition": "{% $states.input.n >= 0 %}", "Next": next}],
            }),
            (_, false) => json!({
                "Type": "Choice", "Default": "Never",
                "Choices": [{"Variable": "$.n", "NumericGreaterThanEquals": 0, "Next": next}],
            }),
        };
        states.insert(format!("S{n}"), state);
    }
    let (count, again) = if jsonata {
        (
            json!({"Type": "Pass", "Output": {"n": "{% $states.input.n + 1 %}"}, "Next": "Again"}),
            json!([{"Condition": format!("{{% $states.input.n < {WALKS} %}}"), "Next": "S0"}]),
        )
    } else {
        (
            json!({"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, 1)"}, "Next": "Again"}),
            json!([{"Variable": "$.n", "NumericLessThan": WALKS, "Next": "S0"}]),
        )
    };
    states.insert(format!("S{CHAIN}"), count);
    states.insert(
        "Again".to_owned(),
        json!({"Type": "Choice", "Choices": again, "Default": "Done"}),
    );
    states.insert("Done".to_owned(), json!({"Type": "Succeed"}));
    states.insert("Never".to_owned(), json!({"Type": "Fail"}));
    json!({"QueryLanguage": language, "StartAt": "S0", "States": states}).to_string()
}

/// A Map over its input, each iteration one Pass.
fn map() -> String {
    let pass = json!({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}});
    let map = json!({"Type": "Map", "ItemProcessor": pass, "End": true});
    json!({"StartAt": "M", "States": {"M": map}}).to_string()
}

/// A counter that a Choice compares until it is a thousand.
fn counting() -> String {
    let choice = json!({
        "Type": "Choice", "Default": "Add",
        "Choices": [{"Variable": "$.n", "NumericGreaterThanEquals": TIMES, "Next": "Done"}],
    });
    let add =
        json!({"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, 1)"}, "Next": "Enough"});
    json!({"StartAt": "Enough", "States": {"Enough": choice, "Add": add, "Done": {"Type": "Succeed"}}}).to_string()
}

fn play(definition: &str, input: &str) {
    let cx = Context {
        id: Uuid::from_u128(42),
        scope: Scope::new("123456789012", "eu-west-1"),
        at: Timestamp::UNIX_EPOCH,
        entropy: [0; 32],
        budget: BUDGET,
        definitions: std::sync::Arc::default(),
    };
    let mut next = Some(Input::Start(Box::new(start(definition, input))));
    let mut execution: Option<Execution> = None;
    while let Some(input) = next.take() {
        let decision = asl::step(execution.take(), input, &cx).expect("taken");
        std::hint::black_box((&decision.frames, &decision.facts));
        next = decision
            .commands
            .iter()
            .any(|command| matches!(command, Command::Continue))
            .then_some(Input::Continue);
        execution = Some(decision.state);
    }
    let execution = execution.expect("an execution");
    assert_eq!(execution.status(), Status::Succeeded);
    assert!(execution.output().is_some());
}

fn start(definition: &str, input: &str) -> Start {
    let arn =
        |kind: &str, name: &str| format!("arn:aws:states:eu-west-1:123456789012:{kind}:{name}");
    let start: Result<Start, _> = serde_json::from_value(json!({
        "name": "run", "arn": arn("execution", "bench:run"), "machine_arn": arn("stateMachine", "bench"),
        "machine_name": "bench", "definition": definition, "role_arn": Value::from("arn:aws:iam::123456789012:role/bench"),
        "input": input,
    }));
    start.expect("a start")
}
