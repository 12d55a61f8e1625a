//! Every recorded execution that needs no other service, without a server: the quick half of `test_states_records`.

use std::collections::BTreeMap;

use flow::asl::Start;
use flow::asl::logging::{Level, Logging};
use serde_json::{Value, json};
use uuid::Uuid;

use super::compare::{Rules, differences, opened};
use super::world::{World, start};

/// States entered in one turn: small, so that the cut between turns is tried everywhere.
const BUDGET: u32 = 3;

#[test]
fn executions_go_as_on_the_service() {
    let Some(folder) = crate::cases("asl") else {
        return;
    };
    let mut table: BTreeMap<String, (usize, usize, usize)> = BTreeMap::new();
    let mut reasons: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut failures = Vec::new();
    for record in records(&folder) {
        if record["kind"] != "Execution" {
            continue;
        }
        let area = record["area"].as_str().unwrap_or_default().to_owned();
        let row = table.entry(area.clone()).or_default();
        match run(&record) {
            None => {
                row.2 += 1;
                *reasons.entry((area, why_not(&record))).or_default() += 1;
            }
            Some(lines) if lines.is_empty() => row.0 += 1,
            Some(lines) => {
                row.1 += 1;
                failures.push(format!("{}\n    {}", record["id"], lines.join("\n    ")));
            }
        }
    }
    println!(
        "{:<22} {:>6} {:>6} {:>8}",
        "area", "same", "other", "not run"
    );
    for (area, (same, other, not_run)) in &table {
        println!("{area:<22} {same:>6} {other:>6} {not_run:>8}");
    }
    for ((area, why), count) in &reasons {
        println!("not run here: {count} of {area}: {why}");
    }
    assert!(
        failures.is_empty(),
        "{} differ:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

/// Why a record is not run by this test.
fn why_not(record: &Value) -> String {
    let needs = record["needs"].as_array();
    let needs = needs.into_iter().flatten().filter_map(Value::as_str);
    let needs: Vec<&str> = needs.collect();
    if needs.is_empty() {
        "no history, output or log of it can be compared".to_owned()
    } else {
        format!(
            "needs {}: tests/e2e/test_states_records.py plays it over the wire",
            needs.join(", ")
        )
    }
}

pub(super) fn records(folder: &std::path::Path) -> Vec<Value> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("the cases")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|it| it == "jsonl"))
        .collect();
    files.sort();
    files
        .iter()
        .flat_map(|path| {
            let text = std::fs::read_to_string(path).expect("a file");
            text.lines()
                .map(|line| serde_json::from_str(line).expect("a record"))
                .collect::<Vec<Value>>()
        })
        .collect()
}

/// The differences, or nothing for a record that this test cannot run.
fn run(record: &Value) -> Option<Vec<String>> {
    if needs_others(record) {
        return None;
    }
    let mut rules = Rules::of(record);
    if rules.nothing() {
        return None;
    }
    rules
        .replace
        .push((EXECUTION.to_owned(), "<ExecArnPart_0idx>".to_owned()));
    let mut lines = Vec::new();
    let mut compared = false;
    if let (true, Some(name)) = (
        record["expect"]["history"].is_array(),
        record["name"].as_str(),
    ) {
        compared = true;
        rules
            .replace
            .push((name.to_owned(), "<ArnPart_0idx>".to_owned()));
        let definition = &record["definition"];
        let begun = Begun {
            definition: definition
                .as_str()
                .map_or_else(|| definition.to_string(), str::to_owned),
            machine: name.to_owned(),
            input: record["input"].clone(),
            logging: None,
        };
        lines.extend(one(record, &begun, &record["expect"]["history"], &rules));
    }
    let (begun, histories) = starts(record);
    for (start, expected) in &histories {
        compared = true;
        rules
            .replace
            .push((begun[*start].machine.clone(), "<ArnPart_0idx>".to_owned()));
        lines.extend(one(record, &begun[*start], expected, &rules));
    }
    let logs = log_differences(record, &begun, &rules);
    compared |= logs.is_some();
    lines.extend(logs.into_iter().flatten());
    // Areas with many machines of one input each.
    let cases = record["expect"]["recorded"]["cases"].as_array();
    for (begun, case) in begun.iter().zip(cases.into_iter().flatten()) {
        compared = true;
        let output =
            execute(record, begun).map(|world| world.execution.output().map(str::to_owned));
        let expected = case["output"].to_string();
        match output {
            Ok(Some(output))
                if serde_json::from_str::<Value>(&output).ok().as_ref()
                    == Some(&case["output"]) => {}
            other => lines.push(format!(
                "{}: expected {expected}, found {other:?}",
                case["input"]
            )),
        }
    }
    compared.then_some(lines)
}

