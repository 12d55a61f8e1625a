//! `DeleteApiDestination`. Targets that name it stay; what they are to deliver fails.

use model::connection::ApiDestination;

use super::api_destinations::{self, NAME};
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit};

pub(super) async fn handle(call: Call) -> Answer {
    let name = call.fields().required_text("Name", NAME)?;
    let key = api_destinations::key(&call, name);
    catalog::edit(
        call.handle(),
        &key,
        |found: Option<ApiDestination>| match found {
            Some(_) => Ok((Edit::Delete, ())),
            None => Err(api_destinations::absent(name, "delete")),
        },
    )
    .await?;
    Ok(Reply::empty())
}
