//! JSONPath against a second evaluator that is written for plainness: random paths on random documents lead to the same
//! values, and where a definite path leads nowhere both say so in the same words, which are those of the service's parser.

use flow::asl::path::Path;
use serde_json::{Map, Value, json};

use super::chance::{Chance, seeds};

const NAMES: [&str; 7] = ["a", "b", "c-d", "n", "e f", "it's", "ü"];
const WORDS: [&str; 4] = ["x", "y", "zz", ""];
/// Paths tried on each document.
const PATHS: usize = 12;

/// One step, as the generator means it.
#[derive(Debug, Clone)]
enum Step {
    Name(String),
    Names(Vec<String>),
    At(i64),
    Ats(Vec<i64>),
    Slice(Option<i64>, Option<i64>),
    All,
    If(Condition),
    /// `..` and the step behind it.
    Below(Box<Step>),
    Function(&'static str),
}

#[derive(Debug, Clone)]
enum Condition {
    Exists(Vec<Step>),
    Compare(Vec<Step>, &'static str, Value),
    /// Compared with what a path from the root leads to.
    CompareWith(Vec<Step>, &'static str, Vec<Step>),
    In(Vec<Step>, Vec<Value>),
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
    Not(Box<Condition>),
}

// Documents and paths.

fn document(chance: &mut Chance, depth: usize) -> Value {
    let container = depth > 0 && chance.percent(if depth == 4 { 100 } else { 65 });
    match (container, chance.below(2), chance.below(5)) {
        (true, 0, _) => {
            let items = chance.below(5);
            (0..items).map(|_| document(chance, depth - 1)).collect()
        }
        (true, ..) => {
            let mut map = Map::new();
            for _ in 0..chance.below(5) {
                let name = chance.pick(&NAMES).to_owned();
                map.insert(name, document(chance, depth - 1));
            }
            Value::Object(map)
        }
        _ => scalar(chance),
    }
}

fn scalar(chance: &mut Chance) -> Value {
    match chance.below(7) {
        0 => Value::Null,
        1 => json!(chance.percent(50)),
        2 => json!(2.5),
        3 | 4 => json!(chance.below(4)),
        _ => json!(chance.pick(&WORDS)),
    }
}

fn name(chance: &mut Chance) -> String {
    chance.pick(&NAMES).to_owned()
}

fn at(chance: &mut Chance) -> i64 {
    i64::try_from(chance.below(7)).expect("small") - 3
}

fn bound(chance: &mut Chance) -> Option<i64> {
    chance.percent(70).then(|| at(chance))
}

/// A definite path that mostly follows the document.
fn definite(chance: &mut Chance, from: &Value, most: usize) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut value = Some(from);
    for _ in 0..chance.below(most + 1) {
        let step = match value {
            Some(Value::Object(map)) if !map.is_empty() && chance.percent(85) => {
                let keys: Vec<&String> = map.keys().collect();
                Step::Name(chance.pick(&keys).clone())
            }
            Some(Value::Array(items)) if chance.percent(85) => {
                let end = i64::try_from(items.len()).expect("small");
                let place = i64::try_from(chance.below(items.len() + 1)).expect("small");
                Step::At(if chance.percent(20) {
                    place - end
                } else {
                    place
                })
            }
            _ if chance.percent(50) => Step::Name(name(chance)),
            _ => Step::At(at(chance)),
        };
        value = value.and_then(|value| one(&step, value).ok());
        steps.push(step);
    }
    steps
}

fn condition(chance: &mut Chance, whole: &Value, depth: usize) -> Condition {
    let left = |chance: &mut Chance| {
        let mut steps = vec![Step::Name(name(chance))];
        if chance.percent(20) {
            steps.push(Step::At(0));
        }
        steps
    };
    let operators = ["==", "!=", "<", "<=", ">", ">="];
    let inner = |chance: &mut Chance| Box::new(condition(chance, whole, depth.saturating_sub(1)));
    match chance.below(if depth == 0 { 5 } else { 8 }) {
        0 | 1 => Condition::Exists(left(chance)),
        2 => Condition::Compare(left(chance), chance.pick(&operators), scalar(chance)),
        3 => {
            let path = definite(chance, whole, 3);
            Condition::CompareWith(left(chance), chance.pick(&operators), path)
        }
        4 => {
            let list = (0..chance.below(4)).map(|_| scalar(chance)).collect();
            Condition::In(left(chance), list)
        }
        5 => Condition::And(inner(chance), inner(chance)),
        6 => Condition::Or(inner(chance), inner(chance)),
        _ => Condition::Not(inner(chance)),
    }
}

fn step(chance: &mut Chance, whole: &Value) -> Step {
    match chance.below(12) {
        0..=2 => Step::Name(name(chance)),
        3 => Step::Names(vec!["a".to_owned(), chance.pick(&NAMES[1..]).to_owned()]),
        4 => Step::At(at(chance)),
        5 => Step::Ats(vec![at(chance), at(chance)]),
        6 => Step::Slice(bound(chance), bound(chance)),
        7 | 8 => Step::All,
        9 => Step::If(condition(chance, whole, 2)),
        _ => Step::Below(Box::new(match chance.below(6) {
            0 => Step::All,
            1 => Step::At(at(chance)),
            2 => Step::If(condition(chance, whole, 1)),
            3 => Step::Names(vec!["a".to_owned(), "b".to_owned()]),
            _ => Step::Name(name(chance)),
        })),
    }
}

fn indefinite(chance: &mut Chance, whole: &Value) -> Vec<Step> {
    let mut steps = definite(chance, whole, 2);
    for _ in 0..=chance.below(3) {
        steps.push(step(chance, whole));
    }
    if chance.percent(15) {
        let functions = [
            "length", "min", "max", "sum", "avg", "first", "last", "keys",
        ];
        steps.push(Step::Function(chance.pick(&functions)));
    }
    steps
}

// The path's text, in any of the spellings that mean the same.

fn written(chance: &mut Chance, root: &str, steps: &[Step]) -> String {
    let mut text = root.to_owned();
    for step in steps {
        match step {
            Step::Below(next) => {
                text.push_str("..");
                let next = one_written(chance, next);
                text.push_str(next.strip_prefix('.').unwrap_or(&next));
            }
            _ => text.push_str(&one_written(chance, step)),
        }
    }
    text
}

fn quoted(chance: &mut Chance, name: &str) -> String {
    if chance.percent(50) && !name.contains('"') {
        format!("\"{name}\"")
    } else {
        format!("'{}'", name.replace('\'', "\\'"))
    }
}

fn one_written(chance: &mut Chance, step: &Step) -> String {
    let list = |numbers: &[i64]| {
        let texts: Vec<String> = numbers.iter().map(ToString::to_string).collect();
        texts.join(if numbers.len() % 2 == 0 { "," } else { ", " })
    };
    let end = |end: &Option<i64>| end.map(|end| end.to_string()).unwrap_or_default();
    let dot = if chance.percent(15) { "." } else { "" };
    match step {
        Step::Name(name) if !name.contains([' ', '\'']) && chance.percent(70) => format!(".{name}"),
        Step::Name(name) => format!("{dot}[{}]", quoted(chance, name)),
        Step::Names(names) => {
            let texts: Vec<String> = names.iter().map(|name| quoted(chance, name)).collect();
            format!("[{}]", texts.join(", "))
        }
        Step::At(at) => format!("{dot}[{at}]"),
        Step::Ats(all) => format!("[{}]", list(all)),
        Step::Slice(from, to) => format!("[{}:{}]", end(from), end(to)),
        Step::All if chance.percent(50) => ".*".to_owned(),
        Step::All => "[*]".to_owned(),
        Step::If(condition) => format!("[?({})]", condition_written(chance, condition)),
        Step::Function(name) => format!(".{name}()"),
        Step::Below(_) => unreachable!("written by its caller"),
    }
}

fn literal(value: &Value) -> String {
    match value {
        Value::String(text) => format!("'{text}'"),
        other => other.to_string(),
    }
}

fn condition_written(chance: &mut Chance, condition: &Condition) -> String {
    match condition {
        Condition::Exists(path) => written(chance, "@", path),
        Condition::Compare(path, operator, value) => {
            format!(
                "{} {operator} {}",
                written(chance, "@", path),
                literal(value)
            )
        }
        Condition::CompareWith(path, operator, other) => {
            let other = written(chance, "$", other);
            format!("{} {operator} {other}", written(chance, "@", path))
        }
        Condition::In(path, list) => {
            let list: Vec<String> = list.iter().map(literal).collect();
            format!("{} in [{}]", written(chance, "@", path), list.join(", "))
        }
        Condition::And(a, b) => format!(
            "({}) && ({})",
            condition_written(chance, a),
            condition_written(chance, b)
        ),
        Condition::Or(a, b) => format!(
            "({}) || ({})",
            condition_written(chance, a),
            condition_written(chance, b)
        ),
        Condition::Not(inner) => format!("!({})", condition_written(chance, inner)),
    }
}

// The second evaluator.

fn place(at: i64, items: &[Value]) -> Option<&Value> {
    let length = i64::try_from(items.len()).expect("small");
    let at = if at < 0 { length + at } else { at };
    usize::try_from(at).ok().and_then(|at| items.get(at))
}

/// Where a definite step leads.
fn one<'a>(step: &Step, value: &'a Value) -> Result<&'a Value, ()> {
    match (step, value) {
        (Step::Name(name), Value::Object(map)) => map.get(name).ok_or(()),
        (Step::At(at), Value::Array(items)) => place(*at, items).ok_or(()),
        _ => Err(()),
    }
}

