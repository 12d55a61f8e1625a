//! What a decision needs besides its input and its state: contacts, a document's text, a stored timeline event.
//!
//! Deciders do not read; the actor looks things up right before it asks them, and journals what they saw.

mod run_document;

use flow::automation::{DocumentSource, Parsed, Start, preview};
use model::arn::Arn;
use model::contact::{CONTACT, CONTACT_CHANNEL};
use model::incident::TimelineEvent;
use model::{AggregateId, AggregateKind, Scope};
use ports::store::Frames;
use ports::{Store, StoreError};
use response::engage::{self, Directory};
use response::incident;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::engine::Shared;
use crate::input::Input;
use crate::machine::State;
use crate::places::Admission;
use crate::{replays, schedules};

pub(crate) use run_document::document;

/// What was found for an input.
#[derive(Debug, Clone)]
pub(crate) enum Lookup {
    /// Nothing was needed.
    Nothing,
    /// The contacts and channels that an engagement can reach.
    Directory(Directory),
    /// The document of a run to be started.
    Document(Box<FoundDocument>),
    /// What a schedule whose timer is due gives to whom.
    Firing(schedules::Firing),
    /// The page of an archive that a replay wants next.
    Page(replays::Page),
}

/// The document of a run to be started, and whether there is a place for the run.
#[derive(Debug, Clone)]
pub(crate) struct FoundDocument {
    pub(crate) source: DocumentSource,
    /// Its parsed form where it is at hand.
    pub(crate) parsed: Parsed,
    /// Its `TargetType`.
    pub(crate) target_type: Option<String>,
    /// Whether the run begins, waits or is refused.
    pub(crate) admission: Admission,
}

/// An input with what its decision needs.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    pub(crate) input: Input,
    pub(crate) lookup: Lookup,
}

/// Rounds of loading contacts: plan, people, channels, and one to see that nothing is missing.
const ROUNDS: usize = 4;
/// Most contacts and channels that one engagement may reach.
const REACH: usize = 2_000;

/// Looks up what the decision of `input` needs; a stored timeline event goes into the input itself.
pub(crate) async fn find(
    shared: &Shared,
    scope: &Scope,
    id: AggregateId,
    (input, state): (&mut Input, Option<&State>),
) -> Result<Lookup, StoreError> {
    let store = shared.ports.store.as_ref();
    if id.kind == AggregateKind::Engagement {
        let root = engaged_contact(input, state);
        return Ok(Lookup::Directory(directory(store, scope, root).await?));
    }
    if let (Input::Timer { .. }, Some(State::Schedule(schedule))) = (&*input, state) {
        let firing = schedules::prepare(shared, scope, schedule).await?;
        return Ok(Lookup::Firing(firing));
    }
    if let (true, Some(State::Replay(replay))) = (wants_page(input), state) {
        let page = replays::prepare(shared, scope, replay).await?;
        return Ok(Lookup::Page(page));
    }
    match input {
        Input::StartRun(request) => {
            let found = document(shared, scope, request).await?;
            Ok(Lookup::Document(Box::new(found)))
        }
        Input::Preview(input) => {
            bring_documents(shared, scope, (input, state)).await?;
            Ok(Lookup::Nothing)
        }
        Input::Incident(input) => {
            bring_stored_event(store, id, input).await?;
            Ok(Lookup::Nothing)
        }
        _ => Ok(Lookup::Nothing),
    }
}

/// Whether a replay reads its next page for `input`.
fn wants_page(input: &Input) -> bool {
    match input {
        Input::Replay(input) => **input == bus::replay::Input::Next,
        Input::Timer { .. } => true,
        _ => false,
    }
}

/// Whether the decision of `input` looks at a stored timeline event: two of these must not share a turn, since the
/// second would not see what the first one wrote.
pub(crate) fn edits_event(input: &Input) -> bool {
    let Input::Incident(input) = input else {
        return false;
    };
    matches!(
        **input,
        incident::Input::UpdateTimelineEvent(_) | incident::Input::DeleteTimelineEvent { .. }
    )
}

/// Whether an input mostly comes first of all to its aggregate.
pub(crate) fn begins(input: &Input) -> bool {
    matches!(input, Input::Execution(input) if matches!(**input, flow::asl::Input::Start(_)))
}

/// Whether the input opens an incident or folds into one: such an input may go to another incident than addressed.
pub(crate) fn is_trigger(input: &Input) -> bool {
    matches!(input, Input::Incident(input) if matches!(**input, incident::Input::Trigger(_)))
}

impl Prepared {
    /// The input as the journal keeps it: with the document that was found, so that the turn can be decided again.
    pub(crate) fn journaled(&self) -> Value {
        let mut body = self.input.to_body();
        let Some(map) = body.as_object_mut() else {
            return body;
        };
        match &self.lookup {
            Lookup::Nothing => {}
            Lookup::Firing(firing) => {
                map.insert("firing".to_owned(), firing.journaled());
            }
            Lookup::Page(page) => {
                map.insert("page".to_owned(), page.journaled());
            }
            Lookup::Document(found) => {
                map.insert("document".to_owned(), json!(found.source));
                map.insert("target_type".to_owned(), json!(found.target_type));
                map.insert(
                    "queued".to_owned(),
                    json!(found.admission == Admission::Queued),
                );
            }
            Lookup::Directory(directory) => {
                map.insert(
                    "contacts".to_owned(),
                    json!(directory.contacts.values().collect::<Vec<_>>()),
                );
                map.insert(
                    "channels".to_owned(),
                    json!(directory.channels.values().collect::<Vec<_>>()),
                );
            }
        }
        body
    }
}

