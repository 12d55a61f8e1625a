//! Hostile data sets: whatever is read, one step brings no more than memory is given for, and what is stored stays small.

use std::collections::BTreeMap;

use flow::asl::dataset::reading::Reading;
use flow::asl::dataset::{MAX_ITEM, MAX_WEIGHT};
use flow::asl::definition::{Csv, Format, Source};
use flow::asl::map_run::{self, Command, End, Input, MapRun};
use flow::asl::{self, Context, Status};
use jiff::Timestamp;
use model::effect::Outcome;
use model::{EffectCommand, FrameBody, Scope};
use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use super::bucket::Bucket;
use super::datasets::gzip;
use super::telling::distributed;
use super::world::start;

/// Steps of one data set that are looked at.
const STEPS: usize = 8;
/// Bytes that a reading may take where it is stored: the tail of a compressed object, in base64, and small things.
const STORED: usize = 1_600_000;

/// About the bytes of memory that a value takes.
fn memory(value: &Value) -> usize {
    size_of::<Value>()
        + match value {
            Value::Array(items) => items.iter().map(memory).sum(),
            Value::Object(members) => members
                .iter()
                .map(|(name, value)| 40 + name.len() + memory(value))
                .sum(),
            Value::String(text) => text.len(),
            _ => 0,
        }
}

/// Reads some steps of an object: the largest that one brought, and the largest that was to be stored behind one.
fn steps(format: Format, bytes: Vec<u8>) -> (usize, usize) {
    let mut bucket = Bucket::default();
    bucket.objects.insert("k".to_owned(), bytes);
    let given = json!({"Bucket": "b", "Key": "k"});
    let mut reading = Reading::begin(&Source::Object(format), given, ("", None)).expect("a reader");
    let (mut most, mut stored) = (0, 0);
    for _ in 0..STEPS {
        let items = if reading.has_rest() {
            reading.rest()
        } else if let Some(wanted) = reading.wanted() {
            let params = Value::Object(wanted.parameters);
            reading.take(bucket.answer(wanted.operation, &params).as_ref())
        } else {
            break;
        };
        let Ok(items) = items else { break };
        most = most.max(items.iter().map(memory).sum());
        stored = stored.max(serde_json::to_string(&reading).expect("JSON").len());
    }
    (most, stored)
}

/// Objects of few bytes for each of their items, or of few bytes for very many.
fn hostile() -> impl Strategy<Value = (&'static str, Vec<u8>)> {
    let wide = (500_usize..3_300, 1_usize..400_000).prop_map(|(columns, rows)| {
        let names: Vec<String> = (0..columns).map(|n| format!("{n:x}")).collect();
        let mut text = names.join(",");
        text.push_str(&"\n,".repeat(rows));
        ("csv", text.into_bytes())
    });
    let lines = (
        1_usize..1_000_000,
        prop_oneof![Just("0\n"), Just("[]\n"), Just("{}\r\n")],
    )
        .prop_map(|(count, line)| ("lines", line.repeat(count).into_bytes()));
    let deep = (1_usize..140, 1_usize..20_000).prop_map(|(depth, count)| {
        let item = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let count = count.min(4_000_000 / item.len());
        let items = vec![item; count].join(",");
        ("json", format!("[{items}]").into_bytes())
    });
    let many = (1_usize..130_000, 1_usize..20).prop_map(|(values, count)| {
        let item = format!("[{}1]", "1,".repeat(values));
        let items = vec![item; count].join(",");
        ("json", format!("[{items}]").into_bytes())
    });
    prop_oneof![wide, lines, deep, many]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]

    #[test]
    fn no_step_brings_more_than_memory_is_given_for((format, bytes) in hostile(), packed: bool) {
        let format = match format {
            "csv" => Format::Csv(Csv { headers: None, delimiter: b',' }),
            "json" => Format::Json { pointer: None },
            _ => Format::JsonLines,
        };
        let bytes = if packed { gzip(&bytes) } else { bytes };
        let (most, stored) = steps(format, bytes);
        // A weight is about the memory: within a half more, and one item more, whose smallest values have two bytes.
        let item = MAX_ITEM / 2 * size_of::<Value>();
        prop_assert!(most <= MAX_WEIGHT + MAX_WEIGHT + item, "{most}");
        prop_assert!(stored <= STORED, "{stored}");
    }
}

