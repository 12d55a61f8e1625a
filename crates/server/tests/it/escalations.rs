//! Paging over time: who gets a mail when, as the clock moves, and what stops it.

use std::time::Duration;

use model::EffectCommand;
use serde_json::{Value, json};

use crate::world::World;

const MINUTE: Duration = Duration::from_secs(60);

/// The numbers of six digits or more in the mails to one address, oldest first.
fn codes(world: &World, address: &str) -> Vec<String> {
    let seen = world.outside.seen.lock().expect("unpoisoned");
    let mails = seen.iter().filter_map(|command| match command {
        EffectCommand::SendEmail(mail) if mail.to == address => Some(mail.body.clone()),
        _ => None,
    });
    mails
        .filter_map(|body| {
            body.split(|c: char| !c.is_ascii_digit())
                .find(|part| part.len() == 6)
                .map(str::to_owned)
        })
        .collect()
}

async fn contacts(world: &World, operation: &str, body: Value) -> Value {
    let target = format!("SSMContacts.{operation}");
    world.client().ok(&target, body).await
}

async fn set_up() -> World {
    let world = World::new().await;
    let body = json!({ "regions": { "us-east-1": {} } });
    let answer = world
        .client()
        .rest("ssm-incidents", "POST", "/createReplicationSet", Some(body))
        .await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    world
}

/// A person with one activated channel and one stage; gives the contact's ARN.
async fn person(world: &World, alias: &str) -> String {
    let address = format!("{alias}@example.com");
    let plan = json!({ "Stages": [] });
    let body = json!({ "Alias": alias, "Type": "PERSONAL", "Plan": plan });
    let contact = contacts(world, "CreateContact", body).await["ContactArn"].clone();
    let body = json!({ "ContactId": contact, "Name": "work", "Type": "EMAIL",
                       "DeliveryAddress": { "SimpleAddress": address } });
    let channel = contacts(world, "CreateContactChannel", body).await["ContactChannelArn"].clone();
    world.settle().await;
    let code = codes(world, &address).pop().expect("an activation code");
    let body = json!({ "ContactChannelId": channel, "ActivationCode": code });
    contacts(world, "ActivateContactChannel", body).await;
    let target = json!({ "ChannelTargetInfo": { "ContactChannelId": channel } });
    let plan = json!({ "Stages": [{ "DurationInMinutes": 1, "Targets": [target] }] });
    contacts(
        world,
        "UpdateContact",
        json!({ "ContactId": contact, "Plan": plan }),
    )
    .await;
    contact.as_str().expect("an ARN").to_owned()
}

/// An escalation of three stages: ana, five minutes later bob, five minutes later nobody.
async fn engaged(world: &World, essential: bool) -> String {
    let (ana, bob) = (person(world, "ana").await, person(world, "bob").await);
    let target = |arn: &str, essential: bool| json!({ "ContactTargetInfo": { "ContactId": arn, "IsEssential": essential } });
    let stages = json!([
        { "DurationInMinutes": 5, "Targets": [target(&ana, essential)] },
        { "DurationInMinutes": 5, "Targets": [target(&bob, false)] },
        { "DurationInMinutes": 1, "Targets": [] },
    ]);
    let body = json!({ "Alias": "duty", "Type": "ESCALATION", "Plan": { "Stages": stages } });
    let duty = contacts(world, "CreateContact", body).await["ContactArn"].clone();
    let body = json!({ "ContactId": duty, "Sender": "test", "Subject": "s", "Content": "c" });
    let answer = contacts(world, "StartEngagement", body).await;
    world.settle().await;
    answer["EngagementArn"].as_str().expect("an ARN").to_owned()
}

/// Moves the clock minute by minute.
async fn minutes(world: &World, count: u32) {
    for _ in 0..count {
        world.fast_forward(MINUTE).await;
    }
}

/// Pages sent to ana and bob; the first mail to each was the activation code.
fn paged(world: &World) -> (usize, usize) {
    let to = |who: &str| world.outside.count(&format!("{who}@example.com")) - 1;
    (to("ana"), to("bob"))
}

async fn stop_time(world: &World, engagement: &str) -> Value {
    let body = json!({ "EngagementId": engagement });
    contacts(world, "DescribeEngagement", body).await["StopTime"].clone()
}

