//! Our own small rule sets, one for each function and each error, and what holds for every rule set of the table.

mod functions;
mod random;

use aws::EndpointParameter;
use aws::endpoint::{Resolved, RuleError, RuleSet, rules_of};
use aws::model::catalog;
use serde_json::{Value, json};

use crate::endpoints::{parameters, partitions};

/// Rules with parameters `A` and `B` (text), `F` (truth value, `false` unless given) and `L` (list).
fn rules(rules: Value) -> RuleSet {
    let text = json!({"type": "string", "required": false});
    let document = json!({
        "version": "1.0",
        "parameters": {
            "A": text, "B": text,
            "F": {"type": "Boolean", "required": true, "default": false},
            "L": {"type": "stringArray", "required": false},
        },
        "rules": rules,
    });
    RuleSet::parse(&document.to_string()).unwrap_or_else(|error| panic!("{error}"))
}

fn evaluate(set: &RuleSet, given: &Value) -> Result<Resolved, RuleError> {
    set.evaluate(&partitions(), &parameters(given))
}

/// The URL of one rule with these conditions; `-` when they do not hold.
fn url(conditions: &Value, url: &str, given: Value) -> String {
    let set = rules(json!([
        {"type": "endpoint", "conditions": conditions, "endpoint": {"url": url}},
        {"type": "error", "conditions": [], "error": "-"},
    ]));
    match evaluate(&set, &given) {
        Ok(resolved) => resolved.url,
        Err(error) => error.to_string(),
    }
}

fn call(function: &str, arguments: Value) -> Value {
    json!({"fn": function, "argv": arguments})
}

fn assigned(function: &str, arguments: Value) -> Value {
    json!({"fn": function, "argv": arguments, "assign": "v"})
}

fn a() -> Value {
    json!({"ref": "A"})
}

#[test]
fn the_first_rule_that_leads_somewhere_decides() {
    let part = assigned("getAttr", json!([{"ref": "L"}, "[0]"]));
    let set = rules(json!([
        // A tree in which nothing fits is passed over, and what it assigned is forgotten.
        {"type": "tree", "conditions": [part.clone()], "rules": [
            {"type": "error", "conditions": [call("stringEquals", json!([{"ref": "v"}, "bad"]))],
             "error": "`{v}` is bad"},
            {"type": "tree", "conditions": [call("isSet", json!([a()]))], "rules": [
                {"type": "endpoint", "conditions": [], "endpoint": {
                    "url": "https://{v}.{A}",
                    "headers": {"x-first": ["{v}", "second"]},
                    "properties": {
                        "authSchemes": [{"name": "sigv4a", "signingRegionSet": ["*", "{v}"]},
                            {"name": "sigv4", "signingName": "{A}", "signingRegion": "{v}", "disableDoubleEncoding": true}],
                        "deep": {"list": [1, "{v}"], "flag": true}
                    }}}
            ]}
        ]},
        {"type": "endpoint", "conditions": [assigned("coalesce", json!([{"ref": "B"}, "none"]))],
         "endpoint": {"url": "https://{v}"}}
    ]));
    let resolved = evaluate(&set, &json!({"L": ["l"], "A": "a"})).unwrap();
    assert_eq!(resolved.url, "https://l.a");
    assert_eq!(
        resolved.headers,
        [(
            "x-first".to_owned(),
            vec!["l".to_owned(), "second".to_owned()]
        )]
    );
    assert_eq!(
        resolved.properties["deep"],
        json!({"list": [1, "l"], "flag": true})
    );
    let schemes = resolved.schemes.unwrap();
    assert_eq!(
        schemes[0].signing_region_set,
        Some(vec!["*".to_owned(), "l".to_owned()])
    );
    assert_eq!(
        (
            schemes[1].signing_name.as_deref(),
            schemes[1].signing_region.as_deref(),
            schemes[1].disable_double_encoding
        ),
        (Some("a"), Some("l"), Some(true))
    );
    assert_eq!(
        evaluate(&set, &json!({"L": ["l"]})).unwrap().url,
        "https://none"
    );
    assert_eq!(
        evaluate(&set, &json!({"L": [], "B": "b"})).unwrap().url,
        "https://b"
    );
    assert_eq!(
        evaluate(&set, &json!({"L": ["bad"]})),
        Err(RuleError::Refused("`bad` is bad".to_owned()))
    );
}

