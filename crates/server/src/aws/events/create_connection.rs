//! `CreateConnection`: seals what it is given; asks an OAuth token endpoint before it answers.

use model::connection::{Connection, ConnectionState};

use super::connections::{self, DESCRIPTION, MAX_CONNECTIONS, NAME, TYPES};
use super::{names, parameters};
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit, Kept};
use crate::error::ApiError;

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let name = fields.required_text("Name", NAME)?;
    let description = fields.text("Description", DESCRIPTION)?;
    let way = connections::type_of(fields.required_one_of("AuthorizationType", TYPES)?);
    let read = parameters::read(&call, way, None)?;
    let key = connections::key(&call, name);
    let taken = || {
        let message = format!("Connection {name} already exists.");
        ApiError::new("ResourceAlreadyExistsException", message)
    };
    let family = connections::key(&call, "");
    let all: Vec<Kept<Connection>> = catalog::all(call.handle(), &family).await?;
    if all.iter().any(|kept| kept.name == name) {
        return Err(taken());
    }
    if all.len() >= MAX_CONNECTIONS {
        return Err(names::limit_exceeded("3000 connections in one region"));
    }
    let mut made = Connection {
        name: name.to_owned(),
        id: call.handle().new_id(),
        secret_id: secret_id(&call),
        description: description
            .filter(|text| !text.is_empty())
            .map(str::to_owned),
        state: ConnectionState::Deauthorized,
        state_reason: None,
        authorization: way,
        shown: read.shown,
        sealed: None,
        authorized: None,
    };
    connections::seal(&call, &mut made, &read.parameters)?;
    connections::try_out(&call, &mut made, &read.parameters).await;
    catalog::edit(
        call.handle(),
        &key,
        |found: Option<Connection>| match found {
            Some(_) => Err(taken()),
            None => Ok((Edit::Put(made.clone()), ())),
        },
    )
    .await?;
    let kept = connections::existing(&call, name, "describe").await?;
    let mut body = connections::answer(&call, &kept, None);
    if let Some(body) = body.as_object_mut() {
        body.remove("LastAuthorizedTime");
    }
    Ok(Reply::ok(body))
}

/// An id with six letters behind it, as names of secrets have them.
fn secret_id(call: &Call) -> String {
    let letters = call.handle().new_id().simple().to_string();
    let letters = letters.get(..6).unwrap_or_default();
    format!("{}-{letters}", call.handle().new_id())
}
