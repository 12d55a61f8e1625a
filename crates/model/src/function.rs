//! Functions as stored: code, configuration, versions, aliases and what becomes of their asynchronous invocations.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::Scope;
use crate::arn::Arn;
use crate::sealed::Sealed;

/// Resource kind of functions. Name: the function's name.
pub const FUNCTION: &str = "function";
/// The version that is changed.
pub const LATEST: &str = "$LATEST";
/// Which of a function's secrets its variables are, for the vault.
pub const ENVIRONMENT: &str = "environment";
/// Longest time that an invocation may take, in seconds.
pub const MAX_TIMEOUT_SECS: u32 = 900;
/// Largest payload and answer of an invocation that is waited for, in bytes (AWS: 6 MB).
pub const MAX_PAYLOAD_BYTES: usize = 6 * 1024 * 1024;
/// Largest payload of an asynchronous invocation, in bytes.
pub const MAX_EVENT_BYTES: usize = 256 * 1024;
/// Retries of an asynchronous invocation that nothing else is said of.
pub const DEFAULT_RETRIES: u32 = 2;
/// Age in seconds after which an asynchronous invocation is given up, where nothing else is said.
pub const DEFAULT_EVENT_AGE_SECS: u32 = 21_600;

/// A function.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Function {
    /// Name.
    pub name: String,
    /// Tells it from an earlier function of the same name.
    pub id: Uuid,
    /// What `$LATEST` is.
    pub latest: Version,
    /// Published versions by number.
    #[serde(default)]
    pub versions: BTreeMap<u32, Version>,
    /// Number of the last version that was published; numbers are not used again.
    #[serde(default)]
    pub last_version: u32,
    /// Aliases by name.
    #[serde(default)]
    pub aliases: BTreeMap<String, Alias>,
    /// How many invocations may run at once; `None` shares what all functions have.
    #[serde(default)]
    pub reserved: Option<u32>,
    /// Resource policies, by qualifier; that of the function itself has the empty one.
    #[serde(default)]
    pub policies: BTreeMap<String, Policy>,
    /// What becomes of asynchronous invocations, by qualifier (`$LATEST`, a version, an alias).
    #[serde(default)]
    pub event_invoke: BTreeMap<String, EventInvoke>,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// One version of a function: code and configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Version {
    /// The code.
    pub code: Code,
    /// Declared runtime, e.g. `python3.12`.
    pub runtime: String,
    /// `module.function`.
    pub handler: String,
    /// Role whose session the code gets.
    pub role: String,
    /// Free text.
    #[serde(default)]
    pub description: String,
    /// Limit of one invocation, in seconds.
    pub timeout_secs: u32,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// Room for files in MiB.
    pub ephemeral_mib: u32,
    /// `x86_64` or `arm64`, as declared.
    pub architecture: String,
    /// The variables as a JSON object, sealed for [`Function::place_name`].
    #[serde(default)]
    pub variables: Option<Sealed>,
    /// ARN of the queue or topic that gets events which were given up.
    #[serde(default)]
    pub dead_letter: Option<String>,
    /// When it was last changed, or published.
    pub modified: Timestamp,
    /// Changes with every change.
    pub revision: Uuid,
}

/// A deployment package. Its files are kept beside the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Code {
    /// SHA-256 of the archive, 64 hexadecimal digits in lower case.
    pub digest: String,
    /// Size of the archive in bytes.
    pub bytes: u64,
}

/// A name for a version, or for two between which invocations are shared out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alias {
    /// `$LATEST` or a number.
    pub version: String,
    /// Free text.
    #[serde(default)]
    pub description: String,
    /// A second version and its share of the invocations, from 0 to 1.
    #[serde(default)]
    pub second: Option<(u32, f64)>,
    /// Changes with every change.
    pub revision: Uuid,
}

/// A resource policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// Statements in the order in which they were added.
    pub statements: Vec<Value>,
    /// Changes with every change.
    pub revision: Uuid,
}

