//! `Publish`: answered once every subscriber's delivery is durable.

use std::collections::BTreeMap;

use engine::views::topics::{Message, MessageError};
use model::topic::MessageAttribute;
use serde_json::json;

use super::names::{self, invalid};
use crate::call::{Answer, Call, Reply};
use crate::decode::{Fields, Text};
use crate::error::ApiError;

/// Text that is checked elsewhere.
const ANY: Text = Text::length(0, usize::MAX);
/// Most attributes that are read.
const MAX_ATTRIBUTES: usize = 1_000;

pub(super) async fn handle(call: Call) -> Answer {
    if names::text(&call, "PhoneNumber")?.is_some() {
        let reason = "Quell sends no text messages: publish to a topic";
        return Err(invalid("PhoneNumber", reason));
    }
    let member = if names::text(&call, "TopicArn")?.is_some() {
        "TopicArn"
    } else if names::text(&call, "TargetArn")?.is_some() {
        "TargetArn"
    } else {
        return Err(invalid(
            "TopicArn or TargetArn",
            "no value for required parameter",
        ));
    };
    let topic = names::topic(&call, member)?;
    let message = message(&call.fields())?;
    let published = call.handle().publish(&call.scope, &topic, &[message]).await;
    let published = published.map_err(names::failed)?;
    let ids = published.ok_or_else(|| names::not_found("Topic"))?;
    Ok(Reply::ok(json!({ "MessageId": ids.first() })))
}

/// The message in a request, or in an entry of a batch.
pub(super) fn message(fields: &Fields<'_>) -> Result<Message, ApiError> {
    for member in ["MessageDeduplicationId", "MessageGroupId"] {
        if fields.raw(member).is_some() {
            let reason = "The request includes a parameter that is not valid for this topic type";
            return Err(invalid(member, reason));
        }
    }
    let text = fields.text("Message", ANY)?.unwrap_or_default();
    let subject = fields.text("Subject", ANY)?;
    let structure = fields.text("MessageStructure", ANY)?;
    let structure = structure.filter(|text| !text.is_empty());
    let attributes = attributes(fields)?;
    Message::new(text, subject, structure, attributes).map_err(refused)
}

fn refused(error: MessageError) -> ApiError {
    let code = match &error {
        MessageError::Parameter(_) => "InvalidParameter",
        MessageError::Attribute(_) => "ParameterValueInvalid",
    };
    ApiError::new(code, error.to_string())
}

fn attributes(fields: &Fields<'_>) -> Result<BTreeMap<String, MessageAttribute>, ApiError> {
    let Some(given) = fields.object("MessageAttributes")? else {
        return Ok(BTreeMap::new());
    };
    if given.map().len() > MAX_ATTRIBUTES {
        return Err(invalid("MessageAttributes", "there are more than 1000"));
    }
    let mut all = BTreeMap::new();
    for name in given.map().keys() {
        let attribute = given.required_object(name)?;
        let data_type = attribute.required_text("DataType", ANY)?;
        let binary = data_type.split('.').next() == Some("Binary");
        let member = if binary { "BinaryValue" } else { "StringValue" };
        let value = attribute.text(member, ANY)?.unwrap_or_default();
        all.insert(
            name.clone(),
            MessageAttribute {
                data_type: data_type.to_owned(),
                value: value.to_owned(),
            },
        );
    }
    Ok(all)
}
