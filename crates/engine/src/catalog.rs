//! Resources: what people configure. Written through the same commit as everything else.

use std::sync::Arc;

use model::Scope;
use model::bus;
use model::function::FUNCTION;
use model::resource::Expect;
use model::state_machine::STATE_MACHINE;
use model::topic::TOPIC;
use ports::store::{NewInput, ResourceWrite, Turn};
use serde_json::Value;
use tokio::sync::oneshot;

use crate::dispatch::Mail;
use crate::engine::Shared;
use crate::error::ChangeError;
use crate::schedules;

/// One change of a resource.
#[derive(Debug, Clone, PartialEq)]
pub struct ResourceChange {
    /// Whose it is.
    pub scope: Scope,
    /// Family.
    pub kind: &'static str,
    /// Name within scope and family.
    pub name: String,
    /// What must be found.
    pub expect: Expect,
    /// The new body, or `None` to delete.
    pub body: Option<Value>,
}

/// Commits changes and lets the parts that hold resources in memory know. Both happen even if the caller goes away in
/// between: a rule that is committed and not applied would be stale until the next start.
pub(crate) async fn change(
    shared: &Arc<Shared>,
    changes: Vec<ResourceChange>,
) -> Result<Vec<u64>, ChangeError> {
    let (answer, answered) = oneshot::channel();
    let owned = Arc::clone(shared);
    shared.tasks.spawn(async move {
        // Nobody may wait any more: what was committed is applied all the same.
        let _ = answer.send(change_whole(&owned, changes).await);
    });
    let lost = |_| ChangeError::Broken("the commit of a change did not end".to_owned());
    answered.await.map_err(lost)?
}

async fn change_whole(
    shared: &Shared,
    changes: Vec<ResourceChange>,
) -> Result<Vec<u64>, ChangeError> {
    let at = shared.ports.clock.now();
    let rules = of_kind(&changes, bus::RULE);
    let archives = of_kind(&changes, bus::ARCHIVE);
    let topics = of_kind(&changes, TOPIC);
    let functions = of_kind(&changes, FUNCTION);
    let machines = of_kind(&changes, STATE_MACHINE);
    let resources = changes
        .into_iter()
        .map(|change| ResourceWrite {
            scope: change.scope,
            kind: change.kind.to_owned(),
            name: change.name,
            expect: change.expect,
            body: change.body,
            at,
        })
        .collect();
    // Held across the commit so that two changes of one resource reach its registry in the order of their commits.
    let _order = shared.rule_changes.lock().await;
    let schedules: Vec<schedules::Change> = rules
        .iter()
        .filter_map(|(scope, name, body)| shared.schedules.change(scope, name, body.as_ref(), at))
        .collect();
    let inbox_new = schedules.iter().map(|change| NewInput {
        aggregate: change.to,
        scope: change.scope().clone(),
        body: change.input.to_body(),
        at,
    });
    let turn = Turn {
        inbox_new: inbox_new.collect(),
        resources,
        ..Turn::default()
    };
    let committed = shared.ports.store.commit(turn).await;
    let committed = shared.metrics.committed(committed)?;
    for (change, seq) in schedules.into_iter().zip(committed.inbox) {
        shared.schedules.committed(&change);
        let scope = change.scope().clone();
        let input = change.input;
        shared
            .dispatcher
            .send(change.to, scope, Mail::Inbox { seq, input });
    }
    for (scope, name, body) in rules {
        shared.rules.apply(&scope, &name, body);
    }
    for (scope, name, body) in archives {
        shared.archives.apply(&scope, &name, body);
    }
    for (scope, name, body) in topics {
        shared.topics.apply(&scope, &name, body);
    }
    for (names, family) in [(&shared.functions, functions), (&shared.machines, machines)] {
        for (scope, name, body) in family {
            names.apply(&scope, &name, body.is_some());
        }
    }
    Ok(committed.resources)
}

/// The changes of one family, as the part of the engine that holds it in memory takes them.
fn of_kind(changes: &[ResourceChange], kind: &str) -> Vec<(Scope, String, Option<Value>)> {
    let of_kind = changes.iter().filter(|change| change.kind == kind);
    of_kind
        .map(|change| {
            (
                change.scope.clone(),
                change.name.clone(),
                change.body.clone(),
            )
        })
        .collect()
}

/// Checks that need no state: the pure crates' judgement, for `server`, which may not ask them itself.
pub mod checks {
    pub use bus::topics::{FilterError, PolicyError, filter, policy};
    use flow::automation::document;
    pub use flow::automation::document::{Diagnostic, Document, Format};
    pub use rules::{
        Event, EventError, Explanation, Pattern, PatternError, Schedule, ScheduleError, explain,
    };

    /// Reads a document and says everything that is wrong with it.
    #[must_use]
    pub fn document(content: &str, format: Format) -> (Option<Document>, Vec<Diagnostic>) {
        document::parse(content, format)
    }
}
