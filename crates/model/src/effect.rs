//! What the world can be asked to do, and what it answers. Performed by crate `effects`, at least once.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Scope;
use crate::topic::TopicMessage;
pub use crate::web::{ApiDestinationCall, ArrayFormat, HttpCall};

/// An outside effect. Its id (a UUID given by the decider) is the idempotency key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Command {
    /// Call one operation of any AWS service (or of Quell itself).
    CallAws(AwsCall),
    /// Run a document's script in a separate, limited process.
    RunScript(ScriptCall),
    /// Send one e-mail by SMTP.
    SendEmail(EmailMessage),
    /// POST a JSON text to an HTTP(S) address.
    PostWebhook(WebhookPost),
    /// Send an event to an API destination, through its connection.
    InvokeApiDestination(ApiDestinationCall),
    /// Call AWS for an event's target or its dead-letter queue: answered by this process only where the target is its
    /// own (a function, say), tried once, and in places of its own, so that a target that hangs holds up no runbook and no other target.
    DeliverByAws(AwsCall),
    /// Append one line to a log group that this server keeps in files.
    AppendLog(LogAppend),
    /// Write lines to a log group: one of this server, or one of CloudWatch Logs. At least once.
    WriteLogs(Box<LogBatch>),
    /// Sign one message of a topic and send it to one subscriber.
    SendTopicMessage(Box<TopicMessage>),
    /// Post a text to a chat channel of the configuration.
    PostChat(ChatPost),
    /// Call a webhook that a secret parameter of the parameter store describes.
    InvokeIntegration(IntegrationCall),
    /// Call a web API through a connection and bring its answer.
    InvokeHttp(Box<HttpCall>),
    /// Run a function of this server.
    InvokeFunction(Box<FunctionCall>),
    /// Answer for a dry run: read, or describe what is not done. Changes nothing.
    Preview(Box<PreviewAsk>),
}

/// What a dry run asks in the place of an effect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum PreviewAsk {
    /// A call. One that only reads is made: the answer is `{"read": ...}`. Any other is not: the answer describes it,
    /// `{"planned": {"service", "operation", "impact", "class", "permissions", "problem", "secrets"}}`.
    Call {
        /// The call; what is not known of its parameters is `*`.
        call: AwsCall,
        /// Whether all parameters are known: otherwise it is only described, even if it reads.
        known: bool,
        /// The account that it is made in.
        account: String,
    },
    /// A script that is not run: the answer says which calls its text makes, `{"planned": {"calls", "note", ...}}`.
    Script {
        /// Declared runtime.
        runtime: String,
        /// Source text.
        script: String,
        /// Whether it only computes.
        isolated: bool,
        /// Region that it would call.
        region: String,
        /// Role that it would call as.
        assume_role: Option<AssumeRole>,
    },
}

/// One invocation of a function of this server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionCall {
    /// Whose function it is.
    pub scope: Scope,
    /// Its name.
    pub function: String,
    /// `$LATEST` or a number: an alias was resolved when the invocation was accepted.
    pub version: String,
    /// The ARN that was invoked, with its qualifier: the code sees it.
    pub invoked_arn: String,
    /// `AwsRequestId`: the same for every attempt.
    pub request_id: uuid::Uuid,
    /// The event: a JSON text.
    pub payload: String,
    /// The client's context: a JSON text.
    #[serde(default)]
    pub client_context: Option<String>,
}

/// One AWS API call in boto3's spelling.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AwsCall {
    /// boto3 client name, e.g. `ec2`, `ssm-incidents`.
    pub service: String,
    /// Operation in any spelling, e.g. `DescribeInstances`, `describe_instances`.
    pub operation: String,
    /// Parameters in boto3's spelling.
    pub params: Value,
    /// Region to sign for.
    pub region: String,
    /// Role to assume for this call; `None` uses the server's own identity.
    pub assume_role: Option<AssumeRole>,
    /// Upper bound for the whole call with its retries, in seconds.
    pub timeout_secs: u32,
    /// How names and instants of the parameters and of the answer are spelled.
    #[serde(default, skip_serializing_if = "Spelling::is_service")]
    pub spelling: Spelling,
}

