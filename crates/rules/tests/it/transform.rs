//! What targets are sent, and which inputs are refused.

use std::collections::BTreeMap;

use rules::{InputTransformer, TargetInput, TransformContext, TransformError};
use serde_json::{Value, json};

fn event() -> Value {
    json!({
        "version": "0", "id": "e-1", "detail-type": "Order", "source": "shop", "account": "1",
        "time": "2026-01-05T17:48:16Z", "region": "eu-west-1", "resources": ["r0", "r1"],
        "detail": {
            "command": "update", "count": 3, "ok": true, "none": null,
            "payload": {"acc_id": "0a78", "sf_id": "baz"},
            "states": ["ACTIVE", "INACTIVE"], "numbers": [1, 2],
            "quote": "a\",\"admin\":\"yes", "slash": "c:\\"
        }
    })
}

fn context() -> TransformContext<'static> {
    TransformContext {
        rule_arn: "arn:aws:events:eu-west-1:1:rule/r",
        rule_name: "r",
        ingestion_time: "2026-01-05T17:48:17.5Z".parse().expect("a time"),
    }
}

fn transformer(template: &str) -> TargetInput {
    let paths = [
        ("command", "$.detail.command"),
        ("count", "$.detail.count"),
        ("ok", "$.detail.ok"),
        ("none", "$.detail.none"),
        ("payload", "$.detail.payload"),
        ("states", "$.detail.states"),
        ("numbers", "$.detail.numbers"),
        ("missing", "$.detail.missing"),
        ("quote", "$.detail.quote"),
        ("slash", "$.detail.slash"),
        ("detail-type", "$.detail-type"),
        ("second", "$.resources[1]"),
    ];
    let paths: BTreeMap<String, String> = paths
        .iter()
        .map(|(name, path)| ((*name).to_owned(), (*path).to_owned()))
        .collect();
    TargetInput::Transformer(InputTransformer {
        paths,
        template: template.to_owned(),
    })
}

fn render(template: &str) -> Result<String, TransformError> {
    let input = transformer(template);
    input.validate("t1")?;
    input.render(&event(), &context())
}

