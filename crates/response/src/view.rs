//! What the wire shows of incidents and engagements. Members are AWS's; times are seconds since 1970 with milliseconds.

use jiff::Timestamp;
use model::incident::{RelatedItem, TimelineEvent, epoch};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::engage::{Engagement, Page, ReceiptType};
use crate::incident::Incident;

fn wire<T: Serialize>(value: &T) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

fn put(members: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    if let Some(value) = value {
        members.insert(name.to_owned(), value);
    }
}

fn seconds(at: Timestamp) -> Value {
    Value::from(epoch::seconds(at))
}

/// `IncidentRecord`.
#[must_use]
pub fn incident_record(incident: &Incident) -> Value {
    wire(&incident.record)
}

/// `IncidentRecordSummary`.
#[must_use]
pub fn incident_summary(incident: &Incident) -> Value {
    let record = &incident.record;
    let mut summary = json!({
        "arn": record.arn,
        "creationTime": seconds(record.creation_time),
        "impact": record.impact,
        "incidentRecordSource": record.incident_record_source,
        "status": record.status,
        "title": record.title,
    });
    if let Some(resolved) = record.resolved_time {
        summary["resolvedTime"] = seconds(resolved);
    }
    summary
}

/// `TimelineEvent`.
#[must_use]
pub fn timeline_event(event: &TimelineEvent) -> Value {
    let mut view = event_summary(event);
    view["eventData"] = Value::from(event.event_data.as_str());
    view
}

/// `EventSummary`.
#[must_use]
pub fn event_summary(event: &TimelineEvent) -> Value {
    json!({
        "eventId": event.event_id,
        "eventReferences": event.event_references,
        "eventTime": seconds(event.event_time),
        "eventType": event.event_type,
        "eventUpdatedTime": seconds(event.event_updated_time),
        "incidentRecordArn": event.incident_record_arn,
    })
}

/// `RelatedItem`.
#[must_use]
pub fn related_item(item: &RelatedItem) -> Value {
    wire(item)
}

/// `Engagement` of `ListEngagements`.
#[must_use]
pub fn engagement_summary(engagement: &Engagement) -> Value {
    let mut members = Map::new();
    members.insert(
        "EngagementArn".to_owned(),
        Value::from(engagement.arn.as_str()),
    );
    members.insert(
        "ContactArn".to_owned(),
        Value::from(engagement.contact_arn.as_str()),
    );
    members.insert("Sender".to_owned(), Value::from(engagement.sender.as_str()));
    put(
        &mut members,
        "IncidentId",
        engagement.incident_id.as_deref().map(Value::from),
    );
    members.insert("StartTime".to_owned(), seconds(engagement.started));
    put(
        &mut members,
        "StopTime",
        engagement
            .stopped
            .as_ref()
            .map(|stopped| seconds(stopped.at)),
    );
    Value::Object(members)
}

/// Subject, content and their public forms.
fn put_words(members: &mut Map<String, Value>, engagement: &Engagement) {
    members.insert(
        "Subject".to_owned(),
        Value::from(engagement.subject.as_str()),
    );
    members.insert(
        "Content".to_owned(),
        Value::from(engagement.content.as_str()),
    );
    put(
        members,
        "PublicSubject",
        engagement.public_subject.as_deref().map(Value::from),
    );
    put(
        members,
        "PublicContent",
        engagement.public_content.as_deref().map(Value::from),
    );
}

/// `DescribeEngagement`.
#[must_use]
pub fn describe_engagement(engagement: &Engagement) -> Value {
    let mut view = engagement_summary(engagement);
    if let Some(members) = view.as_object_mut() {
        put_words(members, engagement);
    }
    view
}

/// `Page` of the page lists.
#[must_use]
pub fn page_summary(engagement: &Engagement, page: &Page) -> Value {
    let mut members = Map::new();
    members.insert("PageArn".to_owned(), Value::from(page.arn.as_str()));
    members.insert(
        "EngagementArn".to_owned(),
        Value::from(engagement.arn.as_str()),
    );
    members.insert(
        "ContactArn".to_owned(),
        Value::from(engagement.contact_of(page)),
    );
    members.insert("Sender".to_owned(), Value::from(engagement.sender.as_str()));
    put(
        &mut members,
        "IncidentId",
        engagement.incident_id.as_deref().map(Value::from),
    );
    put(&mut members, "SentTime", page.sent.map(seconds));
    put(&mut members, "DeliveryTime", page.delivered.map(seconds));
    put(&mut members, "ReadTime", page.read.map(seconds));
    Value::Object(members)
}

/// `DescribePage`.
#[must_use]
pub fn describe_page(engagement: &Engagement, page: &Page) -> Value {
    let mut view = page_summary(engagement, page);
    if let Some(members) = view.as_object_mut() {
        put_words(members, engagement);
    }
    view
}

/// `Pages` of an engagement, in the order in which they were started; `contact` keeps only those to one contact.
#[must_use]
pub fn pages(engagement: &Engagement, contact: Option<&str>) -> Vec<Value> {
    let wanted =
        |page: &&Page| contact.is_none_or(|contact| engagement.contact_of(page) == contact);
    let mut pages: Vec<&Page> = engagement.pages.values().filter(wanted).collect();
    pages.sort_by_key(|page| (page.started, page.person, page.stage, page.id));
    pages
        .into_iter()
        .map(|page| page_summary(engagement, page))
        .collect()
}

/// `Receipts` of a page, by type and then time.
#[must_use]
pub fn receipts(page: &Page) -> Vec<Value> {
    let mut receipts: Vec<_> = page.receipts.iter().collect();
    receipts.sort_by_key(|receipt| (receipt.kind, receipt.at));
    receipts
        .into_iter()
        .map(|receipt| {
            let mut members = Map::new();
            members.insert(
                "ContactChannelArn".to_owned(),
                Value::from(receipt.channel_arn.as_str()),
            );
            members.insert(
                "ReceiptType".to_owned(),
                Value::from(ReceiptType::as_str(receipt.kind)),
            );
            put(
                &mut members,
                "ReceiptInfo",
                receipt.info.as_deref().map(Value::from),
            );
            members.insert("ReceiptTime".to_owned(), seconds(receipt.at));
            Value::Object(members)
        })
        .collect()
}

/// `PageResolutions` of a page: from the contact engaged down to the person.
#[must_use]
pub fn page_resolutions(engagement: &Engagement, page: &Page) -> Vec<Value> {
    let path = engagement
        .people
        .get(page.person)
        .map(|person| person.path.as_slice())
        .unwrap_or_default();
    let mut hops: Vec<Value> = path
        .iter()
        .map(|hop| json!({ "ContactArn": hop.contact_arn, "Type": hop.kind, "StageIndex": hop.stage }))
        .collect();
    hops.push(json!({ "ContactArn": engagement.contact_of(page), "Type": "PERSONAL", "StageIndex": page.stage }));
    hops
}
