//! Jobs that a Task waits for (`.sync`): how one is looked at, when it is over, and what it brings.
//!
//! The service is told of the end of a job by events; here its state is read until it has one that is final. All names
//! are in PascalCase, as Step Functions spells them; who makes the calls knows the services' own spelling.

mod table;

use serde_json::{Map, Value, json};

use Source::{Asked, Begun, Each, EachAlone, OneOf, Text};
use table::{EXECUTION, JOBS, TASK};

/// A kind of job.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Job {
    /// boto3's name of the service.
    service: &'static str,
    /// Operation that begins one.
    begin: &'static str,
    /// Operation that reads one, and its parameters.
    pub(crate) look: &'static str,
    named: &'static [(&'static str, Source)],
    /// Operation that ends one early, and its parameters. Without a name there is none.
    pub(crate) stop: &'static str,
    stopped: &'static [(&'static str, Source)],
    /// Where the job is in the answer of `look`, and the member of the result that it becomes: the result itself if empty.
    job: (&'static str, &'static str),
    /// Where its state is in the answer of `look`.
    status: &'static str,
    /// States in which it ended well.
    good: &'static [&'static str],
    /// States in which it ended otherwise.
    bad: &'static [&'static str],
}

/// Where a parameter comes from.
#[derive(Debug, PartialEq, Eq)]
enum Source {
    /// The parameters of the call that began the job: a JSON pointer. One that leads nowhere is left out.
    Asked(&'static str),
    /// Its answer.
    Begun(&'static str),
    /// A list of one, from its answer.
    OneOf(&'static str),
    /// A list of this member of each element of a list in its answer.
    Each(&'static str, &'static str),
    /// The same, one call for each element.
    EachAlone(&'static str, &'static str),
    /// This.
    Text(&'static str),
}

/// What a look at a job tells.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Seen {
    /// It goes on.
    Running,
    /// The service does not know it, or part of it, and tells this: not yet, or no longer.
    Missing(Value),
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

    /// Parameters that look at the job, from those of the call that began it and its answer.
    pub(crate) fn look_at(&self, asked: &Value, begun: &Value) -> Map<String, Value> {
        let (asked, begun) = (capitals(asked), capitals(begun));
        let named = self.named.iter();
        named
            .filter_map(|(name, from)| Some(((*name).to_owned(), from.find(&asked, &begun)?)))
            .collect()
    }

    /// Parameters of the calls that end the job, none if it is not ended.
    pub(crate) fn stop_it(&self, asked: &Value, begun: &Value) -> Vec<Map<String, Value>> {
        if self.stop.is_empty() {
            return Vec::new();
        }
        let (asked, begun) = (capitals(asked), capitals(begun));
        let mut calls = vec![Map::new()];
        for (name, from) in self.stopped {
            if let EachAlone(list, member) = from {
                let all = each(&begun, (list, member));
                let with = |call: &Map<String, Value>| {
                    let call = call.clone();
                    all.clone().into_iter().map(move |value| {
                        let mut call = call.clone();
                        call.insert((*name).to_owned(), value);
                        call
                    })
                };
                calls = calls.iter().flat_map(with).collect();
            } else if let Some(value) = from.find(&asked, &begun) {
                for call in &mut calls {
                    call.insert((*name).to_owned(), value.clone());
                }
            }
        }
        calls
    }

    /// Why a begin that was answered began nothing: error and cause. Source: Step Functions developer guide, "Run Amazon
    /// ECS or Fargate tasks": an answer with `Failures` fails a task that waits.
    pub(crate) fn not_begun(&self, answer: &Value) -> Option<(&'static str, String)> {
        if *self != TASK {
            return None;
        }
        let failures = capitals(answer).get("Failures").cloned()?;
        let failed = failures.as_array().is_some_and(|all| !all.is_empty());
        failed.then(|| ("AmazonECS.Unknown", failures.to_string()))
    }

    /// What the answer to a look means. `opened`: whether texts that are JSON come as their values (`.sync:2`).
    pub(crate) fn seen(&self, answer: &Value, opened: bool) -> Seen {
        let mut answer = capitals(answer);
        if let Some(members) = answer.as_object_mut() {
            members.remove("ResponseMetadata");
        }
        if *self == TASK {
            return tasks(&answer);
        }
        let status = answer.pointer(self.status).and_then(Value::as_str);
        let status = status.unwrap_or_default();
        let good = self.good.contains(&status);
        if !good && !self.bad.contains(&status) {
            return Seen::Running;
        }
        let mut found = answer.pointer(self.job.0).cloned().unwrap_or_default();
        if *self == EXECUTION {
            found = execution(&found, opened);
        }
        if !self.job.1.is_empty() {
            let id = found.get("Id").filter(|_| self.job.1 == "Cluster").cloned();
            found = json!({ self.job.1: found });
            if let Some(id) = id {
                found["ClusterId"] = id;
            }
        }
        if good {
            Seen::Succeeded(found)
        } else {
            Seen::Failed(found)
        }
    }
}

impl Source {
    fn find(&self, asked: &Value, begun: &Value) -> Option<Value> {
        match self {
            Asked(at) => asked.pointer(at).cloned(),
            Begun(at) => begun.pointer(at).cloned(),
            OneOf(at) => begun.pointer(at).map(|found| json!([found])),
            Each(list, member) => Some(Value::Array(each(begun, (list, member)))),
            EachAlone(..) => None,
            Text(text) => Some(json!(text)),
        }
    }
}

fn each(value: &Value, (list, member): (&str, &str)) -> Vec<Value> {
    let all = value.pointer(list).and_then(Value::as_array).into_iter();
    let named = all.flatten().filter_map(|item| item.get(member).cloned());
    named.collect()
}

/// The names of the outermost members with capitals: those of executions that began under an earlier version have none.
fn capitals(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.iter();
            let named =
                members.map(|(name, value)| (super::integration::pascal(name), value.clone()));
            Value::Object(named.collect())
        }
        other => other.clone(),
    }
}

/// Tasks of ECS: over when all have stopped; well if every container of every task ended with 0. A container without an
/// exit code never ran.
fn tasks(answer: &Value) -> Seen {
    let tasks: Vec<&Value> = answer["Tasks"].as_array().into_iter().flatten().collect();
    if tasks.iter().any(|task| task["LastStatus"] != "STOPPED") {
        return Seen::Running;
    }
    // All that are seen have stopped; how the others fared nobody knows.
    let failures = answer["Failures"].as_array();
    if failures.is_some_and(|all| !all.is_empty()) {
        return Seen::Missing(answer.clone());
    }
    if tasks.is_empty() {
        return Seen::Running;
    }
    let well = |task: &&&Value| {
        let containers = task["Containers"].as_array();
        let containers = containers.filter(|containers| !containers.is_empty());
        let failed = task["StopCode"] == "TaskFailedToStart";
        !failed && containers.is_some_and(|all| all.iter().all(|one| one["ExitCode"] == 0))
    };
    match tasks.iter().find(|task| !well(task)) {
        Some(failed) => Seen::Failed((*failed).clone()),
        None if tasks.len() == 1 => Seen::Succeeded(answer["Tasks"][0].clone()),
        None => Seen::Succeeded(answer.clone()),
    }
}

/// An execution as a Task's result shows it.
fn execution(described: &Value, opened: bool) -> Value {
    let mut shown = Map::new();
    for (member, value) in described.as_object().into_iter().flatten() {
        if member.starts_with("Redrive") {
            continue;
        }
        let value = match member.as_str() {
            "StartDate" | "StopDate" => millis(value),
            "InputDetails" | "OutputDetails" => capitals(value),
            "Input" | "Output" if opened => {
                let text = value.as_str().unwrap_or_default();
                serde_json::from_str(text).unwrap_or_else(|_| value.clone())
            }
            _ => value.clone(),
        };
        shown.insert(member.clone(), value);
    }
    Value::Object(shown)
}

/// An instant in milliseconds; those that come as numbers are.
fn millis(value: &Value) -> Value {
    let instant = value.as_str().and_then(|text| {
        let at: jiff::Timestamp = text.parse().ok()?;
        Some(at.as_millisecond())
    });
    instant.map_or_else(|| value.clone(), Value::from)
}

#[cfg(test)]
mod tests {
    use super::table::STOPPED;
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

