//! `ListConnections`, in order of name.

use model::connection::Connection;
use serde_json::{Value, json};

use super::connections::{self, NAME};
use super::names;
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Kept};
use crate::page::Cursor;

const STATES: &[&str] = &[
    "CREATING",
    "UPDATING",
    "DELETING",
    "AUTHORIZED",
    "DEAUTHORIZED",
    "AUTHORIZING",
    "DEAUTHORIZING",
    "ACTIVE",
    "FAILED_CONNECTIVITY",
];

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let prefix = fields.text("NamePrefix", NAME)?.unwrap_or_default();
    let state = fields.one_of("ConnectionState", STATES)?;
    let limit = fields.page_size("Limit", 100, 100)?;
    let question = format!("{prefix}\n{}", state.unwrap_or_default());
    let cursor = Cursor::new(&call, "ListConnections", &question);
    let after = names::position(&call, &cursor)?;
    let family = connections::key(&call, prefix);
    let all: Vec<Kept<Connection>> = catalog::all(call.handle(), &family).await?;
    let rest: Vec<&Kept<Connection>> = all
        .iter()
        .filter(|kept| after.as_ref().is_none_or(|after| kept.name > *after))
        .filter(|kept| state.is_none_or(|state| connections::word(kept.body.state) == state))
        .collect();
    let page: Vec<Value> = rest
        .iter()
        .take(limit)
        .map(|kept| Value::Object(connections::summary(&call, kept)))
        .collect();
    let mut body = json!({ "Connections": page });
    if let (true, Some(last)) = (rest.len() > limit, rest.get(limit - 1)) {
        body["NextToken"] = cursor.token(&last.name).into();
    }
    Ok(Reply::ok(body))
}
