//! Replays: pages of an archive, made into inputs for the targets of the rules that want them.
//!
//! The replay itself is an aggregate (`bus::replay`). Its page is read and its deliveries are made before it decides;
//! they are committed with its new position.

use std::sync::Arc;

use bus::replay::{self, Position, Replay, SLOT_FAMILY, Start};
use model::bus::{ARCHIVE, Archive, Rule};
use model::{AggregateId, ClaimWish, Scope};
use ports::StoreError;
use ports::store::{ArchiveQuery, ArchivedEvent};
use serde_json::{Value, json};

use crate::accept::parsed;
use crate::deliver::{Arrival, Inputs, rule_arn};
use crate::engine::Shared;
use crate::error::AskError;
use crate::fan_out::{self, Given};
use crate::input::Input;
use crate::lookup::readable;

/// Events of one page, and so of one commit.
const PAGE: usize = 100;
/// Bytes of one page's events.
const PAGE_BYTES: usize = 1024 * 1024;
/// The key of the timer of a pause.
pub(crate) const PAUSE: &str = "pause";
/// How long a pause lasts, in seconds.
pub(crate) const PAUSE_SECS: i64 = 1;

/// Why a replay was not started.
#[derive(Debug, thiserror::Error)]
pub enum StartReplayError {
    /// As many replays run as may run at once.
    #[error(
        "{} replays run already: wait for one to end, or cancel it",
        replay::MAX_CONCURRENT
    )]
    TooMany,
    /// The engine refused it.
    #[error(transparent)]
    Ask(#[from] AskError),
}

/// Starts a replay under the first free slot.
pub(crate) async fn start(
    shared: &Shared,
    scope: &Scope,
    request: Start,
) -> Result<(), StartReplayError> {
    let id = AggregateId::replay_of(scope, &request.name);
    for number in 0..replay::MAX_CONCURRENT {
        let slot = format!("{}/{number}", scope.region);
        let claim = ClaimWish {
            scope: SLOT_FAMILY.to_owned(),
            key: slot.clone(),
            expires: None,
        };
        let request = Start {
            slot,
            ..request.clone()
        };
        let input = Input::Replay(Box::new(replay::Input::Start(Box::new(request))));
        let asked = shared
            .dispatcher
            .ask(id, scope.clone(), input, vec![claim])
            .await;
        match asked {
            // Another replay has this slot.
            Err(AskError::Replayed { .. }) => {}
            Err(error) => return Err(error.into()),
            Ok(_) => return Ok(()),
        }
    }
    Err(StartReplayError::TooMany)
}

/// A page as it was read, with what it gives to whom.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    pub(crate) input: replay::Input,
    pub(crate) sends: Inputs,
    pub(crate) archived: Vec<ArchivedEvent>,
}

impl Page {
    fn only(input: replay::Input) -> Self {
        Self {
            input,
            sends: Vec::new(),
            archived: Vec::new(),
        }
    }

    /// As the journal keeps it: what was sent stands in full in the inbox.
    pub(crate) fn journaled(&self) -> Value {
        let sent: Vec<String> = self.sends.iter().map(|(to, ..)| to.to_string()).collect();
        json!({ "input": self.input, "sent": sent })
    }
}

/// Reads the page that a replay wants next.
pub(crate) async fn prepare(
    shared: &Shared,
    scope: &Scope,
    replay: &Replay,
) -> Result<Page, StoreError> {
    if !replay.wants_events() || shared.dispatcher.waiting() > shared.options.max_waiting / 4 {
        return Ok(Page::only(replay::Input::Busy));
    }
    let request = &replay.request;
    if !has_archive(shared, scope, request).await? {
        let reason = format!("The archive {} was deleted.", request.archive_name);
        return Ok(Page::only(replay::Input::Failed { reason }));
    }
    let query = ArchiveQuery {
        archive: request.archive,
        from: request.from,
        until: request.until,
        after: replay.position.map(|last| (last.at, last.event)),
        limit: PAGE,
        bytes: PAGE_BYTES,
    };
    let rows = shared.ports.store.archived(query).await?;
    let (mut sends, mut archived) = (Vec::new(), Vec::new());
    for row in &rows {
        let given = event(shared, scope, request, &row.text).await?;
        sends.extend(given.inputs);
        archived.extend(given.archived);
    }
    let last = rows.last().map(|row| Position {
        at: row.at,
        event: row.event,
    });
    let input = replay::Input::Page {
        after: replay.position,
        last,
        events: rows.len() as u64,
        // A page that its bytes end has more behind it as well: only one without events is surely the last.
        more: last.is_some(),
    };
    Ok(Page {
        input,
        sends,
        archived,
    })
}

async fn has_archive(shared: &Shared, scope: &Scope, request: &Start) -> Result<bool, StoreError> {
    let store = &shared.ports.store;
    let name = &request.archive_name;
    let found = store.resource(scope.clone(), ARCHIVE.to_owned(), name.clone());
    let body = found.await?.map(|found| found.body);
    let archive = body.and_then(|body| readable::<Archive>(name, body));
    Ok(archive.is_some_and(|archive| archive.id == request.archive))
}

/// What one archived event gives to the targets of the rules that want it.
async fn event(
    shared: &Shared,
    scope: &Scope,
    request: &Start,
    archived: &str,
) -> Result<Given, StoreError> {
    let text = renamed(archived, &request.name);
    let read = rules::EventText::check(&text).map_err(|error| error.to_string());
    let read = read.and_then(|event| Ok((event, parsed(&text)?)));
    let (event, (value, envelope)) = match read {
        Ok(read) => read,
        Err(reason) => {
            tracing::error!(
                replay = request.name,
                reason,
                "an archived event cannot be read; it is left out"
            );
            return Ok(Given::default());
        }
    };
    let matching: Vec<Arc<Rule>> = shared
        .rules
        .matching(scope, &request.bus, event)
        .into_iter()
        .filter(|rule| is_meant(request, &rule_arn(scope, rule)))
        .collect();
    shared.metrics.arrived(scope, &request.bus, &matching);
    let now = shared.ports.clock.now();
    let arrival = Arrival {
        scope,
        event: &envelope,
        value: &value,
        text: &text,
        now,
    };
    let mut given = fan_out::deliveries(shared, &arrival, &matching)
        .await
        .map_err(|error| StoreError(error.to_string()))?;
    shared.metrics.taken(&given.taken, now);
    for event in std::mem::take(&mut given.arrived) {
        event.note(shared);
    }
    Ok(given)
}

fn is_meant(request: &Start, arn: &str) -> bool {
    request.filter_arns.is_empty() || request.filter_arns.iter().any(|wanted| wanted == arn)
}

/// The event with `replay-name`; all else of its text stays as it was sent.
fn renamed(archived: &str, replay: &str) -> String {
    let open = archived.trim_end();
    let open = open.strip_suffix('}').unwrap_or(open);
    format!("{open},\"replay-name\":{}}}", Value::from(replay))
}