/// All values that the steps lead to from one value.
fn all(steps: &[Step], value: &Value, whole: &Value) -> Vec<Value> {
    let Some((first, rest)) = steps.split_first() else {
        return vec![value.clone()];
    };
    let on = |found: Vec<&Value>| -> Vec<Value> {
        let found = found.into_iter();
        found.flat_map(|it| all(rest, it, whole)).collect()
    };
    match (first, value) {
        (Step::Below(next), _) => {
            let mut found = Vec::new();
            for around in containers(value) {
                let taken: Vec<Value> = match (next.as_ref(), around) {
                    // An object is asked itself, not once more as an item of its list.
                    (Step::If(_), Value::Array(items)) => {
                        let others = items.iter().filter(|it| !it.is_object()).cloned();
                        all(
                            std::slice::from_ref(next.as_ref()),
                            &others.collect(),
                            whole,
                        )
                    }
                    (Step::Names(names), Value::Object(map))
                        if rest.is_empty() && names.iter().any(|it| !map.contains_key(it)) =>
                    {
                        Vec::new()
                    }
                    (Step::Names(_), _) if !rest.is_empty() => {
                        let steps: Vec<Step> = std::iter::once(next.as_ref().clone())
                            .chain(rest.iter().cloned())
                            .collect();
                        found.extend(all(&steps, around, whole));
                        continue;
                    }
                    _ => all(std::slice::from_ref(next.as_ref()), around, whole),
                };
                found.extend(taken.iter().flat_map(|it| all(rest, it, whole)));
            }
            found
        }
        (Step::Name(_) | Step::At(_), _) => on(one(first, value).ok().into_iter().collect()),
        (Step::Names(names), Value::Object(map)) if rest.is_empty() => {
            let there = names.iter().filter(|name| map.contains_key(*name));
            vec![
                there
                    .map(|name| (name.clone(), map[name].clone()))
                    .collect(),
            ]
        }
        (Step::Names(names), Value::Object(map)) => {
            on(names.iter().filter_map(|name| map.get(name)).collect())
        }
        (Step::Ats(ats), Value::Array(items)) => {
            on(ats.iter().filter_map(|at| place(*at, items)).collect())
        }
        (Step::Slice(from, to), Value::Array(items)) => {
            let length = i64::try_from(items.len()).expect("small");
            let whole = |end: i64| if end < 0 { end + length } else { end };
            let (from, to) = (whole(from.unwrap_or(0)), whole(to.unwrap_or(length)));
            let inside = (0..length).filter(|at| *at >= from && *at < to);
            on(inside.filter_map(|at| place(at, items)).collect())
        }
        (Step::All, Value::Array(items)) => on(items.iter().collect()),
        (Step::All, Value::Object(map)) => on(map.values().collect()),
        (Step::If(condition), Value::Array(items)) => {
            let held = items.iter().filter(|item| holds(condition, item, whole));
            on(held.collect())
        }
        (Step::If(condition), Value::Object(_)) if holds(condition, value, whole) => {
            on(vec![value])
        }
        _ => Vec::new(),
    }
}

