//! Metrics by the names of CloudWatch's namespace `AWS/Events`, and statistics over them.

use super::{Histogram, Measures};

/// One metric of `AWS/Events`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Metric {
    /// Entries of `PutEvents` (and other events) taken in.
    PutEventsEntriesCount,
    /// Events that a rule matched.
    MatchedEvents,
    /// How often rules matched.
    TriggeredRules,
    /// Events whose way to a target ended, well or not.
    Invocations,
    /// Events given up for a target.
    FailedInvocations,
    /// Attempts, first ones and repeats.
    InvocationAttempts,
    /// Attempts that the target took.
    SuccessfulInvocationAttempts,
    /// Repeated attempts.
    RetryInvocationAttempts,
    /// Attempts turned away as too many.
    ThrottledRules,
    /// Events that a dead-letter queue took.
    InvocationsSentToDlq,
    /// Events that the dead-letter queue did not take.
    InvocationsFailedToBeSentToDlq,
    /// Milliseconds from intake to the first attempt.
    IngestionToInvocationStartLatency,
    /// Milliseconds from intake to the end of the successful attempt.
    IngestionToInvocationCompleteLatency,
    /// The same, by the name for successful delivery.
    IngestionToInvocationSuccessLatency,
}

impl Metric {
    /// All of them, in order of name.
    pub const ALL: [Metric; 14] = [
        Metric::FailedInvocations,
        Metric::IngestionToInvocationCompleteLatency,
        Metric::IngestionToInvocationStartLatency,
        Metric::IngestionToInvocationSuccessLatency,
        Metric::InvocationAttempts,
        Metric::Invocations,
        Metric::InvocationsFailedToBeSentToDlq,
        Metric::InvocationsSentToDlq,
        Metric::MatchedEvents,
        Metric::PutEventsEntriesCount,
        Metric::RetryInvocationAttempts,
        Metric::SuccessfulInvocationAttempts,
        Metric::ThrottledRules,
        Metric::TriggeredRules,
    ];

    /// The name in CloudWatch.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Metric::PutEventsEntriesCount => "PutEventsEntriesCount",
            Metric::MatchedEvents => "MatchedEvents",
            Metric::TriggeredRules => "TriggeredRules",
            Metric::Invocations => "Invocations",
            Metric::FailedInvocations => "FailedInvocations",
            Metric::InvocationAttempts => "InvocationAttempts",
            Metric::SuccessfulInvocationAttempts => "SuccessfulInvocationAttempts",
            Metric::RetryInvocationAttempts => "RetryInvocationAttempts",
            Metric::ThrottledRules => "ThrottledRules",
            Metric::InvocationsSentToDlq => "InvocationsSentToDlq",
            Metric::InvocationsFailedToBeSentToDlq => "InvocationsFailedToBeSentToDlq",
            Metric::IngestionToInvocationStartLatency => "IngestionToInvocationStartLatency",
            Metric::IngestionToInvocationCompleteLatency => "IngestionToInvocationCompleteLatency",
            Metric::IngestionToInvocationSuccessLatency => "IngestionToInvocationSuccessLatency",
        }
    }

    /// The metric of a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Metric> {
        Metric::ALL.into_iter().find(|metric| metric.name() == name)
    }

    /// The unit in CloudWatch's words.
    #[must_use]
    pub fn unit(self) -> &'static str {
        match self.samples() {
            Samples::Counted(_) => "Count",
            Samples::Timed(_) => "Milliseconds",
        }
    }

    /// The statistic over these numbers; `None` where there is nothing to tell.
    #[must_use]
    pub fn value(self, measures: &Measures, statistic: Statistic) -> Option<f64> {
        match self.samples() {
            Samples::Counted(count) => counted(count(measures), statistic),
            Samples::Timed(histogram) => timed(histogram(measures), statistic),
        }
    }

    fn samples(self) -> Samples {
        use Samples::{Counted, Timed};
        match self {
            Metric::PutEventsEntriesCount => Counted(|of| of.events),
            Metric::MatchedEvents => Counted(|of| of.matched),
            Metric::TriggeredRules => Counted(|of| of.triggered),
            Metric::Invocations => Counted(|of| of.delivered.saturating_add(of.failed)),
            Metric::FailedInvocations => Counted(|of| of.failed),
            Metric::InvocationAttempts => Counted(|of| of.start.count().saturating_add(of.retried)),
            Metric::SuccessfulInvocationAttempts => Counted(|of| of.delivered),
            Metric::RetryInvocationAttempts => Counted(|of| of.retried),
            Metric::ThrottledRules => Counted(|of| of.throttled),
            Metric::InvocationsSentToDlq => Counted(|of| of.dead_lettered),
            Metric::InvocationsFailedToBeSentToDlq => Counted(|of| of.dead_letter_failed),
            Metric::IngestionToInvocationStartLatency => Timed(|of| &of.start),
            Metric::IngestionToInvocationCompleteLatency
            | Metric::IngestionToInvocationSuccessLatency => Timed(|of| &of.done),
        }
    }
}

/// What a metric is made of: every count is a sample of value 1, every duration one of its length.
enum Samples {
    Counted(fn(&Measures) -> u64),
    Timed(fn(&Measures) -> &Histogram),
}

