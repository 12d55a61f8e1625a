//! The way from a message's bytes through its wrappers to its contents.

use std::borrow::Cow;

use jiff::Timestamp;
use model::arn::Arn;
use model::ids;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::error::{DecodeError, Problem};
use super::format::{Format, Kind, Layer};
use super::limits::Limits;
use super::members::{Members, items};
use super::recognise::{self, Shape};
use super::{Message, Signal, cloudevents, json, mapped, packed, unrecognized, unwrapping};

/// What the wrappers around a content say of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Outer {
    /// Where it is: `body`, or a path into it.
    pub(super) place: String,
    /// The wrappers, the outermost first.
    pub(super) layers: Vec<Layer>,
    /// The id of the innermost wrapper that has one: the same on redelivery.
    pub(super) id: Option<String>,
    /// Where it is within that wrapper.
    pub(super) within: String,
    /// When that wrapper was sent.
    pub(super) time: Option<Timestamp>,
    /// Account of the topic, queue or stream.
    pub(super) account: Option<String>,
    /// Its region.
    pub(super) region: Option<String>,
    /// Its ARN.
    pub(super) arn: Option<String>,
    /// The notification's subject.
    pub(super) subject: Option<String>,
}

impl Outer {
    /// The same, one step further in.
    pub(super) fn step(&self, step: &str) -> Self {
        let mut inner = self.clone();
        inner.place.push_str(step);
        inner.within.push_str(step);
        inner
    }

    /// Notes the wrapper's own id; what is within is counted from here.
    pub(super) fn identified(mut self, id: Option<String>) -> Self {
        if let Some(id) = id.filter(|id| !id.is_empty()) {
            self.id = Some(id);
            self.within.clear();
        }
        self
    }

    /// Notes when the wrapper was sent.
    pub(super) fn sent(mut self, time: Option<&str>) -> Self {
        self.time = time.and_then(json::instant).or(self.time);
        self
    }

    /// Notes the topic, queue or stream that it came by.
    pub(super) fn by(mut self, arn: Option<String>) -> Self {
        if let Some(parsed) = arn.as_deref().and_then(Arn::parse) {
            self.account = Some(parsed.account);
            self.region = Some(parsed.region);
            self.arn = arn;
        }
        self
    }
}

/// What makes the identity of a signal.
#[derive(Debug, Clone, Default)]
pub(super) enum Identity {
    /// The event's own.
    Event(Uuid),
    /// What the sender calls it.
    Own(Vec<String>),
    /// Nothing of its own: the transport's id, else the content itself.
    #[default]
    Message,
}

/// A signal before it has its identity and what its wrappers know.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) kind: Kind,
    pub(super) identity: Identity,
    pub(super) source: String,
    pub(super) detail_type: String,
    pub(super) detail: String,
    pub(super) time: Option<Timestamp>,
    pub(super) account: Option<String>,
    pub(super) region: Option<String>,
    pub(super) resources: Vec<String>,
    pub(super) notes: Vec<String>,
}

impl Draft {
    pub(super) fn new(kind: Kind, source: &str, detail_type: &str, detail: String) -> Self {
        Self {
            kind,
            identity: Identity::Message,
            source: source.to_owned(),
            detail_type: detail_type.to_owned(),
            detail,
            time: None,
            account: None,
            region: None,
            resources: Vec::new(),
            notes: Vec::new(),
        }
    }
}

/// What a content gives.
pub(super) type Drafts = Result<Vec<Draft>, DecodeError>;

/// One message being decoded.
pub(super) struct Walk<'m> {
    format: &'m Format,
    message: &'m Message<'m>,
    limits: &'m Limits,
    signals: Vec<Signal>,
    output: usize,
    inflated: usize,
}

impl<'m> Walk<'m> {
    pub(super) fn new(format: &'m Format, message: &'m Message<'m>, limits: &'m Limits) -> Self {
        Self {
            format,
            message,
            limits,
            signals: Vec::new(),
            output: 0,
            inflated: 0,
        }
    }

    pub(super) fn run(mut self) -> Result<Vec<Signal>, DecodeError> {
        let (body, most) = (self.message.body, self.limits.body);
        if body.len() > most {
            let bytes = body.len();
            return Err(Problem::TooLarge { bytes, most }.at("body"));
        }
        let outer = Outer {
            place: "body".to_owned(),
            ..Outer::default()
        };
        let outer = outer.identified(self.message.id.map(str::to_owned));
        let told = matches!(self.format, Format::Auto | Format::Only(Kind::CloudEvent));
        match cloudevents::mode(self.message).filter(|_| told) {
            Some(cloudevents::Mode::Binary) => {
                let draft = cloudevents::binary(self.message, self.limits)?;
                self.push(draft, &outer, 0)?;
            }
            _ => self.bytes(body, &outer)?,
        }
        Ok(self.signals)
    }

