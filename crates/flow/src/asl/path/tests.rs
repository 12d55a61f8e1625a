use serde_json::{Value, json};

use super::Path;

fn read(path: &str, document: &Value) -> Result<Value, String> {
    let path = Path::parse(path).map_err(|error| error.to_string())?;
    path.read(document).map_err(|missing| missing.to_string())
}

#[test]
fn paths_of_this_dialect_lead_where_they_lead_on_the_service() {
    let document = json!({
        "a": {"b": [1, 2, 3], "c-d": "hyphen", "e f": true},
        "items": [{"n": 1, "t": "x"}, {"n": 5, "t": "y"}, {"t": "z"}],
        "empty": [],
        "quote'd": 1,
    });
    for (path, want) in [
        ("$", document.clone()),
        ("$.a.b", json!([1, 2, 3])),
        ("$.a.b[0]", json!(1)),
        ("$.a.b[-1]", json!(3)),
        ("$.a.[\"b\"].[1]", json!(2)),
        ("$.a.c-d", json!("hyphen")),
        ("$['a']['e f']", json!(true)),
        ("$['quote\\'d']", json!(1)),
        ("$.a.b[0,2]", json!([1, 3])),
        ("$.a.b[1:]", json!([2, 3])),
        ("$.a.b[:-1]", json!([1, 2])),
        ("$.a.b[5:9]", json!([])),
        ("$.items[*].n", json!([1, 5])),
        ("$.none[*].n", json!([])),
        ("$..n", json!([1, 5])),
        ("$..items[0].t", json!(["x"])),
        ("$.items[?(@.n > 1)].t", json!(["y"])),
        ("$.items[?(@.n == 1 || @.t == 'z')].t", json!(["x", "z"])),
        ("$.items[?(!(@.n))].t", json!(["z"])),
        ("$.items[?(@.t in ['x','z'])].t", json!(["x", "z"])),
        ("$.items[?(@.t =~ /[XY]/i)].n", json!([1, 5])),
        ("$.items[?(@.n < $.a.b[1])].n", json!([1])),
        ("$.items.length()", json!(3)),
        ("$.a.b.sum()", json!(6.0)),
        ("$.a['b','none']", json!({"b": [1, 2, 3]})),
        ("$.empty[*]", json!([])),
        ("$['a','empty'].b", json!([[1, 2, 3]])),
        ("$..[?(@.n == 5)].t", json!(["y"])),
        (
            "$..['n','t']",
            json!([{"n": 1, "t": "x"}, {"n": 5, "t": "y"}]),
        ),
    ] {
        assert_eq!(read(path, &document), Ok(want), "{path}");
    }
}

#[test]
fn a_definite_path_that_leads_nowhere_says_where_it_ends() {
    let document = json!({"a": {"b": "text"}, "list": [1], "none": null});
    for (path, want) in [
        ("$.a.c", "No results for path: $['a']['c']"),
        ("$.x.y", "Missing property in path $['x']"),
        ("$.list[3]", "No results for path: $['list'][3]"),
        ("$.list[3].x", "No results for path: $['list'][3]['x']"),
        ("$.none[0]", "The path $['none'] is null"),
        (
            "$.a[0].x",
            "Filter: [0]['x'] can only be applied to arrays. Current context is: {b=text}",
        ),
    ] {
        assert_eq!(read(path, &document), Err(want.to_owned()), "{path}");
    }
    let through = read("$.a.b.c", &document).expect_err("a text has no members");
    assert!(
        through.starts_with("Expected to find an object with property ['c'] in path $['a']['b']")
    );
}

#[test]
fn what_is_no_path_is_refused() {
    for text in [
        "",
        "a",
        "$.",
        "$..",
        "$[",
        "$['a",
        "$.a[?(@.b]",
        "$.a[x]",
        "$.a.nothing()",
        "$.a b",
        "$1",
    ] {
        assert!(Path::parse(text).is_err(), "{text}");
    }
    let deep = format!("$.a[?({}@.b{})]", "(".repeat(200), ")".repeat(200));
    assert!(Path::parse(&deep).is_err());
}

#[test]
fn a_reference_is_written_where_it_points() {
    for (path, before, want) in [
        (
            "$.new.deep",
            json!({"old": 1}),
            Some(json!({"old": 1, "new": {"deep": 7}})),
        ),
        (
            "$.list[1]",
            json!({"list": [1, 2]}),
            Some(json!({"list": [1, 7]})),
        ),
        ("$", json!({"old": 1}), Some(json!(7))),
        ("$.old.deep", json!({"old": 1}), None),
        ("$.list[9]", json!({"list": []}), None),
    ] {
        let path = Path::parse(path).expect("a path");
        assert!(path.is_reference());
        let mut document = before;
        let done = path.write(&mut document, json!(7)).is_ok();
        assert_eq!(done.then_some(document), want, "{path}");
    }
    for text in ["$.a[*]", "$..a", "$$.a", "$.a[-1]", "$.a[?(@.b)]"] {
        assert!(!Path::parse(text).expect("a path").is_reference(), "{text}");
    }
}
