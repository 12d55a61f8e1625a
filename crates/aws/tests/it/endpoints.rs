//! Endpoints: every case of the SDKs' suite for every service, and what whole calls make of them.

use std::collections::BTreeMap;
use std::fs;

use aws::endpoint::{EndpointError, Partitions, Resolved, RuleSet, rules_of};
use aws::model::catalog;
use aws::{
    AccountIdEndpointMode, AddressingStyle, Call, CallOptions, EndpointParameter, Error, Prepared,
    RegionalEndpoints, Signing, prepare,
};
use serde_json::{Map, Value, json};

/// Parameters of rules from their JSON form.
pub(crate) fn parameters(json: &Value) -> BTreeMap<String, EndpointParameter> {
    let value = |value: &Value| match value {
        Value::String(text) => EndpointParameter::Text(text.clone()),
        Value::Bool(flag) => EndpointParameter::Flag(*flag),
        Value::Array(items) => EndpointParameter::List(
            items
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
        ),
        other => panic!("a parameter is {other}"),
    };
    let members = json.as_object().into_iter().flatten();
    members
        .map(|(name, json)| (name.clone(), value(json)))
        .collect()
}

pub(crate) fn partitions() -> Partitions {
    Partitions::parse(catalog().partitions()).unwrap()
}

/// `authSchemes` and the other properties as the suite writes them.
fn properties(resolved: &Resolved) -> Map<String, Value> {
    let mut all = resolved.properties.clone();
    if let Some(schemes) = &resolved.schemes {
        let schemes = schemes.iter().map(|scheme| {
            let mut json = Map::new();
            let mut set = |name: &str, value: Value| {
                if !value.is_null() {
                    json.insert(name.to_owned(), value);
                }
            };
            set("name", json!(scheme.name));
            set("signingName", json!(scheme.signing_name));
            set("signingRegion", json!(scheme.signing_region));
            set("signingRegionSet", json!(scheme.signing_region_set));
            set(
                "disableDoubleEncoding",
                json!(scheme.disable_double_encoding),
            );
            Value::Object(json)
        });
        all.insert("authSchemes".to_owned(), schemes.collect());
    }
    all
}

/// The rules alone, with the parameters as the case gives them.
fn check_rules(rules: &RuleSet, partitions: &Partitions, case: &Value) -> Result<(), String> {
    let found = rules.evaluate(partitions, &parameters(&case["params"]));
    let expected = &case["expect"];
    let resolved = match (found, expected.get("error")) {
        (Err(error), Some(wanted)) if wanted == &json!(error.to_string()) => return Ok(()),
        (Err(error), Some(wanted)) => return Err(format!("error `{error}`, not {wanted}")),
        (Err(error), None) => return Err(format!("error `{error}`")),
        (Ok(found), Some(wanted)) => return Err(format!("{found:?}, not error {wanted}")),
        (Ok(resolved), None) => resolved,
    };
    let endpoint = &expected["endpoint"];
    let headers = resolved.headers.iter();
    let headers = headers.map(|(name, values)| (name.clone(), json!(values)));
    let nothing = json!({});
    let wanted = |name: &str| endpoint.get(name).unwrap_or(&nothing);
    for (what, found) in [
        ("url", json!(resolved.url)),
        ("headers", Value::Object(headers.collect())),
        ("properties", Value::Object(properties(&resolved))),
    ] {
        if &found != wanted(what) {
            return Err(format!("{what} {found}, not {}", wanted(what)));
        }
    }
    Ok(())
}

