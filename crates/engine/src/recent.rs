//! The last events of each bus, in memory only: for the question which of them nearly matched a rule.
//!
//! Keeping an event costs the same whatever rules there are; rules are held against events when somebody asks.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use jiff::Timestamp;
use model::Scope;
use rules::{Event, Explanation, Pattern};
use uuid::Uuid;

/// Events looked at before others get their chance.
const AT_ONCE: usize = 16;

/// How much is kept of each bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecentLimits {
    /// Events; 0 keeps none.
    pub events: usize,
    /// Bytes of their texts.
    pub bytes: usize,
}

type BusKey = (Scope, String);

/// The last events of every bus that has rules.
pub(crate) struct Recent {
    limits: RecentLimits,
    buses: RwLock<HashMap<BusKey, Arc<Mutex<Ring>>>>,
}

#[derive(Default)]
struct Ring {
    events: VecDeque<Kept>,
    bytes: usize,
}

#[derive(Clone)]
struct Kept {
    id: Uuid,
    at: Timestamp,
    text: Arc<str>,
}

/// An event that did not match a rule, with the reasons.
#[derive(Debug, Clone, PartialEq)]
pub struct NearMiss {
    /// The event's id.
    pub id: Uuid,
    /// When it was taken in.
    pub at: Timestamp,
    /// The whole event as JSON text.
    pub text: Arc<str>,
    /// What was wanted and what was found.
    pub explanation: Explanation,
}

/// What the last events of a bus say about a rule.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NearMisses {
    /// Events looked at.
    pub looked_at: usize,
    /// Those of them that match the rule's pattern as it is now.
    pub matching: usize,
    /// When the oldest of them was taken in.
    pub since: Option<Timestamp>,
    /// Those that do not match: fewest failing fields first, then the newest.
    pub misses: Vec<NearMiss>,
}

impl Recent {
    pub(crate) fn new(limits: RecentLimits) -> Self {
        Self {
            limits,
            buses: RwLock::default(),
        }
    }

    /// Keeps an event, and lets the oldest go.
    pub(crate) fn keep(&self, scope: &Scope, bus: &str, (id, at): (Uuid, Timestamp), text: String) {
        if self.limits.events == 0 || text.len() > self.limits.bytes {
            return;
        }
        let kept = Kept {
            id,
            at,
            text: text.into(),
        };
        let ring = self.ring(scope, bus).unwrap_or_else(|| {
            let mut buses = self.buses.write().unwrap_or_else(PoisonError::into_inner);
            let key = (scope.clone(), bus.to_owned());
            Arc::clone(buses.entry(key).or_default())
        });
        let mut ring = ring.lock().unwrap_or_else(PoisonError::into_inner);
        ring.bytes += kept.text.len();
        ring.events.push_back(kept);
        while ring.events.len() > self.limits.events || ring.bytes > self.limits.bytes {
            let Some(oldest) = ring.events.pop_front() else {
                break;
            };
            ring.bytes -= oldest.text.len();
        }
    }

    fn ring(&self, scope: &Scope, bus: &str) -> Option<Arc<Mutex<Ring>>> {
        let buses = self.buses.read().unwrap_or_else(PoisonError::into_inner);
        buses.get(&(scope.clone(), bus.to_owned())).map(Arc::clone)
    }

