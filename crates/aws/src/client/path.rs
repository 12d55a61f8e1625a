//! JMESPath over answers, as paginators and waiters of the models use it.
//!
//! Nearly all expressions are names joined by dots; those are followed in place. The others go through the interpreter,
//! which works on a copy. Expressions come from the models and values from decoded answers, both bounded.

use std::borrow::Cow;

use serde_json::{Map, Value};

/// An expression.
#[derive(Debug, Clone)]
pub(super) enum Path {
    /// Names of members, each in the one before.
    Members(Vec<String>),
    /// Anything else.
    Expression(jmespath::Expression<'static>),
}

impl Path {
    /// Reads an expression; `Err` says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let names: Vec<&str> = text.split('.').collect();
        let is_name = |name: &&str| {
            name.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
                && !name.is_empty()
                && !name.starts_with(|first: char| first.is_ascii_digit())
        };
        if names.iter().all(is_name) {
            let names = names.into_iter().map(str::to_owned).collect();
            return Ok(Self::Members(names));
        }
        match jmespath::compile(text) {
            Ok(expression) => Ok(Self::Expression(expression)),
            Err(error) => Err(format!(
                "`{text}` is no JMESPath expression: {}",
                error.to_string().lines().next().unwrap_or_default()
            )),
        }
    }

    /// What stands there; `None` for nothing and null.
    pub(super) fn find<'a>(&self, value: &'a Value) -> Option<Cow<'a, Value>> {
        match self {
            Self::Members(names) => names
                .iter()
                .try_fold(value, |inside, name| inside.get(name))
                .filter(|found| !found.is_null())
                .map(Cow::Borrowed),
            Self::Expression(expression) => {
                let found = expression.search(value).ok()?;
                let found = serde_json::to_value(found.as_ref()).ok()?;
                (!found.is_null()).then_some(Cow::Owned(found))
            }
        }
    }

    /// Puts a value there, making what is on the way; does nothing where the expression is no place.
    pub(super) fn put(&self, target: &mut Value, value: Value) {
        let Self::Members(names) = self else { return };
        let Some((last, way)) = names.split_last() else {
            return;
        };
        let mut inside = target;
        for name in way {
            let Some(next) = members(inside) else { return };
            inside = next.entry(name.clone()).or_insert(Value::Null);
        }
        if let Some(members) = members(inside) {
            members.insert(last.clone(), value);
        }
    }
}

/// The members of an object; null becomes one.
fn members(value: &mut Value) -> Option<&mut Map<String, Value>> {
    if value.is_null() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut()
}

/// Whether a value counts as true, as in Python.
pub(super) fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(truth) => *truth,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(elements) => !elements.is_empty(),
        Value::Object(members) => !members.is_empty(),
    }
}

/// Equality as in JSON: the form of a number does not matter.
pub(super) fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            one == other || one.as_f64() == other.as_f64()
        }
        (one, other) => one == other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn expressions_of_the_models() {
        let answer = json!({"A": {"B": 1}, "Jobs": [{"Id": "a"}, {"Id": "b"}], "N": null, "E": "",
            "Rs": [{"Is": [{"S": "run"}, {"S": "stop"}]}]});
        for (path, expected) in [
            ("A.B", json!(1)),
            ("A.C", Value::Null),
            ("N", Value::Null),
            ("A.B.C", Value::Null),
            ("Jobs[-1].Id", json!("b")),
            ("Nothing || Jobs[0].Id", json!("a")),
            ("Rs[].Is[].S", json!(["run", "stop"])),
            ("length(Jobs) > `1`", json!(true)),
            ("\"A\".B", json!(1)),
        ] {
            let found = Path::parse(path)
                .unwrap()
                .find(&answer)
                .map_or(Value::Null, Cow::into_owned);
            assert_eq!(found, expected, "{path}");
        }
        for wrong in ["", "A..B", "a[", "`", "1a"] {
            assert!(Path::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn values_are_put_where_they_belong() {
        let mut value = json!({});
        Path::parse("A.B").unwrap().put(&mut value, json!(1));
        Path::parse("A.C").unwrap().put(&mut value, json!(2));
        Path::parse("A.C.D").unwrap().put(&mut value, json!(3));
        assert_eq!(value, json!({"A": {"B": 1, "C": 2}}));
    }
}
