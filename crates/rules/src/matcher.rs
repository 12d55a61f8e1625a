//! Which of many rules want an event, without asking each of them.
//!
//! Every combination of a rule's `$or`s is filed under one field it cannot do without: a field
//! with literal values under those values, otherwise any field that needs a value under its
//! path. An event looks up its own paths and values, so rules about other things cost nothing.
//! Candidates are then asked in full: the index never decides a match.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use crate::address::parse_address;
use crate::condition::Condition;
use crate::event::{Event, PathNode, Value};
use crate::pattern::{Field, Pattern};
use crate::search::Search;

/// A set of rules, asked together.
///
/// ```
/// # use rules::{Event, Matcher, Pattern};
/// let mut matcher = Matcher::new();
/// matcher.insert("ec2", Pattern::parse(r#"{"source":["aws.ec2"]}"#)?);
/// matcher.insert("s3", Pattern::parse(r#"{"source":["aws.s3"]}"#)?);
/// assert_eq!(matcher.matching(&Event::parse(r#"{"source":"aws.s3"}"#)?), ["s3"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Matcher<K> {
    rules: BTreeMap<K, Rule>,
    index: IndexNode<K>,
    /// Branches that hold by absence alone, asked for every event.
    unfiled: BTreeSet<Filed<K>>,
}

#[derive(Clone, Debug)]
struct Rule {
    pattern: Pattern,
    /// For each branch, the field it is filed under.
    filed_under: Vec<Option<usize>>,
}

/// A rule and the position of one of its branches.
type Filed<K> = (K, usize);

#[derive(Clone, Debug)]
struct IndexNode<K> {
    children: BTreeMap<Box<str>, IndexNode<K>>,
    literals: HashMap<Literal, BTreeSet<Filed<K>>>,
    /// Branches that need any value here.
    present: BTreeSet<Filed<K>>,
}

/// A value that can be looked up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Literal {
    Text(String),
    Address(IpAddr),
    /// The spelling of a number.
    Spelling(String),
    /// The bits of a comparable number.
    Number(u64),
    True,
    False,
    Null,
}

impl<K> Default for IndexNode<K> {
    fn default() -> Self {
        IndexNode {
            children: BTreeMap::new(),
            literals: HashMap::new(),
            present: BTreeSet::new(),
        }
    }
}

impl<K> IndexNode<K> {
    fn is_empty(&self) -> bool {
        self.children.is_empty() && self.literals.is_empty() && self.present.is_empty()
    }
}

impl<K: Clone + Ord> Default for Matcher<K> {
    fn default() -> Self {
        Matcher::new()
    }
}

impl<K: Clone + Ord> Matcher<K> {
    /// A matcher without rules.
    #[must_use]
    pub fn new() -> Self {
        Matcher {
            rules: BTreeMap::new(),
            index: IndexNode::default(),
            unfiled: BTreeSet::new(),
        }
    }

    /// Adds a rule, in place of an earlier one with the same key, whose pattern is returned.
    pub fn insert(&mut self, key: K, pattern: Pattern) -> Option<Pattern> {
        let earlier = self.remove(&key);
        let mut filed_under = Vec::with_capacity(pattern.branches().len());
        for (position, branch) in pattern.branches().iter().enumerate() {
            let filed = (key.clone(), position);
            let field = self.choose(&pattern, branch);
            match field.and_then(|field| pattern.fields().get(field)) {
                None => {
                    self.unfiled.insert(filed);
                }
                Some(field) => {
                    let node = descend(&mut self.index, field);
                    match literals(field) {
                        None => {
                            node.present.insert(filed);
                        }
                        Some(literals) => {
                            for literal in literals {
                                node.literals
                                    .entry(literal)
                                    .or_default()
                                    .insert(filed.clone());
                            }
                        }
                    }
                }
            }
            filed_under.push(field);
        }
        self.rules.insert(
            key,
            Rule {
                pattern,
                filed_under,
            },
        );
        earlier
    }

