//! Gzip (RFC 1951, RFC 1952), a window at a time. What it remembers from one window to the next (the last 32 KiB, the codes
//! of a block that goes on) can be stored, which decoders of other crates do not offer.

mod huffman;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use huffman::{Bits, Code, codes};

/// How gzip begins.
pub(crate) const MAGIC: [u8; 2] = [0x1f, 0x8b];
/// How far back a match may reach.
const REACH: usize = 32_768;
/// Members and blocks that one call opens: each costs work, even if nothing comes out of it.
const BLOCKS: u32 = 4_096;
const LENGTH_BASE: [u16; 29] = [
    3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131,
    163, 195, 227, 258,
];
const LENGTH_EXTRA: [u32; 29] = [
    0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
];
const DISTANCE_BASE: [u16; 30] = [
    1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537,
    2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577,
];
/// Bytes as text, since they are stored within JSON.
pub(super) fn to_text<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(bytes))
}

/// Reads what [`to_text`] wrote.
pub(super) fn from_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    STANDARD.decode(text).map_err(serde::de::Error::custom)
}

/// A compressed object being opened.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Inflate {
    /// Bits of the window's first byte that are done with.
    bit: u8,
    stage: Stage,
    /// The last bytes that came out.
    #[serde(serialize_with = "to_text", deserialize_with = "from_text")]
    past: Vec<u8>,
    /// Check sum of what came out of this member, inverted.
    sum: u32,
    /// Bytes that came out of this member, modulo 2^32.
    size: u32,
}

/// What the next bits are.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
enum Stage {
    /// The header of a member.
    #[default]
    Header,
    /// The header of a block.
    Block,
    /// Bytes as they are.
    Stored { left: u16, last: bool },
    /// Symbols in these codes, given as their lengths.
    Coded {
        #[serde(serialize_with = "to_text", deserialize_with = "from_text")]
        symbols: Vec<u8>,
        #[serde(serialize_with = "to_text", deserialize_with = "from_text")]
        distances: Vec<u8>,
        last: bool,
    },
    /// Check sum and size.
    Trailer,
    /// Behind a member: another one, or the end.
    Between,
}

impl Stage {
    fn is_header(&self) -> bool {
        matches!(self, Self::Header | Self::Block | Self::Between)
    }
}

/// Why a step did not succeed.
enum Stop {
    /// The window ends before it.
    Short,
    /// It is no gzip.
    Broken(&'static str),
}

impl Inflate {
    /// Opens what a window holds, until `most` bytes have come out or a little more, or so many blocks have been opened that
    /// it is work enough; says how many bytes of the window are
    /// done with, and what came out. `last` tells that nothing follows the window.
    ///
    /// # Errors
    /// Why the object is no gzip.
    pub fn open(
        &mut self,
        window: &[u8],
        last: bool,
        most: usize,
    ) -> Result<(usize, Vec<u8>), &'static str> {
        let mut bits = Bits {
            bytes: window,
            at: usize::from(self.bit),
        };
        let mut out = Vec::new();
        let mut blocks = 0;
        while out.len() < most && blocks < BLOCKS {
            let from = bits.at;
            blocks += u32::from(self.stage.is_header());
            match self.step(&mut bits, &mut out, most) {
                Ok(true) => {}
                Ok(false) => break,
                Err(Stop::Short) => {
                    bits.at = from;
                    let between = self.stage == Stage::Between && bits.left() == 0;
                    if last && !between {
                        return Err("it ends too early");
                    }
                    break;
                }
                Err(Stop::Broken(why)) => return Err(why),
            }
        }
        self.past.extend_from_slice(&out);
        let over = self.past.len().saturating_sub(REACH);
        self.past.drain(..over);
        self.bit = u8::try_from(bits.at % 8).unwrap_or(0);
        Ok((bits.at / 8, out))
    }

    /// Whether a member has ended and nothing of another one has been seen.
    #[must_use]
    pub fn is_between(&self) -> bool {
        self.stage == Stage::Between
    }

    /// One step: a header, a symbol, some stored bytes. `false` when nothing is left to do.
    fn step(&mut self, bits: &mut Bits<'_>, out: &mut Vec<u8>, most: usize) -> Result<bool, Stop> {
        let stage = std::mem::take(&mut self.stage);
        let done = self.stage(&stage, bits, (out, most));
        self.stage = match done {
            Ok(Some(next)) => next,
            Ok(None) => {
                self.stage = stage;
                return Ok(false);
            }
            Err(stop) => {
                self.stage = stage;
                return Err(stop);
            }
        };
        Ok(true)
    }