#[test]
fn evaluations_that_lead_nowhere() {
    let set = rules(
        json!([{"type": "endpoint", "conditions": [call("isSet", json!([a()]))], "endpoint": {"url": "x"}}]),
    );
    for (given, wanted) in [
        (
            json!({}),
            "the endpoint rules cannot be followed: none of them fits this call",
        ),
        (json!({"A": true}), "endpoint parameter `A` must be text"),
        (
            json!({"L": "x"}),
            "endpoint parameter `L` must be a list of text",
        ),
        (
            json!({"F": "true"}),
            "endpoint parameter `F` must be true or false",
        ),
    ] {
        assert_eq!(evaluate(&set, &given).unwrap_err().to_string(), wanted);
    }
    let required = r#"{"parameters": {"R": {"type": "String", "required": true}}, "rules": []}"#;
    let required = RuleSet::parse(required).unwrap();
    assert_eq!(
        evaluate(&required, &json!({})).unwrap_err().to_string(),
        "Cannot find value for required parameter R"
    );
    for (condition, template) in [
        (call("stringEquals", json!([a(), "x"])), "x"),
        (call("booleanEquals", json!([a(), true])), "x"),
        (call("stringEquals", json!([{"ref": "F"}, "x"])), "x"),
        (call("getAttr", json!(["text", "region"])), "x"),
        (call("isSet", json!(["x"])), "{A}"),
        (call("isSet", json!(["x"])), "{L}"),
        (call("substring", json!([a(), 0, 1, false])), "x"),
    ] {
        let found = url(&json!([condition]), template, json!({"L": []}));
        assert!(
            found.starts_with("the endpoint rules cannot be followed: "),
            "{found}"
        );
    }
    // Each condition makes the text twice as long.
    let mut conditions = vec![json!({"fn": "coalesce", "argv": ["{A}", "x"], "assign": "v0"})];
    for at in 0..40 {
        let twice = format!("{{v{at}}}{{v{at}}}");
        conditions.push(
            json!({"fn": "coalesce", "argv": [twice, "x"], "assign": format!("v{}", at + 1)}),
        );
    }
    let found = url(&json!(conditions), "{v40}", json!({"A": "0123456789"}));
    assert!(found.contains("longer than 16 KiB"), "{found}");
}

#[test]
fn malformed_rules_say_where() {
    let endpoint = |conditions: Value| json!([{"type": "endpoint", "conditions": conditions, "endpoint": {"url": "x"}}]);
    let mut deep = json!({"type": "error", "conditions": [], "error": "x"});
    for _ in 0..70 {
        deep = json!({"type": "tree", "conditions": [], "rules": [deep]});
    }
    for (rules, wanted) in [
        (json!({}), "at `rules`: must be a list"),
        (
            json!([{"conditions": []}]),
            "at `rules[0]`: `type` is missing",
        ),
        (
            json!([{"type": "graph"}]),
            "at `rules[0]`: type `graph` is not known; it is `tree`, `endpoint` or `error`",
        ),
        (
            json!([{"type": "tree", "rules": [{"type": "error", "error": 5}]}]),
            "at `rules[0].rules[0].error`: must be text, a truth value, a reference or a function",
        ),
        (
            endpoint(json!([{"fn": "explode", "argv": [1, 2]}])),
            "at `rules[0].conditions[0].explode`: is not a function that is known",
        ),
        (
            endpoint(json!([{"fn": "isSet", "argv": []}])),
            "at `rules[0].conditions[0].isSet`: takes 1 arguments, not 0",
        ),
        (
            endpoint(json!([{"fn": "isSet", "argv": [{"ref": "Nobody"}]}])),
            "at `rules[0].conditions[0].isSet[0]`: `Nobody` is neither a parameter nor set before",
        ),
        (
            endpoint(json!([{"fn": "getAttr", "argv": [{"ref": "A"}, "soul"]}])),
            "at `rules[0].conditions[0].getAttr`: its path leads to no attribute that is known",
        ),
        (
            endpoint(json!([{"fn": "substring", "argv": [{"ref": "A"}, -1, 2, false]}])),
            "at `rules[0].conditions[0].substring`: argument 2 must be a number",
        ),
        (
            endpoint(json!([{"fn": "isSet", "argv": [{"ref": "A"}], "assign": "A"}])),
            "at `rules[0].conditions[0]`: `A` is already set and cannot be set again",
        ),
        (
            endpoint(
                json!([{"fn": "isSet", "argv": [{"fn": "isSet", "argv": ["x"], "assign": "v"}]}]),
            ),
            "at `rules[0].conditions[0].isSet[0]`: only a condition can set a variable, not a function within it",
        ),
        (
            json!([{"type": "endpoint", "endpoint": {"url": "https://{A"}}]),
            "at `rules[0].endpoint.url`: `https://{A` has a brace without its partner",
        ),
        (
            json!([{"type": "endpoint", "endpoint": {"url": "https://a}"}}]),
            "at `rules[0].endpoint.url`: `https://a}` has a brace without its partner",
        ),
        (
            json!([{"type": "endpoint", "endpoint": {"url": "x", "headers": {"h": "v"}}}]),
            "at `rules[0].endpoint.headers.h`: must be a list",
        ),
        (
            json!([{"type": "endpoint", "endpoint": {"url": "x", "properties": {"authSchemes": [{}]}}}]),
            "at `rules[0].endpoint.properties.authSchemes[0]`: `name` is missing",
        ),
    ] {
        let document = json!({"parameters": {"A": {"type": "string"}}, "rules": rules});
        assert_eq!(
            RuleSet::parse(&document.to_string())
                .unwrap_err()
                .to_string(),
            wanted
        );
    }
    for (parameters, wanted) in [
        (
            json!({"A": {"type": "number"}}),
            "at `parameters.A`: type `number` is not known",
        ),
        (
            json!({"A": {"type": "string", "builtIn": "AWS::Moon"}}),
            "at `parameters.A`: built-in `AWS::Moon` is not known",
        ),
        (
            json!({"A": {"type": "boolean", "default": "x"}}),
            "at `parameters.A`: the default must be true or false",
        ),
    ] {
        let document = json!({"parameters": parameters, "rules": []});
        assert_eq!(
            RuleSet::parse(&document.to_string())
                .unwrap_err()
                .to_string(),
            wanted
        );
    }
    // As deep as JSON is read, and deeper.
    let document = json!({"parameters": {}, "rules": [deep]});
    assert!(RuleSet::parse(&document.to_string()).is_err());
    for text in [
        "",
        "[]",
        "{}",
        "{\"parameters\": {}, \"rules\"",
        &" ".repeat(5 << 20),
    ] {
        assert!(RuleSet::parse(text).is_err());
    }
}

