//! Pages put together into one answer.

use serde_json::Value;

use super::path::Path;

/// Adds the results of one page: lists are joined, texts joined, numbers added.
pub(super) fn add(whole: &mut Value, results: &[Path], page: &Value) {
    for path in results {
        let Some(found) = path.find(page) else {
            continue;
        };
        let Some(so_far) = path.find(whole).map(std::borrow::Cow::into_owned) else {
            path.put(whole, found.into_owned());
            continue;
        };
        let joined = match (so_far, found.into_owned()) {
            (Value::Array(mut elements), Value::Array(more)) => {
                elements.extend(more);
                Value::Array(elements)
            }
            (Value::String(text), Value::String(more)) => (text + &more).into(),
            (Value::Number(number), Value::Number(more)) => sum(&number, &more),
            (so_far, _) => so_far,
        };
        path.put(whole, joined);
    }
}

fn sum(one: &serde_json::Number, other: &serde_json::Number) -> Value {
    match (one.as_i64(), other.as_i64()) {
        (Some(one), Some(other)) if one.checked_add(other).is_some() => (one + other).into(),
        _ => (one.as_f64().unwrap_or_default() + other.as_f64().unwrap_or_default()).into(),
    }
}

/// The lists that stand at the top of a page, for paginators that name no results.
pub(super) fn lists_of(page: &Value) -> Vec<Path> {
    let members = page.as_object().into_iter().flatten();
    members
        .filter(|(_, value)| value.is_array())
        .map(|(name, _)| Path::Members(vec![name.clone()]))
        .collect()
}

/// Adds what `whole` does not have yet.
pub(super) fn lay_under(whole: &mut Value, same: Value) {
    let (Value::Object(members), Value::Object(same)) = (whole, same) else {
        return;
    };
    for (name, value) in same {
        match members.get_mut(&name) {
            Some(have) => lay_under(have, value),
            None => {
                members.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;

    #[test]
    fn lists_texts_and_numbers_are_put_together() {
        let paths: Vec<Path> = ["L", "A.B", "T", "N", "F", "O"]
            .iter()
            .map(|path| Path::parse(path).unwrap())
            .collect();
        let mut whole = Value::Object(Map::new());
        for page in [
            json!({"L": [1], "A": {"B": ["x"]}, "T": "a", "N": 1, "F": 0.5, "O": {"k": 1}, "Z": 1}),
            json!({"L": [2, 3], "A": {}, "T": "b", "N": i64::MAX, "F": 1, "O": {"k": 2}}),
            json!({"L": null, "A": {"B": ["y"]}}),
        ] {
            add(&mut whole, &paths, &page);
        }
        assert_eq!(
            whole,
            json!({"L": [1, 2, 3], "A": {"B": ["x", "y"]}, "T": "ab", "N": i64::MAX as f64 + 1.0, "F": 1.5, "O": {"k": 1}})
        );
        lay_under(&mut whole, json!({"A": {"B": ["x"], "C": 1}, "D": null}));
        assert_eq!(whole["A"], json!({"B": ["x", "y"], "C": 1}));
        assert_eq!(whole["D"], Value::Null);
    }
}
