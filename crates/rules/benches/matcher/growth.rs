//! Many rules: how events fare, what adding one costs, and how much memory they take.

use std::time::Duration;

use rules::{Event, EventText, Matcher, Pattern, Scratch};

use crate::data::Data;
use crate::{Unit, run as match_all, timed};

/// A file of generated rules.
pub(crate) struct Growth {
    pub(crate) name: &'static str,
    file: &'static str,
    count: usize,
    goal: Option<f64>,
}

pub(crate) const ALL: &[Growth] = &[
    growth("100,000 exact, 1 field", "exact1", 100_000, Some(1.0)),
    growth("100,000 exact, 3 fields", "exact3", 100_000, Some(0.7)),
    growth("100,000 prefix", "prefix", 100_000, Some(1.0)),
    growth("10,000 numeric ranges", "numeric", 10_000, Some(0.5)),
    growth("10,000 wildcard `a*b*c`", "wildcard", 10_000, Some(0.3)),
    growth("10,000 wildcard `*infix*`", "wildmid", 10_000, Some(0.1)),
    growth(
        "100,000 mixed of suffix, anything-but, prefix",
        "mixed",
        100_000,
        None,
    ),
];

const fn growth(name: &'static str, file: &'static str, count: usize, goal: Option<f64>) -> Growth {
    Growth {
        name,
        file,
        count,
        goal,
    }
}

/// Adds the rules one by one and matches all events.
pub(crate) fn run(growth: &Growth, data: &Data, unit: &Unit<'_>, events: &[EventText<'_>]) {
    let patterns = patterns(data, growth.file, growth.count);
    let matcher = filled(&patterns);
    check_some(&patterns, &matcher, events);
    unit.compare(growth.name, growth.goal, || match_all(&matcher, events));
}

fn patterns(data: &Data, file: &str, count: usize) -> Vec<Pattern> {
    let texts = data.rules(file, count);
    texts
        .iter()
        .map(|text| Pattern::parse(text).expect("a pattern"))
        .collect()
}

fn filled(patterns: &[Pattern]) -> Matcher<usize> {
    let matcher = Matcher::new();
    for (number, pattern) in patterns.iter().enumerate() {
        matcher.insert(number, pattern.clone());
    }
    matcher
}

/// Asks every rule about some events, one by one.
fn check_some(patterns: &[Pattern], matcher: &Matcher<usize>, events: &[EventText<'_>]) {
    let mut scratch = Scratch::new();
    for text in events.iter().step_by(events.len() / 20 + 1) {
        let event = Event::parse(text.as_str()).expect("an event");
        let mut found = Vec::new();
        matcher.each_match(*text, &mut scratch, |rule| found.push(*rule));
        found.sort_unstable();
        let numbered = patterns.iter().enumerate();
        let wanted: Vec<usize> = numbered
            .filter(|(_, pattern)| pattern.matches(&event))
            .map(|(number, _)| number)
            .collect();
        assert_eq!(found, wanted, "{}", text.as_str());
    }
}

/// Adds 100,000 rules, then some more, and looks at time and memory.
pub(crate) fn add_and_memory(data: &Data) {
    println!("\n| at 100,000 rules | add, us per rule | memory, MB | goals |");
    println!("|---|---|---|---|");
    for (name, file) in [("exact, 1 field", "exact1"), ("exact, 3 fields", "exact3")] {
        let patterns = patterns(data, file, 100_000);
        let own: Vec<Pattern> = patterns.clone();
        let matcher = Matcher::new();
        let all = timed(|| {
            for (number, pattern) in own.into_iter().enumerate() {
                matcher.insert(number, pattern);
            }
        });
        let told = matcher.memory() as f64 / 1e6;
        // And some more from there on.
        let more = 20_000;
        let again = timed(|| {
            for (number, pattern) in patterns.iter().take(more).enumerate() {
                matcher.insert(100_000 + number, pattern.clone());
            }
        });
        let each = |time: Duration, count: usize| time.as_secs_f64() * 1e6 / count as f64;
        let (first, later) = (each(all, 100_000), each(again, more));
        let met = |met: bool| if met { "met" } else { "missed" };
        println!(
            "| {name} | {first:.1} from nothing, {later:.1} beyond | {told:.0} | 20 us {}, 150 MB {} |",
            met(first.max(later) <= 20.0),
            met(told <= 150.0),
        );
    }
}
