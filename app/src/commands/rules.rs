//! `quell rules explain|near-misses`: why a rule did not fire, or why it did.

use std::io::Read as _;
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail};
use clap::{Arg, ArgMatches, Command};
use engine::checks::{Event, Pattern, explain};
use serde_json::{Value, json};

use super::run::{client, connection, now};

/// Longest pattern or event that is read, in bytes.
const MAX_BYTES: u64 = 2 * 1024 * 1024;
/// Exit status when an event does not match.
const NO_MATCH: u8 = 1;
/// Exit status when there is no answer.
const FAILED: u8 = 2;

pub(crate) fn interface() -> Command {
    Command::new("rules")
        .about("Say why an event matches a rule, or why not")
        .subcommand_required(true)
        .subcommand(connection(explain_interface()))
        .subcommand(connection(near_misses_interface()))
}

fn explain_interface() -> Command {
    Command::new("explain")
        .about("Hold one event against a pattern or a rule of a server: 0 matches, 1 does not, 2 there is no answer")
        .arg(
            Arg::new("pattern")
                .long("pattern")
                .value_name("FILE|JSON")
                .required_unless_present("rule")
                .conflicts_with("rule")
                .help("the pattern"),
        )
        .arg(
            Arg::new("rule")
                .long("rule")
                .value_name("NAME")
                .help("take the pattern of this rule of the server"),
        )
        .arg(bus().requires("rule"))
        .arg(
            Arg::new("event")
                .long("event")
                .required(true)
                .value_name("FILE|JSON|-")
                .help("the event; `-` reads standard input"),
        )
        .arg(output())
}

fn near_misses_interface() -> Command {
    Command::new("near-misses")
        .about("Hold the server's last events against a rule: which of them nearly matched")
        .arg(
            Arg::new("rule")
                .required(true)
                .value_name("RULE")
                .help("name of the rule"),
        )
        .arg(bus())
        .arg(
            Arg::new("limit")
                .long("limit")
                .value_name("NUMBER")
                .default_value("10")
                .value_parser(clap::value_parser!(u8).range(1..=100))
                .help("at most so many events"),
        )
        .arg(output())
}

fn bus() -> Arg {
    Arg::new("bus")
        .long("bus")
        .value_name("BUS")
        .help("name or ARN of the rule's bus [default: default]")
}

fn output() -> Arg {
    Arg::new("output")
        .long("output")
        .value_name("FORM")
        .value_parser(["text", "json"])
        .default_value("text")
        .help("form of the answer")
}

/// Runs the subcommand.
pub(crate) fn run(matches: &ArgMatches) -> ExitCode {
    let result = match matches.subcommand() {
        Some(("explain", found)) => explain_event(found),
        Some(("near-misses", found)) => near_misses(found).map(|()| true),
        _ => Err(anyhow!("`quell rules` needs `explain` or `near-misses`")),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(NO_MATCH),
        Err(error) => {
            eprintln!("quell: {error:#}");
            ExitCode::from(FAILED)
        }
    }
}

/// Answers whether the event matches.
fn explain_event(matches: &ArgMatches) -> Result<bool> {
    let given = |name: &str| matches.get_one::<String>(name).map(String::as_str);
    let event = read("event", given("event").unwrap_or_default())?;
    let explanation = match given("pattern") {
        Some(pattern) => here(&read("pattern", pattern)?, &event)?,
        None => {
            let mut body = json!({ "rule": given("rule"), "event": event });
            if let Some(bus) = given("bus") {
                body["bus"] = bus.into();
            }
            ask(matches, ("POST", "/api/v1/events/explain", ""), Some(&body))?
        }
    };
    if given("output") == Some("json") {
        println!("{explanation:#}");
    } else {
        println!("{}", explanation["text"].as_str().unwrap_or_default());
    }
    Ok(explanation["matches"] == Value::Bool(true))
}

/// In the form of the server's answer.
fn here(pattern: &str, event: &str) -> Result<Value> {
    let pattern =
        Pattern::parse(pattern).map_err(|error| anyhow!("the pattern is not valid: {error}"))?;
    let event = Event::parse(event)?;
    let explanation = explain(&pattern, &event);
    let mut shown = serde_json::to_value(&explanation)?;
    shown["text"] = explanation.to_string().into();
    Ok(shown)
}

