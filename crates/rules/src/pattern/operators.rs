//! The operators inside `[ {"prefix": ...} ]`: their arguments, and AWS's words when one is wrong.

use super::compile::{Refusal, refuse};
use crate::address::AddressRange;
use crate::condition::{Bounds, Condition, Excluded, IgnoreCase, Wildcard};
use crate::json::{Reader, Token};
use crate::number;

const ONLY_ONE_KEY: &str = "Only one key allowed in match expression";
const TOO_MANY_ELEMENTS: &str = "Too many elements in numeric expression";
const IGNORE_CASE: &str = "equals-ignore-case";
const IGNORE_CASE_TEXT: &str = "equals-ignore-case match pattern must be a string";
const WILDCARD_TEXT: &str = "wildcard match pattern must be a string";

/// Reads one match expression, whose opening brace has been read.
pub(super) fn match_expression(reader: &mut Reader<'_>) -> Result<Condition, Refusal> {
    if reader.next()? != Token::Name {
        return refuse(reader, "Match expression name not found");
    }
    let operator = reader.name().to_owned();
    let condition = match operator.as_str() {
        "exactly" => Condition::Exactly(text(reader, "exact match pattern must be a string")?),
        "prefix" => affix(
            reader,
            "prefix",
            Condition::Prefix,
            Condition::PrefixIgnoreCase,
        )?,
        "suffix" => affix(
            reader,
            "suffix",
            Condition::Suffix,
            Condition::SuffixIgnoreCase,
        )?,
        IGNORE_CASE => {
            Condition::EqualsIgnoreCase(IgnoreCase::new(&text(reader, IGNORE_CASE_TEXT)?))
        }
        "wildcard" => {
            let pattern = text(reader, WILDCARD_TEXT)?;
            Condition::Wildcard(wildcard(reader, &pattern)?)
        }
        "exists" => match reader.next()? {
            Token::True => Condition::Present,
            Token::False => Condition::Absent,
            _ => return refuse(reader, "exists match pattern must be either true or false."),
        },
        "cidr" => {
            let range = text(reader, "prefix match pattern must be a string")?;
            Condition::Cidr(AddressRange::parse(&range).map_err(Refusal::Nowhere)?)
        }
        "numeric" => {
            if reader.next()? != Token::StartArray {
                return refuse(reader, "Value of numeric must be an array.");
            }
            let bounds = numeric(reader)?;
            end(reader, TOO_MANY_ELEMENTS)?;
            return Ok(Condition::Numeric(bounds));
        }
        "anything-but" => return anything_but(reader).map(Condition::AnythingBut),
        _ => return refuse(reader, format!("Unrecognized match type {operator}")),
    };
    end(reader, ONLY_ONE_KEY)?;
    Ok(condition)
}

fn text(reader: &mut Reader<'_>, otherwise: &str) -> Result<String, Refusal> {
    match reader.next()? {
        Token::Text => Ok(reader.string()?),
        _ => refuse(reader, otherwise),
    }
}

fn end(reader: &mut Reader<'_>, otherwise: &str) -> Result<(), Refusal> {
    match reader.next()? {
        Token::EndObject => Ok(()),
        _ => refuse(reader, otherwise),
    }
}

fn wildcard(reader: &Reader<'_>, pattern: &str) -> Result<Wildcard, Refusal> {
    Wildcard::parse(pattern).or_else(|reason| refuse(reader, reason))
}

/// `prefix` and `suffix`: a text, or an object that says the case does not matter.
fn affix(
    reader: &mut Reader<'_>,
    name: &str,
    plain: fn(String) -> Condition,
    folded: fn(IgnoreCase) -> Condition,
) -> Result<Condition, Refusal> {
    match reader.next()? {
        Token::Text => Ok(plain(reader.string()?)),
        Token::StartObject => {
            if reader.next()? != Token::Name {
                let title = if name == "prefix" { "Prefix" } else { "Suffix" };
                return refuse(reader, format!("{title} expression name not found"));
            }
            let operator = reader.name().to_owned();
            if operator != IGNORE_CASE {
                return refuse(reader, format!("Unsupported {name} pattern: {operator}"));
            }
            let condition = folded(IgnoreCase::new(&text(reader, IGNORE_CASE_TEXT)?));
            end(reader, ONLY_ONE_KEY)?;
            Ok(condition)
        }
        _ => refuse(reader, format!("{name} match pattern must be a string")),
    }
}

fn numeric(reader: &mut Reader<'_>) -> Result<Bounds, Refusal> {
    let token = reader.next()?;
    let shown = token_text(reader, token)?;
    if token != Token::Text {
        return refuse(reader, format!("Invalid member in numeric match: {shown}"));
    }
    let operator = shown;
    let token = reader.next()?;
    if !matches!(operator.as_str(), "=" | "<" | "<=" | ">" | ">=") {
        return refuse(
            reader,
            format!("Unrecognized numeric range operator: {operator}"),
        );
    }
    if token != Token::Number {
        let name = if operator == "=" {
            "equals"
        } else {
            operator.as_str()
        };
        return refuse(reader, format!("Value of {name} must be numeric"));
    }
    let raw = reader.raw().to_owned();
    let after = reader.next()?;
    let is_lower = matches!(operator.as_str(), ">" | ">=");
    if after != Token::EndArray && !is_lower {
        return refuse(reader, TOO_MANY_ELEMENTS);
    }
    let high = if after == Token::EndArray {
        None
    } else {
        Some(upper_bound(reader, after)?)
    };
    let first = comparable(reader, &raw)?;
    let high = match high {
        None => None,
        Some((raw, inclusive)) => Some((comparable(reader, &raw)?, inclusive)),
    };
    if high.is_some_and(|(high, _)| first >= high) {
        return refuse(reader, "Bottom must be less than top");
    }
    let low = Some((first, operator == ">="));
    Ok(match operator.as_str() {
        "=" => Bounds {
            low: Some((first, true)),
            high: Some((first, true)),
        },
        "<" => Bounds {
            low: None,
            high: Some((first, false)),
        },
        "<=" => Bounds {
            low: None,
            high: Some((first, true)),
        },
        _ => Bounds { low, high },
    })
}