/// What becomes of asynchronous invocations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventInvoke {
    /// Retries after a failure, 0 to 2.
    #[serde(default)]
    pub retries: Option<u32>,
    /// Age in seconds after which an event is given up.
    #[serde(default)]
    pub age_secs: Option<u32>,
    /// ARN that is told of failures.
    #[serde(default)]
    pub on_failure: Option<String>,
    /// ARN that is told of successes.
    #[serde(default)]
    pub on_success: Option<String>,
    /// When it was last changed.
    pub modified: Timestamp,
}

impl Function {
    /// Name and id: what its secrets are sealed for.
    #[must_use]
    pub fn place_name(&self) -> String {
        format!("{}/{}", self.name, self.id)
    }

    /// The version of a name that is `$LATEST` or a number.
    #[must_use]
    pub fn version(&self, name: &str) -> Option<&Version> {
        if name == LATEST {
            return Some(&self.latest);
        }
        self.versions.get(&number(name)?)
    }

    /// The version that a qualifier means. `chance` (from 0 to below 1) chooses where an alias has two.
    #[must_use]
    pub fn resolve(&self, qualifier: &str, chance: f64) -> Option<String> {
        if self.version(qualifier).is_some() {
            return Some(qualifier.to_owned());
        }
        let alias = self.aliases.get(qualifier)?;
        Some(match alias.second {
            Some((second, share)) if chance < share => second.to_string(),
            _ => alias.version.clone(),
        })
    }
}

/// The number that a version's name says; without leading zeros, so that one version has one name.
#[must_use]
pub fn number(name: &str) -> Option<u32> {
    let number: u32 = name.parse().ok()?;
    (number > 0 && number.to_string() == name).then_some(number)
}

/// A function's ARN, unqualified.
#[must_use]
pub fn function_arn(scope: &Scope, name: &str) -> String {
    let Scope {
        account, region, ..
    } = scope;
    format!(
        "arn:{}:lambda:{region}:{account}:function:{name}",
        scope.partition()
    )
}

/// How a caller names a function: by its name, by a part of its ARN, or by the whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Region, where the name says one.
    pub region: Option<String>,
    /// Account, where the name says one.
    pub account: Option<String>,
    /// The function's name.
    pub name: String,
    /// Version or alias, where the name says one.
    pub qualifier: Option<String>,
}

impl Named {
    /// Reads `NAME`, `NAME:QUALIFIER`, `ACCOUNT:function:NAME[:QUALIFIER]` or an ARN, as the service takes them
    /// (<https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > 256 {
            return None;
        }
        if text.starts_with("arn:") {
            let arn = Arn::parse(text).filter(|arn| arn.service == "lambda")?;
            let rest = arn.resource.strip_prefix("function:")?;
            let (name, qualifier) = split(rest)?;
            return Some(Self {
                region: Some(arn.region),
                account: Some(arn.account),
                name,
                qualifier,
            });
        }
        let (account, rest) = match text.split_once(":function:") {
            Some((account, rest)) if is_account(account) => (Some(account.to_owned()), rest),
            Some(_) => return None,
            None => (None, text.strip_prefix("function:").unwrap_or(text)),
        };
        let (name, qualifier) = split(rest)?;
        Some(Self {
            region: None,
            account,
            name,
            qualifier,
        })
    }

    /// Whether it names a function of an account and region; what it does not say is theirs.
    #[must_use]
    pub fn is_of(&self, account: &str, region: &str) -> bool {
        let says = |said: &Option<String>, own: &str| said.as_deref().is_none_or(|it| it == own);
        says(&self.account, account) && says(&self.region, region)
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn split(rest: &str) -> Option<(String, Option<String>)> {
    let (name, qualifier) = match rest.split_once(':') {
        Some((name, qualifier)) => (name, Some(qualifier)),
        None => (rest, None),
    };
    let fits = is_name(name) && qualifier.is_none_or(is_qualifier);
    fits.then(|| (name.to_owned(), qualifier.map(str::to_owned)))
}

/// Whether a text can be a function's name: 1 to 64 letters, digits, hyphens and underscores.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=64).contains(&text.len()) && text.bytes().all(letters)
}

