//! Mock configuration files, as Step Functions Local reads them.
//!
//! `StateMachines` names machines, their `TestCases`, and for each case which mock answers which state.
//! `MockedResponses` names mocks: for each number of a state's call (`"0"`) or range of them (`"1-2"`) a `Return` or a
//! `Throw` with `Error` and `Cause`. Two parts are Quell's own: `Expectations` says by machine and case how it should end,
//! `Repeats` by machine and state which mock answers when the state's call is made a second time.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Reply;
use super::expectation::Expectation;

/// Largest file in bytes.
pub const MAX_BYTES: usize = 4 * 1024 * 1024;

/// A file that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Mocks {
    /// Cases of each machine, in the order of the file.
    machines: BTreeMap<String, Vec<Case>>,
    mocks: BTreeMap<String, Mock>,
    /// Mocks of repeats, by machine and state.
    repeats: BTreeMap<String, BTreeMap<String, String>>,
}

/// One test case.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// Its name.
    pub name: String,
    /// The mock of each state.
    states: BTreeMap<String, String>,
    /// How it should end, if that is said.
    pub expectation: Option<Expectation>,
}

/// Answers by the number of the call: first, last, what.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Mock(Vec<(u64, u64, Reply)>);

impl Mock {
    /// What the call of this number is answered.
    pub(super) fn get(&self, call: u64) -> Option<&Reply> {
        let mut replies = self.0.iter();
        let found = replies.find(|(first, last, _)| (*first..=*last).contains(&call));
        found.map(|(.., reply)| reply)
    }
}

/// Why a file is no mock configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {message}")]
pub struct Unreadable {
    /// Where, as names from the top.
    pub at: String,
    /// What is wrong and what to do.
    pub message: String,
}

fn refuse<T>(at: &str, message: impl Into<String>) -> Result<T, Unreadable> {
    Err(Unreadable {
        at: if at.is_empty() { "the file" } else { at }.to_owned(),
        message: message.into(),
    })
}

fn object<'a>(value: &'a Value, at: &str) -> Result<&'a Map<String, Value>, Unreadable> {
    match value {
        Value::Object(map) => Ok(map),
        _ => refuse(at, "must be an object"),
    }
}

pub(super) fn known(map: &Map<String, Value>, names: &[&str], at: &str) -> Result<(), Unreadable> {
    match map.keys().find(|key| !names.contains(&key.as_str())) {
        Some(key) => refuse(at, format!("`{key}` is unknown; use {}", names.join(", "))),
        None => Ok(()),
    }
}

impl Mocks {
    /// Reads a file's text.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place.
    pub fn parse(text: &str) -> Result<Self, Unreadable> {
        let value: Value = match serde_json::from_str(text) {
            Ok(value) => value,
            Err(error) => return refuse("", format!("not valid JSON: {error}")),
        };
        let top = object(&value, "")?;
        known(
            top,
            &[
                "StateMachines",
                "MockedResponses",
                "Expectations",
                "Repeats",
            ],
            "",
        )?;
        let empty = Value::Object(Map::new());
        let part = |name: &str| top.get(name).unwrap_or(&empty);
        let mut mocks = BTreeMap::new();
        for (name, body) in object(part("MockedResponses"), "MockedResponses")? {
            let at = format!("MockedResponses/{name}");
            mocks.insert(name.clone(), mock(object(body, &at)?, &at)?);
        }
        let mut machines = BTreeMap::new();
        for (machine, body) in object(part("StateMachines"), "StateMachines")? {
            let at = format!("StateMachines/{machine}");
            let body = object(body, &at)?;
            known(body, &["TestCases"], &at)?;
            let cases = body.get("TestCases").unwrap_or(&empty);
            let at = format!("{at}/TestCases");
            let mut all = Vec::new();
            for (name, states) in object(cases, &at)? {
                let expected = part("Expectations").get(machine);
                let expected = expected.and_then(|cases| cases.get(name));
                let case = Case {
                    name: name.clone(),
                    states: states_of(states, &format!("{at}/{name}"), &mocks)?,
                    expectation: expected
                        .map(|value| {
                            Expectation::read(value, &format!("Expectations/{machine}/{name}"))
                        })
                        .transpose()?,
                };
                all.push(case);
            }
            machines.insert(machine.clone(), all);
        }
        let mut read = Self {
            machines,
            mocks,
            repeats: BTreeMap::new(),
        };
        read.read_repeats(part("Repeats"))?;
        read.check_expectations(part("Expectations"))?;
        Ok(read)
    }

