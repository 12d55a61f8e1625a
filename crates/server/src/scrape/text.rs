//! The exposition format: Prometheus' text, or OpenMetrics'.
//!
//! Sources: <https://prometheus.io/docs/instrumenting/exposition_formats/> and
//! <https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md>.

mod counters;

use std::fmt::Write as _;

use engine::Figures;
use engine::views::measures::{BOUNDS_MICROS, Histogram, Measures};
use ports::function::FunctionCounts;
use ports::store::Series;

use super::Form;
use counters::{COUNTERS, FUNCTION_COUNTERS, TARGET};

/// Of the bounds that are counted, those that are shown: fewer lines, and still three for each power of ten.
const SHOWN_MICROS: [u64; 16] = [
    1_000,
    5_000,
    10_000,
    20_000,
    50_000,
    100_000,
    200_000,
    500_000,
    1_000_000,
    2_000_000,
    5_000_000,
    10_000_000,
    30_000_000,
    60_000_000,
    900_000_000,
    86_400_000_000,
];

type Row = (Series, Measures);
/// What is told.
pub(super) struct Numbers<'a> {
    pub(super) rows: &'a [Row],
    pub(super) functions: &'a [FunctionCounts],
    pub(super) figures: &'a Figures,
}

/// The whole answer.
pub(super) fn write(numbers: &Numbers<'_>, form: Form) -> String {
    let rows = numbers.rows;
    let mut page = Page {
        text: String::new(),
        form,
    };
    for counter in &COUNTERS {
        page.head(counter.name, counter.help, "counter");
        for (series, measures) in rows.iter().filter(|(series, _)| (counter.wanted)(series)) {
            let name = format!("{}_total", counter.name);
            page.line(
                &name,
                &labels(series),
                &(counter.count)(measures).to_string(),
            );
        }
    }
    page.histogram(
        rows,
        "quell_target_start_seconds",
        "From taking an event in to the first attempt at a target.",
        |of| &of.start,
    );
    page.histogram(
        rows,
        "quell_target_delivery_seconds",
        "From taking an event in to its delivery.",
        |of| &of.done,
    );
    page.functions(numbers.functions);
    page.figures(numbers.figures);
    if form == Form::OpenMetrics {
        page.text.push_str("# EOF\n");
    }
    page.text
}

struct Page {
    text: String,
    form: Form,
}

impl Page {
    fn head(&mut self, name: &str, help: &str, kind: &str) {
        // In OpenMetrics a counter's family stands without the suffix of its samples.
        let suffix = match (kind, self.form) {
            ("counter", Form::Prometheus) => "_total",
            _ => "",
        };
        self.text.push_str(&format!(
            "# HELP {name}{suffix} {help}\n# TYPE {name}{suffix} {kind}\n"
        ));
    }

    fn line(&mut self, name: &str, labels: &str, value: &str) {
        let open = if labels.is_empty() { "" } else { "{" };
        let close = if labels.is_empty() { "" } else { "}" };
        self.text
            .push_str(&format!("{name}{open}{labels}{close} {value}\n"));
    }

    fn histogram(
        &mut self,
        rows: &[Row],
        name: &str,
        help: &str,
        histogram: fn(&Measures) -> &Histogram,
    ) {
        self.head(name, help, "histogram");
        for (series, measures) in rows.iter().filter(|(series, _)| TARGET(series)) {
            let of = histogram(measures);
            let labels = labels(series);
            let bucket = format!("{name}_bucket");
            let bounds = BOUNDS_MICROS.iter().zip(of.cumulative());
            for (bound, count) in bounds.filter(|(bound, _)| SHOWN_MICROS.contains(bound)) {
                let labels = format!("{labels},le=\"{}\"", seconds(*bound));
                self.line(&bucket, &labels, &count.to_string());
            }
            let all = of.count().to_string();
            self.line(&bucket, &format!("{labels},le=\"+Inf\""), &all);
            self.line(&format!("{name}_sum"), &labels, &seconds(of.sum_micros()));
            self.line(&format!("{name}_count"), &labels, &all);
        }
    }

    fn functions(&mut self, functions: &[FunctionCounts]) {
        let labels = |of: &FunctionCounts| {
            let (region, function) = (escaped(&of.region), escaped(&of.function));
            format!("region=\"{region}\",function=\"{function}\"")
        };
        for (name, help, count) in FUNCTION_COUNTERS {
            self.head(name, help, "counter");
            for of in functions {
                self.line(
                    &format!("{name}_total"),
                    &labels(of),
                    &count(of).to_string(),
                );
            }
        }
        let name = "quell_function_duration_seconds";
        self.head(name, "How long a function's code ran.", "summary");
        for of in functions {
            let sum = seconds(of.duration_micros);
            self.line(&format!("{name}_sum"), &labels(of), &sum);
            let count = of.invocations.to_string();
            self.line(&format!("{name}_count"), &labels(of), &count);
        }
    }

    fn figures(&mut self, figures: &Figures) {
        let Figures {
            inputs_waiting,
            timers,
            commits,
            series,
            uncounted,
        } = figures;
        let gauges = [
            (
                "quell_inputs_waiting",
                "Inputs that wait for their turn.",
                *inputs_waiting,
            ),
            (
                "quell_timers",
                "Timers in memory: those that are due within the next hour.",
                *timers,
            ),
            (
                "quell_metric_series",
                "Buses, rules and targets that are counted.",
                *series,
            ),
        ];
        for (name, help, value) in gauges {
            self.head(name, help, "gauge");
            self.line(name, "", &value.to_string());
        }
        let counters = [
            ("quell_commits", "Turns that the store took.", *commits),
            (
                "quell_metric_series_refused",
                "Events counted in no series of their own, because there were too many.",
                *uncounted,
            ),
        ];
        for (name, help, value) in counters {
            self.head(name, help, "counter");
            self.line(&format!("{name}_total"), "", &value.to_string());
        }
    }
}