    fn stage(
        &mut self,
        stage: &Stage,
        bits: &mut Bits<'_>,
        (out, most): (&mut Vec<u8>, usize),
    ) -> Result<Option<Stage>, Stop> {
        Ok(Some(match stage {
            Stage::Between if bits.left() == 0 => return Ok(None),
            Stage::Header | Stage::Between => {
                header(bits)?;
                (self.sum, self.size) = (u32::MAX, 0);
                Stage::Block
            }
            Stage::Block => block(bits)?,
            Stage::Stored { left, last } => {
                let ready = bits.left() / 8;
                let count = usize::from(*left).min(ready).min(most - out.len());
                if count == 0 && *left > 0 {
                    return Err(Stop::Short);
                }
                for _ in 0..count {
                    let byte = bits.byte()?;
                    self.put(out, byte);
                }
                match left - u16::try_from(count).unwrap_or(*left) {
                    0 => behind(*last),
                    left => Stage::Stored { left, last: *last },
                }
            }
            Stage::Coded {
                symbols,
                distances,
                last,
            } => {
                let codes = (Code::new(symbols)?, Code::new(distances)?);
                let ended = self.symbols(bits, &codes, (out, most))?;
                if ended { behind(*last) } else { stage.clone() }
            }
            Stage::Trailer => {
                bits.align();
                let (sum, size) = (bits.take(32)?, bits.take(32)?);
                if sum != !self.sum || size != self.size {
                    return Err(Stop::Broken("its check sum is wrong"));
                }
                Stage::Between
            }
        }))
    }

    /// Symbols until the block ends (`true`), enough came out, or the window ends.
    fn symbols(
        &mut self,
        bits: &mut Bits<'_>,
        (symbols, distances): &(Code, Code),
        (out, most): (&mut Vec<u8>, usize),
    ) -> Result<bool, Stop> {
        let mut some = false;
        while out.len() < most {
            let from = bits.at;
            match self.symbol(bits, (symbols, distances), out) {
                Ok(true) => return Ok(true),
                Ok(false) => some = true,
                // What came before stays done with.
                Err(Stop::Short) if some => {
                    bits.at = from;
                    return Ok(false);
                }
                Err(stop) => return Err(stop),
            }
        }
        Ok(false)
    }

    fn symbol(
        &mut self,
        bits: &mut Bits<'_>,
        (symbols, distances): (&Code, &Code),
        out: &mut Vec<u8>,
    ) -> Result<bool, Stop> {
        let symbol = symbols.read(bits)?;
        if let Ok(byte) = u8::try_from(symbol) {
            self.put(out, byte);
            return Ok(false);
        }
        if symbol == 256 {
            return Ok(true);
        }
        let unknown = Stop::Broken("it holds a symbol that has no meaning");
        let at = usize::from(symbol - 257);
        let (Some(base), Some(extra)) = (LENGTH_BASE.get(at), LENGTH_EXTRA.get(at)) else {
            return Err(unknown);
        };
        let length = u32::from(*base) + bits.take(*extra)?;
        let at = usize::from(distances.read(bits)?);
        let Some(base) = DISTANCE_BASE.get(at) else {
            return Err(unknown);
        };
        let extra = u32::try_from(at / 2).unwrap_or(0).saturating_sub(1);
        let distance = u32::from(*base) + bits.take(extra)?;
        let distance = usize::try_from(distance).unwrap_or(usize::MAX);
        for _ in 0..length {
            let byte = self
                .back(out, distance)
                .ok_or(Stop::Broken("it repeats what has not been there"))?;
            self.put(out, byte);
        }
        Ok(false)
    }

    /// The byte so far back in what came out.
    fn back(&self, out: &[u8], distance: usize) -> Option<u8> {
        match out.len().checked_sub(distance) {
            Some(at) => out.get(at).copied(),
            None => {
                let before = distance - out.len();
                let at = self.past.len().checked_sub(before)?;
                self.past.get(at).copied()
            }
        }
    }

    fn put(&mut self, out: &mut Vec<u8>, byte: u8) {
        out.push(byte);
        self.size = self.size.wrapping_add(1);
        let mut sum = (self.sum ^ u32::from(byte)) & 0xff;
        for _ in 0..8 {
            sum = (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg());
        }
        self.sum = (self.sum >> 8) ^ sum;
    }
}

/// What follows a block.
fn behind(last: bool) -> Stage {
    if last { Stage::Trailer } else { Stage::Block }
}

/// The header of a member: only its length matters.
fn header(bits: &mut Bits<'_>) -> Result<(), Stop> {
    let magic = [bits.byte()?, bits.byte()?];
    let (method, flags) = (bits.byte()?, bits.byte()?);
    if magic != MAGIC || method != 8 || flags & 0xe0 != 0 {
        return Err(Stop::Broken("it has no gzip header"));
    }
    for _ in 0..6 {
        bits.byte()?;
    }
    if flags & 4 != 0 {
        for _ in 0..bits.take(16)? {
            bits.byte()?;
        }
    }
    // A name, then a comment.
    for flag in [8, 16] {
        if flags & flag != 0 {
            while bits.byte()? != 0 {}
        }
    }
    if flags & 2 != 0 {
        bits.take(16)?;
    }
    Ok(())
}

