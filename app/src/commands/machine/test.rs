//! `quell machine test`: a definition played through test cases whose tasks are mocked.

mod repeats;

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail};
use clap::{Arg, ArgAction, ArgMatches, Command};
use flow::asl::definition::{MAX_BYTES, MachineType};
use flow::asl::rehearsal::mocks::{self, Case, Mocks};
use flow::asl::rehearsal::repeat::Script;
use flow::asl::rehearsal::{Ended, Made, Reply, Stuck, rehearse};
use serde_json::{Value, json};

use super::check::{kind, kind_of};
use crate::commands::findings;

/// The error that a task fails with under `--fail-each`.
const TASK_FAILED: &str = "States.TaskFailed";
/// The error that a task whose time is limited fails with as well.
const TIMEOUT: &str = "States.Timeout";

pub(crate) fn interface() -> Command {
    let option = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    Command::new("test")
        .about("Play a definition with mocked tasks: 0 all as expected, 1 something else, 2 a file cannot be read")
        .arg(
            Arg::new("file")
                .required(true)
                .value_name("FILE")
                .help("a definition (JSON)"),
        )
        .arg(
            option("mocks", "FILE", "mock configuration, as Step Functions Local reads it")
                .required(true),
        )
        .arg(option(
            "machine",
            "NAME",
            "the machine in the mock configuration [default: the only one, or the one named like the file]",
        ))
        .arg(option("case", "NAME", "only these cases").action(ArgAction::Append))
        .arg(option("input", "FILE", "input of cases that name none [default: {}]"))
        .arg(
            Arg::new("fail-each")
                .long("fail-each")
                .action(ArgAction::SetTrue)
                .help("play each case again for each of its tasks, which fails or runs out of time then, and tell where that leads"),
        )
        .arg(
            Arg::new("repeat-each")
                .long("repeat-each")
                .action(ArgAction::SetTrue)
                .help("play each case again for each of its tasks, whose call is made twice then: it must end the same"),
        )
        .arg(
            Arg::new("calls")
                .long("calls")
                .action(ArgAction::SetTrue)
                .help("print each call with its parameters (JSON always has them)"),
        )
        .arg(
            option("format", "FORM", "form of the answer")
                .value_parser(["text", "json"])
                .default_value("text"),
        )
        .arg(kind())
}

/// A definition and all that its cases need.
struct Play<'a> {
    name: &'a str,
    /// Its name in the mock configuration.
    mocked: String,
    definition: String,
    express: bool,
    input: String,
    mocks: Mocks,
    fail_each: bool,
    repeat_each: bool,
}

