//! XML answers: query, EC2, and the XML bodies of REST services. One pass over the body, directed by the model.

use serde_json::{Map, Value, json};

use super::fields::{Field, FieldTables, Fields, Last};
use super::xml::{Fault, Reader, Tag};
use super::{broken, is_number, scalar_answer};
use crate::HttpResponse;
use crate::model::{Operation, Protocol, Ref, Service, Shape, Structure};
use crate::service_error::ServiceError;

/// Answer and request id of a query or EC2 operation.
///
/// # Errors
/// [`ServiceError`] when the body cannot be read.
pub(super) fn decode(
    service: &Service,
    operation: &Operation,
    response: &HttpResponse,
) -> Result<(Map<String, Value>, Option<String>), ServiceError> {
    // Some targets send nothing where there is nothing to tell.
    if response.body.iter().all(u8::is_ascii_whitespace) {
        return Ok((Map::new(), None));
    }
    let read = || {
        let mut document = Document::open(service, &response.body)?;
        let answer = document.answer(operation)?;
        document.reader.finish()?;
        Ok((answer, document.request_id))
    };
    read().map_err(|reason: Fault| broken(response, &reason))
}

/// An XML body that is being read.
pub(super) struct Document<'s, 'x> {
    service: &'s Service,
    pub(super) reader: Reader<'x>,
    pub(super) root: Tag<'x>,
    tables: FieldTables<'s>,
    /// Values of the structures that are open, at the places of their members.
    held: Vec<Option<Value>>,
    request_id: Option<String>,
}

impl<'s, 'x> Document<'s, 'x> {
    /// Enters the root element.
    ///
    /// # Errors
    /// [`Fault`] when there is none.
    pub(super) fn open(service: &'s Service, body: &'x [u8]) -> Result<Self, Fault> {
        let mut reader = Reader::new(body)?;
        let root = reader.root()?;
        Ok(Self {
            service,
            reader,
            root,
            tables: FieldTables::new(service),
            held: Vec::new(),
            request_id: None,
        })
    }

    /// What the operation's output finds in the root, or in its wrapper.
    fn answer(&mut self, operation: &'s Operation) -> Result<Map<String, Value>, Fault> {
        let output = operation.output.as_ref().and_then(|output| {
            let structure = self.service.structure(output)?;
            Some((output.shape, structure))
        });
        let Some((shape, structure)) = output else {
            while let Some(child) = self.reader.child()? {
                if !self.metadata(&child)? {
                    self.reader.skip()?;
                }
            }
            return Ok(Map::new());
        };
        let begin = self.reader.mark();
        if let Some(wrapper) = operation.result_wrapper.as_deref() {
            let mut wrapped = None;
            while let Some(child) = self.reader.child()? {
                if child.name == wrapper && wrapped.is_none() {
                    wrapped = Some(self.structure(shape, structure, &child)?);
                } else if !self.metadata(&child)? {
                    self.reader.skip()?;
                }
            }
            if let Some(wrapped) = wrapped {
                return Ok(wrapped);
            }
            self.reader.reset(begin);
        }
        self.structure(shape, structure, &Tag::default())
    }

