//! Topics in memory: who gets what is published. The store's topic resources are the truth.
//!
//! Everything that one message becomes is committed at once: either each subscriber's delivery is durable, or the
//! publisher is told that nothing was published.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use bus::delivery::{self, Request};
use bus::topics::{Message, chat, filter, policy};
use jiff::Timestamp;
use model::arn::Arn;
use model::effect::ChatPost;
use model::topic::{
    FilterScope, Protocol, Subscription, Topic, TopicMessage, TopicMessageKind, Way,
    subscription_arn, topic_arn,
};
use model::{AggregateId, Scope, ids};
use rules::{Event, Matcher};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::accept;
use crate::engine::Shared;
use crate::error::AskError;
use crate::input::Input;

/// A chat channel and the topics that it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatChannel {
    /// Its name in the configuration.
    pub name: String,
    /// ARNs of the topics.
    pub topics: Vec<String>,
}

/// Every topic with its subscriptions, and the chat channels.
#[derive(Default)]
pub(crate) struct TopicRegistry {
    topics: RwLock<HashMap<(Scope, String), Arc<LiveTopic>>>,
    /// Names of channels by ARN of topic.
    chat: RwLock<HashMap<String, Vec<String>>>,
}

/// A topic as publishing needs it.
struct LiveTopic {
    topic: Topic,
    by_attributes: Matcher<Uuid>,
    by_body: Matcher<Uuid>,
    /// Subscriptions that want every message.
    unfiltered: BTreeSet<Uuid>,
}

impl TopicRegistry {
    /// Takes in a topic resource as committed; `None` removes it.
    pub(crate) fn apply(&self, scope: &Scope, name: &str, body: Option<Value>) {
        let key = (scope.clone(), name.to_owned());
        let live = body.and_then(|body| match serde_json::from_value::<Topic>(body) {
            Ok(topic) => Some(Arc::new(LiveTopic::new(topic))),
            Err(error) => {
                tracing::error!(topic = name, error = %error, "a stored topic cannot be read; it is left out");
                None
            }
        });
        let mut topics = self.topics.write().unwrap_or_else(PoisonError::into_inner);
        match live {
            Some(live) => topics.insert(key, live),
            None => topics.remove(&key),
        };
    }

    pub(crate) fn show_in_chat(&self, channels: &[ChatChannel]) {
        let mut chat = self.chat.write().unwrap_or_else(PoisonError::into_inner);
        chat.clear();
        for channel in channels {
            for topic in &channel.topics {
                let shown = chat.entry(topic.clone()).or_default();
                shown.push(channel.name.clone());
            }
        }
    }

    fn find(&self, scope: &Scope, name: &str) -> Option<Arc<LiveTopic>> {
        let topics = self.topics.read().unwrap_or_else(PoisonError::into_inner);
        topics.get(&(scope.clone(), name.to_owned())).cloned()
    }

    /// Whether there is a topic of this name.
    pub(crate) fn holds(&self, scope: &Scope, name: &str) -> bool {
        self.find(scope, name).is_some()
    }

    fn channels(&self, topic_arn: &str) -> Vec<String> {
        let chat = self.chat.read().unwrap_or_else(PoisonError::into_inner);
        chat.get(topic_arn).cloned().unwrap_or_default()
    }
}

impl LiveTopic {
    fn new(topic: Topic) -> Self {
        let mut live = Self {
            by_attributes: Matcher::new(),
            by_body: Matcher::new(),
            unfiltered: BTreeSet::new(),
            topic,
        };
        let wanted: Vec<_> = confirmed(&live.topic)
            .map(|subscription| {
                let scope = subscription.filter_scope;
                let policy = subscription.filter_policy.as_deref().unwrap_or("{}");
                (subscription.id, scope, filter::read(policy, scope))
            })
            .collect();
        for (id, scope, policy) in wanted {
            match (policy, scope) {
                (Ok(None), _) => {
                    live.unfiltered.insert(id);
                }
                (Ok(Some(pattern)), FilterScope::MessageAttributes) => {
                    live.by_attributes.insert(id, pattern);
                }
                (Ok(Some(pattern)), FilterScope::MessageBody) => {
                    live.by_body.insert(id, pattern);
                }
                (Err(error), _) => tracing::error!(
                    subscription.id = %id, error = %error,
                    "a stored filter policy is not valid; its subscription gets nothing"
                ),
            }
        }
        live
    }