    /// Service, operation that begins, its parameters, its answer, the look's parameters, those of the stops.
    const NAMED: [[&str; 6]; 13] = [
        [
            "stepfunctions",
            "StartExecution",
            "{}",
            r#"{"executionArn": "x"}"#,
            r#"{"ExecutionArn": "x"}"#,
            r#"[{"ExecutionArn": "x"}]"#,
        ],
        [
            "glue",
            "StartJobRun",
            r#"{"JobName": "j"}"#,
            r#"{"JobRunId": "r"}"#,
            r#"{"JobName": "j", "RunId": "r"}"#,
            r#"[{"JobName": "j", "JobRunIds": ["r"]}]"#,
        ],
        [
            "ecs",
            "RunTask",
            r#"{"Cluster": "c"}"#,
            r#"{"Tasks": [{"TaskArn": "1"}, {"TaskArn": "2"}]}"#,
            r#"{"Cluster": "c", "Tasks": ["1", "2"]}"#,
            r#"[{"Cluster": "c", "Task": "1", "Reason": "WHY"}, {"Cluster": "c", "Task": "2", "Reason": "WHY"}]"#,
        ],
        [
            "ecs",
            "RunTask",
            "{}",
            r#"{"Tasks": [{"TaskArn": "1"}]}"#,
            r#"{"Tasks": ["1"]}"#,
            r#"[{"Task": "1", "Reason": "WHY"}]"#,
        ],
        [
            "batch",
            "SubmitJob",
            "{}",
            r#"{"JobId": "1"}"#,
            r#"{"Jobs": ["1"]}"#,
            r#"[{"JobId": "1", "Reason": "WHY"}]"#,
        ],
        [
            "codebuild",
            "StartBuild",
            "{}",
            r#"{"Build": {"Id": "p:1"}}"#,
            r#"{"Ids": ["p:1"]}"#,
            r#"[{"Id": "p:1"}]"#,
        ],
        [
            "codebuild",
            "StartBuildBatch",
            "{}",
            r#"{"BuildBatch": {"Id": "p:1"}}"#,
            r#"{"Ids": ["p:1"]}"#,
            r#"[{"Id": "p:1"}]"#,
        ],
        [
            "emr",
            "RunJobFlow",
            "{}",
            r#"{"JobFlowId": "j"}"#,
            r#"{"ClusterId": "j"}"#,
            "[]",
        ],
        [
            "emr",
            "TerminateJobFlows",
            r#"{"JobFlowIds": ["j"]}"#,
            "{}",
            r#"{"ClusterId": "j"}"#,
            "[]",
        ],
        [
            "emr",
            "AddJobFlowSteps",
            r#"{"JobFlowId": "j"}"#,
            r#"{"StepIds": ["s"]}"#,
            r#"{"ClusterId": "j", "StepId": "s"}"#,
            r#"[{"ClusterId": "j", "StepIds": ["s"]}]"#,
        ],
        [
            "sagemaker",
            "CreateTrainingJob",
            r#"{"TrainingJobName": "t", "RoleArn": "r"}"#,
            "{}",
            r#"{"TrainingJobName": "t"}"#,
            r#"[{"TrainingJobName": "t"}]"#,
        ],
        [
            "databrew",
            "StartJobRun",
            r#"{"Name": "n"}"#,
            r#"{"RunId": "r"}"#,
            r#"{"Name": "n", "RunId": "r"}"#,
            r#"[{"Name": "n", "RunId": "r"}]"#,
        ],
        [
            "emr-containers",
            "StartJobRun",
            r#"{"VirtualClusterId": "v"}"#,
            r#"{"Id": "1"}"#,
            r#"{"VirtualClusterId": "v", "Id": "1"}"#,
            r#"[{"VirtualClusterId": "v", "Id": "1"}]"#,
        ],
    ];

