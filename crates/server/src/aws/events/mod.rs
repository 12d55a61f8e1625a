//! `events`: the EventBridge wire API, AWS JSON 1.1.

mod create_event_bus;
mod delete_event_bus;
mod delete_rule;
mod describe_event_bus;
mod describe_rule;
mod disable_rule;
mod enable_rule;
mod list_event_buses;
mod list_rule_names_by_target;
mod list_rules;
mod list_tags_for_resource;
mod list_targets_by_rule;
mod names;
mod put_events;
mod put_rule;
mod put_targets;
mod remove_targets;
mod tag_resource;
mod tagged;
mod test_event_pattern;
mod untag_resource;

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

const OPERATIONS: &[Operation] = &[
    Operation::new("CreateEventBus", |call| {
        Box::pin(create_event_bus::handle(call))
    }),
    Operation::new("DeleteEventBus", |call| {
        Box::pin(delete_event_bus::handle(call))
    }),
    Operation::new("DeleteRule", |call| Box::pin(delete_rule::handle(call))),
    Operation::new("DescribeEventBus", |call| {
        Box::pin(describe_event_bus::handle(call))
    }),
    Operation::new("DescribeRule", |call| Box::pin(describe_rule::handle(call))),
    Operation::new("DisableRule", |call| Box::pin(disable_rule::handle(call))),
    Operation::new("EnableRule", |call| Box::pin(enable_rule::handle(call))),
    Operation::new("ListEventBuses", |call| {
        Box::pin(list_event_buses::handle(call))
    }),
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
    Operation::new("PutRule", |call| Box::pin(put_rule::handle(call))),
    Operation::new("PutTargets", |call| Box::pin(put_targets::handle(call))),
    Operation::new("RemoveTargets", |call| {
        Box::pin(remove_targets::handle(call))
    }),
    Operation::new("TagResource", |call| Box::pin(tag_resource::handle(call))),
    Operation::new("TestEventPattern", |call| {
        Box::pin(test_event_pattern::handle(call))
    }),
    Operation::new("UntagResource", |call| {
        Box::pin(untag_resource::handle(call))
    }),
];
