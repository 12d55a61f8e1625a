//! `sns`: topics, subscriptions and publishing, the query protocol.
//!
//! Standard topics only. Phones, mobile push and data protection policies are refused in the words of the service.

mod add_permission;
mod attributes;
mod confirm_subscription;
mod create_topic;
mod delete_topic;
mod get_subscription_attributes;
mod get_topic_attributes;
mod list_subscriptions;
mod list_tags_for_resource;
mod list_topics;
mod names;
mod policies;
mod publish;
mod publish_batch;
mod remove_permission;
mod set_subscription_attributes;
mod set_topic_attributes;
mod subscribe;
mod subscriptions;
mod tag_resource;
mod tagged;
mod unserved;
mod unsubscribe;
mod untag_resource;

pub(crate) use confirm_subscription::confirm;
pub(crate) use subscriptions::{find, remove};

use crate::aws::{Operation, Service};
use crate::voice::Words;

/// A message is at most 256 KiB, but in a form its letters may take up to three times the room.
const PUBLISH_BODY: usize = 1024 * 1024;

/// The service.
pub(crate) const SERVICE: Service = Service {
    name: "sns",
    words: Words {
        malformed: "InvalidParameter",
        internal: "InternalError",
        fields: false,
    },
    operations: OPERATIONS,
};

const OPERATIONS: &[Operation] = &[
    Operation::new("AddPermission", |call| {
        Box::pin(add_permission::handle(call))
    }),
    Operation::new("ConfirmSubscription", |call| {
        Box::pin(confirm_subscription::handle(call))
    }),
    Operation::new("CreateTopic", |call| Box::pin(create_topic::handle(call))),
    Operation::new("DeleteTopic", |call| Box::pin(delete_topic::handle(call))),
    Operation::new("GetSubscriptionAttributes", |call| {
        Box::pin(get_subscription_attributes::handle(call))
    }),
    Operation::new("GetTopicAttributes", |call| {
        Box::pin(get_topic_attributes::handle(call))
    }),
    Operation::new("ListSubscriptions", |call| {
        Box::pin(list_subscriptions::handle(call))
    }),
    Operation::new("ListSubscriptionsByTopic", |call| {
        Box::pin(list_subscriptions::by_topic(call))
    }),
    Operation::new("ListTagsForResource", |call| {
        Box::pin(list_tags_for_resource::handle(call))
    }),
    Operation::new("ListTopics", |call| Box::pin(list_topics::handle(call))),
    Operation::new("Publish", |call| Box::pin(publish::handle(call))).body_limit(PUBLISH_BODY),
    Operation::new("PublishBatch", |call| Box::pin(publish_batch::handle(call)))
        .body_limit(PUBLISH_BODY),
    Operation::new("RemovePermission", |call| {
        Box::pin(remove_permission::handle(call))
    }),
    Operation::new("SetSubscriptionAttributes", |call| {
        Box::pin(set_subscription_attributes::handle(call))
    }),
    Operation::new("SetTopicAttributes", |call| {
        Box::pin(set_topic_attributes::handle(call))
    }),
    Operation::new("Subscribe", |call| Box::pin(subscribe::handle(call))),
    Operation::new("TagResource", |call| Box::pin(tag_resource::handle(call))),
    Operation::new("Unsubscribe", |call| Box::pin(unsubscribe::handle(call))),
    Operation::new("UntagResource", |call| {
        Box::pin(untag_resource::handle(call))
    }),
    Operation::new("CheckIfPhoneNumberIsOptedOut", unserved::phones),
    Operation::new("CreatePlatformApplication", unserved::push),
    Operation::new("CreatePlatformEndpoint", unserved::push),
    Operation::new("CreateSMSSandboxPhoneNumber", unserved::phones),
    Operation::new("DeleteEndpoint", unserved::push),
    Operation::new("DeletePlatformApplication", unserved::push),
    Operation::new("DeleteSMSSandboxPhoneNumber", unserved::phones),
    Operation::new("GetDataProtectionPolicy", unserved::protection),
    Operation::new("GetEndpointAttributes", unserved::push),
    Operation::new("GetPlatformApplicationAttributes", unserved::push),
    Operation::new("GetSMSAttributes", unserved::phones),
    Operation::new("GetSMSSandboxAccountStatus", unserved::phones),
    Operation::new("ListEndpointsByPlatformApplication", unserved::push),
    Operation::new("ListOriginationNumbers", unserved::phones),
    Operation::new("ListPhoneNumbersOptedOut", unserved::phones),
    Operation::new("ListPlatformApplications", unserved::push),
    Operation::new("ListSMSSandboxPhoneNumbers", unserved::phones),
    Operation::new("OptInPhoneNumber", unserved::phones),
    Operation::new("PutDataProtectionPolicy", unserved::protection),
    Operation::new("SetEndpointAttributes", unserved::push),
    Operation::new("SetPlatformApplicationAttributes", unserved::push),
    Operation::new("SetSMSAttributes", unserved::phones),
    Operation::new("VerifySMSSandboxPhoneNumber", unserved::phones),
];
