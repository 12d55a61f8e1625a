//! Archives in memory: which of them want an event of a bus; and the pruning of what they no longer keep.
//!
//! The store's archive resources are the truth. An event is kept in the commit that accepts it.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use jiff::{SignedDuration, Timestamp};
use model::Scope;
use model::bus::{ARCHIVE, ARCHIVE_GONE, Archive};
use model::resource::{Expect, Resource};
use ports::CommitError;
use ports::StoreError;
use ports::store::{ArchivedEvent, ResourceQuery, ResourceWrite, Turn};
use rules::{EventText, Matcher, Pattern, Scratch};
use serde_json::Value;
use uuid::Uuid;

use crate::engine::Shared;

/// A bus: its owner (with region) and name.
type BusKey = (Scope, String);

/// Events of an archive deleted by one transaction, so that none is long.
const PRUNE_BATCH: usize = 500;
/// A deleted archive keeps its events for this long: what was accepted while it was deleted is committed by then.
const GRACE: SignedDuration = SignedDuration::from_secs(60);

#[derive(Default)]
struct BusArchives {
    matcher: Matcher<Uuid>,
    /// The archives' own ids by name.
    ids: HashMap<String, Uuid>,
}

/// Every bus with its archives.
#[derive(Default)]
pub(crate) struct Archives {
    buses: RwLock<HashMap<BusKey, BusArchives>>,
}

impl Archives {
    /// Takes in an archive resource as committed; `None` removes it.
    pub(crate) fn apply(&self, scope: &Scope, name: &str, body: Option<Value>) {
        let mut buses = self.buses.write().unwrap_or_else(PoisonError::into_inner);
        for ((owner, _), archives) in buses.iter_mut() {
            if owner == scope
                && let Some(id) = archives.ids.remove(name)
            {
                archives.matcher.remove(&id);
            }
        }
        buses.retain(|_, archives| !archives.ids.is_empty());
        let Some(body) = body else { return };
        let read = serde_json::from_value::<Archive>(body).map_err(|error| error.to_string());
        let read = read.and_then(|archive| {
            let pattern = unreplayed(archive.event_pattern.as_deref());
            let pattern = Pattern::parse(&pattern).map_err(|error| error.to_string())?;
            Ok((archive, pattern))
        });
        match read {
            Ok((archive, pattern)) => {
                let of_bus = buses.entry((scope.clone(), archive.bus)).or_default();
                of_bus.matcher.insert(archive.id, pattern);
                of_bus.ids.insert(name.to_owned(), archive.id);
            }
            Err(error) => {
                tracing::error!(
                    archive = name,
                    error,
                    "a stored archive cannot be read; it keeps nothing"
                )
            }
        }
    }

    /// The rows to keep of an event on a bus, which has this id, time and text.
    pub(crate) fn keep(
        &self,
        (scope, bus): (&Scope, &str),
        event: EventText<'_>,
        (id, at, text): (Uuid, Timestamp, &str),
    ) -> Vec<ArchivedEvent> {
        let row = |archive| ArchivedEvent {
            scope: scope.clone(),
            archive,
            // As the envelope tells it: in whole seconds.
            at: Timestamp::from_second(at.as_second()).unwrap_or(at),
            event: id,
            text: text.to_owned(),
        };
        let wanted = self.wanting(scope, bus, event);
        wanted.into_iter().map(row).collect()
    }

    fn wanting(&self, scope: &Scope, bus: &str, event: EventText<'_>) -> Vec<Uuid> {
        let buses = self.buses.read().unwrap_or_else(PoisonError::into_inner);
        if buses.is_empty() {
            return Vec::new();
        }
        let Some(archives) = buses.get(&(scope.clone(), bus.to_owned())) else {
            return Vec::new();
        };
        let mut wanting = Vec::new();
        archives
            .matcher
            .each_match(event, &mut Scratch::new(), |id| wanting.push(*id));
        wanting.sort_unstable();
        wanting
    }
}