    /// The subscriptions that want a message, in order of id.
    fn wanting(&self, message: &Message) -> Vec<&Subscription> {
        let of_attributes = if self.by_attributes.is_empty() {
            Vec::new()
        } else {
            let event = filter::attributes_event(&message.attributes);
            matched(&self.by_attributes, event)
        };
        // Each protocol may have a text of its own; each text is looked at once.
        let mut by_text: HashMap<&str, Vec<Uuid>> = HashMap::new();
        let mut of_body = |protocol: Protocol, id: Uuid| {
            let text = message.text_for(protocol);
            let found = by_text
                .entry(text)
                .or_insert_with(|| matched(&self.by_body, filter::body_event(text)));
            found.contains(&id)
        };
        confirmed(&self.topic)
            .filter(|subscription| {
                self.unfiltered.contains(&subscription.id)
                    || match subscription.filter_scope {
                        FilterScope::MessageAttributes => of_attributes.contains(&subscription.id),
                        FilterScope::MessageBody => of_body(subscription.protocol, subscription.id),
                    }
            })
            .collect()
    }
}

fn matched(matcher: &Matcher<Uuid>, event: Option<Event>) -> Vec<Uuid> {
    event.map_or_else(Vec::new, |event| matcher.matching(&event))
}

fn confirmed(topic: &Topic) -> impl Iterator<Item = &Subscription> {
    let all = topic.subscriptions.values();
    all.filter(|subscription| subscription.pending.is_none())
}

pub(crate) async fn publish(
    shared: &Arc<Shared>,
    scope: &Scope,
    topic: &str,
    messages: &[Message],
) -> Result<Option<Vec<Uuid>>, AskError> {
    shared.dispatcher.admit(messages.len())?;
    let now = shared.ports.clock.now();
    let mut published = Vec::with_capacity(messages.len());
    let mut inputs = Vec::new();
    for message in messages {
        let id = ids::random(&shared.ports.entropy.draw(), "message");
        let Some(more) = publish_inputs(shared, (scope, topic), id, message, now) else {
            return Ok(None);
        };
        inputs.extend(more);
        published.push(id);
    }
    accept::commit(shared, inputs, Vec::new(), now).await?;
    Ok(Some(published))
}

/// What a message becomes: a delivery for each subscriber that wants it, and for each chat channel. `None` if there is
/// no such topic. The same message id gives the same deliveries.
pub(crate) fn publish_inputs(
    shared: &Shared,
    (scope, name): (&Scope, &str),
    id: Uuid,
    message: &Message,
    at: Timestamp,
) -> Option<Vec<(AggregateId, Scope, Input)>> {
    let live = shared.topics.find(scope, name)?;
    let arn = topic_arn(scope, name);
    let delivery = |target: &str, start: delivery::Start| {
        let to = AggregateId::delivery(ids::named(&["message", &id.to_string(), target]));
        let input = Input::Delivery(Box::new(delivery::Input::Start(Box::new(start))));
        (to, scope.clone(), input)
    };
    let topic = &live.topic;
    let subscribed = live.wanting(message).into_iter().map(|subscription| {
        let start = start(topic, &arn, subscription, (id, message, at));
        (start.target_id.clone(), start)
    });
    let channels = shared.topics.channels(&arn);
    let chat = channels.into_iter().map(|channel| {
        let start = to_chat(&arn, channel, message);
        (start.target_id.clone(), start)
    });
    let all = subscribed.chain(chat);
    Some(
        all.map(|(target, start)| delivery(&target, start))
            .collect(),
    )
}

/// A delivery that asks a subscription's endpoint to confirm it. `nonce` is what its token is derived from.
#[must_use]
pub fn confirmation(
    topic_arn: &str,
    topic: &Topic,
    subscription: &Subscription,
    nonce: &str,
    (id, at): (Uuid, Timestamp),
) -> delivery::Start {
    let text = format!(
        "You have chosen to subscribe to the topic {topic_arn}.\nTo confirm the subscription, visit the SubscribeURL included in this message."
    );
    let message = Message {
        default: text,
        ..Message::default()
    };
    let mut start = start(topic, topic_arn, subscription, (id, &message, at));
    if let Request::TopicMessage(message) = &mut start.request {
        // Raw delivery is for what is published.
        if let Way::Web { raw, .. } | Way::Queue { raw, .. } = &mut message.way {
            *raw = false;
        }
        message.kind = TopicMessageKind::SubscriptionConfirmation {
            nonce: nonce.to_owned(),
        };
    }
    start.dead_letter = None;
    start
}

