//! The warnings: where a valid definition may not do what its author thinks.

use std::collections::BTreeSet;

use model::web::only_reads;
use serde_json::{Map, Value};

use crate::asl::definition::{Block, Kind, Language, State, StateMachine, Task, arrows};
use crate::asl::integration::{Family, Integration};
use crate::automation::review::is_code;
use crate::finding::{Finding, Repeatable, Severity};
use crate::source::{Source, child_pointer};

/// Most warnings that are told of one definition.
const MOST: usize = 500;

/// All warnings of a valid definition, each with the pointer to what it is about; `blocks` are the pointers of the blocks'
/// objects.
pub(super) fn all(
    (text, source): (&str, &Source),
    (machine, blocks): (&StateMachine, &[String]),
    repeatable: &Repeatable<'_>,
) -> Vec<(String, Finding)> {
    let mut notes = Notes {
        source,
        findings: Vec::new(),
    };
    let mentioned = mentioned_variables(text);
    for (block, pointer) in machine.blocks.iter().zip(blocks) {
        let leaving = leaving(block);
        for (n, state) in block.states.iter().enumerate() {
            let states = child_pointer(pointer, "States");
            let here = child_pointer(&states, &state.name);
            let place = Place { state, here: &here };
            if !leaving.contains(&n) {
                no_way_out(&mut notes, &place);
            }
            choice(&mut notes, &place);
            unused_variables(&mut notes, &place, &mentioned);
            paths_that_are_texts(&mut notes, &place);
            if let Kind::Task(task) = &state.kind {
                waits(&mut notes, &place, (task, machine));
                call(&mut notes, &place, (task, repeatable));
            }
        }
    }
    notes.findings
}

struct Notes<'a> {
    source: &'a Source,
    findings: Vec<(String, Finding)>,
}

/// A state and where it stands.
struct Place<'a> {
    state: &'a State,
    here: &'a str,
}

impl<'a> Notes<'a> {
    fn add(
        &mut self,
        code: &'static str,
        (pointer, state): (&str, &State),
        message: String,
        remedy: &str,
    ) {
        if self.findings.len() >= MOST {
            return;
        }
        let place = self.source.place(pointer);
        let finding = Finding {
            severity: Severity::Warning,
            code,
            line: place.line,
            column: place.column,
            part: Some(state.name.clone()),
            message,
            remedy: Some(remedy.to_owned()),
        };
        self.findings.push((pointer.to_owned(), finding));
    }

