//! What one turn of an incident gathers.

use jiff::Timestamp;
use model::incident::{
    EventReference, ItemIdentifier, RelatedItem, START_TOKEN_CLAIM, TimelineEvent, cut, epoch,
};
use model::plan::{NotificationTarget, RAW_DATA_CHARS};
use model::{ClaimWish, Decision, Fact, FrameWrite, IndexEntry, Rejection, arn::Arn, ids};
use serde_json::{Value, json};
use uuid::Uuid;

use super::state::Incident;
use super::{Command, PublishSns};
use crate::recall::Request;
use model::{Context, frames};

/// The longest `eventData`, in characters.
pub(super) const EVENT_DATA_CHARS: usize = 12_000;
/// The operation whose client tokens are claimed.
pub(super) const START_OPERATION: &str = "StartIncident";
/// Most related items.
const RELATED: usize = 100;

pub(super) struct Turn {
    pub(super) state: Incident,
    pub(super) at: Timestamp,
    pub(super) commands: Vec<Command>,
    pub(super) claims: Vec<ClaimWish>,
    pub(super) releases: Vec<(String, String)>,
    pub(super) frames: Vec<FrameWrite>,
    pub(super) reply: Value,
    facts: Vec<Fact>,
    index: Vec<IndexEntry>,
}

impl Turn {
    pub(super) fn new(state: Incident, cx: &Context) -> Self {
        Self {
            state,
            at: epoch::to_millis(cx.at),
            commands: Vec::new(),
            claims: Vec::new(),
            releases: Vec::new(),
            frames: Vec::new(),
            reply: Value::Null,
            facts: Vec::new(),
            index: Vec::new(),
        }
    }

    pub(super) fn fact(&mut self, name: &str, body: Value) {
        self.facts.push(Fact::new(name, body));
    }

    pub(super) fn index(&mut self, name: &str, value: &str) {
        self.index.push(IndexEntry {
            name: name.to_owned(),
            value: value.to_owned(),
        });
    }

    /// Writes an event of the engine's own; it refers to the incident, and to `items`.
    pub(super) fn event(&mut self, event_type: &str, data: &Value, items: &[String]) {
        let own = EventReference::Resource(self.state.record.arn.clone());
        let items = items.iter().cloned().map(EventReference::RelatedItemId);
        let event = TimelineEvent {
            event_data: bounded(data),
            event_id: self.next_event_id(),
            event_references: std::iter::once(own).chain(items).take(10).collect(),
            event_time: self.at,
            event_type: event_type.to_owned(),
            event_updated_time: self.at,
            incident_record_arn: self.state.record.arn.clone(),
            sequence: self.state.sequence,
        };
        self.put_event(&event);
    }

    /// Answers a request and remembers the answer; gives back the claim of a start token forgotten for it, since
    /// a claim that leads to an incident that does not know the token would lead nowhere.
    pub(super) fn answer(&mut self, request: &Request<'_>, reply: Value) {
        if let Some((operation, token)) = self.state.recall.remember(request, &reply)
            && operation == START_OPERATION
        {
            self.releases.push((START_TOKEN_CLAIM.to_owned(), token));
        }
        self.reply = reply;
    }

    /// The id of the next event; counts it.
    pub(super) fn next_event_id(&mut self) -> Uuid {
        self.state.sequence += 1;
        ids::child(self.state.id, self.state.sequence)
    }

    pub(super) fn put_event(&mut self, event: &TimelineEvent) {
        self.frames
            .push(frames::put(&format!("event/{}", event.event_id), event));
    }

    /// Adds a related item, or finds it by its identifier; gives its generated id and whether it is new.
    ///
    /// # Errors
    /// [`Rejection::Quota`] at 100 items.
    pub(super) fn relate(
        &mut self,
        identifier: ItemIdentifier,
        title: Option<String>,
    ) -> Result<(String, bool), Rejection> {
        let id = generated_id(self.state.id, &identifier);
        if let Some(known) = self
            .state
            .related
            .iter_mut()
            .find(|item| item.identifier == identifier)
        {
            if title.is_some() {
                known.title = title;
            }
            return Ok((id, false));
        }
        if self.state.related.len() >= RELATED {
            let message =
                format!("an incident has at most {RELATED} related items: remove one first");
            return Err(Rejection::Quota { message });
        }
        self.state.related.push(RelatedItem {
            generated_id: Some(id.clone()),
            identifier,
            title,
        });
        Ok((id, true))
    }

