//! XML request bodies.

use serde_json::{Map, Value};

use super::scalar_text;
use crate::model::{Ref, Service, Shape, Structure, TimestampFormat, XmlNamespace};

/// Writes a structure as a document with the given root; HTTP-bound members must have been taken out.
pub(crate) fn document(
    service: &Service,
    structure: &Structure,
    params: &Map<String, Value>,
    (root, namespace): (&str, Option<&XmlNamespace>),
) -> String {
    let mut out = String::new();
    write_structure(service, structure, params, (root, namespace), &mut out);
    out
}

fn open(
    out: &mut String,
    name: &str,
    namespace: Option<&XmlNamespace>,
    attributes: &[(&str, String)],
) {
    out.push('<');
    out.push_str(name);
    if let Some(namespace) = namespace {
        let prefix = namespace
            .prefix
            .map(|prefix| format!(":{prefix}"))
            .unwrap_or_default();
        out.push_str(&format!(" xmlns{prefix}=\"{}\"", escape(namespace.uri)));
    }
    for (name, value) in attributes {
        out.push_str(&format!(" {name}=\"{}\"", escape(value)));
    }
    out.push('>');
}

fn close(out: &mut String, name: &str) {
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

/// Text as it stands in an element or attribute.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // Written as references, since a reader would turn them into blanks or line feeds.
            '\r' => out.push_str("&#xD;"),
            '\u{85}' => out.push_str("&#x85;"),
            '\u{2028}' => out.push_str("&#x2028;"),
            // Not allowed in XML 1.0 in any form.
            c if c < ' ' && c != '\n' && c != '\t' => {}
            c => out.push(c),
        }
    }
    out
}

fn write_structure(
    service: &Service,
    structure: &Structure,
    params: &Map<String, Value>,
    (name, namespace): (&str, Option<&XmlNamespace>),
    out: &mut String,
) {
    let given = |attribute: bool| {
        params.iter().filter_map(move |(name, value)| {
            let member = structure.member(name)?;
            (member.target.traits().xml_attribute == attribute && !value.is_null())
                .then_some((member, value))
        })
    };
    let wire =
        |target: &Ref, default: &str| target.traits().location_name.unwrap_or(default).to_owned();
    let attributes: Vec<(String, String)> = given(true)
        .map(|(member, value)| {
            (
                wire(&member.target, member.name),
                scalar_text(service, &member.target, value, TimestampFormat::Iso8601),
            )
        })
        .collect();
    let attributes: Vec<(&str, String)> = attributes
        .iter()
        .map(|(name, value)| (name.as_str(), value.clone()))
        .collect();
    open(out, name, namespace, &attributes);
    for (member, value) in given(false) {
        write(
            service,
            &member.target,
            value,
            &wire(&member.target, member.name),
            out,
        );
    }
    close(out, name);
}

fn write(service: &Service, target: &Ref, value: &Value, name: &str, out: &mut String) {
    let traits = target.traits();
    let namespace = traits.xml_namespace.as_ref();
    match (service.shape(target), value) {
        (_, Value::Null) => {}
        (Shape::Structure(structure), Value::Object(map)) => {
            write_structure(service, structure, map, (name, namespace), out);
        }
        (Shape::List { member, .. }, Value::Array(items)) => {
            let element = member.traits().location_name.unwrap_or("member");
            let element = if traits.flattened { name } else { element };
            if !traits.flattened {
                open(out, name, namespace, &[]);
            }
            for item in items {
                write(service, member, item, element, out);
            }
            if !traits.flattened {
                close(out, name);
            }
        }
        (Shape::Map { key, value }, Value::Object(map)) => {
            let entry = if traits.flattened { name } else { "entry" };
            if !traits.flattened {
                open(out, name, namespace, &[]);
            }
            for (text, item) in map {
                open(out, entry, None, &[]);
                write(
                    service,
                    key,
                    &text.as_str().into(),
                    key.traits().location_name.unwrap_or("key"),
                    out,
                );
                write(
                    service,
                    value,
                    item,
                    value.traits().location_name.unwrap_or("value"),
                    out,
                );
                close(out, entry);
            }
            if !traits.flattened {
                close(out, name);
            }
        }
        (_, scalar) => {
            open(out, name, namespace, &[]);
            out.push_str(&escape(&scalar_text(
                service,
                target,
                scalar,
                TimestampFormat::Iso8601,
            )));
            close(out, name);
        }
    }
}
