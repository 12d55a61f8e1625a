//! Where a plan has several ways: branches, failures, joins, circles.

use serde_json::json;

use super::{api, begin, branch, calls, doc, nothing, plan_of, play};

#[test]
fn an_unknown_branch_is_followed_each_way_once() {
    let document = doc(vec![
        api("Make", "CreateThing", json!({})),
        branch("Which", "{{ Make.Flag }}", "Yes", "No"),
        json!({"name": "Yes", "action": "aws:executeAwsApi", "nextStep": "After", "inputs": {"Service": "ec2", "Api": "StartThing"}}),
        json!({"name": "No", "action": "aws:executeAwsApi", "inputs": {"Service": "ec2", "Api": "StopThing"}}),
        api("After", "TagThing", json!({})),
    ]);
    let played = plan_of(&document, &nothing);
    let mut told = calls(&played);
    told.sort();
    assert_eq!(
        told,
        [
            "?No ec2:StopThing {}",
            "?Yes ec2:StartThing {}",
            "After ec2:TagThing {}",
            "Make ec2:CreateThing {}"
        ]
    );
}

#[test]
fn behind_a_join_both_values_are_shown() {
    let set = |name: &str, value: &str, next: &str| json!({"name": name, "action": "aws:updateVariable", "nextStep": next, "inputs": {"Name": "variable:V", "Value": value}});
    let mut document = doc(vec![
        api("Make", "CreateThing", json!({})),
        branch("Which", "{{ Make.Flag }}", "Yes", "No"),
        set("Yes", "one", "After"),
        set("No", "two", "After"),
        api("After", "TagThing", json!({"With": "{{ variable:V }}"})),
        api("Last", "StopThing", json!({"Id": "i-1"})),
    ]);
    document["variables"] = json!({"V": {"type": "String", "default": "none"}});
    let mut told = calls(&plan_of(&document, &nothing));
    told.sort();
    assert_eq!(
        told,
        [
            r#"?After ec2:TagThing {"With":"one"}"#,
            r#"?After ec2:TagThing {"With":"two"}"#,
            // From here on the value counts no more: the ways are one again.
            r#"Last ec2:StopThing {"Id":"i-1"}"#,
            "Make ec2:CreateThing {}",
        ]
    );
}

#[test]
fn what_a_failure_leads_to_is_shown() {
    let stop = |on_failure: &str| json!({"name": "Stop", "action": "aws:executeAwsApi", "onFailure": on_failure, "nextStep": "Tag", "inputs": {"Service": "ec2", "Api": "StopThing"}});
    let rest = [
        json!({"name": "Back", "action": "aws:executeAwsApi", "isEnd": true, "inputs": {"Service": "ec2", "Api": "StartThing"}}),
        api("Tag", "TagThing", json!({})),
    ];
    let with = |on_failure: &str| {
        let steps = [vec![stop(on_failure)], rest.to_vec()].concat();
        plan_of(&doc(steps), &nothing)
    };
    let back = with("step:Back");
    assert_eq!(
        calls(&back),
        [
            "Stop ec2:StopThing {}",
            "?Tag ec2:TagThing {}",
            "?Back ec2:StartThing {}"
        ]
    );
    let summary = back.preview.summary().expect("a plan");
    assert_eq!(
        summary.steps[0].if_fails.as_deref(),
        Some("the run goes on at Back")
    );
    assert_eq!(summary.steps[2].when.as_deref(), Some("if Stop fails"));
    assert_eq!(summary.outcome, "Success, or Failed: if Stop fails");
    // Whether it fails or not, the same follows.
    assert_eq!(
        calls(&with("Continue")),
        ["Stop ec2:StopThing {}", "Tag ec2:TagThing {}"]
    );
    assert_eq!(
        calls(&with("Abort")),
        ["Stop ec2:StopThing {}", "Tag ec2:TagThing {}"]
    );
}

#[test]
fn what_the_failure_of_a_child_leads_to_is_shown() {
    let parent = doc(vec![
        json!({"name": "Run", "action": "aws:executeAutomation", "onFailure": "step:Back", "isEnd": true, "inputs": {"DocumentName": "Child"}}),
        api("Back", "StartThing", json!({})),
    ]);
    let child = doc(vec![
        api("Stop", "StopThing", json!({})),
        api("Tag", "TagThing", json!({})),
    ]);
    let played = play(begin(&parent, &[]), 0, &nothing, Some(&child));
    assert_eq!(
        calls(&played),
        [
            "Stop ec2:StopThing {}",
            "?Tag ec2:TagThing {}",
            "?Back ec2:StartThing {}"
        ]
    );
}

#[test]
fn a_known_branch_goes_one_way() {
    let document = doc(vec![
        api("Look", "DescribeThing", json!({})),
        branch("Which", "{{ Look.Flag }}", "Yes", "No"),
        json!({"name": "Yes", "action": "aws:executeAwsApi", "isEnd": true, "inputs": {"Service": "ec2", "Api": "StartThing"}}),
        api("No", "StopThing", json!({})),
    ]);
    for (flag, expected) in [
        (true, "Yes ec2:StartThing {}"),
        (false, "No ec2:StopThing {}"),
    ] {
        let played = plan_of(&document, &|_| Ok(json!({"Flag": flag})));
        assert_eq!(calls(&played), [expected]);
    }
}

#[test]
fn what_is_read_after_a_change_leaves_branches_open() {
    let document = doc(vec![
        api("Change", "ModifyThing", json!({"Id": "i-123"})),
        api("Look", "DescribeThing", json!({"Id": "i-123"})),
        branch("Which", "{{ Look.Flag }}", "Yes", "No"),
        api("No", "StopThing", json!({"With": "{{ Look.Id }}"})),
        api("Yes", "StartThing", json!({"With": "{{ Look.Id }}"})),
    ]);
    let played = plan_of(&document, &|_| Ok(json!({"Flag": true, "Id": "old"})));
    assert_eq!(
        calls(&played),
        [
            r#"Change ec2:ModifyThing {"Id":"i-123"}"#,
            // As things are now, then the other way, where the reading is another one.
            r#"?Yes ec2:StartThing {"With":"old"}"#,
            r#"?No ec2:StopThing {"With":"<known after the run: Look.Id>"}"#,
            r#"?Yes ec2:StartThing {"With":"<known after the run: Look.Id>"}"#,
        ]
    );
}

#[test]
fn a_circle_with_an_open_way_out_is_shown_once() {
    let document = doc(vec![
        api("Change", "ModifyThing", json!({"Id": "i-123"})),
        api("Look", "DescribeThing", json!({"Id": "i-123"})),
        branch("Ready", "{{ Look.Flag }}", "Done", "Wait"),
        json!({"name": "Wait", "action": "aws:sleep", "nextStep": "Look", "inputs": {"Duration": "PT1H"}}),
        api("Done", "TagThing", json!({})),
    ]);
    let played = plan_of(&document, &|_| Ok(json!({"Flag": false})));
    assert_eq!(
        calls(&played),
        [
            r#"Change ec2:ModifyThing {"Id":"i-123"}"#,
            "Done ec2:TagThing {}"
        ]
    );
    let summary = played.preview.summary().expect("a plan");
    let names: Vec<&str> = summary
        .steps
        .iter()
        .map(|step| step.step.as_str())
        .collect();
    assert_eq!(names, ["Change", "Look", "Ready", "Wait", "Done"]);
}
