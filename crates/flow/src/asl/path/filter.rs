//! The conditions in `[?( ... )]`.

use fancy_regex::{Regex, RegexBuilder};
use serde_json::Value;

use super::parse::Reader;
use super::{Step, read};

/// Steps that one match of a pattern may take: patterns come with definitions, texts from anywhere.
const BACKTRACKS: usize = 100_000;
/// Deepest nesting of parentheses.
const MAX_DEPTH: usize = 16;

/// A condition on one item.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Filter {
    /// All of them hold.
    All(Vec<Filter>),
    /// One of them holds.
    Any(Vec<Filter>),
    /// It does not hold.
    Not(Box<Filter>),
    /// The path leads somewhere.
    Exists(Operand),
    /// Two values compared.
    Compare(Operand, Operator, Operand),
}

/// One side of a comparison.
#[derive(Debug, Clone)]
pub(crate) enum Operand {
    /// `@...`: from the item.
    Item(Vec<Step>),
    /// `$...`: from the whole document.
    Whole(Vec<Step>),
    /// A literal.
    Literal(Value),
    /// `/pattern/flags`.
    Pattern(String, Box<Regex>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Matches,
    In,
    NotIn,
    SubsetOf,
    AnyOf,
    NoneOf,
    Contains,
    Size,
    Empty,
}

impl PartialEq for Operand {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Item(a), Self::Item(b)) | (Self::Whole(a), Self::Whole(b)) => a == b,
            (Self::Literal(a), Self::Literal(b)) => a == b,
            (Self::Pattern(a, _), Self::Pattern(b, _)) => a == b,
            _ => false,
        }
    }
}

/// Longer spellings stand before those they begin with.
const OPERATORS: [(&str, Operator); 15] = [
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("=~", Operator::Matches),
    ("<", Operator::Less),
    (">", Operator::Greater),
    ("nin", Operator::NotIn),
    ("in", Operator::In),
    ("subsetof", Operator::SubsetOf),
    ("anyof", Operator::AnyOf),
    ("noneof", Operator::NoneOf),
    ("contains", Operator::Contains),
    ("size", Operator::Size),
    ("empty", Operator::Empty),
];

/// Reads `( condition )` behind the question mark.
pub(super) fn parse(reader: &mut Reader<'_>, depth: usize) -> Result<Filter, String> {
    reader.blanks();
    if !reader.eat("(") {
        return Err(reader.unexpected());
    }
    let filter = any(reader, (depth, 0))?;
    reader.blanks();
    if reader.eat(")") {
        Ok(filter)
    } else {
        Err(reader.unexpected())
    }
}

/// `depth`: of paths in paths, of parentheses.
fn any(reader: &mut Reader<'_>, depth: (usize, usize)) -> Result<Filter, String> {
    let mut list = vec![all(reader, depth)?];
    loop {
        reader.blanks();
        if !reader.eat("||") {
            return Ok(single(list, Filter::Any));
        }
        list.push(all(reader, depth)?);
    }
}

fn all(reader: &mut Reader<'_>, depth: (usize, usize)) -> Result<Filter, String> {
    let mut list = vec![one(reader, depth)?];
    loop {
        reader.blanks();
        if !reader.eat("&&") {
            return Ok(single(list, Filter::All));
        }
        list.push(one(reader, depth)?);
    }
}

fn single(list: Vec<Filter>, join: fn(Vec<Filter>) -> Filter) -> Filter {
    match <[Filter; 1]>::try_from(list) {
        Ok([only]) => only,
        Err(list) => join(list),
    }
}

fn one(reader: &mut Reader<'_>, (paths, parentheses): (usize, usize)) -> Result<Filter, String> {
    if parentheses > MAX_DEPTH {
        return Err(format!("conditions are nested deeper than {MAX_DEPTH}"));
    }
    reader.blanks();
    if reader.eat("!") {
        return one(reader, (paths, parentheses + 1)).map(|inner| Filter::Not(Box::new(inner)));
    }
    if reader.eat("(") {
        let inner = any(reader, (paths, parentheses + 1))?;
        reader.blanks();
        return if reader.eat(")") {
            Ok(inner)
        } else {
            Err(reader.unexpected())
        };
    }
    let left = operand(reader, paths)?;
    reader.blanks();
    let operator = OPERATORS
        .into_iter()
        .find(|(spelling, _)| reader.eat(spelling))
        .map(|(_, operator)| operator);
    let Some(operator) = operator else {
        return Ok(Filter::Exists(left));
    };
    reader.blanks();
    let right = operand(reader, paths)?;
    Ok(Filter::Compare(left, operator, right))
}

fn operand(reader: &mut Reader<'_>, paths: usize) -> Result<Operand, String> {
    match reader.peek() {
        Some('@') => {
            reader.eat("@");
            Ok(Operand::Item(reader.steps(paths)?))
        }
        Some('$') => {
            reader.eat("$");
            Ok(Operand::Whole(reader.steps(paths)?))
        }
        Some('\'' | '"') => Ok(Operand::Literal(Value::String(reader.quoted()?))),
        Some('/') => pattern(reader),
        Some('[') => list(reader),
        _ => word(reader),
    }
}

fn list(reader: &mut Reader<'_>) -> Result<Operand, String> {
    reader.eat("[");
    let mut items = Vec::new();
    loop {
        reader.blanks();
        if reader.eat("]") {
            return Ok(Operand::Literal(Value::Array(items)));
        }
        if !items.is_empty() {
            if !reader.eat(",") {
                return Err(reader.unexpected());
            }
            reader.blanks();
        }
        let item = match reader.peek() {
            Some('\'' | '"') => Value::String(reader.quoted()?),
            _ => literal(reader)?,
        };
        items.push(item);
    }
}

