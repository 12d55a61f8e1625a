//! Jobs that a Task waits for (`.sync`): how one is looked at, when it is over, and what it brings.
//!
//! The service is told of the end of a job by events; here its state is read until it has one that is final. All names
//! are in PascalCase, as Step Functions spells them; who makes the calls knows the services' own spelling.

use serde_json::{Map, Value, json};

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

use Source::{Asked, Begun, Each, EachAlone, OneOf, Text};

const STOPPED: &str = "The execution of the state machine does not wait for it any more.";

const EXECUTION: Job = Job {
    service: "stepfunctions",
    begin: "StartExecution",
    look: "DescribeExecution",
    named: &[("ExecutionArn", Begun("/ExecutionArn"))],
    stop: "StopExecution",
    stopped: &[("ExecutionArn", Begun("/ExecutionArn"))],
    job: ("", ""),
    status: "/Status",
    good: &["SUCCEEDED"],
    bad: &["FAILED", "TIMED_OUT", "ABORTED"],
};

const RUN: Job = Job {
    service: "ssm",
    begin: "StartAutomationExecution",
    look: "GetAutomationExecution",
    named: &[("AutomationExecutionId", Begun("/AutomationExecutionId"))],
    stop: "StopAutomationExecution",
    stopped: &[("AutomationExecutionId", Begun("/AutomationExecutionId"))],
    job: ("/AutomationExecution", ""),
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
};

const TASK: Job = Job {
    service: "ecs",
    begin: "RunTask",
    look: "DescribeTasks",
    named: &[
        ("Cluster", Asked("/Cluster")),
        ("Tasks", Each("/Tasks", "TaskArn")),
    ],
    stop: "StopTask",
    stopped: &[
        ("Cluster", Asked("/Cluster")),
        ("Task", EachAlone("/Tasks", "TaskArn")),
        ("Reason", Text(STOPPED)),
    ],
    job: ("/Tasks/0", ""),
    status: "/Tasks/0/LastStatus",
    // What a task's end means, its containers say: `tasks`.
    good: &["STOPPED"],
    bad: &[],
};