/// Runs the subcommand.
pub(crate) fn run(matches: &ArgMatches) -> ExitCode {
    let (play, cases) = match read(matches) {
        Ok(read) => read,
        Err(error) => {
            eprintln!("quell: {error:#}");
            return ExitCode::from(2);
        }
    };
    let told: Vec<Value> = cases.iter().map(|case| play.case(case)).collect();
    let failed = told.iter().filter(|case| case["passed"] == false).count();
    if matches.get_one::<String>("format").map(String::as_str) == Some("json") {
        let all = json!({"machine": play.name, "cases": told, "failed": failed});
        findings::write_out(&format!("{all:#}\n"));
    } else {
        let mut text = String::new();
        for case in &told {
            print(&mut text, case, matches.get_flag("calls"));
        }
        let cases = told.len();
        let _ = writeln!(
            text,
            "{}: {cases} cases, {failed} not as expected",
            play.name
        );
        findings::write_out(&text);
    }
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn read(matches: &ArgMatches) -> Result<(Play<'_>, Vec<Case>)> {
    let given = |name: &str| matches.get_one::<String>(name).map(String::as_str);
    let file = given("file").unwrap_or_default();
    let definition = findings::read(file, MAX_BYTES)?;
    let named = given("mocks").unwrap_or_default();
    let mocks = Mocks::parse(&findings::read(named, mocks::MAX_BYTES)?)
        .with_context(|| format!("`{named}` is no mock configuration"))?;
    let stem = Path::new(file).file_name().and_then(|name| name.to_str());
    let stem = stem
        .and_then(|name| name.split('.').next())
        .unwrap_or_default();
    let name = machine_of(&mocks, given("machine"), stem)?;
    let known = mocks.cases(&name).unwrap_or_default();
    let wanted: Vec<&String> = matches.get_many("case").into_iter().flatten().collect();
    if let Some(unknown) = wanted
        .iter()
        .find(|name| known.iter().all(|case| case.name != ***name))
    {
        bail!("machine `{name}` has no test case `{unknown}` in `{named}`");
    }
    let cases: Vec<Case> = known
        .iter()
        .filter(|case| wanted.is_empty() || wanted.contains(&&case.name))
        .cloned()
        .collect();
    if cases.is_empty() {
        bail!("machine `{name}` has no test cases in `{named}`");
    }
    let input = match given("input") {
        Some(file) => findings::read(file, MAX_BYTES)?,
        None => "{}".to_owned(),
    };
    let play = Play {
        name: matches
            .get_one::<String>("machine")
            .map_or(file, String::as_str),
        mocked: name,
        definition,
        express: kind_of(matches) == MachineType::Express,
        input,
        mocks,
        fail_each: matches.get_flag("fail-each"),
        repeat_each: matches.get_flag("repeat-each"),
    };
    Ok((play, cases))
}

fn machine_of(mocks: &Mocks, given: Option<&str>, stem: &str) -> Result<String> {
    let names: Vec<&str> = mocks.machines().collect();
    let found = match (given, names.as_slice()) {
        (Some(given), _) => names.iter().find(|name| **name == given).copied(),
        (None, [only]) => Some(*only),
        (None, _) => names.iter().find(|name| **name == stem).copied(),
    };
    found.map(str::to_owned).ok_or_else(|| {
        let known = names.join(", ");
        anyhow!("say with --machine which machine of the mock configuration it is: {known}")
    })
}

impl Play<'_> {
    /// Plays one case; gives what there is to tell of it.
    fn case(&self, case: &Case) -> Value {
        let outcome = self.once(case, None);
        let mut unmet = match (&outcome, &case.expectation) {
            (Err(stuck), _) => vec![stuck.to_string()],
            (Ok(ended), Some(expectation)) => expectation.unmet(ended),
            (Ok(_), None) => Vec::new(),
        };
        let mut told = json!({"case": case.name});
        if let Ok(ended) = outcome {
            tell(&mut told, &ended);
            let calls = ended.calls.iter();
            let calls = calls
                .map(|made| json!({"state": made.state, "call": made.call, "params": made.params}));
            told["calls"] = calls.collect();
            if self.fail_each {
                told["faults"] = self.faults(case, &ended).into();
            }
            if self.repeat_each {
                let all = self.repeats(case, &ended);
                let changed = all.iter().filter(|one| one["unmet"] != json!([]));
                unmet.extend(changed.map(|one| {
                    let state = one["repeats"].as_str().unwrap_or_default();
                    format!("it does not end the same if {state} is repeated")
                }));
                told["repeats"] = all.into();
            }
        }
        told["passed"] = unmet.is_empty().into();
        told["unmet"] = unmet.into();
        told
    }

    /// Plays a case for each of its tasks, which fails then.
    fn faults(&self, case: &Case, ended: &Ended) -> Vec<Value> {
        let mut tasks: Vec<&Made> = Vec::new();
        for made in &ended.calls {
            if !tasks.iter().any(|task| task.state == made.state) {
                tasks.push(made);
            }
        }
        let limit = |made: &Made| made.limited.then_some(TIMEOUT);
        let each = tasks.into_iter().flat_map(|made| {
            let errors = [Some(TASK_FAILED), limit(made)].into_iter().flatten();
            errors.map(move |error| self.fault(case, (&made.state, error)))
        });
        each.collect()
    }

    /// Plays a case in which one task always fails with one error.
    fn fault(&self, case: &Case, (task, error): (&str, &str)) -> Value {
        let mut told = json!({"fails": task, "with": error});
        match self.once(case, Some((task, error))) {
            Ok(ended) => tell(&mut told, &ended),
            // A way that the case does not take otherwise needs mocks of its own.
            Err(stuck) => told["stuck"] = stuck.to_string().into(),
        }
        told
    }

    /// Plays a case for each of its tasks, whose call is made twice then.
    fn repeats(&self, case: &Case, ended: &Ended) -> Vec<Value> {
        let script = Script {
            machine: (self.name, self.definition.as_str(), self.express),
            input: &self.input_of(case),
            class: &repeats::class,
            repeats: &|state| self.mocks.repeat(&self.mocked, state),
        };
        let mut answers = |state: &str, call: u64| self.mocks.answer(case, state, call);
        let all = script.each(ended, &mut answers);
        all.iter().map(repeats::tell).collect()
    }

    fn once(&self, case: &Case, fails: Option<(&str, &str)>) -> Result<Ended, Stuck> {
        let mut answers = |state: &str, call: u64| match fails {
            Some((task, error)) if task == state => Ok(Reply::Throw {
                error: error.to_owned(),
                cause: "failed by the test".to_owned(),
            }),
            _ => self.mocks.answer(case, state, call),
        };
        let machine = (self.name, self.definition.as_str(), self.express);
        rehearse(machine, &self.input_of(case), &mut answers)
    }

    fn input_of(&self, case: &Case) -> String {
        let own = case.expectation.as_ref().and_then(|it| it.input.as_ref());
        own.map_or_else(|| self.input.clone(), Value::to_string)
    }
}

