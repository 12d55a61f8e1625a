//! What is fuzzed: one function for each reader of bytes from outside, which any bytes may be given and which must not
//! panic. Shared by the fuzzer (`fuzz/src/main.rs`, nightly) and by the replay of the kept corpora
//! (`tests/it/corpora.rs`, stable).

use flow::asl::dataset::inflate::Inflate;
use flow::asl::dataset::{Decoder, Sink, csv, json, lines};
use flow::asl::definition::{self, Csv, MachineType};
use flow::asl::{Start, Status};
use flow::automation::document::{self, Format};
use serde_json::{Value, json};

use super::world::{World, start};

/// What takes any bytes.
pub(crate) type Target = fn(&[u8]);

/// All targets by name; the name is also that of the corpus.
pub(crate) const TARGETS: &[(&str, Target)] = &[
    ("automation", automation),
    ("definition", definition),
    ("path", path),
    ("intrinsic", intrinsic),
    ("jsonata", jsonata),
    ("dataset", dataset),
    ("gzip", gzip),
];

/// Transitions of one turn.
const BUDGET: u32 = 2_000;

/// What expressions are put to.
const INPUT: &str = r#"{"a":[{"b":1,"c":"x"},{"b":2.5,"c":"y"},{"b":null}],"a-b":{"c":[[1,2],[3]]},"n":9007199254740993,
    "s":"text \\ {} '","t":"2026-01-01T00:00:00Z","e":"","o":{},"l":[],"yes":true}"#;

/// The text of an Automation document: read or refused with places.
fn automation(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    for format in [Format::Json, Format::Yaml] {
        let (document, complaints) = document::parse(text, format);
        assert_eq!(document.is_some(), complaints.is_empty(), "neither or both");
    }
}

/// The text of a state machine: refused with places, or run until it ends or waits for the world.
fn definition(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let _ = definition::parse(text, MachineType::Express);
    run(text);
}

/// A path, as everything that takes one.
fn path(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    run(&one(
        &json!({"Type": "Pass", "InputPath": text, "End": true}),
    ));
    run(&one(
        &json!({"Type": "Pass", "Parameters": {"v.$": text}, "End": true}),
    ));
    run(&one(
        &json!({"Type": "Pass", "ResultPath": text, "Result": 7, "End": true}),
    ));
    let choice = json!({"Type": "Choice", "Default": "E", "Choices": [{"Variable": text, "IsPresent": true, "Next": "E"}]});
    run(&json!({"StartAt": "S", "States": {"S": choice, "E": {"Type": "Succeed"}}}).to_string());
}

/// A call of an intrinsic function.
fn intrinsic(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    run(&one(
        &json!({"Type": "Pass", "Parameters": {"v.$": text}, "End": true}),
    ));
}

/// An expression of the query language.
fn jsonata(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let expression = format!("{{% {text} %}}");
    run(&one(
        &json!({"Type": "Pass", "QueryLanguage": "JSONata", "Output": expression, "End": true}),
    ));
}

/// An object of a data set: its first byte says how it is written, its second where the first window ends. Windows change
/// nothing of what comes out.
fn dataset(data: &[u8]) {
    let [format, cut, bytes @ ..] = data else {
        return;
    };
    let table = |headers: Option<Vec<String>>| {
        let delimiter = b',';
        csv::Decoder::new(&Csv { headers, delimiter }).map(Decoder::Csv)
    };
    let made = match format % 5 {
        0 => table(None),
        1 => table(Some(vec!["a".to_owned(), "b".to_owned()])),
        2 => Ok(Decoder::Lines(lines::Decoder::default())),
        3 => json::Decoder::new("").map(Decoder::Json),
        _ => json::Decoder::new("/a/1").map(Decoder::Json),
    };
    let Ok(decoder) = made else {
        return;
    };
    let whole = decoded(decoder.clone(), bytes, bytes.len());
    let parts = decoded(decoder, bytes, usize::from(*cut));
    assert_eq!(whole, parts, "windows change nothing");
}

/// What comes of an object in windows of which the first ends at `cut`, the second with the object.
fn decoded(mut decoder: Decoder, bytes: &[u8], cut: usize) -> Result<Vec<Value>, String> {
    let mut sink = Sink::new(None);
    let cut = cut.min(bytes.len());
    let mut used = 0;
    if cut < bytes.len() {
        let first = decoder.decode(&bytes[..cut], false, &mut sink);
        used = first.map_err(|error| error.to_string())?;
        assert!(used <= cut, "no more than there was");
    }
    if !decoder.is_done() {
        let second = decoder.decode(&bytes[used..], true, &mut sink);
        second.map_err(|error| error.to_string())?;
    }
    Ok(sink.items)
}

/// A compressed object: opened or refused, and never more than was asked for, but for one match.
fn gzip(data: &[u8]) {
    const MOST: usize = 65_536;
    let mut inflate = Inflate::default();
    let mut rest = data;
    for _ in 0..64 {
        let Ok((used, out)) = inflate.open(rest, true, MOST) else {
            return;
        };
        assert!(out.len() < MOST + 258, "{} bytes", out.len());
        rest = &rest[used..];
        if out.len() < MOST {
            return;
        }
    }
}

fn one(state: &Value) -> String {
    json!({"StartAt": "S", "States": {"S": state}}).to_string()
}

/// Runs a machine, if it is one; the world sees to it that what is stored tells the whole state after each turn.
fn run(definition: &str) {
    let start = Start {
        definition: definition.to_owned(),
        input: INPUT.to_owned(),
        ..start(&Value::Null, &Value::Null)
    };
    let valid = definition::parse(definition, MachineType::Standard).is_ok();
    let Ok(world) = World::run(start, BUDGET) else {
        assert!(!valid, "a valid definition starts");
        return;
    };
    let ids = world
        .history
        .iter()
        .map(|event| event.get("id").and_then(Value::as_u64));
    assert!(
        ids.eq((1..=world.history.len() as u64).map(Some)),
        "events are counted"
    );
    if world.execution.status() == Status::Failed {
        let (error, _) = world.execution.failure();
        assert!(
            error.is_some() || definition.contains("Fail"),
            "a failure has a name"
        );
    }
    assert!(world.at.as_second() > 0);
}