    fn read_repeats(&mut self, value: &Value) -> Result<(), Unreadable> {
        for (machine, states) in object(value, "Repeats")? {
            let at = format!("Repeats/{machine}");
            if !self.machines.contains_key(machine) {
                return refuse(&at, format!("there is no machine `{machine}`"));
            }
            let states = states_of(states, &at, &self.mocks)?;
            self.repeats.insert(machine.clone(), states);
        }
        Ok(())
    }

    /// An expectation of a case that is not there would never be looked at.
    fn check_expectations(&self, value: &Value) -> Result<(), Unreadable> {
        for (machine, cases) in object(value, "Expectations")? {
            let at = format!("Expectations/{machine}");
            let known = self.machines.get(machine);
            for name in object(cases, &at)?.keys() {
                if !known.is_some_and(|cases| cases.iter().any(|case| case.name == *name)) {
                    let message = format!("there is no test case `{name}` of machine `{machine}`");
                    return refuse(&at, message);
                }
            }
        }
        Ok(())
    }

    /// Names of the machines.
    pub fn machines(&self) -> impl Iterator<Item = &str> {
        self.machines.keys().map(String::as_str)
    }

    /// The cases of a machine.
    #[must_use]
    pub fn cases(&self, machine: &str) -> Option<&[Case]> {
        self.machines.get(machine).map(Vec::as_slice)
    }

    /// What a state's call gets in a case.
    ///
    /// # Errors
    /// What is missing in the file.
    pub fn answer(&self, case: &Case, state: &str, call: u64) -> Result<Reply, String> {
        let Some(name) = case.states.get(state) else {
            return Err(format!("test case `{}` has no mock for it", case.name));
        };
        let found = self.mocks.get(name).and_then(|mock| mock.get(call));
        found
            .cloned()
            .ok_or_else(|| format!("mock `{name}` has no entry for this number"))
    }

    /// What repeats of a state's call get, where that is said.
    #[must_use]
    pub fn repeat(&self, machine: &str, state: &str) -> Option<Mock> {
        let name = self.repeats.get(machine)?.get(state)?;
        self.mocks.get(name).cloned()
    }
}

fn states_of(
    value: &Value,
    at: &str,
    mocks: &BTreeMap<String, Mock>,
) -> Result<BTreeMap<String, String>, Unreadable> {
    let mut states = BTreeMap::new();
    for (state, mock) in object(value, at)? {
        let at = format!("{at}/{state}");
        let Some(name) = mock.as_str() else {
            return refuse(&at, "must be the name of one of MockedResponses");
        };
        if !mocks.contains_key(name) {
            return refuse(&at, format!("there is no `{name}` in MockedResponses"));
        }
        states.insert(state.clone(), name.to_owned());
    }
    Ok(states)
}

fn mock(map: &Map<String, Value>, at: &str) -> Result<Mock, Unreadable> {
    let mut mock = Vec::new();
    for (numbers, reply) in map {
        let at = format!("{at}/{numbers}");
        let (first, last) = numbers.split_once('-').unwrap_or((numbers, numbers));
        let (Ok(first), Ok(last)) = (first.trim().parse::<u64>(), last.trim().parse::<u64>())
        else {
            return refuse(
                &at,
                "must be a number from 0, or a range of them such as `1-2`",
            );
        };
        if last < first {
            return refuse(&at, "a range must not end before it begins");
        }
        if mock
            .iter()
            .any(|(from, to, _): &(u64, u64, Reply)| first <= *to && *from <= last)
        {
            return refuse(&at, "another entry has this number as well");
        }
        mock.push((first, last, reply_of(reply, &at)?));
    }
    Ok(Mock(mock))
}

fn reply_of(value: &Value, at: &str) -> Result<Reply, Unreadable> {
    let map = object(value, at)?;
    known(map, &["Return", "Throw"], at)?;
    match (map.get("Return"), map.get("Throw")) {
        (Some(result), None) => Ok(Reply::Return(result.clone())),
        (None, Some(thrown)) => {
            let at = format!("{at}/Throw");
            let thrown = object(thrown, &at)?;
            known(thrown, &["Error", "Cause"], &at)?;
            let text = |name: &str| thrown.get(name).and_then(Value::as_str);
            let Some(error) = text("Error") else {
                return refuse(&at, "`Error` must be the error's name");
            };
            Ok(Reply::Throw {
                error: error.to_owned(),
                cause: text("Cause").unwrap_or_default().to_owned(),
            })
        }
        _ => refuse(at, "must have either `Return` or `Throw`"),
    }
}
