//! Stacks of CloudFormation.

use flow::automation::Status;
use model::effect::Outcome;
use serde_json::json;

use super::{last, refused, step};
use crate::world::{World, document, done, failed, nothing};

fn stack(status: &str) -> Outcome {
    done(
        json!({"Stacks": [{"StackId": "arn:s", "StackStatus": status, "StackStatusReason": "why",
        "Outputs": [{"OutputKey": "Url", "OutputValue": "https://x"}, {"OutputKey": "StackStatus", "OutputValue": "forged"}]}]}),
    )
}

#[test]
fn a_stack_is_created_and_its_outputs_are_the_steps() {
    let text = document(
        "- name: a\n  action: aws:createStack\n  maxAttempts: 2\n  inputs:\n    StackName: S\n    TemplateBody: {Resources: {}}\n    Capabilities: CAPABILITY_IAM\n    Parameters: [{ParameterKey: N, ParameterValue: 5}, {ParameterKey: L, ParameterValue: [a, b]}]\n\
         - name: b\n  action: aws:executeAwsApi\n  inputs: {Service: s3, Api: ListBuckets, Prefix: '{{ a.Url }}'}\n",
    );
    let mut world = World::of(&text, &[]);
    assert_eq!(
        world.last_call().params,
        json!({"StackName": "S", "TemplateBody": "{\"Resources\":{}}", "Capabilities": ["CAPABILITY_IAM"],
            "Parameters": [{"ParameterKey": "N", "ParameterValue": "5"}, {"ParameterKey": "L", "ParameterValue": "a,b"}]})
    );
    world.answer(done(json!({"StackId": "arn:s"})));
    assert_eq!(world.last_call().params, json!({"StackName": "arn:s"}));
    world.answer(stack("CREATE_IN_PROGRESS"));
    world.tick();
    world.answer(stack("CREATE_COMPLETE"));
    assert_eq!(world.last_call().params, json!({"Prefix": "https://x"}));
    assert_eq!(
        world.output("a", "StackStatus"),
        Some(json!("CREATE_COMPLETE"))
    );
    assert_eq!(world.output("a", "StackId"), Some(json!("arn:s")));

    // Rolled back: the second attempt removes it first.
    let mut world = World::of(&text, &[]);
    world.answer(done(json!({"StackId": "arn:s"})));
    world.answer(stack("ROLLBACK_IN_PROGRESS"));
    world.tick();
    world.answer(stack("ROLLBACK_COMPLETE"));
    assert_eq!(world.last_call().params, json!({"StackName": "S"}));
    world.answer(stack("ROLLBACK_COMPLETE"));
    assert_eq!(last(&world), "cloudformation:DeleteStack");
    assert_eq!(world.last_call().params, json!({"StackName": "arn:s"}));
    world.answer(nothing());
    world.answer(stack("DELETE_IN_PROGRESS"));
    world.tick();
    world.answer(stack("DELETE_COMPLETE"));
    assert_eq!(last(&world), "cloudformation:CreateStack");
    world.answer(done(json!({"StackId": "arn:s2"})));
    world.answer(stack("CREATE_FAILED"));
    assert_eq!(world.status(), Status::Failed);
    assert!(
        world
            .failure("a")
            .contains("unexpected state: CREATE_FAILED (why)"),
        "{}",
        world.failure("a")
    );
}

#[test]
fn a_stack_is_deleted_and_a_missing_one_is_gone() {
    let text = step(
        "deleteStack",
        "",
        "{StackName: S, RetainResources: X, RoleARN: ''}",
    );
    let missing = || refused("ValidationError", "Stack with id S does not exist");
    let mut world = World::of(&text, &[]);
    world.answer(missing());
    assert_eq!(
        (world.status(), world.performed.len()),
        (Status::Success, 1)
    );
    for end in [stack("DELETE_COMPLETE"), missing()] {
        let mut world = World::of(&text, &[]);
        world.answer(stack("CREATE_COMPLETE"));
        assert_eq!(
            world.last_call().params,
            json!({"StackName": "arn:s", "RetainResources": ["X"]})
        );
        world.answer(nothing());
        world.answer(stack("DELETE_IN_PROGRESS"));
        world.tick();
        world.answer(end);
        assert_eq!(world.status(), Status::Success);
    }
    let mut world = World::of(&text, &[]);
    world.answer(stack("CREATE_COMPLETE"));
    world.answer(nothing());
    world.answer(stack("DELETE_FAILED"));
    assert!(
        world.failure("a").contains("DELETE_FAILED (why)"),
        "{}",
        world.failure("a")
    );
    let mut world = World::of(&text, &[]);
    world.answer(failed("AccessDenied"));
    assert_eq!(world.status(), Status::Failed);
}
