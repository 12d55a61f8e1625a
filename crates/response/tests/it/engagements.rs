//! Scenarios 61 and 71 to 83: who is paged when, and when paging stops.

mod sends;

use jiff::SignedDuration;
use model::contact::{Plan, Stage, Target, contact_arn};
use model::{Outcome, Rejection};
use response::engage::{self, AcceptCodeValidation, AcceptType, EngagementNotice};
use response::{contact_rules, view};

use super::world::{Mail, Paging, minutes, scope, start_of_time};

fn seconds(count: i64) -> SignedDuration {
    SignedDuration::from_secs(count)
}

#[test]
fn starting_engages_the_first_stage_at_once() {
    let mut world = Paging::new().person("ana", &[1]);
    world.mail = Mail::Waits;
    let start = world.request("ana");
    let decision = world
        .apply(engage::Input::Start(Box::new(start)))
        .expect("starts");
    let arn = format!(
        "arn:aws:ssm-contacts:us-east-1:123456789012:engagement/ana/{}",
        world.id
    );
    assert_eq!(decision.reply["EngagementArn"], arn.as_str());
    let names: Vec<_> = decision
        .index
        .iter()
        .map(|entry| entry.name.as_str())
        .collect();
    for name in ["all", "incident", "contact", "page"] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    assert_eq!(decision.claims.len(), 1);
    assert_eq!(decision.claims[0].scope, "client-token/StartEngagement");

    let effect = world.sends[0];
    assert!(
        world.page(0).sent.is_none(),
        "nothing is sent before its outcome is known"
    );
    world.now = world.now.checked_add(seconds(2)).expect("a time");
    let done = Outcome::Done {
        result: serde_json::json!({ "MessageId": "<m@x>" }),
    };
    world
        .apply(engage::Input::Sent {
            effect,
            outcome: done,
        })
        .expect("sent");
    let state = world.state.as_ref().expect("started");
    let pages = view::pages(state, None);
    assert_eq!(pages.len(), 1);
    assert!(pages[0]["SentTime"].is_f64());
    assert!(pages[0].get("ReadTime").is_none());
    assert_eq!(view::receipts(&world.page(0))[0]["ReceiptInfo"], "<m@x>");
    assert!(matches!(world.notices[0], EngagementNotice::PageSent(_)));
}

#[test]
fn the_mail_says_how_to_acknowledge_and_hides_nothing() {
    let mut world = Paging::new().person("ana", &[1]);
    let mut start = world.request("ana");
    start.subject = "db\r\nBcc: evil@example.com\u{202e} down".to_owned();
    start.content = "line one\nline two\u{0}\u{7}".to_owned();
    world
        .apply(engage::Input::Start(Box::new(start)))
        .expect("starts");
    let mail = &world.mails[0].1;
    assert_eq!(mail.subject, "db Bcc: evil@example.com down");
    assert!(
        mail.body.starts_with("line one\nline two\n"),
        "{}",
        mail.body
    );
    let page = world.page(0);
    assert!(mail.body.contains(&format!(
        "--page-id {} --accept-type READ --accept-code {}",
        page.arn, page.code
    )));
    assert_eq!(page.code.len(), 6);
    assert!(!mail.body.contains('<') && !mail.body.contains('\r'));
}

#[test]
fn reading_a_page_writes_receipts_and_ends_a_persons_engagement() {
    let mut world = Paging::new().person("ana", &[5, 5, 5]);
    world.start("ana");
    world.fast_forward(minutes(6));
    assert_eq!(world.told(), ["ana0@0", "ana1@5"]);
    let code = world.page(1).code;
    world.acknowledge(1);
    assert!(world.stopped());
    assert!(world.timers.is_empty(), "{:?}", world.timers);
    world.fast_forward(minutes(60));
    assert_eq!(world.told().len(), 2);
    let page = world.page(1);
    assert!(page.delivered.is_some() && page.read.is_some());
    let receipts = view::receipts(&page);
    let types: Vec<_> = receipts
        .iter()
        .map(|receipt| receipt["ReceiptType"].as_str().expect("text"))
        .collect();
    assert_eq!(types, ["DELIVERED", "READ", "SENT"]);
    assert_eq!(receipts[1]["ReceiptInfo"], code.as_str());
    let others = view::receipts(&world.page(0));
    assert_eq!(others.last().expect("one")["ReceiptType"], "STOP");
    let described = view::describe_page(world.state.as_ref().expect("started"), &page);
    assert!(described["ReadTime"].is_f64() && described["DeliveryTime"].is_f64());
    assert_eq!(described["Subject"], "[High] db down");
}