    /// Holds the last events of a bus against a pattern; at most `limit` misses are told.
    pub(crate) async fn near_misses(
        &self,
        (scope, bus): (&Scope, &str),
        pattern: &Pattern,
        limit: usize,
    ) -> NearMisses {
        let events: Vec<Kept> = self.ring(scope, bus).map_or_else(Vec::new, |ring| {
            let ring = ring.lock().unwrap_or_else(PoisonError::into_inner);
            ring.events.iter().rev().cloned().collect()
        });
        let mut found = NearMisses {
            looked_at: events.len(),
            since: events.last().map(|oldest| oldest.at),
            ..NearMisses::default()
        };
        for (number, kept) in events.into_iter().enumerate() {
            if number % AT_ONCE == AT_ONCE - 1 {
                tokio::task::yield_now().await;
            }
            // What was accepted can be read: an error would be a fault of this program, not of the rule.
            let Ok(event) = Event::parse(&kept.text) else {
                continue;
            };
            let explanation = rules::explain(pattern, &event);
            if explanation.matches {
                found.matching += 1;
                continue;
            }
            // Newest first, and so behind all that fail as little.
            let place = found
                .misses
                .partition_point(|miss| miss.explanation.failed <= explanation.failed);
            if place < limit {
                let Kept { id, at, text } = kept;
                found.misses.insert(
                    place,
                    NearMiss {
                        id,
                        at,
                        text,
                        explanation,
                    },
                );
                found.misses.truncate(limit);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here() -> Scope {
        Scope::new("123456789012", "eu-central-1")
    }

    fn keep(recent: &Recent, bus: &str, number: u8, text: &str) {
        let at = Timestamp::from_second(i64::from(number)).expect("in range");
        let id = Uuid::from_bytes([number; 16]);
        recent.keep(&here(), bus, (id, at), text.to_owned());
    }

    async fn ask(recent: &Recent, bus: &str, pattern: &str, limit: usize) -> (Vec<u8>, NearMisses) {
        let pattern = Pattern::parse(pattern).expect("a pattern");
        let here = here();
        let found = recent.near_misses((&here, bus), &pattern, limit).await;
        let ids = found.misses.iter().map(|miss| miss.id.as_bytes()[0]);
        (ids.collect(), found)
    }

    #[tokio::test]
    async fn the_nearest_come_first_and_the_newest_of_them() {
        let recent = Recent::new(RecentLimits {
            events: 100,
            bytes: 100_000,
        });
        keep(&recent, "a", 1, r#"{"x":1,"y":2}"#);
        keep(&recent, "a", 2, r#"{"x":9}"#);
        keep(&recent, "a", 3, r#"{"x":1}"#);
        keep(&recent, "a", 4, r#"{"x":1,"y":3}"#);
        keep(&recent, "b", 5, r#"{"x":1}"#);
        let pattern = r#"{"x":[1],"y":[2]}"#;
        let (ids, found) = ask(&recent, "a", pattern, 10).await;
        assert_eq!(ids, [4, 3, 2]);
        assert_eq!((found.looked_at, found.matching), (4, 1));
        assert_eq!(found.since.map(Timestamp::as_second), Some(1));
        assert_eq!(ask(&recent, "a", pattern, 2).await.0, [4, 3]);
        assert_eq!(ask(&recent, "c", pattern, 2).await.1, NearMisses::default());
    }

    #[tokio::test]
    async fn what_is_kept_is_bounded_by_number_and_bytes() {
        let text = |number: u8| format!(r#"{{"x":"{}"}}"#, number.to_string().repeat(100));
        let size = text(1).len();
        let recent = Recent::new(RecentLimits {
            events: 3,
            bytes: 10 * size,
        });
        (1..=9).for_each(|number| keep(&recent, "a", number, &text(number)));
        assert_eq!(ask(&recent, "a", r#"{"x":[1]}"#, 10).await.0, [9, 8, 7]);
        let recent = Recent::new(RecentLimits {
            events: 100,
            bytes: 2 * size + 1,
        });
        (1..=9).for_each(|number| keep(&recent, "a", number, &text(number)));
        keep(&recent, "a", 10, &"x".repeat(2 * size + 2));
        assert_eq!(ask(&recent, "a", r#"{"x":[1]}"#, 10).await.0, [9, 8]);
        let none = Recent::new(RecentLimits {
            events: 0,
            bytes: 1_000,
        });
        keep(&none, "a", 1, "{}");
        assert_eq!(ask(&none, "a", r#"{"x":[1]}"#, 10).await.1.looked_at, 0);
    }
}
