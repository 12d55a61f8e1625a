//! The configuration of a function as a request gives it: read, checked, and put over what is there.
//!
//! What a function here cannot have is refused by name, so that nobody believes in a network or a layer that is not
//! there.

use std::collections::BTreeMap;

use model::arn::Arn;
use model::function::{ENVIRONMENT, MAX_TIMEOUT_SECS, Version};
use model::sealed::Sealed;
use ports::vault::{Place as Sealing, Secret};
use serde_json::Value;

use super::names::invalid;
use crate::call::Call;
use crate::decode::{Fields, Text};
use crate::error::ApiError;

/// Most bytes of all variables, as JSON.
const MAX_VARIABLES: usize = 4 * 1024;
const DESCRIPTION: Text = Text::length(0, 256);
const HANDLER: Text =
    Text::length(1, 128).matching("[^\\s]+", |text| !text.chars().any(char::is_whitespace));
/// Variables that the runtime sets
/// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime>).
const RESERVED: [&str; 20] = [
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SECRET_KEY",
    "AWS_SECURITY_TOKEN",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
];

/// What a request says; `None` is not said.
pub(super) struct Settings {
    runtime: Option<String>,
    handler: Option<String>,
    role: Option<String>,
    description: Option<String>,
    timeout_secs: Option<u32>,
    memory_mib: Option<u32>,
    ephemeral_mib: Option<u32>,
    variables: Option<BTreeMap<String, String>>,
    dead_letter: Option<Option<String>>,
}

impl Settings {
    /// Reads and checks what a request says.
    pub(super) fn read(call: &Call) -> Result<Self, ApiError> {
        let fields = call.fields();
        refuse_unserved(&fields)?;
        let number = |name: &str, min: i64, max: i64| -> Result<Option<u32>, ApiError> {
            let found = fields.integer(name, min, max)?;
            Ok(found.and_then(|number| u32::try_from(number).ok()))
        };
        let storage = fields.object("EphemeralStorage")?;
        let ephemeral = match &storage {
            Some(storage) => storage.integer("Size", 512, 10_240)?,
            None => None,
        };
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Ok(Self {
            runtime: runtime(&fields)?,
            handler: owned(fields.text("Handler", HANDLER)?),
            role: role(&fields)?,
            description: owned(fields.text("Description", DESCRIPTION)?),
            timeout_secs: number("Timeout", 1, i64::from(MAX_TIMEOUT_SECS))?,
            memory_mib: number("MemorySize", 128, 10_240)?,
            ephemeral_mib: ephemeral.and_then(|size| u32::try_from(size).ok()),
            variables: variables(&fields)?,
            dead_letter: dead_letter(&fields)?,
        })
    }

    /// The runtime and handler that a new function needs.
    pub(super) fn program(&self) -> Result<(String, String), ApiError> {
        match (&self.runtime, &self.handler) {
            (Some(runtime), Some(handler)) => Ok((runtime.clone(), handler.clone())),
            _ => Err(invalid(
                "Runtime and Handler are mandatory parameters for functions created with deployment packages.",
            )),
        }
    }

    /// The role that a new function needs.
    pub(super) fn role(&self, call: &Call) -> Result<String, ApiError> {
        self.role
            .clone()
            .ok_or_else(|| call.fields().missing("Role"))
    }

    /// Puts it over a version; `sealed` holds the variables if they are said.
    pub(super) fn put_over(&self, version: &mut Version, sealed: Option<Option<Sealed>>) {
        fn set<T: Clone>(to: &mut T, from: &Option<T>) {
            if let Some(value) = from {
                to.clone_from(value);
            }
        }
        set(&mut version.runtime, &self.runtime);
        set(&mut version.handler, &self.handler);
        set(&mut version.role, &self.role);
        set(&mut version.description, &self.description);
        set(&mut version.timeout_secs, &self.timeout_secs);
        set(&mut version.memory_mib, &self.memory_mib);
        set(&mut version.ephemeral_mib, &self.ephemeral_mib);
        set(&mut version.dead_letter, &self.dead_letter);
        set(&mut version.variables, &sealed);
    }

