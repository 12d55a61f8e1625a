//! Comparing an answer with a recorded one, by the rules of the cases' README.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// What is not compared, and what stands for what.
#[derive(Clone, Default)]
pub(super) struct Rules {
    /// Whether the events of Parallel states were recorded without their order.
    parallel: bool,
    /// Paths whose values are not compared.
    lenient: Vec<Vec<String>>,
    /// Texts of the observed answer and what the record has in their place.
    pub replace: Vec<(String, String)>,
}

impl Rules {
    pub(super) fn of(record: &Value) -> Self {
        let texts = |value: &Value| -> Vec<String> {
            value
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|it| it.as_str().map(str::to_owned))
                .collect()
        };
        let mut replace = Vec::new();
        for placeholder in record["placeholders"].as_array().into_iter().flatten() {
            if let (Some(from), Some(to)) =
                (placeholder["regex"].as_str(), placeholder["to"].as_str())
            {
                replace.push((from.replace('\\', ""), to.to_owned()));
            }
        }
        let parallel = record["placeholders"]
            .to_string()
            .contains("SfnNoneRecursiveParallelTransformer");
        Self {
            parallel,
            lenient: texts(&record["lenient"])
                .iter()
                .map(|path| names(path))
                .collect(),
            replace,
        }
    }

    /// Whether nothing is compared.
    pub(super) fn nothing(&self) -> bool {
        self.lenient.iter().any(|path| path == &["*"])
    }

    fn skips(&self, at: &[String]) -> bool {
        self.lenient.iter().any(|path| {
            let mut rest = at.iter();
            let inside = path.iter().all(|name| rest.any(|found| found == name));
            inside && path.last() == at.last()
        })
    }
}

/// The names and positions of a lenient path, in order.
fn names(path: &str) -> Vec<String> {
    path.replace('[', ".")
        .replace(']', "")
        .split('.')
        .filter(|part| !part.is_empty() && *part != "$")
        .map(str::to_owned)
        .collect()
}

/// Texts that hold JSON objects become those objects (rule 1).
pub(super) fn opened(value: &Value) -> Value {
    match value {
        Value::String(text) if text.starts_with('{') => match serde_json::from_str::<Value>(text) {
            Ok(inner) => inner,
            Err(_) => value.clone(),
        },
        Value::Object(map) => Value::Object(
            map.iter()
                .map(|(key, member)| (key.clone(), opened(member)))
                .collect(),
        ),
        Value::Array(items) if items.iter().all(Value::is_object) => {
            items.iter().map(opened).collect()
        }
        other => other.clone(),
    }
}

/// All differences between the two, as lines.
pub(super) fn differences(expected: &Value, observed: &Value, rules: &Rules) -> Vec<String> {
    let mut text = observed.to_string();
    for (from, to) in &rules.replace {
        text = text.replace(from.as_str(), to);
    }
    text = text
        .replace("us-east-1", "<region>")
        .replace("arn:aws:", "arn:<partition>:");
    let observed: Value = serde_json::from_str(&text).expect("still JSON");
    let mut comparer = Comparer {
        rules,
        seen: BTreeMap::new(),
        lines: Vec::new(),
    };
    comparer.value(&mut Vec::new(), expected, &observed);
    comparer.lines
}

struct Comparer<'a> {
    rules: &'a Rules,
    seen: BTreeMap<String, String>,
    lines: Vec<String>,
}

