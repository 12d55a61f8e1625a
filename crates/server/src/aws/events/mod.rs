//! `events`: the EventBridge wire API, AWS JSON 1.1.

mod absent;
mod api_destinations;
mod archives;
mod bus_settings;
mod cancel_replay;
mod connections;
mod create_api_destination;
mod create_archive;
mod create_connection;
mod create_event_bus;
mod deauthorize_connection;
mod delete_api_destination;
mod delete_archive;
mod delete_connection;
mod delete_event_bus;
mod delete_rule;
mod describe_api_destination;
mod describe_archive;
mod describe_connection;
mod describe_event_bus;
mod describe_replay;
mod describe_rule;
mod endpoints;
mod list_api_destinations;
mod list_archives;
mod list_connections;
mod list_event_buses;
mod list_replays;
mod list_rule_names_by_target;
mod list_rules;
mod list_tags_for_resource;
mod list_targets_by_rule;
mod names;
mod parameters;
pub(crate) mod patterns;
mod put_events;
mod put_permission;
mod put_rule;
mod put_targets;
mod remove_permission;
mod remove_targets;
mod replays;
mod rule_state;
mod start_replay;
mod tag_resource;
mod tagged;
mod test_event_pattern;
mod untag_resource;
mod update_api_destination;
mod update_archive;
mod update_connection;
mod update_event_bus;

use crate::aws::{Operation, Service};
use crate::voice::Words;

/// A body of `PutEvents` holds each `Detail` as a JSON string: quotes and letters beyond ASCII take up to three times
/// the room that counts against AWS's limit of 1 MiB, which is checked exactly in the handler.
const PUT_EVENTS_BODY: usize = 3 * 1024 * 1024;

/// The service.
pub(crate) const SERVICE: Service = Service {
    name: "events",
    words: Words::USUAL,
    operations: OPERATIONS,
};

/// Operations for things that Quell never has: a runbook that calls one means AWS.
pub(crate) const ABSENT: [&str; 15] = [
    "ActivateEventSource",
    "CreateEndpoint",
    "CreatePartnerEventSource",
    "DeactivateEventSource",
    "DeleteEndpoint",
    "DeletePartnerEventSource",
    "DescribeEndpoint",
    "DescribeEventSource",
    "DescribePartnerEventSource",
    "ListEndpoints",
    "ListEventSources",
    "ListPartnerEventSourceAccounts",
    "ListPartnerEventSources",
    "PutPartnerEvents",
    "UpdateEndpoint",
];

