//! What carries tags: rules and buses, named by ARN.

use std::collections::BTreeMap;

use model::arn::Arn;
use model::bus::{Bus, Rule};

use super::names::{self, DEFAULT_BUS};
use crate::call::Call;
use crate::catalog::{self, Edit};
use crate::error::ApiError;

/// A resource with tags.
pub(super) enum Tagged {
    /// A rule of a bus.
    Rule(String, String),
    /// A bus.
    Bus(String),
}

type Tags = BTreeMap<String, String>;

impl Tagged {
    /// The resource that the request's `ResourceARN` names.
    pub(super) fn read(call: &Call) -> Result<Self, ApiError> {
        let fields = call.fields();
        let text = fields.required_text("ResourceARN", names::ARN)?;
        let unknown = || {
            ApiError::validation(
                "Parameter ResourceARN is not valid. Reason: it must be the ARN of a rule or an event bus here.",
            )
        };
        let arn = Arn::parse(text).ok_or_else(unknown)?;
        if arn.service != "events"
            || arn.account != call.scope.account
            || arn.region != call.scope.region
        {
            return Err(unknown());
        }
        if let Some(tail) = arn.tail("rule") {
            let (bus, rule) = tail.rsplit_once('/').unwrap_or((DEFAULT_BUS, tail));
            return Ok(Self::Rule(bus.to_owned(), rule.to_owned()));
        }
        arn.tail("event-bus")
            .map(|bus| Self::Bus(bus.to_owned()))
            .ok_or_else(unknown)
    }

    /// Its tags.
    pub(super) async fn tags(&self, call: &Call) -> Result<Tags, ApiError> {
        self.change(call, |tags| Ok(tags.clone())).await
    }

    /// Replaces its tags by what `decide` makes of them, and answers them.
    pub(super) async fn change(
        &self,
        call: &Call,
        decide: impl Fn(&Tags) -> Result<Tags, ApiError>,
    ) -> Result<Tags, ApiError> {
        match self {
            Self::Rule(bus, name) => {
                let key = names::rule_key(call, bus, name);
                catalog::edit(call.handle(), &key, |found: Option<Rule>| {
                    let rule = found.ok_or_else(|| names::no_rule(bus, name))?;
                    let tags = decide(&rule.tags)?;
                    let edit = if tags == rule.tags {
                        Edit::Keep
                    } else {
                        Edit::Put(Rule {
                            tags: tags.clone(),
                            ..rule
                        })
                    };
                    Ok((edit, tags))
                })
                .await
            }
            Self::Bus(name) => {
                let key = names::bus_key(call, name);
                catalog::edit(call.handle(), &key, |found: Option<Bus>| {
                    let bus = names::stored_or_default(found, name)?;
                    let tags = decide(&bus.tags)?;
                    let edit = if tags == bus.tags {
                        Edit::Keep
                    } else {
                        Edit::Put(Bus {
                            tags: tags.clone(),
                            ..bus
                        })
                    };
                    Ok((edit, tags))
                })
                .await
            }
        }
    }
}
