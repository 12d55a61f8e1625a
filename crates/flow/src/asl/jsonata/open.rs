//! Expressions where some values are not known (in a plan): what does not look at those is evaluated as ever; what only
//! carries them along (a path, a text put together, an object) is put together here; all else is not known either.

use jsonata_core::ast::{AstNode, BinaryOp, PathStep};
use serde_json::{Map, Value};

use super::super::open;
use super::{Bindings, Expression, Failure, Sight};
use crate::asl::intrinsic::Randomness;
use crate::expr::unknown;

/// Most signs besides letters, digits and blanks in an expression that is looked into: they bound its depth.
const MOST_SIGNS: usize = 400;
/// Operators that are words count as signs.
const WORDS: [&str; 3] = ["and", "or", "in"];
/// Most characters of an expression in an unknown value's name.
const SHOWN: usize = 60;
/// Functions that give another value each time.
const CHANCE: [&str; 2] = ["uuid", "random"];

impl Expression {
    /// Evaluates the expression where some of what it sees is not known.
    pub(crate) fn evaluate_open(
        &self,
        bindings: &Bindings<'_>,
        randomness: &mut Randomness,
    ) -> Result<Value, Failure> {
        let sign = |c: &char| !c.is_alphanumeric() && !c.is_whitespace();
        let words = self.source.split(|c: char| !c.is_alphanumeric());
        let words = words.filter(|word| WORDS.contains(word)).count();
        if self.source.chars().filter(sign).count() + words > MOST_SIGNS {
            let states = Value::Object(self.sight.states(bindings));
            let open = unknown::is_in(&states) || bindings.variables.values().any(unknown::is_in);
            return if open {
                Ok(self.unknown())
            } else {
                self.evaluate(bindings, randomness)
            };
        }
        let look = Look {
            expression: self,
            states: Value::Object(Sight::All.states(bindings)),
            bindings,
        };
        look.value(&self.tree, randomness)
    }

    fn unknown(&self) -> Value {
        let mut name: String = self.source.chars().take(SHOWN).collect();
        if name.len() < self.source.len() {
            name.push('…');
        }
        open::named(&name)
    }

    /// A part of the expression by itself.
    fn part(&self, node: &AstNode) -> Self {
        Self {
            source: self.source.clone(),
            tree: std::sync::Arc::new(node.clone()),
            sight: self.sight.clone(),
        }
    }
}

struct Look<'a> {
    expression: &'a Expression,
    states: Value,
    bindings: &'a Bindings<'a>,
}