impl Comparer<'_> {
    fn value(&mut self, at: &mut Vec<String>, expected: &Value, observed: &Value) {
        if self.rules.skips(at) {
            return;
        }
        if at
            .last()
            .is_some_and(|key| key.to_lowercase().contains("timestamp"))
        {
            return;
        }
        match (expected, observed) {
            (Value::Object(expected), Value::Object(observed)) => {
                self.object(at, expected, observed)
            }
            (Value::Array(expected), Value::Array(observed))
                if expected.len() == observed.len() && !self.rules.parallel =>
            {
                for (n, (expected, observed)) in expected.iter().zip(observed).enumerate() {
                    at.push(n.to_string());
                    self.value(at, expected, observed);
                    at.pop();
                }
            }
            (Value::Number(a), Value::Number(b)) if a.as_f64() == b.as_f64() => {}
            (Value::String(a), Value::String(b)) if self.text(a, b) => {}
            (a, b) if a == b => {}
            (Value::Number(_) | Value::Bool(_), Value::String(text))
            | (Value::Array(_), Value::String(text)) => match serde_json::from_str(text) {
                Ok(inner) => self.value(at, expected, &inner),
                Err(_) => self.differ(at, expected, observed),
            },
            (Value::Array(a), Value::Array(b)) if self.rules.parallel => self.parallel(at, a, b),
            (Value::Array(a), Value::Array(b)) => self.lengths(at, a, b),
            (a, b) => self.differ(at, a, b),
        }
    }

    fn object(
        &mut self,
        at: &mut Vec<String>,
        expected: &Map<String, Value>,
        observed: &Map<String, Value>,
    ) {
        for (key, value) in expected {
            at.push(key.clone());
            match observed.get(key) {
                Some(found) => self.value(at, value, found),
                None if self.rules.skips(at) => {}
                None => self.differ(at, value, &Value::String("(absent)".to_owned())),
            }
            at.pop();
        }
        for (key, value) in observed
            .iter()
            .filter(|(key, _)| !expected.contains_key(*key))
        {
            at.push(key.clone());
            if !self.rules.skips(at) {
                self.differ(at, &Value::String("(absent)".to_owned()), value);
            }
            at.pop();
        }
    }

    fn text(&mut self, expected: &str, observed: &str) -> bool {
        if expected == observed {
            return true;
        }
        let date = observed.parse::<jiff::Timestamp>().is_ok();
        if ["date", "timestamp", "datetime"].contains(&expected) && date {
            return true;
        }
        if expected == "generated-uuid" {
            return observed.parse::<uuid::Uuid>().is_ok();
        }
        if let (Ok(a), Ok(b)) = (
            serde_json::from_str::<Value>(expected),
            serde_json::from_str::<Value>(observed),
        ) {
            return differences(&a, &b, &Rules::default()).is_empty();
        }
        self.with_placeholders(expected, observed)
    }

    /// `<name:N>` and its like stand for any text, the same everywhere.
    fn with_placeholders(&mut self, expected: &str, observed: &str) -> bool {
        let mut rest = observed;
        let mut wanted = expected;
        while let Some((before, behind)) = wanted.split_once('<') {
            let Some((name, after)) = behind.split_once('>') else {
                break;
            };
            let Some(found) = rest.strip_prefix(before) else {
                return false;
            };
            if let Some(same) = found.strip_prefix(&format!("<{name}>")) {
                rest = same;
                wanted = after;
                continue;
            }
            let stop: String = after.chars().take_while(|c| *c != '<').collect();
            let end = if stop.is_empty() {
                found.len()
            } else {
                match found.find(&stop) {
                    Some(end) => end,
                    None => return false,
                }
            };
            let (value, behind) = found.split_at(end);
            let known = self
                .seen
                .entry(name.to_owned())
                .or_insert_with(|| value.to_owned());
            if known != value {
                return false;
            }
            rest = behind;
            wanted = after;
        }
        wanted == rest
    }

    /// Events of a Parallel were recorded without ids and in another order: those with an id are compared as they are, of
    /// the others only that there is such a one.
    fn parallel(&mut self, at: &mut Vec<String>, expected: &[Value], observed: &[Value]) {
        for event in expected {
            let same = observed.iter().find(|found| found["id"] == event["id"]);
            match same {
                Some(found) => self.value(at, event, found),
                None if event["id"].is_array() => {
                    let there = observed.iter().any(|found| {
                        let mut found = found.clone();
                        found["id"] = event["id"].clone();
                        found["previousEventId"] = event["previousEventId"].clone();
                        differences(event, &found, &Rules::default()).is_empty()
                    });
                    if !there {
                        self.differ(at, event, &Value::Null);
                    }
                }
                None => self.differ(at, event, &Value::Null),
            }
        }
    }

    /// Lists of different lengths: what each event is, side by side.
    fn lengths(&mut self, at: &[String], expected: &[Value], observed: &[Value]) {
        let line = |list: &[Value]| -> String {
            let short = |it: &Value| match it["type"].as_str() {
                Some(kind) => format!("{}<{} {kind}", it["id"], it["previousEventId"]),
                None => it.to_string(),
            };
            list.iter().map(short).collect::<Vec<_>>().join(", ")
        };
        let text = format!(
            "{}: lengths differ\n      expected {}\n      found    {}\n      last     {}",
            at.join("."),
            line(expected),
            line(observed),
            observed.last().map(ToString::to_string).unwrap_or_default(),
        );
        self.lines.push(text);
    }

    fn differ(&mut self, at: &[String], expected: &Value, observed: &Value) {
        let short = |value: &Value| value.to_string().chars().take(300).collect::<String>();
        self.lines.push(format!(
            "{}: expected {}, found {}",
            at.join("."),
            short(expected),
            short(observed)
        ));
    }
}
