//! An event as patterns see it: values at paths, and which array elements each value sits in.
//!
//! Keys joined by dots form the path, so `{"a":{"b":1}}` and `{"a.b":1}` are the same to a
//! pattern. Arrays add no step. The module knows nothing of patterns.

use std::collections::BTreeMap;

use crate::json::{Fault, MAX_DEPTH, Reader, Token, line_and_column};
use crate::number;

/// Largest event text read, in bytes.
pub(crate) const MAX_BYTES: usize = 1024 * 1024;
/// Most values, containers and key parts in one event.
pub(crate) const MAX_NODES: usize = 100_000;

/// What every event on a bus has. AWS's documents list `resources` as well, but AWS matches events
/// without it.
const ENVELOPE: &[&str] = &["id", "account", "source", "time", "region", "detail-type"];

/// Why a text is not an event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EventError {
    /// The text is longer than the limit.
    #[error("the event has {bytes} bytes: send at most {limit}")]
    TooLarge {
        /// Size of the text in bytes.
        bytes: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// Objects and arrays are nested too deep.
    #[error(
        "the event is nested deeper than {limit} levels at line {line}, column {column}: flatten it"
    )]
    TooDeep {
        /// The limit.
        limit: usize,
        /// Line, from 1.
        line: u32,
        /// Column in UTF-16 units, from 1.
        column: u32,
    },
    /// Too many values, containers and key parts.
    #[error("the event has more than {limit} values: split it")]
    TooManyNodes {
        /// The limit.
        limit: usize,
    },
    /// The bytes are not UTF-8.
    #[error("the event is not UTF-8 at byte {offset}: send UTF-8 text")]
    NotUtf8 {
        /// The first bad byte.
        offset: usize,
    },
    /// The top level is not an object.
    #[error("the event is not a JSON object: put the values into one object")]
    NotObject,
    /// The text is not JSON.
    #[error("the event is not valid JSON at line {line}, column {column}: {reason}")]
    Syntax {
        /// What was found and what was wanted.
        reason: String,
        /// Line, from 1.
        line: u32,
        /// Column in UTF-16 units, from 1.
        column: u32,
    },
}

/// One value of an event.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Text(String),
    Number {
        raw: String,
        comparable: Option<f64>,
    },
    True,
    False,
    Null,
}

/// A value that somebody else holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum ValueRef<'a> {
    Text(&'a str),
    Number {
        raw: &'a str,
        /// The nearest double. Whether the number compares, being exactly that, is dear to find
        /// out and asked only by a condition that would be met.
        nearest: Option<f64>,
    },
    True,
    False,
    Null,
}

impl Value {
    pub(crate) fn borrow(&self) -> ValueRef<'_> {
        match self {
            Value::Text(text) => ValueRef::Text(text),
            Value::Number { raw, comparable } => ValueRef::Number {
                raw,
                nearest: *comparable,
            },
            Value::True => ValueRef::True,
            Value::False => ValueRef::False,
            Value::Null => ValueRef::Null,
        }
    }
}

/// A value and the innermost array element it sits in.
#[derive(Clone, Debug)]
pub(crate) struct Leaf {
    pub(crate) value: Value,
    pub(crate) element: ElementId,
}

/// Names one array element of the event; zero means "in no array".
pub(crate) type ElementId = u32;

/// The element a value is in when it is in no array.
pub(crate) const NO_ELEMENT: ElementId = 0;

/// An element of an array that is a container itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element {
    /// The element around its array.
    pub(crate) parent: ElementId,
    /// The array, by a number of its own.
    pub(crate) array: u32,
    pub(crate) index: u32,
}

/// The array elements of one event, by their ids.
#[derive(Clone, Debug)]
pub(crate) struct Elements {
    list: Vec<Element>,
}

impl Default for Elements {
    fn default() -> Self {
        let none = Element {
            parent: NO_ELEMENT,
            array: 0,
            index: 0,
        };
        Elements { list: vec![none] }
    }
}

impl Elements {
    pub(crate) fn add(&mut self, element: Element) -> ElementId {
        // An event has at most as many elements as bytes, which fit.
        let id = ElementId::try_from(self.list.len()).unwrap_or(NO_ELEMENT);
        self.list.push(element);
        id
    }

    pub(crate) fn clear(&mut self) {
        self.list.truncate(1);
    }

    /// Whether nothing lies in an element.
    pub(crate) fn is_empty(&self) -> bool {
        self.list.len() < 2
    }

