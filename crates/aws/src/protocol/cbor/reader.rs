//! Reading: any form of an item, as serde takes it.

use std::borrow::Cow;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::{BREAK, MAX_NESTING, Major, NULL};

/// Why a body is no CBOR.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Fault(Cow<'static, str>);

impl serde::de::Error for Fault {
    fn custom<T: std::fmt::Display>(reason: T) -> Self {
        Self(reason.to_string().into())
    }
}

fn fault<T>(reason: &'static str) -> Result<T, Fault> {
    Err(Fault(reason.into()))
}

const CUT_SHORT: &str = "the body ends within an item";

/// A position in a body.
#[derive(Debug)]
pub(crate) struct Reader<'x> {
    rest: &'x [u8],
    nesting: usize,
}

/// Head of an item. `None` is an indefinite length.
struct Head {
    kind: u8,
    low: u8,
    argument: Option<u64>,
}

impl<'x> Reader<'x> {
    pub(crate) fn new(body: &'x [u8]) -> Self {
        Self {
            rest: body,
            nesting: 0,
        }
    }

    /// Checks that nothing is left.
    ///
    /// # Errors
    /// [`Fault`].
    pub(crate) fn finish(&self) -> Result<(), Fault> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            fault("something follows after the item")
        }
    }

    fn byte(&mut self) -> Result<u8, Fault> {
        match self.rest.split_first() {
            Some((first, rest)) => {
                self.rest = rest;
                Ok(*first)
            }
            None => fault(CUT_SHORT),
        }
    }

    fn take(&mut self, length: u64) -> Result<&'x [u8], Fault> {
        let parts = usize::try_from(length)
            .ok()
            .and_then(|length| self.rest.split_at_checked(length));
        match parts {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => fault(CUT_SHORT),
        }
    }

    fn head(&mut self) -> Result<Head, Fault> {
        let first = self.byte()?;
        let (kind, low) = (first >> 5, first & 0x1f);
        let argument = match low {
            0..24 => Some(u64::from(low)),
            24..=27 => {
                let bytes = self.take(1 << (low - 24))?;
                Some(
                    bytes
                        .iter()
                        .fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
                )
            }
            31 if !matches!(kind, 0 | 1 | 6) => None,
            _ => return fault("an item has a head that means nothing"),
        };
        Ok(Head {
            kind,
            low,
            argument,
        })
    }

    /// Whether the next item ends an indefinite one; then it is passed.
    fn at_break(&mut self) -> Result<bool, Fault> {
        match self.rest.split_first() {
            Some((&BREAK, rest)) => {
                self.rest = rest;
                Ok(true)
            }
            Some(_) => Ok(false),
            None => fault(CUT_SHORT),
        }
    }

    /// Bytes of a string; those of an indefinite one come in pieces of the same kind.
    fn string(&mut self, head: &Head) -> Result<Cow<'x, [u8]>, Fault> {
        if let Some(length) = head.argument {
            return self.take(length).map(Cow::Borrowed);
        }
        let mut whole = Vec::new();
        while !self.at_break()? {
            let piece = self.head()?;
            let Some(length) = piece.argument.filter(|_| piece.kind == head.kind) else {
                return fault("a string of pieces has a piece of another kind");
            };
            whole.extend_from_slice(self.take(length)?);
        }
        Ok(Cow::Owned(whole))
    }

    /// Enters an array or map of this many items.
    fn parts(&mut self, count: Option<u64>) -> Result<Parts<'_, 'x>, Fault> {
        // Each item takes a byte at least.
        if count.is_some_and(|count| count > self.rest.len() as u64) {
            return fault(CUT_SHORT);
        }
        if self.nesting >= MAX_NESTING {
            return fault("the body is nested too deeply");
        }
        self.nesting += 1;
        Ok(Parts {
            reader: self,
            left: count,
        })
    }

    fn simple<'de, V: Visitor<'de>>(&mut self, head: &Head, to: V) -> Result<V::Value, Fault> {
        let bits = head.argument.unwrap_or_default();
        match head.low {
            20 => to.visit_bool(false),
            21 => to.visit_bool(true),
            22 | 23 => to.visit_unit(),
            25 => to.visit_f64(half(bits)),
            26 => to.visit_f64(f64::from(f32::from_bits(
                u32::try_from(bits).unwrap_or_default(),
            ))),
            27 => to.visit_f64(f64::from_bits(bits)),
            31 => fault("an end without a begin"),
            _ => fault("a simple value that means nothing"),
        }
    }
}