fn word(reader: &mut Reader<'_>) -> Result<Operand, String> {
    literal(reader).map(Operand::Literal)
}

/// A number, `true`, `false` or `null`.
fn literal(reader: &mut Reader<'_>) -> Result<Value, String> {
    let mut text = String::new();
    while let Some(c) = reader.peek() {
        if !(c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.')) {
            break;
        }
        text.push(c);
        reader.next();
    }
    serde_json::from_str(&text).map_err(|_| reader.unexpected())
}

fn pattern(reader: &mut Reader<'_>) -> Result<Operand, String> {
    reader.eat("/");
    let mut source = String::new();
    loop {
        match reader.next() {
            None => return Err("a pattern is not closed".to_owned()),
            Some('/') => break,
            Some('\\') if reader.peek() == Some('/') => {
                reader.eat("/");
                source.push('/');
            }
            Some(c) => source.push(c),
        }
    }
    let mut builder = RegexBuilder::new(&format!("^(?:{source})$"));
    builder.backtrack_limit(BACKTRACKS);
    while let Some(flag @ ('i' | 'm' | 's' | 'x')) = reader.peek() {
        reader.next();
        match flag {
            'i' => builder.case_insensitive(true),
            'm' => builder.multi_line(true),
            's' => builder.dot_matches_new_line(true),
            _ => builder.ignore_whitespace(true),
        };
    }
    let regex = builder
        .build()
        .map_err(|error| format!("the pattern `{source}` cannot be read: {error}"))?;
    Ok(Operand::Pattern(source, Box::new(regex)))
}

/// Whether an item is kept. What cannot be compared is not.
pub(super) fn keeps(filter: &Filter, item: &Value, whole: &Value) -> bool {
    match filter {
        Filter::All(list) => list.iter().all(|inner| keeps(inner, item, whole)),
        Filter::Any(list) => list.iter().any(|inner| keeps(inner, item, whole)),
        Filter::Not(inner) => !keeps(inner, item, whole),
        Filter::Exists(operand) => value(operand, item, whole).is_some(),
        Filter::Compare(left, operator, right) => {
            let left = value(left, item, whole);
            if let (Operand::Pattern(_, regex), Operator::Matches) = (right, operator) {
                return matches_text(regex, left.as_ref());
            }
            compare(*operator, left, value(right, item, whole))
        }
    }
}

fn value(operand: &Operand, item: &Value, whole: &Value) -> Option<Value> {
    match operand {
        Operand::Item(steps) => read::read(steps, item, whole).ok(),
        Operand::Whole(steps) => read::read(steps, whole, whole).ok(),
        Operand::Literal(value) => Some(value.clone()),
        Operand::Pattern(..) => None,
    }
}

fn matches_text(regex: &Regex, left: Option<&Value>) -> bool {
    let text = match left {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => return false,
    };
    regex.is_match(&text).unwrap_or(false)
}

fn compare(operator: Operator, left: Option<Value>, right: Option<Value>) -> bool {
    use std::cmp::Ordering;
    let (left, right) = match (left, right) {
        (Some(left), Some(right)) => (left, right),
        // A property that is not there is unlike everything, also unlike null.
        (left, right) => {
            return operator == Operator::NotEqual && (left.is_some() || right.is_some());
        }
    };
    let among = |list: &Value, item: &Value| {
        list.as_array()
            .is_some_and(|items| items.iter().any(|one| same(one, item)))
    };
    let each = |list: &Value| list.as_array().cloned().unwrap_or_default();
    match operator {
        Operator::Equal => same(&left, &right),
        Operator::NotEqual => !same(&left, &right),
        Operator::Less => order(&left, &right) == Some(Ordering::Less),
        Operator::Greater => order(&left, &right) == Some(Ordering::Greater),
        Operator::LessOrEqual => order(&left, &right).is_some_and(Ordering::is_le),
        Operator::GreaterOrEqual => order(&left, &right).is_some_and(Ordering::is_ge),
        Operator::Matches => false,
        Operator::In => among(&right, &left),
        Operator::NotIn => !among(&right, &left),
        Operator::SubsetOf => left.is_array() && each(&left).iter().all(|it| among(&right, it)),
        Operator::AnyOf => each(&left).iter().any(|it| among(&right, it)),
        Operator::NoneOf => !each(&left).iter().any(|it| among(&right, it)),
        Operator::Contains => match (&left, &right) {
            (Value::String(text), Value::String(part)) => text.contains(part.as_str()),
            _ => among(&left, &right),
        },
        Operator::Size => size(&left).is_some_and(|size| right.as_u64() == Some(size)),
        Operator::Empty => size(&left).is_some_and(|size| right.as_bool() == Some(size == 0)),
    }
}

fn size(value: &Value) -> Option<u64> {
    let size = match value {
        Value::Array(items) => items.len(),
        Value::String(text) => text.chars().count(),
        Value::Object(map) => map.len(),
        _ => return None,
    };
    u64::try_from(size).ok()
}

fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        _ => left == right,
    }
}

fn order(left: &Value, right: &Value) -> Option<std::cmp::Ordering> {
    match (left, right) {
        (Value::Number(a), Value::Number(b)) => a.as_f64()?.partial_cmp(&b.as_f64()?),
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        _ => None,
    }
}
