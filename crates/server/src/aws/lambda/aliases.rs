//! Aliases: `CreateAlias`, `GetAlias`, `UpdateAlias`, `DeleteAlias`, `ListAliases`.

use model::function::{Alias, Function, LATEST, number};
use serde_json::{Value, json};

use super::names::{self, MAX_ALIASES, Place};
use crate::call::{Answer, Call, Reply};
use crate::decode::{Fields, Text, is_word};
use crate::error::ApiError;
use crate::page::Cursor;

const NAME: Text = Text::length(1, 128).matching("(?!^[0-9]+$)([a-zA-Z0-9-_]+)", is_alias);
const VERSION: Text = Text::length(1, 1024).matching("(\\$LATEST|[0-9]+)", |text| {
    text == LATEST || number(text).is_some()
});
const DESCRIPTION: Text = Text::length(0, 256);

fn is_alias(text: &str) -> bool {
    is_word(text, "-_") && !text.bytes().all(|byte| byte.is_ascii_digit())
}

pub(super) async fn create(call: Call) -> Answer {
    let place = names::place(&call)?.unqualified()?;
    let fields = call.fields();
    let name = fields.required_text("Name", NAME)?;
    let version = fields.required_text("FunctionVersion", VERSION)?;
    let description = fields.text("Description", DESCRIPTION)?;
    let revision = names::revision(&call);
    let (function, ()) = names::change(&call, &place, |function| {
        if function.aliases.contains_key(name) {
            let arn = names::arn(&call, &place.name, Some(name));
            return Err(names::conflict(format!("Alias already exists: {arn}")));
        }
        if function.aliases.len() >= MAX_ALIASES {
            return Err(names::limit(format!(
                "a function has at most {MAX_ALIASES} aliases: delete one that is not needed"
            )));
        }
        let alias = Alias {
            version: version.to_owned(),
            description: description.unwrap_or_default().to_owned(),
            second: None,
            revision,
        };
        let alias = with_routing(&call, function, alias)?;
        function.aliases.insert(name.to_owned(), alias);
        Ok(())
    })
    .await?;
    answer(&call, &function, (&place, name))
}

pub(super) async fn get(call: Call) -> Answer {
    let place = names::place(&call)?.unqualified()?;
    let name = call.fields().required_text("Name", NAME)?;
    let function = names::existing(&call, &place).await?.body;
    answer(&call, &function, (&place, name))
}

pub(super) async fn update(call: Call) -> Answer {
    let place = names::place(&call)?.unqualified()?;
    let fields = call.fields();
    let name = fields.required_text("Name", NAME)?;
    let version = fields.text("FunctionVersion", VERSION)?;
    let description = fields.text("Description", DESCRIPTION)?;
    let revision = names::revision(&call);
    let (function, ()) = names::change(&call, &place, |function| {
        let found = function.aliases.get(name);
        let mut alias = found.cloned().ok_or_else(|| missing(&call, &place, name))?;
        names::expect_revision(&call, alias.revision)?;
        if let Some(version) = version {
            version.clone_into(&mut alias.version);
        }
        if let Some(description) = description {
            description.clone_into(&mut alias.description);
        }
        alias.revision = revision;
        let alias = with_routing(&call, function, alias)?;
        function.aliases.insert(name.to_owned(), alias);
        Ok(())
    })
    .await?;
    answer(&call, &function, (&place, name))
}

pub(super) async fn delete(call: Call) -> Answer {
    let place = names::place(&call)?.unqualified()?;
    let name = call.fields().required_text("Name", NAME)?;
    names::change(&call, &place, |function| {
        function.aliases.remove(name);
        function.policies.remove(name);
        function.event_invoke.remove(name);
        Ok(())
    })
    .await?;
    Ok(Reply::empty())
}