fn at() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().expect("an instant")
}

/// A map run, with what the store holds of it.
struct Stored {
    run: Option<MapRun>,
    frames: BTreeMap<String, Value>,
    /// Bytes of frames that were written.
    written: usize,
    bucket: Bucket,
    living: Vec<(u32, String)>,
    told: Option<Value>,
}

impl Stored {
    fn begin(kind: &str, fields: &Value, objects: &[(&str, Vec<u8>)]) -> Self {
        let start = start(
            &distributed(kind, fields, &json!({"P": {"Type": "Pass", "End": true}})),
            &json!({}),
        );
        let start = asl::Input::Start(Box::new(start));
        let decision = asl::step(None, start, &context(1)).expect("a machine");
        let begun = decision.commands.into_iter().find_map(|it| match it {
            asl::Command::BeginMapRun { begin, .. } => Some(begin),
            _ => None,
        });
        let objects = objects.iter();
        let mut stored = Self {
            run: None,
            frames: BTreeMap::new(),
            written: 0,
            bucket: Bucket {
                objects: objects
                    .map(|(key, bytes)| ((*key).to_owned(), bytes.clone()))
                    .collect(),
                ..Bucket::default()
            },
            living: Vec::new(),
            told: None,
        };
        stored.say(Input::Begin(begun.expect("a map run")));
        stored
    }

    fn say(&mut self, input: Input) {
        let mut queue = vec![input];
        while let Some(input) = queue.pop() {
            let decision = map_run::step(self.run.take(), input, &context(2)).expect("taken");
            for frame in decision.frames {
                match frame.body.map(FrameBody::into_value) {
                    Some(body) => {
                        self.written += body.to_string().len();
                        self.frames.insert(frame.key, body);
                    }
                    None => {
                        self.frames.remove(&frame.key);
                    }
                }
            }
            self.run = Some(decision.state);
            for command in decision.commands {
                match command {
                    Command::Start { start, .. } => {
                        let index = start.member().expect("a member").index();
                        self.living.push((index, start.input));
                    }
                    Command::Perform { effect, command } => {
                        let EffectCommand::CallAws(call) = *command else {
                            panic!("unexpected: {command:?}");
                        };
                        let outcome = match self.bucket.answer(&call.operation, &call.params) {
                            Ok(result) => Outcome::Done { result },
                            Err(failure) => Outcome::Failed(failure),
                        };
                        queue.push(Input::Effect { effect, outcome });
                    }
                    Command::Continue => queue.push(Input::Continue),
                    Command::Tell { report, .. } => {
                        self.told = Some(serde_json::to_value(report).expect("JSON"));
                    }
                    Command::Stop { .. } | Command::Redrive { .. } => {}
                }
            }
        }
    }

    /// Ends one that lives.
    fn end(&mut self, status: Status, output: &str) {
        let (index, input) = self.living.remove(0);
        let good = status == Status::Succeeded;
        let end = Box::new(End {
            status,
            input: (!good).then_some(input),
            output: good.then(|| output.to_owned()),
            error: (!good).then(|| "Bad".to_owned()),
            cause: None,
            started: at(),
            stopped: at(),
            redrives: 0,
            redrivable: !good,
        });
        self.say(Input::Ended {
            index,
            attempt: 0,
            end,
        });
    }

    fn bytes(&self) -> usize {
        self.frames
            .iter()
            .map(|(key, body)| key.len() + body.to_string().len())
            .sum()
    }

    /// The state as it is stored is the state.
    fn check(&self) {
        let stored = self.frames.clone().into_iter().collect();
        let restored = MapRun::restore(stored).expect("a map run");
        assert!(Some(&restored) == self.run.as_ref(), "another state");
    }
}

