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

use crate::aws::{Operation, Service};
use crate::voice::Words;

/// The service.
pub(crate) const SERVICE: Service = Service {
    name: "ssm-incidents",
    words: Words {
        malformed: "ValidationException",
        internal: "InternalServerException",
        ..Words::USUAL
    },
    operations: OPERATIONS,
};

macro_rules! operation {
    ($name:literal, $module:ident) => {
        Operation::new($name, |call| Box::pin($module::handle(call)))
    };
}

const OPERATIONS: &[Operation] = &[
    operation!("BatchGetIncidentFindings", batch_get_incident_findings),
    operation!("CreateReplicationSet", create_replication_set),
    operation!("CreateResponsePlan", create_response_plan),
    operation!("CreateTimelineEvent", create_timeline_event),
    operation!("DeleteIncidentRecord", delete_incident_record),
    operation!("DeleteReplicationSet", delete_replication_set),
    operation!("DeleteResourcePolicy", delete_resource_policy),
    operation!("DeleteResponsePlan", delete_response_plan),
    operation!("DeleteTimelineEvent", delete_timeline_event),
    operation!("GetIncidentRecord", get_incident_record),
    operation!("GetReplicationSet", get_replication_set),
    operation!("GetResourcePolicies", get_resource_policies),
    operation!("GetResponsePlan", get_response_plan),
    operation!("GetTimelineEvent", get_timeline_event),
    operation!("ListIncidentFindings", list_incident_findings),
    operation!("ListIncidentRecords", list_incident_records),
    operation!("ListRelatedItems", list_related_items),
    operation!("ListReplicationSets", list_replication_sets),
    operation!("ListResponsePlans", list_response_plans),
    operation!("ListTagsForResource", list_tags_for_resource),
    operation!("ListTimelineEvents", list_timeline_events),
    operation!("PutResourcePolicy", put_resource_policy),
    operation!("StartIncident", start_incident),
    operation!("TagResource", tag_resource),
    operation!("UntagResource", untag_resource),
    operation!("UpdateDeletionProtection", update_deletion_protection),
    operation!("UpdateIncidentRecord", update_incident_record),
    operation!("UpdateRelatedItems", update_related_items),
    operation!("UpdateReplicationSet", update_replication_set),
    operation!("UpdateResponsePlan", update_response_plan),
    operation!("UpdateTimelineEvent", update_timeline_event),
];
