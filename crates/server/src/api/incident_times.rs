//! `GET /api/v1/incidents/{id}/times`: when what happened, and how long it took: the figures of a report.
//!
//! All durations count in seconds; `detect` from the cause to the opening, the others from the opening.

use engine::views::incident::Incident;
use model::AggregateId;
use ports::store::Frames;
use serde_json::{Value, json};

use super::runs::uuid;
use crate::call::{Answer, Call, Reply};
use crate::error::ApiError;

pub(super) async fn handle(call: Call) -> Answer {
    let id = uuid("id", call.segment(0))?;
    let root = Frames::RootAnd(Vec::new());
    let stored = call.handle().load(AggregateId::incident(id), root).await?;
    let stored = stored.filter(|stored| stored.scope.global() == call.scope.global());
    let incident = stored.and_then(|stored| Incident::restore(stored.frames).ok());
    let Some(incident) = incident else {
        return Err(ApiError::not_found(format!(
            "there is no incident `{id}`: give the UUID at the end of its ARN"
        )));
    };
    Ok(Reply::ok(view(&incident)))
}

fn view(incident: &Incident) -> Value {
    let (moments, times) = (&incident.moments, incident.times());
    let seconds = |duration: Option<jiff::SignedDuration>| duration.map(|d| d.as_secs_f64());
    json!({
        "incidentRecordArn": incident.record.arn,
        "detected": moments.detected,
        "opened": moments.opened,
        "firstPage": moments.first_page,
        "acknowledged": moments.first_ack,
        "contained": moments.contained,
        "resolved": moments.resolved,
        "seconds": {
            "detect": times.detect.as_secs_f64(),
            "acknowledge": seconds(times.acknowledge),
            "contain": seconds(times.contain),
            "resolve": seconds(times.resolve),
        },
    })
}
