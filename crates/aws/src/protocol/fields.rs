//! Which member of a structure a name on the wire means: built once per structure and answer, and quick because
//! answers name members in the same order again and again.

use std::cell::{Cell, RefCell};
use std::mem::take;
use std::rc::Rc;

use serde_json::{Map, Value};

use crate::model::{Member, Service, Shape, Structure};

/// What a body is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Attributes and flattened lists are looked at.
    Xml,
    /// JSON or CBOR.
    Keys,
}

/// A name on the wire.
#[derive(Debug)]
pub(super) struct Field<'s> {
    pub(super) wire: &'s str,
    /// Index of the member in its structure.
    pub(super) place: usize,
    pub(super) member: &'s Member,
    pub(super) shape: &'s Shape,
    pub(super) flattened: bool,
    /// Another field with this name; `None` before the first search.
    twin: Cell<Option<Option<usize>>>,
}

/// The names a structure's members have in a body.
#[derive(Debug)]
pub(super) struct Fields<'s> {
    list: Vec<Field<'s>>,
    /// Places and local names of members that are attributes.
    pub(super) attributes: Vec<(usize, &'s str)>,
    /// Which field followed each when it was last seen; the first entry is for the structure's begin.
    followers: Vec<Cell<usize>>,
    structure: &'s Structure,
    /// Times the structure was met.
    met: Cell<u32>,
    templates: RefCell<Vec<Template>>,
}

/// A map with the members that an answer had, all of them null. To copy one is quicker than to insert each member.
#[derive(Debug)]
struct Template {
    places: Vec<u32>,
    map: Map<String, Value>,
}

/// Sets of members that are remembered for a structure.
const MAX_TEMPLATES: usize = 8;

/// Where the reader is in a structure, for the next search.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Last(usize);

impl<'s> Fields<'s> {
    fn new(service: &'s Service, structure: &'s Structure, form: Form) -> Self {
        let mut list = Vec::with_capacity(structure.members.len());
        let mut attributes = Vec::new();
        for (place, member) in structure.members.iter().enumerate() {
            let traits = member.target.traits();
            if super::bound_in_answer(traits) {
                continue;
            }
            let shape = service.shape(&member.target);
            let own = traits.location_name.unwrap_or(member.name);
            if traits.xml_attribute && form == Form::Xml {
                let local = own.rsplit_once(':').map_or(own, |(_, local)| local);
                attributes.push((place, local));
                continue;
            }
            let field = |wire: &'s str| Field {
                wire,
                place,
                member,
                shape,
                flattened: traits.flattened,
                twin: Cell::new(None),
            };
            list.push(field(own));
            // Older models name the element of a flattened list, newer ones the list itself.
            let flattened = traits.flattened && form == Form::Xml;
            if let (true, Shape::List { member, .. }) = (flattened, shape)
                && let Some(inner) = member.traits().location_name
                && inner != own
            {
                list.push(field(inner));
            }
        }
        let followers = (0..=list.len()).map(Cell::new).collect();
        Self {
            list,
            attributes,
            followers,
            structure,
            met: Cell::new(0),
            templates: RefCell::default(),
        }
    }

    /// The field that will probably come next.
    pub(super) fn guess(&self, last: Last) -> Option<(&Field<'s>, Last)> {
        let at = self.followers.get(last.0)?.get();
        self.list.get(at).map(|field| (field, Last(at + 1)))
    }

    /// A map with the members at these places, in the model's order, all of them null.
    fn blank(&self, places: &[u32]) -> Map<String, Value> {
        let build = || {
            let mut map = Map::with_capacity(places.len());
            let mut wanted = places.iter().peekable();
            for (member, place) in self.structure.members.iter().zip(0_u32..) {
                if wanted.next_if(|wanted| **wanted == place).is_some() {
                    map.insert(member.name.to_owned(), Value::Null);
                }
            }
            map
        };
        self.met.set(self.met.get().saturating_add(1));
        let mut templates = self.templates.borrow_mut();
        if let Some(template) = templates.iter().find(|have| have.places == places) {
            return template.map.clone();
        }
        let map = build();
        // What is met once may never be met again.
        if self.met.get() > 1 && templates.len() < MAX_TEMPLATES {
            templates.push(Template {
                places: places.to_vec(),
                map: map.clone(),
            });
        }
        map
    }

    /// The field of this name and the place for the next search.
    pub(super) fn find(&self, last: Last, name: &str) -> Option<(&Field<'s>, Last)> {
        let follower = self.followers.get(last.0);
        if let Some(at) = follower.map(Cell::get)
            && let Some(field) = self.list.get(at)
            && field.wire == name
        {
            return Some((field, Last(at + 1)));
        }
        let at = self.list.iter().position(|field| field.wire == name)?;
        if let Some(follower) = follower {
            follower.set(at);
        }
        self.list.get(at).map(|field| (field, Last(at + 1)))
    }

    /// Another member that has the same name on the wire (`s3:GetBucketNotification` has one).
    pub(super) fn twin(&self, field: &Field<'s>) -> Option<&Field<'s>> {
        let found = field.twin.get().unwrap_or_else(|| {
            let other = |other: &Field<'_>| other.wire == field.wire && other.place > field.place;
            let found = self.list.iter().position(other);
            field.twin.set(Some(found));
            found
        });
        found.and_then(|at| self.list.get(at))
    }
}