#[test]
fn delivered_is_not_an_acknowledgement() {
    let mut world = Paging::new().person("ana", &[5, 5]);
    world.start("ana");
    let mut answer = world.answer(0);
    answer.accept_type = AcceptType::Delivered;
    world
        .apply(engage::Input::Accept(answer))
        .expect("an answer");
    let page = world.page(0);
    assert!(page.delivered.is_some() && page.read.is_none());
    world.fast_forward(minutes(5));
    assert_eq!(world.told(), ["ana0@0", "ana1@5"]);
}

#[test]
fn codes_are_checked_when_they_should_be() {
    let mut world = Paging::new().person("ana", &[5]);
    world.start("ana");
    let right = world.page(0).code;
    let wrong = if right == "123456" {
        "654321"
    } else {
        "123456"
    };
    let cases = [
        (wrong, AcceptCodeValidation::Enforce, false),
        ("12345", AcceptCodeValidation::Ignore, false),
        ("12345678901", AcceptCodeValidation::Ignore, false),
        ("abcdef", AcceptCodeValidation::Ignore, false),
        ("", AcceptCodeValidation::Enforce, false),
        (wrong, AcceptCodeValidation::Ignore, true),
    ];
    for (code, validation, accepted) in cases {
        let mut answer = world.answer(0);
        answer.code = code.to_owned();
        answer.validation = validation;
        let result = world.apply(engage::Input::Accept(answer));
        assert_eq!(result.is_ok(), accepted, "{code} {validation:?}");
        if let Err(rejection) = result {
            assert!(
                matches!(rejection, Rejection::Invalid { ref field, .. } if field == "AcceptCode"),
                "{rejection:?}"
            );
            assert!(world.page(0).read.is_none());
        }
    }
    assert!(world.page(0).read.is_some());
}

#[test]
fn a_second_answer_and_an_unknown_page_change_nothing() {
    let mut world = Paging::new().person("ana", &[5]);
    world.start("ana");
    world.acknowledge(0);
    let notices = world.notices.len();
    let before = world.state.clone();
    let answer = world.answer(0);
    let decision = world
        .apply(engage::Input::Accept(answer.clone()))
        .expect("again");
    assert_eq!(decision.reply, serde_json::json!({}));
    assert_eq!(
        (world.state.clone(), world.notices.len()),
        (before, notices)
    );
    let unknown = engage::Accept {
        page: model::ids::named(&["nope"]),
        ..answer
    };
    let rejection = world
        .apply(engage::Input::Accept(unknown))
        .expect_err("unknown");
    assert!(matches!(rejection, Rejection::NotFound { kind, .. } if kind == "PAGE"));
}

#[test]
fn an_essential_answer_stops_the_escalation() {
    let mut world = Paging::new()
        .person("ana", &[1])
        .person("bo", &[1])
        .escalation(&[(5, &[("ana", true)]), (5, &[("bo", false)])]);
    world.start("esc");
    world.fast_forward(minutes(3));
    world.acknowledge(0);
    assert!(world.stopped());
    world.fast_forward(minutes(60));
    assert_eq!(world.told(), ["ana0@0"]);
    let state = world.state.as_ref().expect("started");
    assert!(view::describe_engagement(state)["StopTime"].is_f64());
    let last = world.notices.last().expect("told");
    assert!(
        matches!(last, EngagementNotice::Ended(end) if end.reason == "acknowledged"),
        "{last:?}"
    );
    let acknowledged = world
        .notices
        .iter()
        .filter(|notice| matches!(notice, EngagementNotice::Acknowledged(_)));
    assert_eq!(acknowledged.count(), 1);
}

