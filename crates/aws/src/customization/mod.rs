//! What boto3 does beside the models, so that a call written for boto3 behaves the same here.
//!
//! Every rule stands in [`RULES`] with its service, its operations and its reason. A rule acts at one stage of a call:
//! on the parameters as given, on those that were checked, on the written request, on the request with its address, on
//! the answer before it is read, or on the answer after. This module knows nothing of sockets, and no rule makes a call.

mod ids;
mod s3;
mod texts;

pub(crate) use s3::{asks_encoded_keys, decode_keys};

use serde_json::{Map, Value};

use crate::model::{Operation, Service, Structure};
use crate::protocol::Parts;
use crate::{CallOptions, Error, HttpRequest, HttpResponse};

/// Parameters of an operation.
pub(crate) type Params = Map<String, Value>;

/// Which call a rule acts on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    /// The service.
    pub(crate) service: &'a Service,
    /// The operation.
    pub(crate) operation: &'a Operation,
    /// What the caller chose.
    pub(crate) options: &'a CallOptions,
}

impl Place<'_> {
    /// The input's members.
    fn input(&self) -> Option<&Structure> {
        let input = self.operation.input.as_ref()?;
        self.service.structure(input)
    }

    /// The output's members.
    fn output(&self) -> Option<&Structure> {
        let output = self.operation.output.as_ref()?;
        self.service.structure(output)
    }
}

