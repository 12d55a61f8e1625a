//! Walks an event along the tree of mentioned paths and jumps over everything else.
//!
//! Every occurrence of a repeated key is walked. Only where a text is known to have none does the
//! walk end once it has met every key it is after. Recursion is bounded by the depth of a valid
//! event. Every step moves forward, so that even a text that is no event comes to an end.

use super::Masks;
use super::leaves::{Kind, Leaves, unescape};
use crate::event::{ElementId, NO_ELEMENT};
use crate::event_text::EventText;
use crate::matcher::PathTree;

/// Adds the values at all paths of `tree` to `leaves`.
pub(crate) fn walk(event: EventText<'_>, masks: &mut Masks, tree: &PathTree, leaves: &mut Leaves) {
    let text = event.as_str();
    let mut walk = Walk {
        text,
        bytes: text.as_bytes(),
        plain: event.is_plain(),
        masks,
        tree,
        leaves,
    };
    let start = walk.after_space(0);
    if walk.byte(start) == Some(b'{') {
        let root = Spot {
            node: PathTree::ROOT,
            element: NO_ELEMENT,
            last: true,
        };
        walk.object(start + 1, root);
    }
}

/// Where a value stands.
#[derive(Clone, Copy)]
struct Spot {
    node: u32,
    element: ElementId,
    /// Nothing that is looked for comes after this value.
    last: bool,
}

struct Walk<'a> {
    text: &'a str,
    bytes: &'a [u8],
    /// No object has a key twice, and no key a dot or a backslash.
    plain: bool,
    masks: &'a mut Masks,
    tree: &'a PathTree,
    leaves: &'a mut Leaves,
}

impl Walk<'_> {
    #[inline(always)]
    fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    #[inline(always)]
    fn after_space(&self, mut at: usize) -> usize {
        while matches!(self.byte(at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            at += 1;
        }
        at
    }

    #[inline(always)]
    fn quote(&mut self, from: usize) -> usize {
        self.masks.quote(from, self.bytes)
    }

    /// Walks an object from after its brace to after the closing one.
    fn object(&mut self, mut at: usize, spot: Spot) -> usize {
        let mut left = self.tree.children(spot.node);
        loop {
            match self.byte(at) {
                Some(b'"') => {}
                Some(b',' | b' ' | b'\n' | b'\r' | b'\t') => {
                    at += 1;
                    continue;
                }
                Some(b'}') => return at + 1,
                _ => return self.bytes.len(),
            }
            let close = self.quote(at + 1);
            let mut value = close + 2;
            if self.byte(close + 1) != Some(b':') || self.byte(value) <= Some(b' ') {
                value = self.after_space(self.after_space(close + 1) + 1);
            }
            let Some(node) = self.child(spot.node, (at + 1, close)) else {
                at = self.jump(value);
                continue;
            };
            left = left.saturating_sub(1);
            let found_all = self.plain && left == 0;
            let child = Spot {
                node,
                element: spot.element,
                last: found_all && spot.last,
            };
            at = self.value(value, child);
            if found_all {
                return if spot.last {
                    self.bytes.len()
                } else {
                    self.masks.after_container(at, self.bytes)
                };
            }
        }
    }

    /// The node that a key leads to; a dot in a key is a step.
    #[inline]
    fn child(&self, node: u32, key: (usize, usize)) -> Option<u32> {
        if let Some(child) = self.tree.child(node, self.bytes, key) {
            return Some(child);
        }
        if self.plain {
            return None;
        }
        let key = self.bytes.get(key.0..key.1)?;
        if !key.iter().any(|byte| matches!(byte, b'.' | b'\\')) {
            return None;
        }
        self.odd_child(node, std::str::from_utf8(key).ok()?)
    }

    #[cold]
    fn odd_child(&self, node: u32, key: &str) -> Option<u32> {
        if !key.contains('\\') {
            return self.tree.descend(node, key);
        }
        let mut name = String::new();
        unescape(key, &mut name);
        self.tree.descend(node, &name)
    }

    /// Walks a value at a mentioned path to after it.
    fn value(&mut self, at: usize, spot: Spot) -> usize {
        let Spot { node, element, .. } = spot;
        let path = self.tree.path(node);
        match self.byte(at) {
            Some(b'"') => {
                let close = self.quote(at + 1);
                if let Some(path) = path {
                    self.text_leaf(path, element, (at + 1, close));
                }
                close + 1
            }
            Some(b'{') if self.tree.children(node) > 0 => self.object(at + 1, spot),
            Some(b'{') => self.masks.after_container(at + 1, self.bytes),
            Some(b'[') => self.array(at, spot),
            Some(first) => {
                let end = self.after_scalar(at);
                if let Some(path) = path {
                    let kind = match first {
                        b't' => Kind::True,
                        b'f' => Kind::False,
                        b'n' => Kind::Null,
                        _ => Kind::Number,
                    };
                    self.leaves.add(path, element, kind, (at, end));
                }
                end
            }
            None => self.bytes.len(),
        }
    }

    #[inline]
    fn text_leaf(&mut self, path: u32, element: ElementId, (start, end): (usize, usize)) {
        if self.masks.has_escapes()
            && let Some(text) = self.text.get(start..end)
            && text.contains('\\')
        {
            self.leaves.add_escaped(path, element, text);
            return;
        }
        self.leaves.add(path, element, Kind::Text, (start, end));
    }

    /// Walks an array from its bracket to after the closing one. Containers in it are elements;
    /// plain values belong to what the array lies in.
    fn array(&mut self, start: usize, spot: Spot) -> usize {
        let Spot { node, element, .. } = spot;
        // The place of an array is its number: no other array has it.
        let array = u32::try_from(start).unwrap_or(u32::MAX);
        let (mut at, mut index) = (start + 1, 0u32);
        loop {
            at = self.after_space(at);
            match self.byte(at) {
                Some(b',') => {
                    at += 1;
                    continue;
                }
                Some(b']') => return at + 1,
                Some(b'{') if self.tree.children(node) == 0 => {
                    at = self.masks.after_container(at + 1, self.bytes);
                }
                Some(b'{' | b'[') => {
                    let inner = Spot {
                        node,
                        element: self.leaves.add_element(element, array, index),
                        last: false,
                    };
                    at = self.value(at, inner);
                }
                Some(_) => {
                    let plain = Spot {
                        last: false,
                        ..spot
                    };
                    at = self.value(at, plain);
                }
                None => return self.bytes.len(),
            }
            index = index.saturating_add(1);
        }
    }

    /// Jumps over a value.
    #[inline]
    fn jump(&mut self, at: usize) -> usize {
        match self.byte(at) {
            Some(b'"') => self.quote(at + 1) + 1,
            Some(b'{' | b'[') => self.masks.after_container(at + 1, self.bytes),
            Some(_) => self.after_scalar(at),
            None => self.bytes.len(),
        }
    }

    /// Where a number or literal ends; at least one byte on.
    #[inline]
    fn after_scalar(&self, at: usize) -> usize {
        let mut end = at + 1;
        while let Some(byte) = self.byte(end) {
            if matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t') {
                break;
            }
            end += 1;
        }
        end
    }
}
