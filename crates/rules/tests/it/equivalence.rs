//! Many rules in a matcher against each rule asked alone, over random patterns and events.
//!
//! Events are made as text, so that they have what a JSON library would smooth away: repeated
//! keys, dots and escapes in keys, odd spellings of numbers, white space. `QUELL_MATCHER_CASES`
//! sets how many pairs of a rule and an event are compared, `QUELL_MATCHER_SEED` where to begin.

use std::collections::BTreeMap;

use rules::{Event, EventText, Matcher, Pattern, Scratch};

const CASES: usize = 60_000;

/// A small generator: the same seed makes the same cases everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % sides as u64).expect("less than `sides`")
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.roll(from.len())]
    }

    fn list(&mut self, most: usize, mut one: impl FnMut(&mut Dice) -> String) -> String {
        let count = 1 + self.roll(most);
        let parts: Vec<String> = (0..count).map(|_| one(self)).collect();
        parts.join(",")
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

const TEXTS: &[&str] = &[
    "",
    "a",
    "b",
    "ab",
    "aB",
    "ba",
    "abc",
    "a-b-c",
    "abab",
    "ABC",
    "é",
    "É",
    "straße",
    "STRASSE",
    "10.0.0.1",
    "10.0.0.01",
    "10.0.1.7",
    "2001:db8::1",
    "2001:0DB8:0:0:0:0:0:1",
    "x.y",
    "*",
    "k",
    "\u{212a}",
    "longer than eight bytes",
    "longer than eight Bytes",
    "7",
    "null",
];

const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "1",
    "1.0",
    "10e-1",
    "7",
    "0.7e1",
    "-122.42916360922355",
    "9007199254740993",
    "0.10000000000000000555",
    "1e400",
    "300.0",
    "5e-324",
    "-3.5",
];

/// A key of an event: some spell others' paths.
fn event_key(dice: &mut Dice) -> &'static str {
    dice.pick(&[
        "a",
        "b",
        "c",
        "a",
        "b",
        "c",
        "a.b",
        "b.c",
        "\\u0061",
        "a\\u002eb",
        "key of many bytes",
        "",
    ])
}

fn event_value(dice: &mut Dice, depth: usize) -> String {
    match dice.roll(if depth == 0 { 6 } else { 11 }) {
        0..=2 => {
            let text = quoted(dice.pick(TEXTS));
            // The same text, spelled with an escape.
            if dice.roll(4) == 0 {
                text.replace('a', "\\u0061")
            } else {
                text
            }
        }
        3 | 4 => dice.pick(NUMBERS).to_owned(),
        5 => dice.pick(&["true", "false", "null"]).to_owned(),
        6..=8 => object(dice, depth - 1),
        _ if dice.roll(8) == 0 => dice.pick(&["[]", "{}", "[[]]", "[{}]", "[ ]"]).to_owned(),
        _ => format!("[{}]", dice.list(4, |dice| event_value(dice, depth - 1))),
    }
}

fn object(dice: &mut Dice, depth: usize) -> String {
    let space = dice.pick(&["", "", "", " ", "\n\t"]);
    let entries = dice.list(4, |dice| {
        let key = event_key(dice);
        format!(
            "{space}\"{key}\"{space}:{space}{}",
            event_value(dice, depth)
        )
    });
    format!("{{{entries}{space}}}")
}

