//! The end of a replication set, and with it of all that Incident Manager keeps for the account.
//!
//! The set is marked first and goes last: a deletion that was interrupted shows as `DELETING` and goes on when it is
//! asked for again.

use engine::views::engage::{self, Engagement};
use engine::views::incident;
use engine::{AskError, Input, ResourceChange};
use jiff::Timestamp;
use model::contact::{CONTACT, CONTACT_CHANNEL};
use model::plan::{RESPONSE_PLAN, ReplicationSet};
use model::resource::Expect;
use model::{AggregateKind, Rejection};
use ports::store::{Query, ResourceQuery, Stored};
use uuid::Uuid;

use super::account::{self, DELETING};
use super::names::{self, SET};
use super::policies::RESOURCE_POLICY;
use super::remembered::CLIENT_TOKEN;
use crate::call::Call;
use crate::catalog::{self, Edit};
use crate::error::ApiError;

/// Rows of one transaction, and of one page that is read.
const BATCH: usize = 200;

/// Deletes the set that `arn` names with all data of the account.
pub(super) async fn delete_set(call: &Call, arn: &str) -> Result<(), ApiError> {
    mark(call, arn).await?;
    // Plans go first: without them nothing opens a new incident meanwhile.
    delete_resources(call, RESPONSE_PLAN).await?;
    delete_incidents(call).await?;
    stop_engagements(call).await?;
    for kind in [RESOURCE_POLICY, CONTACT_CHANNEL, CONTACT, CLIENT_TOKEN] {
        delete_resources(call, kind).await?;
    }
    let key = account::set_key(call);
    catalog::edit(call.handle(), &key, |_: Option<ReplicationSet>| {
        Ok((Edit::Delete, ()))
    })
    .await
}

async fn mark(call: &Call, arn: &str) -> Result<(), ApiError> {
    let now = call.handle().now();
    catalog::edit(call.handle(), &account::set_key(call), |found: Option<ReplicationSet>| {
        let mut set = found.filter(|set| set.arn == arn).ok_or_else(|| names::missing(SET, arn))?;
        if set.deletion_protected {
            return Err(ApiError::validation(
                "The replication set is protected from deletion: turn deletion protection off first (UpdateDeletionProtection).",
            ));
        }
        DELETING.clone_into(&mut set.status);
        for region in set.region_map.values_mut() {
            DELETING.clone_into(&mut region.status);
            region.status_update_date_time = now;
        }
        Ok((Edit::Put(set), ()))
    })
    .await
}

async fn delete_incidents(call: &Call) -> Result<(), ApiError> {
    let mut before = None;
    loop {
        let page = page(call, AggregateKind::Incident, before).await?;
        for stored in &page {
            let input = Input::Incident(Box::new(incident::Input::Delete));
            ignore_missing(call.handle().ask(stored.id, &stored.scope, input).await)?;
        }
        match page.last() {
            Some(last) if page.len() == BATCH => before = Some((last.created, last.id.id)),
            _ => return Ok(()),
        }
    }
}

async fn stop_engagements(call: &Call) -> Result<(), ApiError> {
    let mut before = None;
    loop {
        let page = page(call, AggregateKind::Engagement, before).await?;
        let next = page.last().map(|last| (last.created, last.id.id));
        let full = page.len() == BATCH;
        for stored in page {
            let (id, scope) = (stored.id, stored.scope);
            let open = Engagement::restore(stored.frames)
                .is_ok_and(|engagement| engagement.stopped.is_none());
            if open {
                let reason = Some("the replication set was deleted".to_owned());
                let input = Input::Engagement(Box::new(engage::Input::Stop { reason }));
                ignore_missing(call.handle().ask(id, &scope, input).await)?;
            }
        }
        if !full {
            return Ok(());
        }
        before = next;
    }
}

fn ignore_missing<T>(asked: Result<T, AskError>) -> Result<(), ApiError> {
    match asked {
        Ok(_) | Err(AskError::Rejected(Rejection::NotFound { .. })) => Ok(()),
        Err(error) => Err(ApiError::from_ask(error, names::refused)),
    }
}

async fn page(
    call: &Call,
    kind: AggregateKind,
    before: Option<(Timestamp, Uuid)>,
) -> Result<Vec<Stored>, ApiError> {
    let query = Query {
        kind,
        scope: call.scope.global(),
        index: None,
        before,
        limit: BATCH,
    };
    Ok(call.handle().list(query).await?)
}

/// Deletes a family in all regions of the account.
async fn delete_resources(call: &Call, kind: &'static str) -> Result<(), ApiError> {
    let mut after = None;
    loop {
        let query = ResourceQuery {
            scope: None,
            kind: kind.to_owned(),
            prefix: String::new(),
            after,
            limit: BATCH,
        };
        let page = call.handle().resources(query).await?;
        let full = page.len() == BATCH;
        after = page
            .last()
            .map(|last| (last.scope.clone(), last.name.clone()));
        let own = page.into_iter().filter(|resource| {
            resource.scope.tenant == call.scope.tenant
                && resource.scope.account == call.scope.account
        });
        let changes: Vec<ResourceChange> = own
            .map(|resource| ResourceChange {
                scope: resource.scope,
                kind,
                name: resource.name,
                expect: Expect::Any,
                body: None,
            })
            .collect();
        if !changes.is_empty() {
            call.handle().change(changes).await?;
        }
        if !full {
            return Ok(());
        }
    }
}
