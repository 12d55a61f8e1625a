//! What calls need, checked over all operations and against what the Service Authorization Reference says of some.

use aws::model::catalog;
use aws::permissions::{ANY, Place, needs, policy};
use serde_json::{Value, json};

fn place() -> Place {
    Place {
        partition: "aws".to_owned(),
        region: "eu-west-1".to_owned(),
        account: "123456789012".to_owned(),
    }
}

/// `action resource,resource` of each need.
fn told(service: &str, operation: &str, params: &Value) -> Vec<String> {
    let found = needs(service, operation, params, &place()).expect("a known operation");
    let told = found.needs.iter().map(|need| {
        let resources: Vec<&str> = need.resources.iter().map(String::as_str).collect();
        format!("{} {}", need.action, resources.join(","))
    });
    told.collect()
}

#[test]
fn the_table_of_well_known_calls() {
    let cases: [(&str, &str, Value, &[&str]); 27] = [
        ("s3", "ListBuckets", json!({}), &["s3:ListAllMyBuckets *"]),
        (
            "s3",
            "head_object",
            json!({"Bucket": "b", "Key": "k"}),
            &["s3:GetObject arn:aws:s3:::b/k"],
        ),
        (
            "s3",
            "GetObject",
            json!({"Bucket": "b", "Key": "k", "VersionId": "v"}),
            &["s3:GetObjectVersion arn:aws:s3:::b/k"],
        ),
        (
            "s3",
            "PutBucketEncryption",
            json!({"Bucket": "b"}),
            &["s3:PutEncryptionConfiguration arn:aws:s3:::b"],
        ),
        (
            "s3",
            "PutPublicAccessBlock",
            json!({"Bucket": ANY}),
            &["s3:PutBucketPublicAccessBlock arn:aws:s3:::*"],
        ),
        (
            "s3control",
            "PutPublicAccessBlock",
            json!({"AccountId": "123456789012"}),
            &["s3:PutAccountPublicAccessBlock *"],
        ),
        (
            "s3",
            "DeleteObjects",
            json!({"Bucket": "b", "Delete": {"Objects": [{"Key": "k"}]}}),
            &["s3:DeleteObject arn:aws:s3:::b/k"],
        ),
        (
            "lambda",
            "Invoke",
            json!({"FunctionName": "f"}),
            &["lambda:InvokeFunction arn:aws:lambda:eu-west-1:123456789012:function:f"],
        ),
        (
            "cloudwatch",
            "PutMetricAlarm",
            json!({"AlarmName": "a"}),
            &["cloudwatch:PutMetricAlarm arn:aws:cloudwatch:eu-west-1:123456789012:alarm:a"],
        ),
        (
            "resourcegroupstaggingapi",
            "GetResources",
            json!({}),
            &["tag:GetResources *"],
        ),
        (
            "opensearch",
            "DescribeDomain",
            json!({"DomainName": "d"}),
            &["es:DescribeDomain arn:aws:es:eu-west-1:123456789012:domain/d"],
        ),
        (
            "accessanalyzer",
            "ListFindingsV2",
            json!({"analyzerArn": "arn:aws:access-analyzer:eu-west-1:123456789012:analyzer/a"}),
            &[
                "access-analyzer:ListFindings arn:aws:access-analyzer:eu-west-1:123456789012:analyzer/a",
            ],
        ),
        (
            "config",
            "DescribeConfigRules",
            json!({}),
            &["config:DescribeConfigRules *"],
        ),
        (
            "stepfunctions",
            "StartExecution",
            json!({"stateMachineArn": "arn:aws:states:eu-west-1:123456789012:stateMachine:m"}),
            &["states:StartExecution arn:aws:states:eu-west-1:123456789012:stateMachine:m"],
        ),
        (
            "ec2",
            "DescribeInstances",
            json!({"InstanceIds": ["i-0123456789abcdef0"]}),
            &["ec2:DescribeInstances *"],
        ),
        (
            "ec2",
            "ModifyInstanceAttribute",
            json!({"InstanceId": "i-0123456789abcdef0", "Groups": ["sg-0123456789abcdef0"]}),
            &[
                "ec2:ModifyInstanceAttribute arn:aws:ec2:eu-west-1:123456789012:instance/i-0123456789abcdef0,arn:aws:ec2:eu-west-1:123456789012:security-group/sg-0123456789abcdef0",
            ],
        ),
        (
            "ec2",
            "StopInstances",
            json!({"InstanceIds": ANY}),
            &["ec2:StopInstances arn:aws:ec2:eu-west-1:123456789012:instance/*"],
        ),
        (
            "ec2",
            "CreateSnapshot",
            json!({"VolumeId": "vol-0123456789abcdef0", "TagSpecifications": [{"ResourceType": "snapshot", "Tags": []}]}),
            &[
                "ec2:CreateSnapshot arn:aws:ec2:eu-west-1:123456789012:volume/vol-0123456789abcdef0,arn:aws:ec2:eu-west-1::snapshot/*",
                "ec2:CreateTags arn:aws:ec2:eu-west-1:*:snapshot/*",
            ],
        ),
        (
            "ec2",
            "AssociateIamInstanceProfile",
            json!({"InstanceId": "i-0123456789abcdef0", "IamInstanceProfile": {"Name": "p"}}),
            &[
                "ec2:AssociateIamInstanceProfile arn:aws:ec2:eu-west-1:123456789012:instance/i-0123456789abcdef0",
                "iam:PassRole *",
            ],
        ),
        (
            "ec2",
            "CreateTags",
            json!({"Resources": ["i-0123456789abcdef0", "vol-0123456789abcdef0"]}),
            &[
                "ec2:CreateTags arn:aws:ec2:eu-west-1:123456789012:instance/i-0123456789abcdef0,arn:aws:ec2:eu-west-1:123456789012:volume/vol-0123456789abcdef0",
            ],
        ),
        (
            "iam",
            "PutRolePolicy",
            json!({"RoleName": "r", "PolicyName": "p"}),
            &[
                "iam:PutRolePolicy arn:aws:iam::123456789012:role/*/r,arn:aws:iam::123456789012:role/r",
            ],
        ),
        (
            "ssm",
            "PutParameter",
            json!({"Name": "/quell/x"}),
            &["ssm:PutParameter arn:aws:ssm:eu-west-1:123456789012:parameter/quell/x"],
        ),
        (
            "sqs",
            "SendMessageBatch",
            json!({"QueueUrl": "https://sqs.eu-west-1.amazonaws.com/123456789012/q"}),
            &["sqs:SendMessage arn:aws:sqs:eu-west-1:123456789012:q"],
        ),
        (
            "apigateway",
            "UpdateStage",
            json!({"restApiId": "a1", "stageName": ANY}),
            &["apigateway:PATCH arn:aws:apigateway:eu-west-1::/restapis/a1/stages/*"],
        ),
        (
            "kms",
            "ReEncrypt",
            json!({}),
            &[
                "kms:ReEncryptFrom arn:aws:kms:eu-west-1:123456789012:key/*",
                "kms:ReEncryptTo arn:aws:kms:eu-west-1:123456789012:key/*",
            ],
        ),
        (
            "autoscaling",
            "EnterStandby",
            json!({"AutoScalingGroupName": "g", "InstanceIds": ANY}),
            &[
                "autoscaling:EnterStandby arn:aws:autoscaling:eu-west-1:123456789012:autoScalingGroup:*:autoScalingGroupName/g",
            ],
        ),
        (
            "ec2",
            "CreateFlowLogs",
            json!({"ResourceIds": ["vpc-0123456789abcdef0"], "DeliverLogsPermissionArn": "arn:aws:iam::123456789012:role/flow"}),
            &[
                "ec2:CreateFlowLogs arn:aws:ec2:eu-west-1:123456789012:vpc-flow-log/*,arn:aws:ec2:eu-west-1:123456789012:vpc/vpc-0123456789abcdef0",
                "iam:PassRole arn:aws:iam::123456789012:role/flow",
            ],
        ),
    ];
    for (service, operation, params, expected) in cases {
        assert_eq!(
            told(service, operation, &params),
            expected,
            "{service} {operation} {params}"
        );
    }
}

