//! What a repeat of an operation does.

use aws::knowledge::{Mutation, ProbeAnswer, ProbeSpec, TOKEN_TAG, inject_token, mutation};
use serde_json::{Value, json};

fn kind(service: &str, operation: &str) -> &'static str {
    match mutation(service, operation, &json!({})) {
        Mutation::ReadOnly => "reads",
        Mutation::Idempotent { .. } => "repeats",
        Mutation::Token { .. } => "token",
        Mutation::Probe(_) => "probe",
        Mutation::None => "none",
    }
}

fn codes(service: &str, operation: &str) -> &'static [&'static str] {
    match mutation(service, operation, &json!({})) {
        Mutation::Idempotent { already_done_codes } => already_done_codes,
        other => panic!("{service}:{operation} is {other:?}"),
    }
}

fn probe(service: &str, operation: &str, params: &Value) -> ProbeSpec {
    match mutation(service, operation, params) {
        Mutation::Probe(probe) => probe,
        other => panic!("{service}:{operation} is {other:?}"),
    }
}

#[test]
fn verbs_traits_and_table() {
    for (service, operation, expected) in [
        ("ec2", "DescribeInstances", "reads"),
        ("ec2", "describe-instances", "reads"),
        ("ec2", "GetConsoleOutput", "reads"),
        ("iam", "ListMFADevices", "reads"),
        ("iam", "SimulatePrincipalPolicy", "reads"),
        ("sts", "AssumeRole", "reads"),
        ("sts", "GetSessionToken", "reads"),
        ("kinesis", "GetRecords", "reads"),
        ("dynamodb", "Query", "reads"),
        ("cloudtrail", "LookupEvents", "reads"),
        ("s3", "HeadBucket", "reads"),
        ("ec2", "TerminateInstances", "repeats"),
        ("ec2", "CreateTags", "repeats"),
        ("sqs", "ReceiveMessage", "repeats"),
        ("elbv2", "DeregisterTargets", "repeats"),
        ("s3control", "PutPublicAccessBlock", "repeats"),
        ("ec2", "RunInstances", "token"),
        ("ssm-incidents", "StartIncident", "token"),
        ("ecs", "CreateService", "none"),
        ("sns", "Publish", "none"),
        ("ec2", "RebootInstances", "none"),
        ("ssm", "SendCommand", "none"),
        ("elasticache", "TestFailover", "none"),
        ("license-manager", "CheckInLicense", "none"),
        ("cognito-identity", "GetId", "none"),
        ("nowhere", "DescribeNothing", "none"),
        ("ec2", "DescribeNothing", "none"),
    ] {
        assert_eq!(kind(service, operation), expected, "{service}:{operation}");
    }
}

#[test]
fn already_done_is_known_by_its_code() {
    assert_eq!(
        codes("ec2", "AuthorizeSecurityGroupIngress"),
        ["InvalidPermission.Duplicate"]
    );
    assert_eq!(
        codes("ec2", "RevokeSecurityGroupEgress"),
        ["InvalidPermission.NotFound"]
    );
    assert_eq!(
        codes("ec2", "CreateNetworkAclEntry"),
        ["NetworkAclEntryAlreadyExists"]
    );
    assert_eq!(codes("iam", "DetachRolePolicy"), ["NoSuchEntity"]);
    assert_eq!(codes("ssm", "PutParameter"), ["ParameterAlreadyExists"]);
    let overwrite = mutation("ssm", "put_parameter", &json!({"Overwrite": "True"}));
    assert_eq!(
        overwrite,
        Mutation::Idempotent {
            already_done_codes: &[]
        }
    );
}

#[test]
fn tokens_go_where_they_belong_and_only_once() {
    let mut params = json!({"ImageId": "ami-1"});
    inject_token("ec2", "RunInstances", &mut params, "t1");
    inject_token("ec2", "RunInstances", &mut params, "t2");
    assert_eq!(params["ClientToken"], "t1");

    let own = json!([{"ResourceType": "snapshot", "Tags": [{"Key": "case", "Value": "7"}]}]);
    let mut params = json!({"VolumeId": "vol-1", "TagSpecifications": own});
    inject_token("ec2", "create_snapshot", &mut params, "t1");
    let once = params.clone();
    inject_token("ec2", "CreateSnapshot", &mut params, "t2");
    assert_eq!(params, once);
    assert_eq!(
        params["TagSpecifications"],
        json!([{"ResourceType": "snapshot", "Tags": [{"Key": "case", "Value": "7"}, {"Key": TOKEN_TAG, "Value": "t1"}]}])
    );
    let mut params = Value::Null;
    inject_token("ec2", "DescribeInstances", &mut params, "t");
    assert_eq!(params, json!({}));
}

