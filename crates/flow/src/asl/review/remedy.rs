//! What to do about a mistake whose message is the service's own and does not say so.

use super::Part;
use crate::finding::nearest;

/// Fields that only states with JSONPath have.
const JSON_PATH_ONLY: [&str; 6] = [
    "InputPath",
    "OutputPath",
    "ResultPath",
    "ResultSelector",
    "Parameters",
    "ItemsPath",
];
/// Fields that only states with JSONata have.
const JSONATA_ONLY: [&str; 3] = ["Arguments", "Output", "Items"];
/// Fields of states, for names that are nearly right.
const FIELDS: [&str; 28] = [
    "Type",
    "Comment",
    "QueryLanguage",
    "Next",
    "End",
    "Assign",
    "InputPath",
    "OutputPath",
    "ResultPath",
    "ResultSelector",
    "Parameters",
    "Arguments",
    "Output",
    "Retry",
    "Catch",
    "Result",
    "Resource",
    "TimeoutSeconds",
    "HeartbeatSeconds",
    "Credentials",
    "Choices",
    "Default",
    "Seconds",
    "Timestamp",
    "Branches",
    "ItemProcessor",
    "ItemSelector",
    "MaxConcurrency",
];

/// How messages begin that have one remedy.
const FIXED: [(&str, &str); 11] = [
    (
        "Parameters field is required",
        "add `\"Parameters\"` with what the call takes; `{}` if that is nothing",
    ),
    (
        "Arguments field is required",
        "add `\"Arguments\"` with what the call takes; `{}` if that is nothing",
    ),
    (
        "These fields are required: ",
        "add what is missing to this object",
    ),
    (
        "One of these fields is required: [Next, End]",
        "write `\"Next\"` with the name of the state behind, or `\"End\": true`",
    ),
    (
        "Only one of these fields may be set: ",
        "keep one of them and remove the others",
    ),
    (
        "A block must have a state that ends it",
        "give its last state `\"End\": true`, or lead to a Succeed or Fail state",
    ),
    (
        "Duplicate state name: ",
        "rename one of them: names are unique in the whole machine, branches included",
    ),
    (
        "Duplicate field ",
        "keep one of the two: most readers of JSON drop the other silently",
    ),
    (
        "'States.ALL' must be the only element",
        "put it alone, into the last entry",
    ),
    (
        "String does not match RFC3339",
        "write it like 2030-01-31T06:00:00Z, with a capital T",
    ),
    (
        "The resource provided ",
        "write a function's ARN, or arn:aws:states:::aws-sdk:SERVICE:ACTION with boto3's name of the service and the action in camelCase",
    ),
];

/// The remedy for a message, if there is more to say.
pub(super) fn of(message: &str, part: &Part<'_>) -> Option<String> {
    let quoted = message.split('\'').nth(1).unwrap_or_default();
    if message.starts_with("Missing '") {
        let target = message.split_once("target: ").map_or("", |(_, name)| name);
        return Some(target_remedy(target, &part.names));
    }
    if message.starts_with("Field '") && message.ends_with("' is not supported") {
        return Some(unsupported(quoted));
    }
    if let Some(name) = message.strip_prefix("The field \"") {
        return Some(foreign(name.split('"').next().unwrap_or_default()));
    }
    let known = FIXED.iter().find(|(begin, _)| message.starts_with(begin));
    let text = if let Some((_, remedy)) = known {
        (*remedy).to_owned()
    } else if message.starts_with("State \"") && message.ends_with("is not reachable.") {
        "lead a Next, a choice, a Default or a Catch to it, or remove it".to_owned()
    } else if message.ends_with("is required but was missing") {
        "add it to this object; in a JSONPath state with .$ behind its name where its value comes from the data".to_owned()
    } else if message.contains("must be a JSONata expression") {
        "put the expression between {% and %}, in quotes".to_owned()
    } else if message.contains("must be a valid JSONPath") {
        "begin with $ (or $$ for the context object, $name for a variable), and put names with other signs than letters, digits, _ and - into ['…']".to_owned()
    } else {
        return None;
    };
    Some(text)
}

fn target_remedy(target: &str, names: &[&str]) -> String {
    if let Some(near) = nearest(target, names.iter().copied()) {
        return format!("did you mean `{near}`? An arrow stays within its block");
    }
    let shown: Vec<&str> = names.iter().take(10).copied().collect();
    let more = if names.len() > shown.len() {
        ", …"
    } else {
        ""
    };
    format!(
        "name one of the states of the same block: {}{more}",
        shown.join(", ")
    )
}

/// A parameter that its call does not have.
fn foreign(name: &str) -> String {
    let mut chars = name.chars();
    match chars.next() {
        Some(first) if first.is_ascii_lowercase() => {
            let capital = first.to_ascii_uppercase();
            format!(
                "write `{capital}{}`: names of parameters begin with a capital, whatever the service's own spelling",
                chars.as_str()
            )
        }
        _ => "remove it, or look up how the call's parameter is spelled".to_owned(),
    }
}

fn unsupported(field: &str) -> String {
    if JSON_PATH_ONLY.contains(&field) {
        return "in a JSONata state write Arguments (Items in a Map), Output and Assign instead; some types of states do not have it at all".to_owned();
    }
    if JSONATA_ONLY.contains(&field) {
        return "only states with `\"QueryLanguage\": \"JSONata\"` have it, and of those not every type".to_owned();
    }
    match nearest(field, FIELDS) {
        Some(near) if near != field => format!("did you mean `{near}`?"),
        Some(_) => "states of this type do not have it: remove it".to_owned(),
        None => "remove it, or put what it says into Comment".to_owned(),
    }
}
