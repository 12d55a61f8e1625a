//! The same masks with AVX-512 or AVX2, where the processor has it.
//!
//! The only unsafe code of the crate: unaligned loads from and stores to arrays of known size, and
//! the call of functions that need the instructions just found to be there.

#[cfg(not(all(target_arch = "x86_64", not(miri))))]
pub(super) fn blocks(_text: &[u8], _masks: &mut super::Masks) -> bool {
    false
}

/// Has the first bytes of a text fetched from memory while something else is done.
#[cfg(not(all(target_arch = "x86_64", not(miri))))]
pub(crate) fn fetch(_text: &[u8]) {}

#[cfg(all(target_arch = "x86_64", not(miri)))]
pub(super) use x86::blocks;

#[cfg(all(target_arch = "x86_64", not(miri)))]
pub(crate) use x86::fetch;

#[cfg(all(target_arch = "x86_64", not(miri)))]
mod x86 {
    use std::arch::x86_64::*;
    use std::sync::OnceLock;

    use super::super::{BLOCK, LastBytes, Masks, Places, Raw, each_block, places};

    #[derive(Clone, Copy)]
    enum Way {
        Avx512,
        Avx2,
        Portable,
    }

    fn way() -> Way {
        static WAY: OnceLock<Way> = OnceLock::new();
        *WAY.get_or_init(|| {
            let avx2 = is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("pclmulqdq")
                && is_x86_feature_detected!("popcnt")
                && is_x86_feature_detected!("bmi1");
            let avx512 =
                is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512vbmi2");
            match (avx2, avx512) {
                (true, true) => Way::Avx512,
                (true, false) => Way::Avx2,
                (false, _) => Way::Portable,
            }
        })
    }

    /// Does what [`super::super::blocks`] does, and says whether the processor can.
    #[expect(unsafe_code, reason = "calls functions compiled for other processors")]
    pub(in super::super) fn blocks(text: &[u8], masks: &mut Masks) -> bool {
        match way() {
            // SAFETY: the processor was asked for all of the function's instruction sets.
            Way::Avx512 => unsafe { read_512(text, masks) },
            // SAFETY: the processor was asked for all of the function's instruction sets.
            Way::Avx2 => unsafe { read_256(text, masks) },
            Way::Portable => return false,
        }
        true
    }

