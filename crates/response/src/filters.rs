//! The filters and orders of `ListIncidentRecords` and `ListTimelineEvents`: filters are joined by AND, the values of
//! one filter by OR.

use jiff::Timestamp;
use model::Rejection;
use model::incident::{EventReference, IncidentRecord, TimelineEvent, epoch};
use model::plan::check_count;
use serde_json::Value;

/// What a value must be.
#[derive(Debug, Clone, PartialEq)]
enum Condition {
    After(Timestamp),
    Before(Timestamp),
    Integers(Vec<i64>),
    Texts(Vec<String>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Time,
    Integer,
    Text,
}

/// Filters of `ListIncidentRecords`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct IncidentFilters(Vec<(IncidentKey, Condition)>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum IncidentKey {
    CreationTime,
    Impact,
    Status,
    CreatedBy,
}

/// Filters of `ListTimelineEvents`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EventFilters(Vec<(EventKey, Condition)>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EventKey {
    Time,
    Type,
    Reference,
}

impl IncidentFilters {
    /// Reads the wire's `filters` (null or absent: none).
    ///
    /// # Errors
    /// [`Rejection::Invalid`] for an unknown key, a condition that does not fit its key, or more than five filters.
    pub fn parse(filters: &Value) -> Result<Self, Rejection> {
        let known = [
            ("creationTime", IncidentKey::CreationTime, Family::Time),
            ("impact", IncidentKey::Impact, Family::Integer),
            ("status", IncidentKey::Status, Family::Text),
            ("createdBy", IncidentKey::CreatedBy, Family::Text),
        ];
        parse(filters, &known).map(Self)
    }

    /// Whether all filters let a record pass.
    #[must_use]
    pub fn matches(&self, record: &IncidentRecord) -> bool {
        self.0.iter().all(|(key, condition)| match key {
            IncidentKey::CreationTime => condition.time(record.creation_time),
            IncidentKey::Impact => {
                matches!(condition, Condition::Integers(all) if all.contains(&record.impact))
            }
            IncidentKey::Status => condition.text(record.status.as_str()),
            IncidentKey::CreatedBy => condition.text(&record.incident_record_source.created_by),
        })
    }
}

impl EventFilters {
    /// Reads the wire's `filters` (null or absent: none).
    ///
    /// # Errors
    /// [`Rejection::Invalid`] for an unknown key, a condition that does not fit its key, or more than five filters.
    pub fn parse(filters: &Value) -> Result<Self, Rejection> {
        let known = [
            ("eventTime", EventKey::Time, Family::Time),
            ("eventType", EventKey::Type, Family::Text),
            ("eventReference", EventKey::Reference, Family::Text),
        ];
        parse(filters, &known).map(Self)
    }

    /// Whether all filters let an event pass.
    #[must_use]
    pub fn matches(&self, event: &TimelineEvent) -> bool {
        self.0.iter().all(|(key, condition)| match key {
            EventKey::Time => condition.time(event.event_time),
            EventKey::Type => condition.text(&event.event_type),
            EventKey::Reference => event
                .event_references
                .iter()
                .any(|reference| match reference {
                    EventReference::Resource(text) | EventReference::RelatedItemId(text) => {
                        condition.text(text)
                    }
                }),
        })
    }
}

impl Condition {
    fn time(&self, at: Timestamp) -> bool {
        match self {
            Self::After(bound) => at > *bound,
            Self::Before(bound) => at < *bound,
            Self::Integers(_) | Self::Texts(_) => false,
        }
    }

    fn text(&self, text: &str) -> bool {
        matches!(self, Self::Texts(all) if all.iter().any(|wanted| wanted == text))
    }
}

