//! The JSONata expressions of a definition: the one place that knows the crate behind them.
//!
//! An expression sees `$states` and the variables, nothing else. What Step Functions adds to the language is added
//! here, what it takes away (`$eval`) is taken away. Bounds: nesting, length of lists, and time, since an expression
//! can loop for ever; the time limit decides nothing but that the expression failed.

mod open;
mod variables;

pub(crate) use variables::is_function;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use jiff::Timestamp;
use jsonata_core::ast::AstNode;
use jsonata_core::evaluator::{Context, Evaluator, EvaluatorError, EvaluatorOptions};
use jsonata_core::value::JValue;
use serde_json::{Map, Value};

use super::context::ContextObject;
use super::intrinsic::{Randomness, hash};
use super::template::States;

/// Longest list that an expression may make.
const MAX_ITEMS: usize = 1_000_000;
/// Deepest nesting of an evaluation.
const MAX_STACK: usize = 1_000;
/// Milliseconds that one evaluation may take.
const MAX_MILLIS: u64 = 500;

/// A parsed expression. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Expression {
    source: Arc<str>,
    tree: Arc<AstNode>,
    sight: Sight,
}

/// Which members of `$states` an expression can look at: what it cannot see is not brought into the library's form.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Sight {
    /// Any: it uses `$states` otherwise than by one member's plain name.
    All,
    /// These.
    Some(Arc<[Box<str>]>),
}

impl Sight {
    fn of(source: &str) -> Self {
        let mut members = Vec::new();
        for rest in source.split("$states").skip(1) {
            let Some(rest) = rest.strip_prefix('.') else {
                return Self::All;
            };
            let end = rest.find(|letter: char| !letter.is_ascii_alphabetic());
            let (member, _) = rest.split_at(end.unwrap_or(rest.len()));
            if !["input", "context", "result", "errorOutput"].contains(&member) {
                return Self::All;
            }
            members.push(member.into());
        }
        Self::Some(members.into())
    }

    fn sees(&self, member: &str) -> bool {
        match self {
            Self::All => true,
            Self::Some(members) => members.iter().any(|seen| **seen == *member),
        }
    }

    fn states(&self, bindings: &Bindings<'_>) -> Map<String, Value> {
        let states = bindings.states.iter();
        let mut seen: Map<String, Value> = states
            .filter(|(name, _)| self.sees(name))
            .map(|(name, value)| (name.clone(), value.to_value()))
            .collect();
        if self.sees("context") {
            seen.insert("context".to_owned(), bindings.context.value().clone());
        }
        seen
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

/// Why an expression yields no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It yields nothing.
    Undefined,
    /// It failed, in JSONata's words with its code before them.
    Threw(String),
}

/// What an expression sees.
#[derive(Debug)]
pub(crate) struct Bindings<'a> {
    /// `$states`, but for its `context`.
    pub(crate) states: &'a States,
    /// `$states.context`.
    pub(crate) context: &'a ContextObject,
    /// Variables by name.
    pub(crate) variables: &'a BTreeMap<String, Value>,
    /// The instant that `$now` and `$millis` answer.
    pub(crate) at: Timestamp,
}

impl Expression {
    /// The text between `{%` and `%}`, if `text` is an expression.
    #[must_use]
    pub fn inside(text: &str) -> Option<&str> {
        text.strip_prefix("{%")?.strip_suffix("%}").map(str::trim)
    }

    /// Parses the text between the marks.
    ///
    /// # Errors
    /// What the parser says.
    pub fn parse(source: &str) -> Result<Self, String> {
        let tree = jsonata_core::parser::parse(source).map_err(|error| error.to_string())?;
        Ok(Self {
            source: source.into(),
            tree: Arc::new(tree),
            sight: Sight::of(source),
        })
    }

    /// The text between the marks.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The names of the variables that it reads: those that it does not bind itself, but for `$states`.
    pub(crate) fn variables(&self) -> BTreeSet<String> {
        variables::read(&self.source)
    }