/// The labels of a series. Names come from people: they are escaped.
fn labels(series: &Series) -> String {
    let Series {
        scope,
        bus,
        rule,
        target,
    } = series;
    let mut labels = format!(
        "region=\"{}\",bus=\"{}\"",
        escaped(&scope.region),
        escaped(bus)
    );
    for (name, value) in [("rule", rule), ("target", target)] {
        if !value.is_empty() {
            // Writing to a string cannot fail.
            let _ = write!(labels, ",{name}=\"{}\"", escaped(value));
        }
    }
    labels
}

/// A label's value: backslash, quote and line feed are escaped, as the format wants.
fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

/// Microseconds as seconds, exactly.
fn seconds(micros: u64) -> String {
    let (whole, rest) = (micros / 1_000_000, micros % 1_000_000);
    if rest == 0 {
        return format!("{whole}.0");
    }
    let text = format!("{whole}.{rest:06}");
    text.trim_end_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    use model::Scope;

    use super::*;

    fn row(bus: &str, rule: &str, target: &str, measures: Measures) -> Row {
        let series = Series {
            scope: Scope::new("123456789012", "eu-central-1"),
            bus: bus.to_owned(),
            rule: rule.to_owned(),
            target: target.to_owned(),
        };
        (series, measures)
    }

    const FIGURES: Figures = Figures {
        inputs_waiting: 1,
        timers: 2,
        commits: 3,
        series: 4,
        uncounted: 5,
    };

    fn functions() -> [FunctionCounts; 1] {
        [FunctionCounts {
            region: "eu-central-1".to_owned(),
            function: "isolate".to_owned(),
            invocations: 5,
            errors: 1,
            throttles: 2,
            faults: 0,
            duration_micros: 2_500_000,
        }]
    }

    fn numbers<'a>(rows: &'a [Row], functions: &'a [FunctionCounts]) -> Numbers<'a> {
        Numbers {
            rows,
            functions,
            figures: &FIGURES,
        }
    }

    #[test]
    fn functions_have_their_numbers() {
        let text = write(&numbers(&[], &functions()), Form::Prometheus);
        let labels = "{region=\"eu-central-1\",function=\"isolate\"}";
        for line in [
            format!("quell_function_invocations_total{labels} 5"),
            format!("quell_function_errors_total{labels} 1"),
            format!("quell_function_throttles_total{labels} 2"),
            format!("quell_function_faults_total{labels} 0"),
            format!("quell_function_duration_seconds_sum{labels} 2.5"),
            format!("quell_function_duration_seconds_count{labels} 5"),
        ] {
            assert!(text.contains(&format!("{line}\n")), "{line}: {text}");
        }
    }

    fn rows() -> Vec<Row> {
        let mut target = Measures {
            delivered: 2,
            retried: 7,
            ..Measures::default()
        };
        target.done.note(1_500_000);
        target.done.note(4_000);
        vec![
            row(
                "b",
                "",
                "",
                Measures {
                    events: 5,
                    matched: 3,
                    ..Measures::default()
                },
            ),
            row(
                "b",
                "r",
                "",
                Measures {
                    matched: 3,
                    ..Measures::default()
                },
            ),
            row("b", "r", "a\"\\\n", target),
        ]
    }

    #[test]
    fn shown_bounds_are_counted_ones() {
        assert!(
            SHOWN_MICROS
                .iter()
                .all(|bound| BOUNDS_MICROS.contains(bound))
        );
    }

    #[test]
    fn series_become_lines_with_escaped_labels() {
        let text = write(&numbers(&rows(), &functions()), Form::Prometheus);
        let bus = r#"{region="eu-central-1",bus="b"}"#;
        let target = r#"{region="eu-central-1",bus="b",rule="r",target="a\"\\\n""#;
        for line in [
            "# TYPE quell_events_total counter".to_owned(),
            format!("quell_events_total{bus} 5"),
            format!("quell_events_unmatched_total{bus} 2"),
            r#"quell_rule_matches_total{region="eu-central-1",bus="b",rule="r"} 3"#.to_owned(),
            format!("quell_target_deliveries_total{target}}} 2"),
            format!("quell_target_retries_total{target}}} 7"),
            format!("quell_target_delivery_seconds_bucket{target},le=\"0.001\"}} 0"),
            format!("quell_target_delivery_seconds_bucket{target},le=\"0.005\"}} 1"),
            format!("quell_target_delivery_seconds_bucket{target},le=\"2.0\"}} 2"),
            format!("quell_target_delivery_seconds_bucket{target},le=\"+Inf\"}} 2"),
            format!("quell_target_delivery_seconds_sum{target}}} 1.504"),
            format!("quell_target_delivery_seconds_count{target}}} 2"),
            "quell_inputs_waiting 1".to_owned(),
            "quell_commits_total 3".to_owned(),
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert!(!text.contains("# EOF"));
    }

    #[test]
    fn openmetrics_names_families_and_ends() {
        let text = write(&numbers(&rows(), &functions()), Form::OpenMetrics);
        assert!(text.contains("# TYPE quell_events counter\n"), "{text}");
        assert!(text.contains("\nquell_events_total{"), "{text}");
        assert!(text.ends_with("# EOF\n"), "{text}");
    }

    #[test]
    fn seconds_are_exact() {
        for (micros, want) in [
            (0, "0.0"),
            (1, "0.000001"),
            (1_500_000, "1.5"),
            (20, "0.00002"),
        ] {
            assert_eq!(seconds(micros), want);
        }
    }
}