/// How the parameters and the answer of a call are spelled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spelling {
    /// As in the service's model, which is boto3's way.
    #[default]
    Service,
    /// Names in PascalCase, whatever the model says: Step Functions' `aws-sdk` integrations.
    Pascal,
    /// The same, with instants in milliseconds since 1970: Step Functions' optimised integrations.
    PascalMillis,
}

impl Spelling {
    fn is_service(&self) -> bool {
        *self == Self::Service
    }
}

/// A role to act as.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AssumeRole {
    /// The role's ARN.
    pub role_arn: String,
    /// Session name: the run's id, so that CloudTrail leads back to the run.
    pub session_name: String,
    /// The role that assumes this one; `None` is the server's own identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through: Option<Box<AssumeRole>>,
}

impl AssumeRole {
    /// The last of these roles, each assumed by the one before it, the first by the server's own identity. `None` for
    /// no role.
    #[must_use]
    pub fn chain(role_arns: impl IntoIterator<Item = String>, session_name: &str) -> Option<Self> {
        let link = |before: Option<Self>, role_arn| {
            Some(Self {
                role_arn,
                session_name: session_name.to_owned(),
                through: before.map(Box::new),
            })
        };
        role_arns.into_iter().fold(None, link)
    }

    /// The account that the role is of.
    #[must_use]
    pub fn account(&self) -> Option<&str> {
        let account = self.role_arn.split(':').nth(4);
        account.filter(|account| !account.is_empty())
    }

    /// The ARNs of the roles on the way to this one, and its own, in the order in which they are assumed.
    #[must_use]
    pub fn arns(&self) -> Vec<&str> {
        let mut arns = vec![self.role_arn.as_str()];
        let mut before = self.through.as_deref();
        while let Some(role) = before {
            arns.push(&role.role_arn);
            before = role.through.as_deref();
        }
        arns.reverse();
        arns
    }
}

/// One script of an automation document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScriptCall {
    /// Declared runtime, e.g. `python3.11`.
    pub runtime: String,
    /// Function name that is called with `(events, context)`.
    pub handler: String,
    /// Source text; empty for an attachment.
    pub script: String,
    /// The attachment that the code is in, in the place of a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attachment: Option<Box<AttachedScript>>,
    /// `InputPayload`: passed as data, never spliced into the source.
    pub payload: Value,
    /// Whether the script imports only modules that compute: then it runs without credentials and
    /// without a network, and so may be repeated.
    pub isolated: bool,
    /// Role whose session credentials the script gets (never for an isolated script).
    pub assume_role: Option<AssumeRole>,
    /// Region for `AWS_REGION`.
    pub region: String,
    /// Wall-clock limit in seconds.
    pub timeout_secs: u32,
}

/// An attachment of a document whose code is run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachedScript {
    /// Whose document it is.
    pub scope: Scope,
    /// The document's name.
    pub document: String,
    /// The version's number.
    pub version: String,
    /// The attachment's name.
    pub name: String,
    /// SHA-256 that its content must have, lower-case hex.
    pub sha256: String,
}

/// One e-mail. Text only: values from events are attacker-written and never become markup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmailMessage {
    /// Recipient address.
    pub to: String,
    /// Subject, one line.
    pub subject: String,
    /// Plain text body.
    pub body: String,
    /// Groups the mails of one incident in a reader's mailbox (becomes `References`), e.g. the incident's id.
    pub thread: Option<String>,
}

/// One POST to a webhook in the form of an SNS HTTP(S) notification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookPost {
    /// `https://` (or, when the operator allows it, `http://`) address.
    pub url: String,
    /// Extra headers.
    pub headers: BTreeMap<String, String>,
    /// Body text.
    pub body: String,
    /// `Content-Type`.
    pub content_type: String,
}

