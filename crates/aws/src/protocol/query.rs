//! Requests of the query protocol and its EC2 dialect: form-encoded, nested names joined by dots.

use serde_json::{Map, Value};

use super::{Parts, input, scalar_text};
use crate::model::{Operation, Ref, Service, Shape, Structure, TimestampFormat};
use crate::percent::encode as percent;

/// The two ways of naming.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Lists have a `member` level unless flattened; an empty list is written.
    Query,
    /// Names capitalised, lists always flat, an empty list left out.
    Ec2,
}

pub(super) fn encode(
    service: &Service,
    operation: &Operation,
    params: &Map<String, Value>,
    dialect: Dialect,
) -> Parts {
    let mut form = Form {
        service,
        dialect,
        pairs: Vec::new(),
    };
    form.pairs
        .push(("Action".to_owned(), operation.name.to_string()));
    form.pairs
        .push(("Version".to_owned(), service.api_version.to_string()));
    if let Some(structure) = input(service, operation) {
        form.structure("", structure, params);
    }
    let pairs: Vec<String> = form
        .pairs
        .iter()
        .map(|(name, value)| format!("{}={}", percent(name), percent(value)))
        .collect();
    Parts {
        method: operation.method.to_string(),
        path: "/".to_owned(),
        query: String::new(),
        headers: vec![(
            "content-type".to_owned(),
            "application/x-www-form-urlencoded; charset=utf-8".to_owned(),
        )],
        body: pairs.join("&").into(),
    }
}

struct Form<'a> {
    service: &'a Service,
    dialect: Dialect,
    pairs: Vec<(String, String)>,
}

impl Form<'_> {
    fn wire_name(&self, target: &Ref, default: &str) -> String {
        let traits = target.traits();
        match self.dialect {
            Dialect::Query => traits.location_name.unwrap_or(default).to_owned(),
            Dialect::Ec2 => match (&traits.query_name, &traits.location_name) {
                (Some(name), _) => name.to_string(),
                (None, Some(name)) => capitalised(name),
                (None, None) => capitalised(default),
            },
        }
    }

    fn structure(&mut self, prefix: &str, structure: &Structure, params: &Map<String, Value>) {
        for (name, value) in params {
            let Some(member) = structure.member(name) else {
                continue;
            };
            let wire = self.wire_name(&member.target, name);
            let name = if prefix.is_empty() {
                wire
            } else {
                format!("{prefix}.{wire}")
            };
            self.value(&name, &member.target, value);
        }
    }

    fn value(&mut self, prefix: &str, target: &Ref, value: &Value) {
        match (self.service.shape(target), value) {
            (_, Value::Null) => {}
            (Shape::Structure(structure), Value::Object(map)) => {
                self.structure(prefix, structure, map)
            }
            (Shape::List { member, .. }, Value::Array(items)) => {
                self.list(prefix, (target, member), items)
            }
            (Shape::Map { key, value }, Value::Object(map)) => {
                let prefix = if target.traits().flattened {
                    prefix.to_owned()
                } else {
                    format!("{prefix}.entry")
                };
                let (key_name, value_name) =
                    (self.wire_name(key, "key"), self.wire_name(value, "value"));
                for (at, (entry, item)) in map.iter().enumerate() {
                    self.pairs
                        .push((format!("{prefix}.{}.{key_name}", at + 1), entry.clone()));
                    self.value(&format!("{prefix}.{}.{value_name}", at + 1), value, item);
                }
            }
            (_, scalar) => {
                let text = scalar_text(self.service, target, scalar, TimestampFormat::Iso8601);
                self.pairs.push((prefix.to_owned(), text));
            }
        }
    }

    fn list(&mut self, prefix: &str, (list, member): (&Ref, &Ref), items: &[Value]) {
        let name = member.traits().location_name;
        let prefix = match self.dialect {
            Dialect::Ec2 => prefix.to_owned(),
            Dialect::Query if items.is_empty() => {
                self.pairs.push((prefix.to_owned(), String::new()));
                return;
            }
            // The element's name takes the place of the list's own.
            Dialect::Query if list.traits().flattened => match (name, prefix.rsplit_once('.')) {
                (Some(name), Some((before, _))) => format!("{before}.{name}"),
                (Some(name), None) => name.to_owned(),
                (None, _) => prefix.to_owned(),
            },
            Dialect::Query => format!("{prefix}.{}", name.unwrap_or("member")),
        };
        for (at, item) in items.iter().enumerate() {
            self.value(&format!("{prefix}.{}", at + 1), member, item);
        }
    }
}

fn capitalised(name: &str) -> String {
    let mut chars = name.chars();
    chars
        .next()
        .map(|first| first.to_ascii_uppercase().to_string() + chars.as_str())
        .unwrap_or_default()
}