#[test]
fn every_operation_of_every_service_has_an_action() {
    let mut operations = 0_usize;
    let mut unknown = 0_usize;
    for name in catalog().names() {
        let service = catalog().service(name).expect("its own name");
        for operation in &service.operations {
            let found = needs(name, operation.name, &json!({}), &place()).expect("known");
            assert!(!found.needs.is_empty(), "{name} {}", operation.name);
            for need in &found.needs {
                let (prefix, action) = need.action.split_once(':').expect("a prefix");
                assert!(!prefix.is_empty() && !action.is_empty(), "{}", need.action);
                assert!(!need.resources.is_empty(), "{}", need.action);
            }
            operations += 1;
            unknown += usize::from(
                found
                    .notes
                    .iter()
                    .any(|note| note.contains("not in the table")),
            );
        }
    }
    println!("{operations} operations, {unknown} of them without resource types in the table");
    assert!(operations > 15_000, "{operations}");
}

#[test]
fn actions_of_the_services_in_the_table_are_documented_ones() {
    // Operations that are newer than the reference the table was made of: counted, so that a wrong rename shows.
    let mut strangers = Vec::new();
    for name in [
        "ec2",
        "s3",
        "iam",
        "lambda",
        "kms",
        "rds",
        "sns",
        "sqs",
        "autoscaling",
        "elbv2",
        "cloudtrail",
        "guardduty",
        "dynamodb",
        "logs",
        "cloudwatch",
        "events",
        "organizations",
        "stepfunctions",
        "secretsmanager",
        "ssm",
    ] {
        let service = catalog().service(name).expect("known");
        for operation in &service.operations {
            let found = needs(name, operation.name, &json!({}), &place()).expect("known");
            if found
                .notes
                .iter()
                .any(|note| note.contains("not in the table"))
            {
                strangers.push(format!("{name}:{}", operation.name));
            }
        }
    }
    println!("{strangers:?}");
    assert!(strangers.len() <= 25, "{strangers:?}");
}