#[test]
fn an_answer_that_is_not_essential_lets_the_plan_go_on() {
    let mut world = Paging::new()
        .person("ana", &[2, 2])
        .person("bo", &[1])
        .escalation(&[(5, &[("ana", false)]), (5, &[("bo", false)])]);
    world.start("esc");
    world.acknowledge(0);
    assert!(!world.stopped());
    world.fast_forward(minutes(6));
    assert_eq!(
        world.told(),
        ["ana0@0", "bo0@5"],
        "ana's second channel is left in peace, bo is paged"
    );
    world.acknowledge(1);
    assert!(world.stopped(), "everybody has answered");
}

#[test]
fn without_an_answer_every_stage_starts_on_time_once() {
    let mut world = Paging::new()
        .person("ana", &[3, 0])
        .person("bo", &[1])
        .person("cy", &[1])
        .escalation(&[
            (5, &[("ana", true)]),
            (5, &[("bo", true)]),
            (0, &[("cy", true)]),
        ]);
    world.start("esc");
    world.fast_forward(minutes(600));
    assert_eq!(world.told(), ["ana0@0", "ana1@3", "bo0@5", "cy0@10"]);
    assert!(world.timers.is_empty());
    let unanswered = world
        .notices
        .iter()
        .filter(|notice| matches!(notice, EngagementNotice::Unanswered(_)));
    assert_eq!(unanswered.count(), 1);
    assert!(!world.stopped(), "the pages can still be answered");
    world.acknowledge(0);
    assert!(world.stopped());
}

#[test]
fn late_timers_do_not_delay_what_is_behind_them() {
    let mut world = Paging::new()
        .person("ana", &[1])
        .person("bo", &[1])
        .person("cy", &[1])
        .escalation(&[
            (5, &[("ana", true)]),
            (5, &[("bo", true)]),
            (5, &[("cy", true)]),
        ]);
    world.start("esc");
    // The process was down for seven minutes: bo is paged at once, cy at his own time.
    world.now = start_of_time().checked_add(minutes(7)).expect("a time");
    world.fast_forward(minutes(20));
    assert_eq!(world.told(), ["ana0@0", "bo0@7", "cy0@10"]);
}

#[test]
fn a_stop_ends_everything_and_can_be_repeated() {
    let mut world = Paging::new()
        .person("ana", &[1])
        .person("bo", &[1])
        .escalation(&[(5, &[("ana", true)]), (5, &[("bo", true)])]);
    world.start("esc");
    world.fast_forward(minutes(2));
    for _ in 0..2 {
        let stop = engage::Input::Stop {
            reason: Some("resolved".to_owned()),
        };
        assert_eq!(
            world.apply(stop).expect("stops").reply,
            serde_json::json!({})
        );
    }
    let ended = world
        .notices
        .iter()
        .filter(|notice| matches!(notice, EngagementNotice::Ended(_)));
    assert_eq!(ended.count(), 1);
    // A timer that was on its way when the stop was committed.
    world
        .apply(engage::Input::Timer {
            key: "escalation/1".to_owned(),
        })
        .expect("ignored");
    world.fast_forward(minutes(60));
    assert_eq!(world.told(), ["ana0@0"]);
    world.acknowledge(0);
    assert!(
        world.page(0).read.is_some(),
        "a page that was sent can still be acknowledged"
    );
}

#[test]
fn a_deleted_contact_is_skipped() {
    let mut world = Paging::new()
        .person("bo", &[1])
        .escalation(&[(5, &[("ghost", true)]), (5, &[("bo", true)])]);
    world.start("esc");
    world.fast_forward(minutes(30));
    assert_eq!(world.told(), ["bo0@5"]);
}