    /// Tells the chat channel's and the notification topics.
    pub(super) fn publish(&mut self, detail_type: &str, detail: Value) {
        let record = &self.state.record;
        let chat = record
            .chat_channel
            .iter()
            .flat_map(|channel| channel.topics())
            .cloned();
        let told = record
            .notification_targets
            .iter()
            .map(|NotificationTarget::SnsTopicArn(arn)| arn.clone());
        let mut topics: Vec<String> = Vec::new();
        for topic in chat.chain(told) {
            if !topics.contains(&topic) {
                topics.push(topic);
            }
        }
        for topic in topics {
            let number = (self.state.sequence, self.commands.len());
            let effect = ids::named(&[
                "sns",
                &self.state.id.to_string(),
                &topic,
                &format!("{number:?}"),
                detail_type,
            ]);
            let command = self.sns(effect, topic, detail_type, &detail);
            self.commands.push(Command::PublishSns(command));
        }
    }

    fn sns(
        &self,
        effect: Uuid,
        topic_arn: String,
        detail_type: &str,
        detail: &Value,
    ) -> PublishSns {
        let record = &self.state.record;
        let region = Arn::parse(&topic_arn)
            .map(|arn| arn.region)
            .filter(|region| !region.is_empty());
        let region = region.unwrap_or_else(|| self.state.region.clone());
        let seconds = Timestamp::from_second(self.at.as_second()).unwrap_or(self.at);
        let message = json!({
            "version": "0",
            "id": effect,
            "detail-type": detail_type,
            "source": "aws.ssm-incidents",
            "account": self.state.scope.account,
            "time": seconds.to_string(),
            "region": region,
            "resources": [record.arn],
            "detail": detail,
        });
        // SNS takes subjects of printable ASCII only.
        let ascii: String = record
            .title
            .chars()
            .map(|c| if matches!(c, ' '..='~') { c } else { '?' })
            .collect();
        PublishSns {
            effect,
            topic_arn,
            region,
            subject: cut(&format!("{detail_type}: {ascii}"), 99).to_owned(),
            message: message.to_string(),
        }
    }

    pub(super) fn decide(self) -> Decision<Incident, Command> {
        let mut decision = Decision::unchanged(self.state);
        decision.frames.push(frames::put("", &decision.state));
        decision.frames.extend(self.frames);
        decision.commands = self.commands;
        decision.facts = self.facts;
        decision.index = self.index;
        decision.claims = self.claims;
        decision.releases = self.releases;
        decision.reply = self.reply;
        decision
    }
}

/// `related-item/<TYPE>/<32 hex upper>`: the same identifier has the same id in one incident.
pub(super) fn generated_id(incident: Uuid, identifier: &ItemIdentifier) -> String {
    let text = serde_json::to_string(identifier).unwrap_or_default();
    let id = ids::named(&["related-item", &incident.to_string(), &text])
        .simple()
        .to_string();
    format!(
        "related-item/{}/{}",
        identifier.kind.as_str(),
        id.to_uppercase()
    )
}

/// JSON text of at most [`EVENT_DATA_CHARS`] characters: long strings at the top level are cut, longest first.
fn bounded(data: &Value) -> String {
    let mut data = data.clone();
    for _ in 0..8 {
        let text = data.to_string();
        let length = text.chars().count();
        if length <= EVENT_DATA_CHARS {
            return text;
        }
        let over = length - EVENT_DATA_CHARS;
        let Some(longest) = data.as_object_mut().and_then(longest_text) else {
            break;
        };
        // The cut is made in the written form, where quotes and line ends take two characters or more.
        *longest = fit(longest, written(longest).saturating_sub(over));
    }
    json!({ "truncated": true }).to_string()
}

fn longest_text(members: &mut serde_json::Map<String, Value>) -> Option<&mut String> {
    let texts = members.values_mut().filter_map(|value| match value {
        Value::String(text) => Some(text),
        _ => None,
    });
    texts.max_by_key(|text| text.len())
}

/// Characters that a character takes inside a JSON string, as `serde_json` writes it.
fn written_char(c: char) -> usize {
    match c {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        c if u32::from(c) < 0x20 => 6,
        _ => 1,
    }
}

fn written(text: &str) -> usize {
    text.chars().map(written_char).sum()
}

/// The longest beginning of `text` that takes at most `room` characters when written.
fn fit(text: &str, room: usize) -> String {
    let mut used = 0;
    let keep = text.chars().take_while(|c| {
        used += written_char(*c);
        used <= room
    });
    keep.collect()
}

/// Raw data as AWS shows it: at most 10,000 characters.
pub(super) fn raw_data(text: &str) -> &str {
    cut(text, RAW_DATA_CHARS)
}
