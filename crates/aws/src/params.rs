//! Parameters against the model, before anything is sent: text is turned into what the model wants, unknown and
//! missing members are found, idempotency tokens are filled in. The words are botocore's.
//!
//! What comes out is canonical: numbers are numbers, truth values are truth values, timestamps are RFC 3339 text,
//! blobs are base64 text. The protocols rely on that.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Number, Value};

use crate::model::{Location, Member, Operation, Ref, Service, Shape, Structure};
use crate::notation::{python_type, quote};
use crate::{Error, timestamp};

/// Deeper parameters are refused.
pub(crate) const MAX_DEPTH: usize = 64;
/// More findings than this are not listed.
const MAX_FINDINGS: usize = 20;

/// Checks and converts the parameters of an operation.
///
/// # Errors
/// [`Error::Parameters`] lists everything that is wrong.
pub(crate) fn check(
    service: &Service,
    operation: &Operation,
    params: &Value,
    token: &str,
) -> Result<Map<String, Value>, Error> {
    let mut checker = Checker {
        service,
        findings: Vec::new(),
    };
    let given = match params {
        Value::Null => Map::new(),
        Value::Object(map) => map.clone(),
        other => {
            checker.wrong_type("", other, "<class 'dict'>");
            Map::new()
        }
    };
    let nothing = Structure::default();
    let root = operation
        .input
        .as_ref()
        .and_then(|input| service.structure(input))
        .unwrap_or(&nothing);
    let mut given = given;
    for member in root
        .members
        .iter()
        .filter(|member| member.target.traits().idempotency_token)
    {
        if given.get(member.name).is_none_or(Value::is_null) {
            given.insert(member.name.to_string(), token.into());
        }
    }
    let checked = checker.structure(root, &given, "", 0);
    if checker.findings.is_empty() {
        return Ok(checked);
    }
    let hidden = checker.findings.len().saturating_sub(MAX_FINDINGS);
    checker.findings.truncate(MAX_FINDINGS);
    if hidden > 0 {
        checker.findings.push(format!("... and {hidden} more"));
    }
    Err(Error::Parameters(checker.findings.join("\n")))
}

struct Checker<'a> {
    service: &'a Service,
    findings: Vec<String>,
}

/// `input` for the root, else the path without its first dot.
fn shown(path: &str) -> &str {
    match path.strip_prefix('.') {
        _ if path.is_empty() => "input",
        Some(rest) => rest,
        None => path,
    }
}

