//! Which resources an action is limited to: ARNs made of what the call's parameters name.
//!
//! A resource type that always takes part is named as exactly as the parameters allow, else by a pattern of its kind.
//! One that takes part only sometimes is named when a parameter names it. What no parameter names is `*`, with a note.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{ANY, Place, table};

/// Most ARNs of one kind that are written out before a pattern takes their place.
const MOST: usize = 40;
/// Depth to which parameters are searched for names.
const DEPTH: usize = 6;

/// Members that name a resource where the placeholder of its ARN has another name: prefix, type, placeholder, members.
const MEMBERS: &str = include_str!("members.tsv");

/// What EC2's ids begin with, by resource type.
const EC2_IDS: [(&str, &str); 24] = [
    ("i-", "instance"),
    ("sg-", "security-group"),
    ("sgr-", "security-group-rule"),
    ("eni-", "network-interface"),
    ("vol-", "volume"),
    ("snap-", "snapshot"),
    ("ami-", "image"),
    ("acl-", "network-acl"),
    ("subnet-", "subnet"),
    ("vpc-", "vpc"),
    ("rtb-", "route-table"),
    ("igw-", "internet-gateway"),
    ("eigw-", "egress-only-internet-gateway"),
    ("eipalloc-", "elastic-ip"),
    ("lt-", "launch-template"),
    ("fl-", "vpc-flow-log"),
    ("vpce-", "vpc-endpoint"),
    ("tgw-", "transit-gateway"),
    ("key-", "key-pair"),
    ("nat-", "natgateway"),
    ("pl-", "prefix-list"),
    ("pcx-", "vpc-peering-connection"),
    ("dopt-", "dhcp-options"),
    ("vgw-", "vpn-gateway"),
];

/// The resources that a policy must name for `action` with these parameters.
pub(super) fn resources(
    (prefix, action): (&str, &str),
    (service, params): (&str, &Value),
    place: &Place,
    notes: &mut Vec<String>,
) -> BTreeSet<String> {
    let any = || BTreeSet::from([ANY.to_owned()]);
    let Some(row) = table::row(prefix, action) else {
        notes.push(format!(
            "{prefix}:{action}: which resources it can be limited to is not in the table, so any is allowed"
        ));
        return any();
    };
    if row.types.is_empty() {
        return any();
    }
    let mut found = BTreeSet::new();
    for (kind, always) in &row.types {
        let Some(form) = table::form(prefix, kind) else {
            continue;
        };
        let subject = Subject {
            prefix,
            kind,
            form,
            alone: row.types.len() == 1 || *always,
        };
        match subject.named(service, params) {
            Named::Exactly(tails) => {
                for tail in tails {
                    found.extend(subject.written(&tail, place));
                }
            }
            Named::Arns(arns) => found.extend(arns),
            Named::Later(member) => {
                notes.push(format!(
                    "{prefix}:{action}: `{member}` is known only in the run, so any {kind} is allowed"
                ));
                found.extend(subject.written(&subject.pattern(), place));
            }
            Named::Not if *always => {
                notes.push(format!(
                    "{prefix}:{action}: no parameter names the {kind}, so any is allowed"
                ));
                found.extend(subject.written(&subject.pattern(), place));
            }
            Named::Not => {}
        }
    }
    if found.is_empty() {
        notes.push(format!(
            "{prefix}:{action}: no parameter names its resource before the run, so any is allowed"
        ));
        return any();
    }
    found
}

/// How parameters name a resource.
enum Named {
    /// ARN forms with values in all places that have one.
    Exactly(Vec<String>),
    /// By whole ARNs.
    Arns(Vec<String>),
    /// By the member given here, whose value is not known yet.
    Later(String),
    /// Not at all.
    Not,
}

struct Subject<'a> {
    prefix: &'a str,
    kind: &'a str,
    form: &'a str,
    /// Whether a member that is just called `Name` can only mean this type.
    alone: bool,
}