/// A statistic as CloudWatch names it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Statistic {
    /// `Sum`.
    Sum,
    /// `SampleCount`.
    SampleCount,
    /// `Average`.
    Average,
    /// `Minimum`.
    Minimum,
    /// `Maximum`.
    Maximum,
    /// `p0` to `p100`, with up to ten decimals.
    Percentile(f64),
}

impl Statistic {
    /// Reads a statistic's name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Statistic> {
        Some(match text {
            "Sum" => Statistic::Sum,
            "SampleCount" => Statistic::SampleCount,
            "Average" => Statistic::Average,
            "Minimum" => Statistic::Minimum,
            "Maximum" => Statistic::Maximum,
            _ => Statistic::Percentile(percent(text.strip_prefix('p')?)?),
        })
    }
}

/// Digits with at most one point between them: what `f64` reads besides (signs, exponents, `inf`) is no percentile.
fn percent(text: &str) -> Option<f64> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str, most: usize| {
        (1..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !digits(whole, 3) || !digits(decimals, 10) {
        return None;
    }
    text.parse().ok().filter(|percent| *percent <= 100.0)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "answers are JSON numbers: counts beyond 2^53 do not occur"
)]
fn counted(count: u64, statistic: Statistic) -> Option<f64> {
    match statistic {
        _ if count == 0 => None,
        Statistic::Sum | Statistic::SampleCount => Some(count as f64),
        _ => Some(1.0),
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "answers are JSON numbers: microseconds beyond 2^53 do not occur"
)]
fn timed(histogram: &Histogram, statistic: Statistic) -> Option<f64> {
    let (min, max) = (histogram.min_micros()?, histogram.max_micros()?);
    let (count, sum) = (histogram.count() as f64, histogram.sum_micros() as f64);
    let micros = match statistic {
        Statistic::SampleCount => return Some(count),
        Statistic::Sum => sum,
        Statistic::Average => sum / count,
        Statistic::Minimum => min as f64,
        Statistic::Maximum => max as f64,
        Statistic::Percentile(percent) => histogram.percentile_micros(percent)?,
    };
    Some(micros / 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_stand_in_order() {
        for metric in Metric::ALL {
            assert_eq!(Metric::parse(metric.name()), Some(metric));
        }
        let names = Metric::ALL.map(Metric::name);
        assert!(names.is_sorted());
        assert_eq!(Metric::parse("matchedevents"), None);
    }

    #[test]
    fn statistics_are_read() {
        let cases = [
            ("Sum", Some(Statistic::Sum)),
            ("SampleCount", Some(Statistic::SampleCount)),
            ("p0", Some(Statistic::Percentile(0.0))),
            ("p50", Some(Statistic::Percentile(50.0))),
            ("p99.9", Some(Statistic::Percentile(99.9))),
            ("p100", Some(Statistic::Percentile(100.0))),
            ("p100.1", None),
            ("p", None),
            ("p-1", None),
            ("p1e1", None),
            ("pinf", None),
            ("p.5", None),
            ("p5.", None),
            ("sum", None),
            ("", None),
            ("tm90", None),
        ];
        for (text, want) in cases {
            assert_eq!(Statistic::parse(text), want, "{text}");
        }
    }

    #[test]
    fn counts_are_samples_of_one() {
        let mut of = Measures {
            delivered: 3,
            failed: 2,
            retried: 4,
            ..Measures::default()
        };
        of.start.note(1);
        let value = |metric: Metric, statistic| metric.value(&of, statistic);
        assert_eq!(value(Metric::Invocations, Statistic::Sum), Some(5.0));
        assert_eq!(
            value(Metric::Invocations, Statistic::SampleCount),
            Some(5.0)
        );
        assert_eq!(value(Metric::Invocations, Statistic::Average), Some(1.0));
        assert_eq!(
            value(Metric::Invocations, Statistic::Percentile(9.0)),
            Some(1.0)
        );
        assert_eq!(value(Metric::InvocationAttempts, Statistic::Sum), Some(5.0));
        assert_eq!(
            value(Metric::ThrottledRules, Statistic::Sum),
            None,
            "no data"
        );
    }

    #[test]
    fn latencies_are_told_in_milliseconds() {
        let mut of = Measures::default();
        of.done.note(1_500);
        of.done.note(2_500);
        let metric = Metric::IngestionToInvocationSuccessLatency;
        let cases = [
            (Statistic::Sum, 4.0),
            (Statistic::SampleCount, 2.0),
            (Statistic::Average, 2.0),
            (Statistic::Minimum, 1.5),
            (Statistic::Maximum, 2.5),
            (Statistic::Percentile(100.0), 2.5),
        ];
        for (statistic, want) in cases {
            assert_eq!(metric.value(&of, statistic), Some(want), "{statistic:?}");
        }
        assert_eq!(
            Metric::IngestionToInvocationStartLatency.value(&of, Statistic::Sum),
            None
        );
        assert_eq!(
            (metric.unit(), Metric::MatchedEvents.unit()),
            ("Milliseconds", "Count")
        );
    }
}
