//! Comparison without regard to case, as AWS's matcher does it.
//!
//! Each UTF-16 unit of the pattern accepts its own lower-case and upper-case form and nothing
//! else, so there is no full case folding: `ß` accepts `SS` but not `ẞ`, and letters outside the
//! basic plane are compared exactly.

/// A text that is compared without regard to case.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct IgnoreCase {
    text: Box<str>,
    /// For each character, the spellings it accepts; empty for a text of ASCII only, where they
    /// go without saying.
    accepted: Box<[(String, String)]>,
}

impl IgnoreCase {
    pub(crate) fn new(text: &str) -> Self {
        let mut accepted = Vec::new();
        if !text.is_ascii() {
            accepted.extend(text.chars().map(|c| {
                if c.len_utf16() > 1 {
                    (c.to_string(), c.to_string())
                } else {
                    (c.to_lowercase().collect(), c.to_uppercase().collect())
                }
            }));
        }
        IgnoreCase {
            text: text.into(),
            accepted: accepted.into(),
        }
    }

    /// The text as its author wrote it.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// The spellings each character accepts; empty for a text of ASCII only.
    pub(crate) fn accepted(&self) -> &[(String, String)] {
        &self.accepted
    }

    /// Bytes on the heap.
    pub(crate) fn memory(&self) -> usize {
        let spellings = self.accepted.iter().map(|(a, b)| a.len() + b.len());
        self.text.len() + size_of_val(&*self.accepted) + spellings.sum::<usize>()
    }

    pub(crate) fn equals(&self, text: &str) -> bool {
        if self.text.is_ascii() {
            return self.text.eq_ignore_ascii_case(text);
        }
        self.rests(text, End::Front)
            .iter()
            .any(|rest| rest.is_empty())
    }

    pub(crate) fn starts(&self, text: &str) -> bool {
        if self.text.is_ascii() {
            let front = text.as_bytes().get(..self.text.len());
            return front.is_some_and(|front| front.eq_ignore_ascii_case(self.text.as_bytes()));
        }
        !self.rests(text, End::Front).is_empty()
    }

    pub(crate) fn ends(&self, text: &str) -> bool {
        if self.text.is_ascii() {
            let start = text.len().checked_sub(self.text.len());
            let back = start.and_then(|start| text.as_bytes().get(start..));
            return back.is_some_and(|back| back.eq_ignore_ascii_case(self.text.as_bytes()));
        }
        !self.rests(text, End::Back).is_empty()
    }

    /// What can be left of `text` after all characters were taken from one end. Spellings differ
    /// in length, so there can be several answers.
    fn rests<'t>(&self, text: &'t str, end: End) -> Vec<&'t str> {
        let mut rests = vec![text];
        let count = self.accepted.len();
        for step in 0..count {
            let at = match end {
                End::Front => step,
                End::Back => count - 1 - step,
            };
            let Some((lower, upper)) = self.accepted.get(at) else {
                break;
            };
            let mut next: Vec<&'t str> = Vec::new();
            for rest in rests {
                for spelling in [lower, upper] {
                    let left = match end {
                        End::Front => rest.strip_prefix(spelling.as_str()),
                        End::Back => rest.strip_suffix(spelling.as_str()),
                    };
                    if let Some(left) = left
                        && next.iter().all(|known| known.len() != left.len())
                    {
                        next.push(left);
                    }
                }
            }
            rests = next;
            if rests.is_empty() {
                break;
            }
        }
        rests
    }
}

/// The end of a text that is compared first.
#[derive(Clone, Copy)]
enum End {
    Front,
    Back,
}

#[cfg(test)]
mod tests {
    use super::IgnoreCase;

    #[test]
    fn equality_table() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("Running", "RUNNING", true),
            ("running", "runnin", false),
            ("straße", "STRASSE", true),
            ("É", "é", true),
            ("ß", "ẞ", false),
            ("σ", "ς", false),
            ("ſ", "s", false),
            ("İ", "i", false),
            ("𐐀", "𐐨", false),
            ("𐐀", "𐐀", true),
        ] {
            assert_eq!(
                IgnoreCase::new(pattern).equals(text),
                expected,
                "{pattern} ~ {text}"
            );
        }
    }

    #[test]
    fn ends_table() {
        for (pattern, text, starts, ends) in [
            ("", "", true, true),
            ("ab", "ABba", true, false),
            ("ab", "bAb", false, true),
            ("ß", "xSS", false, true),
            ("abc", "bc", false, false),
        ] {
            assert_eq!(
                IgnoreCase::new(pattern).starts(text),
                starts,
                "{pattern} starts {text}"
            );
            assert_eq!(
                IgnoreCase::new(pattern).ends(text),
                ends,
                "{pattern} ends {text}"
            );
        }
    }
}
