//! The functions that rules call.

use serde_json::json;

use super::{a, assigned, call, url};

#[test]
fn functions() {
    let arn = "arn:aws:s3:eu-west-1:123456789012:accesspoint/name";
    for (condition, template, given, wanted) in [
        (call("isSet", json!([a()])), "set", json!({"A": ""}), "set"),
        (call("isSet", json!([a()])), "set", json!({}), "-"),
        (
            call("not", json!([call("isSet", json!([a()]))])),
            "unset",
            json!({}),
            "unset",
        ),
        (
            call("stringEquals", json!([a(), "x"])),
            "same",
            json!({"A": "x"}),
            "same",
        ),
        (
            call("stringEquals", json!([a(), "{B}y"])),
            "same",
            json!({"A": "xy", "B": "x"}),
            "same",
        ),
        (
            call("stringEquals", json!([a(), "x"])),
            "same",
            json!({"A": "X"}),
            "-",
        ),
        (
            call("booleanEquals", json!([{"ref": "F"}, true])),
            "yes",
            json!({"F": true}),
            "yes",
        ),
        (
            call("booleanEquals", json!([{"ref": "F"}, true])),
            "yes",
            json!({}),
            "-",
        ),
        (
            assigned("substring", json!([a(), 1, 3, false])),
            "{v}",
            json!({"A": "abcd"}),
            "bc",
        ),
        (
            assigned("substring", json!([a(), 0, 1, true])),
            "{v}",
            json!({"A": "abcd"}),
            "d",
        ),
        (
            assigned("substring", json!([a(), 0, 9, true])),
            "{v}",
            json!({"A": "abcd"}),
            "-",
        ),
        (
            assigned("substring", json!(["{A}!", 1, 3, false])),
            "{v}",
            json!({"A": "ab"}),
            "b!",
        ),
        (
            assigned("uriEncode", json!([a()])),
            "{v}",
            json!({"A": "a/b c"}),
            "a%2Fb%20c",
        ),
        (assigned("uriEncode", json!([a()])), "{v}", json!({}), "-"),
        (
            assigned("parseURL", json!([a()])),
            "{v#scheme}|{v#authority}|{v#path}|{v#normalizedPath}|{v#isIp}",
            json!({"A": "http://10.0.0.1:80/a"}),
            "http|10.0.0.1:80|/a|/a/|true",
        ),
        (
            assigned("parseURL", json!([a()])),
            "{v#scheme}",
            json!({"A": "a?b"}),
            "-",
        ),
        (
            call("isValidHostLabel", json!([a(), false])),
            "ok",
            json!({"A": "a-1"}),
            "ok",
        ),
        (
            call("isValidHostLabel", json!([a(), false])),
            "ok",
            json!({"A": "a.b"}),
            "-",
        ),
        (
            call("isValidHostLabel", json!([a(), true])),
            "ok",
            json!({"A": "a.b"}),
            "ok",
        ),
        (
            call("isValidHostLabel", json!([a(), true])),
            "ok",
            json!({}),
            "-",
        ),
        (
            assigned("aws.partition", json!([a()])),
            "{v#name} {v#dnsSuffix} {v#supportsFIPS} {v#implicitGlobalRegion}",
            json!({"A": "cn-north-1"}),
            "aws-cn amazonaws.com.cn true cn-northwest-1",
        ),
        (
            assigned("aws.partition", json!(["moon-1"])),
            "{v#name} {v#dualStackDnsSuffix}",
            json!({}),
            "aws api.aws",
        ),
        (
            assigned("aws.parseArn", json!([a()])),
            "{v#service}.{v#region}.{v#accountId}.{v#resourceId[1]}",
            json!({"A": arn}),
            "s3.eu-west-1.123456789012.name",
        ),
        (
            assigned("aws.parseArn", json!([a()])),
            "x",
            json!({"A": "arn:x"}),
            "-",
        ),
        (
            assigned(
                "getAttr",
                json!([call("aws.parseArn", json!([a()])), "resourceId[0]"]),
            ),
            "{v}",
            json!({"A": arn}),
            "accesspoint",
        ),
        (
            assigned(
                "getAttr",
                json!([call("aws.parseArn", json!([a()])), "resourceId[-1]"]),
            ),
            "{v}",
            json!({"A": arn}),
            "name",
        ),
        (
            assigned("getAttr", json!([{"ref": "L"}, "[1]"])),
            "{v}",
            json!({"L": ["x", "y"]}),
            "y",
        ),
        (
            assigned("getAttr", json!([{"ref": "L"}, "[2]"])),
            "{v}",
            json!({"L": ["x", "y"]}),
            "-",
        ),
        (
            assigned("getAttr", json!([{"ref": "L"}, "[-3]"])),
            "{v}",
            json!({"L": ["x", "y"]}),
            "-",
        ),
        (
            call("aws.isVirtualHostableS3Bucket", json!([a(), false])),
            "ok",
            json!({"A": "bucket"}),
            "ok",
        ),
        (
            call("aws.isVirtualHostableS3Bucket", json!([a(), false])),
            "ok",
            json!({"A": "a.b"}),
            "-",
        ),
        (
            assigned("coalesce", json!([a(), {"ref": "B"}, "c"])),
            "{v}",
            json!({"B": "b"}),
            "b",
        ),
        (
            assigned("coalesce", json!([a(), {"ref": "B"}])),
            "{v}",
            json!({}),
            "-",
        ),
        (
            assigned("ite", json!([{"ref": "F"}, "yes", "no"])),
            "{v}",
            json!({"F": true}),
            "yes",
        ),
        (
            assigned("ite", json!([{"ref": "F"}, "yes", "no"])),
            "{v}",
            json!({}),
            "no",
        ),
        (
            assigned("split", json!([a(), "--", 0])),
            "{v#[0]}/{v#[-1]}",
            json!({"A": "a--b--c"}),
            "a/c",
        ),
        (
            assigned("split", json!([a(), "--", 2])),
            "{v#[1]}",
            json!({"A": "a--b--c"}),
            "b--c",
        ),
    ] {
        let shown = condition.to_string();
        assert_eq!(url(&json!([condition]), template, given), wanted, "{shown}");
    }
    assert_eq!(url(&json!([]), "{{{A}}}", json!({"A": "x"})), "{x}");
}
