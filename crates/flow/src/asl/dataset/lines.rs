//! JSON Lines: a value in each line. Empty lines are no items.

use serde::{Deserialize, Serialize};

use super::decoder::{Sink, mark};
use super::{MAX_RAW_ITEM, Unreadable};

/// A file being decoded.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Decoder {
    /// Whether the beginning of the object is behind.
    begun: bool,
    /// Items read so far.
    items: u64,
}

impl Decoder {
    /// Decodes the lines that stand complete in a window; see [`super::Decoder::decode`].
    ///
    /// # Errors
    /// See [`super::Decoder::decode`].
    pub fn decode(
        &mut self,
        window: &[u8],
        last: bool,
        sink: &mut Sink,
    ) -> Result<usize, Unreadable> {
        let mut done = 0;
        if !self.begun {
            let Some(skipped) = mark(window, last) else {
                return Ok(0);
            };
            self.begun = true;
            done = skipped;
        }
        while !sink.is_full() {
            let rest = window.get(done..).unwrap_or_default();
            let (line, bytes) = match rest.iter().position(|byte| *byte == b'\n') {
                Some(end) => (rest.get(..end).unwrap_or_default(), end + 1),
                None if last && !rest.is_empty() => (rest, rest.len()),
                None => (rest, 0),
            };
            if line.len() > MAX_RAW_ITEM {
                return Err(Unreadable::LargeItem {
                    number: self.items,
                    most: MAX_RAW_ITEM,
                });
            }
            if bytes == 0 {
                break;
            }
            done += bytes;
            let line = line.trim_ascii();
            if line.is_empty() {
                continue;
            }
            let item = serde_json::from_slice(line).map_err(|error| Unreadable::Item {
                number: self.items,
                why: format!("it is no JSON ({error})"),
            })?;
            sink.push(self.items, item)?;
            self.items += 1;
        }
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(text: &[u8]) -> Result<Value, Unreadable> {
        let mut sink = Sink::new(None);
        Decoder::default().decode(text, true, &mut sink)?;
        Ok(Value::Array(sink.items))
    }

    #[test]
    fn each_line_is_an_item() {
        let text = "\u{feff}{\"a\": 1}\r\n\n  [2]\n\"x\"";
        let found = read(text.as_bytes()).expect("readable");
        assert_eq!(found, json!([{"a": 1}, [2], "x"]));
        assert_eq!(read(b"").expect("readable"), json!([]));
    }

    #[test]
    fn a_wrong_line_is_named() {
        let error = read(b"1\n{\n").expect_err("refused").to_string();
        assert!(
            error.starts_with("item 1 cannot be read: it is no JSON"),
            "{error}"
        );
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        let error = read(deep.as_bytes()).expect_err("refused").to_string();
        assert!(error.contains("recursion limit"), "{error}");
    }
}
