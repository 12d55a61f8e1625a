//! Filters of executions and of their steps. They look at what the API shows, not into runs.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::decode::{Fields, Text};
use crate::error::ApiError;

/// Filter keys of executions.
pub(super) const EXECUTION_KEYS: [&str; 12] = [
    "DocumentNamePrefix",
    "ExecutionStatus",
    "ExecutionId",
    "ParentExecutionId",
    "CurrentAction",
    "StartTimeBefore",
    "StartTimeAfter",
    "AutomationType",
    "TagKey",
    "TargetResourceGroup",
    "AutomationSubtype",
    "OpsItemId",
];
/// Filter keys of steps.
pub(super) const STEP_KEYS: [&str; 9] = [
    "StartTimeBefore",
    "StartTimeAfter",
    "StepExecutionStatus",
    "StepExecutionId",
    "StepName",
    "Action",
    "ParentStepExecutionId",
    "ParentStepIteration",
    "ParentStepIteratorValue",
];
const VALUE: Text = Text::length(1, 150);

/// One filter: any of its values must fit.
pub(super) struct Filter {
    key: &'static str,
    values: Vec<String>,
    /// The values of a time filter.
    instants: Vec<Timestamp>,
}

/// Reads `Filters`.
pub(super) fn read(fields: &Fields<'_>, keys: &[&'static str]) -> Result<Vec<Filter>, ApiError> {
    let mut filters: Vec<Filter> = Vec::new();
    for given in fields.objects("Filters", 1, 10)?.unwrap_or_default() {
        let key = given.required_text("Key", Text::length(1, 64))?;
        let values = given.required_texts("Values", (1, 10), VALUE)?;
        let Some(key) = keys.iter().find(|known| **known == key).copied() else {
            let message = format!(
                "The filter key `{}` is not one of: {}.",
                crate::error::echo(key),
                keys.join(", ")
            );
            return Err(ApiError::new("InvalidFilterKey", message));
        };
        if filters.iter().any(|filter| filter.key == key) {
            let message =
                format!("The filter key {key} stands twice: give all values in one filter.");
            return Err(ApiError::new("InvalidFilterKey", message));
        }
        filters.push(Filter::new(key, &values)?);
    }
    Ok(filters)
}

impl Filter {
    fn new(key: &'static str, values: &[&str]) -> Result<Self, ApiError> {
        let instants = if key.starts_with("StartTime") {
            values
                .iter()
                .map(|value| instant(key, value))
                .collect::<Result<_, _>>()?
        } else {
            Vec::new()
        };
        Ok(Self {
            key,
            values: values.iter().map(|&value| value.to_owned()).collect(),
            instants,
        })
    }

    /// Whether an `AutomationExecutionMetadata` fits.
    pub(super) fn fits_execution(&self, shown: &Value, tags: &BTreeMap<String, String>) -> bool {
        match self.key {
            "DocumentNamePrefix" => {
                let name = text(shown, "DocumentName");
                self.values
                    .iter()
                    .any(|prefix| name.starts_with(prefix.as_str()))
            }
            "ExecutionStatus" => self.is(text(shown, "AutomationExecutionStatus")),
            "ExecutionId" => self.is(text(shown, "AutomationExecutionId")),
            "ParentExecutionId" => self.is(text(shown, "ParentAutomationExecutionId")),
            "TagKey" => self.values.iter().any(|key| tags.contains_key(key)),
            "TargetResourceGroup" => self.is_target_group(shown),
            "StartTimeBefore" | "StartTimeAfter" => self.fits_time(shown),
            member => self.is(text(shown, member)),
        }
    }

    /// The parent whose children are wanted, if it is one: they are found without a search.
    pub(super) fn parent(filters: &[Self]) -> Option<&str> {
        let filter = filters
            .iter()
            .find(|filter| filter.key == "ParentExecutionId")?;
        match filter.values.as_slice() {
            [one] => Some(one),
            _ => None,
        }
    }

    /// The executions that are named, if they are: they are found without a search.
    pub(super) fn executions(filters: &[Self]) -> Option<Vec<Uuid>> {
        let filter = filters.iter().find(|filter| filter.key == "ExecutionId")?;
        // What is no id is no execution's.
        let ids = filter.values.iter().filter_map(|id| id.parse().ok());
        Some(ids.collect())
    }

    fn is_target_group(&self, shown: &Value) -> bool {
        let targets = shown
            .get("Targets")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        let groups = targets.filter(|target| text(target, "Key") == "ResourceGroup");
        let mut names = groups.flat_map(|target| {
            target
                .get("Values")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
        });
        names.any(|name| name.as_str().is_some_and(|name| self.is(name)))
    }

