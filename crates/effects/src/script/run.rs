//! One run from the caller's side: interpreter, private directory, walls, child process, result.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use model::effect::Failure;
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use super::environment;
use super::job::{End, Finished, Handler, Job, Source};
use super::launcher::EXIT_SANDBOX;
use super::policy::{Policy, Walls};
use super::process::{Output, OutputLimits, PrivateDir, Running};
use crate::config::Scripts;

const HARNESS: &str = include_str!("harness.py");
/// Room of the result's channel beside the result: the walls, names, a message.
const CHANNEL_BYTES: usize = 64 * 1024;
const DEFAULT_PYTHON: [&str; 6] = [
    "python3.6",
    "python3.7",
    "python3.8",
    "python3.9",
    "python3.10",
    "python3.11",
];

/// Runs code as the operator configured it.
pub(crate) struct ScriptRunner {
    scripts: Scripts,
    warned: std::sync::Once,
}

impl ScriptRunner {
    pub(crate) fn new(scripts: Scripts) -> Self {
        Self {
            scripts,
            warned: std::sync::Once::new(),
        }
    }

    /// Limits that the operator set for every run.
    pub(crate) fn limits(&self) -> &crate::config::ScriptLimits {
        &self.scripts.limits
    }

    /// Runs a job to its end or its time limit. `Err`: it could not be started.
    pub(crate) async fn run(&self, job: &Job<'_>) -> Result<Finished, Failure> {
        let python = self.interpreter(job.runtime)?;
        let scratch = &self.scripts.scratch;
        let home = PrivateDir::new(scratch, &job.id.to_string()).map_err(|error| {
            failed(format!(
                "cannot make a private directory in `{}`: {error}",
                scratch.display()
            ))
        })?;
        let child = self.start(python, home.path(), job)?;
        let running = Running::new(child)
            .ok_or_else(|| failed("the script's process ended before it began".to_owned()))?;
        // Escapes make at most six bytes of one.
        let limits = OutputLimits {
            time: Duration::from_secs(u64::from(job.limits.seconds.max(1))),
            result_bytes: job.limits.result_bytes * 6 + CHANNEL_BYTES,
            log_bytes: job.limits.log_bytes,
        };
        let output = running.finish(request(job).to_string(), limits).await;
        let output =
            output.ok_or_else(|| failed("the script's process has no pipes".to_owned()))?;
        Ok(self.judge(job, output))
    }

    fn interpreter(&self, runtime: &str) -> Result<&Path, Failure> {
        if let Some(path) = self.scripts.interpreters.get(runtime) {
            return Ok(path);
        }
        if DEFAULT_PYTHON.contains(&runtime) {
            return Ok(&self.scripts.python);
        }
        let known: Vec<&str> = DEFAULT_PYTHON
            .into_iter()
            .chain(self.scripts.interpreters.keys().map(String::as_str))
            .collect();
        Err(failed(format!(
            "no interpreter for runtime `{runtime}`: known are {}; the operator can configure more",
            known.join(", ")
        )))
    }