    /// A state as it is written.
    fn written(&self, place: &Place<'_>) -> Option<&'a Map<String, Value>> {
        self.source.value.pointer(place.here)?.as_object()
    }
}

/// States from which the block's end can be reached.
fn leaving(block: &Block) -> BTreeSet<usize> {
    let mut before: Vec<Vec<usize>> = vec![Vec::new(); block.states.len()];
    let mut waiting = Vec::new();
    for (n, state) in block.states.iter().enumerate() {
        let next = arrows(state);
        let ends = match &state.kind {
            Kind::Choice { .. } => false,
            _ => state.next.is_none(),
        };
        if ends {
            waiting.push(n);
        }
        for target in next {
            if let Some(list) = before.get_mut(target) {
                list.push(n);
            }
        }
    }
    let mut leaving = BTreeSet::new();
    while let Some(at) = waiting.pop() {
        if leaving.insert(at) {
            waiting.extend(before.get(at).into_iter().flatten());
        }
    }
    leaving
}

fn no_way_out(notes: &mut Notes<'_>, place: &Place<'_>) {
    notes.add(
        "no-way-out",
        (place.here, place.state),
        format!(
            "from state \"{}\" no way leads to an end: an execution that comes here goes round until it fails with 25,000 events or is stopped",
            place.state.name
        ),
        "lead a choice out of the circle",
    );
}

fn choice(notes: &mut Notes<'_>, place: &Place<'_>) {
    let Kind::Choice { default, .. } = &place.state.kind else {
        return;
    };
    if default.is_none() {
        notes.add(
            "choice-without-default",
            (place.here, place.state),
            format!(
                "state \"{}\" has no Default: data that no rule matches ends its block with States.NoChoiceMatched",
                place.state.name
            ),
            "add Default, if need be with a Fail state that says what came unexpected",
        );
    }
}

/// Names behind a `$` anywhere in the text.
fn mentioned_variables(text: &str) -> BTreeSet<&str> {
    text.split('$')
        .skip(1)
        .filter_map(|behind| {
            let end = behind
                .find(|c: char| !c.is_alphanumeric() && c != '_')
                .unwrap_or(behind.len());
            behind.get(..end).filter(|name| !name.is_empty())
        })
        .collect()
}

fn unused_variables(notes: &mut Notes<'_>, place: &Place<'_>, mentioned: &BTreeSet<&str>) {
    let Some(Value::Object(assigned)) = notes.written(place).and_then(|map| map.get("Assign"))
    else {
        return;
    };
    for key in assigned.keys() {
        let name = key.strip_suffix(".$").unwrap_or(key);
        if mentioned.contains(name) {
            continue;
        }
        let pointer = child_pointer(&child_pointer(place.here, "Assign"), key);
        notes.add(
            "unused-variable",
            (&pointer, place.state),
            format!("variable \"{name}\" is assigned and never read"),
            "read it as $NAME, or remove it",
        );
    }
}

/// `"key": "$.path"` in a payload template: without `.$` behind the key it is a text.
fn paths_that_are_texts(notes: &mut Notes<'_>, place: &Place<'_>) {
    if place.state.language != Language::JsonPath {
        return;
    }
    let Some(written) = notes.written(place) else {
        return;
    };
    for field in ["Parameters", "ResultSelector", "ItemSelector", "Assign"] {
        if let Some(value) = written.get(field) {
            let pointer = child_pointer(place.here, field);
            let mut found = Vec::new();
            texts_like_paths(value, &pointer, &mut found);
            for (pointer, key) in found {
                notes.add(
                    "path-as-text",
                    (&pointer, place.state),
                    format!("the value of \"{key}\" looks like a path or a function, but is passed on as that text"),
                    "write .$ behind the key",
                );
            }
        }
    }
}

fn texts_like_paths(value: &Value, pointer: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                let pointer = child_pointer(pointer, key);
                match inner {
                    Value::String(text) if !key.ends_with(".$") && looks_like_path(text) => {
                        found.push((pointer, key.clone()));
                    }
                    _ => texts_like_paths(inner, &pointer, found),
                }
            }
        }
        Value::Array(items) => {
            for (n, inner) in items.iter().enumerate() {
                texts_like_paths(inner, &child_pointer(pointer, &n.to_string()), found);
            }
        }
        _ => {}
    }
}

fn looks_like_path(text: &str) -> bool {
    let function = text.starts_with("States.") && text.ends_with(')');
    function || text.starts_with("$.") || text.starts_with("$$.") || text.starts_with("$[")
}

fn waits(notes: &mut Notes<'_>, place: &Place<'_>, (task, machine): (&Task, &StateMachine)) {
    let resource = &task.resource;
    let what = if resource.ends_with(".waitForTaskToken") {
        "its token comes back"
    } else if resource.contains(":activity:") {
        "a worker takes it and answers"
    } else if resource.ends_with(".sync") || resource.ends_with(".sync:2") {
        "its job has ended"
    } else {
        return;
    };
    if task.timeout.is_none() && task.heartbeat.is_none() && machine.timeout_seconds.is_none() {
        notes.add(
            "missing-timeout",
            (place.here, place.state),
            format!(
                "state \"{}\" waits until {what}, up to a year",
                place.state.name
            ),
            "set TimeoutSeconds (or HeartbeatSeconds) to what an incident can bear",
        );
    }
}

