//! Which operations can be taken back, and which operations taking each back may call.
//!
//! The one list of them: an operation without a row has no inverse, whatever the rules beside say.

/// What taking an operation back may call; nothing for one that has no inverse. Names without case and separators.
pub(super) fn of(service: &str, operation: &str) -> &'static [&'static str] {
    let all = ROWS.iter();
    let mut found = all.filter(|(of, ..)| *of == service);
    found
        .find(|(_, operations, _)| operations.contains(&operation))
        .map_or(&[], |(_, _, back)| *back)
}

type Row = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

pub(super) const ROWS: &[Row] = &[
    (
        "ec2",
        &["modifyinstanceattribute"],
        &["ModifyInstanceAttribute"],
    ),
    (
        "ec2",
        &["modifyinstancemetadataoptions"],
        &["ModifyInstanceMetadataOptions"],
    ),
    (
        "ec2",
        &["startinstances", "stopinstances"],
        &["StartInstances", "StopInstances"],
    ),
    (
        "ec2",
        &["createtags", "deletetags"],
        &["CreateTags", "DeleteTags"],
    ),
    (
        "ec2",
        &["associateiaminstanceprofile"],
        &["DisassociateIamInstanceProfile"],
    ),
    (
        "ec2",
        &["disassociateiaminstanceprofile"],
        &["AssociateIamInstanceProfile"],
    ),
    (
        "ec2",
        &["replaceiaminstanceprofileassociation"],
        &["ReplaceIamInstanceProfileAssociation"],
    ),
    (
        "ec2",
        &["modifysnapshotattribute"],
        &["ModifySnapshotAttribute"],
    ),
    ("ec2", &["modifyimageattribute"], &["ModifyImageAttribute"]),
    (
        "ec2",
        &[
            "enableebsencryptionbydefault",
            "disableebsencryptionbydefault",
        ],
        &[
            "EnableEbsEncryptionByDefault",
            "DisableEbsEncryptionByDefault",
        ],
    ),
    (
        "ec2",
        &[
            "authorizesecuritygroupingress",
            "revokesecuritygroupingress",
        ],
        &[
            "AuthorizeSecurityGroupIngress",
            "RevokeSecurityGroupIngress",
        ],
    ),
    (
        "ec2",
        &["authorizesecuritygroupegress", "revokesecuritygroupegress"],
        &["AuthorizeSecurityGroupEgress", "RevokeSecurityGroupEgress"],
    ),
    (
        "ec2",
        &["modifynetworkinterfaceattribute"],
        &["ModifyNetworkInterfaceAttribute"],
    ),
    (
        "ec2",
        &["createnetworkaclentry"],
        &["DeleteNetworkAclEntry"],
    ),
    (
        "ec2",
        &["deletenetworkaclentry"],
        &["CreateNetworkAclEntry"],
    ),
    (
        "ec2",
        &["replacenetworkaclentry"],
        &["ReplaceNetworkAclEntry"],
    ),
    ("ec2", &["createflowlogs"], &["DeleteFlowLogs"]),
    (
        "iam",
        &["putrolepolicy", "deleterolepolicy"],
        &["PutRolePolicy", "DeleteRolePolicy"],
    ),
    (
        "iam",
        &["putuserpolicy", "deleteuserpolicy"],
        &["PutUserPolicy", "DeleteUserPolicy"],
    ),
    (
        "iam",
        &["putgrouppolicy", "deletegrouppolicy"],
        &["PutGroupPolicy", "DeleteGroupPolicy"],
    ),
    (
        "iam",
        &["attachrolepolicy", "detachrolepolicy"],
        &["AttachRolePolicy", "DetachRolePolicy"],
    ),
    (
        "iam",
        &["attachuserpolicy", "detachuserpolicy"],
        &["AttachUserPolicy", "DetachUserPolicy"],
    ),
    (
        "iam",
        &["attachgrouppolicy", "detachgrouppolicy"],
        &["AttachGroupPolicy", "DetachGroupPolicy"],
    ),
    ("iam", &["updateaccesskey"], &["UpdateAccessKey"]),
    (
        "iam",
        &[
            "putrolepermissionsboundary",
            "deleterolepermissionsboundary",
        ],
        &[
            "PutRolePermissionsBoundary",
            "DeleteRolePermissionsBoundary",
        ],
    ),
    (
        "iam",
        &[
            "putuserpermissionsboundary",
            "deleteuserpermissionsboundary",
        ],
        &[
            "PutUserPermissionsBoundary",
            "DeleteUserPermissionsBoundary",
        ],
    ),
    (
        "iam",
        &["updateassumerolepolicy"],
        &["UpdateAssumeRolePolicy"],
    ),
    (
        "iam",
        &["addusertogroup", "removeuserfromgroup"],
        &["AddUserToGroup", "RemoveUserFromGroup"],
    ),
    (
        "organizations",
        &["attachpolicy", "detachpolicy"],
        &["AttachPolicy", "DetachPolicy"],
    ),
    (
        "s3",
        &["putpublicaccessblock", "deletepublicaccessblock"],
        &["PutPublicAccessBlock", "DeletePublicAccessBlock"],
    ),
    (
        "s3control",
        &["putpublicaccessblock", "deletepublicaccessblock"],
        &["PutPublicAccessBlock", "DeletePublicAccessBlock"],
    ),
    (
        "s3",
        &["putbucketpolicy", "deletebucketpolicy"],
        &["PutBucketPolicy", "DeleteBucketPolicy"],
    ),
    (
        "s3",
        &["putbucketencryption", "deletebucketencryption"],
        &["PutBucketEncryption", "DeleteBucketEncryption"],
    ),
    (
        "s3",
        &[
            "putbucketownershipcontrols",
            "deletebucketownershipcontrols",
        ],
        &[
            "PutBucketOwnershipControls",
            "DeleteBucketOwnershipControls",
        ],
    ),
    (
        "s3",
        &["putbuckettagging", "deletebuckettagging"],
        &["PutBucketTagging", "DeleteBucketTagging"],
    ),
    (
        "s3",
        &["putobjecttagging", "deleteobjecttagging"],
        &["PutObjectTagging", "DeleteObjectTagging"],
    ),
    ("s3", &["putbucketversioning"], &["PutBucketVersioning"]),
    ("s3", &["putbucketlogging"], &["PutBucketLogging"]),
    ("s3", &["putbucketacl"], &["PutBucketAcl"]),
    (
        "kms",
        &["enablekey", "disablekey"],
        &["EnableKey", "DisableKey"],
    ),
    (
        "lambda",
        &["putfunctionconcurrency", "deletefunctionconcurrency"],
        &["PutFunctionConcurrency", "DeleteFunctionConcurrency"],
    ),
    (
        "lambda",
        &["createfunctionurlconfig"],
        &["DeleteFunctionUrlConfig"],
    ),
    (
        "lambda",
        &["updatefunctionurlconfig"],
        &["UpdateFunctionUrlConfig"],
    ),
    (
        "lambda",
        &["addpermission", "removepermission"],
        &["AddPermission", "RemovePermission"],
    ),
    (
        "cloudtrail",
        &["startlogging", "stoplogging"],
        &["StartLogging", "StopLogging"],
    ),
    ("cloudtrail", &["puteventselectors"], &["PutEventSelectors"]),
    (
        "backup",
        &["tagresource", "untagresource"],
        &["TagResource", "UntagResource"],
    ),
    ("rds", &["modifydbinstance"], &["ModifyDBInstance"]),
    (
        "rds",
        &["modifydbsnapshotattribute"],
        &["ModifyDBSnapshotAttribute"],
    ),
    (
        "rds",
        &["modifydbclustersnapshotattribute"],
        &["ModifyDBClusterSnapshotAttribute"],
    ),
    (
        "autoscaling",
        &["enterstandby", "exitstandby"],
        &["EnterStandby", "ExitStandby"],
    ),
    (
        "autoscaling",
        &["suspendprocesses", "resumeprocesses"],
        &["SuspendProcesses", "ResumeProcesses"],
    ),
    (
        "autoscaling",
        &["updateautoscalinggroup"],
        &["UpdateAutoScalingGroup"],
    ),
    (
        "elbv2",
        &["registertargets", "deregistertargets"],
        &["RegisterTargets", "DeregisterTargets"],
    ),
];