#[test]
fn snapshots_are_found_by_their_token() {
    assert_eq!(
        mutation("ec2", "CreateSnapshot", &json!({"VolumeId": "v"})),
        Mutation::None
    );
    let mut params = json!({"VolumeId": "vol-1"});
    inject_token("ec2", "CreateSnapshot", &mut params, "t1");
    let one = probe("ec2", "CreateSnapshot", &params);
    assert_eq!(one.operation, "DescribeSnapshots");
    assert_eq!(
        one.params,
        json!({"Filters": [{"Name": "tag:quell:token", "Values": ["t1"]}]})
    );
    assert_eq!(
        one.interpret(&json!({"Snapshots": []})),
        ProbeAnswer::NotHappened
    );
    let snapshot = json!({"SnapshotId": "snap-1", "VolumeId": "vol-1"});
    assert_eq!(
        one.interpret(&json!({"Snapshots": [snapshot]})),
        ProbeAnswer::Happened(snapshot.clone())
    );
    let mut params = json!({"InstanceSpecification": {"InstanceId": "i-1"}});
    inject_token("ec2", "CreateSnapshots", &mut params, "t1");
    let many = probe("ec2", "CreateSnapshots", &params);
    let answer = json!({"Snapshots": [snapshot]});
    assert_eq!(
        many.interpret(&answer),
        ProbeAnswer::Happened(answer.clone())
    );
    let mut params = json!({"GroupName": "q", "Description": "d", "VpcId": "vpc-1"});
    inject_token("ec2", "CreateSecurityGroup", &mut params, "t1");
    let group = probe("ec2", "CreateSecurityGroup", &params);
    let found = json!({"SecurityGroups": [{"GroupId": "sg-1", "GroupName": "q"}]});
    assert_eq!(
        group.interpret(&found),
        ProbeAnswer::Happened(json!({"GroupId": "sg-1"}))
    );
}

#[test]
fn scaling_groups_are_asked_where_the_instance_is() {
    let params = json!({"AutoScalingGroupName": "g", "InstanceIds": ["i-1", "i-2"], "ShouldDecrementDesiredCapacity": true});
    let at = |states: &[(&str, &str)]| {
        let list: Vec<Value> = states
            .iter()
            .map(|(id, state)| json!({"InstanceId": id, "AutoScalingGroupName": "g", "LifecycleState": state}))
            .collect();
        json!({"AutoScalingInstances": list})
    };
    let done = ProbeAnswer::Happened(json!({"Activities": []}));
    let enter = probe("autoscaling", "EnterStandby", &params);
    assert_eq!(enter.params, json!({"InstanceIds": ["i-1", "i-2"]}));
    assert_eq!(
        enter.interpret(&at(&[("i-1", "Standby"), ("i-2", "EnteringStandby")])),
        done
    );
    assert_eq!(
        enter.interpret(&at(&[("i-1", "InService"), ("i-2", "InService")])),
        ProbeAnswer::NotHappened
    );
    let half = enter.interpret(&at(&[("i-1", "Standby"), ("i-2", "InService")]));
    assert!(matches!(half, ProbeAnswer::Unclear(_)));
    let leave = probe("autoscaling", "ExitStandby", &params);
    assert_eq!(
        leave.interpret(&at(&[("i-1", "Pending"), ("i-2", "InService")])),
        done
    );
    assert_eq!(
        leave.interpret(&at(&[("i-1", "Standby"), ("i-2", "Standby")])),
        ProbeAnswer::NotHappened
    );
    let detach = probe("autoscaling", "DetachInstances", &params);
    assert_eq!(detach.interpret(&at(&[])), done);
    assert_eq!(
        detach.interpret(&at(&[("i-1", "InService"), ("i-2", "InService")])),
        ProbeAnswer::NotHappened
    );
    let attach = probe("autoscaling", "AttachInstances", &params);
    assert_eq!(attach.interpret(&at(&[])), ProbeAnswer::NotHappened);
    assert_eq!(
        attach.interpret(&at(&[("i-1", "Pending"), ("i-2", "InService")])),
        ProbeAnswer::Happened(json!({}))
    );
}

#[test]
fn associations() {
    let params = json!({"InstanceId": "i-1", "IamInstanceProfile": {"Name": "p"}});
    let associate = probe("ec2", "AssociateIamInstanceProfile", &params);
    let entry = json!({"State": "associated", "IamInstanceProfile": {"Arn": "arn:aws:iam::1:instance-profile/p"}});
    let found = json!({"IamInstanceProfileAssociations": [entry]});
    assert_eq!(
        associate.interpret(&found),
        ProbeAnswer::Happened(json!({"IamInstanceProfileAssociation": entry}))
    );
    let other = json!({"IamInstanceProfileAssociations": [{"IamInstanceProfile": {"Arn": "arn:aws:iam::1:instance-profile/x"}}]});
    assert_eq!(associate.interpret(&other), ProbeAnswer::NotHappened);
    let replace = probe(
        "ec2",
        "ReplaceNetworkAclAssociation",
        &json!({"AssociationId": "a-1", "NetworkAclId": "acl-1"}),
    );
    assert_eq!(
        replace.interpret(&json!({"NetworkAcls": [{}]})),
        ProbeAnswer::NotHappened
    );
    assert!(matches!(
        replace.interpret(&json!({"NetworkAcls": []})),
        ProbeAnswer::Unclear(_)
    ));
}

/// Every operation has an answer, and a probe's call can be written.
#[test]
fn figures() {
    let mut counts = std::collections::BTreeMap::new();
    for name in aws::model::catalog().names() {
        for operation in &aws::model::catalog().service(name).unwrap().operations {
            *counts.entry(kind(name, operation.name)).or_insert(0) += 1;
        }
    }
    println!("mutations: {counts:?}");
    assert!(
        counts["reads"] > 7_500 && counts["none"] > 1_000,
        "{counts:?}"
    );
    let mut params = json!({"VolumeId": "vol-1"});
    inject_token("ec2", "CreateSnapshot", &mut params, "t1");
    let probe = probe("ec2", "CreateSnapshot", &params);
    let call = aws::Call {
        service: probe.service,
        operation: probe.operation,
        params: &probe.params,
        region: "eu-west-1",
        endpoint_url: None,
        token: "t",
        options: aws::CallOptions::defaults(),
    };
    assert!(aws::prepare(&call).is_ok());
}
