//! `CreateStateMachineAlias`, `UpdateStateMachineAlias`, `DescribeStateMachineAlias`, `ListStateMachineAliases`,
//! `DeleteStateMachineAlias`: a name for one version of a machine, or for two that share its executions.

use model::state_machine::{MachineAlias, MachineRoute, StateMachine};
use serde_json::{Value, json};

use super::executions::{next_token, page_size, position};
use super::names::Place;
use super::{machines, names};
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit};
use crate::decode::{Fields, Text, epoch};
use crate::error::{ApiError, echo};
use crate::page::Cursor;

/// Most aliases of one machine (the quota of AWS).
const MAX_ALIASES: usize = 100;
/// Most versions that share the executions of an alias.
const MAX_ROUTES: usize = 2;
/// Routes that a refusal shows, which are more than fit into its text.
const MAX_ROUTES_SHOWN: usize = 64;
const DESCRIPTION: Text = Text::length(0, 256);
const NAME: Text = Text::length(1, 80).matching(r"^(?=.*[a-zA-Z_\-\.])[a-zA-Z0-9_\-\.]+$", is_name);

fn is_name(text: &str) -> bool {
    let taken = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    text.chars().all(taken) && text.chars().any(|c| !c.is_ascii_digit())
}

pub(super) async fn create(call: Call) -> Answer {
    let fields = call.fields();
    let name = fields.required_text("name", NAME)?.to_owned();
    let description = fields.text("description", DESCRIPTION)?.map(str::to_owned);
    let (machine, routes) =
        routes(&call, &fields)?.ok_or_else(|| fields.missing("routingConfiguration"))?;
    let now = call.handle().now();
    let key = machines::key(&call, &machine);
    let created = catalog::edit(call.handle(), &key, |found: Option<StateMachine>| {
        let mut kept = known(&call, found, &routes)?;
        if let Some(alias) = kept.aliases.get(&name) {
            if alias.routes == routes && alias.description == description {
                return Ok((Edit::Keep, alias.created));
            }
            return Err(ApiError::new(
                "ConflictException",
                "Failed to create alias because an alias with the same name and a different routing configuration already exists.",
            ));
        }
        if kept.aliases.len() >= MAX_ALIASES {
            let message = format!("A state machine has at most {MAX_ALIASES} aliases: delete one");
            return Err(ApiError::new("ServiceQuotaExceededException", message));
        }
        let alias = MachineAlias {
            description: description.clone(),
            routes: routes.clone(),
            created: now,
            updated: now,
        };
        kept.aliases.insert(name.clone(), alias);
        Ok((Edit::Put(kept), now))
    })
    .await?;
    Ok(Reply::ok(json!({
        "stateMachineAliasArn": format!("{}:{name}", names::machine_arn(&call, &machine)),
        "creationDate": epoch(created),
    })))
}

pub(super) async fn update(call: Call) -> Answer {
    let fields = call.fields();
    let (place, name) = alias(&call)?;
    let description = fields.text("description", DESCRIPTION)?.map(str::to_owned);
    let routes = routes(&call, &fields)?;
    if description.is_none() && routes.is_none() {
        return Err(ApiError::validation(
            "Either the description or the routing configuration must be specified",
        ));
    }
    if let Some((machine, _)) = routes
        .as_ref()
        .filter(|(machine, _)| *machine != place.name)
    {
        let message = format!(
            "the routing configuration names versions of `{}`: an alias of `{}` leads to versions of its own machine",
            echo(machine),
            echo(&place.name)
        );
        return Err(ApiError::validation(message));
    }
    let routes = routes.map(|(_, routes)| routes);
    let now = call.handle().now();
    let key = machines::key(&call, &place.name);
    catalog::edit(call.handle(), &key, |found: Option<StateMachine>| {
        let mut kept = known(&call, found, routes.as_deref().unwrap_or_default())?;
        let alias = kept.aliases.get_mut(&name).ok_or_else(names::no_resource)?;
        if let Some(routes) = &routes {
            alias.routes.clone_from(routes);
        }
        if let Some(description) = &description {
            alias.description = Some(description.clone());
        }
        alias.updated = now;
        Ok((Edit::Put(kept), ()))
    })
    .await?;
    Ok(Reply::ok(json!({"updateDate": epoch(now)})))
}

pub(super) async fn describe(call: Call) -> Answer {
    let (place, name) = alias(&call)?;
    let kept = catalog::read::<StateMachine>(call.handle(), &machines::key(&call, &place.name))
        .await?
        .ok_or_else(names::no_resource)?;
    let alias = kept
        .body
        .aliases
        .get(&name)
        .ok_or_else(names::no_resource)?;
    let routes: Vec<Value> = alias
        .routes
        .iter()
        .map(|route| {
            json!({
                "stateMachineVersionArn": names::version_arn(&call, &place.name, route.version),
                "weight": route.weight,
            })
        })
        .collect();
    let mut body = json!({
        "stateMachineAliasArn": place.arn(&call),
        "name": name,
        "routingConfiguration": routes,
        "creationDate": epoch(alias.created),
        "updateDate": epoch(alias.updated),
    });
    if let Some(description) = &alias.description {
        body["description"] = description.as_str().into();
    }
    Ok(Reply::ok(body))
}

