//! The schedule machine: when the rule of a `ScheduleExpression` fires.
//!
//! | State | Input | Next | Commands |
//! |---|---|---|---|
//! | none, set | `Set` | set | `SetTimer(due)`, or `CancelTimer(due)` when it is disabled or never fires again |
//! | set | `Due`, in time | set | `Fire`, `SetTimer(due)` |
//! | set | `Due`, after a gap | set | by [`Missed`]: `Fire` once or not at all; `SetTimer(due)` |
//! | set | `Due`, too early or prepared for something else | set | `SetTimer(due)` |
//! | set | `Clear` | none | `CancelTimer(due)` |
//! | none | `Clear`, `Due` | none | – |
//!
//! A firing is known by its due instant. None is ever fired twice: an instant at or before the last one fired is past,
//! whatever the clock says. It must not know targets: what a firing gives to whom is the engine's business.

use jiff::{SignedDuration, Timestamp};
use model::frames::{self, RestoreError};
use model::{Context, Decision, Fact, FrameWrite, Rejection};
use rules::Schedule as Expression;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The key of the only timer.
const DUE: &str = "due";
/// A firing that is noticed within this time after it was due is in time.
const IN_TIME: SignedDuration = SignedDuration::from_mins(1);

/// The schedule of one rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// The rule and its schedule, as last set.
    pub plan: Plan,
    /// When this expression was put: rates count from here.
    pub since: Timestamp,
    /// The next firing; `None` when the rule is disabled or never fires again.
    #[serde(default)]
    pub next: Option<Timestamp>,
    /// The latest due instant that is settled, fired or skipped.
    #[serde(default)]
    pub settled: Option<Timestamp>,
}

/// What a rule says about its schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The rule's bus.
    pub bus: String,
    /// The rule's name.
    pub rule: String,
    /// The schedule's text.
    pub expression: String,
    /// Whether the rule is enabled.
    pub enabled: bool,
}

/// What becomes of firings that were due while nobody was there to fire them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Missed {
    /// All of a gap together fire once, as the last of them.
    #[default]
    Once,
    /// They do not fire.
    Skip,
}

/// What can happen to a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Input {
    /// The rule was put, enabled or disabled.
    Set {
        /// What it says now.
        plan: Plan,
        /// When.
        at: Timestamp,
    },
    /// The rule is gone, or has no schedule any more.
    Clear,
    /// The timer is due.
    Due {
        /// When that was noticed.
        at: Timestamp,
        /// What to do with missed firings.
        missed: Missed,
        /// The due instant for which deliveries were prepared: what [`Schedule::firing`] said at `at`.
        prepared: Option<Timestamp>,
    },
}

/// All that a schedule asks of the world.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Command {
    /// Give the rule's targets the scheduled event that was prepared.
    Fire {
        /// The instant at which it was due.
        due: Timestamp,
    },
    /// Set a timer.
    SetTimer {
        /// Key.
        key: String,
        /// When.
        due: Timestamp,
    },
    /// Cancel a timer.
    CancelTimer {
        /// Key.
        key: String,
    },
}

impl Schedule {
    /// Reads the stored frames.
    ///
    /// # Errors
    /// [`RestoreError`] when the root is missing, newer than this program or damaged.
    pub fn restore(frames: Vec<(String, Value)>) -> Result<Self, RestoreError> {
        frames::root(&frames)
    }

    /// The due instant to fire at `at`, if any.
    #[must_use]
    pub fn firing(&self, at: Timestamp, missed: Missed) -> Option<Timestamp> {
        let last = self.last_due(at)?;
        let in_time = at.duration_since(last) < IN_TIME;
        (in_time || missed == Missed::Once).then_some(last)
    }

    /// What is left in memory of a schedule that is gone: nothing of it counts for the next one.
    fn cleared(&self) -> Self {
        let plan = Plan {
            expression: String::new(),
            enabled: false,
            ..self.plan.clone()
        };
        Self {
            plan,
            next: None,
            ..self.clone()
        }
    }

    fn is_cleared(&self) -> bool {
        self.plan.expression.is_empty()
    }

    /// The last instant at or before `at` that is due and not settled.
    fn last_due(&self, at: Timestamp) -> Option<Timestamp> {
        let next = self.next.filter(|next| *next <= at)?;
        let later = self.expression()?.last_between(next, at, self.since);
        Some(later.unwrap_or(next))
    }

