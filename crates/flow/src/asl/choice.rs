//! The rules of a Choice.

use jiff::Timestamp;
use serde_json::Value;

use super::definition::instant;
use super::fault::{self, Fault};
use super::intrinsic::Randomness;
use super::jsonata::Expression;
use super::path::Path;
use super::template::{Template, View};
use crate::expr::unknown;

/// One rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// When it applies.
    pub condition: Condition,
    /// Where it leads.
    pub next: usize,
    /// `Assign`.
    pub assign: Option<Template>,
    /// `Output` (JSONata).
    pub output: Option<Template>,
}

/// When a rule applies.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// All of them hold.
    All(Vec<Condition>),
    /// One of them holds.
    Any(Vec<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
    /// A comparison.
    Compare(Path, Comparison, Operand),
    /// An expression that yields true or false.
    Expression(Expression),
    /// As written.
    Constant(bool),
}

/// What a variable is compared with.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// As written.
    Literal(Value),
    /// The value of a path.
    Path(Path),
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// Values of one type, in an order.
    Order(Type, Order),
    /// A text with `*` for anything.
    StringMatches,
    /// `Is...`: whether the variable is there, null, or of a type.
    Is(Test),
}

/// Types that values are compared as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// Texts.
    String,
    /// Numbers.
    Numeric,
    /// `true` and `false`.
    Boolean,
    /// Instants written as RFC 3339.
    Timestamp,
}

/// Orders that two values may stand in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// `=`
    Equals,
    /// `<`
    LessThan,
    /// `>`
    GreaterThan,
    /// `<=`
    LessThanEquals,
    /// `>=`
    GreaterThanEquals,
}

/// Questions about a variable itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Test {
    /// Whether there is one.
    Present,
    /// Whether it is null.
    Null,
    /// Whether it is a number.
    Numeric,
    /// Whether it is a text.
    String,
    /// Whether it is `true` or `false`.
    Boolean,
    /// Whether it is an instant.
    Timestamp,
}

impl Comparison {
    /// The comparison of an operator's name, and whether its operand is a path.
    pub(crate) fn parse(name: &str) -> Option<(Self, bool)> {
        if let Some(test) = name.strip_prefix("Is") {
            return Some((
                Self::Is(match test {
                    "Present" => Test::Present,
                    "Null" => Test::Null,
                    "Numeric" => Test::Numeric,
                    "String" => Test::String,
                    "Boolean" => Test::Boolean,
                    "Timestamp" => Test::Timestamp,
                    _ => return None,
                }),
                false,
            ));
        }
        if name == "StringMatches" {
            return Some((Self::StringMatches, false));
        }
        let (name, by_path) = match name.strip_suffix("Path") {
            Some(name) => (name, true),
            None => (name, false),
        };
        let (kind, order) = [
            ("String", Type::String),
            ("Numeric", Type::Numeric),
            ("Boolean", Type::Boolean),
            ("Timestamp", Type::Timestamp),
        ]
        .into_iter()
        .find_map(|(prefix, kind)| Some((kind, name.strip_prefix(prefix)?)))?;
        let order = match order {
            "Equals" => Order::Equals,
            _ if kind == Type::Boolean => return None,
            "LessThan" => Order::LessThan,
            "GreaterThan" => Order::GreaterThan,
            "LessThanEquals" => Order::LessThanEquals,
            "GreaterThanEquals" => Order::GreaterThanEquals,
            _ => return None,
        };
        Some((Self::Order(kind, order), by_path))
    }

    /// Whether a literal can be this comparison's operand.
    pub(crate) fn takes(self, value: &Value) -> bool {
        match self {
            Self::Order(Type::Numeric, _) => value.is_number(),
            Self::Order(Type::Boolean, _) | Self::Is(_) => value.is_boolean(),
            Self::Order(Type::Timestamp, _) => value.as_str().and_then(instant).is_some(),
            Self::Order(Type::String, _) | Self::StringMatches => value.is_string(),
        }
    }

    fn holds(self, variable: &Value, operand: &Value) -> bool {
        match self {
            Self::Order(kind, order) => {
                compare(kind, variable, operand).is_some_and(|found| order.accepts(found))
            }
            Self::StringMatches => match (variable.as_str(), operand.as_str()) {
                (Some(text), Some(pattern)) => matches(pattern, text),
                _ => false,
            },
            Self::Is(test) => Some(test.holds(variable)) == operand.as_bool(),
        }
    }
}

impl Order {
    fn accepts(self, found: std::cmp::Ordering) -> bool {
        match self {
            Self::Equals => found.is_eq(),
            Self::LessThan => found.is_lt(),
            Self::GreaterThan => found.is_gt(),
            Self::LessThanEquals => found.is_le(),
            Self::GreaterThanEquals => found.is_ge(),
        }
    }
}

impl Test {
    fn holds(self, value: &Value) -> bool {
        match self {
            Self::Present => true,
            Self::Null => value.is_null(),
            Self::Numeric => value.is_number(),
            Self::String => value.is_string(),
            Self::Boolean => value.is_boolean(),
            Self::Timestamp => value.as_str().and_then(instant).is_some(),
        }
    }
}

