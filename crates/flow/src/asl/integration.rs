//! What a Task's `Resource` means: which call it is, what its parameters become, what its answer and its errors are.
//!
//! Two families: `aws-sdk:SERVICE:ACTION`, any call with the service's own parameters and answer, and a few *optimised*
//! ones, where Step Functions turns values into texts and back. Names and texts of errors follow the SDKs that the
//! service uses: the second version of the Java SDK for the first family, the first version for the other.

use model::effect::{Failure, Spelling};
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};

use super::fault::Fault;
use super::job::Job;
use super::optimised::{self, Optimised};
use super::sdk;
use super::web;

/// A resource that this version runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Integration {
    pub(crate) family: Family,
    /// boto3's name of the service.
    pub(crate) service: String,
    /// The operation, in PascalCase.
    pub(crate) operation: String,
    /// `resourceType` of events.
    pub(crate) resource_type: String,
    /// `resource` of events.
    pub(crate) resource: String,
    /// Whether the task waits for its token to come back.
    pub(crate) callback: bool,
    /// The job whose end the task waits for, and whether its texts are opened.
    pub(crate) job: Option<(&'static Job, bool)>,
}

/// How parameters and answers are treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// `aws-sdk:...`.
    Sdk,
    /// One of the optimised ones.
    Optimised,
    /// A Lambda function's ARN.
    Function,
    /// An activity's ARN.
    Activity,
    /// `http:invoke`: a web API, through a connection.
    Http,
}

impl Family {
    /// How the events of tasks begin that are no calls of a service: in their types, and in their members.
    pub(crate) fn events(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Function => Some(("LambdaFunction", "lambdaFunction")),
            Self::Activity => Some(("Activity", "activity")),
            Self::Sdk | Self::Optimised | Self::Http => None,
        }
    }
}

impl Integration {
    /// What a resource means.
    ///
    /// # Errors
    /// Why it is not one that this version runs, in a text for people.
    pub(crate) fn parse(arn: &str) -> Result<Self, String> {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let [_, _, service, _, _, resource] = parts.as_slice() else {
            return Err(unrecognised(arn));
        };
        match *service {
            "lambda" if resource.starts_with("function:") => Ok(Self {
                family: Family::Function,
                service: "lambda".to_owned(),
                operation: "Invoke".to_owned(),
                resource_type: "lambda".to_owned(),
                resource: arn.to_owned(),
                callback: false,
                job: None,
            }),
            "states" if resource.starts_with("activity:") => Ok(Self {
                family: Family::Activity,
                service: String::new(),
                operation: String::new(),
                resource_type: "activity".to_owned(),
                resource: arn.to_owned(),
                callback: false,
                job: None,
            }),
            "states" if *resource == "http:invoke" => Ok(Self {
                family: Family::Http,
                service: "http".to_owned(),
                operation: "invoke".to_owned(),
                resource_type: "http".to_owned(),
                resource: "invoke".to_owned(),
                callback: false,
                job: None,
            }),
            "states" => Self::service(arn, resource),
            _ => Err(unrecognised(arn)),
        }
    }

    fn service(arn: &str, resource: &str) -> Result<Self, String> {
        // `.sync:2` holds a colon of its own.
        let (head, opened) = match resource.strip_suffix(":2") {
            Some(head) if head.ends_with(".sync") => (head, true),
            _ => (resource, false),
        };
        let (resource_type, action) = head.rsplit_once(':').ok_or_else(|| unrecognised(arn))?;
        let (plain, callback, waits) = match action.rsplit_once('.') {
            Some((plain, "waitForTaskToken")) => (plain, true, false),
            Some((plain, "sync")) => (plain, false, true),
            _ => (action, false, false),
        };
        let shown = resource.get(resource_type.len() + 1..).unwrap_or(action);
        let (family, service, operation) = match resource_type.strip_prefix("aws-sdk:") {
            Some(name) => (Family::Sdk, sdk::boto3_name(name), pascal(plain)),
            None => {
                let known = Optimised::of(resource_type, plain);
                let (known, operation) = known.ok_or_else(|| unrecognised(arn))?;
                (Family::Optimised, known.service, operation)
            }
        };
        let job = Job::of(service, &operation).filter(|_| waits && family == Family::Optimised);
        if waits && job.is_none() {
            return Err(format!(
                "{}. This server does not wait for jobs of this kind (.sync)",
                unrecognised(arn)
            ));
        }
        Ok(Self {
            family,
            service: service.to_owned(),
            operation,
            resource_type: resource_type.to_owned(),
            resource: shown.to_owned(),
            callback,
            job: job.map(|job| (job, opened)),
        })
    }

