//! `DeleteFunction`: the whole function, or one published version.

use model::function::{Function, LATEST, number};

use super::{code, names};
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit};
use crate::error::ApiError;

pub(super) async fn handle(call: Call) -> Answer {
    let place = names::place(&call)?;
    match place.qualifier.clone() {
        None => {
            catalog::edit(call.handle(), &place.key(&call), |found| match found {
                Some(Function { .. }) => Ok((Edit::Delete, ())),
                None => Err(place.missing(&call)),
            })
            .await?;
        }
        Some(qualifier) => {
            let remove = |function: &mut Function| remove(function, &qualifier);
            names::change(&call, &place, remove).await?;
        }
    }
    code::sweep_after(&call).await;
    Ok(Reply::empty())
}

fn remove(function: &mut Function, qualifier: &str) -> Result<(), ApiError> {
    if qualifier == LATEST {
        return Err(names::invalid(
            "$LATEST version cannot be deleted without deleting the function.",
        ));
    }
    if function.aliases.contains_key(qualifier) {
        return Err(names::invalid(
            "Deletion of aliases is not currently supported: use DeleteAlias.",
        ));
    }
    let Some(version) = number(qualifier) else {
        return Ok(());
    };
    let refers = |alias: &model::function::Alias| {
        alias.version == qualifier || alias.second.is_some_and(|(second, _)| second == version)
    };
    let named: Vec<&str> = function
        .aliases
        .iter()
        .filter_map(|(name, alias)| refers(alias).then_some(name.as_str()))
        .collect();
    if !named.is_empty() {
        return Err(names::conflict(format!(
            "Unable to delete version because the following aliases reference it: [{}]",
            named.join(", ")
        )));
    }
    function.versions.remove(&version);
    function.policies.remove(qualifier);
    function.event_invoke.remove(qualifier);
    Ok(())
}
