//! Random values that a model allows: valid parameters and answers, small, the same for the same seed.

use aws::model::{Location, Member, Protocol, Ref, Service, Shape, Structure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

/// Deeper than this nothing optional is made.
const DEEP: usize = 5;

/// Makes values for one service.
pub(crate) struct Maker<'s> {
    service: &'s Service,
    state: u64,
}

impl<'s> Maker<'s> {
    pub(crate) fn new(service: &'s Service, seed: u64) -> Self {
        Self {
            service,
            state: seed,
        }
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// A structure's members in canonical form.
    pub(crate) fn structure(&mut self, structure: &Structure, depth: usize) -> Map<String, Value> {
        let mut out = Map::new();
        if structure.union {
            if let Some(member) = self.choice(structure, depth) {
                out.insert(
                    member.name.to_string(),
                    self.value(&member.target, depth + 1),
                );
            }
            return out;
        }
        let mut seen = Vec::new();
        for member in &structure.members {
            let traits = member.target.traits();
            let wire = traits.location_name.unwrap_or(member.name);
            // Members that share a name on the wire cannot be told apart.
            if seen.contains(&(traits.location, wire.to_owned())) {
                continue;
            }
            seen.push((traits.location, wire.to_owned()));
            let needed = member.required
                || traits.idempotency_token
                || traits.host_label
                || traits.location == Some(Location::Uri);
            if needed || (depth < DEEP && self.below(5) < 3) {
                out.insert(
                    member.name.to_string(),
                    self.value(&member.target, depth + 1),
                );
            }
        }
        out
    }

    fn choice<'m>(&mut self, union: &'m Structure, depth: usize) -> Option<&'m Member> {
        let flat = |member: &&Member| {
            !matches!(
                self.service.shape(&member.target),
                Shape::Structure(_) | Shape::List { .. } | Shape::Map { .. }
            )
        };
        let scalars: Vec<&Member> = union.members.iter().filter(flat).collect();
        let from = if depth >= DEEP && !scalars.is_empty() {
            scalars
        } else {
            union.members.iter().collect()
        };
        if from.is_empty() {
            return None;
        }
        let at = self.below(from.len() as u64) as usize;
        from.get(at).copied()
    }

    /// A value in canonical form.
    pub(crate) fn value(&mut self, target: &Ref, depth: usize) -> Value {
        let traits = target.traits();
        if traits.json_value {
            return json!({"a": [1, "é", null], "b": self.below(9)});
        }
        match self.service.shape(target) {
            Shape::Structure(structure) if structure.document => self.document(0),
            Shape::Structure(structure) => Value::Object(self.structure(structure, depth)),
            Shape::List { member, min } => {
                let more = if depth < DEEP { self.below(3) } else { 0 };
                let count = u64::from(*min).max(more);
                (0..count)
                    .map(|_| match traits.location {
                        Some(_) => self.bound(member),
                        None => self.value(member, depth + 1),
                    })
                    .collect()
            }
            Shape::Map { key, value } => {
                let count = if depth < DEEP { self.below(3) } else { 0 };
                let entry = |_| {
                    let name = match traits.location {
                        Some(_) => Value::from(format!("k{}", self.below(99))),
                        None => self.value(key, depth + 1),
                    };
                    let item = match traits.location {
                        Some(_) => self.bound(value),
                        None => self.value(value, depth + 1),
                    };
                    (name.as_str().unwrap().to_owned(), item)
                };
                Value::Object((0..count).map(entry).collect())
            }
            _ if traits.location.is_some() || traits.host_label => self.bound(target),
            scalar => self.scalar(scalar, ""),
        }
    }

    /// A value for a label, a query or a header, all of which are text.
    fn bound(&mut self, target: &Ref) -> Value {
        match self.service.shape(target) {
            Shape::String { .. } if target.traits().host_label => {
                format!("label{}", self.below(999)).into()
            }
            Shape::List { member, .. } => (0..=self.below(2)).map(|_| self.bound(member)).collect(),
            Shape::Integer { .. } | Shape::Long { .. }
                if target.traits().location == Some(Location::StatusCode) =>
            {
                200.into()
            }
            scalar => self.scalar(scalar, "plain"),
        }
    }

    fn scalar(&mut self, shape: &Shape, kind: &str) -> Value {
        match shape {
            Shape::Integer { min } | Shape::Long { min } => {
                let span = if matches!(shape, Shape::Long { .. }) {
                    1 << 50
                } else {
                    1 << 20
                };
                let number = self.below(span) as i64;
                min.map_or(number - 500, |min| min.saturating_add(number))
                    .into()
            }
            Shape::Float | Shape::Double => match self.below(8) {
                0 => "NaN".into(),
                1 => "-Infinity".into(),
                n => (self.below(4000) as f64 / 8.0 - n as f64).into(),
            },
            Shape::Boolean => (self.below(2) == 0).into(),
            Shape::Timestamp => {
                let second = self.below(4_000_000_000) as i64;
                let at = jiff::Timestamp::from_second(second).unwrap();
                at.to_string().into()
            }
            Shape::Blob => {
                let bytes: Vec<u8> = (0..=self.below(9)).map(|_| self.next() as u8).collect();
                STANDARD.encode(bytes).into()
            }
            _ => self.text(shape, kind),
        }
    }

    fn text(&mut self, shape: &Shape, kind: &str) -> Value {
        let least = match shape {
            Shape::String { min, .. } => *min as usize,
            _ => 0,
        };
        let letters: Vec<char> = if kind == "plain" {
            "aZ9-_.~/ +=&,:;?%\"'{}[]()*!$@".chars().collect()
        } else {
            "aZ9-_.~/ +=&,:;?%\"'{}[]()*!$@#<>|\\éß漢\u{1f600}"
                .chars()
                .collect()
        };
        let count = least.max(1) + self.below(9) as usize;
        let mut text: String = (0..count)
            .map(|_| letters[self.below(letters.len() as u64) as usize])
            .collect();
        // Blanks at the ends of a header are not part of it, and dots alone are no segment of a path.
        text.replace_range(0..text.chars().next().unwrap().len_utf8(), "x");
        text.push('y');
        text.into()
    }

    fn document(&mut self, depth: usize) -> Value {
        match self.below(if depth < 3 { 6 } else { 4 }) {
            0 => self.below(1000).into(),
            1 => true.into(),
            2 => 0.5.into(),
            3 => "text \"é\"".into(),
            4 => (0..2).map(|_| self.document(depth + 1)).collect(),
            _ => json!({"k": self.document(depth + 1), "n": null}),
        }
    }
}

