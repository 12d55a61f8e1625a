//! Map runs: whatever their executions do and in whatever order, the counts add up, and a run ends exactly when it should.

mod parents;

use flow::asl::map_run::{Command, End, Input, RunStatus};
use flow::asl::{self, Context, Execution, Status};
use jiff::Timestamp;
use model::Scope;
use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use super::spread::Line;
use super::telling::distributed;
use super::world::{World, start};

/// A machine of one distributed Map, with these fields.
fn machine(fields: &Value, states: &Value) -> Value {
    distributed("STANDARD", fields, states)
}

fn pass() -> Value {
    json!({"P": {"Type": "Pass", "End": true}})
}

/// A parent that waits for its map run, the run, and the executions that live.
struct Play {
    parent: Execution,
    history: Vec<Value>,
    line: Line,
    living: Vec<(u32, u32, Uuid)>,
    stopped: Vec<Uuid>,
    turns: u8,
    told: usize,
}

fn at() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().expect("an instant")
}

impl Play {
    fn begin(fields: &Value, items: u32) -> Self {
        let items: Vec<u32> = (0..items).collect();
        let start = start(&machine(fields, &pass()), &json!(items));
        let cx = context(0);
        let input = asl::Input::Start(Box::new(start));
        let decision = asl::step(None, input, &cx).expect("a machine");
        let mut play = Self {
            parent: decision.state.clone(),
            history: Vec::new(),
            line: Line::new(Uuid::nil(), at()),
            living: Vec::new(),
            stopped: Vec::new(),
            turns: 1,
            told: 0,
        };
        play.parent_did(decision);
        play
    }

    fn parent_did(&mut self, decision: model::Decision<Execution, asl::Command>) {
        self.parent = decision.state;
        for frame in decision.frames {
            let body = frame.body.map(model::FrameBody::into_value);
            if let (true, Some(Value::Array(events))) = (frame.key.starts_with("history/"), body) {
                self.history.extend(events);
            }
        }
        for command in decision.commands {
            match command {
                asl::Command::BeginMapRun { run, begin } => {
                    self.line = Line::new(run, at());
                    self.tell(Input::Begin(begin));
                }
                asl::Command::StopMapRun { run } => {
                    assert_eq!(run, self.line.id);
                    self.tell(Input::Stop);
                }
                asl::Command::RedriveMapRun { run, redrives } => {
                    assert_eq!(run, self.line.id);
                    self.tell(Input::Redrive { redrives });
                }
                asl::Command::Announce(_) => {}
                other => panic!("unexpected: {other:?}"),
            }
        }
    }

    fn tell_parent(&mut self, input: asl::Input) {
        let cx = context(self.turns);
        self.turns = self.turns.wrapping_add(1);
        let decision = asl::step(Some(self.parent.clone()), input, &cx).expect("taken");
        self.parent_did(decision);
    }

    fn tell(&mut self, input: Input) {
        let commands = self.line.say(input);
        self.check();
        for command in commands {
            match command {
                Command::Start { execution, start } => {
                    let member = start.member().expect("a member");
                    assert_eq!(member.map_run_arn(), self.line.run().arn());
                    let index = member.index();
                    let attempt = serde_json::to_value(member).expect("JSON")["attempt"].as_u64();
                    let attempt = u32::try_from(attempt.expect("a number")).expect("a small one");
                    self.living.push((index, attempt, execution));
                }
                Command::Stop { execution } => self.stopped.push(execution),
                Command::Redrive { execution, .. } => {
                    let index = (0..10_000).find(|index| name(&self.line, *index) == execution);
                    self.living
                        .push((index.expect("an execution"), 0, execution));
                }
                Command::Tell { report, .. } => {
                    self.told += 1;
                    assert!(self.living.is_empty(), "it told before all had ended");
                    self.tell_parent(asl::Input::MapRun(Box::new(report)));
                }
                Command::Continue => self.tell(Input::Continue),
                Command::Perform { command, .. } => panic!("unexpected: {command:?}"),
            }
        }
    }

    /// What must hold after every turn.
    fn check(&self) {
        for counts in [self.line.run().items(), self.line.run().executions()] {
            let body = counts.body();
            let parts = [
                "pending",
                "running",
                "succeeded",
                "failed",
                "timedOut",
                "aborted",
                "pendingRedrive",
            ];
            let sum: u64 = parts.iter().filter_map(|part| body[part].as_u64()).sum();
            assert_eq!(body["total"], sum, "{body}");
        }
    }

    fn counts(&self) -> Value {
        self.line.run().executions().body()
    }

    /// Ends one of those that live.
    fn end(&mut self, at: usize, status: Status) {
        let (index, attempt, _) = self.living.remove(at % self.living.len());
        let good = status == Status::Succeeded;
        let end = Box::new(End {
            status,
            input: (!good).then(|| index.to_string()),
            output: good.then(|| format!("\"{index}\"")),
            error: (!good).then(|| "Broken".to_owned()),
            cause: None,
            started: self::at(),
            stopped: self::at(),
            redrives: 0,
            redrivable: !good,
        });
        self.tell(Input::Ended {
            index,
            attempt,
            end,
        });
    }

