//! `PutEvents`: one answer per entry, in order.

use std::collections::HashMap;

use engine::{EntryOutcome, PutEntry};
use jiff::Timestamp;
use model::Scope;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::names;
use crate::call::{Answer, Call, Reply};
use crate::decode::{Fields, Text};
use crate::error::ApiError;

const MAX_ENTRIES: usize = 10;
/// What a `Time` counts against the limit on size, in bytes.
const TIME_SIZE: usize = 14;
const ANY: Text = Text::length(0, usize::MAX);

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    if fields
        .text("EndpointId", ANY)?
        .is_some_and(|id| !id.is_empty())
    {
        return Err(ApiError::validation(
            "Parameter EndpointId is not valid: global endpoints are not served, leave it out.",
        ));
    }
    let entries = fields.required_objects("Entries", 1, MAX_ENTRIES)?;
    let entries = entries
        .iter()
        .map(Entry::read)
        .collect::<Result<Vec<_>, _>>()?;
    let size: usize = entries.iter().map(Entry::size).sum();
    if size > call.state.config().event_size_limit {
        return Err(ApiError::validation(
            "Total size of the entries in the request is over the limit.",
        ));
    }
    let judged: Vec<Result<PutEntry, Value>> = entries
        .iter()
        .map(|entry| entry.judge(&call.scope, call.caller.ingest))
        .collect();
    let good = judged
        .iter()
        .filter_map(|entry| entry.as_ref().ok().cloned())
        .collect();
    let outcomes = call.handle().put_events(&call.scope, good).await;
    let mut outcomes = outcomes
        .map_err(|error| ApiError::from_ask(error, refused))?
        .into_iter();
    let mut failed = 0;
    let mut answers = Vec::with_capacity(judged.len());
    for entry in judged {
        let answer = match entry {
            Err(failure) => Err(failure),
            Ok(_) => match outcomes.next() {
                Some(EntryOutcome::Accepted { event_id }) => Ok(json!({ "EventId": event_id })),
                Some(EntryOutcome::Malformed { .. }) => Err(malformed_detail()),
                None => {
                    return Err(ApiError::internal(
                        "the engine answered fewer entries than it was given",
                    ));
                }
            },
        };
        failed += usize::from(answer.is_err());
        answers.push(answer.unwrap_or_else(|failure| failure));
    }
    Ok(Reply::ok(
        json!({ "FailedEntryCount": failed, "Entries": answers }),
    ))
}

fn refused(rejection: model::Rejection) -> ApiError {
    ApiError::validation(rejection.to_string())
}

struct Entry<'a> {
    source: &'a str,
    detail_type: &'a str,
    detail: &'a str,
    bus: &'a str,
    resources: Vec<&'a str>,
    time: Option<Timestamp>,
}

impl<'a> Entry<'a> {
    fn read(fields: &Fields<'a>) -> Result<Self, ApiError> {
        let text = |name| fields.text(name, ANY).map(Option::unwrap_or_default);
        Ok(Self {
            source: text("Source")?,
            detail_type: text("DetailType")?,
            detail: text("Detail")?,
            bus: fields
                .text("EventBusName", names::ARN)?
                .unwrap_or(names::DEFAULT_BUS),
            resources: fields
                .texts("Resources", (0, usize::MAX), ANY)?
                .unwrap_or_default(),
            time: fields.timestamp("Time")?,
        })
    }

    fn size(&self) -> usize {
        let time = if self.time.is_some() { TIME_SIZE } else { 0 };
        let resources: usize = self.resources.iter().map(|resource| resource.len()).sum();
        time + self.source.len() + self.detail_type.len() + self.detail.len() + resources
    }

