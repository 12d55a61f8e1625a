//! `quell aws`: one AWS call from this binary, with the caller's own credentials or through a server.
//!
//! Standard output carries data only; everything said about the call goes to standard error.

mod arguments;
mod catalog;
mod dry_run;
mod ending;
mod local;
mod output;
mod params;
mod reading;
mod record;
mod remote;
mod settings;
mod table;

use std::process::ExitCode;

use clap::ArgMatches;

use arguments::Asked;
pub(crate) use arguments::interface;
use ending::{Ended, Result};

/// Runs the command. Its exit status: 0 done, 1 refused or failed, 2 a wrong command line, 3 the outcome is unknown.
pub(crate) fn run(matches: &ArgMatches) -> ExitCode {
    match dispatch(matches) {
        Ok(()) => ExitCode::SUCCESS,
        Err(ended) => ended.tell(),
    }
}

fn dispatch(matches: &ArgMatches) -> Result<()> {
    match matches.subcommand() {
        Some(("list", found)) => return catalog::list(found),
        Some(("record", found)) => return runtime()?.block_on(record_of(found)),
        Some(("resolve", found)) => return runtime()?.block_on(resolve(found)),
        _ => {}
    }
    let Some(asked) = Asked::read(matches)? else {
        return catalog::help(matches);
    };
    runtime()?.block_on(async {
        match &asked.server {
            Some(server) => remote::call(&asked, server).await,
            None => local::call(&asked).await,
        }
    })
}

async fn record_of(matches: &ArgMatches) -> Result<()> {
    let unknown = matches.get_flag("unknown");
    match arguments::server(matches)? {
        Some(server) => remote::list(&server, unknown).await,
        None => record::list(&arguments::record_file(matches), unknown),
    }
}

async fn resolve(matches: &ArgMatches) -> Result<()> {
    let settled = arguments::Settled::read(matches)?;
    match arguments::server(matches)? {
        Some(server) => remote::resolve(&server, &settled).await,
        None => record::settle(&arguments::record_file(matches), &settled),
    }
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    // More than one thread: the sources of credentials read files without holding up the connection.
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Ended::refused(format!("the async runtime cannot start: {error}")))
}