/// All of a machine, or those that lead to a version.
pub(super) async fn list(call: Call) -> Answer {
    let limit = page_size(&call)?;
    let place = names::place(&call, "stateMachineArn")?;
    let version = place.version();
    if place.alias().is_some() {
        return Err(names::no_machine(&place.arn(&call)));
    }
    let kept = machines::existing(&call, &place.name).await?;
    let cursor = Cursor::new(&call, "ListStateMachineAliases", &place.arn(&call));
    let after = position(&call, &cursor, 1024)?;
    let wanted = |alias: &MachineAlias| {
        version.is_none_or(|version| alias.routes.iter().any(|route| route.version == version))
    };
    let mut rest = kept
        .body
        .aliases
        .iter()
        .filter(|(_, alias)| wanted(alias))
        .skip_while(|(name, _)| after.as_deref().is_some_and(|after| name.as_str() <= after));
    let mut last = None;
    let mut page = Vec::new();
    for (name, alias) in rest.by_ref().take(limit) {
        last = Some(name);
        page.push(json!({
            "stateMachineAliasArn": format!("{}:{name}", names::machine_arn(&call, &place.name)),
            "creationDate": epoch(alias.created),
        }));
    }
    let more = rest.next().is_some();
    let mut body = json!({"stateMachineAliases": page});
    if let (true, Some(last)) = (more, last) {
        next_token(&mut body, &cursor.token(last));
    }
    Ok(Reply::ok(body))
}

pub(super) async fn delete(call: Call) -> Answer {
    let (place, name) = alias(&call)?;
    let key = machines::key(&call, &place.name);
    catalog::edit(call.handle(), &key, |found: Option<StateMachine>| {
        let mut kept = found.ok_or_else(names::no_resource)?;
        kept.aliases.remove(&name).ok_or_else(names::no_resource)?;
        Ok((Edit::Put(kept), ()))
    })
    .await?;
    Ok(Reply::empty())
}

/// The alias that the request is about.
fn alias(call: &Call) -> Result<(Place, String), ApiError> {
    let place = names::place(call, "stateMachineAliasArn")?;
    let Some(name) = place.alias().map(str::to_owned) else {
        let message = "`stateMachineAliasArn` must be the ARN of an alias, which ends in its name";
        return Err(ApiError::validation(message));
    };
    Ok((place, name))
}

/// The machine, if it has all the versions that an alias leads to.
fn known(
    call: &Call,
    found: Option<StateMachine>,
    routes: &[MachineRoute],
) -> Result<StateMachine, ApiError> {
    let kept = found.ok_or_else(names::no_resource)?;
    machines::refuse_deleted(call, &kept)?;
    if routes
        .iter()
        .all(|route| kept.versions.contains(&route.version))
    {
        Ok(kept)
    } else {
        Err(names::no_resource())
    }
}

/// More routes than an alias has: they are shown as AWS shows a list of objects.
fn too_many(items: &[Value]) -> ApiError {
    let shown = items.iter().take(MAX_ROUTES_SHOWN).map(|item| {
        let arn = item["stateMachineVersionArn"].as_str().unwrap_or("null");
        let weight = &item["weight"];
        format!("RoutingConfigurationListItem(stateMachineVersionArn={arn}, weight={weight})")
    });
    let shown = format!("[{}]", shown.collect::<Vec<_>>().join(", "));
    let message = format!("Member must have length less than or equal to {MAX_ROUTES}");
    ApiError::constraint("routingConfiguration", Some(&shown), &message)
}

/// `routingConfiguration`: the machine that its versions are of, and the shares.
fn routes(
    call: &Call,
    fields: &Fields<'_>,
) -> Result<Option<(String, Vec<MachineRoute>)>, ApiError> {
    let given = fields.raw("routingConfiguration").and_then(Value::as_array);
    if let Some(items) = given.filter(|items| items.len() > MAX_ROUTES) {
        return Err(too_many(items));
    }
    let Some(items) = fields.objects("routingConfiguration", 1, MAX_ROUTES)? else {
        return Ok(None);
    };
    let mut arns = Vec::new();
    let mut found: Vec<(Place, i64)> = Vec::new();
    for item in &items {
        let arn = item.required_text("stateMachineVersionArn", names::ARN)?;
        let weight = item
            .integer("weight", 0, 100)?
            .ok_or_else(|| item.missing("weight"))?;
        arns.push(echo(arn).into_owned());
        found.push((names::parse_place(call, arn)?, weight));
    }
    let refused = |what: &str, received: String| {
        let message = format!("{what}. Received: [{received}]");
        Err(ApiError::validation(message))
    };
    let named = arns.join(", ");
    if found.iter().any(|(place, _)| place.version().is_none()) {
        let what = "Routing configuration must contain state machine version ARNs";
        return refused(what, named);
    }
    if let [(one, _), (other, _)] = found.as_slice() {
        if one == other {
            let what = "Routing configuration must contain distinct state machine version ARNs";
            return refused(what, named);
        }
        if one.name != other.name {
            let what = "Routing configuration must contain versions of one state machine";
            return refused(what, named);
        }
    }
    if found.iter().map(|(_, weight)| weight).sum::<i64>() != 100 {
        let weights: Vec<String> = found.iter().map(|(_, weight)| weight.to_string()).collect();
        let what = "Sum of routing configuration weights must equal 100";
        return refused(what, weights.join(", "));
    }
    let machine = found.first().map(|(place, _)| place.name.clone());
    let routes = found
        .iter()
        .filter_map(|(place, weight)| {
            Some(MachineRoute {
                version: place.version()?,
                weight: u8::try_from(*weight).ok()?,
            })
        })
        .collect();
    Ok(machine.map(|machine| (machine, routes)))
}
