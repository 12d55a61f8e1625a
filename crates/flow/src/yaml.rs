//! The one door to the YAML library: text to data with places, data to text.
//!
//! Knows nothing of documents. Limits: see [`crate::source`]; aliases, merge keys and duplicate keys are refused.

mod quick;

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_saphyr::Spanned;
use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::{DuplicateKeyPolicy, MergeKeyPolicy};

use crate::source::{MAX_BYTES, MAX_DEPTH, MAX_NODES, Place, Places, Source, Unreadable};

/// Reads a YAML text.
///
/// # Errors
/// The first syntax error or broken limit, with its place.
pub(crate) fn parse(text: &str) -> Result<Source, Unreadable> {
    if text.len() > MAX_BYTES {
        return Err(Unreadable {
            place: Place { line: 1, column: 1 },
            message: format!(
                "the text has {} bytes, at most {MAX_BYTES} are allowed",
                text.len()
            ),
        });
    }
    if let Some((value, places)) = quick::parse(text) {
        return Ok(Source::new(value, places));
    }
    slow(text)
}

/// As [`parse`], by the library's own reading of types.
fn slow(text: &str) -> Result<Source, Unreadable> {
    let node: Spanned<Node> =
        serde_saphyr::from_str_with_options(text, options()).map_err(|error| {
            let error = error.without_snippet();
            let place = error.location().map(place_of).unwrap_or_default();
            Unreadable {
                place,
                message: match error {
                    serde_saphyr::Error::Budget { breach, .. } => too_much(breach),
                    error => plain(&error.to_string()),
                },
            }
        })?;
    let (value, places) = into_value(node);
    Ok(Source::new(value, places))
}

/// Writes data as YAML. Every string stays a string when it is read again.
///
/// # Errors
/// The library's words when the data cannot be written.
pub(crate) fn print(value: &Value) -> Result<String, String> {
    serde_saphyr::to_string(value).map_err(|error| error.to_string())
}

fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_reader_input_bytes: Some(MAX_BYTES),
            max_nodes: MAX_NODES,
            max_events: MAX_NODES * 3,
            max_depth: MAX_DEPTH,
            flow_nesting_limit: MAX_DEPTH,
            max_aliases: 0,
            max_anchors: 0,
            max_documents: 1,
            max_merge_keys: 0,
            max_inclusion_depth: 0,
            max_total_scalar_bytes: MAX_BYTES * 2,
        },
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::Error,
        strict_booleans: true,
        with_snippet: false,
        emit_comments: false,
    }
}

fn too_deep() -> String {
    format!("it is nested deeper than {MAX_DEPTH} levels")
}

/// What a broken limit means to the author of a document.
fn too_much(breach: &BudgetBreach) -> String {
    match breach {
        BudgetBreach::Depth { .. } => too_deep(),
        BudgetBreach::Anchors { .. }
        | BudgetBreach::Aliases { .. }
        | BudgetBreach::AliasAnchorRatio { .. } => {
            "anchors (`&name`) and aliases (`*name`) are not allowed: write the value out"
                .to_owned()
        }
        BudgetBreach::MergeKeys { .. } => {
            "merge keys (`<<`) are not allowed: write the entries out".to_owned()
        }
        BudgetBreach::Documents { .. } => {
            "it holds more than one YAML document: give one, without `---` between".to_owned()
        }
        BudgetBreach::SequenceUnbalanced => "a list or map is not closed".to_owned(),
        _ => {
            format!("it is too large: at most {MAX_NODES} values and {MAX_BYTES} bytes are allowed")
        }
    }
}

/// The library prefixes or suffixes places to some messages; ours stand in `Place`.
fn plain(message: &str) -> String {
    let line = message.lines().next().unwrap_or(message);
    // The scanner of flow collections has a limit of its own, set to the same number.
    if line.contains("recursion limit exceeded") {
        return too_deep();
    }
    let line = line.split(" at line ").next().unwrap_or(line);
    // Advice for programmers, not for authors of documents.
    let line = line
        .split(", set DuplicateKeyPolicy")
        .next()
        .unwrap_or(line);
    line.trim().to_owned()
}

