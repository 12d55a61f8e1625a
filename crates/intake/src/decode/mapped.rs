//! JSON of any shape, by a mapping that says where the event's parts are.
//!
//! An expression is JMESPath, or a simple JSONPath that begins with `$` (`$.alert['rule-name']`, `$.hosts[0].id`,
//! `$.items[*].id`). A fixed word is written as JMESPath writes it: `'my.tool'`.

use std::fmt;
use std::sync::Arc;

use jmespath::{Expression, Rcvar, Variable};
use model::text::one_line;
use serde::{Deserialize, Serialize};

use super::error::{DecodeError, Problem};
use super::format::Kind;
use super::json::instant;
use super::limits::Limits;
use super::members::Members;
use super::uniform::{Severity, Status, Uniform};
use super::walk::{Draft, Drafts, Identity, Outer};

/// Longest expression, in bytes: they are parsed by recursion.
const EXPRESSION_BYTES: usize = 512;
/// Resources of one event.
const RESOURCES: usize = 1000;

/// A mapping as settings hold it: an expression for each part of the event.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MappingText {
    /// The list whose items become one event each; without it the whole document is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<String>,
    /// The event's `source`. Needed.
    pub source: String,
    /// The event's `detail-type`. Needed.
    pub detail_type: String,
    /// The event's `detail`, an object; the whole record when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What the sender calls it: the same on redelivery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// When it happened: RFC 3339 or a number since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// Account of 12 digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// A string or a list of strings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<String>,
    /// `detail.signal.title`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// `detail.signal.severity`: a usual word, or a number from 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    /// `detail.signal.status`: a usual word such as `firing`, `acknowledged`, `resolved`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// `detail.signal.key`: the same for all that the sender says of one thing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// A mapping that does not parse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the mapping's `{field}` is no expression: {reason}; write JMESPath, `$.path`, or a fixed word as `'word'`"
)]
pub struct MappingError {
    /// The mapping's member.
    pub field: &'static str,
    /// What is wrong.
    pub reason: String,
}

/// A mapping ready for use.
#[derive(Clone)]
pub struct Mapping {
    parts: Arc<Parts>,
}

impl fmt::Debug for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text().fmt(f)
    }
}

impl PartialEq for Mapping {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

/// One expression and the name of its part.
struct Part {
    field: &'static str,
    expression: Expression<'static>,
}

struct Parts {
    text: MappingText,
    records: Option<Part>,
    source: Part,
    detail_type: Part,
    detail: Option<Part>,
    id: Option<Part>,
    time: Option<Part>,
    account: Option<Part>,
    region: Option<Part>,
    resources: Option<Part>,
    title: Option<Part>,
    severity: Option<Part>,
    status: Option<Part>,
    key: Option<Part>,
}

impl Mapping {
    /// Parses the expressions.
    ///
    /// # Errors
    /// [`MappingError`] for the first that is none.
    pub fn compile(text: &MappingText) -> Result<Self, MappingError> {
        let maybe = |field, text: &Option<String>| {
            text.as_deref().map(|text| part(field, text)).transpose()
        };
        let parts = Parts {
            text: text.clone(),
            records: maybe("records", &text.records)?,
            source: part("source", &text.source)?,
            detail_type: part("detail_type", &text.detail_type)?,
            detail: maybe("detail", &text.detail)?,
            id: maybe("id", &text.id)?,
            time: maybe("time", &text.time)?,
            account: maybe("account", &text.account)?,
            region: maybe("region", &text.region)?,
            resources: maybe("resources", &text.resources)?,
            title: maybe("title", &text.title)?,
            severity: maybe("severity", &text.severity)?,
            status: maybe("status", &text.status)?,
            key: maybe("key", &text.key)?,
        };
        Ok(Self {
            parts: Arc::new(parts),
        })
    }

