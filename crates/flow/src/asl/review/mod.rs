//! All that can be said about a state machine before it runs: mistakes, and what a careful reader would ask about.
//!
//! Errors are those of [`admit`](super::definition::admit), with the service's codes and words. Warnings are told of a
//! definition that can be read only. Knows no service: what a call is like and whether it may be repeated is asked of the
//! caller.

mod remedy;
mod warnings;

use serde_json::{Map, Value};

use super::definition::{self, Calls, MAX_BYTES, MachineType, Problem};
use crate::finding::{Finding, Repeatable, Severity};
use crate::source::{Limits, Source, child_pointer};

/// Below serde_json's 128 levels; blocks end at [`MAX_BLOCK_DEPTH`](definition::MAX_BLOCK_DEPTH) long before.
const LIMITS: Limits = Limits {
    bytes: MAX_BYTES,
    nodes: 400_000,
    depth: 127,
};

/// Says everything about a definition's text, in the order of the text.
#[must_use]
pub fn review(
    text: &str,
    kind: MachineType,
    (repeatable, calls): (&Repeatable<'_>, Calls),
) -> Vec<Finding> {
    let source = match crate::json::parse(text, LIMITS) {
        Ok(source) => source,
        Err(unreadable) => {
            return vec![Finding {
                severity: Severity::Error,
                code: definition::INVALID_JSON,
                line: unreadable.place.line,
                column: unreadable.place.column,
                part: None,
                message: format!("not valid JSON: {}", unreadable.message),
                remedy: Some("check quotes, commas and brackets before this place".to_owned()),
            }];
        }
    };
    let mut findings: Vec<Finding> = match definition::parse_with_places(text, kind) {
        Ok((machine, places)) => {
            let refused = definition::refused(&machine, &places, calls);
            let blocks: Vec<String> = places
                .iter()
                .map(|location| part_at(&source.value, location).pointer)
                .collect();
            let told = warnings::all((text, &source), (&machine, &blocks), repeatable);
            let told = told.into_iter().map(|(_, finding)| finding);
            let refused = refused.into_iter().map(|problem| error(&source, problem));
            told.chain(refused).collect()
        }
        Err(problems) => problems
            .into_iter()
            .map(|problem| error(&source, problem))
            .collect(),
    };
    findings.sort_by_key(|finding| (finding.line, finding.column));
    findings
}

/// The warnings of a valid definition in the form of its problems; none of one that is refused.
#[must_use]
pub fn warned(text: &str, kind: MachineType, repeatable: &Repeatable<'_>) -> Vec<Problem> {
    let (Ok(source), Ok((machine, blocks))) = (
        crate::json::parse(text, LIMITS),
        definition::parse_with_places(text, kind),
    ) else {
        return Vec::new();
    };
    let pointers = blocks
        .iter()
        .map(|location| part_at(&source.value, location).pointer);
    let blocks: Vec<String> = pointers.collect();
    let told = warnings::all((text, &source), (&machine, &blocks), repeatable);
    let problems = told.into_iter().map(|(pointer, finding)| Problem {
        code: finding.code,
        message: finding.message,
        location: Some(location(&source.value, &pointer)),
    });
    problems.collect()
}

/// A JSON pointer as the service writes places: names as they are, positions in brackets.
fn location(value: &Value, pointer: &str) -> String {
    let mut location = String::new();
    let mut at = value;
    for token in pointer.split('/').skip(1) {
        let name = token.replace("~1", "/").replace("~0", "~");
        if at.is_array() {
            location.push_str(&format!("[{name}]"));
        } else {
            location.push_str(&format!("/{name}"));
        }
        at = match at {
            Value::Array(items) => name.parse().ok().and_then(|n: usize| items.get(n)),
            other => other.get(&name),
        }
        .unwrap_or(&Value::Null);
    }
    location
}

fn error(source: &Source, problem: Problem) -> Finding {
    let part = part_at(&source.value, problem.location.as_deref().unwrap_or("/"));
    let place = source.place(&part.pointer);
    Finding {
        severity: Severity::Error,
        code: problem.code,
        line: place.line,
        column: place.column,
        remedy: remedy::of(&problem.message, &part),
        part: part.state.map(str::to_owned),
        message: problem.message,
    }
}

/// What a problem's location leads to.
pub(super) struct Part<'a> {
    /// Its JSON pointer, or that of the nearest part around it.
    pub(super) pointer: String,
    /// The innermost state around it.
    pub(super) state: Option<&'a str>,
    /// Names of the states of the innermost block around it.
    pub(super) names: Vec<&'a str>,
}

/// Follows a location, where names stand as they are written: a state's name may hold slashes and brackets, so the
/// data decides where it ends.
fn part_at<'a>(value: &'a Value, location: &str) -> Part<'a> {
    let mut part = Part {
        pointer: String::new(),
        state: None,
        names: Vec::new(),
    };
    let (mut value, mut rest, mut among_states) = (value, location, false);
    loop {
        if let Some(states) = value.get("States").and_then(Value::as_object)
            && !among_states
        {
            part.names = states.keys().map(String::as_str).collect();
        }
        let inner = match value {
            Value::Object(map) => rest
                .strip_prefix('/')
                .and_then(|wanted| longest_member(map, wanted)),
            Value::Array(items) => rest.strip_prefix('[').and_then(|rest| {
                let (number, behind) = rest.split_once(']')?;
                Some((number, behind, items.get(number.parse::<usize>().ok()?)?))
            }),
            _ => None,
        };
        let Some((key, behind, inner)) = inner else {
            return part;
        };
        part.pointer = child_pointer(&part.pointer, key);
        if among_states && let Some(name) = part.names.iter().find(|name| **name == key) {
            part.state = Some(name);
        }
        // A state may itself be called `States`.
        among_states = key == "States" && !among_states;
        (value, rest) = (inner, behind);
    }
}

/// The member that a location begins with: key, what is behind it, value.
fn longest_member<'l, 'v: 'l>(
    map: &'v Map<String, Value>,
    wanted: &'l str,
) -> Option<(&'l str, &'l str, &'v Value)> {
    let begins = map.iter().filter_map(|(key, inner)| {
        let behind = wanted.strip_prefix(key.as_str())?;
        let ends = behind.is_empty() || behind.starts_with(['/', '[']);
        ends.then_some((key.as_str(), behind, inner))
    });
    begins.max_by_key(|(key, ..)| key.len())
}
