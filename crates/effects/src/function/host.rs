//! One invocation of a function: what it is, a place for it, its code, its role's session, the run, its log.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws::credentials::Credentials;
use model::effect::{AssumeRole, Failure, FunctionCall};
use model::function::{ENVIRONMENT, FUNCTION, MAX_PAYLOAD_BYTES, Version};
use model::{Outcome, Scope};
use ports::function::{
    CodeError, Configured, ConfiguredError, FunctionCounts, InvokeError, Invoked, Invoker,
};
use ports::vault::Place;
use ports::{BoxFuture, Clock, Vault};
use serde_json::{Value, json};

use super::answer::{self, Took};
use super::counts::Counts;
use super::log::FunctionLogs;
use super::places::FunctionPlaces;
use crate::config::Functions;
use crate::credentials::{CredentialsError, Identities};
use crate::script::{Grant, Handler, Job, JobLimits, ScriptRunner, SessionRegistry, Source};

/// Seconds that a session is to last at least: longer than any invocation.
const SESSION_SECS: i64 = 960;
/// Address space beside a function's memory, in bytes: libraries and stacks that are reserved and not used.
const ROOM: u64 = 4 << 30;
/// Longest session name of a role.
const MAX_SESSION_NAME: usize = 64;

/// What a host needs of the process around it.
pub(crate) struct Surroundings {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) identities: Arc<Identities>,
    pub(crate) vault: Option<Arc<dyn Vault>>,
    pub(crate) scripts: Option<Arc<ScriptRunner>>,
    pub(crate) sessions: Arc<SessionRegistry>,
}

/// Runs functions. Cheap to clone; clones share places and logs.
#[derive(Clone)]
pub(crate) struct FunctionHost {
    inner: Arc<Inner>,
}

struct Inner {
    around: Surroundings,
    functions: Functions,
    places: FunctionPlaces,
    logs: FunctionLogs,
    counts: Counts,
}

impl FunctionHost {
    pub(crate) fn new(functions: Functions, around: Surroundings) -> Self {
        use ports::function::CodeShelf as _;
        let places = FunctionPlaces::new(functions.shelf.limits().concurrent, functions.patience);
        let logs = FunctionLogs::new(functions.logs.clone());
        Self {
            inner: Arc::new(Inner {
                around,
                functions,
                places,
                logs,
                counts: Counts::default(),
            }),
        }
    }

    /// Runs one version of a function once.
    pub(crate) async fn run(&self, call: &FunctionCall) -> Result<Invoked, InvokeError> {
        self.inner.run(call).await
    }
}

impl Invoker for FunctionHost {
    fn invoke(&self, call: FunctionCall) -> BoxFuture<'static, Result<Invoked, InvokeError>> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move { inner.run(&call).await })
    }

    fn counts(&self) -> Vec<FunctionCounts> {
        self.inner.counts.all()
    }

    fn log(
        &self,
        scope: Scope,
        function: String,
        bytes: u64,
    ) -> BoxFuture<'static, Result<Option<Vec<u8>>, CodeError>> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move {
            let read = inner.logs.tail(&scope, &function, bytes).await;
            read.map_err(|error| CodeError::Storage(error.to_string()))
        })
    }
}

impl Inner {
    async fn run(&self, call: &FunctionCall) -> Result<Invoked, InvokeError> {
        let mut ran = Duration::ZERO;
        let done = self.run_once(call, &mut ran).await;
        self.counts.note(call, &done, ran);
        done
    }

    /// `ran`: how long the code ran, if it did.
    async fn run_once(
        &self,
        call: &FunctionCall,
        ran: &mut Duration,
    ) -> Result<Invoked, InvokeError> {
        let source = &self.functions.source;
        let (scope, name) = (call.scope.clone(), call.function.clone());
        let found = source.configured(scope, name, call.version.clone()).await;
        let configured = found.map_err(|error| match error {
            ConfiguredError::Missing(arn) => InvokeError::Missing(arn),
            ConfiguredError::Unreadable(_) => InvokeError::Broken(error.to_string()),
        })?;
        let Scope {
            account, region, ..
        } = &call.scope;
        let lane = format!("{account}/{region}/{}", call.function);
        let _place = self.places.enter(&lane, configured.reserved).await?;
        let Some(scripts) = &self.around.scripts else {
            let message = "functions cannot run here: set `scripts` with a python interpreter";
            return Err(InvokeError::Broken(message.to_owned()));
        };
        let payload = serde_json::from_str(&call.payload);
        let payload: Value = payload.map_err(|error| InvokeError::Broken(error.to_string()))?;
        let shelf = &self.functions.shelf;
        let code = shelf.directory(&configured.version.code.digest).await;
        let code = code.map_err(|error| InvokeError::Broken(error.to_string()))?;
        let session = self.session(call, &configured.version.role).await?;
        let _lent = session
            .as_ref()
            .map(|(keys, role)| self.around.sessions.lend(keys, role));
        let started = self.around.clock.monotonic();
        let version = &configured.version;
        let job = Job {
            id: call.request_id,
            runtime: scripts.nearest(&version.runtime),
            source: Source::Directory(code.path()),
            handler: Handler::Lambda(&version.handler),
            payload: &payload,
            context: context(call, version),
            environment: self.environment(call, &configured, &code.path().display().to_string())?,
            grant: Some(Grant {
                keys: session.as_ref().map(|(keys, _)| keys),
                region: &call.scope.region,
                account: session.as_ref().and_then(|(_, role)| role.account()),
            }),
            limits: limits(version, scripts),
        };
        let finished = scripts.run(&job).await;
        let finished = finished.map_err(|failure| InvokeError::Broken(failure.message))?;
        let took = Took {
            ended: self.around.clock.now(),
            duration: self.around.clock.monotonic().saturating_sub(started),
        };
        *ran = took.duration;
        let (invoked, log) = answer::of_run(call, version, finished, took);
        self.logs.append(&call.scope, &call.function, log).await;
        Ok(invoked)
    }