    /// The variables, sealed for a function; the outer `None` if the request says nothing of them.
    pub(super) fn sealed(
        &self,
        call: &Call,
        place: &str,
    ) -> Result<Option<Option<Sealed>>, ApiError> {
        let Some(variables) = &self.variables else {
            return Ok(None);
        };
        if variables.is_empty() {
            return Ok(Some(None));
        }
        let text = serde_json::to_string(variables)
            .map_err(|_| ApiError::internal("variables have no written form"))?;
        let sealed = call
            .state
            .config()
            .vault
            .seal(&sealing(call, place), &Secret::new(text));
        let sealed = sealed.map_err(|error| ApiError::internal(error.to_string()))?;
        Ok(Some(Some(sealed)))
    }
}

/// Where a function's variables are sealed for.
fn sealing(call: &Call, place: &str) -> Sealing {
    Sealing::new(&call.scope, model::function::FUNCTION, place, ENVIRONMENT)
}

/// The variables of a version in clear.
pub(super) fn opened(call: &Call, place: &str, sealed: &Sealed) -> Result<Value, ApiError> {
    let vault = &call.state.config().vault;
    let opened = vault.open(&sealing(call, place), sealed);
    let opened = opened.map_err(|error| ApiError::internal(error.to_string()))?;
    serde_json::from_str(opened.expose())
        .map_err(|_| ApiError::internal("sealed variables are of another form"))
}

/// Members that a function here cannot have, and what to do instead.
const UNSERVED: [(&str, &str); 9] = [
    ("Layers", "put what a layer holds into the zip file"),
    ("FileSystemConfigs", "there is no file system to mount"),
    ("ImageConfig", "functions are zip files here"),
    ("CodeSigningConfigArn", "signed code is not checked"),
    (
        "KMSKeyArn",
        "variables are sealed with the server's own key",
    ),
    ("CapacityProviderConfig", "functions run on this server"),
    ("DurableConfig", "durable executions are not served"),
    ("TenancyConfig", "tenant isolation is not served"),
    ("PublishTo", "give Publish"),
];
/// Members of members, and the one value that they may have.
const ONLY: [(&str, &str, Option<&str>, &str); 6] = [
    (
        "VpcConfig",
        "SubnetIds",
        None,
        "functions run in this server's network",
    ),
    (
        "VpcConfig",
        "SecurityGroupIds",
        None,
        "functions run in this server's network",
    ),
    (
        "TracingConfig",
        "Mode",
        Some("PassThrough"),
        "no traces are sent: give PassThrough",
    ),
    (
        "SnapStart",
        "ApplyOn",
        Some("None"),
        "no snapshots are taken: give None",
    ),
    ("LoggingConfig", "LogFormat", Some("Text"), "logs are Text"),
    (
        "LoggingConfig",
        "LogGroup",
        None,
        "the log group cannot be chosen",
    ),
];

/// What a function here cannot have.
fn refuse_unserved(fields: &Fields<'_>) -> Result<(), ApiError> {
    let refused = |member: &str, remedy: &str| {
        Err(invalid(format!(
            "{member} is not served by Quell: {remedy}"
        )))
    };
    for (member, remedy) in UNSERVED {
        if fields.raw(member).is_some_and(says_something) {
            return refused(member, remedy);
        }
    }
    for (member, inner, only, remedy) in ONLY {
        let value = fields.raw(member).and_then(|value| value.get(inner));
        let value = value.filter(|value| says_something(value));
        if value.is_some_and(|value| value.as_str() != only || only.is_none()) {
            return refused(member, remedy);
        }
    }
    match fields.raw("PackageType").and_then(Value::as_str) {
        None | Some("Zip") => Ok(()),
        Some(_) => refused("PackageType", "functions are zip files here: give Zip"),
    }
}

/// Empty lists and texts say that there is nothing.
fn says_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty(),
        Value::String(text) => !text.is_empty(),
        Value::Object(members) => members.values().any(says_something),
        Value::Bool(_) | Value::Number(_) => true,
    }
}

