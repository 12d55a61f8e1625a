//! Jobs that a Task waits for (`.sync`): how one is looked at, when it is over, and what it brings.
//!
//! The service is told of the end of a job by events; here its state is read until it has one that is final. The four
//! services read with calls whose parameters and answers are spelled as in their models.

use serde_json::{Map, Value, json};

/// A kind of job.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Job {
    /// boto3's name of the service.
    service: &'static str,
    /// Operation that begins one.
    begin: &'static str,
    /// Operation that reads one.
    pub(crate) look: &'static str,
    /// Operation that ends one early.
    pub(crate) stop: &'static str,
    /// Where the job is in the answer of `look`.
    job: &'static str,
    /// Where its state is in the answer of `look`.
    status: &'static str,
    /// States in which it ended well.
    good: &'static [&'static str],
    /// States in which it ended otherwise.
    bad: &'static [&'static str],
}

const JOBS: [Job; 4] = [
    Job {
        service: "stepfunctions",
        begin: "StartExecution",
        look: "DescribeExecution",
        stop: "StopExecution",
        job: "",
        status: "/status",
        good: &["SUCCEEDED"],
        bad: &["FAILED", "TIMED_OUT", "ABORTED"],
    },
    Job {
        service: "ssm",
        begin: "StartAutomationExecution",
        look: "GetAutomationExecution",
        stop: "StopAutomationExecution",
        job: "/AutomationExecution",
        status: "/AutomationExecution/AutomationExecutionStatus",
        good: &["Success", "CompletedWithSuccess"],
        bad: &[
            "Failed",
            "TimedOut",
            "Cancelled",
            "Rejected",
            "CompletedWithFailure",
            "ChangeCalendarOverrideRejected",
        ],
    },
    Job {
        service: "glue",
        begin: "StartJobRun",
        look: "GetJobRun",
        stop: "BatchStopJobRun",
        job: "/JobRun",
        status: "/JobRun/JobRunState",
        good: &["SUCCEEDED"],
        bad: &["FAILED", "TIMEOUT", "STOPPED", "ERROR", "EXPIRED"],
    },
    Job {
        service: "athena",
        begin: "StartQueryExecution",
        look: "GetQueryExecution",
        stop: "StopQueryExecution",
        job: "",
        status: "/QueryExecution/Status/State",
        good: &["SUCCEEDED"],
        bad: &["FAILED", "CANCELLED"],
    },
];

/// What a look at a job tells.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Seen {
    /// It goes on.
    Running,
    /// It ended well, with this.
    Succeeded(Value),
    /// It ended otherwise, with this.
    Failed(Value),
}

impl Job {
    /// The job that a call begins.
    pub(crate) fn of(service: &str, operation: &str) -> Option<&'static Self> {
        JOBS.iter()
            .find(|job| job.service == service && job.begin == operation)
    }

    /// Parameters that name the job, from those of the call that began it and its answer: to look at it, or to stop it.
    pub(crate) fn named(&self, asked: &Value, begun: &Value, stop: bool) -> Map<String, Value> {
        let named = match (self.service, stop) {
            ("stepfunctions", _) => json!({"executionArn": begun["executionArn"]}),
            ("ssm", _) => json!({"AutomationExecutionId": begun["AutomationExecutionId"]}),
            ("glue", false) => json!({"JobName": asked["JobName"], "RunId": begun["JobRunId"]}),
            ("glue", true) => {
                json!({"JobName": asked["JobName"], "JobRunIds": [begun["JobRunId"]]})
            }
            _ => json!({"QueryExecutionId": begun["QueryExecutionId"]}),
        };
        match named {
            Value::Object(named) => named,
            _ => Map::new(),
        }
    }

    /// What the answer to a look means. `opened`: whether texts that are JSON come as their values (`.sync:2`).
    pub(crate) fn seen(&self, answer: &Value, opened: bool) -> Seen {
        let status = answer.pointer(self.status).and_then(Value::as_str);
        let status = status.unwrap_or_default();
        let good = self.good.contains(&status);
        if !good && !self.bad.contains(&status) {
            return Seen::Running;
        }
        let mut found = answer.pointer(self.job).cloned().unwrap_or_default();
        if let Some(members) = found.as_object_mut() {
            members.remove("ResponseMetadata");
        }
        if self.service == "stepfunctions" {
            found = execution(&found, opened);
        }
        if good {
            Seen::Succeeded(found)
        } else {
            Seen::Failed(found)
        }
    }
}

