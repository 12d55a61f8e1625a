//! What every test needs: a real clock, a configuration, an intent.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use aws::Credentials;
use effects::config::{
    Aws, CredentialSource, Sandbox, ScriptLimits, Scripts, Smtp, SmtpTls, Webhook,
};
use effects::{Config, Performer};
use jiff::Timestamp;
use model::effect::{Failure, Intent};
use model::{EffectCommand, Outcome};
use ports::{BoxFuture, Clock, Effects};
use serde_json::Value;
use uuid::Uuid;

/// The machine's own clock.
pub(crate) struct RealClock(Instant);

impl RealClock {
    #[expect(clippy::disallowed_methods, reason = "the tests' one clock")]
    pub(crate) fn start() -> Arc<Self> {
        Arc::new(Self(Instant::now()))
    }
}

impl Clock for RealClock {
    #[expect(clippy::disallowed_methods, reason = "the tests' one clock")]
    fn now(&self) -> Timestamp {
        Timestamp::try_from(SystemTime::now()).unwrap()
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// Starts a task that ends with the test's runtime.
#[expect(
    clippy::disallowed_methods,
    reason = "the servers of these tests live as long as their runtime"
)]
pub(crate) fn background(task: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(task);
}

/// A configuration that reaches nothing until a test says so.
pub(crate) fn config() -> Config {
    Config {
        clock: RealClock::start(),
        entropy: Arc::new(ports::SeededEntropy::new(1)),
        smtp: None,
        aws: Aws {
            endpoint_url: Some("http://127.0.0.1:9".to_owned()),
            region: "us-east-1".to_owned(),
            ..Aws::new(CredentialSource::Static(Credentials::new(
                "AKIDEXAMPLE",
                "not-a-secret",
            )))
        },
        scripts: None,
        sessions: Default::default(),
        webhook: Webhook::default(),
        local: None,
        logs: None,
        functions: None,
        vault: None,
        destinations: None,
        attachments: None,
        topics: None,
    }
}

pub(crate) fn smtp(port: u16) -> Smtp {
    Smtp {
        host: "127.0.0.1".to_owned(),
        port,
        tls: SmtpTls::None,
        username: None,
        password: None,
        from: "Quell <quell@example.com>".to_owned(),
        ca_bundle: None,
        timeout: Duration::from_secs(2),
    }
}

/// Scripts with this crate's own launcher; `None` where there is no Python.
pub(crate) fn scripts(scratch: PathBuf) -> Option<Scripts> {
    let asked = std::process::Command::new("python3")
        .args(["-c", "import sys; print(sys.executable)"])
        .output()
        .ok()?;
    let python = PathBuf::from(String::from_utf8(asked.stdout).ok()?.trim());
    python.is_file().then(|| Scripts {
        launcher: PathBuf::from(env!("CARGO_BIN_EXE_effects-script-sandbox")),
        launcher_args: Vec::new(),
        python,
        interpreters: BTreeMap::new(),
        pwsh: None,
        readable: Vec::new(),
        scratch,
        limits: ScriptLimits::default(),
        env: BTreeMap::new(),
        own_services: Vec::new(),
        allow_hosts: Vec::new(),
        private_endpoints: false,
        warm: 0,
        sandbox: Sandbox::Standard,
    })
}

/// An intent as the engine would have committed it just now.
pub(crate) fn intent(performer: &Performer, command: EffectCommand) -> Intent {
    let now = RealClock::start().now();
    let id = Uuid::new_v5(
        &Uuid::NAMESPACE_OID,
        now.as_nanosecond().to_string().as_bytes(),
    );
    Intent {
        id,
        recovery: performer.recovery(&command),
        command,
        at: now,
        repeat: false,
    }
}

/// Performs a command.
pub(crate) async fn perform(performer: &Performer, command: EffectCommand) -> Outcome {
    performer.perform(intent(performer, command)).await
}

pub(crate) fn done(outcome: Outcome) -> Value {
    match outcome {
        Outcome::Done { result } => result,
        other => panic!("expected it done, got {other:?}"),
    }
}

pub(crate) fn failed(outcome: Outcome) -> Failure {
    match outcome {
        Outcome::Failed(failure) => failure,
        other => panic!("expected a failure, got {other:?}"),
    }
}
