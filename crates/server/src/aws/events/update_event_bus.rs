//! `UpdateEventBus`: what is left out stays; an empty description, or an empty `DeadLetterConfig`, takes it away.

use model::bus::Bus;
use serde_json::{Map, Value};

use super::bus_settings::{self, Settings};
use super::names;
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit};

pub(super) async fn handle(call: Call) -> Answer {
    let name = names::bus_name(&call, "Name")?;
    let settings = Settings::read(&call.fields())?;
    let changed = catalog::edit(
        call.handle(),
        &names::bus_key(&call, &name),
        |found: Option<Bus>| {
            let mut bus = names::stored_or_default(found, &name)?;
            settings.apply(&mut bus);
            Ok((Edit::Put(bus.clone()), bus))
        },
    )
    .await?;
    let mut body = Map::new();
    body.insert("Arn".to_owned(), names::bus_arn(&call, &name).into());
    body.insert("Name".to_owned(), name.into());
    bus_settings::show(&changed, &mut body);
    Ok(Reply::ok(Value::Object(body)))
}
