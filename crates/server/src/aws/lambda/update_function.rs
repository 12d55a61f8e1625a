//! `UpdateFunctionCode` and `UpdateFunctionConfiguration`.

use model::function::LATEST;

use super::names;
use super::settings::Settings;
use super::{code, configuration, create_function, versions};
use crate::call::{Answer, Call, Reply};

pub(super) async fn code(call: Call) -> Answer {
    let fields = call.fields();
    let place = names::place(&call)?.unqualified()?;
    let found = names::existing(&call, &place).await?;
    names::expect_revision(&call, found.body.latest.revision)?;
    let architecture = fields
        .raw("Architectures")
        .map(|_| create_function::architecture(&fields))
        .transpose()?;
    let dry_run = fields.boolean("DryRun")?.unwrap_or(false);
    let publish = fields.boolean("Publish")?.unwrap_or(false);
    let taken = code::take(&call, &fields).await?;
    if dry_run {
        let mut function = found.body;
        function.latest.code = taken;
        let shown = configuration::shown(&call, &function, LATEST, false)?;
        code::sweep_after(&call).await;
        return Ok(Reply::ok(shown));
    }
    let revision = names::revision(&call);
    let now = call.handle().now();
    let (function, shown) = names::change(&call, &place, |function| {
        names::expect_revision(&call, function.latest.revision)?;
        function.latest.code = taken.clone();
        if let Some(architecture) = &architecture {
            function.latest.architecture.clone_from(architecture);
        }
        function.latest.modified = now;
        function.latest.revision = revision;
        if publish {
            return versions::published(&call, function, None);
        }
        Ok(LATEST.to_owned())
    })
    .await?;
    code::sweep_after(&call).await;
    Ok(Reply::ok(configuration::shown(
        &call, &function, &shown, false,
    )?))
}

pub(super) async fn configuration(call: Call) -> Answer {
    let place = names::place(&call)?.unqualified()?;
    let settings = Settings::read(&call)?;
    let revision = names::revision(&call);
    let now = call.handle().now();
    let (function, ()) = names::change(&call, &place, |function| {
        names::expect_revision(&call, function.latest.revision)?;
        let sealed = settings.sealed(&call, &function.place_name())?;
        settings.put_over(&mut function.latest, sealed);
        function.latest.modified = now;
        function.latest.revision = revision;
        Ok(())
    })
    .await?;
    Ok(Reply::ok(configuration::shown(
        &call, &function, LATEST, false,
    )?))
}
