//! Where ways meet: a way ends silently at a state only if its values were walked there before. Where they change from
//! round to round, or with the way, those that change are taken as not known after a while, and that is walked.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::agreed::END;
use serde_json::{Value, json};

use super::touch::Changes;
use super::walk::Walk;
use super::way::{Book, Way};
use crate::asl::document::Document;
use crate::asl::open;
use crate::automation::preview::plan::digest;
use crate::expr::unknown;

/// How often a way comes back to a state with values of its own, as long as all of it is known.
const MOST_ROUNDS: u32 = 20;
/// The same for a way that the run decides about.
const OPEN_ROUNDS: u32 = 2;
/// With how many values such ways walk through a state, each with its own.
const MOST_VALUES: u32 = 8;
/// How often the values that change are found anew, before none of a state's is taken as known.
const MOST_WIDER: u32 = 4;
/// How often a state of a block is walked through at all.
const MOST_WALKS: u32 = 48;

/// What a state was entered with on a way.
#[derive(Clone)]
pub(super) struct Passed {
    pub(super) times: u32,
    values: Values,
}

#[derive(Clone, PartialEq)]
struct Values {
    input: Document,
    variables: BTreeMap<String, Value>,
}

/// How a state has been walked through.
#[derive(Default)]
pub(super) struct Seen {
    records: Vec<Record>,
    open: u32,
    general: Option<General>,
}

/// What stands for all values that a state is entered with.
struct General {
    values: Values,
    digest: String,
    changes: Arc<Changes>,
    /// How often it was made wider.
    times: u32,
}

struct Record {
    digest: String,
    /// What the planned calls of its way changed by then: readings behind give other answers where that differs.
    changes: Arc<Changes>,
    node: u32,
    open: bool,
    values: Values,
}

impl Values {
    fn of(way: &Way) -> Self {
        Self {
            input: way.input.clone(),
            variables: way.variables.clone(),
        }
    }

    fn digest(&self) -> String {
        digest(&json!([&*self.input, &self.variables]))
    }

    /// What both have in common; what differs is not known.
    fn wider(&self, other: &Self, state: &str) -> Self {
        let mut variables = BTreeMap::new();
        for name in self.variables.keys().chain(other.variables.keys()) {
            let path = format!("${name}");
            let both = (self.variables.get(name), other.variables.get(name));
            let made = match both {
                (Some(one), Some(two)) => wider(one, two, (state, &path)),
                _ => open::named(&format!("{state}: {path}")),
            };
            variables.insert(name.clone(), made);
        }
        Self {
            input: wider(&self.input, &other.input, (state, "$")).into(),
            variables,
        }
    }

    fn unknown(&self, state: &str) -> Self {
        let names = self.variables.keys();
        Self {
            input: open::named(&format!("{state}: $")).into(),
            variables: names
                .map(|name| (name.clone(), open::named(&format!("{state}: ${name}"))))
                .collect(),
        }
    }

    fn covers(&self, other: &Self, state: &str) -> bool {
        covers(&self.input, &other.input, state)
            && self.variables.len() == other.variables.len()
            && self.variables.iter().all(|(name, value)| {
                let other = other.variables.get(name);
                other.is_some_and(|other| covers(value, other, state))
            })
    }
}

impl Seen {
    /// The step that showed these values, or all that they may be.
    fn walked(&self, (values, digest): (&Values, &str), way: &Way, state: &str) -> Option<u32> {
        let same = |digest: &str, changes: &Arc<Changes>| {
            let mut records = self.records.iter();
            let record = records.find(|it| it.digest == digest && alike(&it.changes, changes));
            record.map(|record| record.node)
        };
        same(digest, &way.changes).or_else(|| {
            let general = self.general.as_ref()?;
            let covered =
                general.changes.includes(&way.changes) && general.values.covers(values, state);
            covered
                .then(|| same(&general.digest, &general.changes))
                .flatten()
        })
    }

    /// Takes what changes of a way's values as not known, and what any way changes as changed. Whether its values are
    /// others now.
    fn widen(&mut self, values: &Values, way: &mut Way, state: &str) -> bool {
        let (base, mut changes, times) = match self.general.take() {
            Some(general) => (general.values, general.changes, general.times),
            None => {
                let passed = way.passed.get(&way.state).filter(|it| it.times > 1);
                let base = match passed {
                    Some(passed) => passed.values.clone(),
                    None => self.common(state).unwrap_or_else(|| values.clone()),
                };
                let mut changes = Changes::default();
                for record in &self.records {
                    changes.join(&record.changes);
                }
                (base, Arc::new(changes), 0)
            }
        };
        let mut general = base.wider(values, state);
        if times >= MOST_WIDER {
            general = general.unknown(state);
        }
        let changed = general != *values;
        if !changes.includes(&way.changes) {
            Arc::make_mut(&mut changes).join(&way.changes);
        }
        way.input = general.input.clone();
        way.variables = general.variables.clone();
        way.changes = Arc::clone(&changes);
        self.general = Some(General {
            digest: general.digest(),
            values: general,
            changes,
            times: times + 1,
        });
        changed
    }

