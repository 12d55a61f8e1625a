//! The project's own commands: `cargo xtask <verb>`. No tool beyond cargo, git and Python 3 is needed.

mod deny;
mod fuzz;
mod lanes;
mod models;
mod process;
mod setup;
mod tests;

use std::process::ExitCode;

const HELP: &str = "cargo xtask <verb>

  setup     make .venv with the pinned AWS CLI, boto3 and moto
  demo      set up, then run the main job on this machine  [arguments go to `quell demo`]
  test      set up, then run all checks and tests          (what CI runs)
  check     format, lints, layers and unit tests only
  deny      licences, bans and sources of all dependencies
  bench     the benches
  fuzz      random input for what reads bytes from outside  [crate|target] [--seconds N]  (needs nightly)
  models    pack the AWS service models anew from the pinned botocore
";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let verb = args.next().unwrap_or_default();
    let rest: Vec<String> = args.collect();
    let result = match verb.as_str() {
        "setup" => setup::venv().map(|_| ()),
        "demo" => tests::demo(&rest),
        "test" => tests::all(),
        "check" => tests::check(),
        "deny" => deny::run(),
        "bench" => tests::bench(&rest),
        "fuzz" => fuzz::run(&rest),
        "models" => models::run(),
        _ => {
            print!("{HELP}");
            let asked = matches!(verb.as_str(), "" | "help" | "--help" | "-h");
            return if asked {
                ExitCode::SUCCESS
            } else {
                ExitCode::from(2)
            };
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask {verb}: {error:#}");
            ExitCode::FAILURE
        }
    }
}