/// A value and all containers below it, each before what it holds.
fn containers(value: &Value) -> Vec<&Value> {
    let below: Vec<&Value> = match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(map) => map.values().collect(),
        _ => return Vec::new(),
    };
    let below = below.into_iter().flat_map(containers);
    std::iter::once(value).chain(below).collect()
}

fn holds(condition: &Condition, item: &Value, whole: &Value) -> bool {
    let at = |path: &[Step], from: &Value| all(path, from, whole).pop();
    match condition {
        Condition::Exists(path) => at(path, item).is_some(),
        Condition::Compare(path, operator, value) => {
            compared(operator, at(path, item), Some(value.clone()))
        }
        Condition::CompareWith(path, operator, other) => {
            compared(operator, at(path, item), at(other, whole))
        }
        Condition::In(path, list) => {
            at(path, item).is_some_and(|it| list.iter().any(|other| alike(&it, other)))
        }
        Condition::And(a, b) => holds(a, item, whole) && holds(b, item, whole),
        Condition::Or(a, b) => holds(a, item, whole) || holds(b, item, whole),
        Condition::Not(inner) => !holds(inner, item, whole),
    }
}

fn alike(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => (a - b).abs() < f64::EPSILON,
        _ => a == b,
    }
}

/// What is not there is unlike what is; only numbers, and only texts, have an order.
fn compared(operator: &str, a: Option<Value>, b: Option<Value>) -> bool {
    let (Some(a), Some(b)) = (&a, &b) else {
        return operator == "!=" && a.is_some() != b.is_some();
    };
    let (less, more) = match (a, b) {
        (Value::String(a), Value::String(b)) => (a < b, a > b),
        _ => match (a.as_f64(), b.as_f64()) {
            (Some(a), Some(b)) => (a < b, a > b),
            _ => return (operator == "==" && a == b) || (operator == "!=" && a != b),
        },
    };
    match operator {
        "==" => !less && !more,
        "!=" => less || more,
        "<" => less,
        "<=" => !more,
        ">" => more,
        _ => !less,
    }
}