/// A stage of a call and what to do there.
enum Act {
    /// Parameters as the caller gave them, before they are checked.
    Given(fn(&Place<'_>, &mut Params) -> Result<(), Error>),
    /// Checked parameters.
    Checked(fn(&Place<'_>, &mut Params)),
    /// The request but for its address; checksums come after it.
    Written(fn(&Place<'_>, &mut Parts)),
    /// The whole request, unsigned, for an endpoint that the caller did not name.
    Addressed(fn(&Params, &mut HttpRequest)),
    /// The answer as it came: another one to be read in its place.
    Received(fn(&Place<'_>, &HttpResponse) -> Option<HttpResponse>),
    /// The answer that was read.
    Read(fn(&Place<'_>, &HttpResponse, &mut Value)),
}

/// One thing that boto3 does for some operations of a service.
struct Rule {
    /// Client name.
    service: &'static str,
    /// Operations; empty for all of the service.
    operations: &'static [&'static str],
    /// Why.
    #[cfg_attr(
        not(test),
        expect(
            dead_code,
            reason = "for readers of the table, and for the page that a test compares with it"
        )
    )]
    reason: &'static str,
    act: Act,
}

const fn rule(
    service: &'static str,
    operations: &'static [&'static str],
    reason: &'static str,
    act: Act,
) -> Rule {
    Rule {
        service,
        operations,
        reason,
        act,
    }
}

/// Source: botocore's built-in handlers. What they do for documentation, presigned links, files and event streams has
/// no place here. Retries, redirects to a bucket's region and idempotency tokens are elsewhere in this crate.
static RULES: &[Rule] = &[
    // Parameters.
    rule(
        "ec2",
        &[],
        "callers say `Filters` where older operations have `Filter`",
        Act::Given(ids::filters_alias),
    ),
    rule(
        "logs",
        &["CreateExportTask"],
        "`from` is a word of Python, so boto3 has `fromTime`",
        Act::Given(ids::from_alias),
    ),
    rule(
        "cloudsearchdomain",
        &["Search"],
        "`return` is a word of Python, so boto3 has `returnFields`",
        Act::Given(ids::return_alias),
    ),
    rule(
        "glacier",
        &[],
        "the account is the caller's own unless given",
        Act::Given(ids::glacier_account),
    ),
    rule(
        "s3control",
        &[],
        "the ARN of a thing on an outpost tells the account",
        Act::Given(ids::outpost_account),
    ),
    rule(
        "route53",
        &[],
        "ids are answered as paths and wanted bare",
        Act::Checked(ids::bare_route53_ids),
    ),
    rule(
        "ec2",
        &["RunInstances"],
        "user data is given as plain text and sent as base64",
        Act::Given(texts::encode_user_data),
    ),
    rule(
        "autoscaling",
        &["CreateLaunchConfiguration"],
        "user data is given as plain text and sent as base64",
        Act::Given(texts::encode_user_data),
    ),
    rule(
        "s3",
        &[],
        "a bad bucket name would be a path or a host of another meaning",
        Act::Given(s3::check_bucket),
    ),
    rule(
        "s3",
        &["CopyObject", "UploadPartCopy"],
        "the source is text or {Bucket, Key, VersionId} and is sent encoded",
        Act::Given(s3::copy_source),
    ),
    rule(
        "s3",
        &["CopyObject", "PutObject", "CreateMultipartUpload"],
        "metadata are headers, which are ASCII",
        Act::Given(s3::check_metadata),
    ),
    rule(
        "s3",
        s3::WITH_KEY,
        "a customer's key goes out in base64 with its MD5",
        Act::Given(s3::customer_key),
    ),
    rule(
        "s3",
        &["CopyObject", "UploadPartCopy"],
        "the source's key goes out in base64 with its MD5",
        Act::Given(s3::copy_source_key),
    ),
    rule(
        "s3",
        s3::LISTS,
        "keys may have characters that XML cannot carry",
        Act::Given(s3::ask_encoded_keys),
    ),
    rule(
        "s3",
        &["GetObject"],
        "the object's checksum is wanted in order to verify it",
        Act::Given(s3::ask_checksum),
    ),
    // Requests.
    rule(
        "apigateway",
        &[],
        "without it the service answers in another form",
        Act::Written(|_, parts| texts::header(parts, "accept", "application/json")),
    ),
    rule(
        "glacier",
        &[],
        "the service demands its version",
        Act::Written(texts::glacier_version),
    ),
    rule(
        "glacier",
        &["UploadArchive", "UploadMultipartPart"],
        "the service demands the hash and the tree hash of a body",
        Act::Written(texts::glacier_checksums),
    ),
    rule(
        "dynamodb",
        &["DescribeEndpoints"],
        "endpoint discovery tells the API's version",
        Act::Written(texts::api_version),
    ),
    rule(
        "timestream-query",
        &["DescribeEndpoints"],
        "endpoint discovery tells the API's version",
        Act::Written(texts::api_version),
    ),
    rule(
        "timestream-write",
        &["DescribeEndpoints"],
        "endpoint discovery tells the API's version",
        Act::Written(texts::api_version),
    ),
    rule(
        "s3",
        &["DeleteObjects", "PutBucketLifecycleConfiguration"],
        "a reader of XML would change line ends in keys",
        Act::Written(s3::keep_line_ends),
    ),
    rule(
        "machinelearning",
        &["Predict"],
        "the model's own endpoint is a parameter",
        Act::Addressed(ids::predict_endpoint),
    ),
    rule(
        "cloudsearchdomain",
        &["Search"],
        "a long query does not fit into a URL",
        Act::Addressed(texts::query_as_form),
    ),
    // Answers.
    rule(
        "s3",
        &[],
        "a long copy may fail after status 200",
        Act::Received(s3::late_error),
    ),
    rule(
        "sso-oidc",
        &[],
        "OAuth tells the message as `error_description`",
        Act::Received(texts::oauth_message),
    ),
    rule(
        "iam",
        &[],
        "policy documents are percent-encoded JSON",
        Act::Read(texts::open_policies),
    ),
    rule(
        "ec2",
        &["GetConsoleOutput"],
        "the output is base64",
        Act::Read(texts::open_console),
    ),
    rule(
        "cloudformation",
        &["GetTemplate"],
        "a template in JSON is given as a structure",
        Act::Read(texts::open_template),
    ),
    rule(
        "s3",
        &["GetBucketLocation"],
        "the answer is a bare element, empty for us-east-1",
        Act::Read(s3::location),
    ),
    rule(
        "s3",
        &[],
        "a date of expiry may be any text",
        Act::Read(s3::expires),
    ),
];

/// Operations of services that answer only at an endpoint which they name first; `DescribeEndpoints` names it.
/// Source: the models' `endpointdiscovery.required`.
const DISCOVERED: [&str; 2] = ["timestream-query", "timestream-write"];

fn rules<'a>(place: &Place<'a>) -> impl Iterator<Item = &'static Rule> + use<'a> {
    let (service, operation) = (place.service, place.operation);
    RULES.iter().filter(move |rule| {
        *rule.service == *service.name
            && (rule.operations.is_empty() || rule.operations.contains(&&*operation.name))
    })
}

/// Refuses a call that AWS's own endpoint would not serve. With an endpoint of the caller's there is nothing to refuse.
///
/// # Errors
/// [`Error::EndpointDiscovery`].
pub(crate) fn refuse(place: &Place<'_>, endpoint_url: Option<&str>) -> Result<(), Error> {
    let discovered = DISCOVERED.contains(&place.service.name)
        && place.operation.name != "DescribeEndpoints"
        && endpoint_url.is_none();
    if !discovered {
        return Ok(());
    }
    Err(Error::EndpointDiscovery {
        service: place.service.name.to_string(),
        operation: place.operation.name.to_string(),
    })
}

/// Parameters as the caller gave them; what is no object is left to the check.
///
/// # Errors
/// [`Error::Parameters`] for what the models do not forbid but the service does.
pub(crate) fn before_checks(place: &Place<'_>, params: &Value) -> Result<Value, Error> {
    let mut given = match params {
        Value::Object(map) => map.clone(),
        Value::Null => Map::new(),
        other => return Ok(other.clone()),
    };
    for rule in rules(place) {
        if let Act::Given(act) = rule.act {
            act(place, &mut given)?;
        }
    }
    Ok(Value::Object(given))
}

/// Checked parameters.
pub(crate) fn before_encoding(place: &Place<'_>, params: &mut Params) {
    for rule in rules(place) {
        if let Act::Checked(act) = rule.act {
            act(place, params);
        }
    }
}

/// The request but for its address.
pub(crate) fn after_encoding(place: &Place<'_>, parts: &mut Parts) {
    for rule in rules(place) {
        if let Act::Written(act) = rule.act {
            act(place, parts);
        }
    }
}

/// The whole request, unless the caller named the endpoint.
pub(crate) fn after_addressing(place: &Place<'_>, params: &Params, request: &mut HttpRequest) {
    for rule in rules(place) {
        if let Act::Addressed(act) = rule.act {
            act(params, request);
        }
    }
}

/// The answer as it came.
pub(crate) fn before_decoding(place: &Place<'_>, response: &HttpResponse) -> Option<HttpResponse> {
    rules(place).find_map(|rule| match rule.act {
        Act::Received(act) => act(place, response),
        _ => None,
    })
}

/// The decoded answer.
pub(crate) fn after_decoding(place: &Place<'_>, response: &HttpResponse, answer: &mut Value) {
    for rule in rules(place) {
        if let Act::Read(act) = rule.act {
            act(place, response, answer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::catalog;

    #[test]
    fn the_page_has_every_rule() {
        let page = include_str!("../../../../docs/reference/aws-client.md");
        for rule in RULES {
            let names: Vec<String> = rule
                .operations
                .iter()
                .map(|name| format!("`{name}`"))
                .collect();
            let operations = if names.is_empty() {
                "all".to_owned()
            } else {
                names.join(", ")
            };
            let row = format!("| `{}` | {operations} | {} |", rule.service, rule.reason);
            assert!(
                page.lines().any(|line| line == row),
                "docs/reference/aws-client.md lacks\n{row}"
            );
        }
    }

    #[test]
    fn every_rule_names_what_there_is() {
        for rule in RULES {
            let service = catalog().service(rule.service).unwrap();
            assert_eq!(service.name, rule.service);
            assert!(!rule.reason.is_empty());
            for operation in rule.operations {
                assert!(
                    service.operation(operation).is_some(),
                    "{}:{operation}",
                    rule.service
                );
            }
        }
    }
}
