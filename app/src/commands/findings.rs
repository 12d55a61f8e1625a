//! What was found in files, as people and as programs read it.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Arg, ArgMatches, Command};
use flow::finding::{Finding, Severity};
use serde_json::{Map, Value, json};

/// Characters of a long line that are shown on each side of the place.
const SIDE: usize = 60;

/// What is found in a file of this name and content, and what else the JSON report says of it.
type Look<'a> = dyn Fn(&str, &str) -> (Map<String, Value>, Vec<Finding>) + 'a;

/// What a kind of file needs to be checked.
pub(crate) struct Checker<'a> {
    /// Most bytes of a file.
    pub(crate) max_bytes: usize,
    /// What a part of it is called: `step` or `state`.
    pub(crate) part: &'a str,
    /// How a file is looked at.
    pub(crate) look: &'a Look<'a>,
}

/// The arguments `FILE...` and `--format`.
pub(crate) fn arguments(command: Command, files: &'static str) -> Command {
    command
        .arg(
            Arg::new("file")
                .required(true)
                .num_args(1..)
                .value_name("FILE")
                .help(files),
        )
        .arg(
            Arg::new("format")
                .long("format")
                .value_name("FORM")
                .value_parser(["text", "json"])
                .default_value("text")
                .help("form of the answer"),
        )
}

