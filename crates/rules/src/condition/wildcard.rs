//! Patterns with `*`, and the guard against patterns that AWS refuses as too complex.

use std::collections::BTreeSet;

/// Positions a matcher may be at together before AWS calls the rule too complex. The service
/// refuses `*:*:*:*:*:event-bus/*`, for which its library counts 11.
const MAX_COMPLEXITY: usize = 10;

/// Sets of positions looked at before a pattern is accepted as it is: matching here takes linear
/// time for any pattern, so the guard only mirrors AWS's verdict.
const MAX_SETS: usize = 2_000;

/// A parsed wildcard pattern: the literal pieces between the stars.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Wildcard {
    pieces: Vec<String>,
}

impl Wildcard {
    /// Reads a pattern; the error is AWS's reason. Positions count bytes, the opening quote is 0.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = vec![];
        let mut piece = String::new();
        let mut characters = text.char_indices().peekable();
        while let Some((at, c)) = characters.next() {
            match c {
                '*' if matches!(characters.peek(), Some((_, '*'))) => {
                    return Err(format!("Consecutive wildcard characters at pos {}", at + 1));
                }
                '*' => pieces.push(std::mem::take(&mut piece)),
                '\\' => match characters.next() {
                    Some((_, escaped @ ('*' | '\\'))) => piece.push(escaped),
                    _ => return Err(format!("Invalid escape character at pos {}", at + 1)),
                },
                other => piece.push(other),
            }
        }
        pieces.push(piece);
        let wildcard = Wildcard { pieces };
        if wildcard.is_too_complex() {
            return Err(
                "Rule is too complex - try using fewer wildcard characters or fewer \
                        repeating character sequences after a wildcard character"
                    .to_owned(),
            );
        }
        Ok(wildcard)
    }

    /// The literal texts between the stars, in order; one text if there is no star.
    pub(crate) fn pieces(&self) -> &[String] {
        &self.pieces
    }

    pub(crate) fn matches(&self, text: &str) -> bool {
        let Some((first, others)) = self.pieces.split_first() else {
            return false;
        };
        let Some((last, middle)) = others.split_last() else {
            return first == text;
        };
        let Some(mut rest) = text.strip_prefix(first.as_str()) else {
            return false;
        };
        for piece in middle {
            match rest.split_once(piece.as_str()) {
                Some((_, after)) => rest = after,
                None => return false,
            }
        }
        rest.ends_with(last.as_str())
    }

    /// Follows all positions a text can reach together and compares their number with the limit.
    fn is_too_complex(&self) -> bool {
        if self.pieces.len() < 3
            && self.pieces.iter().map(String::len).sum::<usize>() < MAX_COMPLEXITY
        {
            return false;
        }
        let steps = self.steps();
        let alphabet: BTreeSet<u8> = steps.iter().filter_map(|step| *step).collect();
        let mut seen = BTreeSet::new();
        let mut waiting = vec![BTreeSet::from([0usize])];
        while let Some(positions) = waiting.pop() {
            if positions.len() > MAX_COMPLEXITY {
                return true;
            }
            if seen.len() >= MAX_SETS {
                return false;
            }
            if !seen.insert(positions.clone()) {
                continue;
            }
            // `None` stands for every byte the pattern does not name.
            for byte in alphabet.iter().copied().map(Some).chain([None]) {
                let next = advance(&steps, &positions, byte);
                if !next.is_empty() && !seen.contains(&next) {
                    waiting.push(next);
                }
            }
        }
        false
    }

    /// The pattern byte by byte; `None` is a star.
    fn steps(&self) -> Vec<Option<u8>> {
        let mut steps = Vec::new();
        for (index, piece) in self.pieces.iter().enumerate() {
            if index > 0 {
                steps.push(None);
            }
            steps.extend(piece.bytes().map(Some));
        }
        steps
    }
}

/// Where one more byte leads: position `n` means that the first `n` steps are used up.
fn advance(steps: &[Option<u8>], positions: &BTreeSet<usize>, byte: Option<u8>) -> BTreeSet<usize> {
    let mut next = BTreeSet::new();
    let is_star = |at: usize| steps.get(at).is_some_and(Option::is_none);
    for &position in positions {
        // A star just used up goes on taking bytes.
        if position > 0 && is_star(position - 1) {
            next.insert(position);
        }
        let mut at = position;
        if is_star(at) {
            next.insert(at + 1);
            at += 1;
        }
        if byte.is_some() && steps.get(at) == Some(&byte) {
            next.insert(at + 1);
        }
    }
    next
}

#[cfg(test)]
mod tests {
    use super::Wildcard;

    #[test]
    fn matching_table() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "anything", true),
            ("a*", "a", true),
            ("a*", "ba", false),
            ("*a", "ba", true),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("*ab*ab", "ab", false),
            ("*ab*ab", "abab", true),
            (r"a\*b", "a*b", true),
            (r"a\*b", "axb", false),
            (r"a\\b", r"a\b", true),
            ("a?c", "abc", false),
            ("A*", "abc", false),
            ("*é*", "café!", true),
        ] {
            let wildcard = Wildcard::parse(pattern).unwrap();
            assert_eq!(wildcard.matches(text), expected, "{pattern} ~ {text}");
        }
    }

    #[test]
    fn refusals() {
        for (pattern, reason) in [
            ("a**b", "Consecutive wildcard characters at pos 2"),
            (r"a\b", "Invalid escape character at pos 2"),
            (r"é\", "Invalid escape character at pos 3"),
        ] {
            assert_eq!(Wildcard::parse(pattern).unwrap_err(), reason, "{pattern}");
        }
        let error = Wildcard::parse("*:*:*:*:*:event-bus/*").unwrap_err();
        assert!(error.starts_with("Rule is too complex"), "{error}");
        for fine in [
            "*:*:*:*:event-bus/*",
            "/Users/*/dir/dir/dir/dir/dir/doc.txt",
            "*/a/*/b/*",
        ] {
            assert!(Wildcard::parse(fine).is_ok(), "{fine}");
        }
    }
}
