//! JSON bodies of answers, written straight into the body.

use serde_json::{Map, Value};

use super::wire_name;
use crate::model::{Ref, Service, Shape, Structure, TimestampFormat};
use crate::protocol::moment;
use crate::timestamp;

/// Writes the members of a structure; null ones and those that the model does not know are left out.
pub(super) fn structure(
    service: &Service,
    structure: &Structure,
    values: &Map<String, Value>,
    out: &mut String,
) {
    out.push('{');
    let mut first = true;
    for (name, value) in values.iter().filter(|(_, value)| !value.is_null()) {
        let Some(member) = structure.member(name) else {
            continue;
        };
        if !first {
            out.push(',');
        }
        first = false;
        text(wire_name(&member.target, member.name), out);
        out.push(':');
        self::value(service, &member.target, value, out);
    }
    out.push('}');
}

/// Writes one value.
pub(super) fn value(service: &Service, target: &Ref, value: &Value, out: &mut String) {
    match (service.shape(target), value) {
        (Shape::Structure(inner), Value::Object(map)) if !inner.document => {
            structure(service, inner, map, out);
        }
        (Shape::List { member, .. }, Value::Array(items)) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                self::value(service, member, item, out);
            }
            out.push(']');
        }
        (Shape::Map { value: inner, .. }, Value::Object(map)) => {
            out.push('{');
            for (at, (key, item)) in map.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                text(key, out);
                out.push(':');
                self::value(service, inner, item, out);
            }
            out.push('}');
        }
        (Shape::Timestamp, Value::String(_) | Value::Number(_)) => {
            let form = target.traits().timestamp_format;
            match form.unwrap_or(TimestampFormat::Unix) {
                TimestampFormat::Unix => seconds(value, out),
                form => text(&moment(value, form), out),
            }
        }
        (_, Value::String(plain)) => text(plain, out),
        (_, other) => out.push_str(&other.to_string()),
    }
}

/// Whole seconds as an integer, else with a fraction down to milliseconds.
fn seconds(value: &Value, out: &mut String) {
    let at = match value {
        Value::String(text) => timestamp::parse(text),
        other => return out.push_str(&other.to_string()),
    };
    let Some(at) = at else {
        return out.push_str("null");
    };
    let millis = at.as_millisecond();
    if millis % 1000 == 0 {
        out.push_str(&(millis / 1000).to_string());
    } else {
        out.push_str(&Value::from(millis as f64 / 1000.0).to_string());
    }
}

/// Text in quotes.
fn text(plain: &str, out: &mut String) {
    if plain
        .bytes()
        .all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\')
    {
        out.push('"');
        out.push_str(plain);
        out.push('"');
    } else {
        out.push_str(&Value::from(plain).to_string());
    }
}
