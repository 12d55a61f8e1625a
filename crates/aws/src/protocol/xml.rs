//! XML answers as a tree. No external entities, no document types, bounded depth.

use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::MAX_DEPTH;

/// An element. Names are without their namespace prefix.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) name: String,
    /// Names without prefix.
    pub(super) attributes: Vec<(String, String)>,
    pub(super) children: Vec<Node>,
    pub(super) text: String,
}

impl Node {
    pub(super) fn child(&self, name: &str) -> Option<&Node> {
        self.children.iter().find(|child| child.name == name)
    }

    pub(super) fn children<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Node> {
        self.children.iter().filter(move |child| child.name == name)
    }

    pub(super) fn child_text(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.as_str())
    }
}

/// Reads a document.
///
/// # Errors
/// What is wrong with it.
pub(super) fn parse(body: &[u8]) -> Result<Node, String> {
    let text = std::str::from_utf8(body).map_err(|_| "the answer is not UTF-8".to_owned())?;
    let mut reader = Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut open: Vec<Node> = Vec::new();
    let mut root = None;
    loop {
        let event = reader
            .read_event()
            .map_err(|error| format!("the answer is not well-formed XML: {error}"))?;
        match event {
            Event::Start(start) if open.len() >= MAX_DEPTH => {
                drop(start);
                return Err(format!(
                    "the answer is nested deeper than {MAX_DEPTH} levels"
                ));
            }
            Event::Start(start) => {
                if root.is_some() {
                    return Err("the answer has more than one root element".to_owned());
                }
                open.push(element(&start)?);
            }
            Event::End(_) => {
                let Some(mut node) = open.pop() else {
                    return Err("the answer closes an element that is not open".to_owned());
                };
                // Blanks between elements are layout.
                if !node.children.is_empty() && node.text.trim().is_empty() {
                    node.text.clear();
                }
                match open.last_mut() {
                    Some(parent) => parent.children.push(node),
                    None => root = Some(node),
                }
            }
            Event::Text(text) => {
                append(&mut open, &text.xml10_content())?;
            }
            Event::CData(data) => {
                append(&mut open, &data.xml10_content())?;
            }
            Event::GeneralRef(reference) => append(&mut open, &resolve(&reference)?)?,
            Event::DocType(_) => {
                return Err("the answer has a document type, which is refused".to_owned());
            }
            Event::Eof => break,
            _ => {}
        }
    }
    if !open.is_empty() {
        return Err("the answer ends within an element".to_owned());
    }
    root.ok_or_else(|| "the answer has no element".to_owned())
}

fn append(open: &mut [Node], text: &str) -> Result<(), String> {
    match open.last_mut() {
        Some(node) => node.text.push_str(text),
        None if text.trim().is_empty() => {}
        None => return Err("the answer has text outside of its root element".to_owned()),
    }
    Ok(())
}

/// The five predefined entities and character references; nothing else.
fn resolve(reference: &BytesRef<'_>) -> Result<String, String> {
    if let Some(character) = reference
        .resolve_char_ref()
        .map_err(|error| error.to_string())?
    {
        return Ok(character.to_string());
    }
    Ok(match &*reference.xml10_content() {
        "amp" => "&",
        "lt" => "<",
        "gt" => ">",
        "quot" => "\"",
        "apos" => "'",
        _ => {
            return Err("the answer uses an entity other than the five predefined ones".to_owned());
        }
    }
    .to_owned())
}

fn element(start: &BytesStart<'_>) -> Result<Node, String> {
    let mut node = Node {
        name: start.local_name().as_ref().to_owned(),
        ..Node::default()
    };
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        let value = attribute
            .normalized_value(XmlVersion::Implicit1_0)
            .map_err(|error| error.to_string())?;
        node.attributes.push((
            attribute.key.local_name().as_ref().to_owned(),
            value.into_owned(),
        ));
    }
    Ok(node)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entities_and_namespaces() {
        let node = parse(br#"<?xml version="1.0"?><a:r xmlns:a="u" x:t="1&amp;2"><b>&lt;&#65;&#x42;<![CDATA[<]]></b> <c/></a:r>"#).unwrap();
        assert_eq!(node.name, "r");
        assert_eq!(
            node.attributes,
            [
                ("a".to_owned(), "u".to_owned()),
                ("t".to_owned(), "1&2".to_owned())
            ]
        );
        assert_eq!(node.child_text("b"), Some("<AB<"));
        assert_eq!(node.child_text("c"), Some(""));
        assert_eq!(node.text, "");
    }

    #[test]
    fn hostile_documents_are_refused() {
        let deep = "<a>".repeat(65) + &"</a>".repeat(65);
        for bad in [
            "",
            "<a>",
            "<a></b>",
            "<a/><b/>",
            "x",
            "<a>&x;</a>",
            r#"<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>"#,
            r#"<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>"#,
            &deep,
        ] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(parse(b"<a>\xff</a>").is_err());
    }
}
