//! Rule sets and parameters that nobody wrote.

use std::collections::BTreeMap;

use aws::endpoint::{EndpointError, RuleSet, Wanted, resolve, rules_of};
use aws::model::catalog;
use aws::{CallOptions, EndpointParameter};
use proptest::prelude::*;
use serde_json::Map;

use super::is_plain_url;
use crate::endpoints::partitions;

fn any_text() -> BoxedStrategy<String> {
    prop_oneof![
        any::<String>(),
        "[a-z0-9.-]{0,70}",
        "arn:(aws|aws-cn)?:(s3|s3-outposts|s3-object-lambda|kinesis|dynamodb)?:[a-z0-9-]{0,12}:[0-9]{0,12}:[a-z:/-]{0,40}",
        "(https?://)?[a-z0-9.:\\[\\]-]{0,20}(/[a-z.%]{0,8})?",
        Just("name--use1-az4--x-s3".to_owned()),
    ]
    .boxed()
}

fn any_parameter(of: &str) -> BoxedStrategy<EndpointParameter> {
    match of {
        "flag" => any::<bool>().prop_map(EndpointParameter::Flag).boxed(),
        "list" => proptest::collection::vec(any_text(), 0..3)
            .prop_map(EndpointParameter::List)
            .boxed(),
        _ => any_text().prop_map(EndpointParameter::Text).boxed(),
    }
}

/// A service and values for some of the parameters of its rules.
fn any_evaluation() -> BoxedStrategy<(&'static str, BTreeMap<String, EndpointParameter>)> {
    let names: Vec<&'static str> = catalog().names().collect();
    let favourites = prop_oneof![
        3 => proptest::sample::select(names),
        2 => proptest::sample::select(vec!["s3", "s3control", "dynamodb", "kinesis", "events", "sts"]),
    ];
    favourites
        .prop_flat_map(|name| {
            let rules = rules_of(name).unwrap().unwrap();
            let values: Vec<_> = rules
                .parameters()
                .iter()
                .map(|parameter| {
                    use aws::endpoint::ParameterKind::{Flag, List, Text};
                    let kind = match parameter.kind {
                        Flag => "flag",
                        List => "list",
                        Text => "text",
                    };
                    let key = parameter.name.clone();
                    proptest::option::weighted(0.7, any_parameter(kind))
                        .prop_map(move |value| value.map(|value| (key.clone(), value)))
                })
                .collect();
            values.prop_map(move |values| (name, values.into_iter().flatten().collect()))
        })
        .boxed()
}

fn sendable(result: &Result<aws::endpoint::Endpoint, EndpointError>) -> bool {
    let Ok(endpoint) = result else { return true };
    is_plain_url(&format!(
        "{}://{}{}",
        endpoint.scheme, endpoint.authority, endpoint.path
    )) && endpoint
        .headers
        .iter()
        .all(|(_, value)| !value.contains(['\r', '\n']))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_gives_an_endpoint_or_an_error((name, given) in any_evaluation()) {
        let rules = rules_of(name).unwrap().unwrap();
        let _ = rules.evaluate(&partitions(), &given);
        // The same through the door that calls use: what comes out can be sent.
        let service = catalog().service(name).unwrap();
        let mut options = CallOptions::new();
        let region = given.get("Region").cloned();
        let url = given.get("Endpoint").cloned();
        options.endpoint_parameters = given;
        options.endpoint_parameters.remove("Region");
        options.endpoint_parameters.remove("Endpoint");
        let text = |parameter: Option<EndpointParameter>| match parameter {
            Some(EndpointParameter::Text(text)) => Some(text),
            _ => None,
        };
        let (region, url) = (text(region), text(url));
        let wanted = Wanted {
            region: region.as_deref().unwrap_or("us-east-1"),
            endpoint_url: url.as_deref(),
            options: &options,
        };
        let operation = &service.operations[0];
        let result = resolve(&service, operation, &Map::new(), wanted);
        prop_assert!(sendable(&result), "{result:?}");
    }

    #[test]
    fn any_document_compiles_or_says_why(text in any::<String>()) {
        prop_assert!(RuleSet::parse(&text).is_err());
    }
}