pub(super) async fn list(call: Call) -> Answer {
    let place = names::place(&call)?.unqualified()?;
    let version = call.fields().text("FunctionVersion", VERSION)?;
    let function = names::existing(&call, &place).await?.body;
    let question = format!("{}/{}", place.name, version.unwrap_or_default());
    let cursor = Cursor::new(&call, "ListAliases", &question);
    let wanted = |alias: &Alias| {
        let second = alias.second.map(|(second, _)| second.to_string());
        version.is_none_or(|version| alias.version == version || second.as_deref() == Some(version))
    };
    let all = function
        .aliases
        .iter()
        .filter(|(_, alias)| wanted(alias))
        .map(|(name, alias)| (name.as_str(), shown(&call, &place, (name, alias))));
    let (page, next) = names::paged(&call, &cursor, all)?;
    let mut answer = json!({ "Aliases": page });
    if let Some(next) = next {
        answer["NextMarker"] = next.into();
    }
    Ok(Reply::ok(answer))
}

fn missing(call: &Call, place: &Place, name: &str) -> ApiError {
    let arn = names::arn(call, &place.name, Some(name));
    names::not_found(&format!("Cannot find alias arn: {arn}"))
}

fn answer(call: &Call, function: &Function, (place, name): (&Place, &str)) -> Answer {
    let alias = function.aliases.get(name);
    let alias = alias.ok_or_else(|| missing(call, place, name))?;
    Ok(Reply::ok(shown(call, place, (name, alias))))
}

fn shown(call: &Call, place: &Place, (name, alias): (&str, &Alias)) -> Value {
    let mut shown = json!({
        "AliasArn": names::arn(call, &place.name, Some(name)),
        "Name": name,
        "FunctionVersion": alias.version,
        "Description": alias.description,
        "RevisionId": alias.revision,
    });
    if let Some((second, share)) = alias.second {
        let weights = json!({ second.to_string(): share });
        shown["RoutingConfig"] = json!({ "AdditionalVersionWeights": weights });
    }
    shown
}

/// The alias with the routing of the request, if it says one; its versions must be there.
fn with_routing(call: &Call, function: &Function, mut alias: Alias) -> Result<Alias, ApiError> {
    let fields = call.fields();
    if let Some(routing) = fields.object("RoutingConfig")? {
        alias.second = second(&routing)?;
    }
    let second = alias.second.map(|(second, _)| second.to_string());
    for version in [Some(&alias.version), second.as_ref()]
        .into_iter()
        .flatten()
    {
        if function.version(version).is_none() {
            let arn = names::arn(call, &function.name, Some(version));
            return Err(names::not_found(&format!("Function not found: {arn}")));
        }
    }
    if alias.second.is_some() && alias.version == LATEST {
        return Err(names::invalid(
            "$LATEST is not supported for an alias pointing to more than 1 version",
        ));
    }
    if second.as_ref() == Some(&alias.version) {
        return Err(names::invalid(format!(
            "Invalid function version {}. Function version in AdditionalVersionWeights must be different from the alias' own",
            alias.version
        )));
    }
    Ok(alias)
}

fn second(routing: &Fields<'_>) -> Result<Option<(u32, f64)>, ApiError> {
    let Some(weights) = routing.object("AdditionalVersionWeights")? else {
        return Ok(None);
    };
    if weights.map().len() > 1 {
        return Err(names::invalid(
            "Number of items in AdditionalVersionWeights cannot be greater than 1",
        ));
    }
    let Some((version, share)) = weights.map().iter().next() else {
        return Ok(None);
    };
    let share = share.as_f64().filter(|share| (0.0..=1.0).contains(share));
    match (number(version), share) {
        (Some(version), Some(share)) => Ok(Some((version, share))),
        (None, _) => Err(names::invalid(format!(
            "AdditionalVersionWeights: `{}` must be the number of a published version",
            crate::error::echo(version)
        ))),
        (_, None) => Err(names::invalid(
            "AdditionalVersionWeights: a weight must be a number from 0 to 1",
        )),
    }
}