#[test]
fn a_name_that_nobody_knows_is_refused() {
    let error = needs("ec3", "DescribeInstances", &json!({}), &place()).expect_err("unknown");
    assert!(error.to_string().contains("ec3"), "{error}");
    assert!(needs("ec2", "DescribeInstancs", &json!({}), &place()).is_err());
}

#[test]
fn a_passed_role_is_limited_to_the_service() {
    let params = json!({"InstanceId": "i-0123456789abcdef0", "IamInstanceProfile": {"Name": "p"}});
    let found = needs("ec2", "AssociateIamInstanceProfile", &params, &place()).expect("known");
    let document = policy::document(&found.needs);
    let statements = document["Statement"].as_array().expect("a list");
    let pass = statements
        .iter()
        .find(|s| s["Action"] == json!(["iam:PassRole"]));
    let condition = json!({"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}});
    assert_eq!(pass.map(|s| &s["Condition"]), Some(&condition));
}

#[test]
fn a_password_that_secrets_manager_shall_keep_needs_its_permissions() {
    let own = "arn:aws:kms:eu-west-1:123456789012:key/1234";
    let secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!*";
    let any_key = "arn:aws:kms:eu-west-1:123456789012:key/*";
    let with = |params: &Value| {
        let all = told("rds", "ModifyDBInstance", params);
        let own = all
            .into_iter()
            .filter(|need| !need.starts_with("rds:ModifyDBInstance "));
        own.collect::<Vec<String>>()
    };
    let secrets = [
        format!("secretsmanager:CreateSecret {secret}"),
        format!("secretsmanager:TagResource {secret}"),
    ];
    for managed in [json!(true), json!("true"), json!(ANY)] {
        let params = json!({"DBInstanceIdentifier": "d", "ManageMasterUserPassword": managed});
        let mut expected = vec![format!("kms:DescribeKey {any_key}")];
        expected.extend(secrets.clone());
        assert_eq!(with(&params), expected);
    }
    let mut params = json!({"DBInstanceIdentifier": "d", "ManageMasterUserPassword": true, "MasterUserSecretKmsKeyId": own});
    let actions = ["CreateGrant", "Decrypt", "DescribeKey", "GenerateDataKey"];
    let mut expected: Vec<String> = actions
        .iter()
        .map(|action| format!("kms:{action} {own}"))
        .collect();
    expected.extend(secrets);
    assert_eq!(with(&params), expected);
    params["ManageMasterUserPassword"] = json!(false);
    assert_eq!(with(&params), Vec::<String>::new());
}
