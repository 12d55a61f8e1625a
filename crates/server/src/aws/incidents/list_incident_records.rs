//! `ListIncidentRecords`, newest first.

use engine::views::filters::IncidentFilters;
use engine::views::incident::Incident;
use engine::views::view;
use jiff::Timestamp;
use model::AggregateKind;
use ports::store::{Query, Stored};
use serde_json::{Value, json};
use uuid::Uuid;

use super::names::{self, Page};
use super::parts::without_nulls;
use crate::call::{Answer, Call, Reply};
use crate::error::ApiError;

/// Incidents read at once.
const READ: usize = 200;
/// Reads for one request: a filter that finds little then answers a short page with a token.
const READS: usize = 25;

type Position = (Timestamp, Uuid);

pub(super) async fn handle(call: Call) -> Answer {
    let given = call
        .fields()
        .raw("filters")
        .map(without_nulls)
        .unwrap_or_default();
    let page = Page::usual(&call, "ListIncidentRecords", &given.to_string())?;
    let filters = IncidentFilters::parse(&given).map_err(names::refused)?;
    let mut before: Option<Position> = page.after.as_deref().and_then(position);
    let mut summaries: Vec<Value> = Vec::new();
    let mut next = None;
    'reading: for reads in 1..=READS {
        let query = Query {
            kind: AggregateKind::Incident,
            scope: call.scope.global(),
            index: None,
            before,
            limit: READ,
        };
        let rows = call.handle().list(query).await?;
        let full = rows.len() == READ;
        for stored in rows {
            let here = (stored.created, stored.id.id);
            let incident = restore(stored)?;
            if filters.matches(&incident.record) {
                if summaries.len() == page.size {
                    next = before;
                    break 'reading;
                }
                summaries.push(view::incident_summary(&incident));
            }
            before = Some(here);
        }
        if !full {
            break;
        }
        next = before.filter(|_| reads == READS);
    }
    let mut body = json!({ "incidentRecordSummaries": summaries });
    if let Some((at, id)) = next {
        body["nextToken"] = page.token(&format!("{at}/{id}")).into();
    }
    Ok(Reply::ok(body))
}

fn restore(stored: Stored) -> Result<Incident, ApiError> {
    Incident::restore(stored.frames).map_err(|error| ApiError::internal(error.to_string()))
}

fn position(text: &str) -> Option<Position> {
    let (at, id) = text.split_once('/')?;
    Some((at.parse().ok()?, id.parse().ok()?))
}