const JOBS: [Job; 18] = [
    EXECUTION,
    RUN,
    TASK,
    Job {
        service: "glue",
        begin: "StartJobRun",
        look: "GetJobRun",
        named: &[
            ("JobName", Asked("/JobName")),
            ("RunId", Begun("/JobRunId")),
        ],
        stop: "BatchStopJobRun",
        stopped: &[
            ("JobName", Asked("/JobName")),
            ("JobRunIds", OneOf("/JobRunId")),
        ],
        job: ("/JobRun", ""),
        status: "/JobRun/JobRunState",
        good: &["SUCCEEDED"],
        bad: &["FAILED", "TIMEOUT", "STOPPED", "ERROR", "EXPIRED"],
    },
    Job {
        service: "athena",
        begin: "StartQueryExecution",
        look: "GetQueryExecution",
        named: &[("QueryExecutionId", Begun("/QueryExecutionId"))],
        stop: "StopQueryExecution",
        stopped: &[("QueryExecutionId", Begun("/QueryExecutionId"))],
        job: ("", ""),
        status: "/QueryExecution/Status/State",
        good: &["SUCCEEDED"],
        bad: &["FAILED", "CANCELLED"],
    },
    Job {
        service: "batch",
        begin: "SubmitJob",
        look: "DescribeJobs",
        named: &[("Jobs", OneOf("/JobId"))],
        stop: "TerminateJob",
        stopped: &[("JobId", Begun("/JobId")), ("Reason", Text(STOPPED))],
        job: ("/Jobs/0", ""),
        status: "/Jobs/0/Status",
        good: &["SUCCEEDED"],
        bad: &["FAILED"],
    },
    Job {
        service: "codebuild",
        begin: "StartBuild",
        look: "BatchGetBuilds",
        named: &[("Ids", OneOf("/Build/Id"))],
        stop: "StopBuild",
        stopped: &[("Id", Begun("/Build/Id"))],
        job: ("/Builds/0", "Build"),
        status: "/Builds/0/BuildStatus",
        good: &["SUCCEEDED"],
        bad: &["FAILED", "FAULT", "TIMED_OUT", "STOPPED"],
    },
    Job {
        service: "codebuild",
        begin: "StartBuildBatch",
        look: "BatchGetBuildBatches",
        named: &[("Ids", OneOf("/BuildBatch/Id"))],
        stop: "StopBuildBatch",
        stopped: &[("Id", Begun("/BuildBatch/Id"))],
        job: ("/BuildBatches/0", "BuildBatch"),
        status: "/BuildBatches/0/BuildBatchStatus",
        good: &["SUCCEEDED"],
        bad: &["FAILED", "FAULT", "TIMED_OUT", "STOPPED"],
    },
    // A cluster is made to be used by the next states: the service does not end one that nobody waits for.
    Job {
        service: "emr",
        begin: "RunJobFlow",
        look: "DescribeCluster",
        named: &[("ClusterId", Begun("/JobFlowId"))],
        stop: "",
        stopped: &[],
        job: ("/Cluster", "Cluster"),
        status: "/Cluster/Status/State",
        good: &["WAITING"],
        bad: &["TERMINATING", "TERMINATED", "TERMINATED_WITH_ERRORS"],
    },
    Job {
        service: "emr",
        begin: "TerminateJobFlows",
        look: "DescribeCluster",
        named: &[("ClusterId", Asked("/JobFlowIds/0"))],
        stop: "",
        stopped: &[],
        job: ("/Cluster", "Cluster"),
        status: "/Cluster/Status/State",
        good: &["TERMINATED"],
        bad: &["TERMINATED_WITH_ERRORS"],
    },
    Job {
        service: "emr",
        begin: "AddJobFlowSteps",
        look: "DescribeStep",
        named: &[
            ("ClusterId", Asked("/JobFlowId")),
            ("StepId", Begun("/StepIds/0")),
        ],
        stop: "CancelSteps",
        stopped: &[
            ("ClusterId", Asked("/JobFlowId")),
            ("StepIds", OneOf("/StepIds/0")),
        ],
        job: ("/Step", "Step"),
        status: "/Step/Status/State",
        good: &["COMPLETED"],
        bad: &["CANCELLED", "FAILED", "INTERRUPTED"],
    },
    learning(
        (
            "CreateTrainingJob",
            "DescribeTrainingJob",
            "StopTrainingJob",
        ),
        &[("TrainingJobName", Asked("/TrainingJobName"))],
        "/TrainingJobStatus",
    ),
    learning(
        (
            "CreateTransformJob",
            "DescribeTransformJob",
            "StopTransformJob",
        ),
        &[("TransformJobName", Asked("/TransformJobName"))],
        "/TransformJobStatus",
    ),
    learning(
        (
            "CreateProcessingJob",
            "DescribeProcessingJob",
            "StopProcessingJob",
        ),
        &[("ProcessingJobName", Asked("/ProcessingJobName"))],
        "/ProcessingJobStatus",
    ),
    learning(
        (
            "CreateHyperParameterTuningJob",
            "DescribeHyperParameterTuningJob",
            "StopHyperParameterTuningJob",
        ),
        &[(
            "HyperParameterTuningJobName",
            Asked("/HyperParameterTuningJobName"),
        )],
        "/HyperParameterTuningJobStatus",
    ),
    learning(
        (
            "CreateLabelingJob",
            "DescribeLabelingJob",
            "StopLabelingJob",
        ),
        &[("LabelingJobName", Asked("/LabelingJobName"))],
        "/LabelingJobStatus",
    ),
    Job {
        service: "databrew",
        begin: "StartJobRun",
        look: "DescribeJobRun",
        named: &[("Name", Asked("/Name")), ("RunId", Begun("/RunId"))],
        stop: "StopJobRun",
        stopped: &[("Name", Asked("/Name")), ("RunId", Begun("/RunId"))],
        job: ("", ""),
        status: "/State",
        good: &["SUCCEEDED"],
        bad: &["FAILED", "STOPPED", "TIMEOUT"],
    },
    Job {
        service: "emr-containers",
        begin: "StartJobRun",
        look: "DescribeJobRun",
        named: &[
            ("VirtualClusterId", Asked("/VirtualClusterId")),
            ("Id", Begun("/Id")),
        ],
        stop: "CancelJobRun",
        stopped: &[
            ("VirtualClusterId", Asked("/VirtualClusterId")),
            ("Id", Begun("/Id")),
        ],
        job: ("/JobRun", ""),
        status: "/JobRun/State",
        good: &["COMPLETED"],
        bad: &["FAILED", "CANCELLED"],
    },
];

