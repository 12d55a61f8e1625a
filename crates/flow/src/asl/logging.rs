//! What of an execution's history is written to a log group, and as what.
//!
//! Levels: Step Functions developer guide, "Log levels for Step Functions execution events"; the shape of a message is as
//! recorded from the service. Knows nothing of who writes.

use model::effect::LogLine;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Lines of one batch at most. Source: CloudWatch Logs takes 10,000 with one call.
const MAX_LINES: usize = 5_000;
/// Bytes of one batch at most, with what CloudWatch Logs counts for each line. Source: its limit is 1,048,576.
const MAX_BYTES: usize = 900_000;
/// What CloudWatch Logs counts for a line besides its text.
const LINE_BYTES: usize = 26;
/// Bytes of a message at most: data of a longer one is cut.
const MAX_MESSAGE: usize = 250_000;
/// Bytes that cut data keeps.
const CUT: usize = 50_000;
/// Members of details that are execution data.
const DATA: [&str; 4] = ["input", "output", "parameters", "assignedVariables"];
/// Members of details that say something of execution data.
const ABOUT_DATA: [&str; 3] = ["inputDetails", "outputDetails", "assignedVariablesDetails"];

/// What is logged of executions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logging {
    /// Which events.
    pub level: Level,
    /// Whether with inputs, outputs and parameters.
    #[serde(default)]
    pub with_data: bool,
    /// ARN of the log group, without `:*`.
    pub group_arn: String,
}

/// Which events are logged. Off is no [`Logging`] at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// All.
    All,
    /// What failed, was stopped or ran out of time, and the entering of a Fail state.
    Error,
    /// An execution that failed, was stopped or ran out of time.
    Fatal,
}

impl Level {
    fn takes(self, kind: &str) -> bool {
        let bad = ["Failed", "Aborted", "TimedOut"];
        let bad = bad.iter().any(|end| kind.ends_with(end));
        match self {
            Self::All => true,
            Self::Error => bad || kind == "FailStateEntered",
            Self::Fatal => bad && kind.starts_with("Execution"),
        }
    }
}

impl Logging {
    /// The events of a turn as lines, in batches that one call can carry. `execution`: its ARN and how often it was
    /// redriven.
    pub(crate) fn batches(&self, events: &[Value], execution: (&str, u32)) -> Vec<Vec<LogLine>> {
        let mut batches: Vec<Vec<LogLine>> = Vec::new();
        let mut bytes = 0;
        for event in events {
            if !self.level.takes(event["type"].as_str().unwrap_or_default()) {
                continue;
            }
            let line = LogLine {
                timestamp: event["timestamp"].as_i64().unwrap_or_default(),
                message: self.message(event, execution),
            };
            bytes += line.message.len() + LINE_BYTES;
            match batches.last_mut() {
                Some(batch) if bytes <= MAX_BYTES && batch.len() < MAX_LINES => batch.push(line),
                _ => {
                    bytes = line.message.len() + LINE_BYTES;
                    batches.push(vec![line]);
                }
            }
        }
        batches
    }

    fn message(&self, event: &Value, (arn, redrives): (&str, u32)) -> String {
        let members = event.as_object().into_iter().flatten();
        let details = members
            .filter(|(name, _)| name.ends_with("EventDetails"))
            .find_map(|(_, details)| details.as_object());
        let mut details = details.cloned().unwrap_or_default();
        if !self.with_data {
            for member in DATA.iter().chain(&ABOUT_DATA) {
                details.remove(*member);
            }
        }
        let whole = line(event, &details, (arn, redrives));
        if whole.len() <= MAX_MESSAGE {
            return whole;
        }
        cut(&mut details);
        line(event, &details, (arn, redrives))
    }
}

fn line(event: &Value, details: &Map<String, Value>, (arn, redrives): (&str, u32)) -> String {
    let number = |name: &str| event[name].as_i64().unwrap_or_default().to_string();
    json!({
        "id": number("id"),
        "type": event["type"],
        "details": details,
        "previous_event_id": number("previousEventId"),
        "event_timestamp": number("timestamp"),
        "execution_arn": arn,
        "redrive_count": redrives.to_string(),
    })
    .to_string()
}

