//! Jobs that a Task waits for (`.sync`): how one is looked at, when it is over, and what it brings.
//!
//! The service is told of the end of a job by events; here its state is read until it has one that is final. All names
//! are in PascalCase, as Step Functions spells them; who makes the calls knows the services' own spelling.

mod table;

use serde_json::{Map, Value, json};

use Source::{Asked, Begun, Each, EachAlone, OneOf, Text};
use table::{EXECUTION, JOBS, TASK};

/// A kind of job.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Job {
    /// boto3's name of the service.
    service: &'static str,
    /// Operation that begins one.
    begin: &'static str,
    /// Operation that reads one, and its parameters.
    pub(crate) look: &'static str,
    named: &'static [(&'static str, Source)],
    /// Operation that ends one early, and its parameters. Without a name there is none.
    pub(crate) stop: &'static str,
    stopped: &'static [(&'static str, Source)],
    /// Where the job is in the answer of `look`, and the member of the result that it becomes: the result itself if empty.
    job: (&'static str, &'static str),
    /// Where its state is in the answer of `look`.
    status: &'static str,
    /// States in which it ended well.
    good: &'static [&'static str],
    /// States in which it ended otherwise.
    bad: &'static [&'static str],
}

/// Where a parameter comes from.
#[derive(Debug, PartialEq, Eq)]
enum Source {
    /// The parameters of the call that began the job: a JSON pointer. One that leads nowhere is left out.
    Asked(&'static str),
    /// Its answer.
    Begun(&'static str),
    /// A list of one, from its answer.
    OneOf(&'static str),
    /// A list of this member of each element of a list in its answer.
    Each(&'static str, &'static str),
    /// The same, one call for each element.
    EachAlone(&'static str, &'static str),
    /// This.
    Text(&'static str),
}

/// What a look at a job tells.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Seen {
    /// It goes on.
    Running,
    /// The service does not know it, or part of it, and tells this: not yet, or no longer.
    Missing(Value),
    /// It ended well, with this.
    Succeeded(Value),
    /// It ended otherwise, with this.
    Failed(Value),
}

impl Job {
    /// The job that a call begins.
    pub(crate) fn of(service: &str, operation: &str) -> Option<&'static Self> {
        JOBS.iter()
            .find(|job| job.service == service && job.begin == operation)
    }

    /// Parameters that look at the job, from those of the call that began it and its answer.
    pub(crate) fn look_at(&self, asked: &Value, begun: &Value) -> Map<String, Value> {
        let (asked, begun) = (capitals(asked), capitals(begun));
        let named = self.named.iter();
        named
            .filter_map(|(name, from)| Some(((*name).to_owned(), from.find(&asked, &begun)?)))
            .collect()
    }

    /// Parameters of the calls that end the job, none if it is not ended.
    pub(crate) fn stop_it(&self, asked: &Value, begun: &Value) -> Vec<Map<String, Value>> {
        if self.stop.is_empty() {
            return Vec::new();
        }
        let (asked, begun) = (capitals(asked), capitals(begun));
        let mut calls = vec![Map::new()];
        for (name, from) in self.stopped {
            if let EachAlone(list, member) = from {
                let all = each(&begun, (list, member));
                let with = |call: &Map<String, Value>| {
                    let call = call.clone();
                    all.clone().into_iter().map(move |value| {
                        let mut call = call.clone();
                        call.insert((*name).to_owned(), value);
                        call
                    })
                };
                calls = calls.iter().flat_map(with).collect();
            } else if let Some(value) = from.find(&asked, &begun) {
                for call in &mut calls {
                    call.insert((*name).to_owned(), value.clone());
                }
            }
        }
        calls
    }

    /// Why a begin that was answered began nothing: error and cause. Source: Step Functions developer guide, "Run Amazon
    /// ECS or Fargate tasks": an answer with `Failures` fails a task that waits.
    pub(crate) fn not_begun(&self, answer: &Value) -> Option<(&'static str, String)> {
        if *self != TASK {
            return None;
        }
        let failures = capitals(answer).get("Failures").cloned()?;
        let failed = failures.as_array().is_some_and(|all| !all.is_empty());
        failed.then(|| ("AmazonECS.Unknown", failures.to_string()))
    }

    /// What the answer to a look means. `opened`: whether texts that are JSON come as their values (`.sync:2`).
    pub(crate) fn seen(&self, answer: &Value, opened: bool) -> Seen {
        let mut answer = capitals(answer);
        if let Some(members) = answer.as_object_mut() {
            members.remove("ResponseMetadata");
        }
        if *self == TASK {
            return tasks(&answer);
        }
        let status = answer.pointer(self.status).and_then(Value::as_str);
        let status = status.unwrap_or_default();
        let good = self.good.contains(&status);
        if !good && !self.bad.contains(&status) {
            return Seen::Running;
        }
        let mut found = answer.pointer(self.job.0).cloned().unwrap_or_default();
        if *self == EXECUTION {
            found = execution(&found, opened);
        }
        if !self.job.1.is_empty() {
            let id = found.get("Id").filter(|_| self.job.1 == "Cluster").cloned();
            found = json!({ self.job.1: found });
            if let Some(id) = id {
                found["ClusterId"] = id;
            }
        }
        if good {
            Seen::Succeeded(found)
        } else {
            Seen::Failed(found)
        }
    }
}

impl Source {
    fn find(&self, asked: &Value, begun: &Value) -> Option<Value> {
        match self {
            Asked(at) => asked.pointer(at).cloned(),
            Begun(at) => begun.pointer(at).cloned(),
            OneOf(at) => begun.pointer(at).map(|found| json!([found])),
            Each(list, member) => Some(Value::Array(each(begun, (list, member)))),
            EachAlone(..) => None,
            Text(text) => Some(json!(text)),
        }
    }
}

fn each(value: &Value, (list, member): (&str, &str)) -> Vec<Value> {
    let all = value.pointer(list).and_then(Value::as_array).into_iter();
    let named = all.flatten().filter_map(|item| item.get(member).cloned());
    named.collect()
}

/// The names of the outermost members with capitals: those of executions that began under an earlier version have none.
fn capitals(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.iter();
            let named =
                members.map(|(name, value)| (super::integration::pascal(name), value.clone()));
            Value::Object(named.collect())
        }
        other => other.clone(),
    }
}

