//! `quell machine graph`: a definition, or what became of an execution, as a picture.

use std::path::Path;

use anyhow::{Context, Result, bail};
use clap::{Arg, ArgMatches, Command};
use flow::asl::definition::{MAX_BYTES, parse};
use flow::asl::graph::{Marks, mermaid, svg};

use super::at;
use super::check::{kind, kind_of};
use crate::commands::findings;
use crate::commands::run::{client, connection, now};

pub(crate) fn interface() -> Command {
    let command = Command::new("graph")
        .about("Draw a definition, or what became of an execution")
        .arg(
            Arg::new("file")
                .value_name("FILE")
                .required_unless_present("execution")
                .conflicts_with("execution")
                .help("a definition (JSON); `-` reads standard input"),
        )
        .arg(
            Arg::new("execution")
                .long("execution")
                .value_name("EXECUTION")
                .help("an execution's ARN, or its id as `list` shows it"),
        )
        .arg(
            Arg::new("format")
                .long("format")
                .value_name("FORM")
                .value_parser(["svg", "mermaid"])
                .help("form of the picture [default: that of --output's name, then mermaid]"),
        )
        .arg(
            Arg::new("output")
                .long("output")
                .short('o')
                .value_name("FILE")
                .help("where to write it [default: standard output]"),
        )
        .arg(kind());
    connection(command)
}

/// Runs the subcommand.
pub(super) async fn run(matches: &ArgMatches) -> Result<()> {
    let given = |name: &str| matches.get_one::<String>(name).map(String::as_str);
    let output = given("output").map(Path::new);
    let by_name = output.and_then(Path::extension).map(|end| {
        if end.eq_ignore_ascii_case("svg") {
            "svg"
        } else {
            "mermaid"
        }
    });
    let format = given("format").or(by_name).unwrap_or("mermaid");
    let picture = match given("execution") {
        Some(_) => of_execution(matches, format).await?,
        None => of_file(matches, given("file").unwrap_or("-"), format)?,
    };
    match output {
        Some(path) => std::fs::write(path, picture)
            .with_context(|| format!("cannot write the file `{}`", path.display())),
        None => {
            findings::write_out(&picture);
            Ok(())
        }
    }
}

fn of_file(matches: &ArgMatches, name: &str, format: &str) -> Result<String> {
    let text = findings::read(name, MAX_BYTES)?;
    let machine = match parse(&text, kind_of(matches)) {
        Ok(machine) => machine,
        Err(problems) => bail!(
            "`{name}` is no valid definition ({} problems): `quell machine check {name}` shows them",
            problems.len()
        ),
    };
    let marks = Marks::default();
    Ok(match format {
        "svg" => svg(&machine, &marks),
        _ => mermaid(&machine, &marks),
    })
}

async fn of_execution(matches: &ArgMatches, format: &str) -> Result<String> {
    let path = format!("{}/graph", at(matches, "execution"));
    let query = format!("format={format}");
    let answer = client(matches)?
        .call(("GET", &path, &query), None, now())
        .await?;
    let picture = answer["graph"].as_str();
    picture
        .map(str::to_owned)
        .context("the server answered without a picture")
}
