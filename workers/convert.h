/* Pixel loops of publishing: BGRX to RGB or grey, and the maximum of two pictures. */
#ifndef ENVSERVER_WORKERS_CONVERT_H
#define ENVSERVER_WORKERS_CONVERT_H

#include <stddef.h>
#include <stdint.h>

/* OpenCV's RGB2GRAY: 0.299, 0.587, 0.114 in 2**-15. */
enum { GRAY_RED = 9798, GRAY_GREEN = 19235, GRAY_BLUE = 3735, GRAY_BITS = 15 };

static inline uint32_t gray_of(uint32_t pixel) {
    return ((pixel & 255) * GRAY_BLUE + (pixel >> 8 & 255) * GRAY_GREEN + (pixel >> 16 & 255) * GRAY_RED + (1 << (GRAY_BITS - 1))) >> GRAY_BITS;
}

static inline void rgb_scalar(const uint32_t *from, uint8_t *to, ptrdiff_t count) {
    for (ptrdiff_t i = 0; i < count; i++) {
        to[3 * i] = (uint8_t)(from[i] >> 16);
        to[3 * i + 1] = (uint8_t)(from[i] >> 8);
        to[3 * i + 2] = (uint8_t)from[i];
    }
}

static inline void gray_scalar(const uint32_t *from, uint8_t *to, ptrdiff_t count) {
    for (ptrdiff_t i = 0; i < count; i++) to[i] = (uint8_t)gray_of(from[i]);
}

#if defined(__x86_64__)
#include <immintrin.h>

static inline __attribute__((always_inline)) void rgb_store(__m128i *to, __m128i value, int stream) {
    if (stream) _mm_stream_si128(to, value);
    else _mm_storeu_si128(to, value);
}

/* 16 pixels a turn: four shuffles squeeze 16 bytes to 12, three stores; past the cache where `stream`. */
__attribute__((target("ssse3"))) static inline __attribute__((always_inline)) void rgb_blocks(const uint32_t *from, uint8_t *to, ptrdiff_t count, int stream) {
    const __m128i squeeze = _mm_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1);
    ptrdiff_t i = 0;
    for (; i + 16 <= count; i += 16) {
        __m128i a = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(from + i)), squeeze);
        __m128i b = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(from + i + 4)), squeeze);
        __m128i c = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(from + i + 8)), squeeze);
        __m128i d = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(from + i + 12)), squeeze);
        __m128i *out = (__m128i *)(to + 3 * i);
        rgb_store(out, _mm_or_si128(a, _mm_slli_si128(b, 12)), stream);
        rgb_store(out + 1, _mm_or_si128(_mm_srli_si128(b, 4), _mm_slli_si128(c, 8)), stream);
        rgb_store(out + 2, _mm_or_si128(_mm_srli_si128(c, 8), _mm_slli_si128(d, 4)), stream);
    }
    rgb_scalar(from + i, to + 3 * i, count - i);
}

__attribute__((target("ssse3"))) static inline void rgb_ssse3(const uint32_t *from, uint8_t *to, ptrdiff_t count) { rgb_blocks(from, to, count, 0); }
__attribute__((target("ssse3"))) static inline void rgb_ssse3_stream(const uint32_t *from, uint8_t *to, ptrdiff_t count) { rgb_blocks(from, to, count, 1); }

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

static inline void rgb_row(const uint32_t *from, uint8_t *to, ptrdiff_t count) {
    if (__builtin_cpu_supports("ssse3")) rgb_ssse3(from, to, count);
    else rgb_scalar(from, to, count);
}

/* Past the cache, where that can be done; `stores_settle` comes before anybody is told of it. */
static inline void rgb_row_stream(const uint32_t *from, uint8_t *to, ptrdiff_t count) {
    if ((uintptr_t)to % 16 == 0 && __builtin_cpu_supports("ssse3")) rgb_ssse3_stream(from, to, count);
    else rgb_row(from, to, count);
}

static inline void stores_settle(void) { _mm_sfence(); }

static inline void gray_row(const uint32_t *from, uint8_t *to, ptrdiff_t count) {
    if (__builtin_cpu_supports("ssse3")) gray_ssse3(from, to, count);
    else gray_scalar(from, to, count);
}
#else
static inline void rgb_row(const uint32_t *from, uint8_t *to, ptrdiff_t count) { rgb_scalar(from, to, count); }
static inline void rgb_row_stream(const uint32_t *from, uint8_t *to, ptrdiff_t count) { rgb_scalar(from, to, count); }
static inline void stores_settle(void) {}
static inline void gray_row(const uint32_t *from, uint8_t *to, ptrdiff_t count) { gray_scalar(from, to, count); }
#endif

/* The larger of each byte of two rows of pixels; of their greys, as grey pixels, where `gray`. */
static inline void maximum_row(uint32_t *into, const uint32_t *other, ptrdiff_t count, int gray) {
    if (gray) {
        for (ptrdiff_t i = 0; i < count; i++) {
            uint32_t one = gray_of(into[i]), two = gray_of(other[i]);
            into[i] = (one > two ? one : two) * 0x010101u;
        }
        return;
    }
    uint8_t *bytes = (uint8_t *)into;
    const uint8_t *others = (const uint8_t *)other;
    for (ptrdiff_t i = 0; i < 4 * count; i++) bytes[i] = bytes[i] > others[i] ? bytes[i] : others[i];
}

#endif
