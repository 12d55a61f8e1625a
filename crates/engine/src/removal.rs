//! The removal of deleted state machines: one stays, marked as `deleting`, until none of its executions runs.
//!
//! The mark is committed first; whoever removes is told by nothing else, so a removal that a stop cuts short goes on at the
//! next start. An execution whose start was being committed while the machine was marked may be missed: it runs to its
//! end, as one of an Express machine does.

use std::sync::Arc;
use std::time::Duration;

use flow::asl::{self, MACHINE_INDEX, Status};
use jiff::Timestamp;
use model::resource::Expect;
use model::state_machine::{STATE_MACHINE, machine_arn};
use model::{AggregateId, AggregateKind, IndexEntry, Scope};
use ports::store::{Frames, Query, Stored};
use serde_json::Value;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::catalog::{self, ResourceChange};
use crate::engine::Shared;
use crate::error::{AskError, ChangeError};
use crate::input::Input;
use crate::watch::Watch;

/// Executions looked at in one read.
const PAGE: usize = 500;
/// How long a removal rests after something failed, and at most between two looks at an execution.
const REST: Duration = Duration::from_secs(30);

/// Whether a stored machine is deleted and waits for its executions.
pub(crate) fn is_due(body: &Value) -> bool {
    body["deleting"] == true
}

/// Begins the removal of a machine that is marked. The receiver ends when the machine is gone.
pub(crate) fn begin(shared: &Arc<Shared>, scope: Scope, name: String) -> oneshot::Receiver<()> {
    let (gone, told) = oneshot::channel();
    let owned = Arc::clone(shared);
    shared.tasks.spawn_background(async move {
        while let Err(error) = remove(&owned, &scope, &name).await {
            tracing::warn!(machine = %name, error = %error, "removing a state machine failed, it is tried again");
            owned.ports.clock.sleep(REST).await;
        }
        // Nobody may wait any more.
        let _ = gone.send(());
    });
    told
}

async fn remove(shared: &Arc<Shared>, scope: &Scope, name: &str) -> Result<(), AskError> {
    // Looked at in each round: what a try before this one removed may be there again, as another machine.
    while let Some(revision) = marked(shared, scope, name).await? {
        let running = running(shared, scope, &machine_arn(scope, name)).await?;
        if running.is_empty() {
            drop_row(shared, (scope, name), revision).await?;
            continue;
        }
        for id in &running {
            let deleted = Input::Execution(Box::new(asl::Input::MachineDeleted));
            let asked = shared
                .dispatcher
                .ask(*id, scope.clone(), deleted, Vec::new());
            match asked.await {
                // One that has ended meanwhile needs not be told.
                Ok(_) | Err(AskError::Rejected(_)) => {}
                Err(error) => return Err(error),
            }
        }
        for id in running {
            ended(shared, id).await?;
        }
    }
    Ok(())
}

/// The revision of the machine's row, if it is one that is deleted.
async fn marked(shared: &Shared, scope: &Scope, name: &str) -> Result<Option<u64>, AskError> {
    let store = &shared.ports.store;
    let found = store.resource(scope.clone(), STATE_MACHINE.to_owned(), name.to_owned());
    let found = found.await?.filter(|found| is_due(&found.body));
    Ok(found.map(|found| found.revision))
}

/// The machine's executions that run. Those of its map runs are not among them: they end with the one that began the run.
async fn running(shared: &Shared, scope: &Scope, arn: &str) -> Result<Vec<AggregateId>, AskError> {
    let mut found = Vec::new();
    let mut before: Option<(Timestamp, Uuid)> = None;
    loop {
        let query = Query {
            kind: AggregateKind::Execution,
            scope: scope.clone(),
            index: Some(IndexEntry {
                name: MACHINE_INDEX.to_owned(),
                value: arn.to_owned(),
            }),
            before,
            limit: PAGE,
        };
        let page = shared.ports.store.list(query).await?;
        before = page.last().map(|last| (last.created, last.id.id));
        let full = page.len() == PAGE;
        let running = page.iter().filter(|stored| runs(stored));
        found.extend(running.map(|stored| stored.id));
        if !full {
            return Ok(found);
        }
    }
}

fn runs(stored: &Stored) -> bool {
    let root = stored.frames.iter().find(|(key, _)| key.is_empty());
    root.and_then(|(_, body)| Status::of_root(body)) == Some(Status::Running)
}

/// Waits for an execution's end.
async fn ended(shared: &Arc<Shared>, id: AggregateId) -> Result<(), AskError> {
    let mut watch = Watch::new(shared, id);
    loop {
        let root = Frames::RootAnd(Vec::new());
        let stored = shared.ports.store.load(id, root).await?;
        if !stored.is_some_and(|stored| runs(&stored)) {
            return Ok(());
        }
        watch.changed(REST).await;
    }
}

/// Deletes the machine's row, unless somebody changed it meanwhile.
async fn drop_row(
    shared: &Arc<Shared>,
    (scope, name): (&Scope, &str),
    revision: u64,
) -> Result<(), AskError> {
    let change = ResourceChange {
        scope: scope.clone(),
        kind: STATE_MACHINE,
        name: name.to_owned(),
        expect: Expect::Revision(revision),
        body: None,
    };
    match catalog::change(shared, vec![change]).await {
        Ok(_) | Err(ChangeError::Conflict { .. }) => Ok(()),
        Err(error) => Err(AskError::Broken(error.to_string())),
    }
}
