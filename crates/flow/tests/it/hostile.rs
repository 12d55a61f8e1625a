//! Two hundred values that somebody might send to break out of a document, through every action.
//!
//! The law: a run with such a value does exactly what it does with a harmless word, with the value where the word was.
//! Nothing in the value is looked up, unquoted, formatted or run; a value that an action does not take fails its step
//! before anything is asked of the world.

use std::sync::Arc;

use flow::automation::document::{Format, parse};
use flow::automation::{Input, Parsed, Status};
use model::report::RunReport;
use serde_json::{Value, json};

use crate::world::{World, done, request, start};

/// What stands for the value in the run that is compared with.
const WORD: &str = "harmless7f3a";
/// What must never turn up: only a reference in a value could bring it.
const SECRET: &str = "canary91c4";
const HOW_MANY: usize = 200;

/// An action with the value in its inputs: as a whole text and inside a longer one.
struct Case {
    action: &'static str,
    inputs: &'static str,
    /// Whether the action takes any text there; one that checks its inputs fails for most values.
    takes_all: bool,
}

const fn any(action: &'static str, inputs: &'static str) -> Case {
    Case {
        action,
        inputs,
        takes_all: true,
    }
}

const fn checked(action: &'static str, inputs: &'static str) -> Case {
    Case {
        action,
        inputs,
        takes_all: false,
    }
}

/// Every action that has effects or decides by a value; `@` is the value.
const CASES: &[Case] = &[
    any(
        "executeAwsApi",
        "{Service: ssm, Api: PutParameter, Name: '@', Value: 'a @ b', Tags: [{Key: '@', Value: '@'}], List: ['@', '@ @']}",
    ),
    any(
        "assertAwsResourceProperty",
        "{Service: ec2, Api: DescribeX, Id: '@', PropertySelector: $.On, DesiredValues: ['@', 'x @']}",
    ),
    any(
        "waitForAwsResourceProperty",
        "{Service: ec2, Api: DescribeX, Id: '@', PropertySelector: $.On, DesiredValues: ['@', 'x @']}",
    ),
    any(
        "executeScript",
        "{Runtime: python3.11, Handler: f, Script: 'def f(e, c): return \"@\"', InputPayload: {a: '@', b: ['@', 'x @ y'], c: {d: '@'}}}",
    ),
    any(
        "runCommand",
        "{DocumentName: AWS-RunShellScript, InstanceIds: [i-1], Comment: '@', Parameters: {commands: ['@', 'echo @'], other: '@'}}",
    ),
    any(
        "runInstances",
        "{ImageId: '@', KeyName: '@', UserData: 'x @', TagSpecifications: [{ResourceType: instance, Tags: [{Key: '@', Value: 'a @'}]}]}",
    ),
    any(
        "createImage",
        "{InstanceId: '@', ImageName: '@', ImageDescription: 'a @'}",
    ),
    any(
        "copyImage",
        "{SourceImageId: '@', SourceRegion: eu-west-1, ImageName: 'a @', ImageDescription: '@'}",
    ),
    any("deleteImage", "{ImageId: '@'}"),
    any(
        "createStack",
        "{StackName: '@', TemplateBody: 'a @', Parameters: [{ParameterKey: '@', ParameterValue: '@ @'}]}",
    ),
    any("deleteStack", "{StackName: '@'}"),
    any(
        "invokeLambdaFunction",
        "{FunctionName: '@', InputPayload: {a: '@', b: 'x @'}}",
    ),
    any("invokeLambdaFunction", "{FunctionName: f, Payload: '@'}"),
    any(
        "executeStateMachine",
        "{stateMachineArn: '@', input: '@', name: 'a @'}",
    ),
    any("invokeWebhook", "{IntegrationName: hook, Body: 'a @'}"),
    checked("invokeWebhook", "{IntegrationName: '@', Body: '@'}"),
    any(
        "createTags",
        "{ResourceIds: [i-1], Tags: [{Key: '@', Value: 'a @'}]}",
    ),
    any(
        "changeInstanceState",
        "{InstanceIds: ['@'], DesiredState: stopped}",
    ),
    checked(
        "changeInstanceState",
        "{InstanceIds: [i-1], DesiredState: '@'}",
    ),
    checked("sleep", "{Duration: '@'}"),
    checked("sleep", "{Timestamp: '@'}"),
    any(
        "approve",
        "{Approvers: ['@'], Message: 'a @', NotificationArn: 'arn:aws:sns:eu-west-1:123456789012:Automation-x'}",
    ),
    any("pause", "{}"),
    any(
        "loop",
        "{Iterators: ['@', 'x @'], Steps: [{name: inner, action: 'aws:executeAwsApi', inputs: {Service: ssm, Api: PutParameter, Value: '{{ a.CurrentIteratorValue }}', More: 'is {{ a.CurrentIteratorValue }}'}}]}",
    ),
    any(
        "branch",
        "{Choices: [{NextStep: wrong, Variable: '@', StringEquals: other}, {NextStep: wrong, Variable: other, Contains: '@'}], Default: last}",
    ),
    any("updateVariable", "{Name: 'variable:v', Value: '@'}"),
];

