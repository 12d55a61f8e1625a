//! What each function does with its values.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};
use uuid::Uuid;

use super::{Function, text};

/// Most characters of Base64 input and of hashed data (the service's limit).
const MAX_TEXT: usize = 10_000;
/// Most items of a range (the service's limit).
const MAX_RANGE: usize = 1_000;

/// Random bits for one turn: every draw is another, and the same turn decided again draws the same.
#[derive(Debug, Clone)]
pub struct Randomness {
    seed: [u8; 32],
    drawn: u64,
}

impl Randomness {
    /// From the turn's entropy; `drawn` says how many draws went before.
    #[must_use]
    pub fn new(seed: [u8; 32], drawn: u64) -> Self {
        Self { seed, drawn }
    }

    /// Of a seed that somebody chose: the same seed always draws the same.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self::new(Sha256::digest(seed.to_be_bytes()).into(), 0)
    }

    /// How many draws were made.
    #[must_use]
    pub fn drawn(&self) -> u64 {
        self.drawn
    }

    /// 16 random bytes.
    pub fn draw(&mut self) -> [u8; 16] {
        let mut hash = Sha256::new();
        hash.update(self.seed);
        hash.update(self.drawn.to_be_bytes());
        self.drawn += 1;
        let digest: [u8; 32] = hash.finalize().into();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(digest.get(..16).unwrap_or(&[0; 16]));
        bytes
    }

    /// A random number, at least 0 and below 1.
    pub fn fraction(&mut self) -> f64 {
        fraction(self.draw())
    }

    /// A random UUID (version 4).
    pub fn uuid(&mut self) -> Uuid {
        uuid::Builder::from_random_bytes(self.draw()).into_uuid()
    }
}

fn fraction(bytes: [u8; 16]) -> f64 {
    let bits = u128::from_be_bytes(bytes) >> 75;
    #[expect(clippy::cast_precision_loss, reason = "53 bits are exact in a double")]
    let fraction = bits as f64 / (1u64 << 53) as f64;
    fraction
}

/// Applies a function whose number of arguments is right already.
pub(super) fn apply(
    function: Function,
    values: &[Value],
    randomness: &mut Randomness,
) -> Result<Value, String> {
    let at = |n: usize| values.get(n).unwrap_or(&Value::Null);
    match function {
        Function::Format => {
            let rest = values.get(1..).unwrap_or_default();
            text::format(a_text(at(0), "the template")?, rest).map(Value::String)
        }
        Function::StringToJson => string_to_json(a_text(at(0), "the value")?),
        Function::JsonToString => Ok(Value::String(at(0).to_string())),
        Function::Array => Ok(Value::Array(values.to_vec())),
        Function::ArrayPartition => partition(a_list(at(0))?, an_integer(at(1), "the size")?),
        Function::ArrayContains => Ok(Value::Bool(contains(a_list(at(0))?, at(1)))),
        Function::ArrayRange => range(at(0), at(1), at(2)),
        Function::ArrayGetItem => item(a_list(at(0))?, an_integer(at(1), "the position")?),
        Function::ArrayLength => Ok(a_list(at(0))?.len().into()),
        Function::ArrayUnique => Ok(unique(a_list(at(0))?)),
        Function::Base64Encode => {
            let text = bounded(a_text(at(0), "the value")?)?;
            Ok(Value::String(STANDARD.encode(text)))
        }
        Function::Base64Decode => decode(bounded(a_text(at(0), "the value")?)?),
        Function::Hash => hash(at(0), a_text(at(1), "the algorithm")?).map(Value::String),
        Function::JsonMerge => merge(at(0), at(1), at(2)),
        Function::MathRandom => random(at(0), at(1), values.get(2), randomness),
        Function::MathAdd => an_integer(at(0), "the first value")?
            .checked_add(an_integer(at(1), "the second value")?)
            .map(Value::from)
            .ok_or_else(|| "the sum is too large".to_owned()),
        Function::StringSplit => {
            split(a_text(at(0), "the value")?, a_text(at(1), "the separator")?)
        }
        Function::Uuid => Ok(Value::String(randomness.uuid().to_string())),
    }
}

fn a_text<'a>(value: &'a Value, what: &str) -> Result<&'a str, String> {
    value
        .as_str()
        .ok_or_else(|| format!("{what} must be a text"))
}

fn a_list(value: &Value) -> Result<&Vec<Value>, String> {
    value
        .as_array()
        .ok_or_else(|| "the first value must be a list".to_owned())
}

/// An integer; a fraction is rounded, as the service does.
fn an_integer(value: &Value, what: &str) -> Result<i64, String> {
    let refuse = || format!("{what} must be a whole number");
    match value {
        Value::Number(number) => number
            .as_i64()
            .or_else(|| rounded(number.as_f64()?))
            .ok_or_else(refuse),
        _ => Err(refuse()),
    }
}