/// The execution's name.
const EXECUTION: &str = "0d7f4f3c-execution";

/// One start of a record with several calls.
struct Begun {
    definition: String,
    machine: String,
    input: Value,
    logging: Option<Logging>,
}

/// Name, definition and logging of a machine.
type Machine = (String, String, Option<Logging>);

/// A `loggingConfiguration`, if it is on.
fn logging(params: &Value) -> Option<Logging> {
    let given = &params["loggingConfiguration"];
    let level = match given["level"].as_str()? {
        "ALL" => Level::All,
        "ERROR" => Level::Error,
        "FATAL" => Level::Fatal,
        _ => return None,
    };
    let arn = given.pointer("/destinations/0/cloudWatchLogsLogGroup/logGroupArn");
    Some(Logging {
        level,
        with_data: given["includeExecutionData"].as_bool().unwrap_or(false),
        group_arn: arn?.as_str()?.trim_end_matches(":*").to_owned(),
    })
}

/// Whether other services are needed than those that are played here.
fn needs_others(record: &Value) -> bool {
    // Buckets are played from what the record put into them, for distributed Maps.
    let spread = record.to_string().contains("DISTRIBUTED");
    let plays = |need: &Value| need == "logs" || need == "s3" && spread;
    let needs = record["needs"].as_array();
    needs.is_none_or(|needs| !needs.iter().all(plays))
}

/// How what is logged differs from what was recorded, if it was.
fn log_differences(record: &Value, begun: &[Begun], rules: &Rules) -> Option<Vec<String>> {
    let expected = record["expect"]["recorded"].get("logged_execution_events")?;
    let whole = |events: &Value| json!({"logged_execution_events": events});
    let observed = logged(record, begun);
    Some(differences(&whole(expected), &whole(&observed), rules))
}

/// What all executions of a record write to their log group.
fn logged(record: &Value, begun: &[Begun]) -> Value {
    let mut events = Vec::new();
    for (number, begun) in begun.iter().enumerate() {
        let world = execute(record, begun).expect("an execution");
        for line in &world.logged {
            let message = line
                .message
                .replace(EXECUTION, &format!("<ExecArnPart_{number}idx>"));
            events.push(serde_json::from_str(&message).expect("a message"));
        }
    }
    opened(&Value::Array(events))
}

