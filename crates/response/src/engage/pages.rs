//! Starting pages, sending them again, and what became of a send.

use jiff::{SignedDuration, Timestamp};
use model::contact::{ActivationStatus, ChannelTarget, ChannelType, ContactChannel, page_arn};
use model::{Decision, EffectCommand, Outcome, ids};
use serde_json::{Value, json};
use uuid::Uuid;

use super::progress::Turn;
use super::state::{Engagement, Page, Receipt, ReceiptType};
use super::{Command, Directory, EngagementNotice, PageNotice, mail};
use model::Context;
use model::text::one_line;

/// Most pages of one engagement: an escalation plan at its limits could name millions.
const PAGES: usize = 1000;
/// Most sends of one page.
const ATTEMPTS: u32 = 5;
/// First wait, in seconds, before a send that failed in passing is repeated when the plan sets no interval.
const FIRST_WAIT_SECS: i64 = 10;

/// The key of a page's retry timer.
pub(super) fn retry_key(page: Uuid) -> String {
    format!("retry/{page}")
}

/// Starts the page to one channel of person `person`'s stage `stage`, if the channel may be used.
pub(super) fn start(
    turn: &mut Turn,
    person: usize,
    stage: usize,
    target: &ChannelTarget,
    directory: &Directory,
) {
    let Some(who) = turn.state.people.get(person) else {
        return;
    };
    let Some(channel) = directory.channels.get(&target.contact_channel_id) else {
        return;
    };
    if channel.activation_status != ActivationStatus::Activated
        || channel.contact_arn != who.contact_arn
    {
        return;
    }
    if turn.state.pages.len() >= PAGES {
        turn.fact("engagement.page_limit", json!({ "limit": PAGES }));
        return;
    }
    let page = new_page(turn, person, stage, target, channel);
    let id = page.id;
    turn.index("page", id.to_string());
    turn.fact(
        "page.started",
        json!({ "page": page.arn, "channel": page.channel_arn, "stage": stage }),
    );
    turn.state.pages.insert(id, page);
    send(turn, id);
}

fn new_page(
    turn: &Turn,
    person: usize,
    stage: usize,
    target: &ChannelTarget,
    channel: &ContactChannel,
) -> Page {
    let number = turn.state.pages.len() as u64;
    let id = ids::child(turn.state.id, number);
    let alias = turn
        .state
        .people
        .get(person)
        .map_or("", |person| person.alias.as_str());
    Page {
        id,
        arn: page_arn(&turn.state.scope, alias, id),
        person,
        stage,
        channel_arn: channel.contact_channel_arn.clone(),
        channel: channel.kind,
        address: channel.address().to_owned(),
        code: ids::digits(&turn.entropy, &format!("accept/{id}"), 6),
        started: turn.at,
        retry_minutes: target.retry_interval_in_minutes.unwrap_or(0),
        attempts: 0,
        in_flight: None,
        sent: None,
        delivered: None,
        read: None,
        receipts: Vec::new(),
    }
}

/// Sends a page (again). A channel without a sender leaves an ERROR receipt and the plan goes on.
fn send(turn: &mut Turn, id: Uuid) {
    let Some(mut page) = turn.state.pages.remove(&id) else {
        return;
    };
    page.attempts += 1;
    if page.channel == ChannelType::Email {
        let effect = ids::named(&[
            "page-send",
            &page.id.to_string(),
            &page.attempts.to_string(),
        ]);
        page.in_flight = Some(effect);
        let command = EffectCommand::SendEmail(mail::message(&turn.state, &page));
        turn.commands.push(Command::Send { effect, command });
    } else {
        let reason = format!(
            "this version sends no {} messages: add an EMAIL channel to the contact's plan",
            page.channel.as_str()
        );
        receipt(&mut page, ReceiptType::Error, Some(reason.clone()), turn.at);
        failed(turn, &page, reason);
    }
    turn.touch(page);
}

/// A retry timer is due.
pub(super) fn retry(turn: &mut Turn, id: Uuid) {
    if wants_retry(&turn.state, id) {
        send(turn, id);
    }
}

