/* Grey levels of pixels R << 16 | G << 8 | B. */
#ifndef CYTHON_VNC_GRAY_H
#define CYTHON_VNC_GRAY_H

#include <stddef.h>
#include <stdint.h>

/* OpenCV's RGB2GRAY: 0.299, 0.587, 0.114 in 2**-15. */
enum { GRAY_RED = 9798, GRAY_GREEN = 19235, GRAY_BLUE = 3735, GRAY_BITS = 15 };

static inline uint32_t gray_of(uint32_t pixel) {
    return ((pixel & 255) * GRAY_BLUE + (pixel >> 8 & 255) * GRAY_GREEN + (pixel >> 16 & 255) * GRAY_RED + (1 << (GRAY_BITS - 1))) >> GRAY_BITS;
}

static inline void gray_scalar(const uint32_t *from, uint8_t *to, ptrdiff_t count) {
    for (ptrdiff_t i = 0; i < count; i++) to[i] = (uint8_t)gray_of(from[i]);
}

#if defined(__x86_64__)
#include <immintrin.h>

/* 16 pixels a turn: blue and red, then green, weighed and added in pairs. */
__attribute__((target("ssse3"))) static inline void gray_ssse3(const uint32_t *from, uint8_t *to, ptrdiff_t count) {
    const __m128i low = _mm_set1_epi16(255), half = _mm_set1_epi32(1 << (GRAY_BITS - 1));
    const __m128i blue_red = _mm_set1_epi32(GRAY_RED << 16 | GRAY_BLUE), green = _mm_set1_epi32(GRAY_GREEN);
    ptrdiff_t i = 0;
    for (; i + 16 <= count; i += 16) {
        __m128i four[4];
        for (int k = 0; k < 4; k++) {
            __m128i pixels = _mm_loadu_si128((const __m128i *)(from + i + 4 * k));
            __m128i sum = _mm_add_epi32(_mm_madd_epi16(_mm_and_si128(pixels, low), blue_red), _mm_madd_epi16(_mm_srli_epi16(pixels, 8), green));
            four[k] = _mm_srli_epi32(_mm_add_epi32(sum, half), GRAY_BITS);
        }
        __m128i words = _mm_packus_epi16(_mm_packs_epi32(four[0], four[1]), _mm_packs_epi32(four[2], four[3]));
        _mm_storeu_si128((__m128i *)(to + i), words);
    }
    gray_scalar(from + i, to + i, count - i);
}

static inline void gray_row(const uint32_t *from, uint8_t *to, ptrdiff_t count) {
    if (__builtin_cpu_supports("ssse3")) gray_ssse3(from, to, count);
    else gray_scalar(from, to, count);
}
#else
static inline void gray_row(const uint32_t *from, uint8_t *to, ptrdiff_t count) { gray_scalar(from, to, count); }
#endif

#endif
