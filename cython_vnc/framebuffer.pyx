"""Allocates what framebuffer.pxd describes.

Rows of pixels are whole tiles apart, and no power of two: else those of a tile would take each other's place in the cache,
and copies between them would wait for one another. The pages are there before the first update comes: to ask for all at
once takes a fraction of what a fault a page takes.
"""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from cython_vnc.bits cimport RowBits, row_bits, row_words, word_bits
from cython_vnc.decoders.base cimport NO_MEMORY, OK, Status
from cython_vnc.surface cimport TILE_PX, Damage, Rect, Surface, damage_add, pixel_at

cdef extern from *:
    """
    #include <stdint.h>
    #include <sys/mman.h>
    #ifndef MADV_POPULATE_WRITE
    #define MADV_POPULATE_WRITE 23
    #endif
    /* Linux before 5.14 refuses, and the pages come when they are written to; so do those of a size that no desktop has,
       which a server may only claim. */
    static void pages_populate(void *block, size_t size) {
        const uintptr_t page = 4096, begin = ((uintptr_t)block + page - 1) & ~(page - 1), end = ((uintptr_t)block + size) & ~(page - 1);
        if (end > begin && size <= (size_t)1 << 26) (void)madvise((void *)begin, end - begin, MADV_POPULATE_WRITE);
    }
    """
    int popcount "__builtin_popcountll"(unsigned long long word) noexcept nogil
    void pages_populate(void* block, size_t size) noexcept nogil

from cython_vnc.events import Rect as PythonRect

cdef enum:
    SAME_SETS_PX = 256          # rows so far apart, or a multiple of it, share few sets of the first cache


cdef Status framebuffer_new(Surface* surface, Damage* damage, Coverage* coverage, int32_t width, int32_t height) noexcept nogil:
    """Fill all three for a black, wholly unpainted picture; on failure nothing is left allocated."""
    surface.width, surface.height = width, height
    surface.stride_px = (width + 15) // 16 * 16
    if surface.stride_px % SAME_SETS_PX == 0:
        surface.stride_px += 16
    surface.pixels = <uint32_t*>calloc(<size_t>(surface.stride_px * height), sizeof(uint32_t))
    memset(damage, 0, sizeof(Damage))
    damage.columns = (width + TILE_PX - 1) // TILE_PX
    damage.rows = (height + TILE_PX - 1) // TILE_PX
    damage.changed_at = <uint64_t*>calloc(<size_t>damage.columns * <size_t>damage.rows, sizeof(uint64_t))
    coverage.words_per_row = row_words(width)
    coverage.bits = <uint64_t*>calloc(<size_t>(coverage.words_per_row * height), sizeof(uint64_t))
    coverage.missing_px = <int64_t>width * height
    if surface.pixels == NULL or damage.changed_at == NULL or coverage.bits == NULL:
        free(surface.pixels)
        surface.pixels = NULL
        damage_free(damage)
        coverage_free(coverage)
        return NO_MEMORY
    pages_populate(surface.pixels, <size_t>(surface.stride_px * height) * sizeof(uint32_t))
    return OK


cdef void framebuffer_copy(const Surface* source, Surface* target) noexcept nogil:
    """What both have in common, from the upper left corner."""
    cdef int32_t y
    cdef size_t row_bytes = <size_t>min(source.width, target.width) * sizeof(uint32_t)
    for y in range(min(source.height, target.height)):
        memcpy(pixel_at(target, 0, y), pixel_at(source, 0, y), row_bytes)


cdef Status framebuffer_resize(
    Surface* surface, Damage* damage, Coverage* coverage, int32_t width, int32_t height, uint64_t frame
) noexcept nogil:
    """Keep what fits; on failure the old surface and damage stay."""
    cdef Surface old_surface = surface[0]
    cdef Damage old_damage = damage[0]
    cdef Rect everything = Rect(0, 0, width, height)
    cdef Status status
    coverage_free(coverage)
    status = framebuffer_new(surface, damage, coverage, width, height)
    if status != OK:
        surface[0], damage[0] = old_surface, old_damage
        return status
    framebuffer_copy(&old_surface, surface)
    damage_free(&old_damage)
    damage_add(damage, &everything, frame)
    return OK


cdef void damage_free(Damage* damage) noexcept nogil:
    free(damage.changed_at)
    memset(damage, 0, sizeof(Damage))


cdef void coverage_add(Coverage* coverage, const Rect* rect) noexcept nogil:
    """Count the pixels of `rect` (inside the surface) as painted."""
    cdef RowBits bits
    cdef uint64_t* row
    cdef uint64_t mask
    cdef Py_ssize_t word
    cdef int32_t y
    if coverage.bits == NULL or rect.width <= 0 or rect.height <= 0:
        return
    bits = row_bits(rect)
    row = coverage.bits + rect.y * coverage.words_per_row
    for y in range(rect.height):
        for word in range(bits.first, bits.last + 1):
            mask = word_bits(&bits, word)
            coverage.missing_px -= popcount(mask & ~row[word])
            row[word] |= mask
        row += coverage.words_per_row
    if coverage.missing_px == 0:
        coverage_free(coverage)


cdef void coverage_free(Coverage* coverage) noexcept nogil:
    free(coverage.bits)
    coverage.bits = NULL


cdef list damage_rectangles(const Damage* damage, const Surface* surface, uint64_t since):
    cdef int32_t row, column, first, y, height
    found = []
    for row in range(damage.rows):
        y = row * TILE_PX
        height = min(<int32_t>TILE_PX, surface.height - y)
        first = -1
        for column in range(damage.columns + 1):
            if column < damage.columns and damage.changed_at[row * damage.columns + column] > since:
                if first < 0:
                    first = column
            elif first >= 0:
                right = min(column * TILE_PX, surface.width)
                found.append(PythonRect(first * TILE_PX, y, right - first * TILE_PX, height))
                first = -1
    return found
