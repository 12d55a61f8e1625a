//! Calls that can be taken back: what to read before them, what of the answer is the state they change, and which calls
//! bring that state back.
//!
//! One file per group of services. A rule reads the same state before and after the call; taking it back compares the
//! present state with what the call left, so that nothing that others did since is overwritten unnoticed.

mod access;
mod compute;
mod data;
mod functions;
mod network;
mod returns;
mod scaling;
#[cfg(test)]
mod tests;

use model::effect::Outcome;
use serde_json::{Map, Value, json};

/// Parameters of a call.
pub(crate) type Params = Map<String, Value>;

/// A call, to read with or to take back with.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    pub(crate) service: &'static str,
    pub(crate) operation: &'static str,
    pub(crate) params: Value,
}

impl Call {
    fn new(service: &'static str, operation: &'static str, params: Value) -> Self {
        Self {
            service,
            operation,
            params,
        }
    }
}

/// How one operation is taken back.
#[derive(Clone, Copy)]
pub(crate) struct Rule {
    /// The call that reads the state; `None` when these parameters have no known inverse.
    read: fn(&Params) -> Option<Call>,
    /// The state in the answer of that call.
    state: fn(&Params, &Value) -> Value,
    /// Errors of the reading call that mean "there is none": the state is null then.
    absent: &'static [&'static str],
    /// The calls that lead from the second state back to the first.
    back: fn(&Params, &Value, &Value) -> Vec<Call>,
    /// All that taking it back may call.
    calls: &'static [&'static str],
    /// Where an answer says that it is not all of it.
    more: Option<&'static str>,
    /// The call that reads the state after the change, where it is another one: knows the state before.
    read_after: Option<fn(&Params, &Value) -> Option<Call>>,
}

impl Rule {
    const fn new(
        read: fn(&Params) -> Option<Call>,
        state: fn(&Params, &Value) -> Value,
        back: fn(&Params, &Value, &Value) -> Vec<Call>,
    ) -> Self {
        Self {
            read,
            state,
            absent: &[],
            back,
            more: None,
            calls: &[],
            read_after: None,
        }
    }

    const fn absent(mut self, codes: &'static [&'static str]) -> Self {
        self.absent = codes;
        self
    }

    /// The answer is only a page of the state while it has this member.
    const fn paged(mut self, more: &'static str) -> Self {
        self.more = Some(more);
        self
    }

    const fn after(mut self, read: fn(&Params, &Value) -> Option<Call>) -> Self {
        self.read_after = Some(read);
        self
    }

    /// The call to make before the change.
    pub(crate) fn reading(&self, params: &Params) -> Option<Call> {
        (self.read)(params)
    }

    /// The call to make after the change.
    pub(crate) fn reading_after(&self, params: &Params, before: &Value) -> Option<Call> {
        match self.read_after {
            Some(read) => read(params, before),
            None => (self.read)(params),
        }
    }

    /// The state that an answer tells; the error's code and words when it tells none.
    pub(crate) fn state(
        &self,
        params: &Params,
        answer: Result<&Value, (&str, &str)>,
    ) -> Result<Value, String> {
        match answer {
            Ok(answer) if self.goes_on(answer) => {
                Err("there is more of it than one answer holds".to_owned())
            }
            Ok(answer) => Ok((self.state)(params, answer)),
            Err((code, _)) if self.absent.contains(&code) => Ok(Value::Null),
            Err((code, message)) => Err(format!("{message} ({code})")),
        }
    }

    fn goes_on(&self, answer: &Value) -> bool {
        let more = self.more.map(|more| at(answer, more));
        more.is_some_and(|more| !more.is_null() && more != "")
    }

    /// The calls that lead back to `before`; none where there is more to call than the operation's row names.
    pub(crate) fn back(&self, params: &Params, before: &Value, after: &Value) -> Vec<Call> {
        let found = (self.back)(params, before, after);
        let named = |call: &Call| self.calls.contains(&call.operation);
        if found.iter().all(named) {
            found
        } else {
            Vec::new()
        }
    }
}

/// The rule of an operation; names meet whatever their case and separators.
pub(crate) fn rule(service: &str, operation: &str) -> Option<Rule> {
    let (service, operation) = (plain(service), plain(operation));
    let calls = returns::of(&service, &operation);
    calls.first()?;
    let rule = match service.as_str() {
        "ec2" => compute::rule(&operation).or_else(|| network::rule(&operation)),
        "s3" | "s3control" => data::rule(&service, &operation),
        "iam" => access::rule(&operation),
        "autoscaling" | "elbv2" => scaling::rule(&service, &operation),
        "kms" | "cloudtrail" | "rds" | "backup" => data::rule(&service, &operation),
        "lambda" => functions::rule(&operation),
        "organizations" => access::organization(&operation),
        _ => None,
    };
    rule.map(|rule| Rule { calls, ..rule })
}