    /// Has the first bytes of a text fetched from memory while something else is done.
    #[inline]
    pub(crate) fn fetch(text: &[u8]) {
        for line in text.chunks(64) {
            // SAFETY: a hint, which every x86-64 processor takes for every address.
            #[expect(unsafe_code, reason = "there is no other way to give the hint")]
            unsafe {
                _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast());
            }
        }
    }

    #[target_feature(enable = "avx512bw,avx512vbmi2,avx2,pclmulqdq,popcnt,bmi1")]
    fn read_512(text: &[u8], masks: &mut Masks) {
        each_block(
            text,
            masks,
            |chunk, wanted| raw_512(chunk, wanted),
            |bits| parity(bits),
            |bits, start, into| places_512(bits, start, into),
        );
    }

    #[target_feature(enable = "avx2,pclmulqdq,popcnt,bmi1")]
    fn read_256(text: &[u8], masks: &mut Masks) {
        each_block(
            text,
            masks,
            |chunk, wanted| raw_256(chunk, wanted),
            |bits| parity(bits),
            places,
        );
    }

    #[inline]
    #[target_feature(enable = "avx512bw")]
    fn raw_512(chunk: &[u8; BLOCK], wanted: &LastBytes) -> Raw {
        // SAFETY: the arrays have the 64 and 16 bytes that are read; no alignment is needed.
        #[expect(unsafe_code, reason = "loads as many bytes as the arrays have")]
        let (bytes, halves) = unsafe {
            (
                _mm512_loadu_si512(chunk.as_ptr().cast()),
                _mm_loadu_si128(wanted.halves.as_ptr().cast()),
            )
        };
        // `[` and `{`, `]` and `}` differ in one bit.
        let folded = _mm512_or_si512(bytes, _mm512_set1_epi8(0x20));
        let equal =
            |bytes, byte: u8| _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(byte.cast_signed()));
        let upper = _mm512_and_si512(_mm512_srli_epi16::<4>(bytes), _mm512_set1_epi8(15));
        let allowed = _mm512_shuffle_epi8(_mm512_broadcast_i32x4(halves), bytes);
        let bit = _mm512_shuffle_epi8(_mm512_broadcast_i32x4(bits_of_halves()), upper);
        Raw {
            quotes: equal(bytes, b'"'),
            backslashes: equal(bytes, b'\\'),
            opening: equal(folded, b'{'),
            closing: equal(folded, b'}'),
            colons: equal(bytes, b':'),
            lasts: _mm512_test_epi8_mask(allowed, bit),
        }
    }

    /// For each upper half of an ASCII byte its bit in [`LastBytes`].
    #[inline]
    #[target_feature(enable = "sse2")]
    fn bits_of_halves() -> __m128i {
        _mm_set_epi64x(0, 0x8040_2010_0804_0201u64.cast_signed())
    }

    #[inline]
    #[target_feature(enable = "avx512bw,avx512vbmi2")]
    fn places_512(bits: u64, start: u32, into: &mut Places) {
        const AT_ONCE: u32 = 16;
        if bits.count_ones() > AT_ONCE {
            return places(bits, start, into);
        }
        let counted = _mm512_set_epi64(
            0x3f3e_3d3c_3b3a_3938,
            0x3736_3534_3332_3130,
            0x2f2e_2d2c_2b2a_2928,
            0x2726_2524_2322_2120,
            0x1f1e_1d1c_1b1a_1918,
            0x1716_1514_1312_1110,
            0x0f0e_0d0c_0b0a_0908,
            0x0706_0504_0302_0100,
        );
        let places = _mm512_castsi512_si128(_mm512_maskz_compress_epi8(bits, counted));
        let start = _mm512_set1_epi32(start.cast_signed());
        let places = _mm512_add_epi32(_mm512_cvtepu8_epi32(places), start);
        // SAFETY: the array has room for 64 numbers, of which 16 are written.
        #[expect(unsafe_code, reason = "stores into an array that has the room")]
        unsafe {
            _mm512_storeu_si512(into.as_mut_ptr().cast(), places);
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn raw_256(chunk: &[u8; BLOCK], wanted: &LastBytes) -> Raw {
        let (low, high) = load(chunk);
        let folded = (
            _mm256_or_si256(low, _mm256_set1_epi8(0x20)),
            _mm256_or_si256(high, _mm256_set1_epi8(0x20)),
        );
        // SAFETY: the array has the 16 bytes that are read; no alignment is needed.
        #[expect(unsafe_code, reason = "loads as many bytes as the array has")]
        let halves = unsafe { _mm_loadu_si128(wanted.halves.as_ptr().cast()) };
        let halves = _mm256_broadcastsi128_si256(halves);
        let bits = _mm256_broadcastsi128_si256(bits_of_halves());
        let last = |bytes| {
            let upper = _mm256_and_si256(_mm256_srli_epi16::<4>(bytes), _mm256_set1_epi8(15));
            let bit = _mm256_shuffle_epi8(bits, upper);
            let allowed = _mm256_and_si256(_mm256_shuffle_epi8(halves, bytes), bit);
            let none = _mm256_cmpeq_epi8(allowed, _mm256_setzero_si256());
            u64::from(!_mm256_movemask_epi8(none).cast_unsigned())
        };
        Raw {
            quotes: equal((low, high), b'"'),
            backslashes: equal((low, high), b'\\'),
            opening: equal(folded, b'{'),
            closing: equal(folded, b'}'),
            colons: equal((low, high), b':'),
            lasts: last(low) | (last(high) << 32),
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
