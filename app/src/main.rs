//! `quell`: one binary. Reads the configuration, wires the parts, offers commands.

mod clock;
mod commands;
mod config;
mod credentials;
mod intake;
mod scripts;
mod vault;
mod wiring;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Command};

/// A turn is allocated on one thread and dropped on the store's: the system's allocator is slow at that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // The sandbox replaces this process by a script: nothing else of the program may have run before.
    let mut args = std::env::args_os();
    match args.nth(1).as_deref().and_then(std::ffi::OsStr::to_str) {
        Some(wiring::SANDBOX) => return effects::script::launcher::main(args),
        Some(commands::demo::MAIL_SERVER) => {
            let rest: Vec<String> = args
                .filter_map(|argument| argument.into_string().ok())
                .collect();
            return finish(commands::demo::mail_server(&rest).map(|()| ExitCode::SUCCESS));
        }
        Some(commands::demo::CHAT_ROOM) => {
            let rest: Vec<String> = args
                .filter_map(|argument| argument.into_string().ok())
                .collect();
            return finish(commands::demo::chat_room(&rest).map(|()| ExitCode::SUCCESS));
        }
        _ => {}
    }
    let matches = interface().get_matches();
    if let Some(("aws", found)) = matches.subcommand() {
        // Standard error is the command's own: it says itself what there is to say.
        start_logging("warn");
        return commands::aws::run(found);
    }
    start_logging("info");
    finish(dispatch(&matches))
}

fn finish(result: anyhow::Result<ExitCode>) -> ExitCode {
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("quell: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn interface() -> Command {
    let file = || {
        Arg::new("config")
            .long("config")
            .value_name("FILE")
            .help("configuration file (TOML) [default: QUELL_CONFIG]")
    };
    Command::new("quell")
        .about("Incident response: findings in, damage contained, people paged, the record kept")
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("serve")
                .about("Run the server")
                .arg(file())
                .arg(
                    Arg::new("listen")
                        .long("listen")
                        .value_name("ADDRESS")
                        .help("address and port [default: 127.0.0.1:8710]"),
                )
                .arg(
                    Arg::new("data-dir")
                        .long("data-dir")
                        .value_name("DIR")
                        .help("where all data lies [default: quell-data]"),
                )
                .arg(
                    Arg::new("insecure-listen")
                        .long("insecure-listen")
                        .action(ArgAction::SetTrue)
                        .help("allow plain HTTP off loopback"),
                ),
        )
        .subcommand(
            Command::new("config")
                .about("Check or show the configuration")
                .subcommand_required(true)
                .subcommand(
                    Command::new("check")
                        .about("Say what is wrong with it")
                        .arg(file()),
                )
                .subcommand(
                    Command::new("show")
                        .about("Print what is in force, secrets masked")
                        .arg(file()),
                ),
        )
        .subcommand(commands::run::interface())
        .subcommand(commands::machine::interface())
        .subcommand(commands::playbook::interface())
        .subcommand(commands::rules::interface())
        .subcommand(commands::function::interface())
        .subcommand(commands::intake::interface())
        .subcommand(commands::aws::interface())
        .subcommand(commands::demo::interface())
}

fn dispatch(matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    match matches.subcommand() {
        Some(("serve", found)) => {
            let mut config = config::load(path(found).as_deref())?;
            if let Some(listen) = found.get_one::<String>("listen") {
                config.server.listen = listen.parse().map_err(|_| {
                    anyhow::anyhow!(
                        "--listen `{listen}` must be an address and port, e.g. 127.0.0.1:8710"
                    )
                })?;
            }
            if let Some(dir) = found.get_one::<String>("data-dir") {
                config.server.data_dir = PathBuf::from(dir);
            }
            config.server.insecure_listen |= found.get_flag("insecure-listen");
            config.check()?;
            commands::serve::run(&config)?;
        }
        Some(("config", found)) => match found.subcommand() {
            Some(("check", found)) => commands::config::check(path(found).as_deref())?,
            Some(("show", found)) => commands::config::show(path(found).as_deref())?,
            _ => return Ok(ExitCode::from(2)),
        },
        Some(("run", found)) => commands::run::run(found)?,
        Some(("machine", found)) => return commands::machine::run(found),
        Some(("playbook", found)) => return commands::playbook::run(found),
        Some(("rules", found)) => return Ok(commands::rules::run(found)),
        Some(("function", found)) => commands::function::run(found)?,
        Some(("intake", found)) => commands::intake::run(found)?,
        Some(("demo", found)) => return commands::demo::run(found),
        _ => return Ok(ExitCode::from(2)),
    }
    Ok(ExitCode::SUCCESS)
}

fn path(matches: &ArgMatches) -> Option<PathBuf> {
    let given = matches.get_one::<String>("config").map(PathBuf::from);
    given.or_else(|| std::env::var_os("QUELL_CONFIG").map(PathBuf::from))
}

/// Logs go to standard error; `QUELL_LOG` sets the filter, e.g. `info,engine=debug`.
fn start_logging(usual: &str) {
    let filter = std::env::var("QUELL_LOG").unwrap_or_else(|_| usual.to_owned());
    let filter = tracing_subscriber::EnvFilter::try_new(filter).unwrap_or_else(|_| usual.into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .init();
}
