//! The script sandbox as a program of its own, so that this crate's tests can start it. Quell offers the same as a
//! hidden subcommand.

use std::process::ExitCode;

fn main() -> ExitCode {
    effects::script::launcher::main(std::env::args_os().skip(1))
}
