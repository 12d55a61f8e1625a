//! The optimised integrations: which services and actions Step Functions has of its own, and where they differ from the
//! services' APIs.
//!
//! Source: Step Functions developer guide, "Integrating optimized services". Knows nothing of executions.

use serde_json::{Map, Value, json};

use super::fault::Fault;

/// A service with optimised integrations.
pub(crate) struct Optimised {
    /// Name in resources.
    pub(crate) name: &'static str,
    /// boto3's name.
    pub(crate) service: &'static str,
    /// Prefix of errors.
    pub(crate) prefix: &'static str,
    /// Name in causes.
    pub(crate) long: &'static str,
    /// Actions, and the operation where it is not the action with a capital.
    actions: &'static [(&'static str, &'static str)],
}

const ALL: [Optimised; 16] = [
    row(
        ("lambda", "lambda"),
        ("Lambda", "AWSLambda"),
        &[("invoke", "")],
    ),
    row(("sns", "sns"), ("SNS", "AmazonSNS"), &[("publish", "")]),
    row(("sqs", "sqs"), ("SQS", "AmazonSQS"), &[("sendMessage", "")]),
    row(
        ("dynamodb", "dynamodb"),
        ("DynamoDB", "AmazonDynamoDBv2"),
        &[
            ("getItem", ""),
            ("putItem", ""),
            ("updateItem", ""),
            ("deleteItem", ""),
        ],
    ),
    row(
        ("events", "events"),
        ("EventBridge", "AmazonCloudWatchEvents"),
        &[("putEvents", "")],
    ),
    row(
        ("states", "stepfunctions"),
        ("StepFunctions", "AWSStepFunctions"),
        &[("startExecution", "")],
    ),
    row(
        ("ssm", "ssm"),
        ("Ssm", "AWSSimpleSystemsManagement"),
        &[("startAutomationExecution", "")],
    ),
    row(
        ("glue", "glue"),
        ("Glue", "AWSGlue"),
        &[("startJobRun", "")],
    ),
    row(
        ("athena", "athena"),
        ("Athena", "AmazonAthena"),
        &[
            ("startQueryExecution", ""),
            ("stopQueryExecution", ""),
            ("getQueryExecution", ""),
            ("getQueryResults", ""),
        ],
    ),
    row(("ecs", "ecs"), ("ECS", "AmazonECS"), &[("runTask", "")]),
    row(
        ("batch", "batch"),
        ("Batch", "AWSBatch"),
        &[("submitJob", "")],
    ),
    row(
        ("codebuild", "codebuild"),
        ("CodeBuild", "AWSCodeBuild"),
        &[
            ("startBuild", ""),
            ("stopBuild", ""),
            ("batchDeleteBuilds", ""),
            ("batchGetReports", ""),
            ("startBuildBatch", ""),
            ("stopBuildBatch", ""),
            ("retryBuildBatch", ""),
            ("deleteBuildBatch", ""),
        ],
    ),
    row(
        ("elasticmapreduce", "emr"),
        ("EMR", "AmazonElasticMapReduce"),
        &[
            ("createCluster", "RunJobFlow"),
            ("terminateCluster", "TerminateJobFlows"),
            ("addStep", "AddJobFlowSteps"),
            ("cancelStep", "CancelSteps"),
            (
                "setClusterTerminationProtection",
                "SetTerminationProtection",
            ),
        ],
    ),
    row(
        ("sagemaker", "sagemaker"),
        ("SageMaker", "AmazonSageMaker"),
        &[
            ("createTrainingJob", ""),
            ("createTransformJob", ""),
            ("createProcessingJob", ""),
            ("createHyperParameterTuningJob", ""),
            ("createLabelingJob", ""),
            ("createModel", ""),
            ("createEndpointConfig", ""),
            ("createEndpoint", ""),
            ("updateEndpoint", ""),
        ],
    ),
    row(
        ("databrew", "databrew"),
        ("DataBrew", "AWSGlueDataBrew"),
        &[("startJobRun", "")],
    ),
    row(
        ("emr-containers", "emr-containers"),
        ("EMRContainers", "AmazonEMRContainers"),
        &[
            ("startJobRun", ""),
            ("createVirtualCluster", ""),
            ("deleteVirtualCluster", ""),
        ],
    ),
];

