//! Which of many closed intervals hold a point? Numbers, addresses and address ranges ask this.

use super::slabs::Slabs;
use super::table::NONE;

/// Intervals. As a rule they are cut into [`Slabs`]; those of which many overlap are a balanced
/// tree without pointers, sorted by their lower end: the middle of a range is the root of that
/// range, and knows the highest end below it.
#[derive(Clone, Debug)]
pub(crate) struct Intervals<T> {
    list: Vec<Interval<T>>,
    slabs: Option<Slabs<T>>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Interval<T> {
    pub(super) low: T,
    pub(super) high: T,
    /// The highest `high` of the range this is the middle of.
    reach: T,
    pub(super) value: u32,
}

/// What intervals are of.
pub(crate) trait Point: Copy + Ord {
    const LEAST: Self;

    /// The next greater point.
    fn next(self) -> Option<Self>;

    /// A number that is no less for greater points.
    fn high_bits(self) -> u64;
}

impl Point for u64 {
    const LEAST: u64 = 0;

    fn next(self) -> Option<u64> {
        self.checked_add(1)
    }

    fn high_bits(self) -> u64 {
        self
    }
}

impl Point for u32 {
    const LEAST: u32 = 0;

    fn next(self) -> Option<u32> {
        self.checked_add(1)
    }

    fn high_bits(self) -> u64 {
        self.into()
    }
}

impl Point for u128 {
    const LEAST: u128 = 0;

    fn next(self) -> Option<u128> {
        self.checked_add(1)
    }

    fn high_bits(self) -> u64 {
        // Truncation is meant: the upper half.
        (self >> 64) as u64
    }
}

impl<T> Default for Intervals<T> {
    fn default() -> Self {
        Intervals {
            list: Vec::new(),
            slabs: None,
        }
    }
}

impl<T: Point> Intervals<T> {
    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty() && self.slabs.is_none()
    }

    /// Adds an interval before anything is built. An empty one (`low > high`) is left out.
    pub(crate) fn add(&mut self, low: T, high: T, value: u32) {
        if low <= high {
            self.list.push(Interval {
                low,
                high,
                reach: high,
                value,
            });
        }
    }

    /// Builds what is asked. Equal intervals become one: `join` puts the second value to the first.
    pub(crate) fn build(&mut self, mut join: impl FnMut(u32, u32) -> u32) {
        self.list.sort_unstable_by_key(|i| (i.low, i.high));
        self.list.dedup_by(|later, earlier| {
            let equal = (later.low, later.high) == (earlier.low, earlier.high);
            if equal {
                earlier.value = join(earlier.value, later.value);
            }
            equal
        });
        if self.list.is_empty() {
            return;
        }
        self.slabs = Slabs::of(&self.list);
        if self.slabs.is_some() {
            self.list = Vec::new();
            return;
        }
        self.list.shrink_to_fit();
        let _ = reach(&mut self.list);
    }

    /// Tells the value of every interval that holds the point.
    #[inline]
    pub(crate) fn of(&self, point: T, tell: impl FnMut(u32)) {
        self.around(point, tell);
    }

    /// The same, and tells between which ends all other points are in the same intervals. `None` stands for no limit.
    #[inline]
    pub(crate) fn around(&self, point: T, mut tell: impl FnMut(u32)) -> Cell<T> {
        if let Some(slabs) = &self.slabs {
            return slabs.around(point, tell);
        }
        let mut cell = Cell::default();
        stab(&self.list, point, &mut cell, &mut tell);
        cell
    }

    /// Bytes kept.
    pub(crate) fn memory(&self) -> usize {
        let slabs = self.slabs.as_ref().map_or(0, Slabs::memory);
        slabs + self.list.capacity() * size_of::<Interval<T>>()
    }
}

// Recursion halves the range.
fn reach<T: Copy + Ord>(range: &mut [Interval<T>]) -> Option<T> {
    let (below, rest) = range.split_at_mut(range.len() / 2);
    let (middle, above) = rest.split_first_mut()?;
    let far = [reach(below), reach(above)].into_iter().flatten();
    middle.reach = far.fold(middle.high, T::max);
    Some(middle.reach)
}