/// Puts the document that a preview is to begin with, or that the child which it wants runs, into its input.
async fn bring_documents(
    shared: &Shared,
    scope: &Scope,
    (input, state): (&mut preview::Input, Option<&State>),
) -> Result<(), StoreError> {
    match input {
        preview::Input::Start(begin) => {
            let named = begin.start.as_mut();
            if let Some(start) = named.filter(|start| start.document.is_unsought()) {
                let found = document(shared, scope, &start.request).await?;
                start.document = found.source;
                start.parsed = found.parsed;
                start.target_type = found.target_type;
            }
        }
        preview::Input::Next { child } => {
            let Some(State::Preview(state)) = state else {
                return Ok(());
            };
            if let Some(request) = state.wanted() {
                let found = document(shared, scope, request).await?;
                *child = Some(Box::new(Start {
                    request: request.clone(),
                    document: found.source,
                    parsed: found.parsed,
                    target_type: found.target_type,
                    queued: false,
                }));
            }
        }
        preview::Input::Settled { .. } | preview::Input::Forget => {}
    }
    Ok(())
}

async fn bring_stored_event(
    store: &dyn Store,
    id: AggregateId,
    input: &mut incident::Input,
) -> Result<(), StoreError> {
    match input {
        incident::Input::UpdateTimelineEvent(patch) => {
            patch.existing = stored_event(store, id, patch.event_id).await?;
        }
        incident::Input::DeleteTimelineEvent { event_id, existing } => {
            *existing = stored_event(store, id, *event_id).await?;
        }
        _ => {}
    }
    Ok(())
}

async fn stored_event(
    store: &dyn Store,
    id: AggregateId,
    event: uuid::Uuid,
) -> Result<Option<TimelineEvent>, StoreError> {
    let key = format!("event/{event}");
    let stored = store.load(id, Frames::RootAnd(vec![key.clone()])).await?;
    let frame =
        stored.and_then(|stored| stored.frames.into_iter().find(|(found, _)| *found == key));
    Ok(frame.and_then(|(key, body)| readable(&key, body)))
}

fn engaged_contact(input: &Input, state: Option<&State>) -> String {
    match (state, input) {
        (Some(State::Engagement(engagement)), _) => engagement.contact_arn.clone(),
        (_, Input::Engagement(input)) => match &**input {
            engage::Input::Start(start) => start.contact_arn.clone(),
            _ => String::new(),
        },
        _ => String::new(),
    }
}

async fn directory(
    store: &dyn Store,
    scope: &Scope,
    root: String,
) -> Result<Directory, StoreError> {
    let mut directory = Directory::default();
    let mut absent = std::collections::BTreeSet::new();
    for _ in 0..ROUNDS {
        let missing = directory.missing(&root);
        let wanted: Vec<String> = missing.difference(&absent).take(REACH).cloned().collect();
        if wanted.is_empty() || directory.contacts.len() + directory.channels.len() > REACH {
            break;
        }
        for arn in wanted {
            if !load_into(store, scope, &arn, &mut directory).await? {
                absent.insert(arn);
            }
        }
    }
    Ok(directory)
}

/// A stored body. One that cannot be read counts as absent, but never silently: somebody may go unpaged for it.
pub(crate) fn readable<T: DeserializeOwned>(name: &str, body: Value) -> Option<T> {
    match serde_json::from_value(body) {
        Ok(read) => Some(read),
        Err(error) => {
            tracing::error!(resource.name = name, error = %error, "a stored resource cannot be read; it counts as absent");
            None
        }
    }
}

/// Loads the contact or channel of an ARN; false when there is none.
async fn load_into(
    store: &dyn Store,
    scope: &Scope,
    arn: &str,
    directory: &mut Directory,
) -> Result<bool, StoreError> {
    let Some(parsed) = Arn::parse(arn) else {
        return Ok(false);
    };
    if parsed.account != scope.account {
        return Ok(false);
    }
    let owner = Scope {
        region: parsed.region.clone(),
        ..scope.clone()
    };
    if let Some(alias) = parsed.tail("contact") {
        let found = store
            .resource(owner, CONTACT.to_owned(), alias.to_owned())
            .await?;
        let Some(contact) = found.and_then(|found| readable(arn, found.body)) else {
            return Ok(false);
        };
        directory.contacts.insert(arn.to_owned(), contact);
        return Ok(true);
    }
    let Some(name) = parsed.tail("contact-channel") else {
        return Ok(false);
    };
    let found = store
        .resource(owner, CONTACT_CHANNEL.to_owned(), name.to_owned())
        .await?;
    let Some(channel) = found.and_then(|found| readable(arn, found.body)) else {
        return Ok(false);
    };
    directory.channels.insert(arn.to_owned(), channel);
    Ok(true)
}
