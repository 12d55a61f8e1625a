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
