//! Short texts for arrows and states.

use serde_json::Value;

use crate::asl::choice::{Comparison, Condition, Operand, Order, Test};

/// Most characters of a label.
const LONGEST: usize = 48;

/// A text that fits a label: one line, no signs that turn the direction of writing.
pub(super) fn short(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let plain = text.chars().map(|c| match c {
        c if c.is_whitespace() => ' ',
        c if c.is_control() || turns(c) => '\u{fffd}',
        c => c,
    });
    let mut shown: String = plain.clone().take(LONGEST).collect();
    if plain.count() > LONGEST {
        shown.pop();
        shown.push('…');
    }
    shown
}

/// When a rule of a Choice applies.
pub(super) fn condition(condition: &Condition) -> String {
    short(&words(condition, 0))
}

fn words(condition: &Condition, depth: usize) -> String {
    // What is cut off anyway needs no words.
    if depth > 3 {
        return "…".to_owned();
    }
    let joined = |list: &[Condition], word: &str| {
        let parts: Vec<String> = list
            .iter()
            .take(4)
            .map(|part| words(part, depth + 1))
            .collect();
        let all = parts.join(word);
        if depth > 0 { format!("({all})") } else { all }
    };
    match condition {
        Condition::All(list) => joined(list, " and "),
        Condition::Any(list) => joined(list, " or "),
        Condition::Not(inner) => format!("not {}", words(inner, depth + 1)),
        Condition::Constant(constant) => constant.to_string(),
        Condition::Expression(expression) => expression.source().trim().to_owned(),
        Condition::Compare(variable, comparison, operand) => {
            comparison_words(&variable.to_string(), *comparison, operand)
        }
    }
}

fn comparison_words(variable: &str, comparison: Comparison, operand: &Operand) -> String {
    let value = match operand {
        Operand::Literal(value) => value.to_string(),
        Operand::Path(path) => path.to_string(),
    };
    match comparison {
        Comparison::Order(_, order) => {
            let sign = match order {
                Order::Equals => "=",
                Order::LessThan => "<",
                Order::GreaterThan => ">",
                Order::LessThanEquals => "≤",
                Order::GreaterThanEquals => "≥",
            };
            format!("{variable} {sign} {value}")
        }
        Comparison::StringMatches => format!("{variable} like {value}"),
        Comparison::Is(test) => {
            let what = match test {
                Test::Present => "present",
                Test::Null => "null",
                Test::Numeric => "a number",
                Test::String => "a text",
                Test::Boolean => "true or false",
                Test::Timestamp => "an instant",
            };
            let denied = matches!(operand, Operand::Literal(Value::Bool(false)));
            let not = if denied { "not " } else { "" };
            format!("{variable} is {not}{what}")
        }
    }
}

/// Errors that a catcher is for.
pub(super) fn errors(errors: &[String]) -> String {
    short(&format!("catch {}", errors.join(", ")))
}

/// The telling part of a resource.
pub(super) fn resource(arn: &str) -> String {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    short(parts.last().copied().unwrap_or(arn))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_and_hostile_texts_fit() {
        assert_eq!(short("a\nb\u{1b}[2J\u{202e}x"), "a b\u{fffd}[2J\u{fffd}x");
        let long = short(&"é".repeat(500));
        assert_eq!((long.chars().count(), long.ends_with('…')), (LONGEST, true));
        assert_eq!(
            resource("arn:aws:states:::aws-sdk:ec2:createTags"),
            "aws-sdk:ec2:createTags"
        );
    }
}
