//! `DeleteConnection`. API destinations that use it stay and are inactive.

use model::connection::Connection;

use super::connections::{self, NAME};
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit};

pub(super) async fn handle(call: Call) -> Answer {
    let name = call.fields().required_text("Name", NAME)?;
    let kept = connections::existing(&call, name, "delete").await?;
    let key = connections::key(&call, name);
    catalog::edit(call.handle(), &key, |found: Option<Connection>| {
        let found = found.ok_or_else(|| connections::absent(name, "delete"))?;
        // Another one of the same name is not meant.
        let edit = if found.id == kept.body.id {
            Edit::Delete
        } else {
            Edit::Keep
        };
        Ok((edit, ()))
    })
    .await?;
    let answer = connections::answer(&call, &kept, Some("DELETING"));
    Ok(Reply::ok(answer))
}
