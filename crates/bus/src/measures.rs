//! What is counted of rules and targets, and the arithmetic on it: adding up, percentiles, statistics.
//!
//! The names and meanings of the numbers follow CloudWatch's namespace `AWS/Events`
//! (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html>). Knows neither where the numbers
//! come from nor where they are kept.

mod histogram;
mod statistic;

pub use histogram::{BOUNDS_MICROS, Histogram};
pub use statistic::{Metric, Statistic};

use serde::{Deserialize, Serialize};

/// Numbers of one series (everything, a bus, a rule or a target) over some time. A member that is zero is left out of
/// the stored form.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measures {
    /// Events taken in.
    #[serde(default, skip_serializing_if = "zero")]
    pub events: u64,
    /// Events that at least one rule matched (of a bus), or that this rule matched.
    #[serde(default, skip_serializing_if = "zero")]
    pub matched: u64,
    /// How often a rule matched an event: an event that two rules matched counts twice.
    #[serde(default, skip_serializing_if = "zero")]
    pub triggered: u64,
    /// Events handed over to a target.
    #[serde(default, skip_serializing_if = "zero")]
    pub delivered: u64,
    /// Events given up for a target, whether or not they went to a dead-letter queue.
    #[serde(default, skip_serializing_if = "zero")]
    pub failed: u64,
    /// Attempts that were a repeat.
    #[serde(default, skip_serializing_if = "zero")]
    pub retried: u64,
    /// Attempts that the target turned away because there were too many.
    #[serde(default, skip_serializing_if = "zero")]
    pub throttled: u64,
    /// Events given up that a dead-letter queue took.
    #[serde(default, skip_serializing_if = "zero")]
    pub dead_lettered: u64,
    /// Events given up that the dead-letter queue did not take either.
    #[serde(default, skip_serializing_if = "zero")]
    pub dead_letter_failed: u64,
    /// From intake to the start of the first attempt.
    #[serde(default, skip_serializing_if = "Histogram::is_empty")]
    pub start: Histogram,
    /// From intake to delivery.
    #[serde(default, skip_serializing_if = "Histogram::is_empty")]
    pub done: Histogram,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn zero(count: &u64) -> bool {
    *count == 0
}

/// What became of an event on its way to a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The first attempt begins, so many microseconds after the event was taken in.
    Started {
        /// Microseconds.
        waited: u64,
    },
    /// The target took it, so many microseconds after the event was taken in.
    Delivered {
        /// Microseconds.
        waited: u64,
    },
    /// It is given up.
    Failed,
    /// It is tried once more.
    Retried,
    /// The target said that there are too many.
    Throttled,
    /// Given up, and a dead-letter queue took it.
    DeadLettered,
    /// Given up, and the dead-letter queue did not take it either.
    DeadLetterFailed,
}

impl Measures {
    /// Counts what became of one event.
    pub fn note(&mut self, outcome: Outcome) {
        let count = match outcome {
            Outcome::Started { waited } => return self.start.note(waited),
            Outcome::Delivered { waited } => {
                self.done.note(waited);
                &mut self.delivered
            }
            Outcome::Failed => &mut self.failed,
            Outcome::Retried => &mut self.retried,
            Outcome::Throttled => &mut self.throttled,
            Outcome::DeadLettered => &mut self.dead_lettered,
            Outcome::DeadLetterFailed => &mut self.dead_letter_failed,
        };
        *count = count.saturating_add(1);
    }

    /// Whether nothing was counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Takes in the numbers of another span of time.
    pub fn add(&mut self, other: &Measures) {
        self.events = self.events.saturating_add(other.events);
        self.matched = self.matched.saturating_add(other.matched);
        self.add_part(other);
    }

    /// Takes in the numbers of a part: of a rule into its bus, say. What the whole counts for itself (events, and which
    /// of them matched at all) is left out, since one event may match several parts.
    pub fn add_part(&mut self, part: &Measures) {
        let pairs = [
            (&mut self.triggered, part.triggered),
            (&mut self.delivered, part.delivered),
            (&mut self.failed, part.failed),
            (&mut self.retried, part.retried),
            (&mut self.throttled, part.throttled),
            (&mut self.dead_lettered, part.dead_lettered),
            (&mut self.dead_letter_failed, part.dead_letter_failed),
        ];
        for (sum, more) in pairs {
            *sum = sum.saturating_add(more);
        }
        self.start.add(&part.start);
        self.done.add(&part.done);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stored_form_leaves_zeros_out_and_comes_back() {
        let mut measures = Measures {
            matched: 3,
            ..Measures::default()
        };
        assert_eq!(
            serde_json::to_string(&measures).expect("text"),
            r#"{"matched":3}"#
        );
        measures.done.note(1_500);
        measures.done.note(40);
        let text = serde_json::to_string(&measures).expect("text");
        assert_eq!(
            serde_json::from_str::<Measures>(&text).expect("read"),
            measures
        );
        let empty: Measures = serde_json::from_str("{}").expect("read");
        assert!(empty.is_empty());
    }

    #[test]
    fn outcomes_are_counted() {
        let mut of = Measures::default();
        for outcome in [
            Outcome::Started { waited: 5 },
            Outcome::Throttled,
            Outcome::Retried,
            Outcome::Delivered { waited: 9 },
            Outcome::Failed,
            Outcome::DeadLettered,
            Outcome::DeadLetterFailed,
        ] {
            of.note(outcome);
        }
        assert_eq!(
            (of.delivered, of.failed, of.retried, of.throttled),
            (1, 1, 1, 1)
        );
        assert_eq!((of.dead_lettered, of.dead_letter_failed), (1, 1));
        assert_eq!(
            (of.start.max_micros(), of.done.max_micros()),
            (Some(5), Some(9))
        );
    }

    #[test]
    fn a_part_adds_everything_but_what_the_whole_counts_itself() {
        let mut rule = Measures {
            events: 9,
            matched: 2,
            triggered: 2,
            delivered: 1,
            failed: 1,
            retried: 5,
            throttled: 4,
            dead_lettered: 1,
            dead_letter_failed: 1,
            ..Measures::default()
        };
        rule.start.note(10);
        let mut bus = Measures::default();
        bus.add_part(&rule);
        bus.add_part(&rule);
        assert_eq!((bus.events, bus.matched, bus.triggered), (0, 0, 4));
        assert_eq!(
            (bus.delivered, bus.failed, bus.retried, bus.throttled),
            (2, 2, 10, 8)
        );
        assert_eq!((bus.dead_lettered, bus.dead_letter_failed), (2, 2));
        assert_eq!(bus.start.count(), 2);
        let mut later = bus.clone();
        later.add(&rule);
        assert_eq!((later.events, later.matched, later.triggered), (9, 2, 6));
    }
}
