//! Redriven map runs: whatever was open when one ended, it goes on with what is left, once.

use std::collections::BTreeMap;

use flow::asl::map_run::{Command, End, Input, RunStatus};
use flow::asl::{self, Context, Start, Status};
use jiff::Timestamp;
use model::effect::{Failure, Outcome};
use model::{EffectCommand, Scope};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::spread::Line;
use super::telling::distributed;
use super::world::start;

fn at() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().expect("an instant")
}

/// A map run, the inputs of its living executions by their index, the calls that are open, and what its parent was told.
struct Played {
    line: Line,
    living: BTreeMap<u32, String>,
    calls: Vec<(Uuid, String, Value)>,
    told: Vec<Value>,
    started: Vec<String>,
    /// What its first execution was started with.
    first: Option<Box<Start>>,
}

impl Played {
    fn begin(kind: &str, fields: &Value, input: &Value) -> Self {
        let start = start(
            &distributed(kind, fields, &json!({"P": {"Type": "Pass", "End": true}})),
            input,
        );
        let cx = Context {
            id: Uuid::from_u128(1),
            scope: Scope::new("111111111111", "us-east-1"),
            at: at(),
            entropy: [0; 32],
            budget: 100,
            definitions: std::sync::Arc::default(),
        };
        let decision = asl::step(None, asl::Input::Start(Box::new(start)), &cx).expect("a machine");
        let begun = decision.commands.into_iter().find_map(|it| match it {
            asl::Command::BeginMapRun { run, begin } => Some((run, begin)),
            _ => None,
        });
        let (run, begin) = begun.expect("a map run");
        let mut played = Self {
            line: Line::new(run, at()),
            living: BTreeMap::new(),
            calls: Vec::new(),
            told: Vec::new(),
            started: Vec::new(),
            first: None,
        };
        played.say(Input::Begin(begin));
        played
    }

    fn say(&mut self, input: Input) {
        for command in self.line.say(input) {
            match command {
                Command::Start { start, .. } => {
                    let index = start.member().expect("a member").index();
                    self.started.push(start.input.clone());
                    self.living.insert(index, start.input.clone());
                    self.first.get_or_insert(start);
                }
                // All that are told to end do so at the end of the turn; all that are told to live again do.
                Command::Stop { .. } => {}
                Command::Redrive { token, .. } => {
                    let number = self.line.run().redrives().0;
                    assert_eq!(token, format!("{}/{number}", self.line.id));
                    self.living.insert(u32::MAX, token);
                }
                Command::Perform { effect, command } => {
                    let EffectCommand::CallAws(call) = *command else {
                        panic!("unexpected: {command:?}");
                    };
                    self.calls.push((effect, call.operation, call.params));
                }
                Command::Tell { report, .. } => {
                    self.told.push(serde_json::to_value(report).expect("JSON"));
                }
                Command::Continue => self.say(Input::Continue),
            }
        }
    }

