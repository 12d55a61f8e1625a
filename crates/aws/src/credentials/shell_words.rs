//! Splits a command into words as a POSIX shell would, without doing anything else that a shell does.
//!
//! Rules: those of Python's `shlex.split`, with which AWS's command line splits `credential_process`.

/// Why a command cannot be split.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
pub enum SplitError {
    /// A quotation mark without its partner.
    #[error("a quotation mark is not closed")]
    Unclosed,
    /// A backslash at the end.
    #[error("a backslash stands at the end")]
    Escape,
}

/// The words of a command: separated by blanks, quoted by `'` or `"`, escaped by `\`.
///
/// # Errors
/// [`SplitError`].
pub fn split(command: &str) -> Result<Vec<String>, SplitError> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut letters = command.chars();
    while let Some(letter) = letters.next() {
        match letter {
            ' ' | '\t' | '\r' | '\n' => words.extend(word.take()),
            '\'' | '"' => quoted(&mut letters, letter, word.get_or_insert_default())?,
            '\\' => {
                let escaped = letters.next().ok_or(SplitError::Escape)?;
                word.get_or_insert_default().push(escaped);
            }
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Ok(words)
}

fn quoted(
    letters: &mut std::str::Chars<'_>,
    mark: char,
    word: &mut String,
) -> Result<(), SplitError> {
    loop {
        match letters.next().ok_or(SplitError::Unclosed)? {
            letter if letter == mark => return Ok(()),
            // In double quotes a backslash escapes only the mark and itself.
            '\\' if mark == '"' => match letters.next().ok_or(SplitError::Escape)? {
                escaped @ ('"' | '\\') => word.push(escaped),
                other => word.extend(['\\', other]),
            },
            letter => word.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_shlex() {
        // The right column is what Python's `shlex.split` gives.
        for (command, words) in [
            ("", &[][..]),
            ("  a  b\tc\n", &["a", "b", "c"]),
            ("a 'b c' \"d e\"", &["a", "b c", "d e"]),
            ("a'b'\"c\"d", &["abcd"]),
            ("'' \"\"", &["", ""]),
            (r"a\ b \'c", &["a b", "'c"]),
            (r#""a\"b\\c\d""#, &[r#"a"b\c\d"#]),
            (r"'a\b'", &[r"a\b"]),
            ("a #b $HOME `x` ; y", &["a", "#b", "$HOME", "`x`", ";", "y"]),
        ] {
            assert_eq!(split(command).unwrap(), words, "{command}");
        }
        assert_eq!(split("a 'b"), Err(SplitError::Unclosed));
        assert_eq!(split("a \"b"), Err(SplitError::Unclosed));
        assert_eq!(split("a \\"), Err(SplitError::Escape));
        assert_eq!(split("\"a\\"), Err(SplitError::Escape));
    }
}