#[test]
fn resolutions_show_the_way_to_a_page() {
    let mut world = Paging::new()
        .person("ana", &[1])
        .person("bo", &[2, 1])
        .escalation(&[(5, &[("ana", true)]), (5, &[("bo", true)])]);
    world.start("esc");
    world.fast_forward(minutes(8));
    let state = world.state.as_ref().expect("started");
    let way = view::page_resolutions(state, &world.page(2));
    let esc = contact_arn(&scope(), "esc");
    let bo = contact_arn(&scope(), "bo");
    assert_eq!(
        way[0],
        serde_json::json!({ "ContactArn": esc, "Type": "ESCALATION", "StageIndex": 1 })
    );
    assert_eq!(
        way[1],
        serde_json::json!({ "ContactArn": bo, "Type": "PERSONAL", "StageIndex": 1 })
    );
    assert_eq!(view::pages(state, Some(&bo)).len(), 2);
}

#[test]
fn a_repeated_start_gets_the_same_answer() {
    let mut world = Paging::new().person("ana", &[5]);
    world.start("ana");
    let mails = world.mails.len();
    let start = world.request("ana");
    let decision = world
        .apply(engage::Input::Start(Box::new(start.clone())))
        .expect("again");
    assert!(
        decision.reply["EngagementArn"]
            .as_str()
            .expect("an ARN")
            .ends_with(&world.id.to_string())
    );
    assert_eq!(world.mails.len(), mails);
    let other = engage::Start {
        subject: "other".to_owned(),
        ..start
    };
    let rejection = world
        .apply(engage::Input::Start(Box::new(other)))
        .expect_err("other parameters");
    assert!(matches!(rejection, Rejection::Conflict { .. }));
}

#[test]
fn plans_target_what_they_may() {
    let world = Paging::new()
        .person("ana", &[5])
        .person("bo", &[5])
        .escalation(&[(5, &[("ana", true)])]);
    let contact = |alias: &str| world.directory.contacts[&contact_arn(&scope(), alias)].clone();
    let check = |owner: &str, plan: &Plan| {
        contact_rules::check_plan(&contact(owner), plan, &world.directory)
    };
    assert!(check("ana", &contact("ana").plan).is_ok());
    assert!(check("esc", &contact("esc").plan).is_ok());
    let foreign = check("ana", &contact("bo").plan).expect_err("another person's channel");
    assert!(foreign.to_string().contains("belongs to"), "{foreign}");
    let mut ghost = contact("esc").plan;
    if let Some(Stage { targets, .. }) = ghost.stages.as_mut().expect("stages").first_mut()
        && let Some(Target::Contact(target)) = targets.first_mut()
    {
        target.contact_id = Some(contact_arn(&scope(), "ghost"));
    }
    let rejection = check("esc", &ghost).expect_err("unknown contact");
    assert!(
        matches!(rejection, Rejection::Invalid { field, .. } if field == "Plan.Stages[0].Targets[0].ContactTargetInfo.ContactId")
    );
    let mut nested = contact("esc").plan;
    if let Some(Target::Contact(target)) = nested.stages.as_mut().expect("stages")[0]
        .targets
        .first_mut()
    {
        target.contact_id = Some(contact_arn(&scope(), "esc"));
    }
    assert!(
        check("esc", &nested).is_err(),
        "escalation plans do not nest"
    );
}

#[test]
fn the_directory_names_what_is_missing() {
    let full = Paging::new()
        .person("ana", &[5])
        .escalation(&[(5, &[("ana", true)])])
        .directory;
    let root = contact_arn(&scope(), "esc");
    let mut loaded = engage::Directory::default();
    let mut rounds = 0;
    loop {
        let missing = loaded.missing(&root);
        if missing.is_empty() {
            break;
        }
        rounds += 1;
        for arn in missing {
            loaded.contacts.extend(
                full.contacts
                    .get(&arn)
                    .map(|contact| (arn.clone(), contact.clone())),
            );
            loaded.channels.extend(
                full.channels
                    .get(&arn)
                    .map(|channel| (arn.clone(), channel.clone())),
            );
        }
    }
    assert_eq!(rounds, 3);
    assert_eq!(loaded, full);
}
