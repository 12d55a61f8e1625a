//! What is said about valid documents: each warning where it belongs, and nowhere else.

use flow::automation::document::Format;
use flow::automation::review::review;
use flow::finding::{Finding, Severity};

use crate::world::document;

fn findings(text: &str) -> Vec<Finding> {
    review(text, Format::Yaml, &|service, api, _| {
        (service, api) != ("sns", "Publish")
    })
}

/// Code, line and step of everything that is said.
fn told(text: &str) -> Vec<(&'static str, u32, String)> {
    let all = findings(text);
    all.into_iter()
        .map(|finding| (finding.code, finding.line, finding.part.unwrap_or_default()))
        .collect()
}

fn call(name: &str, more: &str, argument: &str) -> String {
    format!(
        "- name: {name}\n  action: aws:executeAwsApi\n{more}  inputs: {{Service: ec2, Api: DescribeX, Id: '{argument}'}}\n  outputs: [{{Name: Out, Selector: $.a, Type: String}}]\n"
    )
}

fn missing(steps: &str) -> Vec<String> {
    let all = findings(&document(steps)).into_iter();
    all.filter(|finding| finding.code == "output-may-be-missing")
        .map(|finding| {
            let part = finding.message.split('"').nth(3).unwrap_or_default();
            format!("{}: {part}", finding.part.unwrap_or_default())
        })
        .collect()
}

#[test]
fn outputs_are_followed_along_every_way() {
    let branch = "- name: b\n  action: aws:branch\n  inputs: {Choices: [{NextStep: x, Variable: '1', StringEquals: '1'}], Default: y}\n";
    let cases = [
        // In a line, everything before has run.
        (call("a", "", "") + &call("b", "", "{{ a.Out }}"), vec![]),
        // A failure that is passed over leaves no output.
        (
            call("a", "  onFailure: Continue\n", "") + &call("b", "", "{{ a.Out }}"),
            vec!["b: a.Out"],
        ),
        (
            call("a", "  onFailure: step:c\n", "")
                + &call("b", "", "{{ a.Out }}")
                + &call("c", "", "{{ a.Out }}"),
            vec!["c: a.Out"],
        ),
        // Only one way of a branch has it.
        (
            branch.to_owned() + &call("x", "", "") + &call("y", "", "{{ x.Out }}"),
            vec!["y: x.Out"],
        ),
        // Both ways have it.
        (
            call("a", "", "")
                + branch
                + &call("x", "  nextStep: z\n", "{{ a.Out }}")
                + &call("y", "", "{{ a.Out }}")
                + &call("z", "", "{{ a.Out }}"),
            vec![],
        ),
        // A step that comes later, round a circle.
        (
            call("a", "", "{{ b.Out }}")
                + &call("b", "", "")
                + "- name: c\n  action: aws:branch\n  inputs: {Choices: [{NextStep: a, Variable: '1', StringEquals: '1'}], Default: d}\n"
                + &call("d", "", "{{ b.Out }}"),
            vec!["a: b.Out"],
        ),
        // The clean-up begins while the step is under way.
        (
            call("a", "  onCancel: step:b\n", "") + &call("b", "  isEnd: true\n", "{{ a.Out }}"),
            vec!["b: a.Out"],
        ),
    ];
    for (steps, expected) in cases {
        assert_eq!(missing(&steps), expected, "{steps}");
    }
}

