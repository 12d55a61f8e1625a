//! `ListFunctions`: of each function `$LATEST`, or all its versions.

use model::function::{Function, LATEST};
use serde_json::{Value, json};

use super::{configuration, names};
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Kept};
use crate::decode::Text;
use crate::page::Cursor;

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let all = fields.one_of("FunctionVersion", &["ALL"])?.is_some();
    let master = fields.text("MasterRegion", Text::length(0, 64))?;
    if master.is_some_and(|region| region != "ALL" && region != call.scope.region) {
        return Ok(Reply::ok(json!({ "Functions": [] })));
    }
    let cursor = Cursor::new(&call, "ListFunctions", if all { "ALL" } else { "" });
    let (size, after) = names::page(&call, &cursor)?;
    // A position is a function's name and how many of its versions were shown.
    let (from, mut shown) = match after.as_deref().and_then(|after| after.split_once('/')) {
        Some((name, shown)) => (Some(name.to_owned()), shown.parse().unwrap_or(0)),
        None => (None, 0_usize),
    };
    let mut page: Vec<Value> = Vec::new();
    let mut functions: Vec<Kept<Function>> = Vec::new();
    if let Some(name) = &from {
        functions.extend(catalog::read(call.handle(), &names::key(&call, name)).await?);
        if functions.is_empty() {
            shown = 0;
        }
    }
    let family = names::key(&call, "");
    functions.extend(catalog::list(call.handle(), &family, from, size + 1).await?);
    for Kept { body, .. } in &functions {
        let versions = versions(body, all);
        for (at, version) in versions.iter().enumerate().skip(shown) {
            if page.len() == size {
                let next = cursor.token(&format!("{}/{at}", body.name));
                return Ok(Reply::ok(json!({ "Functions": page, "NextMarker": next })));
            }
            page.push(configuration::shown(&call, body, version, all)?);
        }
        shown = 0;
    }
    Ok(Reply::ok(json!({ "Functions": page })))
}

/// Names of the versions that are listed, in order.
pub(super) fn versions(function: &Function, all: bool) -> Vec<String> {
    let published = function.versions.keys().map(u32::to_string);
    let mut names = vec![LATEST.to_owned()];
    names.extend(published.filter(|_| all));
    names
}