    /// The `(array, index)` pairs an element lies in, innermost first.
    pub(crate) fn membership(&self, element: ElementId) -> impl Iterator<Item = (u32, u32)> + '_ {
        let mut next = element;
        std::iter::from_fn(move || {
            if next == NO_ELEMENT {
                return None;
            }
            let element = self.list.get(usize::try_from(next).ok()?)?;
            next = element.parent;
            Some((element.array, element.index))
        })
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct PathNode {
    pub(crate) children: BTreeMap<Box<str>, u32>,
    pub(crate) leaves: Vec<Leaf>,
}

/// A parsed event, ready to be matched against any number of patterns.
///
/// Paths are kept as a tree of key parts, so that memory stays proportional to the text however
/// deep and long the keys are.
#[derive(Clone, Debug)]
pub struct Event {
    nodes: Vec<PathNode>,
    elements: Elements,
    /// The node at which each array stands.
    arrays: Vec<u32>,
    source: Box<str>,
}

impl Event {
    /// Reads an event. Every occurrence of a repeated key counts.
    ///
    /// # Errors
    /// When the text is not one JSON object or exceeds a limit: 1 MiB, 64 levels, 100,000 values.
    ///
    /// ```
    /// let event = rules::Event::parse(r#"{"source":"aws.ec2","detail":{"tags":["a","b"]}}"#)?;
    /// assert_eq!(event.text("source"), Some("aws.ec2"));
    /// # Ok::<(), rules::EventError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Event, EventError> {
        if text.len() > MAX_BYTES {
            return Err(EventError::TooLarge {
                bytes: text.len(),
                limit: MAX_BYTES,
            });
        }
        let mut builder = Builder {
            reader: Reader::new(text),
            event: Event {
                nodes: vec![PathNode::default()],
                elements: Elements::default(),
                arrays: Vec::new(),
                source: text.into(),
            },
            budget: MAX_NODES,
        };
        match builder.read() {
            Ok(()) => Ok(builder.event),
            Err(Refusal::Fault(fault)) => Err(located(text, fault)),
            Err(Refusal::NotObject) => Err(EventError::NotObject),
            Err(Refusal::TooManyNodes) => Err(EventError::TooManyNodes { limit: MAX_NODES }),
        }
    }

    /// Reads an event from bytes, which must be UTF-8.
    ///
    /// # Errors
    /// As [`Event::parse`], and [`EventError::NotUtf8`].
    pub fn parse_bytes(bytes: &[u8]) -> Result<Event, EventError> {
        let text = std::str::from_utf8(bytes).map_err(|error| EventError::NotUtf8 {
            offset: error.valid_up_to(),
        })?;
        Event::parse(text)
    }

    /// The first string at a dotted path, if there is one.
    #[must_use]
    pub fn text(&self, path: &str) -> Option<&str> {
        self.leaves(path.split('.'))
            .iter()
            .find_map(|leaf| match &leaf.value {
                Value::Text(text) => Some(text.as_str()),
                _ => None,
            })
    }

    /// Whether any value (null included) stands at a dotted path.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        !self.leaves(path.split('.')).is_empty()
    }

    /// The first field of an event's envelope that is missing: `TestEventPattern` refuses such an
    /// event with "Parameter Event is not valid.".
    ///
    /// ```
    /// let event = rules::Event::parse(r#"{"id":"1","account":"1","source":"shop"}"#)?;
    /// assert_eq!(event.missing_envelope_field(), Some("time"));
    /// # Ok::<(), rules::EventError>(())
    /// ```
    #[must_use]
    pub fn missing_envelope_field(&self) -> Option<&'static str> {
        ENVELOPE.iter().copied().find(|field| !self.has(field))
    }

    pub(crate) fn leaves<'a>(&self, parts: impl IntoIterator<Item = &'a str>) -> &[Leaf] {
        let mut node = self.root();
        for part in parts {
            match node.children.get(part).and_then(|child| self.node(*child)) {
                Some(child) => node = child,
                None => return &[],
            }
        }
        &node.leaves
    }

    pub(crate) fn root(&self) -> &PathNode {
        const EMPTY: &PathNode = &PathNode {
            children: BTreeMap::new(),
            leaves: Vec::new(),
        };
        self.nodes.first().unwrap_or(EMPTY)
    }

    pub(crate) fn node(&self, id: u32) -> Option<&PathNode> {
        self.nodes.get(usize::try_from(id).ok()?)
    }

    /// How many of a path's parts lead to an array that a value at the path lies in.
    pub(crate) fn depth_of<'a>(&self, array: u32, parts: impl Iterator<Item = &'a str>) -> usize {
        let at = usize::try_from(array).ok();
        let Some(wanted) = at.and_then(|at| self.arrays.get(at)) else {
            return 0;
        };
        let mut id = 0;
        let mut depth = 0;
        for part in parts {
            if id == *wanted {
                break;
            }
            match self.node(id).and_then(|node| node.children.get(part)) {
                Some(child) => id = *child,
                None => break,
            }
            depth += 1;
        }
        depth
    }

    /// The `(array, index)` pairs an element lies in, innermost first.
    pub(crate) fn membership(&self, element: ElementId) -> impl Iterator<Item = (u32, u32)> + '_ {
        self.elements.membership(element)
    }

    pub(crate) fn elements(&self) -> &Elements {
        &self.elements
    }

    /// The event as it was written.
    pub(crate) fn source(&self) -> &str {
        &self.source
    }
}