fn applied(function: &str, value: &Value) -> Option<Value> {
    match (function, value) {
        ("length", Value::Array(items)) => Some(json!(items.len())),
        ("length", Value::Object(map)) => Some(json!(map.len())),
        ("length", Value::String(text)) => Some(json!(text.chars().count())),
        ("keys", Value::Object(map)) => Some(map.keys().cloned().collect()),
        ("first", Value::Array(items)) => items.first().cloned(),
        ("last", Value::Array(items)) => items.last().cloned(),
        ("min" | "max" | "sum" | "avg", Value::Array(items)) => {
            let mut numbers: Vec<f64> = items.iter().filter_map(Value::as_f64).collect();
            numbers.sort_by(f64::total_cmp);
            let count = f64::from(u32::try_from(numbers.len()).expect("small"));
            let sum: f64 = items.iter().filter_map(Value::as_f64).sum();
            let (first, last) = (*numbers.first()?, *numbers.last()?);
            Some(json!(match function {
                "min" => first,
                "max" => last,
                "sum" => sum,
                _ => sum / count,
            }))
        }
        _ => None,
    }
}

fn is_one(steps: &[Step]) -> bool {
    let end = steps.len().saturating_sub(1);
    steps.iter().enumerate().all(|(n, step)| match step {
        Step::Name(_) | Step::At(_) => true,
        // Several names at the end make one object.
        Step::Names(_) => n == end,
        _ => false,
    })
}

/// What the steps lead to; `Err` with the words where these are known.
fn expected(steps: &[Step], document: &Value) -> Result<Value, Option<String>> {
    if let Some((Step::Function(function), before)) = steps.split_last() {
        let value = expected(before, document)?;
        return applied(function, &value).ok_or(None);
    }
    let before = match steps.split_last() {
        Some((Step::Names(_), before)) => before,
        _ => steps,
    };
    if !is_one(steps) {
        return Ok(Value::Array(all(steps, document, document)));
    }
    if let Some(words) = lost(before, document) {
        return Err((before.len() == steps.len()).then_some(words));
    }
    all(steps, document, document).pop().ok_or(None)
}

// Where definite paths end, in words.

