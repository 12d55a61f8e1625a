//! Bodies, compared by what they say: JSON and CBOR by value, forms by pairs, XML by tree, anything else by bytes.

use aws::HttpRequest;
use serde_json::{Map, Number, Value};

/// What differs, if anything.
pub(super) fn compare(theirs: &HttpRequest, ours: &HttpRequest) -> Option<String> {
    if theirs.body == ours.body {
        return None;
    }
    let kind = theirs.header("content-type").unwrap_or_default();
    let (left, right) = (read(kind, &theirs.body), read(kind, &ours.body));
    (left != right).then(|| {
        let (at, left, right) = first_difference(&left, &right, String::new());
        format!("body{at}:\n      botocore {left}\n      here     {right}")
    })
}

fn read(kind: &str, body: &[u8]) -> Value {
    let as_text = || String::from_utf8_lossy(body).into_owned();
    if kind.contains("json") {
        return serde_json::from_slice(body).map_or_else(|_| as_text().into(), canonical);
    }
    if kind.contains("cbor") {
        return Cbor { rest: body }
            .item()
            .map_or_else(|| hex::encode(body).into(), canonical);
    }
    if kind.contains("x-www-form-urlencoded") {
        let text = as_text();
        // A blank may be `+` or `%20`.
        let plain = |text: &str| {
            let text = text.replace('+', "%20");
            percent_encoding::percent_decode_str(&text)
                .decode_utf8_lossy()
                .into_owned()
        };
        let mut pairs: Vec<String> = text.split('&').map(plain).collect();
        pairs.sort_unstable();
        return pairs.into();
    }
    if body.first() == Some(&b'<') {
        return element(&as_text());
    }
    match std::str::from_utf8(body) {
        Ok(text) => text.into(),
        Err(_) => hex::encode(body).into(),
    }
}

/// Objects with sorted names; a number with a fraction, or in the form of one, as a float.
fn canonical(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(String, Value)> = map.into_iter().collect();
            entries.sort_by(|left, right| left.0.cmp(&right.0));
            Value::Object(
                entries
                    .into_iter()
                    .map(|(key, item)| (key, canonical(item)))
                    .collect(),
            )
        }
        Value::Array(items) => items.into_iter().map(canonical).collect(),
        other => other,
    }
}

/// The first place where two values differ, and both sides there.
pub(super) fn first_difference(
    left: &Value,
    right: &Value,
    at: String,
) -> (String, String, String) {
    match (left, right) {
        (Value::Object(a), Value::Object(b)) => {
            for (key, item) in a {
                match b.get(key) {
                    Some(other) if other != item => {
                        return first_difference(item, other, format!("{at}.{key}"));
                    }
                    Some(_) => {}
                    None => {
                        return (
                            format!("{at}.{key}"),
                            item.to_string(),
                            "nothing".to_owned(),
                        );
                    }
                }
            }
            let extra = b.iter().find(|(key, _)| !a.contains_key(*key));
            match extra {
                Some((key, item)) => (
                    format!("{at}.{key}"),
                    "nothing".to_owned(),
                    item.to_string(),
                ),
                None => (at, left.to_string(), right.to_string()),
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            let found = a
                .iter()
                .zip(b)
                .enumerate()
                .find(|(_, (one, other))| one != other);
            match found {
                Some((index, (one, other))) => {
                    first_difference(one, other, format!("{at}[{index}]"))
                }
                None => (at, left.to_string(), right.to_string()),
            }
        }
        _ => (at, left.to_string(), right.to_string()),
    }
}

/// An XML document as `[name, {attributes}, text, [children]]`. Members may come in any order; elements of one name,
/// which are a list, keep theirs.
fn element(text: &str) -> Value {
    use quick_xml::XmlVersion;
    use quick_xml::events::Event;
    type Open = (String, Map<String, Value>, String, Vec<Value>);
    let mut reader = quick_xml::Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut open: Vec<Open> = vec![Open::default()];
    loop {
        match reader.read_event().unwrap() {
            Event::Start(start) => {
                let mut attributes = Map::new();
                for attribute in start.attributes() {
                    let attribute = attribute.unwrap();
                    let value = attribute
                        .normalized_value(XmlVersion::Implicit1_0)
                        .unwrap()
                        .into_owned();
                    attributes.insert(attribute.key.as_ref().to_owned(), value.into());
                }
                attributes.sort_keys();
                open.push((
                    start.name().as_ref().to_owned(),
                    attributes,
                    String::new(),
                    Vec::new(),
                ));
            }
            Event::End(_) => {
                let (name, attributes, text, mut children) = open.pop().unwrap();
                children.sort_by(|a, b| a[0].as_str().cmp(&b[0].as_str()));
                let done = serde_json::json!([name, attributes, text, children]);
                open.last_mut().unwrap().3.push(done);
            }
            Event::Text(text) => open.last_mut().unwrap().2.push_str(&text.xml10_content()),
            Event::GeneralRef(reference) => {
                let text = match reference.resolve_char_ref().unwrap() {
                    Some(character) => character.to_string(),
                    None => match reference.xml10_content().as_ref() {
                        "quot" => "\"".to_owned(),
                        "apos" => "'".to_owned(),
                        "amp" => "&".to_owned(),
                        "lt" => "<".to_owned(),
                        "gt" => ">".to_owned(),
                        other => panic!("entity `{other}`"),
                    },
                };
                open.last_mut().unwrap().2.push_str(&text);
            }
            Event::Eof => break,
            _ => {}
        }
    }
    Value::Array(open.pop().unwrap().3)
}

/// CBOR of definite and indefinite length, as JSON. A byte string is `{"bytes": hex}`, a tag `{"tag": [n, value]}`.
pub(super) struct Cbor<'a> {
    pub(super) rest: &'a [u8],
}

