//! Pages that cannot be sent, or whose sending nobody is sure of.

use model::Outcome;
use model::contact::{ActivationStatus, ChannelTarget, ChannelType, Target, contact_arn};
use response::engage::{self, Asker, EngagementNotice, ReceiptType};

use super::super::world::{Mail, Paging, minutes, scope};

#[test]
fn an_unactivated_channel_is_passed_over_and_the_plan_goes_on() {
    let mut world = Paging::new().person("ana", &[5, 5]);
    let first = world.channel("ana", 0, ChannelType::Email);
    world
        .directory
        .channels
        .get_mut(&first)
        .expect("there")
        .activation_status = ActivationStatus::NotActivated;
    world.start("ana");
    assert_eq!(world.told(), Vec::<String>::new());
    world.fast_forward(minutes(10));
    assert_eq!(world.told(), ["ana1@5"]);
}

#[test]
fn channels_without_a_sender_leave_an_error_receipt() {
    let mut world = Paging::new().person("ana", &[5]);
    let sms = world.channel("ana", 7, ChannelType::Sms);
    let contact = world
        .directory
        .contacts
        .get_mut(&contact_arn(&scope(), "ana"))
        .expect("there");
    let target = ChannelTarget {
        contact_channel_id: sms,
        retry_interval_in_minutes: Some(1),
    };
    contact.plan.stages.as_mut().expect("stages")[0]
        .targets
        .insert(0, Target::Channel(target));
    world.start("ana");
    assert_eq!(world.told(), ["ana0@0"], "the mail goes out all the same");
    let state = world.state.as_ref().expect("started");
    let failed = state
        .pages
        .values()
        .find(|page| page.channel == ChannelType::Sms)
        .expect("a page");
    assert_eq!(failed.receipts[0].kind, ReceiptType::Error);
    assert!(
        failed.receipts[0]
            .info
            .as_ref()
            .expect("info")
            .contains("SMS")
    );
    assert!(
        world
            .notices
            .iter()
            .any(|notice| matches!(notice, EngagementNotice::PageFailed { .. }))
    );
}

#[test]
fn failed_sends_are_repeated_as_the_plan_says() {
    let retry = |minutes: Option<i64>, mail: Mail| {
        let mut world = Paging::new().person("ana", &[30]);
        let contact = world
            .directory
            .contacts
            .get_mut(&contact_arn(&scope(), "ana"))
            .expect("there");
        let Target::Channel(target) =
            &mut contact.plan.stages.as_mut().expect("stages")[0].targets[0]
        else {
            panic!("a channel")
        };
        target.retry_interval_in_minutes = minutes;
        world.mail = mail;
        world.start("ana");
        world.fast_forward(super::super::world::minutes(60));
        world.told()
    };
    assert_eq!(
        retry(None, Mail::Refused),
        ["ana0@0"],
        "0 or absent is no retry"
    );
    assert_eq!(retry(Some(0), Mail::Refused), ["ana0@0"]);
    assert_eq!(
        retry(Some(4), Mail::Refused),
        ["ana0@0", "ana0@4", "ana0@8", "ana0@12", "ana0@16"]
    );
    assert_eq!(
        retry(None, Mail::Down).len(),
        5,
        "a failure in passing is repeated soon"
    );
    assert_eq!(retry(None, Mail::Works), ["ana0@0"]);
}

#[test]
fn no_send_is_repeated_after_an_answer() {
    let mut world = Paging::new().person("ana", &[30]);
    world.mail = Mail::Down;
    world.start("ana");
    world.acknowledge(0);
    world.fast_forward(minutes(60));
    assert_eq!(world.told(), ["ana0@0"]);
}

#[test]
fn an_unknown_outcome_is_sent_again() {
    let mut world = Paging::new().person("ana", &[30]);
    world.mail = Mail::Waits;
    world.start("ana");
    let effect = world.sends[0];
    world.mail = Mail::Works;
    let outcome = Outcome::Unknown {
        reason: "the connection broke".to_owned(),
    };
    world
        .apply(engage::Input::Sent {
            effect,
            outcome: outcome.clone(),
        })
        .expect("taken");
    world
        .apply(engage::Input::Sent { effect, outcome })
        .expect("a repeated outcome is ignored");
    world.fast_forward(minutes(1));
    assert_eq!(world.told().len(), 2);
}

#[test]
fn whoever_cannot_be_reached_is_told_apart() {
    let cases: [(&str, Paging, &str); 4] = [
        ("nobody", Paging::new(), "does not exist"),
        (
            "ana",
            Paging::new().person("ana", &[]),
            "no engagement plan",
        ),
        (
            "esc",
            Paging::new().escalation(&[(5, &[("ghost", true)])]),
            "no contact in the escalation plan",
        ),
        ("oncall", schedule(), "nobody is on call"),
    ];
    for (alias, mut world, words) in cases {
        let mut start = world.request(alias);
        start.asker = Asker::Person;
        let rejection = world
            .apply(engage::Input::Start(Box::new(start)))
            .expect_err("refused");
        let expected = if alias == "nobody" {
            "was not found"
        } else {
            words
        };
        assert!(
            rejection.to_string().contains(expected),
            "{alias}: {rejection}"
        );
        world.start(alias);
        assert!(world.stopped());
        let last = world.notices.last().expect("told");
        assert!(
            matches!(last, EngagementNotice::Ended(end) if end.reason.contains(words)),
            "{alias}: {last:?}"
        );
        assert!(world.timers.is_empty() && world.mails.is_empty());
    }
}

fn schedule() -> Paging {
    let mut world = Paging::new();
    let arn = contact_arn(&scope(), "oncall");
    world.contact(
        arn,
        "oncall",
        model::contact::ContactType::OncallSchedule,
        Vec::new(),
    );
    world
}
