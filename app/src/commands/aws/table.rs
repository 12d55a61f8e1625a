//! Tables for people: one row per structure of a list, nested lists below as tables of their own.
//!
//! Nothing is cut: a table that does not fit is written as names and values, a value that does not fit is wrapped.

use serde_json::{Map, Value};

use super::output::harmless;

/// Width where the terminal does not tell one, in columns.
const WIDTH: usize = 120;
/// Narrowest column that a table is squeezed to.
const NARROW: usize = 12;
/// Longest nested value that is written within a cell, in characters.
const COMPACT: usize = 60;
/// Depth at which nested values are written compact, however long.
const DEPTH: usize = 6;

/// Columns of the terminal: `COLUMNS`, as shells and tools tell it.
pub(crate) fn width() -> usize {
    let told = std::env::var("COLUMNS").ok();
    told.and_then(|text| text.parse().ok())
        .filter(|columns| (20..=1000).contains(columns))
        .unwrap_or(WIDTH)
}

/// The whole value.
pub(crate) fn render(value: &Value, width: usize) -> String {
    let mut tables = Tables {
        text: String::new(),
        width,
    };
    tables.section("", value, 0);
    tables.text
}

struct Tables {
    text: String,
    width: usize,
}

type Below<'a> = Vec<(String, &'a Value)>;

impl Tables {
    fn section(&mut self, title: &str, value: &Value, depth: usize) {
        let mut below = Vec::new();
        match value {
            Value::Object(map) => {
                let rows = named(map, title, depth, &mut below);
                self.table(title, &[], &rows);
            }
            Value::Array(items) if items.iter().any(Value::is_object) => {
                let (head, rows) = listed(items, title, depth, &mut below);
                if self.fits(&head) {
                    self.table(title, &head, &rows);
                } else {
                    self.one_by_one(title, &head, &rows);
                }
            }
            Value::Array(items) => {
                let rows: Vec<Vec<String>> = items.iter().map(|item| vec![cell(item)]).collect();
                self.table(title, &[], &rows);
            }
            scalar => self.table(title, &[], &[vec![cell(scalar)]]),
        }
        for (path, value) in below {
            self.section(&path, value, depth + 1);
        }
    }

    fn fits(&self, head: &[String]) -> bool {
        head.len() * (NARROW + 2) <= self.width.max(NARROW + 2)
    }

    /// Each row as names and values.
    fn one_by_one(&mut self, title: &str, head: &[String], rows: &[Vec<String>]) {
        for (at, row) in rows.iter().enumerate() {
            let pairs: Vec<Vec<String>> = head
                .iter()
                .zip(row)
                .filter(|(_, value)| !value.is_empty())
                .map(|(name, value)| vec![name.clone(), value.clone()])
                .collect();
            self.table(&format!("{title}[{at}]"), &[], &pairs);
        }
    }

    fn table(&mut self, title: &str, head: &[String], rows: &[Vec<String>]) {
        if rows.is_empty() {
            return;
        }
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        if !title.is_empty() {
            for line in wrap(&harmless(title), self.width) {
                self.text.push_str(&format!("{line}\n"));
            }
        }
        let widths = self.widths(head, rows);
        if !head.is_empty() {
            self.row(head, &widths);
            let lines: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
            self.row(&lines, &widths);
        }
        for row in rows {
            self.row(row, &widths);
        }
    }

    /// The widest cell of each column; when they are too wide together the widest columns give way.
    fn widths(&self, head: &[String], rows: &[Vec<String>]) -> Vec<usize> {
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0).max(head.len());
        let mut widths: Vec<usize> = (0..columns)
            .map(|at| {
                let cells = rows
                    .iter()
                    .chain([&head.to_vec()])
                    .map(|row| row.get(at).map_or(0, |cell| length(cell)))
                    .max();
                cells.unwrap_or(0).max(1)
            })
            .collect();
        let room = self.width.saturating_sub(2 * columns.saturating_sub(1));
        while widths.iter().sum::<usize>() > room {
            match widths.iter_mut().max() {
                Some(widest) if *widest > NARROW => *widest -= 1,
                _ => break,
            }
        }
        widths
    }

    fn row(&mut self, cells: &[String], widths: &[usize]) {
        let wrapped: Vec<Vec<String>> = cells
            .iter()
            .zip(widths)
            .map(|(cell, width)| wrap(cell, *width))
            .collect();
        let lines = wrapped.iter().map(Vec::len).max().unwrap_or(0);
        for line in 0..lines {
            let mut text = String::new();
            for (part, width) in wrapped.iter().zip(widths) {
                let part = part.get(line).map_or("", String::as_str);
                text.push_str(part);
                text.push_str(&" ".repeat(width.saturating_sub(length(part)) + 2));
            }
            self.text.push_str(text.trim_end());
            self.text.push('\n');
        }
    }
}

/// A structure as rows of name and value; what is too large for a cell goes below.
fn named<'a>(
    map: &'a Map<String, Value>,
    title: &str,
    depth: usize,
    below: &mut Below<'a>,
) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for (name, value) in map {
        if is_large(value) && depth < DEPTH {
            below.push((path(title, name), value));
        } else {
            rows.push(vec![harmless(name), cell(value)]);
        }
    }
    rows
}

