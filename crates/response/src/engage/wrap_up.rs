//! The end of an engagement.

use model::Decision;
use serde_json::json;

use super::progress::Turn;
use super::state::{Engagement, ReceiptType, Stopped};
use super::{Command, EngagementNotice, pages};
use model::Context;
use model::text::one_line;

/// `StopEngagement`; a second one changes nothing.
pub(super) fn stop(
    state: &Engagement,
    reason: Option<String>,
    cx: &Context,
) -> Decision<Engagement, Command> {
    if state.stopped.is_some() {
        let mut decision = Decision::unchanged(state.clone());
        decision.reply = json!({});
        return decision;
    }
    let mut turn = Turn::new(state, cx);
    let reason = reason
        .map(|reason| one_line(&reason, 255))
        .filter(|reason| !reason.is_empty());
    end(&mut turn, reason.as_deref().unwrap_or("stopped"));
    let mut decision = turn.decide();
    decision.reply = json!({});
    decision
}

/// Ends the engagement: no timer stays, unanswered pages get a STOP receipt, the incident is told.
pub(super) fn end(turn: &mut Turn, reason: &str) {
    if turn.state.stopped.is_some() {
        return;
    }
    turn.state.stopped = Some(Stopped {
        at: turn.at,
        reason: reason.to_owned(),
    });
    turn.cancel_timers(|_| true);
    let open: Vec<_> = turn
        .state
        .pages
        .values()
        .filter(|page| page.read.is_none())
        .cloned()
        .collect();
    for mut page in open {
        pages::receipt(
            &mut page,
            ReceiptType::Stop,
            Some(reason.to_owned()),
            turn.at,
        );
        turn.touch(page);
    }
    turn.fact("engagement.ended", json!({ "reason": reason }));
    turn.notify(EngagementNotice::Ended(turn.end_notice(reason)));
}
