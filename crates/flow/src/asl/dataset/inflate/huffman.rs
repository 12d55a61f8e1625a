//! Huffman codes of a compressed block, and the bits that they are read from.

use super::Stop;

/// Longest code in bits.
const LONGEST: usize = 15;

/// The order in which the lengths of the code for lengths are given.
const ORDER: [usize; 19] = [
    16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
];

/// The lengths of a block's codes, which are themselves coded.
pub(super) fn codes(bits: &mut Bits<'_>) -> Result<(Vec<u8>, Vec<u8>), Stop> {
    let count = |bits: &mut Bits<'_>, width, base: usize| {
        bits.take(width)
            .map(|number| base + usize::try_from(number).unwrap_or(0))
    };
    let symbols = count(bits, 5, 257)?;
    let distances = count(bits, 5, 1)?;
    let given = count(bits, 4, 4)?;
    let mut lengths = vec![0; 19];
    for place in ORDER.iter().take(given) {
        let length = u8::try_from(bits.take(3)?).unwrap_or(0);
        if let Some(slot) = lengths.get_mut(*place) {
            *slot = length;
        }
    }
    let code = Code::new(&lengths)?;
    let mut all: Vec<u8> = Vec::with_capacity(symbols + distances);
    while all.len() < symbols + distances {
        let symbol = code.read(bits)?;
        let (value, times) = match symbol {
            0..=15 => (u8::try_from(symbol).unwrap_or(0), 1),
            16 => {
                let before = all.last().copied();
                let value = before.ok_or(Stop::Broken("its codes begin with a repeat"))?;
                (value, 3 + bits.take(2)?)
            }
            17 => (0, 3 + bits.take(3)?),
            _ => (0, 11 + bits.take(7)?),
        };
        for _ in 0..times {
            all.push(value);
        }
    }
    if all.len() > symbols + distances {
        return Err(Stop::Broken("it has more codes than it says"));
    }
    let distances = all.split_off(symbols);
    Ok((all, distances))
}

/// A canonical code: how many codes of each length there are, and the symbols in the order of their codes.
pub(super) struct Code {
    counts: [u16; LONGEST + 1],
    symbols: Vec<u16>,
}

impl Code {
    pub(super) fn new(lengths: &[u8]) -> Result<Self, Stop> {
        let mut counts = [0_u16; LONGEST + 1];
        let mut ordered: Vec<(u8, u16)> = Vec::new();
        for (symbol, length) in (0_u16..).zip(lengths) {
            if *length == 0 {
                continue;
            }
            let slot = counts.get_mut(usize::from(*length));
            *slot.ok_or(Stop::Broken("a code of it is too long"))? += 1;
            ordered.push((*length, symbol));
        }
        let mut left = 1_i32;
        for count in counts.iter().skip(1) {
            left = left * 2 - i32::from(*count);
            if left < 0 {
                return Err(Stop::Broken("two codes of it are the same"));
            }
        }
        ordered.sort_unstable();
        Ok(Self {
            counts,
            symbols: ordered.into_iter().map(|(_, symbol)| symbol).collect(),
        })
    }

    pub(super) fn read(&self, bits: &mut Bits<'_>) -> Result<u16, Stop> {
        let (mut code, mut first, mut index) = (0_usize, 0_usize, 0_usize);
        for count in self.counts.iter().skip(1) {
            let count = usize::from(*count);
            code |= usize::try_from(bits.take(1)?).unwrap_or(0);
            if code < first + count {
                let symbol = self.symbols.get(index + code - first);
                return symbol
                    .copied()
                    .ok_or(Stop::Broken("it holds a code that has no meaning"));
            }
            index += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        Err(Stop::Broken("it holds a code that has no meaning"))
    }
}

/// Bits of a window, the lowest of each byte first.
pub(super) struct Bits<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
}

impl Bits<'_> {
    pub(super) fn left(&self) -> usize {
        (self.bytes.len() * 8).saturating_sub(self.at)
    }

    pub(super) fn take(&mut self, count: u32) -> Result<u32, Stop> {
        let mut value = 0;
        for place in 0..count {
            let byte = self.bytes.get(self.at / 8).ok_or(Stop::Short)?;
            value |= u32::from(byte >> (self.at % 8) & 1) << place;
            self.at += 1;
        }
        Ok(value)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Stop> {
        Ok(u8::try_from(self.take(8)?).unwrap_or(0))
    }

    pub(super) fn align(&mut self) {
        self.at = self.at.next_multiple_of(8);
    }
}
