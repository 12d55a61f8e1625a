//! Finds what scripts of runbooks run on, and tells which walls of their sandbox stand here.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use effects::Performer;
use effects::config as rim;

use crate::config::{Config, Sandbox};
use crate::wiring::{self, SANDBOX};

/// Services that Quell answers itself, as boto3 names the variables of their addresses.
const OWN_SERVICES: [&str; 5] = [
    "SSM",
    "SSM_INCIDENTS",
    "SSM_CONTACTS",
    "EVENTBRIDGE",
    "LAMBDA",
];

/// How scripts are run; `None` where there is no Python.
pub(crate) fn of(config: &Config) -> Result<Option<rim::Scripts>> {
    let wanted = &config.scripts;
    let Some(python) = find_python(&wanted.python) else {
        tracing::warn!(
            python = %wanted.python.display(),
            "scripts.python cannot be run: aws:executeScript steps will fail until it can"
        );
        return Ok(None);
    };
    let scratch = config.server.data_dir.join("scratch");
    wiring::make_private_dir(&scratch)?;
    let mut readable = python.paths;
    let mut interpreters = std::collections::BTreeMap::new();
    for (runtime, path) in &wanted.interpreters {
        let Some(own) = Python::ask(path) else {
            bail!(
                "scripts.interpreters.\"{runtime}\" `{}` cannot be run: give a Python interpreter",
                path.display()
            );
        };
        readable.extend(own.paths);
        interpreters.insert(runtime.clone(), own.executable);
    }
    let mut env = std::collections::BTreeMap::new();
    if !config.aws.endpoint_url.is_empty() {
        env.insert(
            "AWS_ENDPOINT_URL".to_owned(),
            config.aws.endpoint_url.clone(),
        );
    }
    if !config.aws.ca_bundle.is_empty() {
        let bundle = &config.aws.ca_bundle;
        readable.push(PathBuf::from(bundle));
        env.insert("AWS_CA_BUNDLE".to_owned(), bundle.clone());
    }
    Ok(Some(rim::Scripts {
        launcher: std::env::current_exe().context("the path of this program is unknown")?,
        launcher_args: vec![SANDBOX.to_owned()],
        python: python.executable,
        interpreters,
        pwsh: find_pwsh(&wanted.pwsh)?,
        readable,
        scratch: std::fs::canonicalize(&scratch).context("the scratch directory")?,
        limits: rim::ScriptLimits {
            address_space: wanted.memory_mib << 20,
            ..rim::ScriptLimits::default()
        },
        env,
        own_services: OWN_SERVICES.map(str::to_owned).to_vec(),
        allow_hosts: wanted.hosts(),
        private_endpoints: wanted.private_endpoints,
        warm: wanted.warm,
        sandbox: match wanted.sandbox {
            Sandbox::Standard => rim::Sandbox::Standard,
            Sandbox::Strict => rim::Sandbox::Strict,
        },
    }))
}

/// Tells which walls are missing; refuses to start where all are wanted.
pub(crate) async fn check_walls(performer: &Performer, config: &Config) -> Result<()> {
    match performer.script_walls().await {
        None => Ok(()),
        Some(Ok(walls)) => {
            let missing = walls.missing();
            if missing.is_empty() {
                tracing::info!(
                    landlock = walls.landlock,
                    "all walls of the script sandbox stand"
                );
            } else {
                tracing::warn!(
                    missing = missing.join("; "),
                    "the script sandbox is weaker on this system"
                );
            }
            Ok(())
        }
        Some(Err(reason)) if config.scripts.sandbox == Sandbox::Strict => {
            bail!("scripts cannot be run: {reason}")
        }
        Some(Err(reason)) => {
            tracing::warn!(reason, "aws:executeScript steps will fail");
            Ok(())
        }
    }
}

/// The real interpreter behind a name, and where its libraries lie.
struct Python {
    executable: PathBuf,
    paths: Vec<PathBuf>,
}

impl Python {
    fn ask(name: &Path) -> Option<Self> {
        // As scripts are run: without the user's own packages and variables.
        let ask = "import sys; print(sys.executable); print(sys.prefix == sys.base_prefix); [print(p) for p in sys.path if p]";
        let output = Command::new(name)
            .args(["-I", "-c", ask])
            .output()
            .ok()
            .filter(|output| output.status.success())?;
        let text = String::from_utf8(output.stdout).ok()?;
        let mut lines = text.lines();
        let executable = PathBuf::from(lines.next()?);
        // An environment is found by the path of its link; else the link may lie in a home beside much that is private.
        let is_itself = lines.next()? == "True";
        let real = executable.canonicalize().ok().filter(|_| is_itself);
        Some(Self {
            executable: real.unwrap_or(executable),
            paths: lines
                .map(PathBuf::from)
                .filter(|path| path.exists())
                .collect(),
        })
    }
}

/// The configured interpreter; without one that of the set-up's environment, which has boto3, else the system's.
fn find_python(configured: &Path) -> Option<Python> {
    if !configured.as_os_str().is_empty() {
        return Python::ask(configured);
    }
    let set_up = set_up_environments().find_map(|path| Python::ask(&path.join("bin/python3")));
    set_up.or_else(|| Python::ask(Path::new("python3")))
}

/// Where the set-up puts its environment: beside the program or above it (`target/release/quell` of a checkout).
fn set_up_environments() -> impl Iterator<Item = PathBuf> {
    let program = std::env::current_exe().unwrap_or_default();
    let above: Vec<PathBuf> = program
        .ancestors()
        .skip(1)
        .take(4)
        .map(Path::to_path_buf)
        .collect();
    above
        .into_iter()
        .map(|folder| folder.join(".venv"))
        .filter(|path| path.join("pyvenv.cfg").is_file())
}

fn find_pwsh(configured: &Path) -> Result<Option<PathBuf>> {
    if configured.as_os_str().is_empty() {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found = std::env::split_paths(&path).map(|folder| folder.join("pwsh"));
        return Ok(found.into_iter().find(|path| path.is_file()));
    }
    if !configured.is_file() {
        bail!("scripts.pwsh `{}` is not there", configured.display());
    }
    Ok(Some(configured.to_path_buf()))
}
