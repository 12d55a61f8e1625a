//! `--dry-run`: the request as it would be sent. Sends nothing at all: assumes no role and asks no source of keys.

use aws::Credentials;
use serde_json::{Map, Value, json};

use super::arguments::Asked;
use super::ending::Result;
use super::local::{Checked, now};
use super::output;
use super::settings::Settings;

/// Key id in the place of keys that are not at hand.
const NO_KEY: &str = "(keys not at hand)";
/// Headers whose value gives access.
const SECRET_HEADERS: [&str; 1] = ["x-amz-security-token"];

/// Prints the request.
pub(crate) fn print(asked: &Asked, settings: &Settings, checked: &Checked) -> Result<()> {
    let keys = settings.keys()?.unwrap_or_else(|| {
        // Only the shape of the signature is shown, and its value is masked.
        Credentials::new(NO_KEY, "none")
    });
    // A service that takes another scheme than Signature Version 4 is shown its request without one.
    let signed = checked.prepared.sign(&keys, now());
    let signed = signed.unwrap_or_else(|_| checked.prepared.request.clone());
    let headers: Map<String, Value> = signed
        .headers
        .iter()
        .map(|(name, value)| (name.clone(), shown_header(name, value).into()))
        .collect();
    let told = json!({
        "dryRun": true,
        "service": checked.service,
        "operation": checked.operation,
        "class": checked.class,
        "region": settings.region,
        "as": whom(asked, settings, &keys),
        "method": signed.method,
        "url": masked_query(&signed.url()),
        "headers": headers,
        "body": body(&signed.body),
    });
    output::print(&told, asked.format)
}

fn whom(asked: &Asked, settings: &Settings, keys: &Credentials) -> Value {
    let mut whom = Map::new();
    whom.insert("accessKeyId".to_owned(), keys.access_key_id.clone().into());
    if let Some(role) = &settings.role_arn {
        whom.insert("assumesRoleFirst".to_owned(), role.clone().into());
    } else if let Some(account) = &asked.account {
        whom.insert(
            "checksFirst".to_owned(),
            format!("sts GetCallerIdentity: account {account}").into(),
        );
    }
    Value::Object(whom)
}

fn shown_header(name: &str, value: &str) -> String {
    if SECRET_HEADERS
        .iter()
        .any(|secret| secret.eq_ignore_ascii_case(name))
    {
        return aws::knowledge::MASK.to_owned();
    }
    match value.split_once("Signature=") {
        Some((before, _)) if name.eq_ignore_ascii_case("authorization") => {
            format!("{before}Signature={}", aws::knowledge::MASK)
        }
        _ => value.to_owned(),
    }
}

/// A presigned form carries its signature in the query.
fn masked_query(url: &str) -> String {
    let Some((path, query)) = url.split_once('?') else {
        return url.to_owned();
    };
    let parts: Vec<String> = query
        .split('&')
        .map(|part| match part.split_once('=') {
            Some((name @ ("X-Amz-Signature" | "X-Amz-Security-Token"), _)) => {
                format!("{name}={}", aws::knowledge::MASK)
            }
            _ => part.to_owned(),
        })
        .collect();
    format!("{path}?{}", parts.join("&"))
}

/// JSON as JSON, text as text, anything else by its size.
fn body(bytes: &[u8]) -> Value {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return format!("({} bytes that are no text)", bytes.len()).into();
    };
    match serde_json::from_str::<Value>(text) {
        Ok(parsed @ Value::Object(_)) => parsed,
        _ => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_gives_access_is_masked() {
        let signature = "AWS4-HMAC-SHA256 Credential=AKID/1/x, SignedHeaders=host, Signature=abc";
        assert_eq!(
            shown_header("Authorization", signature),
            "AWS4-HMAC-SHA256 Credential=AKID/1/x, SignedHeaders=host, Signature=***"
        );
        assert_eq!(shown_header("X-Amz-Security-Token", "abc"), "***");
        assert_eq!(shown_header("x-amz-target", "A.B"), "A.B");
        assert_eq!(
            masked_query("https://h/p?A=1&X-Amz-Signature=abc&X-Amz-Security-Token=d"),
            "https://h/p?A=1&X-Amz-Signature=***&X-Amz-Security-Token=***"
        );
    }
}
