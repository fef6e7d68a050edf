/* Sums of area averaging: what the lines below one output row add up to, column by column, then along the row.

   A column's number does not depend on the columns beside it, nor on where a block of them begins: a picture repainted in parts
   equals one painted at once. It needs floating point without contraction (-ffp-contract=off). */
#ifndef ENVSERVER_WORKERS_AREA_H
#define ENVSERVER_WORKERS_AREA_H

#include <stddef.h>
#include <stdint.h>

#include "workers/convert.h"

enum {
    /* So many levels of 255 stay below 2**15, and their grey below 2**30. */
    AREA_CHUNK_LINES = 128,
    AREA_LANES = 8,
    AREA_WIDE = 4,
};

typedef struct {
    const uint32_t *whole;           /* lines that count wholly, one below the other */
    ptrdiff_t whole_lines, stride_px;
    const uint32_t *first, *last;    /* those around them that count in part; NULL: none */
    float first_weight, last_weight;
} area_lines;

/* The same of levels, one byte a pixel. */
typedef struct {
    const uint8_t *whole;
    ptrdiff_t whole_lines, stride_px;
    const uint8_t *first, *last;
    float first_weight, last_weight;
} area_levels;

typedef struct {
    int32_t first, last; /* the source pixels below one output pixel */
} area_span;

static inline ptrdiff_t area_chunk(ptrdiff_t lines) { return lines < AREA_CHUNK_LINES ? lines : AREA_CHUNK_LINES; }

/* The levels of one column: grey in 2**-GRAY_BITS, or R, G, B. */
static inline void area_add(uint32_t blue, uint32_t green, uint32_t red, float weight, int gray, float *total) {
    if (gray) {
        total[0] += (float)(int32_t)(blue * GRAY_BLUE + green * GRAY_GREEN + red * GRAY_RED) * weight;
        return;
    }
    total[0] += (float)(int32_t)red * weight;
    total[1] += (float)(int32_t)green * weight;
    total[2] += (float)(int32_t)blue * weight;
}

static inline void area_add_pixel(uint32_t pixel, float weight, int gray, float *total) {
    area_add(pixel & 255, pixel >> 8 & 255, pixel >> 16 & 255, weight, gray, total);
}

/* The columns [x, count); plane i of the sums begins at sums + i * plane_px. */
static inline void area_columns_scalar(const area_lines *lines, ptrdiff_t x, ptrdiff_t count, float *sums, ptrdiff_t plane_px, int gray) {
    for (; x < count; x++) {
        float total[3] = {0};
        const uint32_t *line = lines->whole + x;
        for (ptrdiff_t left = lines->whole_lines; left > 0; left -= AREA_CHUNK_LINES) {
            uint32_t blue = 0, green = 0, red = 0;
            for (ptrdiff_t y = area_chunk(left); y > 0; y--, line += lines->stride_px) {
                blue += *line & 255;
                green += *line >> 8 & 255;
                red += *line >> 16 & 255;
            }
            area_add(blue, green, red, 1, gray, total);
        }
        if (lines->first) area_add_pixel(lines->first[x], lines->first_weight, gray, total);
        if (lines->last) area_add_pixel(lines->last[x], lines->last_weight, gray, total);
        for (int i = 0; i < (gray ? 1 : 3); i++) sums[i * plane_px + x] = total[i];
    }
}

/* The columns [x, count) of levels; their sums are as large as those of grey. */
static inline void area_level_columns_scalar(const area_levels *lines, ptrdiff_t x, ptrdiff_t count, float *sums) {
    for (; x < count; x++) {
        const uint8_t *line = lines->whole + x;
        float total = 0;
        for (ptrdiff_t left = lines->whole_lines; left > 0; left -= AREA_CHUNK_LINES) {
            uint32_t levels = 0;
            for (ptrdiff_t y = area_chunk(left); y > 0; y--, line += lines->stride_px) levels += *line;
            total += (float)levels;
        }
        if (lines->first) total += (float)lines->first[x] * lines->first_weight;
        if (lines->last) total += (float)lines->last[x] * lines->last_weight;
        sums[x] = total * (1 << GRAY_BITS);
    }
}

/* `count` output pixels, `step` bytes apart; sums[0] belongs to source pixel `left`, each has `room` weights. */
static inline void area_pixels_scalar(const area_span *spans, const float *weights, ptrdiff_t room, ptrdiff_t count, const float *sums, int32_t left, uint8_t *to, ptrdiff_t step) {
    for (ptrdiff_t i = 0; i < count; i++, weights += room) {
        const float *sum = sums + (spans[i].first - left);
        float level = 0;
        for (ptrdiff_t k = 0; k <= spans[i].last - spans[i].first; k++) level += sum[k] * weights[k];
        to[i * step] = (uint8_t)(level + 0.5f);
    }
}

#if defined(__x86_64__)
#define AREA_AVX2 __attribute__((target("avx2"))) static inline

