//! Reading one object's fields, noting what is wrong with them.

use serde_json::{Map, Value};

use super::{Language, Problem, SCHEMA, Selection};
use crate::asl::path::Path;

/// One object of a definition.
pub(super) struct Fields<'a, 'p> {
    pub(super) map: &'a Map<String, Value>,
    pub(super) at: String,
    pub(super) problems: &'p mut Vec<Problem>,
}

impl<'a, 'p> Fields<'a, 'p> {
    pub(super) fn new(
        map: &'a Map<String, Value>,
        at: &str,
        problems: &'p mut Vec<Problem>,
    ) -> Self {
        Self {
            map,
            at: at.to_owned(),
            problems,
        }
    }

    /// A problem with a field, or with the object itself (`""`).
    pub(super) fn refuse(&mut self, field: &str, message: impl Into<String>) {
        let mut location = self.at.clone();
        if !field.is_empty() {
            location.push('/');
            location.push_str(field);
        }
        if location.is_empty() {
            location.push('/');
        }
        self.problems.push(Problem {
            code: SCHEMA,
            message: message.into(),
            location: Some(location),
        });
    }

    pub(super) fn get(&self, field: &str) -> Option<&'a Value> {
        self.map.get(field)
    }

    pub(super) fn has(&self, field: &str) -> bool {
        self.map.contains_key(field)
    }

    /// Notes the fields that are not among these.
    pub(super) fn only(&mut self, known: &[&str]) {
        let map = self.map;
        for field in map.keys().filter(|field| !known.contains(&field.as_str())) {
            self.refuse(field, format!("Field '{field}' is not supported"));
        }
    }

    /// Notes fields of which only one may be there.
    pub(super) fn at_most_one(&mut self, fields: &[&str]) {
        let there = fields.iter().filter(|field| self.has(field)).count();
        if there > 1 {
            let message = format!(
                "Only one of these fields may be set: [{}]",
                fields.join(", ")
            );
            self.refuse("", message);
        }
    }

    pub(super) fn required(&mut self, field: &str) {
        if !self.has(field) {
            self.refuse("", format!("These fields are required: [{field}]"));
        }
    }

    pub(super) fn text(&mut self, field: &str) -> Option<String> {
        match self.get(field)? {
            Value::String(text) => Some(text.clone()),
            _ => {
                self.refuse(field, format!("The field '{field}' must be a string"));
                None
            }
        }
    }

    pub(super) fn flag(&mut self, field: &str) -> Option<bool> {
        match self.get(field)? {
            Value::Bool(flag) => Some(*flag),
            _ => {
                self.refuse(field, format!("The field '{field}' must be a boolean"));
                None
            }
        }
    }

    /// A whole number within bounds.
    pub(super) fn seconds(&mut self, field: &str, (least, most): (u64, u64)) -> Option<u64> {
        let number = self.get(field)?.as_u64();
        let fits = number.filter(|number| (least..=most).contains(number));
        if fits.is_none() {
            self.refuse(
                field,
                format!("The field '{field}' must be a whole number from {least} to {most}"),
            );
        }
        fits
    }

    /// `QueryLanguage`, checked against the machine's.
    pub(super) fn language(&mut self, machine: Option<Language>) -> Language {
        let default = machine.unwrap_or(Language::JsonPath);
        match self.text("QueryLanguage").as_deref() {
            None => default,
            Some("JSONata") => Language::Jsonata,
            Some("JSONPath") => {
                if machine == Some(Language::Jsonata) {
                    self.refuse(
                        "",
                        "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine",
                    );
                }
                Language::JsonPath
            }
            Some(_) => {
                self.refuse(
                    "QueryLanguage",
                    "The field 'QueryLanguage' should have one of these values: [JSONPath, JSONata]",
                );
                default
            }
        }
    }

    /// A path of any kind.
    pub(super) fn path(&mut self, field: &str) -> Option<Path> {
        let text = self.text(field)?;
        match Path::parse(&text) {
            Ok(path) => Some(path),
            Err(error) => {
                self.refuse(
                    field,
                    format!("The value for the field '{field}' must be a valid JSONPath ({error})"),
                );
                None
            }
        }
    }

    /// `InputPath`, `OutputPath`: a path, or null for nothing.
    pub(super) fn selection(&mut self, field: &str) -> Selection {
        match self.get(field) {
            None => Selection::Whole,
            Some(Value::Null) => Selection::Nothing,
            Some(_) => match self.path(field) {
                Some(path) if path.to_string() != "$" => Selection::At(path),
                _ => Selection::Whole,
            },
        }
    }

    /// `ResultPath`: a Reference Path, or null.
    pub(super) fn result_path(&mut self) -> Selection {
        let selection = self.selection("ResultPath");
        if let Selection::At(path) = &selection {
            let fits = path.is_reference() && *path.root() == crate::asl::path::Root::Document;
            if !fits {
                self.refuse(
                    "ResultPath",
                    "The value for the field 'ResultPath' must be a valid Reference Path",
                );
            }
        }
        selection
    }
}
