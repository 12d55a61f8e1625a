//! What a planned run asks about itself: the account knows nothing of it, so the preview answers.

use model::effect::AwsCall;
use serde_json::{Value, json};

use crate::automation::run::Run;
use crate::automation::view;

/// Filters that are answered, and the members of a step that they are about.
const FILTERS: [(&str, &str); 4] = [
    ("StepName", "StepName"),
    ("Action", "Action"),
    ("StepExecutionId", "StepExecutionId"),
    ("StepExecutionStatus", "StepStatus"),
];
/// Steps of one answer, as in the API.
const PAGE: usize = 50;

/// The answer to a call about one of these runs.
pub(super) fn answer(runs: &[Run], call: &AwsCall) -> Option<Value> {
    let text = |name: &str| call.params.get(name).and_then(Value::as_str);
    let id = text("AutomationExecutionId")?;
    let run = runs.iter().find(|run| run.id().to_string() == id)?;
    let operation: String = call
        .operation
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    match (call.service.as_str(), operation.as_str()) {
        ("ssm", "getautomationexecution") => {
            Some(json!({"AutomationExecution": view::execution(run)}))
        }
        ("ssm", "describeautomationstepexecutions") => steps(run, &call.params),
        _ => None,
    }
}

fn steps(run: &Run, params: &Value) -> Option<Value> {
    let mut steps = view::steps(run);
    for filter in params
        .get("Filters")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let key = filter.get("Key")?.as_str()?;
        let (_, member) = FILTERS.iter().find(|(name, _)| *name == key)?;
        let wanted = filter.get("Values")?.as_array()?;
        steps.retain(|step| {
            step.get(*member)
                .is_some_and(|found| wanted.contains(found))
        });
    }
    if params.get("ReverseOrder") == Some(&json!(true)) {
        steps.reverse();
    }
    steps.truncate(PAGE);
    Some(json!({ "StepExecutions": steps }))
}
