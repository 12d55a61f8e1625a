//! JSONPath against a second evaluator that is written for plainness: random paths on random documents lead to the same
//! values, and where a definite path leads nowhere both say so in the same words, which are those of the service's parser.

mod plain;

use flow::asl::path::Path;
use serde_json::{Map, Value, json};

use super::chance::{Chance, seeds};
use plain::{expected, one};

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
        texts.join(if numbers.len().is_multiple_of(2) {
            ","
        } else {
            ", "
        })
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
