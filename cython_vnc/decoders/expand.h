/* Rows of pixels: packed colors, palette indices and bits become 32-bit pixels R << 16 | G << 8 | B.

   Each function reads no byte beyond its source and writes no pixel beyond its target, at any width and alignment.
   The vector paths are for x86: SSE2 where the compiler may assume it, SSSE3 where the processor turns out to have it.
   A path is an argument; `expand_path` says which is the best here. All make the same pixels.
   A vector path does the last pixels of a row by a vector that ends with the row and overlaps the one before. */
#ifndef CYTHON_VNC_EXPAND_H
#define CYTHON_VNC_EXPAND_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <wchar.h>

#if defined(__SSE2__) && defined(__GNUC__)
#define EXPAND_X86 1
#include <immintrin.h>
#endif

enum { EXPAND_SCALAR = 0, EXPAND_SSE2 = 1, EXPAND_SSSE3 = 2 };
/* From here on the C library's own loop is the faster one. */
enum { EXPAND_LONG_PX = 64 };

static inline int expand_path(void) {
#ifdef EXPAND_X86
    return __builtin_cpu_supports("ssse3") ? EXPAND_SSSE3 : EXPAND_SSE2;
#else
    return EXPAND_SCALAR;
#endif
}

static inline uint32_t expand_rgb(const uint8_t *from) {
    return (uint32_t)from[0] << 16 | (uint32_t)from[1] << 8 | from[2];
}

static inline uint32_t expand_bgr(const uint8_t *from) {
    return (uint32_t)from[2] << 16 | (uint32_t)from[1] << 8 | from[0];
}

static inline void expand_fill(uint32_t *to, ptrdiff_t width, uint32_t pixel) {
#ifdef EXPAND_X86
    if (width >= 4) {
        const __m128i four = _mm_set1_epi32((int)pixel);
        if (sizeof(wchar_t) == 4 && width >= EXPAND_LONG_PX) {
            wmemset((wchar_t *)to, (wchar_t)pixel, (size_t)width);
            return;
        }
        for (ptrdiff_t done = 0; done < width - 4; done += 4) _mm_storeu_si128((__m128i *)(to + done), four);
        _mm_storeu_si128((__m128i *)(to + width - 4), four);
        return;
    }
    if (width > 0) to[0] = pixel;
    if (width > 1) to[1] = pixel;
    if (width > 2) to[2] = pixel;
#else
    for (ptrdiff_t done = 0; done < width; done++) to[done] = pixel;
#endif
}

/* Rows that are `stride` pixels apart. */
static inline void expand_fill_rows(uint32_t *to, ptrdiff_t stride, ptrdiff_t width, ptrdiff_t height, uint32_t pixel) {
    for (; height > 0; height--, to += stride) expand_fill(to, width, pixel);
}

/* The greatest of many indices, to be compared with the size of the palette. */
static inline uint8_t expand_greatest(const uint8_t *from, ptrdiff_t count) {
    uint8_t greatest = 0;
    for (ptrdiff_t i = 0; i < count; i++) greatest = from[i] > greatest ? from[i] : greatest;
    return greatest;
}

/* A palette, and, where it has no more than 16 colors, their channels one by one. */
typedef struct {
    uint32_t colors[256];
    uint8_t planes[3][16];
} ExpandPalette;

/* `bytes` holds up to 256 colors, three bytes each; `rgb` says in which order. */
static inline void expand_palette(ExpandPalette *palette, const uint8_t *bytes, int colors, int rgb) {
    for (int i = 0; i < colors; i++, bytes += 3) palette->colors[i] = rgb ? expand_rgb(bytes) : expand_bgr(bytes);
}

/* To be called for palettes of up to 16 before rows are looked up in them. An index beyond the palette is black. */
static inline void expand_planes(ExpandPalette *palette, int colors) {
    for (int i = colors; i < 16; i++) palette->colors[i] = 0;
    for (int i = 0; i < 16; i++) palette->planes[0][i] = (uint8_t)palette->colors[i];
    for (int i = 0; i < 16; i++) palette->planes[1][i] = (uint8_t)(palette->colors[i] >> 8);
    for (int i = 0; i < 16; i++) palette->planes[2][i] = (uint8_t)(palette->colors[i] >> 16);
}

