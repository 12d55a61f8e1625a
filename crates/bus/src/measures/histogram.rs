//! Durations in buckets of fixed bounds: constant size, so that a minute and a fortnight cost the same.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Upper bounds of the buckets in microseconds, each included; one more bucket holds what is longer. A percentile is
/// off by at most the width of its bucket: a third to a half of its value.
pub const BOUNDS_MICROS: [u64; BOUNDS] = [
    100,
    200,
    500,
    1_000,
    2_000,
    3_000,
    5_000,
    7_000,
    10_000,
    15_000,
    20_000,
    30_000,
    50_000,
    70_000,
    100_000,
    150_000,
    200_000,
    300_000,
    500_000,
    700_000,
    1_000_000,
    1_500_000,
    2_000_000,
    3_000_000,
    5_000_000,
    7_000_000,
    10_000_000,
    20_000_000,
    30_000_000,
    60_000_000,
    300_000_000,
    900_000_000,
    3_600_000_000,
    14_400_000_000,
    86_400_000_000,
];
const BOUNDS: usize = 35;
const BUCKETS: usize = BOUNDS + 1;

/// Durations counted by length.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Histogram(Option<Box<Filled>>);

/// A histogram with at least one duration in it.
#[derive(Clone, PartialEq, Eq)]
struct Filled {
    count: u64,
    sum: u64,
    min: u64,
    max: u64,
    buckets: [u64; BUCKETS],
}

impl std::fmt::Debug for Histogram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Histogram")
            .field("count", &self.count())
            .field("sum_micros", &self.sum_micros())
            .finish_non_exhaustive()
    }
}

impl Histogram {
    /// Whether there is no duration in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Counts one duration, in microseconds.
    pub fn note(&mut self, micros: u64) {
        let filled = self.filled();
        filled.count = filled.count.saturating_add(1);
        filled.sum = filled.sum.saturating_add(micros);
        filled.min = filled.min.min(micros);
        filled.max = filled.max.max(micros);
        let bucket = BOUNDS_MICROS.partition_point(|bound| *bound < micros);
        if let Some(count) = filled.buckets.get_mut(bucket) {
            *count = count.saturating_add(1);
        }
    }

    /// Takes in all durations of another one.
    pub fn add(&mut self, other: &Histogram) {
        let Some(other) = &other.0 else { return };
        let filled = self.filled();
        filled.count = filled.count.saturating_add(other.count);
        filled.sum = filled.sum.saturating_add(other.sum);
        filled.min = filled.min.min(other.min);
        filled.max = filled.max.max(other.max);
        for (count, more) in filled.buckets.iter_mut().zip(other.buckets) {
            *count = count.saturating_add(more);
        }
    }

    fn filled(&mut self) -> &mut Filled {
        self.0.get_or_insert_with(|| {
            Box::new(Filled {
                count: 0,
                sum: 0,
                min: u64::MAX,
                max: 0,
                buckets: [0; BUCKETS],
            })
        })
    }

    /// How many durations there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.as_ref().map_or(0, |filled| filled.count)
    }

    /// Their sum in microseconds.
    #[must_use]
    pub fn sum_micros(&self) -> u64 {
        self.0.as_ref().map_or(0, |filled| filled.sum)
    }

    /// The shortest, in microseconds.
    #[must_use]
    pub fn min_micros(&self) -> Option<u64> {
        self.0.as_ref().map(|filled| filled.min)
    }

    /// The longest, in microseconds.
    #[must_use]
    pub fn max_micros(&self) -> Option<u64> {
        self.0.as_ref().map(|filled| filled.max)
    }

    /// How many durations are at most as long as each of [`BOUNDS_MICROS`].
    #[must_use]
    pub fn cumulative(&self) -> [u64; BOUNDS] {
        let mut sums = [0; BOUNDS];
        let Some(filled) = &self.0 else { return sums };
        let mut sum = 0_u64;
        for (slot, count) in sums.iter_mut().zip(filled.buckets) {
            sum = sum.saturating_add(count);
            *slot = sum;
        }
        sums
    }

    /// The duration in microseconds that `percent` (0 to 100) of all do not exceed, estimated within its bucket.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "an estimate: counts and microseconds beyond 2^53 do not occur"
    )]
    pub fn percentile_micros(&self, percent: f64) -> Option<f64> {
        let filled = self.0.as_ref()?;
        let rank = (percent.clamp(0.0, 100.0) / 100.0) * filled.count as f64;
        let mut before = 0_u64;
        let mut low = 0_u64;
        for (index, count) in filled.buckets.iter().enumerate() {
            let high = BOUNDS_MICROS.get(index).copied().unwrap_or(filled.max);
            let upto = before.saturating_add(*count);
            if *count > 0 && upto as f64 >= rank {
                let (low, high) = (low.max(filled.min) as f64, high.min(filled.max) as f64);
                let share = ((rank - before as f64) / *count as f64).clamp(0.0, 1.0);
                return Some(low + (high - low).max(0.0) * share);
            }
            (before, low) = (upto, high);
        }
        Some(filled.max as f64)
    }
}

