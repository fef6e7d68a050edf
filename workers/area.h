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
    /* Sums of levels are made in 64ths. */
    AREA_LEVEL_SCALE = (1 << GRAY_BITS) / 64,
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

/* A weight below 1 in two digits of 64, so that a product of each with a level has room in 15 bits; of a line that is not there 0. */
typedef struct {
    int high, low;
} area_digits;

static inline area_digits area_digits_of(const uint8_t *line, float weight) {
    area_digits digits = {0, 0};
    if (line) {
        digits.high = weight * 64 < 63 ? (int)(weight * 64) : 63;
        digits.low = (int)((weight * 64 - (float)digits.high) * 64 + 0.5f);
    }
    return digits;
}

/* The columns [x, count) of levels, in whole numbers, so that every path says the same; their sums are as large as those of grey. */
static inline void area_level_columns_scalar(const area_levels *lines, ptrdiff_t x, ptrdiff_t count, float *sums) {
    const area_digits first = area_digits_of(lines->first, lines->first_weight), last = area_digits_of(lines->last, lines->last_weight);
    for (; x < count; x++) {
        const uint8_t *line = lines->whole + x;
        const int above = lines->first ? lines->first[x] : 0, below = lines->last ? lines->last[x] : 0;
        int32_t total = 0;
        for (ptrdiff_t y = lines->whole_lines; y > 0; y--, line += lines->stride_px) total += *line;
        total = total * 64 + above * first.high + below * last.high + (above * first.low + below * last.low) / 64;
        sums[x] = (float)total * AREA_LEVEL_SCALE;
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

/* Bytes of two lines, one beside the other, weighed and added: columns 0 to 7 and 16 to 23 in `low`, the others in `high`. */
AREA_AVX2 __attribute__((always_inline)) void area_pair_avx2(__m256i one, __m256i other, __m256i weights, __m256i *low, __m256i *high) {
    *low = _mm256_maddubs_epi16(_mm256_unpacklo_epi8(one, other), weights);
    *high = _mm256_maddubs_epi16(_mm256_unpackhi_epi8(one, other), weights);
}

/* What the next output row reads: lines so far apart that the processor does not foresee them. 1024x768 levels that lie in memory
   take 86 us instead of 109, those in the second cache 37 instead of 35 (EPYC). Pixels, four times as many bytes, win from memory and
   lose from the third cache. */
AREA_AVX2 __attribute__((always_inline)) void area_expect(const void *at, int wide) {
    for (int v = 0; v < wide; v += 2) __builtin_prefetch((const __m256i *)at + v);
}

/* Of `wide` times 32 columns at a time; returns how far it came. */
AREA_AVX2 __attribute__((always_inline)) ptrdiff_t area_level_blocks(const area_levels *lines, ptrdiff_t x, ptrdiff_t count, float *sums, int wide) {
    const area_digits first = area_digits_of(lines->first, lines->first_weight), last = area_digits_of(lines->last, lines->last_weight);
    const __m256i high = _mm256_set1_epi16((short)(last.high << 8 | first.high)), low = _mm256_set1_epi16((short)(last.low << 8 | first.low));
    const __m256i ones = _mm256_set1_epi8(1), places = _mm256_set1_epi32(1 << 16 | 64), none = _mm256_setzero_si256();
    const __m256 scale = _mm256_set1_ps(AREA_LEVEL_SCALE);
    const ptrdiff_t ahead = (lines->whole_lines + 1) * lines->stride_px;
    for (; x + wide * 32 <= count; x += wide * 32) {
        __m256i part[AREA_WIDE][2], total[AREA_WIDE][4];
        const uint8_t *line = lines->whole + x;
        ptrdiff_t left = lines->whole_lines;
        if (lines->last) area_expect(lines->last + x + ahead, wide);
        for (int v = 0; v < wide; v++) {
            part[v][0] = part[v][1] = none;
            for (int i = 0; i < 4; i++) total[v][i] = none;
            if (lines->first || lines->last) {
                const __m256i above = lines->first ? _mm256_loadu_si256((const __m256i *)(lines->first + x) + v) : none;
                const __m256i below = lines->last ? _mm256_loadu_si256((const __m256i *)(lines->last + x) + v) : none;
                __m256i rest[2];
                area_pair_avx2(above, below, high, &part[v][0], &part[v][1]);
                area_pair_avx2(above, below, low, &rest[0], &rest[1]);
                for (int i = 0; i < 2; i++) part[v][i] = _mm256_add_epi16(part[v][i], _mm256_srli_epi16(rest[i], 6));
            }
        }
        do {
            __m256i whole[AREA_WIDE][2];
            ptrdiff_t y = area_chunk(left);
            left -= y;
            for (int v = 0; v < wide; v++) whole[v][0] = whole[v][1] = none;
            for (; y > 0; y -= 2) {
                const uint8_t *next = line + lines->stride_px;
                area_expect(line + ahead, wide);
                area_expect(next + ahead, wide);
                for (int v = 0; v < wide; v++) {
                    __m256i pair[2];
                    area_pair_avx2(_mm256_loadu_si256((const __m256i *)line + v), y > 1 ? _mm256_loadu_si256((const __m256i *)next + v) : none, ones, &pair[0], &pair[1]);
                    for (int i = 0; i < 2; i++) whole[v][i] = _mm256_add_epi16(whole[v][i], pair[i]);
                }
                line = next + lines->stride_px;
            }
            for (int v = 0; v < wide; v++)
                for (int i = 0; i < 2; i++) {
                    total[v][2 * i] = _mm256_add_epi32(total[v][2 * i], _mm256_madd_epi16(_mm256_unpacklo_epi16(whole[v][i], part[v][i]), places));
                    total[v][2 * i + 1] = _mm256_add_epi32(total[v][2 * i + 1], _mm256_madd_epi16(_mm256_unpackhi_epi16(whole[v][i], part[v][i]), places));
                    part[v][i] = none;
                }
        } while (left > 0);
        for (int v = 0; v < wide; v++)
            for (int i = 0; i < 4; i += 2) {
                /* Columns 0 to 3 and 16 to 19, then 4 to 7 and 20 to 23; eight further on the same. */
                const __m256 begin = _mm256_mul_ps(_mm256_cvtepi32_ps(total[v][i]), scale), end = _mm256_mul_ps(_mm256_cvtepi32_ps(total[v][i + 1]), scale);
                float *at = sums + x + v * 32 + i * 4;
                _mm256_storeu_ps(at, _mm256_permute2f128_ps(begin, end, 0x20));
                _mm256_storeu_ps(at + 16, _mm256_permute2f128_ps(begin, end, 0x31));
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
