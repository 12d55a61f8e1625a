//! `AcceptPage`: a page arrived, or a person has read it.

use engine::views::engage::{Accept, AcceptCodeValidation, AcceptType, Input};

use super::engagements;
use super::names::ARN;
use crate::call::{Answer, Call, Reply};
use crate::decode::Text;

const CODE: Text = Text::length(6, 10).matching("^[0-9]*$", |text| {
    text.bytes().all(|byte| byte.is_ascii_digit())
});

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let accept_type = match fields.required_one_of("AcceptType", &["DELIVERED", "READ"])? {
        "READ" => AcceptType::Read,
        _ => AcceptType::Delivered,
    };
    let validation = match fields.one_of("AcceptCodeValidation", &["IGNORE", "ENFORCE"])? {
        Some("IGNORE") => AcceptCodeValidation::Ignore,
        _ => AcceptCodeValidation::Enforce,
    };
    let code = fields.required_text("AcceptCode", CODE)?.to_owned();
    let note = fields
        .text("Note", Text::length(1, 2048))?
        .map(str::to_owned);
    let channel_arn = fields.text("ContactChannelId", ARN)?.map(str::to_owned);
    let (engagement, page) = engagements::page(&call).await?;
    let accept = Accept {
        page: page.id,
        channel_arn,
        accept_type,
        code,
        validation,
        note,
    };
    engagements::ask(&call, engagement.id, Input::Accept(accept)).await?;
    Ok(Reply::empty())
}