/* Eight pixels as 16 bit numbers: blue and red in `even`, green in `odd`. */
AREA_AVX2 __attribute__((always_inline)) void area_add_avx2(__m256i even, __m256i odd, __m256 weight, int gray, __m256 *total) {
    if (gray) {
        const __m256i blue_red = _mm256_set1_epi32(GRAY_RED << 16 | GRAY_BLUE), green = _mm256_set1_epi32(GRAY_GREEN);
        __m256i sum = _mm256_add_epi32(_mm256_madd_epi16(even, blue_red), _mm256_madd_epi16(odd, green));
        total[0] = _mm256_add_ps(total[0], _mm256_mul_ps(_mm256_cvtepi32_ps(sum), weight));
        return;
    }
    const __m256i low = _mm256_set1_epi32(0xFFFF);
    const __m256i red = _mm256_srli_epi32(even, 16), green = _mm256_and_si256(odd, low), blue = _mm256_and_si256(even, low);
    total[0] = _mm256_add_ps(total[0], _mm256_mul_ps(_mm256_cvtepi32_ps(red), weight));
    total[1] = _mm256_add_ps(total[1], _mm256_mul_ps(_mm256_cvtepi32_ps(green), weight));
    total[2] = _mm256_add_ps(total[2], _mm256_mul_ps(_mm256_cvtepi32_ps(blue), weight));
}

/* Columns from x on, `wide` vectors at a time; returns how far it came. */
AREA_AVX2 __attribute__((always_inline)) ptrdiff_t area_columns_blocks(const area_lines *lines, ptrdiff_t x, ptrdiff_t count, float *sums, ptrdiff_t plane_px, int gray, int wide) {
    const __m256i low = _mm256_set1_epi16(255);
    const __m256 one = _mm256_set1_ps(1), first_weight = _mm256_set1_ps(lines->first_weight), last_weight = _mm256_set1_ps(lines->last_weight);
    for (; x + wide * AREA_LANES <= count; x += wide * AREA_LANES) {
        __m256 total[AREA_WIDE][3];
        for (int v = 0; v < wide; v++)
            for (int i = 0; i < 3; i++) total[v][i] = _mm256_setzero_ps();
        const uint32_t *line = lines->whole + x;
        for (ptrdiff_t left = lines->whole_lines; left > 0; left -= AREA_CHUNK_LINES) {
            __m256i even[AREA_WIDE], odd[AREA_WIDE];
            for (int v = 0; v < wide; v++) even[v] = odd[v] = _mm256_setzero_si256();
            for (ptrdiff_t y = area_chunk(left); y > 0; y--, line += lines->stride_px)
                for (int v = 0; v < wide; v++) {
                    const __m256i pixels = _mm256_loadu_si256((const __m256i *)line + v);
                    even[v] = _mm256_add_epi16(even[v], _mm256_and_si256(pixels, low));
                    odd[v] = _mm256_add_epi16(odd[v], _mm256_srli_epi16(pixels, 8));
                }
            for (int v = 0; v < wide; v++) area_add_avx2(even[v], odd[v], one, gray, total[v]);
        }
        if (lines->first)
            for (int v = 0; v < wide; v++) {
                const __m256i pixels = _mm256_loadu_si256((const __m256i *)(lines->first + x) + v);
                area_add_avx2(_mm256_and_si256(pixels, low), _mm256_srli_epi16(pixels, 8), first_weight, gray, total[v]);
            }
        if (lines->last)
            for (int v = 0; v < wide; v++) {
                const __m256i pixels = _mm256_loadu_si256((const __m256i *)(lines->last + x) + v);
                area_add_avx2(_mm256_and_si256(pixels, low), _mm256_srli_epi16(pixels, 8), last_weight, gray, total[v]);
            }
        for (int i = 0; i < (gray ? 1 : 3); i++)
            for (int v = 0; v < wide; v++) _mm256_storeu_ps(sums + i * plane_px + x + v * AREA_LANES, total[v][i]);
    }
    return x;
}

AREA_AVX2 void area_columns_avx2(const area_lines *lines, ptrdiff_t count, float *sums, ptrdiff_t plane_px, int gray) {
    ptrdiff_t x;
    if (gray) {
        x = area_columns_blocks(lines, 0, count, sums, plane_px, 1, AREA_WIDE);
        x = area_columns_blocks(lines, x, count, sums, plane_px, 1, 1);
    } else {
        x = area_columns_blocks(lines, 0, count, sums, plane_px, 0, 2);
        x = area_columns_blocks(lines, x, count, sums, plane_px, 0, 1);
    }
    area_columns_scalar(lines, x, count, sums, plane_px, gray);
}

/* Eight levels with their weight. */
AREA_AVX2 __attribute__((always_inline)) __m256 area_weighed_avx2(__m256 total, const uint8_t *levels, float weight) {
    const __m256i eight = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)levels));
    return _mm256_add_ps(total, _mm256_mul_ps(_mm256_cvtepi32_ps(eight), _mm256_set1_ps(weight)));
}

