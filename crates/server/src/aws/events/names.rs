//! Names, ARNs and storage keys of buses and rules, and the exceptions for what is not there.

use model::Scope;
use model::arn::Arn;
use model::bus::{BUS, Bus, RULE, Rule};

use crate::call::Call;
use crate::catalog::{self, Key};
use crate::decode::{Text, is_word};
use crate::error::ApiError;

/// The account's own bus, which always exists.
pub(super) const DEFAULT_BUS: &str = "default";

/// A rule's name, and a target's id.
pub(super) const RULE_NAME: Text =
    Text::length(1, 64).matching("[\\.\\-_A-Za-z0-9]+", |text| is_word(text, ".-_"));
/// A bus's name.
pub(super) const BUS_NAME: Text =
    Text::length(1, 256).matching("[/\\.\\-_A-Za-z0-9]+", |text| is_word(text, "/.-_"));
/// An ARN that is looked at later.
pub(super) const ARN: Text = Text::length(1, 1600);
/// Why an ARN names no bus here.
pub(super) const FOREIGN_BUS: &str =
    "it must be the name or ARN of an event bus of this account and region.";
/// A pagination token.
pub(super) const NEXT_TOKEN: Text = Text::length(1, 2048);

/// The bus that a member names (by name or ARN); absent means the default bus. Its existence is not checked.
pub(super) fn bus_name(call: &Call, member: &str) -> Result<String, ApiError> {
    let fields = call.fields();
    let Some(text) = fields.text(member, ARN)? else {
        return Ok(DEFAULT_BUS.to_owned());
    };
    let name = bus_in(&call.scope, text).ok_or_else(|| {
        ApiError::validation(format!(
            "Parameter {member} is not valid. Reason: {FOREIGN_BUS}"
        ))
    })?;
    BUS_NAME.check(&fields.place(member), &name)?;
    Ok(name)
}

/// The bus in a name or ARN; `None` if the ARN is of something else, or of another account or region.
pub(super) fn bus_in(scope: &Scope, text: &str) -> Option<String> {
    let Some(arn) = Arn::parse(text) else {
        return Some(text.to_owned());
    };
    let own = arn.service == "events" && arn.account == scope.account && arn.region == scope.region;
    arn.tail("event-bus").filter(|_| own).map(str::to_owned)
}

/// As [`bus_name`], and the bus must exist.
pub(super) async fn existing_bus(call: &Call, member: &str) -> Result<String, ApiError> {
    let name = bus_name(call, member)?;
    if name == DEFAULT_BUS {
        return Ok(name);
    }
    match catalog::read::<Bus>(call.handle(), &bus_key(call, &name)).await? {
        Some(_) => Ok(name),
        None => Err(no_bus(&name)),
    }
}

/// A bus as stored; the default bus exists without being stored.
pub(super) fn stored_or_default(found: Option<Bus>, name: &str) -> Result<Bus, ApiError> {
    found
        .or_else(|| (name == DEFAULT_BUS).then(|| Bus::new(name)))
        .ok_or_else(|| no_bus(name))
}

/// Where a bus is kept.
pub(super) fn bus_key(call: &Call, bus: &str) -> Key {
    Key {
        scope: call.scope.clone(),
        kind: BUS,
        name: bus.to_owned(),
    }
}

/// Where a rule is kept; with an empty rule name, the prefix of all rules of the bus.
pub(super) fn rule_key(call: &Call, bus: &str, rule: &str) -> Key {
    Key {
        scope: call.scope.clone(),
        kind: RULE,
        name: format!("{bus}/{rule}"),
    }
}

/// A bus's ARN.
pub(super) fn bus_arn(call: &Call, bus: &str) -> String {
    call.arn("events", &format!("event-bus/{bus}"))
}

/// A rule's ARN: rules of the default bus stand without the bus.
pub(super) fn rule_arn(call: &Call, bus: &str, rule: &str) -> String {
    if bus == DEFAULT_BUS {
        call.arn("events", &format!("rule/{rule}"))
    } else {
        call.arn("events", &format!("rule/{bus}/{rule}"))
    }
}

/// One rule that must exist.
pub(super) async fn existing_rule(call: &Call, bus: &str, rule: &str) -> Result<Rule, ApiError> {
    let found = catalog::read::<Rule>(call.handle(), &rule_key(call, bus, rule)).await?;
    found
        .map(|kept| kept.body)
        .ok_or_else(|| no_rule(bus, rule))
}

pub(super) fn no_rule(bus: &str, rule: &str) -> ApiError {
    ApiError::not_found(format!("Rule {rule} does not exist on EventBus {bus}."))
}

pub(super) fn no_bus(bus: &str) -> ApiError {
    ApiError::not_found(format!("Event bus {bus} does not exist."))
}

pub(super) fn bad_next_token() -> ApiError {
    ApiError::validation(
        "Parameter NextToken is not valid: take it from the answer before, with the same parameters.",
    )
}

pub(super) fn limit_exceeded(what: &str) -> ApiError {
    ApiError::new(
        "LimitExceededException",
        format!("The requested resource exceeds the maximum number allowed: {what}."),
    )
}

/// Refuses more than one filter of a listing.
pub(super) fn one_filter(operation: &str, filters: &[Option<&str>]) -> Result<(), ApiError> {
    if filters.iter().flatten().count() <= 1 {
        return Ok(());
    }
    Err(ApiError::validation(format!(
        "At most one filter is allowed for {operation}. Use either : State, EventSourceArn, or NamePrefix."
    )))
}

/// The position behind which a page begins, from the request's `NextToken`.
pub(super) fn position(
    call: &Call,
    cursor: &crate::page::Cursor,
) -> Result<Option<String>, ApiError> {
    let token = call.fields().text("NextToken", NEXT_TOKEN)?;
    token
        .map(|token| cursor.position(token).ok_or_else(bad_next_token))
        .transpose()
}
