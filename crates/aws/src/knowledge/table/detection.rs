//! Services that watch and guard: what a responder switches on, off or over.

use super::Row;
use super::Rule::{Reads, Repeats};

pub(super) const ROWS: &[Row] = &[
    // A query.
    (
        "config",
        &["SelectAggregateResourceConfig", "SelectResourceConfig"],
        Reads,
    ),
    // Each is kept under its own name and replaced as a whole.
    (
        "config",
        &[
            "PutAggregationAuthorization",
            "PutConfigRule",
            "PutConfigurationAggregator",
            "PutConfigurationRecorder",
            "PutConformancePack",
            "PutDeliveryChannel",
            "PutExternalEvaluation",
            "PutOrganizationConfigRule",
            "PutOrganizationConformancePack",
            "PutRemediationExceptions",
            "PutStoredQuery",
            "StartConfigurationRecorder",
            "StopConfigurationRecorder",
        ],
        Repeats(&[]),
    ),
    // State of lists, members and plans.
    (
        "guardduty",
        &[
            "UpdateIPSet",
            "UpdateThreatIntelSet",
            "UpdateThreatEntitySet",
            "UpdateTrustedEntitySet",
            "UpdateMalwareProtectionPlan",
            "UpdateMemberDetectors",
            "UpdatePublishingDestination",
            "DisassociateMembers",
            "StartMonitoringMembers",
            "StopMonitoringMembers",
            "CreateMembers",
        ],
        Repeats(&[]),
    ),
    // Standards, members and controls are on or off.
    (
        "securityhub",
        &[
            "BatchEnableStandards",
            "BatchDisableStandards",
            "BatchUpdateStandardsControlAssociations",
            "BatchUpdateAutomationRules",
            "BatchDeleteAutomationRules",
            "CreateMembers",
            "DisassociateMembers",
            "UpdateActionTarget",
            "UpdateFindingAggregator",
            "UpdateInsight",
            "UpdateSecurityControl",
            "UpdateStandardsControl",
            "UpdateAutomationRuleV2",
            "UpdateAggregatorV2",
            "UpdateConnectorV2",
        ],
        Repeats(&[]),
    ),
    // A second one finds the hub enabled.
    (
        "securityhub",
        &["EnableSecurityHub"],
        Repeats(&["InvalidAccessException", "ResourceConflictException"]),
    ),
    // State of the session, lists and members.
    (
        "macie2",
        &[
            "UpdateMacieSession",
            "UpdateMemberSession",
            "UpdateAllowList",
            "UpdateClassificationScope",
            "UpdateResourceProfile",
            "UpdateResourceProfileDetections",
            "UpdateSensitivityInspectionTemplate",
            "DisassociateMember",
            "BatchUpdateAutomatedDiscoveryAccounts",
        ],
        Repeats(&[]),
    ),
    // Scanning of accounts is on or off.
    (
        "inspector2",
        &[
            "Disable",
            "UpdateFilter",
            "AssociateMember",
            "DisassociateMember",
            "BatchUpdateMemberEc2DeepInspectionStatus",
        ],
        Repeats(&[]),
    ),
    // State of an investigation and of data sources.
    (
        "detective",
        &[
            "UpdateInvestigationState",
            "UpdateDatasourcePackages",
            "StartMonitoringMember",
        ],
        Repeats(&[]),
    ),
    // A resource has one web ACL or none.
    (
        "wafv2",
        &["AssociateWebACL", "DisassociateWebACL"],
        Repeats(&[]),
    ),
    // Protection is on or off.
    (
        "shield",
        &[
            "AssociateDRTLogBucket",
            "AssociateDRTRole",
            "AssociateHealthCheck",
            "DisassociateDRTLogBucket",
            "DisassociateDRTRole",
            "DisassociateHealthCheck",
            "EnableApplicationLayerAutomaticResponse",
            "DisableApplicationLayerAutomaticResponse",
            "EnableProactiveEngagement",
            "DisableProactiveEngagement",
            "UpdateApplicationLayerAutomaticResponse",
            "UpdateProtectionGroup",
            "UpdateSubscription",
        ],
        Repeats(&[]),
    ),
    // One protection for a resource.
    (
        "shield",
        &["CreateProtection"],
        Repeats(&["ResourceAlreadyExistsException"]),
    ),
    // Each is kept under its own name.
    (
        "cloudwatch",
        &[
            "DisableInsightRules",
            "EnableInsightRules",
            "PutAlarmMuteRule",
            "PutAnomalyDetector",
            "PutCompositeAlarm",
            "PutDashboard",
            "PutInsightRule",
            "PutManagedInsightRules",
            "PutMetricStream",
            "StartMetricStreams",
            "StopMetricStreams",
        ],
        Repeats(&[]),
    ),
    // Each is kept under its own name.
    (
        "logs",
        &[
            "AssociateKmsKey",
            "DisassociateKmsKey",
            "PutDeliveryDestination",
            "PutDeliverySource",
            "PutDestination",
            "PutResourcePolicy",
            "PutTransformer",
            "UpdateAnomaly",
            "UpdateLogAnomalyDetector",
        ],
        Repeats(&[]),
    ),
    // Federation and ingestion are on or off.
    (
        "cloudtrail",
        &[
            "EnableFederation",
            "DisableFederation",
            "StartEventDataStoreIngestion",
            "StopEventDataStoreIngestion",
        ],
        Repeats(&[]),
    ),
    // State of connections and sources.
    (
        "events",
        &[
            "ActivateEventSource",
            "DeactivateEventSource",
            "DeauthorizeConnection",
            "UpdateApiDestination",
            "UpdateArchive",
            "UpdateConnection",
            "UpdateEndpoint",
            "UpdateEventBus",
        ],
        Repeats(&[]),
    ),
    // Each is replaced as a whole.
    (
        "fms",
        &[
            "AssociateAdminAccount",
            "DisassociateAdminAccount",
            "BatchAssociateResource",
            "BatchDisassociateResource",
            "PutAdminAccount",
            "PutNotificationChannel",
        ],
        Repeats(&[]),
    ),
];