/// A list of structures as rows; members that are too large for a cell anywhere go below.
fn listed<'a>(
    items: &'a [Value],
    title: &str,
    depth: usize,
    below: &mut Below<'a>,
) -> (Vec<String>, Vec<Vec<String>>) {
    let mut names: Vec<&str> = Vec::new();
    let mut large: Vec<&str> = Vec::new();
    for (name, value) in items.iter().filter_map(Value::as_object).flatten() {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
        if is_large(value) && depth < DEPTH && !large.contains(&name.as_str()) {
            large.push(name);
        }
    }
    names.retain(|name| !large.contains(name));
    for (at, item) in items.iter().enumerate() {
        for name in &large {
            let empty = |value: &Value| matches!(value, Value::Array(items) if items.is_empty());
            if let Some(value) = item.get(name).filter(|value| !empty(value)) {
                below.push((path(&format!("{title}[{at}]"), name), value));
            }
        }
    }
    let row = |item: &Value| match item {
        Value::Object(map) => names
            .iter()
            .map(|name| map.get(*name).map(cell).unwrap_or_default())
            .collect(),
        other => vec![cell(other)],
    };
    let mut rows: Vec<Vec<String>> = items.iter().map(row).collect();
    if names.is_empty() {
        rows.clear();
    }
    (names.into_iter().map(harmless).collect(), rows)
}

fn path(title: &str, name: &str) -> String {
    if title.is_empty() {
        name.to_owned()
    } else {
        format!("{title}.{name}")
    }
}

/// Whether a value is better written below than within a cell.
fn is_large(value: &Value) -> bool {
    let nested = match value {
        Value::Object(map) => !map.is_empty(),
        Value::Array(items) => items.iter().any(|item| item.is_object() || item.is_array()),
        _ => false,
    };
    nested && length(&cell(value)) > COMPACT
}

/// A value on one line.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => harmless(text),
        Value::Array(items) => {
            let pairs: Option<Vec<String>> = items.iter().map(pair).collect();
            let parts = pairs.unwrap_or_else(|| items.iter().map(compact).collect());
            parts.join(", ")
        }
        other => compact(other),
    }
}

fn compact(value: &Value) -> String {
    match value {
        Value::String(text) => harmless(text),
        other => harmless(&other.to_string()),
    }
}

/// A tag, `Name=web`.
fn pair(value: &Value) -> Option<String> {
    let map = value.as_object().filter(|map| map.len() == 2)?;
    let text = |names: [&str; 2]| names.iter().find_map(|name| map.get(*name)?.as_str());
    let (key, value) = (text(["Key", "key"])?, text(["Value", "value"])?);
    Some(harmless(&format!("{key}={value}")))
}

fn length(text: &str) -> usize {
    text.chars().count()
}

/// Pieces of at most `width` characters, broken behind a blank where there is one.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest: Vec<char> = text.chars().collect();
    while rest.len() > width {
        let blank = rest
            .iter()
            .take(width + 1)
            .rposition(|letter| *letter == ' ')
            .filter(|at| *at > 0);
        let tail = rest.split_off(blank.map_or(width, |at| at + 1));
        lines.push(rest.iter().collect::<String>().trim_end().to_owned());
        rest = tail;
    }
    lines.push(rest.into_iter().collect());
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer() -> Value {
        json!({"Reservations": [{"ReservationId": "r-1", "Instances": [
            {"InstanceId": "i-1", "State": {"Code": 16, "Name": "running"}, "Tags": [{"Key": "Name", "Value": "web"}]},
            {"InstanceId": "i-2", "State": {"Code": 80, "Name": "stopped"}, "Zone": "a"},
        ]}], "NextToken": "t"})
    }

    #[test]
    fn lists_are_tables_and_nested_lists_follow() {
        let want = "NextToken  t\n\
            \n\
            Reservations\n\
            ReservationId\n\
            -------------\n\
            r-1\n\
            \n\
            Reservations[0].Instances\n\
            InstanceId  State                         Tags      Zone\n\
            ----------  ----------------------------  --------  ----\n\
            i-1         {\"Code\":16,\"Name\":\"running\"}  Name=web\n\
            i-2         {\"Code\":80,\"Name\":\"stopped\"}            a\n";
        assert_eq!(render(&answer(), 100), want);
    }

    #[test]
    fn a_narrow_terminal_gets_every_value() {
        for width in [20, 30, 60] {
            let text = render(&answer(), width);
            let joined: String = text.split_whitespace().collect();
            for value in ["i-1", "i-2", "running", "Name=web", "r-1"] {
                assert!(joined.contains(value), "{width}: {value}:\n{text}");
            }
        }
        let long = render(&json!([{"A": "x".repeat(50), "B": "y z ".repeat(20)}]), 40);
        assert!(long.lines().all(|line| length(line) <= 40), "{long}");
    }

    #[test]
    fn anything_can_be_shown() {
        for value in [
            json!({}),
            json!([]),
            json!("x"),
            json!(null),
            json!([[1], {"a": [[{}]]}]),
            json!([1, "b"]),
        ] {
            let _ = render(&value, 20);
        }
        assert_eq!(render(&json!(["a", "b"]), 80), "a\nb\n");
    }
}
