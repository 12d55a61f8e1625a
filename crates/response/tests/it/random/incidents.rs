//! Incidents under inputs in any order.

use jiff::Timestamp;
use model::ids;
use model::incident::{
    IncidentStatus, ItemIdentifier, ItemType, ItemValue, RelatedItem, RelatedItemsUpdate,
};
use model::report::RunReport;
use response::engage::{EngagementNotice, PageNotice};
use response::incident::{Input, NewTimelineEvent, RecordPatch, Update};
use serde_json::{Value, json};

use super::super::world::{CALLER, Desk, manual, minutes, response_plan};
use super::Dice;

fn random_update(dice: &mut Dice) -> RecordPatch {
    RecordPatch {
        title: dice.chance(30).then(|| "n".repeat(dice.below(250))),
        summary: dice.chance(30).then(|| "s\n".repeat(dice.below(5000))),
        impact: dice.chance(30).then(|| dice.below(8) as i64 - 1),
        status: match dice.below(4) {
            0 => Some(IncidentStatus::Open),
            1 => Some(IncidentStatus::Resolved),
            _ => None,
        },
        chat_channel: None,
        notification_targets: dice.chance(10).then(Vec::new),
    }
}

fn random_incident_input(dice: &mut Dice, desk: &Desk) -> Input {
    let run = ids::named(&["run", &dice.below(3).to_string()]);
    match dice.below(9) {
        0 => {
            let mut plan = response_plan();
            plan.incident_template.dedupe_string = Some("k".to_owned());
            let mut trigger = manual(&plan, &format!("t{}", dice.below(50)));
            trigger.raw = "\u{1}\"é".repeat(dice.below(9000));
            Input::Trigger(Box::new(trigger))
        }
        1 => Input::Update(Update {
            patch: random_update(dice),
            by: CALLER.to_owned(),
            client_token: None,
        }),
        2 => Input::CreateTimelineEvent(NewTimelineEvent {
            event_type: (*dice.pick(&["Note", "Custom Event", "SSM X", ""])).to_owned(),
            event_data: "\"".repeat(dice.below(13_000)),
            event_time: Timestamp::from_second(dice.below(4_000_000_000) as i64).expect("a time"),
            event_references: Vec::new(),
            client_token: dice.chance(50).then(|| format!("c{}", dice.below(5))),
        }),
        3 => {
            let own = desk.timeline();
            let existing = (!own.is_empty()).then(|| dice.pick(&own).clone());
            let event_id = existing.as_ref().map_or(run, |event| event.event_id);
            Input::DeleteTimelineEvent { event_id, existing }
        }
        4 => {
            let value = ItemValue::Url("https://example.com/".repeat(dice.below(80)));
            let item = RelatedItem {
                generated_id: None,
                identifier: ItemIdentifier {
                    kind: ItemType::Other,
                    value,
                },
                title: None,
            };
            Input::UpdateRelatedItems {
                update: RelatedItemsUpdate::ItemToAdd(item),
                by: CALLER.to_owned(),
                client_token: None,
            }
        }
        5 => Input::Run(RunReport::Started {
            run,
            document: "d".repeat(dice.below(400)),
            version: "1".to_owned(),
        }),
        6 => Input::Run(RunReport::Ended {
            run,
            status: (*dice.pick(&["Success", "Failed"])).to_owned(),
            outputs: json!({ "o": "\u{2028}x".repeat(dice.below(9000)) }),
            message: Some("m".repeat(dice.below(20_000))),
        }),
        7 => {
            let text = "x".to_owned();
            let page = PageNotice {
                engagement: run,
                engagement_arn: text.clone(),
                page_arn: text.clone(),
                contact_arn: text,
                at: desk.now,
            };
            let notice = match dice.below(3) {
                0 => EngagementNotice::PageSent(page),
                1 => EngagementNotice::Acknowledged(page),
                _ => EngagementNotice::PageFailed {
                    page,
                    reason: "\n".repeat(dice.below(5000)),
                },
            };
            Input::Engagement(notice)
        }
        _ => Input::Untag {
            keys: vec!["a".to_owned()],
        },
    }
}

#[test]
fn incidents_survive_any_history() {
    for seed in 0..25 {
        let mut dice = Dice(seed ^ 0x1111);
        let mut desk = Desk::opened(manual(&response_plan(), "first"));
        for _ in 0..40 {
            desk.now = desk
                .now
                .checked_add(minutes(dice.below(3) as i64))
                .expect("a time");
            let input = random_incident_input(&mut dice, &desk);
            let before = desk.state.clone();
            if desk.apply(input).is_err() {
                assert_eq!(desk.state, before, "seed {seed}: a refusal changes nothing");
            }
        }
        for event in desk.timeline() {
            assert!(
                event.event_data.chars().count() <= 12_000,
                "seed {seed}: {}",
                event.event_type
            );
            if event.event_type.starts_with("SSM ") {
                assert!(
                    serde_json::from_str::<Value>(&event.event_data).is_ok(),
                    "seed {seed}"
                );
            }
        }
        let incident = desk.incident();
        let resolved = incident.record.status == IncidentStatus::Resolved;
        assert_eq!(
            incident.record.resolved_time.is_some(),
            resolved,
            "seed {seed}"
        );
    }
}