    /// What was stopped ends.
    fn obey(&mut self) {
        while let Some(execution) = self.stopped.pop() {
            let at = self.living.iter().position(|(.., it)| *it == execution);
            if let Some(at) = at {
                self.end(at, Status::Aborted);
            }
        }
    }

    fn types(&self) -> Vec<&str> {
        let types = self
            .history
            .iter()
            .filter_map(|event| event["type"].as_str());
        types.collect()
    }
}

/// The id of the first execution of an index.
fn name(line: &Line, index: u32) -> Uuid {
    let name = model::ids::child(line.id, u64::from(index) + 1).to_string();
    let machine = "arn:aws:states:us-east-1:111111111111:stateMachine:m/Each";
    model::AggregateId::execution_of(&Scope::new("111111111111", "us-east-1"), machine, &name).id
}

fn context(turn: u8) -> Context {
    Context {
        id: Uuid::from_u128(1),
        scope: Scope::new("111111111111", "us-east-1"),
        at: at(),
        entropy: [turn; 32],
        budget: 100,
        definitions: std::sync::Arc::default(),
    }
}

#[test]
fn as_many_live_as_may() {
    for (declared, items, live) in [
        (json!({"MaxConcurrency": 3}), 10, 3),
        (json!({"MaxConcurrency": 30}), 10, 10),
        (json!({"MaxConcurrency": 0}), 1_020, 1_000),
        (json!({}), 150, 150),
        (json!({"MaxConcurrency": 5_000}), 1_020, 1_000),
    ] {
        let mut play = Play::begin(&declared, items);
        assert_eq!(play.living.len(), live, "{declared}");
        if declared["MaxConcurrency"] == 3 {
            play.tell(Input::Update {
                concurrency: Some(5),
                tolerated_count: None,
                tolerated_percentage: None,
            });
            assert_eq!(play.living.len(), 5);
        }
        if items > 200 {
            continue;
        }
        for _ in 0..items {
            play.end(0, Status::Succeeded);
        }
        assert_eq!(play.parent.status(), Status::Succeeded);
        let results: Vec<String> = (0..items).map(|index| index.to_string()).collect();
        assert_eq!(
            play.parent.output(),
            Some(json!(results).to_string().as_str())
        );
    }
}

#[test]
fn as_many_may_fail_as_is_said() {
    for (fields, items, failures, fails) in [
        (json!({}), 4, 1, true),
        (json!({"ToleratedFailureCount": 2}), 4, 2, false),
        (json!({"ToleratedFailureCount": 2}), 4, 3, true),
        (json!({"ToleratedFailurePercentage": 50}), 4, 2, false),
        (json!({"ToleratedFailurePercentage": 50}), 4, 3, true),
        (json!({"ToleratedFailurePercentage": 100}), 4, 4, false),
        (
            json!({"ToleratedFailureCount": 3, "ToleratedFailurePercentage": 25}),
            4,
            2,
            true,
        ),
        (
            json!({"ToleratedFailureCount": 1, "ToleratedFailurePercentage": 90}),
            4,
            2,
            true,
        ),
    ] {
        let mut play = Play::begin(&fields, items);
        for _ in 0..failures {
            play.end(0, Status::Failed);
        }
        play.obey();
        while !play.living.is_empty() {
            play.end(0, Status::Succeeded);
        }
        let (status, error) = (play.parent.status(), play.parent.failure().0);
        if fails {
            assert_eq!(status, Status::Failed, "{fields}");
            assert_eq!(error, Some("States.ExceedToleratedFailureThreshold"));
            let last = ["MapRunFailed", "MapStateFailed", "ExecutionFailed"];
            assert!(play.types().ends_with(&last), "{:?}", play.types());
        } else {
            assert_eq!(status, Status::Succeeded, "{fields}");
            let output: Value =
                serde_json::from_str(play.parent.output().expect("one")).expect("JSON");
            assert_eq!(output[0]["Status"], "FAILED");
            assert_eq!(output[0]["Error"], "Broken");
        }
    }
}

#[test]
fn a_turn_writes_what_it_touched() {
    let items: Vec<String> = (0..100).map(|n| format!("{n:0>1000}")).collect();
    let start = start(
        &machine(&json!({"MaxConcurrency": 1}), &pass()),
        &json!(items),
    );
    let input = asl::Input::Start(Box::new(start));
    let decision = asl::step(None, input, &context(0)).expect("a machine");
    let mut line = Line::new(Uuid::from_u128(2), at());
    for command in decision.commands {
        if let asl::Command::BeginMapRun { begin, .. } = command {
            line.say(Input::Begin(begin));
        }
    }
    assert!(line.written > 3, "the items lie in several frames");
    let end = End {
        status: Status::Succeeded,
        input: None,
        output: Some("1".to_owned()),
        error: None,
        cause: None,
        started: at(),
        stopped: at(),
        redrives: 0,
        redrivable: false,
    };
    line.say(Input::Ended {
        index: 0,
        attempt: 0,
        end: Box::new(end),
    });
    assert_eq!(
        line.written, 3,
        "the root, the one that ended, the one that began"
    );
}

