//! How long to wait between attempts where a delivery policy says it.
//!
//! Retries come in four phases: at once, after the shortest wait, after growing waits, after the longest wait. Source:
//! "Amazon SNS message delivery retries", Amazon SNS Developer Guide.

use serde::{Deserialize, Serialize};

/// Longest wait of a policy, in seconds; also the longest time that all retries may take.
pub(super) const MAX_WAIT_SECS: u32 = 3_600;
/// Most retries of a policy.
pub(super) const MAX_RETRIES: u32 = 100;

/// The numbers of a delivery policy, in its own spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Pace {
    /// Shortest wait, in seconds.
    pub min_delay_target: u32,
    /// Longest wait, in seconds.
    pub max_delay_target: u32,
    /// Retries in all.
    pub num_retries: u32,
    /// Those after the longest wait, at the end.
    pub num_max_delay_retries: u32,
    /// Those without a wait, at the start.
    pub num_no_delay_retries: u32,
    /// Those after the shortest wait.
    pub num_min_delay_retries: u32,
    /// How the waits grow in between.
    pub backoff_function: Backoff,
}

/// How waits grow from the shortest to the longest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backoff {
    /// By the same amount each time.
    #[default]
    Linear,
    /// By an amount that grows by the same amount each time.
    Arithmetic,
    /// By the same factor each time.
    Geometric,
    /// By doubling.
    Exponential,
}

impl Default for Pace {
    /// What SNS does for web addresses: three retries, 20 seconds apart.
    fn default() -> Self {
        Self {
            min_delay_target: 20,
            max_delay_target: 20,
            num_retries: 3,
            num_max_delay_retries: 0,
            num_no_delay_retries: 0,
            num_min_delay_retries: 0,
            backoff_function: Backoff::Linear,
        }
    }
}

/// Why numbers are no policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PaceError {
    /// The waits are out of order or too long.
    #[error("minDelayTarget must be at least 1 and at most maxDelayTarget, which is at most 3600")]
    Waits,
    /// Too many retries.
    #[error("numRetries must be at most 100")]
    Retries,
    /// The phases have more retries than there are.
    #[error(
        "numNoDelayRetries, numMinDelayRetries and numMaxDelayRetries must be at most numRetries together"
    )]
    Phases,
    /// It takes too long.
    #[error("all retries together must take at most 3600 seconds")]
    Time,
}

impl Pace {
    /// Checks the numbers.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn check(&self) -> Result<(), PaceError> {
        let waits = self.min_delay_target..=self.max_delay_target;
        if self.min_delay_target < 1 || waits.is_empty() || self.max_delay_target > MAX_WAIT_SECS {
            return Err(PaceError::Waits);
        }
        if self.num_retries > MAX_RETRIES {
            return Err(PaceError::Retries);
        }
        let phases = [
            self.num_no_delay_retries,
            self.num_min_delay_retries,
            self.num_max_delay_retries,
        ];
        let phased = phases.into_iter().fold(0_u32, u32::saturating_add);
        if phased > self.num_retries {
            return Err(PaceError::Phases);
        }
        let all = (1..=self.num_retries).map(|retry| self.wait_secs(retry));
        if all.fold(0_u32, u32::saturating_add) > MAX_WAIT_SECS {
            return Err(PaceError::Time);
        }
        Ok(())
    }

    /// Seconds to wait before the retry of this number, from 1.
    #[must_use]
    pub fn wait_secs(&self, retry: u32) -> u32 {
        let (min, max) = (self.min_delay_target, self.max_delay_target);
        let Some(behind) = retry.checked_sub(self.num_no_delay_retries + 1) else {
            return 0;
        };
        let Some(step) = behind.checked_sub(self.num_min_delay_retries) else {
            return min;
        };
        let phased =
            self.num_no_delay_retries + self.num_min_delay_retries + self.num_max_delay_retries;
        let growing = self.num_retries.saturating_sub(phased);
        if step >= growing {
            return max;
        }
        grown(self.backoff_function, (min, max), (step, growing))
    }
}

/// The wait of step `step` of `steps`: the first is the shortest, the last the longest.
fn grown(by: Backoff, (min, max): (u32, u32), (step, steps): (u32, u32)) -> u32 {
    let last = f64::from(steps.saturating_sub(1).max(1));
    let part = f64::from(step) / last;
    let (low, high) = (f64::from(min), f64::from(max));
    let wait = match by {
        Backoff::Linear => low + (high - low) * part,
        // The sum of 1 to n grows as n * (n + 1).
        Backoff::Arithmetic => {
            let n = f64::from(step);
            low + (high - low) * (n * (n + 1.0)) / (last * (last + 1.0))
        }
        Backoff::Geometric => low * (high / low).powf(part),
        Backoff::Exponential => low * 2.0_f64.powf(f64::from(step)),
    };
    let nearest = wait.round().clamp(low, high);
    // INVARIANT: between two numbers of 32 bits.
    nearest as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(pace: &Pace) -> Vec<u32> {
        (1..=pace.num_retries)
            .map(|retry| pace.wait_secs(retry))
            .collect()
    }

    #[test]
    fn retries_come_in_phases() {
        assert_eq!(waits(&Pace::default()), [20, 20, 20]);
        let pace = Pace {
            min_delay_target: 2,
            max_delay_target: 32,
            num_retries: 10,
            num_no_delay_retries: 1,
            num_min_delay_retries: 2,
            num_max_delay_retries: 2,
            ..Pace::default()
        };
        assert_eq!(waits(&pace), [0, 2, 2, 2, 10, 17, 25, 32, 32, 32]);
        for (by, growing) in [
            (Backoff::Arithmetic, [2, 5, 11, 20, 32]),
            (Backoff::Geometric, [2, 4, 8, 16, 32]),
            (Backoff::Exponential, [2, 4, 8, 16, 32]),
        ] {
            let pace = Pace {
                backoff_function: by,
                ..pace
            };
            assert_eq!(waits(&pace).get(3..8), Some(&growing[..]), "{by:?}");
        }
    }

    #[test]
    fn numbers_have_limits() {
        let usual = Pace::default();
        assert_eq!(usual.check(), Ok(()));
        for (pace, why) in [
            (
                Pace {
                    min_delay_target: 0,
                    ..usual
                },
                PaceError::Waits,
            ),
            (
                Pace {
                    min_delay_target: 30,
                    ..usual
                },
                PaceError::Waits,
            ),
            (
                Pace {
                    max_delay_target: 3601,
                    ..usual
                },
                PaceError::Waits,
            ),
            (
                Pace {
                    num_retries: 101,
                    ..usual
                },
                PaceError::Retries,
            ),
            (
                Pace {
                    num_no_delay_retries: u32::MAX,
                    num_min_delay_retries: 2,
                    ..usual
                },
                PaceError::Phases,
            ),
            (
                Pace {
                    num_max_delay_retries: 4,
                    ..usual
                },
                PaceError::Phases,
            ),
            (
                Pace {
                    max_delay_target: 3600,
                    num_max_delay_retries: 2,
                    ..usual
                },
                PaceError::Time,
            ),
        ] {
            assert_eq!(pace.check(), Err(why));
        }
    }
}