/// A job of SageMaker: all of them are alike.
const fn learning(
    (begin, look, stop): (&'static str, &'static str, &'static str),
    named: &'static [(&'static str, Source)],
    status: &'static str,
) -> Job {
    Job {
        service: "sagemaker",
        begin,
        look,
        named,
        stop,
        stopped: named,
        job: ("", ""),
        status,
        good: &["Completed"],
        bad: &["Failed", "Stopped", "DeleteFailed"],
    }
}

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
    // Tasks that ECS has forgotten are not seen as running for ever.
    let missing = answer["Failures"]
        .as_array()
        .is_some_and(|all| !all.is_empty());
    if missing && tasks.is_empty() {
        return Seen::Failed(answer.clone());
    }
    if tasks.is_empty() || tasks.iter().any(|task| task["LastStatus"] != "STOPPED") {
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
    fn a_job_is_named_by_what_its_begin_was_told_and_answered() {
        for (service, begin, asked, begun, look, stop) in [
            (
                "stepfunctions",
                "StartExecution",
                json!({}),
                json!({"executionArn": "x"}),
                json!({"ExecutionArn": "x"}),
                json!([{"ExecutionArn": "x"}]),
            ),
            (
                "glue",
                "StartJobRun",
                json!({"JobName": "j"}),
                json!({"JobRunId": "r"}),
                json!({"JobName": "j", "RunId": "r"}),
                json!([{"JobName": "j", "JobRunIds": ["r"]}]),
            ),
            (
                "ecs",
                "RunTask",
                json!({"Cluster": "c"}),
                json!({"Tasks": [{"TaskArn": "1"}, {"TaskArn": "2"}]}),
                json!({"Cluster": "c", "Tasks": ["1", "2"]}),
                json!([
                    {"Cluster": "c", "Task": "1", "Reason": STOPPED},
                    {"Cluster": "c", "Task": "2", "Reason": STOPPED},
                ]),
            ),
            (
                "ecs",
                "RunTask",
                json!({}),
                json!({"Tasks": [{"TaskArn": "1"}]}),
                json!({"Tasks": ["1"]}),
                json!([{"Task": "1", "Reason": STOPPED}]),
            ),
            (
                "batch",
                "SubmitJob",
                json!({"JobName": "j"}),
                json!({"JobId": "1"}),
                json!({"Jobs": ["1"]}),
                json!([{"JobId": "1", "Reason": STOPPED}]),
            ),
            (
                "codebuild",
                "StartBuild",
                json!({"ProjectName": "p"}),
                json!({"Build": {"Id": "p:1"}}),
                json!({"Ids": ["p:1"]}),
                json!([{"Id": "p:1"}]),
            ),
            (
                "codebuild",
                "StartBuildBatch",
                json!({"ProjectName": "p"}),
                json!({"BuildBatch": {"Id": "p:1"}}),
                json!({"Ids": ["p:1"]}),
                json!([{"Id": "p:1"}]),
            ),
            (
                "emr",
                "RunJobFlow",
                json!({}),
                json!({"JobFlowId": "j"}),
                json!({"ClusterId": "j"}),
                json!([]),
            ),
            (
                "emr",
                "TerminateJobFlows",
                json!({"JobFlowIds": ["j"]}),
                json!({}),
                json!({"ClusterId": "j"}),
                json!([]),
            ),
            (
                "emr",
                "AddJobFlowSteps",
                json!({"JobFlowId": "j", "Steps": [{}]}),
                json!({"StepIds": ["s"]}),
                json!({"ClusterId": "j", "StepId": "s"}),
                json!([{"ClusterId": "j", "StepIds": ["s"]}]),
            ),
            (
                "sagemaker",
                "CreateTrainingJob",
                json!({"TrainingJobName": "t", "RoleArn": "r"}),
                json!({"TrainingJobArn": "a"}),
                json!({"TrainingJobName": "t"}),
                json!([{"TrainingJobName": "t"}]),
            ),
            (
                "databrew",
                "StartJobRun",
                json!({"Name": "n"}),
                json!({"RunId": "r"}),
                json!({"Name": "n", "RunId": "r"}),
                json!([{"Name": "n", "RunId": "r"}]),
            ),
            (
                "emr-containers",
                "StartJobRun",
                json!({"VirtualClusterId": "v"}),
                json!({"Id": "1"}),
                json!({"VirtualClusterId": "v", "Id": "1"}),
                json!([{"VirtualClusterId": "v", "Id": "1"}]),
            ),
        ] {
            let job = Job::of(service, begin).expect("a job");
            let named = Value::Object(job.look_at(&asked, &begun));
            assert_eq!(named, look, "{service} {begin}");
            assert_eq!(
                json!(job.stop_it(&asked, &begun)),
                stop,
                "{service} {begin}"
            );
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

    #[test]
    fn what_an_end_brings_is_shaped_as_the_service_does() {
        let ended = |last: &str, code: Value| json!({"TaskArn": "t", "LastStatus": last, "Containers": [{"Name": "a", "ExitCode": 0}, code]});
        let good = ended("STOPPED", json!({"ExitCode": 0}));
        let bad = ended("STOPPED", json!({"ExitCode": 1}));
        let never = ended("STOPPED", json!({"Reason": "CannotPullContainerError"}));
        let stopping = ended("DEPROVISIONING", json!({"ExitCode": 0}));
        let none = json!({"TaskArn": "t", "LastStatus": "STOPPED", "Containers": []});
        let refused = json!({"StopCode": "TaskFailedToStart", "LastStatus": "STOPPED", "Containers": [{"ExitCode": 0}]});
        let gone = json!({"Tasks": [], "Failures": [{"Arn": "t", "Reason": "MISSING"}]});
        for (service, begin, answer, want) in [
            (
                "ecs",
                "RunTask",
                json!({"Tasks": [good]}),
                Seen::Succeeded(good.clone()),
            ),
            (
                "ecs",
                "RunTask",
                json!({"Tasks": [bad]}),
                Seen::Failed(bad.clone()),
            ),
            (
                "ecs",
                "RunTask",
                json!({"Tasks": [never]}),
                Seen::Failed(never.clone()),
            ),
            (
                "ecs",
                "RunTask",
                json!({"Tasks": [none]}),
                Seen::Failed(none.clone()),
            ),
            (
                "ecs",
                "RunTask",
                json!({"Tasks": [refused]}),
                Seen::Failed(refused.clone()),
            ),
            (
                "ecs",
                "RunTask",
                json!({"Tasks": [stopping]}),
                Seen::Running,
            ),
            (
                "ecs",
                "RunTask",
                json!({"Tasks": [good, stopping]}),
                Seen::Running,
            ),
            (
                "ecs",
                "RunTask",
                json!({"Tasks": [good, bad]}),
                Seen::Failed(bad.clone()),
            ),
            (
                "ecs",
                "RunTask",
                json!({"Tasks": [good, good], "ResponseMetadata": {}}),
                Seen::Succeeded(json!({"Tasks": [good, good]})),
            ),
            ("ecs", "RunTask", gone.clone(), Seen::Failed(gone.clone())),
            (
                "batch",
                "SubmitJob",
                json!({"Jobs": [{"Status": "RUNNING"}]}),
                Seen::Running,
            ),
            ("batch", "SubmitJob", json!({"Jobs": []}), Seen::Running),
            (
                "batch",
                "SubmitJob",
                json!({"Jobs": [{"Status": "FAILED", "StatusReason": "x"}]}),
                Seen::Failed(json!({"Status": "FAILED", "StatusReason": "x"})),
            ),
            (
                "codebuild",
                "StartBuild",
                json!({"Builds": [{"BuildStatus": "SUCCEEDED"}]}),
                Seen::Succeeded(json!({"Build": {"BuildStatus": "SUCCEEDED"}})),
            ),
            (
                "codebuild",
                "StartBuildBatch",
                json!({"BuildBatches": [{"BuildBatchStatus": "FAULT"}]}),
                Seen::Failed(json!({"BuildBatch": {"BuildBatchStatus": "FAULT"}})),
            ),
            (
                "emr",
                "RunJobFlow",
                json!({"Cluster": {"Id": "j", "Status": {"State": "WAITING"}}}),
                Seen::Succeeded(
                    json!({"Cluster": {"Id": "j", "Status": {"State": "WAITING"}}, "ClusterId": "j"}),
                ),
            ),
            (
                "emr",
                "AddJobFlowSteps",
                json!({"Step": {"Id": "s", "Status": {"State": "FAILED"}}}),
                Seen::Failed(json!({"Step": {"Id": "s", "Status": {"State": "FAILED"}}})),
            ),
            (
                "sagemaker",
                "CreateProcessingJob",
                json!({"ProcessingJobStatus": "Completed", "ResponseMetadata": {}}),
                Seen::Succeeded(json!({"ProcessingJobStatus": "Completed"})),
            ),
            (
                "emr-containers",
                "StartJobRun",
                json!({"JobRun": {"State": "CANCELLED"}}),
                Seen::Failed(json!({"State": "CANCELLED"})),
            ),
        ] {
            let job = Job::of(service, begin).expect("a job");
            assert_eq!(job.seen(&answer, false), want, "{service} {answer}");
        }
        let job = Job::of("ecs", "RunTask").expect("a job");
        let refused = json!({"tasks": [], "failures": [{"reason": "RESOURCE:MEMORY"}]});
        let (error, cause) = job.not_begun(&refused).expect("not begun");
        assert_eq!(
            (error, cause.as_str()),
            ("AmazonECS.Unknown", r#"[{"reason":"RESOURCE:MEMORY"}]"#)
        );
        assert_eq!(job.not_begun(&json!({"Tasks": [], "Failures": []})), None);
    }
}