fn context(id: u128) -> Context {
    Context {
        id: Uuid::from_u128(id),
        scope: Scope::new("111111111111", "us-east-1"),
        at: at(),
        entropy: [0; 32],
        budget: 100,
        definitions: std::sync::Arc::default(),
    }
}

fn reader(key: &str, config: &Value) -> Value {
    json!({"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": config,
        "Parameters": {"Bucket": "b", "Key": key}})
}

#[test]
fn what_is_stored_of_an_execution_that_has_ended_is_small_and_its_items_are_gone() {
    for kind in ["STANDARD", "EXPRESS"] {
        let text: String = (0..10_000).map(|n| format!("\"{n:0>500}\"\n")).collect();
        let fields = json!({"ItemReader": reader("k", &json!({"InputType": "JSONL"})),
            "ToleratedFailureCount": 1, "MaxConcurrency": 100});
        let mut stored = Stored::begin(kind, &fields, &[("k", text.into_bytes())]);
        let mut largest = 0;
        stored.end(Status::Failed, "");
        for n in 1..10_000 {
            stored.end(Status::Succeeded, "1");
            if n % 500 == 0 {
                stored.check();
                let items = stored
                    .frames
                    .iter()
                    .filter(|(key, _)| key.starts_with("items/"));
                let items: usize = items.map(|(_, body)| body.to_string().len()).sum();
                largest = largest.max(items);
            }
        }
        stored.check();
        // No more than what is read ahead, as it is given up.
        assert!(largest < 4_000_000, "{largest} bytes of items");
        let items = stored.frames.keys().filter(|key| key.starts_with("items/"));
        // An Express execution that failed needs its item, should it live again.
        assert_eq!(items.count(), usize::from(kind == "EXPRESS"));
        assert!(stored.bytes() < 10_000 * 300, "{} bytes", stored.bytes());
        let told = stored.told.expect("told");
        assert_eq!(told["outcome"]["type"], "succeeded");
        assert_eq!(
            told["outcome"]["result"].as_array().map(Vec::len),
            Some(10_000)
        );
    }
}

#[test]
fn so_much_is_read_as_those_that_run_leave_room_for() {
    // 600 items with half a megabyte of memory each, all of which could run at once.
    let row = format!("[{}1]\n", "1,".repeat(7_999));
    let fields = json!({"ItemReader": reader("k", &json!({"InputType": "JSONL"}))});
    let objects = [("k", row.repeat(600).into_bytes())];
    let mut stored = Stored::begin("EXPRESS", &fields, &objects);
    let (mut ended, mut most) = (0, 0);
    while !stored.living.is_empty() {
        most = most.max(stored.living.len());
        stored.end(Status::Succeeded, "1");
        ended += 1;
    }
    assert_eq!(ended, 600);
    assert!((200..400).contains(&most), "{most} at once");
    assert_eq!(stored.told.expect("told")["outcome"]["type"], "succeeded");
}

#[test]
fn results_that_are_too_large_for_a_state_are_not_kept() {
    let text: String = (0..100).map(|n| format!("{n}\n")).collect();
    let fields =
        json!({"ItemReader": reader("k", &json!({"InputType": "JSONL"})), "MaxConcurrency": 1});
    let mut stored = Stored::begin("STANDARD", &fields, &[("k", text.into_bytes())]);
    let output = json!("x".repeat(50_000)).to_string();
    for _ in 0..100 {
        stored.end(Status::Succeeded, &output);
        stored.check();
    }
    assert!(stored.bytes() < 300_000, "{} bytes", stored.bytes());
    let told = stored.told.expect("told");
    assert_eq!(told["outcome"]["error"], "States.DataLimitExceeded");
}

