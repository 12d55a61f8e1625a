//! One state as a definition of its own, as `TestState` takes it: a machine is made around it.

use serde_json::Value;

use super::definition::{Kind, StateMachine};
use super::integration::{Family, Integration};

/// The name of a state that was given without one.
pub const NAME: &str = "StateName";

/// A machine's text around the text of one state; `None` if that is a machine already, or no object.
#[must_use]
pub fn wrapped(text: &str) -> Option<String> {
    let Ok(Value::Object(state)) = serde_json::from_str(text) else {
        return None;
    };
    if state.contains_key("States") {
        return None;
    }
    let mut targets = Vec::new();
    collect(&Value::Object(state), &mut targets);
    let mut around = String::new();
    for target in targets.iter().filter(|target| *target != NAME) {
        let key = Value::String(target.clone());
        around.push_str(&format!(r#",{key}:{{"Type":"Succeed"}}"#));
    }
    // The state's own text is kept: what parses as an object cannot reach out of its place.
    Some(format!(
        r#"{{"StartAt":"{NAME}","States":{{"{NAME}":{text}{around}}}}}"#
    ))
}

/// The states that a state leads to, each once; those inside a branch or processor are not its own.
fn collect(state: &Value, targets: &mut Vec<String>) {
    let rules = ["Choices", "Catch"]
        .iter()
        .filter_map(|member| state.get(*member)?.as_array())
        .flatten();
    let named = rules.filter_map(|rule| rule.get("Next"));
    let all = [state.get("Next"), state.get("Default")];
    for target in all.into_iter().flatten().chain(named) {
        if let Some(target) = target.as_str()
            && !targets.iter().any(|known| known == target)
        {
            targets.push(target.to_owned());
        }
    }
}

/// Where a state is: its block, and its position there.
#[must_use]
pub fn locate(machine: &StateMachine, name: &str) -> Option<(usize, usize)> {
    machine
        .blocks
        .iter()
        .enumerate()
        .find_map(|(block, found)| {
            let at = found.states.iter().position(|state| state.name == name)?;
            Some((block, at))
        })
}

/// The word for a state's kind, such as `Task`.
#[must_use]
pub fn kind(machine: &StateMachine, (block, at): (usize, usize)) -> &'static str {
    let state = machine
        .blocks
        .get(block)
        .and_then(|block| block.states.get(at));
    state.map_or("", |state| state.kind.as_str())
}

/// The call whose answer is a Task's result: boto3's name of the service, and the operation. Nothing where the result is
/// that of a function, of whoever has the token, or of a job.
#[must_use]
pub fn answered_by(
    machine: &StateMachine,
    (block, at): (usize, usize),
) -> Option<(String, String)> {
    let state = machine.blocks.get(block)?.states.get(at)?;
    let Kind::Task(task) = &state.kind else {
        return None;
    };
    let found = Integration::parse(&task.resource).ok()?;
    let answers = matches!(found.family, Family::Sdk | Family::Optimised);
    let direct = answers && !found.callback && found.job.is_none();
    direct.then_some((found.service, found.operation))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asl::definition::{MachineType, parse};

    #[test]
    fn a_state_gets_a_machine_with_all_that_it_leads_to() {
        for state in [
            r#"{"Type":"Pass","End":true}"#,
            r#"{"Type":"Pass","Next":"Other"}"#,
            r#"{"Type":"Choice","Choices":[{"Variable":"$.a","IsNull":true,"Next":"A \"quoted\""}],"Default":"B"}"#,
            r#"{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage","Catch":[{"ErrorEquals":["States.ALL"],"Next":"C"}],"Next":"C"}"#,
        ] {
            let machine = wrapped(state).expect("a state");
            let parsed = parse(&machine, MachineType::Standard);
            assert!(parsed.is_ok(), "{machine}: {parsed:?}");
        }
        for other in [r#"{"States":{}}"#, "[]", "no JSON", r#"{"a":1},"b":{}"#] {
            assert_eq!(wrapped(other), None, "{other}");
        }
    }
}
