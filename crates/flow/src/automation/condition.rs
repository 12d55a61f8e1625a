//! Conditions of `aws:branch` and `aws:loop`: reading and evaluating them.
//!
//! Knows references only through a lookup.

use std::borrow::Cow;

use serde_json::Value;

use crate::expr::reference::{Lookup, substitute};
use crate::expr::value_type::{kind_of, text_of};

/// Deepest nesting of And, Or and Not.
const MAX_DEPTH: usize = 16;

/// A condition.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// All hold.
    And(Vec<Condition>),
    /// At least one holds.
    Or(Vec<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
    /// A comparison.
    Test {
        /// Left side as written.
        variable: Value,
        /// How to compare.
        operator: Operator,
        /// Right side as written.
        operand: Value,
    },
}

/// A comparison operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// Texts are equal.
    StringEquals,
    /// Texts are equal but for case.
    EqualsIgnoreCase,
    /// The text begins so.
    StartsWith,
    /// The text ends so.
    EndsWith,
    /// The text (or list) contains it.
    Contains,
    /// Numbers are equal.
    NumericEquals,
    /// The number is greater.
    NumericGreater,
    /// The number is less.
    NumericLesser,
    /// The number is greater or equal.
    NumericGreaterOrEquals,
    /// The number is less or equal.
    NumericLesserOrEquals,
    /// Booleans are equal.
    BooleanEquals,
}

const OPERATORS: [(&str, Operator); 11] = [
    ("StringEquals", Operator::StringEquals),
    ("EqualsIgnoreCase", Operator::EqualsIgnoreCase),
    ("StartsWith", Operator::StartsWith),
    ("EndsWith", Operator::EndsWith),
    ("Contains", Operator::Contains),
    ("NumericEquals", Operator::NumericEquals),
    ("NumericGreater", Operator::NumericGreater),
    ("NumericLesser", Operator::NumericLesser),
    ("NumericGreaterOrEquals", Operator::NumericGreaterOrEquals),
    ("NumericLesserOrEquals", Operator::NumericLesserOrEquals),
    ("BooleanEquals", Operator::BooleanEquals),
];

impl Operator {
    /// The operator's name in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        OPERATORS
            .iter()
            .find(|(_, operator)| *operator == self)
            .map_or("", |(name, _)| name)
    }
}

impl Condition {
    /// Reads a condition; a member `NextStep` is not part of it.
    ///
    /// # Errors
    /// What is missing or unknown, with the remedy.
    pub fn parse(value: &Value) -> Result<Self, String> {
        Self::parse_at(value, 0)
    }

    fn parse_at(value: &Value, depth: usize) -> Result<Self, String> {
        let map = value
            .as_object()
            .ok_or_else(|| format!("a condition must be a map, not a {}", kind_of(value)))?;
        if depth > MAX_DEPTH {
            return Err(format!(
                "conditions are nested deeper than {MAX_DEPTH} levels"
            ));
        }
        let members: Vec<(&String, &Value)> =
            map.iter().filter(|(key, _)| *key != "NextStep").collect();
        match members.as_slice() {
            [(key, inner)] if *key == "And" || *key == "Or" => {
                let list = inner
                    .as_array()
                    .filter(|list| !list.is_empty())
                    .ok_or_else(|| format!("`{key}` must be a list of conditions"))?;
                let parts: Result<Vec<Self>, String> = list
                    .iter()
                    .map(|item| Self::parse_at(item, depth + 1))
                    .collect();
                Ok(if *key == "And" {
                    Self::And(parts?)
                } else {
                    Self::Or(parts?)
                })
            }
            [(key, inner)] if *key == "Not" => {
                // A list of one condition occurs as well as a bare condition.
                let inner = match inner.as_array().map(Vec::as_slice) {
                    Some([one]) => one,
                    _ => inner,
                };
                Ok(Self::Not(Box::new(Self::parse_at(inner, depth + 1)?)))
            }
            _ => Self::parse_test(members),
        }
    }

    fn parse_test(members: Vec<(&String, &Value)>) -> Result<Self, String> {
        let mut variable = None;
        let mut test = None;
        for (key, inner) in members {
            if key == "Variable" {
                variable = Some(inner.clone());
                continue;
            }
            if ["And", "Or", "Not"].contains(&key.as_str()) {
                return Err(format!(
                    "`{key}` must stand alone in a condition; join several with one And or Or"
                ));
            }
            let known = OPERATORS.iter().find(|(name, _)| name == key);
            let (_, operator) = known.ok_or_else(|| {
                let all = OPERATORS.map(|(name, _)| name).join(", ");
                format!("unknown operator `{key}`; known are And, Or, Not, {all}")
            })?;
            if test.replace((*operator, inner.clone())).is_some() {
                let advice = "join several with And or Or";
                return Err(format!("a condition has more than one operator; {advice}"));
            }
        }
        let variable = variable.ok_or("a condition has no `Variable`")?;
        let (operator, operand) = test.ok_or("a condition has no operator")?;
        Ok(Self::Test {
            variable,
            operator,
            operand,
        })
    }