async fn answer_first_page(world: &World, engagement: &str) {
    let body = json!({ "EngagementId": engagement });
    let pages = contacts(world, "ListPagesByEngagement", body).await;
    let code = codes(world, "ana@example.com").pop().expect("a code");
    let body =
        json!({ "PageId": pages["Pages"][0]["PageArn"], "AcceptType": "READ", "AcceptCode": code });
    contacts(world, "AcceptPage", body).await;
    world.settle().await;
}

#[tokio::test]
async fn without_an_answer_the_next_stage_is_paged_and_then_nobody() {
    let world = set_up().await;
    let engagement = engaged(&world, true).await;
    assert_eq!(paged(&world), (1, 0));
    minutes(&world, 4).await;
    assert_eq!(paged(&world), (1, 0), "bob has five minutes more");
    minutes(&world, 1).await;
    assert_eq!(paged(&world), (1, 1));
    minutes(&world, 30).await;
    assert_eq!(paged(&world), (1, 1), "a plan does not begin again");
    let body = json!({ "EngagementId": engagement });
    let pages = contacts(&world, "ListPagesByEngagement", body).await;
    assert_eq!(pages["Pages"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn an_essential_answer_ends_the_escalation() {
    let world = set_up().await;
    let engagement = engaged(&world, true).await;
    minutes(&world, 3).await;
    answer_first_page(&world, &engagement).await;
    assert!(stop_time(&world, &engagement).await.is_number());
    minutes(&world, 10).await;
    assert_eq!(paged(&world), (1, 0));
}

#[tokio::test]
async fn an_answer_that_is_not_essential_lets_it_go_on() {
    let world = set_up().await;
    let engagement = engaged(&world, false).await;
    answer_first_page(&world, &engagement).await;
    assert!(stop_time(&world, &engagement).await.is_null());
    minutes(&world, 6).await;
    assert_eq!(paged(&world), (1, 1));
}

#[tokio::test]
async fn a_stop_ends_it_and_a_second_one_changes_nothing() {
    let world = set_up().await;
    let engagement = engaged(&world, true).await;
    minutes(&world, 2).await;
    let stop = json!({ "EngagementId": engagement, "Reason": "test" });
    assert_eq!(
        contacts(&world, "StopEngagement", stop.clone()).await,
        json!({})
    );
    let stopped = stop_time(&world, &engagement).await;
    minutes(&world, 10).await;
    assert_eq!(paged(&world), (1, 0));
    assert_eq!(contacts(&world, "StopEngagement", stop).await, json!({}));
    assert_eq!(stop_time(&world, &engagement).await, stopped);
}

#[tokio::test]
async fn codes_grow_old() {
    let world = set_up().await;
    let ana = person(&world, "ana").await;
    let body = json!({ "ContactId": ana, "Name": "other", "Type": "EMAIL",
                       "DeliveryAddress": { "SimpleAddress": "late@example.com" } });
    let channel = contacts(&world, "CreateContactChannel", body).await["ContactChannelArn"].clone();
    world.settle().await;
    let code = codes(&world, "late@example.com").pop().expect("a code");
    world.fast_forward(Duration::from_secs(24 * 3600)).await;
    let body = json!({ "ContactChannelId": channel, "ActivationCode": code });
    let client = world.client();
    let message = client
        .fails(
            "SSMContacts.ActivateContactChannel",
            body,
            "ValidationException",
        )
        .await;
    assert!(message.contains("SendActivationCode"), "{message}");
}

#[tokio::test]
async fn tokens_are_forgotten_after_a_day() {
    let world = set_up().await;
    let create = |plan: &str| json!({ "name": plan, "clientToken": "t", "incidentTemplate": { "title": "t", "impact": 1 } });
    let post = |body: Value| {
        let client = world.client();
        async move {
            client
                .rest("ssm-incidents", "POST", "/createResponsePlan", Some(body))
                .await
        }
    };
    assert_eq!(post(create("one")).await.status, 201);
    let other = post(create("two")).await;
    assert_eq!((other.status, other.code()), (409, "ConflictException"));
    world.fast_forward(Duration::from_secs(24 * 3600)).await;
    assert_eq!(post(create("two")).await.status, 201);
    // The record is the new request's now.
    assert_eq!(post(create("two")).await.status, 201);
    assert_eq!(post(create("one")).await.status, 409);
}
