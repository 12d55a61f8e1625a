//! Request bodies: JSON within a budget of depth, values and bytes, without duplicate keys.
//!
//! Knows no service and no member.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::error::ApiError;

/// Deepest nesting of objects and arrays.
pub(crate) const MAX_DEPTH: usize = 64;
/// Most values in one body.
pub(crate) const MAX_NODES: usize = 100_000;

/// Reads a body that must be one JSON object; an empty body is `{}`.
///
/// # Errors
/// Malformed, with line and column.
pub(crate) fn parse(bytes: &[u8]) -> Result<Map<String, Value>, ApiError> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Map::new());
    }
    match parse_value(bytes)? {
        Value::Object(map) => Ok(map),
        _ => Err(ApiError::malformed(
            "the request body must be one JSON object",
        )),
    }
}

fn parse_value(bytes: &[u8]) -> Result<Value, ApiError> {
    let nodes = Cell::new(0);
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    Node {
        nodes: &nodes,
        depth: 0,
    }
    .deserialize(&mut reader)
    .and_then(|value| reader.end().map(|()| value))
    .map_err(|error| {
        ApiError::malformed(format!("the request body is not acceptable JSON: {error}"))
    })
}

#[derive(Clone, Copy)]
struct Node<'a> {
    nodes: &'a Cell<usize>,
    depth: usize,
}

impl Node<'_> {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth >= MAX_DEPTH {
            return Err(E::custom(format_args!(
                "nested deeper than {MAX_DEPTH} levels"
            )));
        }
        Ok(Self {
            depth: self.depth + 1,
            ..self
        })
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.nodes.set(self.nodes.get() + 1);
        if self.nodes.get() > MAX_NODES {
            return Err(D::Error::custom(format_args!(
                "more than {MAX_NODES} values"
            )));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("a number that is not finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut map = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(inner)?;
            if map.contains_key(&name) {
                let shown = crate::error::echo(&name);
                return Err(A::Error::custom(format_args!(
                    "the key `{shown}` stands twice in one object"
                )));
            }
            map.insert(name, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_objects_and_empty_bodies() {
        assert_eq!(parse(b" \n").expect("empty"), Map::new());
        let map = parse(br#"{"a":[1,-2,0.5,"x",null,true,{"b":{}}]}"#).expect("object");
        assert_eq!(
            Value::Object(map).to_string(),
            r#"{"a":[1,-2,0.5,"x",null,true,{"b":{}}]}"#
        );
    }

    #[test]
    fn refuses_what_breaks_the_budget() {
        let deep =
            |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
        assert!(parse(deep(MAX_DEPTH - 1).as_bytes()).is_ok());
        let (too_deep, far_too_deep) = (deep(MAX_DEPTH), deep(5_000));
        let many = format!("{{\"a\":[{}1]}}", "1,".repeat(MAX_NODES));
        let cases: [(&[u8], &str); 8] = [
            (too_deep.as_bytes(), "nested deeper than 64 levels"),
            (far_too_deep.as_bytes(), "nested deeper than 64 levels"),
            (many.as_bytes(), "more than 100000 values"),
            (br#"{"a":1,"a":2}"#, "the key `a` stands twice"),
            (b"[1]", "one JSON object"),
            (b"{} x", "trailing characters"),
            (b"{\"a\":\"\xff\"}", "unicode"),
            (b"{\"a\":1e999}", "number out of range"),
        ];
        for (body, want) in cases {
            let error = parse(body).expect_err(want);
            assert!(
                error.message().contains(want),
                "{} has no {want}",
                error.message()
            );
        }
    }
}
