//! One turn of an engagement, and the stages that its timers start.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use model::contact::{Contact, ContactTarget, ContactType, Stage, Target};
use model::ids::Entropy;
use model::{Decision, Fact, IndexEntry};
use serde_json::{Value, json};
use uuid::Uuid;

use super::state::{Engagement, Hop, Page, Person};
use super::{Command, Directory, EndNotice, EngagementNotice, pages, wrap_up};
use model::{Context, frames};

/// The shortest time, in minutes, between the last stage and saying that nobody answered.
const LAST_WAIT_MINUTES: i64 = 5;
/// The key of the timer that says so.
pub(super) const UNANSWERED: &str = "unanswered";

/// What one turn gathers.
pub(super) struct Turn {
    pub(super) state: Engagement,
    pub(super) at: Timestamp,
    pub(super) entropy: Entropy,
    pub(super) commands: Vec<Command>,
    facts: Vec<Fact>,
    index: Vec<IndexEntry>,
    touched: BTreeSet<Uuid>,
}

impl Turn {
    pub(super) fn new(state: &Engagement, cx: &Context) -> Self {
        Self {
            state: state.clone(),
            at: model::incident::epoch::to_millis(cx.at),
            entropy: cx.entropy,
            commands: Vec::new(),
            facts: Vec::new(),
            index: Vec::new(),
            touched: BTreeSet::new(),
        }
    }

    pub(super) fn fact(&mut self, name: &str, body: Value) {
        self.facts.push(Fact::new(name, body));
    }

    pub(super) fn index(&mut self, name: &str, value: impl Into<String>) {
        let entry = IndexEntry {
            name: name.to_owned(),
            value: value.into(),
        };
        if !self.index.contains(&entry) {
            self.index.push(entry);
        }
    }

    /// Puts a page (back) and marks its frame for writing.
    pub(super) fn touch(&mut self, page: Page) {
        self.touched.insert(page.id);
        self.state.pages.insert(page.id, page);
    }

    pub(super) fn notify(&mut self, notice: EngagementNotice) {
        if let Some(incident) = self.state.incident {
            self.commands
                .push(Command::NotifyIncident { incident, notice });
        }
    }

    pub(super) fn set_timer(&mut self, key: String, from: Timestamp, after: SignedDuration) {
        let due = from.checked_add(after).unwrap_or(Timestamp::MAX);
        self.state.timers.insert(key.clone());
        self.commands.push(Command::SetTimer { key, due });
    }

    pub(super) fn cancel_timers(&mut self, matches: impl Fn(&str) -> bool) {
        let keys: Vec<String> = self
            .state
            .timers
            .iter()
            .filter(|key| matches(key))
            .cloned()
            .collect();
        for key in keys {
            self.state.timers.remove(&key);
            self.commands.push(Command::CancelTimer { key });
        }
    }

    pub(super) fn end_notice(&self, reason: &str) -> EndNotice {
        EndNotice {
            engagement: self.state.id,
            engagement_arn: self.state.arn.clone(),
            contact_arn: self.state.contact_arn.clone(),
            at: self.at,
            reason: reason.to_owned(),
        }
    }

    pub(super) fn decide(self) -> Decision<Engagement, Command> {
        let mut decision = Decision::unchanged(self.state);
        decision.frames.push(frames::put("", &decision.state));
        for id in &self.touched {
            if let Some(page) = decision.state.pages.get(id) {
                decision
                    .frames
                    .push(frames::put(&format!("page/{id}"), page));
            }
        }
        decision.commands = self.commands;
        decision.facts = self.facts;
        decision.index = self.index;
        decision
    }
}

/// A timer is due. One that is no longer set (cancelled while it was on its way) changes nothing.
pub(super) fn timer(
    state: &Engagement,
    key: &str,
    directory: &Directory,
    cx: &Context,
) -> Decision<Engagement, Command> {
    if state.stopped.is_some() || !state.timers.contains(key) {
        return Decision::unchanged(state.clone());
    }
    let mut turn = Turn::new(state, cx);
    turn.state.timers.remove(key);
    let mut parts = key.split('/');
    match (parts.next(), parts.next()) {
        (Some("escalation"), _) => escalate(&mut turn, directory),
        (Some("person"), Some(number)) => {
            if let Ok(person) = number.parse() {
                advance(&mut turn, person, directory);
            }
        }
        (Some("retry"), Some(page)) => {
            if let Ok(page) = Uuid::parse_str(page) {
                pages::retry(&mut turn, page);
            }
        }
        (Some(UNANSWERED), _) => unanswered(&mut turn),
        _ => {}
    }
    plan_the_end(&mut turn);
    turn.decide()
}

/// The time from the start of a plan to the start of stage `index`.
fn offset(stages: &[Stage], index: usize) -> SignedDuration {
    let minutes = stages
        .iter()
        .take(index)
        .map(|stage| stage.duration_in_minutes.clamp(0, 30))
        .sum();
    SignedDuration::from_mins(minutes)
}

fn instant(from: Timestamp, after: SignedDuration) -> Timestamp {
    from.checked_add(after).unwrap_or(Timestamp::MAX)
}