enum Refusal {
    Fault(Fault),
    NotObject,
    TooManyNodes,
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Refusal::Fault(fault)
    }
}

fn located(text: &str, fault: Fault) -> EventError {
    let (line, column) = line_and_column(text, fault.at);
    if fault.too_deep {
        EventError::TooDeep {
            limit: MAX_DEPTH,
            line,
            column,
        }
    } else {
        EventError::Syntax {
            reason: fault.reason,
            line,
            column,
        }
    }
}

struct Builder<'a> {
    reader: Reader<'a>,
    event: Event,
    budget: usize,
}

impl Builder<'_> {
    fn read(&mut self) -> Result<(), Refusal> {
        match self.reader.next()? {
            Token::StartObject => self.read_object(0, NO_ELEMENT)?,
            _ => return Err(Refusal::NotObject),
        }
        if self.reader.at_end() {
            return Ok(());
        }
        let reason = "text follows the end of the event: send one object only";
        Err(Refusal::Fault(self.reader.fault(reason)))
    }

    fn read_object(&mut self, path: u32, element: ElementId) -> Result<(), Refusal> {
        self.spend()?;
        while self.reader.next()? == Token::Name {
            let name = self.reader.name().to_owned();
            let mut at = path;
            for part in name.split('.') {
                at = self.child(at, part)?;
            }
            let token = self.reader.next()?;
            self.read_value(token, at, element)?;
        }
        Ok(())
    }

    // Recursion is bounded by the reader's depth limit.
    fn read_value(&mut self, token: Token, path: u32, element: ElementId) -> Result<(), Refusal> {
        match token {
            Token::StartObject => self.read_object(path, element),
            Token::StartArray => self.read_array(path, element),
            _ => self.read_leaf(token, path, element),
        }
    }

    fn read_array(&mut self, path: u32, element: ElementId) -> Result<(), Refusal> {
        self.spend()?;
        let array = id(self.event.arrays.len())?;
        self.event.arrays.push(path);
        let mut index = 0;
        loop {
            match self.reader.next()? {
                Token::EndArray => return Ok(()),
                // Only containers carry membership of the array they stand in: a plain value in
                // a list of values can be combined with anything.
                token @ (Token::StartObject | Token::StartArray) => {
                    let inner = self.event.elements.add(Element {
                        parent: element,
                        array,
                        index,
                    });
                    self.read_value(token, path, inner)?;
                }
                token => self.read_leaf(token, path, element)?,
            }
            index += 1;
        }
    }

    fn read_leaf(&mut self, token: Token, path: u32, element: ElementId) -> Result<(), Refusal> {
        self.spend()?;
        let value = match token {
            Token::Text => Value::Text(self.reader.string()?),
            Token::Number => {
                let raw = self.reader.raw().to_owned();
                let comparable = number::comparable(&raw);
                Value::Number { raw, comparable }
            }
            Token::True => Value::True,
            Token::False => Value::False,
            _ => Value::Null,
        };
        if let Some(node) = usize::try_from(path)
            .ok()
            .and_then(|at| self.event.nodes.get_mut(at))
        {
            node.leaves.push(Leaf { value, element });
        }
        Ok(())
    }

    fn child(&mut self, path: u32, part: &str) -> Result<u32, Refusal> {
        let next = id(self.event.nodes.len())?;
        let Some(node) = usize::try_from(path)
            .ok()
            .and_then(|at| self.event.nodes.get_mut(at))
        else {
            return Err(Refusal::TooManyNodes);
        };
        if let Some(existing) = node.children.get(part) {
            return Ok(*existing);
        }
        node.children.insert(part.into(), next);
        self.event.nodes.push(PathNode::default());
        self.spend()?;
        Ok(next)
    }

    fn spend(&mut self) -> Result<(), Refusal> {
        self.budget = self.budget.checked_sub(1).ok_or(Refusal::TooManyNodes)?;
        Ok(())
    }
}

fn id(count: usize) -> Result<u32, Refusal> {
    u32::try_from(count).map_err(|_| Refusal::TooManyNodes)
}
