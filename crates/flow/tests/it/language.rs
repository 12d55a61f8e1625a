//! The language of documents as tables: types and their rules, references, keys of steps.

use flow::automation::{Status, view};
use model::Rejection;
use serde_json::{Value, json};

use crate::world::{World, api, document, done, nothing, request, start};

/// Starts a run whose parameter `P` is declared so; what its first call is given, or which member is refused and why.
fn bound(declaration: &str, wire: &[&str]) -> Result<Value, String> {
    let text = document(
        "- name: a\n  action: aws:executeAwsApi\n  inputs: {Service: s, Api: a, P: '{{ P }}'}\n",
    ) + &format!("parameters:\n  P: {{{declaration}}}\n");
    let mut wish = request(&[]);
    wish.incident = None;
    let values = wire.iter().map(|value| (*value).to_owned()).collect();
    wish.parameters.insert("P".to_owned(), values);
    let mut world = World::new();
    match world.feed(start(&text, wish)) {
        Ok(_) => Ok(world.last_call().params["P"].clone()),
        Err(Rejection::Invalid { field, message }) => {
            assert_eq!(field, "Parameters.P", "{declaration}");
            Err(message)
        }
        Err(other) => panic!("{declaration}: {other:?}"),
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn types_and_their_rules() {
    let role = "arn:aws:iam::123456789012:role/x";
    let taken: [(&str, &[&str], Value); 19] = [
        ("type: String", &["5"], json!("5")),
        ("type: StringList", &["a", "b"], json!(["a", "b"])),
        ("type: Integer", &["-5"], json!(-5)),
        ("type: Boolean", &["True"], json!(true)),
        ("type: StringMap", &["{\"a\": [1]}"], json!({"a": [1]})),
        (
            "type: MapList",
            &["{\"a\": 1}", "{\"b\": 2}"],
            json!([{"a": 1}, {"b": 2}]),
        ),
        ("type: MapList", &["[{\"a\": 1}]"], json!([{"a": 1}])),
        (
            "type: 'AWS::EC2::Instance::Id'",
            &["i-1234567890abcdef0"],
            json!("i-1234567890abcdef0"),
        ),
        (
            "type: 'List<AWS::EC2::Instance::Id>'",
            &["i-12345678", "mi-12345678"],
            json!(["i-12345678", "mi-12345678"]),
        ),
        (
            "type: 'AWS::S3::Bucket::Name'",
            &["my.bucket-1"],
            json!("my.bucket-1"),
        ),
        (
            "type: 'List<AWS::S3::Bucket::Name>'",
            &["bucket"],
            json!(["bucket"]),
        ),
        ("type: 'AWS::IAM::Role::Arn'", &[role], json!(role)),
        ("type: 'List<AWS::IAM::Role::Arn>'", &[role], json!([role])),
        (
            "type: 'AWS::EC2::VPC::Id'",
            &["anything"],
            json!("anything"),
        ),
        (
            "type: String, allowedPattern: '^(?!aws)[a-z]+$'",
            &["home"],
            json!("home"),
        ),
        (
            "type: StringList, allowedValues: [a, b], minItems: 1, maxItems: 2",
            &["b", "a"],
            json!(["b", "a"]),
        ),
        (
            "type: String, minChars: 2, maxChars: '3'",
            &["äöü"],
            json!("äöü"),
        ),
        (
            "type: Integer, minValue: 1, maxValue: 3, allowedValues: [1, 3]",
            &["3"],
            json!(3),
        ),
        (
            "type: String, displayType: textarea",
            &["a\nb"],
            json!("a\nb"),
        ),
    ];
    for (declaration, wire, expected) in taken {
        assert_eq!(bound(declaration, wire), Ok(expected), "{declaration}");
    }
    let refused: [(&str, &[&str], &str); 16] = [
        ("type: String", &["a", "b"], "takes one"),
        ("type: Integer", &["5.5"], "whole number"),
        ("type: Boolean", &["yes"], "true"),
        ("type: StringMap", &["[1]"], "JSON"),
        ("type: MapList", &["1"], "JSON"),
        (
            "type: 'AWS::EC2::Instance::Id'",
            &["i-12"],
            "does not match",
        ),
        (
            "type: 'List<AWS::EC2::Instance::Id>'",
            &["i-12345678", "i-X"],
            "does not match",
        ),
        (
            "type: 'AWS::S3::Bucket::Name'",
            &["Bucket"],
            "does not match",
        ),
        ("type: 'AWS::IAM::Role::Arn'", &["role/x"], "does not match"),
        (
            "type: String, allowedPattern: '^(?!aws)[a-z]+$'",
            &["awsx"],
            "does not match",
        ),
        (
            "type: StringList, allowedPattern: '[a-z]+'",
            &["a", "1"],
            "does not match",
        ),
        (
            "type: String, allowedPattern: '(a|aa)+$'",
            &["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"],
            "the pattern",
        ),
        (
            "type: StringList, allowedValues: [a]",
            &["b"],
            "must be one of",
        ),
        ("type: StringList, maxItems: 1", &["a", "b"], "at most 1"),
        ("type: String, minChars: 2", &["ä"], "at least 2"),
        ("type: Integer, maxValue: 3", &["4"], "at most 3"),
    ];
    for (declaration, wire, expected) in refused {
        let message = bound(declaration, wire).expect_err(declaration);
        assert!(message.contains(expected), "{declaration}: {message}");
    }
}

/// What one input becomes.
fn resolved(input: &str) -> Value {
    let text = document(&format!(
        "- name: first\n  action: aws:executeAwsApi\n  inputs: {{Service: s, Api: a}}\n  outputs:\n  - {{Name: Text, Selector: $.A.B, Type: String}}\n  - {{Name: List, Selector: '$..Id', Type: StringList}}\n  - {{Name: Number, Selector: '$.N[1]', Type: Integer}}\n  - {{Name: Map, Selector: \"$['M']\", Type: StringMap}}\n  - {{Name: Maps, Selector: $.L, Type: MapList}}\n  - {{Name: Flag, Selector: F, Type: Boolean}}\n  - {{Name: Whole, Selector: $.N, Type: String}}\n- name: second\n  action: aws:executeAwsApi\n  inputs: {{Service: s, Api: a, X: {input}}}\n"
    )) + "parameters:\n  P: {type: String, default: '{{ first.Text }}x'}\n"
        .replace("{{ first.Text }}", "p")
        .as_str()
        + "  Evil: {type: String, default: ''}\n  N: {type: Integer, default: 5}\n  L: {type: StringList, default: [a, b]}\n  M: {type: StringMap, default: {k: [1]}}\nvariables:\n  V: {type: StringList, default: [v, w]}\n";
    let mut world = World::of(&text, &[("Evil", "{{ P }}")]);
    world.answer(done(json!({
        "A": {"B": "text"}, "N": [1, 2], "M": {"x": 1}, "L": [{"Id": "i-1"}, {"Id": "i-2"}], "F": "true"
    })));
    world.last_call().params["X"].clone()
}

#[test]
fn references_give_what_they_name() {
    let cases = [
        ("'{{ P }}'", json!("px")),
        ("'a {{P}} b {{ N }}'", json!("a px b 5")),
        ("'{{ N }}'", json!(5)),
        ("'{{ L }}'", json!(["a", "b"])),
        ("['{{ L }}', c]", json!(["a", "b", "c"])),
        ("'{{ L[1] }}'", json!("b")),
        ("'is {{ M }}'", json!("is {\"k\":[1]}")),
        ("'{{ M }}'", json!({"k": [1]})),
        ("{deep: [{er: '{{ N }}'}]}", json!({"deep": [{"er": 5}]})),
        // A text that a value brings in is not looked at again.
        ("'{{ Evil }}'", json!("{{ P }}")),
        ("'x {{ Evil }}'", json!("x {{ P }}")),
        ("'{{ first.Text }}'", json!("text")),
        ("'{{ first.List }}'", json!(["i-1", "i-2"])),
        ("'{{ first.List[0] }}'", json!("i-1")),
        ("'{{ first.Number }}'", json!(2)),
        ("'{{ first.Map }}'", json!({"x": 1})),
        ("'{{ first.Maps }}'", json!([{"Id": "i-1"}, {"Id": "i-2"}])),
        ("'{{ first.Flag }}'", json!(true)),
        ("'{{ first.Whole }}'", json!("[1,2]")),
        ("'{{ variable:V }}'", json!(["v", "w"])),
        ("'{{ variable:V[0] }}'", json!("v")),
        ("'{{ global:ACCOUNT_ID }}'", json!("123456789012")),
        ("'{{ global:REGION }}'", json!("eu-west-1")),
        ("'{{ global:AWS_PARTITION }}'", json!("aws")),
        ("'{{ global:DATE }}'", json!("2026-03-01")),
        ("'{{ global:DATE_TIME }}'", json!("2026-03-01_10.00.00")),
        (
            "'{{ automation:EXECUTION_ID }}'",
            json!("00000000-0000-0000-0000-00000000002a"),
        ),
        (
            "'{{ no reference }} {{{ N }}}'",
            json!("{{ no reference }} {5}"),
        ),
    ];
    for (input, expected) in cases {
        assert_eq!(resolved(input), expected, "{input}");
    }
}

#[test]
fn keys_of_steps_lead_the_way() {
    // (first step's own keys, executions in their order)
    let cases = [
        ("", vec!["a", "b", "c"]),
        ("  nextStep: c\n", vec!["a", "c"]),
        ("  isEnd: true\n", vec!["a"]),
        ("  isEnd: 'True'\n", vec!["a"]),
        (
            "  description: '*words*'\n  timeoutSeconds: '30'\n  maxAttempts: '3'\n  isCritical: 'true'\n",
            vec!["a", "b", "c"],
        ),
        (
            "  onFailure: Continue\n  onCancel: step:c\n",
            vec!["a", "b", "c"],
        ),
    ];
    for (keys, trail) in cases {
        let text = document(&(api("a", keys) + &api("b", "") + &api("c", "")));
        let mut world = World::of(&text, &[]);
        world.play(|_, _| nothing());
        assert_eq!(
            (world.trail(), world.status()),
            (trail, Status::Success),
            "{keys}"
        );
    }
    let told = document(&api(
        "a",
        "  timeoutSeconds: '20'\n  maxAttempts: 3\n  onFailure: step:b\n  isCritical: false\n  nextStep: b\n",
    )) + &api("b", "  isEnd: true\n");
    let world = World::of(&told, &[]);
    let shown = &view::steps(world.run())[0];
    for (member, value) in [
        ("TimeoutSeconds", json!(20)),
        ("MaxAttempts", json!(3)),
        ("OnFailure", json!("step:b")),
        ("IsCritical", json!(false)),
        ("NextStep", json!("b")),
        ("IsEnd", json!(false)),
    ] {
        assert_eq!(shown[member], value, "{member}");
    }
}

#[test]
fn branches_stand_in_loops_and_leave_them_alone() {
    let text = document(
        "- name: each\n  action: aws:loop\n  inputs:\n    Iterators: '{{ Items }}'\n    IteratorDataType: String\n    Steps:\n    - name: which\n      action: aws:branch\n      inputs:\n        Choices:\n        - {NextStep: odd, Or: [{Variable: '{{ loop.CurrentIteratorValue }}', StringEquals: a}, {Not: {Variable: '{{ loop.CurrentIteration }}', NumericLesser: 3}}]}\n        Default: even\n    - {name: odd, action: 'aws:sleep', isEnd: true, inputs: {Duration: PT0S}}\n    - {name: even, action: 'aws:updateVariable', inputs: {Name: 'variable:Last', Value: '{{ each.CurrentIteratorValue }}'}}\n- name: after\n  action: aws:executeAwsApi\n  inputs: {Service: s, Api: a, Last: '{{ variable:Last }}'}\n",
    ) + "parameters:\n  Items: {type: StringList, default: [a, b, c]}\nvariables:\n  Last: {type: String, default: none}\n";
    let mut world = World::of(&text, &[]);
    assert_eq!(world.last_call().params, json!({"Last": "b"}));
    world.answer(nothing());
    assert_eq!(
        world.trail(),
        [
            "each", "which", "odd", "which", "even", "which", "odd", "after"
        ]
    );
    assert_eq!(world.status(), Status::Success);
}
