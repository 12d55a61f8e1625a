//! `quell intake list|show|parked|retry|discard|confirm`: where events come from, and what could not be taken.

use anyhow::{Context, Result, anyhow, bail};
use clap::{Arg, ArgMatches, Command};
use serde_json::{Value, json};

use super::run::{client, connection, now};

pub(crate) fn interface() -> Command {
    let name = || {
        Arg::new("name")
            .required(true)
            .value_name("NAME")
            .help("the source")
    };
    Command::new("intake")
        .about("Look at sources of events, and settle messages that could not be taken")
        .subcommand_required(true)
        .subcommand(connection(Command::new("list").about(
            "Sources with what they took, their lag and their last error",
        )))
        .subcommand(connection(
            Command::new("show")
                .about("One source: settings and state")
                .arg(name()),
        ))
        .subcommand(connection(parked_interface()))
        .subcommand(connection(
            Command::new("retry")
                .about("Take a parked message in after all, as its source now is")
                .arg(message_argument()),
        ))
        .subcommand(connection(
            Command::new("discard")
                .about("Throw a parked message away")
                .arg(message_argument())
                .arg(option("note", "TEXT", "why")),
        ))
        .subcommand(connection(
            Command::new("confirm")
                .about("Confirm a subscription of a topic that waits")
                .arg(name())
                .arg(
                    Arg::new("topic")
                        .required(true)
                        .value_name("ARN")
                        .help("the topic"),
                ),
        ))
}

fn message_argument() -> Arg {
    Arg::new("message")
        .required(true)
        .value_name("MESSAGE")
        .help("id of the parked message")
}

fn option(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).help(help)
}

fn parked_interface() -> Command {
    Command::new("parked")
        .about("Messages that could not be taken, newest first; with an id that one, with its body")
        .arg(message_argument().required(false))
        .arg(option("source", "NAME", "only those of this source"))
        .arg(
            option("status", "STATUS", "what became of them [default: parked]").value_parser([
                "parked",
                "retried",
                "discarded",
                "all",
            ]),
        )
}

/// Runs the subcommand.
pub(crate) fn run(matches: &ArgMatches) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the async runtime")?;
    match matches.subcommand() {
        Some(("list", found)) => runtime.block_on(list(found)),
        Some(("show", found)) => runtime.block_on(show(found)),
        Some(("parked", found)) => runtime.block_on(parked(found)),
        Some(("retry", found)) => runtime.block_on(retry(found)),
        Some(("discard", found)) => runtime.block_on(discard(found)),
        Some(("confirm", found)) => runtime.block_on(confirm(found)),
        _ => bail!("`quell intake` needs a command: see `quell intake --help`"),
    }
}

async fn list(matches: &ArgMatches) -> Result<()> {
    let path = "/api/v1/intake/sources";
    let answer = client(matches)?
        .call(("GET", path, ""), None, now())
        .await?;
    for source in answer["sources"].as_array().into_iter().flatten() {
        println!("{}", line_of_source(source));
    }
    Ok(())
}

fn line_of_source(source: &Value) -> String {
    let (settings, state) = (&source["settings"], &source["state"]);
    let word = match (settings["enabled"].as_bool(), state["failing"].as_bool()) {
        (Some(false), _) => "off",
        (_, Some(true)) => "failing",
        _ => "ok",
    };
    let lag = state["lagMs"].as_i64().map_or_else(
        || "-".to_owned(),
        |lag| format!("{}.{} s", lag / 1_000, lag % 1_000 / 100),
    );
    let text = |name: &str| settings[name].as_str().unwrap_or("-").to_owned();
    let mut line = format!(
        "{:<24} {:<5} {word:<8} accepted {:<8} duplicates {:<6} parked {:<4} refused {:<4} lag {lag}",
        text("name"),
        text("type"),
        state["accepted"],
        state["duplicates"],
        state["parked"],
        state["refused"],
    );
    let more = |line: &mut String, what: &str, said: &str| {
        line.push_str(&format!("\n    {what}: {}", said.replace('\n', " ")));
    };
    if let Some(error) = state["lastError"]["message"].as_str() {
        let at = state["lastError"]["at"].as_str().unwrap_or("-");
        more(&mut line, &format!("last error at {at}"), error);
    }
    for warning in state["warnings"].as_array().into_iter().flatten() {
        more(&mut line, "warning", warning.as_str().unwrap_or("-"));
    }
    for pending in state["pending"].as_array().into_iter().flatten() {
        let topic = pending["topicArn"].as_str().unwrap_or("-");
        let reason = pending["reason"].as_str().unwrap_or("-");
        more(&mut line, &format!("waits: {topic}"), reason);
    }
    line
}

