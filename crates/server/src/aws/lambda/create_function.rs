//! `CreateFunction`.

use std::collections::BTreeMap;

use model::function::{Code, Function, LATEST, Version};
use model::ids;

use super::names::{self, MAX_FUNCTIONS};
use super::settings::Settings;
use super::{code, configuration, tagged, versions};
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit};
use crate::decode::Fields;
use crate::error::ApiError;

/// Seconds that an invocation may take, where nothing is said.
const TIMEOUT_SECS: u32 = 3;
/// MiB of memory, and of room for files, where nothing is said.
const MEMORY_MIB: u32 = 128;
const EPHEMERAL_MIB: u32 = 512;

pub(super) async fn handle(call: Call) -> Answer {
    let name = names::new_name(&call)?;
    let settings = Settings::read(&call)?;
    let (runtime, handler) = settings.program()?;
    let role = settings.role(&call)?;
    let tags = tagged::read(&call.fields())?;
    let architecture = architecture(&call.fields())?;
    let key = names::key(&call, &name);
    let there = |name: &str| names::conflict(format!("Function already exist: {name}"));
    // Before the code is unpacked: an answer to this needs none.
    if catalog::read::<Function>(call.handle(), &key)
        .await?
        .is_some()
    {
        return Err(there(&name));
    }
    let family = names::key(&call, "");
    let others = catalog::list::<Function>(call.handle(), &family, None, MAX_FUNCTIONS).await?;
    if others.len() >= MAX_FUNCTIONS {
        return Err(names::limit(format!(
            "an account has at most {MAX_FUNCTIONS} functions in a region: delete one that is not needed"
        )));
    }
    let taken = code::take(&call, &call.fields().required_object("Code")?).await?;
    let entropy = call.handle().entropy();
    let mut function = Function {
        id: ids::random(&entropy, "function"),
        latest: version((&call, taken), (runtime, handler, role), architecture),
        name,
        versions: BTreeMap::new(),
        last_version: 0,
        aliases: BTreeMap::new(),
        reserved: None,
        policies: BTreeMap::new(),
        event_invoke: BTreeMap::new(),
        tags,
    };
    let sealed = settings.sealed(&call, &function.place_name())?;
    settings.put_over(&mut function.latest, sealed);
    let mut shown = LATEST.to_owned();
    if call.fields().boolean("Publish")?.unwrap_or(false) {
        shown = versions::published(&call, &mut function, None)?;
    }
    catalog::edit(call.handle(), &key, |found: Option<Function>| match found {
        Some(_) => Err(there(&function.name)),
        None => Ok((Edit::Put(function.clone()), ())),
    })
    .await?;
    Ok(Reply::ok(configuration::shown(
        &call, &function, &shown, false,
    )?))
}

fn version(
    (call, code): (&Call, Code),
    (runtime, handler, role): (String, String, String),
    architecture: String,
) -> Version {
    Version {
        code,
        runtime,
        handler,
        role,
        description: String::new(),
        timeout_secs: TIMEOUT_SECS,
        memory_mib: MEMORY_MIB,
        ephemeral_mib: EPHEMERAL_MIB,
        architecture,
        variables: None,
        dead_letter: None,
        modified: call.handle().now(),
        revision: names::revision(call),
    }
}

/// The declared architecture; `x86_64` where none is.
pub(super) fn architecture(fields: &Fields<'_>) -> Result<String, ApiError> {
    let any = crate::decode::Text::length(1, 16);
    let given = fields.texts("Architectures", (1, 1), any)?;
    let given = given.and_then(|given| given.first().map(|one| (*one).to_owned()));
    let given = given.unwrap_or_else(|| "x86_64".to_owned());
    if matches!(given.as_str(), "x86_64" | "arm64") {
        return Ok(given);
    }
    let rule = "Member must satisfy enum value set: [x86_64, arm64]";
    Err(ApiError::constraint("architectures", Some(&given), rule))
}