/// The state that the outcome of a reading tells.
///
/// # Errors
/// Why it tells none.
pub(crate) fn told(
    service: &str,
    operation: &str,
    (params, outcome): (&Value, &Outcome),
) -> Result<Value, String> {
    let rule = rule(service, operation).ok_or("no inverse is known")?;
    let empty = Params::new();
    let params = params.as_object().unwrap_or(&empty);
    match outcome {
        Outcome::Done { result } => rule.state(params, Ok(result)),
        Outcome::Failed(failure) => rule.state(params, Err((&failure.code, &failure.message))),
        Outcome::Unknown { reason } => Err(reason.clone()),
    }
}

/// The calls that taking an operation back may need: the reading of the state, and what can bring it back. Of the
/// latter is known only what the operation itself names.
pub(crate) fn calls(service: &str, operation: &str, params: &Params) -> Vec<Call> {
    let Some(rule) = rule(service, operation) else {
        return Vec::new();
    };
    let Some(reading) = (rule.read)(params) else {
        return Vec::new();
    };
    let back = rule.calls.iter().map(|operation| {
        let mut known = params.clone();
        if *operation == "AssociateIamInstanceProfile" {
            // Which one is read in the run; that one is passed is known.
            known.insert("IamInstanceProfile".to_owned(), json!({"Arn": "*"}));
        }
        Call::new(reading.service, operation, Value::Object(known))
    });
    back.chain([reading.clone()]).collect()
}

/// Parameters of a call of Step Functions as the service spells them, where the rules know a name that differs: an acronym
/// is a word there.
pub(crate) fn as_service(service: &str, params: Params) -> Params {
    if service != "rds" {
        return params;
    }
    let named = |(name, value): (String, Value)| match name.strip_prefix("Db") {
        Some(rest) => (format!("DB{rest}"), value),
        None => (name, value),
    };
    params.into_iter().map(named).collect()
}

/// What can be said of taking a call back that was made and of which no state was kept.
pub(crate) fn unkept(service: &str, operation: &str, params: &Params) -> &'static str {
    match prospect(service, operation, params) {
        UNDOABLE => "cannot be undone: the state before it was not kept",
        other => other,
    }
}

/// What is said of a call that can be taken back.
const UNDOABLE: &str = "can be undone";

/// What can be said of taking a call back, before it is made.
pub(crate) fn prospect(service: &str, operation: &str, params: &Params) -> &'static str {
    if rule(service, operation).is_some_and(|rule| rule.reading(params).is_some()) {
        return UNDOABLE;
    }
    let plain = plain(operation);
    let begins = |verbs: &[&str]| verbs.iter().any(|verb| plain.starts_with(verb));
    if begins(&["create", "run", "copy", "allocate", "import", "start"]) {
        "undone by deleting what it makes"
    } else if begins(&["terminate", "delete", "deregister", "release", "purge"]) {
        "cannot be undone: what it removes is gone"
    } else {
        "cannot be undone: no inverse is known"
    }
}

fn plain(name: &str) -> String {
    name.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

/// A parameter that is there.
fn get(params: &Params, name: &str) -> Option<Value> {
    params.get(name).filter(|value| !value.is_null()).cloned()
}

/// The value at a path, or null.
fn at(value: &Value, path: &str) -> Value {
    value.pointer(path).cloned().unwrap_or_default()
}

/// The items of a list at a path.
fn items<'a>(value: &'a Value, path: &str) -> impl Iterator<Item = &'a Value> {
    let list = value.pointer(path).and_then(Value::as_array);
    list.into_iter().flatten()
}

/// A member of each item, sorted: lists come in no particular order.
fn sorted(value: &Value, path: &str, member: &str) -> Value {
    let mut found: Vec<String> = items(value, path)
        .filter_map(|item| item.get(member)?.as_str().map(str::to_owned))
        .collect();
    found.sort();
    found.dedup();
    json!(found)
}

/// Items sorted by their text.
fn ordered(mut list: Vec<Value>) -> Value {
    list.sort_by_key(Value::to_string);
    list.dedup();
    Value::Array(list)
}

/// Items of the first list that the second lacks.
fn missing(from: &Value, than: &Value) -> Vec<Value> {
    let than: Vec<&Value> = items(than, "").collect();
    items(from, "")
        .filter(|item| !than.contains(item))
        .cloned()
        .collect()
}

/// The list that a parameter is; one scalar is a list of one.
fn list(params: &Params, name: &str) -> Option<Vec<Value>> {
    match get(params, name)? {
        Value::Array(list) if !list.is_empty() => Some(list),
        Value::String(one) => Some(vec![json!(one)]),
        _ => None,
    }
}