fn call(notes: &mut Notes<'_>, place: &Place<'_>, (task, repeatable): (&Task, &Repeatable<'_>)) {
    let Ok(integration) = Integration::parse(&task.resource) else {
        return;
    };
    let Some(written) = notes.written(place) else {
        return;
    };
    let field = match place.state.language {
        Language::JsonPath => "Parameters",
        Language::Jsonata => "Arguments",
    };
    let arguments = written.get(field).unwrap_or(&Value::Null);
    if integration.family == Family::Http {
        web(notes, place, (arguments, field));
        return;
    }
    let (service, operation) = (&integration.service, &integration.operation);
    // What is in the parameters decides, not what it is: a token given by a path is a token.
    let plain: Map<String, Value> = (arguments.as_object().into_iter().flatten())
        .map(|(key, value)| (key.trim_end_matches(".$").to_owned(), value.clone()))
        .collect();
    if !repeatable(service, operation, &Value::Object(plain)) {
        notes.add(
            "not-repeatable",
            (&child_pointer(place.here, "Resource"), place.state),
            format!(
                "{service}:{operation} in state \"{}\" takes no token and cannot be looked up: if the server dies in it, a person must say what happened",
                place.state.name
            ),
            "use a call that takes a token or can be looked up, or tell the people on duty how to settle it (quell machine resolve)",
        );
    }
    let pointer = child_pointer(place.here, field);
    for (pointer, key) in code(service, operation, (arguments, &pointer)) {
        notes.add(
            "value-in-shell",
            (&pointer, place.state),
            format!(
                "\"{key}\" becomes code of a shell and holds a value from the data: whoever writes it (an attacker, if it comes from an event) runs commands on the instance"
            ),
            "check the value in a Choice state before, or let the instance read it from where nothing executes it",
        );
    }
}

/// A call of a web API: whether it can be repeated, and whether its connection's secret goes where the data says.
fn web(notes: &mut Notes<'_>, place: &Place<'_>, (arguments, field): (&Value, &str)) {
    let method = arguments.get("Method").and_then(Value::as_str);
    if !method.is_some_and(only_reads) {
        notes.add(
            "not-repeatable",
            (&child_pointer(place.here, "Resource"), place.state),
            format!(
                "http:invoke in state \"{}\" may change something and takes no token: if the server dies in it, a person must say what happened",
                place.state.name
            ),
            "tell the people on duty how to settle it (quell machine resolve)",
        );
    }
    let pointer = child_pointer(place.here, field);
    for key in ["ApiEndpoint", "ApiEndpoint.$"] {
        let address = arguments.get(key).and_then(Value::as_str);
        if address.is_some_and(|address| is_open(key, &address.into()) && !names_its_host(address))
        {
            notes.add(
                "secret-to-open-address",
                (&child_pointer(&pointer, key), place.state),
                "the address comes from the data: whoever writes that has the connection's secret sent to a server of their own".to_owned(),
                "write scheme and host into the definition, and take only the rest of the path from the data",
            );
        }
    }
}

/// Whether an expression begins with an address whose host is written out.
fn names_its_host(expression: &str) -> bool {
    let begun = expression.trim_start();
    let begun = begun.strip_prefix("{%").unwrap_or(begun).trim_start();
    let begun = begun.strip_prefix("States.Format(").unwrap_or(begun);
    let begun = begun.trim_start().trim_start_matches(['\'', '"']);
    let host = begun.strip_prefix("https://").and_then(|rest| {
        let (host, _) = rest.split_once('/')?;
        Some(host)
    });
    host.is_some_and(|host| {
        !host.is_empty()
            && host
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || ".-:".contains(c))
    })
}

/// Parameters that a shell will read and that are not fixed, with their places.
fn code(
    service: &str,
    operation: &str,
    (arguments, pointer): (&Value, &str),
) -> Vec<(String, String)> {
    let name_of = |key: &str| key.trim_end_matches(".$").to_owned();
    let named = |map: &Value, wanted: &dyn Fn(&str) -> bool, pointer: &str| {
        let members = map.as_object().into_iter().flatten();
        members
            .filter(|(key, value)| wanted(&name_of(key)) && is_open(key, value))
            .map(|(key, _)| (child_pointer(pointer, key), name_of(key)))
            .collect::<Vec<_>>()
    };
    match (service, operation) {
        ("ssm", "SendCommand") => {
            let inner = arguments.get("Parameters").unwrap_or(&Value::Null);
            let mut found = named(inner, &is_code, &child_pointer(pointer, "Parameters"));
            if inner.is_null() || inner.is_string() {
                found.extend(named(arguments, &|name| name == "Parameters", pointer));
            }
            found
        }
        ("ec2", "RunInstances") => named(arguments, &|name| name == "UserData", pointer),
        _ => Vec::new(),
    }
}

/// Whether a value comes from the data, at least in part.
fn is_open(key: &str, value: &Value) -> bool {
    match value {
        Value::String(text) => key.ends_with(".$") || text.trim_start().starts_with("{%"),
        Value::Array(items) => items.iter().any(|item| is_open("", item)),
        Value::Object(map) => map.iter().any(|(key, value)| is_open(key, value)),
        _ => false,
    }
}
