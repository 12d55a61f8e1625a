//! One run of a script from the caller's side: private directory, child process, limits, result.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use model::Outcome;
use model::effect::{Failure, ScriptCall};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use uuid::Uuid;

use super::environment::{self, Grant};
use super::launcher::EXIT_SANDBOX;
use super::policy::{Policy, Walls};
use crate::config::Scripts;

const HARNESS: &str = include_str!("harness.py");
/// Most bytes of the result's channel: the payload's 100 KB, escaped, with room for a message.
const RESULT_BYTES: usize = 1 << 20;
/// Most bytes of log that a failure's message quotes.
const TAIL_BYTES: usize = 2048;
/// How long output is still read after the script has ended and what it started was killed.
const DRAIN: Duration = Duration::from_secs(2);
const DEFAULT_PYTHON: [&str; 6] = [
    "python3.6",
    "python3.7",
    "python3.8",
    "python3.9",
    "python3.10",
    "python3.11",
];

/// Runs scripts as the operator configured it.
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

    /// Runs a script to its end or its time limit. `grant` is `None` exactly for an isolated script.
    pub(crate) async fn run(
        &self,
        id: Uuid,
        call: &ScriptCall,
        grant: Option<&Grant<'_>>,
    ) -> Outcome {
        match self.try_run(id, call, grant).await {
            Ok(payload) => Outcome::Done {
                result: json!({ "Payload": payload }),
            },
            Err(failure) => Outcome::Failed(failure),
        }
    }

    async fn try_run(
        &self,
        id: Uuid,
        call: &ScriptCall,
        grant: Option<&Grant<'_>>,
    ) -> Result<Value, Failure> {
        let python = self.interpreter(&call.runtime)?;
        let home = PrivateDir::new(&self.scripts.scratch, id).map_err(|error| {
            failed(
                "ScriptError",
                format!(
                    "cannot make a private directory in `{}`: {error}",
                    self.scripts.scratch.display()
                ),
            )
        })?;
        let limit = Duration::from_secs(u64::from(call.timeout_secs.max(1)));
        let child = self.start(python, &home.0, limit, grant)?;
        let request = json!({
            "script": call.script,
            "handler": call.handler,
            "events": call.payload,
            "context": { "IdempotencyToken": id.to_string() },
            "address_space": self.scripts.limits.address_space,
        });
        let ended = Running::new(child)?
            .finish(request.to_string(), limit, self.scripts.limits.log_bytes)
            .await?;
        self.judge(id, call, ended)
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
        Err(failed(
            "ScriptError",
            format!(
                "no interpreter for runtime `{runtime}`: known are {}; the operator can configure more",
                known.join(", ")
            ),
        ))
    }

    fn start(
        &self,
        python: &Path,
        home: &Path,
        limit: Duration,
        grant: Option<&Grant<'_>>,
    ) -> Result<Child, Failure> {
        let harness = home.join("harness.py");
        std::fs::write(&harness, HARNESS)
            .map_err(|error| failed("ScriptError", format!("cannot write the harness: {error}")))?;
        let variables = environment::variables(&self.scripts, home, grant);
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
            readable: self.readable(python),
            no_network: grant.is_none(),
            ports: grant.map_or_else(Vec::new, |_| environment::ports(&variables)),
            file_size: limits.file_size,
            open_files: limits.open_files,
            processes: limits.processes,
            cpu: limit.as_secs() + 5,
        };
        let policy = serde_json::to_string(&policy)
            .map_err(|error| failed("ScriptError", format!("cannot write the policy: {error}")))?;
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
                failed(
                    "ScriptError",
                    format!(
                        "cannot start `{}`: {error}",
                        self.scripts.launcher.display()
                    ),
                )
            })
    }

    /// The interpreter's own installation (two levels above the binary, also behind a link) and the operator's list.
    fn readable(&self, python: &Path) -> Vec<PathBuf> {
        let installation =
            |path: &Path| path.parent().and_then(Path::parent).map(Path::to_path_buf);
        let real = python.canonicalize().ok();
        [Some(python), real.as_deref()]
            .into_iter()
            .flatten()
            .filter_map(installation)
            // `/bin/python` would open the whole file system; `/bin` itself is readable anyway.
            .filter(|path| path.parent().is_some())
            .chain(self.scripts.readable.iter().cloned())
            .collect()
    }

    fn judge(&self, id: Uuid, call: &ScriptCall, ended: Ended) -> Result<Value, Failure> {
        let mut lines = ended.result.lines();
        let walls = lines
            .next()
            .and_then(|line| serde_json::from_str::<Walls>(line).ok());
        if let Some(walls) = walls {
            self.warn_about(walls, call.isolated);
        }
        tracing::debug!(intent = %id, log = %ended.log, truncated = ended.log_cut, "script ended");
        if ended.timed_out {
            let limit = call.timeout_secs.max(1);
            return Err(failed(
                "Timeout",
                format!("the script was stopped after {limit} s{}", tail(&ended.log)),
            ));
        }
        let answer = lines
            .next()
            .and_then(|line| serde_json::from_str::<Value>(line).ok());
        if let Some(Value::Object(mut answer)) = answer {
            if let Some(payload) = answer.remove("Payload") {
                return Ok(payload);
            }
            if let Some(message) = answer.get("message").and_then(Value::as_str) {
                return Err(failed(
                    "ScriptError",
                    format!("{message}{}", tail(&ended.log)),
                ));
            }
        }
        let how = match ended.code {
            Some(code) if code == i32::from(EXIT_SANDBOX) && walls.is_none() => {
                "the sandbox could not be built".to_owned()
            }
            Some(code) if code > 128 => format!(
                "the script was ended by signal {} without a result",
                code - 128
            ),
            Some(code) => format!("the script ended without a result (exit code {code})"),
            None => "the script was killed without a result".to_owned(),
        };
        Err(failed("ScriptError", format!("{how}{}", tail(&ended.log))))
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

/// A directory of one run, removed with all that is in it.
struct PrivateDir(PathBuf);

impl PrivateDir {
    fn new(scratch: &Path, id: Uuid) -> std::io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt;
        std::fs::create_dir_all(scratch)?;
        let scratch = scratch.canonicalize()?;
        // The id of an intent is unguessable and unique; an attempt before may have left its directory.
        for attempt in 0..100_u32 {
            let path = scratch.join(format!("script-{id}-{attempt}"));
            match std::fs::DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(std::io::Error::new(
            std::io::ErrorKind::AlreadyExists,
            "a hundred attempts left their directories: remove them",
        ))
    }
}

impl Drop for PrivateDir {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "cannot remove the directory of a script");
        }
    }
}

