//! Explanations name the field, what was wanted, what was there, and which condition each value meets.

use rules::{Event, Explanation, Pattern, Verdict};
use serde_json::json;

fn explain(pattern: &str, event: &str) -> Explanation {
    let pattern = Pattern::parse(pattern).expect("a pattern");
    rules::explain(&pattern, &Event::parse(event).expect("an event"))
}

/// Failing fields: path, verdict, values.
fn failures(pattern: &str, event: &str) -> Vec<(String, Verdict, String)> {
    let explanation = explain(pattern, event);
    assert_eq!(explanation.failures().count(), explanation.failed);
    let told = explanation.failures().map(|field| {
        let found: Vec<&str> = field
            .found
            .iter()
            .map(|value| value.value.as_str())
            .collect();
        (field.path.clone(), field.verdict, found.join(","))
    });
    told.collect()
}

#[test]
fn what_fails_is_named() {
    let of = |path: &str, verdict, found: &str| (path.to_owned(), verdict, found.to_owned());
    assert_eq!(failures(r#"{"a":[1]}"#, r#"{"a":1}"#), []);
    assert_eq!(
        failures(
            r#"{"a":[1],"b":{"c":["x"]},"d":[{"exists":false}],"e":[2]}"#,
            r#"{"b":{"c":["y",7]},"d":null,"e":2}"#
        ),
        [
            of("a", Verdict::Missing, ""),
            of("b.c", Verdict::Different, "\"y\",7"),
            of("d", Verdict::Unwanted, "null"),
        ]
    );
    assert_eq!(
        failures(
            r#"{"l":{"a":[1],"b":[2]},"z":[3]}"#,
            r#"{"l":[{"a":1},{"b":2}],"z":3}"#
        ),
        [
            of("l.a", Verdict::OtherElement, "1"),
            of("l.b", Verdict::OtherElement, "2")
        ]
    );
    // An object or an empty list is no value.
    assert_eq!(
        failures(
            r#"{"a":[{"exists":true}],"b":[1]}"#,
            r#"{"a":{"x":1},"b":[]}"#
        ),
        [of("a", Verdict::Missing, ""), of("b", Verdict::Missing, "")]
    );
}

#[test]
fn the_nearest_alternative_is_explained() {
    let pattern = r#"{"$or":[{"a":[1],"b":[1]},{"c":[1],"a":[2]}]}"#;
    let near = explain(pattern, r#"{"a":2}"#);
    assert_eq!(
        (near.combinations, near.combination, near.failed),
        (2, 1, 1)
    );
    assert_eq!(failures(pattern, r#"{"a":2}"#)[0].0, "c");
    let text = near.to_string();
    assert!(
        text.starts_with("the event does not match: 1 of 2 fields does not hold (of 2 combinations of `$or` number 2 came nearest)"),
        "{text}"
    );
    let hit = explain(pattern, r#"{"a":1,"b":1}"#);
    assert_eq!((hit.matches, hit.combination, hit.failed), (true, 0, 0));
}

#[test]
fn each_value_is_held_against_each_condition() {
    let explanation = explain(
        r#"{"a":[{"prefix":"x"},{"numeric":[">",5]},{"anything-but":["xy"]}]}"#,
        r#"{"a":["xy",7,3,null]}"#,
    );
    let field = &explanation.fields[0];
    let meets: Vec<(&str, &[bool])> = field
        .found
        .iter()
        .map(|value| (value.value.as_str(), value.meets.as_slice()))
        .collect();
    let want: [(&str, &[bool]); 4] = [
        ("\"xy\"", &[true, false, false]),
        ("7", &[false, true, true]),
        ("3", &[false, false, true]),
        ("null", &[false, false, true]),
    ];
    assert_eq!(meets, want);
}

#[test]
fn a_match_says_what_it_rests_on() {
    let explanation = explain(
        r#"{"l":{"k":["env","team"],"v":["prod"]},"x":[{"exists":false}],"t":["b"]}"#,
        r#"{"l":[{"k":"env","v":"test"},{"k":"team","v":"prod"}],"t":["a","b"]}"#,
    );
    assert!(explanation.matches);
    let used: Vec<(&str, &str, &[String])> = explanation
        .fields
        .iter()
        .filter_map(|field| {
            let value = field.found.iter().find(|value| value.used)?;
            Some((
                field.path.as_str(),
                value.value.as_str(),
                value.elements.as_slice(),
            ))
        })
        .collect();
    let element = ["l[1]".to_owned()];
    let want: [(&str, &str, &[String]); 3] = [
        ("l.k", "\"team\"", &element),
        ("l.v", "\"prod\"", &element),
        ("t", "\"b\"", &[]),
    ];
    assert_eq!(used, want);
    assert_eq!(
        explanation.to_string(),
        "the event matches\n  \
         ok    `l.k`: \"team\" in l[1] meets \"team\"\n  \
         ok    `l.v`: \"prod\" in l[1] meets \"prod\"\n  \
         ok    `t`: \"b\" meets \"b\"\n  \
         ok    `x`: no value, as {\"exists\":false} allows"
    );
}

#[test]
fn lists_in_lists_are_named_by_their_paths() {
    let explanation = explain(
        r#"{"d":{"r":{"i":{"p":[443],"c":["0.0.0.0/0"]}}}}"#,
        r#"{"d":{"r":[{"i":[{"p":22,"c":"0.0.0.0/0"},{"p":443,"c":"10.0.0.0/8"}]}],"m":[[1]]}}"#,
    );
    let places: Vec<_> = explanation.fields[1]
        .found
        .iter()
        .map(|value| (value.value.as_str(), value.elements.join(" ")))
        .collect();
    assert_eq!(
        places,
        [
            ("22", "d.r[0] d.r.i[0]".to_owned()),
            ("443", "d.r[0] d.r.i[1]".to_owned())
        ]
    );
    assert!(
        explanation
            .failures()
            .all(|field| field.verdict == Verdict::OtherElement)
    );
    let nested = explain(
        r#"{"m":{"a":[2]}}"#,
        r#"{"m":[[{"a":1}],[{"a":1},{"a":2}]]}"#,
    );
    assert_eq!(nested.fields[0].found[0].elements, ["m[1]", "m[1]"]);
}

#[test]
fn long_values_are_cut() {
    let event = format!(r#"{{"a":["{}",1,2,3,4,5,6]}}"#, "é".repeat(500));
    let explanation = explain(r#"{"a":["x",{"prefix":"y"}]}"#, &event);
    let field = &explanation.fields[0];
    assert_eq!(field.wanted, ["\"x\"", "{\"prefix\":\"y\"}"]);
    assert_eq!((field.found.len(), field.more), (5, 2));
    assert_eq!(field.found[0].value.chars().count(), 83);
    assert!(
        field
            .to_string()
            .starts_with("`a`: wanted \"x\" or {\"prefix\":\"y\"}, found \"é")
    );
    // The value that a match rests on is told, wherever it stands.
    let late = explain(r#"{"a":[6]}"#, &event);
    assert_eq!(
        (
            late.fields[0].found[0].value.as_str(),
            late.fields[0].found[0].used
        ),
        ("6", true)
    );
}

#[test]
fn values_are_shown_and_do_nothing() {
    let event = "{\"a\":\"\\u001b[2J\\u009b31m\u{202e}\u{feff}\u{e0001}\"}";
    let explanation = explain("{\"a\":[\"\u{9b}x\"]}", event);
    let field = &explanation.fields[0];
    assert_eq!(
        field.found[0].value,
        r#""\u001b[2J\u009b31m\u202e\ufeff\udb40\udc01""#
    );
    assert_eq!(field.wanted, [r#""\u009bx""#]);
    let text = explanation.to_string();
    assert!(
        text.chars()
            .all(|letter| letter == '\n' || !letter.is_control()),
        "{text:?}"
    );
}

#[test]
fn the_serde_form_is_stable() {
    let explanation = explain(r#"{"a":["x"],"b":[{"exists":false}]}"#, r#"{"a":"y"}"#);
    assert_eq!(
        serde_json::to_value(&explanation).expect("JSON"),
        json!({
            "matches": false, "failed": 1, "combinations": 1, "combination": 0,
            "fields": [
                {
                    "path": "a", "verdict": "different", "wanted": ["\"x\""], "more": 0,
                    "found": [{ "value": "\"y\"", "elements": [], "meets": [false], "used": false }],
                },
                {
                    "path": "b", "verdict": "holds", "wanted": ["{\"exists\":false}"], "more": 0, "found": [],
                },
            ],
        })
    );
}

#[test]
fn many_elements_are_explained_at_once() {
    let items: Vec<String> = (0..20_000)
        .map(|number| format!(r#"{{"a":1,"b":{}}}"#, number + 5))
        .collect();
    let event = format!(r#"{{"l":[{}]}}"#, items.join(","));
    let explanation = explain(r#"{"l":{"a":[1],"b":[20004]}}"#, &event);
    assert!(explanation.matches);
    assert_eq!(explanation.fields[1].found[0].value, "20004");
}
