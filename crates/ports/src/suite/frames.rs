//! Promises about frames: which of them a reader gets.

use model::FrameWrite;
use serde_json::json;

use super::words::*;
use crate::Store;
use crate::store::Frames;

/// All, the root and some, or those of a prefix: in order of key.
pub async fn frames_are_chosen_by_key_and_prefix(store: &dyn Store) {
    let id = incident(1);
    let keys = [
        "event/1", "event/2", "event", "eventual", "item/%", "item/_", "item/ü", "zoë/1",
    ];
    let frames = keys.map(|key| FrameWrite::put(key, json!(key)));
    commit(
        store,
        with(step(id, 0), |write| write.frames.extend(frames)),
    )
    .await;
    let chosen = async |frames: Frames| -> Vec<String> {
        let stored = store
            .load(id, frames)
            .await
            .expect("readable")
            .expect("there");
        assert!(
            stored
                .frames
                .iter()
                .all(|(key, body)| key.is_empty() || *body == json!(key))
        );
        stored.frames.into_iter().map(|(key, _)| key).collect()
    };
    let prefix = |text: &str| Frames::Prefix(text.to_owned());
    let root_and =
        |keys: &[&str]| Frames::RootAnd(keys.iter().map(|key| (*key).to_owned()).collect());
    let mut all = keys.map(str::to_owned).to_vec();
    all.sort_unstable();
    assert_eq!(chosen(prefix("")).await, all);
    assert_eq!(chosen(prefix("event/")).await, ["event/1", "event/2"]);
    assert_eq!(
        chosen(prefix("event")).await,
        ["event", "event/1", "event/2", "eventual"]
    );
    assert_eq!(chosen(prefix("item/%")).await, ["item/%"]);
    assert_eq!(chosen(prefix("item/_")).await, ["item/_"]);
    assert_eq!(chosen(prefix("item/ü")).await, ["item/ü"]);
    assert_eq!(chosen(prefix("none")).await, Vec::<String>::new());
    assert_eq!(chosen(root_and(&[])).await, [""]);
    assert_eq!(
        chosen(root_and(&["zoë/1", "none", "event", "event"])).await,
        ["", "event", "zoë/1"]
    );
    all.insert(0, String::new());
    assert_eq!(chosen(Frames::All).await, all);
    let without = |text: &str| Frames::Without(text.to_owned());
    let mut rest = all.clone();
    rest.retain(|key| !key.starts_with("event/"));
    assert_eq!(chosen(without("event/")).await, rest);
    assert_eq!(chosen(without("none/")).await, all);
}

/// Those between two keys, the second not among them.
pub async fn frames_are_chosen_by_range(store: &dyn Store) {
    let id = incident(1);
    let put = |key: &str| FrameWrite::put(key, json!(key));
    let frames = ["event/1", "event/2", "event/3", "later"].map(put);
    commit(
        store,
        with(step(id, 0), |write| write.frames.extend(frames)),
    )
    .await;
    for (from, until, want) in [
        ("event/", "event/3", vec!["event/1", "event/2"]),
        ("event/2", "event/2", vec![]),
        ("event/21", "z", vec!["event/3", "later"]),
    ] {
        let (from, until) = (from.to_owned(), until.to_owned());
        let found = store.load(id, Frames::Range { from, until }).await;
        let found = found.expect("readable").expect("there").frames;
        let keys: Vec<&str> = found.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, want);
    }
}
