//! Requests that cannot be read.

use super::read;

#[test]
fn faults_are_told_with_their_place() {
    for (protocol, body, want) in [
        ("json", "", Ok("{}")),
        (
            "json",
            r#"{"Text":null,"Other":[{"a":1}],"Flag":true}"#,
            Ok(r#"{"Flag":true}"#),
        ),
        (
            "json",
            r#"{"At":1422172800,"Bytes":"YQ=="}"#,
            Ok(r#"{"At":"2015-01-25T08:00:00Z","Bytes":"YQ=="}"#),
        ),
        (
            "json",
            r#"{"List":[{},{"Text":5}]}"#,
            Err("`list.2.member.text` must be a string"),
        ),
        (
            "json",
            r#"{"Inner":{"Map":{"k":"5"}}}"#,
            Err("`inner.map.k` must be a whole number"),
        ),
        ("json", r#"{"Inner":[]}"#, Err("`inner` must be an object")),
        ("json", r#"{"List":{}}"#, Err("`list` must be a list")),
        (
            "json",
            r#"{"Flag":"true"}"#,
            Err("`flag` must be true or false"),
        ),
        (
            "json",
            r#"{"At":"1422172800"}"#,
            Err("`at` must be a timestamp"),
        ),
        (
            "json",
            r#"{"Bytes":"?"}"#,
            Err("`bytes` must be base64 text"),
        ),
        (
            "json",
            r#"{"Text":"a","Text":"b"}"#,
            Err("the key `Text` stands twice"),
        ),
        ("json", r#"{"x":1,"x":2}"#, Err("the key `x` stands twice")),
        (
            "json",
            r#"{"Map":{"x":1,"x":2}}"#,
            Err("the key `x` stands twice"),
        ),
        ("json", "[]", Err("must be one JSON object")),
        ("json", "5", Err("must be one JSON object")),
        ("json", "[[[[[[", Err("nested deeper than 5 levels")),
        ("json", "{} x", Err("trailing characters")),
        (
            "json",
            r#"{"a":[[[[[]]]]]}"#,
            Err("nested deeper than 5 levels"),
        ),
        (
            "json",
            r#"{"a":[1,2,3,4,5,6,7,8,9,0,1,2]}"#,
            Err("more than 12 values"),
        ),
        (
            "query",
            "Action=Echo&Text=a+b%2B&List.member.2.Flag=true&List.member.1.Number=-1",
            Ok(r#"{"Text":"a b+","List":[{"Number":-1},{"Flag":true}]}"#),
        ),
        (
            "query",
            "List=&Map.entry.1.key=a&Map.entry.1.value=5",
            Ok(r#"{"List":[],"Map":{"a":5}}"#),
        ),
        (
            "query",
            "List.member.1.Flag=maybe",
            Err("`list.1.member.flag` must be true or false"),
        ),
        (
            "query",
            "List.member.x.Flag=true",
            Err("`list` must be a list"),
        ),
        ("query", "List=5", Err("`list` must be a list")),
        ("query", "Text=a&Text=b", Err("`Text` stands twice")),
        ("query", "Text=%ff", Err("not UTF-8")),
        (
            "query",
            "Map.entry.1.value=5",
            Err("an entry of `map` has no `key`"),
        ),
        ("query", "At=soon", Err("`at` must be a timestamp")),
        ("query", &"&a=1".repeat(13), Err("more than 12 values")),
        (
            "query",
            &format!("Inner{}.Text=a", ".Inner".repeat(12)),
            Err("nested deeper than 5 levels"),
        ),
        (
            "rest-xml",
            "<All><Text>&lt;</Text><List><member><Number>5</Number></member></List></All>",
            Ok(r#"{"Text":"<","List":[{"Number":5}]}"#),
        ),
        (
            "rest-xml",
            "<All><Flag>1</Flag></All>",
            Err("`flag` must be true or false"),
        ),
        (
            "rest-xml",
            "<All><Text>a</Text><Text>b</Text></All>",
            Err("`Text` stands twice"),
        ),
        (
            "rest-xml",
            "<All>",
            Err("the request body ends within an element"),
        ),
        ("rest-xml", "<!DOCTYPE x><All/>", Err("document type")),
        (
            "rest-json",
            r#"{"Number":1.5}"#,
            Err("`number` must be a whole number"),
        ),
    ] {
        match (read(protocol, body), want) {
            (Ok(have), Ok(want)) => assert_eq!(have, want, "{protocol} {body}"),
            (Err(have), Err(want)) => assert!(have.contains(want), "{protocol} {body}: {have}"),
            (have, _) => panic!("{protocol} {body}: {have:?}"),
        }
    }
}