fn tell(told: &mut Value, ended: &Ended) {
    told["status"] = ended.status.as_str().into();
    let output: Option<Value> = ended
        .output
        .as_deref()
        .and_then(|text| serde_json::from_str(text).ok());
    if let Some(output) = output {
        told["output"] = output;
    }
    for (name, text) in [("error", &ended.error), ("cause", &ended.cause)] {
        if let Some(text) = text {
            told[name] = text.as_str().into();
        }
    }
    told["path"] = ended.path.clone().into();
    told["seconds"] = ended.seconds.into();
}

/// Most states of a path that are printed at its beginning, and at its end.
const SHOWN: (usize, usize) = (8, 8);

/// States of a path, the middle of a long one left out.
fn path(of: &Value) -> String {
    let names: Vec<String> = (of["path"].as_array().into_iter().flatten())
        .map(|name| findings::plain(name.as_str().unwrap_or("-")))
        .collect();
    let (first, last) = SHOWN;
    if names.len() <= first + last {
        return names.join(" > ");
    }
    let left_out = names.len() - first - last;
    let begin = names.get(..first).unwrap_or_default().join(" > ");
    let end = names.get(names.len() - last..).unwrap_or_default();
    format!("{begin} > ({left_out} more) > {}", end.join(" > "))
}

/// A case as people read it. Texts come from the files, so what moves the cursor is taken out.
fn print(out: &mut String, case: &Value, with_calls: bool) {
    let text = |value: &Value| findings::plain(value.as_str().unwrap_or("-"));
    let word = if case["passed"] == true {
        "ok"
    } else {
        "NOT AS EXPECTED"
    };
    let _ = writeln!(out, "{}: {word}", text(&case["case"]));
    for unmet in case["unmet"].as_array().into_iter().flatten() {
        let _ = writeln!(out, "    {}", text(unmet));
    }
    if case["status"].is_string() {
        let _ = writeln!(
            out,
            "    {} after {} s: {}",
            text(&case["status"]),
            case["seconds"],
            path(case)
        );
    }
    if case["error"].is_string() {
        let _ = writeln!(
            out,
            "    {}: {}",
            text(&case["error"]),
            text(&case["cause"])
        );
    }
    let calls = case["calls"].as_array().filter(|_| with_calls);
    for made in calls.into_iter().flatten() {
        let params = findings::plain(&made["params"].to_string());
        let _ = writeln!(
            out,
            "    {} calls {} {params}",
            text(&made["state"]),
            text(&made["call"])
        );
    }
    for fault in case["faults"].as_array().into_iter().flatten() {
        let task = text(&fault["fails"]);
        let what = if fault["with"] == TIMEOUT {
            "times out"
        } else {
            "fails"
        };
        let end = if fault["stuck"].is_string() {
            text(&fault["stuck"])
        } else {
            format!("{} by {}", text(&fault["status"]), path(fault))
        };
        let _ = writeln!(out, "    if {task} {what}: {end}");
    }
    for one in case["repeats"].as_array().into_iter().flatten() {
        repeats::print(out, one);
    }
}
