//! Which variables an expression reads, by its text: a walk over the tree would need as much stack as the tree is deep.

use std::collections::BTreeSet;

/// Functions that are there without being assigned: their names may be passed on as values.
const FUNCTIONS: &str = " sum count max min average string substring substringBefore substringAfter lowercase uppercase length \
trim pad match contains replace split join formatNumber formatBase formatInteger parseInteger number floor ceil round abs \
sqrt power random boolean not map zip filter single reduce foldLeft sift keys lookup append exists spread merge reverse each \
error assert type sort shuffle distinct base64encode base64decode encodeUrlComponent encodeUrl decodeUrlComponent decodeUrl \
eval toMillis fromMillis clone now millis partition range hash parse uuid ";

/// Whether a name is that of a function of the language.
pub(crate) fn is_function(name: &str) -> bool {
    FUNCTIONS.contains(&format!(" {name} "))
}

/// Names behind a `$`, but for calls, for what is bound anywhere in the text (`:=`, parameters, `@$x`, `#$n`), for the
/// context (`$`, `$$`) and for `$states`.
pub(super) fn read(source: &str) -> BTreeSet<String> {
    let (mut read, mut bound) = (BTreeSet::new(), BTreeSet::new());
    let mut rest = source;
    // The last sign that is no space: it tells a pattern from a division and a binding from a reading.
    let mut last = None;
    // Parentheses that are open since the parameters of a function began.
    let mut parameters = false;
    while let Some(letter) = rest.chars().next() {
        let behind = rest.get(letter.len_utf8()..).unwrap_or_default();
        rest = match letter {
            '"' | '\'' => past(behind, letter),
            '`' => past(behind, '`'),
            '/' if behind.starts_with('*') => {
                behind.split_once("*/").map_or("", |(_, behind)| behind)
            }
            '/' if last.is_none_or(|last| "(,;=[{:?&|!~".contains(last)) => past(behind, '/'),
            '$' => {
                let (name, behind) = word(behind);
                let next = behind.trim_start();
                if parameters || next.starts_with(":=") || matches!(last, Some('@' | '#')) {
                    bound.insert(name);
                } else if !next.starts_with('(') {
                    read.insert(name);
                }
                behind
            }
            letter if letter.is_alphabetic() => {
                let (name, behind) = word(rest);
                parameters |=
                    ["function", "λ"].contains(&name) && behind.trim_start().starts_with('(');
                behind
            }
            ')' => {
                parameters = false;
                behind
            }
            _ => behind,
        };
        if !letter.is_whitespace() {
            last = Some(letter);
        }
    }
    let own = |name: &&str| bound.contains(name) || name.is_empty() || *name == "states";
    read.into_iter()
        .filter(|name| !own(name))
        .map(str::to_owned)
        .collect()
}

/// What stands behind the end of a quoted part.
fn past(text: &str, end: char) -> &str {
    let mut escaped = false;
    for (at, letter) in text.char_indices() {
        if letter == end && !escaped {
            return text.get(at + letter.len_utf8()..).unwrap_or_default();
        }
        escaped = letter == '\\' && !escaped && end != '`';
    }
    ""
}

/// A name, and what stands behind it.
fn word(text: &str) -> (&str, &str) {
    let end = text.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
    text.split_at(end.unwrap_or(text.len()))
}
