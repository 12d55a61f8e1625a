use super::Schedule;

fn next(expression: &str, at: &str) -> Option<String> {
    let at = at.parse().unwrap();
    Schedule::parse(expression)
        .unwrap()
        .next_after(at, at)
        .map(|next| next.to_string())
}

#[test]
fn accepted() {
    for expression in [
        "rate(1 minute)",
        "rate(10 minutes)",
        "rate(1 hour)",
        "rate(2 hours)",
        "rate(1 day)",
        "rate(30 days)",
        "cron(0 2 ? * SAT *)",
        "cron(5,35 14 * * ? *)",
        "cron(15 10 ? * 6L 2002-2005)",
        "cron(0 2 ? * SAT#3 *)",
        "cron(0/5 5 ? JAN 1-5 2022)",
        "cron(0/30 20-23 ? * MON-FRI *)",
        "cron(0 8 1 * ? *)",
        "cron(0 18 L * ? *)",
        "cron(0 9 3W * ? *)",
        "cron(* * * * ? *)",
        "cron(*/15 * ? * * *)",
    ] {
        assert!(Schedule::parse(expression).is_ok(), "{expression}");
    }
}

#[test]
fn refused() {
    for expression in [
        "",
        "rate(10 seconds)",
        "rate(10 years)",
        "rate(1 minutes)",
        "rate(1 hours)",
        "rate(1 days)",
        "rate(10 minute)",
        "rate(10 hour)",
        "rate(10 day)",
        "rate()",
        "rate(10)",
        "rate(10 minutess)",
        "rate(foo minutes)",
        "rate(0 minutes)",
        "rate(-10 minutes)",
        "rate(+10 minutes)",
        "rate(99999999999 minutes)",
        "rate(10 MINUTES)",
        "rate( 10 minutes )",
        " rate(10 minutes)",
        "cron(7 20 * * NOT *)",
        "cron(INVALID)",
        "cron(0 dummy ? * MON-FRI *)",
        "cron(71 8 1 * ? *)",
        "cron(0 1 * * * *)",
        "cron(0 1 ? * ? *)",
        "cron(0 1 1 * MON *)",
        "cron(0 1 1 * ?)",
        "cron(0 1 1 * ? * *)",
        "cron(0 24 1 * ? *)",
        "cron(0 1 0 * ? *)",
        "cron(0 1 1 13 ? *)",
        "cron(0 1 ? * 8 *)",
        "cron(0 1 ? * MON#6 *)",
        "cron(0 1 ? * MON#1,TUE#2 *)",
        "cron(0 1 1 * ? 1969)",
        "cron(0 1 1 * ? 2200)",
        "cron(0/0 1 1 * ? *)",
        "cron(0/61 1 1 * ? *)",
        "cron(, 1 1 * ? *)",
        "cron(? 1 1 * ? *)",
        "cron(-1 1 1 * ? *)",
    ] {
        let error = Schedule::parse(expression).expect_err(expression);
        assert_eq!(
            error.aws_message(),
            "Parameter ScheduleExpression is not valid."
        );
    }
}

