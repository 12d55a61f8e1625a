//! `Subscribe`: a web address or a mailbox must confirm before it gets anything; so must another account's queue.

use engine::views::topics;
use engine::{Handle, Input};
use jiff::{SignedDuration, Timestamp};
use model::arn::Arn;
use model::topic::{FilterScope, Pending, Protocol, Subscription, Topic, subscription_arn};
use model::{AggregateId, ids};
use serde_json::json;
use uuid::Uuid;

use super::names::{self, MAX_SUBSCRIPTIONS, invalid, plain_invalid};
use super::subscriptions;
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit};
use crate::decode::Text;
use crate::error::{ApiError, echo};

/// How long a confirmation's token holds. Source: `ConfirmSubscription`, Amazon SNS API Reference.
const TOKEN_LIFE: SignedDuration = SignedDuration::from_hours(3 * 24);
/// Longest address, in bytes.
const MAX_ENDPOINT: usize = 2048;

/// What became of the wish.
struct Subscribed {
    topic: Topic,
    subscription: Subscription,
    /// Its endpoint is to be asked.
    ask: bool,
}

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let name = names::topic(&call, "TopicArn")?;
    let protocol = protocol(names::required(&call, "Protocol")?)?;
    let endpoint = names::required(&call, "Endpoint")?;
    check_endpoint(protocol, endpoint)?;
    let any = (Text::length(0, 256), Text::length(0, 64 * 1024));
    let given = fields.text_map("Attributes", (0, 100), any)?;
    let given = given.unwrap_or_default();
    let mut wanted = new(&call, protocol, endpoint);
    for (attribute, value) in &given {
        subscriptions::set(&mut wanted, attribute, value).map_err(|error| error.in_attributes())?;
    }
    let now = call.handle().now();
    let done = catalog::edit(
        call.handle(),
        &names::key(&call, &name),
        |found: Option<Topic>| {
            let topic = found.ok_or_else(|| names::not_found("Topic"))?;
            subscribe(topic, &wanted, now)
        },
    )
    .await?;
    let topic_arn = names::arn(&call, &name);
    let arn = subscription_arn(&topic_arn, done.subscription.id);
    if done.ask {
        ask(call.handle(), &call, &topic_arn, &done).await?;
    }
    let shown = fields.boolean("ReturnSubscriptionArn")?.unwrap_or(false);
    let pending = done.subscription.pending.is_some() && !shown;
    let answer = if pending {
        "pending confirmation"
    } else {
        &arn
    };
    Ok(Reply::ok(json!({ "SubscriptionArn": answer })))
}

fn protocol(word: &str) -> Result<Protocol, ApiError> {
    Protocol::parse(word).ok_or_else(|| match word {
        "sms" | "application" | "firehose" => invalid(
            "Protocol",
            &format!("Quell does not deliver to {word}: use http, https, email, email-json, sqs or lambda"),
        ),
        _ => plain_invalid(&format!(
            "Amazon SNS does not support this protocol string: {}",
            echo(word)
        )),
    })
}

fn check_endpoint(protocol: Protocol, endpoint: &str) -> Result<(), ApiError> {
    let refuse = |reason: &str| Err(invalid("Endpoint", reason));
    if endpoint.len() > MAX_ENDPOINT || endpoint.chars().any(|c| c.is_control() || c == ' ') {
        return refuse(
            "it must have at most 2048 bytes, none of them a space or control character",
        );
    }
    match protocol {
        Protocol::Http | Protocol::Https => {
            let scheme = format!("{}://", protocol.as_str());
            if !endpoint.starts_with(&scheme) {
                return Err(plain_invalid("Endpoint must match the specified protocol"));
            }
            let address = endpoint.parse::<http::Uri>().ok();
            let authority = address.as_ref().and_then(http::Uri::authority);
            match authority {
                None => refuse("it is no web address"),
                Some(found) if found.as_str().contains('@') => {
                    refuse("it must not hold a password, which everybody could read: leave it out")
                }
                Some(_) => Ok(()),
            }
        }
        Protocol::Email | Protocol::EmailJson => {
            let parts = endpoint.split_once('@');
            let fits = |(local, host): (&str, &str)| {
                !local.is_empty() && host.contains('.') && !host.contains(['@', '<', '>', ','])
            };
            if endpoint.len() <= 254 && parts.is_some_and(fits) {
                Ok(())
            } else {
                Err(plain_invalid("Email address"))
            }
        }
        Protocol::Sqs => match Arn::parse(endpoint).filter(|arn| arn.service == "sqs") {
            Some(arn) if arn.resource.ends_with(".fifo") => {
                refuse("FIFO SQS Queues can not be subscribed to standard SNS topics")
            }
            Some(arn) if !arn.region.is_empty() && !arn.account.is_empty() => Ok(()),
            _ => Err(plain_invalid("SQS endpoint ARN")),
        },
        Protocol::Lambda => match Arn::parse(endpoint) {
            Some(arn) if arn.service == "lambda" && arn.resource.starts_with("function:") => Ok(()),
            _ => Err(plain_invalid("Lambda endpoint ARN")),
        },
    }
}