/* Of `wide` times 32 columns at a time; returns how far it came. */
AREA_AVX2 __attribute__((always_inline)) ptrdiff_t area_level_blocks(const area_levels *lines, ptrdiff_t x, ptrdiff_t count, float *sums, int wide) {
    const __m256i low = _mm256_set1_epi16(255);
    const __m256 scale = _mm256_set1_ps(1 << GRAY_BITS);
    for (; x + wide * 32 <= count; x += wide * 32) {
        __m256 total[AREA_WIDE][4];
        const uint8_t *line = lines->whole + x;
        for (int v = 0; v < wide; v++)
            for (int i = 0; i < 4; i++) total[v][i] = _mm256_setzero_ps();
        for (ptrdiff_t left = lines->whole_lines; left > 0; left -= AREA_CHUNK_LINES) {
            __m256i even[AREA_WIDE], odd[AREA_WIDE];
            for (int v = 0; v < wide; v++) even[v] = odd[v] = _mm256_setzero_si256();
            for (ptrdiff_t y = area_chunk(left); y > 0; y--, line += lines->stride_px)
                for (int v = 0; v < wide; v++) {
                    const __m256i levels = _mm256_loadu_si256((const __m256i *)line + v);
                    even[v] = _mm256_add_epi16(even[v], _mm256_and_si256(levels, low));
                    odd[v] = _mm256_add_epi16(odd[v], _mm256_srli_epi16(levels, 8));
                }
            for (int v = 0; v < wide; v++) {
                /* Of each half of the vector: columns 0 to 7, then 8 to 15. */
                const __m256i begin = _mm256_unpacklo_epi16(even[v], odd[v]), end = _mm256_unpackhi_epi16(even[v], odd[v]);
                const __m128i parts[4] = {_mm256_castsi256_si128(begin), _mm256_castsi256_si128(end), _mm256_extracti128_si256(begin, 1), _mm256_extracti128_si256(end, 1)};
                for (int i = 0; i < 4; i++) total[v][i] = _mm256_add_ps(total[v][i], _mm256_cvtepi32_ps(_mm256_cvtepu16_epi32(parts[i])));
            }
        }
        for (int v = 0; v < wide; v++)
            for (int i = 0; i < 4; i++) {
                const ptrdiff_t at = x + v * 32 + i * AREA_LANES;
                if (lines->first) total[v][i] = area_weighed_avx2(total[v][i], lines->first + at, lines->first_weight);
                if (lines->last) total[v][i] = area_weighed_avx2(total[v][i], lines->last + at, lines->last_weight);
                _mm256_storeu_ps(sums + at, _mm256_mul_ps(total[v][i], scale));
            }
    }
    return x;
}

AREA_AVX2 void area_level_columns_avx2(const area_levels *lines, ptrdiff_t count, float *sums) {
    ptrdiff_t x = area_level_blocks(lines, 0, count, sums, 2);
    x = area_level_blocks(lines, x, count, sums, 1);
    area_level_columns_scalar(lines, x, count, sums);
}

/* `room` is whole vectors; weights beyond a span are 0, and so many sums may be read beyond the last. */
AREA_AVX2 void area_pixels_avx2(const area_span *spans, const float *weights, ptrdiff_t room, ptrdiff_t count, const float *sums, int32_t left, uint8_t *to, ptrdiff_t step) {
    for (ptrdiff_t i = 0; i < count; i++) {
        const float *sum = sums + (spans[i].first - left);
        __m256 level = _mm256_setzero_ps();
        for (ptrdiff_t k = 0; k < room; k += AREA_LANES, weights += AREA_LANES)
            level = _mm256_add_ps(level, _mm256_mul_ps(_mm256_loadu_ps(sum + k), _mm256_loadu_ps(weights)));
        __m128 four = _mm_add_ps(_mm256_castps256_ps128(level), _mm256_extractf128_ps(level, 1));
        four = _mm_add_ps(four, _mm_movehl_ps(four, four));
        four = _mm_add_ss(four, _mm_shuffle_ps(four, four, 1));
        to[i * step] = (uint8_t)_mm_cvttss_si32(_mm_add_ss(four, _mm_set_ss(0.5f)));
    }
}

static inline int area_has_vectors(void) { return __builtin_cpu_supports("avx2") != 0; }
#else
static inline int area_has_vectors(void) { return 0; }
#endif

static inline void area_columns(const area_lines *lines, ptrdiff_t count, float *sums, ptrdiff_t plane_px, int gray, int vectors) {
#if defined(__x86_64__)
    if (vectors) {
        area_columns_avx2(lines, count, sums, plane_px, gray);
        return;
    }
#endif
    area_columns_scalar(lines, 0, count, sums, plane_px, gray);
}

static inline void area_level_columns(const area_levels *lines, ptrdiff_t count, float *sums, int vectors) {
#if defined(__x86_64__)
    if (vectors) {
        area_level_columns_avx2(lines, count, sums);
        return;
    }
#endif
    area_level_columns_scalar(lines, 0, count, sums);
}

static inline void area_pixels(const area_span *spans, const float *weights, ptrdiff_t room, ptrdiff_t count, const float *sums, int32_t left, uint8_t *to, ptrdiff_t step, int vectors) {
#if defined(__x86_64__)
    if (vectors) {
        area_pixels_avx2(spans, weights, room, count, sums, left, to, step);
        return;
    }
#endif
    area_pixels_scalar(spans, weights, room, count, sums, left, to, step);
}

#endif
