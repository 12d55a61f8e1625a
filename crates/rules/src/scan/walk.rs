//! Walks an event along the tree of mentioned paths and jumps over everything else.
//!
//! Every occurrence of a repeated key is walked. Only where a text is known to have none does the
//! walk end once it has met every key it is after. Recursion is bounded by the depth of a valid
//! event. Every step moves forward, so that even a text that is no event comes to an end.

use super::leaves::{Kind, Leaves, end_of_word, unescape};
use super::{Masks, number};
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
        // The first mark is the bracket that opens the event.
        next: 1,
    };
    let root = Spot {
        node: PathTree::ROOT,
        element: NO_ELEMENT,
        last: true,
    };
    // Whether the walk came to the end of the text or ended before is all the same.
    let _ = walk.object(root);
    let next = walk.next;
    masks.note(next);
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
    /// The number of the next mark.
    next: usize,
}

/// `None` ends the walk.
type GoOn = Option<()>;

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

    /// The place of the next mark, which is passed.
    #[inline(always)]
    fn mark(&mut self) -> Option<usize> {
        let place = self.masks.mark(self.next, self.bytes)?;
        self.next += 1;
        Some(place)
    }

    /// Jumps over the rest of the container that the walk is in.
    #[inline]
    fn leave(&mut self) -> GoOn {
        self.next = self.masks.after_container(self.next, self.bytes)?;
        Some(())
    }

    /// Walks an object whose opening bracket is passed.
    fn object(&mut self, spot: Spot) -> GoOn {
        let mut left = self.tree.children(spot.node);
        loop {
            let at = self.mark()?;
            match self.byte(at)? {
                b':' => {
                    let Some(node) = self.child(spot.node, at) else {
                        continue;
                    };
                    left = left.saturating_sub(1);
                    let found_all = self.plain && left == 0;
                    let child = Spot {
                        node,
                        element: spot.element,
                        last: found_all && spot.last,
                    };
                    self.value(self.after_space(at + 1), child)?;
                    if found_all {
                        return if spot.last { None } else { self.leave() };
                    }
                }
                b'{' | b'[' => self.leave()?,
                _ => return Some(()),
            }
        }
    }

    /// The node that the key before a colon leads to.
    #[inline]
    fn child(&self, node: u32, colon: usize) -> Option<u32> {
        let mut close = colon.checked_sub(1)?;
        while self.byte(close)? != b'"' {
            close = close.checked_sub(1)?;
        }
        if self.plain && !self.tree.has_table(node) {
            return self.tree.child_before(node, self.bytes, close);
        }
        self.odd_child(node, close)
    }

    /// The same for any key and any node; a dot in a key is a step.
    #[inline(never)]
    fn odd_child(&self, node: u32, close: usize) -> Option<u32> {
        let open = self.masks.quote_before(close)?;
        let key = self.text.get(open + 1..close)?;
        if !key.contains('\\') {
            return self.tree.descend(node, key);
        }
        let mut name = String::new();
        unescape(key, &mut name);
        self.tree.descend(node, &name)
    }

    /// Walks a value at a mentioned path. Its marks are passed.
    #[inline]
    fn value(&mut self, at: usize, spot: Spot) -> GoOn {
        match self.byte(at)? {
            b'{' | b'[' => self.container(at, spot),
            _ => {
                self.scalar(at, spot);
                Some(())
            }
        }
    }

    fn container(&mut self, at: usize, spot: Spot) -> GoOn {
        self.next += 1;
        if self.byte(at)? == b'[' {
            self.array(at, spot)
        } else if self.tree.children(spot.node) > 0 {
            self.object(spot)
        } else {
            self.leave()
        }
    }

    /// Takes a value that is no container; tells where it ends if it is a string, otherwise where
    /// it begins.
    #[inline]
    fn scalar(&mut self, at: usize, spot: Spot) -> usize {
        let path = self.tree.path(spot.node);
        let kind = match self.byte(at) {
            Some(b'"') => {
                let close = self.masks.quote(at + 1, self.bytes);
                if let Some(path) = path {
                    self.text_leaf(path, spot.element, (at + 1, close));
                }
                return close + 1;
            }
            Some(b't') => Kind::True,
            Some(b'f') => Kind::False,
            Some(b'n') => Kind::Null,
            _ => Kind::Number,
        };
        if let Some(path) = path {
            self.leaves.add(path, spot.element, kind, (at, at));
        }
        at
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

    /// Walks an array whose opening bracket, at `start`, is passed. Containers in it are elements;
    /// plain values belong to what the array lies in.
    fn array(&mut self, start: usize, spot: Spot) -> GoOn {
        let Spot { node, element, .. } = spot;
        // The place of an array is its number: no other array has it.
        let array = number(start);
        let (mut at, mut index) = (start + 1, 0u32);
        loop {
            at = self.after_space(at);
            match self.byte(at)? {
                b',' => {
                    at += 1;
                    continue;
                }
                b']' => {
                    self.next += 1;
                    return Some(());
                }
                b'{' if self.tree.children(node) == 0 => {
                    self.next += 1;
                    self.leave()?;
                    at = self.passed()?;
                }
                b'{' | b'[' => {
                    let inner = Spot {
                        node,
                        element: self.leaves.add_element(element, array, index),
                        last: false,
                    };
                    self.container(at, inner)?;
                    at = self.passed()?;
                }
                b'"' => at = self.scalar(at, spot),
                _ => {
                    self.scalar(at, spot);
                    at = end_of_word(self.bytes, at);
                }
            }
            index = index.saturating_add(1);
        }
    }

    /// The place after the last mark that was passed.
    #[inline]
    fn passed(&mut self) -> Option<usize> {
        Some(self.masks.mark(self.next.checked_sub(1)?, self.bytes)? + 1)
    }
}