impl Checker<'_> {
    fn wrong_type(&mut self, path: &str, value: &Value, wanted: &str) -> Value {
        self.findings.push(format!(
            "Invalid type for parameter {}, value: {}, type: {}, valid types: {wanted}",
            shown(path),
            quote(value),
            python_type(value)
        ));
        Value::Null
    }

    fn too_short(&mut self, path: &str, length: usize, min: u32) {
        self.findings.push(format!(
            "Invalid length for parameter {}, value: {length}, valid min length: {min}",
            shown(path)
        ));
    }

    fn too_small(&mut self, path: &str, value: i64, min: i64) {
        self.findings.push(format!(
            "Invalid value for parameter {}, value: {value}, valid min value: {min}",
            shown(path)
        ));
    }

    fn structure(
        &mut self,
        structure: &Structure,
        given: &Map<String, Value>,
        path: &str,
        depth: usize,
    ) -> Map<String, Value> {
        let present =
            |member: &Member| given.get(member.name).is_some_and(|value| !value.is_null());
        let names = || {
            structure
                .members
                .iter()
                .map(|member| member.name)
                .collect::<Vec<_>>()
                .join(", ")
        };
        if structure.union {
            match given.values().filter(|value| !value.is_null()).count() {
                1 => {}
                0 => self.findings.push(format!(
                    "Must set one of the following keys for tagged union structure {}: {}.",
                    shown(path),
                    names()
                )),
                _ => self.findings.push(format!(
                    "Invalid number of parameters set for tagged union structure {}. Can only set one of the following keys: {}.",
                    shown(path),
                    names()
                )),
            }
        }
        for member in structure
            .members
            .iter()
            .filter(|member| member.required && !present(member))
        {
            self.findings.push(format!(
                "Missing required parameter in {}: \"{}\"",
                shown(path),
                member.name
            ));
        }
        let mut checked = Map::new();
        for (name, value) in given {
            let Some(member) = structure.member(name) else {
                let names = names();
                self.findings.push(format!(
                    "Unknown parameter in {}: \"{name}\", must be one of: {names}",
                    shown(path)
                ));
                continue;
            };
            if !value.is_null() {
                let value = self.value(&member.target, value, &format!("{path}.{name}"), depth + 1);
                checked.insert(name.clone(), value);
            }
        }
        checked
    }

    fn value(&mut self, target: &Ref, value: &Value, path: &str, depth: usize) -> Value {
        if depth > MAX_DEPTH {
            self.findings.push(format!(
                "Parameter {} is nested deeper than {MAX_DEPTH} levels",
                shown(path)
            ));
            return Value::Null;
        }
        // Anywhere else it is text.
        if target.traits().json_value && target.traits().location == Some(Location::Header) {
            return value.clone();
        }
        match self.service.shape(target) {
            Shape::Structure(structure) if structure.document => self.document(value, path, depth),
            Shape::Structure(structure) => match opened(value, '{').as_ref().unwrap_or(value) {
                Value::Object(map) => Value::Object(self.structure(structure, map, path, depth)),
                other => self.wrong_type(path, other, "<class 'dict'>"),
            },
            Shape::List { member, min } => match opened(value, '[').as_ref().unwrap_or(value) {
                Value::Array(items) => self.list(member, *min, items, (path, depth)),
                other => self.wrong_type(path, other, "<class 'list'>, <class 'tuple'>"),
            },
            Shape::Map { key, value: inner } => {
                match opened(value, '{').as_ref().unwrap_or(value) {
                    Value::Object(map) => {
                        let mut checked = Map::new();
                        for (name, item) in map {
                            self.value(
                                key,
                                &name.as_str().into(),
                                &format!("{path} (key: {name})"),
                                depth + 1,
                            );
                            let item =
                                self.nullable(inner, item, &format!("{path}.{name}"), depth + 1);
                            checked.insert(name.clone(), item);
                        }
                        Value::Object(checked)
                    }
                    other => self.wrong_type(path, other, "<class 'dict'>"),
                }
            }
            scalar => self.scalar((scalar, target.traits().host_label), value, path),
        }
    }

    /// Sparse lists and maps keep their nulls.
    fn nullable(&mut self, target: &Ref, value: &Value, path: &str, depth: usize) -> Value {
        if value.is_null() {
            Value::Null
        } else {
            self.value(target, value, path, depth)
        }
    }

    fn list(
        &mut self,
        member: &Ref,
        min: u32,
        items: &[Value],
        (path, depth): (&str, usize),
    ) -> Value {
        if items.len() < usize::try_from(min).unwrap_or(0) {
            self.too_short(path, items.len(), min);
        }
        let item = |(at, item): (usize, &Value)| {
            self.nullable(member, item, &format!("{path}[{at}]"), depth + 1)
        };
        Value::Array(items.iter().enumerate().map(item).collect())
    }

    fn document(&mut self, value: &Value, path: &str, depth: usize) -> Value {
        if !within_depth(value, MAX_DEPTH.saturating_sub(depth)) {
            self.findings.push(format!(
                "Parameter {} is nested deeper than {MAX_DEPTH} levels",
                shown(path)
            ));
        }
        value.clone()
    }

    fn scalar(&mut self, (shape, in_host): (&Shape, bool), value: &Value, path: &str) -> Value {
        let converted = match shape {
            Shape::String { .. } => text(value),
            Shape::Integer { .. } => integer(value)
                .filter(|n| i32::try_from(*n).is_ok())
                .map(Value::from),
            Shape::Long { .. } => integer(value).map(Value::from),
            Shape::Float | Shape::Double => float(value),
            Shape::Boolean => boolean(value).map(Value::from),
            Shape::Timestamp => moment(value),
            _ => blob(value),
        };
        let Some(converted) = converted else {
            let wanted = match shape {
                Shape::String { .. } => "<class 'str'>",
                Shape::Integer { .. } | Shape::Long { .. } => "<class 'int'>",
                Shape::Float | Shape::Double => {
                    "<class 'float'>, <class 'decimal.Decimal'>, <class 'int'>"
                }
                Shape::Boolean => "<class 'bool'>",
                Shape::Timestamp => "<class 'datetime.datetime'>, timestamp-string",
                _ => "<class 'bytes'>, <class 'bytearray'>, {\"$base64\": ...}",
            };
            return self.wrong_type(path, value, wanted);
        };
        match shape {
            Shape::String { min, .. } => {
                let length = converted.as_str().map_or(0, |text| text.chars().count());
                // What goes into a host name is never empty.
                let min = (*min).max(u32::from(in_host));
                if length < usize::try_from(min).unwrap_or(0) {
                    self.too_short(path, length, min);
                }
            }
            Shape::Integer { min: Some(min) } | Shape::Long { min: Some(min) } => {
                if let Some(number) = converted.as_i64().filter(|number| number < min) {
                    self.too_small(path, number, *min);
                }
            }
            _ => {}
        }
        converted
    }
}

/// Whether a value nests at most `left` levels.
pub(crate) fn within_depth(value: &Value, left: usize) -> bool {
    match value {
        Value::Array(items) => left > 0 && items.iter().all(|item| within_depth(item, left - 1)),
        Value::Object(map) => left > 0 && map.values().all(|item| within_depth(item, left - 1)),
        _ => true,
    }
}

/// A list or structure that came as JSON text, as runbook parameters do.
fn opened(value: &Value, first: char) -> Option<Value> {
    let text = value.as_str()?.trim();
    if text.starts_with(first) {
        serde_json::from_str(text).ok()
    } else {
        None
    }
}

fn text(value: &Value) -> Option<Value> {
    match value {
        Value::String(_) => Some(value.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string().into()),
        _ => None,
    }
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| {
            let float = number.as_f64()?;
            (float.fract() == 0.0 && float.abs() < 9.0e15).then_some(float as i64)
        }),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// A number, or one of the three texts that stand for values JSON cannot write.
fn float(value: &Value) -> Option<Value> {
    match value {
        Value::Number(_) => Some(value.clone()),
        Value::String(text) => match text.trim() {
            special @ ("NaN" | "Infinity" | "-Infinity") => Some(special.into()),
            text => text
                .parse()
                .ok()
                .and_then(Number::from_f64)
                .map(Value::Number),
        },
        _ => None,
    }
}

fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

fn moment(value: &Value) -> Option<Value> {
    let at = match value {
        Value::String(text) => timestamp::parse(text),
        Value::Number(number) => timestamp::parse(&number.to_string()),
        _ => None,
    };
    at.map(|at| at.to_string().into())
}

fn blob(value: &Value) -> Option<Value> {
    match value {
        Value::String(text) => Some(STANDARD.encode(text).into()),
        Value::Object(map) if map.len() == 1 => {
            let encoded = map.get("$base64")?.as_str()?;
            STANDARD
                .decode(encoded)
                .ok()
                .map(|bytes| STANDARD.encode(bytes).into())
        }
        _ => None,
    }
}
