//! How names given by people are compared with names of the models.

use std::collections::HashSet;
use std::sync::{LazyLock, Mutex, PoisonError};

use super::Name;

static INTERNED: LazyLock<Mutex<HashSet<Name>>> = LazyLock::new(Mutex::default);

/// The text as a name that lives as long as the process. Each text is kept once, for good: this is for models read from
/// JSON, of which a process reads few (the packer, tests). Names of the packed table point into the table.
pub(super) fn interned(text: &str) -> Name {
    let mut interned = INTERNED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(name) = interned.get(text) {
        return name;
    }
    let name: Name = Box::leak(text.to_owned().into_boxed_str());
    interned.insert(name);
    name
}

/// Lower case without `_`, `-`, blanks and dots, so that every customary spelling of a service or operation meets.
pub(crate) fn normalised(name: &str) -> String {
    letters(name).collect()
}

/// Whether two spellings are the same once normalised.
pub(super) fn same(left: &str, right: &str) -> bool {
    letters(left).eq(letters(right))
}

pub(super) fn letters(name: &str) -> impl Iterator<Item = char> {
    name.chars()
        .filter(|c| !matches!(c, '_' | '-' | ' ' | '.'))
        .map(|c| c.to_ascii_lowercase())
}

/// Services that the AWS CLI calls otherwise than boto3, with boto3's name; both normalised.
const CLI_NAMES: [(&str, &str); 3] = [
    ("configservice", "config"),
    ("deploy", "codedeploy"),
    ("s3api", "s3"),
];

/// boto3's name where a normalised name is the AWS CLI's own.
pub(super) fn client_name(normalised: String) -> String {
    let known = CLI_NAMES.iter().find(|(cli, _)| *cli == normalised);
    known.map_or(normalised, |(_, client)| (*client).to_owned())
}

/// Up to three of `names` nearest to `wanted` by edit distance, nearest first; none that differs in more than a third.
pub(crate) fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = normalised(wanted);
    if wanted.len() > 128 {
        return Vec::new();
    }
    let limit = (wanted.len() / 3).max(1);
    let mut ranked: Vec<(usize, &str)> = names
        .filter(|name| name.len().abs_diff(wanted.len()) <= limit + 4)
        .map(|name| (distance(&wanted, &normalised(name)), name))
        .filter(|(distance, _)| *distance <= limit)
        .collect();
    ranked.sort();
    ranked.into_iter().take(3).map(|(_, name)| name).collect()
}

fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, l) in left.chars().enumerate() {
        let mut diagonal = i;
        let mut before = i + 1;
        for (cell, r) in row.iter_mut().skip(1).zip(&right) {
            let cost = diagonal + usize::from(l != *r);
            diagonal = *cell;
            *cell = cost.min(before + 1).min(diagonal + 1);
            before = *cell;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_meet() {
        for name in [
            "DescribeInstances",
            "describe_instances",
            "describe-instances",
            "describeInstances",
        ] {
            assert_eq!(normalised(name), "describeinstances");
            assert!(same(name, "Describe Instances"));
            assert!(!same(name, "DescribeInstance"));
        }
    }

    #[test]
    fn equal_names_are_kept_once() {
        let name = "a name that no model has".to_owned();
        assert!(std::ptr::eq(interned(&name), interned(&name.clone())));
    }

    #[test]
    fn names_of_the_cli_meet() {
        assert_eq!(client_name(normalised("s3api")), "s3");
        assert_eq!(client_name(normalised("ec2")), "ec2");
        for (_, client) in CLI_NAMES {
            assert!(crate::model::catalog().service(client).is_ok(), "{client}");
        }
    }

    #[test]
    fn nearest_names_are_offered() {
        let names = ["DescribeInstances", "DescribeImages", "RunInstances"];
        assert_eq!(
            nearest("DescribeInstance", names.into_iter()),
            ["DescribeInstances"]
        );
        assert!(nearest("Xyz", names.into_iter()).is_empty());
    }
}
