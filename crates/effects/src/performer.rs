//! The crate's front: takes an intent, sends it to the module that performs its kind, keeps the kinds apart.
//!
//! Each kind has its own number of places, so that a mail server that hangs cannot hold up a containment call.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::effect::{
    AssumeRole, AwsCall, EmailMessage, Failure, FunctionCall, HttpCall, Intent, PreviewAsk,
    ScriptCall,
};
use model::{EffectCommand, Outcome, Recovery};
use ports::connection::Authorizer;
use ports::document::{Attachments, Objects};
use ports::function::Invoker;
use ports::{BoxFuture, Effects, Probe};
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::api_destination::ApiDestinations;
use crate::aws_call::{self, AwsCaller, AwsClient, AwsClientConfig, plain_failure};
use crate::config::{Config, ConfigError, Scripts};
use crate::credentials::Identities;
use crate::event_log::EventLogs;
use crate::function::{self, FunctionHost, Surroundings};
use crate::http_call::WebhookSender;
use crate::integration;
use crate::log_batch;
use crate::notify::email::Mailer;
use crate::notify::topic::Courier;
use crate::objects::StoredObjects;
use crate::places::{PlaceLimits, Places};
use crate::script::{self, Grant, ScriptRunner, SessionRegistry, Walls};

const EMAILS_AT_ONCE: usize = 16;
const AWS_CALLS_AT_ONCE: usize = 64;
/// Calls at once that may take minutes: half of what the client does at once by default, so that they hold up no other.
const LONG_CALLS_AT_ONCE: usize = 32;
const SCRIPTS_AT_ONCE: usize = 4;
/// Deliveries by AWS at once: half of what the client does at once by default, so that the other half is left for
/// runbooks whatever targets do.
const AWS_DELIVERIES: PlaceLimits = PlaceLimits {
    overall: 32,
    each: 8,
    ..PlaceLimits::DEFAULT
};
/// The parameters that say where a delivery by AWS goes.
const AWS_TARGETS: [&str; 6] = [
    "QueueUrl",
    "TopicArn",
    "FunctionName",
    "StreamARN",
    "DeliveryStreamName",
    "stateMachineArn",
];
/// Longest time that a script's session is asked to last; a role's session may last an hour.
const SESSION_SECS: u32 = 3000;

/// Performs commands. Cheap to clone; clones share pools, caches and limits.
#[derive(Clone)]
pub struct Performer {
    inner: Arc<Inner>,
}

struct Inner {
    mailer: Option<Mailer>,
    webhooks: WebhookSender,
    destinations: ApiDestinations,
    courier: Courier,
    scripts: Option<Arc<ScriptRunner>>,
    sessions: Arc<SessionRegistry>,
    functions: Option<FunctionHost>,
    attachments: Option<Arc<dyn Attachments>>,
    aws: AwsCaller,
    identities: Arc<Identities>,
    logs: Option<EventLogs>,
    email_places: Semaphore,
    webhook_places: Places,
    delivery_places: Places,
    destination_places: Places,
    task_places: Places,
    aws_places: Semaphore,
    long_places: Semaphore,
    script_places: Semaphore,
}