/// The stored form: buckets that are empty are left out.
#[derive(Serialize, Deserialize)]
struct Stored {
    count: u64,
    sum: u64,
    min: u64,
    max: u64,
    buckets: Vec<(u64, u64)>,
}

impl Serialize for Histogram {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(filled) = &self.0 else {
            return serializer.serialize_none();
        };
        // By bound, not by place: bounds may be added later. The last bucket has none: zero stands for it.
        let bounds = BOUNDS_MICROS.iter().copied().chain([0]);
        let stored = Stored {
            count: filled.count,
            sum: filled.sum,
            min: filled.min,
            max: filled.max,
            buckets: bounds
                .zip(filled.buckets)
                .filter(|(_, count)| *count > 0)
                .collect(),
        };
        stored.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Histogram {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Some(stored) = Option::<Stored>::deserialize(deserializer)? else {
            return Ok(Self::default());
        };
        let mut buckets = [0_u64; BUCKETS];
        for (bound, count) in stored.buckets {
            let place = match bound {
                0 => BOUNDS,
                bound => BOUNDS_MICROS.partition_point(|known| *known < bound),
            };
            if let Some(slot) = buckets.get_mut(place) {
                *slot = slot.saturating_add(count);
            }
        }
        Ok(Self(Some(Box::new(Filled {
            count: stored.count,
            sum: stored.sum,
            min: stored.min,
            max: stored.max,
            buckets,
        }))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(micros: impl IntoIterator<Item = u64>) -> Histogram {
        let mut histogram = Histogram::default();
        micros.into_iter().for_each(|one| histogram.note(one));
        histogram
    }

    #[test]
    fn bounds_grow() {
        assert!(BOUNDS_MICROS.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        let histogram = of([100, 101, 86_400_000_000, 86_400_000_001]);
        let sums = histogram.cumulative();
        assert_eq!(
            (sums[0], sums[1], sums[BOUNDS - 2], sums[BOUNDS - 1]),
            (1, 2, 2, 3)
        );
        assert_eq!(histogram.count(), 4, "the longest is counted all the same");
    }

    #[test]
    fn percentiles_are_within_their_bucket() {
        assert_eq!(Histogram::default().percentile_micros(50.0), None);
        let one = of([4_321]);
        for percent in [0.0, 50.0, 99.9, 100.0] {
            let got = one.percentile_micros(percent);
            assert_eq!(
                got,
                Some(4_321.0),
                "{percent}: one value is every percentile"
            );
        }
        let many = of((1..=1_000).map(|number| number * 1_000));
        for (percent, want) in [(1.0, 10e3), (50.0, 500e3), (90.0, 900e3), (99.0, 990e3)] {
            let got = many.percentile_micros(percent).expect("some");
            assert!((got - want).abs() <= want * 0.05, "p{percent}: {got}");
        }
        assert_eq!(many.percentile_micros(100.0), Some(1_000_000.0));
        let far = of([90_000_000_000, 95_000_000_000]);
        assert_eq!(far.percentile_micros(100.0), Some(95_000_000_000.0));
    }

    #[test]
    fn two_added_are_as_one() {
        let mut sum = of([5, 700]);
        sum.add(&of([3, 90_000_000_000]));
        sum.add(&Histogram::default());
        assert_eq!(sum, of([5, 700, 3, 90_000_000_000]));
        assert_eq!(
            (sum.min_micros(), sum.max_micros()),
            (Some(3), Some(90_000_000_000))
        );
        let text = serde_json::to_string(&sum).expect("text");
        assert_eq!(serde_json::from_str::<Histogram>(&text).expect("read"), sum);
    }
}