fn bracketed(steps: &[Step]) -> String {
    let one = |step: &Step| match step {
        Step::Name(name) => format!("['{name}']"),
        Step::At(at) => format!("[{at}]"),
        other => unreachable!("{other:?}"),
    };
    steps.iter().map(one).collect()
}

/// A value as Java shows it.
fn java(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(java).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(map) => {
            let pairs = map
                .iter()
                .map(|(name, value)| format!("{name}={}", java(value)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

fn class(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "java.lang.Boolean",
        Value::Number(number) if number.is_f64() => "java.lang.Double",
        Value::Number(_) => "java.lang.Integer",
        Value::String(_) => "java.lang.String",
        Value::Array(_) => "java.util.ArrayList",
        Value::Object(_) => "java.util.LinkedHashMap",
    }
}

/// Why these names and positions lead nowhere.
fn lost(steps: &[Step], document: &Value) -> Option<String> {
    let mut value = document;
    for (n, step) in steps.iter().enumerate() {
        let (before, through) = (bracketed(&steps[..n]), bracketed(&steps[..=n]));
        match (one(step, value), step, value) {
            (Ok(next), ..) => value = next,
            (_, Step::Name(_), Value::Object(_)) if n + 1 < steps.len() => {
                return Some(format!("Missing property in path ${through}"));
            }
            (_, Step::Name(_), Value::Object(_)) | (_, Step::At(_), Value::Array(_)) => {
                return Some(format!("No results for path: ${}", bracketed(steps)));
            }
            (_, Step::Name(name), _) => {
                return Some(format!(
                    "Expected to find an object with property ['{name}'] in path ${before} but found '{}'. This is not a json object according to the JsonProvider: 'com.jayway.jsonpath.spi.json.JacksonJsonProvider'.",
                    class(value)
                ));
            }
            (_, _, Value::Null) => return Some(format!("The path ${before} is null")),
            _ => {
                return Some(format!(
                    "Filter: {} can only be applied to arrays. Current context is: {}",
                    bracketed(&steps[n..]),
                    java(value)
                ));
            }
        }
    }
    None
}

// What must hold.

#[test]
fn random_paths_lead_where_a_second_evaluator_leads() {
    let (mut values, mut words) = (0, 0);
    for seed in seeds(1_500) {
        let chance = &mut Chance::new(seed);
        let document = document(chance, 4);
        for n in 0..PATHS {
            let steps = match n % 3 {
                0 => definite(chance, &document, 5),
                _ => indefinite(chance, &document),
            };
            let text = written(chance, "$", &steps);
            let path = Path::parse(&text).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
            let told = || format!("seed {seed}: {text} in {document}");
            let found = path.read(&document).map_err(|missing| missing.to_string());
            match expected(&steps, &document) {
                Ok(want) => {
                    assert_eq!(found, Ok(want), "{}", told());
                    values += 1;
                }
                Err(want) => {
                    let said = found.expect_err(&told());
                    assert!(want.is_none_or(|want| want == said), "{said}\n{}", told());
                    words += 1;
                }
            }
        }
    }
    println!("{values} paths lead to values, {words} nowhere");
}

#[test]
fn definite_paths_are_places_in_the_document() {
    for seed in seeds(1_500) {
        let chance = &mut Chance::new(seed);
        let mut document = document(chance, 4);
        let steps = definite(chance, &document, 5);
        let text = written(chance, "$", &steps);
        let path = Path::parse(&text).expect("a path");
        let told = || format!("seed {seed}: {text} in {document}");
        assert!(path.is_definite(), "{}", told());
        assert_eq!(path.to_string(), text);
        let place = steps
            .iter()
            .try_fold(&document, |value, step| one(step, value));
        let found = path.find(&document).map(std::borrow::Cow::into_owned);
        assert_eq!(found.clone().ok().as_ref(), place.ok(), "{}", told());
        assert_eq!(found, path.read(&document), "{}", told());
        // What is written at a reference is read there again, and nothing else has changed.
        let mark = json!({"mark": seed});
        let before = document.clone();
        if path.is_reference() && path.write(&mut document, mark.clone()).is_ok() {
            assert_eq!(path.read(&document), Ok(mark), "seed {seed}: {text}");
            if let Ok(old) = path.read(&before) {
                path.write(&mut document, old).expect("a place");
                assert_eq!(document, before, "seed {seed}: {text}");
            }
        }
    }
}
