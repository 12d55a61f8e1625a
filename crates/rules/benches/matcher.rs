//! How quickly events find their rules: `cargo bench -p rules`, with words of the table's names to
//! run a part only.
//!
//! The events and rules are those of the published benchmark of AWS's matcher library, made by the
//! scripts in `bench/matcher` of the shared folder (`QUELL_SHARED`, or `shared` beside the project).
//! Crate `quamina` is measured in the same run, turn by turn with ours, and its rate with five
//! exact rules is the unit: absolute figures say little on a machine that others share.
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock")]

#[path = "matcher/data.rs"]
mod data;
#[path = "matcher/growth.rs"]
mod growth;

use std::hint::black_box;
use std::time::{Duration, Instant};

use data::{Data, RuleSet};
use rules::{EventText, Matcher, Pattern, Scratch};

/// Times that each figure is measured; the median is shown.
const ROUNDS: usize = 5;

/// What each side works in one round at least, in turns of one pass over all events: systems count
/// a thread's time in ticks of some milliseconds, and a pass takes but few of them.
const WORK: Duration = Duration::from_millis(300);

/// What a set of rules is to reach, in quamina's rate with five exact rules.
const GOALS: &[(&str, f64)] = &[
    ("EXACT", 2.5),
    ("PREFIX", 2.5),
    ("SUFFIX", 2.5),
    ("WILDCARD", 2.5),
    ("PREFIX_EQUALS_IGNORE_CASE", 1.2),
    ("SUFFIX_EQUALS_IGNORE_CASE", 1.2),
    ("EQUALS_IGNORE_CASE", 1.2),
    ("NUMERIC", 1.2),
    ("ANYTHING_BUT", 1.2),
    ("ANYTHING_BUT_IGNORE_CASE", 1.2),
    ("ANYTHING_BUT_PREFIX", 1.2),
    ("ANYTHING_BUT_SUFFIX", 1.2),
    ("ANYTHING_BUT_WILDCARD", 1.2),
    ("COMPLEX_ARRAYS", 0.30),
    ("PARTIAL_COMBO", 0.35),
    ("COMBO", 0.20),
];

fn main() {
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|w| name.contains(w.as_str()));
    let Some(data) = data::load() else { return };
    let texts = data.texts();
    let events: Vec<EventText<'_>> = texts
        .iter()
        .map(|text| EventText::check(text).expect("an event"))
        .collect();
    let unit = Unit::new(&data, &texts);
    println!(
        "{} events of {} bytes; quamina EXACT = 1.00\n",
        events.len(),
        data.bytes() / events.len().max(1),
    );
    println!(
        "| rules | quamina EXACT, events/s | events/s | ratio (least to most of {ROUNDS}) | goal |"
    );
    println!("|---|---|---|---|---|");
    for (set, rules) in data.sets() {
        if wanted(&set) {
            let matcher = filled(rules.iter());
            check_counts(&set, &rules, &matcher, &events);
            let goal = GOALS
                .iter()
                .find(|(name, _)| *name == set)
                .map(|(_, goal)| *goal);
            unit.compare(&set, goal, || run(&matcher, &events));
        }
    }
    for growth in growth::ALL {
        if wanted(growth.name) {
            growth::run(growth, &data, &unit, &events);
        }
    }
    if wanted("nothing") {
        nothing_mentioned(&unit, &events);
    }
    if wanted("check") {
        unit.compare("checking that the text is an event", None, || {
            for text in &texts {
                black_box(EventText::check(text).is_ok());
            }
        });
    }
    if wanted("add") || wanted("memory") {
        growth::add_and_memory(&data);
    }
}

/// Rules about other things than the events: what is left is the scan.
fn nothing_mentioned(unit: &Unit<'_>, events: &[EventText<'_>]) {
    let matcher = Matcher::new();
    for n in 0..1000 {
        let text = format!(r#"{{"source":["aws.ec2"],"detail":{{"id":["i-{n}"]}}}}"#);
        matcher.insert(n, Pattern::parse(&text).expect("a pattern"));
    }
    unit.compare(
        "1,000 rules that mention nothing of the event",
        None,
        || {
            run(&matcher, events);
        },
    );
}

fn filled<'a>(rules: impl Iterator<Item = &'a RuleSet>) -> Matcher<usize> {
    let matcher = Matcher::new();
    for (number, rule) in rules.enumerate() {
        matcher.insert(number, Pattern::parse(&rule.pattern).expect("a pattern"));
    }
    matcher
}

