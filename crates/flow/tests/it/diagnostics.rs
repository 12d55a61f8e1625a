//! What is said about documents that break a rule.

use flow::automation::document::{DiagnosticKind, Format, parse};

use crate::world::{api, document};

fn messages(text: &str) -> Vec<String> {
    parse(text, Format::Yaml)
        .1
        .into_iter()
        .map(|d| d.message)
        .collect()
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn rule_table() {
    let sleep = "- name: a\n  action: aws:sleep\n  inputs: {Duration: PT1S}\n";
    let cases = [
        (
            document("- name: a\n  action: aws:nope\n"),
            "Unknown action: aws:nope",
        ),
        (
            document("- action: aws:sleep\n  inputs: {Duration: PT1S}\n"),
            "Missing \"name\" in step detail.",
        ),
        (
            document("- name: a b\n  action: aws:sleep\n  inputs: {Duration: PT1S}\n"),
            "StepName: a b is invalid.",
        ),
        (
            document(&format!("{sleep}{sleep}")),
            "Duplicate step names found in mainSteps of the document.",
        ),
        (
            document(&format!("{sleep}  nextStep: x\n")),
            "Unknown step name: \"x\" in nextStep",
        ),
        (
            document(&format!("{sleep}  onFailure: step:x\n")),
            "Unknown step name: \"x\" in onFailure",
        ),
        (
            document(&format!("{sleep}  onCancel: step:x\n")),
            "Unknown step name: \"x\" in onCancel",
        ),
        (
            document(&format!("{sleep}  isEnd: true\n  nextStep: a\n")),
            "\"isEnd == true\" and nextStep should not exist in same step.",
        ),
        (
            document("- name: a\n  action: aws:sleep\n  inputs: {Duration: '{{ x }}'}\n"),
            "Parameter \"x\" is not declared.",
        ),
        (
            format!(
                "{}parameters:\n  X: {{type: Integer, default: a}}\n",
                document(sleep)
            ),
            "Wrong default value for a \"Integer\" parameters",
        ),
        (
            format!(
                "{}parameters:\n  X: {{type: Boolean, default: 'true'}}\n",
                document(sleep)
            ),
            "Wrong default value for a \"Boolean\" parameters",
        ),
        (
            format!(
                "{}parameters:\n  X: {{type: StringList, default: a}}\n",
                document(sleep)
            ),
            "Wrong default value for a \"StringList\" parameters",
        ),
        (
            format!("{}parameters:\n  X_Y: {{type: String}}\n", document(sleep)),
            "Parameter name \"X_Y\" is not alpha-numeric.",
        ),
        (
            format!("{}outputs: [b.Out]\n", document(sleep)),
            "Unknown step name: \"b\" in outputs (\"b.Out\")",
        ),
        (
            document(
                "- name: a\n  action: aws:branch\n  inputs:\n    Choices:\n    - {NextStep: a, Variable: x, Like: y}\n",
            ),
            "step \"a\": unknown operator `Like`",
        ),
        (
            document("- name: a\n  action: aws:sleep\n  inputs: {Duration: soon}\n"),
            "`soon` is not an ISO-8601 duration",
        ),
        (
            document(
                "- name: a\n  action: aws:sleep\n  onfailure: Abort\n  inputs: {Duration: PT1S}\n",
            ),
            "unknown key \"onfailure\"",
        ),
        (
            document("- name: a\n  action: aws:approve\n  inputs: {}\n"),
            "Input \"Approvers\" of step \"a\" is missing",
        ),
        (
            document(
                "- name: a\n  action: aws:createTags\n  inputs: {ResourceIds: [x], Tags: [], Tag: 1}\n",
            ),
            "Input \"Tag\" of step \"a\" is unknown",
        ),
        (
            document("- name: a\n  action: aws:sleep\n  inputs: {Duration: '{{ global:NOPE }}'}\n"),
            "unknown reference \"global:NOPE\"; known are ACCOUNT_ID",
        ),
        (
            document(
                "- name: a\n  action: aws:sleep\n  inputs: {Duration: '{{ automation:NOPE }}'}\n",
            ),
            "unknown reference \"automation:NOPE\"",
        ),
        (
            document(
                "- name: a\n  action: aws:executeAwsApi\n  inputs: {Service: s, Api: b, Map: [{'x{{ global:REGION }}': 1}]}\n",
            ),
            "the key \"x{{ global:REGION }}\" holds a reference",
        ),
        (
            document(
                "- name: a\n  action: aws:executeAwsApi\n  inputs: {Service: s, Api: b, Map: 'x {{ ssm-secure:/a }}'}\n",
            ),
            "`ssm-secure:` is not resolved in runbooks",
        ),
        (
            document(
                "- name: a\n  action: aws:executeAwsApi\n  inputs: {Service: s, Api: b, Map: '{{ ssm:/a }}'}\n",
            ),
            "\"{{ ssm:/a }}\": parameters of the parameter store may only",
        ),
        (
            format!(
                "{}files: {{a.zip: {{checksums: {{sha256: abc}}}}}}\n",
                document(sleep)
            ),
            "file \"a.zip\" must have checksums",
        ),
        (
            format!(
                "{}parameters:\n  X: {{type: String, default: 'x {{{{ssm:/a}}}}'}}\n",
                document(sleep)
            ),
            "a default from the parameter store must be the reference alone",
        ),
        (
            format!(
                "{}parameters:\n  X: {{type: String, minChars: 3, maxChars: 2}}\n",
                document(sleep)
            ),
            "\"minChars\" must not be greater than \"maxChars\"",
        ),
        (
            format!(
                "{}parameters:\n  X: {{type: StringList, minItems: -1}}\n",
                document(sleep)
            ),
            "\"minItems\" must not be negative",
        ),
        (
            format!(
                "{}parameters:\n  X: {{type: String, allowedPattern: '('}}\n",
                document(sleep)
            ),
            "allowedPattern is not a valid regular expression",
        ),
        (
            "schemaVersion: '2.2'\nmainSteps: []\n".to_owned(),
            "schemaVersion of an Automation document must be \"0.3\"",
        ),
        (
            document(&format!(
                "{}{sleep}",
                api("b", "").replace("DescribeInstances", "'{{ a.Out }}'")
            )),
            "step \"a\" has no output \"Out\"",
        ),
    ];
    for (text, expected) in cases {
        let found = messages(&text);
        assert!(
            found.iter().any(|message| message.starts_with(expected)),
            "{text}\nwanted {expected}\nfound {found:#?}"
        );
    }
}

#[test]
fn all_mistakes_are_told_with_their_places() {
    let text = "schemaVersion: '0.3'\nmainSteps:\n- name: a\n  action: aws:nope\n- name: b\n  action: aws:sleep\n  nextStep: gone\n  inputs: {Duration: PT1S}\n";
    let (document, diagnostics) = parse(text, Format::Yaml);
    assert!(document.is_none());
    let places: Vec<(u32, Option<&str>)> = diagnostics
        .iter()
        .map(|d| (d.line, d.step.as_deref()))
        .collect();
    assert_eq!(places, [(4, Some("a")), (7, Some("b"))]);
    let (_, json) = parse(
        "{\n \"schemaVersion\": \"0.3\",\n \"mainSteps\": [{\"name\": \"a\",\n \"action\": \"aws:nope\"}]}",
        Format::Json,
    );
    assert_eq!((json[0].line, json[0].column), (4, 12));
    let (_, syntax) = parse("{\n \"a\": \n}", Format::Json);
    assert_eq!(
        (syntax[0].kind, syntax[0].line),
        (DiagnosticKind::Syntax, 3)
    );
}

#[test]
fn size_has_a_kind_of_its_own() {
    let (_, diagnostics) = parse(&"a".repeat(70_000), Format::Yaml);
    assert_eq!(diagnostics[0].kind, DiagnosticKind::TooLarge);
}
