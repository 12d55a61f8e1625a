//! Whether a value is the one that a plan names, as far as the plan knew it.
//!
//! Where the plan has a mark any value fits, and the same value wherever the mark comes again. `<time>`, `<date>` and
//! `<execution id>` stand for what is another in each run. A secret stands as its digest.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use fancy_regex::Regex;
use serde_json::Value;

use crate::automation::preview::plan::digest;
use crate::expr::unknown;
use crate::expr::value_type::text_of;

/// What the marks stand for, by their names.
pub(super) type Known = BTreeMap<String, Value>;

/// What a secret's digest begins with.
const SECRET: char = '\u{E0F3}';
/// Tries of one text.
const MOST_TRIES: u32 = 10_000;

/// What stands for a secret in a plan that a run is compared with.
pub(crate) fn hidden(secret: &Value) -> Value {
    Value::String(format!("{SECRET}{}", digest(secret)))
}

/// Whether a value fits; what its marks stand for is noted. Where it does not, `known` is of no use any more.
pub(super) fn fits(planned: &Value, actual: &Value, known: &mut Known) -> bool {
    match (planned, actual) {
        (Value::String(text), _) => text_fits(text, actual, known),
        (Value::Array(planned), Value::Array(actual)) => list_fits(planned, actual, known),
        (Value::Object(planned), Value::Object(actual)) => {
            let fitting = planned.iter().all(|(key, item)| match actual.get(key) {
                Some(value) => fits(item, value, known),
                // What turns out to be nothing is left out of a call.
                None => unknown::is_whole(item),
            });
            fitting && actual.keys().all(|key| planned.contains_key(key))
        }
        _ => planned == actual,
    }
}

/// One item that is a mark may stand for several: a reference to a list gives its elements.
fn list_fits(planned: &[Value], actual: &[Value], known: &mut Known) -> bool {
    let marks = planned.iter().filter(|item| unknown::is_whole(item));
    if planned.len() == actual.len() {
        return planned.iter().zip(actual).all(|(a, b)| fits(a, b, known));
    }
    let at = planned.iter().position(unknown::is_whole);
    let (1, Some(at)) = (marks.count(), at) else {
        return false;
    };
    let (before, behind) = (planned.get(..at), planned.get(at + 1..));
    let (Some(before), Some(behind), Some(mark)) = (before, behind, planned.get(at)) else {
        return false;
    };
    let Some(end) = actual.len().checked_sub(behind.len()) else {
        return false;
    };
    let parts = (actual.get(..at), actual.get(at..end), actual.get(end..));
    let (Some(first), Some(several), Some(last)) = parts else {
        return false;
    };
    list_fits(before, first, known)
        && list_fits(behind, last, known)
        && fits(mark, &Value::Array(several.to_vec()), known)
}

fn text_fits(planned: &str, actual: &Value, known: &mut Known) -> bool {
    if let Some(hex) = planned.strip_prefix(SECRET) {
        return digest(actual) == hex;
    }
    let pieces = pieces(planned);
    match (pieces.as_slice(), actual) {
        ([Piece::Mark(name)], _) => note(name, actual, known),
        ([Piece::Like(Kind::Time)], Value::Number(number)) => {
            number.as_i64().is_some_and(|n| n >= 1_000_000_000)
        }
        (pieces, Value::String(text)) => {
            planned == text || pieces_fit(pieces, text, (known, &mut MOST_TRIES.clone()))
        }
        _ => false,
    }
}

/// A mark stands for one value only.
fn note(name: &str, actual: &Value, known: &mut Known) -> bool {
    if name.is_empty() {
        // A secret that is not known: nothing is noted of it.
        return true;
    }
    let Some(noted) = known.get(name) else {
        known.insert(name.to_owned(), actual.clone());
        return true;
    };
    let one =
        |list: &Value, item: &Value| list.as_array().is_some_and(|all| all[..] == [item.clone()]);
    text_of(noted) == text_of(actual) || one(noted, actual) || one(actual, noted)
}

/// What a planned text is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece<'a> {
    Plain(&'a str),
    Mark(&'a str),
    Like(Kind),
}

/// What is another in each run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Time,
    Date,
    Id,
}

const KINDS: [(&str, Kind); 3] = [
    ("<time>", Kind::Time),
    ("<date>", Kind::Date),
    ("<execution id>", Kind::Id),
];

fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    for piece in unknown::pieces(text) {
        match piece {
            Err(name) => pieces.push(Piece::Mark(name)),
            Ok(plain) => split(plain, &mut pieces),
        }
    }
    pieces
}

fn split<'a>(plain: &'a str, pieces: &mut Vec<Piece<'a>>) {
    let mut rest = plain;
    loop {
        let found = KINDS
            .iter()
            .filter_map(|(word, kind)| Some((rest.find(word)?, *word, *kind)))
            .min_by_key(|(at, _, _)| *at);
        let Some((at, word, kind)) = found else { break };
        let (before, behind) = rest.split_at(at);
        if !before.is_empty() {
            pieces.push(Piece::Plain(before));
        }
        pieces.push(Piece::Like(kind));
        rest = behind.strip_prefix(word).unwrap_or_default();
    }
    if !rest.is_empty() {
        pieces.push(Piece::Plain(rest));
    }
}