    /// Takes the request id out of an element of the root; whether it was in there.
    fn metadata(&mut self, child: &Tag<'x>) -> Result<bool, Fault> {
        match (self.service.protocol, child.name) {
            (Protocol::Ec2, "requestId") => {
                let id = self.reader.text()?;
                self.request_id.get_or_insert_with(|| id.into_owned());
            }
            (Protocol::Query, "ResponseMetadata") => {
                while let Some(inner) = self.reader.child()? {
                    if inner.name == "RequestId" {
                        let id = self.reader.text()?;
                        self.request_id.get_or_insert_with(|| id.into_owned());
                    } else {
                        self.reader.skip()?;
                    }
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Members of a structure found in the open element, which is left. HTTP-bound members are not looked for.
    ///
    /// # Errors
    /// [`Fault`].
    pub(super) fn structure(
        &mut self,
        shape: u32,
        structure: &'s Structure,
        tag: &Tag<'x>,
    ) -> Result<Map<String, Value>, Fault> {
        let fields = self.tables.of(shape, structure);
        let base = self.held.len();
        self.held.resize(base + structure.members.len(), None);
        for (place, member) in structure.members.iter().enumerate() {
            let traits = member.target.traits();
            if traits.xml_attribute && !tag.attributes.is_empty() {
                let own = traits.location_name.as_deref().unwrap_or(&member.name);
                let local = own.rsplit_once(':').map_or(own, |(_, local)| local);
                let found = tag.attributes.iter().find(|(name, _)| *name == local);
                self.hold(base + place, found.map(|(_, value)| value.as_ref().into()));
            }
        }
        let at_root = self.reader.depth() == 1;
        let (mut last, mut unknown) = (Last::default(), None);
        while let Some(child) = self.reader.child()? {
            if at_root && matches!(child.name, "requestId" | "ResponseMetadata") {
                let begin = self.reader.mark();
                if self.metadata(&child)? {
                    if fields.find(last, child.name).is_none() {
                        continue;
                    }
                    self.reader.reset(begin);
                }
            }
            match fields.find(last, child.name) {
                Some((field, next)) => {
                    last = next;
                    self.member(&fields, field, &child, base)?;
                }
                None => {
                    unknown = unknown.or(Some(child.name));
                    self.reader.skip()?;
                }
            }
        }
        let count = self.held.iter().skip(base).flatten().count();
        let mut out = Map::with_capacity(count);
        for (member, value) in structure.members.iter().zip(self.held.drain(base..)) {
            if let Some(value) = value {
                out.insert(member.name.to_string(), value);
            }
        }
        if let (true, true, Some(name)) = (structure.union, out.is_empty(), unknown) {
            out.insert("SDK_UNKNOWN_MEMBER".to_owned(), json!({"name": name}));
        }
        Ok(out)
    }

    fn hold(&mut self, at: usize, value: Option<Value>) {
        if let Some(place) = self.held.get_mut(at) {
            *place = value;
        }
    }

    /// Reads a child that is a member, or one element of a flattened member.
    fn member(
        &mut self,
        fields: &Fields<'s>,
        field: &Field<'s>,
        child: &Tag<'x>,
        base: usize,
    ) -> Result<(), Fault> {
        if let Some(twin) = fields.twin(field) {
            let begin = self.reader.mark();
            self.member(fields, twin, child, base)?;
            self.reader.reset(begin);
        }
        let at = base + field.place;
        let target = &field.member.target;
        let flattened = target.traits().flattened;
        match field.shape {
            Shape::List { member, .. } if flattened => {
                let item = self.value(member, child)?.unwrap_or(Value::Null);
                match self.held.get_mut(at).and_then(Option::as_mut) {
                    Some(Value::Array(items)) => items.push(item),
                    _ => self.hold(at, Some(Value::Array(vec![item]))),
                }
            }
            Shape::Map { key, value } if flattened => {
                let (key, value) = self.entry(key, value)?;
                match self.held.get_mut(at).and_then(Option::as_mut) {
                    Some(Value::Object(map)) => {
                        map.insert(key, value);
                    }
                    _ => self.hold(at, Some(Value::Object(Map::from_iter([(key, value)])))),
                }
            }
            // Of two elements where the model has one, the first counts.
            _ if self.held.get(at).is_some_and(Option::is_some) => self.reader.skip()?,
            _ => {
                let value = self.value_of(field.shape, target.shape, child)?;
                self.hold(at, value);
            }
        }
        Ok(())
    }

    /// The open element as a value, and leaves it; `None` for an empty element where the model wants a number.
    ///
    /// # Errors
    /// [`Fault`].
    pub(super) fn value(&mut self, target: &'s Ref, tag: &Tag<'x>) -> Result<Option<Value>, Fault> {
        self.value_of(self.service.shape(target), target.shape, tag)
    }

    fn value_of(
        &mut self,
        shape: &'s Shape,
        index: u32,
        tag: &Tag<'x>,
    ) -> Result<Option<Value>, Fault> {
        Ok(match shape {
            Shape::Structure(structure) => {
                Some(Value::Object(self.structure(index, structure, tag)?))
            }
            Shape::List { member, .. } => {
                let mut items = Vec::new();
                while let Some(child) = self.reader.child()? {
                    items.push(self.value(member, &child)?.unwrap_or(Value::Null));
                }
                Some(Value::Array(items))
            }
            Shape::Map { key, value } => {
                let mut map = Map::new();
                while self.reader.child()?.is_some() {
                    let (key, value) = self.entry(key, value)?;
                    map.insert(key, value);
                }
                Some(Value::Object(map))
            }
            scalar => {
                let text = self.reader.text()?;
                if text.trim().is_empty() && is_number(scalar) {
                    return Ok(None);
                }
                Some(scalar_answer(scalar, text).map_err(|text| {
                    let clipped: String = text.chars().take(80).collect();
                    format!("element `{}` should be a number: `{clipped}`", tag.name)
                })?)
            }
        })
    }

    /// An entry of a map, whose element is left.
    fn entry(&mut self, key: &'s Ref, value: &'s Ref) -> Result<(String, Value), Fault> {
        let key_name = key.traits().location_name.as_deref().unwrap_or("key");
        let value_name = value.traits().location_name.as_deref().unwrap_or("value");
        let (mut found, mut item) = (None, None);
        while let Some(child) = self.reader.child()? {
            if child.name == key_name && found.is_none() {
                found = Some(self.reader.text()?.into_owned());
            } else if child.name == value_name && item.is_none() {
                item = self.value(value, &child)?;
            } else {
                self.reader.skip()?;
            }
        }
        let key = found.ok_or_else(|| format!("an entry of a map has no `{key_name}`"))?;
        Ok((key, item.unwrap_or(Value::Null)))
    }
}

/// What an error answer tells: the parts that every XML form has.
#[derive(Debug, Default)]
pub(super) struct ErrorParts {
    pub(super) code: Option<String>,
    pub(super) message: Option<String>,
    pub(super) request_id: Option<String>,
}

/// All XML forms of an error: `ErrorResponse/Error`, `Response/Errors/Error`, and S3's bare `Error`.
///
/// # Errors
/// [`Fault`].
pub(super) fn error_parts(body: &[u8]) -> Result<ErrorParts, Fault> {
    let mut reader = Reader::new(body)?;
    let root = reader.root()?;
    let mut parts = ErrorParts::default();
    let mut outer = ErrorParts::default();
    if root.name == "Error" {
        read_parts(&mut reader, &mut parts)?;
    } else {
        while let Some(child) = reader.child()? {
            match child.name {
                "Error" => read_parts(&mut reader, &mut parts)?,
                "Errors" => {
                    while let Some(inner) = reader.child()? {
                        if inner.name == "Error" {
                            read_parts(&mut reader, &mut parts)?;
                        } else {
                            reader.skip()?;
                        }
                    }
                }
                name => read_part(&mut reader, name, &mut outer)?,
            }
        }
        if parts.code.is_none() {
            parts.code = outer.code;
        }
        if parts.message.is_none() {
            parts.message = outer.message;
        }
        parts.request_id = outer.request_id.or(parts.request_id);
    }
    reader.finish()?;
    Ok(parts)
}

fn read_parts(reader: &mut Reader<'_>, parts: &mut ErrorParts) -> Result<(), Fault> {
    while let Some(child) = reader.child()? {
        read_part(reader, child.name, parts)?;
    }
    Ok(())
}

fn read_part(reader: &mut Reader<'_>, name: &str, parts: &mut ErrorParts) -> Result<(), Fault> {
    let part = match name {
        "Code" => &mut parts.code,
        "Message" | "message" => &mut parts.message,
        "RequestId" | "RequestID" | "requestId" => &mut parts.request_id,
        _ => return reader.skip(),
    };
    let text = reader.text()?;
    let text = text.trim();
    if part.is_none() && !text.is_empty() {
        *part = Some(text.to_owned());
    }
    Ok(())
}

/// The modelled members of an error.
///
/// # Errors
/// [`Fault`].
pub(super) fn error_detail(
    service: &Service,
    structure: &Structure,
    body: &[u8],
) -> Result<Map<String, Value>, Fault> {
    let mut document = Document::open(service, body)?;
    if document.root.name != "Error" {
        let begin = document.reader.mark();
        let mut found = false;
        while let Some(child) = document.reader.child()? {
            match child.name {
                "Error" => {
                    found = true;
                    break;
                }
                "Errors" => {}
                _ => document.reader.skip()?,
            }
        }
        if !found {
            document.reader.reset(begin);
        }
    }
    document.structure(u32::MAX, structure, &Tag::default())
}