    /// Evaluates the expression.
    pub(crate) fn evaluate(
        &self,
        bindings: &Bindings<'_>,
        randomness: &mut Randomness,
    ) -> Result<Value, Failure> {
        let mut context = Context::new();
        let states = self.sight.states(bindings);
        context.bind("states".to_owned(), JValue::from(Value::Object(states)));
        let variables = bindings.variables.iter();
        for (name, value) in variables.filter(|(name, _)| self.source.contains(name.as_str())) {
            context.bind(name.clone(), JValue::from(value.clone()));
        }
        let options = EvaluatorOptions {
            timeout_ms: Some(MAX_MILLIS),
            max_stack_depth: Some(MAX_STACK),
            max_sequence_length: Some(MAX_ITEMS),
            ..EvaluatorOptions::default()
        };
        let mut evaluator = Evaluator::with_options(context, options);
        let shared = Rc::new(RefCell::new(randomness.clone()));
        add_functions(&mut evaluator, &shared, bindings.at).map_err(|error| threw(&error))?;
        let answer = evaluator.evaluate(&self.tree, &JValue::Undefined);
        *randomness = shared.borrow().clone();
        match answer {
            Ok(value) => to_value(&value),
            Err(error) => Err(threw(&error)),
        }
    }
}

fn threw(error: &EvaluatorError) -> Failure {
    Failure::Threw(error.message().to_owned())
}

