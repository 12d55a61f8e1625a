//! The retry quota: repeats cost tokens, successes bring them back, so that a service in trouble is not flooded.
//!
//! Source: SDK reference guide, "Retry behavior", standard mode: 500 tokens, 5 for a repeat, 10 after a time-out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::gate::Scope;

const CAPACITY: u32 = 500;
const REPEAT: u32 = 5;
const REPEAT_AFTER_TIMEOUT: u32 = 10;
/// A success without a repeat brings back this much.
const SUCCESS: u32 = 1;
/// Buckets kept; a full one says nothing and is dropped, beyond this number any is.
const KEPT: usize = 4096;

/// One bucket for each scope.
#[derive(Debug, Default)]
pub(super) struct Quotas {
    /// Tokens left, of buckets that are not full.
    left: Mutex<HashMap<Arc<Scope>, u32>>,
}

/// What the last repeat of a call cost; a success refunds it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Charge(u32);

impl Quotas {
    /// Pays for a repeat; `None` when the bucket has not enough.
    pub(super) fn charge(&self, scope: &Arc<Scope>, after_timeout: bool) -> Option<Charge> {
        let cost = if after_timeout {
            REPEAT_AFTER_TIMEOUT
        } else {
            REPEAT
        };
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let have = left.get(scope).copied().unwrap_or(CAPACITY);
        let rest = have.checked_sub(cost)?;
        if left.len() >= KEPT && !left.contains_key(scope) {
            // Forgetting a bucket refills it, which errs on the generous side.
            let victim = left.keys().next().cloned();
            victim.map(|victim| left.remove(&victim));
        }
        left.insert(Arc::clone(scope), rest);
        Some(Charge(cost))
    }

    /// A call succeeded.
    pub(super) fn refund(&self, scope: &Arc<Scope>, charge: Charge) {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(have) = left.get_mut(scope) else {
            return;
        };
        *have = have.saturating_add(charge.0.max(SUCCESS)).min(CAPACITY);
        if *have == CAPACITY {
            left.remove(scope);
        }
    }

    #[cfg(test)]
    fn left(&self, scope: &Arc<Scope>) -> u32 {
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        left.get(scope).copied().unwrap_or(CAPACITY)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scope(service: &str) -> Arc<Scope> {
        Arc::new(Scope {
            account: "1".to_owned(),
            region: "r".to_owned(),
            service: service.to_owned(),
        })
    }

    #[test]
    fn a_hundred_repeats_empty_a_bucket_and_leave_others_alone() {
        let quotas = Quotas::default();
        let (ec2, iam) = (scope("ec2"), scope("iam"));
        for _ in 0..100 {
            assert!(quotas.charge(&ec2, false).is_some());
        }
        assert!(quotas.charge(&ec2, false).is_none());
        assert!(quotas.charge(&iam, true).is_some());
        assert_eq!(quotas.left(&iam), 490);
        for _ in 0..5 {
            quotas.refund(&ec2, Charge::default());
        }
        assert!(quotas.charge(&ec2, true).is_none(), "10 are needed");
        assert!(quotas.charge(&ec2, false).is_some());
    }

    #[test]
    fn idle_buckets_are_not_kept() {
        let quotas = Quotas::default();
        let ec2 = scope("ec2");
        let charge = quotas.charge(&ec2, true).expect("full");
        quotas.refund(&ec2, charge);
        assert!(quotas.left.lock().unwrap().is_empty());
        for i in 0..KEPT + 10 {
            quotas.charge(&scope(&i.to_string()), false);
        }
        assert_eq!(quotas.left.lock().unwrap().len(), KEPT);
    }

    proptest! {
        #[test]
        fn a_bucket_never_exceeds_its_capacity_nor_gives_what_it_has_not(steps in prop::collection::vec(0_u8..3, 0..400)) {
            let quotas = Quotas::default();
            let ec2 = scope("ec2");
            let mut charge = Charge::default();
            for step in steps {
                let before = quotas.left(&ec2);
                match step {
                    0 | 1 => match quotas.charge(&ec2, step == 1) {
                        Some(paid) => {
                            prop_assert_eq!(quotas.left(&ec2), before - paid.0);
                            charge = paid;
                        }
                        None => {
                            let cost = if step == 1 { REPEAT_AFTER_TIMEOUT } else { REPEAT };
                            prop_assert!(before < cost);
                        }
                    },
                    _ => quotas.refund(&ec2, std::mem::take(&mut charge)),
                }
                prop_assert!(quotas.left(&ec2) <= CAPACITY);
            }
        }
    }
}