/// An execution as a Task's result shows it: names with capitals, instants in milliseconds.
fn execution(described: &Value, opened: bool) -> Value {
    let mut shown = Map::new();
    for (member, value) in described.as_object().into_iter().flatten() {
        if member.starts_with("redrive") {
            continue;
        }
        let value = match member.as_str() {
            "startDate" | "stopDate" => millis(value),
            "inputDetails" | "outputDetails" => json!({"Included": value["included"]}),
            "input" | "output" if opened => {
                let text = value.as_str().unwrap_or_default();
                serde_json::from_str(text).unwrap_or_else(|_| value.clone())
            }
            _ => value.clone(),
        };
        shown.insert(super::integration::pascal(member), value);
    }
    Value::Object(shown)
}

fn millis(value: &Value) -> Value {
    let instant = value.as_str().and_then(|text| {
        let at: jiff::Timestamp = text.parse().ok()?;
        Some(at.as_millisecond())
    });
    #[expect(
        clippy::cast_possible_truncation,
        reason = "instants in milliseconds are below 2^53"
    )]
    let seconds = value
        .as_f64()
        .map(|seconds| (seconds * 1000.0).round() as i64);
    instant
        .or(seconds)
        .map_or_else(|| value.clone(), Value::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_tells_whether_a_job_is_over() {
        for (service, begin, answer, want) in [
            (
                "stepfunctions",
                "StartExecution",
                json!({"status": "RUNNING"}),
                Seen::Running,
            ),
            (
                "stepfunctions",
                "StartExecution",
                json!({
                    "status": "SUCCEEDED", "output": "{\"a\":1}", "outputDetails": {"included": true},
                    "startDate": "2026-01-01T00:00:00.5Z", "redriveCount": 0, "ResponseMetadata": {},
                }),
                Seen::Succeeded(json!({
                    "Status": "SUCCEEDED", "Output": "{\"a\":1}", "OutputDetails": {"Included": true},
                    "StartDate": 1_767_225_600_500_i64,
                })),
            ),
            (
                "ssm",
                "StartAutomationExecution",
                json!({"AutomationExecution": {"AutomationExecutionStatus": "Waiting"}}),
                Seen::Running,
            ),
            (
                "ssm",
                "StartAutomationExecution",
                json!({"AutomationExecution": {"AutomationExecutionStatus": "TimedOut"}}),
                Seen::Failed(json!({"AutomationExecutionStatus": "TimedOut"})),
            ),
            (
                "glue",
                "StartJobRun",
                json!({"JobRun": {"JobRunState": "SUCCEEDED"}}),
                Seen::Succeeded(json!({"JobRunState": "SUCCEEDED"})),
            ),
            (
                "athena",
                "StartQueryExecution",
                json!({"QueryExecution": {"Status": {"State": "CANCELLED"}}}),
                Seen::Failed(json!({"QueryExecution": {"Status": {"State": "CANCELLED"}}})),
            ),
        ] {
            let job = Job::of(service, begin).expect("a job");
            assert_eq!(job.seen(&answer, false), want, "{service} {answer}");
        }
        assert!(Job::of("sqs", "SendMessage").is_none());
    }

    #[test]
    fn the_second_form_opens_the_texts_of_an_execution() {
        let job = Job::of("stepfunctions", "StartExecution").expect("a job");
        let answer = json!({"status": "SUCCEEDED", "output": "{\"a\":1}", "input": "no JSON"});
        let want = json!({"Status": "SUCCEEDED", "Output": {"a": 1}, "Input": "no JSON"});
        assert_eq!(job.seen(&answer, true), Seen::Succeeded(want));
    }

    #[test]
    fn a_job_is_named_by_what_its_begin_answered() {
        let glue = Job::of("glue", "StartJobRun").expect("a job");
        let (asked, begun) = (json!({"JobName": "j"}), json!({"JobRunId": "r"}));
        let named = |stop| Value::Object(glue.named(&asked, &begun, stop));
        assert_eq!(named(false), json!({"JobName": "j", "RunId": "r"}));
        assert_eq!(named(true), json!({"JobName": "j", "JobRunIds": ["r"]}));
    }
}
