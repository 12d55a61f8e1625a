//! Rules for the inputs of each action that can be checked before a run.

use serde_json::{Map, Value};

use super::read::Notes;
use super::{Action, Body, Document, steps};
use crate::automation::condition::Condition;
use crate::expr::duration;
use crate::expr::reference::find;
use crate::expr::selector::Selector;
use crate::expr::value_type::{kind_of, text_of};
use crate::source::child_pointer;

/// Reads what a step's inputs hold for steering, and checks the rest. `at` is the step's position.
pub(super) fn read(
    notes: &mut Notes<'_>,
    (here, action): (&str, Option<Action>),
    at: usize,
    document: &mut Document,
) -> Body {
    let Some(step) = document.steps.get(at) else {
        return Body::Plain;
    };
    let (name, parent) = (step.name.clone(), step.parent);
    let inputs = match &step.inputs {
        Value::Object(map) => map.clone(),
        Value::Null => Map::new(),
        other => {
            let found = kind_of(other);
            let message = format!("inputs of step \"{name}\" must be a map, not a {found}");
            notes.add_step(here, &name, message);
            return Body::Plain;
        }
    };
    let Some(action) = action else {
        return Body::Plain;
    };
    let mut check = Check {
        notes,
        here,
        name: &name,
        inputs: &inputs,
    };
    check.names(action);
    match action {
        Action::Branch => check.branch(),
        Action::Loop => {
            check.loop_shape(parent);
            let condition = check.loop_condition();
            let list = inputs.get("Steps").and_then(Value::as_array);
            // Nested loops are refused above; not reading their steps keeps the recursion at one level.
            let first = list.filter(|_| parent.is_none()).and_then(|list| {
                let pointer = format!("{here}/Steps");
                steps::read_list(notes, list, (&pointer, Some(at)), document)
            });
            first.map_or(Body::Plain, |first| Body::Loop { first, condition })
        }
        Action::Sleep => check.sleep(),
        Action::AssertAwsResourceProperty | Action::WaitForAwsResourceProperty => check.property(),
        Action::ChangeInstanceState => {
            check.one_of("DesiredState", &["running", "stopped", "terminated"])
        }
        Action::CreateTags => check.one_of(
            "ResourceType",
            &["EC2", "ManagedInstance", "MaintenanceWindow", "Parameter"],
        ),
        Action::ExecuteScript => check.script(),
        Action::Approve => check.approve(),
        Action::UpdateVariable => check.variable(document),
        _ => Body::Plain,
    }
}

struct Check<'a, 'b> {
    notes: &'a mut Notes<'b>,
    here: &'a str,
    name: &'a str,
    inputs: &'a Map<String, Value>,
}

impl Check<'_, '_> {
    fn complain(&mut self, key: &str, message: impl Into<String>) {
        let place = if key.is_empty() {
            self.here.to_owned()
        } else {
            child_pointer(self.here, key)
        };
        self.notes.add_step(&place, self.name, message);
    }

    /// The input as text, if it is there and holds no reference: only then it can be judged now.
    fn literal(&self, key: &str) -> Option<String> {
        let value = self.inputs.get(key)?;
        let text = text_of(value).into_owned();
        (!value.is_array() && !value.is_object() && find(&text).is_empty()).then_some(text)
    }

    fn names(&mut self, action: Action) {
        for key in action.required() {
            if self.inputs.get(*key).is_none_or(Value::is_null) {
                let message = format!(
                    "Input \"{key}\" of step \"{}\" is missing; {} needs it",
                    self.name,
                    action.as_str()
                );
                self.complain("", message);
            }
        }
        let Some(optional) = action.optional() else {
            return;
        };
        for key in self.inputs.keys() {
            if !action.required().contains(&key.as_str()) && !optional.contains(&key.as_str()) {
                let known: Vec<&str> = action.required().iter().chain(optional).copied().collect();
                let message = format!(
                    "Input \"{key}\" of step \"{}\" is unknown; {} takes {}",
                    self.name,
                    action.as_str(),
                    known.join(", ")
                );
                self.complain(key, message);
            }
        }
    }

    fn one_of(&mut self, key: &str, known: &[&str]) -> Body {
        if let Some(text) = self.literal(key)
            && !known.contains(&text.as_str())
        {
            self.complain(
                key,
                format!(
                    "\"{key}\" must be one of {}, found \"{text}\"",
                    known.join(", ")
                ),
            );
        }
        Body::Plain
    }

    fn branch(&mut self) -> Body {
        let mut choices = Vec::new();
        match self.inputs.get("Choices") {
            Some(Value::Array(list)) if !list.is_empty() => {
                for (n, choice) in list.iter().enumerate() {
                    let key = format!("Choices/{n}");
                    let here = format!("{}/{key}", self.here);
                    match Condition::parse(choice) {
                        Err(error) => self.notes.add_step(
                            &here,
                            self.name,
                            format!("step \"{}\": {error}", self.name),
                        ),
                        Ok(condition) => match choice.get("NextStep").and_then(Value::as_str) {
                            Some(target) => choices.push((condition, target.to_owned())),
                            None => self.notes.add_step(
                                &here,
                                self.name,
                                "a choice has no \"NextStep\"",
                            ),
                        },
                    }
                }
            }
            None | Some(Value::Null) => {}
            Some(other) => {
                let message = format!(
                    "\"Choices\" must be a list with at least one choice, not a {}",
                    kind_of(other)
                );
                self.complain("Choices", message);
            }
        }
        let default = self
            .inputs
            .get("Default")
            .and_then(Value::as_str)
            .map(str::to_owned);
        Body::Branch { choices, default }
    }

