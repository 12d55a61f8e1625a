//! The jobs that are known, with their calls, states and results.
//!
//! Sources: Step Functions developer guide, the pages of the single services, and the services' models. Knows nothing of
//! how a job is followed.

use super::Source::{Asked, Begun, Each, EachAlone, OneOf, Text};
use super::{Job, Source};

pub(super) const STOPPED: &str =
    "The execution of the state machine does not wait for it any more.";

pub(super) const EXECUTION: Job = Job {
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

pub(super) const TASK: Job = Job {
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

pub(super) const JOBS: [Job; 18] = [
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