const OPERATIONS: &[Operation] = &[
    Operation::new("ActivateEventSource", |call| {
        Box::pin(absent::partner(call))
    }),
    Operation::new("CancelReplay", |call| Box::pin(cancel_replay::handle(call))),
    Operation::new("CreateApiDestination", |call| {
        Box::pin(create_api_destination::handle(call))
    }),
    Operation::new("CreateArchive", |call| {
        Box::pin(create_archive::handle(call))
    }),
    Operation::new("CreateConnection", |call| {
        Box::pin(create_connection::handle(call))
    }),
    Operation::new("CreateEndpoint", |call| {
        Box::pin(absent::create_endpoint(call))
    }),
    Operation::new("CreateEventBus", |call| {
        Box::pin(create_event_bus::handle(call))
    }),
    Operation::new("CreatePartnerEventSource", |call| {
        Box::pin(absent::partner(call))
    }),
    Operation::new("DeactivateEventSource", |call| {
        Box::pin(absent::partner(call))
    }),
    Operation::new("DeauthorizeConnection", |call| {
        Box::pin(deauthorize_connection::handle(call))
    }),
    Operation::new("DeleteApiDestination", |call| {
        Box::pin(delete_api_destination::handle(call))
    }),
    Operation::new("DeleteArchive", |call| {
        Box::pin(delete_archive::handle(call))
    }),
    Operation::new("DeleteConnection", |call| {
        Box::pin(delete_connection::handle(call))
    }),
    Operation::new("DeleteEndpoint", |call| {
        Box::pin(absent::named_endpoint(call))
    }),
    Operation::new("DeleteEventBus", |call| {
        Box::pin(delete_event_bus::handle(call))
    }),
    Operation::new("DeletePartnerEventSource", |call| {
        Box::pin(absent::partner(call))
    }),
    Operation::new("DeleteRule", |call| Box::pin(delete_rule::handle(call))),
    Operation::new("DescribeApiDestination", |call| {
        Box::pin(describe_api_destination::handle(call))
    }),
    Operation::new("DescribeArchive", |call| {
        Box::pin(describe_archive::handle(call))
    }),
    Operation::new("DescribeConnection", |call| {
        Box::pin(describe_connection::handle(call))
    }),
    Operation::new("DescribeEndpoint", |call| {
        Box::pin(absent::named_endpoint(call))
    }),
    Operation::new("DescribeEventBus", |call| {
        Box::pin(describe_event_bus::handle(call))
    }),
    Operation::new("DescribeEventSource", |call| {
        Box::pin(absent::partner(call))
    }),
    Operation::new("DescribePartnerEventSource", |call| {
        Box::pin(absent::partner(call))
    }),
    Operation::new("DescribeReplay", |call| {
        Box::pin(describe_replay::handle(call))
    }),
    Operation::new("DescribeRule", |call| Box::pin(describe_rule::handle(call))),
    Operation::new("DisableRule", |call| Box::pin(rule_state::disable(call))),
    Operation::new("EnableRule", |call| Box::pin(rule_state::enable(call))),
    Operation::new("ListApiDestinations", |call| {
        Box::pin(list_api_destinations::handle(call))
    }),
    Operation::new("ListArchives", |call| Box::pin(list_archives::handle(call))),
    Operation::new("ListConnections", |call| {
        Box::pin(list_connections::handle(call))
    }),
    Operation::new("ListEndpoints", |call| {
        Box::pin(absent::list_endpoints(call))
    }),
    Operation::new("ListEventBuses", |call| {
        Box::pin(list_event_buses::handle(call))
    }),
    Operation::new("ListEventSources", |call| Box::pin(absent::partner(call))),
    Operation::new("ListPartnerEventSourceAccounts", |call| {
        Box::pin(absent::partner(call))
    }),
    Operation::new("ListPartnerEventSources", |call| {
        Box::pin(absent::partner(call))
    }),
    Operation::new("ListReplays", |call| Box::pin(list_replays::handle(call))),
    Operation::new("ListRuleNamesByTarget", |call| {
        Box::pin(list_rule_names_by_target::handle(call))
    }),
    Operation::new("ListRules", |call| Box::pin(list_rules::handle(call))),
    Operation::new("ListTagsForResource", |call| {
        Box::pin(list_tags_for_resource::handle(call))
    }),
    Operation::new("ListTargetsByRule", |call| {
        Box::pin(list_targets_by_rule::handle(call))
    }),
    Operation::new("PutEvents", |call| Box::pin(put_events::handle(call)))
        .body_limit(PUT_EVENTS_BODY),
    Operation::new("PutPartnerEvents", |call| Box::pin(absent::partner(call))),
    Operation::new("PutPermission", |call| {
        Box::pin(put_permission::handle(call))
    }),
    Operation::new("PutRule", |call| Box::pin(put_rule::handle(call))),
    Operation::new("PutTargets", |call| Box::pin(put_targets::handle(call))),
    Operation::new("RemovePermission", |call| {
        Box::pin(remove_permission::handle(call))
    }),
    Operation::new("RemoveTargets", |call| {
        Box::pin(remove_targets::handle(call))
    }),
    Operation::new("StartReplay", |call| Box::pin(start_replay::handle(call))),
    Operation::new("TagResource", |call| Box::pin(tag_resource::handle(call))),
    Operation::new("TestEventPattern", |call| {
        Box::pin(test_event_pattern::handle(call))
    }),
    Operation::new("UntagResource", |call| {
        Box::pin(untag_resource::handle(call))
    }),
    Operation::new("UpdateApiDestination", |call| {
        Box::pin(update_api_destination::handle(call))
    }),
    Operation::new("UpdateArchive", |call| {
        Box::pin(update_archive::handle(call))
    }),
    Operation::new("UpdateConnection", |call| {
        Box::pin(update_connection::handle(call))
    }),
    Operation::new("UpdateEndpoint", |call| {
        Box::pin(absent::named_endpoint(call))
    }),
    Operation::new("UpdateEventBus", |call| {
        Box::pin(update_event_bus::handle(call))
    }),
];
