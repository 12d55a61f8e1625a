//! `DescribeStateMachine`: a machine as it is, or one of its versions; of an alias the version that most goes to.

use serde_json::Value;

use super::{included, machines, names};
use crate::call::{Answer, Call, Reply};
use crate::decode::epoch;

pub(super) async fn handle(call: Call) -> Answer {
    let place = names::place(&call, "stateMachineArn")?;
    let with_data = included(&call.fields())?;
    let asked = place.arn(&call);
    let number = match (place.version(), place.alias()) {
        (Some(number), _) => Some(number),
        (None, Some(alias)) => {
            let kept = machines::existing(&call, &place.name).await?;
            let found = kept.body.aliases.get(alias);
            let most = found.and_then(|found| found.routes.iter().max_by_key(|route| route.weight));
            Some(most.ok_or_else(|| names::no_machine(&asked))?.version)
        }
        (None, None) if place.qualifier.is_some() => return Err(names::no_machine(&asked)),
        (None, None) => None,
    };
    let (mut body, express) = match number {
        None => {
            let kept = machines::existing(&call, &place.name).await?;
            let mut body = machines::described(asked, &kept.body);
            body.insert("creationDate".to_owned(), epoch(kept.created));
            (body, kept.body.express)
        }
        Some(number) => {
            let kept = machines::existing_version(&call, (&place.name, number), &asked).await?;
            let mut body = machines::described(asked, &kept.body.machine);
            if let Some(description) = kept.body.description {
                body.insert("description".to_owned(), description.into());
            }
            body.insert("creationDate".to_owned(), epoch(kept.created));
            (body, kept.body.machine.express)
        }
    };
    if with_data {
        let definition = body.get("definition").and_then(Value::as_str);
        let read = definition.and_then(|text| machines::variable_references(text, express));
        body.extend(read.map(|read| ("variableReferences".to_owned(), read)));
    } else {
        body.insert("definition".to_owned(), Value::String("{}".to_owned()));
    }
    Ok(Reply::ok(Value::Object(body)))
}