/// The second half of a two-sided range, whose operator token has been read.
fn upper_bound(reader: &mut Reader<'_>, token: Token) -> Result<(String, bool), Refusal> {
    let operator = token_text(reader, token)?;
    if token != Token::Text {
        return refuse(reader, format!("Bad value in numeric range: {operator}"));
    }
    if !matches!(operator.as_str(), "<" | "<=") {
        return refuse(reader, format!("Bad numeric range operator: {operator}"));
    }
    if reader.next()? != Token::Number {
        return refuse(reader, format!("Value of {operator} must be numeric"));
    }
    let raw = reader.raw().to_owned();
    if reader.next()? != Token::EndArray {
        return refuse(reader, "Too many terms in numeric range expression");
    }
    Ok((raw, operator == "<="))
}

fn comparable(reader: &Reader<'_>, raw: &str) -> Result<f64, Refusal> {
    match number::comparable(raw) {
        Some(number) => Ok(number),
        None => refuse(reader, format!("Cannot compare number : {raw}")),
    }
}

/// A token as it is quoted in a reason.
fn token_text(reader: &mut Reader<'_>, token: Token) -> Result<String, Refusal> {
    Ok(match token {
        Token::Text => reader.string()?,
        Token::EndArray => "]".to_owned(),
        Token::EndObject => "}".to_owned(),
        _ => reader.raw().to_owned(),
    })
}

/// The forms of `anything-but` that compare parts of a text.
#[derive(Clone, Copy)]
enum Part {
    IgnoreCase,
    Prefix,
    Suffix,
    Wildcard,
}

fn anything_but(reader: &mut Reader<'_>) -> Result<Excluded, Refusal> {
    let mut token = reader.next()?;
    let mut part = None;
    if token == Token::StartObject {
        if reader.next()? != Token::Name {
            return refuse(reader, "Anything-But expression name not found");
        }
        part = Some(match reader.name() {
            IGNORE_CASE => Part::IgnoreCase,
            "prefix" => Part::Prefix,
            "suffix" => Part::Suffix,
            "wildcard" => Part::Wildcard,
            other => {
                let reason = format!("Unsupported anything-but pattern: {other}");
                return refuse(reader, reason);
            }
        });
        token = reader.next()?;
    }
    if !matches!(token, Token::StartArray | Token::Text | Token::Number) {
        let reason = "Value of anything-but must be an array or single string/number value.";
        return refuse(reader, reason);
    }
    let excluded = match part {
        None => excluded_values(reader, token)?,
        Some(part) => excluded_parts(reader, token, part)?,
    };
    end(reader, TOO_MANY_ELEMENTS)?;
    if part.is_some() {
        end(reader, TOO_MANY_ELEMENTS)?;
    }
    Ok(excluded)
}

fn excluded_values(reader: &mut Reader<'_>, first: Token) -> Result<Excluded, Refusal> {
    let single = first != Token::StartArray;
    let (mut texts, mut numbers) = (Vec::new(), Vec::new());
    let mut token = if single { first } else { reader.next()? };
    while token != Token::EndArray {
        match token {
            Token::Text => texts.push(reader.string()?),
            Token::Number => numbers.push(comparable(reader, reader.raw())?),
            _ => {
                let reason = "Inside anything but list, start|null|boolean is not supported.";
                return refuse(reader, reason);
            }
        }
        if single {
            break;
        }
        token = reader.next()?;
    }
    match (texts.is_empty(), numbers.is_empty()) {
        (false, true) => Ok(Excluded::Texts(texts)),
        (true, false) => Ok(Excluded::Numbers(numbers)),
        _ => refuse(
            reader,
            "Inside anything but list, either all values are number or string, mixed type is not supported",
        ),
    }
}

fn excluded_parts(reader: &mut Reader<'_>, first: Token, part: Part) -> Result<Excluded, Refusal> {
    let single = first != Token::StartArray;
    let mut texts = Vec::new();
    let mut token = if single { first } else { reader.next()? };
    while token != Token::EndArray {
        if token != Token::Text {
            let reason = match part {
                Part::IgnoreCase => {
                    "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported."
                }
                Part::Wildcard => WILDCARD_TEXT,
                Part::Prefix | Part::Suffix => "prefix/suffix match pattern must be a string",
            };
            return refuse(reader, reason);
        }
        let text = reader.string()?;
        if text.is_empty() && matches!(part, Part::Prefix | Part::Suffix) {
            return refuse(reader, "Null prefix/suffix not allowed");
        }
        texts.push(text);
        if single {
            break;
        }
        token = reader.next()?;
    }
    if texts.is_empty() {
        // The reference library accepts this and then fails on every event.
        return refuse(reader, "Empty arrays are not allowed");
    }
    Ok(match part {
        Part::IgnoreCase => {
            Excluded::IgnoreCase(texts.iter().map(|t| IgnoreCase::new(t)).collect())
        }
        Part::Prefix => Excluded::Prefixes(texts),
        Part::Suffix => Excluded::Suffixes(texts),
        Part::Wildcard => {
            let parsed: Result<Vec<_>, _> = texts.iter().map(|t| wildcard(reader, t)).collect();
            Excluded::Wildcards(parsed?)
        }
    })
}