    /// Bytes that may be compressed.
    pub(super) fn bytes(&mut self, bytes: &[u8], outer: &Outer) -> Result<(), DecodeError> {
        if packed::is_gzip(bytes) {
            let inner = self.enter(outer, Layer::Gzip, "")?;
            let left = self.limits.inflated.saturating_sub(self.inflated);
            let ratio = bytes.len().saturating_mul(self.limits.ratio.max(1));
            let plain = match packed::gzip(bytes, left.min(ratio)) {
                Ok(plain) => plain,
                Err(problem @ Problem::NotGzip { .. }) if self.keeps_unknown() => {
                    return self.keep(unrecognized::bytes, bytes, Some(&problem), outer);
                }
                Err(problem) => return Err(problem.at(&outer.place)),
            };
            self.inflated = self.inflated.saturating_add(plain.len());
            return self.bytes(&plain, &inner);
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => self.text(text, outer),
            Err(_) if self.keeps_unknown() => self.keep(unrecognized::bytes, bytes, None, outer),
            Err(_) => Err(Problem::NotText.at(&outer.place)),
        }
    }

    /// Bytes as base64.
    pub(super) fn base64(&mut self, text: &str, outer: &Outer) -> Result<(), DecodeError> {
        match packed::unbase64(text) {
            Some(bytes) => self.bytes(&bytes, outer),
            None if self.keeps_unknown() => {
                self.keep(unrecognized::text, text, Some(&Problem::NotBase64), outer)
            }
            None => Err(Problem::NotBase64.at(&outer.place)),
        }
    }

    /// Keeps what nobody knows, with what is wrong with it.
    fn keep<T: ?Sized>(
        &mut self,
        make: fn(&T, &str, &Outer) -> Draft,
        what: &T,
        problem: Option<&Problem>,
        outer: &Outer,
    ) -> Result<(), DecodeError> {
        let mut draft = make(what, self.message.origin, outer);
        draft
            .notes
            .extend(problem.map(|problem| format!("`{}` {problem}", outer.place)));
        self.push(draft, outer, 0)
    }

    /// A text: one JSON document, several behind each other, or something else.
    pub(super) fn text(&mut self, text: &str, outer: &Outer) -> Result<(), DecodeError> {
        let text = text.trim_start_matches('\u{feff}').trim();
        if text.is_empty() {
            return Err(Problem::Empty.at(&outer.place));
        }
        let most = self.limits.depth;
        if json::deeper_than(text, most) {
            return Err(Problem::TooDeep { most }.at(&outer.place));
        }
        let text = &*json::mended(text);
        if let Some(members) = Members::of(text) {
            return self.object(&members, text, outer);
        }
        if let Some(list) = items(text) {
            return self.each(&list, outer);
        }
        if let Some(list) = documents(text) {
            return self.each(&list, outer);
        }
        if self.keeps_unknown() {
            return self.keep(unrecognized::text, text, None, outer);
        }
        Err(match serde_json::from_str::<&RawValue>(text) {
            Err(error) => Problem::not_json(&error).at(&outer.place),
            Ok(_) => Problem::NotFormat {
                format: self.format.word(),
            }
            .at(&outer.place),
        })
    }

    fn each(&mut self, list: &[&str], outer: &Outer) -> Result<(), DecodeError> {
        if list.is_empty() && !self.keeps_unknown() {
            return Err(Problem::Empty.at(&outer.place));
        }
        if list.is_empty() {
            return self.keep(unrecognized::text, "[]", None, outer);
        }
        self.count(list.len(), outer)?;
        for (index, item) in list.iter().enumerate() {
            let inner = self.enter(outer, Layer::List, &format!("[{index}]"))?;
            self.text(item, &inner)?;
        }
        Ok(())
    }

    /// An object: a wrapper or a content.
    fn object(
        &mut self,
        members: &Members<'_>,
        text: &str,
        outer: &Outer,
    ) -> Result<(), DecodeError> {
        members.unambiguous(&outer.place)?;
        let shape = recognise::shape(members);
        if let Format::Wrapped(wanted) = self.format {
            let outermost = outer
                .layers
                .iter()
                .all(|layer| matches!(layer, Layer::Gzip | Layer::List));
            if outermost && shape.layer(members) != Some(*wanted) {
                let format = wanted.word();
                return Err(Problem::NotFormat { format }.at(&outer.place));
            }
        }
        match shape {
            Shape::Wrapper(wrapper) => unwrapping::unwrap(self, wrapper, members, outer),
            Shape::Content(kind) => self.content(Some(kind), members, text, outer),
            Shape::Unknown => self.content(None, members, text, outer),
        }
    }

    /// A content, by the format that the source demands.
    pub(super) fn content(
        &mut self,
        kind: Option<Kind>,
        members: &Members<'_>,
        text: &str,
        outer: &Outer,
    ) -> Result<(), DecodeError> {
        let drafts = match (self.format, kind) {
            (Format::Mapped(mapping), _) => mapped::drafts(mapping, text, self.limits, outer)?,
            (Format::Only(wanted), _) => recognise::drafts(*wanted, members, text, outer)?,
            (_, None) => vec![unrecognized::json(text, self.message.origin, outer)],
            (_, Some(kind)) => match recognise::drafts(kind, members, text, outer) {
                Err(DecodeError {
                    place,
                    problem: problem @ (Problem::Missing { .. } | Problem::Wrong { .. }),
                }) => {
                    let mut draft = unrecognized::json(text, self.message.origin, outer);
                    draft
                        .notes
                        .push(format!("looks like `{kind}`, but `{place}` {problem}"));
                    vec![draft]
                }
                other => other?,
            },
        };
        self.push_all(drafts, outer)
    }

