//! One message into the engine, whatever brought it: decoded, checked against what its sender may send, taken in by one
//! commit; what cannot be taken is parked whole.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine::views::parked::{Body, Input as ParkInput, Park};
use engine::{
    Arriving, AskError, DedupeKey, Handle, Input, Message, PutEntry, TakeInError, Taken, TakenIn,
};
use jiff::Timestamp;
use model::{AggregateId, ids};
use sha2::{Digest, Sha256};

use super::credentials::Credential;
use super::sources::{Shared, Source};
use crate::decode::{self, DecodeError, Limits, Signal};

/// Longest header or attribute that is kept with a parked message, in bytes.
const ATTRIBUTE_BYTES: usize = 8_192;

/// A message as a transport has it.
#[derive(Clone, Copy)]
pub(super) struct Incoming<'a> {
    /// The transport's id of it: the same when it comes again.
    pub(super) id: Option<&'a str>,
    /// Headers or attributes.
    pub(super) headers: &'a [(String, String)],
    /// The body.
    pub(super) body: &'a [u8],
    /// When it was sent.
    pub(super) sent: Option<Timestamp>,
    /// What its sender showed, where that narrows what it may send.
    pub(super) credential: Option<&'a Credential>,
    /// A secret in the body, which is not kept.
    pub(super) secret: Option<&'a str>,
}

/// A message that was taken.
pub(super) struct Took {
    /// What it held.
    pub(super) signals: Vec<Signal>,
    /// Ids of the events that are new.
    pub(super) new: Vec<uuid::Uuid>,
    /// How many were seen before.
    pub(super) seen: usize,
}

/// Why a message was not taken.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It is no message of the format, or breaks a limit.
    Undecodable(DecodeError),
    /// The engine will never take it.
    Poison(String),
    /// Its sender may not send this.
    Forbidden(String),
    /// Not now.
    Later(AskError),
    /// It could not be taken, and so many messages are parked that it cannot be kept either.
    NoRoom(String),
}

impl Trouble {
    /// In words.
    pub(super) fn reason(&self) -> String {
        match self {
            Self::Undecodable(error) => error.to_string(),
            Self::Poison(reason) | Self::Forbidden(reason) | Self::NoRoom(reason) => reason.clone(),
            Self::Later(error) => error.to_string(),
        }
    }
}

impl From<TakeInError> for Trouble {
    fn from(error: TakeInError) -> Self {
        match error {
            TakeInError::Ask(error) => Self::Later(error),
            poison => Self::Poison(poison.to_string()),
        }
    }
}

/// Takes a message in; `notes` go into the same commit.
pub(super) async fn take(
    engine: &Handle,
    source: &Source,
    incoming: &Incoming<'_>,
) -> Result<Took, Trouble> {
    let signals = read(source, incoming)?;
    let keys = incoming.id.map(|id| message_key(source, id));
    let message = Message {
        keys: keys.into_iter().collect(),
        events: signals
            .iter()
            .map(|signal| arriving(source, signal))
            .collect(),
        notes: Vec::new(),
    };
    let taken = engine.take_in(&source.scope, message).await?;
    Ok(took(signals, taken))
}

pub(super) fn took(signals: Vec<Signal>, taken: TakenIn) -> Took {
    let outcomes = match taken {
        TakenIn::Seen => Vec::new(),
        TakenIn::Taken(outcomes) => outcomes,
    };
    let new: Vec<_> = outcomes
        .iter()
        .filter_map(|outcome| match outcome {
            Taken::New { event_id } => Some(*event_id),
            Taken::Seen => None,
        })
        .collect();
    Took {
        seen: signals.len().saturating_sub(new.len()),
        signals,
        new,
    }
}

/// Decodes a message, and checks that its sender may send what it holds.
pub(super) fn read(source: &Source, incoming: &Incoming<'_>) -> Result<Vec<Signal>, Trouble> {
    let message = decode::Message {
        origin: &source.settings.name,
        id: incoming.id,
        headers: incoming.headers,
        body: incoming.body,
    };
    let limits = Limits {
        body: source.settings.body_limit(),
        ..Limits::default()
    };
    let signals =
        decode::decode(&source.format, &message, &limits).map_err(Trouble::Undecodable)?;
    for signal in &signals {
        permit(source, incoming.credential, signal).map_err(Trouble::Forbidden)?;
    }
    Ok(signals)
}