    /// A way enters the state, at this step.
    fn enters(&mut self, way: &mut Way, (values, digest): (Values, String), node: u32) {
        self.open += u32::from(way.open);
        self.records.push(Record {
            digest,
            changes: Arc::clone(&way.changes),
            node,
            open: way.open,
            values: values.clone(),
        });
        let passed = way.passed.entry(way.state).or_insert_with(|| Passed {
            times: 0,
            values: values.clone(),
        });
        passed.times += 1;
        passed.values = values;
    }

    /// What all values of open ways have in common.
    fn common(&self, state: &str) -> Option<Values> {
        let mut all = self.records.iter().filter(|record| record.open);
        let first = all.next()?.values.clone();
        Some(all.fold(first, |made, record| made.wider(&record.values, state)))
    }
}

impl Walk<'_> {
    /// Whether a way goes on into its state: not where its values were walked already, and not beyond a bound, which is
    /// said.
    pub(super) fn arrives(&mut self, state: &str, way: &mut Way, book: &mut Book) -> bool {
        let values = Values::of(way);
        let digest = self.digest(&values);
        let seen = book.seen.entry(way.state).or_default();
        if let Some(node) = seen.walked((&values, &digest), way, state) {
            self.arrows(&way.tails, node);
            return false;
        }
        let walks = u32::try_from(seen.records.len()).unwrap_or(u32::MAX);
        let bound = self.full().or_else(|| {
            (walks >= MOST_WALKS)
                .then(|| format!("{state}: it would be entered in more than {MOST_WALKS} ways"))
        });
        if let Some(reason) = bound {
            self.cut(reason);
            self.arrows(&way.tails, END);
            return false;
        }
        let times = way.rounds();
        let most = if way.open { OPEN_ROUNDS } else { MOST_ROUNDS };
        if times < most && !(way.open && seen.open >= MOST_VALUES) {
            seen.enters(way, (values, digest), self.next_node());
            return true;
        }
        if !way.open {
            self.cut(format!(
                "{state}: rounds behind the first {MOST_ROUNDS} are shown as one"
            ));
            way.open = true;
        }
        way.widened |= seen.widen(&values, way, state);
        let values = Values::of(way);
        let digest = self.digest(&values);
        if let Some(node) = seen.walked((&values, &digest), way, state) {
            self.arrows(&way.tails, node);
            return false;
        }
        seen.enters(way, (values, digest), self.next_node());
        true
    }

    /// The digest of values; their bytes count as work.
    fn digest(&mut self, values: &Values) -> String {
        let text = json!([&*values.input, &values.variables]);
        self.works(text.to_string().len());
        digest(&text)
    }
}

/// Whether two ways have changed the same.
fn alike(one: &Arc<Changes>, other: &Arc<Changes>) -> bool {
    Arc::ptr_eq(one, other) || one == other
}

/// What two values have in common; what differs is not known.
fn wider(one: &Value, two: &Value, (state, path): (&str, &str)) -> Value {
    match (one, two) {
        _ if one == two => one.clone(),
        (Value::Object(a), Value::Object(b))
            if a.len() == b.len() && a.keys().all(|key| b.contains_key(key)) =>
        {
            let member = |(name, value): (&String, &Value)| {
                let other = b.get(name).unwrap_or(&Value::Null);
                let path = format!("{path}.{name}");
                (name.clone(), wider(value, other, (state, &path)))
            };
            Value::Object(a.iter().map(member).collect())
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            let pairs = a.iter().zip(b).enumerate();
            pairs
                .map(|(n, (a, b))| wider(a, b, (state, &format!("{path}[{n}]"))))
                .collect()
        }
        _ => open::named(&format!("{state}: {path}")),
    }
}

/// Whether a value is among those that another stands for.
fn covers(general: &Value, value: &Value, state: &str) -> bool {
    if general == value {
        return true;
    }
    let name = unknown::name_of(general);
    let own = name.and_then(|name| name.strip_prefix(state));
    if own.is_some_and(|rest| rest.starts_with(": $")) {
        return true;
    }
    match (general, value) {
        (Value::Object(a), Value::Object(b)) => {
            let inner = |(name, one): (&String, &Value)| {
                b.get(name).is_some_and(|other| covers(one, other, state))
            };
            a.len() == b.len() && a.iter().all(inner)
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| covers(a, b, state))
        }
        _ => false,
    }
}
