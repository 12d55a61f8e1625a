//! `ListStateMachines`, in order of name.

use model::state_machine::StateMachine;
use serde_json::{Value, json};

use super::executions::{next_token, page_size, position};
use super::machines;
use crate::call::{Answer, Call, Reply};
use crate::catalog;
use crate::page::Cursor;

pub(super) async fn handle(call: Call) -> Answer {
    let limit = page_size(&call)?;
    let cursor = Cursor::new(&call, "ListStateMachines", "");
    let after = position(&call, &cursor, 1024)?;
    let family = machines::key(&call, "");
    let mut found = catalog::list::<StateMachine>(
        call.handle(),
        &family,
        after,
        limit.saturating_add(1).min(1_000),
    )
    .await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let list: Vec<Value> = found
        .iter()
        .map(|kept| machines::listed(&call, kept))
        .collect();
    let mut body = json!({"stateMachines": list});
    if let (true, Some(last)) = (more, found.last()) {
        next_token(&mut body, &cursor.token(&last.name));
    }
    Ok(Reply::ok(body))
}
