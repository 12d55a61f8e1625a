//! Patterns that are refused, and in which words.

use rules::Pattern;

use super::super::reason;

/// Arguments of a field `x` and the reasons they are refused for.
const REFUSALS: &[(&str, &str)] = &[
    (r#""v""#, "\"x\" must be an object or an array"),
    ("7", "\"x\" must be an object or an array"),
    ("[]", "Empty arrays are not allowed"),
    ("{}", "Empty objects are not allowed"),
    (
        "[[1]]",
        "Match value must be String, number, true, false, or null",
    ),
    ("[{}]", "Match expression name not found"),
    (r#"[{"EXISTS":true}]"#, "Unrecognized match type EXISTS"),
    (
        r#"[{"exists":true,"prefix":"a"}]"#,
        "Only one key allowed in match expression",
    ),
    (
        r#"[{"exists":"true"}]"#,
        "exists match pattern must be either true or false.",
    ),
    (r#"[{"exactly":1}]"#, "exact match pattern must be a string"),
    (r#"[{"prefix":1}]"#, "prefix match pattern must be a string"),
    (r#"[{"cidr":1}]"#, "prefix match pattern must be a string"),
    (
        r#"[{"suffix":[1]}]"#,
        "suffix match pattern must be a string",
    ),
    (
        r#"[{"wildcard":null}]"#,
        "wildcard match pattern must be a string",
    ),
    (
        r#"[{"equals-ignore-case":1}]"#,
        "equals-ignore-case match pattern must be a string",
    ),
    (r#"[{"prefix":{}}]"#, "Prefix expression name not found"),
    (r#"[{"suffix":{}}]"#, "Suffix expression name not found"),
    (
        r#"[{"prefix":{"suffix":"a"}}]"#,
        "Unsupported prefix pattern: suffix",
    ),
    (
        r#"[{"suffix":{"prefix":"a"}}]"#,
        "Unsupported suffix pattern: prefix",
    ),
    (r#"[{"numeric":10}]"#, "Value of numeric must be an array."),
    (
        r#"[{"numeric":[10]}]"#,
        "Invalid member in numeric match: 10",
    ),
    (r#"[{"numeric":[]}]"#, "Invalid member in numeric match: ]"),
    (
        r#"[{"numeric":["!=",5]}]"#,
        "Unrecognized numeric range operator: !=",
    ),
    (
        r#"[{"numeric":["=","5"]}]"#,
        "Value of equals must be numeric",
    ),
    (r#"[{"numeric":["<"]}]"#, "Value of < must be numeric"),
    (r#"[{"numeric":[">",0,"<"]}]"#, "Value of < must be numeric"),
    (
        r#"[{"numeric":[">",0,5]}]"#,
        "Bad value in numeric range: 5",
    ),
    (
        r#"[{"numeric":[">",0,">",5]}]"#,
        "Bad numeric range operator: >",
    ),
    (
        r#"[{"numeric":[">",0,"<",5,6]}]"#,
        "Too many terms in numeric range expression",
    ),
    (
        r#"[{"numeric":["<",5,">",0]}]"#,
        "Too many elements in numeric expression",
    ),
    (
        r#"[{"numeric":[">=",5,"<=",5]}]"#,
        "Bottom must be less than top",
    ),
    (
        r#"[{"numeric":["=",9007199254740993]}]"#,
        "Cannot compare number : 9007199254740993",
    ),
    (
        r#"[{"anything-but":{}}]"#,
        "Anything-But expression name not found",
    ),
    (
        r#"[{"anything-but":{"cidr":"::/0"}}]"#,
        "Unsupported anything-but pattern: cidr",
    ),
    (
        r#"[{"anything-but":null}]"#,
        "Value of anything-but must be an array or single string/number value.",
    ),
    (
        r#"[{"anything-but":{"prefix":{"equals-ignore-case":"a"}}}]"#,
        "Value of anything-but must be an array or single string/number value.",
    ),
    (
        r#"[{"anything-but":["a",null]}]"#,
        "Inside anything but list, start|null|boolean is not supported.",
    ),
    (
        r#"[{"anything-but":["a",1]}]"#,
        "Inside anything but list, either all values are number or string, mixed type is not supported",
    ),
    (
        r#"[{"anything-but":[]}]"#,
        "Inside anything but list, either all values are number or string, mixed type is not supported",
    ),
    (
        r#"[{"anything-but":{"equals-ignore-case":["a",1]}}]"#,
        "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported.",
    ),
    (
        r#"[{"anything-but":{"prefix":1}}]"#,
        "prefix/suffix match pattern must be a string",
    ),
    (
        r#"[{"anything-but":{"suffix":""}}]"#,
        "Null prefix/suffix not allowed",
    ),
    (
        r#"[{"anything-but":{"prefix":[]}}]"#,
        "Empty arrays are not allowed",
    ),
    (
        r#"[{"anything-but":{"wildcard":[1]}}]"#,
        "wildcard match pattern must be a string",
    ),
    (
        r#"[{"anything-but":{"wildcard":"**"}}]"#,
        "Consecutive wildcard characters at pos 1",
    ),
    (
        r#"[{"anything-but":"a","prefix":"b"}]"#,
        "Too many elements in numeric expression",
    ),
];

#[test]
fn refusals() {
    for (argument, expected) in REFUSALS {
        assert_eq!(
            reason(&format!(r#"{{"x":{argument}}}"#)),
            *expected,
            "{argument}"
        );
    }
}

#[test]
fn bad_json_is_told_in_the_parsers_words() {
    for (pattern, expected) in [
        ("", "Filter is not an object"),
        ("[]", "Filter is not an object"),
        (
            "{",
            "Unexpected end-of-input: expected close marker for Object (start marker at [Source: (String)\"{\"; line: 1, column: 1])",
        ),
        (
            "this",
            "Unrecognized token 'this': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')",
        ),
        (
            "{'a':[1]}",
            "Unexpected character (''' (code 39)): was expecting double-quote to start field name",
        ),
        (
            r#"{"a" [1]}"#,
            "Unexpected character ('[' (code 91)): was expecting a colon to separate field name and value",
        ),
        (
            r#"{"a":[1 2]}"#,
            "Unexpected character ('2' (code 50)): was expecting comma to separate Array entries",
        ),
        (
            r#"{"a":[1,]}"#,
            "Unexpected character (']' (code 93)): expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')",
        ),
        (
            r#"{"a":[01]}"#,
            "Invalid numeric value: Leading zeroes not allowed",
        ),
        (
            r#"{"a":["\q"]}"#,
            "Unrecognized character escape 'q' (code 113)",
        ),
    ] {
        assert_eq!(reason(pattern), expected, "{pattern}");
    }
}

#[test]
fn an_address_range_error_names_no_place() {
    let error = Pattern::parse(r#"{"x":[{"cidr":"10.0.0.1/32"}]}"#).unwrap_err();
    assert_eq!(
        error.aws_message(),
        "Event pattern is not valid. Reason: IPv4 mask bits must be < 32"
    );
    assert_eq!((error.line, error.column), (None, None));
    let error = Pattern::parse("{\n  \"x\": 1}").unwrap_err();
    assert_eq!((error.line, error.column), (Some(2), Some(9)));
}