    /// The entry for the engine, or the entry's own failure.
    fn judge(&self, scope: &Scope, ingest: bool) -> Result<PutEntry, Value> {
        for (name, value) in [
            ("Source", self.source),
            ("DetailType", self.detail_type),
            ("Detail", self.detail),
        ] {
            if value.is_empty() {
                let message = format!(
                    "Parameter {name} is not valid. Reason: {name} is a required argument."
                );
                return Err(json!({ "ErrorCode": "InvalidArgument", "ErrorMessage": message }));
            }
        }
        if self.source.starts_with("aws.") && !ingest {
            let message = "Not authorized for the source: sources that begin with `aws.` need a key with `ingest = true`.";
            return Err(
                json!({ "ErrorCode": "NotAuthorizedForSourceException", "ErrorMessage": message }),
            );
        }
        // The engine puts this text into the envelope as it stands: it must be one whole object and nothing else.
        if serde_json::from_str::<HashMap<String, IgnoredAny>>(self.detail).is_err() {
            return Err(malformed_detail());
        }
        let Some(bus) = names::bus_in(scope, self.bus) else {
            let message = format!(
                "Parameter EventBusName is not valid. Reason: {}",
                names::FOREIGN_BUS
            );
            return Err(json!({ "ErrorCode": "InvalidArgument", "ErrorMessage": message }));
        };
        Ok(PutEntry {
            bus,
            source: self.source.to_owned(),
            detail_type: self.detail_type.to_owned(),
            detail: self.detail.to_owned(),
            resources: self
                .resources
                .iter()
                .map(|&resource| resource.to_owned())
                .collect(),
            time: self.time,
            ..PutEntry::default()
        })
    }
}

fn malformed_detail() -> Value {
    json!({ "ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed." })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(value: &Value, ingest: bool) -> Result<PutEntry, String> {
        let fields = Fields::new(value.as_object().expect("object"));
        let entry = Entry::read(&fields).expect("types");
        entry
            .judge(&Scope::new("123456789012", "us-east-1"), ingest)
            .map_err(|failure| failure["ErrorCode"].as_str().unwrap_or_default().to_owned())
    }

    #[test]
    fn each_entry_fails_alone() {
        let entry = |source: &str, kind: &str, detail: &str| json!({ "Source": source, "DetailType": kind, "Detail": detail });
        for (value, ingest, want) in [
            (entry("app", "x", "{}"), false, Ok(())),
            (entry("aws.ec2", "x", "{}"), true, Ok(())),
            (
                entry("aws.ec2", "x", "{}"),
                false,
                Err("NotAuthorizedForSourceException"),
            ),
            (entry("", "x", "{}"), false, Err("InvalidArgument")),
            (entry("app", "", "{}"), false, Err("InvalidArgument")),
            (
                json!({ "Source": "app", "DetailType": "x" }),
                false,
                Err("InvalidArgument"),
            ),
            (entry("app", "x", "[1]"), false, Err("MalformedDetail")),
            (entry("app", "x", "\"x\""), false, Err("MalformedDetail")),
            (
                entry("app", "x", "{\"a\":1},\"account\":\"999999999999\""),
                false,
                Err("MalformedDetail"),
            ),
            (entry("app", "x", "{\"a\":1"), false, Err("MalformedDetail")),
        ] {
            assert_eq!(
                judge(&value, ingest).map(|_| ()),
                want.map_err(str::to_owned),
                "{value}"
            );
        }
    }

    #[test]
    fn sizes_count_as_aws_counts() {
        let value = json!({ "Source": "abc", "DetailType": "é", "Detail": "{}", "Resources": ["r1", "r2"], "Time": 5 });
        let entry = Entry::read(&Fields::new(value.as_object().expect("object"))).expect("types");
        assert_eq!(entry.size(), 14 + 3 + 2 + 2 + 4);
    }

    #[test]
    fn buses_are_named_or_arns() {
        let bus = |name: &str| {
            let value =
                json!({ "Source": "a", "DetailType": "b", "Detail": "{}", "EventBusName": name });
            judge(&value, false).map(|entry| entry.bus)
        };
        assert_eq!(bus("orders"), Ok("orders".to_owned()));
        assert_eq!(
            bus("arn:aws:events:us-east-1:123456789012:event-bus/orders"),
            Ok("orders".to_owned())
        );
        let foreign = bus("arn:aws:events:us-east-1:999999999999:event-bus/orders");
        assert_eq!(foreign, Err("InvalidArgument".to_owned()));
    }
}
