//! How AWS's SDKs for Java name services and errors: Step Functions shows errors of calls by these names.
//!
//! Two versions: the second makes words of every name (`DBInstanceNotFoundFault` becomes `DbInstanceNotFoundException`),
//! the first keeps names as the service's model has them. Both end the names of errors with `Exception`. Source: the code
//! generators of the two SDKs. Knows nothing of calls.

mod services;

use services::SERVICES;

/// A client of the second SDK beside the one of the same service's newer name.
const OLDER: (&str, &str) = ("events", "CloudWatchEvents");

/// A service by its name in `aws-sdk` resources: boto3's name and the second SDK's.
fn known(resource: &str) -> Option<(&'static str, &'static str)> {
    let mut all = SERVICES.iter().chain([&OLDER]);
    all.find(|(_, class)| class.eq_ignore_ascii_case(resource))
        .copied()
}

/// boto3's name of a service by its name in `aws-sdk` resources; one that is not known is its own.
pub(crate) fn boto3_name(resource: &str) -> &str {
    known(resource).map_or(resource, |(boto3, _)| boto3)
}

/// The second SDK's name of a service by its name in `aws-sdk` resources, as `Ec2` or `DynamoDb`: it begins errors.
pub(crate) fn service(resource: &str) -> String {
    let named = known(resource).map(|(_, class)| class.to_owned());
    named.unwrap_or_else(|| super::integration::pascal(resource))
}

/// All services: boto3's names with the second SDK's.
pub fn services() -> &'static [(&'static str, &'static str)] {
    &SERVICES
}

/// The second SDK's name of a service by its id in the service's model.
#[must_use]
pub fn class(service_id: &str) -> String {
    let name = pascal(service_id);
    let name = name.strip_prefix("Amazon").unwrap_or(&name);
    let name = name.strip_prefix("Aws").unwrap_or(name);
    name.strip_suffix("Service").unwrap_or(name).to_owned()
}

/// The second SDK's name of a modelled error of a service; the service's own where the model has none.
pub(crate) fn exception(shape: Option<&str>, service: &str) -> String {
    let base = format!("{service}Exception");
    let Some(shape) = shape else { return base };
    let named = match shape.strip_suffix("Exception") {
        Some(_) => pascal(shape),
        None => format!("{}Exception", pascal(without_fault(shape))),
    };
    // The service's own class has the name already.
    if named == base {
        format!("Default{named}")
    } else {
        named
    }
}

/// The first SDK's name of a modelled error; `base` where the model has none.
pub(crate) fn first_exception(shape: Option<&str>, base: &str) -> String {
    match shape {
        None => base.to_owned(),
        Some(shape) if shape.ends_with("Exception") => shape.to_owned(),
        Some(shape) => format!("{}Exception", without_fault(shape)),
    }
}

fn without_fault(shape: &str) -> &str {
    shape.strip_suffix("Fault").unwrap_or(shape)
}

/// A name made of its words, each with one capital: `DBInstance` becomes `DbInstance`.
fn pascal(name: &str) -> String {
    let mut made = String::with_capacity(name.len());
    for word in words(name) {
        let mut chars = word.chars();
        made.extend(chars.next().map(|c| c.to_ascii_uppercase()));
        made.extend(chars.map(|c| c.to_ascii_lowercase()));
    }
    made
}

/// The words of a name. One begins after what is no letter or digit, with a capital after a small letter, with the last
/// capital of several before a small letter, with a letter after a digit, and with the `v` of a version after capitals.
fn words(name: &str) -> Vec<String> {
    let chars: Vec<char> = name.chars().collect();
    let at = |index: usize| chars.get(index).copied().unwrap_or(' ');
    let version = |index: usize| {
        let before = index.checked_sub(2).and_then(|from| chars.get(from..index));
        at(index) == 'v'
            && at(index + 1).is_ascii_digit()
            && before.is_some_and(|two| !two.iter().any(char::is_ascii_lowercase))
    };
    let mut words: Vec<String> = Vec::new();
    let mut last = ' ';
    for (index, c) in chars.iter().copied().enumerate() {
        if !c.is_ascii_alphanumeric() {
            last = ' ';
            continue;
        }
        let next = at(index + 1);
        // A capital at the very end, as in `IoT`, begins no word.
        let hump =
            last.is_ascii_lowercase() && c.is_ascii_uppercase() && next.is_ascii_alphanumeric();
        let acronym = last.is_ascii_uppercase()
            && c.is_ascii_uppercase()
            && next.is_ascii_lowercase()
            && !version(index + 1);
        let counted = last.is_ascii_digit() && c.is_ascii_alphabetic();
        let begins = last == ' ' || hump || acronym || counted || version(index);
        match words.last_mut() {
            Some(word) if !begins => word.push(c),
            _ => words.push(c.to_string()),
        }
        last = c;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_found_by_the_names_that_resources_have() {
        for (resource, boto3, named) in [
            ("ec2", "ec2", "Ec2"),
            ("dynamodb", "dynamodb", "DynamoDb"),
            (
                "cognitoidentityprovider",
                "cognito-idp",
                "CognitoIdentityProvider",
            ),
            ("cloudwatchlogs", "logs", "CloudWatchLogs"),
            ("eventbridge", "events", "EventBridge"),
            ("sfn", "stepfunctions", "Sfn"),
            ("ssmincidents", "ssm-incidents", "SsmIncidents"),
            ("elasticloadbalancingv2", "elbv2", "ElasticLoadBalancingV2"),
            ("cloudwatchevents", "events", "CloudWatchEvents"),
            ("nosuch", "nosuch", "Nosuch"),
        ] {
            assert_eq!(boto3_name(resource), boto3);
            assert_eq!(service(resource), named);
        }
    }

    #[test]
    fn services_are_called_by_the_words_of_their_ids() {
        for (id, named) in [
            ("EC2", "Ec2"),
            ("DynamoDB", "DynamoDb"),
            ("CloudWatch Logs", "CloudWatchLogs"),
            ("Config Service", "Config"),
            ("IoT", "Iot"),
            ("IoT Data Plane", "IotDataPlane"),
            ("SESv2", "SesV2"),
            ("Elastic Load Balancing v2", "ElasticLoadBalancingV2"),
            ("S3 Control", "S3Control"),
            ("WAFV2", "Wafv2"),
            ("b2bi", "B2Bi"),
        ] {
            assert_eq!(class(id), named);
        }
    }

    #[test]
    fn errors_are_exceptions_in_the_words_of_either_sdk() {
        for (shape, second, first) in [
            (
                Some("NoSuchKey"),
                "NoSuchKeyException",
                "NoSuchKeyException",
            ),
            (
                Some("ResourceNotFoundException"),
                "ResourceNotFoundException",
                "ResourceNotFoundException",
            ),
            (
                Some("DBInstanceNotFoundFault"),
                "DbInstanceNotFoundException",
                "DBInstanceNotFoundException",
            ),
            (
                Some("EC2ThrottledException"),
                "Ec2ThrottledException",
                "EC2ThrottledException",
            ),
            (
                Some("KMSInvalidStateException"),
                "KmsInvalidStateException",
                "KMSInvalidStateException",
            ),
            (None, "RdsException", "AmazonRDSException"),
            (Some("RDS"), "DefaultRdsException", "RDSException"),
        ] {
            assert_eq!(exception(shape, "Rds"), second);
            assert_eq!(first_exception(shape, "AmazonRDSException"), first);
        }
    }
}
