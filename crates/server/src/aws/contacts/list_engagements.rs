//! `ListEngagements`, newest first.

use engine::views::view;
use jiff::Timestamp;
use model::IndexEntry;
use serde_json::{Value, json};

use super::{engagements, names};
use crate::call::{Answer, Call, Reply};
use crate::decode::Text;
use crate::error::ApiError;
use crate::page::{Place, parse_place, place_text};

/// Engagements read at once.
const READ: usize = 200;
/// Reads for one request: a time range that finds little then answers a short page with a token.
const READS: usize = 25;

struct Range {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
}

pub(super) async fn handle(call: Call) -> Answer {
    let incident = call
        .fields()
        .text("IncidentId", Text::length(0, 1024))?
        .filter(|id| !id.is_empty());
    let range = range(&call)?;
    let question = format!("{incident:?}\n{:?}\n{:?}", range.from, range.to);
    let page = names::page(&call, "ListEngagements", &question)?;
    let index = incident.map(|id| IndexEntry {
        name: "incident".to_owned(),
        value: id.to_owned(),
    });
    let since = engagements::since(&call).await?;
    let mut before: Option<Place> = page.after.as_deref().and_then(parse_place);
    let mut shown: Vec<Value> = Vec::new();
    let mut next = None;
    'reading: for reads in 1..=READS {
        let rows = engagements::list(&call, index.clone(), before, READ).await?;
        let full = rows.len() == READ;
        for stored in rows {
            let here = (stored.created, stored.id.id);
            let engagement = engagements::restore(stored)?;
            let started = engagement.started;
            let inside = range.from.is_none_or(|from| started >= from)
                && range.to.is_none_or(|to| started <= to);
            if started >= since && inside {
                if shown.len() == page.size {
                    next = before;
                    break 'reading;
                }
                shown.push(view::engagement_summary(&engagement));
            }
            before = Some(here);
        }
        if !full {
            break;
        }
        next = before.filter(|_| reads == READS);
    }
    let mut body = json!({ "Engagements": shown });
    if let Some(place) = next {
        body["NextToken"] = page.token(&place_text(place)).into();
    }
    Ok(Reply::ok(body))
}

fn range(call: &Call) -> Result<Range, ApiError> {
    match call.fields().object("TimeRangeValue")? {
        None => Ok(Range {
            from: None,
            to: None,
        }),
        Some(range) => Ok(Range {
            from: range.timestamp("StartTime")?,
            to: range.timestamp("EndTime")?,
        }),
    }
}
