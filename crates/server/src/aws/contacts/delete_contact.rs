//! `DeleteContact`: with its channels. Plans that name it keep its ARN and pass over it when they run.

use model::contact::{Contact, ContactChannel};
use model::resource::Expect;

use super::channels;
use super::names::{self, CONTACT_TYPE};
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Kept, Key};

pub(super) async fn handle(call: Call) -> Answer {
    let (arn, key) = names::contact(&call, "ContactId")?;
    if catalog::read::<Contact>(call.handle(), &key)
        .await?
        .is_none()
    {
        return Err(names::missing(CONTACT_TYPE, &arn));
    }
    let family = channels::key(&call, &format!("{}/", key.name));
    let owned: Vec<Kept<ContactChannel>> = catalog::all(call.handle(), &family).await?;
    let keys = owned.into_iter().map(|kept| Key {
        name: kept.name,
        ..family.clone()
    });
    let changes = keys
        .chain([key])
        .map(|key| catalog::change(&key, Expect::Any, None))
        .collect();
    call.handle().change(changes).await?;
    Ok(Reply::empty())
}
