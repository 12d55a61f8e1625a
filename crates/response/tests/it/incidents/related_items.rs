//! Related items.

use model::Rejection;
use model::incident::{ItemType, RelatedItemsUpdate};
use response::incident::Input;
use serde_json::Value;

use super::super::world::{CALLER, Desk, manual, response_plan};
use super::item;

#[test]
fn related_items_get_ids_and_are_added_once() {
    let mut trigger = manual(&response_plan(), "t1");
    trigger
        .related_items
        .push(item("arn:aws:ec2:us-east-1:123456789012:instance/i-1"));
    let mut desk = Desk::opened(trigger);
    let involved = desk.related(ItemType::InvolvedResource);
    let id = involved[0].generated_id.clone().expect("an id");
    let hex = id
        .strip_prefix("related-item/INVOLVED_RESOURCE/")
        .expect("its form");
    assert!(
        hex.len() == 32
            && hex
                .chars()
                .all(|c| c.is_ascii_digit() || ('A'..='F').contains(&c)),
        "{id}"
    );

    let change = |update| Input::UpdateRelatedItems {
        update,
        by: CALLER.to_owned(),
        client_token: None,
    };
    let added = item("arn:aws:s3:::bucket");
    for _ in 0..2 {
        desk.apply(change(RelatedItemsUpdate::ItemToAdd(added.clone())))
            .expect("adds");
    }
    assert_eq!(desk.related(ItemType::InvolvedResource).len(), 2);
    let updates = desk.data("SSM Incident Record Update");
    assert_eq!(updates.len(), 2, "the parent item and one addition");
    let value: Value = serde_json::from_str(
        updates[1]["modifiedAttributes"][0]["newValue"]
            .as_str()
            .expect("text"),
    )
    .expect("JSON");
    assert_eq!(value["itemToAdd"]["title"], "the box");
    for _ in 0..2 {
        desk.apply(change(RelatedItemsUpdate::ItemToRemove(
            added.identifier.clone(),
        )))
        .expect("removes");
    }
    assert_eq!(desk.related(ItemType::InvolvedResource).len(), 1);
    let mut last = Ok(());
    for number in 0..200 {
        let arn = format!("arn:aws:s3:::bucket-{number}");
        last = desk
            .apply(change(RelatedItemsUpdate::ItemToAdd(item(&arn))))
            .map(|_| ());
        if last.is_err() {
            break;
        }
    }
    assert!(matches!(last, Err(Rejection::Quota { .. })), "{last:?}");
    assert_eq!(desk.incident().related.len(), 100);
}