#[test]
fn plain_inputs() {
    let render = |input: TargetInput| {
        input.validate("t1").unwrap();
        input.render(&event(), &context())
    };
    assert_eq!(render(TargetInput::Event).unwrap(), event().to_string());
    assert_eq!(
        render(TargetInput::Input("{\"a\": 1}".into())).unwrap(),
        "{\"a\": 1}"
    );
    let path = |path: &str| render(TargetInput::InputPath(path.into()));
    assert_eq!(path("$").unwrap(), event().to_string());
    assert_eq!(
        path("$.detail.payload").unwrap(),
        r#"{"acc_id":"0a78","sf_id":"baz"}"#
    );
    assert_eq!(path("$.detail.payload.sf_id").unwrap(), r#""baz""#);
    assert_eq!(path("$.resources[*]").unwrap(), r#"["r0","r1"]"#);
    assert_eq!(
        path("$.detail.x"),
        Err(TransformError::NothingAtPath {
            path: "$.detail.x".into()
        })
    );
}

#[test]
fn templates() {
    for (template, expected) in [
        (
            r#""Event of <detail-type> type, detail <command>""#,
            r#""Event of Order type, detail update""#,
        ),
        (r#""detail <missing>""#, r#""detail ""#),
        (r#"{"a": <missing>}"#, r#"{"a": ""}"#),
        (
            r#"{"a": <command>, "b": <count>, "c": <ok>, "d": <none>}"#,
            r#"{"a": "update", "b": 3, "c": true, "d": null}"#,
        ),
        (
            r#"{"a": "<command>-<count>-<ok>"}"#,
            r#"{"a": "update-3-true"}"#,
        ),
        (
            r#"{"a": <payload>, "b": [<states>]}"#,
            r#"{"a": {"acc_id":"0a78","sf_id":"baz"}, "b": [["ACTIVE","INACTIVE"]]}"#,
        ),
        (
            r#""<payload> and <states>""#,
            r#""{acc_id:0a78,sf_id:baz} and [ACTIVE,INACTIVE]""#,
        ),
        (r#"{"a": "<numbers>"}"#, r#"{"a": "[1,2]"}"#),
        (
            "\"first <command>\"\n\"second <second>\"",
            "\"first update\"\n\"second r1\"",
        ),
        (r#"{"a": <quote>}"#, r#"{"a": "a\",\"admin\":\"yes"}"#),
        (
            r#"{"arn": <aws.events.rule-arn>, "name": "<aws.events.rule-name>", "at": <aws.events.event.ingestion-time>}"#,
            r#"{"arn": "arn:aws:events:eu-west-1:1:rule/r", "name": "r", "at": "2026-01-05T17:48:17Z"}"#,
        ),
        (
            r#""less < than, a <b c> and \"<command>\"""#,
            r#""less < than, a <b c> and \"update\"""#,
        ),
    ] {
        assert_eq!(render(template).as_deref(), Ok(expected), "{template}");
    }
    let whole: Value =
        serde_json::from_str(&render("{\"e\": <aws.events.event.json>}").unwrap()).unwrap();
    assert_eq!(whole["e"], event());
    let envelope: Value =
        serde_json::from_str(&render("{\"e\": <aws.events.event>}").unwrap()).unwrap();
    assert_eq!(envelope["e"]["detailType"], "Order");
    assert!(envelope["e"].get("detail").is_none() && envelope["e"].get("detail-type").is_none());
}

#[test]
fn values_cannot_break_out_of_quotes() {
    for (template, name) in [
        (r#"{"a": "<quote>"}"#, "quote"),
        (r#"{"a": "<slash>"}"#, "slash"),
        (r#"{"a": "<states>"}"#, "states"),
    ] {
        assert_eq!(
            render(template),
            Err(TransformError::BreaksQuotes { name: name.into() }),
            "{template}"
        );
    }
}

#[test]
fn refusals() {
    let message = |input: TargetInput| input.validate("t1").unwrap_err().to_string();
    assert_eq!(
        message(transformer(r#""<unknown>""#)),
        "InputTemplate for target t1 contains invalid placeholder unknown."
    );
    assert_eq!(
        TargetInput::from_parts("t1", Some("1".into()), Some("$".into()), None)
            .unwrap_err()
            .to_string(),
        "Only one of Input, InputPath, or InputTransformer must be provided for target t1."
    );
    assert_eq!(
        message(TargetInput::Input("{\"a\":}".into())),
        "JSON syntax error in input for target t1 at (1,6)."
    );
    assert_eq!(
        TargetInput::from_parts("t1", None, None, None),
        Ok(TargetInput::Event)
    );
    for template in [
        "",
        "  ",
        "bare text",
        "{<command>: 1}",
        "{\"<command>\": 1}",
        "{\"a\": <command>",
        "{\"a\": users/<command>}",
        "\"a\"\nb",
    ] {
        let message = message(transformer(template));
        assert!(
            message.starts_with("Invalid InputTemplate for target t1 : "),
            "{template}: {message}"
        );
    }
    let long = format!("\"{}\"", "a".repeat(8191));
    assert!(message(transformer(&long)).contains("at most 8192"));
    assert!(message(TargetInput::Input(long)).contains("at most 8192"));
    assert!(message(TargetInput::InputPath("detail".into())).contains("begin with `$`"));
    let named = |name: &str| {
        let paths = [(name.to_owned(), "$.a".to_owned())].into();
        TargetInput::Transformer(InputTransformer {
            paths,
            template: "\"x\"".into(),
        })
    };
    for name in ["", "a b", "AWS.x", "é"] {
        assert!(message(named(name)).contains("letters, digits"), "{name}");
    }
    let many = (0..101)
        .map(|n| (format!("v{n}"), "$.a".to_owned()))
        .collect();
    let many = TargetInput::Transformer(InputTransformer {
        paths: many,
        template: "\"x\"".into(),
    });
    assert!(message(many).contains("at most 100"));
}

#[test]
fn a_template_cannot_grow_without_bounds() {
    let template = format!("[{}1]", "<aws.events.event.json>,".repeat(300));
    let large = json!({"detail": {"text": "a".repeat(100_000)}});
    let input = transformer(&template);
    assert_eq!(
        input.render(&large, &context()),
        Err(TransformError::TooLarge { limit: 1024 * 1024 })
    );
}
