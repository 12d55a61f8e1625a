//! The common case of YAML, read straight from the parser's events: plain maps, lists and scalars whose types nobody
//! could doubt. Whatever else a text has (tags, anchors, merges, keys given twice, odd numbers, mistakes, sizes near a
//! limit) is left to the library, which reads it slower and says what is wrong with it.
//!
//! What is read here is what the library would have read, places included: a test holds both against each other.

use granit_parser::{Event, Parser, ScalarStyle, Span};
use serde_json::{Map, Number, Value};

use crate::source::{MAX_DEPTH, MAX_NODES, Place, Places};

/// Beyond half a limit the library counts.
const NODES: usize = MAX_NODES / 2;
const DEPTH: usize = MAX_DEPTH / 2;
/// Most digits of a whole number whose type is beyond doubt.
const DIGITS: usize = 18;

/// A list or map that is not closed yet.
enum Open {
    List(Vec<Value>, Places),
    Map(Map<String, Value>, Places, Option<String>),
}

/// Reads a text; `None` for one that the library must read.
pub(super) fn parse(text: &str) -> Option<(Value, Places)> {
    let options = granit_parser::options! {
        emit_comments: false,
        flow_nesting_limit: MAX_DEPTH,
    };
    let mut parser = Parser::new_from_str_with_options(text, options);
    let mut reader = Reader::default();
    while let Some(event) = parser.next_event() {
        let (event, span) = event.ok()?;
        reader.take(event, span)?;
    }
    reader.whole
}

#[derive(Default)]
struct Reader {
    open: Vec<Open>,
    nodes: usize,
    documents: usize,
    whole: Option<(Value, Places)>,
}

impl Reader {
    fn take(&mut self, event: Event<'_>, span: Span) -> Option<()> {
        match event {
            Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Some(()),
            Event::DocumentStart(_, None) => {
                self.documents += 1;
                (self.documents == 1).then_some(())
            }
            Event::Scalar(text, style, 0, None) => {
                self.count()?;
                if let Some(Open::Map(_, _, key @ None)) = self.open.last_mut() {
                    *key = Some(key_of(text.into_owned(), style)?);
                    return Some(());
                }
                let value = match style {
                    ScalarStyle::Plain => plain(&text)?,
                    _ => Value::String(text.into_owned()),
                };
                self.put(value, leaf(span))
            }
            Event::SequenceStart(_, 0, None) => self.begin(Open::List(Vec::new(), leaf(span))),
            Event::MappingStart(_, 0, None) => self.begin(Open::Map(Map::new(), leaf(span), None)),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop()? {
                Open::List(items, places) => self.put(Value::Array(items), places),
                Open::Map(map, places, None) => self.put(Value::Object(map), places),
                Open::Map(_, _, Some(_)) => None,
            },
            _ => None,
        }
    }

    fn count(&mut self) -> Option<()> {
        self.nodes += 1;
        (self.nodes <= NODES).then_some(())
    }

    fn begin(&mut self, open: Open) -> Option<()> {
        self.count()?;
        // A list or map for a key is no text.
        if matches!(self.open.last(), Some(Open::Map(_, _, None))) || self.open.len() >= DEPTH {
            return None;
        }
        self.open.push(open);
        Some(())
    }

    fn put(&mut self, value: Value, place: Places) -> Option<()> {
        match self.open.last_mut() {
            None if self.whole.is_some() => None,
            None => {
                self.whole = Some((value, place));
                Some(())
            }
            Some(Open::List(items, places)) => {
                items.push(value);
                places.parts.push(place);
                Some(())
            }
            Some(Open::Map(map, places, key)) => {
                places.parts.push(place);
                // A key that stands twice is the library's to tell.
                map.insert(key.take()?, value).is_none().then_some(())
            }
        }
    }
}

fn leaf(span: Span) -> Places {
    let clamp = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Places {
        here: Place {
            line: clamp(span.start.line()),
            column: clamp(span.start.col().saturating_add(1)),
        },
        parts: Vec::new(),
    }
}

fn key_of(text: String, style: ScalarStyle) -> Option<String> {
    let is_text = !matches!(style, ScalarStyle::Plain) || is_word(&text);
    (is_text && text != "<<").then_some(text)
}

