//! Values from events are written by attackers: they become one plain line before a person reads them.

use crate::incident::cut;

/// Whether a character could hide or reorder text: control characters and the invisible formatting ones.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// One line of at most `most` characters; unsafe characters become spaces, runs of spaces one.
pub fn one_line(text: &str, most: usize) -> String {
    let mut line = String::new();
    let mut gap = false;
    // Three times the room is enough to fill the line even when much of the text is unsafe.
    for c in text.chars().take(most.saturating_mul(3)) {
        if is_unsafe(c) || c.is_whitespace() {
            gap = !line.is_empty();
            continue;
        }
        if gap {
            line.push(' ');
            gap = false;
        }
        line.push(c);
    }
    cut(&line, most).to_owned()
}

/// Several lines of at most `most` characters together; only line feeds and tabs survive of the unsafe ones.
pub fn paragraph(text: &str, most: usize) -> String {
    let kept: String = text
        .chars()
        .take(most)
        .filter(|c| matches!(c, '\n' | '\t') || !is_unsafe(*c))
        .collect();
    kept
}