impl Performer {
    /// Checks the configuration and sets up pools; connects to nothing.
    ///
    /// # Errors
    /// [`ConfigError`] names the setting that cannot be used.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        check_address("aws.endpoint_url", config.aws.endpoint_url.as_deref())?;
        check_address(
            "local.url",
            config.local.as_ref().map(|local| local.url.as_str()),
        )?;
        let destinations = ApiDestinations::new(&config)?;
        let calls = AwsClientConfig {
            clock: config.clock,
            entropy: config.entropy,
            aws: config.aws,
            local: config.local,
        };
        let endpoints = aws_call::chosen(&calls.aws)?.endpoint_variables;
        let identities = Arc::new(Identities::new(&calls)?);
        let client = AwsClient::with_identities(&calls, Arc::clone(&identities))?;
        let local = calls.local.map(|local| (local, client.clone()));
        let scripts = config
            .scripts
            .map(|scripts| ScriptRunner::new(with_endpoints(scripts, &endpoints), local))
            .map(Arc::new);
        let around = Surroundings {
            clock: calls.clock,
            identities: Arc::clone(&identities),
            vault: config.vault,
            scripts: scripts.clone(),
            sessions: Arc::clone(&config.sessions),
        };
        let inner = Inner {
            mailer: config.smtp.as_ref().map(Mailer::new).transpose()?,
            webhooks: WebhookSender::new(&config.webhook)?,
            destinations,
            courier: Courier::new(config.topics),
            functions: config
                .functions
                .map(|functions| FunctionHost::new(functions, around)),
            scripts,
            sessions: config.sessions,
            logs: config.logs.map(EventLogs::new),
            attachments: config.attachments,
            aws: AwsCaller::new(client),
            identities,
            email_places: Semaphore::new(EMAILS_AT_ONCE),
            webhook_places: Places::new(PlaceLimits::DEFAULT),
            delivery_places: Places::new(AWS_DELIVERIES),
            destination_places: Places::new(PlaceLimits::DEFAULT),
            task_places: Places::new(PlaceLimits::DEFAULT),
            aws_places: Semaphore::new(AWS_CALLS_AT_ONCE),
            long_places: Semaphore::new(LONG_CALLS_AT_ONCE),
            script_places: Semaphore::new(SCRIPTS_AT_ONCE),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Tries connections before they are stored.
    #[must_use]
    pub fn authorizer(&self) -> Arc<dyn Authorizer> {
        Arc::new(self.inner.destinations.clone())
    }

    /// Which walls stand around scripts on this system; `None`: no scripts are run here.
    ///
    /// # Errors
    /// The sandbox cannot be tried, or a wall is missing and the operator wants all of them.
    pub async fn script_walls(&self) -> Option<Result<Walls, String>> {
        match &self.inner.scripts {
            Some(scripts) => Some(scripts.walls().await),
            None => None,
        }
    }

    /// Reads objects from S3.
    #[must_use]
    pub fn objects(&self) -> Arc<dyn Objects> {
        Arc::new(StoredObjects::new(self.inner.aws.client().clone()))
    }

    /// Runs functions; `None` where none are set up.
    #[must_use]
    pub fn functions(&self) -> Option<Arc<dyn Invoker>> {
        let host = self.inner.functions.clone()?;
        Some(Arc::new(host))
    }

    /// Access key id that AWS calls without a role are signed with. Asks the source of the keys if they are not at hand.
    ///
    /// # Errors
    /// There are no keys, or their source does not work.
    pub async fn access_key_id(&self) -> Result<String, Failure> {
        match self.inner.identities.own().await {
            Ok(keys) => Ok(keys.access_key_id),
            Err(error) => Err(plain_failure(
                "Credentials",
                error.to_string(),
                error.is_transient(),
            )),
        }
    }
}

/// Scripts call the same endpoints as steps do, except those that the operator's variables for scripts name.
fn with_endpoints(mut scripts: Scripts, endpoints: &BTreeMap<String, String>) -> Scripts {
    for (name, url) in endpoints {
        scripts
            .env
            .entry(name.clone())
            .or_insert_with(|| url.clone());
    }
    scripts
}

fn check_address(field: &'static str, value: Option<&str>) -> Result<(), ConfigError> {
    let Some(value) = value else { return Ok(()) };
    let fits = value.parse::<http::Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.authority().is_some()
            && uri.query().is_none()
    });
    if fits {
        Ok(())
    } else {
        Err(ConfigError::Address {
            field,
            value: value.to_owned(),
        })
    }
}

/// The destination of a post: an address without its query. Not the host: of two receivers behind one, one may hang.
fn address(url: &str) -> String {
    let (address, _) = url.split_once('?').unwrap_or((url, ""));
    address.to_owned()
}