/// A value as a caller gives it: blobs in their own form.
pub(crate) fn as_params(service: &Service, target: &Ref, value: &Value) -> Value {
    match (service.shape(target), value) {
        _ if target.traits().json_value => value.clone(),
        (Shape::Structure(structure), Value::Object(map)) if !structure.document => map
            .iter()
            .map(|(name, value)| {
                let member = structure.member(name).unwrap();
                (name.clone(), as_params(service, &member.target, value))
            })
            .collect(),
        (Shape::List { member, .. }, Value::Array(items)) => items
            .iter()
            .map(|item| as_params(service, member, item))
            .collect(),
        (Shape::Map { value: inner, .. }, Value::Object(map)) => map
            .iter()
            .map(|(key, item)| (key.clone(), as_params(service, inner, item)))
            .collect(),
        (Shape::Blob, _) => json!({ "$base64": value }),
        _ => value.clone(),
    }
}

/// A value without what the wire cannot tell from nothing.
pub(crate) fn told(
    service: &Service,
    structure: &Structure,
    values: &Map<String, Value>,
) -> Map<String, Value> {
    let mut out = Map::new();
    for (name, value) in values {
        let member = structure.member(name).unwrap();
        let payload = structure.payload == Some(name.as_str());
        let bound = member.target.traits().location;
        // Without a prefix a map takes every header, those of the transport too.
        let all = bound == Some(Location::Headers)
            && member
                .target
                .traits()
                .location_name
                .unwrap_or_default()
                .is_empty();
        let value = match service.protocol {
            Protocol::Json | Protocol::Cbor => Some(value.clone()),
            Protocol::RestJson if bound.is_none() && !payload => Some(value.clone()),
            Protocol::RestJson => Some(value.clone()).filter(|value| !is_empty(value)),
            _ => without_empty(service, &member.target, value),
        };
        if let Some(value) = value.filter(|_| !all) {
            out.insert(name.clone(), value);
        }
    }
    out
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

fn without_empty(service: &Service, target: &Ref, value: &Value) -> Option<Value> {
    if target.traits().json_value {
        return Some(value.clone());
    }
    let value: Value = match value {
        Value::Object(map) => {
            let is_map = matches!(service.shape(target), Shape::Map { .. });
            let entry = |(name, value): (&String, &Value)| {
                let inner = match service.shape(target) {
                    Shape::Structure(structure) => &structure.member(name).unwrap().target,
                    Shape::Map { value, .. } => value,
                    _ => panic!("an object of another shape"),
                };
                let value = without_empty(service, inner, value);
                // An entry of a map is told by its key.
                match value {
                    None if is_map => Some((name.clone(), Value::Null)),
                    value => value.map(|value| (name.clone(), value)),
                }
            };
            map.iter().filter_map(entry).collect()
        }
        Value::Array(items) => {
            let Shape::List { member, .. } = service.shape(target) else {
                panic!("a list of another shape");
            };
            items
                .iter()
                .filter_map(|item| without_empty(service, member, item))
                .collect()
        }
        scalar => scalar.clone(),
    };
    (!is_empty(&value)).then_some(value)
}