fn parse<K: Copy>(
    filters: &Value,
    known: &[(&str, K, Family)],
) -> Result<Vec<(K, Condition)>, Rejection> {
    let items = match filters {
        Value::Null => return Ok(Vec::new()),
        Value::Array(items) => items,
        _ => return Err(Rejection::invalid("filters", "must be a list")),
    };
    check_count("filters", items.len(), 5)?;
    let mut all = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let path = format!("filters[{index}]");
        let key = item.get("key").and_then(Value::as_str).unwrap_or_default();
        let Some((_, key, family)) = known.iter().find(|(name, _, _)| *name == key) else {
            let names: Vec<_> = known
                .iter()
                .map(|(name, _, _)| format!("`{name}`"))
                .collect();
            let message = format!(
                "`{}` is not a filter key: use {}",
                model::incident::cut(key, 50),
                names.join(", ")
            );
            return Err(Rejection::invalid(format!("{path}.key"), message));
        };
        let condition = item.get("condition").unwrap_or(&Value::Null);
        all.push((
            *key,
            read(condition, *family, &format!("{path}.condition"))?,
        ));
    }
    Ok(all)
}

fn read(condition: &Value, family: Family, path: &str) -> Result<Condition, Rejection> {
    let members = condition.as_object().filter(|members| members.len() == 1);
    let Some((name, value)) = members.and_then(|members| members.iter().next()) else {
        return Err(Rejection::invalid(
            path,
            "must have exactly one of `after`, `before` and `equals`",
        ));
    };
    match (name.as_str(), family) {
        ("after", Family::Time) => time(value, path).map(Condition::After),
        ("before", Family::Time) => time(value, path).map(Condition::Before),
        ("equals", Family::Integer) => {
            let numbers = list(value, "integerValues", path)?;
            let numbers: Option<Vec<i64>> = numbers.iter().map(Value::as_i64).collect();
            numbers
                .map(Condition::Integers)
                .ok_or_else(|| Rejection::invalid(path, "must hold whole numbers"))
        }
        ("equals", Family::Text) => {
            let texts = list(value, "stringValues", path)?;
            let texts: Option<Vec<String>> = texts
                .iter()
                .map(|text| text.as_str().map(str::to_owned))
                .collect();
            texts
                .map(Condition::Texts)
                .ok_or_else(|| Rejection::invalid(path, "must hold texts"))
        }
        (_, Family::Time) => Err(Rejection::invalid(
            path,
            "this key takes `after` or `before`",
        )),
        (_, _) => Err(Rejection::invalid(path, "this key takes `equals`")),
    }
}

fn list<'a>(value: &'a Value, name: &str, path: &str) -> Result<&'a [Value], Rejection> {
    let items = value.get(name).and_then(Value::as_array);
    let items = items.ok_or_else(|| {
        Rejection::invalid(format!("{path}.equals"), format!("must hold `{name}`"))
    })?;
    check_count(&format!("{path}.equals.{name}"), items.len(), 100)?;
    Ok(items)
}

/// A number of seconds, or RFC 3339 text.
fn time(value: &Value, path: &str) -> Result<Timestamp, Rejection> {
    let at = match value {
        Value::Number(number) => number.as_f64().and_then(epoch::parse),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    at.ok_or_else(|| Rejection::invalid(path, "must be a time: seconds since 1970 or RFC 3339"))
}

/// Sorts incidents for a list: newest first.
pub fn sort_incidents<T>(items: &mut [T], record: impl Fn(&T) -> &IncidentRecord) {
    items.sort_by(|a, b| {
        let (a, b) = (record(a), record(b));
        b.creation_time
            .cmp(&a.creation_time)
            .then_with(|| a.arn.cmp(&b.arn))
    });
}

/// Sorts events for a list: by time and, within one instant, in the order of writing; newest first unless `sortOrder`
/// is `ASCENDING`.
///
/// # Errors
/// [`Rejection::Invalid`] for other words than `EVENT_TIME`, `ASCENDING` and `DESCENDING`.
pub fn sort_events(
    events: &mut [TimelineEvent],
    sort_by: Option<&str>,
    sort_order: Option<&str>,
) -> Result<(), Rejection> {
    if sort_by.is_some_and(|sort_by| sort_by != "EVENT_TIME") {
        return Err(Rejection::invalid("sortBy", "must be `EVENT_TIME`"));
    }
    events.sort_by_key(|event| (event.event_time, event.sequence));
    match sort_order {
        Some("ASCENDING") => {}
        Some("DESCENDING") | None => events.reverse(),
        Some(_) => {
            return Err(Rejection::invalid(
                "sortOrder",
                "must be `ASCENDING` or `DESCENDING`",
            ));
        }
    }
    Ok(())
}