const fn row(
    (name, service): (&'static str, &'static str),
    (prefix, long): (&'static str, &'static str),
    actions: &'static [(&'static str, &'static str)],
) -> Optimised {
    Optimised {
        name,
        service,
        prefix,
        long,
        actions,
    }
}

impl Optimised {
    /// The integration of a service's name in resources and an action, with its operation in PascalCase.
    pub(crate) fn of(name: &str, action: &str) -> Option<(&'static Self, String)> {
        let found = ALL.iter().find(|one| one.name == name)?;
        let (action, operation) = found.actions.iter().find(|(known, _)| *known == action)?;
        let operation = match *operation {
            "" => super::integration::pascal(action),
            operation => operation.to_owned(),
        };
        Some((found, operation))
    }

    /// The first SDK's class for errors that a service's model does not have. DynamoDB's leaves out the version that its
    /// name has.
    pub(crate) fn exception(&self) -> String {
        format!("{}Exception", self.long.trim_end_matches("v2"))
    }

    /// The integrations of a service by boto3's name.
    pub(crate) fn of_service(service: &str) -> Option<&'static Self> {
        ALL.iter().find(|one| one.service == service)
    }
}

#[cfg(test)]
impl Optimised {
    /// Whether one of the actions is this operation.
    pub(crate) fn begins(&self, operation: &str) -> bool {
        let mut actions = self.actions.iter();
        actions.any(|(action, named)| {
            *named == operation
                || (named.is_empty() && super::integration::pascal(action) == operation)
        })
    }
}

/// What integrations of EMR take by names of their own: the operation, the integration's name, the operation's, and whether
/// that is a list. Source: Step Functions developer guide, "Create and manage Amazon EMR clusters".
const OWN: [(&str, &str, &str, bool); 5] = [
    ("AddJobFlowSteps", "ClusterId", "JobFlowId", false),
    ("AddJobFlowSteps", "Step", "Steps", true),
    ("CancelSteps", "StepId", "StepIds", true),
    ("TerminateJobFlows", "ClusterId", "JobFlowIds", true),
    ("SetTerminationProtection", "ClusterId", "JobFlowIds", true),
];

/// The integration's name of an operation's parameter.
pub(crate) fn own_name<'a>(operation: &str, name: &'a str) -> &'a str {
    let mut all = OWN.iter();
    all.find(|(of, _, member, _)| (*of, *member) == (operation, name))
        .map_or(name, |(_, own, ..)| own)
}

/// A parameter under the operation's name.
fn as_member(operation: &str, (name, value): (String, Value)) -> (String, Value) {
    let mut all = OWN.iter();
    match all.find(|(of, own, ..)| (*of, *own) == (operation, name.as_str())) {
        Some((_, _, member, true)) => ((*member).to_owned(), json!([value])),
        Some((_, _, member, false)) => ((*member).to_owned(), value),
        None => (name, value),
    }
}

/// The first name in a parameter of an integration that it does not know; `foreign` tells that of the operation's.
pub(crate) fn foreign(
    operation: &str,
    (name, mut value): (String, Value),
    foreign: &dyn Fn(&Value) -> Option<String>,
) -> Option<String> {
    if own_name(operation, &name) != name || (operation, name.as_str()) == ("RunJobFlow", "Steps") {
        return Some(name);
    }
    // The guide itself writes this one in lower case ("Passing parameters to a service API").
    if (operation, name.as_str()) == ("SubmitJob", "RetryStrategy")
        && let Some(strategy) = value.as_object_mut()
    {
        strategy.shift_remove("attempts");
    }
    let (member, value) = as_member(operation, (name, value));
    foreign(&json!({member: value}))
}

/// The parameters of a call whose operation takes them otherwise than its integration: those of EMR, which are wrapped.
pub(crate) fn wrapped(
    operation: &str,
    given: Map<String, Value>,
) -> Result<Map<String, Value>, Fault> {
    let refused = |why: &str| {
        let shown = Value::Object(given.clone());
        Err(Fault::runtime(format!(
            "The Parameters '{shown}' could not be used to start the Task: [{why}]"
        )))
    };
    if operation == "RunJobFlow" {
        let kept = given
            .get("Instances")
            .and_then(|instances| instances.get("KeepJobFlowAliveWhenNoSteps"));
        if kept != Some(&Value::Bool(true)) {
            return refused("The field 'KeepJobFlowAliveWhenNoSteps' must be true");
        }
        if given.contains_key("Steps") {
            return refused("The field 'Steps' is not supported by Step Functions");
        }
        return Ok(given);
    }
    let own = OWN.iter().filter(|(of, ..)| *of == operation);
    for name in ["ClusterId"]
        .into_iter()
        .chain(own.map(|(_, own, ..)| *own))
    {
        if !given.contains_key(name) {
            return refused(&format!("The field '{name}' is required but was missing"));
        }
    }
    Ok(given
        .into_iter()
        .map(|member| as_member(operation, member))
        .collect())
}

