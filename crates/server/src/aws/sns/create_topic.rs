//! `CreateTopic`: what is there already with the same attributes and tags is answered again.

use std::collections::BTreeMap;

use model::topic::Topic;
use serde_json::json;

use super::names::{self, MAX_TOPICS, invalid};
use super::{attributes, tagged};
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit};
use crate::decode::{Text, is_word};
use crate::error::ApiError;
use crate::tags;

/// Longest name, in characters.
const MAX_NAME: usize = 256;

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let name = names::required(&call, "Name")?;
    check_name(name)?;
    if names::text(&call, "DataProtectionPolicy")?.is_some() {
        let reason = "Quell does not look for personal data in messages: leave it out";
        return Err(invalid("DataProtectionPolicy", reason));
    }
    let any = (Text::length(0, 256), Text::length(0, 32 * 1024));
    let given = fields.text_map("Attributes", (0, 100), any)?;
    let given = given.unwrap_or_default();
    let tags = tags::read(&fields, "Tags")?;
    if tags.len() > tags::MAX_TAGS {
        return Err(tagged::too_many());
    }
    let wanted = with(new(name, tags), &given)?;
    let family = names::key(&call, "");
    let full = catalog::list::<Topic>(call.handle(), &family, None, MAX_TOPICS).await?;
    let full = full.len() >= MAX_TOPICS;
    catalog::edit(
        call.handle(),
        &names::key(&call, name),
        |found: Option<Topic>| match found {
            Some(found) => same(&found, &wanted, &given).map(|()| (Edit::Keep, ())),
            None if full => Err(names::forbidden(
                "TopicLimitExceeded",
                &format!("Topic limit exceeded: an account has at most {MAX_TOPICS} in a region"),
            )),
            None => Ok((Edit::Put(wanted.clone()), ())),
        },
    )
    .await?;
    Ok(Reply::ok(json!({ "TopicArn": names::arn(&call, name) })))
}

fn check_name(name: &str) -> Result<(), ApiError> {
    if name.ends_with(".fifo") {
        let reason = "Quell serves standard topics: give a name without .fifo";
        return Err(invalid("Topic Name", reason));
    }
    if name.len() > MAX_NAME || !is_word(name, "-_") {
        let reason = "it must be 1 to 256 letters, digits, hyphens and underscores";
        return Err(invalid("Topic Name", reason));
    }
    Ok(())
}

fn new(name: &str, tags: BTreeMap<String, String>) -> Topic {
    Topic {
        name: name.to_owned(),
        display_name: String::new(),
        policy: None,
        delivery_policy: None,
        signature_version: model::topic::SignatureVersion::default(),
        tags,
        subscriptions: BTreeMap::new(),
        deleted: 0,
    }
}

fn with(mut topic: Topic, given: &BTreeMap<String, String>) -> Result<Topic, ApiError> {
    for (name, value) in given {
        attributes::set(&mut topic, name, value)?;
    }
    Ok(topic)
}

/// Whether a topic that is there has the attributes and tags that are wanted.
fn same(found: &Topic, wanted: &Topic, given: &BTreeMap<String, String>) -> Result<(), ApiError> {
    if with(found.clone(), given)? != *found {
        let reason = "Topic already exists with different attributes";
        return Err(invalid("Attributes", reason));
    }
    if !wanted.tags.is_empty() && wanted.tags != found.tags {
        let reason = "Topic already exists with different tags";
        return Err(invalid("Tags", reason));
    }
    Ok(())
}