impl Subject<'_> {
    /// The form with `*` in every place.
    fn pattern(&self) -> String {
        fill(self.form, &|_| None)
    }

    fn named(&self, service: &str, params: &Value) -> Named {
        let arns = self.arns(params);
        if !arns.is_empty() {
            return Named::Arns(arns);
        }
        if service == "ec2" {
            let ids = self.ec2_ids(params);
            if !ids.is_empty() {
                let fixed = self.form.split('{').next().unwrap_or_default();
                return Named::Exactly(ids.iter().map(|id| format!("{fixed}{id}")).collect());
            }
        }
        let mut filled = vec![self.form.to_owned()];
        let mut later = None;
        let mut exact = false;
        for place in places(self.form) {
            match self.values(place, params) {
                Some((_, values)) if !values.is_empty() && values.len() * filled.len() <= MOST => {
                    exact = true;
                    let slot = format!("{{{place}}}");
                    filled = filled
                        .iter()
                        .flat_map(|form| {
                            values
                                .iter()
                                .map(|value| form.replace(&slot, value))
                                .collect::<Vec<_>>()
                        })
                        .collect();
                }
                Some((member, _)) => later = Some(member),
                None => {}
            }
        }
        match (exact, later) {
            (true, _) => Named::Exactly(filled.iter().map(|form| fill(form, &|_| None)).collect()),
            (false, Some(member)) => Named::Later(member),
            (false, None) => Named::Not,
        }
    }

    /// Whole ARNs of this type among the parameters.
    fn arns(&self, params: &Value) -> Vec<String> {
        let (head, tail) = split(self.form);
        let service = head.split(':').next().unwrap_or_default();
        let fixed = tail.split('{').next().unwrap_or_default();
        let mut found = Vec::new();
        texts(params, DEPTH, &mut |_, text| {
            let mut parts = text.splitn(6, ':');
            let is_arn = parts.next() == Some("arn");
            let same = parts.nth(1) == Some(service);
            let rest = parts.nth(2).unwrap_or_default();
            // A type without fixed text (a topic, a queue) is told by its service.
            if is_arn && same && rest.starts_with(fixed) && !rest.is_empty() {
                found.push(text.to_owned());
            }
        });
        found.sort();
        found.dedup();
        if found.len() > MOST {
            Vec::new()
        } else {
            found
        }
    }

    fn ec2_ids(&self, params: &Value) -> Vec<String> {
        let Some((start, _)) = EC2_IDS.iter().find(|(_, kind)| *kind == self.kind) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        texts(params, DEPTH, &mut |_, text| {
            let id = text.strip_prefix(start);
            let legal = |rest: &str| {
                (8..=17).contains(&rest.len()) && rest.bytes().all(|b| b.is_ascii_hexdigit())
            };
            // An id of which only the kind is known.
            if id.is_some_and(|rest| rest == ANY || legal(rest)) {
                found.push(text.to_owned());
            }
        });
        found.sort();
        found.dedup();
        if found.len() > MOST {
            Vec::new()
        } else {
            found
        }
    }

    /// The member that fills a place, and its values as far as they are known.
    fn values(&self, place: &str, params: &Value) -> Option<(String, Vec<String>)> {
        for wanted in self.members(place) {
            let mut values = Vec::new();
            let mut seen = None;
            let mut unknown = false;
            texts(params, DEPTH, &mut |key, text| {
                if squash(key) == wanted {
                    seen = Some(key.to_owned());
                    match value_of(self.prefix, self.kind, text) {
                        Some(value) => values.push(value),
                        None => unknown = true,
                    }
                }
            });
            if let Some(member) = seen {
                values.sort();
                values.dedup();
                return Some((member, if unknown { Vec::new() } else { values }));
            }
        }
        None
    }

    /// Names of members that may fill a place, squashed, the likeliest first.
    fn members(&self, place: &str) -> Vec<String> {
        let own = MEMBERS.lines().filter_map(|line| {
            let mut cells = line.split('\t');
            let fits = cells.next() == Some(self.prefix)
                && cells.next() == Some(self.kind)
                && cells.next() == Some(place);
            fits.then(|| cells.next().unwrap_or_default())
        });
        let mut names: Vec<String> = own
            .flat_map(str::split_ascii_whitespace)
            .map(squash)
            .collect();
        let plain = place
            .trim_end_matches("WithPath")
            .trim_end_matches("WithoutLeadingSlash");
        let base = squash(plain);
        let kind = squash(self.kind);
        names.extend([
            format!("{base}s"),
            format!("{kind}arn"),
            format!("{kind}arns"),
        ]);
        names.push(base.clone());
        let last =
            places(self.form).last() == Some(&place) || places(self.form).first() == Some(&place);
        if self.alone && last && (base.ends_with("name") || base.ends_with("slash")) {
            names.extend(["name".to_owned(), "names".to_owned()]);
        }
        names
    }

    /// The ARNs of a filled form. Some kinds need more than one pattern for the same resource.
    fn written(&self, tail: &str, place: &Place) -> Vec<String> {
        let (head, rest) = split(tail);
        let head: Vec<&str> = head
            .split(':')
            .map(|part| match part {
                "R" => place.region.as_str(),
                "A" => place.account.as_str(),
                other => other,
            })
            .collect();
        let arn = format!("arn:{}:{}:{rest}", place.partition, head.join(":"));
        let literal = !rest.contains('*');
        match (self.prefix, self.kind) {
            // Names are unique in an account, whatever their path.
            ("iam", "role" | "user" | "group" | "instance-profile") if literal => {
                let below =
                    arn.replacen(&format!("{}/", self.kind), &format!("{}/*/", self.kind), 1);
                vec![arn, below]
            }
            // IAM sees log groups with and without the trailing `:*`, depending on the action.
            ("logs", "log-group") if literal => vec![format!("{arn}:*"), arn],
            // A secret's ARN has six random characters behind the name.
            ("secretsmanager", "secret") if literal => vec![format!("{arn}-??????")],
            _ => vec![arn],
        }
    }
}

