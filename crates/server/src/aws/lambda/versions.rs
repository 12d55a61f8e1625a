//! `PublishVersion` and `ListVersionsByFunction`.

use model::function::{Function, Version};
use serde_json::{Value, json};

use super::list_functions::versions;
use super::names::{self, MAX_VERSIONS};
use super::{configuration, get_function};
use crate::call::{Answer, Call, Reply};
use crate::decode::Text;
use crate::error::ApiError;
use crate::page::Cursor;

pub(super) async fn publish(call: Call) -> Answer {
    let fields = call.fields();
    let place = names::place(&call)?.unqualified()?;
    let wanted = fields.text("CodeSha256", Text::length(0, 256))?;
    let description = fields.text("Description", Text::length(0, 256))?;
    if fields.raw("PublishTo").is_some() {
        return Err(names::invalid(
            "PublishTo is not served by Quell: leave it out",
        ));
    }
    let (function, version) = names::change(&call, &place, |function| {
        names::expect_revision(&call, function.latest.revision)?;
        let have = configuration::code_sha256(&function.latest.code.digest);
        if let Some(wanted) = wanted.filter(|wanted| !wanted.is_empty() && *wanted != have) {
            let wanted = crate::error::echo(wanted);
            return Err(names::invalid(format!(
                "CodeSHA256 ({wanted}) is different from current CodeSHA256 in $LATEST ({have}). Please try again with the CodeSHA256 in $LATEST."
            )));
        }
        published(&call, function, description)
    })
    .await?;
    Ok(Reply::ok(configuration::shown(
        &call, &function, &version, true,
    )?))
}

/// Publishes `$LATEST`; a version that is the same already is not published again. Answers the version's name.
pub(super) fn published(
    call: &Call,
    function: &mut Function,
    description: Option<&str>,
) -> Result<String, ApiError> {
    let last = function.versions.get(&function.last_version);
    if last.is_some_and(|last| is_same(last, &function.latest)) {
        return Ok(function.last_version.to_string());
    }
    if function.versions.len() >= MAX_VERSIONS {
        return Err(names::limit(format!(
            "a function has at most {MAX_VERSIONS} published versions: delete one that is not needed"
        )));
    }
    let mut version = function.latest.clone();
    if let Some(description) = description {
        description.clone_into(&mut version.description);
    }
    version.modified = call.handle().now();
    version.revision = names::revision(call);
    function.last_version += 1;
    function.versions.insert(function.last_version, version);
    Ok(function.last_version.to_string())
}

/// Whether two versions would do the same.
fn is_same(one: &Version, other: &Version) -> bool {
    let mut one = one.clone();
    one.description.clone_from(&other.description);
    one.modified = other.modified;
    one.revision = other.revision;
    one == *other
}

pub(super) async fn list(call: Call) -> Answer {
    let place = names::place(&call)?;
    let function = names::existing(&call, &place).await?.body;
    get_function::version(&call, &function, &place)?;
    let cursor = Cursor::new(&call, "ListVersionsByFunction", &place.name);
    let (size, after) = names::page(&call, &cursor)?;
    let from: usize = after.and_then(|after| after.parse().ok()).unwrap_or(0);
    let all = versions(&function, true);
    let page: Vec<Value> = all
        .iter()
        .skip(from)
        .take(size)
        .map(|version| configuration::shown(&call, &function, version, true))
        .collect::<Result<_, _>>()?;
    let mut answer = json!({ "Versions": page });
    if from + size < all.len() {
        answer["NextMarker"] = cursor.token(&(from + size).to_string()).into();
    }
    Ok(Reply::ok(answer))
}
