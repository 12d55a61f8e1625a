//! What to do about a mistake whose message is AWS's own and does not say so.

use crate::automation::document::{Action, Document};
use crate::finding::nearest;

/// The remedy for a message, if there is more to say.
pub(super) fn of(message: &str, document: Option<&Document>) -> Option<String> {
    let quoted = message.split('"').nth(1).unwrap_or_default();
    let steps = || document.map_or_else(Vec::new, step_names);
    let text = if message.starts_with("Missing \"name\"") {
        "give the step a `name` of letters, digits and `_`".to_owned()
    } else if message.starts_with("Missing \"action\"") {
        "give the step an `action`, for instance aws:executeAwsApi".to_owned()
    } else if message.starts_with("StepName: ") {
        "use letters, digits and `_`, 128 at most".to_owned()
    } else if message.starts_with("Duplicate step names") {
        "rename one of the steps, and what refers to it".to_owned()
    } else if let Some(action) = message.strip_prefix("Unknown action: ") {
        let known: Vec<&str> = Action::ALL.into_iter().map(Action::as_str).collect();
        nearest(action, known.iter().copied()).map_or_else(
            || format!("use one of {}", known.join(", ")),
            |near| format!("did you mean `{near}`?"),
        )
    } else if message.starts_with("\"isEnd == true\"") {
        "keep `nextStep` if the run goes on behind this step, else `isEnd`".to_owned()
    } else if message.starts_with("Unknown step name: ") {
        let known = steps();
        nearest(quoted, known.iter().copied()).map_or_else(
            || format!("name one of the steps of the same list: {}", listed(&known)),
            |near| format!("did you mean `{near}`? A jump stays within its list of steps"),
        )
    } else if message.starts_with("Parameter \"") && message.ends_with("is not declared.") {
        let known: Vec<&str> = document.map_or_else(Vec::new, |document| {
            let all = document.parameters.iter();
            all.map(|parameter| parameter.name.as_str()).collect()
        });
        let declare = format!("declare `{quoted}` under `parameters`");
        nearest(quoted, known).map_or(declare, |near| format!("did you mean `{near}`?"))
    } else if message.starts_with("Parameter name \"") || message.starts_with("Variable name \"") {
        "use letters and digits, 50 at most".to_owned()
    } else if message.starts_with("Variable \"") && message.ends_with("is not declared.") {
        format!("declare `{quoted}` under `variables`")
    } else if message.starts_with("Wrong default value for a \"") {
        default_remedy(quoted).to_owned()
    } else if message.starts_with("schemaVersion of") {
        "write `schemaVersion: \"0.3\"`; documents of other versions are for Run Command".to_owned()
    } else if message.starts_with("not valid YAML") {
        "check indentation, quotes and colons before this place".to_owned()
    } else if message.starts_with("not valid JSON") {
        "check quotes, commas and brackets before this place".to_owned()
    } else if message.starts_with("allowedPattern is not") {
        "write a Java regular expression; brackets, dots and signs that stand for themselves need a `\\` before them".to_owned()
    } else if message.contains(" has no output \"") {
        "give the step an entry of `outputs` with Name, Selector and Type, or correct the name"
            .to_owned()
    } else {
        return one_of_the_known(message);
    };
    Some(text)
}

/// For messages that say what was found and what is known: the name that was probably meant.
fn one_of_the_known(message: &str) -> Option<String> {
    let (found, known) = match message.split_once("; known are ") {
        Some((before, known)) => (before.split_once("unknown ")?.1, known),
        None => {
            let (_, rest) = message.split_once(" must be one of ")?;
            let (known, found) = rest.split_once(", found ")?;
            (found, known)
        }
    };
    let found = found.split(['"', '`']).nth(1)?;
    let found = found.strip_prefix("global:").unwrap_or(found);
    let known = known
        .split(", ")
        .map(|name| name.trim_start_matches("and "));
    nearest(found, known).map(|near| format!("did you mean `{near}`?"))
}

fn default_remedy(type_name: &str) -> &'static str {
    match type_name {
        "Integer" => "write a whole number",
        "Boolean" => "write true or false, without quotes",
        "StringMap" => "write a map",
        "MapList" => "write a list of maps",
        name if name == "StringList" || name.starts_with("List<") => "write a list of texts",
        _ => "write one text",
    }
}

fn step_names(document: &Document) -> Vec<&str> {
    let named = document
        .steps
        .iter()
        .map(|step| step.name.as_str())
        .filter(|name| !name.is_empty());
    named.collect()
}

fn listed(names: &[&str]) -> String {
    let shown: Vec<&str> = names.iter().take(10).copied().collect();
    let more = if names.len() > shown.len() {
        ", …"
    } else {
        ""
    };
    format!("{}{more}", shown.join(", "))
}