#[test]
fn next_times() {
    let monday = "2026-01-05T12:00:30Z";
    for (expression, expected) in [
        ("cron(* * * * ? *)", Some("2026-01-05T12:01:00Z")),
        ("cron(0 12 * * ? *)", Some("2026-01-06T12:00:00Z")),
        ("cron(0/15 12 * * ? *)", Some("2026-01-05T12:15:00Z")),
        ("cron(59 23 * * ? *)", Some("2026-01-05T23:59:00Z")),
        ("cron(0 2 ? * SAT *)", Some("2026-01-10T02:00:00Z")),
        ("cron(0 2 ? * SAT#3 *)", Some("2026-01-17T02:00:00Z")),
        ("cron(0 2 ? * 6L *)", Some("2026-01-30T02:00:00Z")),
        ("cron(0 2 L * ? *)", Some("2026-01-31T02:00:00Z")),
        ("cron(0 2 L 2 ? 2028)", Some("2028-02-29T02:00:00Z")),
        ("cron(0 2 LW * ? *)", Some("2026-01-30T02:00:00Z")),
        ("cron(0 2 10W * ? *)", Some("2026-01-09T02:00:00Z")),
        ("cron(0 2 11W * ? *)", Some("2026-01-12T02:00:00Z")),
        ("cron(0 2 1W 8 ? 2026)", Some("2026-08-03T02:00:00Z")),
        ("cron(0 2 ? * FRI-MON *)", Some("2026-01-09T02:00:00Z")),
        ("cron(0 2 1 JAN ? *)", Some("2027-01-01T02:00:00Z")),
        ("cron(0 2 29 2 ? *)", Some("2028-02-29T02:00:00Z")),
        ("cron(0 2 31 * ? *)", Some("2026-01-31T02:00:00Z")),
        ("cron(0 2 1 1 ? 2199)", Some("2199-01-01T02:00:00Z")),
        ("cron(0 2 30 2 ? *)", None),
        ("cron(0 2 1 1 ? 2025)", None),
        ("cron(15 10 ? * 6L 2002-2005)", None),
    ] {
        assert_eq!(
            next(expression, monday).as_deref(),
            expected,
            "{expression}"
        );
    }
}

#[test]
fn rates_count_from_the_creation() {
    let schedule = Schedule::parse("rate(5 minutes)").unwrap();
    let created = "2026-01-05T12:00:10Z".parse().unwrap();
    for (at, expected) in [
        ("2026-01-05T11:00:00Z", "2026-01-05T12:05:10Z"),
        ("2026-01-05T12:00:10Z", "2026-01-05T12:05:10Z"),
        ("2026-01-05T12:05:09Z", "2026-01-05T12:05:10Z"),
        ("2026-01-05T12:05:10Z", "2026-01-05T12:10:10Z"),
        ("2026-01-06T12:00:00Z", "2026-01-06T12:00:10Z"),
    ] {
        let next = schedule.next_after(at.parse().unwrap(), created).unwrap();
        assert_eq!(next.to_string(), expected, "{at}");
    }
    assert_eq!(next("rate(4294967295 days)", "2026-01-05T12:00:00Z"), None);
}

#[test]
fn the_last_firing_of_a_span_is_the_one_that_stepping_finds() {
    let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap();
    let created = at("2025-12-31T23:58:17Z");
    for expression in [
        "rate(1 minute)",
        "rate(7 minutes)",
        "rate(5 hours)",
        "cron(* * * * ? *)",
        "cron(0/30 20-23 ? * MON-FRI *)",
        "cron(15 10 ? * 6L *)",
        "cron(0 0 31 * ? *)",
        "cron(0 0 1 1 ? 2020)",
    ] {
        let schedule = Schedule::parse(expression).unwrap();
        for (after, until) in [
            ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
            ("2026-01-01T00:00:00Z", "2026-01-01T00:00:59Z"),
            ("2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z"),
            ("2026-01-01T00:00:17Z", "2026-01-02T20:30:00.5Z"),
            ("2026-01-01T12:34:56Z", "2026-04-01T00:00:00Z"),
        ] {
            let (after, until) = (at(after), at(until));
            let mut stepped = None;
            let mut from = after;
            while let Some(next) = schedule.next_after(from, created).filter(|n| *n <= until) {
                (stepped, from) = (Some(next), next);
            }
            assert_eq!(
                schedule.last_between(after, until, created),
                stepped,
                "{expression} from {after} to {until}"
            );
        }
    }
    // A span of centuries that fires every minute costs no more.
    let minutely = Schedule::parse("cron(* * * * ? *)").unwrap();
    assert_eq!(
        minutely.last_between(created, at("2199-12-31T23:59:59Z"), created),
        Some(at("2199-12-31T23:59:00Z"))
    );
}