/// Whole numbers lose the fraction that doubles show, so that 1 stays 1.
fn to_value(value: &JValue) -> Result<Value, Failure> {
    if value.is_undefined() {
        return Err(Failure::Undefined);
    }
    if value.is_function() || value.is_regex() {
        return Err(Failure::Undefined);
    }
    let text = value
        .to_json_string()
        .map_err(|error| Failure::Threw(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| Failure::Threw(error.to_string()))
}

fn add_functions(
    evaluator: &mut Evaluator,
    randomness: &Rc<RefCell<Randomness>>,
    at: Timestamp,
) -> Result<(), EvaluatorError> {
    evaluator.register_fn_override("millis", move |_: &[JValue]| {
        Ok(JValue::from_i64(at.as_millisecond()))
    })?;
    evaluator.register_fn_override("now", move |arguments: &[JValue]| now(at, arguments))?;
    evaluator.register_fn("partition", partition)?;
    evaluator.register_fn("range", range)?;
    evaluator.register_fn("hash", hashed)?;
    evaluator.register_fn("parse", parse)?;
    let bits = Rc::clone(randomness);
    evaluator.register_fn("uuid", move |_: &[JValue]| {
        Ok(JValue::string(bits.borrow_mut().uuid().to_string()))
    })?;
    let bits = Rc::clone(randomness);
    evaluator.register_fn_override("random", move |arguments: &[JValue]| {
        Ok(JValue::from_f64(
            match arguments.first().and_then(JValue::as_f64) {
                Some(seed) => Randomness::seeded(seed.to_bits()).fraction(),
                None => bits.borrow_mut().fraction(),
            },
        ))
    })?;
    evaluator.register_fn_override("eval", |_: &[JValue]| {
        Err(refuse("T1006: Attempted to invoke a non-function"))
    })
}

/// `$now`: the turn's instant, in the picture and zone that are asked for.
fn now(at: Timestamp, arguments: &[JValue]) -> Result<JValue, EvaluatorError> {
    const CALLS: [&str; 3] = [
        "$fromMillis($m)",
        "$fromMillis($m, $a)",
        "$fromMillis($m, $a, $b)",
    ];
    let source = CALLS.get(arguments.len()).copied().unwrap_or(CALLS[2]);
    let tree = jsonata_core::parser::parse(source).map_err(|error| refuse(error.to_string()))?;
    let mut context = Context::new();
    context.bind("m".to_owned(), JValue::from_i64(at.as_millisecond()));
    for (name, argument) in ["a", "b"].into_iter().zip(arguments) {
        context.bind(name.to_owned(), argument.clone());
    }
    Evaluator::with_context(context).evaluate(&tree, &JValue::Undefined)
}

fn refuse(reason: impl Into<String>) -> EvaluatorError {
    EvaluatorError::EvaluationError(reason.into())
}

fn integer(arguments: &[JValue], at: usize, function: &str) -> Result<i64, EvaluatorError> {
    arguments
        .get(at)
        .and_then(JValue::as_f64)
        .filter(|number| number.abs() < 9.0e15)
        .map(|number| {
            #[expect(clippy::cast_possible_truncation, reason = "checked against the range")]
            let whole = number.round() as i64;
            whole
        })
        .ok_or_else(|| {
            refuse(format!(
                "T0410: Argument {} of function \"{function}\" must be a number",
                at + 1
            ))
        })
}

fn partition(arguments: &[JValue]) -> Result<JValue, EvaluatorError> {
    let items = arguments
        .first()
        .and_then(JValue::as_array)
        .ok_or_else(|| refuse("T0410: Argument 1 of function \"partition\" must be an array"))?;
    let size = usize::try_from(integer(arguments, 1, "partition")?)
        .ok()
        .filter(|size| *size > 0)
        .ok_or_else(|| refuse("D3130: The size of function \"partition\" must be above 0"))?;
    let parts = items.chunks(size).map(|part| JValue::array(part.to_vec()));
    Ok(JValue::array(parts.collect()))
}

fn range(arguments: &[JValue]) -> Result<JValue, EvaluatorError> {
    let first = integer(arguments, 0, "range")?;
    let last = integer(arguments, 1, "range")?;
    let step = integer(arguments, 2, "range")?;
    if step == 0 {
        return Err(refuse(
            "D3130: The step of function \"range\" must not be 0",
        ));
    }
    let mut items = Vec::new();
    let mut next = first;
    while if step > 0 { next <= last } else { next >= last } {
        if items.len() == MAX_ITEMS {
            return Err(refuse(format!("D2014: A range may have {MAX_ITEMS} items")));
        }
        items.push(JValue::from_i64(next));
        next = next.saturating_add(step);
    }
    // A sequence, as the language's own range operator makes: one item alone stands for itself.
    Ok(JValue::sequence(items).unwrap_sequence())
}

fn hashed(arguments: &[JValue]) -> Result<JValue, EvaluatorError> {
    let data = arguments.first().map_or(Ok(Value::Null), |data| {
        to_value(data).map_err(|_| refuse("T0410: Argument 1 of function \"hash\" is missing"))
    })?;
    let algorithm = arguments.get(1).and_then(JValue::as_str).unwrap_or("SHA-1");
    hash(&data, algorithm).map(JValue::string).map_err(refuse)
}

fn parse(arguments: &[JValue]) -> Result<JValue, EvaluatorError> {
    let text = arguments
        .first()
        .and_then(JValue::as_str)
        .ok_or_else(|| refuse("T0410: Argument 1 of function \"parse\" must be a string"))?;
    serde_json::from_str::<Value>(text)
        .map(JValue::from)
        .map_err(|error| refuse(format!("D3137: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_expression_can_look_at_is_brought() {
        let all = [
            "$states",
            "$lookup($states, 'con' & 'text')",
            "$states . context",
        ];
        for source in all.into_iter().chain(["$states.`context`", "$states.*"]) {
            assert_eq!(Sight::of(source), Sight::All, "{source}");
        }
        for (source, seen) in [
            ("1 + $n", ""),
            ("$states.input.n", "input"),
            (
                "$states.input.a & $states.context.State.Name",
                "input context",
            ),
            (
                "$states.errorOutput.Error = 'E' ? $states.result",
                "errorOutput result",
            ),
        ] {
            let sight = Sight::of(source);
            for member in ["input", "context", "result", "errorOutput"] {
                let wanted = seen.split(' ').any(|seen| seen == member);
                assert_eq!(sight.sees(member), wanted, "{source}: {member}");
            }
        }
    }
}