/// The starts of a record in their order, and for each recorded history which start it is of.
fn starts(record: &Value) -> (Vec<Begun>, Vec<(usize, Value)>) {
    let mut machines: BTreeMap<String, Machine> = BTreeMap::new();
    let mut begun: Vec<Begun> = Vec::new();
    let mut histories = Vec::new();
    let empty = Vec::new();
    let calls = record["calls"].as_array().unwrap_or(&empty);
    let mut of_call: BTreeMap<u64, usize> = BTreeMap::new();
    for (n, call) in (0..).zip(calls) {
        let params = &call["params"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        match call["op"].as_str() {
            Some("CreateStateMachine") => {
                let arn = text(&call["returns"]["stateMachineArn"]);
                let machine = (
                    text(&params["name"]),
                    text(&params["definition"]),
                    logging(params),
                );
                machines.insert(arn, machine);
            }
            Some("UpdateStateMachine") => {
                let known = machines.get_mut(&text(&params["stateMachineArn"]));
                if let (Some(machine), true) = (known, params.get("loggingConfiguration").is_some())
                {
                    machine.2 = logging(params);
                }
            }
            Some("StartExecution") => {
                let known = machines.get(&text(&params["stateMachineArn"])).cloned();
                let (machine, definition, logging) = known.unwrap_or_default();
                begun.push(Begun {
                    definition,
                    machine,
                    input: params["input"].clone(),
                    logging,
                });
            }
            Some("GetExecutionHistory") => {
                of_call.insert(n, begun.len().saturating_sub(1));
            }
            _ => {}
        }
        let recorded = call["match"]
            .as_str()
            .map(|key| &record["expect"]["recorded"][key]);
        let start = call["of"].as_u64().and_then(|of| of_call.get(&of));
        if let (Some(recorded), Some(start)) = (recorded, start)
            && recorded["events"].is_array()
        {
            histories.push((*start, recorded["events"].clone()));
        }
    }
    (begun, histories)
}

fn one(record: &Value, begun: &Begun, expected: &Value, rules: &Rules) -> Vec<String> {
    match execute(record, begun) {
        Err(rejection) => vec![format!("refused: {rejection}")],
        Ok(world) => {
            let observed = opened(&json!({"events": world.history}));
            let mut rules = rules.clone();
            let started = |event: &Value| {
                let arn = event["mapRunStartedEventDetails"]["mapRunArn"].as_str()?;
                Some(map_run_names(record, arn))
            };
            let names = world.history.iter().filter_map(started).flatten();
            rules.replace.splice(..0, names);
            differences(&json!({"events": expected}), &observed, &rules)
        }
    }
}

/// What a record has in the place of a map run's ARN, or of its parts.
fn map_run_names(record: &Value, arn: &str) -> Vec<(String, String)> {
    let whole = record["placeholders"].to_string().contains("$..mapRunArn");
    if whole {
        return vec![(arn.to_owned(), "map_run_arn".to_owned())];
    }
    let (head, id) = arn.rsplit_once(':').expect("an ARN");
    let (_, label) = head.rsplit_once('/').expect("a label");
    let mut names = vec![(id.to_owned(), "<MapRunArnPart1_0idx>".to_owned())];
    if label.parse::<Uuid>().is_ok() {
        names.push((label.to_owned(), "<MapRunArnPart0_0idx>".to_owned()));
    }
    names
}

/// What the record put into its buckets.
fn objects(record: &Value) -> BTreeMap<String, Vec<u8>> {
    let calls = record["setup"].as_array().into_iter().flatten();
    let puts = calls.filter(|call| call["op"] == "PutObject");
    puts.map(|call| {
        let text = |name: &str| call["params"][name].as_str().expect("a text").to_owned();
        (text("Key"), text("Body").into_bytes())
    })
    .collect()
}

fn execute(record: &Value, begun: &Begun) -> Result<World, model::Rejection> {
    let input = match &begun.input {
        Value::Null => "{}".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let account = "arn:aws:states:us-east-1:111111111111";
    let name = &begun.machine;
    World::run_among(
        (Uuid::from_u128(1), objects(record)),
        Start {
            name: EXECUTION.to_owned(),
            arn: format!("{account}:execution:{name}:{EXECUTION}"),
            machine_arn: format!("{account}:stateMachine:{name}"),
            machine_name: name.clone(),
            definition: begun.definition.clone(),
            express: record["type"] == "EXPRESS",
            logging: begun.logging.clone(),
            role_arn: record["roleArn"].as_str().unwrap_or_default().to_owned(),
            input,
            ..start(&Value::Null, &Value::Null)
        },
        BUDGET,
    )
}
