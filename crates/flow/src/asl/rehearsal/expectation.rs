//! How a test case should end, and whether it did.

use serde_json::Value;

use super::Ended;
use super::mocks::{Unreadable, known};

/// Fields of an expectation.
const FIELDS: [&str; 6] = ["Input", "Status", "Output", "Error", "Path", "Calls"];
/// Statuses that an execution can end with.
const STATUSES: [&str; 4] = ["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"];

/// What is expected of a case. What is not said may be anything.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Expectation {
    /// The execution's input, instead of the one given for all cases.
    pub input: Option<Value>,
    status: Option<String>,
    output: Option<Value>,
    error: Option<String>,
    path: Option<Vec<String>>,
    calls: Option<Vec<String>>,
}

impl Expectation {
    /// Reads an expectation that stands at `at`.
    pub(super) fn read(value: &Value, at: &str) -> Result<Self, Unreadable> {
        let refuse = |field: &str, message: &str| Unreadable {
            at: format!("{at}/{field}"),
            message: message.to_owned(),
        };
        let Value::Object(map) = value else {
            return Err(Unreadable {
                at: at.to_owned(),
                message: "must be an object".to_owned(),
            });
        };
        known(map, &FIELDS, at)?;
        let text = |field: &str| match map.get(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(refuse(field, "must be a text")),
        };
        let texts = |field: &str| {
            let Some(value) = map.get(field) else {
                return Ok(None);
            };
            let list = value.as_array().and_then(|list| {
                let texts = list.iter().map(|item| item.as_str().map(str::to_owned));
                texts.collect::<Option<Vec<String>>>()
            });
            list.map(Some)
                .ok_or_else(|| refuse(field, "must be a list of texts"))
        };
        let status = text("Status")?;
        if status
            .as_deref()
            .is_some_and(|status| !STATUSES.contains(&status))
        {
            let message = format!("must be one of {}", STATUSES.join(", "));
            return Err(refuse("Status", &message));
        }
        Ok(Self {
            input: map.get("Input").cloned(),
            status,
            output: map.get("Output").cloned(),
            error: text("Error")?,
            path: texts("Path")?,
            calls: texts("Calls")?,
        })
    }

    /// What is not as expected, in sentences; nothing if all is.
    #[must_use]
    pub fn unmet(&self, ended: &Ended) -> Vec<String> {
        let mut unmet = Vec::new();
        let mut compare = |what: &str, wanted: Option<String>, found: String| {
            if let Some(wanted) = wanted
                && wanted != found
            {
                unmet.push(format!("{what} should be {wanted}, is {found}"));
            }
        };
        compare(
            "status",
            self.status.clone(),
            ended.status.as_str().to_owned(),
        );
        let error = ended.error.clone().unwrap_or_else(|| "none".to_owned());
        compare("error", self.error.clone(), error);
        let output: Option<Value> = ended
            .output
            .as_deref()
            .and_then(|text| serde_json::from_str(text).ok());
        if self.output.is_some() && self.output != output {
            let shown = output.map_or_else(|| "none".to_owned(), |output| output.to_string());
            compare("output", self.output.as_ref().map(Value::to_string), shown);
        }
        let listed = |list: &[String]| list.join(" > ");
        compare(
            "path",
            self.path.as_deref().map(listed),
            listed(&ended.path),
        );
        let calls: Vec<String> = ended.calls.iter().map(|made| made.call.clone()).collect();
        compare("calls", self.calls.as_deref().map(listed), listed(&calls));
        unmet
    }
}
