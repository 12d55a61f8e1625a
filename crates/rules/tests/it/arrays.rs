//! Fields of one rule come from one element of every list they share.

use super::{check, matches};

#[test]
fn consistency() {
    let pair = r#"{"e":{"n":["a"],"v":[1]}}"#;
    check(&[
        (pair, r#"{"e":[{"n":"a","v":1}]}"#, true),
        (pair, r#"{"e":[{"n":"a","v":2},{"n":"b","v":1}]}"#, false),
        (pair, r#"{"e":[{"n":"a","v":2},{"n":"a","v":1}]}"#, true),
        (pair, r#"{"e":{"n":["b","a"],"v":[2,1]}}"#, true),
        (pair, r#"{"e":[[{"n":"a"},{"v":1}]]}"#, false),
        (pair, r#"{"e":[[{"n":"a","v":1}]]}"#, true),
        (pair, r#"{"e":[{"n":"a"}],"e":[{"v":1}]}"#, true),
        (
            r#"{"e":{"n":["a"]},"f":{"v":[1]}}"#,
            r#"{"e":[{"n":"b"},{"n":"a"}],"f":[{"v":1}]}"#,
            true,
        ),
        (
            r#"{"e":{"n":["a"]},"t":["q"]}"#,
            r#"{"e":[{"n":"a"}],"t":["p","q"]}"#,
            true,
        ),
        (r#"{"e":["a"]}"#, r#"{"e":[["a"]]}"#, true),
    ]);
}

#[test]
fn a_later_choice_can_save_the_match() {
    // The first element that fits `a` conflicts with `c`, the one after fits both.
    let pattern = r#"{"l":{"a":[1],"b":{"x":[1]},"c":[1]}}"#;
    let event =
        r#"{"l":[{"a":1,"b":[{"x":1}]},{"a":1,"c":1},{"a":1,"b":[{"x":2},{"x":1}],"c":1}]}"#;
    assert!(matches(pattern, event));
    let event = r#"{"l":[{"a":1,"b":[{"x":1}]},{"a":1,"c":1},{"b":[{"x":2},{"x":1}],"c":1}]}"#;
    assert!(!matches(pattern, event));
}

#[test]
fn absence_is_judged_by_what_is_pinned_before() {
    check(&[
        (
            r#"{"x":{"y":[{"exists":false}]}}"#,
            r#"{"x":[{"y":1},{"z":2}]}"#,
            false,
        ),
        (
            r#"{"x":{"n":["a"],"v":[{"exists":false}]}}"#,
            r#"{"x":[{"n":"a"},{"v":1}]}"#,
            true,
        ),
        (
            r#"{"x":{"n":["a"],"v":[{"exists":false}]}}"#,
            r#"{"x":[{"n":"a","v":1}]}"#,
            false,
        ),
        (
            r#"{"x":{"y":[{"exists":false}],"z":[2]}}"#,
            r#"{"x":[{"y":1},{"z":2}]}"#,
            false,
        ),
        // A value outside all lists must not hide one whose pin makes room for the absence.
        (
            r#"{"a":["x"],"a.v":[{"exists":false}]}"#,
            r#"{"a":["x",["x"],{"v":1}]}"#,
            true,
        ),
    ]);
}

#[test]
fn large_lists_are_searched_quickly() {
    // Every second element fits one half of the pattern, none fits both.
    let elements: Vec<String> = (0..20_000)
        .map(|n| {
            if n % 2 == 0 {
                r#"{"a":1}"#
            } else {
                r#"{"b":1}"#
            }
            .to_owned()
        })
        .collect();
    let event = format!(r#"{{"l":[{0}],"m":[{0}]}}"#, elements.join(","));
    assert!(!matches(
        r#"{"l":{"a":[1],"b":[1]},"m":{"a":[1],"b":[1]}}"#,
        &event
    ));
    assert!(!matches(r#"{"l":{"a":[1]},"m":{"a":[1],"b":[1]}}"#, &event));
    assert!(matches(r#"{"l":{"a":[1]},"m":{"b":[1]}}"#, &event));
}

#[test]
fn an_event_made_to_exhaust_the_search_counts_as_a_match() {
    // The same list under one key again and again: no two lists pin each other.
    let list: Vec<String> = (0..40)
        .map(|n| format!(r#"{{"a":1,"b":1,"c":1,"d":1,"n":{n}}}"#))
        .collect();
    let lists: Vec<String> = (0..6)
        .map(|_| format!(r#""l":[{}]"#, list.join(",")))
        .collect();
    let event = format!("{{{},\"l\":[{{\"z\":1}},{{\"y\":1}}]}}", lists.join(","));
    let pattern = r#"{"l":{"a":[1],"b":[1],"c":[1],"d":[1],"y":[1],"z":[1]}}"#;
    assert!(matches(pattern, &event));
    // Small enough to be searched to the end, it does not match.
    assert!(!matches(
        pattern,
        r#"{"l":[{"a":1,"b":1,"c":1,"d":1}],"l":[{"z":1},{"y":1}]}"#
    ));
}
