//! Which calls a document may make, told without running it: for permissions, and for whoever wants to know before.
//!
//! Every step counts, whatever branches lead to it. A value that only a run knows is [`UNKNOWN`], which means anything;
//! what scripts do is for whoever reads their language. Knows no service: names of operations are passed on as written.

mod actions;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::document::{Document, Parameter, Step};
use super::inverse;
use super::parameters::from_wire;
use crate::expr::reference::{Reference, indexed, substitute};
use crate::expr::value_type::text_of;

/// Stands for what only a run knows: a whole value, or a part of a text.
pub const UNKNOWN: &str = "*";

/// What is known before a run.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Values of parameters in wire form.
    pub parameters: BTreeMap<String, Vec<String>>,
    /// The account, if it is always the same.
    pub account: Option<String>,
    /// The region, if it is always the same.
    pub region: Option<String>,
}

/// A call that a step may make.
#[derive(Debug, Clone, PartialEq)]
pub struct Possible {
    /// The step's name; empty for what every run of the document does.
    pub step: String,
    /// boto3's name of the service, as written.
    pub service: String,
    /// The operation, as written.
    pub operation: String,
    /// Its parameters.
    pub params: Value,
}

/// A script that a step runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// The step's name.
    pub step: String,
    /// `Runtime`.
    pub runtime: String,
    /// Its text.
    pub text: String,
}

/// A document that a step runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Child {
    /// The step's name.
    pub step: String,
    /// The document's name, without the rest of an ARN.
    pub document: String,
}

/// What a document may do.
#[derive(Debug, Clone, Default)]
pub struct Survey {
    /// Calls.
    pub calls: Vec<Possible>,
    /// Scripts.
    pub scripts: Vec<Script>,
    /// Documents that it runs.
    pub children: Vec<Child>,
    /// What cannot be told: the step and why.
    pub unknown: Vec<(String, String)>,
}

/// Looks at all steps of a document.
#[must_use]
pub fn survey(document: &Document, known: &Known) -> Survey {
    let mut survey = Survey::default();
    for parameter in &document.parameters {
        if known.parameters.contains_key(&parameter.name) {
            continue;
        }
        if let Some(path) = parameter.ssm_default() {
            let mut params = Map::new();
            params.insert("Name".to_owned(), Value::String(path));
            survey.call("", ("ssm", "GetParameter"), params);
        }
    }
    for step in &document.steps {
        let inputs = Inputs::of(document, step, known);
        actions::of(&mut survey, step, &inputs);
    }
    survey
}

impl Survey {
    /// What keeping the states before the changes needs, and taking the changes back: for every call with an inverse
    /// the reading around it, and the calls that may bring the state back.
    #[must_use]
    pub fn undoing(&self) -> Vec<Possible> {
        undoing(&self.calls)
    }

    fn call(&mut self, step: &str, (service, operation): (&str, &str), params: Map<String, Value>) {
        self.calls.push(Possible {
            step: step.to_owned(),
            service: service.to_owned(),
            operation: operation.to_owned(),
            params: Value::Object(params),
        });
    }

    fn unknown(&mut self, step: &str, reason: impl Into<String>) {
        self.unknown.push((step.to_owned(), reason.into()));
    }
}

/// For every call with an inverse the reading around it, and the calls that may bring the state back.
pub(crate) fn undoing(calls: &[Possible]) -> Vec<Possible> {
    let mut found = Vec::new();
    for call in calls {
        let params = call.params.as_object().cloned().unwrap_or_default();
        let more = inverse::calls(&call.service, &call.operation, &params);
        found.extend(more.into_iter().map(|more| Possible {
            step: call.step.clone(),
            service: more.service.to_owned(),
            operation: more.operation.to_owned(),
            params: more.params,
        }));
    }
    found
}

/// A step's inputs as far as they are known.
struct Inputs(Map<String, Value>);

impl Inputs {
    fn of(document: &Document, step: &Step, known: &Known) -> Self {
        let lookup = |reference: &Reference| Ok(value_of(document, known, reference));
        let mut inputs = Map::new();
        for (key, template) in step.inputs.as_object().into_iter().flatten() {
            let value = if key == "Script" {
                template.clone()
            } else {
                substitute(template, &lookup).unwrap_or_else(|_| UNKNOWN.into())
            };
            inputs.insert(key.clone(), value);
        }
        Self(inputs)
    }

    /// A text that is known.
    fn text(&self, key: &str) -> Option<String> {
        let value = self.0.get(key).filter(|value| !value.is_null())?;
        let text = text_of(value).into_owned();
        (!text.contains(UNKNOWN)).then_some(text)
    }

    /// Whether the input is there, known or not.
    fn given(&self, key: &str) -> bool {
        match self.0.get(key) {
            None | Some(Value::Null) => false,
            Some(Value::String(text)) => !text.is_empty(),
            Some(_) => true,
        }
    }

    /// Inputs under the names of parameters; missing ones are left out.
    fn renamed(&self, names: &[(&str, &str)]) -> Map<String, Value> {
        let found = names
            .iter()
            .filter(|(input, _)| self.given(input))
            .filter_map(|(input, name)| Some(((*name).to_owned(), self.0.get(*input)?.clone())));
        found.collect()
    }

    /// All inputs but some.
    fn without(&self, own: &[&str]) -> Map<String, Value> {
        let rest = self
            .0
            .iter()
            .filter(|(key, _)| !own.contains(&key.as_str()));
        rest.map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }
}

/// What every value of a parameter begins with, and [`UNKNOWN`]: `i-*` for an instance's id.
fn beginning(parameter: &Parameter) -> String {
    if parameter.type_name.contains("AWS::EC2::Instance::Id") {
        return format!("i-{UNKNOWN}");
    }
    let pattern = parameter.constraints.allowed_pattern.as_deref();
    let pattern = pattern.and_then(|pattern| pattern.strip_prefix('^'));
    let Some(pattern) = pattern.filter(|pattern| !pattern.contains('|')) else {
        return UNKNOWN.to_owned();
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/' | ':');
    let end = pattern.find(|c| !plain(c)).unwrap_or(pattern.len());
    let mut start = pattern.get(..end).unwrap_or_default().to_owned();
    // A quantifier takes back the character before it.
    if pattern
        .get(end..)
        .is_some_and(|rest| rest.starts_with(['?', '*', '{', '+']))
    {
        start.pop();
    }
    start.push_str(UNKNOWN);
    start
}

/// What a reference stands for before a run.
fn value_of(document: &Document, known: &Known, reference: &Reference) -> Value {
    let unknown = || Value::String(UNKNOWN.to_owned());
    match reference {
        Reference::Parameter { name, index } => {
            let value = document.parameter(name).and_then(|parameter| {
                let wire = known.parameters.get(name)?;
                from_wire(parameter.value_type, wire).ok()
            });
            let only = || {
                let allowed = &document.parameter(name)?.constraints.allowed_values;
                match allowed.as_slice() {
                    [one] => Some(one.clone()),
                    _ => None,
                }
            };
            let begins = || Some(Value::String(beginning(document.parameter(name)?)));
            value
                .or_else(only)
                .or_else(begins)
                .and_then(|value| indexed(&value, *index).ok())
                .unwrap_or_else(unknown)
        }
        Reference::Global(name) => {
            let value = match name.as_str() {
                "ACCOUNT_ID" => known.account.clone(),
                "REGION" => known.region.clone(),
                _ => None,
            };
            value.map_or_else(unknown, Value::String)
        }
        _ => unknown(),
    }
}
