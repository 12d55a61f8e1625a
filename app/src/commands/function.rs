//! `quell function logs`: what a function of the server has said.

use std::io::Write as _;

use anyhow::{Context, Result, bail};
use clap::{Arg, ArgMatches, Command};

use super::run::{client, connection, now};

pub(crate) fn interface() -> Command {
    Command::new("function")
        .about("Look at functions of the server")
        .subcommand_required(true)
        .subcommand(
            connection(Command::new("logs").about("The end of a function's log"))
                .arg(
                    Arg::new("name")
                        .required(true)
                        .value_name("NAME")
                        .help("the function"),
                )
                .arg(
                    Arg::new("bytes")
                        .long("bytes")
                        .value_name("COUNT")
                        .value_parser(clap::value_parser!(u32).range(1..=1_048_576))
                        .help("how much of it [default: 65536]"),
                ),
        )
}

/// Runs the subcommand.
pub(crate) fn run(matches: &ArgMatches) -> Result<()> {
    let Some(("logs", found)) = matches.subcommand() else {
        bail!("`quell function` needs `logs`");
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the async runtime")?;
    runtime.block_on(logs(found))
}

async fn logs(matches: &ArgMatches) -> Result<()> {
    let name = matches.get_one::<String>("name").map_or("", String::as_str);
    if !model::function::is_name(name) {
        bail!("`{name}` is no function's name: 1 to 64 letters, digits, hyphens and underscores");
    }
    let bytes = matches.get_one::<u32>("bytes");
    let query = bytes.map_or_else(String::new, |bytes| format!("bytes={bytes}"));
    let path = format!("/api/v1/functions/{name}/log");
    let answer = client(matches)?
        .call(("GET", &path, &query), None, now())
        .await?;
    let log = answer["log"].as_str().unwrap_or_default();
    let mut out = std::io::stdout().lock();
    out.write_all(harmless(log).as_bytes())
        .context("standard output")
}

/// What a function printed may steer a terminal: only line feeds and tabs of it remain.
fn harmless(log: &str) -> String {
    let mut safe = String::with_capacity(log.len());
    for letter in log.chars() {
        match letter {
            '\n' | '\t' => safe.push(letter),
            _ if letter.is_control() => safe.extend(letter.escape_unicode()),
            _ => safe.push(letter),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_does_not_steer_the_terminal() {
        assert_eq!(
            harmless("a\tb\n\u{1b}[2Jé\u{9b}x\r"),
            "a\tb\n\\u{1b}[2Jé\\u{9b}x\\u{d}"
        );
    }
}