#ifdef EXPAND_X86
#define EXPAND_SSSE3_ONLY __attribute__((target("ssse3"))) static inline

/* A round loads 16 bytes for four pixels, of which it needs 12: the first of them, or, at the end of a row, the last. */
EXPAND_SSSE3_ONLY void expand_triples_ssse3(uint32_t *to, const uint8_t *from, ptrdiff_t width, int rgb) {
    const __m128i order = rgb ? _mm_setr_epi8(2, 1, 0, -1, 5, 4, 3, -1, 8, 7, 6, -1, 11, 10, 9, -1)
                              : _mm_setr_epi8(0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11, -1);
    const __m128i skip = _mm_setr_epi8(4, 4, 4, 0, 4, 4, 4, 0, 4, 4, 4, 0, 4, 4, 4, 0);
    ptrdiff_t done = 0;
    for (; done + 6 <= width; done += 4) {
        const __m128i four = _mm_loadu_si128((const __m128i *)(from + 3 * done));
        _mm_storeu_si128((__m128i *)(to + done), _mm_shuffle_epi8(four, order));
    }
    if (done < width) {
        const ptrdiff_t last = width - 4;
        /* Up to five are left: the first of five by itself. */
        if (done < last) to[done] = rgb ? expand_rgb(from + 3 * done) : expand_bgr(from + 3 * done);
        const __m128i four = _mm_loadu_si128((const __m128i *)(from + 3 * last - 4));
        _mm_storeu_si128((__m128i *)(to + last), _mm_shuffle_epi8(four, _mm_add_epi8(order, skip)));
    }
}

/* Sixteen indices, each below 16, looked up in one register for each color channel. */
EXPAND_SSSE3_ONLY void expand_sixteen_ssse3(uint32_t *to, __m128i index, __m128i blue, __m128i green, __m128i red) {
    const __m128i b = _mm_shuffle_epi8(blue, index), g = _mm_shuffle_epi8(green, index), r = _mm_shuffle_epi8(red, index);
    const __m128i bg_low = _mm_unpacklo_epi8(b, g), bg_high = _mm_unpackhi_epi8(b, g);
    const __m128i r_low = _mm_unpacklo_epi8(r, _mm_setzero_si128()), r_high = _mm_unpackhi_epi8(r, _mm_setzero_si128());
    _mm_storeu_si128((__m128i *)to, _mm_unpacklo_epi16(bg_low, r_low));
    _mm_storeu_si128((__m128i *)(to + 4), _mm_unpackhi_epi16(bg_low, r_low));
    _mm_storeu_si128((__m128i *)(to + 8), _mm_unpacklo_epi16(bg_high, r_high));
    _mm_storeu_si128((__m128i *)(to + 12), _mm_unpackhi_epi16(bg_high, r_high));
}

EXPAND_SSSE3_ONLY void expand_indices_ssse3(uint32_t *to, const uint8_t *from, ptrdiff_t width, const ExpandPalette *palette) {
    const __m128i blue = _mm_loadu_si128((const __m128i *)palette->planes[0]);
    const __m128i green = _mm_loadu_si128((const __m128i *)palette->planes[1]);
    const __m128i red = _mm_loadu_si128((const __m128i *)palette->planes[2]);
    for (ptrdiff_t done = 0; done < width - 16; done += 16)
        expand_sixteen_ssse3(to + done, _mm_loadu_si128((const __m128i *)(from + done)), blue, green, red);
    expand_sixteen_ssse3(to + width - 16, _mm_loadu_si128((const __m128i *)(from + width - 16)), blue, green, red);
}

