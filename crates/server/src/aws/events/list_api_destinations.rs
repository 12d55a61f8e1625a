//! `ListApiDestinations`, in order of name.

use std::collections::BTreeMap;

use model::connection::{ApiDestination, Connection};
use serde_json::{Value, json};

use super::api_destinations::{self, NAME};
use super::{connections, names};
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Kept};
use crate::page::Cursor;

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let prefix = fields.text("NamePrefix", NAME)?.unwrap_or_default();
    let connection = api_destinations::connection_filter(&fields)?;
    let limit = fields.page_size("Limit", 100, 100)?;
    let question = format!("{prefix}\n{}", connection.unwrap_or_default());
    let cursor = Cursor::new(&call, "ListApiDestinations", &question);
    let after = names::position(&call, &cursor)?;
    let family = api_destinations::key(&call, prefix);
    let all: Vec<Kept<ApiDestination>> = catalog::all(call.handle(), &family).await?;
    let rest: Vec<&Kept<ApiDestination>> = all
        .iter()
        .filter(|kept| after.as_ref().is_none_or(|after| kept.name > *after))
        .filter(|kept| connection.is_none_or(|arn| kept.body.connection_arn == arn))
        .collect();
    let connections = connections_by_arn(&call).await?;
    let page: Vec<Value> = rest
        .iter()
        .take(limit)
        .map(|kept| {
            let connection = connections.get(&kept.body.connection_arn);
            let state = api_destinations::state_by(connection);
            Value::Object(api_destinations::summary(&call, kept, state))
        })
        .collect();
    let mut body = json!({ "ApiDestinations": page });
    if let (true, Some(last)) = (rest.len() > limit, rest.get(limit - 1)) {
        body["NextToken"] = cursor.token(&last.name).into();
    }
    Ok(Reply::ok(body))
}

async fn connections_by_arn(
    call: &Call,
) -> Result<BTreeMap<String, Connection>, crate::error::ApiError> {
    let all: Vec<Kept<Connection>> =
        catalog::all(call.handle(), &connections::key(call, "")).await?;
    let all = all.into_iter().map(|kept| kept.body);
    Ok(all
        .map(|connection| (connections::arn(call, &connection), connection))
        .collect())
}