/// The options that give the rules the built-ins of a case.
fn options(input: &Value) -> (String, Option<String>, CallOptions) {
    let built_in = |name: &str| input["builtInParams"].get(name);
    let text = |name: &str| built_in(name).and_then(Value::as_str).map(str::to_owned);
    let flag = |name: &str| built_in(name).and_then(Value::as_bool);
    let on = |name: &str| flag(name) == Some(true);
    let regional = |global: bool| {
        if global {
            RegionalEndpoints::Legacy
        } else {
            RegionalEndpoints::Regional
        }
    };
    let mut options = CallOptions::new();
    options.use_fips = on("AWS::UseFIPS");
    options.use_dual_stack = on("AWS::UseDualStack");
    options.account_id = text("AWS::Auth::AccountId");
    options.account_id_endpoint_mode = match text("AWS::Auth::AccountIdEndpointMode").as_deref() {
        Some("disabled") => AccountIdEndpointMode::Disabled,
        Some("required") => AccountIdEndpointMode::Required,
        _ => AccountIdEndpointMode::Preferred,
    };
    options.sts_endpoints = regional(on("AWS::STS::UseGlobalEndpoint"));
    options.s3.us_east_1_endpoint = regional(on("AWS::S3::UseGlobalEndpoint"));
    options.s3.use_accelerate = on("AWS::S3::Accelerate");
    options.s3.use_arn_region = flag("AWS::S3::UseArnRegion")
        .or(flag("AWS::S3Control::UseArnRegion"))
        .or(Some(true));
    options.s3.disable_multi_region_access_points = on("AWS::S3::DisableMultiRegionAccessPoints");
    options.s3.addressing_style = if on("AWS::S3::ForcePathStyle") {
        AddressingStyle::Path
    } else {
        AddressingStyle::Virtual
    };
    options.endpoint_parameters = parameters(&input["clientParams"]);
    let region = text("AWS::Region").unwrap_or_default();
    (region, text("SDK::Endpoint"), options)
}

/// Cases give the parameters that matter for the endpoint; the others that are required get some text.
fn prepare_leniently(call: &Call<'_>) -> Result<Prepared, Error> {
    let mut params = call.params.clone();
    for _ in 0..8 {
        let attempt = prepare(&Call {
            params: &params,
            ..*call
        });
        let Err(Error::Parameters(report)) = &attempt else {
            return attempt;
        };
        let missing = report
            .lines()
            .filter_map(|line| line.strip_prefix("Missing required parameter in input: \""));
        let missing: Vec<&str> = missing.map(|name| name.trim_end_matches('"')).collect();
        match params.as_object_mut() {
            Some(object) if !missing.is_empty() => {
                for name in missing {
                    object.insert(name.to_owned(), json!("123456789012"));
                }
            }
            _ => return attempt,
        }
    }
    prepare(call)
}

/// A whole call, with its parameters and built-ins as the case gives them. `Ok(false)` when the call cannot be
/// written for other reasons than its endpoint.
fn check_call(service: &str, input: &Value, expected: &Value) -> Result<bool, String> {
    let (region, endpoint_url, options) = options(input);
    let nothing = json!({});
    let call = Call {
        service,
        operation: input["operationName"].as_str().unwrap_or_default(),
        params: input.get("operationParams").unwrap_or(&nothing),
        region: &region,
        endpoint_url: endpoint_url.as_deref(),
        token: "t",
        options: &options,
    };
    let prepared = match (prepare_leniently(&call), expected.get("error")) {
        (Err(Error::Parameters(_) | Error::EventStream { .. }), _) => return Ok(false),
        // Without a region nothing is signed, so the rules are not asked.
        (Err(Error::Endpoint(EndpointError::NoRegion)), _) if region.is_empty() => {
            return Ok(false);
        }
        (Err(Error::Endpoint(EndpointError::Unusable { what: "region", .. })), _) => {
            return Ok(false);
        }
        (Err(error), Some(wanted)) if wanted == &json!(error.to_string()) => return Ok(true),
        (Err(error), wanted) => return Err(format!("error `{error}`, not {wanted:?}")),
        (Ok(prepared), Some(wanted)) => {
            return Err(format!("{}, not error {wanted}", prepared.request.url()));
        }
        (Ok(prepared), None) => prepared,
    };
    let endpoint = &expected["endpoint"];
    let url = endpoint["url"].as_str().unwrap_or_default();
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let authority = rest.split('/').next().unwrap_or_default();
    let path = rest.strip_prefix(authority).unwrap_or_default();
    let request = &prepared.request;
    if request.scheme != scheme
        || !request.authority.ends_with(authority)
        || !request.path.starts_with(path.trim_end_matches('/'))
    {
        return Err(format!("{}, not {url}", request.url()));
    }
    for (name, values) in endpoint["headers"].as_object().into_iter().flatten() {
        if request.header(name) != values[0].as_str() {
            return Err(format!(
                "header `{name}` is {:?}, not {values}",
                request.header(name)
            ));
        }
    }
    if let Some(schemes) = endpoint["properties"]["authSchemes"].as_array() {
        check_signing(&prepared.signing, schemes, &region)?;
    }
    Ok(true)
}