    /// Takes a rule out and returns its pattern.
    pub fn remove(&mut self, key: &K) -> Option<Pattern> {
        let Rule {
            pattern,
            filed_under,
        } = self.rules.remove(key)?;
        for (position, field) in filed_under.into_iter().enumerate() {
            let filed = (key.clone(), position);
            match field.and_then(|field| pattern.fields().get(field)) {
                None => {
                    self.unfiled.remove(&filed);
                }
                Some(field) => {
                    let parts: Vec<&str> = field.parts().collect();
                    unfile(&mut self.index, &parts, literals(field), &filed);
                }
            }
        }
        Some(pattern)
    }

    /// The keys of all rules that match the event, in key order.
    #[must_use]
    pub fn matching(&self, event: &Event) -> Vec<K> {
        let mut candidates: BTreeMap<&K, BTreeSet<usize>> = BTreeMap::new();
        let note = |filed: &BTreeSet<Filed<K>>, rules: &mut BTreeMap<_, _>| {
            for (key, position) in filed {
                let Some((key, _)) = self.rules.get_key_value(key) else {
                    continue;
                };
                let positions: &mut BTreeSet<usize> = rules.entry(key).or_default();
                positions.insert(*position);
            }
        };
        note(&self.unfiled, &mut candidates);
        let mut waiting = vec![(&self.index, event.root())];
        while let Some((index, node)) = waiting.pop() {
            look_up(index, node, |filed| note(filed, &mut candidates));
            shared_children(index, node, event, &mut waiting);
        }
        let holds = |(key, positions): &(&K, BTreeSet<usize>)| {
            let Some(rule) = self.rules.get(*key) else {
                return false;
            };
            let mut search = Search::new(&rule.pattern, event);
            let branches = rule.pattern.branches();
            positions
                .iter()
                .filter_map(|at| branches.get(*at))
                .any(|branch| search.holds(branch))
        };
        candidates
            .into_iter()
            .filter(holds)
            .map(|(key, _)| key.clone())
            .collect()
    }

    /// The pattern of a rule.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<&Pattern> {
        self.rules.get(key).map(|rule| &rule.pattern)
    }

    /// How many rules there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there are no rules.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The field a branch is filed under: the one with the least crowded literals, so that a
    /// thousand rules on one source do not share one drawer.
    fn choose(&self, pattern: &Pattern, branch: &[usize]) -> Option<usize> {
        let mut best: Option<(usize, usize)> = None;
        let mut any = None;
        for &index in branch {
            let Some(field) = pattern.fields().get(index) else {
                continue;
            };
            if field.allows_absence() {
                continue;
            }
            any = any.or(Some(index));
            if let Some(literals) = literals(field) {
                let crowd = self.crowd(field, &literals);
                if best.is_none_or(|(least, _)| crowd < least) {
                    best = Some((crowd, index));
                }
            }
        }
        best.map(|(_, index)| index).or(any)
    }

    fn crowd(&self, field: &Field, literals: &[Literal]) -> usize {
        let mut node = &self.index;
        for part in field.parts() {
            match node.children.get(part) {
                Some(child) => node = child,
                None => return 0,
            }
        }
        let sizes = literals
            .iter()
            .filter_map(|literal| node.literals.get(literal));
        sizes.map(BTreeSet::len).max().unwrap_or(0)
    }
}

fn look_up<'a, K>(
    index: &'a IndexNode<K>,
    node: &PathNode,
    mut note: impl FnMut(&'a BTreeSet<Filed<K>>),
) {
    if !node.leaves.is_empty() {
        note(&index.present);
    }
    if index.literals.is_empty() {
        return;
    }
    for leaf in &node.leaves {
        for key in keys_of(&leaf.value) {
            if let Some(filed) = index.literals.get(&key) {
                note(filed);
            }
        }
    }
}

