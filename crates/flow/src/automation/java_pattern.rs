//! Java's regular expressions in the words of the engine that is used here.
//!
//! `allowedPattern` is Java's. Where the two differ in what a pattern means: Java's `\w`, `\d`, `\s` and `\p{Alpha}` are
//! ASCII, `\Q...\E` quotes, `\uXXXX` is a character. What Java has and this engine lacks is left as it stands and refused
//! when the pattern is compiled. Source: the documentation of `java.util.regex.Pattern`.

/// ASCII classes by their name in `\p{...}`.
const POSIX: [(&str, &str); 13] = [
    ("Lower", "a-z"),
    ("Upper", "A-Z"),
    ("ASCII", "\\x00-\\x7F"),
    ("Alpha", "A-Za-z"),
    ("Digit", "0-9"),
    ("Alnum", "0-9A-Za-z"),
    ("Punct", "!-/:-@\\[-`{-~"),
    ("Graph", "!-~"),
    ("Print", " -~"),
    ("Blank", " \\t"),
    ("Cntrl", "\\x00-\\x1F\\x7F"),
    ("XDigit", "0-9A-Fa-f"),
    ("Space", SPACE),
];
const WORD: &str = "0-9A-Za-z_";
const DIGIT: &str = "0-9";
const SPACE: &str = " \\t\\n\\x0B\\x0C\\r";
const BLANK: &str = " \\t\\x{A0}\\x{1680}\\x{180E}\\x{2000}-\\x{200A}\\x{202F}\\x{205F}\\x{3000}";

/// The pattern as this engine reads it.
pub(super) fn translated(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut rest = pattern;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        rest = escaped(escape.get(1..).unwrap_or_default(), &mut out);
    }
    out.push_str(rest);
    out
}

/// Writes what an escape means; gives what stands behind it.
fn escaped<'a>(text: &'a str, out: &mut String) -> &'a str {
    let Some(kind) = text.chars().next() else {
        out.push('\\');
        return "";
    };
    let rest = text.get(kind.len_utf8()..).unwrap_or_default();
    let mut class = |members: &str, without: bool| {
        out.push_str(if without { "[^" } else { "[" });
        out.push_str(members);
        out.push(']');
    };
    match kind {
        'w' | 'W' => class(WORD, kind == 'W'),
        'd' | 'D' => class(DIGIT, kind == 'D'),
        's' | 'S' => class(SPACE, kind == 'S'),
        'h' | 'H' => class(BLANK, kind == 'H'),
        'p' | 'P' => {
            let named = rest
                .strip_prefix('{')
                .and_then(|rest| rest.split_once('}'))
                .and_then(|(name, rest)| {
                    let found = POSIX.iter().find(|(known, _)| *known == name)?;
                    Some((found.1, rest))
                });
            if let Some((members, rest)) = named {
                class(members, kind == 'P');
                return rest;
            }
            out.extend(['\\', kind]);
        }
        'Q' => {
            let (quoted, rest) = rest.split_once("\\E").unwrap_or((rest, ""));
            for c in quoted.chars() {
                if c.is_ascii_punctuation() {
                    out.push('\\');
                }
                out.push(c);
            }
            return rest;
        }
        'u' => {
            let digits = rest
                .get(..4)
                .filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
            if let Some(digits) = digits {
                out.push_str("\\x{");
                out.push_str(digits);
                out.push('}');
                return rest.get(4..).unwrap_or_default();
            }
            out.push_str("\\u");
        }
        'Z' => out.push_str("(?=\\n?\\z)"),
        other => out.extend(['\\', other]),
    }
    rest
}

#[cfg(test)]
mod tests {
    use crate::automation::parameters::compile;

    #[test]
    fn patterns_mean_what_java_means() {
        for (pattern, text, fits) in [
            ("\\w+", "aZ_9", true),
            ("\\w+", "é", false),
            ("\\W", "é", true),
            ("\\d{2}", "12", true),
            ("\\d", "٣", false),
            ("[\\w.-]+@[\\w.-]+", "a.b@c-d", true),
            ("[^\\s]+", "a\u{a0}b", true),
            ("\\S+", "a b", false),
            ("\\p{Alpha}+", "abC", true),
            ("\\p{Alpha}+", "aé", false),
            ("[\\p{Alnum}_/-]*", "a/B-9_", true),
            ("\\P{Digit}+", "abc", true),
            ("\\p{L}+", "é", true),
            ("\\Qa.b\\E+", "a.bb", true),
            ("\\Qa.b\\E", "axb", false),
            ("\\Q", "", true),
            ("\\u0041\\x42", "AB", true),
            ("[\\u0041-\\u0043]+", "ABC", true),
            ("a\\\\d", "a\\d", true),
            ("^a\\Z", "a", true),
            ("^a\\Z", "a\n", false),
            ("(?=.*[A-Z])(?=.*\\d).{4,}", "Ab1x", true),
            ("(?=.*[A-Z])(?=.*\\d).{4,}", "ab1x", false),
            ("(?<!x)y", "y", true),
            ("(?i)abc", "ABC", true),
            ("[a-z&&[^b]]+", "ac", true),
            ("[a-z&&[^b]]+", "ab", false),
            ("(a|b)\\1", "aa", true),
            ("a++b", "aab", true),
            ("(?>a+)b", "aab", true),
            (
                "^arn:aws[a-z-]*:iam::\\d{12}:role\\/[\\w+=,.@\\/-]+$|^$",
                "",
                true,
            ),
            ("a{2}|b", "b", true),
        ] {
            let compiled = compile(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
            assert_eq!(
                compiled.is_match(text).unwrap_or(false),
                fits,
                "{pattern} {text:?}"
            );
        }
        for broken in ["(", "[a", "a{2", "\\", "\\u00", "(?<n>a)(?<n>b)", "*"] {
            // Refused or read in some way, but never a panic.
            let _ = compile(broken);
        }
    }
}
