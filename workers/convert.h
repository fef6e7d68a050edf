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

/* 16 pixels: four shuffles squeeze 16 bytes to 12, three stores; past the cache where `stream`. */
__attribute__((target("ssse3"))) static inline __attribute__((always_inline)) void rgb_block(const uint32_t *from, uint8_t *to, int stream) {
    const __m128i squeeze = _mm_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1);
    const __m128i a = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)from), squeeze);
    const __m128i b = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(from + 4)), squeeze);
    const __m128i c = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(from + 8)), squeeze);
    const __m128i d = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(from + 12)), squeeze);
    __m128i *out = (__m128i *)to;
    rgb_store(out, _mm_or_si128(a, _mm_slli_si128(b, 12)), stream);
    rgb_store(out + 1, _mm_or_si128(_mm_srli_si128(b, 4), _mm_slli_si128(c, 8)), stream);
    rgb_store(out + 2, _mm_or_si128(_mm_srli_si128(c, 8), _mm_slli_si128(d, 4)), stream);
}

/* The last block overlaps the one before. */
__attribute__((target("ssse3"))) static inline void rgb_ssse3(const uint32_t *from, uint8_t *to, ptrdiff_t count) {
    if (count < 16) {
        rgb_scalar(from, to, count);
        return;
    }
    for (ptrdiff_t i = 0; i < count - 16; i += 16) rgb_block(from + i, to + 3 * i, 0);
    rgb_block(from + count - 16, to + 3 * (count - 16), 0);
}

/* `to` of any alignment: of 16 pixels in a row one begins on 16 bytes. */
__attribute__((target("ssse3"))) static inline void rgb_ssse3_stream(const uint32_t *from, uint8_t *to, ptrdiff_t count) {
    ptrdiff_t i = 0;
    while (i < count && (uintptr_t)(to + 3 * i) % 16) i++;
    rgb_scalar(from, to, i);
    for (; i + 16 <= count; i += 16) rgb_block(from + i, to + 3 * i, 1);
    rgb_scalar(from + i, to + 3 * i, count - i);
}

static inline void rgb_row(const uint32_t *from, uint8_t *to, ptrdiff_t count) {
    if (__builtin_cpu_supports("ssse3")) rgb_ssse3(from, to, count);
    else rgb_scalar(from, to, count);
}

/* Past the cache, where that can be done; `stores_settle` comes before anybody is told of it. */
static inline void rgb_row_stream(const uint32_t *from, uint8_t *to, ptrdiff_t count) {
    if (__builtin_cpu_supports("ssse3")) rgb_ssse3_stream(from, to, count);
    else rgb_scalar(from, to, count);
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