/// The answer of such a call, as the integration shows it.
pub(crate) fn unwrapped(operation: &str, answer: &mut Map<String, Value>) {
    let (from, to) = match operation {
        "RunJobFlow" => ("JobFlowId", "ClusterId"),
        "AddJobFlowSteps" => ("StepIds", "StepId"),
        "CancelSteps" => ("CancelStepsInfoList", "CancelStepsInfo"),
        _ => return,
    };
    let shown = match answer.remove(from) {
        Some(Value::Array(all)) => all.into_iter().next(),
        other => other,
    };
    if let Some(shown) = shown {
        answer.insert(to.to_owned(), shown);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().cloned().expect("an object")
    }

    #[test]
    fn clusters_and_steps_are_wrapped_for_the_service() {
        for (operation, given, wanted) in [
            (
                "AddJobFlowSteps",
                json!({"ClusterId": "j-1", "Step": {"Name": "s"}}),
                json!({"JobFlowId": "j-1", "Steps": [{"Name": "s"}]}),
            ),
            (
                "TerminateJobFlows",
                json!({"ClusterId": "j-1"}),
                json!({"JobFlowIds": ["j-1"]}),
            ),
            (
                "CancelSteps",
                json!({"ClusterId": "j-1", "StepId": "s-1"}),
                json!({"ClusterId": "j-1", "StepIds": ["s-1"]}),
            ),
            (
                "SetTerminationProtection",
                json!({"ClusterId": "j-1", "TerminationProtected": true}),
                json!({"JobFlowIds": ["j-1"], "TerminationProtected": true}),
            ),
            (
                "RunJobFlow",
                json!({"Instances": {"KeepJobFlowAliveWhenNoSteps": true}}),
                json!({"Instances": {"KeepJobFlowAliveWhenNoSteps": true}}),
            ),
        ] {
            let found = wrapped(operation, map(given)).expect("parameters");
            assert_eq!(Value::Object(found), wanted, "{operation}");
        }
        for (operation, given, says) in [
            (
                "RunJobFlow",
                json!({}),
                "'KeepJobFlowAliveWhenNoSteps' must be true",
            ),
            (
                "RunJobFlow",
                json!({"Instances": {"KeepJobFlowAliveWhenNoSteps": true}, "Steps": []}),
                "'Steps' is not supported",
            ),
            (
                "AddJobFlowSteps",
                json!({"ClusterId": "j"}),
                "'Step' is required",
            ),
            (
                "CancelSteps",
                json!({"ClusterId": "j"}),
                "'StepId' is required",
            ),
            ("TerminateJobFlows", json!({}), "'ClusterId' is required"),
        ] {
            let fault = wrapped(operation, map(given)).expect_err("refused");
            assert!(fault.cause.expect("a cause").contains(says), "{operation}");
        }
    }

    #[test]
    fn answers_are_shown_as_the_integration_does() {
        for (operation, answer, wanted) in [
            (
                "RunJobFlow",
                json!({"JobFlowId": "j-1"}),
                json!({"ClusterId": "j-1"}),
            ),
            (
                "AddJobFlowSteps",
                json!({"StepIds": ["s-1"]}),
                json!({"StepId": "s-1"}),
            ),
            (
                "CancelSteps",
                json!({"CancelStepsInfoList": [{"StepId": "s-1"}]}),
                json!({"CancelStepsInfo": {"StepId": "s-1"}}),
            ),
            ("TerminateJobFlows", json!({}), json!({})),
        ] {
            let mut shown = map(answer);
            unwrapped(operation, &mut shown);
            assert_eq!(Value::Object(shown), wanted, "{operation}");
        }
    }
}
