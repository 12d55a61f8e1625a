//! Parameters of a call: one JSON or YAML object, from the command line, a file or standard input.

use std::io::Read;

use engine::views::documents::{self, Format};
use serde_json::{Map, Value};

use super::ending::{Ended, Result};

/// Most bytes of parameters. The largest single object that S3 takes in one call is larger; Quell is no way to copy data.
const MAX_BYTES: u64 = 64 << 20;

/// The parameters from where the command line says they are; none are `{}`.
pub(crate) fn read(word: Option<String>, file: Option<String>) -> Result<Value> {
    match (word, file) {
        (Some(_), Some(_)) => Err(Ended::usage(
            "give the parameters once: as an argument or by --params-file",
        )),
        (None, None) => Ok(Value::Object(Map::new())),
        (None, Some(path)) if path != "-" => {
            let opened = std::fs::File::open(&path).map_err(|error| {
                Ended::usage(format!("--params-file: cannot read {path}: {error}"))
            })?;
            object(&path, &text(&path, opened)?)
        }
        (Some(word), None) if word != "-" => object("the parameters", &word),
        _ => object(
            "standard input",
            &text("standard input", std::io::stdin().lock())?,
        ),
    }
}

/// A JSON object, or a YAML mapping.
pub(crate) fn object(place: &str, text: &str) -> Result<Value> {
    let value: Value = if text.trim_start().starts_with(['{', '[']) {
        serde_json::from_str(text)
            .map_err(|error| Ended::usage(format!("{place}: no JSON: {error}")))?
    } else {
        let json = documents::convert(text, Format::Yaml, Format::Json)
            .map_err(|error| Ended::usage(format!("{place}: neither JSON nor YAML: {error}")))?;
        serde_json::from_str(&json)
            .map_err(|error| Ended::usage(format!("{place}: no YAML mapping: {error}")))?
    };
    if value.is_object() {
        return Ok(value);
    }
    Err(Ended::usage(format!(
        "{place}: parameters are one object by name, e.g. '{{\"InstanceIds\": [\"i-0123456789abcdef0\"]}}'"
    )))
}

fn text(place: &str, from: impl Read) -> Result<String> {
    let mut text = String::new();
    let read = from.take(MAX_BYTES + 1).read_to_string(&mut text);
    let length = read.map_err(|error| Ended::usage(format!("{place}: cannot be read: {error}")))?;
    if u64::try_from(length).unwrap_or(u64::MAX) > MAX_BYTES {
        return Err(Ended::usage(format!(
            "{place}: more than {} MiB of parameters",
            MAX_BYTES >> 20
        )));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_and_yaml_are_objects() {
        for (text, want) in [
            ("{\"A\": [1, \"x\"]}", json!({"A": [1, "x"]})),
            (
                "A: [1, x]\nB: {C: '1'}\n",
                json!({"A": [1, "x"], "B": {"C": "1"}}),
            ),
            ("{}", json!({})),
        ] {
            assert_eq!(object("x", text).ok(), Some(want), "{text}");
        }
        for bad in ["", "[]", "{\"A\":", "i-1", "A: [", "3", "{\"A\":1} x"] {
            assert!(matches!(object("x", bad), Err(Ended::Usage(_))), "{bad}");
        }
        assert!(matches!(
            read(Some("{}".to_owned()), Some("f".to_owned())),
            Err(Ended::Usage(_))
        ));
    }
}
