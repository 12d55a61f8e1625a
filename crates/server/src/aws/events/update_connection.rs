//! `UpdateConnection`: what is left out stays, also of the secrets; a deauthorized connection is given all anew.

use model::connection::Connection;

use super::connections::{self, DESCRIPTION, NAME, TYPES};
use super::parameters;
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit};
use crate::error::ApiError;

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let name = fields.required_text("Name", NAME)?;
    let description = fields.text("Description", DESCRIPTION)?;
    let way = fields.one_of("AuthorizationType", TYPES)?;
    let kept = connections::existing(&call, name, "update").await?;
    let mut changed = kept.body.clone();
    let way = way.map_or(changed.authorization, connections::type_of);
    let before = connections::open(&call, &changed)?;
    let read = parameters::read(&call, way, before.as_ref())?;
    changed.authorization = way;
    changed.shown = read.shown;
    if let Some(text) = description {
        changed.description = (!text.is_empty()).then(|| text.to_owned());
    }
    connections::seal(&call, &mut changed, &read.parameters)?;
    connections::try_out(&call, &mut changed, &read.parameters).await;
    let key = connections::key(&call, name);
    catalog::edit(call.handle(), &key, |found: Option<Connection>| {
        let found = found.ok_or_else(|| connections::absent(name, "update"))?;
        // Asking the token endpoint took a while: nobody's change of it may be lost.
        if found != kept.body {
            return Err(ApiError::new(
                "ConcurrentModificationException",
                "The connection was changed at the same time: try again.",
            ));
        }
        Ok((Edit::Put(changed.clone()), ()))
    })
    .await?;
    let kept = connections::existing(&call, name, "update").await?;
    Ok(Reply::ok(connections::answer(&call, &kept, None)))
}
