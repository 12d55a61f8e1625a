//! The calls behind each action, as `automation::action` makes them.

use serde_json::{Map, Value, json};

use super::{Child, Inputs, Script, Survey, UNKNOWN};
use crate::automation::document::{Action, Step};

/// Adds what a step may do.
pub(super) fn of(survey: &mut Survey, step: &Step, inputs: &Inputs) {
    let name = step.name.as_str();
    match step.action {
        Action::ExecuteAwsApi
        | Action::AssertAwsResourceProperty
        | Action::WaitForAwsResourceProperty => user_call(survey, name, inputs),
        Action::CreateTags => create_tags(survey, name, inputs),
        Action::ChangeInstanceState => change_state(survey, name, inputs),
        Action::Approve => {
            if inputs.given("NotificationArn") {
                let params = inputs.renamed(&[("NotificationArn", "TopicArn")]);
                survey.call(name, ("sns", "Publish"), params);
            }
        }
        Action::ExecuteScript => script(survey, name, inputs),
        Action::RunCommand => run_command(survey, name, inputs),
        Action::RunInstances => run_instances(survey, name, inputs),
        Action::CreateImage | Action::CopyImage => image(survey, (name, step.action), inputs),
        Action::DeleteImage => {
            let image = inputs.renamed(&[("ImageId", "ImageId")]);
            survey.call(name, ("ec2", "DescribeImages"), Map::new());
            survey.call(name, ("ec2", "DeregisterImage"), image);
            let params = Map::from_iter([("SnapshotId".to_owned(), json!(UNKNOWN))]);
            survey.call(name, ("ec2", "DeleteSnapshot"), params);
        }
        Action::CreateStack | Action::DeleteStack => stack(survey, (name, step.action), inputs),
        Action::InvokeLambdaFunction => {
            let params =
                inputs.renamed(&[("FunctionName", "FunctionName"), ("Qualifier", "Qualifier")]);
            survey.call(name, ("lambda", "Invoke"), params);
        }
        Action::ExecuteStateMachine => state_machine(survey, name, inputs),
        Action::InvokeWebhook => webhook(survey, name, inputs),
        Action::ExecuteAutomation => child(survey, name, inputs),
        Action::Branch | Action::Loop | Action::Pause | Action::Sleep | Action::UpdateVariable => {}
    }
}

fn user_call(survey: &mut Survey, step: &str, inputs: &Inputs) {
    let params = inputs.without(&["Service", "Api", "PropertySelector", "DesiredValues"]);
    match (inputs.text("Service"), inputs.text("Api")) {
        (Some(service), Some(api)) => survey.call(step, (&service, &api), params),
        _ => survey.unknown(step, "which API it calls is known only in the run"),
    }
}

fn create_tags(survey: &mut Survey, step: &str, inputs: &Inputs) {
    let kind = inputs.text("ResourceType");
    let anything = inputs.given("ResourceType") && kind.is_none();
    let ec2 = kind.as_deref().is_none_or(|kind| kind == "EC2");
    if ec2 {
        let params = inputs.renamed(&[("ResourceIds", "Resources"), ("Tags", "Tags")]);
        survey.call(step, ("ec2", "CreateTags"), params);
    }
    if !ec2 || anything {
        let params = inputs.renamed(&[
            ("ResourceIds", "ResourceId"),
            ("ResourceType", "ResourceType"),
        ]);
        survey.call(step, ("ssm", "AddTagsToResource"), params);
    }
}

fn change_state(survey: &mut Survey, step: &str, inputs: &Inputs) {
    let wanted = inputs.text("DesiredState");
    let wants = |state: &str| wanted.as_deref().is_none_or(|wanted| wanted == state);
    let only_looks = inputs
        .text("CheckStateOnly")
        .is_some_and(|text| text.eq_ignore_ascii_case("true"));
    let params = inputs.renamed(&[("InstanceIds", "InstanceIds")]);
    let changes = [
        ("running", "StartInstances"),
        ("stopped", "StopInstances"),
        ("terminated", "TerminateInstances"),
    ];
    for (state, api) in changes {
        if wants(state) && !only_looks {
            survey.call(step, ("ec2", api), params.clone());
        }
    }
    survey.call(step, ("ec2", "DescribeInstances"), params.clone());
    if wants("running") {
        survey.call(step, ("ec2", "DescribeInstanceStatus"), params);
    }
}

fn script(survey: &mut Survey, step: &str, inputs: &Inputs) {
    let text = inputs.0.get("Script").and_then(Value::as_str);
    match text {
        Some(text) => survey.scripts.push(Script {
            step: step.to_owned(),
            runtime: inputs.text("Runtime").unwrap_or_default(),
            text: text.to_owned(),
        }),
        None => survey.unknown(
            step,
            "its script is an attachment, which was not looked into",
        ),
    }
}