/// Whether a page may be sent again: nobody has answered and the engagement runs.
fn wants_retry(state: &Engagement, id: Uuid) -> bool {
    let Some(page) = state.pages.get(&id) else {
        return false;
    };
    let answered = state
        .people
        .get(page.person)
        .is_none_or(|person| person.acknowledged.is_some());
    state.stopped.is_none()
        && !answered
        && page.in_flight.is_none()
        && page.sent.is_none()
        && page.attempts < ATTEMPTS
}

/// What became of a send.
pub(super) fn sent(
    state: &Engagement,
    effect: Uuid,
    outcome: &Outcome,
    cx: &Context,
) -> Decision<Engagement, Command> {
    let Some(id) = state
        .pages
        .values()
        .find(|page| page.in_flight == Some(effect))
        .map(|page| page.id)
    else {
        return Decision::unchanged(state.clone());
    };
    let mut turn = Turn::new(state, cx);
    let Some(mut page) = turn.state.pages.remove(&id) else {
        return turn.decide();
    };
    page.in_flight = None;
    match outcome {
        Outcome::Done { result } => {
            page.sent = Some(turn.at);
            receipt(&mut page, ReceiptType::Sent, message_id(result), turn.at);
            turn.fact(
                "page.sent",
                json!({ "page": page.arn, "attempt": page.attempts }),
            );
            turn.notify(EngagementNotice::PageSent(notice(
                &turn.state,
                &page,
                turn.at,
            )));
            turn.touch(page);
        }
        Outcome::Failed(failure) => {
            let reason = one_line(&format!("{}: {}", failure.code, failure.message), 500);
            not_sent(&mut turn, page, reason, failure.transient);
        }
        // A page twice is better than none: an unknown outcome counts as a failure in passing.
        Outcome::Unknown { reason } => {
            let reason = one_line(&format!("nobody knows whether it was sent: {reason}"), 500);
            not_sent(&mut turn, page, reason, true);
        }
    }
    turn.decide()
}

fn not_sent(turn: &mut Turn, mut page: Page, reason: String, transient: bool) {
    receipt(&mut page, ReceiptType::Error, Some(reason.clone()), turn.at);
    turn.fact(
        "page.failed",
        json!({ "page": page.arn, "attempt": page.attempts, "reason": reason }),
    );
    failed(turn, &page, reason);
    let id = page.id;
    let wait = wait_secs(&page, transient);
    turn.touch(page);
    if let Some(wait) = wait.filter(|_| wants_retry(&turn.state, id)) {
        turn.set_timer(retry_key(id), turn.at, wait);
    }
}

/// Seconds before the next attempt: the plan's interval; without one only a failure in passing is repeated, soon.
fn wait_secs(page: &Page, transient: bool) -> Option<SignedDuration> {
    if page.retry_minutes > 0 {
        return Some(SignedDuration::from_mins(page.retry_minutes));
    }
    let doublings = page.attempts.saturating_sub(1).min(8);
    transient.then(|| SignedDuration::from_secs(FIRST_WAIT_SECS << doublings))
}

fn failed(turn: &mut Turn, page: &Page, reason: String) {
    let page = notice(&turn.state, page, turn.at);
    turn.notify(EngagementNotice::PageFailed { page, reason });
}

/// A page in a notice.
pub(super) fn notice(state: &Engagement, page: &Page, at: Timestamp) -> PageNotice {
    PageNotice {
        engagement: state.id,
        engagement_arn: state.arn.clone(),
        page_arn: page.arn.clone(),
        contact_arn: state.contact_of(page).to_owned(),
        at,
    }
}

/// Adds a receipt.
pub(super) fn receipt(page: &mut Page, kind: ReceiptType, info: Option<String>, at: Timestamp) {
    page.receipts.push(Receipt {
        kind,
        info: info.filter(|info| !info.is_empty()),
        at,
        channel_arn: page.channel_arn.clone(),
    });
}

fn message_id(result: &Value) -> Option<String> {
    let id = ["MessageId", "message_id", "id"]
        .iter()
        .find_map(|name| result.get(name))
        .unwrap_or(result);
    id.as_str().map(|id| one_line(id, 2048))
}