/// A started child whose whole process group is killed when this is dropped.
struct Running {
    child: Child,
    group: Pid,
}

/// What came out of a run.
struct Ended {
    result: String,
    log: String,
    log_cut: bool,
    code: Option<i32>,
    timed_out: bool,
}

impl Running {
    fn new(child: Child) -> Result<Self, Failure> {
        let group = child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .map(Pid::from_raw);
        match group {
            Some(group) => Ok(Self { child, group }),
            None => Err(failed(
                "ScriptError",
                "the script's process ended before it began".to_owned(),
            )),
        }
    }

    async fn finish(
        mut self,
        request: String,
        limit: Duration,
        log_bytes: usize,
    ) -> Result<Ended, Failure> {
        let pipes = (
            self.child.stdin.take(),
            self.child.stdout.take(),
            self.child.stderr.take(),
        );
        let (Some(mut stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err(failed(
                "ScriptError",
                "the script's process has no pipes".to_owned(),
            ));
        };
        let (mut result, mut log) = (Capture::new(RESULT_BYTES), Capture::new(log_bytes));
        let feed = async {
            // A script that ends early does not read to the end, which is its right.
            let _ = stdin.write_all(request.as_bytes()).await;
            drop(stdin);
        };
        let mut status = None;
        let mut timed_out = false;
        {
            let output = async { tokio::join!(feed, result.read(stdout), log.read(stderr)) };
            tokio::pin!(output);
            let end = tokio::time::sleep(limit);
            tokio::pin!(end);
            let mut closed = false;
            while status.is_none() && !timed_out {
                tokio::select! {
                    ended = self.child.wait() => status = Some(ended),
                    _ = &mut output, if !closed => closed = true,
                    () = &mut end => timed_out = true,
                }
            }
            self.kill_group();
            if !closed {
                let _ = tokio::time::timeout(DRAIN, &mut output).await;
            }
        }
        if timed_out {
            let _ = self.child.wait().await;
        }
        let code = status.and_then(Result::ok).and_then(|status| status.code());
        Ok(Ended {
            result: result.text(),
            log_cut: log.cut,
            log: log.text(),
            code,
            timed_out,
        })
    }

    fn kill_group(&self) {
        // An error means that no process of the group is left.
        let _ = killpg(self.group, Signal::SIGKILL);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.child.id().is_some() {
            self.kill_group();
        }
    }
}

/// Reads a pipe to its end and keeps the beginning: a full pipe would stop the script.
struct Capture {
    kept: Vec<u8>,
    limit: usize,
    cut: bool,
}

impl Capture {
    fn new(limit: usize) -> Self {
        Self {
            kept: Vec::new(),
            limit,
            cut: false,
        }
    }

    async fn read(&mut self, mut pipe: impl AsyncRead + Unpin) {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
            let room = self.limit.saturating_sub(self.kept.len());
            self.cut |= count > room;
            self.kept.extend(buffer.iter().take(count.min(room)));
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.kept).into_owned()
    }
}

fn tail(log: &str) -> String {
    let log = log.trim();
    if log.is_empty() {
        return String::new();
    }
    let start = log.len().saturating_sub(TAIL_BYTES);
    let start = (start..=log.len())
        .find(|at| log.is_char_boundary(*at))
        .unwrap_or(log.len());
    format!("\nLog: {}", log.get(start..).unwrap_or_default())
}

fn failed(code: &str, message: String) -> Failure {
    Failure {
        code: code.to_owned(),
        message,
        status: None,
        request_id: None,
        transient: false,
    }
}
