//! A table for every operator, and the reasons its bad arguments are refused for.

mod refusals;

use super::{check, matches, reason};

#[test]
fn literals() {
    check(&[
        (r#"{"x":["a"]}"#, r#"{"x":"a"}"#, true),
        (r#"{"x":["a"]}"#, r#"{"x":"A"}"#, false),
        (r#"{"x":["a"]}"#, r#"{"X":"a"}"#, false),
        (r#"{"x":["é"]}"#, r#"{"x":"\u00e9"}"#, true),
        (r#"{"x":["a\/b"]}"#, r#"{"\u0078":"a/b"}"#, true),
        (r#"{"x":[true]}"#, r#"{"x":true}"#, true),
        (r#"{"x":[true]}"#, r#"{"x":"true"}"#, false),
        (r#"{"x":[null]}"#, r#"{"x":null}"#, true),
        (r#"{"x":[null]}"#, r#"{"y":null}"#, false),
        (r#"{"x":[7]}"#, r#"{"x":0.7e1}"#, true),
        (r#"{"x":[7]}"#, r#"{"x":"7"}"#, false),
        (
            r#"{"x":[9007199254740993]}"#,
            r#"{"x":9007199254740993}"#,
            true,
        ),
        (
            r#"{"x":[9007199254740993]}"#,
            r#"{"x":9007199254740992}"#,
            false,
        ),
        (r#"{"x":["10.0.0.1"]}"#, r#"{"x":"010.0.0.01"}"#, true),
        (
            r#"{"x":[{"exactly":"10.0.0.1"}]}"#,
            r#"{"x":"010.0.0.01"}"#,
            false,
        ),
        (
            r#"{"x":[{"exactly":"10.0.0.1"}]}"#,
            r#"{"x":"10.0.0.1"}"#,
            true,
        ),
        (r#"{"x":["1.2.3.999"]}"#, r#"{"x":"1.2.3.999"}"#, true),
        (r#"{"a.b":["x"]}"#, r#"{"a":{"b":"x"}}"#, true),
        (r#"{"a":{"b":["x"]}}"#, r#"{"a.b":"x"}"#, true),
        (r#"{"x":["a"],"x":["b"]}"#, r#"{"x":"a"}"#, false),
        (r#"{"x":["a"],"x":["b"]}"#, r#"{"x":"b"}"#, true),
        (r#"{"x":["a"]}"#, r#"{"x":"b","x":"a"}"#, true),
        (r#"{"x":["a"]} anything"#, r#"{"x":"a"}"#, true),
        (r#"{"d":{"k":["v"]}}"#, r#"{"d":"{\"k\":\"v\"}"}"#, false),
    ]);
}

#[test]
fn prefix_suffix_and_case() {
    check(&[
        (r#"{"x":[{"prefix":"ab"}]}"#, r#"{"x":"abc"}"#, true),
        (r#"{"x":[{"prefix":"ab"}]}"#, r#"{"x":"xab"}"#, false),
        (r#"{"x":[{"prefix":""}]}"#, r#"{"x":""}"#, true),
        (r#"{"x":[{"prefix":""}]}"#, r#"{"x":1}"#, false),
        (r#"{"x":[{"suffix":"bc"}]}"#, r#"{"x":"abc"}"#, true),
        (r#"{"x":[{"suffix":".PNG"}]}"#, r#"{"x":"a.png"}"#, false),
        (
            r#"{"x":[{"prefix":{"equals-ignore-case":"AB"}}]}"#,
            r#"{"x":"abc"}"#,
            true,
        ),
        (
            r#"{"x":[{"suffix":{"equals-ignore-case":".png"}}]}"#,
            r#"{"x":"a.PNG"}"#,
            true,
        ),
        (
            r#"{"x":[{"equals-ignore-case":"straße"}]}"#,
            r#"{"x":"STRASSE"}"#,
            true,
        ),
        (
            r#"{"x":[{"equals-ignore-case":"a"}]}"#,
            r#"{"x":["b","A"]}"#,
            true,
        ),
    ]);
}

#[test]
fn numeric() {
    check(&[
        (r#"{"x":[{"numeric":["=",300]}]}"#, r#"{"x":300.0}"#, true),
        (r#"{"x":[{"numeric":[">",0,"<=",5]}]}"#, r#"{"x":0}"#, false),
        (r#"{"x":[{"numeric":[">",0,"<=",5]}]}"#, r#"{"x":5}"#, true),
        (
            r#"{"x":[{"numeric":[">=",0,"<",5]}]}"#,
            r#"{"x":-0.0}"#,
            true,
        ),
        (r#"{"x":[{"numeric":["<",5]}]}"#, r#"{"x":-1e10}"#, true),
        (r#"{"x":[{"numeric":["<",5]}]}"#, r#"{"x":"1"}"#, false),
        (r#"{"x":[{"numeric":["<",5]}]}"#, r#"{"x":null}"#, false),
        (
            r#"{"x":[{"numeric":[">",0]}]}"#,
            r#"{"x":9007199254740993}"#,
            false,
        ),
        (
            r#"{"x":[{"numeric":[">",0]}]}"#,
            r#"{"x":0.10000000000000000555}"#,
            false,
        ),
    ]);
}

#[test]
fn anything_but() {
    check(&[
        (r#"{"x":[{"anything-but":"a"}]}"#, r#"{"x":"b"}"#, true),
        (r#"{"x":[{"anything-but":"a"}]}"#, r#"{"x":"a"}"#, false),
        (r#"{"x":[{"anything-but":"a"}]}"#, r#"{}"#, false),
        (r#"{"x":[{"anything-but":"a"}]}"#, r#"{"x":[]}"#, false),
        (r#"{"x":[{"anything-but":"a"}]}"#, r#"{"x":null}"#, true),
        (
            r#"{"x":[{"anything-but":"a"}]}"#,
            r#"{"x":["a","b"]}"#,
            true,
        ),
        (
            r#"{"x":[{"anything-but":["a","b"]}]}"#,
            r#"{"x":["a","b"]}"#,
            false,
        ),
        (r#"{"x":[{"anything-but":7}]}"#, r#"{"x":7.0}"#, false),
        (r#"{"x":[{"anything-but":7}]}"#, r#"{"x":"7"}"#, true),
        (r#"{"x":[{"anything-but":[1,2]}]}"#, r#"{"x":3}"#, true),
        (
            r#"{"x":[{"anything-but":{"prefix":"a"}}]}"#,
            r#"{"x":"ab"}"#,
            false,
        ),
        (
            r#"{"x":[{"anything-but":{"prefix":["a","b"]}}]}"#,
            r#"{"x":"cb"}"#,
            true,
        ),
        (
            r#"{"x":[{"anything-but":{"suffix":"b"}}]}"#,
            r#"{"x":"ab"}"#,
            false,
        ),
        (
            r#"{"x":[{"anything-but":{"suffix":"b"}}]}"#,
            r#"{"x":1}"#,
            true,
        ),
        (
            r#"{"x":[{"anything-but":{"equals-ignore-case":["a","B"]}}]}"#,
            r#"{"x":"b"}"#,
            false,
        ),
        (
            r#"{"x":[{"anything-but":{"wildcard":"*b*"}}]}"#,
            r#"{"x":"abc"}"#,
            false,
        ),
        (
            r#"{"x":[{"anything-but":{"wildcard":["*b","c*"]}}]}"#,
            r#"{"x":"abc"}"#,
            true,
        ),
        (
            r#"{"x":[{"anything-but":"10.0.0.1"}]}"#,
            r#"{"x":"10.0.0.01"}"#,
            true,
        ),
    ]);
}

#[test]
fn exists() {
    check(&[
        (r#"{"x":[{"exists":true}]}"#, r#"{"x":null}"#, true),
        (r#"{"x":[{"exists":true}]}"#, r#"{"x":""}"#, true),
        (r#"{"x":[{"exists":true}]}"#, r#"{"x":{"y":1}}"#, false),
        (r#"{"x":[{"exists":false}]}"#, r#"{"x":{"y":1}}"#, true),
        (r#"{"x":[{"exists":false}]}"#, r#"{"x":[]}"#, true),
        (r#"{"x":[{"exists":false}]}"#, r#"{"x":[1]}"#, false),
        (r#"{"x":["a",{"exists":false}]}"#, r#"{"y":1}"#, true),
        (r#"{"x":["a",{"exists":false}]}"#, r#"{"x":"b"}"#, false),
    ]);
}

#[test]
fn cidr_and_wildcard() {
    check(&[
        (
            r#"{"x":[{"cidr":"10.0.0.5/24"}]}"#,
            r#"{"x":"10.0.0.77"}"#,
            true,
        ),
        (
            r#"{"x":[{"cidr":"10.0.0.5/24"}]}"#,
            r#"{"x":"10.0.1.1"}"#,
            false,
        ),
        (
            r#"{"x":[{"cidr":"10.0.0.5/24"}]}"#,
            r#"{"x":"host"}"#,
            false,
        ),
        (
            r#"{"x":[{"cidr":"2001:db8::/32"}]}"#,
            r#"{"x":"2001:DB8::1"}"#,
            true,
        ),
        (
            r#"{"x":[{"wildcard":"arn:*:i-*"}]}"#,
            r#"{"x":"arn:aws:ec2:i-1"}"#,
            true,
        ),
        (r#"{"x":[{"wildcard":"*"}]}"#, r#"{"x":5}"#, false),
    ]);
}

#[test]
fn or() {
    check(&[
        (r#"{"$or":[{"a":[1]},{"b":[2]}]}"#, r#"{"b":2}"#, true),
        (r#"{"$or":[{"a":[1]},{"b":[2]}]}"#, r#"{"b":1}"#, false),
        (
            r#"{"c":[3],"$or":[{"a":[1]},{"b":[2]}]}"#,
            r#"{"b":2}"#,
            false,
        ),
        (
            r#"{"$or":[{"a":[1]},{"b":[2]}],"c":[3]}"#,
            r#"{"b":2,"c":3}"#,
            true,
        ),
        (
            r#"{"a":[1],"$or":[{"a":[2]},{"b":[2]}]}"#,
            r#"{"a":2}"#,
            true,
        ),
        (
            r#"{"x":{"$or":[{"a":[1]},{"$or":[{"b":[1]},{"c":[1]}]}]}}"#,
            r#"{"x":{"c":1}}"#,
            true,
        ),
        (
            r#"{"$or":[{"a":[{"exists":false}]},{"b":[1]}]}"#,
            r#"{}"#,
            true,
        ),
        (
            r#"{"$or":[{"a":[1]},{"b":[1]}],"z":{"$or":[{"c":[1]},{"d":[1]}]}}"#,
            r#"{"b":1,"z":{"d":1}}"#,
            true,
        ),
    ]);
    for (pattern, expected) in [
        (r#"{"$or":{}}"#, "It must be an Array followed with $or."),
        (
            r#"{"$or":[1,2]}"#,
            "Only JSON object is allowed in array of $or relationship.",
        ),
        (
            r#"{"$or":[{"a":[1]}]}"#,
            "There must have at least 2 Objects in $or relationship.",
        ),
        (r#"{"$or":[{"a":[1]},{}]}"#, "Empty objects are not allowed"),
        (
            r#"{"$or":[{"prefix":[1]},{"b":[1]}]}"#,
            "prefix is Ruler reserved fieldName which cannot be used inside $or.",
        ),
    ] {
        assert_eq!(reason(pattern), expected, "{pattern}");
    }
}

#[test]
fn or_combinations_are_limited() {
    let alternatives: Vec<String> = (0..10).map(|n| format!(r#"{{"a":[{n}]}}"#)).collect();
    let group = |name: &str| format!(r#""{name}":{{"$or":[{}]}}"#, alternatives.join(","));
    let thousand = format!("{{{},{},{}}}", group("x"), group("y"), group("z"));
    assert!(matches(
        &thousand,
        r#"{"x":{"a":9},"y":{"a":0},"z":{"a":5}}"#
    ));
    let more = format!(
        "{{{},{},{},{}}}",
        group("w"),
        group("x"),
        group("y"),
        group("z")
    );
    assert!(
        reason(&more).starts_with("Rule is too complex"),
        "{}",
        reason(&more)
    );
}