/// An archive's pattern with what keeps replayed events out of it, as EventBridge's managed rule has it.
fn unreplayed(pattern: Option<&str>) -> String {
    const UNREPLAYED: &str = "\"replay-name\":[{\"exists\":false}]";
    // A pattern is an object that is not empty: what stands behind its brace goes on behind a comma.
    match pattern.and_then(|text| text.split_once('{')) {
        Some((_, rest)) => format!("{{{UNREPLAYED},{rest}"),
        None => format!("{{{UNREPLAYED}}}"),
    }
}

/// Loads every archive.
pub(crate) async fn load(shared: &Shared) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let page = page(shared, ARCHIVE, after).await?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = Some((last.scope.clone(), last.name.clone()));
        for archive in page {
            shared
                .archives
                .apply(&archive.scope, &archive.name, Some(archive.body));
        }
    }
}

async fn page(
    shared: &Shared,
    kind: &str,
    after: Option<(Scope, String)>,
) -> Result<Vec<Resource>, StoreError> {
    let query = ResourceQuery {
        scope: None,
        kind: kind.to_owned(),
        prefix: String::new(),
        after,
        limit: 1_000,
    };
    shared.ports.store.resources(query).await
}

/// Deletes the events that archives no longer keep, and those of deleted archives.
pub(crate) async fn prune(shared: &Shared) -> Result<(), CommitError> {
    let broken = |error: StoreError| CommitError::Broken(error.0);
    let now = shared.ports.clock.now();
    let mut after = None;
    loop {
        let page = page(shared, ARCHIVE, after).await.map_err(broken)?;
        let Some(last) = page.last() else { break };
        after = Some((last.scope.clone(), last.name.clone()));
        for found in page {
            let Ok(archive) = serde_json::from_value::<Archive>(found.body) else {
                continue;
            };
            let days = i64::from(archive.retention_days);
            let kept = SignedDuration::from_hours(days * 24);
            if let (true, Ok(before)) = (days > 0, now.checked_sub(kept)) {
                prune_one(shared, archive.id, Some(before)).await?;
            }
        }
    }
    let gone = page(shared, ARCHIVE_GONE, None).await.map_err(broken)?;
    for found in gone {
        if now.duration_since(found.created) >= GRACE {
            forget(shared, found, now).await?;
        }
    }
    Ok(())
}

async fn prune_one(
    shared: &Shared,
    archive: Uuid,
    before: Option<Timestamp>,
) -> Result<(), CommitError> {
    let store = &shared.ports.store;
    while store.prune_archive(archive, before, PRUNE_BATCH).await? > 0 {
        tokio::task::yield_now().await;
    }
    Ok(())
}

/// Deletes all events of a deleted archive, then the note that they are to go.
async fn forget(shared: &Shared, gone: Resource, at: Timestamp) -> Result<(), CommitError> {
    if let Ok(archive) = gone.name.parse() {
        prune_one(shared, archive, None).await?;
    }
    let write = ResourceWrite {
        scope: gone.scope,
        kind: gone.kind,
        name: gone.name,
        expect: Expect::Any,
        body: None,
        at,
    };
    let turn = Turn {
        resources: vec![write],
        ..Turn::default()
    };
    shared.ports.store.commit(turn).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archives_pattern_wants_no_replayed_events() {
        for (pattern, text, want) in [
            (None, "{\"id\":\"1\"}", true),
            (None, "{\"id\":\"1\",\"replay-name\":\"r\"}", false),
            (Some("{\"a\":[1]}"), "{\"a\":1}", true),
            (
                Some("{\"a\":[1]}"),
                "{\"a\":1,\"replay-name\":\"r\"}",
                false,
            ),
            (Some(" \n{\"a\":[1]} "), "{\"a\":2}", false),
            (
                Some("{\"$or\":[{\"a\":[1]},{\"b\":[2]}]}"),
                "{\"b\":2}",
                true,
            ),
            (
                Some("{\"$or\":[{\"a\":[1]},{\"b\":[2]}]}"),
                "{\"b\":2,\"replay-name\":\"\"}",
                false,
            ),
        ] {
            let read = Pattern::parse(&unreplayed(pattern)).expect("a pattern");
            let event = rules::Event::parse(text).expect("an event");
            assert_eq!(read.matches(&event), want, "{pattern:?} {text}");
        }
    }
}