    /// The session of the function's role. A server without an identity has none to give: code that calls no AWS runs
    /// all the same.
    async fn session(
        &self,
        call: &FunctionCall,
        role: &str,
    ) -> Result<Option<(Credentials, AssumeRole)>, InvokeError> {
        let session_name = call.function.chars().take(MAX_SESSION_NAME).collect();
        let role = AssumeRole {
            role_arn: role.to_owned(),
            session_name,
            through: None,
        };
        let identities = &self.around.identities;
        match identities.session_of(&role, SESSION_SECS).await {
            Ok(keys) => Ok(Some((keys, role))),
            Err(CredentialsError::Disabled | CredentialsError::Nowhere { .. }) => Ok(None),
            Err(error) => Err(InvokeError::Role {
                transient: error.is_transient(),
                message: error.to_string(),
            }),
        }
    }

    fn environment(
        &self,
        call: &FunctionCall,
        configured: &Configured,
        code: &str,
    ) -> Result<BTreeMap<String, String>, InvokeError> {
        let version = &configured.version;
        let mut all = self.variables(&call.scope, configured)?;
        let memory = version.memory_mib.to_string();
        let group = group(&call.function);
        let stream = stream(call);
        let execution = format!("AWS_Lambda_{}", version.runtime);
        for (name, value) in [
            ("_HANDLER", version.handler.as_str()),
            ("AWS_EXECUTION_ENV", &execution),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &memory),
            ("AWS_LAMBDA_FUNCTION_NAME", &call.function),
            ("AWS_LAMBDA_FUNCTION_VERSION", &call.version),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", &group),
            ("AWS_LAMBDA_LOG_STREAM_NAME", &stream),
            ("LAMBDA_TASK_ROOT", code),
        ] {
            all.insert(name.to_owned(), value.to_owned());
        }
        Ok(all)
    }

    /// The function's own variables, opened.
    fn variables(
        &self,
        scope: &Scope,
        configured: &Configured,
    ) -> Result<BTreeMap<String, String>, InvokeError> {
        let Some(sealed) = &configured.version.variables else {
            return Ok(BTreeMap::new());
        };
        let broken = |why: String| {
            InvokeError::Broken(format!("the function's variables cannot be opened: {why}"))
        };
        let vault = self.around.vault.as_ref();
        let vault = vault.ok_or_else(|| broken("this server has no vault".to_owned()))?;
        let place = Place::new(scope, FUNCTION, &configured.place, ENVIRONMENT);
        let opened = vault.open(&place, sealed);
        let opened = opened.map_err(|error| broken(error.to_string()))?;
        serde_json::from_str(opened.expose())
            .map_err(|_| broken("they are of a form that this program does not know".to_owned()))
    }
}

fn limits(version: &Version, scripts: &ScriptRunner) -> JobLimits {
    JobLimits {
        seconds: version.timeout_secs,
        address_space: (u64::from(version.memory_mib) << 20) + ROOM,
        result_bytes: MAX_PAYLOAD_BYTES,
        log_bytes: scripts.limits().log_bytes,
        files_bytes: Some(u64::from(version.ephemeral_mib) << 20),
    }
}

fn group(function: &str) -> String {
    format!("/aws/lambda/{function}")
}

fn stream(call: &FunctionCall) -> String {
    format!("[{}]{}", call.version, call.request_id.simple())
}

/// The members of the context object
/// (<https://docs.aws.amazon.com/lambda/latest/dg/python-context.html>).
fn context(call: &FunctionCall, version: &Version) -> Value {
    let client = call.client_context.as_deref();
    let client = client.and_then(|text| serde_json::from_str::<Value>(text).ok());
    json!({
        "aws_request_id": call.request_id,
        "log_group_name": group(&call.function),
        "log_stream_name": stream(call),
        "function_name": call.function,
        "memory_limit_in_mb": version.memory_mib.to_string(),
        "function_version": call.version,
        "invoked_function_arn": call.invoked_arn,
        "client_context": client,
    })
}

/// What an invocation came to, as an effect ends.
pub(crate) fn outcome(done: Result<Invoked, InvokeError>) -> Outcome {
    let failed = |code: &str, error: &InvokeError, (status, transient): (u16, bool)| {
        Outcome::Failed(Failure {
            code: code.to_owned(),
            message: error.to_string(),
            status: Some(status),
            request_id: None,
            extended_request_id: None,
            shape: None,
            transient,
        })
    };
    match done {
        Ok(invoked) => {
            let mut result = json!({ "Payload": invoked.payload });
            if invoked.failed {
                result["FunctionError"] = "Unhandled".into();
            }
            Outcome::Done { result }
        }
        Err(error) => match &error {
            InvokeError::Missing(_) => failed("ResourceNotFoundException", &error, (404, false)),
            InvokeError::Throttled { .. } => {
                failed("TooManyRequestsException", &error, (429, true))
            }
            InvokeError::Role { transient, .. } => {
                failed("AccessDeniedException", &error, (403, *transient))
            }
            // A fault of this server: Lambda, too, tries again what its own faults kept from running.
            InvokeError::Broken(_) => failed("ServiceException", &error, (500, true)),
        },
    }
}
