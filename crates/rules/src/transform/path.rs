//! The part of JSONPath that target inputs may use: names after dots, indexes and `[*]`.

use serde_json::Value;

use super::MAX_NAME_CHARACTERS;

/// Values one `[*]` chain may collect; more would be a multiple of the event itself.
const MAX_COLLECTED: usize = 100_000;

/// A parsed path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Path {
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Name(String),
    Index(usize),
    Every,
}

impl Path {
    /// Reads a path; the error says what is wrong and what to do.
    pub(super) fn parse(text: &str) -> Result<Path, String> {
        if text.chars().count() > MAX_NAME_CHARACTERS {
            return Err(format!("use at most {MAX_NAME_CHARACTERS} characters"));
        }
        let Some(mut rest) = text.strip_prefix('$') else {
            return Err("begin with `$`".to_owned());
        };
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let (step, after) = if let Some(after) = rest.strip_prefix('.') {
                name(after)?
            } else if let Some(after) = rest.strip_prefix('[') {
                bracket(after)?
            } else {
                return Err(format!("expected `.` or `[` before `{rest}`"));
            };
            steps.push(step);
            rest = after;
        }
        Ok(Path { steps })
    }

    /// The value at the path; with `[*]` the list of all values, or `None` if there are none.
    pub(super) fn find(&self, root: &Value) -> Option<Value> {
        let mut current = vec![root];
        let mut many = false;
        for step in &self.steps {
            let mut next = Vec::new();
            for value in current {
                match (step, value) {
                    (Step::Name(name), Value::Object(object)) => next.extend(object.get(name)),
                    (Step::Index(index), Value::Array(list)) => next.extend(list.get(*index)),
                    (Step::Every, Value::Array(list)) => next.extend(list),
                    (Step::Every, Value::Object(object)) => next.extend(object.values()),
                    _ => {}
                }
            }
            many |= *step == Step::Every;
            next.truncate(MAX_COLLECTED);
            current = next;
        }
        if many && !current.is_empty() {
            return Some(Value::Array(current.into_iter().cloned().collect()));
        }
        current.first().map(|value| (*value).clone())
    }
}

fn name(text: &str) -> Result<(Step, &str), String> {
    let end = text.find(['.', '[']).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '/' | ':' | '@');
    if name.is_empty() {
        return Err("a name is missing after `.`".to_owned());
    }
    if name == "*" {
        return Ok((Step::Every, rest));
    }
    if !name.chars().all(allowed) {
        return Err(format!(
            "`{name}`: use letters, digits, `-`, `_` and `/` in names"
        ));
    }
    Ok((Step::Name(name.to_owned()), rest))
}

fn bracket(text: &str) -> Result<(Step, &str), String> {
    if let Some(quote @ ('\'' | '"')) = text.chars().next() {
        let inside = text.get(1..).unwrap_or_default();
        let closing = format!("{quote}]");
        return match inside.split_once(closing.as_str()) {
            Some((name, rest)) => Ok((Step::Name(name.to_owned()), rest)),
            None => Err(format!("`[{quote}` is not closed by `{closing}`")),
        };
    }
    let Some((inside, rest)) = text.split_once(']') else {
        return Err("`[` is not closed by `]`".to_owned());
    };
    if inside == "*" {
        return Ok((Step::Every, rest));
    }
    match inside.parse() {
        Ok(index) if inside.bytes().all(|b| b.is_ascii_digit()) => Ok((Step::Index(index), rest)),
        _ => Err(format!("`[{inside}]`: use an index from 0 or `[*]`")),
    }
}

#[cfg(test)]
mod tests {
    use super::Path;
    use serde_json::json;

    #[test]
    fn finds() {
        let event = json!({
            "detail-type": "T", "resources": ["r0", "r1"], "n": null,
            "detail": {"items": [{"id": 1}, {"id": 2}, {"x": 3}], "a/b": {"c d": true}}
        });
        for (path, expected) in [
            ("$.detail-type", Some(json!("T"))),
            ("$.resources[1]", Some(json!("r1"))),
            ("$.resources[2]", None),
            ("$.n", Some(json!(null))),
            ("$.detail.items[*].id", Some(json!([1, 2]))),
            ("$.detail.items[*].none", None),
            ("$.detail.a/b['c d']", Some(json!(true))),
            ("$.missing.x", None),
        ] {
            assert_eq!(Path::parse(path).unwrap().find(&event), expected, "{path}");
        }
        assert_eq!(Path::parse("$").unwrap().find(&event), Some(event));
    }

    #[test]
    fn refuses() {
        let long = format!("$.{}", "a".repeat(256));
        for path in [
            "",
            "detail",
            "$detail",
            "$.",
            "$..a",
            "$.a[",
            "$.a[x]",
            "$.a[-1]",
            "$.a[+1]",
            "$['a",
            "$.a b",
            "$.a[?(@.b)]",
            long.as_str(),
        ] {
            assert!(Path::parse(path).is_err(), "{path}");
        }
    }
}