fn block(bits: &mut Bits<'_>) -> Result<Stage, Stop> {
    let last = bits.take(1)? == 1;
    match bits.take(2)? {
        0 => {
            bits.align();
            let (left, check) = (bits.take(16)?, bits.take(16)?);
            if left ^ check != 0xffff {
                return Err(Stop::Broken("the length of a block is wrong"));
            }
            let left = u16::try_from(left).unwrap_or(u16::MAX);
            Ok(if left == 0 {
                behind(last)
            } else {
                Stage::Stored { left, last }
            })
        }
        1 => {
            let mut symbols = vec![8; 144];
            symbols.resize(256, 9);
            symbols.resize(280, 7);
            symbols.resize(288, 8);
            Ok(Stage::Coded {
                symbols,
                distances: vec![5; 30],
                last,
            })
        }
        2 => {
            let (symbols, distances) = codes(bits)?;
            Ok(Stage::Coded {
                symbols,
                distances,
                last,
            })
        }
        _ => Err(Stop::Broken("it holds a block of an unknown type")),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(text: &[u8], level: u32) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level));
        encoder.write_all(text).expect("written");
        encoder.finish().expect("finished")
    }

    /// Opens it in windows that grow by `step` bytes, stored in between.
    fn opened(bytes: &[u8], step: usize, most: usize) -> Result<Vec<u8>, &'static str> {
        let mut inflate = Inflate::default();
        let (mut out, mut from, mut to) = (Vec::new(), 0, 0);
        loop {
            to = (to + step).min(bytes.len());
            let last = to == bytes.len();
            let (used, fresh) = inflate.open(&bytes[from..to], last, most)?;
            from += used;
            let enough = fresh.len() >= most;
            out.extend(fresh);
            let stored = serde_json::to_string(&inflate).expect("JSON");
            inflate = serde_json::from_str(&stored).expect("the same");
            if last && from == bytes.len() && !enough {
                return Ok(out);
            }
        }
    }

    #[test]
    fn what_was_packed_comes_out_whatever_the_windows() {
        let mut text = Vec::new();
        for n in 0_u32..2_500 {
            text.extend(format!("{n},{},row\n", n.wrapping_mul(2_654_435_761)).bytes());
        }
        for level in [0, 1, 6, 9] {
            for text in [&text[..], b"", b"a", &[7; 40_000]] {
                let bytes = packed(text, level);
                for (step, most) in [
                    (bytes.len(), usize::MAX),
                    (4_001, 9_000),
                    (1_777, 1_000_000),
                ] {
                    let found = opened(&bytes, step, most).expect("opened");
                    assert!(found == text, "level {level}, step {step}");
                }
            }
        }
        let mut two = packed(b"one", 6);
        two.extend(packed(b"two", 6));
        assert_eq!(opened(&two, 5, 100).expect("opened"), b"onetwo");
    }

    #[test]
    fn what_is_damaged_is_told() {
        let mut bytes = packed(b"some text, some text", 6);
        assert_eq!(opened(&bytes[..12], 100, 100), Err("it ends too early"));
        assert_eq!(
            opened(b"no gzip at all", 100, 100),
            Err("it has no gzip header")
        );
        let end = bytes.len() - 1;
        bytes[end] ^= 1;
        assert_eq!(opened(&bytes, 100, 100), Err("its check sum is wrong"));
    }
    #[test]
    fn blocks_that_hold_nothing_are_opened_some_at_a_time() {
        let mut bytes = packed(b"", 6);
        bytes.truncate(10);
        // An empty block in fixed codes has ten bits: 0, 10 and seven of the end.
        let empty = 14_000_u32;
        let mut bits = Vec::new();
        for _ in 0..empty {
            bits.extend([0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
        }
        let byte = |bits: &[u8]| {
            (0..)
                .zip(bits)
                .fold(0, |byte, (at, bit)| byte | (bit << at))
        };
        bytes.extend(bits.chunks(8).map(byte));
        let mut inflate = Inflate::default();
        let (mut used, mut calls) = (0, 0);
        while used < bytes.len() - 1 {
            let (more, out) = inflate.open(&bytes[used..], false, 1_000).expect("opened");
            assert!(out.is_empty() && more > 0 && more < 6_000, "{more} bytes");
            used += more;
            calls += 1;
        }
        assert!(calls > 3, "{calls} calls");
    }
}