fn runtime(fields: &Fields<'_>) -> Result<Option<String>, ApiError> {
    let Some(runtime) = fields.text("Runtime", Text::length(1, 64))? else {
        return Ok(None);
    };
    let minor = runtime.strip_prefix("python3.");
    let fits = minor.is_some_and(|minor| {
        (1..=2).contains(&minor.len()) && minor.bytes().all(|byte| byte.is_ascii_digit())
    });
    if fits {
        return Ok(Some(runtime.to_owned()));
    }
    Err(invalid(format!(
        "The runtime parameter of {} is not served by Quell, which runs python3.x: give e.g. python3.12",
        crate::error::echo(runtime)
    )))
}

fn role(fields: &Fields<'_>) -> Result<Option<String>, ApiError> {
    let Some(role) = fields.text("Role", Text::length(1, 2048))? else {
        return Ok(None);
    };
    let parsed = Arn::parse(role).filter(|arn| {
        arn.service == "iam" && arn.account.len() == 12 && arn.tail("role").is_some()
    });
    if parsed.is_some() {
        return Ok(Some(role.to_owned()));
    }
    let rule = "Member must satisfy regular expression pattern: arn:(aws[a-zA-Z-]*)?:iam::\\d{12}:role/?[a-zA-Z_0-9+=,.@\\-_/]+";
    Err(ApiError::constraint("role", Some(role), rule))
}

fn dead_letter(fields: &Fields<'_>) -> Result<Option<Option<String>>, ApiError> {
    let Some(config) = fields.object("DeadLetterConfig")? else {
        return Ok(None);
    };
    let target = config.text("TargetArn", Text::length(0, 350))?;
    let Some(target) = target.filter(|target| !target.is_empty()) else {
        return Ok(Some(None));
    };
    let known = Arn::parse(target)
        .is_some_and(|arn| matches!(arn.service.as_str(), "sqs" | "sns") && !arn.region.is_empty());
    if known {
        return Ok(Some(Some(target.to_owned())));
    }
    Err(invalid(format!(
        "The target {} of DeadLetterConfig must be the ARN of an SQS queue or an SNS topic",
        crate::error::echo(target)
    )))
}

fn variables(fields: &Fields<'_>) -> Result<Option<BTreeMap<String, String>>, ApiError> {
    let Some(environment) = fields.object("Environment")? else {
        return Ok(None);
    };
    let any = (Text::length(0, 4096), Text::length(0, 8192));
    let Some(given) = environment.object("Variables")? else {
        return Ok(Some(BTreeMap::new()));
    };
    // Values may be secrets: a refusal names the variable, never its value.
    let mut all = BTreeMap::new();
    for (name, value) in given.map() {
        any.0.check("environment.variables", name)?;
        if !is_variable(name) {
            let rule = "Map keys must satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]";
            return Err(ApiError::constraint(
                "environment.variables",
                Some(name),
                rule,
            ));
        }
        let Some(value) = value.as_str() else {
            return Err(ApiError::malformed(format!(
                "`environment.variables.{name}` must be a string"
            )));
        };
        if value.contains('\0') {
            return Err(invalid(format!(
                "The variable {name} holds a NUL character, which no variable can"
            )));
        }
        all.insert(name.clone(), value.to_owned());
    }
    let reserved: Vec<&str> = all
        .keys()
        .map(String::as_str)
        .filter(|name| RESERVED.contains(name))
        .collect();
    let unable = "Lambda was unable to configure your environment variables because the environment variables you have provided";
    if !reserved.is_empty() {
        return Err(invalid(format!(
            "{unable} contains reserved keys that are currently not supported for modification. Reserved keys used in this request: {}",
            reserved.join(", ")
        )));
    }
    let bytes = serde_json::to_string(&all).map_or(usize::MAX, |text| text.len());
    if bytes > MAX_VARIABLES {
        return Err(invalid(format!("{unable} exceeded the 4KB limit.")));
    }
    Ok(Some(all))
}

fn is_variable(name: &str) -> bool {
    let mut letters = name.chars();
    let first = letters
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic());
    first && name.len() > 1 && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}
