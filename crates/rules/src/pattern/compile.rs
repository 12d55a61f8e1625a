//! From pattern text to branches of fields: objects, nesting and `$or`.
//!
//! The order of checks, their wording and the reported places follow AWS's matcher library, since
//! clients compare them.

use std::collections::BTreeMap;

use super::operators::match_expression;
use super::{Field, MAX_CHARACTERS, Pattern, PatternError};
use crate::address::parse_address;
use crate::condition::Condition;
use crate::json::{Fault, Reader, Token, line_and_column};
use crate::number;

/// Most combinations of `$or` alternatives in one pattern.
const MAX_BRANCHES: usize = 1000;

/// Most key parts in one path; index and search rely on paths not being absurdly long.
const MAX_STEPS: usize = 256;

const OR: &str = "$or";

/// Names that AWS keeps for operators inside `$or`.
const RESERVED_IN_OR: &[&str] = &[
    "equals-ignore-case",
    "prefix",
    "suffix",
    "anything-but",
    "exists",
    "wildcard",
    "numeric",
    "cidr",
    "=",
    "<",
    "<=",
    ">",
    ">=",
    "regex",
    "not-wildcard",
    "not-equals-ignore-case",
    "date-after",
    "date-on-or-after",
    "date-before",
    "date-on-or-before",
    "in-date-range",
    "ip-address-in-range",
    "ip-address-not-in-range",
];

/// Why compilation stopped.
pub(super) enum Refusal {
    At(Fault),
    /// AWS names no place for this one.
    Nowhere(String),
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Refusal::At(fault)
    }
}

pub(super) fn refuse<T>(reader: &Reader<'_>, reason: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::At(reader.fault(reason)))
}

/// One branch under construction: path to index of its field.
type Branch = BTreeMap<String, usize>;

pub(super) fn compile(text: &str) -> Result<Pattern, PatternError> {
    let count = text.chars().count();
    let outcome = if count > MAX_CHARACTERS {
        let reason = format!(
            "Pattern has {count} characters, at most {MAX_CHARACTERS} are allowed: split the rule"
        );
        // The text is left out: it would only be repeated in every log and answer.
        return Err(PatternError {
            reason,
            line: None,
            column: None,
            pattern: String::new(),
        });
    } else {
        Compiler {
            text,
            reader: Reader::new(text),
            fields: Vec::new(),
        }
        .run()
    };
    outcome.map_err(|refusal| {
        let (reason, place) = match refusal {
            Refusal::At(fault) => (fault.reason, Some(line_and_column(text, fault.at))),
            Refusal::Nowhere(reason) => (reason, None),
        };
        PatternError {
            reason,
            line: place.map(|(line, _)| line),
            column: place.map(|(_, column)| column),
            pattern: text.to_owned(),
        }
    })
}

struct Compiler<'a> {
    text: &'a str,
    reader: Reader<'a>,
    fields: Vec<Field>,
}