impl Cbor<'_> {
    fn take(&mut self, count: usize) -> Option<&[u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    fn count(&mut self, info: u8) -> Option<u64> {
        let width = match info {
            0..24 => return Some(u64::from(info)),
            24 => 1,
            25 => 2,
            26 => 4,
            27 => 8,
            _ => return None,
        };
        Some(
            self.take(width)?
                .iter()
                .fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
        )
    }

    fn ended(&mut self) -> bool {
        let ended = self.rest.first() == Some(&0xff);
        if ended {
            self.rest = &self.rest[1..];
        }
        ended
    }

    pub(super) fn item(&mut self) -> Option<Value> {
        let first = self.take(1)?[0];
        let (major, info) = (first >> 5, first & 31);
        if major == 7 {
            return self.simple(info);
        }
        let count = if info == 31 {
            None
        } else {
            Some(self.count(info)?)
        };
        match major {
            0 => Some(count?.into()),
            1 => i64::try_from(count?)
                .ok()
                .map(|number| (-1 - number).into()),
            2 => Some(
                serde_json::json!({"bytes": hex::encode(self.take(usize::try_from(count?).ok()?)?)}),
            ),
            3 => String::from_utf8(self.take(usize::try_from(count?).ok()?)?.to_vec())
                .ok()
                .map(Value::from),
            4 => {
                let mut items = Vec::new();
                while count.map_or_else(|| !self.ended(), |count| (items.len() as u64) < count) {
                    items.push(self.item()?);
                }
                Some(items.into())
            }
            5 => {
                let mut entries = Map::new();
                let mut read = 0;
                while count.map_or_else(|| !self.ended(), |count| read < count) {
                    let key = self.item()?.as_str()?.to_owned();
                    let item = self.item()?;
                    entries.insert(key, item);
                    read += 1;
                }
                Some(entries.into())
            }
            _ => {
                let value = self.item()?;
                // Whole seconds may be written as a float.
                let seconds = value
                    .as_f64()
                    .and_then(Number::from_f64)
                    .map_or(value, Value::Number);
                Some(serde_json::json!({"tag": [count?, seconds]}))
            }
        }
    }

    fn simple(&mut self, info: u8) -> Option<Value> {
        let float = |number: f64| {
            Number::from_f64(number).map_or_else(|| number.to_string().into(), Value::Number)
        };
        match info {
            20 | 21 => Some((info == 21).into()),
            22 | 23 => Some(Value::Null),
            25 => {
                let bits = self.take(2)?.to_vec();
                // Only what is no number is written in two bytes.
                Some(hex::encode(bits).into())
            }
            26 => Some(float(f64::from(f32::from_be_bytes(
                self.take(4)?.try_into().ok()?,
            )))),
            27 => Some(float(f64::from_be_bytes(self.take(8)?.try_into().ok()?))),
            _ => None,
        }
    }
}