/// Checks the files of the arguments and prints what was found: 0 no mistakes, 1 mistakes, 2 a file cannot be read.
pub(crate) fn check(matches: &ArgMatches, checker: &Checker<'_>) -> ExitCode {
    let names: Vec<&String> = matches.get_many("file").into_iter().flatten().collect();
    let as_json = matches.get_one::<String>("format").map(String::as_str) == Some("json");
    let (mut errors, mut warnings) = (0, 0);
    let mut unreadable = false;
    let mut reports = Vec::new();
    let mut text = String::new();
    for name in names {
        let content = match read(name, checker.max_bytes) {
            Ok(content) => content,
            Err(error) => {
                eprintln!("quell: {error:#}");
                unreadable = true;
                continue;
            }
        };
        let (said, findings) = (checker.look)(name, &content);
        let count = |severity| findings.iter().filter(|f| f.severity == severity).count();
        let counts = (count(Severity::Error), count(Severity::Warning));
        errors += counts.0;
        warnings += counts.1;
        if as_json {
            reports.push(report((name, checker.part), (said, counts), &findings));
        } else {
            for finding in &findings {
                show(&mut text, (name, checker.part), &content, finding);
            }
            let _ = writeln!(text, "{name}: {}", summary(counts));
        }
    }
    if as_json {
        let all = json!({"errors": errors, "warnings": warnings, "files": reports});
        text = format!("{all:#}\n");
    }
    write_out(&text);
    if unreadable {
        ExitCode::from(2)
    } else if errors > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

/// Writes to standard output. A reader that has seen enough and closed its end is no error.
pub(crate) fn write_out(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// A file's text, or the first bytes of one that is too large; `-` is standard input.
pub(crate) fn read(name: &str, max_bytes: usize) -> Result<String> {
    let mut bytes = Vec::new();
    // One more than is allowed, so that the reader can say that it is too large.
    let limit = max_bytes as u64 + 1;
    if name == "-" {
        std::io::stdin()
            .take(limit)
            .read_to_end(&mut bytes)
            .context("cannot read standard input")?;
    } else {
        let file =
            std::fs::File::open(name).with_context(|| format!("cannot open the file `{name}`"))?;
        file.take(limit)
            .read_to_end(&mut bytes)
            .with_context(|| format!("cannot read the file `{name}`"))?;
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text
            .strip_prefix('\u{feff}')
            .map_or(text.clone(), str::to_owned)),
        // Cut in the middle of a character: it is too large whatever it is.
        Err(error) if error.as_bytes().len() > max_bytes => {
            Ok(String::from_utf8_lossy(error.as_bytes()).into_owned())
        }
        Err(_) => bail!("`{name}` is not UTF-8: save it as such"),
    }
}

fn summary((errors, warnings): (usize, usize)) -> String {
    let counted = |n: usize, what: &str| match n {
        1 => format!("1 {what}"),
        n => format!("{n} {what}s"),
    };
    match (errors, warnings) {
        (0, 0) => "nothing to say".to_owned(),
        (0, warnings) => counted(warnings, "warning"),
        (errors, 0) => counted(errors, "error"),
        (errors, warnings) => format!(
            "{}, {}",
            counted(errors, "error"),
            counted(warnings, "warning")
        ),
    }
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn report(
    (name, part): (&str, &str),
    (mut said, (errors, warnings)): (Map<String, Value>, (usize, usize)),
    findings: &[Finding],
) -> Value {
    let findings: Vec<Value> = findings
        .iter()
        .map(|finding| {
            let mut told = json!({
                "severity": word(finding.severity),
                "code": finding.code,
                "line": finding.line,
                "column": finding.column,
            });
            told[part] = finding.part.clone().into();
            told["message"] = finding.message.clone().into();
            told["remedy"] = finding.remedy.clone().into();
            told
        })
        .collect();
    let mut all = Map::new();
    all.insert("file".to_owned(), name.into());
    all.append(&mut said);
    all.insert("errors".to_owned(), errors.into());
    all.insert("warnings".to_owned(), warnings.into());
    all.insert("findings".to_owned(), findings.into());
    Value::Object(all)
}

/// One finding as people read it: what, where, the line with a caret, what to do.
fn show(out: &mut String, (name, part): (&str, &str), content: &str, finding: &Finding) {
    let _ = writeln!(
        out,
        "{}[{}]: {}",
        word(finding.severity),
        finding.code,
        plain(&finding.message)
    );
    let number = finding.line.to_string();
    let margin = " ".repeat(number.len());
    let within = finding
        .part
        .as_deref()
        .filter(|within| !within.is_empty())
        .map_or_else(String::new, |within| format!(" ({part} {})", plain(within)));
    if finding.line == 0 {
        let _ = writeln!(out, "{margin}--> {name}{within}");
    } else {
        let _ = writeln!(
            out,
            "{margin}--> {name}:{number}:{}{within}",
            finding.column.max(1)
        );
        let at = usize::try_from(finding.line).unwrap_or(usize::MAX);
        let line = content
            .lines()
            .nth(at.saturating_sub(1))
            .unwrap_or_default();
        let (shown, caret) = window(line, finding.column);
        let _ = writeln!(out, "{margin} |\n{number} | {shown}\n{margin} | {caret}^");
    }
    if let Some(remedy) = &finding.remedy {
        let _ = writeln!(out, "{margin} = remedy: {}", plain(remedy));
    }
    out.push('\n');
}

/// The part of a line around a column, and the blanks that stand before the caret under it.
fn window(line: &str, column: u32) -> (String, String) {
    let characters: Vec<char> = line.chars().collect();
    let at = usize::try_from(column.saturating_sub(1))
        .unwrap_or(usize::MAX)
        .min(characters.len());
    let (from, to) = if characters.len() <= 2 * SIDE {
        (0, characters.len())
    } else {
        (at.saturating_sub(SIDE), (at + SIDE).min(characters.len()))
    };
    let part = |from: usize, to: usize| -> String {
        let part = characters.get(from..to).unwrap_or_default();
        plain(&part.iter().collect::<String>())
    };
    let before = part(from, at);
    let shown = format!(
        "{}{before}{}{}",
        if from > 0 { "…" } else { "" },
        part(at, to),
        if to < characters.len() { "…" } else { "" }
    );
    let blanks = before.chars().count() + usize::from(from > 0);
    (shown, " ".repeat(blanks))
}

/// Text from a document, so that it can neither move the cursor nor turn the direction of writing.
pub(crate) fn plain(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars()
        .map(|c| match c {
            '\t' => ' ',
            c if c.is_control() || turns(c) => '\u{fffd}',
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_stands_under_the_place() {
        for (line, column, shown, blanks) in [
            ("name: a b", 7, "name: a b", 6),
            ("\tx: 1", 2, " x: 1", 1),
            ("é: \u{1b}[2J", 4, "é: \u{fffd}[2J", 3),
            ("short", 99, "short", 5),
        ] {
            let (found, caret) = window(line, column);
            assert_eq!((found.as_str(), caret.len()), (shown, blanks), "{line:?}");
        }
        let long = "x".repeat(500);
        let (shown, caret) = window(&long, 300);
        assert_eq!((shown.chars().count(), caret.len()), (122, 61));
    }
}
