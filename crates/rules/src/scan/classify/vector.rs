//! The same masks with AVX2, where the processor has it.
//!
//! The only unsafe code of the crate: unaligned loads from arrays of known size, and the call of
//! functions that need the instructions just found to be there.

#[cfg(not(all(target_arch = "x86_64", not(miri))))]
pub(super) fn blocks(
    _text: &[u8],
    _carry: &mut super::Carry,
    _into: &mut Vec<super::Block>,
) -> bool {
    false
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
pub(super) use avx2::blocks;

#[cfg(all(target_arch = "x86_64", not(miri)))]
mod avx2 {
    use std::arch::x86_64::{
        __m256i, _mm_clmulepi64_si128, _mm_cvtsi128_si64, _mm_set_epi64x, _mm_set1_epi8,
        _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_or_si256,
        _mm256_set1_epi8,
    };

    use super::super::{BLOCK, Block, Carry, Raw, padded};

    /// Does what [`super::super::blocks`] does, and says whether the processor can.
    pub(in super::super) fn blocks(text: &[u8], carry: &mut Carry, into: &mut Vec<Block>) -> bool {
        if !(is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("pclmulqdq")
            && is_x86_feature_detected!("popcnt"))
        {
            return false;
        }
        // SAFETY: all three instruction sets were found a line above.
        #[expect(unsafe_code, reason = "calls a function compiled for AVX2")]
        unsafe {
            read(text, carry, into);
        }
        true
    }

    #[target_feature(enable = "avx2,pclmulqdq,popcnt")]
    fn read(text: &[u8], carry: &mut Carry, into: &mut Vec<Block>) {
        let (whole, rest) = text.as_chunks::<BLOCK>();
        for chunk in whole {
            into.push(carry.decide(raw(chunk), |bits| parity(bits)));
        }
        if !rest.is_empty() {
            into.push(carry.decide(raw(&padded(rest)), |bits| parity(bits)));
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn raw(chunk: &[u8; BLOCK]) -> Raw {
        let (low, high) = load(chunk);
        // `[` and `{`, `]` and `}` differ in one bit.
        let folded = (
            _mm256_or_si256(low, _mm256_set1_epi8(0x20)),
            _mm256_or_si256(high, _mm256_set1_epi8(0x20)),
        );
        Raw {
            quotes: equal((low, high), b'"'),
            backslashes: equal((low, high), b'\\'),
            opening: equal(folded, b'{'),
            closing: equal(folded, b'}'),
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn load(chunk: &[u8; BLOCK]) -> (__m256i, __m256i) {
        let (first, second) = chunk.split_at(BLOCK / 2);
        // SAFETY: each half of the array has the 32 bytes that are read; no alignment is needed.
        #[expect(unsafe_code, reason = "loads 32 bytes of a slice that has them")]
        unsafe {
            (
                _mm256_loadu_si256(first.as_ptr().cast()),
                _mm256_loadu_si256(second.as_ptr().cast()),
            )
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn equal((low, high): (__m256i, __m256i), byte: u8) -> u64 {
        let wanted = _mm256_set1_epi8(byte.cast_signed());
        let low = _mm256_movemask_epi8(_mm256_cmpeq_epi8(low, wanted)).cast_unsigned();
        let high = _mm256_movemask_epi8(_mm256_cmpeq_epi8(high, wanted)).cast_unsigned();
        u64::from(low) | (u64::from(high) << 32)
    }

    #[inline]
    #[target_feature(enable = "pclmulqdq")]
    fn parity(bits: u64) -> u64 {
        // Carry-less multiplication by all ones is the parity of all lower bits.
        let product =
            _mm_clmulepi64_si128::<0>(_mm_set_epi64x(0, bits.cast_signed()), _mm_set1_epi8(-1));
        _mm_cvtsi128_si64(product).cast_unsigned()
    }
}
