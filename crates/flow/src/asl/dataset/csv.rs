//! Delimited text (RFC 4180): each row is an object of texts, named by the header.
//!
//! As the service does it: values that a row lacks are empty, values beyond the header are dropped, empty lines are no
//! rows. A line ends with LF, CRLF or CR.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::decoder::{Sink, mark};
use super::{MAX_RAW_ITEM, Unreadable};
use crate::asl::definition::{Csv, MAX_HEADER_BYTES};

/// A file being decoded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decoder {
    delimiter: u8,
    /// `None` until the first row has been read.
    headers: Option<Vec<String>>,
    /// Whether the beginning of the object is behind.
    begun: bool,
    /// Rows read so far.
    rows: u64,
}

/// A row that stands complete in a window.
struct Row {
    fields: Vec<Vec<u8>>,
    /// Bytes of it with the end of its line.
    bytes: usize,
}

impl Decoder {
    /// Begins a file that is written like this.
    ///
    /// # Errors
    /// A header is given twice.
    pub fn new(csv: &Csv) -> Result<Self, Unreadable> {
        if let Some(headers) = &csv.headers {
            once(headers)?;
        }
        Ok(Self {
            delimiter: csv.delimiter,
            headers: csv.headers.clone(),
            begun: false,
            rows: 0,
        })
    }

    /// Decodes the rows that stand complete in a window; see [`super::Decoder::decode`].
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
            let Some(row) = row(rest, self.delimiter, last, self.rows)? else {
                if rest.len() > MAX_RAW_ITEM {
                    return Err(Unreadable::LargeItem {
                        number: self.rows,
                        most: MAX_RAW_ITEM,
                    });
                }
                break;
            };
            done += row.bytes;
            self.take(row, sink)?;
        }
        Ok(done)
    }

    fn take(&mut self, row: Row, sink: &mut Sink) -> Result<(), Unreadable> {
        if let [only] = row.fields.as_slice()
            && only.is_empty()
        {
            return Ok(());
        }
        if row.bytes > MAX_RAW_ITEM {
            return Err(Unreadable::LargeItem {
                number: self.rows,
                most: MAX_RAW_ITEM,
            });
        }
        let number = self.rows;
        let unreadable = |_| Unreadable::Item {
            number,
            why: "it is not written in UTF-8".to_owned(),
        };
        let texts: Result<Vec<String>, _> = row.fields.into_iter().map(String::from_utf8).collect();
        let texts = texts.map_err(unreadable)?;
        let Some(headers) = &self.headers else {
            if texts.iter().map(String::len).sum::<usize>() > MAX_HEADER_BYTES {
                return Err(Unreadable::LongHeader(MAX_HEADER_BYTES));
            }
            once(&texts)?;
            self.headers = Some(texts);
            return Ok(());
        };
        self.rows += 1;
        let mut values = texts.into_iter();
        let item: Map<String, Value> = headers
            .iter()
            .map(|header| {
                let value = values.next().unwrap_or_default();
                (header.clone(), Value::String(value))
            })
            .collect();
        sink.push(number, Value::Object(item))
    }
}

fn once(headers: &[String]) -> Result<(), Unreadable> {
    let distinct: BTreeSet<&String> = headers.iter().collect();
    if distinct.len() < headers.len() {
        return Err(Unreadable::RepeatedHeader);
    }
    Ok(())
}

/// The row at the beginning of a window; `None` when it goes on behind the window, or when there is none.
fn row(window: &[u8], delimiter: u8, last: bool, number: u64) -> Result<Option<Row>, Unreadable> {
    let mut fields = Vec::new();
    let mut field = Vec::new();
    let mut quoted = false;
    let mut fresh = true;
    let mut bytes = window.iter().copied().enumerate().peekable();
    while let Some((at, byte)) = bytes.next() {
        if quoted {
            match (byte, bytes.peek()) {
                (b'"', Some((_, b'"'))) => {
                    bytes.next();
                    field.push(b'"');
                }
                // Whether the quotation ends here, the next byte tells.
                (b'"', None) if !last => return Ok(None),
                (b'"', _) => quoted = false,
                _ => field.push(byte),
            }
            continue;
        }
        match byte {
            b'"' if fresh => quoted = true,
            _ if byte == delimiter => {
                fields.push(std::mem::take(&mut field));
                fresh = true;
                continue;
            }
            b'\n' | b'\r' => {
                let after = match (byte, bytes.peek()) {
                    (b'\r', None) if !last => return Ok(None),
                    (b'\r', Some((_, b'\n'))) => at + 2,
                    _ => at + 1,
                };
                fields.push(field);
                return Ok(Some(Row {
                    fields,
                    bytes: after,
                }));
            }
            _ => field.push(byte),
        }
        fresh = false;
    }
    if !last || window.is_empty() {
        return Ok(None);
    }
    if quoted {
        return Err(Unreadable::Item {
            number,
            why: "a quotation in it does not end".to_owned(),
        });
    }
    fields.push(field);
    Ok(Some(Row {
        fields,
        bytes: window.len(),
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: &[u8], headers: Option<&[&str]>, delimiter: u8) -> Result<Value, Unreadable> {
        let headers = headers.map(|list| list.iter().map(|it| (*it).to_owned()).collect());
        let mut decoder = Decoder::new(&Csv { headers, delimiter })?;
        let mut sink = Sink::new(None);
        let done = decoder.decode(text, true, &mut sink)?;
        assert_eq!(done, text.len());
        Ok(Value::Array(sink.items))
    }

    #[test]
    fn rows_become_objects_of_texts() {
        let first_row: [(&str, Value); 8] = [
            ("a,b\n1,2\n", json!([{"a": "1", "b": "2"}])),
            ("a,b\r\n1,2", json!([{"a": "1", "b": "2"}])),
            ("a,b\r1,2\r", json!([{"a": "1", "b": "2"}])),
            ("\u{feff}a\n1\n\n2\n", json!([{"a": "1"}, {"a": "2"}])),
            (
                "a,b\n1\n1,2,3\n,,\n",
                json!([{"a": "1", "b": ""}, {"a": "1", "b": "2"}, {"a": "", "b": ""}]),
            ),
            (
                "a,b\n\"x,\n\"\"y\"\"\",2\n",
                json!([{"a": "x,\n\"y\"", "b": "2"}]),
            ),
            ("a\nx\"y\"\n\"\"\n", json!([{"a": "x\"y\""}])),
            ("", json!([])),
        ];
        for (text, items) in first_row {
            let found = read(text.as_bytes(), None, b',').expect("readable");
            assert_eq!(found, items, "{text:?}");
        }
        let given = read(b"1;2\n", Some(&["x", "y"]), b';').expect("readable");
        assert_eq!(given, json!([{"x": "1", "y": "2"}]));
    }

    #[test]
    fn what_is_no_table_is_refused() {
        let long = format!("{}\n", "h".repeat(MAX_HEADER_BYTES + 1));
        let cases: [(&[u8], &str); 4] = [
            (b"a,a\n", "duplicates"),
            (b"a\n\"x", "does not end"),
            (b"a\n\xff\n", "UTF-8"),
            (long.as_bytes(), "header"),
        ];
        for (text, words) in cases {
            let error = read(text, None, b',').expect_err("refused");
            assert!(error.to_string().contains(words), "{error}");
        }
        assert_eq!(
            read(b"", Some(&["a", "a"]), b','),
            Err(Unreadable::RepeatedHeader)
        );
    }
}