impl Compiler<'_> {
    fn run(mut self) -> Result<Pattern, Refusal> {
        if self.reader.next()? != Token::StartObject {
            return refuse(&self.reader, "Filter is not an object");
        }
        let mut branches = Vec::new();
        self.object(&mut branches, "", false)?;
        let branches = branches.into_iter().map(in_path_order).collect();
        Ok(Pattern {
            fields: self.fields,
            branches,
            text: self.text.to_owned(),
        })
    }

    // Recursion is bounded by the reader's depth limit.
    fn object(
        &mut self,
        branches: &mut Vec<Branch>,
        path: &str,
        inside_or: bool,
    ) -> Result<(), Refusal> {
        let mut empty = true;
        while self.reader.next()? != Token::EndObject {
            empty = false;
            let name = self.reader.name().to_owned();
            if name == OR {
                self.or(branches, path)?;
                continue;
            }
            if inside_or && RESERVED_IN_OR.contains(&name.as_str()) {
                let reason =
                    format!("{name} is Ruler reserved fieldName which cannot be used inside $or.");
                return refuse(&self.reader, reason);
            }
            let inner = join(path, &name);
            if inner.split('.').count() > MAX_STEPS {
                let reason = format!("Path has more than {MAX_STEPS} steps, use fewer dots");
                return refuse(&self.reader, reason);
            }
            match self.reader.next()? {
                Token::StartObject => self.object(branches, &inner, inside_or)?,
                Token::StartArray => self.field(branches, inner)?,
                _ => {
                    let reason = format!("\"{name}\" must be an object or an array");
                    return refuse(&self.reader, reason);
                }
            }
        }
        if empty {
            return refuse(&self.reader, "Empty objects are not allowed");
        }
        Ok(())
    }

    fn or(&mut self, branches: &mut Vec<Branch>, path: &str) -> Result<(), Refusal> {
        if self.reader.next()? != Token::StartArray {
            return refuse(&self.reader, "It must be an Array followed with $or.");
        }
        let mut before = std::mem::take(branches);
        if before.is_empty() {
            before.push(Branch::new());
        }
        let mut alternatives = 0;
        loop {
            match self.reader.next()? {
                Token::EndArray => break,
                Token::StartObject => {
                    let mut alternative = before.clone();
                    self.object(&mut alternative, path, true)?;
                    branches.append(&mut alternative);
                }
                _ => {
                    let reason = "Only JSON object is allowed in array of $or relationship.";
                    return refuse(&self.reader, reason);
                }
            }
            alternatives += 1;
            if branches.len() > MAX_BRANCHES {
                let reason = format!(
                    "Rule is too complex - $or has more than {MAX_BRANCHES} combinations, \
                     split the rule"
                );
                return refuse(&self.reader, reason);
            }
        }
        if alternatives < 2 {
            let reason = "There must have at least 2 Objects in $or relationship.";
            return refuse(&self.reader, reason);
        }
        Ok(())
    }

    fn field(&mut self, branches: &mut Vec<Branch>, path: String) -> Result<(), Refusal> {
        let mut conditions = Vec::new();
        let mut wanted = Vec::new();
        loop {
            let token = self.reader.next()?;
            if token == Token::EndArray {
                break;
            }
            let start = self.reader.token_start();
            conditions.push(self.condition(token)?);
            let end = self.reader.position();
            wanted.push(self.text.get(start..end).unwrap_or_default().to_owned());
        }
        if conditions.is_empty() {
            return refuse(&self.reader, "Empty arrays are not allowed");
        }
        let index = self.fields.len();
        self.fields.push(Field {
            path: path.clone(),
            conditions,
            wanted,
        });
        if branches.is_empty() {
            branches.push(Branch::new());
        }
        // A repeated path replaces the earlier one: the last word counts.
        for branch in branches {
            branch.insert(path.clone(), index);
        }
        Ok(())
    }

    fn condition(&mut self, token: Token) -> Result<Condition, Refusal> {
        Ok(match token {
            Token::StartObject => match_expression(&mut self.reader)?,
            Token::Text => {
                let text = self.reader.string()?;
                // AWS compares what reads as an address by address, not by spelling.
                parse_address(&text).map_or(Condition::Exactly(text), Condition::Address)
            }
            Token::Number => {
                let raw = self.reader.raw().to_owned();
                let comparable = number::comparable(&raw);
                Condition::Number { raw, comparable }
            }
            Token::True => Condition::True,
            Token::False => Condition::False,
            Token::Null => Condition::Null,
            _ => {
                let reason = "Match value must be String, number, true, false, or null";
                return refuse(&self.reader, reason);
            }
        })
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// Java orders strings by UTF-16 unit, and the order in which fields are tried is observable.
fn in_path_order(branch: Branch) -> Vec<usize> {
    let mut fields: Vec<(String, usize)> = branch.into_iter().collect();
    fields.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
    fields.into_iter().map(|(_, index)| index).collect()
}
