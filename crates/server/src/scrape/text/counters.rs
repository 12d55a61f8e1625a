//! The counters: their names, what they tell, and of which series.

use engine::views::measures::Measures;
use ports::function::FunctionCounts;
use ports::store::Series;

/// Which series a counter is told of.
pub(super) type Wanted = fn(&Series) -> bool;

/// A counter over series.
pub(super) struct Counter {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) wanted: Wanted,
    pub(super) count: fn(&Measures) -> u64,
}

const fn counter(
    name: &'static str,
    help: &'static str,
    wanted: Wanted,
    count: fn(&Measures) -> u64,
) -> Counter {
    Counter {
        name,
        help,
        wanted,
        count,
    }
}

const BUS: Wanted = |series| series.rule.is_empty();
const RULE: Wanted = |series| !series.rule.is_empty() && series.target.is_empty();
pub(super) const TARGET: Wanted = |series| !series.target.is_empty();

pub(super) const COUNTERS: [Counter; 10] = [
    counter(
        "quell_events",
        "Events taken in. An empty bus stands for all buses without rules.",
        BUS,
        |of| of.events,
    ),
    counter(
        "quell_events_matched",
        "Events that at least one rule matched.",
        BUS,
        |of| of.matched,
    ),
    counter(
        "quell_events_unmatched",
        "Events that no rule matched.",
        BUS,
        |of| of.events.saturating_sub(of.matched),
    ),
    counter(
        "quell_rule_matches",
        "Events that a rule matched.",
        RULE,
        |of| of.matched,
    ),
    counter(
        "quell_target_deliveries",
        "Events that a target took.",
        TARGET,
        |of| of.delivered,
    ),
    counter(
        "quell_target_failures",
        "Events given up for a target.",
        TARGET,
        |of| of.failed,
    ),
    counter(
        "quell_target_retries",
        "Repeated attempts at a target.",
        TARGET,
        |of| of.retried,
    ),
    counter(
        "quell_target_throttles",
        "Attempts that a target turned away because there were too many.",
        TARGET,
        |of| of.throttled,
    ),
    counter(
        "quell_target_dead_letters",
        "Events given up that a dead-letter queue took.",
        TARGET,
        |of| of.dead_lettered,
    ),
    counter(
        "quell_target_dead_letter_failures",
        "Events given up that the dead-letter queue did not take either.",
        TARGET,
        |of| of.dead_letter_failed,
    ),
];

/// A counter over functions.
pub(super) type FunctionCounter = (&'static str, &'static str, fn(&FunctionCounts) -> u64);

pub(super) const FUNCTION_COUNTERS: [FunctionCounter; 4] = [
    (
        "quell_function_invocations",
        "Invocations of a function whose code ran.",
        |of| of.invocations,
    ),
    (
        "quell_function_errors",
        "Invocations that ended in an error of the function.",
        |of| of.errors,
    ),
    (
        "quell_function_throttles",
        "Invocations that found no place.",
        |of| of.throttles,
    ),
    (
        "quell_function_faults",
        "Invocations that this server could not run.",
        |of| of.faults,
    ),
];