fn start(
    topic: &Topic,
    topic_arn: &str,
    subscription: &Subscription,
    (id, message, at): (Uuid, &Message, Timestamp),
) -> delivery::Start {
    let arn = subscription_arn(topic_arn, subscription.id);
    let text = message.text_for(subscription.protocol);
    let given = subscription.delivery_policy.as_deref();
    let policy = policy::effective(topic.delivery_policy.as_deref(), given);
    let retry = retry(subscription.protocol, &policy);
    let request = match way(subscription, policy) {
        Ok(way) => Request::TopicMessage(Box::new(TopicMessage {
            kind: TopicMessageKind::Notification,
            message_id: id,
            topic_arn: topic_arn.to_owned(),
            display_name: topic.display_name.clone(),
            subscription_arn: arn.clone(),
            subject: message.subject.clone(),
            message: text.to_owned(),
            timestamp: model::incident::epoch::to_millis(at),
            attributes: message.attributes.clone(),
            signature_version: topic.signature_version,
            way,
        })),
        Err(message) => Request::Undeliverable(delivery::Undeliverable {
            code: "INVALID_PARAMETER".to_owned(),
            message,
        }),
    };
    let event = match &subscription.dead_letter {
        None => String::new(),
        Some(_) if subscription.raw => text.to_owned(),
        Some(_) => unsigned(topic_arn, (id, message, at), text),
    };
    delivery::Start {
        origin: topic_arn.to_owned(),
        target_id: arn,
        target_arn: subscription.endpoint.clone(),
        request,
        retry,
        dead_letter: subscription.dead_letter.clone(),
        event,
    }
}

/// What a subscription's dead-letter queue gets: the envelope, which nobody signs once it is there.
fn unsigned(topic_arn: &str, (id, message, at): (Uuid, &Message, Timestamp), text: &str) -> String {
    let mut body = json!({
        "Type": "Notification",
        "MessageId": id,
        "TopicArn": topic_arn,
        "Message": text,
        "Timestamp": model::incident::epoch::to_millis(at).to_string(),
    });
    if let Some(subject) = &message.subject {
        body["Subject"] = subject.as_str().into();
    }
    if !message.attributes.is_empty() {
        body["MessageAttributes"] = json!(message.attributes);
    }
    body.to_string()
}

fn way(subscription: &Subscription, policy: policy::Effective) -> Result<Way, String> {
    let endpoint = subscription.endpoint.as_str();
    let parsed = || Arn::parse(endpoint).ok_or_else(|| format!("`{endpoint}` is no ARN"));
    Ok(match subscription.protocol {
        Protocol::Http | Protocol::Https => Way::Web {
            url: endpoint.to_owned(),
            raw: subscription.raw,
            content_type: policy.content_type,
        },
        Protocol::Email | Protocol::EmailJson => Way::Mail {
            to: endpoint.to_owned(),
            json: subscription.protocol == Protocol::EmailJson,
        },
        Protocol::Sqs => {
            let arn = parsed()?;
            let url = delivery::queue_url(&arn);
            Way::Queue {
                url: url.ok_or_else(|| format!("`{endpoint}` is no queue's ARN"))?,
                region: arn.region,
                raw: subscription.raw,
            }
        }
        Protocol::Lambda => Way::Function {
            arn: endpoint.to_owned(),
            region: parsed()?.region,
        },
    })
}

/// How often a subscription's endpoint is tried.
/// Source: "Amazon SNS message delivery retries", Amazon SNS Developer Guide.
fn retry(protocol: Protocol, policy: &policy::Effective) -> delivery::Retry {
    match protocol {
        Protocol::Http | Protocol::Https => delivery::Retry {
            maximum_attempts: Some(policy.pace.num_retries),
            maximum_age_secs: None,
            pace: Some(policy.pace),
        },
        Protocol::Email | Protocol::EmailJson => delivery::Retry {
            maximum_attempts: Some(50),
            maximum_age_secs: Some(6 * 3_600),
            pace: None,
        },
        Protocol::Sqs | Protocol::Lambda => delivery::Retry::default(),
    }
}

fn to_chat(topic_arn: &str, channel: String, message: &Message) -> delivery::Start {
    let text = chat::text(message.subject.as_deref(), &message.default);
    let target = format!("chat/{channel}");
    delivery::Start {
        origin: topic_arn.to_owned(),
        target_id: target.clone(),
        target_arn: target,
        request: Request::Chat(ChatPost { channel, text }),
        retry: delivery::Retry::default(),
        dead_letter: None,
        event: String::new(),
    }
}
