/* Pixel loops of publishing: BGRX to RGB, and the maximum of two pictures. */
#ifndef ENVSERVER_WORKERS_CONVERT_H
#define ENVSERVER_WORKERS_CONVERT_H

#include <stddef.h>
#include <stdint.h>

static inline void rgb_scalar(const uint32_t *from, uint8_t *to, ptrdiff_t count) {
    for (ptrdiff_t i = 0; i < count; i++) {
        to[3 * i] = (uint8_t)(from[i] >> 16);
        to[3 * i + 1] = (uint8_t)(from[i] >> 8);
        to[3 * i + 2] = (uint8_t)from[i];
    }
}

#if defined(__x86_64__)
#include <immintrin.h>

/* 16 pixels a turn: four shuffles squeeze 16 bytes to 12, three stores. */
__attribute__((target("ssse3"))) static void rgb_ssse3(const uint32_t *from, uint8_t *to, ptrdiff_t count) {
    const __m128i squeeze = _mm_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1);
    ptrdiff_t i = 0;
    for (; i + 16 <= count; i += 16) {
        __m128i a = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(from + i)), squeeze);
        __m128i b = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(from + i + 4)), squeeze);
        __m128i c = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(from + i + 8)), squeeze);
        __m128i d = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(from + i + 12)), squeeze);
        __m128i *out = (__m128i *)(to + 3 * i);
        _mm_storeu_si128(out, _mm_or_si128(a, _mm_slli_si128(b, 12)));
        _mm_storeu_si128(out + 1, _mm_or_si128(_mm_srli_si128(b, 4), _mm_slli_si128(c, 8)));
        _mm_storeu_si128(out + 2, _mm_or_si128(_mm_srli_si128(c, 8), _mm_slli_si128(d, 4)));
    }
    rgb_scalar(from + i, to + 3 * i, count - i);
}

static inline void rgb_row(const uint32_t *from, uint8_t *to, ptrdiff_t count) {
    if (__builtin_cpu_supports("ssse3")) rgb_ssse3(from, to, count);
    else rgb_scalar(from, to, count);
}
#else
static inline void rgb_row(const uint32_t *from, uint8_t *to, ptrdiff_t count) { rgb_scalar(from, to, count); }
#endif

static inline void maximum(uint8_t *into, const uint8_t *other, size_t count) {
    for (size_t i = 0; i < count; i++)
        into[i] = into[i] > other[i] ? into[i] : other[i];
}

#endif