    fn loop_shape(&mut self, parent: Option<usize>) {
        if parent.is_some() {
            self.complain(
                "",
                "a loop inside a loop is not supported; move the inner loop behind the outer one",
            );
        }
        let present = |key: &str| self.inputs.get(key).is_some_and(|value| !value.is_null());
        if present("Iterators") == present("LoopCondition") {
            self.complain(
                "",
                "a loop needs exactly one of Iterators and LoopCondition",
            );
        }
        if self
            .inputs
            .get("Steps")
            .is_some_and(|list| list.as_array().is_none_or(Vec::is_empty))
        {
            self.complain("Steps", "\"Steps\" must be a list with at least one step");
        }
        if let Some(text) = self.literal("MaxIterations")
            && !text
                .trim()
                .parse::<u32>()
                .is_ok_and(|n| (1..=100).contains(&n))
        {
            self.complain(
                "MaxIterations",
                format!("\"MaxIterations\" must be 1 to 100, found \"{text}\""),
            );
        }
        if let Some(list) = self.inputs.get("Iterators").and_then(Value::as_array)
            && list.len() > 100
        {
            self.complain("Iterators", "\"Iterators\" may have at most 100 items");
        }
        self.one_of(
            "IteratorDataType",
            &["String", "Boolean", "Integer", "StringMap"],
        );
    }

    fn loop_condition(&mut self) -> Option<Condition> {
        let value = self
            .inputs
            .get("LoopCondition")
            .filter(|value| !value.is_null())?;
        match Condition::parse(value) {
            Ok(condition) => Some(condition),
            Err(error) => {
                self.complain("LoopCondition", format!("step \"{}\": {error}", self.name));
                None
            }
        }
    }

    fn sleep(&mut self) -> Body {
        let present = |key: &str| self.inputs.get(key).is_some_and(|value| !value.is_null());
        if present("Duration") == present("Timestamp") {
            self.complain("", "a sleep needs exactly one of Duration and Timestamp");
        }
        if let Some(error) = self
            .literal("Duration")
            .and_then(|text| super::super::action::sleep_seconds(&text).err())
        {
            self.complain("Duration", error);
        }
        if let Some(error) = self
            .literal("Timestamp")
            .and_then(|text| duration::timestamp(&text).err())
        {
            self.complain("Timestamp", error);
        }
        Body::Plain
    }

    fn property(&mut self) -> Body {
        if let Some(error) = self
            .literal("PropertySelector")
            .and_then(|text| Selector::parse(&text).err())
        {
            self.complain("PropertySelector", error.to_string());
        }
        Body::Plain
    }

    fn script(&mut self) -> Body {
        let present = |key: &str| self.inputs.get(key).is_some_and(|value| !value.is_null());
        if !present("Script") && !present("Attachment") {
            self.complain("", "a script step needs a \"Script\" or an \"Attachment\"");
        }
        if let Some(runtime) = self.literal("Runtime") {
            if !runtime.to_ascii_lowercase().starts_with("python")
                && !runtime.starts_with("PowerShell")
            {
                let message =
                    format!("unknown runtime \"{runtime}\"; known are python3.6 to python3.11");
                self.complain("Runtime", message);
            } else if runtime.starts_with("python") && !present("Handler") {
                self.complain(
                    "",
                    format!(
                        "Input \"Handler\" of step \"{}\" is missing; Python scripts need it",
                        self.name
                    ),
                );
            }
        }
        Body::Plain
    }

    fn approve(&mut self) -> Body {
        let approvers = self.inputs.get("Approvers").and_then(Value::as_array);
        if approvers.is_some_and(|list| list.is_empty() || list.len() > 10) {
            self.complain("Approvers", "\"Approvers\" must have 1 to 10 entries");
        }
        if let Some(text) = self.literal("MinRequiredApprovals")
            && !text
                .trim()
                .parse::<u32>()
                .is_ok_and(|n| (1..=10).contains(&n))
        {
            self.complain(
                "MinRequiredApprovals",
                format!("\"MinRequiredApprovals\" must be 1 to 10, found \"{text}\""),
            );
        }
        if self
            .literal("Message")
            .is_some_and(|text| text.chars().count() > 4096)
        {
            self.complain("Message", "\"Message\" may have at most 4096 characters");
        }
        Body::Plain
    }

    fn variable(&mut self, document: &Document) -> Body {
        let Some(text) = self.literal("Name") else {
            return Body::Plain;
        };
        let name = text
            .strip_prefix("variable:")
            .unwrap_or_default()
            .to_owned();
        if !document
            .variables
            .iter()
            .any(|variable| variable.name == name)
        {
            let message =
                format!("\"Name\" must be variable:NAME of a declared variable, found \"{text}\"");
            self.complain("Name", message);
        }
        Body::Plain
    }
}
