//! One run from the caller's side: which interpreter, which environment, what became of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use model::effect::Failure;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::egress::{Egress, Own, Rules};
use super::environment::{self, Grant};
use super::job::{End, Finished, Handler, Job, Source};
use super::launcher::EXIT_SANDBOX;
use super::policy::Walls;
use super::pool::Pool;
use super::process::{Output, OutputLimits, Waiting};
use super::start::{Profile, Starter};
use crate::aws_call::AwsClient;
use crate::config::{Local, Sandbox, Scripts};

/// Room of the result's channel beside the result: names, a message, a trace.
const CHANNEL_BYTES: usize = 256 * 1024;
/// Runtimes that the one configured Python stands in for: every script that runs on one of them is known to run on 3.11.
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
    /// Quell's own services, and the client for what they leave to AWS.
    local: Option<(Local, AwsClient)>,
    starter: OnceCell<Starter>,
    pool: Pool,
}

/// What runs a job.
enum Interpreter<'a> {
    Python(&'a Path),
    /// PowerShell, driven by the harness, which needs a Python too.
    PowerShell(&'a Path),
}

impl ScriptRunner {
    pub(crate) fn new(scripts: Scripts, local: Option<(Local, AwsClient)>) -> Self {
        Self {
            pool: Pool::new(scripts.warm),
            scripts,
            local,
            starter: OnceCell::new(),
        }
    }

    /// Where the private directories of runs are made.
    pub(super) fn scratch(&self) -> &Path {
        &self.scripts.scratch
    }

    /// Limits that the operator set for every run.
    pub(crate) fn limits(&self) -> &crate::config::ScriptLimits {
        &self.scripts.limits
    }

    /// Which walls stand here. The first call finds out.
    ///
    /// # Errors
    /// The sandbox cannot be tried, or a wall is missing and the operator wants all of them.
    pub(crate) async fn walls(&self) -> Result<Walls, String> {
        let starter = self.starter().await?;
        let missing = starter.walls.missing();
        if self.scripts.sandbox == Sandbox::Strict && !missing.is_empty() {
            return Err(format!(
                "`scripts.sandbox` is `strict` and this system lacks walls: {}",
                missing.join("; ")
            ));
        }
        Ok(starter.walls)
    }

    async fn starter(&self) -> Result<&Starter, String> {
        let made = || Starter::new(self.scripts.clone());
        self.starter.get_or_try_init(made).await
    }

    /// Runs a job to its end or its time limit. `Err`: it could not be started.
    pub(crate) async fn run(&self, job: &Job<'_>) -> Result<Finished, Failure> {
        let interpreter = self.interpreter(job.runtime)?;
        self.walls().await.map_err(failed)?;
        let starter = self.starter().await.map_err(failed)?;
        let profile = self.profile(starter, &interpreter, job);
        let (waiting, early) = self.pool.take(starter, &profile).await.map_err(failed)?;
        let output = self.perform(job, (&interpreter, &profile), waiting).await?;
        // A process that died while it waited has done nothing yet: another takes its place, once.
        let output = if early && !output.timed_out && output.result.is_empty() {
            tracing::warn!(log = %output.log, "a script process that waited had died");
            let waiting = starter.start(&profile, false).await.map_err(failed)?;
            self.perform(job, (&interpreter, &profile), waiting).await?
        } else {
            output
        };
        Ok(judge(job, output))
    }

    /// Hands the job to a process; meanwhile its place in the pool is filled.
    async fn perform(
        &self,
        job: &Job<'_>,
        (interpreter, profile): (&Interpreter<'_>, &Profile),
        waiting: Waiting,
    ) -> Result<Output, Failure> {
        let endpoints = self.endpoints();
        let variables = environment::variables(&endpoints, waiting.relay_port(), job);
        let egress = job.grant.as_ref();
        let egress = egress.map(|grant| self.egress(&endpoints, grant));
        // Escapes make at most six bytes of one.
        let limits = OutputLimits {
            time: Duration::from_secs(u64::from(job.limits.seconds.max(1))),
            result_bytes: job.limits.result_bytes * 6 + CHANNEL_BYTES,
            log_bytes: job.limits.log_bytes,
        };
        let request = request(job, interpreter, &variables).to_string();
        let running = waiting.finish(request, limits, egress.as_ref());
        let output = if self.is_pooled(job) {
            let starter = self.starter().await.map_err(failed)?;
            tokio::join!(running, self.pool.fill(starter, profile)).0
        } else {
            running.await
        };
        output.ok_or_else(|| failed("the script's process has no pipes".to_owned()))
    }

    /// A package's directory is its own profile, which would be kept for nobody else.
    fn is_pooled(&self, job: &Job<'_>) -> bool {
        matches!(job.source, Source::Text(_))
    }

    /// The runtime of whose interpreter a declared runtime makes do: its own where the operator configured it.
    pub(crate) fn nearest<'a>(&self, runtime: &'a str) -> &'a str {
        let own = self.scripts.interpreters.contains_key(runtime);
        if own || DEFAULT_PYTHON.contains(&runtime) {
            return runtime;
        }
        "python3.11"
    }

    fn interpreter(&self, runtime: &str) -> Result<Interpreter<'_>, Failure> {
        if runtime.to_ascii_lowercase().starts_with("powershell") {
            let path = self.scripts.pwsh.as_deref();
            return path.map(Interpreter::PowerShell).ok_or_else(|| {
                failed(format!(
                    "no interpreter for runtime `{runtime}`: `pwsh` is not installed on this server; install \
                     PowerShell or set `scripts.pwsh`"
                ))
            });
        }
        let own = self.scripts.interpreters.get(runtime).map(PathBuf::as_path);
        let default = DEFAULT_PYTHON
            .contains(&runtime)
            .then_some(self.scripts.python.as_path());
        own.or(default).map(Interpreter::Python).ok_or_else(|| {
            let known: Vec<&str> = DEFAULT_PYTHON
                .into_iter()
                .chain(self.scripts.interpreters.keys().map(String::as_str))
                .collect();
            failed(format!(
                "no interpreter for runtime `{runtime}`: known are {}; the operator can configure more",
                known.join(", ")
            ))
        })
    }

    fn profile(&self, starter: &Starter, interpreter: &Interpreter<'_>, job: &Job<'_>) -> Profile {
        let mut readable = Vec::new();
        if let Source::Directory(path) = job.source {
            readable.push(path.to_path_buf());
        }
        let (python, local_sockets) = match interpreter {
            Interpreter::Python(path) => (*path, false),
            Interpreter::PowerShell(path) => {
                let real = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
                readable.extend(real.parent().map(Path::to_path_buf));
                // The runtime looks at its own process and its memory limit.
                readable.extend(["/proc", "/sys/fs/cgroup"].map(PathBuf::from));
                (self.scripts.python.as_path(), true)
            }
        };
        let limits = &self.scripts.limits;
        Profile {
            python: python.to_path_buf(),
            readable,
            tmp_size: job.limits.files_bytes.unwrap_or(limits.tmp_size),
            file_size: job.limits.files_bytes.unwrap_or(limits.file_size),
            networked: starter.walls.network || job.grant.is_some(),
            local_sockets,
        }
    }

    /// Variables that say where services are called.
    fn endpoints(&self) -> BTreeMap<String, String> {
        let mut endpoints = self.scripts.env.clone();
        if self.local.is_some() {
            let own = self.scripts.own_services.iter();
            let url = format!("http://{}", super::egress::OWN_HOST);
            endpoints.extend(own.map(|name| (format!("AWS_ENDPOINT_URL_{name}"), url.clone())));
        }
        endpoints
    }

    fn egress(&self, endpoints: &BTreeMap<String, String>, grant: &Grant<'_>) -> Egress {
        let mut rules = Rules::of_endpoints(endpoints);
        rules.own = self.local.is_some();
        rules.private = self.scripts.private_endpoints;
        rules.named.extend(self.scripts.allow_hosts.iter().cloned());
        Egress {
            rules: Arc::new(rules),
            own: self.local.as_ref().map(|(local, client)| {
                Arc::new(Own {
                    service: Arc::clone(&local.service),
                    client: client.clone(),
                    keys: grant.keys.cloned(),
                    account: grant.account.map(str::to_owned),
                })
            }),
        }
    }
}