#[test]
fn what_described_a_failure_does_not_count_once_its_execution_has_succeeded() {
    let items: Vec<String> = (0..4)
        .map(|n| format!("{n}{}", "x".repeat(120_000)))
        .collect();
    let text: String = items
        .iter()
        .map(|item| format!("{}\n", json!(item)))
        .collect();
    let fields = json!({"ItemReader": reader("k", &json!({"InputType": "JSONL"})), "ToleratedFailureCount": 3});
    let mut stored = Stored::begin("EXPRESS", &fields, &[("k", text.into_bytes())]);
    for _ in 0..4 {
        stored.end(Status::Failed, "");
    }
    stored.say(Input::Redrive { redrives: 1 });
    for index in 0..4_u32 {
        stored.check();
        let end = Box::new(End {
            status: Status::Succeeded,
            input: None,
            output: Some(index.to_string()),
            error: None,
            cause: None,
            started: at(),
            stopped: at(),
            redrives: 0,
            redrivable: false,
        });
        stored.say(Input::Ended {
            index,
            attempt: 1,
            end,
        });
    }
    stored.check();
    let told = stored.told.expect("told");
    assert_eq!(told["outcome"]["result"], json!([0, 1, 2, 3]));
}

#[test]
fn a_manifest_is_stored_once_however_many_objects_it_lists() {
    let list: String = (0..2_000)
        .map(|n| format!("s3://b/part/{n:0>200}\n"))
        .collect();
    let mut objects = vec![("m".to_owned(), list.into_bytes())];
    objects.extend((0..2_000).map(|n| (format!("part/{n:0>200}"), format!("{n}\n").into_bytes())));
    let objects: Vec<(&str, Vec<u8>)> = objects
        .iter()
        .map(|(key, bytes)| (key.as_str(), bytes.clone()))
        .collect();
    let config = json!({"ManifestType": "ATHENA_DATA", "InputType": "JSONL"});
    let fields = json!({"ItemReader": reader("m", &config), "MaxConcurrency": 1});
    let mut stored = Stored::begin("STANDARD", &fields, &objects);
    for _ in 0..2_000 {
        stored.end(Status::Succeeded, "1");
    }
    stored.check();
    assert_eq!(stored.told.expect("told")["outcome"]["type"], "succeeded");
    assert!(!stored.frames.contains_key("places"));
    assert!(stored.written < 2_000 * 5_000, "{} bytes", stored.written);
}

#[test]
fn a_run_has_as_many_executions_as_may_be_and_no_more() {
    let text: String = (0..3).map(|n| format!("{n}\n")).collect();
    let fields =
        json!({"ItemReader": reader("k", &json!({"InputType": "JSONL"})), "MaxConcurrency": 1});
    let mut stored = Stored::begin("STANDARD", &fields, &[("k", text.into_bytes())]);
    stored.frames.get_mut("").expect("a root")["begun"] = json!(map_run::MAX_EXECUTIONS);
    let frames = stored.frames.clone().into_iter().collect();
    stored.run = Some(MapRun::restore(frames).expect("a map run"));
    stored.end(Status::Succeeded, "1");
    let outcome = &stored.told.expect("told")["outcome"];
    assert_eq!(outcome["error"], "States.ItemReaderFailed");
    let cause = outcome["cause"].as_str().expect("a cause");
    assert!(cause.contains("more than 250000 executions"), "{cause}");
}

#[test]
fn written_results_are_bounded_together() {
    let text: String = (0..10).map(|n| format!("{n}\n")).collect();
    let fields = json!({"ItemReader": reader("k", &json!({"InputType": "JSONL"})), "MaxConcurrency": 1,
        "ResultWriter": {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "b"}}});
    let mut stored = Stored::begin("STANDARD", &fields, &[("k", text.into_bytes())]);
    stored.end(Status::Succeeded, "1");
    stored.frames.get_mut("").expect("a root")["bytes"] = json!(map_run::MAX_RESULTS);
    let frames = stored.frames.clone().into_iter().collect();
    stored.run = Some(MapRun::restore(frames).expect("a map run"));
    stored.end(Status::Succeeded, "1");
    let outcome = &stored.told.expect("told")["outcome"];
    assert_eq!(outcome["error"], "States.ResultWriterFailed");
    let cause = outcome["cause"].as_str().expect("a cause");
    assert!(cause.contains("more than 134217728 bytes"), "{cause}");
    // What there is has been written all the same.
    let keys = stored.bucket.objects.keys();
    assert_eq!(keys.filter(|key| key.ends_with(".json")).count(), 3);
}
