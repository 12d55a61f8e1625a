//! Instances, their networks, groups and load balancers.

use super::Row;
use super::Rule::{Probe, Repeats, Token, Unknown};

/// EC2 remembers client tokens for a day. Source: EC2 API reference, "Ensuring idempotency"; a margin is taken off.
const EC2_TOKEN_LIFETIME_S: u64 = 8 * 60 * 60;

const GONE_EC2_RULE: &[&str] = &["InvalidPermission.NotFound"];

pub(super) const ROWS: &[Row] = &[
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
    // A second flow log with the same resource, traffic and destination is refused.
    (
        "ec2",
        &["CreateFlowLogs"],
        Repeats(&["FlowLogAlreadyExists"]),
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
            "SetSecurityGroups",
            "AddTags",
            "RemoveTags",
            "ModifyTargetGroupAttributes",
            "ModifyLoadBalancerAttributes",
        ],
        Repeats(&[]),
    ),
    // Source: ELBv2 API reference, DeregisterTargets, "Errors".
    ("elbv2", &["DeregisterTargets"], Repeats(&["InvalidTarget"])),
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
];
