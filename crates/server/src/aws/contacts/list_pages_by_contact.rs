//! `ListPagesByContact`: those of the newest engagement first.

use engine::views::view;
use model::IndexEntry;
use serde_json::{Value, json};

use super::{engagements, names};
use crate::call::{Answer, Call, Reply};
use crate::error::ApiError;
use crate::page::{parse_place, place_text};

/// Engagements read at once.
const READ: usize = 50;
/// Engagements read for one request: then a short page with a token is answered.
const ENGAGEMENTS: usize = 500;

/// Where the next page begins: behind this engagement, and behind so many pages of the one after it.
#[derive(Clone, Copy, Default)]
struct Place {
    engagement: Option<crate::page::Place>,
    pages: usize,
}

pub(super) async fn handle(call: Call) -> Answer {
    let contact = names::existing_contact(&call, "ContactId").await?;
    let page = names::page(&call, "ListPagesByContact", &contact.contact_arn)?;
    let mut place = page.after.as_deref().and_then(read).unwrap_or_default();
    let mut shown: Vec<Value> = Vec::new();
    let next = gather(
        &call,
        &contact.contact_arn,
        (page.size, &mut place),
        &mut shown,
    )
    .await?;
    let mut body = json!({ "Pages": shown });
    if next {
        body["NextToken"] = page.token(&write(place)).into();
    }
    Ok(Reply::ok(body))
}

/// Collects pages from `place` on; whether there may be more behind the place where it stopped.
async fn gather(
    call: &Call,
    contact: &str,
    (size, place): (usize, &mut Place),
    shown: &mut Vec<Value>,
) -> Result<bool, ApiError> {
    let index = IndexEntry {
        name: "contact".to_owned(),
        value: contact.to_owned(),
    };
    let mut seen = 0;
    loop {
        let rows = engagements::list(call, Some(index.clone()), place.engagement, READ).await?;
        let full = rows.len() == READ;
        for stored in rows {
            let here = (stored.created, stored.id.id);
            let engagement = engagements::load(call, stored.id).await?;
            let pages = engagement
                .map(|engagement| view::pages(&engagement, Some(contact)))
                .unwrap_or_default();
            for value in pages.into_iter().skip(place.pages) {
                if shown.len() == size {
                    return Ok(true);
                }
                shown.push(value);
                place.pages += 1;
            }
            *place = Place {
                engagement: Some(here),
                pages: 0,
            };
            seen += 1;
        }
        if !full || seen >= ENGAGEMENTS {
            return Ok(full);
        }
    }
}

fn write(place: Place) -> String {
    let engagement = place.engagement.map(place_text).unwrap_or_default();
    format!("{}|{engagement}", place.pages)
}

fn read(text: &str) -> Option<Place> {
    let (pages, engagement) = text.split_once('|')?;
    Some(Place {
        engagement: parse_place(engagement),
        pages: pages.parse().ok()?,
    })
}