fn place_of(location: serde_saphyr::Location) -> Place {
    let clamp = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    Place {
        line: clamp(location.line()),
        column: clamp(location.column()),
    }
}

enum Node {
    Scalar(Value),
    List(Vec<Spanned<Node>>),
    Map(Vec<(String, Spanned<Node>)>),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, number, boolean, list or map")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Scalar(Value::from(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Scalar(Value::from(value)))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Node, E> {
        Ok(Node::Scalar(Value::String(value.to_string())))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Node, E> {
        Ok(Node::Scalar(Value::String(value.to_string())))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Node, E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("a number must be finite"))?;
        Ok(Node::Scalar(Value::Number(number)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Scalar(Value::String(value.to_owned())))
    }

    fn visit_string<E>(self, value: String) -> Result<Node, E> {
        Ok(Node::Scalar(Value::String(value)))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = access.next_key::<String>()? {
            entries.push((key, access.next_value()?));
        }
        Ok(Node::Map(entries))
    }
}

fn into_value(node: Spanned<Node>) -> (Value, Places) {
    let mut parts = Vec::new();
    let mut inner = |node| {
        let (value, places) = into_value(node);
        parts.push(places);
        value
    };
    let value = match node.value {
        Node::Scalar(value) => value,
        Node::List(items) => Value::Array(items.into_iter().map(&mut inner).collect()),
        Node::Map(entries) => {
            let mut map = Map::with_capacity(entries.len());
            for (key, item) in entries {
                map.insert(key, inner(item));
            }
            Value::Object(map)
        }
    };
    let here = place_of(node.referenced);
    (value, Places { here, parts })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn scalars_keep_their_types_and_places() {
        let source =
            parse("a: 1\nb:\n  - true\n  - 'yes'\n  - yes\n  - 0.3\n  - ~\n").expect("valid");
        assert_eq!(
            source.value,
            json!({"a": 1, "b": [true, "yes", "yes", 0.3, null]})
        );
        assert_eq!(source.place("/b/1"), Place { line: 4, column: 5 });
        assert_eq!(source.place("/b/1/nowhere"), Place { line: 4, column: 5 });
    }

    #[test]
    fn refuses_what_could_grow_or_mislead() {
        let deep = format!("{}1{}", "[".repeat(40), "]".repeat(40));
        let wide = format!("[{}]", "1,".repeat(MAX_NODES + 1));
        let long = "a".repeat(MAX_BYTES + 1);
        let cases: [&str; 7] = [
            "a: 1\na: 2\n",
            "a: &x 1\nb: *x\n",
            "a: [1\n",
            "- 1\n---\n- 2\n",
            &deep,
            &wide,
            &long,
        ];
        for case in cases {
            assert!(parse(case).is_err(), "{}", &case[..case.len().min(40)]);
        }
        for (case, words) in [
            (deep.as_str(), "nested deeper than 32 levels"),
            ("a: &x 1\nb: *x\n", "anchors"),
            ("- 1\n---\n- 2\n", "more than one YAML document"),
            (wide.as_str(), "at most 20000 values"),
        ] {
            let error = parse(case).expect_err(words);
            assert!(error.message.contains(words), "{error:?}");
        }
        let error = parse("a: 1\nb: [1\nc: 2\n").expect_err("broken");
        assert!(error.place.line >= 2, "{error:?}");
    }

    #[test]
    fn printing_keeps_the_data() {
        let value = json!({"a": "yes", "b": ["1", 1, null, true, "true", "0x1F", "x: y", "- z", "", " lead", "12e3"],
            "c": {"multi": "line one\nline two\n", "empty": {}, "none": []}, "d": "{{ Param }}", "e": "# no", "f": "0777"});
        let text = print(&value).expect("printable");
        assert_eq!(parse(&text).expect("readable").value, value, "{text}");
    }
}