/// One line for a log group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogAppend {
    /// Unique for the line: one that is there already is not written again.
    pub id: uuid::Uuid,
    /// The log group's region.
    pub region: String,
    /// The log group's name, e.g. `/aws/events/findings`.
    pub group: String,
    /// Milliseconds since 1970-01-01 UTC.
    pub timestamp: i64,
    /// The text.
    pub message: String,
}

/// Lines for a stream of a log group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogBatch {
    /// Unique for the batch: the lines' ids derive from it.
    pub id: uuid::Uuid,
    /// The log group's region.
    pub region: String,
    /// The log group's name. One that begins with [`LOG_GROUP_PREFIX`] is this server's, any other CloudWatch Logs'.
    pub group: String,
    /// The stream's name: made when it is not there. This server's groups have no streams.
    pub stream: String,
    /// The role that writes to CloudWatch Logs.
    pub role: Option<AssumeRole>,
    /// The lines, oldest first.
    pub lines: Vec<LogLine>,
}

/// One line of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// Milliseconds since 1970-01-01 UTC.
    pub timestamp: i64,
    /// The text.
    pub message: String,
}

impl LogBatch {
    /// The lines for a log group of this server; `None` for one of CloudWatch Logs.
    #[must_use]
    pub fn own(&self) -> Option<Vec<LogAppend>> {
        LogAppend::group_name(&self.group)?;
        let lines = (0..).zip(&self.lines);
        let own = lines.map(|(number, line)| LogAppend {
            id: crate::ids::child(self.id, number),
            region: self.region.clone(),
            group: self.group.clone(),
            timestamp: line.timestamp,
            message: line.message.clone(),
        });
        Some(own.collect())
    }
}

/// How the names of log groups for events begin.
pub const LOG_GROUP_PREFIX: &str = "/aws/events/";

impl LogAppend {
    /// The name of the group behind [`LOG_GROUP_PREFIX`], if it is one that a file may have: 1 to 200 letters, digits
    /// and `._-`, not beginning with a dot. The name comes from a rule; nothing else of it may reach a path.
    #[must_use]
    pub fn group_name(group: &str) -> Option<&str> {
        let name = group.strip_prefix(LOG_GROUP_PREFIX)?;
        Self::is_plain(name).then_some(name)
    }

    /// Whether a text can be a file's or a directory's name as it stands.
    #[must_use]
    pub fn is_plain(name: &str) -> bool {
        let letters = name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
        letters && (1..=200).contains(&name.len()) && !name.starts_with('.')
    }
}

/// Code of a [`Failure`] that was never tried: too much waits for the same destination already. The attempt does not
/// count; it is to be made later.
pub const DESTINATION_BUSY: &str = "DestinationBusy";

/// One text for a chat channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatPost {
    /// Name of the channel in the configuration, which alone knows its (secret) address.
    pub channel: String,
    /// The text in Slack's markup, made safe for it.
    pub text: String,
}

/// One call of a webhook integration. Its address, headers and own body are in a SecureString parameter, which is read
/// when the call is made; nothing of it is in here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntegrationCall {
    /// The integration's name: letters, digits, `.`, `_` and `-`.
    pub name: String,
    /// Body text; `None` sends the integration's own.
    pub body: Option<String>,
    /// Region whose parameter store has the integration.
    pub region: String,
    /// Role to read the parameter as; `None` uses the server's own identity.
    pub assume_role: Option<AssumeRole>,
    /// Upper bound for the reading and the call together, in seconds.
    pub timeout_secs: u32,
}

/// How an effect ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Outcome {
    /// It happened; `result` is the answer (boto3-shaped for AWS calls, `{"Payload": ...}` for scripts).
    Done {
        /// The answer.
        result: Value,
    },
    /// It was refused or failed for good: nothing more is known to have happened.
    Failed(Failure),
    /// Nobody knows whether it happened, and it may not be repeated blindly.
    Unknown {
        /// Why it is unknown, for the person who decides.
        reason: String,
    },
}