#[test]
fn loops_are_gone_through_as_often_as_they_must() {
    let looping = |how: &str| {
        format!(
            "- name: l\n  action: aws:loop\n  inputs:\n    {how}\n    Steps:\n    - name: i\n      action: aws:executeAwsApi\n      inputs: {{Service: ec2, Api: DescribeX, N: '{{{{ loop.CurrentIteration }}}}', M: '{{{{ l.CurrentIteration }}}}'}}\n      outputs: [{{Name: Out, Selector: $.a, Type: String}}]\n"
        ) + &call("after", "", "{{ i.Out }}")
    };
    let condition = "LoopCondition: {Variable: '{{ i.Out }}', StringEquals: again}";
    assert_eq!(missing(&looping(condition)), Vec::<String>::new());
    assert_eq!(missing(&looping("Iterators: [a, b]")), ["after: i.Out"]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn each_warning_has_its_case() {
    let command = |more: &str, commands: &str| {
        document(&format!(
            "- name: a\n  action: aws:runCommand\n  timeoutSeconds: 60\n  inputs:\n    DocumentName: AWS-RunShellScript\n    InstanceIds: [i-1]\n    Parameters:\n      commands:\n      - {commands}\n"
        )) + &format!("parameters:\n  P: {{type: String{more}}}\n")
    };
    let repeat = ("not-repeatable", 4, "a".to_owned());
    let shell = ("value-in-shell", 11, "a".to_owned());
    let cases = [
        (
            command("", "'ls {{ P }}'"),
            vec![repeat.clone(), shell.clone()],
        ),
        (
            command("", "'{{ P }}'"),
            vec![repeat.clone(), shell.clone()],
        ),
        (
            command(", allowedPattern: '.*'", "'ls {{ P }}'"),
            vec![repeat.clone(), shell.clone()],
        ),
        (
            command(", allowedPattern: '[a-z ;]+'", "'ls {{ P }}'"),
            vec![repeat.clone(), shell],
        ),
        (
            command(
                ", allowedPattern: '[a-z]+'",
                "'ls {{ P }} {{ global:REGION }}'",
            ),
            vec![repeat.clone()],
        ),
        (
            command(", allowedValues: [a]", "'ls {{ P }}'"),
            vec![repeat],
        ),
        (
            document(
                "- name: a\n  action: aws:runInstances\n  timeoutSeconds: 60\n  inputs: {ImageId: x, UserData: 'echo {{ P }}'}\n",
            ) + "parameters:\n  P: {type: String}\n",
            vec![("value-in-shell", 6, "a".to_owned())],
        ),
        (
            document(
                "- name: a\n  action: aws:pause\n- name: b\n  action: aws:waitForAwsResourceProperty\n  inputs: {Service: a, Api: b, PropertySelector: $.a, DesiredValues: [x]}\n",
            ),
            vec![
                ("missing-timeout", 3, "a".to_owned()),
                ("missing-timeout", 5, "b".to_owned()),
            ],
        ),
        (
            document(
                "- name: a\n  action: aws:sleep\n  isEnd: true\n  inputs: {Duration: PT1S}\n- name: b\n  action: aws:sleep\n  inputs: {Duration: PT1S}\n",
            ),
            vec![("unreachable-step", 7, "b".to_owned())],
        ),
        (
            document("- name: a\n  action: aws:sleep\n  inputs: {Duration: PT1S}\n")
                + "parameters:\n  P: {type: String}\n  AutomationAssumeRole: {type: String, defualt: ''}\n",
            vec![
                ("unused-parameter", 7, String::new()),
                ("unused-parameter", 8, String::new()),
                ("unknown-key", 8, String::new()),
            ],
        ),
        (
            document(
                "- name: a\n  action: aws:executeScript\n  inputs:\n    Runtime: python3.7\n    Handler: f\n    InputPayload: {p: '{{ P }}'}\n    Script: |\n      import json\n      def f(e, c): return e\n",
            ) + "parameters:\n  P: {type: String}\n",
            vec![("old-runtime", 6, "a".to_owned())],
        ),
        (
            document(
                "- name: a\n  action: aws:executeScript\n  inputs:\n    Runtime: python3.11\n    Handler: f\n    Script: import boto3\n",
            ),
            vec![("not-repeatable", 4, "a".to_owned())],
        ),
        (
            document(
                "- name: a\n  action: aws:executeAwsApi\n  inputs: {Service: sns, Api: Publish, Message: x}\n",
            ),
            vec![("not-repeatable", 4, "a".to_owned())],
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(told(&text), expected, "{text}");
        assert!(
            findings(&text)
                .iter()
                .all(|finding| finding.severity == Severity::Warning && finding.remedy.is_some())
        );
    }
}

#[test]
fn mistakes_come_with_a_remedy_and_their_place() {
    let text = "schemaVersion: '0.3'\nparameters:\n  Name: {type: String}\n  Flag: {type: Boolean, default: 'x'}\nmainSteps:\n- name: first\n  action: aws:executeAwsAp\n- name: second\n  action: aws:sleep\n  nextStep: fist\n  inputs:\n    Duration: 'PT1S'\n- name: third\n  action: aws:executeAwsApi\n  inputs:\n    Service: ec2\n    Api: x\n    Deep: [{a: '{{ name }}'}]\n";
    let all = findings(text);
    let told: Vec<(u32, u32, &str, Option<&str>)> = all
        .iter()
        .map(|f| (f.line, f.column, f.message.as_str(), f.remedy.as_deref()))
        .collect();
    assert_eq!(
        told,
        [
            (
                4,
                9,
                "Wrong default value for a \"Boolean\" parameters",
                Some("write true or false, without quotes")
            ),
            (
                7,
                11,
                "Unknown action: aws:executeAwsAp",
                Some("did you mean `aws:executeAwsApi`?")
            ),
            (
                10,
                13,
                "Unknown step name: \"fist\" in nextStep",
                Some("did you mean `first`? A jump stays within its list of steps")
            ),
            (
                18,
                16,
                "Parameter \"name\" is not declared.",
                Some("did you mean `Name`?")
            ),
        ]
    );
    for (text, code) in [
        ("a: [", "syntax"),
        (
            "schemaVersion: '2.2'\nmainSteps: [{name: a, action: 'aws:pause'}]\n",
            "schema-version",
        ),
    ] {
        let all = findings(text);
        assert_eq!(
            all.first().map(|finding| finding.code),
            Some(code),
            "{all:?}"
        );
        assert!(
            all.iter()
                .all(|finding| finding.severity == Severity::Error)
        );
    }
    let large = findings(&format!("# {}", "x".repeat(70_000)));
    assert_eq!(large.first().map(|finding| finding.code), Some("too-large"));
}

#[test]
fn misspelt_names_are_recognised() {
    let text = "schemaVersion: '0.3'\nparameters:\n  Name: {type: Strin}\n  Word: {type: String, allowedPattern: '(a'}\nmainSteps:\n- name: first\n  action: aws:branch\n  onfailure: Abort\n  inputs:\n    Choices:\n    - {NextStep: secnd, Variable: a, StringEquals: a}\n    Default: nowhere\n- name: second\n  action: aws:changeInstanceState\n  inputs: {InstanceIds: [i-1], DesiredState: stoped}\n- name: third\n  action: aws:branch\n  inputs: {Choices: [{NextStep: first, Variable: '{{ global:REGIN }}', StringEqual: a}]}\n";
    let told: Vec<(u32, u32, Option<String>)> = findings(text)
        .into_iter()
        .map(|finding| (finding.line, finding.column, finding.remedy))
        .collect();
    let meant = |name: &str| Some(format!("did you mean `{name}`?"));
    let brackets = "write a Java regular expression; brackets, dots and signs that stand for themselves need a `\\` before them";
    let jump = "did you mean `second`? A jump stays within its list of steps";
    let steps = "name one of the steps of the same list: first, second, third";
    assert_eq!(
        told,
        [
            (3, 9, meant("String")),
            (4, 40, Some(brackets.to_owned())),
            (8, 14, meant("onFailure")),
            (11, 18, Some(jump.to_owned())),
            (12, 14, Some(steps.to_owned())),
            (15, 46, meant("stopped")),
            (18, 22, meant("StringEquals")),
            (18, 50, meant("REGION")),
        ]
    );
}