    /// The mapping as it was written.
    #[must_use]
    pub fn text(&self) -> &MappingText {
        &self.parts.text
    }
}

fn part(field: &'static str, text: &str) -> Result<Part, MappingError> {
    let wrong = |reason: String| MappingError { field, reason };
    if text.len() > EXPRESSION_BYTES {
        return Err(wrong(format!(
            "it has {} bytes, more than {EXPRESSION_BYTES}",
            text.len()
        )));
    }
    let jmes = match text.strip_prefix('$') {
        Some(path) => from_json_path(path).map_err(wrong)?,
        None => text.to_owned(),
    };
    let expression =
        jmespath::compile(&jmes).map_err(|error| wrong(one_line(&error.to_string(), 200)))?;
    Ok(Part { field, expression })
}

/// A JSONPath of names, indexes and `[*]` as JMESPath.
fn from_json_path(path: &str) -> Result<String, String> {
    let mut jmes = String::from("@");
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix("['") {
            let (name, after) = after.split_once("']").ok_or("`['` without `']`")?;
            push_name(&mut jmes, name);
            rest = after;
        } else if let Some(after) = rest.strip_prefix('[') {
            let (index, after) = after.split_once(']').ok_or("`[` without `]`")?;
            if index != "*" && index.parse::<i32>().is_err() {
                return Err(format!(
                    "`[{index}]` is no index; filters are written in JMESPath"
                ));
            }
            jmes.push_str(&format!("[{index}]"));
            rest = after;
        } else if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            let (name, after) = after.split_at(end);
            match name {
                "" => return Err("a name is missing behind `.`".to_owned()),
                "*" => jmes.push_str(".*"),
                name => push_name(&mut jmes, name),
            }
            rest = after;
        } else {
            return Err(format!(
                "`{rest}` is no step; write `.name`, `['name']` or `[0]`"
            ));
        }
    }
    Ok(jmes)
}

fn push_name(jmes: &mut String, name: &str) {
    jmes.push('.');
    jmes.push_str(&super::json::quoted(name));
}

impl Part {
    fn find(&self, record: &Rcvar, outer: &Outer) -> Result<Option<Rcvar>, DecodeError> {
        match self.expression.search(record) {
            Ok(found) if found.is_null() => Ok(None),
            Ok(found) => Ok(Some(found)),
            Err(error) => Err(self.wrong(one_line(&error.to_string(), 200), outer)),
        }
    }

    fn wrong(&self, reason: String, outer: &Outer) -> DecodeError {
        let field = self.field;
        Problem::Mapping { field, reason }.at(&outer.place)
    }

    /// The value as text: strings, numbers, truths.
    fn text(&self, record: &Rcvar, outer: &Outer) -> Result<Option<String>, DecodeError> {
        let Some(found) = self.find(record, outer)? else {
            return Ok(None);
        };
        match scalar(&found) {
            Some(text) => Ok(Some(text).filter(|text| !text.is_empty())),
            None => Err(self.wrong(
                format!("it gave a value of type {}, not a word", found.get_type()),
                outer,
            )),
        }
    }

    fn needed(&self, record: &Rcvar, outer: &Outer) -> Result<String, DecodeError> {
        self.text(record, outer)?.ok_or_else(|| {
            let reason = "it gave nothing (a fixed word is written `'word'`)".to_owned();
            self.wrong(reason, outer)
        })
    }
}

