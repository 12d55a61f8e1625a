//! `ListIncidentRecords`, newest first.

use engine::views::filters::IncidentFilters;
use engine::views::incident::Incident;
use engine::views::view;
use model::AggregateKind;
use ports::store::{Query, Stored};
use serde_json::{Value, json};

use super::names;
use super::parts::without_nulls;
use crate::call::{Answer, Call, Reply};
use crate::error::ApiError;
use crate::page::{Place, parse_place, place_text};

/// Incidents read at once.
const READ: usize = 200;
/// Reads for one request: a filter that finds little then answers a short page with a token.
const READS: usize = 25;

pub(super) async fn handle(call: Call) -> Answer {
    let given = call
        .fields()
        .raw("filters")
        .map(without_nulls)
        .unwrap_or_default();
    let page = names::usual_page(&call, "ListIncidentRecords", &given.to_string())?;
    let filters = IncidentFilters::parse(&given).map_err(names::refused)?;
    let mut before: Option<Place> = page.after.as_deref().and_then(parse_place);
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
    if let Some(place) = next {
        body["nextToken"] = page.token(&place_text(place)).into();
    }
    Ok(Reply::ok(body))
}

fn restore(stored: Stored) -> Result<Incident, ApiError> {
    Incident::restore(stored.frames).map_err(|error| ApiError::internal(error.to_string()))
}