/// Whether a text can be a qualifier: `$LATEST`, a version or an alias.
#[must_use]
pub fn is_qualifier(text: &str) -> bool {
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    text == LATEST || ((1..=128).contains(&text.len()) && text.bytes().all(letters))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_all_their_forms() {
        let named = |text: &str| {
            let found = Named::parse(text)?;
            let or = |part: Option<String>| part.unwrap_or_else(|| "-".to_owned());
            Some(format!(
                "{} {} {} {}",
                or(found.region),
                or(found.account),
                found.name,
                or(found.qualifier)
            ))
        };
        let arn = "arn:aws:lambda:us-east-1:123456789012:function:f-1_x";
        for (text, want) in [
            ("f-1_x", Some("- - f-1_x -")),
            ("f:live", Some("- - f live")),
            ("f:$LATEST", Some("- - f $LATEST")),
            ("function:f", Some("- - f -")),
            ("123456789012:function:f:7", Some("- 123456789012 f 7")),
            (arn, Some("us-east-1 123456789012 f-1_x -")),
            (
                &format!("{arn}:live"),
                Some("us-east-1 123456789012 f-1_x live"),
            ),
            ("", None),
            ("f:", None),
            ("f:a:b", None),
            ("a b", None),
            ("../f", None),
            ("12:function:f", None),
            ("arn:aws:sns:us-east-1:123456789012:function:f", None),
            ("arn:aws:lambda:us-east-1:123456789012:layer:f", None),
            (&"f".repeat(65), None),
        ] {
            assert_eq!(named(text).as_deref(), want, "{text}");
        }
    }

    #[test]
    fn a_name_says_no_more_than_it_says() {
        let here = |text: &str| {
            Named::parse(text).is_some_and(|named| named.is_of("123456789012", "us-east-1"))
        };
        assert!(here("f") && here("123456789012:function:f"));
        assert!(here("arn:aws:lambda:us-east-1:123456789012:function:f:3"));
        assert!(!here("999999999999:function:f"));
        assert!(!here("arn:aws:lambda:eu-west-1:123456789012:function:f"));
    }

    #[test]
    fn aliases_share_out() {
        let version: Version = serde_json::from_value(serde_json::json!({
            "code": { "digest": "00", "bytes": 1 }, "runtime": "python3.12", "handler": "m.f",
            "role": "r", "timeout_secs": 3, "memory_mib": 128, "ephemeral_mib": 512,
            "architecture": "x86_64", "modified": "2026-01-01T00:00:00Z", "revision": Uuid::nil(),
        }))
        .expect("a version");
        let alias = |second| Alias {
            version: "1".to_owned(),
            description: String::new(),
            second,
            revision: Uuid::nil(),
        };
        let function = Function {
            name: "f".to_owned(),
            id: Uuid::nil(),
            latest: version.clone(),
            versions: BTreeMap::from([(1, version.clone()), (2, version)]),
            last_version: 2,
            aliases: BTreeMap::from([
                ("one".to_owned(), alias(None)),
                ("both".to_owned(), alias(Some((2, 0.25)))),
            ]),
            reserved: None,
            policies: BTreeMap::new(),
            event_invoke: BTreeMap::new(),
            tags: BTreeMap::new(),
        };
        for (qualifier, chance, want) in [
            (LATEST, 0.0, Some(LATEST)),
            ("1", 0.0, Some("1")),
            ("3", 0.0, None),
            ("01", 0.0, None),
            ("one", 0.0, Some("1")),
            ("both", 0.24, Some("2")),
            ("both", 0.25, Some("1")),
            ("none", 0.0, None),
        ] {
            let found = function.resolve(qualifier, chance);
            assert_eq!(found.as_deref(), want, "{qualifier} {chance}");
        }
    }
}
