//! Networks, machines, data and messages, beside what `compute` and `data` have.

use super::Row;
use super::Rule::{Reads, Repeats, Token};

pub(super) const ROWS: &[Row] = &[
    // State of a queue's policy and of a message's lease.
    (
        "sqs",
        &[
            "AddPermission",
            "RemovePermission",
            "ChangeMessageVisibilityBatch",
        ],
        Repeats(&[]),
    ),
    // A statement under its label.
    ("sns", &["AddPermission"], Repeats(&[])),
    // State of targets, items and labels; a session ended stays ended.
    (
        "ssm",
        &[
            "DeregisterManagedInstance",
            "DeregisterPatchBaselineForPatchGroup",
            "DeregisterTargetFromMaintenanceWindow",
            "DeregisterTaskFromMaintenanceWindow",
            "DisassociateOpsItemRelatedItem",
            "LabelParameterVersion",
            "PutComplianceItems",
            "PutInventory",
            "RegisterDefaultPatchBaseline",
            "RegisterPatchBaselineForPatchGroup",
            "TerminateSession",
            "UnlabelParameterVersion",
            "UpdateAssociationStatus",
            "UpdateMaintenanceWindow",
            "UpdateMaintenanceWindowTarget",
            "UpdateMaintenanceWindowTask",
            "UpdateManagedInstanceRole",
            "UpdateOpsItem",
            "UpdatePatchBaseline",
            "UpdateResourceDataSync",
        ],
        Repeats(&[]),
    ),
    // State of a zone, a key or a check.
    (
        "route53",
        &[
            "ActivateKeySigningKey",
            "DeactivateKeySigningKey",
            "ChangeTagsForResource",
            "DisableHostedZoneDNSSEC",
            "EnableHostedZoneDNSSEC",
            "UpdateHostedZoneComment",
            "UpdateTrafficPolicyComment",
        ],
        Repeats(&[]),
    ),
    // State of rules and endpoints.
    (
        "route53resolver",
        &[
            "UpdateFirewallDomains",
            "UpdateFirewallRule",
            "UpdateFirewallRuleGroupAssociation",
            "UpdateResolverEndpoint",
            "UpdateResolverRule",
            "ImportFirewallDomains",
        ],
        Repeats(&[]),
    ),
    // Each is kept under its own name.
    (
        "autoscaling",
        &[
            "PutLifecycleHook",
            "PutScheduledUpdateGroupAction",
            "PutWarmPool",
            "BatchPutScheduledUpdateGroupAction",
            "BatchDeleteScheduledAction",
            "EnableMetricsCollection",
            "DisableMetricsCollection",
        ],
        Repeats(&[]),
    ),
    // Streaming is on or off.
    (
        "dynamodb",
        &[
            "DisableKinesisStreamingDestination",
            "EnableKinesisStreamingDestination",
            "UpdateContributorInsights",
        ],
        Repeats(&[]),
    ),
    // It only reads.
    ("dynamodb", &["TransactGetItems"], Reads),
    // It only looks.
    ("ecr", &["BatchCheckLayerAvailability"], Reads),
    // State of images and rules.
    (
        "ecr",
        &[
            "BatchDeleteImage",
            "PutImageTagMutability",
            "UpdatePullThroughCacheRule",
            "UpdateRepositoryCreationTemplate",
        ],
        Repeats(&[]),
    ),
    // A task stopped stays stopped; state of clusters and instances.
    (
        "ecs",
        &[
            "StopTask",
            "UpdateContainerInstancesState",
            "PutAccountSettingDefault",
            "PutClusterCapacityProviders",
            "UpdateCluster",
            "UpdateCapacityProvider",
            "DeregisterContainerInstance",
            "DeregisterTaskDefinition",
            "UpdateServicePrimaryTaskSet",
            "UpdateTaskSet",
        ],
        Repeats(&[]),
    ),
    // A policy is associated or not.
    (
        "eks",
        &[
            "AssociateAccessPolicy",
            "DisassociateAccessPolicy",
            "DeregisterCluster",
        ],
        Repeats(&[]),
    ),
    // State of listeners, rules and groups.
    (
        "elbv2",
        &[
            "AddListenerCertificates",
            "RemoveListenerCertificates",
            "ModifyListener",
            "ModifyRule",
            "ModifyTargetGroup",
            "ModifyTrustStore",
            "RemoveTrustStoreRevocations",
            "SetIpAddressType",
            "SetRulePriorities",
            "SetSubnets",
        ],
        Repeats(&[]),
    ),
    // State of a load balancer.
    (
        "elb",
        &[
            "AttachLoadBalancerToSubnets",
            "DetachLoadBalancerFromSubnets",
            "ConfigureHealthCheck",
            "EnableAvailabilityZonesForLoadBalancer",
            "DisableAvailabilityZonesForLoadBalancer",
            "SetLoadBalancerListenerSSLCertificate",
            "SetLoadBalancerPoliciesForBackendServer",
            "SetLoadBalancerPoliciesOfListener",
        ],
        Repeats(&[]),
    ),
    // State of an alias or a mapping.
    (
        "lambda",
        &[
            "UpdateAlias",
            "UpdateEventSourceMapping",
            "RemoveLayerVersionPermission",
        ],
        Repeats(&[]),
    ),
    // The name is the token: the same name with the same input is the same execution while it runs, and refused for 90
    // days behind its end. Source: Step Functions API reference, StartExecution.
    ("stepfunctions", &["StartExecution"], Token("name", 60 * 60)),
    // An execution stopped stays stopped.
    (
        "stepfunctions",
        &["StopExecution", "UpdateMapRun", "UpdateStateMachineAlias"],
        Repeats(&[]),
    ),
    // It runs a state without keeping anything.
    ("stepfunctions", &["TestState"], Reads),
    // A repeat takes another task; what was taken comes to its worker's time limit.
    ("stepfunctions", &["GetActivityTask"], Repeats(&[])),
    // State of a bucket; a part under its number.
    (
        "s3",
        &[
            "PutBucketAbac",
            "PutBucketLifecycle",
            "UploadPart",
            "UploadPartCopy",
        ],
        Repeats(&[]),
    ),
    // State of access points and jobs.
    (
        "s3control",
        &[
            "PutAccessPointConfigurationForObjectLambda",
            "PutAccessPointPolicyForObjectLambda",
            "PutAccessPointScope",
            "SubmitMultiRegionAccessPointRoutes",
            "UpdateAccessGrantsLocation",
            "UpdateJobPriority",
            "UpdateJobStatus",
            "UpdateStorageLensGroup",
        ],
        Repeats(&[]),
    ),
    // They only test.
    (
        "cloudfront",
        &[
            "TestFunction",
            "TestConnectionFunction",
            "VerifyDnsConfiguration",
        ],
        Reads,
    ),
    // Source: CloudFormation API reference, CreateStack, ClientRequestToken.
    (
        "cloudformation",
        &["CreateStack"],
        Token("ClientRequestToken", 60 * 60),
    ),
    // They only look.
    (
        "cloudformation",
        &["BatchDescribeTypeConfigurations", "EstimateTemplateCost"],
        Reads,
    ),
    // State of groups, roles and snapshots.
    (
        "rds",
        &[
            "AddSourceIdentifierToSubscription",
            "RemoveSourceIdentifierFromSubscription",
            "DeregisterDBProxyTargets",
            "ModifyDBClusterParameterGroup",
            "ModifyDBParameterGroup",
            "ModifyDBSnapshot",
            "ModifyDBSubnetGroup",
            "ModifyEventSubscription",
            "ResetDBClusterParameterGroup",
            "ResetDBParameterGroup",
            "DisableHttpEndpoint",
            "EnableHttpEndpoint",
        ],
        Repeats(&[]),
    ),
    // A log file.
    ("rds", &["DownloadDBLogFilePortion"], Reads),
    // Access is revoked.
    (
        "rds",
        &["RevokeDBSecurityGroupIngress"],
        Repeats(&["AuthorizationNotFound"]),
    ),
    // A route to a destination.
    ("ec2", &["CreateRoute"], Repeats(&["RouteAlreadyExists"])),
    // A gateway is attached.
    (
        "ec2",
        &["AttachInternetGateway"],
        Repeats(&["Resource.AlreadyAssociated"]),
    ),
    // A gateway is detached.
    (
        "ec2",
        &["DetachInternetGateway", "DetachVpnGateway"],
        Repeats(&["Gateway.NotAttached"]),
    ),
    // An association that is gone.
    (
        "ec2",
        &[
            "DisassociateRouteTable",
            "DisassociateSubnetCidrBlock",
            "DisassociateVpcCidrBlock",
        ],
        Repeats(&["InvalidAssociationID.NotFound"]),
    ),
    // An attachment that is gone.
    (
        "ec2",
        &["DetachNetworkInterface"],
        Repeats(&["InvalidAttachmentID.NotFound"]),
    ),
    // Access is revoked.
    (
        "ec2",
        &["RevokeClientVpnIngress"],
        Repeats(&["InvalidPermission.NotFound"]),
    ),
    // What is on or off, set or unset.
    (
        "ec2",
        &[
            "AssociateDhcpOptions",
            "ReplaceRoute",
            "ReplaceTransitGatewayRoute",
            "CancelSpotInstanceRequests",
            "DisableFastSnapshotRestores",
            "DisableImage",
            "DisableImageBlockPublicAccess",
            "DisableImageDeprecation",
            "DisableImageDeregistrationProtection",
            "DisableSerialConsoleAccess",
            "DisableTransitGatewayRouteTablePropagation",
            "DisableVgwRoutePropagation",
            "EnableImage",
            "EnableImageDeprecation",
            "EnableImageDeregistrationProtection",
            "EnableSerialConsoleAccess",
            "EnableTransitGatewayRouteTablePropagation",
            "EnableVgwRoutePropagation",
            "EnableVolumeIO",
            "ModifyAvailabilityZoneGroup",
            "ModifyDefaultCreditSpecification",
            "ModifyIdFormat",
            "ModifyInstanceCreditSpecification",
            "ModifyInstanceMetadataDefaults",
            "ModifyVpcEndpoint",
            "ResetEbsDefaultKmsKeyId",
            "ResetNetworkInterfaceAttribute",
            "LockSnapshot",
            "UnlockSnapshot",
            "UnassignIpv6Addresses",
            "UnassignPrivateIpAddresses",
            "UpdateSecurityGroupRuleDescriptionsEgress",
            "UpdateSecurityGroupRuleDescriptionsIngress",
            "ReleaseHosts",
            "TerminateClientVpnConnections",
            "RejectVpcPeeringConnection",
            "RejectTransitGatewayVpcAttachment",
            "RejectVpcEndpointConnections",
        ],
        Repeats(&[]),
    ),
];