/// A failed effect, in the words of whoever refused it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Error code: the service's own (`InvalidInstanceID.NotFound`), or `ParamValidation`, `Timeout`, `Network`,
    /// `Credentials`, `NotImplementedByTarget`, `ScriptError`, `Smtp`, `Http`,
    /// `Storage`, [`DESTINATION_BUSY`].
    pub code: String,
    /// Message for people.
    pub message: String,
    /// HTTP status where there was one.
    pub status: Option<u16>,
    /// AWS request id where there was one.
    pub request_id: Option<String>,
    /// S3's second id of the request, where it gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extended_request_id: Option<Box<str>>,
    /// Name of the error in the service's model, where that has it: `QueueDoesNotExist` for the code
    /// `AWS.SimpleQueueService.NonExistentQueue`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<String>,
    /// Whether a later attempt may succeed (throttling, 5xx, network).
    pub transient: bool,
}

/// What may be done with an effect whose intent is committed but whose outcome is not known (after a crash, or a broken connection).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Recovery {
    /// A read, or naturally idempotent: repeat.
    Repeat,
    /// Carries an idempotency token: repeat with the same token while the intent is younger than this.
    RepeatWithToken {
        /// How long the service remembers the token, in seconds, less a margin.
        lifetime_secs: u32,
    },
    /// Can be looked up: probe; found is recorded, not found is repeated.
    Probe,
    /// None of these: mark "outcome unknown" and ask a person.
    Ask,
}

/// An effect with all that its performer needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// Id and idempotency token.
    pub id: uuid::Uuid,
    /// What to do.
    pub command: Command,
    /// What may be done when the outcome is unknown.
    pub recovery: Recovery,
    /// When the intent was committed.
    pub at: Timestamp,
    /// An earlier attempt of this very intent may have reached the world (a crash, a broken connection):
    /// an answer such as "exists already" then means that the earlier attempt succeeded.
    pub repeat: bool,
}

#[cfg(test)]
mod tests {
    use super::{AwsCall, Command, LogAppend, PreviewAsk, Spelling};

    #[test]
    fn the_questions_of_dry_runs_are_read_as_they_were_stored() {
        let call = AwsCall {
            service: "ec2".to_owned(),
            operation: "DescribeTags".to_owned(),
            params: serde_json::json!({"type": "t", "ask": "a"}),
            region: "us-east-1".to_owned(),
            assume_role: None,
            timeout_secs: 5,
            spelling: Spelling::Service,
        };
        let asks = [
            PreviewAsk::Call {
                call,
                known: true,
                account: "123456789012".to_owned(),
            },
            PreviewAsk::Script {
                runtime: "python3.11".to_owned(),
                script: "pass".to_owned(),
                isolated: false,
                region: "us-east-1".to_owned(),
                assume_role: None,
            },
        ];
        for ask in asks {
            let stored = Command::Preview(Box::new(ask));
            let text = serde_json::to_string(&stored).unwrap();
            assert_eq!(serde_json::from_str::<Command>(&text).unwrap(), stored);
        }
    }

    #[test]
    fn no_log_group_leaves_its_directory() {
        for (group, name) in [
            ("/aws/events/findings", Some("findings")),
            ("/aws/events/a.b-c_D9", Some("a.b-c_D9")),
            ("/aws/events/", None),
            ("/aws/events/..", None),
            ("/aws/events/.hidden", None),
            ("/aws/events/../../etc/passwd", None),
            ("/aws/events/a/b", None),
            ("/aws/events/a\\b", None),
            ("/aws/events/a\0b", None),
            ("/aws/events/a b", None),
            ("/aws/events/é", None),
            ("/aws/lambda/f", None),
            ("findings", None),
        ] {
            assert_eq!(LogAppend::group_name(group), name, "{group:?}");
        }
        let long = format!("/aws/events/{}", "a".repeat(201));
        assert_eq!(LogAppend::group_name(&long), None);
    }
}