/// The values: what quotes, what runs, what refers, what formats, what confuses readers, in different surroundings.
#[expect(clippy::too_many_lines, reason = "one table")]
fn hostile() -> Vec<String> {
    let long = "A".repeat(4_000);
    let deep = "[".repeat(500);
    let references = [
        "{{ Secret }}",
        "{{Secret}}",
        "{{ Secret",
        "{{{{ Secret }}}}",
        "{{ {{ Secret }} }}",
        "{{ Value }}",
        "{{ first.Out }}",
        "{{ variable:v }}",
        "{{ global:ACCOUNT_ID }}",
        "{{ global:REGION }}",
        "{{automation:EXECUTION_ID}}",
        "{{ssm:/secret/canary}}",
        "{{ secretsmanager:x }}",
        "{% raw %}{{ Secret }}",
    ];
    let others = [
        "'",
        "\"",
        "'; echo x; '",
        "\" || true #",
        "`id`",
        "$(id)",
        "${IFS}",
        "$((1+1))",
        "; rm -rf /",
        "| cat",
        "&& id",
        "> /tmp/x",
        "\\",
        "\\n",
        "\n",
        "\r\n",
        "\r\nX-Injected: 1\r\n\r\n",
        "\t",
        "\0",
        "a\0b",
        "\u{202e}gnirts",
        "\u{2066}x\u{2069}",
        "\u{feff}",
        "\u{200b}",
        "\u{1b}[31m",
        "e\u{301}\u{301}",
        "%s%s%n",
        "%x",
        "{0}",
        "{0.__class__}",
        "{__import__('os')}",
        "f\"{1+1}\"",
        "${jndi:ldap://x/a}",
        "#{1+1}",
        "<%= 1 %>",
        "<script>alert(1)</script>",
        "<!ENTITY x SYSTEM 'file:///etc/passwd'>",
        "]]>",
        "&amp;",
        "{\"a\": 1}",
        "{\"InstanceIds\": [\"i-2\"]}",
        "[1, 2]",
        "null",
        "true",
        "1e999",
        "- item",
        "key: value",
        "!!python/object/apply:os.system [id]",
        "*alias",
        "&anchor",
        "%YAML 1.1",
        "---",
        "'); DROP TABLE runs; --",
        "' OR '1'='1",
        "../../etc/passwd",
        "..\\..\\x",
        "file:///etc/passwd",
        "http://169.254.169.254/latest",
        "-rf",
        "--help",
        "@/etc/passwd",
        "__import__('os').system('id')",
        "');import os;os.system('id')#",
        "\"\"\"",
        "'''",
        "$env:SECRET",
        "@(1)",
        "Invoke-Expression x",
        "\u{ffff}",
        "\u{10ffff}",
    ];
    let mut values: Vec<String> = references
        .iter()
        .chain(&others)
        .map(|text| (*text).to_owned())
        .chain([long, deep])
        .collect();
    for text in references.iter().chain(&others) {
        values.push(format!("x {text} y"));
    }
    for text in references.iter().chain(&others) {
        values.push(format!("\"{text}\"; {text}"));
    }
    values.truncate(HOW_MANY);
    values
}

/// A document of the action, between a call whose answer is the value and a call that is told the value again.
fn document(case: &Case, reference: &str) -> String {
    let inputs = case.inputs.replace('@', &format!("{{{{ {reference} }}}}"));
    let Case { action, .. } = case;
    format!(
        "schemaVersion: '0.3'\nparameters:\n  Value: {{type: String}}\n  Secret: {{type: String, default: {SECRET}}}\n\
         variables:\n  v: {{type: String, default: {SECRET}}}\nmainSteps:\n\
         - name: first\n  action: aws:executeAwsApi\n  inputs: {{Service: ssm, Api: GetParameter, Name: x}}\n  outputs: [{{Name: Out, Selector: $.Value, Type: String}}]\n\
         - name: a\n  action: aws:{action}\n  onFailure: Continue\n  inputs: {inputs}\n\
         - name: last\n  action: aws:executeAwsApi\n  isEnd: true\n  inputs: {{Service: ssm, Api: PutParameter, Value: '{{{{ {reference} }}}}'}}\n\
         - name: wrong\n  action: aws:executeAwsApi\n  inputs: {{Service: ssm, Api: DeleteParameter, Name: wrong}}\n"
    )
}