impl Look<'_> {
    fn value(&self, node: &AstNode, randomness: &mut Randomness) -> Result<Value, Failure> {
        let tree = serde_json::to_value(node).unwrap_or_default();
        if !self.is_open(&tree) {
            return self
                .expression
                .part(node)
                .evaluate(self.bindings, randomness);
        }
        let made = match node {
            AstNode::Variable(name) => self.variable(name).cloned(),
            AstNode::Path { steps } => self.path(steps)?,
            AstNode::Binary {
                op: BinaryOp::Concatenate,
                lhs,
                rhs,
            } => {
                let left = self.text(lhs, randomness)?;
                Some(Value::String(left + &self.text(rhs, randomness)?))
            }
            AstNode::Binary {
                op: op @ (BinaryOp::And | BinaryOp::Or),
                lhs,
                rhs,
            } => self.both((*op == BinaryOp::Or, lhs, rhs), randomness)?,
            AstNode::Array(items) => self.array(items, randomness)?,
            AstNode::Object(pairs) => self.object(pairs, randomness)?,
            AstNode::Function { name, args, .. } => self.function(name, args, randomness)?,
            AstNode::Conditional {
                condition,
                then_branch,
                else_branch,
            } => match (self.condition(condition, randomness)?, else_branch) {
                (Value::Bool(true), _) => return self.value(then_branch, randomness),
                (Value::Bool(false), Some(branch)) => return self.value(branch, randomness),
                (Value::Bool(false), None) => return Err(Failure::Undefined),
                _ => None,
            },
            AstNode::Block(items) => match items.as_slice() {
                [only] => return self.value(only, randomness),
                _ => None,
            },
            _ => None,
        };
        Ok(made.unwrap_or_else(|| match node {
            AstNode::Function { name, args, .. } if *node != *self.expression.tree => {
                let args = if args.is_empty() { "" } else { "…" };
                open::named(&format!("${}({args})", plain(name)))
            }
            _ => self.expression.unknown(),
        }))
    }

    /// A condition that yields nothing does not hold.
    fn condition(&self, node: &AstNode, randomness: &mut Randomness) -> Result<Value, Failure> {
        match self.value(node, randomness) {
            Err(Failure::Undefined) => Ok(Value::Bool(false)),
            other => other,
        }
    }

    fn variable(&self, name: &str) -> Option<&Value> {
        if name == "states" {
            return Some(&self.states);
        }
        self.bindings.variables.get(name)
    }

    /// Whether a part of an expression looks at what is not known, or draws by chance. Data comes in by variables alone.
    fn is_open(&self, tree: &Value) -> bool {
        match tree {
            Value::Object(map) => {
                if let Some(steps) = map.get("Path").and_then(|path| path.get("steps")) {
                    return self.path_is_open(steps.as_array().map_or(&[], Vec::as_slice));
                }
                if let Some(name) = map.get("Variable").and_then(Value::as_str) {
                    return self.variable(name).is_some_and(unknown::is_in);
                }
                let called = map.get("Function").and_then(|call| call.get("name"));
                let chance = called.and_then(Value::as_str).map(plain);
                chance.is_some_and(|name| CHANCE.contains(&name))
                    || map.values().any(|inner| self.is_open(inner))
            }
            Value::Array(items) => items.iter().any(|inner| self.is_open(inner)),
            _ => false,
        }
    }

    /// A path that begins at a variable is open if what its plain names lead to is, or what its other parts look at.
    fn path_is_open(&self, steps: &[Value]) -> bool {
        let first = steps
            .first()
            .and_then(|step| step.pointer("/node/Variable"));
        let Some(mut at) = first
            .and_then(Value::as_str)
            .and_then(|name| self.variable(name))
        else {
            return steps.iter().any(|step| self.is_open(step));
        };
        let stages = |step: &Value| step.get("stages").is_some_and(|all| self.is_open(all));
        if steps.first().is_some_and(stages) {
            return true;
        }
        let staged = |step: &Value| {
            let stages = step.get("stages").and_then(Value::as_array);
            stages.is_some_and(|stages| !stages.is_empty())
        };
        let mut plain = !steps.first().is_some_and(staged);
        for step in steps.iter().skip(1) {
            let name = step.pointer("/node/Name").and_then(Value::as_str);
            match name.filter(|_| plain) {
                Some(_) if unknown::is_whole(at) => return true,
                Some(name) if at.is_object() => match at.get(name) {
                    Some(inner) => at = inner,
                    None => return false,
                },
                _ => {
                    plain = false;
                    if self.is_open(step) {
                        return true;
                    }
                }
            }
            if staged(step) {
                plain = false;
                if stages(step) {
                    return true;
                }
            }
        }
        unknown::is_in(at)
    }

    /// A path of plain names from a variable to a value.
    fn path(&self, steps: &[PathStep]) -> Result<Option<Value>, Failure> {
        let mut steps = steps.iter();
        let Some(AstNode::Variable(name)) = steps.next().map(|step| &step.node) else {
            return Ok(None);
        };
        let Some(mut at) = self.variable(name) else {
            return Ok(None);
        };
        let mut rest = String::new();
        for step in steps {
            let AstNode::Name(name) = &step.node else {
                if rest.is_empty() && !unknown::is_whole(at) {
                    return Ok(None);
                }
                rest.push_str("[…]");
                break;
            };
            if !rest.is_empty() || unknown::is_whole(at) {
                rest.push_str(&format!(".{name}"));
                if !step.stages.is_empty() {
                    rest.push_str("[…]");
                }
                continue;
            }
            match at.get(name) {
                Some(inner) if step.stages.is_empty() => at = inner,
                Some(inner) if unknown::is_whole(inner) => {
                    at = inner;
                    rest.push_str("[…]");
                }
                Some(_) => return Ok(None),
                None if at.is_object() => return Err(Failure::Undefined),
                None => return Ok(None),
            }
        }
        match unknown::name_of(at) {
            Some(name) if !rest.is_empty() => Ok(Some(open::named(&format!("{name}{rest}")))),
            _ => Ok(Some(at.clone())),
        }
    }

    /// A value as `&` makes a text of it.
    fn text(&self, node: &AstNode, randomness: &mut Randomness) -> Result<String, Failure> {
        match self.value(node, randomness) {
            Ok(Value::String(text)) => Ok(text),
            Ok(other) => Ok(other.to_string()),
            Err(Failure::Undefined) => Ok(String::new()),
            Err(other) => Err(other),
        }
    }

    /// `and`, `or`: one side may decide alone.
    fn both(
        &self,
        (decides, left, right): (bool, &AstNode, &AstNode),
        randomness: &mut Randomness,
    ) -> Result<Option<Value>, Failure> {
        let mut sides = [None, None];
        for (side, node) in sides.iter_mut().zip([left, right]) {
            *side = match self.value(node, randomness) {
                Ok(Value::Bool(answer)) => Some(answer),
                Ok(value) if unknown::is_in(&value) => None,
                Err(Failure::Undefined) => Some(false),
                Ok(_) => return Ok(None),
                Err(other) => return Err(other),
            };
        }
        if sides.contains(&Some(decides)) {
            return Ok(Some(Value::Bool(decides)));
        }
        Ok(sides
            .iter()
            .all(Option::is_some)
            .then_some(Value::Bool(!decides)))
    }

    /// An array; a list within it that is not written as one gives its items.
    fn array(
        &self,
        items: &[AstNode],
        randomness: &mut Randomness,
    ) -> Result<Option<Value>, Failure> {
        let mut made = Vec::new();
        for item in items {
            let value = match self.value(item, randomness) {
                Err(Failure::Undefined) => continue,
                other => other?,
            };
            match value {
                value if matches!(item, AstNode::Array(_)) => made.push(value),
                Value::Array(inner) => made.extend(inner),
                // It may be a list itself.
                value if unknown::is_whole(&value) => {
                    return Ok((items.len() == 1).then_some(value));
                }
                value => made.push(value),
            }
        }
        Ok(Some(Value::Array(made)))
    }

    fn object(
        &self,
        pairs: &[(AstNode, AstNode)],
        randomness: &mut Randomness,
    ) -> Result<Option<Value>, Failure> {
        let mut made = Map::new();
        for (key, value) in pairs {
            let AstNode::String(key) = key else {
                return Ok(None);
            };
            match self.value(value, randomness) {
                Ok(value) => {
                    made.insert(key.clone(), value);
                }
                Err(Failure::Undefined) => {}
                Err(other) => return Err(other),
            }
        }
        Ok(Some(Value::Object(made)))
    }

    /// `$string` and `$merge` carry values along.
    fn function(
        &self,
        name: &str,
        args: &[AstNode],
        randomness: &mut Randomness,
    ) -> Result<Option<Value>, Failure> {
        match (plain(name), args) {
            ("string", [only]) => Ok(Some(Value::String(self.text(only, randomness)?))),
            ("merge", [AstNode::Array(items)]) => {
                let mut made = Map::new();
                for item in items {
                    match self.value(item, randomness) {
                        Ok(Value::Object(map)) => made.extend(map),
                        Err(Failure::Undefined) => {}
                        Ok(_) => return Ok(None),
                        Err(other) => return Err(other),
                    }
                }
                Ok(Some(Value::Object(made)))
            }
            _ => Ok(None),
        }
    }
}

