"""Where a tile's picture is, and its way from one form to the other.

Theory of operation. Colours are painted into the surface, the luma of a JPEG into the levels; each tile says which of them holds its
picture. What is painted over wholly just changes what its tile says. A tile that is painted over in part is brought into the form of
what comes first. So a film stays levels from its first frame on, and a desktop colours; for who reads, what is missing is
made, once for each change. Which form is read is that in which more tiles were painted of late.
"""

from libc.stdint cimport int32_t, uint8_t, uint32_t
from libc.stdlib cimport calloc, free
from libc.string cimport memchr, memset

from cython_vnc.decoders.expand cimport expand_gray_row, expand_path
from cython_vnc.surface cimport TILE_PX, Rect, Surface, pixel_at, surface_part


cdef enum:
    LATELY = 16                 # readings

cdef extern from "cython_vnc/gray.h" nogil:
    void gray_row(const uint32_t* source, uint8_t* target, Py_ssize_t count)


cdef bint luma_new(Luma* luma, const Surface* surface) noexcept nogil:
    cdef Luma made
    memset(&made, 0, sizeof(Luma))
    made.width, made.height = surface.width, surface.height
    made.stride_px = surface.stride_px
    made.columns = (surface.width + TILE_PX - 1) // TILE_PX
    made.rows = (surface.height + TILE_PX - 1) // TILE_PX
    made.levels = <uint8_t*>calloc(<size_t>made.stride_px * made.height, 1)
    made.tiles = <uint8_t*>calloc(<size_t>made.columns * made.rows, 1)
    luma_free(luma)
    if made.levels == NULL or made.tiles == NULL:
        luma_free(&made)
        return False
    luma[0] = made
    return True


cdef void luma_free(Luma* luma) noexcept nogil:
    free(luma.levels)
    free(luma.tiles)
    memset(luma, 0, sizeof(Luma))


cdef void run_convert(Luma* luma, Surface* surface, int32_t row, int32_t first, int32_t end, bint to_levels) noexcept nogil:
    """The tiles [first, end) of a row of tiles, into the other form."""
    cdef int32_t x = first * TILE_PX, y
    cdef Py_ssize_t width = min(end * TILE_PX, luma.width) - x
    cdef int path = expand_path()
    for y in range(row * TILE_PX, min((row + 1) * TILE_PX, luma.height)):
        if to_levels:
            gray_row(pixel_at(surface, x, y), level_at(luma, x, y), width)
        else:
            expand_gray_row(path, pixel_at(surface, x, y), level_at(luma, x, y), width)


cdef void row_convert(Luma* luma, Surface* surface, int32_t row, int32_t first, int32_t end, bint to_levels) noexcept nogil:
    """Of the tiles [first, end) of a row, those that lack a form."""
    cdef uint8_t* tiles = luma.tiles + <Py_ssize_t>row * luma.columns
    cdef uint8_t lacking = LUMA_COLORS if to_levels else LUMA_LEVELS
    cdef int32_t begin, column = first
    cdef const uint8_t* found
    while column < end:
        found = <const uint8_t*>memchr(tiles + column, lacking, end - column)
        if found == NULL:
            return
        begin = column = <int32_t>(found - tiles)
        while column < end and tiles[column] == lacking:
            tiles[column] = LUMA_BOTH
            column += 1
        run_convert(luma, surface, row, begin, column, to_levels)


cdef void luma_take(Luma* luma, Surface* surface, const Rect* rect, bint levels) noexcept nogil:
    cdef int32_t left = rect.x // TILE_PX, right = (rect.x + rect.width + TILE_PX - 1) // TILE_PX
    cdef int32_t top = rect.y // TILE_PX, bottom = (rect.y + rect.height + TILE_PX - 1) // TILE_PX
    cdef int32_t row
    cdef uint8_t form = LUMA_LEVELS if levels else LUMA_COLORS
    if rect.width <= 0 or rect.height <= 0:
        return
    if levels:
        luma.levels_taken += (right - left) * (bottom - top)
    else:
        luma.colors_taken += (right - left) * (bottom - top)
    for row in range(top, bottom):
        if row * TILE_PX < rect.y or min((row + 1) * TILE_PX, luma.height) > rect.y + rect.height:
            row_convert(luma, surface, row, left, right, levels)
        else:
            if left * TILE_PX < rect.x:
                row_convert(luma, surface, row, left, left + 1, levels)
            if min(right * TILE_PX, luma.width) > rect.x + rect.width:
                row_convert(luma, surface, row, right - 1, right, levels)
        memset(luma.tiles + <Py_ssize_t>row * luma.columns + left, form, right - left)


cdef void luma_take_levels(Luma* luma, Surface* surface, const Rect* rect) noexcept nogil:
    luma_take(luma, surface, rect, True)


cdef void luma_take_colors(Luma* luma, Surface* surface, const Rect* rect) noexcept nogil:
    luma_take(luma, surface, rect, False)


cdef void luma_give_colors(Luma* luma, Surface* surface, const Rect* rect) noexcept nogil:
    cdef int32_t row
    if rect.width <= 0 or rect.height <= 0:
        return
    for row in range(rect.y // TILE_PX, (rect.y + rect.height + TILE_PX - 1) // TILE_PX):
        row_convert(luma, surface, row, rect.x // TILE_PX, (rect.x + rect.width + TILE_PX - 1) // TILE_PX, False)


cdef void luma_give_all_colors(Luma* luma, Surface* surface) noexcept nogil:
    cdef Rect everything = surface_part(surface, NULL)
    if luma_used(luma):
        luma_give_colors(luma, surface, &everything)


cdef bint luma_ready(Luma* luma, Surface* surface) noexcept nogil:
    luma.levels_rate += (<float>luma.levels_taken - luma.levels_rate) / LATELY
    luma.colors_rate += (<float>luma.colors_taken - luma.colors_rate) / LATELY
    luma.levels_taken = luma.colors_taken = 0
    if luma.reads_levels:
        luma.reads_levels = luma.colors_rate <= 2 * luma.levels_rate
    else:
        luma.reads_levels = luma.levels_rate > 2 * luma.colors_rate
    if luma.reads_levels:
        luma_give_levels(luma, surface)
    else:
        luma_give_all_colors(luma, surface)
    return luma.reads_levels


cdef void luma_give_levels(Luma* luma, Surface* surface) noexcept nogil:
    cdef int32_t row
    for row in range(luma.rows):
        row_convert(luma, surface, row, 0, luma.columns, True)
