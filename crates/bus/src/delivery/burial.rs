//! What becomes of an event that its target does not take: a dead-letter queue gets it, or it is dropped and shown.

use jiff::{SignedDuration, Timestamp};
use model::text::one_line;
use model::{Context, Decision};

use super::outcome::Attempt;
use super::timing::wait;
use super::{
    BURY, BUSY_WAIT_MS, Command, Delivery, FIRST_WAIT_MS, FORGET, Failed, KEEP_DAYS, MAX_BURIALS,
    Status, dead_letter, decided, ended, next_effect,
};

/// The target will not have it: to the dead-letter queue, or dropped.
pub(super) fn give_up(
    mut delivery: Delivery,
    failed: Failed,
    cx: &Context,
) -> Decision<Delivery, Command> {
    delivery.failed = Some(failed);
    delivery.burials = 0;
    let fact = ended("delivery.gave_up", &delivery, cx);
    let mut decision = match delivery.dead_letter {
        Some(_) => bury(delivery, cx),
        None => dropped(delivery, cx),
    };
    decision.facts.insert(0, fact);
    decision
}

pub(super) fn bury(mut delivery: Delivery, cx: &Context) -> Decision<Delivery, Command> {
    delivery.status = Status::Burying;
    let Some(command) = dead_letter::command(&delivery) else {
        let arn = delivery.dead_letter.clone().unwrap_or_default();
        let why = format!("`{arn}` is not the ARN of a queue");
        return lose_queue(delivery, &why, cx);
    };
    delivery.burials += 1;
    let effect = next_effect(&mut delivery, cx);
    decided(delivery, vec![Command::Perform { effect, command }])
}

/// The queue did not take the event either: that goes into the error, and the event is dropped.
fn lose_queue(mut delivery: Delivery, why: &str, cx: &Context) -> Decision<Delivery, Command> {
    if let Some(failed) = &mut delivery.failed {
        let both = format!("{}; the dead-letter queue failed: {why}", failed.message);
        failed.message = one_line(&both, 1_000);
    }
    let fact = ended("delivery.lost_queue", &delivery, cx);
    let mut decision = dropped(delivery, cx);
    decision.facts.insert(0, fact);
    decision
}

pub(super) fn buried(
    mut delivery: Delivery,
    attempt: Attempt,
    cx: &Context,
) -> Decision<Delivery, Command> {
    match attempt {
        Attempt::Taken => {
            delivery.status = Status::DeadLettered;
            delivery.payload = None;
            let fact = ended("delivery.dead_lettered", &delivery, cx);
            let mut decision = decided(delivery, vec![forget_later(cx.at)]);
            decision.facts.push(fact);
            decision
        }
        Attempt::Never(failed) => lose_queue(delivery, &failed.message, cx),
        Attempt::Again(failed) if delivery.burials >= MAX_BURIALS => {
            lose_queue(delivery, &failed.message, cx)
        }
        Attempt::Again(_) => bury_later(delivery, FIRST_WAIT_MS, cx),
        Attempt::NotTried => {
            delivery.burials = delivery.burials.saturating_sub(1);
            bury_later(delivery, BUSY_WAIT_MS, cx)
        }
    }
}

fn bury_later(delivery: Delivery, first_ms: u64, cx: &Context) -> Decision<Delivery, Command> {
    let wait = wait(first_ms, delivery.burials, cx);
    let due = cx.at.checked_add(wait).unwrap_or(cx.at);
    let key = BURY.to_owned();
    decided(delivery, vec![Command::SetTimer { key, due }])
}

fn dropped(mut delivery: Delivery, cx: &Context) -> Decision<Delivery, Command> {
    delivery.status = Status::Dropped;
    let fact = ended("delivery.dropped", &delivery, cx);
    let mut decision = decided(delivery, vec![forget_later(cx.at)]);
    decision.facts.push(fact);
    decision
}

fn forget_later(at: Timestamp) -> Command {
    let keep = SignedDuration::from_hours(24 * KEEP_DAYS);
    Command::SetTimer {
        key: FORGET.to_owned(),
        due: at.checked_add(keep).unwrap_or(Timestamp::MAX),
    }
}
