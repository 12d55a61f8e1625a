//! `CreateApiDestination`.

use model::connection::{ApiDestination, DEFAULT_RATE_PER_SECOND};
use serde_json::Value;

use super::api_destinations::{self, MAX_DESTINATIONS, METHODS, NAME};
use super::connections::DESCRIPTION;
use super::{endpoints, names};
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit, Kept};
use crate::error::ApiError;

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let name = fields.required_text("Name", NAME)?;
    let description = fields.text("Description", DESCRIPTION)?;
    let method = fields.required_one_of("HttpMethod", METHODS)?;
    let endpoint = endpoints::read(&call, &fields, "InvocationEndpoint")?
        .ok_or_else(|| fields.missing("InvocationEndpoint"))?;
    let rate = api_destinations::rate(&fields)?;
    let connection_arn = api_destinations::connection(&call, &fields)
        .await?
        .ok_or_else(|| fields.missing("ConnectionArn"))?;
    let family = api_destinations::key(&call, "");
    let all: Vec<Kept<ApiDestination>> = catalog::all(call.handle(), &family).await?;
    let full = all.len() >= MAX_DESTINATIONS;
    let made = ApiDestination {
        name: name.to_owned(),
        id: call.handle().new_id(),
        description: description
            .filter(|text| !text.is_empty())
            .map(str::to_owned),
        connection_arn,
        endpoint: endpoint.to_owned(),
        method: method.to_owned(),
        rate_per_second: rate.unwrap_or(DEFAULT_RATE_PER_SECOND),
    };
    let key = api_destinations::key(&call, name);
    catalog::edit(
        call.handle(),
        &key,
        |found: Option<ApiDestination>| match found {
            Some(_) => Err(ApiError::new(
                "ResourceAlreadyExistsException",
                format!("An api-destination '{name}' already exists."),
            )),
            None if full => Err(names::limit_exceeded("3000 api destinations in one region")),
            None => Ok((Edit::Put(made.clone()), ())),
        },
    )
    .await?;
    let kept = api_destinations::existing(&call, name, "describe").await?;
    let state = api_destinations::state(&call, &kept.body).await?;
    let answer = api_destinations::answer(&call, &kept, state);
    Ok(Reply::ok(Value::Object(answer)))
}