fn rounded(number: f64) -> Option<i64> {
    let number = number.round();
    let fits = (-9.0e15..=9.0e15).contains(&number);
    #[expect(clippy::cast_possible_truncation, reason = "checked against the range")]
    let whole = number as i64;
    fits.then_some(whole)
}

fn bounded(text: &str) -> Result<&str, String> {
    if text.chars().count() > MAX_TEXT {
        return Err(format!("the value is longer than {MAX_TEXT} characters"));
    }
    Ok(text)
}

fn string_to_json(text: &str) -> Result<Value, String> {
    if text.trim().is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(text).map_err(|error| format!("the value is not JSON: {error}"))
}

fn partition(items: &[Value], size: i64) -> Result<Value, String> {
    match usize::try_from(size) {
        Ok(size) if size > 0 => Ok(items.chunks(size).map(<[Value]>::to_vec).collect()),
        _ => Err("the size must be above 0".to_owned()),
    }
}

fn contains(items: &[Value], wanted: &Value) -> bool {
    items.iter().any(|item| same(item, wanted))
}

fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        _ => left == right,
    }
}

fn range(first: &Value, last: &Value, step: &Value) -> Result<Value, String> {
    let first = an_integer(first, "the first number")?;
    let last = an_integer(last, "the last number")?;
    let step = an_integer(step, "the step")?;
    if step == 0 {
        return Err("the step must not be 0".to_owned());
    }
    let mut items = Vec::new();
    let mut next = Some(first);
    while let Some(number) = next.filter(|n| if step > 0 { *n <= last } else { *n >= last }) {
        if items.len() == MAX_RANGE {
            return Err(format!("the range has more than {MAX_RANGE} items"));
        }
        items.push(Value::from(number));
        next = number.checked_add(step);
    }
    Ok(Value::Array(items))
}

fn item(items: &[Value], at: i64) -> Result<Value, String> {
    usize::try_from(at)
        .ok()
        .and_then(|at| items.get(at))
        .cloned()
        .ok_or_else(|| format!("there is no item {at} in a list of {}", items.len()))
}

fn unique(items: &[Value]) -> Value {
    let mut seen = std::collections::HashSet::new();
    items
        .iter()
        .filter(|item| seen.insert(item.to_string()))
        .cloned()
        .collect()
}

fn decode(text: &str) -> Result<Value, String> {
    let bytes = STANDARD
        .decode(text)
        .map_err(|error| format!("the value is not Base64: {error}"))?;
    Ok(Value::String(String::from_utf8_lossy(&bytes).into_owned()))
}

/// The hash of a text's bytes, or of another value's JSON text, in hexadecimal digits.
pub(crate) fn hash(data: &Value, algorithm: &str) -> Result<String, String> {
    let text = match data {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let text = bounded(&text)?;
    Ok(match algorithm {
        "MD5" => hex(&md5::Md5::digest(text)),
        "SHA-1" => hex(&Sha1::digest(text)),
        "SHA-256" => hex(&Sha256::digest(text)),
        "SHA-384" => hex(&Sha384::digest(text)),
        "SHA-512" => hex(&Sha512::digest(text)),
        other => {
            return Err(format!(
                "the algorithm must be MD5, SHA-1, SHA-256, SHA-384 or SHA-512, not `{other}`"
            ));
        }
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn merge(first: &Value, second: &Value, deep: &Value) -> Result<Value, String> {
    if deep != &Value::Bool(false) {
        return Err("deep merging does not exist: the third value must be false".to_owned());
    }
    let (Value::Object(first), Value::Object(second)) = (first, second) else {
        return Err("the first two values must be objects".to_owned());
    };
    let mut merged: Map<String, Value> = first.clone();
    merged.extend(
        second
            .iter()
            .map(|(key, value)| (key.clone(), value.clone())),
    );
    Ok(Value::Object(merged))
}

fn random(
    from: &Value,
    to: &Value,
    seed: Option<&Value>,
    randomness: &mut Randomness,
) -> Result<Value, String> {
    let from = an_integer(from, "the first number")?;
    let to = an_integer(to, "the last number")?;
    let width = to
        .checked_sub(from)
        .filter(|width| *width > 0)
        .ok_or_else(|| "the first number must be below the last".to_owned())?;
    let bytes = match seed {
        None => randomness.draw(),
        // A seed names the number: the same seed gives the same one.
        Some(seed) => {
            let seed = an_integer(seed, "the seed")?;
            Randomness::seeded(u64::from_be_bytes(seed.to_be_bytes())).draw()
        }
    };
    let width = u128::from(width.unsigned_abs());
    let offset = i64::try_from(u128::from_be_bytes(bytes) % width).unwrap_or(0);
    Ok(Value::from(from.saturating_add(offset)))
}

/// Every character of `separators` splits; empty parts are dropped.
fn split(text: &str, separators: &str) -> Result<Value, String> {
    if separators.is_empty() {
        return Err("the separator is empty".to_owned());
    }
    Ok(text
        .split(|c| separators.contains(c))
        .filter(|part| !part.is_empty())
        .collect())
}
