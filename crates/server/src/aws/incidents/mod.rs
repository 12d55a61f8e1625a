//! `ssm-incidents`: the Incident Manager wire API, rest-json.

mod account;
mod batch_get_incident_findings;
mod create_replication_set;
mod create_response_plan;
mod create_timeline_event;
mod delete_incident_record;
mod delete_replication_set;
mod delete_resource_policy;
mod delete_response_plan;
mod delete_timeline_event;
mod get_incident_record;
mod get_replication_set;
mod get_resource_policies;
mod get_response_plan;
mod get_timeline_event;
mod list_incident_findings;
mod list_incident_records;
mod list_related_items;
mod list_replication_sets;
mod list_response_plans;
mod list_tags_for_resource;
mod list_timeline_events;
mod names;
mod parts;
mod policies;
mod purge;
mod put_resource_policy;
mod record;
mod remembered;
mod start_incident;
mod tag_resource;
mod tagged;
mod untag_resource;
mod update_deletion_protection;
mod update_incident_record;
mod update_related_items;
mod update_replication_set;
mod update_response_plan;
mod update_timeline_event;

pub(super) use account::active_set;
pub(super) use remembered::{Creation, Written, answered, create, other_request};

use crate::aws::{Operations, Route, Service};
use crate::dialect;

/// The service.
pub(crate) const SERVICE: Service = Service {
    signing_name: "ssm-incidents",
    dialect: dialect::INCIDENTS,
    operations: Operations::Rest(ROUTES),
};

macro_rules! route {
    ($name:literal, $method:literal, $path:literal, $module:ident) => {
        Route::new($name, $method, $path, |call| {
            Box::pin($module::handle(call))
        })
    };
}

const ROUTES: &[Route] = &[
    route!(
        "BatchGetIncidentFindings",
        "POST",
        "/batchGetIncidentFindings",
        batch_get_incident_findings
    ),
    route!(
        "CreateReplicationSet",
        "POST",
        "/createReplicationSet",
        create_replication_set
    ),
    route!(
        "CreateResponsePlan",
        "POST",
        "/createResponsePlan",
        create_response_plan
    ),
    route!(
        "CreateTimelineEvent",
        "POST",
        "/createTimelineEvent",
        create_timeline_event
    ),
    route!(
        "DeleteIncidentRecord",
        "POST",
        "/deleteIncidentRecord",
        delete_incident_record
    ),
    route!(
        "DeleteReplicationSet",
        "POST",
        "/deleteReplicationSet",
        delete_replication_set
    ),
    route!(
        "DeleteResourcePolicy",
        "POST",
        "/deleteResourcePolicy",
        delete_resource_policy
    ),
    route!(
        "DeleteResponsePlan",
        "POST",
        "/deleteResponsePlan",
        delete_response_plan
    ),
    route!(
        "DeleteTimelineEvent",
        "POST",
        "/deleteTimelineEvent",
        delete_timeline_event
    ),
    route!(
        "GetIncidentRecord",
        "GET",
        "/getIncidentRecord",
        get_incident_record
    ),
    route!(
        "GetReplicationSet",
        "GET",
        "/getReplicationSet",
        get_replication_set
    ),
    route!(
        "GetResourcePolicies",
        "POST",
        "/getResourcePolicies",
        get_resource_policies
    ),
    route!(
        "GetResponsePlan",
        "GET",
        "/getResponsePlan",
        get_response_plan
    ),
    route!(
        "GetTimelineEvent",
        "GET",
        "/getTimelineEvent",
        get_timeline_event
    ),
    route!(
        "ListIncidentFindings",
        "POST",
        "/listIncidentFindings",
        list_incident_findings
    ),
    route!(
        "ListIncidentRecords",
        "POST",
        "/listIncidentRecords",
        list_incident_records
    ),
    route!(
        "ListRelatedItems",
        "POST",
        "/listRelatedItems",
        list_related_items
    ),
    route!(
        "ListReplicationSets",
        "POST",
        "/listReplicationSets",
        list_replication_sets
    ),
    route!(
        "ListResponsePlans",
        "POST",
        "/listResponsePlans",
        list_response_plans
    ),
    route!(
        "ListTagsForResource",
        "GET",
        "/tags/*",
        list_tags_for_resource
    ),
    route!(
        "ListTimelineEvents",
        "POST",
        "/listTimelineEvents",
        list_timeline_events
    ),
    route!(
        "PutResourcePolicy",
        "POST",
        "/putResourcePolicy",
        put_resource_policy
    ),
    route!("StartIncident", "POST", "/startIncident", start_incident),
    route!("TagResource", "POST", "/tags/*", tag_resource),
    route!("UntagResource", "DELETE", "/tags/*", untag_resource),
    route!(
        "UpdateDeletionProtection",
        "POST",
        "/updateDeletionProtection",
        update_deletion_protection
    ),
    route!(
        "UpdateIncidentRecord",
        "POST",
        "/updateIncidentRecord",
        update_incident_record
    ),
    route!(
        "UpdateRelatedItems",
        "POST",
        "/updateRelatedItems",
        update_related_items
    ),
    route!(
        "UpdateReplicationSet",
        "POST",
        "/updateReplicationSet",
        update_replication_set
    ),
    route!(
        "UpdateResponsePlan",
        "POST",
        "/updateResponsePlan",
        update_response_plan
    ),
    route!(
        "UpdateTimelineEvent",
        "POST",
        "/updateTimelineEvent",
        update_timeline_event
    ),
];
