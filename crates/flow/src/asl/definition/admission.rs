//! What is asked of a definition that somebody wants to keep, beyond what is asked of one that is run: that the calls of its
//! Tasks exist, that an HTTP Task says whom it calls, and that an optimised integration is given what it must have and
//! nothing that it does not know.
//!
//! Apart from [`parse`](super::parse), since a machine that was taken goes on whatever a later version of this program asks.
//! Knows no service: what a call is like is asked of the caller.
//!
//! Sources: the developer guide ("Call HTTPS APIs in Step Functions workflows", "Passing parameters to a service API") for
//! what is required, and texts of the service.

use serde_json::Value;

use super::{Kind, Language, MachineType, Problem, SCHEMA, StateMachine, Task, parse_with_places};
use crate::asl::integration::{Family, Integration, unrecognised};
use crate::asl::optimised;
use crate::asl::template::Template;

/// What is known of the services' calls. Services have boto3's names, operations and parameters are in PascalCase.
#[derive(Debug, Clone, Copy)]
pub struct Calls {
    /// Whether there is such a call.
    pub exists: fn(&str, &str) -> bool,
    /// The parameters that it must be given.
    pub required: fn(&str, &str) -> Vec<String>,
    /// The first name in some parameters that it does not have there, at whatever level.
    pub foreign: fn(&str, &str, &Value) -> Option<String>,
}

/// The places where an HTTP Task may name its connection; the service had the first name before the second.
const CONNECTION: [&str; 2] = ["Authentication", "InvocationConfig"];

/// Reads a definition that is to be kept.
///
/// # Errors
/// All problems of reading it; where there are none, all calls that do not exist or say too little.
pub fn admit(text: &str, kind: MachineType, calls: Calls) -> Result<StateMachine, Vec<Problem>> {
    let (machine, places) = parse_with_places(text, kind)?;
    let problems = refused(&machine, &places, calls);
    if problems.is_empty() {
        Ok(machine)
    } else {
        Err(problems)
    }
}

/// What is refused of a definition that can be read; `places` are those of its blocks.
pub(crate) fn refused(machine: &StateMachine, places: &[String], calls: Calls) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (block, place) in machine.blocks.iter().zip(places) {
        for state in &block.states {
            if let Kind::Task(task) = &state.kind {
                let at = format!("{place}/States/{}", state.name);
                call(&mut problems, (&at, state.language, task), calls);
            }
        }
    }
    problems
}

fn call(problems: &mut Vec<Problem>, (at, language, task): (&str, Language, &Task), calls: Calls) {
    let Ok(integration) = Integration::parse(&task.resource) else {
        return;
    };
    match integration.family {
        // They take any input, and have it where there are no parameters.
        Family::Function | Family::Activity => return,
        Family::Sdk if !(calls.exists)(&integration.service, &integration.operation) => {
            let place = format!("{at}/Resource");
            return problems.push(problem(place, unrecognised(&task.resource)));
        }
        Family::Sdk | Family::Http | Family::Optimised => {}
    }
    let field = match language {
        Language::JsonPath => "Parameters",
        Language::Jsonata => "Arguments",
    };
    let Some(arguments) = &task.arguments else {
        let resource = &task.resource;
        let message = format!("{field} field is required for resource ARN: {resource}");
        return problems.push(problem(at.to_owned(), message));
    };
    let given = (arguments, format!("{at}/{field}"));
    match integration.family {
        Family::Http => http(problems, given),
        Family::Optimised => optimised(problems, given, &integration, calls),
        Family::Sdk | Family::Function | Family::Activity => {}
    }
}

/// What an HTTP Task must say in its definition; what an expression gives is seen when it is there.
fn http(problems: &mut Vec<Problem>, (arguments, place): (&Template, String)) {
    for member in ["ApiEndpoint", "Method"] {
        require(problems, (arguments, &place), member);
    }
    match CONNECTION
        .iter()
        .find_map(|name| Some((name, member(arguments, name)?)))
    {
        Some((name, connection)) => {
            let place = format!("{place}/{name}");
            require(problems, (connection, &place), "ConnectionArn");
        }
        None => require(problems, (arguments, &place), CONNECTION[1]),
    }
}

/// What an optimised integration must be given, and the first name that it does not know: the service tells no second
/// one, and whatever the depth it tells the place of all parameters. Names whose values come from the data are not
/// refused: the service sees those when it makes the call.
fn optimised(
    problems: &mut Vec<Problem>,
    (arguments, place): (&Template, String),
    Integration {
        service, operation, ..
    }: &Integration,
    calls: Calls,
) {
    for name in (calls.required)(service, operation) {
        let name = optimised::own_name(operation, &name);
        require(problems, (arguments, &place), name);
    }
    let Some(Value::Object(written)) = written(arguments) else {
        return;
    };
    let foreign = |params: &Value| (calls.foreign)(service, operation, params);
    let mut written = written.into_iter();
    if let Some(name) =
        written.find_map(|(name, value)| optimised::foreign(operation, (name, value), &foreign))
    {
        let message = format!("The field \"{name}\" is not supported by Step Functions");
        problems.push(problem(place, message));
    }
}

/// What of a template stands in the definition itself.
fn written(template: &Template) -> Option<Value> {
    match template {
        Template::Literal(value) => Some(value.clone()),
        Template::List(items) => Some(items.iter().filter_map(written).collect()),
        Template::Object(members) => {
            let members = members.iter();
            let members =
                members.filter_map(|(name, member)| Some((name.clone(), written(member)?)));
            Some(Value::Object(members.collect()))
        }
        Template::Path { .. } | Template::Call { .. } | Template::Expression { .. } => None,
    }
}