/// The value that a text gives to an ARN; `None` when it is not known yet.
fn value_of(prefix: &str, kind: &str, text: &str) -> Option<String> {
    if text.is_empty() || text == ANY {
        return None;
    }
    let value = match (prefix, kind) {
        ("sqs", _) => text.rsplit('/').next().unwrap_or(text),
        ("ssm", "parameter") => text.trim_start_matches('/'),
        ("kms", "key") if text.starts_with("alias/") => return None,
        ("lambda", "function") => text.split(':').next().unwrap_or(text),
        ("route53", _) => text.rsplit('/').next().unwrap_or(text),
        _ => text,
    };
    (!value.starts_with("arn:")).then(|| value.to_owned())
}

/// What stands before the resource in a form, and the resource.
fn split(form: &str) -> (&str, &str) {
    let third = form
        .match_indices(':')
        .nth(2)
        .map_or(form.len(), |(at, _)| at);
    let (head, rest) = form.split_at(third);
    (head, rest.strip_prefix(':').unwrap_or(rest))
}

/// Names of a form's places.
fn places(form: &str) -> Vec<&str> {
    form.split('{')
        .skip(1)
        .filter_map(|part| part.split('}').next())
        .collect()
}

fn fill(form: &str, value: &dyn Fn(&str) -> Option<String>) -> String {
    let mut out = String::new();
    for (n, part) in form.split('{').enumerate() {
        match part.split_once('}') {
            Some((name, rest)) if n > 0 => {
                out.push_str(value(name).as_deref().unwrap_or(ANY));
                out.push_str(rest);
            }
            _ => out.push_str(part),
        }
    }
    out
}

/// Lower case, letters and digits only.
fn squash(name: &str) -> String {
    name.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

/// Calls `see` with every text of the parameters and the key it stands behind.
pub(super) fn texts(value: &Value, depth: usize, see: &mut dyn FnMut(&str, &str)) {
    walk("", value, depth, see);
}

fn walk(key: &str, value: &Value, depth: usize, see: &mut dyn FnMut(&str, &str)) {
    match value {
        Value::String(text) => see(key, text),
        Value::Number(number) => see(key, &number.to_string()),
        Value::Array(items) if depth > 0 => {
            for item in items {
                walk(key, item, depth - 1, see);
            }
        }
        Value::Object(members) if depth > 0 => {
            for (key, value) in members {
                walk(key, value, depth - 1, see);
            }
        }
        _ => {}
    }
}