    /// Whether a `StepExecution` fits.
    pub(super) fn fits_step(&self, shown: &Value) -> bool {
        let parent = shown.get("ParentStepDetails").unwrap_or(&Value::Null);
        match self.key {
            "StepExecutionStatus" => self.is(text(shown, "StepStatus")),
            "ParentStepExecutionId" => self.is(text(parent, "StepExecutionId")),
            "ParentStepIteration" => {
                let pass = parent.get("Iteration").map(Value::to_string);
                pass.is_some_and(|pass| self.values.contains(&pass))
            }
            "ParentStepIteratorValue" => self.is(text(parent, "IteratorValue")),
            "StartTimeBefore" | "StartTimeAfter" => self.fits_time(shown),
            member => self.is(text(shown, member)),
        }
    }

    fn is(&self, found: &str) -> bool {
        self.values.iter().any(|value| value == found)
    }

    fn fits_time(&self, shown: &Value) -> bool {
        let Some(started) = shown.get("ExecutionStartTime").and_then(Value::as_f64) else {
            return false;
        };
        self.instants.iter().any(|instant| {
            #[expect(
                clippy::cast_precision_loss,
                reason = "milliseconds of year 9999 still fit the mantissa"
            )]
            let bound = instant.as_millisecond() as f64 / 1000.0;
            if self.key == "StartTimeBefore" {
                started <= bound
            } else {
                started >= bound
            }
        })
    }
}

fn text<'a>(shown: &'a Value, member: &str) -> &'a str {
    shown
        .get(member)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn instant(key: &str, value: &str) -> Result<Timestamp, ApiError> {
    value.parse().map_err(|_| {
        let shown = crate::error::echo(value);
        let message = format!(
            "The value `{shown}` of the filter {key} is no instant such as 2024-05-01T10:00:00Z."
        );
        ApiError::new("InvalidFilterValue", message)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn one(key: &str, value: &str, keys: &[&'static str]) -> Result<Filter, ApiError> {
        let input = json!({ "Filters": [{ "Key": key, "Values": [value] }] });
        let fields = Fields::new(input.as_object().expect("object"));
        read(&fields, keys).map(|mut filters| filters.remove(0))
    }

    #[test]
    fn executions_fit_or_do_not() {
        let shown = json!({
            "DocumentName": "Quell-EC2-Isolate", "AutomationExecutionStatus": "Waiting", "AutomationExecutionId": "a",
            "CurrentAction": "aws:approve", "ExecutionStartTime": 1_714_557_600.5, "AutomationType": "Local",
            "ParentAutomationExecutionId": "p", "Targets": [{"Key": "ResourceGroup", "Values": ["fleet"]}]
        });
        let tags = BTreeMap::from([("team".to_owned(), "sec".to_owned())]);
        for (key, value, want) in [
            ("DocumentNamePrefix", "Quell-", true),
            ("DocumentNamePrefix", "EC2", false),
            ("ExecutionStatus", "Waiting", true),
            ("ExecutionStatus", "Success", false),
            ("ExecutionId", "a", true),
            ("ParentExecutionId", "a", false),
            ("ParentExecutionId", "p", true),
            ("TargetResourceGroup", "fleet", true),
            ("TargetResourceGroup", "other", false),
            ("CurrentAction", "aws:approve", true),
            ("AutomationType", "CrossAccount", false),
            ("TagKey", "team", true),
            ("StartTimeAfter", "2024-05-01T10:00:00Z", true),
            ("StartTimeBefore", "2024-05-01T10:00:00Z", false),
            ("StartTimeBefore", "2024-05-01T11:00:00Z", true),
        ] {
            let filter = one(key, value, &EXECUTION_KEYS).expect("filter");
            assert_eq!(filter.fits_execution(&shown, &tags), want, "{key}={value}");
        }
        assert!(one("StepName", "x", &EXECUTION_KEYS).is_err());
        assert!(one("StartTimeAfter", "yesterday", &EXECUTION_KEYS).is_err());
    }

    #[test]
    fn steps_fit_or_do_not() {
        let shown = json!({
            "StepName": "Tag", "StepStatus": "Success", "Action": "aws:createTags", "StepExecutionId": "s",
            "ParentStepDetails": { "StepExecutionId": "p", "Iteration": 2, "IteratorValue": "i-1" }
        });
        for (key, value, want) in [
            ("StepName", "Tag", true),
            ("StepExecutionStatus", "Success", true),
            ("StepExecutionStatus", "Failed", false),
            ("Action", "aws:createTags", true),
            ("ParentStepIteration", "2", true),
            ("ParentStepIteration", "1", false),
            ("ParentStepIteratorValue", "i-1", true),
            ("StartTimeAfter", "2024-05-01T10:00:00Z", false),
        ] {
            let filter = one(key, value, &STEP_KEYS).expect("filter");
            assert_eq!(filter.fits_step(&shown), want, "{key}={value}");
        }
    }
}