/// Starts every escalation stage that is due and sets the timer of the one behind.
pub(super) fn escalate(turn: &mut Turn, directory: &Directory) {
    while turn.state.stopped.is_none() {
        let from = turn.state.started;
        let Some(escalation) = &mut turn.state.escalation else {
            return;
        };
        let index = escalation.next;
        let Some(stage) = escalation.stages.get(index).cloned() else {
            return;
        };
        let after = offset(&escalation.stages, index);
        if instant(from, after) > turn.at {
            turn.set_timer(format!("escalation/{index}"), from, after);
            return;
        }
        escalation.next += 1;
        turn.fact("engagement.stage.started", json!({ "stage": index }));
        for target in &stage.targets {
            if let Target::Contact(target) = target {
                engage_target(turn, index, target, directory);
            }
        }
    }
}

/// Engages one target of an escalation stage. Deleted contacts, schedules without rotations and contacts without
/// stages are passed over.
fn engage_target(turn: &mut Turn, stage: usize, target: &ContactTarget, directory: &Directory) {
    let Some(contact) = target
        .contact_id
        .as_ref()
        .and_then(|arn| directory.contacts.get(arn))
    else {
        return;
    };
    if contact.kind != ContactType::Personal || turn.state.stopped.is_some() {
        return;
    }
    let answered = |person: &Person| {
        person.contact_arn == contact.contact_arn && person.acknowledged.is_some()
    };
    if turn.state.people.iter().any(answered) {
        // Whoever has answered is not asked again; where the plan waits for this person's answer, it has it.
        if target.is_essential {
            wrap_up::end(turn, "acknowledged");
        }
        return;
    }
    let hop = Hop {
        contact_arn: turn.state.contact_arn.clone(),
        kind: ContactType::Escalation,
        stage,
    };
    engage_person(turn, contact, vec![hop], target.is_essential);
    let person = turn.state.people.len().saturating_sub(1);
    advance(turn, person, directory);
}

/// Adds a person whose plan begins now.
pub(super) fn engage_person(turn: &mut Turn, contact: &Contact, path: Vec<Hop>, essential: bool) {
    turn.index("contact", contact.contact_arn.clone());
    turn.state.people.push(Person {
        contact_arn: contact.contact_arn.clone(),
        alias: contact.alias.clone(),
        path,
        essential,
        stages: contact.plan.stages().to_vec(),
        next: 0,
        started: turn.at,
        acknowledged: None,
    });
}

/// Starts every stage of a person that is due and sets the timer of the one behind.
pub(super) fn advance(turn: &mut Turn, person: usize, directory: &Directory) {
    loop {
        let Some(who) = turn.state.people.get_mut(person) else {
            return;
        };
        if who.acknowledged.is_some() || turn.state.stopped.is_some() {
            return;
        }
        let index = who.next;
        let Some(stage) = who.stages.get(index).cloned() else {
            return;
        };
        let (from, after) = (who.started, offset(&who.stages, index));
        if instant(from, after) > turn.at {
            turn.set_timer(format!("person/{person}/{index}"), from, after);
            return;
        }
        who.next += 1;
        for target in &stage.targets {
            if let Target::Channel(target) = target {
                pages::start(turn, person, index, target, directory);
            }
        }
    }
}

/// Once every stage has started, sets the timer that says that nobody answered.
pub(super) fn plan_the_end(turn: &mut Turn) {
    let state = &turn.state;
    let begun = state
        .escalation
        .as_ref()
        .is_none_or(|plan| plan.next >= plan.stages.len())
        && state
            .people
            .iter()
            .all(|who| who.acknowledged.is_some() || who.next >= who.stages.len());
    if !begun
        || state.stopped.is_some()
        || state.unanswered.is_some()
        || state.timers.contains(UNANSWERED)
    {
        return;
    }
    let whole = |stages: &[Stage], from| instant(from, offset(stages, stages.len()));
    let waiting = state.people.iter().filter(|who| who.acknowledged.is_none());
    let ends = waiting.map(|who| whole(&who.stages, who.started));
    let plan_end = state
        .escalation
        .as_ref()
        .map(|plan| whole(&plan.stages, state.started));
    let least = instant(turn.at, SignedDuration::from_mins(LAST_WAIT_MINUTES));
    let due = ends
        .chain(plan_end)
        .max()
        .map_or(least, |end| end.max(least));
    turn.set_timer(UNANSWERED.to_owned(), due, SignedDuration::ZERO);
}

fn unanswered(turn: &mut Turn) {
    if turn
        .state
        .people
        .iter()
        .any(|person| person.acknowledged.is_some())
    {
        // Every stage has run and somebody has answered, although nobody whose answer would have ended it sooner.
        wrap_up::end(turn, "acknowledged");
        return;
    }
    turn.state.unanswered = Some(turn.at);
    let reason = if turn.state.pages.is_empty() {
        "nobody could be paged: no person of the plan has an activated channel"
    } else {
        "the whole plan ran and nobody acknowledged"
    };
    turn.fact("engagement.unanswered", json!({ "reason": reason }));
    turn.notify(EngagementNotice::Unanswered(turn.end_notice(reason)));
}
