//! What items weigh: their bytes as JSON, and about what memory they take, which may be much more.

use std::io;

use serde_json::Value;

/// Bytes of memory that a value takes besides its text, at least.
const VALUE: usize = 64;

/// Bytes of a value as JSON.
pub(crate) fn text(value: &Value) -> usize {
    let mut count = Count(0);
    // Nothing is written, so nothing fails.
    match serde_json::to_writer(&mut count, value) {
        Ok(()) => count.0,
        Err(_) => usize::MAX,
    }
}

/// What a value weighs whose JSON has so many bytes: twice these, and something for each value within.
pub(crate) fn of(value: &Value, text: usize) -> usize {
    text.saturating_mul(2)
        .saturating_add(values(value).saturating_mul(VALUE))
}

/// How many values there are in one, itself included. What is decoded is nested 127 levels deep at most.
fn values(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(values).sum::<usize>(),
        Value::Object(members) => 1 + members.values().map(values).sum::<usize>(),
        _ => 1,
    }
}

/// Counts what is written.
struct Count(usize);

impl io::Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_weight_follows_text_and_values() {
        let value = json!({"a": [1, "é"], "b": {}});
        assert_eq!(text(&value), value.to_string().len());
        assert_eq!(of(&value, 10), 20 + 5 * VALUE);
    }
}