fn require(problems: &mut Vec<Problem>, (within, place): (&Template, &str), name: &str) {
    if matches!(within, Template::Object(_)) && member(within, name).is_none() {
        let message = format!("The field '{name}' is required but was missing");
        problems.push(problem(place.to_owned(), message));
    }
}

fn member<'a>(within: &'a Template, name: &str) -> Option<&'a Template> {
    let Template::Object(members) = within else {
        return None;
    };
    let mut named = members.iter().filter(|(key, _)| key == name);
    named.next().map(|(_, value)| value)
}

fn problem(location: String, message: String) -> Problem {
    Problem {
        code: SCHEMA,
        message,
        location: Some(location),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// What is refused of a Task in a branch: place below the Task, and message.
    fn refusals(task: &Value) -> Vec<(String, String)> {
        let mut task = task.clone();
        task["Type"] = json!("Task");
        task["End"] = json!(true);
        let branch = json!({"StartAt": "a/b", "States": {"a/b": task}});
        let text = json!({"StartAt": "P", "States": {"P": {"Type": "Parallel", "End": true, "Branches": [branch]}}});
        let calls = Calls {
            exists: |service, operation| (service, operation) == ("ec2", "StopInstances"),
            required: |_, _| Vec::new(),
            foreign: |_, _, _| None,
        };
        let problems = admit(&text.to_string(), MachineType::Standard, calls).err();
        let problems = problems.unwrap_or_default().into_iter().map(|problem| {
            assert_eq!(problem.code, SCHEMA);
            let place = problem.location.expect("a place");
            let place = place.strip_prefix("/States/P/Branches[0]/States/a/b");
            (place.expect("in the branch").to_owned(), problem.message)
        });
        problems.collect()
    }

    #[test]
    fn calls_that_do_not_exist_are_refused_where_they_stand() {
        for resource in [
            "aws-sdk:ec2:stopInstances",
            "aws-sdk:ec2:stopInstances.waitForTaskToken",
            "sqs:sendMessage",
        ] {
            let resource = format!("arn:aws:states:::{resource}");
            let found = refusals(&json!({"Resource": resource, "Parameters": {}}));
            assert_eq!(found, [], "{resource}");
        }
        for resource in ["aws-sdk:ec2:stopInstance", "aws-sdk:nosuch:stopInstances"] {
            let arn = format!("arn:aws:states:::{resource}");
            let message = format!(
                "The resource provided {arn} is not recognized. The value is not a valid resource ARN, or the resource is not available in this region."
            );
            let want = [("/Resource".to_owned(), message)];
            assert_eq!(refusals(&json!({"Resource": arn})), want);
        }
    }

    #[test]
    fn a_call_has_parameters_if_only_none() {
        for resource in [
            "http:invoke",
            "sqs:sendMessage",
            "states:startExecution.sync:2",
            "aws-sdk:ec2:stopInstances",
        ] {
            let arn = format!("arn:aws:states:::{resource}");
            for (language, field) in [("JSONPath", "Parameters"), ("JSONata", "Arguments")] {
                let none = refusals(&json!({"Resource": arn, "QueryLanguage": language}));
                let message = format!("{field} field is required for resource ARN: {arn}");
                assert_eq!(none, [(String::new(), message)], "{language}");
            }
        }
        for resource in [
            "arn:aws:lambda:us-east-1:123456789012:function:f",
            "arn:aws:states:us-east-1:123456789012:activity:a",
        ] {
            assert_eq!(refusals(&json!({"Resource": resource})), []);
        }
    }

    #[test]
    fn an_http_task_says_whom_it_calls() {
        let http = "arn:aws:states:::http:invoke";
        let connection = json!({"ConnectionArn.$": "$.c"});
        for (parameters, missing) in [
            (
                json!({"ApiEndpoint": "https://a", "Method": "GET", "InvocationConfig": connection}),
                vec![],
            ),
            (
                json!({"ApiEndpoint.$": "$.a", "Method.$": "$.m", "Authentication": connection}),
                vec![],
            ),
            (
                json!({"ApiEndpoint": "https://a", "Method": "GET", "Authentication.$": "$.c"}),
                vec![],
            ),
            (
                json!({"Method": "GET", "Authentication": connection}),
                vec![("/Parameters", "ApiEndpoint")],
            ),
            (
                json!({"ApiEndpoint": "https://a", "InvocationConfig": {}}),
                vec![
                    ("/Parameters", "Method"),
                    ("/Parameters/InvocationConfig", "ConnectionArn"),
                ],
            ),
            (
                json!({"ApiEndpoint": "https://a", "Method": "GET"}),
                vec![("/Parameters", "InvocationConfig")],
            ),
        ] {
            let missing: Vec<(String, String)> = missing
                .into_iter()
                .map(|(place, name)| {
                    let message = format!("The field '{name}' is required but was missing");
                    (place.to_owned(), message)
                })
                .collect();
            let found = refusals(&json!({"Resource": http, "Parameters": parameters}));
            assert_eq!(found, missing, "{parameters}");
        }
        // What a whole expression gives is not known yet.
        let open = json!({"Resource": http, "QueryLanguage": "JSONata", "Arguments": "{% $states.input %}"});
        assert_eq!(refusals(&open), []);
    }
}