/// The destination of a delivery by AWS: one queue, function, stream, ... of one region.
fn aws_target(call: &AwsCall) -> String {
    let named = AWS_TARGETS.iter().find_map(|name| call.params.get(name));
    let named = named.and_then(Value::as_str).unwrap_or_default();
    format!("{} {} {named}", call.service, call.region)
}

/// About how many bytes a message has: texts are all that is long in one.
fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(list) => list.iter().map(size).sum(),
        Value::Object(map) => map.values().map(size).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
    }
}

impl Effects for Performer {
    /// E-mail and deliveries: repeat (a page twice is better than none; events are delivered at least once). Scripts:
    /// repeat when they only compute, else ask. AWS calls: by what is known of the operation.
    fn recovery(&self, command: &EffectCommand) -> Recovery {
        match command {
            EffectCommand::SendEmail(_)
            | EffectCommand::PostWebhook(_)
            | EffectCommand::InvokeApiDestination(_)
            | EffectCommand::DeliverByAws(_)
            | EffectCommand::AppendLog(_)
            | EffectCommand::WriteLogs(_)
            | EffectCommand::SendTopicMessage(_)
            | EffectCommand::PostChat(_)
            | EffectCommand::InvokeFunction(_) => Recovery::Repeat,
            EffectCommand::RunScript(call) if call.isolated => Recovery::Repeat,
            EffectCommand::Preview(_) => Recovery::Repeat,
            EffectCommand::InvokeHttp(call) if call.reads() => Recovery::Repeat,
            // What a webhook or a web API sets off is not known.
            EffectCommand::RunScript(_)
            | EffectCommand::InvokeIntegration(_)
            | EffectCommand::InvokeHttp(_) => Recovery::Ask,
            EffectCommand::CallAws(call) => aws_call::recovery(call),
        }
    }

    fn perform(&self, intent: Intent) -> BoxFuture<'static, Outcome> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move { inner.perform(&intent).await })
    }

    fn probe(&self, intent: Intent) -> BoxFuture<'static, Probe> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move {
            let _place = inner.aws_places.acquire().await;
            match &intent.command {
                EffectCommand::CallAws(call) => inner.aws.probe(&intent, call).await,
                _ => Probe::Unclear("only aws calls can be looked up".to_owned()),
            }
        })
    }
}

impl Inner {
    async fn perform(&self, intent: &Intent) -> Outcome {
        // INVARIANT: the semaphores are never closed, so that waiting for a place cannot fail.
        match &intent.command {
            EffectCommand::SendEmail(email) => {
                let _place = self.email_places.acquire().await;
                self.email(intent, email).await
            }
            EffectCommand::PostWebhook(post) => {
                let work = self.webhooks.post(post);
                let places = &self.webhook_places;
                places
                    .within(address(&post.url), post.body.len(), work)
                    .await
            }
            EffectCommand::InvokeApiDestination(call) => {
                let work = self.destinations.invoke(call);
                let (target, bytes) = (call.destination_arn.clone(), call.body.len());
                self.destination_places.within(target, bytes, work).await
            }
            EffectCommand::DeliverByAws(call) => {
                let work = self.aws.deliver(intent, call);
                let (target, bytes) = (aws_target(call), size(&call.params));
                self.delivery_places.within(target, bytes, work).await
            }
            EffectCommand::AppendLog(line) => {
                log_batch::append(self.logs.as_ref(), std::slice::from_ref(line)).await
            }
            EffectCommand::WriteLogs(batch) => {
                let work = log_batch::write((&self.aws, self.logs.as_ref()), intent, batch);
                let (group, bytes) = (batch.group.clone(), log_batch::size(batch));
                self.delivery_places.within(group, bytes, work).await
            }
            EffectCommand::SendTopicMessage(message) => {
                let plain = self.courier.command(message).await;
                self.perform_instead(intent, plain).await
            }
            EffectCommand::PostChat(post) => {
                let plain = self.courier.chat(post);
                self.perform_instead(intent, plain).await
            }
            EffectCommand::InvokeIntegration(call) => {
                let work = integration::invoke(&self.aws, &self.webhooks, intent, call);
                let bytes = call.body.as_ref().map_or(0, String::len);
                self.webhook_places
                    .within(format!("integration {}", call.name), bytes, work)
                    .await
            }
            EffectCommand::InvokeHttp(call) => self.web_api(call).await,
            EffectCommand::InvokeFunction(call) => self.function(call).await,
            EffectCommand::RunScript(call) => {
                let _place = self.script_places.acquire().await;
                self.script(intent, call).await
            }
            EffectCommand::Preview(ask) => self.preview(intent, ask).await,
            EffectCommand::CallAws(call) => {
                let _place = self.places_for(call).acquire().await;
                self.aws.perform(intent, call).await
            }
        }
    }

