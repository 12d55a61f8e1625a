//! Text of a shared file as sections of settings, nested settings included. Knows no setting by name.
//!
//! Rules: those of Python's `configparser` as boto3 uses it. `name = value` or `name: value`; names are in lower
//! case; a line that is indented deeper than its setting goes on with it, and after an empty value it is a nested
//! setting. Unlike boto3, a section or setting may stand twice (the last one counts), and a comment may follow a value
//! after a blank, as AWS's other SDKs have it.

use std::collections::BTreeMap;

use super::profile::ProfileError;

/// Largest file read, in bytes.
const MAX_FILE: usize = 1024 * 1024;

/// What a setting is set to.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Setting {
    /// One value; lines after the first are joined by line feeds.
    Text(String),
    /// Settings below it, one level deep.
    Nested(BTreeMap<String, String>),
}

/// The settings of one section.
pub(super) type Settings = BTreeMap<String, Setting>;

/// Reads a file: section names as they stand between the brackets, in the order of their first mention.
pub(super) fn parse(
    file: &'static str,
    text: &str,
) -> Result<Vec<(String, Settings)>, ProfileError> {
    if text.len() > MAX_FILE {
        return Err(ProfileError::TooLarge { file });
    }
    let mut reader = Reader {
        file,
        sections: Vec::new(),
        places: BTreeMap::new(),
        at: None,
        open: None,
    };
    for (number, raw) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        reader.line(raw, number + 1)?;
    }
    Ok(reader.sections)
}

struct Reader {
    file: &'static str,
    sections: Vec<(String, Settings)>,
    /// Where a section stands in `sections`.
    places: BTreeMap<String, usize>,
    /// The section that is read.
    at: Option<usize>,
    /// Name and indent of the setting that deeper lines go on with.
    open: Option<(String, usize)>,
}

impl Reader {
    fn line(&mut self, raw: &str, number: usize) -> Result<(), ProfileError> {
        let line = raw.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            return Ok(());
        }
        let indent = raw.len() - raw.trim_start().len();
        if let Some((name, own)) = self.open.clone()
            && indent > own
        {
            return self.continued(&name, line, number);
        }
        if let Some((name, _)) = line
            .strip_prefix('[')
            .and_then(|rest| rest.rsplit_once(']'))
        {
            let name = name.trim().to_owned();
            let next = self.sections.len();
            let place = *self.places.entry(name.clone()).or_insert(next);
            if place == next {
                self.sections.push((name, Settings::new()));
            }
            self.at = Some(place);
            self.open = None;
            return Ok(());
        }
        let at = line
            .find(['=', ':'])
            .ok_or_else(|| self.wrong_line(number))?;
        let (name, value) = line.split_at(at);
        let name = name.trim().to_ascii_lowercase();
        let value = value.get(1..).unwrap_or_default().trim();
        let value = if name == "credential_process" {
            value
        } else {
            strip_comment(value)
        };
        self.open = Some((name.clone(), indent));
        if let Some(settings) = self.settings() {
            settings.insert(name, Setting::Text(value.to_owned()));
        }
        Ok(())
    }

    fn continued(&mut self, name: &str, line: &str, number: usize) -> Result<(), ProfileError> {
        let nested = line
            .split_once('=')
            .map(|(name, value)| (name.trim().to_ascii_lowercase(), strip_comment(value)));
        let fault = self.wrong_line(number);
        let Some(setting) = self.settings().and_then(|settings| settings.get_mut(name)) else {
            return Ok(());
        };
        match setting {
            Setting::Text(text) if text.is_empty() => {
                let (name, value) = nested.ok_or(fault)?;
                *setting = Setting::Nested([(name, value.to_owned())].into());
            }
            Setting::Text(text) => {
                text.push('\n');
                text.push_str(line);
            }
            Setting::Nested(settings) => {
                let (name, value) = nested.ok_or(fault)?;
                settings.insert(name, value.to_owned());
            }
        }
        Ok(())
    }

    fn settings(&mut self) -> Option<&mut Settings> {
        let at = self.at?;
        self.sections.get_mut(at).map(|(_, settings)| settings)
    }

    fn wrong_line(&self, line: usize) -> ProfileError {
        ProfileError::Line {
            file: self.file,
            line,
        }
    }
}

/// A comment in a value begins with a blank and `#` or `;`.
fn strip_comment(value: &str) -> &str {
    let value = value.trim();
    [" #", " ;", "\t#", "\t;"]
        .iter()
        .filter_map(|mark| value.find(mark))
        .min()
        .and_then(|at| value.get(..at))
        .unwrap_or(value)
        .trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let mut out = String::new();
        for (name, settings) in parse("config", text).unwrap() {
            out.push_str(&format!("[{name}]"));
            for (name, setting) in settings {
                match setting {
                    Setting::Text(text) => out.push_str(&format!(" {name}={text:?}")),
                    Setting::Nested(inner) => out.push_str(&format!(" {name}={inner:?}")),
                }
            }
        }
        out
    }

    #[test]
    fn texts_are_read_as_boto3_reads_them() {
        for (text, expected) in [
            ("", ""),
            ("\u{feff}[a]\r\nx = 1\r\n", "[a] x=\"1\""),
            ("[a]\nX: 1", "[a] x=\"1\""),
            ("[a]\nx = 1 # one", "[a] x=\"1\""),
            ("[a]\nx = 1#one", "[a] x=\"1#one\""),
            (
                "[a]\ncredential_process = run '#1' # x",
                "[a] credential_process=\"run '#1' # x\"",
            ),
            ("[a]\nx = 1\n[b]\n[a]\nx = 2", "[a] x=\"2\"[b]"),
            (
                "[a]\ns3 =\n  A = 1\n\n  # no\n  b=2\nc = 3",
                "[a] c=\"3\" s3={\"a\": \"1\", \"b\": \"2\"}",
            ),
            ("[a]\nx = one\n  two", "[a] x=\"one\\ntwo\""),
            ("[a]\nx =", "[a] x=\"\""),
            ("[a] # why\nx=1", "[a] x=\"1\""),
            ("  [a]\n  x = 1\n  y = 2", "[a] x=\"1\" y=\"2\""),
        ] {
            assert_eq!(shown(text), expected, "{text:?}");
        }
    }

    #[test]
    fn lines_that_say_nothing_are_refused_with_their_number() {
        for (text, line) in [("[a]\nnonsense", 2), ("[a]\ns3 =\n  nonsense", 3)] {
            assert_eq!(
                parse("config", text).err(),
                Some(ProfileError::Line {
                    file: "config",
                    line
                })
            );
        }
        let large = "#".repeat(MAX_FILE + 1);
        assert_eq!(
            parse("config", &large).err(),
            Some(ProfileError::TooLarge { file: "config" })
        );
    }
}
