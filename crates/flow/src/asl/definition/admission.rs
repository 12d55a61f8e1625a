//! What is asked of a definition that somebody wants to keep, beyond what is asked of one that is run: that the calls of its
//! Tasks exist, and that an HTTP Task says whom it calls.
//!
//! Apart from [`parse`](super::parse), since a machine that was taken goes on whatever a later version of this program asks.
//! Knows no service: whether a call exists is asked of the caller.
//!
//! Sources: the developer guide ("Call HTTPS APIs in Step Functions workflows") for what is required, and texts of the
//! service.

use super::{Kind, Language, MachineType, Problem, SCHEMA, StateMachine, Task, parse_with_places};
use crate::asl::integration::{Family, Integration, unrecognised};
use crate::asl::template::Template;

/// Whether there is such a call: boto3's name of the service, and the operation.
pub type KnownCall<'a> = dyn Fn(&str, &str) -> bool + 'a;

/// The places where an HTTP Task may name its connection; the service had the first name before the second.
const CONNECTION: [&str; 2] = ["Authentication", "InvocationConfig"];

/// Reads a definition that is to be kept.
///
/// # Errors
/// All problems of reading it; where there are none, all calls that do not exist or say too little.
pub fn admit(
    text: &str,
    kind: MachineType,
    known: &KnownCall<'_>,
) -> Result<StateMachine, Vec<Problem>> {
    let (machine, places) = parse_with_places(text, kind)?;
    let problems = refused(&machine, &places, known);
    if problems.is_empty() {
        Ok(machine)
    } else {
        Err(problems)
    }
}

/// What is refused of a definition that can be read; `places` are those of its blocks.
pub(crate) fn refused(
    machine: &StateMachine,
    places: &[String],
    known: &KnownCall<'_>,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (block, place) in machine.blocks.iter().zip(places) {
        for state in &block.states {
            if let Kind::Task(task) = &state.kind {
                let at = format!("{place}/States/{}", state.name);
                call(&mut problems, (&at, state.language, task), known);
            }
        }
    }
    problems
}

fn call(
    problems: &mut Vec<Problem>,
    (at, language, task): (&str, Language, &Task),
    known: &KnownCall<'_>,
) {
    let Ok(integration) = Integration::parse(&task.resource) else {
        return;
    };
    match integration.family {
        Family::Sdk if !known(&integration.service, &integration.operation) => {
            let place = format!("{at}/Resource");
            problems.push(problem(place, unrecognised(&task.resource)));
        }
        Family::Http => http(problems, (at, language), task),
        Family::Sdk | Family::Function | Family::Activity | Family::Optimised => {}
    }
}

/// What an HTTP Task must say in its definition; what an expression gives is seen when it is there.
fn http(problems: &mut Vec<Problem>, (at, language): (&str, Language), task: &Task) {
    let field = match language {
        Language::JsonPath => "Parameters",
        Language::Jsonata => "Arguments",
    };
    let Some(arguments) = &task.arguments else {
        let resource = &task.resource;
        let message = format!("{field} field is required for resource ARN: {resource}");
        return problems.push(problem(at.to_owned(), message));
    };
    let place = format!("{at}/{field}");
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
        let known =
            |service: &str, operation: &str| (service, operation) == ("ec2", "StopInstances");
        let problems = admit(&text.to_string(), MachineType::Standard, &known).err();
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
            let found = refusals(&json!({"Resource": format!("arn:aws:states:::{resource}")}));
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
        let none = refusals(&json!({"Resource": http}));
        let message = format!("Parameters field is required for resource ARN: {http}");
        assert_eq!(none, [(String::new(), message)]);
        // What a whole expression gives is not known yet.
        let open = json!({"Resource": http, "QueryLanguage": "JSONata", "Arguments": "{% $states.input %}"});
        assert_eq!(refusals(&open), []);
    }
}