    /// Whether it holds, where some of its sides are not known yet: `None` when it may come either way. `open` says
    /// which sides those are.
    ///
    /// # Errors
    /// As for [`Condition::holds`].
    pub(crate) fn judge(
        &self,
        lookup: &Lookup<'_>,
        open: &dyn Fn(&Value) -> bool,
    ) -> Result<Option<bool>, String> {
        match self {
            Self::And(parts) | Self::Or(parts) => {
                let decisive = matches!(self, Self::Or(_));
                let mut known = true;
                for part in parts {
                    match part.judge(lookup, open)? {
                        Some(holds) if holds == decisive => return Ok(Some(decisive)),
                        Some(_) => {}
                        None => known = false,
                    }
                }
                Ok(known.then_some(!decisive))
            }
            Self::Not(inner) => Ok(inner.judge(lookup, open)?.map(|holds| !holds)),
            Self::Test {
                variable, operand, ..
            } if open(variable) || open(operand) => Ok(None),
            Self::Test { .. } => self.holds(lookup).map(Some),
        }
    }

    /// Whether it holds.
    ///
    /// # Errors
    /// A reference that cannot be resolved, or values that the operator cannot compare.
    pub fn holds(&self, lookup: &Lookup<'_>) -> Result<bool, String> {
        match self {
            Self::And(parts) => {
                for part in parts {
                    if !part.holds(lookup)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Or(parts) => {
                for part in parts {
                    if part.holds(lookup)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::Not(inner) => Ok(!inner.holds(lookup)?),
            Self::Test {
                variable,
                operator,
                operand,
            } => compare(
                *operator,
                resolve(variable, lookup)?.as_ref(),
                resolve(operand, lookup)?.as_ref(),
            ),
        }
    }
}

/// A side of a comparison. Most right-hand sides are constants, which are not copied.
fn resolve<'a>(value: &'a Value, lookup: &Lookup<'_>) -> Result<Cow<'a, Value>, String> {
    let constant = match value {
        Value::String(text) => !text.contains("{{"),
        Value::Array(_) | Value::Object(_) => false,
        _ => true,
    };
    if constant {
        return Ok(Cow::Borrowed(value));
    }
    let resolved = substitute(value, lookup).map_err(|error| error.to_string())?;
    Ok(Cow::Owned(resolved))
}

fn compare(operator: Operator, left: &Value, right: &Value) -> Result<bool, String> {
    let texts = (text_of(left), text_of(right));
    let numbers = || Ok::<_, String>((number(operator, left)?, number(operator, right)?));
    Ok(match operator {
        Operator::StringEquals => texts.0 == texts.1,
        Operator::EqualsIgnoreCase => texts.0.to_lowercase() == texts.1.to_lowercase(),
        Operator::StartsWith => texts.0.starts_with(texts.1.as_ref()),
        Operator::EndsWith => texts.0.ends_with(texts.1.as_ref()),
        Operator::Contains => match left {
            Value::Array(items) => items.iter().any(|item| text_of(item) == texts.1),
            _ => texts.0.contains(texts.1.as_ref()),
        },
        Operator::NumericEquals => {
            let (a, b) = numbers()?;
            (a - b).abs() == 0.0
        }
        Operator::NumericGreater => numbers().map(|(a, b)| a > b)?,
        Operator::NumericLesser => numbers().map(|(a, b)| a < b)?,
        Operator::NumericGreaterOrEquals => numbers().map(|(a, b)| a >= b)?,
        Operator::NumericLesserOrEquals => numbers().map(|(a, b)| a <= b)?,
        Operator::BooleanEquals => boolean(left)? == boolean(right)?,
    })
}

fn number(operator: Operator, value: &Value) -> Result<f64, String> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok().filter(|n: &f64| n.is_finite()),
        _ => None,
    };
    number.ok_or_else(|| {
        format!(
            "{} needs numbers, not a {}",
            operator.as_str(),
            kind_of(value)
        )
    })
}

fn boolean(value: &Value) -> Result<bool, String> {
    match value {
        Value::Bool(flag) => Ok(*flag),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Ok(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err(format!(
            "BooleanEquals needs booleans, not a {}",
            kind_of(value)
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::expr::reference::Reference;

    fn lookup(reference: &Reference) -> Result<Value, String> {
        match reference {
            Reference::Parameter { name, .. } if name == "P" => Ok(json!("prod-eu")),
            Reference::Parameter { name, .. } if name == "N" => Ok(json!(7)),
            _ => Err("nothing".to_owned()),
        }
    }

    #[test]
    fn operator_table() {
        let cases = [
            (
                json!({"Variable": "{{P}}", "StringEquals": "prod-eu", "NextStep": "x"}),
                Ok(true),
            ),
            (
                json!({"Variable": "{{P}}", "EqualsIgnoreCase": "PROD-EU"}),
                Ok(true),
            ),
            (json!({"Variable": "{{P}}", "StartsWith": "prod"}), Ok(true)),
            (json!({"Variable": "{{P}}", "EndsWith": "us"}), Ok(false)),
            (json!({"Variable": "{{P}}", "Contains": "-"}), Ok(true)),
            (json!({"Variable": ["a", "b"], "Contains": "b"}), Ok(true)),
            (json!({"Variable": "{{N}}", "NumericEquals": "7"}), Ok(true)),
            (json!({"Variable": "{{N}}", "NumericGreater": 7}), Ok(false)),
            (
                json!({"Variable": "{{N}}", "NumericGreaterOrEquals": 7}),
                Ok(true),
            ),
            (json!({"Variable": "{{N}}", "NumericLesser": 8}), Ok(true)),
            (
                json!({"Variable": "8", "NumericLesserOrEquals": "{{ N }}"}),
                Ok(false),
            ),
            (json!({"Variable": true, "BooleanEquals": "True"}), Ok(true)),
            (
                json!({"And": [{"Variable": "a", "StringEquals": "a"}, {"Variable": "a", "StringEquals": "b"}]}),
                Ok(false),
            ),
            (
                json!({"Or": [{"Variable": "a", "StringEquals": "b"}, {"Variable": "a", "StringEquals": "a"}]}),
                Ok(true),
            ),
            (
                json!({"Not": {"Variable": "a", "StringEquals": "b"}, "NextStep": "y"}),
                Ok(true),
            ),
            (
                json!({"Not": [{"Variable": "a", "StringEquals": "a"}]}),
                Ok(false),
            ),
            (
                json!({"Variable": "{{ Gone }}", "StringEquals": "a"}),
                Err(()),
            ),
            (json!({"Variable": "x", "NumericEquals": 1}), Err(())),
            (json!({"Variable": "x", "BooleanEquals": true}), Err(())),
        ];
        for (text, expected) in cases {
            let condition = Condition::parse(&text).expect("parses");
            assert_eq!(condition.holds(&lookup).map_err(|_| ()), expected, "{text}");
        }
    }

    #[test]
    fn what_is_not_known_stays_open_unless_the_rest_decides() {
        let yes = json!({"Variable": "a", "StringEquals": "a"});
        let no = json!({"Variable": "a", "StringEquals": "b"});
        let open = json!({"Variable": "{{ Gone }}", "StringEquals": "a"});
        let cases = [
            (yes.clone(), Some(true)),
            (open.clone(), None),
            (json!({"And": [open, no]}), Some(false)),
            (json!({"And": [yes, open]}), None),
            (json!({"Or": [open, yes]}), Some(true)),
            (json!({"Or": [open, no]}), None),
            (json!({"Not": open}), None),
            (json!({"Not": no}), Some(true)),
        ];
        let is_open = |value: &Value| value == &json!("{{ Gone }}");
        for (text, expected) in cases {
            let condition = Condition::parse(&text).expect("parses");
            assert_eq!(condition.judge(&lookup, &is_open), Ok(expected), "{text}");
        }
    }

    #[test]
    fn refused_at_creation() {
        let mut deep = json!({"Variable": "a", "StringEquals": "a"});
        for _ in 0..20 {
            deep = json!({"Not": deep});
        }
        let cases = [
            json!({"Variable": "a", "StringMatches": "a"}),
            json!({"Variable": "a"}),
            json!({"StringEquals": "a"}),
            json!({"Variable": "a", "StringEquals": "a", "EndsWith": "b"}),
            json!({"And": []}),
            json!({"Or": "x"}),
            json!("x"),
            deep,
        ];
        for case in cases {
            assert!(Condition::parse(&case).is_err(), "{case}");
        }
    }
}
