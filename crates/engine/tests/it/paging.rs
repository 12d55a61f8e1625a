//! Paging: stages by the clock, and the end of it.

use std::time::Duration;

use engine::Input;
use model::AggregateKind;
use ports::store::Frames;
use response::engage::{Accept, AcceptCodeValidation, AcceptType, Engagement};

use crate::events::resolve;
use crate::world::{World, scope};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn nobody_answers_and_the_next_person_is_paged_on_time() {
    let (world, _) = World::new().await;
    world.install(None).await;
    world.finding("i-1").await;
    world.settle().await;
    assert_eq!(world.outside.count("mail ana@example.com"), 1);
    world.fast_forward(4 * MINUTE).await;
    assert_eq!(world.outside.count("mail bo@example.com"), 0);
    world.fast_forward(MINUTE + MINUTE / 2).await;
    assert_eq!(world.outside.count("mail bo@example.com"), 1);
    world.fast_forward(60 * MINUTE).await;
    assert_eq!(world.outside.names().len(), 2, "the plan does not loop");
}

#[tokio::test]
async fn an_acknowledgement_stops_the_ladder() {
    let (world, _) = World::new().await;
    world.install(None).await;
    world.finding("i-1").await;
    world.settle().await;
    let engagement = world.all(AggregateKind::Engagement).await[0].id;
    let stored = world
        .handle
        .load(engagement, Frames::All)
        .await
        .expect("read")
        .expect("an engagement");
    let state = Engagement::restore(stored.frames).expect("restored");
    let page = state.pages.values().next().expect("a page").clone();
    let accept = |code: String| {
        Input::Engagement(Box::new(response::engage::Input::Accept(Accept {
            page: page.id,
            channel_arn: None,
            accept_type: AcceptType::Read,
            code,
            validation: AcceptCodeValidation::Enforce,
            note: None,
        })))
    };
    let wrong = if page.code == "000000" {
        "111111"
    } else {
        "000000"
    };
    assert!(
        world
            .handle
            .ask(engagement, &scope(), accept(wrong.to_owned()))
            .await
            .is_err()
    );
    let mail = world.outside.mails.lock().expect("no panic held it")[0].clone();
    assert!(mail.body.contains(&page.code), "the mail brings the code");
    world
        .handle
        .ask(engagement, &scope(), accept(page.code.clone()))
        .await
        .expect("acknowledged");
    world.fast_forward(60 * MINUTE).await;
    assert_eq!(world.outside.count("mail bo@example.com"), 0);
}

#[tokio::test]
async fn the_resolution_stops_the_ladder() {
    let (world, _) = World::new().await;
    world.install(None).await;
    world.finding("i-1").await;
    world.settle().await;
    let incident = world.incidents().await[0].id;
    resolve(&world, incident).await;
    world.fast_forward(60 * MINUTE).await;
    assert_eq!(world.outside.count("mail bo@example.com"), 0);
}

#[tokio::test]
async fn a_restart_in_the_middle_of_a_stage_loses_and_doubles_nothing() {
    let (world, store) = World::new().await;
    world.install(None).await;
    world.finding("i-1").await;
    world.settle().await;
    world.fast_forward(3 * MINUTE).await;
    world.kill();
    let next = World::on(store, world.outside.clone(), world.clock.clone()).await;
    next.fast_forward(MINUTE).await;
    assert_eq!(next.outside.names(), ["mail ana@example.com"]);
    next.fast_forward(2 * MINUTE).await;
    assert_eq!(
        next.outside.names(),
        ["mail ana@example.com", "mail bo@example.com"]
    );
}
