//! Patterns for the operator's API: as given, or those of stored rules.

use engine::checks::Pattern;
use model::bus::Bus;

use super::names::{self, BUS_NAME, DEFAULT_BUS, RULE_NAME};
use super::put_rule::check_pattern;
use crate::call::Call;
use crate::catalog;
use crate::error::ApiError;

/// A pattern as given.
pub(crate) fn given(text: &str) -> Result<Pattern, ApiError> {
    check_pattern(text)
}

/// The pattern of a stored rule, with its bus: a name or an ARN, or the default bus.
pub(crate) async fn stored(
    call: &Call,
    bus: Option<&str>,
    rule: &str,
) -> Result<(String, Pattern), ApiError> {
    RULE_NAME.check("rule", rule)?;
    let bus = bus.unwrap_or(DEFAULT_BUS);
    let bus = names::bus_in(&call.scope, bus)
        .ok_or_else(|| ApiError::validation(format!("`bus`: {}", names::FOREIGN_BUS)))?;
    BUS_NAME.check("bus", &bus)?;
    if bus != DEFAULT_BUS {
        let kept = catalog::read::<Bus>(call.handle(), &names::bus_key(call, &bus)).await?;
        kept.ok_or_else(|| names::no_bus(&bus))?;
    }
    let rule = names::existing_rule(call, &bus, rule).await?;
    match &rule.event_pattern {
        Some(text) => Ok((bus, check_pattern(text)?)),
        None => Err(ApiError::validation(format!(
            "rule `{}` has no event pattern: it fires by its schedule",
            rule.name
        ))),
    }
}
