//! An array of JSON, at a place in its document (RFC 6901): its elements are the items.
//!
//! What stands before the array is passed over without being kept, so that it may be of any size, and is looked at only as
//! far as that needs; each element is read
//! once it stands complete in a window.

use serde::{Deserialize, Serialize};

use super::decoder::{Sink, mark};
use super::{MAX_RAW_ITEM, Unreadable};

/// Deepest nesting of what is passed over.
const MAX_DEPTH: u32 = 10_000;

/// A document being decoded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decoder {
    /// Names and positions on the way to the array.
    way: Vec<String>,
    at: At,
    /// What is being passed over.
    passing: Option<Passing>,
    /// What may follow in the array or object on the way.
    #[serde(default)]
    due: Due,
    /// Items read so far.
    items: u64,
}

/// What may follow in an array or object.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Due {
    /// A member, or its end: it has just begun.
    #[default]
    First,
    /// A comma, or its end.
    Comma,
    /// A member.
    Member,
}

/// Where the next byte stands. Numbers count how much of the way is behind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "at", rename_all = "snake_case")]
enum At {
    /// At the beginning of the object.
    Start,
    /// Before a value on the way.
    Value { depth: usize },
    /// In an object on the way, before a name.
    Name { depth: usize },
    /// In an array on the way, with so many elements before the one wanted.
    Element { depth: usize, left: u64 },
    /// In the array.
    Items,
    /// Behind it.
    End,
}

/// A value that is passed over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Passing {
    depth: u32,
    text: bool,
    escaped: bool,
    begun: bool,
}

/// What a scan of a value came to.
enum Scan {
    /// The value ends before this byte.
    Ends(usize),
    /// It goes on behind the window.
    GoesOn,
}

impl Decoder {
    /// Begins a document whose items are at `pointer` (empty: the document itself).
    ///
    /// # Errors
    /// It is no JSON Pointer.
    pub fn new(pointer: &str) -> Result<Self, Unreadable> {
        let way = match pointer.strip_prefix('/') {
            None if pointer.is_empty() => Vec::new(),
            None => {
                let message = format!("`{pointer}` is no JSON Pointer, such as /records/items");
                return Err(Unreadable::Object(message));
            }
            Some(rest) => rest
                .split('/')
                .map(|part| part.replace("~1", "/").replace("~0", "~"))
                .collect(),
        };
        Ok(Self {
            way,
            at: At::Start,
            passing: None,
            due: Due::First,
            items: 0,
        })
    }

