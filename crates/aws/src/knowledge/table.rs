//! The reviewed table: operations that a responder uses and whose repeat is known from their documentation.
//!
//! Sources: the API reference of each service, EC2 API reference "Ensuring idempotency" and "Error codes". A row here
//! wins over what [`super::derive`] would say. An operation that sends something to people or machines
//! (`sns:Publish`, `ssm:SendCommand`, `ec2:RebootInstances`) is [`Rule::Unknown`] on purpose.

use serde_json::{Map, Value};

use super::Mutation;
use super::probe;

/// EC2 remembers client tokens for a day. Source: EC2 API reference, "Ensuring idempotency"; a margin is taken off.
const EC2_TOKEN_LIFETIME_S: u64 = 8 * 60 * 60;

#[derive(Debug, Clone, Copy)]
enum Rule {
    Reads,
    Repeats(&'static [&'static str]),
    Token(&'static str, u64),
    Probe,
    Unknown,
}
use Rule::{Probe, Reads, Repeats, Token, Unknown};

type Row = (&'static str, &'static [&'static str], Rule);

const GONE_EC2_RULE: &[&str] = &["InvalidPermission.NotFound"];
const GONE_IAM: &[&str] = &["NoSuchEntity"];

const ROWS: &[Row] = &[
    // Set a value: the second time it is set already.
    (
        "ec2",
        &[
            "CreateTags",
            "DeleteTags",
            "ModifyInstanceAttribute",
            "ResetInstanceAttribute",
            "ModifyNetworkInterfaceAttribute",
            "ModifyInstanceMetadataOptions",
            "ModifySnapshotAttribute",
            "ResetSnapshotAttribute",
            "ModifyImageAttribute",
            "ResetImageAttribute",
            "ModifyVpcAttribute",
            "ModifySubnetAttribute",
            "ReplaceNetworkAclEntry",
            "EnableEbsEncryptionByDefault",
            "DisableEbsEncryptionByDefault",
            "EnableSnapshotBlockPublicAccess",
            "DisableSnapshotBlockPublicAccess",
            "EnableImageBlockPublicAccess",
            "ModifyEbsDefaultKmsKeyId",
            "MonitorInstances",
            "UnmonitorInstances",
            "StartInstances",
            "StopInstances",
            "TerminateInstances",
            "ModifySecurityGroupRules",
        ],
        Repeats(&[]),
    ),
    (
        "ec2",
        &[
            "AuthorizeSecurityGroupIngress",
            "AuthorizeSecurityGroupEgress",
        ],
        Repeats(&["InvalidPermission.Duplicate"]),
    ),
    (
        "ec2",
        &["RevokeSecurityGroupIngress", "RevokeSecurityGroupEgress"],
        Repeats(GONE_EC2_RULE),
    ),
    (
        "ec2",
        &["CreateNetworkAclEntry"],
        Repeats(&["NetworkAclEntryAlreadyExists"]),
    ),
    (
        "ec2",
        &["DeleteNetworkAclEntry"],
        Repeats(&["InvalidNetworkAclEntry.NotFound"]),
    ),
    (
        "ec2",
        &["DisassociateIamInstanceProfile"],
        Repeats(&["InvalidAssociationID.NotFound"]),
    ),
    (
        "ec2",
        &["DisassociateAddress"],
        Repeats(&["InvalidAssociationID.NotFound"]),
    ),
    (
        "ec2",
        &["ReleaseAddress"],
        Repeats(&["InvalidAllocationID.NotFound"]),
    ),
    ("ec2", &["DetachVolume"], Repeats(&["IncorrectState"])),
    ("ec2", &["AttachVolume"], Repeats(&["VolumeInUse"])),
    (
        "ec2",
        &["DeleteSnapshot"],
        Repeats(&["InvalidSnapshot.NotFound"]),
    ),
    (
        "ec2",
        &["DeleteVolume"],
        Repeats(&["InvalidVolume.NotFound"]),
    ),
    (
        "ec2",
        &["DeregisterImage"],
        Repeats(&["InvalidAMIID.Unavailable", "InvalidAMIID.NotFound"]),
    ),
    (
        "ec2",
        &["DeleteSecurityGroup"],
        Repeats(&["InvalidGroup.NotFound"]),
    ),
    (
        "ec2",
        &["DeleteKeyPair"],
        Repeats(&["InvalidKeyPair.NotFound"]),
    ),
    (
        "ec2",
        &["DeleteNetworkInterface"],
        Repeats(&["InvalidNetworkInterfaceID.NotFound"]),
    ),
    (
        "ec2",
        &[
            "CreateSnapshot",
            "CreateSnapshots",
            "CreateImage",
            "CreateSecurityGroup",
            "AssociateIamInstanceProfile",
            "ReplaceNetworkAclAssociation",
        ],
        Probe,
    ),
    (
        "ec2",
        &["RunInstances", "CreateVolume", "CopyImage"],
        Token("ClientToken", EC2_TOKEN_LIFETIME_S),
    ),
    ("ec2", &["RebootInstances"], Unknown),
    // Auto Scaling answers a second time with an error that says nothing, so the group is asked.
    (
        "autoscaling",
        &[
            "EnterStandby",
            "ExitStandby",
            "DetachInstances",
            "AttachInstances",
        ],
        Probe,
    ),
    (
        "autoscaling",
        &[
            "SuspendProcesses",
            "ResumeProcesses",
            "UpdateAutoScalingGroup",
            "SetInstanceProtection",
            "SetInstanceHealth",
            "SetDesiredCapacity",
            "CreateOrUpdateTags",
            "DeleteTags",
            "DetachLoadBalancerTargetGroups",
            "AttachLoadBalancerTargetGroups",
            "DetachLoadBalancers",
            "AttachLoadBalancers",
            "DetachTrafficSources",
            "AttachTrafficSources",
        ],
        Repeats(&[]),
    ),
    (
        "elbv2",
        &[
            "RegisterTargets",
            "DeregisterTargets",
            "SetSecurityGroups",
            "AddTags",
            "RemoveTags",
            "ModifyTargetGroupAttributes",
            "ModifyLoadBalancerAttributes",
        ],
        Repeats(&[]),
    ),
    (
        "elb",
        &[
            "RegisterInstancesWithLoadBalancer",
            "DeregisterInstancesFromLoadBalancer",
            "ApplySecurityGroupsToLoadBalancer",
            "AddTags",
            "RemoveTags",
        ],
        Repeats(&[]),
    ),
    // IAM: attaching twice is one attachment; what is detached or deleted is gone.
    (
        "iam",
        &[
            "PutUserPolicy",
            "PutRolePolicy",
            "PutGroupPolicy",
            "PutRolePermissionsBoundary",
            "PutUserPermissionsBoundary",
            "AttachUserPolicy",
            "AttachRolePolicy",
            "AttachGroupPolicy",
            "UpdateAccessKey",
            "UpdateAssumeRolePolicy",
            "UpdateAccountPasswordPolicy",
            "UpdateLoginProfile",
            "UpdateRole",
            "AddUserToGroup",
            "TagRole",
            "TagUser",
            "TagPolicy",
            "TagInstanceProfile",
            "UntagRole",
            "UntagUser",
            "UntagPolicy",
            "SetDefaultPolicyVersion",
            "GenerateCredentialReport",
        ],
        Repeats(&[]),
    ),
    (
        "iam",
        &[
            "DetachUserPolicy",
            "DetachRolePolicy",
            "DetachGroupPolicy",
            "DeleteUserPolicy",
            "DeleteRolePolicy",
            "DeleteGroupPolicy",
            "DeleteAccessKey",
            "DeleteLoginProfile",
            "DeleteUser",
            "DeleteRole",
            "DeleteGroup",
            "DeletePolicy",
            "DeletePolicyVersion",
            "DeleteInstanceProfile",
            "DeleteRolePermissionsBoundary",
            "DeleteUserPermissionsBoundary",
            "DeleteServiceSpecificCredential",
            "DeleteSigningCertificate",
            "DeleteSSHPublicKey",
            "DeactivateMFADevice",
            "DeleteVirtualMFADevice",
            "RemoveUserFromGroup",
            "RemoveRoleFromInstanceProfile",
        ],
        Repeats(GONE_IAM),
    ),
    (
        "iam",
        &["AddRoleToInstanceProfile"],
        Repeats(&["LimitExceeded"]),
    ),
    // Credentials that are handed out and forgotten change nothing in the account.
    (
        "sts",
        &[
            "AssumeRole",
            "AssumeRoleWithWebIdentity",
            "AssumeRoleWithSAML",
            "GetSessionToken",
            "GetFederationToken",
            "DecodeAuthorizationMessage",
        ],
        Reads,
    ),
    (
        "ssm",
        &[
            "AddTagsToResource",
            "RemoveTagsFromResource",
            "ModifyDocumentPermission",
            "UpdateDocumentDefaultVersion",
            "UpdateServiceSetting",
            "ResetServiceSetting",
        ],
        Repeats(&[]),
    ),
    ("ssm", &["DeleteParameter"], Repeats(&["ParameterNotFound"])),
    ("ssm", &["DeleteParameters"], Repeats(&[])),
    (
        "ssm",
        &["CreateDocument"],
        Repeats(&["DocumentAlreadyExists"]),
    ),
    (
        "ssm",
        &["UpdateDocument"],
        Repeats(&["DuplicateDocumentContent"]),
    ),
    ("ssm", &["DeleteDocument"], Repeats(&["InvalidDocument"])),
    ("ssm", &["CancelCommand"], Repeats(&[])),
    (
        "ssm",
        &["StopAutomationExecution"],
        Repeats(&["InvalidAutomationStatusUpdateException"]),
    ),
    (
        "ssm",
        &["StartAutomationExecution"],
        Token("ClientToken", 60 * 60),
    ),
    ("ssm", &["SendCommand", "SendAutomationSignal"], Unknown),
    (
        "ssm-incidents",
        &[
            "UpdateIncidentRecord",
            "UpdateRelatedItems",
            "UpdateResponsePlan",
            "UpdateTimelineEvent",
            "TagResource",
            "UntagResource",
            "DeleteIncidentRecord",
            "DeleteResponsePlan",
            "DeleteTimelineEvent",
        ],
        Repeats(&["ResourceNotFoundException"]),
    ),
    (
        "ssm-incidents",
        &[
            "StartIncident",
            "CreateTimelineEvent",
            "CreateResponsePlan",
            "CreateReplicationSet",
        ],
        Token("clientToken", 60 * 60),
    ),
    (
        "ssm-contacts",
        &[
            "StopEngagement",
            "UpdateContact",
            "UpdateContactChannel",
            "AcceptPage",
            "TagResource",
            "UntagResource",
        ],
        Repeats(&[]),
    ),
    (
        "ssm-contacts",
        &["DeleteContact", "DeleteContactChannel"],
        Repeats(&["ResourceNotFoundException"]),
    ),
    (
        "ssm-contacts",
        &["StartEngagement"],
        Token("IdempotencyToken", 60 * 60),
    ),
    (
        "events",
        &[
            "PutRule",
            "PutTargets",
            "RemoveTargets",
            "EnableRule",
            "DisableRule",
            "TagResource",
            "UntagResource",
            "PutPermission",
        ],
        Repeats(&[]),
    ),
    (
        "events",
        &["DeleteRule", "DeleteEventBus", "RemovePermission"],
        Repeats(&["ResourceNotFoundException"]),
    ),
    (
        "events",
        &["CreateEventBus"],
        Repeats(&["ResourceAlreadyExistsException"]),
    ),
    ("events", &["PutEvents"], Unknown),
    // A repeated receive takes other messages; these come back by themselves after the visibility timeout.
    (
        "sqs",
        &[
            "ReceiveMessage",
            "SetQueueAttributes",
            "TagQueue",
            "UntagQueue",
            "ChangeMessageVisibility",
            "DeleteMessage",
            "CreateQueue",
        ],
        Repeats(&[]),
    ),
    (
        "sqs",
        &["SendMessage", "SendMessageBatch", "PurgeQueue"],
        Unknown,
    ),
    ("kinesis", &["GetRecords", "GetShardIterator"], Reads),
    ("sns", &["Publish", "PublishBatch"], Unknown),
    (
        "sns",
        &[
            "CreateTopic",
            "SetTopicAttributes",
            "Subscribe",
            "Unsubscribe",
            "DeleteTopic",
            "TagResource",
            "UntagResource",
            "RemovePermission",
        ],
        Repeats(&[]),
    ),
    (
        "s3",
        &[
            "PutPublicAccessBlock",
            "PutBucketPolicy",
            "PutBucketAcl",
            "PutBucketVersioning",
            "PutBucketEncryption",
            "PutBucketLogging",
            "PutBucketTagging",
            "PutBucketOwnershipControls",
            "PutBucketLifecycleConfiguration",
            "PutBucketNotificationConfiguration",
            "PutBucketCors",
            "PutBucketWebsite",
            "PutBucketReplication",
            "PutObjectLockConfiguration",
            "PutObjectAcl",
            "PutObjectTagging",
            "PutObjectLegalHold",
            "PutObjectRetention",
            "PutObject",
            "CopyObject",
            "DeleteObject",
            "DeleteObjects",
            "DeleteObjectTagging",
            "DeleteBucketPolicy",
            "DeletePublicAccessBlock",
            "DeleteBucketTagging",
            "DeleteBucketWebsite",
            "DeleteBucketCors",
            "DeleteBucketLifecycle",
            "AbortMultipartUpload",
        ],
        Repeats(&["NoSuchUpload"]),
    ),
    (
        "s3",
        &["CreateBucket"],
        Repeats(&["BucketAlreadyOwnedByYou"]),
    ),
    ("s3", &["DeleteBucket"], Repeats(&["NoSuchBucket"])),
    ("s3", &["SelectObjectContent"], Reads),
    (
        "s3control",
        &[
            "PutPublicAccessBlock",
            "PutAccessPointPolicy",
            "DeletePublicAccessBlock",
            "DeleteAccessPointPolicy",
        ],
        Repeats(&[]),
    ),
    (
        "kms",
        &[
            "DisableKey",
            "EnableKey",
            "EnableKeyRotation",
            "DisableKeyRotation",
            "PutKeyPolicy",
            "TagResource",
            "UntagResource",
        ],
        Repeats(&[]),
    ),
    (
        "kms",
        &["ScheduleKeyDeletion"],
        Repeats(&["KMSInvalidStateException"]),
    ),
    (
        "kms",
        &["RevokeGrant", "RetireGrant"],
        Repeats(&["NotFoundException"]),
    ),
    (
        "kms",
        &[
            "Decrypt",
            "Encrypt",
            "GenerateDataKey",
            "GenerateRandom",
            "Sign",
            "Verify",
        ],
        Reads,
    ),
    (
        "lambda",
        &[
            "PutFunctionConcurrency",
            "DeleteFunctionConcurrency",
            "UpdateFunctionConfiguration",
            "TagResource",
            "UntagResource",
        ],
        Repeats(&[]),
    ),
    (
        "lambda",
        &[
            "RemovePermission",
            "DeleteFunction",
            "DeleteFunctionUrlConfig",
        ],
        Repeats(&["ResourceNotFoundException"]),
    ),
    (
        "lambda",
        &["AddPermission"],
        Repeats(&["ResourceConflictException"]),
    ),
    ("lambda", &["Invoke", "InvokeAsync"], Unknown),
    (
        "cloudtrail",
        &[
            "StartLogging",
            "StopLogging",
            "UpdateTrail",
            "PutEventSelectors",
            "PutInsightSelectors",
        ],
        Repeats(&[]),
    ),
    (
        "guardduty",
        &[
            "ArchiveFindings",
            "UnarchiveFindings",
            "UpdateDetector",
            "UpdateFilter",
            "UpdateFindingsFeedback",
            "TagResource",
            "UntagResource",
        ],
        Repeats(&[]),
    ),
    (
        "securityhub",
        &[
            "BatchUpdateFindings",
            "BatchUpdateFindingsV2",
            "BatchImportFindings",
            "UpdateFindings",
            "TagResource",
            "UntagResource",
        ],
        Repeats(&[]),
    ),
    (
        "organizations",
        &["AttachPolicy"],
        Repeats(&["DuplicatePolicyAttachmentException"]),
    ),
    (
        "organizations",
        &["DetachPolicy"],
        Repeats(&["PolicyNotAttachedException"]),
    ),
    (
        "organizations",
        &["MoveAccount"],
        Repeats(&["DuplicateAccountException"]),
    ),
    (
        "rds",
        &[
            "ModifyDBInstance",
            "ModifyDBCluster",
            "ModifyDBSnapshotAttribute",
            "ModifyDBClusterSnapshotAttribute",
            "AddTagsToResource",
            "RemoveTagsFromResource",
        ],
        Repeats(&[]),
    ),
    (
        "rds",
        &["CreateDBSnapshot"],
        Repeats(&["DBSnapshotAlreadyExists"]),
    ),
    (
        "rds",
        &["CreateDBClusterSnapshot"],
        Repeats(&["DBClusterSnapshotAlreadyExistsFault"]),
    ),
    (
        "rds",
        &["StopDBInstance", "StartDBInstance"],
        Repeats(&["InvalidDBInstanceState"]),
    ),
    (
        "rds",
        &["RebootDBInstance", "RebootDBCluster", "FailoverDBCluster"],
        Unknown,
    ),
    (
        "secretsmanager",
        &[
            "RestoreSecret",
            "PutResourcePolicy",
            "DeleteResourcePolicy",
            "TagResource",
            "UntagResource",
        ],
        Repeats(&[]),
    ),
    (
        "secretsmanager",
        &["CancelRotateSecret"],
        Repeats(&["InvalidRequestException"]),
    ),
    (
        "cognito-idp",
        &[
            "AdminDisableUser",
            "AdminEnableUser",
            "AdminUserGlobalSignOut",
            "AdminAddUserToGroup",
            "AdminRemoveUserFromGroup",
        ],
        Repeats(&[]),
    ),
    (
        "dynamodb",
        &[
            "PutResourcePolicy",
            "UpdateContinuousBackups",
            "TagResource",
            "UntagResource",
            "BatchGetItem",
        ],
        Repeats(&[]),
    ),
    (
        "logs",
        &[
            "PutRetentionPolicy",
            "PutMetricFilter",
            "PutSubscriptionFilter",
            "TagResource",
            "UntagResource",
        ],
        Repeats(&[]),
    ),
    ("logs", &["StartQuery"], Reads),
    (
        "cloudwatch",
        &[
            "PutMetricAlarm",
            "SetAlarmState",
            "EnableAlarmActions",
            "DisableAlarmActions",
            "DeleteAlarms",
        ],
        Repeats(&[]),
    ),
];

/// The reviewed rule, if the table has one.
pub(super) fn reviewed(service: &str, operation: &str, params: &Value) -> Option<Mutation> {
    if (service, operation) == ("ssm", "PutParameter") {
        return Some(put_parameter(params));
    }
    let row = ROWS
        .iter()
        .find(|(name, operations, _)| *name == service && operations.contains(&operation))?;
    let nothing = Map::new();
    Some(match row.2 {
        Reads => Mutation::ReadOnly,
        Repeats(already_done_codes) => Mutation::Idempotent { already_done_codes },
        Token(member, lifetime_secs) => Mutation::Token {
            member: member.to_owned(),
            lifetime_secs,
        },
        Probe => probe::build(operation, params.as_object().unwrap_or(&nothing))
            .map_or(Mutation::None, Mutation::Probe),
        Unknown => Mutation::None,
    })
}

/// With `Overwrite` the value is set again; without it the second call finds the parameter there.
fn put_parameter(params: &Value) -> Mutation {
    let overwrite = match params.get("Overwrite") {
        Some(Value::Bool(flag)) => *flag,
        Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
        _ => false,
    };
    Mutation::Idempotent {
        already_done_codes: if overwrite {
            &[]
        } else {
            &["ParameterAlreadyExists"]
        },
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::model::catalog;

    #[test]
    fn every_row_names_an_operation_once() {
        let mut seen = HashSet::new();
        for (service, operations, rule) in ROWS {
            let model = catalog().service(service).unwrap();
            assert_eq!(&*model.name, *service);
            for operation in *operations {
                let found = model
                    .operation(operation)
                    .unwrap_or_else(|| panic!("no {service}:{operation}"));
                assert_eq!(&*found.name, *operation);
                assert!(
                    seen.insert((*service, *operation)),
                    "{service}:{operation} twice"
                );
                if let Token(member, _) = rule {
                    let input = model.structure(found.input.as_ref().unwrap()).unwrap();
                    assert!(
                        input.member(member).is_some(),
                        "{service}:{operation} has no {member}"
                    );
                }
            }
        }
    }
}