fn near_misses(matches: &ArgMatches) -> Result<()> {
    let rule = matches.get_one::<String>("rule");
    let rule = rule.ok_or_else(|| anyhow!("the rule's name is missing"))?;
    let bus = matches.get_one::<String>("bus");
    let bus = bus.map_or("default", String::as_str);
    let limit = matches.get_one::<u8>("limit").copied().unwrap_or(10);
    let (bus, rule) = (segment(bus), segment(rule));
    let path = format!("/api/v1/events/rules/{bus}/{rule}/near-misses");
    let query = format!("limit={limit}");
    let found = ask(matches, ("GET", &path, &query), None)?;
    if matches.get_one::<String>("output").map(String::as_str) == Some("json") {
        println!("{found:#}");
        return Ok(());
    }
    println!("{}", summary(&found));
    for miss in found["nearMisses"].as_array().into_iter().flatten() {
        let text = |name: &str| miss[name].as_str().unwrap_or("-");
        let told = miss["explanation"]["text"].as_str().unwrap_or_default();
        println!("\n{}  {}\n{told}", text("at"), text("eventId"));
    }
    Ok(())
}

fn summary(found: &Value) -> String {
    let count = |name: &str| found[name].as_u64().unwrap_or(0);
    match found["since"].as_str() {
        None => "the bus has had no event since the server's start".to_owned(),
        Some(since) => format!(
            "{} events since {since}, {} of them match the rule as it is now",
            count("lookedAt"),
            count("matching")
        ),
    }
}

fn ask(matches: &ArgMatches, what: (&str, &str, &str), body: Option<&Value>) -> Result<Value> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the async runtime")?;
    let client = client(matches)?;
    Ok(runtime.block_on(client.call(what, body, now()))?)
}

/// JSON as given, or the text of a file or of standard input.
fn read(what: &str, given: &str) -> Result<String> {
    if given.trim_start().starts_with('{') {
        return Ok(given.to_owned());
    }
    let mut text = String::new();
    let read = if given == "-" && what == "event" {
        let input = std::io::stdin().take(MAX_BYTES + 1);
        read_all(input, &mut text)
    } else {
        std::fs::File::open(given).and_then(|file| read_all(file.take(MAX_BYTES + 1), &mut text))
    };
    read.with_context(|| format!("--{what}: cannot read `{given}` (JSON begins with a brace)"))?;
    if text.len() as u64 > MAX_BYTES {
        bail!("--{what}: `{given}` has more than {MAX_BYTES} bytes");
    }
    // Editors of some systems put a mark in front.
    Ok(text.trim_start_matches('\u{feff}').to_owned())
}

fn read_all(mut from: impl std::io::Read, into: &mut String) -> std::io::Result<()> {
    from.read_to_string(into).map(drop)
}

/// One segment of a path.
fn segment(text: &str) -> String {
    let mut segment = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            segment.push(char::from(byte));
        } else {
            segment.push_str(&format!("%{byte:02X}"));
        }
    }
    segment
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_path_segments() {
        assert_eq!(segment("a-b_c.d~"), "a-b_c.d~");
        assert_eq!(segment("a/b ü%"), "a%2Fb%20%C3%BC%25");
    }

    #[test]
    fn explanations_here_have_the_servers_form() {
        let shown = here(r#"{"a":[1]}"#, r#"{"a":2}"#).expect("an answer");
        assert_eq!(
            (&shown["matches"], &shown["failed"]),
            (&json!(false), &json!(1))
        );
        assert!(
            shown["text"]
                .as_str()
                .is_some_and(|text| text.contains("FAIL  `a`"))
        );
        let error = here(r#"{"a":1}"#, "{}")
            .expect_err("no pattern")
            .to_string();
        assert!(error.contains("must be an object or an array"), "{error}");
        assert!(here(r#"{"a":[1]}"#, "[]").is_err());
    }
}