/// Cuts data that is too long for a line, and says so.
fn cut(details: &mut Map<String, Value>) {
    for name in DATA.iter().chain(&["cause"]) {
        let Some(value) = details.get_mut(*name) else {
            continue;
        };
        let text = match &*value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        if text.len() <= CUT {
            continue;
        }
        let end = (0..=CUT).rev().find(|at| text.is_char_boundary(*at));
        *value = json!(text.get(..end.unwrap_or(0)));
        let about = format!("{name}Details");
        if ABOUT_DATA.contains(&about.as_str()) {
            details.insert(about, json!({"truncated": true}));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:states:us-east-1:111111111111:execution:m:e";

    fn logging(level: Level, with_data: bool) -> Logging {
        Logging {
            level,
            with_data,
            group_arn: "arn:aws:logs:us-east-1:111111111111:log-group:/aws/events/machines"
                .to_owned(),
        }
    }

    fn event(id: u64, kind: &str, details: Value) -> Value {
        json!({"timestamp": 5, "type": kind, "id": id, "previousEventId": id - 1, "xEventDetails": details})
    }

    #[test]
    fn each_level_takes_its_events() {
        let kinds = [
            ("ExecutionStarted", "A"),
            ("TaskStateEntered", "A"),
            ("FailStateEntered", "AE"),
            ("TaskScheduled", "A"),
            ("TaskSubmitted", "A"),
            ("TaskFailed", "AE"),
            ("TaskStartFailed", "AE"),
            ("LambdaFunctionTimedOut", "AE"),
            ("MapIterationFailed", "AE"),
            ("WaitStateAborted", "AE"),
            ("EvaluationFailed", "AE"),
            ("ExecutionSucceeded", "A"),
            ("ExecutionFailed", "AEF"),
            ("ExecutionAborted", "AEF"),
            ("ExecutionTimedOut", "AEF"),
        ];
        for (kind, levels) in kinds {
            for (level, letter) in [(Level::All, 'A'), (Level::Error, 'E'), (Level::Fatal, 'F')] {
                assert_eq!(
                    level.takes(kind),
                    levels.contains(letter),
                    "{kind} {letter}"
                );
            }
        }
    }

    #[test]
    fn a_line_says_what_the_services_own_says() {
        let details = json!({"name": "S", "input": "{}", "inputDetails": {"truncated": false}});
        let events = [event(2, "PassStateEntered", details)];
        for (with_data, wanted) in [
            (
                true,
                json!({"name": "S", "input": "{}", "inputDetails": {"truncated": false}}),
            ),
            (false, json!({"name": "S"})),
        ] {
            let batches = logging(Level::All, with_data).batches(&events, (ARN, 1));
            let [batch] = batches.as_slice() else {
                panic!("one batch: {batches:?}");
            };
            assert_eq!((batch.len(), batch[0].timestamp), (1, 5));
            let message: Value = serde_json::from_str(&batch[0].message).expect("JSON");
            let whole = json!({
                "id": "2", "type": "PassStateEntered", "details": wanted, "previous_event_id": "1",
                "event_timestamp": "5", "execution_arn": ARN, "redrive_count": "1",
            });
            assert_eq!(message, whole);
        }
        let without = [
            json!({"timestamp": 5, "type": "ParallelStateStarted", "id": 1, "previousEventId": 0}),
        ];
        let batches = logging(Level::All, true).batches(&without, (ARN, 0));
        assert!(batches[0][0].message.contains(r#""details":{}"#));
        assert!(
            logging(Level::Error, true)
                .batches(&events, (ARN, 0))
                .is_empty()
        );
    }

    #[test]
    fn long_data_is_cut_and_many_lines_are_several_batches() {
        let long = "é".repeat(200_000);
        let details = json!({"output": long, "outputDetails": {"truncated": false}});
        let events = [event(2, "PassStateExited", details)];
        let batches = logging(Level::All, true).batches(&events, (ARN, 0));
        let message = &batches[0][0].message;
        assert!(message.len() < 2 * CUT, "{}", message.len());
        assert!(message.contains(r#""truncated":true"#));
        let many: Vec<Value> = (1..=12_000)
            .map(|id| {
                event(
                    id,
                    "PassStateEntered",
                    json!({"name": "S", "input": "x".repeat(200)}),
                )
            })
            .collect();
        let batches = logging(Level::All, true).batches(&many, (ARN, 0));
        assert_eq!(batches.iter().map(Vec::len).sum::<usize>(), 12_000);
        for batch in &batches {
            let bytes: usize = batch
                .iter()
                .map(|line| line.message.len() + LINE_BYTES)
                .sum();
            assert!(bytes <= MAX_BYTES && batch.len() <= MAX_LINES, "{bytes}");
        }
    }
}