fn pieces_fit(pieces: &[Piece<'_>], text: &str, (known, tries): (&mut Known, &mut u32)) -> bool {
    let Some((first, rest)) = pieces.split_first() else {
        return text.is_empty();
    };
    *tries = tries.saturating_sub(1);
    if *tries == 0 {
        return false;
    }
    match first {
        Piece::Plain(plain) => text
            .strip_prefix(plain)
            .is_some_and(|behind| pieces_fit(rest, behind, (known, tries))),
        Piece::Like(kind) => length_of(*kind, text)
            .and_then(|length| text.get(length..))
            .is_some_and(|behind| pieces_fit(rest, behind, (known, tries))),
        Piece::Mark(name) => {
            if let Some(noted) = known.get(*name) {
                let noted = text_of(noted).into_owned();
                let behind = text.strip_prefix(&noted).map(str::to_owned);
                return behind.is_some_and(|behind| pieces_fit(rest, &behind, (known, tries)));
            }
            any_fits((name, rest), text, (known, tries))
        }
    }
}

/// What the mark stands for ends somewhere: the shortest that fits.
fn any_fits(
    (name, rest): (&str, &[Piece<'_>]),
    text: &str,
    (known, tries): (&mut Known, &mut u32),
) -> bool {
    let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    for end in ends {
        let next = match rest.first() {
            None => end == text.len(),
            Some(Piece::Plain(plain)) => text.get(end..).is_some_and(|all| all.starts_with(plain)),
            Some(_) => true,
        };
        let (true, Some(value), Some(behind)) = (next, text.get(..end), text.get(end..)) else {
            continue;
        };
        let mut trial = known.clone();
        trial.insert(name.to_owned(), Value::String(value.to_owned()));
        if pieces_fit(rest, behind, (&mut trial, tries)) {
            *known = trial;
            return true;
        }
        if *tries == 0 {
            return false;
        }
    }
    false
}

static INSTANT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"^\d{4}-?\d{2}-?\d{2}[T _]\d{2}[:.]?\d{2}[:.]?\d{2}(?:\.\d{1,9})?(?:Z|[+-]00:?00)?(?![0-9])",
    )
    .ok()
});
static DATE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^\d{4}-?\d{2}-?\d{2}(?![0-9])").ok());
static ID: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").ok()
});

/// Bytes that something of this kind takes at the beginning of a text.
fn length_of(kind: Kind, text: &str) -> Option<usize> {
    let shape = match kind {
        Kind::Time => INSTANT.as_ref(),
        Kind::Date => DATE.as_ref(),
        Kind::Id => ID.as_ref(),
    };
    let found = shape?.find(text).ok()??;
    Some(found.end())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn mark(name: &str) -> String {
        let Value::String(text) = unknown::mark(name) else {
            panic!("a text")
        };
        text
    }

    #[test]
    fn values_fit_as_far_as_the_plan_knew_them() {
        let (a, b) = (mark("Make.A"), mark("Make.B"));
        let cases = [
            (json!("x"), json!("x"), true),
            (json!("x"), json!("y"), false),
            (json!({"K": 1}), json!({"K": 1}), true),
            (json!({"K": 1}), json!({"K": 2}), false),
            (json!({"K": 1}), json!({"K": 1, "More": 1}), false),
            (json!({"K": 1, "More": 1}), json!({"K": 1}), false),
            (json!({"K": a}), json!({"K": ["any"]}), true),
            (json!({"K": a}), json!({}), true),
            (json!([a, a]), json!(["1", "1"]), true),
            (json!([a, a]), json!(["1", "2"]), false),
            (json!([a, b]), json!(["1", "2"]), true),
            (json!(["x", a, "y"]), json!(["x", 1, 2, 3, "y"]), true),
            (json!(["x", a, "y"]), json!(["x", "y"]), true),
            (json!(["x", a, "y"]), json!(["z", 1, 2, "y"]), false),
            (json!(["x"]), json!(["x", "x"]), false),
            (json!(format!("arn:{a}/{b}")), json!("arn:1/2/3"), true),
            (json!(format!("arn:{a}/end")), json!("arn:1/2"), false),
            (
                json!([a, format!("of {a}.")]),
                json!(["i-1", "of i-1."]),
                true,
            ),
            (
                json!([a, format!("of {a}.")]),
                json!(["i-1", "of i-2."]),
                false,
            ),
            (json!([format!("{a}-{b}"), b]), json!(["1-2", "2"]), true),
        ];
        for (planned, actual, expected) in cases {
            let fitting = fits(&planned, &actual, &mut Known::new());
            assert_eq!(fitting, expected, "{planned} and {actual}");
        }
    }

    #[test]
    fn what_is_another_each_time_fits_by_its_shape_and_secrets_by_their_digests() {
        let id = "01234567-89ab-4def-8123-456789abcdef";
        let cases = [
            (
                json!("at <time>!"),
                json!("at 2026-11-22T10:00:00.5Z!"),
                true,
            ),
            (json!("at <time>!"), json!("at noon!"), false),
            (json!("<time>"), json!(1_800_000_000), true),
            (json!("<time>"), json!(22), false),
            (json!("on <date>"), json!("on 2026-11-22"), true),
            (
                json!("run <execution id>"),
                json!(format!("run {id}")),
                true,
            ),
            (json!("run <execution id>"), json!("run x"), false),
            (
                json!({"P": hidden(&json!("s3cret"))}),
                json!({"P": "s3cret"}),
                true,
            ),
            (
                json!({"P": hidden(&json!("s3cret"))}),
                json!({"P": "other"}),
                false,
            ),
        ];
        for (planned, actual, expected) in cases {
            let fitting = fits(&planned, &actual, &mut Known::new());
            assert_eq!(fitting, expected, "{planned} and {actual}");
        }
    }

    #[test]
    fn a_mark_in_a_text_does_not_take_for_ever() {
        let many: String = (0..40).map(|n| mark(&format!("S.{n}"))).collect();
        let text = json!("a".repeat(2_000));
        assert!(!fits(&json!(format!("{many}!")), &text, &mut Known::new()));
    }
}
