//! `SendActivationCode`: a new code; the one before holds no longer.

use super::{activation, channels};
use crate::call::{Answer, Call, Reply};

pub(super) async fn handle(call: Call) -> Answer {
    let (arn, _) = channels::named(&call)?;
    activation::send_new(&call, &arn).await?;
    Ok(Reply::empty())
}