/// Queues the steps that the index and the event have in common, asking the side with fewer.
fn shared_children<'a, K>(
    index: &'a IndexNode<K>,
    node: &'a PathNode,
    event: &'a Event,
    waiting: &mut Vec<(&'a IndexNode<K>, &'a PathNode)>,
) {
    if index.children.len() <= node.children.len() {
        for (part, child) in &index.children {
            if let Some(node) = node.children.get(part).and_then(|id| event.node(*id)) {
                waiting.push((child, node));
            }
        }
    } else {
        for (part, id) in &node.children {
            if let (Some(child), Some(node)) = (index.children.get(part), event.node(*id)) {
                waiting.push((child, node));
            }
        }
    }
}

fn descend<'a, K>(root: &'a mut IndexNode<K>, field: &Field) -> &'a mut IndexNode<K> {
    let mut node = root;
    for part in field.parts() {
        node = node.children.entry(part.into()).or_default();
    }
    node
}

// Recursion is bounded by the length of a pattern text.
fn unfile<K: Ord>(
    node: &mut IndexNode<K>,
    parts: &[&str],
    literals: Option<Vec<Literal>>,
    filed: &Filed<K>,
) {
    if let Some((part, rest)) = parts.split_first() {
        if let Some(child) = node.children.get_mut(*part) {
            unfile(child, rest, literals, filed);
            if child.is_empty() {
                node.children.remove(*part);
            }
        }
        return;
    }
    let Some(literals) = literals else {
        node.present.remove(filed);
        return;
    };
    for literal in literals {
        if let Some(drawer) = node.literals.get_mut(&literal) {
            drawer.remove(filed);
            if drawer.is_empty() {
                node.literals.remove(&literal);
            }
        }
    }
}

/// The literals of which an event must have one, or `None` if other values would do as well.
fn literals(field: &Field) -> Option<Vec<Literal>> {
    let mut literals = Vec::with_capacity(field.conditions.len());
    for condition in &field.conditions {
        match condition {
            Condition::Exactly(text) => literals.push(Literal::Text(text.clone())),
            Condition::Address(address) => literals.push(Literal::Address(*address)),
            Condition::Number { raw, comparable } => {
                literals.push(Literal::Spelling(raw.clone()));
                literals.extend(comparable.map(|number| Literal::Number(number.to_bits())));
            }
            Condition::True => literals.push(Literal::True),
            Condition::False => literals.push(Literal::False),
            Condition::Null => literals.push(Literal::Null),
            _ => return None,
        }
    }
    Some(literals)
}

fn keys_of(value: &Value) -> impl Iterator<Item = Literal> {
    let (first, second) = match value {
        Value::Text(text) => (
            Literal::Text(text.clone()),
            parse_address(text).map(Literal::Address),
        ),
        Value::Number { raw, comparable } => (
            Literal::Spelling(raw.clone()),
            comparable.map(|number| Literal::Number(number.to_bits())),
        ),
        Value::True => (Literal::True, None),
        Value::False => (Literal::False, None),
        Value::Null => (Literal::Null, None),
    };
    [Some(first), second].into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::Matcher;
    use crate::pattern::Pattern;

    #[test]
    fn removing_rules_leaves_nothing_behind() {
        let mut matcher = Matcher::new();
        let texts = [
            r#"{"source":["a","10.0.0.1",7,7.5,true,false,null]}"#,
            r#"{"detail":{"x":{"y":[{"prefix":"a"}]}}}"#,
            r#"{"x":[{"exists":false}]}"#,
            r#"{"source":["a"],"$or":[{"a":[1]},{"b":[{"exists":false}]}]}"#,
        ];
        for (key, text) in texts.iter().enumerate() {
            assert!(matcher.insert(key, Pattern::parse(text).unwrap()).is_none());
        }
        assert_eq!((matcher.len(), matcher.unfiled.len()), (4, 1));
        assert!(!matcher.index.is_empty());
        for (key, text) in texts.iter().enumerate() {
            assert_eq!(matcher.remove(&key).unwrap().as_str(), *text);
        }
        assert!(matcher.is_empty() && matcher.index.is_empty() && matcher.unfiled.is_empty());
    }
}
