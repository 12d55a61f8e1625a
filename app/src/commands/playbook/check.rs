//! `quell playbook check`: everything that can be said about documents before they run.

use std::process::ExitCode;

use clap::{ArgMatches, Command};
use flow::automation::document::{Format, MAX_BYTES};
use flow::automation::review::review;
use serde_json::Map;

use crate::commands::findings::{self, Checker};

pub(crate) fn interface() -> Command {
    let command = Command::new("check")
        .about("Say what is wrong with documents, and what a careful reader would ask about: 0 no mistakes, 1 mistakes, 2 a file cannot be read");
    findings::arguments(
        command,
        "documents (JSON or YAML); `-` reads standard input",
    )
}

/// Runs the subcommand.
pub(crate) fn run(matches: &ArgMatches) -> ExitCode {
    let checker = Checker {
        max_bytes: MAX_BYTES,
        part: "step",
        look: &|name, content| {
            let format = format_of(name, content);
            let said = Map::from_iter([("format".to_owned(), format.as_str().into())]);
            let found = review(content, format, &aws::knowledge::is_repeatable);
            (said, found)
        },
    };
    findings::check(matches, &checker)
}

/// By the name's end, or by the first character of the text.
fn format_of(name: &str, content: &str) -> Format {
    let lower = name.to_ascii_lowercase();
    if lower.ends_with(".json") {
        Format::Json
    } else if lower.ends_with(".yaml") || lower.ends_with(".yml") {
        Format::Yaml
    } else if content.trim_start().starts_with('{') {
        Format::Json
    } else {
        Format::Yaml
    }
}