fn permit(source: &Source, credential: Option<&Credential>, signal: &Signal) -> Result<(), String> {
    let settings = &source.settings;
    if signal.speaks_for_aws() && !settings.takes_aws() {
        return Err(format!(
            "the event's source `{}` is one of AWS's own: a source takes these with `ingest = true`",
            model::text::one_line(&signal.source, 80)
        ));
    }
    // What tells no account or region becomes an event of the bus's own.
    let account = signal.account.as_ref().unwrap_or(&source.scope.account);
    let region = signal.region.as_ref().unwrap_or(&source.scope.region);
    let mut lists = vec![(&settings.accounts, &settings.regions)];
    lists.extend(credential.map(|credential| (&credential.accounts, &credential.regions)));
    for (accounts, regions) in lists {
        if !accounts.is_empty() && !accounts.contains(account) {
            let shown = model::text::one_line(account, 40);
            return Err(format!(
                "the event's account `{shown}` is not among `accounts`"
            ));
        }
        if !regions.is_empty() && !regions.contains(region) {
            let shown = model::text::one_line(region, 40);
            return Err(format!(
                "the event's region `{shown}` is not among `regions`"
            ));
        }
    }
    Ok(())
}

fn message_key(source: &Source, id: &str) -> DedupeKey {
    DedupeKey::new(&format!("message/{}", source.settings.name), id)
}

/// A signal as the engine takes it. An event is recognised whatever way it comes to a bus.
pub(super) fn arriving(source: &Source, signal: &Signal) -> Arriving {
    let family = format!("event/{}/{}", source.scope.region, source.bus);
    Arriving {
        entry: PutEntry {
            bus: source.bus.clone(),
            source: signal.source.clone(),
            detail_type: signal.detail_type.clone(),
            detail: signal.detail.clone(),
            resources: signal.resources.clone(),
            time: signal.time,
            id: Some(signal.id),
            account: signal.account.clone(),
            region: signal.region.clone(),
        },
        key: Some(DedupeKey::new(&family, &signal.id.to_string())),
    }
}

/// Keeps a message for an operator; from then on it counts as seen.
pub(super) async fn park(
    shared: &Shared,
    source: &Source,
    incoming: &Incoming<'_>,
    (reason, tries): (&str, u32),
) -> Result<(), Trouble> {
    let engine = &shared.handle;
    let room = shared.room.take(engine, &source.scope).await;
    if let Some(full) = room.map_err(Trouble::Later)? {
        return Err(Trouble::NoRoom(format!("{full}; this one: {reason}")));
    }
    let digest = hex::encode(Sha256::digest(incoming.body));
    let message_id = incoming.id.unwrap_or(&digest).to_owned();
    let name = &source.settings.name;
    let to = AggregateId::parked(ids::named(&["parked", name, &message_id]));
    let park = Park {
        source: name.clone(),
        message_id,
        reason: reason.to_owned(),
        tries,
        sent: incoming.sent.unwrap_or_else(|| engine.now()),
        size: incoming.body.len() as u64,
        digest,
        attributes: attributes(incoming.headers),
        body: body(incoming),
    };
    let input = Input::Parked(Box::new(ParkInput::Park(Box::new(park))));
    let keys = incoming.id.map(|id| message_key(source, id));
    let message = Message {
        keys: keys.into_iter().collect(),
        events: Vec::new(),
        notes: vec![(to, input)],
    };
    engine.take_in(&source.scope, message).await?;
    Ok(())
}

/// What decoding looks at besides the body. Headers by which senders prove who they are are not kept.
fn attributes(headers: &[(String, String)]) -> BTreeMap<String, String> {
    let known = |name: &str| name == "content-type" || name.starts_with("ce-");
    headers
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value))
        .filter(|(name, value)| known(name) && value.len() <= ATTRIBUTE_BYTES)
        .map(|(name, value)| (name, value.clone()))
        .collect()
}

fn body(incoming: &Incoming<'_>) -> Body {
    match (std::str::from_utf8(incoming.body), incoming.secret) {
        (Ok(text), Some(secret)) if !secret.is_empty() => Body {
            text: text.replace(secret, "***"),
            base64: false,
        },
        (Ok(text), _) => Body {
            text: text.to_owned(),
            base64: false,
        },
        (Err(_), _) => Body {
            text: STANDARD.encode(incoming.body),
            base64: true,
        },
    }
}