fn compare(kind: Type, left: &Value, right: &Value) -> Option<std::cmp::Ordering> {
    match kind {
        Type::String => Some(left.as_str()?.cmp(right.as_str()?)),
        Type::Numeric => left.as_f64()?.partial_cmp(&right.as_f64()?),
        Type::Boolean => Some(left.as_bool()?.cmp(&right.as_bool()?)),
        Type::Timestamp => {
            let read = |value: &Value| -> Option<Timestamp> { instant(value.as_str()?) };
            Some(read(left)?.cmp(&read(right)?))
        }
    }
}

/// `*` stands for any text, `\*` for an asterisk, `\\` for a backslash.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts: Vec<String> = vec![String::new()];
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        let taken = match c {
            '*' => {
                parts.push(String::new());
                continue;
            }
            '\\' => chars.next().unwrap_or('\\'),
            c => c,
        };
        if let Some(part) = parts.last_mut() {
            part.push(taken);
        }
    }
    let (Some(first), Some(last)) = (parts.first(), parts.last()) else {
        return text.is_empty();
    };
    if parts.len() == 1 {
        return text == first;
    }
    let Some(mut rest) = text.strip_prefix(first.as_str()) else {
        return false;
    };
    for part in parts.get(1..parts.len() - 1).unwrap_or_default() {
        match rest.split_once(part.as_str()) {
            Some((_, behind)) => rest = behind,
            None => return false,
        }
    }
    rest.ends_with(last.as_str())
}

impl Condition {
    /// Whether it holds.
    pub(crate) fn holds(
        &self,
        view: &View<'_>,
        (location, randomness): (&str, &mut Randomness),
    ) -> Result<bool, Fault> {
        match self {
            Self::Constant(constant) => Ok(*constant),
            Self::All(list) => {
                for inner in list {
                    if !inner.holds(view, (location, randomness))? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Any(list) => {
                for inner in list {
                    if inner.holds(view, (location, randomness))? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::Not(inner) => Ok(!inner.holds(view, (location, randomness))?),
            Self::Compare(path, comparison, operand) => {
                compared(view, path, (*comparison, operand))
            }
            Self::Expression(expression) => {
                match view.evaluate(expression, location, randomness)? {
                    Value::Bool(answer) => Ok(answer),
                    other => Err(fault::unexpected_type(
                        expression.source(),
                        location,
                        "boolean",
                        &other,
                    )),
                }
            }
        }
    }
}

impl Condition {
    /// As [`Condition::holds`], where some values are not known: `None` when only the run can tell.
    pub(crate) fn judge(
        &self,
        view: &View<'_>,
        (location, randomness): (&str, &mut Randomness),
    ) -> Result<Option<bool>, Fault> {
        match self {
            Self::Constant(_) => self.holds(view, (location, randomness)).map(Some),
            Self::All(list) | Self::Any(list) => {
                let decides = matches!(self, Self::Any(_));
                let mut judged = Some(!decides);
                for inner in list {
                    match inner.judge(view, (location, randomness)) {
                        Ok(Some(answer)) if answer == decides => return Ok(Some(decides)),
                        Ok(Some(_)) => {}
                        Ok(None) => judged = None,
                        // The run may have decided before it comes here.
                        Err(_) if judged.is_none() => return Ok(None),
                        Err(fault) => return Err(fault),
                    }
                }
                Ok(judged)
            }
            Self::Not(inner) => {
                let judged = inner.judge(view, (location, randomness))?;
                Ok(judged.map(|answer| !answer))
            }
            Self::Compare(path, comparison, operand) => {
                let unknown = |path: &Path| view.look(path).is_ok_and(|it| unknown::is_in(&it));
                let open = match operand {
                    Operand::Path(other) => unknown(path) || unknown(other),
                    Operand::Literal(_) => unknown(path),
                };
                if open {
                    return Ok(None);
                }
                compared(view, path, (*comparison, operand)).map(Some)
            }
            Self::Expression(expression) => {
                let value = view.evaluate(expression, location, randomness)?;
                if unknown::is_in(&value) {
                    return Ok(None);
                }
                self.holds(view, (location, randomness)).map(Some)
            }
        }
    }
}

fn compared(
    view: &View<'_>,
    path: &Path,
    (comparison, operand): (Comparison, &Operand),
) -> Result<bool, Fault> {
    let variable = match view.look(path) {
        Ok(value) => value,
        Err(_) => match (comparison, operand) {
            (Comparison::Is(Test::Present), Operand::Literal(wanted)) => {
                return Ok(wanted.as_bool() == Some(false));
            }
            _ => return Err(invalid(path)),
        },
    };
    match operand {
        Operand::Literal(value) => Ok(comparison.holds(&variable, value)),
        Operand::Path(other) => {
            let value = view.look(other).map_err(|_| invalid(other))?;
            Ok(comparison.holds(&variable, &value))
        }
    }
}

fn invalid(path: &Path) -> Fault {
    Fault::runtime(format!(
        "Invalid path '{path}': The choice state's condition path references an invalid value."
    ))
}