/// Whether a URL has a scheme, a host of host characters and no query.
fn is_plain_url(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else {
        return false;
    };
    let host = rest.split('/').next().unwrap_or_default();
    matches!(scheme, "http" | "https")
        && !host.is_empty()
        && host
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-._:[]".contains(c))
        && !url.contains(['?', '#', ' '])
}

#[test]
fn every_rule_set_of_the_table() {
    let partitions = partitions();
    let (mut found, mut refused) = (0, 0);
    for name in catalog().names() {
        let service = catalog().service(name).unwrap();
        let rules = rules_of(service.name).unwrap().unwrap();
        for region in ["us-east-1", "cn-north-1", "us-gov-west-1"] {
            for (fips, dual) in [(false, false), (true, false), (false, true), (true, true)] {
                let mut given =
                    parameters(&json!({"Region": region, "UseFIPS": fips, "UseDualStack": dual}));
                for parameter in rules.parameters() {
                    if parameter.required
                        && parameter.default.is_none()
                        && parameter.name != "Region"
                    {
                        given.insert(
                            parameter.name.clone(),
                            EndpointParameter::Text("x".to_owned()),
                        );
                    }
                }
                match rules.evaluate(&partitions, &given) {
                    Ok(resolved) => {
                        found += 1;
                        assert!(is_plain_url(&resolved.url), "{name}: {}", resolved.url);
                    }
                    Err(RuleError::Refused(_)) => refused += 1,
                    Err(error) => panic!("{name}: {error}"),
                }
            }
        }
    }
    println!("{found} endpoints, {refused} refusals");
    assert!(found > 4_000, "{found}");
}

/// Where a path must be signed as it is sent, the signer goes by the name it signs for.
#[test]
fn paths_signed_as_sent_belong_to_s3() {
    fn schemes<'j>(json: &'j Value, found: &mut Vec<&'j Value>) {
        match json {
            Value::Array(items) => items.iter().for_each(|item| schemes(item, found)),
            Value::Object(members) => {
                if members.get("disableDoubleEncoding") == Some(&json!(true)) {
                    found.push(json);
                }
                members.values().for_each(|member| schemes(member, found));
            }
            _ => {}
        }
    }
    let mut count = 0;
    for name in catalog().names() {
        let document: Value =
            serde_json::from_str(catalog().endpoint_rules(name).unwrap()).unwrap();
        let mut found = Vec::new();
        schemes(&document, &mut found);
        for scheme in found {
            count += 1;
            let names = [
                "s3",
                "s3-object-lambda",
                "s3-outposts",
                "s3express",
                "{bucketArn#service}",
            ];
            let signing_name = scheme["signingName"].as_str().unwrap_or("s3");
            assert!(names.contains(&signing_name), "{name}: {scheme}");
        }
    }
    assert!(count > 20, "{count}");
}