    fn expression(&self) -> Option<Expression> {
        Expression::parse(&self.plan.expression).ok()
    }

    /// The first instant to fire after `at`: never one that is settled, even when the clock was set back.
    fn next_after(&self, at: Timestamp) -> Option<Timestamp> {
        let after = self.settled.map_or(at, |settled| settled.max(at));
        let enabled = self.plan.enabled.then(|| self.expression()).flatten()?;
        enabled.next_after(after, self.since)
    }
}

/// Decides what an input makes of a schedule.
///
/// # Errors
/// [`Rejection::Invalid`] for an expression that is none, [`Rejection::NotFound`] without a state.
pub fn step(
    state: Option<&Schedule>,
    input: Input,
    cx: &Context,
) -> Result<Decision<Schedule, Command>, Rejection> {
    let state = state.filter(|state| !state.is_cleared());
    match (state, input) {
        (state, Input::Set { plan, at }) => set(state, plan, at),
        (Some(state), Input::Clear) => Ok(clear(state)),
        (
            Some(state),
            Input::Due {
                at,
                missed,
                prepared,
            },
        ) => Ok(due(state, (at, missed), prepared)),
        (None, Input::Clear | Input::Due { .. }) => {
            Err(Rejection::not_found("SCHEDULE", cx.id.to_string()))
        }
    }
}

fn set(
    state: Option<&Schedule>,
    plan: Plan,
    at: Timestamp,
) -> Result<Decision<Schedule, Command>, Rejection> {
    Expression::parse(&plan.expression)
        .map_err(|error| Rejection::invalid("ScheduleExpression", error.to_string()))?;
    // Enabled again or put again with the same text, a rate keeps its beat.
    let same = state.filter(|state| state.plan.expression == plan.expression);
    let mut schedule = Schedule {
        plan,
        since: same.map_or(at, |same| same.since),
        next: None,
        settled: state.and_then(|state| state.settled),
    };
    schedule.next = schedule.next_after(at);
    let fact = json!({ "rule": schedule.plan.rule, "expression": schedule.plan.expression,
        "enabled": schedule.plan.enabled, "next": schedule.next });
    let mut decision = decided(schedule, Vec::new());
    decision.facts.push(Fact::new("schedule.set", fact));
    Ok(decision)
}

fn clear(state: &Schedule) -> Decision<Schedule, Command> {
    let mut decision = Decision::unchanged(state.cleared());
    decision.frames = vec![FrameWrite::delete("")];
    decision.commands = vec![Command::CancelTimer {
        key: DUE.to_owned(),
    }];
    decision.facts.push(Fact::new(
        "schedule.cleared",
        json!({ "rule": state.plan.rule }),
    ));
    decision
}

fn due(
    state: &Schedule,
    (at, missed): (Timestamp, Missed),
    prepared: Option<Timestamp>,
) -> Decision<Schedule, Command> {
    let firing = state.firing(at, missed);
    let Some(last) = state.last_due(at).filter(|_| firing == prepared) else {
        // Too early, or prepared before the rule changed: the timer stands where it stood.
        return decided(state.clone(), Vec::new());
    };
    let mut schedule = Schedule {
        settled: Some(last),
        ..state.clone()
    };
    schedule.next = schedule.next_after(at);
    let late = at.duration_since(last).as_secs();
    let fact = json!({ "rule": schedule.plan.rule, "due": last, "late_secs": late,
        "first_due": state.next, "next": schedule.next });
    let (name, commands) = match firing {
        Some(due) => ("schedule.fired", vec![Command::Fire { due }]),
        None => ("schedule.skipped", Vec::new()),
    };
    let mut decision = decided(schedule, commands);
    decision.facts.push(Fact::new(name, fact));
    decision
}

/// The decision for a schedule, with its timer.
fn decided(schedule: Schedule, mut commands: Vec<Command>) -> Decision<Schedule, Command> {
    let key = DUE.to_owned();
    commands.push(match schedule.next {
        Some(due) => Command::SetTimer { key, due },
        None => Command::CancelTimer { key },
    });
    let mut decision = Decision::unchanged(schedule);
    decision.frames.push(frames::put("", &decision.state));
    decision.commands = commands;
    decision
}

#[cfg(test)]
mod tests;