fn stab<T: Copy + Ord>(
    range: &[Interval<T>],
    point: T,
    cell: &mut Cell<T>,
    tell: &mut impl FnMut(u32),
) {
    let mut range = range;
    loop {
        let (below, rest) = range.split_at(range.len() / 2);
        let Some((middle, above)) = rest.split_first() else {
            return;
        };
        if middle.reach < point {
            cell.is_above(middle.reach);
            return;
        }
        if middle.low > point {
            cell.is_below(middle.low);
            range = below;
            continue;
        }
        // The cell has the lower end in it, but nothing is lost without it.
        cell.is_above(middle.low);
        if middle.high >= point {
            cell.is_below(middle.high);
            if middle.value != NONE {
                tell(middle.value);
            }
        } else {
            cell.is_above(middle.high);
        }
        stab(below, point, cell, tell);
        range = above;
    }
}

/// Points between two ends, which are not of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cell<T> {
    pub(crate) above: Option<T>,
    pub(crate) below: Option<T>,
}

impl<T> Default for Cell<T> {
    fn default() -> Self {
        Cell {
            above: None,
            below: None,
        }
    }
}

impl<T: Copy + Ord> Cell<T> {
    #[inline]
    fn is_above(&mut self, end: T) {
        self.above = self.above.max(Some(end));
    }

    #[inline]
    fn is_below(&mut self, end: T) {
        self.below = Some(self.below.map_or(end, |below| below.min(end)));
    }
}

/// A whole number in the order of doubles; `number` is finite and not negative zero.
#[inline]
pub(crate) fn ordered(number: f64) -> u64 {
    const SIGN: u64 = 1 << 63;
    let bits = number.to_bits();
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}

impl Cell<u64> {
    /// The ends as doubles, for points that are [`ordered`] ones.
    #[inline]
    pub(crate) fn doubles(self) -> (f64, f64) {
        let above = self.above.map_or(f64::NAN, double);
        let below = self.below.map_or(f64::NAN, double);
        let limit = |end: f64, limit: f64| if end.is_nan() { limit } else { end };
        (limit(above, f64::NEG_INFINITY), limit(below, f64::INFINITY))
    }
}

/// The double that [`ordered`] made a whole number of; the least and the greatest come from none.
#[inline]
fn double(ordered: u64) -> f64 {
    const SIGN: u64 = 1 << 63;
    f64::from_bits(if ordered & SIGN == 0 {
        !ordered
    } else {
        ordered & !SIGN
    })
}

#[cfg(test)]
mod tests {
    use super::{Intervals, ordered};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn all_points_of_a_cell_are_in_the_same_intervals(
            ends in prop::collection::vec((0u64..20, 0u64..20), 0..40),
            factor in prop::sample::select(vec![1u64, 1 << 59]),
            point in 0u64..20,
        ) {
            let ends: Vec<(u64, u64)> =
                ends.iter().map(|(low, high)| (low * factor, high * factor)).collect();
            let point = point * factor;
            let mut intervals = Intervals::default();
            for (number, (low, high)) in (0..).zip(&ends) {
                intervals.add(*low, *high, number);
            }
            // Equal intervals become one, and tell of the first.
            intervals.build(|first, _| first);
            let of = |point: u64| {
                let mut told = Vec::new();
                let cell = intervals.around(point, |value| told.push(value));
                told.sort_unstable();
                (told, cell)
            };
            let (told, cell) = of(point);
            for value in &told {
                let (low, high) = ends[*value as usize];
                prop_assert!(low <= point && point <= high);
            }
            for (low, high) in &ends {
                let known = told.iter().any(|value| ends[*value as usize] == (*low, *high));
                prop_assert_eq!(known, *low <= point && point <= *high);
            }
            for other in (0..20).flat_map(|n| [n * factor, (n * factor).saturating_add(1)]) {
                let above = cell.above.is_none_or(|end| end < other);
                if above && cell.below.is_none_or(|end| other < end) {
                    prop_assert_eq!(&of(other).0, &told);
                }
            }
        }

        #[test]
        fn ends_come_back_as_doubles(number in any::<f64>().prop_filter("finite", |n| n.is_finite())) {
            prop_assert_eq!(super::double(ordered(number)), number);
        }
    }
}
