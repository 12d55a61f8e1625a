//! `UpdateApiDestination`: what is left out stays.

use model::connection::ApiDestination;
use serde_json::Value;

use super::api_destinations::{self, METHODS, NAME};
use super::connections::DESCRIPTION;
use super::endpoints;
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit};

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let name = fields.required_text("Name", NAME)?;
    let description = fields.text("Description", DESCRIPTION)?;
    let method = fields.one_of("HttpMethod", METHODS)?;
    let endpoint = endpoints::read(&call, &fields, "InvocationEndpoint")?;
    let rate = api_destinations::rate(&fields)?;
    let connection = api_destinations::connection(&call, &fields).await?;
    let key = api_destinations::key(&call, name);
    catalog::edit(call.handle(), &key, |found: Option<ApiDestination>| {
        let mut changed = found.ok_or_else(|| api_destinations::absent(name, "update"))?;
        if let Some(text) = description {
            changed.description = (!text.is_empty()).then(|| text.to_owned());
        }
        if let Some(connection) = &connection {
            changed.connection_arn.clone_from(connection);
        }
        if let Some(endpoint) = endpoint {
            endpoint.clone_into(&mut changed.endpoint);
        }
        if let Some(method) = method {
            method.clone_into(&mut changed.method);
        }
        changed.rate_per_second = rate.unwrap_or(changed.rate_per_second);
        Ok((Edit::Put(changed), ()))
    })
    .await?;
    let kept = api_destinations::existing(&call, name, "update").await?;
    let state = api_destinations::state(&call, &kept.body).await?;
    let answer = api_destinations::answer(&call, &kept, state);
    Ok(Reply::ok(Value::Object(answer)))
}
