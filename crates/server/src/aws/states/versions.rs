//! `PublishStateMachineVersion`, `ListStateMachineVersions`, `DeleteStateMachineVersion`: a version is a copy of a machine
//! that never changes. What `publish` does when a machine is made or changed is here, too.

use model::resource::Expect;
use model::state_machine::{MachineVersion, STATE_MACHINE_VERSION, StateMachine};
use serde_json::{Value, json};

use super::executions::{next_token, page_size, position};
use super::{machines, names};
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit, Key};
use crate::decode::{Fields, Text, epoch};
use crate::error::{ApiError, echo};
use crate::page::Cursor;

/// Most versions of one machine (the quota of AWS).
const MAX_VERSIONS: usize = 1_000;
const DESCRIPTION: Text = Text::length(0, 256);
/// How a first revision, which has no id, is called.
const INITIAL: &str = "INITIAL";

/// What a request says of publishing.
#[derive(Debug, Clone, Default)]
pub(super) struct Publishing {
    pub(super) asked: bool,
    pub(super) description: Option<String>,
}

/// `publish` and `versionDescription`.
pub(super) fn read(fields: &Fields<'_>) -> Result<Publishing, ApiError> {
    let asked = fields.boolean("publish")?.unwrap_or(false);
    let description = fields
        .text("versionDescription", DESCRIPTION)?
        .map(str::to_owned);
    if description.is_some() && !asked {
        return Err(ApiError::validation(
            "Version description can only be set when publish is true",
        ));
    }
    Ok(Publishing { asked, description })
}

/// The version that holds the machine's current revision: the one there is, or a new one with the write that makes it.
pub(super) fn publish(
    call: &Call,
    machine: &mut StateMachine,
    description: Option<String>,
) -> Result<(u32, Option<engine::ResourceChange>), ApiError> {
    if let Some(number) = machine.published {
        return Ok((number, None));
    }
    if machine.versions.len() >= MAX_VERSIONS {
        let message = format!("A state machine has at most {MAX_VERSIONS} versions: delete one");
        return Err(ApiError::new("ServiceQuotaExceededException", message));
    }
    let number = machine.last_version.saturating_add(1);
    let version = MachineVersion {
        number,
        machine: StateMachine {
            tags: std::collections::BTreeMap::new(),
            versions: std::collections::BTreeSet::new(),
            aliases: std::collections::BTreeMap::new(),
            ..machine.clone()
        },
        description,
    };
    machine.last_version = number;
    machine.published = Some(number);
    machine.versions.insert(number);
    let key = machines::version_key(call, &machine.name, number);
    let body = catalog::to_body(&version)?;
    Ok((number, Some(catalog::change(&key, Expect::Any, Some(body)))))
}

pub(super) async fn create(call: Call) -> Answer {
    let fields = call.fields();
    let name = names::machine(&call, "stateMachineArn")?;
    let revision = fields.text("revisionId", Text::length(0, 128))?;
    let description = fields.text("description", DESCRIPTION)?.map(str::to_owned);
    let arn = names::machine_arn(&call, &name);
    let key = machines::key(&call, &name);
    let number = catalog::edit_with(call.handle(), &key, |found: Option<StateMachine>| {
        let mut machine = found.ok_or_else(|| names::no_machine(&arn))?;
        machines::refuse_deleted(&call, &machine)?;
        let current = machine.revision.map(|revision| revision.to_string());
        let current = current.as_deref().unwrap_or(INITIAL);
        if let Some(wanted) = revision.filter(|wanted| *wanted != current) {
            let message = format!(
                "Failed to publish the State Machine version for revision {}. The current State Machine revision is {current}.",
                echo(wanted)
            );
            return Err(ApiError::new("ConflictException", message));
        }
        let (number, change) = publish(&call, &mut machine, description.clone())?;
        let edit = match &change {
            Some(_) => Edit::Put(machine),
            None => Edit::Keep,
        };
        Ok((edit, change.into_iter().collect(), number))
    })
    .await?;
    let kept = machines::existing_version(&call, (&name, number), &arn).await?;
    Ok(Reply::ok(json!({
        "stateMachineVersionArn": names::version_arn(&call, &name, number),
        "creationDate": epoch(kept.created),
    })))
}

pub(super) async fn list(call: Call) -> Answer {
    let limit = page_size(&call)?;
    let name = names::machine(&call, "stateMachineArn")?;
    let cursor = Cursor::new(&call, "ListStateMachineVersions", &name);
    let after = position(&call, &cursor, 1024)?;
    let family = Key {
        scope: call.scope.clone(),
        kind: STATE_MACHINE_VERSION,
        name: format!("{name}:"),
    };
    let mut found =
        catalog::list::<MachineVersion>(call.handle(), &family, after, (limit + 1).min(1_000))
            .await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let list: Vec<Value> = found
        .iter()
        .map(|kept| {
            json!({
                "stateMachineVersionArn": names::version_arn(&call, &name, kept.body.number),
                "creationDate": epoch(kept.created),
            })
        })
        .collect();
    let mut body = json!({"stateMachineVersions": list});
    if let (true, Some(last)) = (more, found.last()) {
        next_token(&mut body, &cursor.token(&last.name));
    }
    Ok(Reply::ok(body))
}

pub(super) async fn delete(call: Call) -> Answer {
    let place = names::place(&call, "stateMachineVersionArn")?;
    let Some(number) = place.version() else {
        let message =
            "`stateMachineVersionArn` must be the ARN of a version, which ends in its number";
        return Err(ApiError::validation(message));
    };
    let key = machines::key(&call, &place.name);
    catalog::edit_with(call.handle(), &key, |found: Option<StateMachine>| {
        let Some(mut machine) = found.filter(|machine| machine.versions.contains(&number)) else {
            return Ok((Edit::Keep, Vec::new(), ()));
        };
        let aliases: Vec<&str> = machine
            .aliases
            .iter()
            .filter(|(_, alias)| alias.routes.iter().any(|route| route.version == number))
            .map(|(name, _)| name.as_str())
            .collect();
        if !aliases.is_empty() {
            let message = format!(
                "Version to be deleted must not be referenced by an alias. Current list of aliases referencing this version: [{}]",
                aliases.join(", ")
            );
            return Err(ApiError::new("ConflictException", message));
        }
        machine.versions.remove(&number);
        machine.published = machine.published.filter(|published| *published != number);
        let version = machines::version_key(&call, &place.name, number);
        let change = catalog::change(&version, Expect::Any, None);
        Ok((Edit::Put(machine), vec![change], ()))
    })
    .await?;
    Ok(Reply::empty())
}