async fn show(matches: &ArgMatches) -> Result<()> {
    let path = format!("/api/v1/intake/sources/{}", segment(matches, "name")?);
    let answer = client(matches)?
        .call(("GET", &path, ""), None, now())
        .await?;
    println!("{answer:#}");
    Ok(())
}

async fn parked(matches: &ArgMatches) -> Result<()> {
    let client = client(matches)?;
    if matches.contains_id("message") {
        let path = format!("/api/v1/intake/parked/{}", message(matches)?);
        let answer = client.call(("GET", &path, ""), None, now()).await?;
        println!("{answer:#}");
        return Ok(());
    }
    let mut after: Option<String> = None;
    loop {
        let mut query = Vec::new();
        for name in ["source", "status"] {
            if let Some(value) = matches.get_one::<String>(name) {
                query.push(format!("{name}={}", escaped(value)));
            }
        }
        query.extend(after.iter().map(|after| format!("after={after}")));
        let path = "/api/v1/intake/parked";
        let page = client
            .call(("GET", path, &query.join("&")), None, now())
            .await?;
        for message in page["messages"].as_array().into_iter().flatten() {
            println!("{}", line_of_parked(message));
        }
        match page["nextAfter"].as_str() {
            Some(next) => after = Some(next.to_owned()),
            None => return Ok(()),
        }
    }
}

fn line_of_parked(message: &Value) -> String {
    let text = |name: &str| message[name].as_str().unwrap_or("-").replace('\n', " ");
    format!(
        "{}  {:<9} {:<24} {}  {} bytes, {} tries\n    {}",
        text("id"),
        text("status"),
        text("source"),
        text("parked"),
        message["size"],
        message["tries"],
        text("reason"),
    )
}

async fn retry(matches: &ArgMatches) -> Result<()> {
    let path = format!("/api/v1/intake/parked/{}/retry", message(matches)?);
    let answer = client(matches)?
        .call(("POST", &path, ""), Some(&json!({})), now())
        .await?;
    let new = answer["eventIds"].as_array().map_or(0, Vec::len);
    println!(
        "taken in: {new} events, {} seen before",
        answer["duplicates"]
    );
    Ok(())
}

async fn discard(matches: &ArgMatches) -> Result<()> {
    let path = format!("/api/v1/intake/parked/{}/discard", message(matches)?);
    let mut body = json!({});
    if let Some(note) = matches.get_one::<String>("note") {
        body["note"] = note.as_str().into();
    }
    let answer = client(matches)?
        .call(("POST", &path, ""), Some(&body), now())
        .await?;
    println!("{}", line_of_parked(&answer));
    Ok(())
}

async fn confirm(matches: &ArgMatches) -> Result<()> {
    let name = segment(matches, "name")?;
    let path = format!("/api/v1/intake/sources/{name}/confirm");
    let topic = matches.get_one::<String>("topic");
    let answer = client(matches)?
        .call(
            ("POST", &path, ""),
            Some(&json!({ "topicArn": topic })),
            now(),
        )
        .await?;
    println!("{}", answer["subscriptionArn"].as_str().unwrap_or("-"));
    Ok(())
}

fn message(matches: &ArgMatches) -> Result<uuid::Uuid> {
    let given = matches.get_one::<String>("message");
    given
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| anyhow!("the message's id must be a UUID: see `quell intake parked`"))
}

/// A name as a part of a path.
fn segment(matches: &ArgMatches, name: &str) -> Result<String> {
    let given = matches
        .get_one::<String>(name)
        .filter(|text| !text.is_empty());
    given
        .map(|text| escaped(text))
        .ok_or_else(|| anyhow!("the source's name is missing: see `quell intake list`"))
}

/// Everything but letters, digits, `-` and `_` as percent escapes.
fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    text.bytes()
        .map(|byte| {
            if plain(byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}
