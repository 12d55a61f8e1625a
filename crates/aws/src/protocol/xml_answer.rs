//! XML answers: query, EC2, and the XML bodies of REST services. One pass over the body, directed by the model.

use serde_json::{Map, Value, json};

use super::fields::{Field, FieldTables, Fields, Form, Frame, Held, Last};
use super::xml::{Fault, Reader};
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
    /// Name of the root element.
    pub(super) root: &'x str,
    tables: FieldTables<'s>,
    held: Held,
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
            tables: FieldTables::new(service, Form::Xml),
            held: Held::default(),
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
                if !self.metadata(child)? {
                    self.reader.skip()?;
                }
            }
            return Ok(Map::new());
        };
        let begin = self.reader.mark();
        if let Some(wrapper) = operation.result_wrapper {
            let mut wrapped = None;
            while let Some(child) = self.reader.child()? {
                if child == wrapper && wrapped.is_none() {
                    wrapped = Some(self.structure(shape, structure)?);
                } else if !self.metadata(child)? {
                    self.reader.skip()?;
                }
            }
            if let Some(wrapped) = wrapped {
                return Ok(wrapped);
            }
            self.reader.reset(begin);
        }
        self.structure(shape, structure)
    }

    /// Takes the request id out of an element of the root; whether it was in there.
    fn metadata(&mut self, child: &str) -> Result<bool, Fault> {
        match (self.service.protocol, child) {
            (Protocol::Ec2, "requestId") => {
                let id = self.reader.text()?;
                self.request_id.get_or_insert_with(|| id.into_owned());
            }
            (Protocol::Query, "ResponseMetadata") => {
                while let Some(inner) = self.reader.child()? {
                    if inner == "RequestId" {
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
    ) -> Result<Map<String, Value>, Fault> {
        let fields = self.tables.of(shape, structure);
        let frame = self.held.open(&fields);
        for (place, name) in &fields.attributes {
            if let Some(value) = self.reader.attribute(name) {
                self.held.put(frame, *place, value.into());
            }
        }
        let at_root = self.reader.depth() == 1;
        let (mut last, mut unknown) = (Last::default(), None);
        loop {
            if let Some((field, next)) = fields.guess(last)
                && !at_root
                && self.reader.child_named(field.wire)
            {
                last = next;
                self.member(&fields, field, frame)?;
                continue;
            }
            let Some(child) = self.reader.child()? else {
                break;
            };
            if at_root && matches!(child, "requestId" | "ResponseMetadata") {
                let begin = self.reader.mark();
                if self.metadata(child)? {
                    if fields.find(last, child).is_none() {
                        continue;
                    }
                    self.reader.reset(begin);
                }
            }
            match fields.find(last, child) {
                Some((field, next)) => {
                    last = next;
                    self.member(&fields, field, frame)?;
                }
                None => {
                    unknown = unknown.or(Some(child));
                    self.reader.skip()?;
                }
            }
        }
        let mut out = self.held.close(frame, &fields);
        if let (true, true, Some(name)) = (structure.union, out.is_empty(), unknown) {
            out.insert("SDK_UNKNOWN_MEMBER".to_owned(), json!({"name": name}));
        }
        Ok(out)
    }

    /// Reads a child that is a member, or one element of a flattened member.
    fn member(
        &mut self,
        fields: &Fields<'s>,
        field: &Field<'s>,
        frame: Frame,
    ) -> Result<(), Fault> {
        if let Some(twin) = fields.twin(field) {
            let begin = self.reader.mark();
            self.member(fields, twin, frame)?;
            self.reader.reset(begin);
        }
        let (place, name) = (field.place, field.wire);
        match field.shape {
            Shape::List { member, .. } if field.flattened => {
                let item = self.value(member, name)?.unwrap_or(Value::Null);
                match self.held.get(frame, place) {
                    Some(Value::Array(items)) => items.push(item),
                    _ => self.held.put(frame, place, Value::Array(vec![item])),
                }
            }
            Shape::Map { key, value } if field.flattened => {
                let (key, value) = self.entry(key, value)?;
                match self.held.get(frame, place) {
                    Some(Value::Object(map)) => {
                        map.insert(key, value);
                    }
                    _ => self
                        .held
                        .put(frame, place, Value::Object(Map::from_iter([(key, value)]))),
                }
            }
            // Of two elements where the model has one, the first counts.
            _ if self.held.get(frame, place).is_some() => self.reader.skip()?,
            Shape::String { .. } => {
                let text = self.reader.text()?.into_owned();
                self.held.put(frame, place, Value::String(text));
            }
            shape => {
                if let Some(value) = self.value_of(shape, field.member.target.shape, name)? {
                    self.held.put(frame, place, value);
                }
            }
        }
        Ok(())
    }

    /// The open element as a value, and leaves it; `None` for an empty element where the model wants a number.
    ///
    /// # Errors
    /// [`Fault`].
    pub(super) fn value(&mut self, target: &'s Ref, name: &str) -> Result<Option<Value>, Fault> {
        self.value_of(self.service.shape(target), target.shape, name)
    }

    fn value_of(
        &mut self,
        shape: &'s Shape,
        index: u32,
        name: &str,
    ) -> Result<Option<Value>, Fault> {
        Ok(match shape {
            Shape::Structure(structure) => Some(Value::Object(self.structure(index, structure)?)),
            Shape::List { member, .. } => {
                let mut items = Vec::new();
                while let Some(child) = self.reader.child()? {
                    items.push(self.value(member, child)?.unwrap_or(Value::Null));
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
                    format!("element `{name}` should be a number: `{clipped}`")
                })?)
            }
        })
    }

    /// An entry of a map, whose element is left.
    fn entry(&mut self, key: &'s Ref, value: &'s Ref) -> Result<(String, Value), Fault> {
        let key_name = key.traits().location_name.unwrap_or("key");
        let value_name = value.traits().location_name.unwrap_or("value");
        let (mut found, mut item) = (None, None);
        while let Some(child) = self.reader.child()? {
            if child == key_name && found.is_none() {
                found = Some(self.reader.text()?.into_owned());
            } else if child == value_name && item.is_none() {
                item = self.value(value, child)?;
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
    if root == "Error" {
        read_parts(&mut reader, &mut parts)?;
    } else {
        while let Some(child) = reader.child()? {
            match child {
                "Error" => read_parts(&mut reader, &mut parts)?,
                "Errors" => {
                    while let Some(inner) = reader.child()? {
                        if inner == "Error" {
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
        read_part(reader, child, parts)?;
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
    if document.root != "Error" {
        let begin = document.reader.mark();
        let mut found = false;
        while let Some(child) = document.reader.child()? {
            match child {
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
    document.structure(u32::MAX, structure)
}
