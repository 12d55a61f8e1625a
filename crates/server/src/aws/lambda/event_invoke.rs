//! What becomes of asynchronous invocations: `PutFunctionEventInvokeConfig` and its like.

use model::arn::Arn;
use model::function::{EventInvoke, Function, Named};
use serde_json::{Value, json};

use super::names::{self, Place};
use crate::call::{Answer, Call, Reply};
use crate::decode::{Fields, Text, epoch};
use crate::error::{ApiError, echo};
use crate::page::Cursor;

pub(super) async fn put(call: Call) -> Answer {
    write(call, false).await
}

pub(super) async fn update(call: Call) -> Answer {
    write(call, true).await
}

async fn write(call: Call, over: bool) -> Answer {
    let place = names::place(&call)?;
    let given = Given::read(&call, &place)?;
    let now = call.handle().now();
    let (_, config) = names::change(&call, &place, |function| {
        let qualifier = existing(&call, function, &place)?;
        let before = function.event_invoke.get(&qualifier).cloned();
        let config = match (before, over) {
            (None, true) => return Err(none(&call, &place)),
            (Some(before), true) => given.over(before, now),
            (_, false) => given.over(empty(now), now),
        };
        function.event_invoke.insert(qualifier, config.clone());
        Ok(config)
    })
    .await?;
    Ok(Reply::ok(shown(&call, &place, place.qualifier(), &config)))
}

pub(super) async fn get(call: Call) -> Answer {
    let place = names::place(&call)?;
    let function = names::existing(&call, &place).await?.body;
    let qualifier = existing(&call, &function, &place)?;
    let config = function.event_invoke.get(&qualifier);
    let config = config.ok_or_else(|| none(&call, &place))?;
    Ok(Reply::ok(shown(&call, &place, &qualifier, config)))
}

pub(super) async fn delete(call: Call) -> Answer {
    let place = names::place(&call)?;
    names::change(&call, &place, |function| {
        let qualifier = existing(&call, function, &place)?;
        let gone = function.event_invoke.remove(&qualifier);
        gone.map(|_| ()).ok_or_else(|| none(&call, &place))
    })
    .await?;
    Ok(Reply::empty())
}

pub(super) async fn list(call: Call) -> Answer {
    let place = names::place(&call)?.unqualified()?;
    let function = names::existing(&call, &place).await?.body;
    let cursor = Cursor::new(&call, "ListFunctionEventInvokeConfigs", &place.name);
    let all = function
        .event_invoke
        .iter()
        .map(|(name, config)| (name.as_str(), shown(&call, &place, name, config)));
    let (page, next) = names::paged(&call, &cursor, all)?;
    let mut answer = json!({ "FunctionEventInvokeConfigs": page });
    if let Some(next) = next {
        answer["NextMarker"] = next.into();
    }
    Ok(Reply::ok(answer))
}

/// The qualifier that is meant, which must be there.
fn existing(call: &Call, function: &Function, place: &Place) -> Result<String, ApiError> {
    let qualifier = place.qualifier();
    let found = function.resolve(qualifier, 1.0);
    found
        .map(|_| qualifier.to_owned())
        .ok_or_else(|| place.missing(call))
}

fn none(call: &Call, place: &Place) -> ApiError {
    let arn = names::arn(call, &place.name, Some(place.qualifier()));
    names::not_found(&format!(
        "The function {arn} doesn't have an EventInvokeConfig"
    ))
}

fn empty(modified: jiff::Timestamp) -> EventInvoke {
    EventInvoke {
        retries: None,
        age_secs: None,
        on_failure: None,
        on_success: None,
        modified,
    }
}

fn shown(call: &Call, place: &Place, qualifier: &str, config: &EventInvoke) -> Value {
    let destination = |arn: &Option<String>| match arn {
        Some(arn) => json!({ "Destination": arn }),
        None => json!({}),
    };
    let mut shown = json!({
        "FunctionArn": names::arn(call, &place.name, Some(qualifier)),
        "LastModified": epoch(config.modified),
        "DestinationConfig": {
            "OnSuccess": destination(&config.on_success),
            "OnFailure": destination(&config.on_failure),
        },
    });
    if let Some(retries) = config.retries {
        shown["MaximumRetryAttempts"] = retries.into();
    }
    if let Some(age) = config.age_secs {
        shown["MaximumEventAgeInSeconds"] = age.into();
    }
    shown
}

/// What a request says.
struct Given {
    retries: Option<u32>,
    age_secs: Option<u32>,
    /// Whom failures and successes are told, where the request says.
    on_failure: Option<Option<String>>,
    on_success: Option<Option<String>>,
}

impl Given {
    fn read(call: &Call, place: &Place) -> Result<Self, ApiError> {
        let fields = call.fields();
        let number = |name: &str, min: i64, max: i64| -> Result<Option<u32>, ApiError> {
            let found = fields.integer(name, min, max)?;
            Ok(found.and_then(|number| u32::try_from(number).ok()))
        };
        let config = fields.object("DestinationConfig")?;
        let side = |name: &str| match &config {
            Some(config) => destination(call, place, (config, name)),
            None => Ok(None),
        };
        Ok(Self {
            retries: number("MaximumRetryAttempts", 0, 2)?,
            age_secs: number("MaximumEventAgeInSeconds", 60, 21_600)?,
            on_failure: side("OnFailure")?,
            on_success: side("OnSuccess")?,
        })
    }

    fn over(&self, before: EventInvoke, modified: jiff::Timestamp) -> EventInvoke {
        EventInvoke {
            retries: self.retries.or(before.retries),
            age_secs: self.age_secs.or(before.age_secs),
            on_failure: self.on_failure.clone().unwrap_or(before.on_failure),
            on_success: self.on_success.clone().unwrap_or(before.on_success),
            modified,
        }
    }
}

fn destination(
    call: &Call,
    place: &Place,
    (config, name): (&Fields<'_>, &str),
) -> Result<Option<Option<String>>, ApiError> {
    let Some(side) = config.object(name)? else {
        return Ok(None);
    };
    let arn = side.text("Destination", Text::length(0, 350))?;
    let Some(arn) = arn.filter(|arn| !arn.is_empty()) else {
        return Ok(Some(None));
    };
    let parsed = Arn::parse(arn).filter(|arn| !arn.region.is_empty() && !arn.account.is_empty());
    let known = parsed.is_some_and(|parsed| match parsed.service.as_str() {
        "sqs" | "sns" => !parsed.resource.contains(':'),
        "lambda" => Named::parse(arn).is_some(),
        "events" => parsed.tail("event-bus").is_some(),
        _ => false,
    });
    if !known {
        return Err(names::invalid(format!(
            "The provided destination {} is invalid: give the ARN of an SQS queue, an SNS topic, a Lambda function or an event bus",
            echo(arn)
        )));
    }
    let own = Named::parse(arn).is_some_and(|named| {
        named.is_of(&call.scope.account, &call.scope.region) && named.name == place.name
    });
    if own && arn.contains(":lambda:") {
        return Err(names::invalid(
            "A function cannot be its own destination: it would invoke itself without end",
        ));
    }
    Ok(Some(Some(arn.to_owned())))
}