/// A plain scalar whose type is beyond doubt.
fn plain(text: &str) -> Option<Value> {
    if is_word(text) {
        return Some(Value::String(text.to_owned()));
    }
    match text {
        "" | "~" | "null" => return Some(Value::Null),
        "true" => return Some(Value::Bool(true)),
        "false" => return Some(Value::Bool(false)),
        _ => {}
    }
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let digits = |text: &str| {
        (1..=DIGITS).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !digits(whole) || (whole.len() > 1 && whole.starts_with('0')) {
        return None;
    }
    match fraction {
        None => whole.parse::<u64>().ok().map(Value::from),
        Some(fraction) if digits(fraction) => {
            let number = text.parse::<f64>().ok()?;
            Number::from_f64(number).map(Value::Number)
        }
        Some(_) => None,
    }
}

/// Whether a plain scalar is a text beyond doubt.
fn is_word(text: &str) -> bool {
    /// Words that are something else, in whatever case.
    const OTHERS: [&str; 6] = ["true", "false", "null", "nan", "inf", "infinity"];
    let first = text.bytes().next();
    let begins = first.is_some_and(|byte| byte.is_ascii_alphabetic() || b"/_$(\\^".contains(&byte));
    begins && !OTHERS.iter().any(|other| text.eq_ignore_ascii_case(other))
}

#[cfg(test)]
mod tests {
    use super::super::slow;
    use super::*;

    #[test]
    fn what_is_read_quickly_is_what_the_library_reads() {
        let mut read = 0;
        let texts = [
            "a: 1\nb:\n  - true\n  - 'yes'\n  - yes\n  - 0.3\n  - ~\n",
            "a:\nb: ''\nc: \"\"\n",
            "# a comment\n---\na: {b: [1, 2, {c: d}], e: }\n",
            "a: |\n  two\n  lines\nb: >-\n  folded\n  text\n",
            "- - a\n  - b\n-\n  - c\n",
            "'a b': x y  # behind\n\"k\\n\": v\n",
            "key: multi\n  line plain\nnext: 12\n",
            "a: 00\n",
            "a: 1_000\n",
            "a: 0x1F\nb: 0o17\nc: 017\nd: +5\ne: -5\nf: 1e3\ng: .5\nh: 5.\n",
            "a: True\nb: NULL\nc: No\nd: on\n",
            "a: nan\nb: .inf\n",
            "1: a\ntrue: b\n",
            "a: !!str 5\n",
            "a: &x 1\n",
            "a: 1\na: 2\n",
            "<<: {a: 1}\n",
            "? [a]\n: b\n",
            "a: 2026-11-21\nb: 12:30\nc: 1.2.3\n",
            "a: é\nü: ö ä\n",
            "a: [x, y\n",
            "- 1\n---\n- 2\n",
            "%YAML 1.2\n---\na: b\n",
            "plain",
            "",
            "a: $x\nb: /p/q\nc: (z)\nd: ^r$\ne: _u\nf: \\w\n",
            "a: 18446744073709551616\nb: 999999999999999999\n",
            "a: b\r\nc: d\r\n",
            "\u{feff}a: b\n",
        ];
        for text in texts {
            let Some((value, places)) = parse(text) else {
                continue;
            };
            read += 1;
            let want = slow(text).unwrap_or_else(|error| panic!("{text:?}: {error:?}"));
            assert_eq!(want.value, value, "{text:?}");
            let want = format!("{want:?}");
            let have = format!("{:?}", crate::source::Source::new(value, places));
            assert_eq!(have, want, "{text:?}");
        }
        assert!(read >= 11, "{read} of {}", texts.len());
    }

    #[test]
    fn what_is_odd_is_left_to_the_library() {
        let deep = format!("{}1{}", "[".repeat(20), "]".repeat(20));
        let wide = format!("[{}]", "1,".repeat(NODES + 1));
        for text in [
            "a: &x 1\nb: *x\n",
            "a: !!str 5\n",
            "a: 1\na: 2\n",
            "<<: {a: 1}\n",
            "a: [1\n",
            "- 1\n---\n- 2\n",
            "a: 017\n",
            "a: .inf\n",
            "1: a\n",
            "? [a]\n: b\n",
            &deep,
            &wide,
        ] {
            assert!(parse(text).is_none(), "{}", text.get(..20).unwrap_or(text));
        }
    }

    /// Whole documents: the shipped playbooks, and third-party ones where they are at hand.
    #[test]
    fn documents_are_read_as_the_library_reads_them() {
        let base = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let cases = std::env::var_os("QUELL_CASES")
            .map_or_else(|| base.join("../shared/cases"), std::path::PathBuf::from);
        let (mut quick, mut all) = (0, 0);
        for folder in [base.join("playbooks"), cases.join("automation-documents")] {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let name = entry.file_name();
                let is_yaml = name.to_string_lossy().ends_with("yaml")
                    || name.to_string_lossy().ends_with("yml");
                let Some(text) = std::fs::read_to_string(entry.path())
                    .ok()
                    .filter(|_| is_yaml)
                else {
                    continue;
                };
                all += 1;
                let Some((value, places)) = parse(&text) else {
                    continue;
                };
                quick += 1;
                let want = slow(&text).unwrap_or_else(|error| panic!("{name:?}: {error:?}"));
                let have = crate::source::Source::new(value, places);
                assert_eq!(format!("{have:?}"), format!("{want:?}"), "{name:?}");
            }
        }
        assert!(
            quick * 10 >= all * 8 && all > 0,
            "{quick} of {all} are read quickly"
        );
    }
}
