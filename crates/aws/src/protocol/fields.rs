//! Which member of a structure a name on the wire means: built once per structure and answer, and quick because
//! answers name members in the same order again and again.

use std::cell::Cell;
use std::rc::Rc;

use crate::model::{Member, Service, Shape, Structure};

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
}

/// Where the reader is in a structure, for the next search.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Last(usize);

impl<'s> Fields<'s> {
    fn new(service: &'s Service, structure: &'s Structure) -> Self {
        let mut list = Vec::with_capacity(structure.members.len());
        let mut attributes = Vec::new();
        for (place, member) in structure.members.iter().enumerate() {
            let traits = member.target.traits();
            if super::bound_in_answer(traits) {
                continue;
            }
            let shape = service.shape(&member.target);
            let own = traits.location_name.unwrap_or(member.name);
            if traits.xml_attribute {
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
            if let (true, Shape::List { member, .. }) = (traits.flattened, shape)
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
        }
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
    /// By index of the shape: 0, or one more than the index in `tables`.
    numbers: Vec<u16>,
    tables: Vec<Rc<Fields<'s>>>,
}

impl<'s> FieldTables<'s> {
    pub(super) fn new(service: &'s Service) -> Self {
        Self {
            service,
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
        let fields = Rc::new(Fields::new(self.service, structure));
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