    /// Whether what nobody knows is kept as it is.
    pub(super) fn keeps_unknown(&self) -> bool {
        matches!(self.format, Format::Auto | Format::Wrapped(_))
    }

    /// One wrapper further in, and one step.
    pub(super) fn enter(
        &self,
        outer: &Outer,
        layer: Layer,
        step: &str,
    ) -> Result<Outer, DecodeError> {
        let most = self.limits.layers;
        if outer.layers.len() >= most {
            return Err(Problem::TooWrapped { most }.at(&outer.place));
        }
        let mut inner = outer.step(step);
        inner.layers.push(layer);
        Ok(inner)
    }

    /// Refuses more records than there may be, before any of them is read.
    pub(super) fn count(&self, more: usize, outer: &Outer) -> Result<(), DecodeError> {
        let most = self.limits.records;
        if self.signals.len().saturating_add(more) > most {
            return Err(Problem::TooMany { most }.at(&outer.place));
        }
        Ok(())
    }

    pub(super) fn push_all(
        &mut self,
        drafts: Vec<Draft>,
        outer: &Outer,
    ) -> Result<(), DecodeError> {
        for (index, draft) in drafts.into_iter().enumerate() {
            self.push(draft, outer, index)?;
        }
        Ok(())
    }

    fn push(&mut self, mut draft: Draft, outer: &Outer, index: usize) -> Result<(), DecodeError> {
        self.count(1, outer)?;
        // Strings of JSON may have been opened within it.
        if let Cow::Owned(mended) = json::mended(&draft.detail) {
            draft.detail = mended;
        }
        let (bytes, most) = (draft.detail.len(), self.limits.detail);
        if bytes > most {
            return Err(Problem::TooLarge { bytes, most }.at(&outer.place));
        }
        // A decoder adds at most two objects of its own around.
        let depth = self.limits.depth;
        if json::deeper_than(&draft.detail, depth.saturating_add(2)) {
            return Err(Problem::TooDeep { most: depth }.at(&outer.place));
        }
        self.output = self.output.saturating_add(bytes);
        if self.output > self.limits.output {
            let most = self.limits.output;
            return Err(Problem::Inflates { most }.at(&outer.place));
        }
        let id = identity(&draft, self.message.origin, outer, index);
        let mut notes = draft.notes;
        let account = draft.account.or_else(|| outer.account.clone());
        let region = draft.region.or_else(|| outer.region.clone());
        let own_id = outer.id.is_some() || !matches!(draft.identity, Identity::Message);
        self.signals.push(Signal {
            id,
            own_id,
            account: account.filter(|account| told(account, is_account, "account", &mut notes)),
            region: region.filter(|region| told(region, is_region, "region", &mut notes)),
            time: draft.time.or(outer.time),
            source: draft.source,
            detail_type: draft.detail_type,
            detail: draft.detail,
            resources: draft.resources,
            kind: draft.kind,
            layers: outer.layers.clone(),
            notes,
        });
        Ok(())
    }
}

fn identity(draft: &Draft, origin: &str, outer: &Outer, index: usize) -> Uuid {
    let kind = draft.kind.word();
    let index = index.to_string();
    match (&draft.identity, &outer.id) {
        (Identity::Event(id), _) => *id,
        (Identity::Own(parts), _) => {
            let mut all = vec!["signal", origin, kind];
            all.extend(parts.iter().map(String::as_str));
            ids::named(&all)
        }
        (Identity::Message, Some(id)) => {
            ids::named(&["signal of message", origin, id, &outer.within, &index])
        }
        (Identity::Message, None) => {
            let content = [draft.source.as_str(), &draft.detail_type, &draft.detail];
            let place = ["signal of content", origin, &outer.within, &index];
            ids::named(&[&place[..], &content[..]].concat())
        }
    }
}

/// Whether a word is fit to be an event's account or region. What is none is told, and not taken.
fn told(word: &str, fit: fn(&str) -> bool, what: &str, notes: &mut Vec<String>) -> bool {
    let is_fit = fit(word);
    if !is_fit && !word.is_empty() {
        let shown = model::text::one_line(word, 60);
        notes.push(format!(
            "`{shown}` is no {what}; the source's own was taken"
        ));
    }
    is_fit
}

fn is_account(word: &str) -> bool {
    word.len() == 12 && word.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_region(word: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (4..=32).contains(&word.len()) && word.contains('-') && word.bytes().all(plain)
}

/// Several objects behind each other, as Firehose and log shippers write them.
fn documents(text: &str) -> Option<Vec<&str>> {
    let stream = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    let mut documents = Vec::new();
    for document in stream {
        documents.push(document.ok()?.get());
    }
    let several = documents.len() > 1 && documents.iter().all(|text| text.starts_with('{'));
    several.then_some(documents)
}