/// The [`Fields`] of all structures met in one answer.
#[derive(Debug)]
pub(super) struct FieldTables<'s> {
    service: &'s Service,
    form: Form,
    /// By index of the shape: 0, or one more than the index in `tables`.
    numbers: Vec<u16>,
    tables: Vec<Rc<Fields<'s>>>,
}

impl<'s> FieldTables<'s> {
    pub(super) fn new(service: &'s Service, form: Form) -> Self {
        Self {
            service,
            form,
            numbers: vec![0; service.shapes.len()],
            tables: Vec::new(),
        }
    }

    /// Fields of the structure with this index.
    pub(super) fn of(&mut self, shape: u32, structure: &'s Structure) -> Rc<Fields<'s>> {
        let index = usize::try_from(shape).unwrap_or(usize::MAX);
        let number = self.numbers.get(index).copied().unwrap_or(0);
        if let Some(known) = usize::from(number)
            .checked_sub(1)
            .and_then(|at| self.tables.get(at))
        {
            return Rc::clone(known);
        }
        let fields = Rc::new(Fields::new(self.service, structure, self.form));
        if let (Some(number), Ok(next)) = (
            self.numbers.get_mut(index),
            u16::try_from(self.tables.len() + 1),
        ) {
            *number = next;
            self.tables.push(Rc::clone(&fields));
        }
        fields
    }
}

/// Where an open structure's entries begin.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    places: usize,
    values: usize,
}

/// Values found for the structures that are open: members come in any order and leave in the model's.
#[derive(Debug, Default)]
pub(super) struct Held {
    values: Vec<Value>,
    /// For each member of the structures that are open: 0, or one more than the index of its value.
    places: Vec<u32>,
    /// Scratch.
    present: Vec<u32>,
}

impl Held {
    pub(super) fn open(&mut self, fields: &Fields<'_>) -> Frame {
        let frame = Frame {
            places: self.places.len(),
            values: self.values.len(),
        };
        self.places
            .resize(frame.places + fields.structure.members.len(), 0);
        frame
    }

    /// Sets the value of the member at this place, in place of any that was set.
    #[inline]
    pub(super) fn put(&mut self, frame: Frame, place: usize, value: Value) {
        self.values.push(value);
        let next = u32::try_from(self.values.len()).unwrap_or(0);
        if let Some(place) = self.places.get_mut(frame.places + place) {
            *place = next;
        }
    }

    /// The value set at this place.
    #[inline]
    pub(super) fn get(&mut self, frame: Frame, place: usize) -> Option<&mut Value> {
        let at = self.places.get(frame.places + place)?.checked_sub(1)?;
        self.values.get_mut(usize::try_from(at).ok()?)
    }

    /// All values of the structure opened last.
    pub(super) fn close(&mut self, frame: Frame, fields: &Fields<'_>) -> Map<String, Value> {
        self.present.clear();
        let places = self.places.get(frame.places..).unwrap_or_default();
        self.present.extend(
            places
                .iter()
                .zip(0_u32..)
                .filter(|(at, _)| **at != 0)
                .map(|(_, place)| place),
        );
        let mut map = fields.blank(&self.present);
        let set = places.iter().filter_map(|at| at.checked_sub(1));
        for (slot, at) in map.values_mut().zip(set) {
            if let Some(value) = usize::try_from(at)
                .ok()
                .and_then(|at| self.values.get_mut(at))
            {
                *slot = take(value);
            }
        }
        self.places.truncate(frame.places);
        self.values.truncate(frame.values);
        map
    }
}