fn scalar(value: &Variable) -> Option<String> {
    match value {
        Variable::String(text) => Some(text.clone()),
        Variable::Number(number) => Some(number.to_string()),
        Variable::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

/// The text of a part that may be absent.
fn maybe(
    part: Option<&Part>,
    record: &Rcvar,
    outer: &Outer,
) -> Result<Option<String>, DecodeError> {
    part.map_or(Ok(None), |part| part.text(record, outer))
}

/// The events of a document.
pub(super) fn drafts(mapping: &Mapping, text: &str, limits: &Limits, outer: &Outer) -> Drafts {
    let parts = &mapping.parts;
    let document = Variable::from_json(text).map_err(|reason| {
        let reason = one_line(&reason, 200);
        Problem::NotJson { reason }.at(&outer.place)
    })?;
    let document = Rcvar::new(document);
    let Some(records) = &parts.records else {
        return Ok(vec![draft(parts, &document, Some(text), outer)?]);
    };
    let found = records.find(&document, outer)?;
    let Some(list) = found.as_ref().and_then(|found| found.as_array()) else {
        return Err(records.wrong("it gave no list".to_owned(), outer));
    };
    let most = limits.records;
    if list.len() > most {
        return Err(Problem::TooMany { most }.at(&outer.place));
    }
    list.iter()
        .map(|record| draft(parts, record, None, outer))
        .collect()
}

fn draft(
    parts: &Parts,
    record: &Rcvar,
    text: Option<&str>,
    outer: &Outer,
) -> Result<Draft, DecodeError> {
    let source = parts.source.needed(record, outer)?;
    let detail_type = parts.detail_type.needed(record, outer)?;
    let uniform = uniform(parts, record, outer)?;
    let detail = detail(parts, record, text, &uniform, outer)?;
    let mut draft = Draft::new(Kind::Mapped, &source, &detail_type, detail);
    if let Some(id) = maybe(parts.id.as_ref(), record, outer)? {
        draft.identity = Identity::Own(vec![source, id]);
    }
    let time = maybe(parts.time.as_ref(), record, outer)?;
    draft.time = time.as_deref().and_then(instant);
    if let Some(time) = time.filter(|_| draft.time.is_none()) {
        draft
            .notes
            .push(format!("`{}` is no time", one_line(&time, 60)));
    }
    draft.account = maybe(parts.account.as_ref(), record, outer)?;
    draft.region = maybe(parts.region.as_ref(), record, outer)?;
    if let Some(part) = &parts.resources
        && let Some(found) = part.find(record, outer)?
    {
        draft.resources = match found.as_array() {
            Some(list) => list
                .iter()
                .filter_map(|item| scalar(item))
                .take(RESOURCES)
                .collect(),
            None => scalar(&found).into_iter().collect(),
        };
    }
    Ok(draft)
}

/// The detail: what its expression gives, else the record (the whole document to the letter). A member `signal` is
/// added when the mapping names one of its parts.
fn detail(
    parts: &Parts,
    record: &Rcvar,
    text: Option<&str>,
    uniform: &Uniform,
    outer: &Outer,
) -> Result<String, DecodeError> {
    let (found, part) = match &parts.detail {
        Some(part) => (part.find(record, outer)?, part),
        None => (Some(record.clone()), &parts.source),
    };
    let whole = text.filter(|_| parts.detail.is_none());
    let object = found.filter(|found| found.is_object());
    let written = match (whole, object) {
        (Some(text), _) if text.starts_with('{') => text.to_owned(),
        (_, Some(object)) => serde_json::to_string(&*object).map_err(|error| {
            let reason = one_line(&error.to_string(), 200);
            part.wrong(reason, outer)
        })?,
        _ => {
            let reason =
                "the detail is no object; give the mapping a `detail` that is one".to_owned();
            return Err(Problem::Mapping {
                field: "detail",
                reason,
            }
            .at(&outer.place));
        }
    };
    let asked = parts.title.is_some()
        || parts.severity.is_some()
        || parts.status.is_some()
        || parts.key.is_some();
    if !asked {
        return Ok(written);
    }
    let members = Members::of(&written).unwrap_or_default();
    Ok(uniform.detail(&members, &[]).finish())
}

fn uniform(parts: &Parts, record: &Rcvar, outer: &Outer) -> Result<Uniform, DecodeError> {
    let severity = maybe(parts.severity.as_ref(), record, outer)?;
    let status = maybe(parts.status.as_ref(), record, outer)?;
    Ok(Uniform {
        title: maybe(parts.title.as_ref(), record, outer)?,
        severity: severity.and_then(|word| {
            let score = word.parse().ok().and_then(Severity::of_score);
            score.or_else(|| Severity::of_word(&word))
        }),
        status: status.and_then(|word| Status::of_word(&word)),
        key: maybe(parts.key.as_ref(), record, outer)?,
        truncated: None,
    })
}