/* Up to sixteen pixels of 4 bits (8 bytes) or 2 bits (4 bytes) a round; what a row ends with goes through a copy. */
EXPAND_SSSE3_ONLY uint8_t expand_packed_ssse3(uint32_t *to, const uint8_t *from, ptrdiff_t width, int bits, const ExpandPalette *palette) {
    const __m128i blue = _mm_loadu_si128((const __m128i *)palette->planes[0]);
    const __m128i green = _mm_loadu_si128((const __m128i *)palette->planes[1]);
    const __m128i red = _mm_loadu_si128((const __m128i *)palette->planes[2]);
    const __m128i fifteen = _mm_set1_epi8(15), three = _mm_set1_epi8(3);
    __m128i greatest = _mm_setzero_si128();
    for (ptrdiff_t done = 0; done < width; done += 16, from += 2 * bits) {
        const ptrdiff_t count = width - done < 16 ? width - done : 16;
        uint64_t packed = 0;
        uint32_t some[16];
        __m128i index;
        if (count < 16) for (ptrdiff_t i = 0; i < (count * bits + 7) / 8; i++) packed |= (uint64_t)from[i] << 8 * i;
        else memcpy(&packed, from, bits == 4 ? 8 : 4);
        if (count < 16) {
            /* The bits that fill the last byte up are no pixels. */
            const ptrdiff_t over = -(count * bits) & 7;
            packed &= ~((uint64_t)((1u << over) - 1) << ((count * bits - 1) & ~(ptrdiff_t)7));
        }
        index = _mm_loadl_epi64((const __m128i *)&packed);
        index = _mm_unpacklo_epi8(_mm_and_si128(_mm_srli_epi16(index, 4), fifteen), _mm_and_si128(index, fifteen));
        if (bits == 2) index = _mm_unpacklo_epi8(_mm_and_si128(_mm_srli_epi16(index, 2), three), _mm_and_si128(index, three));
        greatest = _mm_max_epu8(greatest, index);
        if (count == 16) {
            expand_sixteen_ssse3(to + done, index, blue, green, red);
            continue;
        }
        expand_sixteen_ssse3(some, index, blue, green, red);
        if (count >= 4) {
            const ptrdiff_t last = count - 4;
            for (ptrdiff_t i = 0; i < last; i += 4)
                _mm_storeu_si128((__m128i *)(to + done + i), _mm_loadu_si128((const __m128i *)(some + i)));
            _mm_storeu_si128((__m128i *)(to + done + last), _mm_loadu_si128((const __m128i *)(some + last)));
        } else
            for (ptrdiff_t i = 0; i < count; i++) to[done + i] = some[i];
    }
    greatest = _mm_max_epu8(greatest, _mm_srli_si128(greatest, 8));
    greatest = _mm_max_epu8(greatest, _mm_srli_si128(greatest, 4));
    greatest = _mm_max_epu8(greatest, _mm_srli_si128(greatest, 2));
    greatest = _mm_max_epu8(greatest, _mm_srli_si128(greatest, 1));
    return (uint8_t)_mm_cvtsi128_si32(greatest);
}

/* The pixels of a byte's upper four bits. */
static inline __m128i expand_four_bits(unsigned byte, __m128i base, __m128i change) {
    const __m128i places = _mm_setr_epi32(128, 64, 32, 16);
    const __m128i set = _mm_cmpeq_epi32(_mm_and_si128(_mm_set1_epi32((int)byte), places), places);
    return _mm_xor_si128(base, _mm_and_si128(set, change));
}
#endif

/* One byte a pixel: its level of gray. */
static inline void expand_gray_row(int path, uint32_t *to, const uint8_t *from, ptrdiff_t width) {
    ptrdiff_t done = 0;
#ifdef EXPAND_X86
    if (path >= EXPAND_SSE2)
        for (; done + 16 <= width; done += 16) {
            const __m128i levels = _mm_loadu_si128((const __m128i *)(from + done)), zero = _mm_setzero_si128();
            const __m128i low = _mm_unpacklo_epi8(levels, levels), high = _mm_unpackhi_epi8(levels, levels);
            const __m128i low_red = _mm_unpacklo_epi8(levels, zero), high_red = _mm_unpackhi_epi8(levels, zero);
            _mm_storeu_si128((__m128i *)(to + done), _mm_unpacklo_epi16(low, low_red));
            _mm_storeu_si128((__m128i *)(to + done + 4), _mm_unpackhi_epi16(low, low_red));
            _mm_storeu_si128((__m128i *)(to + done + 8), _mm_unpacklo_epi16(high, high_red));
            _mm_storeu_si128((__m128i *)(to + done + 12), _mm_unpackhi_epi16(high, high_red));
        }
#endif
    for (; done < width; done++) to[done] = from[done] * 0x010101u;
}