    /// The parameters of the call. What the optimised ones take as JSON becomes a text.
    pub(crate) fn parameters(&self, arguments: Value) -> Result<Map<String, Value>, Fault> {
        if self.family == Family::Function {
            let mut parameters = Map::new();
            parameters.insert("FunctionName".to_owned(), json!(self.resource));
            parameters.insert("Payload".to_owned(), Value::String(arguments.to_string()));
            return Ok(parameters);
        }
        let Value::Object(mut parameters) = arguments else {
            return Err(Fault::runtime(format!(
                "The Parameters '{arguments}' could not be used to start the Task: [The parameters must be an object]"
            )));
        };
        if self.family == Family::Optimised {
            let text = match self.service.as_str() {
                "lambda" => "Payload",
                "sqs" => "MessageBody",
                "sns" => "Message",
                "stepfunctions" => "Input",
                _ => "",
            };
            if let Some(value) = parameters.get_mut(text) {
                as_text(value, self.service == "lambda");
            }
            for entry in parameters
                .get_mut("Entries")
                .and_then(Value::as_array_mut)
                .into_iter()
                .flatten()
            {
                if let Some(detail) = entry.get_mut("Detail") {
                    as_text(detail, false);
                }
            }
            if self.service == "stepfunctions" {
                parameters = parameters
                    .into_iter()
                    .map(|(key, value)| (camel(&key), value))
                    .collect();
            }
            if self.service == "emr" {
                parameters = optimised::wrapped(&self.operation, parameters)?;
            }
        }
        Ok(parameters)
    }

    /// Names the execution in the events that it puts on a bus: its machine's ARN and its own follow the resources given.
    /// Source: Step Functions developer guide, "Send EventBridge events with Step Functions".
    pub(crate) fn name_origin(
        &self,
        parameters: &mut Map<String, Value>,
        (machine, execution): (&str, &str),
    ) {
        if self.family != Family::Optimised || self.service != "events" {
            return;
        }
        let entries = parameters.get_mut("Entries").and_then(Value::as_array_mut);
        for entry in entries
            .into_iter()
            .flatten()
            .filter_map(Value::as_object_mut)
        {
            let named = entry.entry("Resources").or_insert_with(|| json!([]));
            if let Some(named) = named.as_array_mut() {
                named.extend([json!(machine), json!(execution)]);
            }
        }
    }

    /// Whether the task goes on when its call is answered.
    pub(crate) fn waits(&self) -> bool {
        self.callback || self.job.is_some()
    }

    /// Why an answered call began nothing that a task could wait for: error and cause.
    pub(crate) fn not_begun(&self, answer: &Value) -> Option<(&'static str, String)> {
        let job = Job::of(&self.service, &self.operation)
            .filter(|_| self.waits() && self.family == Family::Optimised);
        job?.not_begun(answer)
    }

    /// How the call's parameters and answer are spelled.
    pub(crate) fn spelling(&self) -> Spelling {
        match self.family {
            Family::Sdk => Spelling::Pascal,
            Family::Optimised => Spelling::PascalMillis,
            Family::Function | Family::Activity | Family::Http => Spelling::Service,
        }
    }

    /// The task's result from the call's answer.
    pub(crate) fn result(&self, mut answer: Value) -> Result<Value, Fault> {
        let metadata = answer
            .as_object_mut()
            .and_then(|map| map.remove("ResponseMetadata"))
            .unwrap_or_default();
        if self.service == "lambda" && self.operation == "Invoke" && self.family != Family::Sdk {
            if let Some(failed) = function_error(&answer) {
                return Err(failed);
            }
            if let Some(payload) = answer.get_mut("Payload") {
                let text = payload.as_str().unwrap_or_default();
                *payload = serde_json::from_str(text).unwrap_or_else(|_| json!(text));
            }
        }
        match self.family {
            Family::Function => Ok(answer.get("Payload").cloned().unwrap_or_default()),
            Family::Activity | Family::Http => Ok(answer),
            Family::Sdk => Ok(pascal_keys(answer)),
            Family::Optimised => {
                if let Some(failed) = failed_entry(&answer) {
                    return Err(failed);
                }
                let mut result = pascal_keys(answer);
                if let (Some(members), true) = (result.as_object_mut(), self.service == "emr") {
                    optimised::unwrapped(&self.operation, members);
                }
                let headers = metadata
                    .get("HTTPHeaders")
                    .cloned()
                    .unwrap_or_else(|| json!({}));
                result["SdkHttpMetadata"] = json!({
                    "AllHttpHeaders": every(&headers),
                    "HttpHeaders": headers,
                    "HttpStatusCode": metadata.get("HTTPStatusCode").cloned().unwrap_or_else(|| json!(200)),
                });
                result["SdkResponseMetadata"] = json!({"RequestId": metadata["RequestId"]});
                Ok(result)
            }
        }
    }

