//! The table of IAM actions: their resource types, and the actions that AWS documents as dependent on them.
//!
//! `iam_actions.tsv` holds one part per prefix, begun by `@prefix`. `=type` lines give the form of a type's ARN behind
//! `arn:partition:`, with `R` and `A` for region and account and `{Name}` for what identifies the resource. The other
//! lines are actions: name, types (`*` behind those that always take part), dependent actions.

use std::collections::HashMap;
use std::sync::LazyLock;

static TEXT: &str = include_str!("iam_actions.tsv");

/// The parts by prefix: a part is parsed when it is asked for, which reads at most a few hundred short lines.
static PARTS: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| {
    let parts = TEXT.split('@').filter(|part| !part.is_empty());
    parts.filter_map(|part| part.split_once('\n')).collect()
});

/// What is known of an action.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Row {
    /// The action as AWS spells it.
    pub(super) name: &'static str,
    /// Resource types, and whether each always takes part.
    pub(super) types: Vec<(&'static str, bool)>,
    /// Actions that AWS documents as dependent.
    pub(super) dependent: Vec<&'static str>,
}

/// The row of an action; names meet in any case, as in policies.
pub(super) fn row(prefix: &str, action: &str) -> Option<Row> {
    let lines = PARTS.get(prefix)?.lines();
    let line = lines.filter(|line| !line.starts_with('=')).find(|line| {
        line.split('\t')
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case(action))
    })?;
    let mut cells = line.split('\t');
    let name = cells.next()?;
    let words = |cell: Option<&'static str>| cell.unwrap_or_default().split_ascii_whitespace();
    let types = words(cells.next()).map(|name| match name.strip_suffix('*') {
        Some(name) => (name, true),
        None => (name, false),
    });
    Some(Row {
        name,
        types: types.collect(),
        dependent: words(cells.next()).collect(),
    })
}

/// The form of a type's ARN behind `arn:partition:`.
pub(super) fn form(prefix: &str, kind: &str) -> Option<&'static str> {
    let lines = PARTS.get(prefix)?.lines();
    lines
        .filter_map(|line| line.strip_prefix('='))
        .filter_map(|line| line.split_once('\t'))
        .find(|(name, _)| *name == kind)
        .map(|(_, form)| form)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_whatever_their_case() {
        let row = row("ec2", "modifyinstanceattribute").expect("in the table");
        assert_eq!(row.name, "ModifyInstanceAttribute");
        assert_eq!(row.types.first(), Some(&("instance", true)));
        assert_eq!(
            form("ec2", "instance"),
            Some("ec2:R:A:instance/{InstanceId}")
        );
        assert_eq!(super::row("ec2", "NoSuchAction"), None);
        assert_eq!(super::row("nothing", "X"), None);
    }

    #[test]
    fn every_type_of_an_action_has_a_form() {
        for (prefix, part) in PARTS.iter() {
            for line in part.lines().filter(|line| !line.starts_with('=')) {
                let name = line.split('\t').next().unwrap_or_default();
                let row = row(prefix, name).expect("its own line");
                for (kind, _) in row.types {
                    assert!(form(prefix, kind).is_some(), "{prefix}:{name} {kind}");
                }
            }
        }
    }
}
