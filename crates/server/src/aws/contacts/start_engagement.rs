//! `StartEngagement`: refused when nobody could be paged.

use engine::views::engage::{Asker, Input, Start};

use super::engagements;
use super::names::{self, TOKEN};
use crate::call::{Answer, Call, Reply};
use crate::decode::{Text, is_word};

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
    let token = fields.text("IdempotencyToken", TOKEN)?;
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
        token: token.filter(|token| !token.is_empty()).map(str::to_owned),
    };
    start.contact_arn = names::existing_contact(&call, "ContactId")
        .await?
        .contact_arn;
    let id = call.handle().new_id();
    let answer = engagements::ask(&call, id, Input::Start(Box::new(start))).await?;
    Ok(Reply::ok(answer))
}