    /// Whether the array has ended.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.at == At::End
    }

    /// Decodes the elements that stand complete in a window; see [`super::Decoder::decode`].
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
        while !sink.is_full() {
            let rest = window.get(done..).unwrap_or_default();
            let step = if self.passing.is_some() {
                self.pass(rest, last)?
            } else {
                self.step(rest, last, sink)?
            };
            match step {
                Some(bytes) => done += bytes,
                None => {
                    if window.len() - done > MAX_RAW_ITEM {
                        return Err(Unreadable::LargeItem {
                            number: self.items,
                            most: MAX_RAW_ITEM,
                        });
                    }
                    break;
                }
            }
            if self.at == At::End {
                return Ok(window.len());
            }
            if done == window.len() && !last {
                break;
            }
        }
        Ok(done)
    }

    /// Passes over a value: all of the window, or what is left of the value.
    fn pass(&mut self, rest: &[u8], last: bool) -> Result<Option<usize>, Unreadable> {
        let Some(mut passing) = self.passing else {
            return Ok(Some(0));
        };
        match passing.scan(rest)? {
            Scan::Ends(bytes) => {
                self.passing = None;
                Ok(Some(bytes))
            }
            Scan::GoesOn if last => Err(ended()),
            Scan::GoesOn => {
                self.passing = Some(passing);
                Ok(if rest.is_empty() {
                    None
                } else {
                    Some(rest.len())
                })
            }
        }
    }

    /// One step further: bytes done with, or `None` when the window does not suffice.
    fn step(
        &mut self,
        rest: &[u8],
        last: bool,
        sink: &mut Sink,
    ) -> Result<Option<usize>, Unreadable> {
        if self.at == At::Start {
            let skipped = mark(rest, last);
            if skipped.is_some() {
                self.at = At::Value { depth: 0 };
            }
            return Ok(skipped);
        }
        let blank = blanks(rest);
        let Some(byte) = rest.get(blank).copied() else {
            return match (last, rest.is_empty()) {
                (true, _) => Err(ended()),
                (false, true) => Ok(None),
                (false, false) => Ok(Some(rest.len())),
            };
        };
        let step = match self.at.clone() {
            At::Start | At::End => Some(0),
            At::Value { depth } => self.value(byte, depth).map(Some)?,
            At::Name { depth } => self.name(rest.get(blank..).unwrap_or_default(), depth, last)?,
            At::Element { depth, left } => self.element(byte, (depth, left)).map(Some)?,
            At::Items => self.item(rest.get(blank..).unwrap_or_default(), last, sink)?,
        };
        Ok(step.map(|bytes| blank + bytes))
    }

    /// A comma, as far as one may follow.
    fn comma(&mut self) -> Result<usize, Unreadable> {
        if self.due != Due::Comma {
            return Err(broken("a value was expected"));
        }
        self.due = Due::Member;
        Ok(1)
    }

    /// The end of what is open, which may not follow a comma.
    fn end(&self) -> Result<(), Unreadable> {
        if self.due == Due::Member {
            return Err(broken("a value was expected"));
        }
        Ok(())
    }

    /// A member begins: a comma is due behind it.
    fn member(&mut self) -> Result<(), Unreadable> {
        if self.due == Due::Comma {
            return Err(broken("a comma was expected"));
        }
        self.due = Due::Comma;
        Ok(())
    }

    fn value(&mut self, byte: u8, depth: usize) -> Result<usize, Unreadable> {
        let Some(part) = self.way.get(depth) else {
            if byte != b'[' {
                return Err(Unreadable::NotIterable);
            }
            (self.at, self.due) = (At::Items, Due::First);
            return Ok(1);
        };
        self.due = Due::First;
        self.at = match byte {
            b'{' => At::Name { depth },
            b'[' => {
                let plain = part == "0" || !part.starts_with('0');
                let left = part.parse().ok().filter(|_| plain);
                let left = left.ok_or(Unreadable::NotIterable)?;
                At::Element { depth, left }
            }
            _ => return Err(Unreadable::NotIterable),
        };
        Ok(1)
    }

    fn name(&mut self, rest: &[u8], depth: usize, last: bool) -> Result<Option<usize>, Unreadable> {
        match rest.first() {
            Some(b',') => return self.comma().map(Some),
            Some(b'"') if self.due == Due::Comma => return Err(broken("a comma was expected")),
            Some(b'"') => {}
            // The object ends without the name.
            Some(b'}') => return self.end().and(Err(Unreadable::NotIterable)),
            _ => return Err(broken("a name was expected")),
        }
        let mut scan = Passing::default();
        let Scan::Ends(end) = scan.scan(rest)? else {
            return if last { Err(ended()) } else { Ok(None) };
        };
        let behind = rest.get(end..).unwrap_or_default();
        let blank = blanks(behind);
        match behind.get(blank) {
            Some(b':') => {}
            None if !last => return Ok(None),
            _ => return Err(broken("a colon was expected")),
        }
        let name: String = serde_json::from_slice(rest.get(..end).unwrap_or_default())
            .map_err(|error| broken(&error.to_string()))?;
        self.member()?;
        if self.way.get(depth).is_some_and(|part| *part == name) {
            self.at = At::Value { depth: depth + 1 };
        } else {
            self.passing = Some(Passing::default());
        }
        Ok(Some(end + blank + 1))
    }

    fn element(&mut self, byte: u8, (depth, left): (usize, u64)) -> Result<usize, Unreadable> {
        match byte {
            b',' => self.comma(),
            b']' => self.end().and(Err(Unreadable::NotIterable)),
            _ if left == 0 => {
                self.member()?;
                self.at = At::Value { depth: depth + 1 };
                Ok(0)
            }
            _ => {
                self.member()?;
                self.at = At::Element {
                    depth,
                    left: left - 1,
                };
                self.passing = Some(Passing::default());
                Ok(0)
            }
        }
    }

    fn item(
        &mut self,
        rest: &[u8],
        last: bool,
        sink: &mut Sink,
    ) -> Result<Option<usize>, Unreadable> {
        match rest.first() {
            Some(b',') => return self.comma().map(Some),
            Some(b']') => {
                self.end()?;
                self.at = At::End;
                return Ok(Some(1));
            }
            _ if self.due == Due::Comma => return Err(broken("a comma was expected")),
            _ => {}
        }
        let mut scan = Passing::default();
        let Scan::Ends(end) = scan.scan(rest)? else {
            return if last { Err(ended()) } else { Ok(None) };
        };
        if end > MAX_RAW_ITEM {
            return Err(Unreadable::LargeItem {
                number: self.items,
                most: MAX_RAW_ITEM,
            });
        }
        let text = rest.get(..end).unwrap_or_default();
        let item = serde_json::from_slice(text).map_err(|error| Unreadable::Item {
            number: self.items,
            why: format!("it is no JSON ({error})"),
        })?;
        sink.push(self.items, item)?;
        self.member()?;
        self.items += 1;
        Ok(Some(end))
    }
}

