//! `StartEngagement`: refused when nobody could be paged.

use engine::views::engage::{self, Asker, Start};
use engine::{AskError, Input};
use model::AggregateId;
use serde_json::json;

use super::engagements;
use super::names::{self, ENGAGEMENT_TYPE, TOKEN};
use crate::call::{Answer, Call, Reply};
use crate::decode::{Text, is_word};
use crate::error::ApiError;

const SENDER: Text =
    Text::length(0, 255).matching("^[\\\\a-zA-Z0-9_@#%*+=:?.\\/!\\s-]*$", is_plain);
const INCIDENT_ID: Text =
    Text::length(0, 1024).matching("^[\\\\a-zA-Z0-9_@#%*+=:?.\\/!\\s-]*$", is_plain);
const SUBJECT: Text = Text::length(1, 2048);
const CONTENT: Text = Text::length(1, 8192);

fn is_plain(text: &str) -> bool {
    text.split_whitespace()
        .all(|word| is_word(word, "\\_@#%*+=:?./!-"))
}

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    fields.text("IdempotencyToken", TOKEN)?;
    let mut start = Start {
        contact_arn: String::new(),
        asker: Asker::Person,
        sender: fields.required_text("Sender", SENDER)?.to_owned(),
        subject: fields.required_text("Subject", SUBJECT)?.to_owned(),
        content: fields.required_text("Content", CONTENT)?.to_owned(),
        public_subject: fields.text("PublicSubject", SUBJECT)?.map(str::to_owned),
        public_content: fields.text("PublicContent", CONTENT)?.map(str::to_owned),
        incident_id: fields
            .text("IncidentId", INCIDENT_ID)?
            .filter(|id| !id.is_empty())
            .map(str::to_owned),
        // The engine keeps the token: it knows the answer before the contact is looked at again.
        token: None,
    };
    start.contact_arn = names::existing_contact(&call, "ContactId")
        .await?
        .contact_arn;
    let token = call
        .token("StartEngagement", "IdempotencyToken")
        .filter(|token| !token.token.is_empty());
    let to = AggregateId::engagement(call.handle().new_id());
    let input = Input::Engagement(Box::new(engage::Input::Start(Box::new(start))));
    match call.handle().create(to, &call.scope, input, token).await {
        Ok(answer) => Ok(Reply::ok(answer)),
        Err(AskError::Replayed { holder }) => again(&call, holder).await,
        Err(AskError::TokenMismatch) => Err(names::conflict(
            ENGAGEMENT_TYPE,
            "",
            "The idempotency token was used before with other parameters: use a new token.",
        )),
        Err(error) => Err(ApiError::from_ask(error, names::refused)),
    }
}

/// The answer of the same request made before.
async fn again(call: &Call, made: AggregateId) -> Answer {
    match engagements::load(call, made).await? {
        Some(engagement) => Ok(Reply::ok(json!({ "EngagementArn": engagement.arn }))),
        None => Err(names::conflict(
            ENGAGEMENT_TYPE,
            "",
            "The idempotency token was used before, for an engagement that is gone: use a new token.",
        )),
    }
}