fn condition(dice: &mut Dice) -> String {
    let text = quoted(dice.pick(TEXTS));
    let other = quoted(dice.pick(TEXTS));
    match dice.roll(22) {
        0..=4 => text,
        5 => dice.pick(NUMBERS).to_owned(),
        6 => dice.pick(&["true", "false", "null"]).to_owned(),
        7 => format!(r#"{{"prefix":{text}}}"#),
        8 => format!(r#"{{"suffix":{text}}}"#),
        9 => format!(r#"{{"prefix":{{"equals-ignore-case":{text}}}}}"#),
        10 => format!(r#"{{"suffix":{{"equals-ignore-case":{text}}}}}"#),
        11 => format!(r#"{{"equals-ignore-case":{text}}}"#),
        12 | 13 => {
            let wildcard = dice.pick(&[
                "*", "a*", "*a", "a*b", "*b*", "a*b*c", "*a*b", "", "ab", "*-*", "*.0.*", "*é",
                "l*eight*",
            ]);
            format!(r#"{{"wildcard":"{wildcard}"}}"#)
        }
        14 => {
            let range = dice.pick(&[
                r#"[">",0]"#,
                r#"["<",7]"#,
                r#"[">=",-3.5,"<=",1]"#,
                r#"["=",300]"#,
                r#"[">",0,"<",7]"#,
                r#"["=",-122.42916360922355]"#,
                r#"["<=",0]"#,
            ]);
            format!(r#"{{"numeric":{range}}}"#)
        }
        15 => {
            let range = dice.pick(&[
                "10.0.0.0/24",
                "10.0.0.0/8",
                "2001:db8::/32",
                "0.0.0.0/0",
                "::/0",
            ]);
            format!(r#"{{"cidr":"{range}"}}"#)
        }
        16 => format!(r#"{{"anything-but":[{text},{other}]}}"#),
        17 => r#"{"anything-but":[1,7]}"#.to_owned(),
        18 => {
            let part = dice.pick(&["prefix", "suffix", "wildcard", "equals-ignore-case"]);
            let text = if text == "\"\"" {
                "\"a\"".to_owned()
            } else {
                text
            };
            format!(r#"{{"anything-but":{{"{part}":{text}}}}}"#)
        }
        19 => r#"{"exists":true}"#.to_owned(),
        _ => r#"{"exists":false}"#.to_owned(),
    }
}

fn fields(dice: &mut Dice, depth: usize) -> String {
    dice.list(3, |dice| {
        let key = dice.pick(&["a", "b", "c", "a", "b", "c", "a.b", "key of many bytes", ""]);
        if depth > 0 && dice.roll(3) == 0 {
            return format!("\"{key}\":{{{}}}", fields(dice, depth - 1));
        }
        if depth > 0 && dice.roll(8) == 0 {
            let (one, other) = (fields(dice, depth - 1), fields(dice, depth - 1));
            return format!("\"$or\":[{{{one}}},{{{other}}}]");
        }
        format!("\"{key}\":[{}]", dice.list(2, condition))
    })
}

fn number(name: &str, otherwise: usize) -> usize {
    std::env::var(name).map_or(otherwise, |given| given.parse().expect("a number"))
}

#[test]
fn a_matcher_finds_what_each_rule_alone_would() {
    let cases = number("QUELL_MATCHER_CASES", CASES);
    let mut dice = Dice(number("QUELL_MATCHER_SEED", 4) as u64);
    let (mut compared, mut matched, mut invalid) = (0, 0, 0);
    let mut scratch = Scratch::new();
    while compared < cases {
        let matcher = Matcher::new();
        let mut alone = BTreeMap::new();
        for _ in 0..60 {
            let key = dice.roll(40);
            // A third of the steps take a rule out.
            if dice.roll(3) == 0 {
                assert_eq!(matcher.remove(&key).is_some(), alone.remove(&key).is_some());
                continue;
            }
            let text = format!("{{{}}}", fields(&mut dice, 2));
            match Pattern::parse(&text) {
                Ok(pattern) => {
                    matcher.insert(key, pattern.clone());
                    alone.insert(key, pattern);
                }
                Err(_) => invalid += 1,
            }
        }
        let rebuilt = Matcher::new();
        rebuilt.extend(alone.clone());
        assert_eq!((matcher.len(), rebuilt.len()), (alone.len(), alone.len()));
        for _ in 0..40 {
            let text = object(&mut dice, 3);
            let event = Event::parse(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
            let wanted: Vec<usize> = alone
                .iter()
                .filter(|(_, pattern)| pattern.matches(&event))
                .map(|(key, _)| *key)
                .collect();
            compared += alone.len();
            matched += wanted.len();
            assert_eq!(matcher.matching_text(&text).unwrap(), wanted, "{text}");
            let mut found = Vec::new();
            let checked = EventText::check(&text).unwrap();
            rebuilt.each_match(checked, &mut scratch, |key| found.push(*key));
            found.sort_unstable();
            assert_eq!(found, wanted, "rebuilt: {text}");
        }
    }
    println!("{compared} pairs, {matched} matches; {invalid} patterns were refused");
    assert!(
        matched * 50 > compared,
        "{matched} of {compared}: the cases have grown idle"
    );
}

#[test]
fn a_repeated_key_cannot_hide_a_value() {
    let matcher = Matcher::new();
    for (key, text) in [r#"{"a":["x"]}"#, r#"{"d":{"e":["x"]}}"#]
        .iter()
        .enumerate()
    {
        matcher.insert(key, Pattern::parse(text).unwrap());
    }
    for (text, wanted) in [
        (r#"{"a":"y","a":"x"}"#, vec![0]),
        (r#"{"a":"x","a":"y"}"#, vec![0]),
        (r#"{"a":"y","d":{"e":"y"},"d":{"e":"x"}}"#, vec![1]),
        (r#"{"a":"y","d":{"e":"y","e":"x"}}"#, vec![1]),
        (r#"{"a":"y","d":{"e":"y"},"d.e":"x"}"#, vec![1]),
        (r#"{"a":"y","\u0061":"x","d":1}"#, vec![0]),
    ] {
        assert_eq!(matcher.matching_text(text).unwrap(), wanted, "{text}");
    }
}

#[test]
fn rules_change_while_others_match() {
    let matcher = Matcher::new();
    let pattern = |n: usize| Pattern::parse(&format!(r#"{{"a":["{n}"]}}"#)).unwrap();
    matcher.insert(0, pattern(0));
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..2_000 {
                        // The rule is replaced again and again, and is there every time.
                        assert_eq!(matcher.matching_text(r#"{"a":"0"}"#).unwrap(), [0]);
                    }
                })
            })
            .collect();
        for n in 1..2_000 {
            matcher.insert(0, pattern(0));
            matcher.insert(n, pattern(n));
            if n > 100 {
                matcher.remove(&(n - 100));
            }
        }
        for reader in readers {
            reader.join().unwrap();
        }
    });
    assert_eq!(matcher.len(), 101);
}