impl Passing {
    /// Goes on through a value. It ends with its last bracket or quotation mark, or before what follows a number.
    fn scan(&mut self, bytes: &[u8]) -> Result<Scan, Unreadable> {
        for (at, byte) in bytes.iter().enumerate() {
            if self.text {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => {
                        self.text = false;
                        if self.depth == 0 {
                            return Ok(Scan::Ends(at + 1));
                        }
                    }
                    _ => {}
                }
                continue;
            }
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' | b',' | b']' | b'}'
                    if self.depth == 0 && self.begun =>
                {
                    return Ok(Scan::Ends(at));
                }
                b',' | b']' | b'}' | b':' if self.depth == 0 => {
                    return Err(broken("a value was expected"));
                }
                b' ' | b'\t' | b'\r' | b'\n' => continue,
                b'"' => self.text = true,
                b'[' | b'{' => {
                    self.depth += 1;
                    if self.depth > MAX_DEPTH {
                        return Err(broken("it is nested too deeply"));
                    }
                }
                b']' | b'}' => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return Ok(Scan::Ends(at + 1));
                    }
                }
                _ => {}
            }
            self.begun = true;
        }
        Ok(Scan::GoesOn)
    }
}

fn blanks(bytes: &[u8]) -> usize {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    bytes.iter().take_while(|byte| blank(byte)).count()
}

fn broken(why: &str) -> Unreadable {
    Unreadable::Object(format!("it is no JSON ({why})"))
}

fn ended() -> Unreadable {
    broken("it ends too early")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(text: &str, pointer: &str) -> Result<Value, Unreadable> {
        let mut decoder = Decoder::new(pointer)?;
        let mut sink = Sink::new(None);
        decoder.decode(text.as_bytes(), true, &mut sink)?;
        assert!(decoder.is_done());
        Ok(Value::Array(sink.items))
    }

    #[test]
    fn the_elements_of_the_array_are_items() {
        let cases = [
            (
                "\u{feff} [1, \"a,]\\\"\", [2, {\"b\": \"]\"}], null,true ]",
                "",
                json!([1, "a,]\"", [2, {"b": "]"}], null, true]),
            ),
            ("[]", "", json!([])),
            (
                "{\"x\": {\"y\": \"}\"}, \"a/b\": [9, {\"~\": [1.50, 2]}], \"z\": 1}",
                "/a~1b/1/~0",
                json!([1.50, 2]),
            ),
            ("{\"a\":[[3]]} trailing", "/a/0", json!([3])),
            ("{\"\\u0061\": [1]}", "/a", json!([1])),
        ];
        for (text, pointer, items) in cases {
            assert_eq!(read(text, pointer).expect("readable"), items, "{text}");
        }
    }

    #[test]
    fn what_is_no_array_is_refused_in_the_services_words() {
        for (text, pointer) in [
            ("{\"Hello\": \"world\"}", ""),
            ("1", ""),
            ("{\"a\": 1}", "/a"),
            ("{\"a\": []}", "/b"),
            ("{\"a\": [1]}", "/a/5"),
            ("{\"a\": [[1]]}", "/a/00"),
        ] {
            assert_eq!(read(text, pointer), Err(Unreadable::NotIterable), "{text}");
        }
    }

    #[test]
    fn what_is_no_json_is_refused() {
        let cases = [
            ("[1", "ends too early"),
            ("", "ends too early"),
            ("[01]", "item 0 cannot be read"),
            ("[1, {]}]", "item 1 cannot be read"),
            ("[}", "a value was expected"),
        ];
        for (text, words) in cases {
            let error = read(text, "").expect_err("refused").to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
        for (text, pointer, words) in [
            ("[1 2]", "", "a comma was expected"),
            ("[[1][2]]", "", "a comma was expected"),
            ("[,,1]", "", "a value was expected"),
            ("[1,,2]", "", "a value was expected"),
            ("[1,]", "", "a value was expected"),
            ("[,]", "", "a value was expected"),
            ("{,\"a\": [1]}", "/a", "a value was expected"),
            ("{\"b\": 1 \"a\": [1]}", "/a", "a comma was expected"),
            ("{\"b\": 1,, \"a\": [1]}", "/a", "a value was expected"),
            ("{\"b\": 1,}", "/a", "a value was expected"),
            ("[0 [1]]", "/1", "a comma was expected"),
            ("[0,, [1]]", "/1", "a value was expected"),
            ("[0,]", "/1", "a value was expected"),
        ] {
            let error = read(text, pointer).expect_err(text).to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
        let error = read("{\"a\"; []}", "/a").expect_err("refused").to_string();
        assert!(error.contains("a colon was expected"), "{error}");
        assert!(Decoder::new("a").is_err());
    }

    #[test]
    fn what_stands_before_the_array_may_be_large_but_no_item() {
        let long = "x".repeat(MAX_RAW_ITEM * 2);
        let text = format!("{{\"skip\": \"{long}\", \"a\": [1]}}");
        assert_eq!(read(&text, "/a").expect("readable"), json!([1]));
        let text = format!("[\"{long}\"]");
        let error = read(&text, "").expect_err("refused");
        assert!(matches!(error, Unreadable::LargeItem { number: 0, .. }));
    }
}
