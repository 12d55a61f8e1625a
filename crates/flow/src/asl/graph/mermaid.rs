//! The picture as Mermaid text (`flowchart`).

use std::fmt::Write as _;

use super::marks::{Marks, Outcome};
use super::{arrows_of, blocks_of, ends_block, kind_of, label};
use crate::asl::definition::{Kind, State, StateMachine};

/// Outcomes with the classes' styles.
const STYLES: [(Outcome, &str); 5] = [
    (Outcome::Succeeded, "fill:#d9f2d9,stroke:#2e7d32"),
    (Outcome::Caught, "fill:#ffe8cc,stroke:#b35c00"),
    (Outcome::Aborted, "fill:#e8e8e8,stroke:#616161"),
    (Outcome::Running, "fill:#d6e8fb,stroke:#1565c0"),
    (Outcome::Failed, "fill:#fbd9d9,stroke:#c62828"),
];

/// Draws a machine; `marks` colours the states that an execution entered.
#[must_use]
pub fn mermaid(machine: &StateMachine, marks: &Marks) -> String {
    let mut out = String::from("flowchart TD\n");
    let mut writer = Writer {
        machine,
        marks,
        out: &mut out,
    };
    writer.block(0, 1);
    for (outcome, style) in STYLES {
        let _ = writeln!(out, "    classDef {} {style}", outcome.as_str());
    }
    out
}

struct Writer<'a> {
    machine: &'a StateMachine,
    marks: &'a Marks,
    out: &'a mut String,
}

impl Writer<'_> {
    /// Blocks nest at most as deep as the definition's reader allows.
    fn block(&mut self, number: usize, depth: usize) {
        let Some(block) = self.machine.blocks.get(number) else {
            return;
        };
        let pad = "    ".repeat(depth);
        let id = |n: usize| format!("b{number}s{n}");
        for (n, state) in block.states.iter().enumerate() {
            self.state(&id(n), state, depth);
        }
        let _ = writeln!(self.out, "{pad}b{number}start(( )) --> {}", id(block.start));
        let mut ends = false;
        for (n, state) in block.states.iter().enumerate() {
            for arrow in arrows_of(n, state) {
                let line = if arrow.catches { "-.->" } else { "-->" };
                let label = arrow
                    .label
                    .map_or_else(String::new, |label| format!("|\"{}\"|", escape(&label)));
                let _ = writeln!(self.out, "{pad}{} {line}{label} {}", id(n), id(arrow.to));
            }
            if ends_block(state) {
                ends = true;
                let _ = writeln!(self.out, "{pad}{} --> b{number}end", id(n));
            }
        }
        if ends {
            let _ = writeln!(self.out, "{pad}b{number}end((( )))");
        }
    }

    fn state(&mut self, id: &str, state: &State, depth: usize) {
        let pad = "    ".repeat(depth);
        let mark = self.marks.get(&state.name);
        let times = match mark {
            Some(mark) if mark.entered > 1 => format!(" ×{}", mark.entered),
            _ => String::new(),
        };
        let text = format!(
            "{}{times}<br/>{}",
            escape(&label::short(&state.name)),
            escape(&kind_of(state))
        );
        let inner = blocks_of(state);
        if inner.is_empty() {
            let (open, close) = match state.kind {
                Kind::Choice { .. } => ("{{", "}}"),
                Kind::Succeed | Kind::Fail { .. } => ("([", "])"),
                _ => ("[", "]"),
            };
            let _ = writeln!(self.out, "{pad}{id}{open}\"{text}\"{close}");
        } else {
            let _ = writeln!(self.out, "{pad}subgraph {id} [\"{text}\"]");
            for block in inner {
                let _ = writeln!(self.out, "{pad}    subgraph b{block} [\" \"]");
                self.block(block, depth + 2);
                let _ = writeln!(self.out, "{pad}    end");
            }
            let _ = writeln!(self.out, "{pad}end");
        }
        if let Some(mark) = mark {
            let _ = writeln!(self.out, "{pad}class {id} {}", mark.outcome.as_str());
        }
    }
}

/// Everything but letters, digits and a few harmless signs as Mermaid's entity of the character's number.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_alphanumeric() || " .,:-_·×…≤≥=".contains(c) {
            out.push(c);
        } else {
            let _ = write!(out, "#{};", u32::from(c));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_no_markup() {
        assert_eq!(
            escape("a\"]; click x \"<b>"),
            "a#34;#93;#59; click x #34;#60;b#62;"
        );
    }
}