/* 3 bytes a pixel: in the order R, G, B, TPIXEL of Tight; in the order B, G, R, CPIXEL of ZRLE. */
static inline void expand_triple_row(int path, uint32_t *to, const uint8_t *from, ptrdiff_t width, int rgb) {
#ifdef EXPAND_X86
    if (path >= EXPAND_SSSE3 && width >= 6) {
        expand_triples_ssse3(to, from, width, rgb);
        return;
    }
#endif
    for (ptrdiff_t done = 0; done < width; done++) to[done] = rgb ? expand_rgb(from + 3 * done) : expand_bgr(from + 3 * done);
}

/* One byte a pixel. Indices are checked by the caller. */
static inline void expand_index_row(int path, uint32_t *to, const uint8_t *from, ptrdiff_t width, const ExpandPalette *palette, int colors) {
#ifdef EXPAND_X86
    if (path >= EXPAND_SSSE3 && width >= 16 && colors <= 16) {
        expand_indices_ssse3(to, from, width, palette);
        return;
    }
#endif
    for (ptrdiff_t done = 0; done < width; done++) to[done] = palette->colors[from[done]];
}

/* 2 or 4 bits a pixel, the leftmost in the highest bits; the greatest index, which may be one beyond the palette. */
static inline uint8_t expand_packed_row(int path, uint32_t *to, const uint8_t *from, ptrdiff_t width, int bits, const ExpandPalette *palette) {
    const unsigned mask = (1u << bits) - 1;
    const ptrdiff_t each = 8 / bits;
    uint8_t greatest = 0;
#ifdef EXPAND_X86
    if (path >= EXPAND_SSSE3) return expand_packed_ssse3(to, from, width, bits, palette);
#endif
    for (ptrdiff_t done = 0; done < width; done++) {
        const uint8_t index = (uint8_t)(from[done / each] >> (8 - bits - bits * (done % each)) & mask);
        greatest = index > greatest ? index : greatest;
        to[done] = palette->colors[index];
    }
    return greatest;
}

/* One bit a pixel, the leftmost in the highest bit. */
static inline void expand_bit_row(int path, uint32_t *to, const uint8_t *from, ptrdiff_t width, uint32_t zero, uint32_t one) {
    const uint32_t both = zero ^ one;
#ifdef EXPAND_X86
    if (path >= EXPAND_SSE2 && width >= 4) {
        const __m128i base = _mm_set1_epi32((int)zero), change = _mm_set1_epi32((int)both);
        ptrdiff_t done = 0;
        for (; done + 8 <= width; done += 8) {
            _mm_storeu_si128((__m128i *)(to + done), expand_four_bits(from[done >> 3], base, change));
            _mm_storeu_si128((__m128i *)(to + done + 4), expand_four_bits((unsigned)from[done >> 3] << 4, base, change));
        }
        if (done + 4 <= width) {
            _mm_storeu_si128((__m128i *)(to + done), expand_four_bits(from[done >> 3], base, change));
            done += 4;
        }
        if (done < width) {
            /* One to three are left: four that end with the row, from one byte or two. */
            const ptrdiff_t first = width - 4;
            const unsigned byte = from[first >> 3], next = (first & 7) > 4 ? from[(first >> 3) + 1] : 0u;
            _mm_storeu_si128((__m128i *)(to + first), expand_four_bits((byte << 8 | next) << (first & 7) >> 8, base, change));
        }
        return;
    }
#endif
    for (ptrdiff_t done = 0; done < width; done++) to[done] = zero ^ (both & (0u - (uint32_t)(from[done >> 3] >> (7 - (done & 7)) & 1)));
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
