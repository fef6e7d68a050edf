/* Pixel loops of publishing: BGRX to RGB or grey, and the maximum of two pictures. */
#ifndef ENVSERVER_WORKERS_CONVERT_H
#define ENVSERVER_WORKERS_CONVERT_H

#include <stddef.h>
#include <stdint.h>

#include "cython_vnc/gray.h"

static inline void rgb_scalar(const uint32_t *from, uint8_t *to, ptrdiff_t count) {
    for (ptrdiff_t i = 0; i < count; i++) {
        to[3 * i] = (uint8_t)(from[i] >> 16);
        to[3 * i + 1] = (uint8_t)(from[i] >> 8);
        to[3 * i + 2] = (uint8_t)from[i];
    }
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

#else
static inline void rgb_row(const uint32_t *from, uint8_t *to, ptrdiff_t count) { rgb_scalar(from, to, count); }
static inline void rgb_row_stream(const uint32_t *from, uint8_t *to, ptrdiff_t count) { rgb_scalar(from, to, count); }
static inline void stores_settle(void) {}
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