/// As many events come in one `PutEvents` at most.
const BATCH: usize = 10;

/// Matches every event once, in batches as they come in.
fn run(matcher: &Matcher<usize>, events: &[EventText<'_>]) {
    let mut scratch = Scratch::new();
    let mut matched = 0usize;
    for batch in events.chunks(BATCH) {
        matcher.each_match_of(batch, &mut scratch, |_, _| matched += 1);
    }
    black_box(matched);
}

fn check_counts(set: &str, rules: &[RuleSet], matcher: &Matcher<usize>, events: &[EventText<'_>]) {
    let mut counts = vec![0usize; rules.len()];
    let mut scratch = Scratch::new();
    for batch in events.chunks(BATCH) {
        matcher.each_match_of(batch, &mut scratch, |_, rule| counts[*rule] += 1);
    }
    for (rule, count) in rules.iter().zip(counts) {
        assert_eq!(count, rule.matches, "{set}: matches of {}", rule.pattern);
    }
}

/// Quamina with five exact rules: what everything is compared with.
pub(crate) struct Unit<'a> {
    quamina: quamina::Quamina<usize>,
    texts: &'a [&'a str],
}

impl<'a> Unit<'a> {
    fn new(data: &Data, texts: &'a [&'a str]) -> Self {
        let mut quamina = quamina::Quamina::new();
        let sets = data.sets();
        let exact = sets.iter().find(|(name, _)| name == "EXACT");
        for (number, rule) in exact.iter().flat_map(|(_, rules)| rules.iter().enumerate()) {
            quamina
                .add_pattern(number, &rule.pattern)
                .expect("a pattern");
        }
        Unit { quamina, texts }
    }

    /// Measures something that takes all events, in turns with quamina, and prints a row.
    pub(crate) fn compare(&self, name: &str, goal: Option<f64>, mut ours: impl FnMut()) {
        ours();
        let mut rounds: Vec<(f64, f64, f64)> = (0..ROUNDS)
            .map(|_| {
                let (unit, rate) = self.round(&mut ours);
                (rate / unit, rate, unit)
            })
            .collect();
        rounds.sort_by(|one, other| one.0.total_cmp(&other.0));
        let (ratio, rate, unit) = rounds[ROUNDS / 2];
        let (least, most) = (rounds[0].0, rounds[ROUNDS - 1].0);
        let goal = goal.map_or(String::new(), |goal| {
            format!("{goal:.2} {}", if ratio >= goal { "met" } else { "missed" })
        });
        println!(
            "| {name} | {unit:.0} | {rate:.0} | {ratio:.2} ({least:.2} to {most:.2}) | {goal} |"
        );
    }

    fn run(&self) {
        for text in self.texts {
            black_box(
                self.quamina
                    .matches_for_event(text.as_bytes())
                    .expect("an event"),
            );
        }
    }

    /// Rates of quamina and of `ours`, each in turn until it has worked for long enough.
    fn round(&self, ours: &mut impl FnMut()) -> (f64, f64) {
        let (mut unit, mut own) = (Side::default(), Side::default());
        while unit.worked < WORK || own.worked < WORK {
            if unit.worked < WORK {
                unit.pass(|| self.run());
            }
            if own.worked < WORK {
                own.pass(&mut *ours);
            }
        }
        (unit.rate(self.texts.len()), own.rate(self.texts.len()))
    }
}

/// What one side did in a round.
#[derive(Default)]
struct Side {
    passes: usize,
    worked: Duration,
}

impl Side {
    fn pass(&mut self, work: impl FnOnce()) {
        self.worked += timed(work);
        self.passes += 1;
    }

    /// Events per second, of which each pass has so many.
    fn rate(&self, events: usize) -> f64 {
        (self.passes * events) as f64 / self.worked.as_secs_f64()
    }
}

/// How long the processor worked on something: on a busy machine waiting for it says nothing.
pub(crate) fn timed(what: impl FnOnce()) -> Duration {
    let (start, at) = (Instant::now(), on_processor());
    what();
    let worked = on_processor()
        .zip(at)
        .and_then(|(end, start)| end.checked_sub(start));
    worked.unwrap_or_else(|| start.elapsed())
}

/// Time of this thread on a processor, where the system tells.
fn on_processor() -> Option<Duration> {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    told.split(' ')
        .next()?
        .parse()
        .ok()
        .map(Duration::from_nanos)
}
