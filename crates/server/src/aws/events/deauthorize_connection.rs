//! `DeauthorizeConnection`: takes the secrets away. Nothing is delivered through it until it is given new ones.

use model::connection::{Connection, ConnectionState};

use super::connections::{self, NAME};
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit};

pub(super) async fn handle(call: Call) -> Answer {
    let name = call.fields().required_text("Name", NAME)?;
    let key = connections::key(&call, name);
    catalog::edit(call.handle(), &key, |found: Option<Connection>| {
        let found = found.ok_or_else(|| connections::absent(name, "deauthorize"))?;
        let changed = Connection {
            state: ConnectionState::Deauthorized,
            state_reason: Some("DeauthorizeConnection was called.".to_owned()),
            sealed: None,
            ..found
        };
        Ok((Edit::Put(changed), ()))
    })
    .await?;
    let kept = connections::existing(&call, name, "deauthorize").await?;
    let answer = connections::answer(&call, &kept, Some("DEAUTHORIZING"));
    Ok(Reply::ok(answer))
}