fn new(call: &Call, protocol: Protocol, endpoint: &str) -> Subscription {
    let foreign = Arn::parse(endpoint).is_none_or(|arn| arn.account != call.scope.account);
    // A function's own policy says who may invoke it; a queue of the same account is the caller's own.
    let asks = protocol != Protocol::Lambda && (protocol != Protocol::Sqs || foreign);
    let nonce = ids::random(&call.handle().entropy(), "subscription token");
    let expires = call.handle().now().checked_add(TOKEN_LIFE);
    Subscription {
        id: call.handle().new_id(),
        protocol,
        endpoint: endpoint.to_owned(),
        pending: asks.then(|| Pending {
            nonce: nonce.simple().to_string(),
            expires: expires.unwrap_or(Timestamp::MAX),
        }),
        confirmed_by: None,
        authenticated: !asks,
        authenticate_on_unsubscribe: false,
        raw: false,
        filter_policy: None,
        filter_scope: FilterScope::default(),
        delivery_policy: None,
        dead_letter: None,
    }
}

/// Adds the subscription, or finds the one of the same endpoint. Those that were not confirmed in time go.
fn subscribe(
    mut topic: Topic,
    wanted: &Subscription,
    now: Timestamp,
) -> Result<(Edit<Topic>, Subscribed), ApiError> {
    let lapsed = |one: &Subscription| one.pending.as_ref().is_some_and(|p| p.expires <= now);
    topic.subscriptions.retain(|_, one| !lapsed(one));
    let mut all = topic.subscriptions.values();
    let found =
        all.find(|one| (one.protocol, &one.endpoint) == (wanted.protocol, &wanted.endpoint));
    let subscription = match found {
        None => wanted.clone(),
        Some(found) => {
            // Asked again, it gets a new token, and what it was confirmed with stays.
            let again = Subscription {
                id: found.id,
                pending: found.pending.as_ref().and(wanted.pending.clone()),
                confirmed_by: found.confirmed_by.clone(),
                authenticated: found.authenticated,
                authenticate_on_unsubscribe: found.authenticate_on_unsubscribe,
                ..wanted.clone()
            };
            let confirmed = found.pending.is_none();
            if confirmed && again != *found {
                let reason = "Subscription already exists with different attributes";
                return Err(invalid("Attributes", reason));
            }
            again
        }
    };
    subscriptions::check(&topic, &subscription).map_err(|error| error.in_attributes())?;
    let ask = subscription.pending.is_some();
    let id = subscription.id;
    let unchanged = topic.subscriptions.get(&id) == Some(&subscription);
    topic.subscriptions.insert(id, subscription.clone());
    if topic.subscriptions.len() > MAX_SUBSCRIPTIONS {
        let message =
            format!("Subscription limit exceeded: a topic has at most {MAX_SUBSCRIPTIONS}");
        return Err(names::forbidden("SubscriptionLimitExceeded", &message));
    }
    let edit = if unchanged {
        Edit::Keep
    } else {
        Edit::Put(topic.clone())
    };
    let done = Subscribed {
        topic,
        subscription,
        ask,
    };
    Ok((edit, done))
}

/// Hands the question to a delivery, which outlives a restart and tries again.
async fn ask(
    handle: &Handle,
    call: &Call,
    topic_arn: &str,
    done: &Subscribed,
) -> Result<(), ApiError> {
    let Some(pending) = &done.subscription.pending else {
        return Ok(());
    };
    let id: Uuid = handle.new_id();
    let start = topics::confirmation(
        topic_arn,
        &done.topic,
        &done.subscription,
        &pending.nonce,
        (id, handle.now()),
    );
    let input = Input::Delivery(Box::new(engine::views::delivery::Input::Start(Box::new(
        start,
    ))));
    handle
        .ask(AggregateId::delivery(id), &call.scope, input)
        .await
        .map(|_| ())
        .map_err(names::failed)
}
