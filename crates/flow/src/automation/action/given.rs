//! Inputs of the actions with a fixed shape: from what a document gives to the parameters of a call.

use serde_json::{Map, Value};

use crate::expr::value_type::text_of;

/// An input that has a value. An empty text counts as none: it is how documents leave an optional parameter out.
pub(super) fn value<'a>(inputs: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    inputs.get(key).filter(|value| match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        _ => true,
    })
}

/// The inputs of these names that have a value, as parameters of the same names.
pub(super) fn same(inputs: &Map<String, Value>, names: &[&str]) -> Map<String, Value> {
    let found = names
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), value(inputs, name)?.clone())));
    found.collect()
}

/// Puts inputs into parameters that have other names: (input, parameter).
pub(super) fn renamed(
    params: &mut Map<String, Value>,
    inputs: &Map<String, Value>,
    names: &[(&str, &str)],
) {
    for (input, parameter) in names {
        if let Some(value) = value(inputs, input) {
            params.insert((*parameter).to_owned(), value.clone());
        }
    }
}

/// Makes lists of parameters that must be lists: one thing alone is a list of one.
pub(super) fn wrap(params: &mut Map<String, Value>, names: &[&str]) {
    for name in names {
        if let Some(value) = params.get_mut(*name)
            && !value.is_array()
        {
            *value = Value::Array(vec![value.take()]);
        }
    }
}

/// Makes texts of parameters that must be texts: a map or list becomes its JSON.
pub(super) fn texts(params: &mut Map<String, Value>, names: &[&str]) {
    for name in names {
        if let Some(value) = params.get_mut(*name)
            && !value.is_string()
        {
            *value = Value::String(text_of(value).into_owned());
        }
    }
}

/// The first so many characters, with a sign that there were more.
pub(super) fn excerpt(text: &str, characters: usize) -> String {
    let mut all = text.chars();
    let mut out: String = all.by_ref().take(characters).collect();
    if all.next().is_some() {
        out.push('…');
    }
    out
}

/// The beginning of a text that has at most so many bytes.
pub(super) fn within(text: &str, bytes: usize) -> &str {
    let mut end = text.len().min(bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn inputs_become_parameters() {
        let inputs = json!({"A": "", "B": null, "C": false, "D": "x", "E": {"k": [1]}});
        let Value::Object(inputs) = inputs else {
            panic!("a map")
        };
        let mut params = same(&inputs, &["A", "B", "C", "D", "E", "F"]);
        assert_eq!(
            Value::Object(params.clone()),
            json!({"C": false, "D": "x", "E": {"k": [1]}})
        );
        renamed(&mut params, &inputs, &[("D", "Dee"), ("A", "Aye")]);
        wrap(&mut params, &["D", "F"]);
        texts(&mut params, &["E", "F"]);
        assert_eq!(
            Value::Object(params),
            json!({"C": false, "D": ["x"], "Dee": "x", "E": "{\"k\":[1]}"})
        );
        assert_eq!(within("aäb", 2), "a");
        assert_eq!(within("aäb", 3), "aä");
        assert_eq!(excerpt("abc", 2), "ab…");
        assert_eq!(excerpt("abc", 3), "abc");
    }
}
