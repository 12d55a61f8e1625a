//! From text to machine: the top level and its blocks.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::fields::Fields;
use super::{
    Block, INVALID_JSON, Language, MAX_BLOCK_DEPTH, MAX_BYTES, MachineType, Problem, SCHEMA,
    StateMachine, check, states, variables,
};

const TOP: [&str; 6] = [
    "Comment",
    "StartAt",
    "States",
    "Version",
    "TimeoutSeconds",
    "QueryLanguage",
];

/// Reads a definition.
///
/// # Errors
/// All problems that were found.
pub fn parse(text: &str, kind: MachineType) -> Result<StateMachine, Vec<Problem>> {
    parse_with_places(text, kind).map(|(machine, _)| machine)
}

/// The same, with the location of each block's object.
pub(crate) fn parse_with_places(
    text: &str,
    kind: MachineType,
) -> Result<(StateMachine, Vec<String>), Vec<Problem>> {
    let value = json(text).map_err(|problem| vec![problem])?;
    let Value::Object(map) = &value else {
        return Err(vec![not_an_object()]);
    };
    let mut reader = Reader::new(kind);
    let mut top = Fields::new(map, "", &mut reader.problems);
    top.only(&TOP);
    let language = top.language(None);
    let timeout_seconds = top.seconds("TimeoutSeconds", (1, 99_999_999));
    let version = top.text("Version");
    if version.as_deref().is_some_and(|version| version != "1.0") {
        top.refuse("Version", "The field 'Version' should be '1.0'");
    }
    reader.language = language;
    let place = Place {
        at: String::new(),
        language,
        depth: 0,
    };
    reader.block(map, &place);
    if !reader.problems.is_empty() {
        return Err(reader.problems);
    }
    let machine = StateMachine {
        blocks: reader.blocks.into_iter().flatten().collect(),
        timeout_seconds,
        language,
    };
    let mut problems = check::graph(&machine, &reader.places);
    problems.extend(variables::hidden(&machine, &reader.places));
    if problems.is_empty() {
        Ok((machine, reader.places))
    } else {
        Err(problems)
    }
}

fn not_an_object() -> Problem {
    Problem {
        code: SCHEMA,
        message: "Definition must be a valid JSON object".to_owned(),
        location: None,
    }
}

fn json(text: &str) -> Result<Value, Problem> {
    if text.trim().is_empty() {
        return Err(not_an_object());
    }
    if text.len() > MAX_BYTES {
        return Err(Problem {
            code: SCHEMA,
            message: format!("Definition must not be longer than {MAX_BYTES} bytes"),
            location: None,
        });
    }
    let problem = |message: String| Problem {
        code: INVALID_JSON,
        message,
        location: None,
    };
    let value = serde_json::from_str(text).map_err(|error| problem(error.to_string()))?;
    match repeated_key(text) {
        Some(key) => Err(problem(format!("Duplicate field '{key}'"))),
        None => Ok(value),
    }
}

/// The first key that an object of this (valid) JSON text holds twice: serde_json would keep the last silently.
fn repeated_key(text: &str) -> Option<String> {
    use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
    struct Once;
    impl<'de> serde::de::DeserializeSeed<'de> for Once {
        type Value = ();
        fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
            deserializer.deserialize_any(self)
        }
    }
    impl<'de> Visitor<'de> for Once {
        type Value = ();
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("JSON")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
            let mut seen = BTreeSet::new();
            while let Some(key) = map.next_key::<String>()? {
                if seen.contains(&key) {
                    return Err(A::Error::custom(format!("\u{1}{key}\u{1}")));
                }
                seen.insert(key);
                map.next_value_seed(Once)?;
            }
            Ok(())
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
            while list.next_element_seed(Once)?.is_some() {}
            Ok(())
        }
        fn visit_bool<E>(self, _: bool) -> Result<(), E> {
            Ok(())
        }
        fn visit_i64<E>(self, _: i64) -> Result<(), E> {
            Ok(())
        }
        fn visit_u64<E>(self, _: u64) -> Result<(), E> {
            Ok(())
        }
        fn visit_f64<E>(self, _: f64) -> Result<(), E> {
            Ok(())
        }
        fn visit_str<E>(self, _: &str) -> Result<(), E> {
            Ok(())
        }
        fn visit_unit<E>(self) -> Result<(), E> {
            Ok(())
        }
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let error = serde::de::DeserializeSeed::deserialize(Once, &mut deserializer).err()?;
    let words = error.to_string();
    words.split('\u{1}').nth(1).map(str::to_owned)
}