fn run_command(survey: &mut Survey, step: &str, inputs: &Inputs) {
    let params = inputs.renamed(&[
        ("DocumentName", "DocumentName"),
        ("InstanceIds", "InstanceIds"),
        ("ServiceRoleArn", "ServiceRoleArn"),
    ]);
    survey.call(step, ("ssm", "SendCommand"), params);
    for api in [
        "ListCommands",
        "ListCommandInvocations",
        "GetCommandInvocation",
        "CancelCommand",
    ] {
        survey.call(step, ("ssm", api), Map::new());
    }
}

fn run_instances(survey: &mut Survey, step: &str, inputs: &Inputs) {
    let mut params = inputs.renamed(&[
        ("ImageId", "ImageId"),
        ("SubnetId", "SubnetId"),
        ("SecurityGroupIds", "SecurityGroupIds"),
        ("KeyName", "KeyName"),
        ("TagSpecifications", "TagSpecifications"),
        ("NetworkInterfaces", "NetworkInterfaces"),
        ("BlockDeviceMappings", "BlockDeviceMappings"),
    ]);
    let profile = inputs.renamed(&[
        ("IamInstanceProfileArn", "Arn"),
        ("IamInstanceProfileName", "Name"),
    ]);
    if !profile.is_empty() {
        params.insert("IamInstanceProfile".to_owned(), Value::Object(profile));
    }
    survey.call(step, ("ec2", "RunInstances"), params);
    survey.call(step, ("ec2", "DescribeInstances"), Map::new());
    survey.call(step, ("ec2", "DescribeInstanceStatus"), Map::new());
}

fn image(survey: &mut Survey, (step, action): (&str, Action), inputs: &Inputs) {
    if action == Action::CreateImage {
        let params = inputs.renamed(&[("InstanceId", "InstanceId")]);
        survey.call(step, ("ec2", "CreateImage"), params);
    } else {
        let params =
            inputs.renamed(&[("SourceImageId", "SourceImageId"), ("KmsKeyId", "KmsKeyId")]);
        survey.call(step, ("ec2", "CopyImage"), params);
    }
    survey.call(step, ("ec2", "DescribeImages"), Map::new());
}

fn stack(survey: &mut Survey, (step, action): (&str, Action), inputs: &Inputs) {
    let params = inputs.renamed(&[("StackName", "StackName"), ("RoleARN", "RoleARN")]);
    let name = inputs.renamed(&[("StackName", "StackName")]);
    let (api, makes) = match action {
        Action::CreateStack => ("CreateStack", true),
        _ => ("DeleteStack", false),
    };
    survey.call(step, ("cloudformation", api), params);
    if makes {
        // A stack that was rolled back is deleted before the next attempt.
        survey.call(step, ("cloudformation", "DeleteStack"), name.clone());
    }
    survey.call(step, ("cloudformation", "DescribeStacks"), name);
    if !inputs.given("RoleARN") {
        survey.unknown(
            step,
            "without RoleARN CloudFormation acts as the caller: the actions for the stack's resources are not included",
        );
    }
}

fn state_machine(survey: &mut Survey, step: &str, inputs: &Inputs) {
    let params = inputs.renamed(&[("stateMachineArn", "stateMachineArn")]);
    survey.call(step, ("stepfunctions", "StartExecution"), params);
    for api in ["DescribeExecution", "StopExecution"] {
        let execution = Map::from_iter([("executionArn".to_owned(), json!(UNKNOWN))]);
        survey.call(step, ("stepfunctions", api), execution);
    }
}

/// Where an integration's address and headers are kept.
const INTEGRATIONS: &str = "/d9d01087-4a3f-49e0-b0b4-d568d7826553/ssm/integrations/webhook/";

fn webhook(survey: &mut Survey, step: &str, inputs: &Inputs) {
    let name = inputs.text("IntegrationName");
    let path = format!("{INTEGRATIONS}{}", name.as_deref().unwrap_or(UNKNOWN));
    let params = Map::from_iter([("Name".to_owned(), json!(path))]);
    survey.call(step, ("ssm", "GetParameter"), params);
}

fn child(survey: &mut Survey, step: &str, inputs: &Inputs) {
    match inputs.text("DocumentName") {
        Some(name) => {
            let document = name.rsplit('/').next().unwrap_or(&name);
            let document = document.split(':').next().unwrap_or(document);
            survey.children.push(Child {
                step: step.to_owned(),
                document: document.to_owned(),
            });
        }
        None => survey.unknown(step, "which document it runs is known only in the run"),
    }
    let locations = inputs.0.get("TargetLocations");
    for location in locations.and_then(Value::as_array).into_iter().flatten() {
        let accounts = location.get("Accounts").and_then(Value::as_array);
        let role = location.get("ExecutionRoleName").and_then(Value::as_str);
        let role = role.unwrap_or("AWS-SystemsManager-AutomationExecutionRole");
        let unknown = vec![json!(UNKNOWN)];
        for account in accounts.unwrap_or(&unknown) {
            let account = account.as_str().unwrap_or(UNKNOWN);
            let arn = format!("arn:aws:iam::{account}:role/{role}");
            let params = Map::from_iter([("RoleArn".to_owned(), json!(arn))]);
            survey.call(step, ("sts", "AssumeRole"), params);
        }
    }
}
