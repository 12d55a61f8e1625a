//! What paths and intrinsic functions mean where some values are not known: in a plan, where the marks of
//! `expr::unknown` stand in the places of what only the run would bring.
//!
//! What is made of an unknown value is unknown as well, unless it just carries the value along.

use serde_json::Value;

use super::intrinsic::{Argument, Call, Function};
use super::path::{Path, Step};
use crate::expr::unknown;

/// Most characters of an unknown value's name.
const LONGEST_NAME: usize = 200;

/// What a path leads to if it leads through what is not known; `None` if it can be read as ever.
pub(crate) fn behind(path: &Path, document: &Value) -> Option<Value> {
    let mut at = document;
    for (n, step) in path.steps().iter().enumerate() {
        if let Some(name) = unknown::name_of(at) {
            let rest = path.steps().get(n..).unwrap_or_default();
            return Some(named(&format!("{name}{}", written(rest))));
        }
        at = match step {
            Step::Name(name) => at.get(name)?,
            Step::Index(index) => usize::try_from(*index).ok().and_then(|n| at.get(n))?,
            // What it takes of a list, or how it counts it, may depend on what is not known.
            _ => return unknown::is_in(at).then(|| named(&path.to_string())),
        };
    }
    None
}

/// An unknown value with this name, cut to a bearable length.
pub(crate) fn named(name: &str) -> Value {
    let name: String = name.chars().take(LONGEST_NAME).collect();
    unknown::mark(&unknown_free(&name))
}

/// A name without marks of its own.
fn unknown_free(name: &str) -> String {
    match unknown::cleaned(&Value::String(name.to_owned())) {
        Value::String(clean) => clean,
        _ => String::new(),
    }
}

fn written(steps: &[Step]) -> String {
    let mut text = String::new();
    for step in steps {
        match step {
            Step::Name(name) => text.push_str(&format!(".{name}")),
            Step::Index(at) => text.push_str(&format!("[{at}]")),
            _ => {
                text.push_str("[…]");
                return text;
            }
        }
    }
    text
}

/// What a call gives if that is not known; `None` if it can be applied as ever. `look` answers what a path means.
pub(crate) fn result(call: &Call, look: &dyn Fn(&Path) -> Option<Value>) -> Option<Value> {
    let name = || named(&format!("States.{}", call.function.as_str()));
    if matches!(call.function, Function::Uuid | Function::MathRandom) {
        return Some(name());
    }
    let carries = matches!(
        call.function,
        Function::Format | Function::Array | Function::JsonToString
    );
    let mut open = false;
    for argument in &call.arguments {
        open |= match argument {
            Argument::Path(path) => look(path).is_some_and(|value| unknown::is_in(&value)),
            // An inner call that gives nothing known cannot be applied within the outer one.
            Argument::Call(inner) => match result(inner, look) {
                Some(_) => return Some(name()),
                None => inner
                    .paths()
                    .into_iter()
                    .any(|path| look(path).is_some_and(|value| unknown::is_in(&value))),
            },
            Argument::Literal(_) | Argument::Template(_) => false,
        };
    }
    (open && !carries).then(name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_lead_into_what_is_not_known() {
        let document = json!({"a": unknown::mark("Make"), "list": [unknown::mark("Make.Id"), 2], "known": {"b": [1]}});
        let cases = [
            ("$.a", None),
            ("$.a.Id", Some("Make.Id")),
            ("$.a.Ids[0]", Some("Make.Ids[0]")),
            ("$.a.Ids[*].x", Some("Make.Ids[…]")),
            ("$.list[0]", None),
            ("$.list[0].x", Some("Make.Id.x")),
            ("$.list[*]", Some("$.list[*]")),
            ("$.known.b[*]", None),
            ("$.missing.x", None),
        ];
        for (text, expected) in cases {
            let path = Path::parse(text).expect(text);
            let found = behind(&path, &document);
            assert_eq!(found, expected.map(unknown::mark), "{text}");
        }
    }

    #[test]
    fn functions_carry_unknown_values_along_or_give_unknown_ones() {
        let cases = [
            ("States.Format('x-{}', $.a)", false),
            ("States.Array($.a, 1)", false),
            ("States.ArrayLength($.a)", true),
            ("States.ArrayLength($.known)", false),
            ("States.Format('{}', States.MathAdd($.a, 1))", true),
            ("States.Format('{}', States.Format('{}', $.a))", false),
            ("States.UUID()", true),
        ];
        let look = |path: &Path| match path.to_string().as_str() {
            "$.a" => Some(unknown::mark("Make")),
            _ => Some(json!([1])),
        };
        for (text, unknown) in cases {
            let call = Call::parse(text).expect(text);
            assert_eq!(result(&call, &look).is_some(), unknown, "{text}");
        }
    }
}
