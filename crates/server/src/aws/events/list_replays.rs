//! `ListReplays`, newest first; at most one of its filters.

use engine::views::replay::Replay;
use model::AggregateKind;
use ports::store::Query;
use serde_json::{Value, json};

use super::names;
use super::replays::{self, REPLAY_NAME, STATES};
use crate::call::{Answer, Call, Reply};
use crate::page::{Cursor, parse_place, place_text};

/// Replays read at once.
const READ: usize = 100;
/// Reads for one request: a filter that finds little then answers a short page with a token.
const READS: usize = 25;

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let prefix = fields.text("NamePrefix", REPLAY_NAME)?;
    let source = fields.text("EventSourceArn", names::ARN)?;
    let state = fields.one_of("State", STATES)?;
    let limit = fields.page_size("Limit", 100, 100)?;
    names::one_filter("ListReplays", &[prefix, source, state])?;
    let question = json!([prefix, source, state]).to_string();
    let cursor = Cursor::new(&call, "ListReplays", &question);
    let wanted = |replay: &Replay| {
        prefix.is_none_or(|prefix| replay.request.name.starts_with(prefix))
            && source.is_none_or(|source| replay.request.archive_arn == source)
            && state.is_none_or(|state| replay.status.as_str() == state)
    };
    let mut before = match names::position(&call, &cursor)? {
        Some(text) => Some(parse_place(&text).ok_or_else(names::bad_next_token)?),
        None => None,
    };
    let (mut found, mut next) = (Vec::new(), None);
    'reading: for read in 1..=READS {
        let query = Query {
            kind: AggregateKind::Replay,
            scope: call.scope.clone(),
            index: None,
            before,
            limit: READ,
        };
        let rows = call.handle().list(query).await?;
        let full = rows.len() == READ;
        for stored in rows {
            let here = (stored.created, stored.id.id);
            let replay = replays::restored(stored)?;
            if wanted(&replay) {
                if found.len() == limit {
                    next = before;
                    break 'reading;
                }
                found.push(Value::Object(replays::summary(&replay)));
            }
            before = Some(here);
        }
        if !full {
            break;
        }
        next = before.filter(|_| read == READS);
    }
    let mut body = json!({ "Replays": found });
    if let Some(place) = next {
        body["NextToken"] = cursor.token(&place_text(place)).into();
    }
    Ok(Reply::ok(body))
}