/// A half-precision number.
fn half(bits: u64) -> f64 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let fraction = (bits & 0x3ff) as f64;
    sign * match (bits >> 10) & 0x1f {
        0 => fraction * 2_f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        exponent => (1024.0 + fraction) * 2_f64.powi(exponent as i32 - 25),
    }
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, to: V) -> Result<V::Value, Fault> {
        let mut head = self.head()?;
        let mut tags = 0;
        while head.kind == Major::Tag as u8 {
            tags += 1;
            if tags > 4 {
                return fault("an item has too many tags");
            }
            head = self.head()?;
        }
        let number = head.argument.unwrap_or_default();
        match head.kind {
            0 => to.visit_u64(number),
            1 => match i64::try_from(number) {
                Ok(number) => to.visit_i64(!number),
                Err(_) => to.visit_f64(-1.0 - number as f64),
            },
            2 => match self.string(&head)? {
                Cow::Borrowed(bytes) => to.visit_borrowed_bytes(bytes),
                Cow::Owned(bytes) => to.visit_byte_buf(bytes),
            },
            3 => match self.string(&head)? {
                Cow::Borrowed(bytes) => match std::str::from_utf8(bytes) {
                    Ok(text) => to.visit_borrowed_str(text),
                    Err(_) => fault("a text is not UTF-8"),
                },
                Cow::Owned(bytes) => match String::from_utf8(bytes) {
                    Ok(text) => to.visit_string(text),
                    Err(_) => fault("a text is not UTF-8"),
                },
            },
            4 => {
                let mut parts = self.parts(head.argument)?;
                let value = to.visit_seq(&mut parts)?;
                parts.close()?;
                Ok(value)
            }
            5 => {
                let mut parts = self.parts(head.argument)?;
                let value = to.visit_map(&mut parts)?;
                parts.close()?;
                Ok(value)
            }
            _ => self.simple(&head, to),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, to: V) -> Result<V::Value, Fault> {
        match self.rest.split_first() {
            Some((&(NULL | 0xf7), rest)) => {
                self.rest = rest;
                to.visit_none()
            }
            _ => to.visit_some(self),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// The inside of an array or map.
struct Parts<'r, 'x> {
    reader: &'r mut Reader<'x>,
    /// Items left; `None` until a break.
    left: Option<u64>,
}

impl Parts<'_, '_> {
    fn is_over(&mut self) -> Result<bool, Fault> {
        match &mut self.left {
            Some(0) => Ok(true),
            Some(left) => {
                *left -= 1;
                Ok(false)
            }
            None if self.reader.at_break()? => {
                self.left = Some(0);
                Ok(true)
            }
            None => Ok(false),
        }
    }

    /// A visitor that is content early leaves items behind.
    fn close(self) -> Result<(), Fault> {
        self.reader.nesting -= 1;
        match self.left {
            Some(0) => Ok(()),
            _ => fault("an item was not read to its end"),
        }
    }
}

impl<'x> SeqAccess<'x> for &mut Parts<'_, 'x> {
    type Error = Fault;

    fn next_element_seed<S: DeserializeSeed<'x>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Fault> {
        if self.is_over()? {
            return Ok(None);
        }
        seed.deserialize(&mut *self.reader).map(Some)
    }
}

impl<'x> MapAccess<'x> for &mut Parts<'_, 'x> {
    type Error = Fault;

    fn next_key_seed<S: DeserializeSeed<'x>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Fault> {
        if self.is_over()? {
            return Ok(None);
        }
        seed.deserialize(&mut *self.reader).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'x>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        seed.deserialize(&mut *self.reader)
    }
}