/// All that a run asks of the world, as data; `None` when its start is refused.
fn asked((text, parsed): (&str, &Parsed), value: &str) -> Option<(Vec<Value>, Status)> {
    let mut world = World::new();
    world.check_frames = false;
    let mut input = start(text, request(&[("Value", value)]));
    if let Input::Start(start) = &mut input {
        start.parsed = parsed.clone();
    }
    let started = world.feed(input);
    let refused = world
        .reports
        .iter()
        .any(|report| matches!(report, RunReport::StartFailed { .. }));
    if started.is_err() || refused {
        return None;
    }
    let mut answers = 0;
    while answers < 12 && !world.status().is_final() {
        if !world.effects.is_empty() {
            // The first answer brings the value from outside.
            let answer = if answers == 0 {
                json!({ "Value": value })
            } else {
                json!({})
            };
            world.answer(done(answer));
            answers += 1;
        } else if !world.timers.is_empty() {
            world.tick();
            answers += 1;
        } else {
            break;
        }
    }
    let asked = world.performed.iter();
    let asked = asked
        .map(|effect| serde_json::to_value(effect).expect("data"))
        .collect();
    Some((asked, world.status()))
}

/// The tree with the value in every place of the word, also in data that is carried as text.
fn with(tree: &Value, value: &str) -> Value {
    match tree {
        Value::String(text) if text.starts_with('{') => {
            let inner: Value = serde_json::from_str(text).expect("data as text");
            Value::String(with(&inner, value).to_string())
        }
        Value::String(text) => Value::String(text.replace(WORD, value)),
        Value::Array(items) => items.iter().map(|item| with(item, value)).collect(),
        Value::Object(map) => map
            .iter()
            .map(|(key, item)| (key.clone(), with(item, value)))
            .collect(),
        other => other.clone(),
    }
}

#[test]
fn no_value_is_executed_or_expanded() {
    let values = hostile();
    assert_eq!(values.len(), HOW_MANY);
    let mut unique = values.clone();
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), HOW_MANY, "each value once");
    for case in CASES {
        for reference in ["Value", "first.Out"] {
            let text = document(case, reference);
            let (document, mistakes) = parse(&text, Format::Yaml);
            let parsed = Parsed(document.map(Arc::new));
            assert!(parsed.0.is_some(), "{mistakes:?}\n{text}");
            let text = (text.as_str(), &parsed);
            let (harmless, _) = asked(text, WORD).unwrap_or_else(|| panic!("{}", text.0));
            assert!(
                harmless.len() >= 2 || case.action == "pause",
                "{}\n{harmless:#?}",
                text.0
            );
            let mut whole = 0;
            for value in &values {
                let Some((hostile, _)) = asked(text, value) else {
                    continue;
                };
                let expected: Vec<Value> =
                    harmless.iter().map(|effect| with(effect, value)).collect();
                if hostile == expected {
                    whole += 1;
                    continue;
                }
                // What an action refuses has asked nothing in its name: the neighbours' calls alone are left.
                let neighbours: Vec<Value> = [expected.first(), expected.last()]
                    .into_iter()
                    .flatten()
                    .cloned()
                    .collect();
                assert_eq!(hostile, neighbours, "{}: {value:?}", case.action);
            }
            if case.takes_all {
                assert_eq!(
                    whole, HOW_MANY,
                    "{} with {reference} in {}",
                    case.action, case.inputs
                );
            }
            println!(
                "{} ({reference}): {whole} of {HOW_MANY} passed through",
                case.action
            );
        }
    }
}

#[test]
fn a_map_and_a_list_carry_them_as_they_are() {
    let text = "schemaVersion: '0.3'\nparameters:\n  Map: {type: StringMap}\n  Maps: {type: MapList}\n  List: {type: StringList}\n  Secret: {type: String, default: canary91c4}\n\
         mainSteps:\n- name: a\n  action: aws:executeScript\n  inputs: {Runtime: python3.11, Handler: f, Script: 'x', InputPayload: {map: '{{ Map }}', maps: '{{ Maps }}', list: ['{{ List }}'], text: 'is {{ Map }}'}}\n";
    for value in hostile() {
        let map = json!({ "k": value, value.as_str(): ["x", { "deep": value }] });
        let maps = json!([{ "k": value }]);
        let mut world = World::new();
        let mut asking = request(&[("Map", &map.to_string()), ("Maps", &maps.to_string())]);
        let list = vec![value.clone(), "x".to_owned()];
        asking.parameters.insert("List".to_owned(), list.clone());
        world.feed(start(text, asking)).expect("starts");
        let model::EffectCommand::RunScript(script) = &world.performed[0] else {
            panic!("a script is run: {:?}", world.reports);
        };
        let expected =
            json!({ "map": map, "maps": maps, "list": list, "text": format!("is {map}") });
        assert_eq!(script.payload, expected, "{value:?}");
        assert_eq!(script.script, "x");
    }
}