/// What the harness reads from its standard input.
fn request(
    job: &Job<'_>,
    interpreter: &Interpreter<'_>,
    variables: &BTreeMap<String, String>,
) -> Value {
    let (kind, handler) = match job.handler {
        Handler::Script(name) => ("script", name),
        Handler::Lambda(name) => ("lambda", name),
    };
    let (kind, program) = match interpreter {
        Interpreter::Python(_) => (kind, None),
        Interpreter::PowerShell(path) => ("powershell", Some(path.display().to_string())),
    };
    let (script, directory) = match job.source {
        Source::Text(text) => (Some(text), None),
        Source::Directory(path) => (None, Some(path.display().to_string())),
    };
    json!({
        "kind": kind,
        "program": program,
        "handler": handler,
        "script": script,
        "directory": directory,
        "environment": variables,
        "events": job.payload,
        "context": job.context,
        "seconds": job.limits.seconds.max(1),
        "address_space": job.limits.address_space,
        "result_bytes": job.limits.result_bytes,
    })
}

fn judge(job: &Job<'_>, output: Output) -> Finished {
    tracing::debug!(intent = %job.id, log = %output.log, truncated = output.log_cut, "script ended");
    // The first line says that the harness has read the request.
    let mut lines = output.result.lines();
    let begun = lines.next().is_some();
    let answer = lines
        .next()
        .and_then(|line| serde_json::from_str::<Value>(line).ok());
    let memory_kib = lines.next().and_then(|line| line.parse().ok());
    let told = answer.and_then(end_of);
    let end = match (output.timed_out, told) {
        (true, _) => End::TimedOut,
        (false, Some(told)) => told,
        (false, None) => End::Died(how_it_died(output.code, begun)),
    };
    Finished {
        end,
        log: output.log,
        memory_kib,
    }
}

/// Reads the harness's line; `None` for one that is not in its form.
fn end_of(answer: Value) -> Option<End> {
    let Value::Object(mut answer) = answer else {
        return None;
    };
    if let Some(payload) = answer.remove("Payload") {
        return Some(End::Returned(payload));
    }
    if let Some(Value::String(text)) = answer.remove("Text") {
        return Some(End::Said(text));
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

fn how_it_died(code: Option<i32>, begun: bool) -> String {
    match code {
        Some(code) if code == i32::from(EXIT_SANDBOX) && !begun => {
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