    /// The fault of a call that failed.
    pub(crate) fn fault(&self, failure: &Failure) -> Fault {
        if failure.code == "Timeout" {
            return Fault::timeout(false);
        }
        let status = failure.status.unwrap_or(0);
        let mut request = failure.request_id.clone().unwrap_or("null".to_owned());
        let message = &failure.message;
        let shape = failure.shape.as_deref();
        match self.family {
            Family::Sdk => {
                let name = self.resource_type.trim_start_matches("aws-sdk:");
                let prefix = sdk::service(name);
                let error = sdk::exception(shape, &prefix);
                if let Some(extended) = &failure.extended_request_id {
                    request += &format!(", Extended Request ID: {extended}");
                }
                Fault::of(
                    Some(format!("{prefix}.{error}")),
                    Some(format!(
                        "{message} (Service: {prefix}, Status Code: {status}, Request ID: {request})"
                    )),
                )
            }
            Family::Http => web::fault(failure),
            Family::Optimised | Family::Function | Family::Activity => {
                let known = Optimised::of_service(&self.service);
                let (prefix, long) =
                    known.map_or(("Lambda", "AWSLambda"), |known| (known.prefix, known.long));
                let base = known.map_or("AWSLambdaException".to_owned(), Optimised::exception);
                let error = sdk::first_exception(shape, &base);
                Fault::of(
                    Some(format!("{prefix}.{error}")),
                    Some(format!(
                        "{message} (Service: {long}; Status Code: {status}; Error Code: {}; Request ID: {request}; Proxy: null)",
                        failure.code
                    )),
                )
            }
        }
    }
}

/// What is said of a resource that means nothing.
pub(crate) fn unrecognised(arn: &str) -> String {
    format!(
        "The resource provided {arn} is not recognized. The value is not a valid resource ARN, or the resource is not available in this region."
    )
}

/// A value as the JSON text that a call takes. A text stays: for a function, which takes nothing else, if it is JSON
/// itself (as recorded from the service).
fn as_text(value: &mut Value, only_json: bool) {
    let stays = match value {
        Value::Null => true,
        Value::String(text) => !only_json || serde_json::from_str::<IgnoredAny>(text).is_ok(),
        _ => false,
    };
    if !stays {
        *value = Value::String(value.to_string());
    }
}

/// The error of a function that ran and failed.
fn function_error(answer: &Value) -> Option<Fault> {
    answer.get("FunctionError")?;
    let text = answer["Payload"].as_str().unwrap_or_default();
    let payload: Value = serde_json::from_str(text).unwrap_or_default();
    let error = payload["errorType"].as_str().unwrap_or("Lambda.Unknown");
    Some(Fault::of(Some(error.to_owned()), Some(text.to_owned())))
}

/// `PutEvents` that took not all entries.
fn failed_entry(answer: &Value) -> Option<Fault> {
    let failed = answer.get("FailedEntryCount")?.as_u64()?;
    (failed > 0).then(|| {
        let mut shown = answer.clone();
        if let Some(map) = shown.as_object_mut() {
            map.remove("ResponseMetadata");
        }
        Fault::of(
            Some("EventBridge.FailedEntry".to_owned()),
            Some(shown.to_string()),
        )
    })
}

fn every(headers: &Value) -> Value {
    let map = headers.as_object().into_iter().flatten();
    map.map(|(name, value)| (name.clone(), json!([value])))
        .collect::<Map<String, Value>>()
        .into()
}

pub(crate) fn pascal(name: &str) -> String {
    let mut chars = name.chars();
    let first = chars.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(chars).collect()
}

fn camel(name: &str) -> String {
    let mut chars = name.chars();
    let first = chars.next().map(|c| c.to_ascii_lowercase());
    first.into_iter().chain(chars).collect()
}

/// Answers have their members in PascalCase, whatever the service's own spelling.
fn pascal_keys(answer: Value) -> Value {
    match answer {
        Value::Object(map) => map
            .into_iter()
            .map(|(key, value)| (pascal(&key), value))
            .collect::<Map<_, _>>()
            .into(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(resource: &str) -> Integration {
        Integration::parse(&format!("arn:aws:states:::{resource}")).expect("a resource")
    }

    #[test]
    fn a_payload_that_is_json_is_sent_as_it_is() {
        for (given, sent) in [
            (json!("\"text\""), json!("\"text\"")),
            (json!("text"), json!("\"text\"")),
            (json!(""), json!("\"\"")),
            (json!("{\"a\": 1}"), json!("{\"a\": 1}")),
            (json!({"a": 1}), json!("{\"a\":1}")),
            (json!(0), json!("0")),
            (json!(null), json!(null)),
        ] {
            let arguments = json!({"FunctionName": "f", "Payload": given});
            let parameters = parsed("lambda:invoke").parameters(arguments);
            assert_eq!(parameters.expect("parameters")["Payload"], sent, "{given}");
        }
    }

    #[test]
    fn events_tell_which_execution_put_them() {
        let named = |resource: &str| {
            let arguments = json!({"Entries": [{"Resources": ["arn"]}, {"Detail": {"n": 1}}]});
            let integration = parsed(resource);
            let mut parameters = integration.parameters(arguments).expect("parameters");
            integration.name_origin(&mut parameters, ("machine", "execution"));
            Value::Object(parameters)
        };
        let wanted = json!({"Entries": [
            {"Resources": ["arn", "machine", "execution"]},
            {"Detail": "{\"n\":1}", "Resources": ["machine", "execution"]},
        ]});
        assert_eq!(named("events:putEvents"), wanted);
        let wanted = json!({"Entries": [{"Resources": ["arn"]}, {"Detail": {"n": 1}}]});
        assert_eq!(named("aws-sdk:eventbridge:putEvents"), wanted);
    }
}