/// Where a block stands.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// Pointer to the object that holds `StartAt` and `States`.
    pub(super) at: String,
    /// Language of states that name none.
    pub(super) language: Language,
    /// How many blocks are around it.
    pub(super) depth: usize,
}

/// What has been read so far.
pub(super) struct Reader {
    pub(super) kind: MachineType,
    pub(super) language: Language,
    pub(super) problems: Vec<Problem>,
    /// A block has its number before the blocks within it; it is filled in when it has been read.
    blocks: Vec<Option<Block>>,
    /// Pointers to the blocks' objects.
    places: Vec<String>,
    names: BTreeSet<String>,
    /// Labels of distributed Maps.
    pub(super) labels: BTreeSet<String>,
}

impl Reader {
    fn new(kind: MachineType) -> Self {
        Self {
            kind,
            language: Language::JsonPath,
            problems: Vec::new(),
            blocks: Vec::new(),
            places: Vec::new(),
            names: BTreeSet::new(),
            labels: BTreeSet::new(),
        }
    }

    pub(super) fn problem(&mut self, location: &str, message: impl Into<String>) {
        self.problems.push(Problem {
            code: SCHEMA,
            message: message.into(),
            location: Some(if location.is_empty() { "/" } else { location }.to_owned()),
        });
    }

    /// Reads the block in `map` and gives its number.
    pub(super) fn block(&mut self, map: &Map<String, Value>, place: &Place) -> usize {
        let number = self.blocks.len();
        self.blocks.push(None);
        self.places.push(place.at.clone());
        if place.depth > MAX_BLOCK_DEPTH {
            self.problem(
                &place.at,
                format!("States are nested deeper than {MAX_BLOCK_DEPTH} blocks"),
            );
            return number;
        }
        let missing: Vec<&str> = ["States", "StartAt"]
            .into_iter()
            .filter(|field| !map.contains_key(*field))
            .collect();
        if !missing.is_empty() {
            let message = format!("These fields are required: [{}]", missing.join(", "));
            self.problem(&place.at, message);
            return number;
        }
        let Some(Value::Object(states)) = map.get("States") else {
            self.problem(
                &format!("{}/States", place.at),
                "The field 'States' must be an object",
            );
            return number;
        };
        if states.is_empty() {
            self.problem(&format!("{}/States", place.at), "Value cannot be empty");
            return number;
        }
        let names: BTreeMap<&str, usize> = states
            .keys()
            .enumerate()
            .map(|(at, name)| (name.as_str(), at))
            .collect();
        let mut read = Vec::with_capacity(states.len());
        for (name, body) in states {
            self.name(name, place);
            read.extend(states::read(self, (name, body), (place, &names)));
        }
        let start = map
            .get("StartAt")
            .and_then(Value::as_str)
            .and_then(|start| names.get(start).copied());
        let Some(start) = start else {
            check::missing_target(&mut self.problems, "StartAt", map.get("StartAt"), &place.at);
            return number;
        };
        if let Some(slot) = self.blocks.get_mut(number) {
            *slot = Some(Block {
                start,
                states: read,
            });
        }
        number
    }

    /// Reads a block that is not the machine's own, which has fewer fields than that; `more` are those of its place.
    pub(super) fn inner(
        &mut self,
        map: &Map<String, Value>,
        (place, more): (&Place, &[&str]),
    ) -> usize {
        let mut known = vec!["Comment", "StartAt", "States"];
        known.extend(more);
        Fields::new(map, &place.at, &mut self.problems).only(&known);
        self.block(map, place)
    }

    /// Reads the block of a Map, whose children may be machines of another type.
    pub(super) fn processor(
        &mut self,
        map: &Map<String, Value>,
        place: &Place,
        children: Option<MachineType>,
    ) -> usize {
        let around = self.kind;
        self.kind = children.unwrap_or(around);
        let block = self.inner(map, (place, &["ProcessorConfig"]));
        self.kind = around;
        block
    }

    fn name(&mut self, name: &str, place: &Place) {
        let at = format!("{}/States", place.at);
        if name.is_empty() || name.chars().count() > 80 {
            self.problem(&at, "The name of a state must have 1 to 80 characters");
        }
        if !self.names.insert(name.to_owned()) {
            self.problems.push(Problem {
                code: "DUPLICATE_STATE_NAME",
                message: format!("Duplicate state name: {name}"),
                location: Some(at),
            });
        }
    }
}