    fn start(&self, python: &Path, home: &Path, job: &Job<'_>) -> Result<Child, Failure> {
        let harness = home.join("harness.py");
        std::fs::write(&harness, HARNESS)
            .map_err(|error| failed(format!("cannot write the harness: {error}")))?;
        let variables = environment::variables(&self.scripts, home, job);
        let limits = &self.scripts.limits;
        let policy = Policy {
            entry: self.scripts.launcher_args.clone(),
            parent: nix::unistd::getpid().as_raw(),
            program: python.to_path_buf(),
            arguments: ["-I", "-B", "-u", "-X", "utf8"]
                .map(str::to_owned)
                .into_iter()
                .chain([harness.display().to_string()])
                .collect(),
            workdir: home.to_path_buf(),
            readable: self.readable(python, &job.source),
            no_network: job.grant.is_none(),
            ports: job
                .grant
                .as_ref()
                .map_or_else(Vec::new, |_| environment::ports(&variables)),
            file_size: limits.file_size,
            open_files: limits.open_files,
            processes: limits.processes,
            cpu: u64::from(job.limits.seconds.max(1)) + 5,
        };
        let policy = serde_json::to_string(&policy)
            .map_err(|error| failed(format!("cannot write the policy: {error}")))?;
        Command::new(&self.scripts.launcher)
            .args(&self.scripts.launcher_args)
            .arg(policy)
            .env_clear()
            .envs(variables)
            .current_dir(home)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| {
                failed(format!(
                    "cannot start `{}`: {error}",
                    self.scripts.launcher.display()
                ))
            })
    }

    /// The interpreter's own installation (two levels above the binary, also behind a link), the operator's list, and
    /// the code.
    fn readable(&self, python: &Path, source: &Source<'_>) -> Vec<PathBuf> {
        let installation =
            |path: &Path| path.parent().and_then(Path::parent).map(Path::to_path_buf);
        let real = python.canonicalize().ok();
        let code = match source {
            Source::Directory(path) => Some(path.to_path_buf()),
            Source::Text(_) => None,
        };
        [Some(python), real.as_deref()]
            .into_iter()
            .flatten()
            .filter_map(installation)
            // `/bin/python` would open the whole file system; `/bin` itself is readable anyway.
            .filter(|path| path.parent().is_some())
            .chain(self.scripts.readable.iter().cloned())
            .chain(code)
            .collect()
    }

    fn judge(&self, job: &Job<'_>, output: Output) -> Finished {
        let mut lines = output.result.lines();
        let walls = lines
            .next()
            .and_then(|line| serde_json::from_str::<Walls>(line).ok());
        if let Some(walls) = walls {
            self.warn_about(walls, job.grant.is_none());
        }
        tracing::debug!(intent = %job.id, log = %output.log, truncated = output.log_cut, "script ended");
        let answer = lines
            .next()
            .and_then(|line| serde_json::from_str::<Value>(line).ok());
        let told = answer.and_then(end_of);
        let end = match (output.timed_out, told) {
            (true, _) => End::TimedOut,
            (false, Some(told)) => told,
            (false, None) => End::Died(how_it_died(output.code, walls)),
        };
        Finished {
            end,
            log: output.log,
            log_cut: output.log_cut,
        }
    }

    fn warn_about(&self, walls: Walls, isolated: bool) {
        let missing: Vec<&str> = [
            (
                !walls.user && !walls.processes,
                "no user or process namespace: what a script leaves behind is killed by group only",
            ),
            (
                isolated && !walls.network,
                "no network namespace: isolated scripts have no credentials, but may see a network",
            ),
            (
                !walls.files,
                "no Landlock: scripts can read what this user can read",
            ),
        ]
        .into_iter()
        .filter_map(|(missing, text)| missing.then_some(text))
        .collect();
        if !missing.is_empty() {
            self.warned.call_once(|| {
                tracing::warn!(
                    missing = missing.join("; "),
                    "the script sandbox is weaker on this system"
                )
            });
        }
    }
}

/// What the harness reads from its standard input.
fn request(job: &Job<'_>) -> Value {
    let (kind, handler) = match job.handler {
        Handler::Script(name) => ("script", name),
        Handler::Lambda(name) => ("lambda", name),
    };
    let (script, directory) = match job.source {
        Source::Text(text) => (Some(text), None),
        Source::Directory(path) => (None, Some(path.display().to_string())),
    };
    json!({
        "kind": kind,
        "handler": handler,
        "script": script,
        "directory": directory,
        "events": job.payload,
        "context": job.context,
        "seconds": job.limits.seconds,
        "address_space": job.limits.address_space,
        "result_bytes": job.limits.result_bytes,
    })
}

/// Reads the harness's line; `None` for one that is not in its form.
fn end_of(answer: Value) -> Option<End> {
    let Value::Object(mut answer) = answer else {
        return None;
    };
    if let Some(payload) = answer.remove("Payload") {
        return Some(End::Returned(payload));
    }
    let text = |name: &str| answer.get(name).and_then(Value::as_str).map(str::to_owned);
    let trace = answer.get("trace").and_then(Value::as_array);
    let message = text("message")?;
    Some(End::Raised {
        kind: text("error").unwrap_or_default(),
        shown: text("shown").unwrap_or_else(|| message.clone()),
        message,
        trace: trace
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
    })
}

fn how_it_died(code: Option<i32>, walls: Option<Walls>) -> String {
    match code {
        Some(code) if code == i32::from(EXIT_SANDBOX) && walls.is_none() => {
            "the sandbox could not be built".to_owned()
        }
        Some(code) if code > 128 => format!(
            "the script was ended by signal {} without a result",
            code - 128
        ),
        Some(code) => format!("the script ended without a result (exit code {code})"),
        None => "the script was killed without a result".to_owned(),
    }
}

fn failed(message: String) -> Failure {
    super::failure("ScriptError", message)
}
