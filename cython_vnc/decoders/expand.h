/* Rows of pixels: packed colors, palette indices and bits become 32-bit pixels R << 16 | G << 8 | B.

   Each function reads no byte beyond its source and writes no pixel beyond its target, at any width and alignment.
   The vector paths are for x86: SSE2 where the compiler may assume it, SSSE3 where the processor turns out to have it. */
#ifndef CYTHON_VNC_EXPAND_H
#define CYTHON_VNC_EXPAND_H

#include <stddef.h>
#include <stdint.h>

#if defined(__SSE2__) && defined(__GNUC__)
#define EXPAND_X86 1
#include <immintrin.h>
#endif

static inline uint32_t expand_rgb(const uint8_t *from) {
    return (uint32_t)from[0] << 16 | (uint32_t)from[1] << 8 | from[2];
}

static inline uint32_t expand_bgr(const uint8_t *from) {
    return (uint32_t)from[2] << 16 | (uint32_t)from[1] << 8 | from[0];
}

static inline void expand_fill(uint32_t *to, ptrdiff_t width, uint32_t pixel) {
    for (ptrdiff_t i = 0; i < width; i++) to[i] = pixel;
}

/* The greatest index of a row, to be compared with the size of the palette. */
static inline uint8_t expand_greatest(const uint8_t *from, ptrdiff_t width) {
    uint8_t greatest = 0;
    for (ptrdiff_t i = 0; i < width; i++) greatest = from[i] > greatest ? from[i] : greatest;
    return greatest;
}

#ifdef EXPAND_X86
/* Four pixels a round; a round loads 16 bytes, of which it needs 12, so the last pixels are left to the caller. */
__attribute__((target("ssse3"))) static inline ptrdiff_t expand_triples_ssse3(uint32_t *to, const uint8_t *from, ptrdiff_t width, int rgb) {
    const __m128i order = rgb ? _mm_setr_epi8(2, 1, 0, -1, 5, 4, 3, -1, 8, 7, 6, -1, 11, 10, 9, -1)
                              : _mm_setr_epi8(0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11, -1);
    ptrdiff_t done = 0;
    for (; done + 6 <= width; done += 4) {
        __m128i four = _mm_loadu_si128((const __m128i *)(from + 3 * done));
        _mm_storeu_si128((__m128i *)(to + done), _mm_shuffle_epi8(four, order));
    }
    return done;
}

/* Sixteen indices a round, each below 16, looked up in one register for each color channel. */
__attribute__((target("ssse3"))) static inline ptrdiff_t expand_indices_ssse3(uint32_t *to, const uint8_t *from, ptrdiff_t width, const uint32_t *palette, int colors) {
    uint8_t planes[3][16] = {{0}};
    for (int i = 0; i < colors; i++)
        for (int plane = 0; plane < 3; plane++) planes[plane][i] = (uint8_t)(palette[i] >> 8 * plane);
    const __m128i blue = _mm_loadu_si128((const __m128i *)planes[0]);
    const __m128i green = _mm_loadu_si128((const __m128i *)planes[1]);
    const __m128i red = _mm_loadu_si128((const __m128i *)planes[2]);
    ptrdiff_t done = 0;
    for (; done + 16 <= width; done += 16) {
        __m128i index = _mm_loadu_si128((const __m128i *)(from + done));
        __m128i b = _mm_shuffle_epi8(blue, index), g = _mm_shuffle_epi8(green, index), r = _mm_shuffle_epi8(red, index);
        __m128i bg_low = _mm_unpacklo_epi8(b, g), bg_high = _mm_unpackhi_epi8(b, g);
        __m128i r_low = _mm_unpacklo_epi8(r, _mm_setzero_si128()), r_high = _mm_unpackhi_epi8(r, _mm_setzero_si128());
        _mm_storeu_si128((__m128i *)(to + done), _mm_unpacklo_epi16(bg_low, r_low));
        _mm_storeu_si128((__m128i *)(to + done + 4), _mm_unpackhi_epi16(bg_low, r_low));
        _mm_storeu_si128((__m128i *)(to + done + 8), _mm_unpacklo_epi16(bg_high, r_high));
        _mm_storeu_si128((__m128i *)(to + done + 12), _mm_unpackhi_epi16(bg_high, r_high));
    }
    return done;
}
#endif

/* 3 bytes a pixel in the order R, G, B: TPIXEL of Tight. */
static inline void expand_rgb_row(uint32_t *to, const uint8_t *from, ptrdiff_t width) {
    ptrdiff_t done = 0;
#ifdef EXPAND_X86
    if (__builtin_cpu_supports("ssse3")) done = expand_triples_ssse3(to, from, width, 1);
#endif
    for (; done < width; done++) to[done] = expand_rgb(from + 3 * done);
}