    fn read(text: &str) -> Value {
        serde_json::from_str(&text.replace("WHY", STOPPED)).expect("JSON")
    }

    #[test]
    fn a_job_is_named_by_what_its_begin_was_told_and_answered() {
        for [service, begin, asked, begun, look, stop] in NAMED {
            let job = Job::of(service, begin).expect("a job");
            let (asked, begun) = (read(asked), read(begun));
            let named = Value::Object(job.look_at(&asked, &begun));
            assert_eq!(named, read(look), "{service} {begin}");
            let stops = json!(job.stop_it(&asked, &begun));
            assert_eq!(stops, read(stop), "{service} {begin}");
        }
    }

    #[test]
    fn every_job_is_one_of_an_action_that_waits() {
        for job in &JOBS {
            let known = super::super::optimised::Optimised::of_service(job.service);
            assert!(
                known.is_some_and(|known| known.begins(job.begin)),
                "{} {}",
                job.service,
                job.begin
            );
            assert_eq!(job.stop.is_empty(), job.stopped.is_empty(), "{}", job.begin);
        }
    }

    /// Service, operation that begins, the answer to a look, whether it ended well or badly, and what that brings.
    const ENDS: [[&str; 5]; 13] = [
        [
            "batch",
            "SubmitJob",
            r#"{"Jobs": [{"Status": "RUNNING"}]}"#,
            "goes on",
            "",
        ],
        ["batch", "SubmitJob", r#"{"Jobs": []}"#, "goes on", ""],
        [
            "batch",
            "SubmitJob",
            r#"{"Jobs": [{"Status": "FAILED", "StatusReason": "x"}]}"#,
            "badly",
            r#"{"Status": "FAILED", "StatusReason": "x"}"#,
        ],
        [
            "codebuild",
            "StartBuild",
            r#"{"Builds": [{"BuildStatus": "SUCCEEDED"}]}"#,
            "well",
            r#"{"Build": {"BuildStatus": "SUCCEEDED"}}"#,
        ],
        [
            "codebuild",
            "StartBuildBatch",
            r#"{"BuildBatches": [{"BuildBatchStatus": "FAULT"}]}"#,
            "badly",
            r#"{"BuildBatch": {"BuildBatchStatus": "FAULT"}}"#,
        ],
        [
            "emr",
            "RunJobFlow",
            r#"{"Cluster": {"Id": "j", "Status": {"State": "WAITING"}}}"#,
            "well",
            r#"{"Cluster": {"Id": "j", "Status": {"State": "WAITING"}}, "ClusterId": "j"}"#,
        ],
        [
            "emr",
            "AddJobFlowSteps",
            r#"{"Step": {"Status": {"State": "FAILED"}}}"#,
            "badly",
            r#"{"Step": {"Status": {"State": "FAILED"}}}"#,
        ],
        [
            "sagemaker",
            "CreateProcessingJob",
            r#"{"ProcessingJobStatus": "Completed", "ResponseMetadata": {}}"#,
            "well",
            r#"{"ProcessingJobStatus": "Completed"}"#,
        ],
        [
            "databrew",
            "StartJobRun",
            r#"{"State": "TIMEOUT"}"#,
            "badly",
            r#"{"State": "TIMEOUT"}"#,
        ],
        [
            "emr-containers",
            "StartJobRun",
            r#"{"JobRun": {"State": "CANCELLED"}}"#,
            "badly",
            r#"{"State": "CANCELLED"}"#,
        ],
        [
            "ecs",
            "RunTask",
            r#"{"Tasks": [], "Failures": [{"Reason": "MISSING"}]}"#,
            "missing",
            r#"{"Tasks": [], "Failures": [{"Reason": "MISSING"}]}"#,
        ],
        [
            "ecs",
            "RunTask",
            r#"{"Tasks": [{"LastStatus": "STOPPED", "Containers": [{"ExitCode": 0}]}], "Failures": [{"Reason": "MISSING"}]}"#,
            "missing",
            r#"{"Tasks": [{"LastStatus": "STOPPED", "Containers": [{"ExitCode": 0}]}], "Failures": [{"Reason": "MISSING"}]}"#,
        ],
        [
            "ecs",
            "RunTask",
            r#"{"Tasks": [{"LastStatus": "RUNNING"}], "Failures": [{"Reason": "MISSING"}]}"#,
            "goes on",
            "null",
        ],
    ];

    #[test]
    fn what_an_end_brings_is_shaped_as_the_service_does() {
        for [service, begin, answer, how, brings] in ENDS {
            let wanted = match how {
                "well" => Seen::Succeeded(read(brings)),
                "badly" => Seen::Failed(read(brings)),
                "missing" => Seen::Missing(read(brings)),
                _ => Seen::Running,
            };
            let job = Job::of(service, begin).expect("a job");
            assert_eq!(job.seen(&read(answer), false), wanted, "{service} {answer}");
        }
    }

    #[test]
    fn containers_say_how_a_task_of_ecs_ended() {
        let ended = |last: &str, second: Value| json!({"LastStatus": last, "Containers": [{"ExitCode": 0}, second]});
        let good = ended("STOPPED", json!({"ExitCode": 0}));
        let bad = ended("STOPPED", json!({"ExitCode": 1}));
        let never = ended("STOPPED", json!({"Reason": "CannotPullContainerError"}));
        let stopping = ended("DEPROVISIONING", json!({"ExitCode": 0}));
        let none = json!({"LastStatus": "STOPPED", "Containers": []});
        let mut refused = good.clone();
        refused["StopCode"] = json!("TaskFailedToStart");
        let both = json!({"Tasks": [good, good]});
        let job = Job::of("ecs", "RunTask").expect("a job");
        for (tasks, wanted) in [
            (json!([good]), Seen::Succeeded(good.clone())),
            (json!([good, good]), Seen::Succeeded(both)),
            (json!([bad]), Seen::Failed(bad.clone())),
            (json!([good, bad]), Seen::Failed(bad)),
            (json!([never]), Seen::Failed(never)),
            (json!([none]), Seen::Failed(none)),
            (json!([refused]), Seen::Failed(refused)),
            (json!([stopping]), Seen::Running),
            (json!([good, stopping]), Seen::Running),
        ] {
            assert_eq!(job.seen(&json!({"Tasks": tasks}), false), wanted, "{tasks}");
        }
        let refused = json!({"tasks": [], "failures": [{"reason": "RESOURCE:MEMORY"}]});
        let (error, cause) = job.not_begun(&refused).expect("not begun");
        let told = (error, cause.as_str());
        assert_eq!(
            told,
            ("AmazonECS.Unknown", r#"[{"reason":"RESOURCE:MEMORY"}]"#)
        );
        assert_eq!(job.not_begun(&json!({"Tasks": [], "Failures": []})), None);
    }
}
