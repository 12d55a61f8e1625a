//! Reading Choice rules, Retry and Catch.

use serde_json::Value;

use super::fields::Fields;
use super::states::{Names, assigned_names};
use super::{Catcher, Language, Retrier};
use crate::asl::choice::{Comparison, Condition, Operand, Rule};
use crate::asl::fault::ALL;
use crate::asl::jsonata::Expression;
use crate::asl::path::Path;

/// Deepest nesting of And, Or and Not.
const MAX_DEPTH: usize = 32;

impl<'a> Fields<'a, '_> {
    /// The objects of a list, each with its pointer. What is no object is noted.
    fn objects(&mut self, field: &str) -> Vec<(String, &'a serde_json::Map<String, Value>)> {
        let Some(value) = self.map.get(field) else {
            return Vec::new();
        };
        let Value::Array(list) = value else {
            self.refuse(field, format!("The field '{field}' must be an array"));
            return Vec::new();
        };
        let mut objects = Vec::with_capacity(list.len());
        for (n, item) in list.iter().enumerate() {
            match item {
                Value::Object(map) => objects.push((format!("{}/{field}[{n}]", self.at), map)),
                _ => self.refuse(&format!("{field}[{n}]"), "The value must be an object"),
            }
        }
        objects
    }

    /// `Choices`.
    pub(super) fn rules(&mut self, language: Language, names: &Names<'_>) -> Vec<Rule> {
        if self
            .get("Choices")
            .and_then(Value::as_array)
            .is_some_and(Vec::is_empty)
        {
            self.refuse("Choices", "Value cannot be empty");
        }
        let objects = self.objects("Choices");
        let mut rules = Vec::with_capacity(objects.len());
        for (at, map) in &objects {
            let mut fields = Fields::new(map, at, self.problems);
            fields.required("Next");
            let next = fields.target("Next", names);
            let condition = match language {
                Language::JsonPath => fields.condition(0),
                Language::Jsonata => {
                    fields.only(&["Condition", "Next", "Assign", "Output", "Comment"]);
                    fields.condition_expression()
                }
            };
            assigned_names(&mut fields);
            let rule = (|| {
                Some(Rule {
                    condition: condition?,
                    next: next?,
                    assign: fields.template("Assign", language),
                    output: (language == Language::Jsonata)
                        .then(|| fields.template("Output", language))
                        .flatten(),
                })
            })();
            rules.extend(rule);
        }
        rules
    }

    fn condition_expression(&mut self) -> Option<Condition> {
        self.required("Condition");
        match self.get("Condition")? {
            Value::Bool(constant) => Some(Condition::Constant(*constant)),
            Value::String(text) => {
                let source = Expression::inside(text);
                let parsed = source.and_then(|source| Expression::parse(source).ok());
                if parsed.is_none() {
                    self.refuse(
                        "Condition",
                        "The field 'Condition' must be a JSONata expression",
                    );
                }
                parsed.map(Condition::Expression)
            }
            _ => {
                self.refuse(
                    "Condition",
                    "The field 'Condition' must be a JSONata expression",
                );
                None
            }
        }
    }

    fn condition(&mut self, depth: usize) -> Option<Condition> {
        if depth > MAX_DEPTH {
            self.refuse("", format!("Conditions are nested deeper than {MAX_DEPTH}"));
            return None;
        }
        self.only_of_condition(depth);
        for (field, join) in [
            ("And", Condition::All as fn(Vec<Condition>) -> Condition),
            ("Or", Condition::Any),
        ] {
            if self.has(field) {
                let list = self.conditions(field, depth)?;
                return Some(join(list));
            }
        }
        if let Some(inner) = self.get("Not") {
            let Value::Object(map) = inner else {
                self.refuse("Not", "The value must be an object");
                return None;
            };
            let at = format!("{}/Not", self.at);
            let inner = Fields::new(map, &at, self.problems).condition(depth + 1)?;
            return Some(Condition::Not(Box::new(inner)));
        }
        self.comparison()
    }

    /// Notes fields that a condition does not have; where to go is said by the whole rule only.
    fn only_of_condition(&mut self, depth: usize) {
        let joins = ["And", "Or", "Not"];
        let mut known = vec!["Comment"];
        if depth == 0 {
            known.extend(["Next", "Assign"]);
        }
        match joins.into_iter().find(|join| self.has(join)) {
            Some(join) => known.push(join),
            None => known.push("Variable"),
        }
        let compares = !joins.iter().any(|join| self.has(join));
        let operators = self.map.keys().map(String::as_str);
        known.extend(operators.filter(|key| compares && Comparison::parse(key).is_some()));
        self.only(&known);
    }

    fn conditions(&mut self, field: &str, depth: usize) -> Option<Vec<Condition>> {
        let objects = self.objects(field);
        if objects.is_empty() {
            self.refuse(field, "Value cannot be empty");
            return None;
        }
        objects
            .iter()
            .map(|(at, map)| Fields::new(map, at, self.problems).condition(depth + 1))
            .collect()
    }

    fn comparison(&mut self) -> Option<Condition> {
        self.required("Variable");
        let variable = self.path("Variable")?;
        let map = self.map;
        let mut operators = map
            .iter()
            .filter_map(|(key, value)| Some((key, value, Comparison::parse(key)?)));
        let Some((key, value, (comparison, by_path))) = operators.next() else {
            self.refuse("", "A comparison operator is required");
            return None;
        };
        if operators.next().is_some() {
            self.refuse("", "Only one comparison operator may be set");
        }
        let operand = if by_path {
            value
                .as_str()
                .and_then(|text| Path::parse(text).ok())
                .map(Operand::Path)
        } else {
            comparison
                .takes(value)
                .then(|| Operand::Literal(value.clone()))
        };
        if operand.is_none() {
            self.refuse(
                key,
                format!("The value for the field '{key}' has the wrong type"),
            );
        }
        Some(Condition::Compare(variable, comparison, operand?))
    }

    fn errors(&mut self, last: bool) -> Vec<String> {
        self.required("ErrorEquals");
        let list: Vec<String> = self
            .get("ErrorEquals")
            .and_then(Value::as_array)
            .map(|list| {
                list.iter()
                    .filter_map(|item| item.as_str().map(str::to_owned))
                    .collect()
            })
            .unwrap_or_default();
        if list.is_empty() {
            self.refuse("ErrorEquals", "Value cannot be empty");
        }
        if list.iter().any(|error| error == ALL) && (list.len() > 1 || !last) {
            self.refuse(
                "ErrorEquals",
                "'States.ALL' must be the only element of 'ErrorEquals' and of the last entry",
            );
        }
        list
    }

    /// `Retry`.
    pub(super) fn retriers(&mut self) -> Vec<Retrier> {
        let objects = self.objects("Retry");
        let count = objects.len();
        let mut retriers = Vec::with_capacity(count);
        for (n, (at, map)) in objects.iter().enumerate() {
            let mut fields = Fields::new(map, at, self.problems);
            fields.only(&[
                "ErrorEquals",
                "IntervalSeconds",
                "MaxAttempts",
                "BackoffRate",
                "MaxDelaySeconds",
                "JitterStrategy",
                "Comment",
            ]);
            retriers.push(fields.retrier(n + 1 == count));
        }
        retriers
    }

    fn retrier(&mut self, last: bool) -> Retrier {
        let interval = self
            .seconds("IntervalSeconds", (1, 99_999_999))
            .unwrap_or(1);
        let max_delay = self.seconds("MaxDelaySeconds", (1, 31_622_400));
        if max_delay.is_some_and(|most| most <= interval) {
            self.refuse(
                "MaxDelaySeconds",
                "'MaxDelaySeconds' must be larger than 'IntervalSeconds'",
            );
        }
        let backoff = self.get("BackoffRate").map_or(Some(2.0), Value::as_f64);
        if !backoff.is_some_and(|rate| rate >= 1.0) {
            self.refuse(
                "BackoffRate",
                "The field 'BackoffRate' must be a number, at least 1.0",
            );
        }
        let jitter = self.text("JitterStrategy");
        if jitter
            .as_deref()
            .is_some_and(|name| !["NONE", "FULL"].contains(&name))
        {
            self.refuse(
                "JitterStrategy",
                "The field 'JitterStrategy' should have one of these values: [NONE, FULL]",
            );
        }
        Retrier {
            errors: self.errors(last),
            interval,
            max_attempts: self.seconds("MaxAttempts", (0, 99_999_999)).unwrap_or(3),
            backoff: backoff.unwrap_or(2.0),
            max_delay,
            full_jitter: jitter.as_deref() == Some("FULL"),
        }
    }

    /// `Catch`.
    pub(super) fn catchers(&mut self, language: Language, names: &Names<'_>) -> Vec<Catcher> {
        let objects = self.objects("Catch");
        let count = objects.len();
        let mut catchers = Vec::with_capacity(count);
        for (n, (at, map)) in objects.iter().enumerate() {
            let mut fields = Fields::new(map, at, self.problems);
            fields.only(match language {
                Language::JsonPath => &["ErrorEquals", "Next", "ResultPath", "Assign", "Comment"],
                Language::Jsonata => &["ErrorEquals", "Next", "Output", "Assign", "Comment"],
            });
            fields.required("Next");
            assigned_names(&mut fields);
            let catcher = Catcher {
                errors: fields.errors(n + 1 == count),
                next: fields.target("Next", names).unwrap_or_default(),
                result_path: fields.result_path(),
                assign: fields.template("Assign", language),
                output: fields.template("Output", Language::Jsonata),
            };
            catchers.push(catcher);
        }
        catchers
    }
}