    async fn web_api(&self, call: &HttpCall) -> Outcome {
        let work = self.destinations.call(call);
        let bytes = call.body.as_ref().map_or(0, size);
        self.task_places
            .within(address(&call.endpoint), bytes, work)
            .await
    }

    fn places_for(&self, call: &AwsCall) -> &Semaphore {
        if aws_call::works_long(call) {
            &self.long_places
        } else {
            &self.aws_places
        }
    }

    async fn preview(&self, intent: &Intent, ask: &PreviewAsk) -> Outcome {
        let _place = self.aws_places.acquire().await;
        self.aws.preview(intent, ask).await
    }

    async fn function(&self, call: &FunctionCall) -> Outcome {
        match &self.functions {
            Some(host) => function::outcome(host.run(call).await),
            None => Outcome::Failed(plain_failure(
                "ServiceException",
                "functions are not set up on this server".to_owned(),
                true,
            )),
        }
    }

    /// Performs the plain command that an intent's own was made into.
    async fn perform_instead(
        &self,
        intent: &Intent,
        plain: Result<EffectCommand, Failure>,
    ) -> Outcome {
        match plain {
            Ok(command) => {
                let plain = Intent {
                    command,
                    ..intent.clone()
                };
                Box::pin(self.perform(&plain)).await
            }
            Err(failure) => Outcome::Failed(failure),
        }
    }

    async fn email(&self, intent: &Intent, email: &EmailMessage) -> Outcome {
        match &self.mailer {
            Some(mailer) => mailer.send(intent.id, intent.at, email).await,
            None => Outcome::Failed(plain_failure(
                "Smtp",
                "no mail server is configured: set `smtp`".to_owned(),
                false,
            )),
        }
    }

    async fn script(&self, intent: &Intent, call: &ScriptCall) -> Outcome {
        let Some(scripts) = &self.scripts else {
            let message =
                "scripts are not configured: set `scripts` with a python interpreter".to_owned();
            return Outcome::Failed(plain_failure("ScriptError", message, false));
        };
        let attachments = self.attachments.as_deref();
        if call.isolated {
            return script::execute(scripts, attachments, (intent.id, call), None).await;
        }
        let keys = match &call.assume_role {
            None => None,
            Some(role) => {
                let lasting = i64::from(call.timeout_secs.min(SESSION_SECS));
                match self.identities.session_of(role, lasting).await {
                    Ok(keys) => Some(keys),
                    Err(error) => {
                        return Outcome::Failed(plain_failure(
                            "Credentials",
                            error.to_string(),
                            error.is_transient(),
                        ));
                    }
                }
            }
        };
        let _lent = (keys.as_ref().zip(call.assume_role.as_ref()))
            .map(|(keys, role)| self.sessions.lend(keys, role));
        let grant = Grant {
            keys: keys.as_ref(),
            region: &call.region,
            account: call.assume_role.as_ref().and_then(AssumeRole::account),
        };
        script::execute(scripts, attachments, (intent.id, call), Some(grant)).await
    }
}