fn check_signing(signing: &Signing, schemes: &[Value], region: &str) -> Result<(), String> {
    let known = schemes.iter().find(|scheme| scheme["name"] == "sigv4");
    let fits = match (signing, known) {
        // Operations without any signature stay so.
        (Signing::Unsigned, _) => true,
        (Signing::SigV4(scope), Some(scheme)) => {
            let signing_region = scheme["signingRegion"].as_str().unwrap_or(region);
            scope.region == signing_region
                && scheme["signingName"]
                    .as_str()
                    .is_none_or(|name| name == scope.service)
        }
        (Signing::Unsupported(name), None) => schemes[0]["name"] == json!(name),
        _ => false,
    };
    if fits {
        Ok(())
    } else {
        Err(format!("signed as {signing:?}, not {schemes:?}"))
    }
}

/// Services whose rules in this build's table are older than the suite, and how that shows. The rules are data of the
/// pinned botocore; a case fails here when the pin moves and it is no longer so.
const OLDER: [(&str, &str); 1] = [(
    "geo-routes",
    "the path `/v2` is in the endpoint, not in the operations",
)];

#[derive(Default)]
struct Tally {
    services: usize,
    cases: usize,
    calls: usize,
    unwritten: usize,
    older: usize,
    absent: Vec<String>,
    failed: Vec<String>,
}

impl Tally {
    fn is_older(&self, service: &str) -> bool {
        OLDER.iter().any(|(older, _)| *older == service)
    }

    fn suite(&mut self, partitions: &Partitions, service: &str, suite: &Value) {
        let known = catalog().service(service).ok();
        let rules = known
            .as_ref()
            .and_then(|known| rules_of(known.name).unwrap());
        let (Some(known), Some(rules)) = (known, rules) else {
            self.absent.push(service.to_owned());
            return;
        };
        self.services += 1;
        for case in suite["testCases"].as_array().into_iter().flatten() {
            self.cases += 1;
            let name = format!("{service}: {}", case["documentation"]);
            match (
                check_rules(&rules, partitions, case),
                self.is_older(service),
            ) {
                (Ok(()), _) => {}
                (Err(why), true) if why.starts_with("url ") => self.older += 1,
                (Err(why), _) => self.failed.push(format!("{name}: {why}")),
            }
            for input in case["operationInputs"].as_array().into_iter().flatten() {
                match check_call(known.name, input, &case["expect"]) {
                    Ok(true) => self.calls += 1,
                    Ok(false) => self.unwritten += 1,
                    Err(why) => self.failed.push(format!("{name}: call: {why}")),
                }
            }
        }
    }
}

#[test]
fn every_case_of_the_suite() {
    let Some(folder) = crate::cases("endpoint-rules") else {
        return;
    };
    let partitions = partitions();
    let mut tally = Tally::default();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let service = entry.file_name().into_string().unwrap();
        if let Ok(suite) = fs::read_to_string(entry.path().join("endpoint-tests-1.json")) {
            tally.suite(
                &partitions,
                &service,
                &serde_json::from_str(&suite).unwrap(),
            );
        }
    }
    println!(
        "{} cases of {} services and {} calls tried, {} calls not written; {} cases are of newer rules ({OLDER:?}); not in this build's table: {}",
        tally.cases,
        tally.services,
        tally.calls,
        tally.unwritten,
        tally.older,
        tally.absent.join(", ")
    );
    assert_eq!(tally.older > 0, !OLDER.is_empty());
    assert!(tally.failed.is_empty(), "{}", tally.failed.join("\n"));
    assert!(tally.cases > 2_000, "{}", tally.cases);
}