#[test]
fn results_that_are_too_large_fail_the_map() {
    let wide = json!({"P": {"Type": "Pass", "Result": "x".repeat(60_000), "End": true}});
    let world = World::run(
        start(&machine(&json!({}), &wide), &json!([1, 2, 3, 4, 5])),
        100,
    );
    let world = world.expect("a machine");
    assert_eq!(
        world.execution.failure().0,
        Some("States.DataLimitExceeded")
    );
}

#[test]
fn executions_see_their_item_and_no_variable() {
    let shows = json!({"P": {
        "Type": "Pass",
        "Parameters": {"item.$": "$$.Map.Item", "machine.$": "$$.StateMachine.Name", "in.$": "$"},
        "End": true,
    }});
    let fields = json!({"ItemSelector": {"n.$": "$$.Map.Item.Value", "of.$": "$.of"}, "ItemsPath": "$.items"});
    let world = World::run(
        start(
            &machine(&fields, &shows),
            &json!({"of": "all", "items": ["a"]}),
        ),
        100,
    );
    let world = world.expect("a machine");
    let output: Value = serde_json::from_str(world.execution.output().expect("one")).expect("JSON");
    let want = json!([{"item": {"Index": 0, "Value": "a", "Source": "STATE_DATA"}, "machine": "m/Each", "in": {"n": "a", "of": "all"}}]);
    assert_eq!(output, want);
    let mut outer = machine(
        &json!({}),
        &json!({"P": {"Type": "Pass", "Parameters": {"v.$": "$known"}, "End": true}}),
    );
    outer["StartAt"] = json!("Assign");
    outer["States"]["Assign"] = json!({"Type": "Pass", "Assign": {"known": 1}, "Next": "Map"});
    let world = World::run(start(&outer, &json!([1])), 100).expect("a machine");
    assert_eq!(
        world.execution.failure().0,
        Some("States.ExceedToleratedFailureThreshold")
    );
}

#[test]
fn an_error_of_the_selector_fails_the_run_with_its_name() {
    let fields = json!({"ItemSelector": {"n.$": "$$.Map.Item.Value.absent"}});
    let world =
        World::run(start(&machine(&fields, &pass()), &json!([{}])), 100).expect("a machine");
    let (error, cause) = world.execution.failure();
    assert_eq!(error, Some("States.Runtime"));
    assert!(
        cause.is_some_and(|cause| cause.starts_with(
            "An error occurred while executing the state 'Map' (entered at the event id #2)."
        )),
        "{cause:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn counts_add_up_and_the_run_ends_exactly_when_it_should(
        items in 0_u32..40,
        concurrency in 0_u32..8,
        tolerated in 0_u64..6,
        ends in proptest::collection::vec((0_usize..1_000, 0_u8..8), 0..120),
        stops in proptest::option::of(0_usize..40),
    ) {
        let fields = json!({"MaxConcurrency": concurrency, "ToleratedFailureCount": tolerated});
        let mut play = Play::begin(&fields, items);
        let mut bad = 0;
        for (n, (at, status)) in ends.into_iter().enumerate() {
            if stops == Some(n) && play.parent.status() == Status::Running {
                play.tell_parent(asl::Input::Stop { error: None, cause: None });
            }
            if play.living.is_empty() {
                break;
            }
            let stopping = !play.stopped.is_empty();
            let status = match status {
                0 => Status::Failed,
                1 => Status::TimedOut,
                _ => Status::Succeeded,
            };
            bad += u64::from(status != Status::Succeeded && !stopping);
            play.end(at, status);
        }
        play.obey();
        while !play.living.is_empty() {
            play.end(0, Status::Succeeded);
            play.obey();
        }
        prop_assert!(play.told <= 1);
        let run = play.line.run();
        let counts = run.executions().body();
        prop_assert_eq!(&counts["running"], 0);
        prop_assert_eq!(&counts["total"], items);
        match play.parent.status() {
            Status::Succeeded => {
                prop_assert!(bad <= tolerated);
                prop_assert_eq!(run.status(), RunStatus::Succeeded);
                prop_assert_eq!(&counts["pending"], 0);
            }
            Status::Failed => {
                prop_assert!(bad > tolerated);
                prop_assert_eq!(run.status(), RunStatus::Failed);
            }
            Status::Aborted => prop_assert_eq!(run.status(), RunStatus::Aborted),
            other => prop_assert!(false, "{:?}", other),
        }
    }
}