    fn end(&mut self, index: u32, status: Status) {
        let input = self.living.remove(&index).expect("it lives");
        let good = status == Status::Succeeded;
        let end = Box::new(End {
            status,
            output: good.then(|| input.clone()),
            input: Some(input),
            error: None,
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

    fn answer(&mut self, call: Uuid, result: Value) {
        self.say(Input::Effect {
            effect: call,
            outcome: Outcome::Done { result },
        });
    }

    /// The only call that is open.
    fn call(&mut self) -> (Uuid, String, Value) {
        assert_eq!(self.calls.len(), 1, "{:?}", self.calls);
        self.calls.remove(0)
    }
}

/// A part of an object of eight bytes.
fn part(text: &str, from: usize) -> Value {
    json!({"Body": text, "ContentLength": text.len(), "ETag": "\"e\"",
        "ContentRange": format!("bytes {from}-{}/8", from + text.len() - 1)})
}

fn reader() -> Value {
    json!({"ItemReader": {"Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {"InputType": "JSONL"}, "Parameters": {"Bucket": "b", "Key": "k"}}})
}

#[test]
fn a_run_that_ended_while_it_read_reads_on() {
    for answered_before in [true, false] {
        let mut played = Played::begin("STANDARD", &reader(), &json!({}));
        let (first, ..) = played.call();
        played.answer(first, part("1\n2\n", 0));
        assert_eq!(played.started, ["1", "2"]);
        let (open, _, asked) = played.call();
        assert_eq!(asked["Range"], "bytes=4-1048579");
        played.end(0, Status::Succeeded);
        played.end(1, Status::Failed);
        assert_eq!(played.line.run().status(), RunStatus::Failed);
        if answered_before {
            played.answer(open, part("3\n4\n", 4));
            assert_eq!(played.started.len(), 2, "it has ended");
        }
        played.say(Input::Redrive { redrives: 1 });
        if answered_before {
            let (again, _, params) = played.call();
            assert_ne!(again, open);
            assert_eq!(params, asked);
            played.answer(again, part("3\n4\n", 4));
        } else {
            assert!(played.calls.is_empty(), "the call is open yet");
            played.answer(open, part("3\n4\n", 4));
        }
        // Told twice, it is taken once.
        played.answer(open, part("3\n4\n", 4));
        assert_eq!(played.started, ["1", "2", "3", "4"]);
        let input = played.living.remove(&u32::MAX).map(|_| "2".to_owned());
        played.living.insert(1, input.expect("redriven"));
        for index in [1, 2, 3] {
            played.end(index, Status::Succeeded);
        }
        assert_eq!(played.line.run().status(), RunStatus::Succeeded);
        let last = played.told.last().expect("told");
        assert_eq!(
            (&last["redrives"], &last["outcome"]["result"]),
            (&json!(1), &json!([1, 2, 3, 4]))
        );
    }
}

#[test]
fn a_run_that_never_read_is_not_taken_for_an_empty_one() {
    let mut reader = reader();
    reader["ItemReader"]["Parameters"] = json!({"Bucket.$": "$.bucket", "Key": "k"});
    let mut played = Played::begin("STANDARD", &reader, &json!({"bucket": 1}));
    for redrives in 1..3 {
        assert_eq!(played.line.run().status(), RunStatus::Failed);
        played.say(Input::Redrive { redrives });
        let last = played.told.last().expect("told");
        assert_eq!(
            (&last["redrives"], &last["outcome"]["error"]),
            (&json!(redrives), &json!("States.ItemReaderFailed"))
        );
    }
}

#[test]
fn a_run_that_ended_while_it_wrote_writes_anew_elsewhere() {
    let writer = json!({"ResultWriter": {"Resource": "arn:aws:states:::s3:putObject",
        "Parameters": {"Bucket": "b", "Prefix": "out"}}});
    let mut played = Played::begin("STANDARD", &writer, &json!([1, 2]));
    played.end(0, Status::Succeeded);
    played.end(1, Status::Succeeded);
    let (open, operation, file) = played.call();
    let run = played.line.id;
    assert_eq!(operation, "PutObject");
    assert_eq!(file["Key"], json!(format!("out/{run}/SUCCEEDED_0.json")));
    played.say(Input::Stop);
    assert_eq!(played.line.run().status(), RunStatus::Aborted);
    played.say(Input::Redrive { redrives: 1 });
    let mut keys = Vec::new();
    // The call that was open ends late: whatever came of it.
    played.say(Input::Effect {
        effect: open,
        outcome: Outcome::Failed(Failure {
            code: "InternalError".to_owned(),
            message: String::new(),
            status: Some(500),
            request_id: None,
            extended_request_id: None,
            shape: None,
            transient: true,
        }),
    });
    while !played.calls.is_empty() {
        let (call, _, params) = played.call();
        keys.push(params["Key"].as_str().expect("a key").to_owned());
        played.answer(call, json!({}));
    }
    let folder = format!("out/{run}/redrive-1");
    let want = ["SUCCEEDED_0.json", "manifest.json"].map(|it| format!("{folder}/{it}"));
    assert_eq!(keys, want);
    let told = &played.told[0];
    assert_eq!(played.told.len(), 1);
    assert_eq!(told["redrives"], 1);
    let details = &told["outcome"]["result"]["ResultWriterDetails"];
    assert_eq!(details["Key"], json!(format!("{folder}/manifest.json")));
    assert_eq!(played.line.run().status(), RunStatus::Succeeded);
}

#[test]
fn what_never_began_is_listed_even_if_its_input_cannot_be_made() {
    let fields = json!({"MaxConcurrency": 1, "ItemSelector": {"n.$": "$$.Map.Item.Value.n"},
        "ResultWriter": {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "b"}}});
    let items = json!([{"n": 0}, {"n": 1}, {}, {"n": 3}]);
    let mut played = Played::begin("STANDARD", &fields, &items);
    played.end(0, Status::Failed);
    let mut files: Map<String, Value> = Map::new();
    while !played.calls.is_empty() {
        let (call, _, params) = played.call();
        let key = params["Key"].as_str().expect("a key");
        let name = key.rsplit('/').next().expect("a name").to_owned();
        let body = params["Body"].as_str().expect("a body");
        files.insert(name, serde_json::from_str(body).expect("JSON"));
        played.answer(call, json!({}));
    }
    let pending = files["PENDING_0.json"].as_array().expect("a list");
    let inputs: Vec<&Value> = pending.iter().map(|it| &it["Input"]).collect();
    assert_eq!(
        inputs,
        [&json!(r#"{"n":1}"#), &Value::Null, &json!(r#"{"n":3}"#)]
    );
    let included: Vec<&Value> = pending
        .iter()
        .map(|it| &it["InputDetails"]["Included"])
        .collect();
    assert_eq!(included, [&json!(true), &json!(false), &json!(true)]);
}

#[test]
fn a_batch_that_begins_again_has_its_own_index() {
    let fields = json!({"ItemBatcher": {"MaxItemsPerBatch": 2}, "ToleratedFailureCount": 1});
    let mut played = Played::begin("EXPRESS", &fields, &json!([0, 1, 2, 3, 4]));
    let indexes = |line: &Line, command: &Command| match command {
        Command::Start { start, .. } => {
            let member = serde_json::to_value(start.member()).expect("JSON");
            assert_eq!(member["run"], json!(line.id));
            member["item"]["Index"].as_u64()
        }
        _ => None,
    };
    played.end(0, Status::Succeeded);
    played.end(1, Status::Failed);
    played.end(2, Status::Succeeded);
    assert_eq!(played.line.run().status(), RunStatus::Failed);
    let commands = played.line.say(Input::Redrive { redrives: 1 });
    let found: Vec<u64> = commands
        .iter()
        .filter_map(|it| indexes(&played.line, it))
        .collect();
    assert_eq!(found, [1], "{commands:?}");
}

#[test]
fn an_execution_that_is_told_twice_to_live_again_does_so_once() {
    let mut played = Played::begin("STANDARD", &json!({"ItemSelector": {"v": 1}}), &json!([0]));
    let fails = json!({"StartAt": "Map", "States": {"Map": {"Type": "Map", "Label": "Each", "End": true,
        "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Bad"}}}}}});
    played.end(0, Status::Failed);
    let commands = played.line.say(Input::Redrive { redrives: 1 });
    assert!(matches!(&commands[..], [Command::Redrive { .. }]));
    let begun = Played::begin("STANDARD", &json!({}), &json!([0])).first;
    let start = Start {
        definition: fails.to_string(),
        ..*begun.expect("a start")
    };
    let cx = Context {
        id: Uuid::from_u128(3),
        scope: Scope::new("111111111111", "us-east-1"),
        at: at(),
        entropy: [0; 32],
        budget: 100,
        definitions: std::sync::Arc::default(),
    };
    let start = asl::Input::Start(Box::new(start));
    let mut child = asl::step(None, start, &cx).expect("taken").state;
    for (token, redrives) in [("r/1", 1), ("r/1", 1), ("r/2", 2), ("r/2", 2)] {
        let redrive = asl::Input::Redrive {
            token: Some(token.to_owned()),
            by_map_run: true,
        };
        let told_before = child.redrives().0 == redrives;
        let decision = asl::step(Some(child), redrive, &cx).expect("taken");
        child = decision.state;
        assert_eq!(
            (child.status(), child.redrives().0),
            (Status::Failed, redrives)
        );
        let tells = |it: &asl::Command| matches!(it, asl::Command::TellMapRun { .. });
        assert_eq!(decision.commands.iter().any(tells), !told_before);
    }
}
