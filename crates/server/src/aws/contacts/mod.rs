//! `ssm-contacts`: contacts, channels, engagements and pages, AWS JSON 1.1.
//!
//! Every call needs the account's replication set. Rotations are not served.

mod accept_page;
mod activate_contact_channel;
mod activation;
mod channels;
mod create_contact;
mod create_contact_channel;
mod deactivate_contact_channel;
mod delete_contact;
mod delete_contact_channel;
mod describe_engagement;
mod describe_page;
mod engagements;
mod get_contact;
mod get_contact_channel;
mod get_contact_policy;
mod list_contact_channels;
mod list_contacts;
mod list_engagements;
mod list_page_receipts;
mod list_page_resolutions;
mod list_pages_by_contact;
mod list_pages_by_engagement;
mod list_tags_for_resource;
mod names;
mod onboarding;
mod plans;
mod put_contact_policy;
mod send_activation_code;
mod start_engagement;
mod stop_engagement;
mod tag_resource;
mod tagged;
mod untag_resource;
mod update_contact;
mod update_contact_channel;

use crate::aws::{Operation, Service};
use crate::voice::Words;

/// A policy has up to 395,000 characters and stands in the body as a JSON string.
const POLICY_BODY: usize = 1024 * 1024;

/// The service.
pub(crate) const SERVICE: Service = Service {
    name: "ssm-contacts",
    words: Words {
        malformed: "ValidationException",
        internal: "InternalServerException",
        fields: true,
    },
    operations: OPERATIONS,
};

macro_rules! operation {
    ($name:literal, $module:ident) => {
        Operation::new($name, |call| {
            Box::pin(async move {
                onboarding::require(&call).await?;
                $module::handle(call).await
            })
        })
    };
}

const OPERATIONS: &[Operation] = &[
    operation!("AcceptPage", accept_page),
    operation!("ActivateContactChannel", activate_contact_channel),
    operation!("CreateContact", create_contact),
    operation!("CreateContactChannel", create_contact_channel),
    operation!("DeactivateContactChannel", deactivate_contact_channel),
    operation!("DeleteContact", delete_contact),
    operation!("DeleteContactChannel", delete_contact_channel),
    operation!("DescribeEngagement", describe_engagement),
    operation!("DescribePage", describe_page),
    operation!("GetContact", get_contact),
    operation!("GetContactChannel", get_contact_channel),
    operation!("GetContactPolicy", get_contact_policy),
    operation!("ListContactChannels", list_contact_channels),
    operation!("ListContacts", list_contacts),
    operation!("ListEngagements", list_engagements),
    operation!("ListPageReceipts", list_page_receipts),
    operation!("ListPageResolutions", list_page_resolutions),
    operation!("ListPagesByContact", list_pages_by_contact),
    operation!("ListPagesByEngagement", list_pages_by_engagement),
    operation!("ListTagsForResource", list_tags_for_resource),
    operation!("PutContactPolicy", put_contact_policy).body_limit(POLICY_BODY),
    operation!("SendActivationCode", send_activation_code),
    operation!("StartEngagement", start_engagement),
    operation!("StopEngagement", stop_engagement),
    operation!("TagResource", tag_resource),
    operation!("UntagResource", untag_resource),
    operation!("UpdateContact", update_contact),
    operation!("UpdateContactChannel", update_contact_channel),
];
