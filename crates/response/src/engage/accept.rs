//! `AcceptPage`: a page arrived or was read.

use model::{Decision, Rejection};
use serde_json::json;

use super::progress::Turn;
use super::state::{Engagement, Page, ReceiptType};
use super::{
    Accept, AcceptCodeValidation, AcceptType, Command, Directory, EngagementNotice, pages,
    progress, wrap_up,
};
use model::Context;
use model::text::paragraph;

/// Takes an answer. A second one of the same kind changes nothing; after a stop a page can still be answered.
pub(super) fn accept(
    state: &Engagement,
    accept: &Accept,
    directory: &Directory,
    cx: &Context,
) -> Result<Decision<Engagement, Command>, Rejection> {
    let page = state
        .pages
        .get(&accept.page)
        .ok_or_else(|| Rejection::not_found("PAGE", accept.page.to_string()))?;
    check(state, page, accept, directory)?;
    let mut turn = Turn::new(state, cx);
    let mut page = page.clone();
    let news = match accept.accept_type {
        AcceptType::Delivered => page.delivered.is_none(),
        AcceptType::Read => page.read.is_none(),
    };
    if !news {
        let mut decision = Decision::unchanged(state.clone());
        decision.reply = json!({});
        return Ok(decision);
    }
    if page.delivered.is_none() {
        page.delivered = Some(turn.at);
        answer(&mut page, ReceiptType::Delivered, accept, &turn);
    }
    if accept.accept_type == AcceptType::Read {
        page.read = Some(turn.at);
        answer(&mut page, ReceiptType::Read, accept, &turn);
        turn.touch(page.clone());
        read(&mut turn, &page);
    }
    turn.touch(page);
    let mut decision = turn.decide();
    decision.reply = json!({});
    Ok(decision)
}

fn check(
    state: &Engagement,
    page: &Page,
    accept: &Accept,
    directory: &Directory,
) -> Result<(), Rejection> {
    let formed =
        (6..=10).contains(&accept.code.len()) && accept.code.bytes().all(|b| b.is_ascii_digit());
    if !formed {
        return Err(Rejection::invalid("AcceptCode", "must be 6 to 10 digits"));
    }
    if accept.validation == AcceptCodeValidation::Enforce && !same(&accept.code, &page.code) {
        let message = "the accept code is not the one that was sent with this page";
        return Err(Rejection::invalid("AcceptCode", message));
    }
    let Some(channel) = accept
        .channel_arn
        .as_deref()
        .filter(|arn| *arn != page.channel_arn)
    else {
        return Ok(());
    };
    let owner = directory
        .channels
        .get(channel)
        .map(|channel| channel.contact_arn.as_str());
    if owner == Some(state.contact_of(page)) {
        return Ok(());
    }
    Err(Rejection::invalid(
        "ContactChannelId",
        "must be a channel of the contact that was paged",
    ))
}

/// Compares without stopping at the first difference.
fn same(given: &str, expected: &str) -> bool {
    let differences = given
        .bytes()
        .zip(expected.bytes())
        .fold(0, |all, (a, b)| all | (a ^ b));
    differences == 0 && given.len() == expected.len()
}

fn answer(page: &mut Page, kind: ReceiptType, accept: &Accept, turn: &Turn) {
    let note = accept.note.as_ref().map(|note| paragraph(note, 2048));
    pages::receipt(
        page,
        kind,
        Some(note.unwrap_or_else(|| accept.code.clone())),
        turn.at,
    );
    if let (Some(channel), Some(last)) = (&accept.channel_arn, page.receipts.last_mut()) {
        last.channel_arn.clone_from(channel);
    }
}

/// A person has read a page: the person's stages stop everywhere in the tree; an essential answer ends the whole.
fn read(turn: &mut Turn, page: &Page) {
    let contact = turn.state.contact_of(page).to_owned();
    let first = !turn
        .state
        .people
        .iter()
        .any(|who| who.contact_arn == contact && who.acknowledged.is_some());
    let mut stopped = Vec::new();
    for (number, who) in turn.state.people.iter_mut().enumerate() {
        if who.contact_arn == contact {
            who.acknowledged.get_or_insert(turn.at);
            stopped.push(number);
        }
    }
    if !first {
        return;
    }
    turn.fact(
        "page.acknowledged",
        json!({ "page": page.arn, "contact": contact }),
    );
    turn.notify(EngagementNotice::Acknowledged(pages::notice(
        &turn.state,
        page,
        turn.at,
    )));
    if turn.state.stopped.is_some() {
        return;
    }
    let essential = stopped.iter().any(|number| {
        turn.state
            .people
            .get(*number)
            .is_some_and(|who| who.essential)
    });
    let over = turn
        .state
        .escalation
        .as_ref()
        .is_none_or(|plan| plan.next >= plan.stages.len())
        && turn
            .state
            .people
            .iter()
            .all(|who| who.acknowledged.is_some());
    if essential || over {
        wrap_up::end(turn, "acknowledged");
        return;
    }
    cancel(turn, &stopped);
    progress::plan_the_end(turn);
}

/// Cancels the timers of the people in `stopped`.
fn cancel(turn: &mut Turn, stopped: &[usize]) {
    let theirs = |page: &&Page| stopped.contains(&page.person);
    let retries: Vec<String> = turn
        .state
        .pages
        .values()
        .filter(theirs)
        .map(|page| pages::retry_key(page.id))
        .collect();
    turn.cancel_timers(|key| {
        let person = key
            .strip_prefix("person/")
            .and_then(|rest| rest.split('/').next()?.parse().ok());
        person.is_some_and(|number| stopped.contains(&number))
            || retries.iter().any(|retry| retry == key)
    });
}