fn plain(name: &str) -> &str {
    name.trim_start_matches('$')
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::asl::context::ContextObject;
    use crate::asl::template::States;

    fn cases() -> Vec<(&'static str, Value)> {
        let mark = unknown::mark;
        let text = |name: &str| mark(name).as_str().map(str::to_owned).unwrap_or_default();
        vec![
            ("$states.input.id", json!("i-1")),
            ("$states.input.list[n = 2].n", json!(2)),
            ("$states.result.Id", mark("Make.Id")),
            ("$states.result.Ids[0].Name", mark("Make.Ids[…].Name")),
            ("$states.result", mark("Make")),
            (
                "'x-' & $open & '/' & $known",
                json!(format!("x-{}/stopped", text("Open"))),
            ),
            (
                "{'a': $open, 'b': $known}",
                json!({"a": mark("Open"), "b": "stopped"}),
            ),
            (
                "$string({'a': $open})",
                json!(format!("{{\"a\":\"{}\"}}", text("Open"))),
            ),
            (
                "$merge([$half, {'c': 3}])",
                json!({"a": 1, "b": mark("B"), "c": 3}),
            ),
            ("$half.a", json!(1)),
            ("$half.b", mark("B")),
            ("$open = 'stopped'", mark("$open = 'stopped'")),
            ("$known = 'stopped'", json!(true)),
            (
                "$count($states.result.Snapshots)",
                mark("$count($states.result.Snapshots)"),
            ),
            ("$truth and $open = 1", json!(false)),
            ("$known = 'stopped' or $open = 1", json!(true)),
            (
                "$known = 'stopped' and $open = 1",
                mark("$known = 'stopped' and $open = 1"),
            ),
            ("$known = 'stopped' ? $open : 1", mark("Open")),
            ("$open ? 1 : 2", mark("$open ? 1 : 2")),
            ("$half.none ? $open : 2", json!(2)),
            ("[$open]", mark("Open")),
            ("$uuid()", mark("$uuid()")),
            ("'a-' & $uuid()", json!(format!("a-{}", text("$uuid()")))),
            ("$exists($half.b) ? 1 : 2", mark("$exists($half.b) ? 1 : 2")),
            (
                "$states.input.list[n = $open]",
                mark("$states.input.list[n = $open]"),
            ),
            (
                "$map($states.input.list, function($x) { $x.n })",
                json!([1, 2]),
            ),
        ]
    }

    #[test]
    fn unknown_values_are_carried_along_and_nothing_is_made_up_of_them() {
        let mark = unknown::mark;
        let mut states = States::new();
        states.insert(
            "input".to_owned(),
            json!({"id": "i-1", "list": [{"n": 1}, {"n": 2}]}).into(),
        );
        states.insert("result".to_owned(), mark("Make").into());
        let variables = BTreeMap::from([
            ("known".to_owned(), json!("stopped")),
            ("open".to_owned(), mark("Open")),
            ("half".to_owned(), json!({"a": 1, "b": mark("B")})),
            ("truth".to_owned(), json!(false)),
        ]);
        let context = ContextObject::kept(json!({"Execution": {"Name": "x"}}));
        let at = "2026-11-21T17:00:00Z".parse().expect("an instant");
        let bindings = Bindings {
            states: &states,
            context: &context,
            variables: &variables,
            at,
        };
        for (source, expected) in cases() {
            let expression = Expression::parse(source).expect(source);
            let mut randomness = Randomness::new([0; 32], 0);
            let made = expression.evaluate_open(&bindings, &mut randomness);
            assert_eq!(made, Ok(expected), "{source}");
        }
    }
}
