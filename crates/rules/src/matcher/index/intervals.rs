//! Which of many closed intervals hold a point? Numbers, addresses and address ranges ask this.

use super::table::NONE;

/// Intervals, sorted by their lower end, as a balanced tree without pointers: the middle of a
/// range is the root of that range, and knows the highest end below it.
#[derive(Clone, Debug)]
pub(crate) struct Intervals<T> {
    list: Vec<Interval<T>>,
}

#[derive(Clone, Copy, Debug)]
struct Interval<T> {
    low: T,
    high: T,
    /// The highest `high` of the range this is the middle of.
    reach: T,
    value: u32,
}

impl<T> Default for Intervals<T> {
    fn default() -> Self {
        Intervals { list: Vec::new() }
    }
}

impl<T: Copy + Ord> Intervals<T> {
    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Adds an interval before the tree is built. An empty one (`low > high`) is left out.
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

    /// Builds the tree. Equal intervals become one: `join` puts the second value to the first.
    pub(crate) fn build(&mut self, mut join: impl FnMut(u32, u32) -> u32) {
        self.list.sort_unstable_by_key(|i| (i.low, i.high));
        self.list.dedup_by(|later, earlier| {
            let equal = (later.low, later.high) == (earlier.low, earlier.high);
            if equal {
                earlier.value = join(earlier.value, later.value);
            }
            equal
        });
        self.list.shrink_to_fit();
        let _ = reach(&mut self.list);
    }

    /// Tells the value of every interval that holds the point.
    #[inline]
    pub(crate) fn of(&self, point: T, mut tell: impl FnMut(u32)) {
        stab(&self.list, point, &mut tell);
    }

    /// Bytes kept.
    pub(crate) fn memory(&self) -> usize {
        self.list.capacity() * size_of::<Interval<T>>()
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

fn stab<T: Copy + Ord>(range: &[Interval<T>], point: T, tell: &mut impl FnMut(u32)) {
    let mut range = range;
    loop {
        let (below, rest) = range.split_at(range.len() / 2);
        let Some((middle, above)) = rest.split_first() else {
            return;
        };
        if middle.reach < point {
            return;
        }
        if middle.low > point {
            range = below;
            continue;
        }
        if middle.high >= point && middle.value != NONE {
            tell(middle.value);
        }
        stab(below, point, tell);
        range = above;
    }
}

/// A whole number in the order of doubles; `number` is finite and not negative zero.
#[inline]
pub(crate) fn ordered(number: f64) -> u64 {
    const SIGN: u64 = 1 << 63;
    let bits = number.to_bits();
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}
