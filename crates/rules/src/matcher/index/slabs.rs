//! Intervals cut into slabs: between two neighbouring ends the answer is the same for all points.
//!
//! One search finds the slab of a point. It begins in a list of buckets of equal width, so that
//! ends that lie evenly are found at once, however many there are.

use super::intervals::{Cell, Interval, Point};
use super::table::NONE;

/// The intervals of each slab.
#[derive(Clone, Debug)]
pub(super) struct Slabs<T> {
    /// Where a slab begins; the one below the first start is the first.
    starts: Vec<T>,
    /// For each slab where its values begin, and where those of the last one end.
    firsts: Vec<u32>,
    values: Vec<u32>,
    /// For each bucket how many slabs start below it, and how many there are.
    buckets: Vec<u32>,
    /// Where buckets begin, and how wide they are as a power of two.
    low: u64,
    shift: u32,
}

/// So many values for each interval are kept at most: where many intervals overlap, slabs would
/// take more memory than they are worth.
const VALUES_OF_INTERVAL: usize = 4;

/// Values that are always kept.
const FEW_VALUES: usize = 64;

/// So few starts are all compared.
const FEW_STARTS: usize = 12;

impl<T: Point> Slabs<T> {
    /// Cuts intervals that are sorted by their lower ends; `None` if that would be too much.
    pub(super) fn of(list: &[Interval<T>]) -> Option<Slabs<T>> {
        let mut ends: Vec<(T, usize)> = Vec::new();
        for (number, interval) in list.iter().enumerate() {
            ends.extend(interval.high.next().map(|end| (end, number)));
        }
        ends.sort_unstable();
        let mut slabs = Slabs {
            starts: Vec::new(),
            firsts: vec![0],
            values: Vec::new(),
            buckets: Vec::new(),
            low: 0,
            shift: 0,
        };
        let most = list.len() * VALUES_OF_INTERVAL + FEW_VALUES;
        let mut active: Vec<usize> = Vec::new();
        let mut lows = list.iter().enumerate().peekable();
        let mut ends = ends.into_iter().peekable();
        // What begins with the least point begins in the first slab.
        while let Some((number, _)) = lows.next_if(|(_, interval)| interval.low == T::LEAST) {
            active.push(number);
        }
        loop {
            let values = active.iter().filter_map(|number| list.get(*number));
            slabs.values.extend(values.map(|interval| interval.value));
            slabs.firsts.push(u32::try_from(slabs.values.len()).ok()?);
            if slabs.values.len() > most {
                return None;
            }
            let low = lows.peek().map(|(_, interval)| interval.low);
            let end = ends.peek().map(|(end, _)| *end);
            let Some(start) = [low, end].into_iter().flatten().min() else {
                break;
            };
            slabs.starts.push(start);
            while let Some((_, ended)) = ends.next_if(|(end, _)| *end == start) {
                active.retain(|number| *number != ended);
            }
            while let Some((number, _)) = lows.next_if(|(_, interval)| interval.low == start) {
                active.push(number);
            }
        }
        slabs.fill_buckets();
        slabs.starts.shrink_to_fit();
        slabs.firsts.shrink_to_fit();
        slabs.values.shrink_to_fit();
        Some(slabs)
    }

    fn fill_buckets(&mut self) {
        let (Some(first), Some(last)) = (self.starts.first(), self.starts.last()) else {
            return;
        };
        let count = self.starts.len().next_power_of_two();
        self.low = first.high_bits();
        let width = last.high_bits() - self.low;
        self.shift = (u64::BITS - width.leading_zeros()).saturating_sub(count.trailing_zeros());
        self.buckets = vec![0; count + 1];
        for start in &self.starts {
            let bucket = self.bucket(*start, count);
            if let Some(below) = self.buckets.get_mut(bucket + 1) {
                *below += 1;
            }
        }
        let mut sum = 0;
        for below in &mut self.buckets {
            sum += *below;
            *below = sum;
        }
    }

    /// The bucket of a point, of so many.
    #[inline]
    fn bucket(&self, point: T, count: usize) -> usize {
        let bucket = point.high_bits().saturating_sub(self.low) >> self.shift;
        usize::try_from(bucket).unwrap_or(usize::MAX).min(count - 1)
    }

    /// Tells the values of the point's slab, and where that lies.
    #[inline]
    pub(super) fn around(&self, point: T, mut tell: impl FnMut(u32)) -> Cell<T> {
        let slab = self.slab(point);
        let first = self.firsts.get(slab).copied().unwrap_or_default() as usize;
        let end = self.firsts.get(slab + 1).copied().unwrap_or_default() as usize;
        for value in self.values.get(first..end).unwrap_or_default() {
            if *value != NONE {
                tell(*value);
            }
        }
        Cell {
            above: slab
                .checked_sub(1)
                .and_then(|at| self.starts.get(at))
                .copied(),
            below: self.starts.get(slab).copied(),
        }
    }

    /// How many slabs start at the point or below.
    #[inline]
    fn slab(&self, point: T) -> usize {
        if self.starts.len() <= FEW_STARTS {
            return self
                .starts
                .iter()
                .map(|start| usize::from(*start <= point))
                .sum();
        }
        let bucket = self.bucket(point, self.buckets.len().saturating_sub(1).max(1));
        let below = self.buckets.get(bucket).copied().unwrap_or_default() as usize;
        let within = self.buckets.get(bucket + 1).copied().unwrap_or_default() as usize;
        let starts = self.starts.get(below..within).unwrap_or_default();
        below + starts.partition_point(|start| *start <= point)
    }

    /// Bytes kept.
    pub(super) fn memory(&self) -> usize {
        let counts = self.firsts.capacity() + self.values.capacity() + self.buckets.capacity();
        self.starts.capacity() * size_of::<T>() + counts * size_of::<u32>()
    }
}