/// Tasks of ECS: over when all have stopped; well if every container of every task ended with 0. A container without an
/// exit code never ran.
fn tasks(answer: &Value) -> Seen {
    let tasks: Vec<&Value> = answer["Tasks"].as_array().into_iter().flatten().collect();
    if tasks.iter().any(|task| task["LastStatus"] != "STOPPED") {
        return Seen::Running;
    }
    // All that are seen have stopped; how the others fared nobody knows.
    let failures = answer["Failures"].as_array();
    if failures.is_some_and(|all| !all.is_empty()) {
        return Seen::Missing(answer.clone());
    }
    if tasks.is_empty() {
        return Seen::Running;
    }
    let well = |task: &&&Value| {
        let containers = task["Containers"].as_array();
        let containers = containers.filter(|containers| !containers.is_empty());
        let failed = task["StopCode"] == "TaskFailedToStart";
        !failed && containers.is_some_and(|all| all.iter().all(|one| one["ExitCode"] == 0))
    };
    match tasks.iter().find(|task| !well(task)) {
        Some(failed) => Seen::Failed((*failed).clone()),
        None if tasks.len() == 1 => Seen::Succeeded(answer["Tasks"][0].clone()),
        None => Seen::Succeeded(answer.clone()),
    }
}

/// An execution as a Task's result shows it.
fn execution(described: &Value, opened: bool) -> Value {
    let mut shown = Map::new();
    for (member, value) in described.as_object().into_iter().flatten() {
        if member.starts_with("Redrive") {
            continue;
        }
        let value = match member.as_str() {
            "StartDate" | "StopDate" => millis(value),
            "InputDetails" | "OutputDetails" => capitals(value),
            "Input" | "Output" if opened => {
                let text = value.as_str().unwrap_or_default();
                serde_json::from_str(text).unwrap_or_else(|_| value.clone())
            }
            _ => value.clone(),
        };
        shown.insert(member.clone(), value);
    }
    Value::Object(shown)
}

/// An instant in milliseconds; those that come as numbers are.
fn millis(value: &Value) -> Value {
    let instant = value.as_str().and_then(|text| {
        let at: jiff::Timestamp = text.parse().ok()?;
        Some(at.as_millisecond())
    });
    instant.map_or_else(|| value.clone(), Value::from)
}

#[cfg(test)]
mod tests;