/* 3 bytes a pixel in the order B, G, R: CPIXEL of ZRLE. */
static inline void expand_bgr_row(uint32_t *to, const uint8_t *from, ptrdiff_t width) {
    ptrdiff_t done = 0;
#ifdef EXPAND_X86
    if (__builtin_cpu_supports("ssse3")) done = expand_triples_ssse3(to, from, width, 0);
#endif
    for (; done < width; done++) to[done] = expand_bgr(from + 3 * done);
}

/* One byte a pixel. The palette holds 256 entries, of which `colors` mean something; indices are checked by the caller. */
static inline void expand_index_row(uint32_t *to, const uint8_t *from, ptrdiff_t width, const uint32_t *palette, int colors) {
    ptrdiff_t done = 0;
#ifdef EXPAND_X86
    if (width >= 16 && colors <= 16 && __builtin_cpu_supports("ssse3")) done = expand_indices_ssse3(to, from, width, palette, colors);
#endif
    for (; done < width; done++) to[done] = palette[from[done]];
}

/* One bit a pixel, the leftmost in the highest bit. */
static inline void expand_bit_row(uint32_t *to, const uint8_t *from, ptrdiff_t width, uint32_t zero, uint32_t one) {
    const uint32_t both = zero ^ one;
    ptrdiff_t done = 0;
#ifdef EXPAND_X86
    const __m128i left = _mm_setr_epi32(128, 64, 32, 16), right = _mm_setr_epi32(8, 4, 2, 1);
    const __m128i base = _mm_set1_epi32((int)zero), change = _mm_set1_epi32((int)both);
    for (; done + 8 <= width; done += 8) {
        __m128i bits = _mm_set1_epi32(from[done >> 3]);
        __m128i first = _mm_cmpeq_epi32(_mm_and_si128(bits, left), left);
        __m128i second = _mm_cmpeq_epi32(_mm_and_si128(bits, right), right);
        _mm_storeu_si128((__m128i *)(to + done), _mm_xor_si128(base, _mm_and_si128(first, change)));
        _mm_storeu_si128((__m128i *)(to + done + 4), _mm_xor_si128(base, _mm_and_si128(second, change)));
    }
#endif
    for (; done < width; done++) to[done] = zero ^ (both & (0u - (uint32_t)(from[done >> 3] >> (7 - (done & 7)) & 1)));
}

/* 2 or 4 bits a pixel, the leftmost in the highest bits, to one byte each. */
static inline void expand_unpack_row(uint8_t *to, const uint8_t *from, ptrdiff_t width, int bits) {
    const ptrdiff_t each = 8 / bits;
    const int mask = (1 << bits) - 1;
    ptrdiff_t done = 0;
    if (bits == 4)
        for (; done + 2 <= width; done += 2, from++) { to[done] = from[0] >> 4; to[done + 1] = from[0] & 15; }
    else
        for (; done + 4 <= width; done += 4, from++) {
            to[done] = from[0] >> 6; to[done + 1] = from[0] >> 4 & 3; to[done + 2] = from[0] >> 2 & 3; to[done + 3] = from[0] & 3;
        }
    for (; done < width; done++) to[done] = (uint8_t)(from[0] >> (8 - bits - bits * (done % each)) & mask);
}

/* One byte of a gradient row: what the neighbors foretell plus what was sent (modulo 256). */
static inline uint32_t expand_foretold(int left, int above, int corner, uint8_t sent) {
    int guess = left + above - corner;
    guess = guess < 0 ? 0 : guess > 255 ? 255 : guess;
    return (uint32_t)(guess + sent) & 255;
}

/* A row of differences in the order R, G, B; `above` is the row of pixels over it, NULL for none. */
static inline void expand_gradient_row(uint32_t *to, const uint8_t *from, ptrdiff_t width, const uint32_t *above) {
    uint32_t left = 0, corner = 0;
    for (ptrdiff_t i = 0; i < width; i++, from += 3) {
        uint32_t over = above ? above[i] : 0;
        left = expand_foretold(left >> 16 & 255, over >> 16 & 255, corner >> 16 & 255, from[0]) << 16 |
               expand_foretold(left >> 8 & 255, over >> 8 & 255, corner >> 8 & 255, from[1]) << 8 |
               expand_foretold(left & 255, over & 255, corner & 255, from[2]);
        corner = over;
        to[i] = left;
    }
}

#endif
