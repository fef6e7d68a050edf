"""Hextile: 16x16 tiles, raw or of a background and rectangles of one color.

`measure` walks the tiles that have come, and remembers in `Decoders` where it stopped: a rectangle of thousands of tiles
that trickles in is walked once. Colors carry over from tile to tile within a rectangle.
"""

from libc.stdint cimport int32_t, uint8_t, uint32_t
from libc.string cimport memcpy

from cython_vnc.decoders.base cimport (
    BAD_SUBENCODING, MAX_PAYLOAD_BYTES, NEED_MORE, OK, OUT_OF_BOUNDS, TOO_LARGE, TRAILING, TRUNCATED, Decoders, Status,
    refusal,
)
from cython_vnc.decoders.paint cimport PIXEL_BYTES, paint_fill, take_pixel
from cython_vnc.surface cimport Rect, Surface, pixel_at
from cython_vnc.wire cimport Cursor, left, take_bytes, take_u8

cdef enum:
    TILE_PX = 16
    RAW = 1
    BACKGROUND_SPECIFIED = 2
    FOREGROUND_SPECIFIED = 4
    ANY_SUBRECTS = 8
    SUBRECTS_COLORED = 16
    UNDEFINED = 224             # ZlibHex, which is an encoding of its own, uses them

cdef struct Colors:
    uint32_t background
    uint32_t foreground
    bint has_background
    bint has_foreground


cdef inline int32_t tile_area(const Rect* rect, uint32_t number) noexcept nogil:
    """Say how many pixels a tile of a rectangle has, by its number."""
    cdef uint32_t columns = (<uint32_t>rect.width + TILE_PX - 1) // TILE_PX
    cdef int32_t width = min(<int32_t>TILE_PX, rect.width - <int32_t>(number % columns) * TILE_PX)
    cdef int32_t height = min(<int32_t>TILE_PX, rect.height - <int32_t>(number // columns) * TILE_PX)
    return width * height


cdef inline uint32_t tile_count(const Rect* rect) noexcept nogil:
    return ((<uint32_t>rect.width + TILE_PX - 1) // TILE_PX) * ((<uint32_t>rect.height + TILE_PX - 1) // TILE_PX)


cdef inline Py_ssize_t colors_bytes(uint8_t mask) noexcept nogil:
    return PIXEL_BYTES * ((mask & BACKGROUND_SPECIFIED != 0) + (mask & FOREGROUND_SPECIFIED != 0))


cdef inline Py_ssize_t subrectangle_bytes(uint8_t mask) noexcept nogil:
    return PIXEL_BYTES + 2 if mask & SUBRECTS_COLORED else 2


cdef inline Py_ssize_t tile_measure(const Rect* rect, uint32_t number, const Cursor* buffered) noexcept nogil:
    """Measure the tile of that number, beginning with its mask."""
    cdef Py_ssize_t tile_bytes = 1
    cdef Py_ssize_t count_at
    cdef uint8_t mask
    if left(buffered) < 1:
        return NEED_MORE
    mask = buffered.at[0]
    if mask & RAW:
        tile_bytes += tile_area(rect, number) * PIXEL_BYTES
    elif mask & UNDEFINED:
        return refusal(BAD_SUBENCODING)
    else:
        tile_bytes += colors_bytes(mask)
        if mask & ANY_SUBRECTS:
            count_at = tile_bytes
            if left(buffered) <= count_at:
                return NEED_MORE
            tile_bytes += 1 + buffered.at[count_at] * subrectangle_bytes(mask)
    return tile_bytes if left(buffered) >= tile_bytes else NEED_MORE


cdef Py_ssize_t hextile_measure(const Rect* rect, const Cursor* buffered, Decoders* state) noexcept nogil:
    cdef uint32_t tiles = tile_count(rect)
    cdef Cursor cursor = Cursor(buffered.at, buffered.end)
    cdef Py_ssize_t measured
    if state.walked > left(buffered) or state.walked_tiles > tiles:
        # Left over from another rectangle.
        state.walked = 0
        state.walked_tiles = 0
    cursor.at += state.walked
    while state.walked_tiles < tiles:
        measured = tile_measure(rect, state.walked_tiles, &cursor)
        if measured == NEED_MORE:
            return NEED_MORE
        if state.walked + measured > MAX_PAYLOAD_BYTES:
            measured = refusal(TOO_LARGE)
        if measured < 0:
            state.walked = 0
            state.walked_tiles = 0
            return measured
        cursor.at += measured
        state.walked += measured
        state.walked_tiles += 1
    state.walked = 0
    state.walked_tiles = 0
    return cursor.at - buffered.at


cdef Status tile_decode(const Rect* tile, Cursor* payload, Surface* surface, Colors* colors) noexcept nogil:
    cdef Py_ssize_t row_bytes = tile.width * PIXEL_BYTES
    cdef uint8_t mask, place, size
    cdef int32_t row, x, y, width, height
    cdef int32_t i, count
    cdef uint32_t pixel
    if left(payload) < 1:
        return TRUNCATED
    mask = take_u8(payload)
    if mask & RAW:
        if left(payload) < row_bytes * tile.height:
            return TRUNCATED
        for row in range(tile.height):
            memcpy(pixel_at(surface, tile.x, tile.y + row), take_bytes(payload, row_bytes), row_bytes)
        return OK
    if mask & UNDEFINED:
        return BAD_SUBENCODING
    if left(payload) < colors_bytes(mask):
        return TRUNCATED
    if mask & BACKGROUND_SPECIFIED:
        colors.background = take_pixel(payload)
        colors.has_background = True
    if mask & FOREGROUND_SPECIFIED:
        colors.foreground = take_pixel(payload)
        colors.has_foreground = True
    if not colors.has_background:
        return BAD_SUBENCODING
    paint_fill(surface, tile.x, tile.y, tile.width, tile.height, colors.background)
    if not mask & ANY_SUBRECTS:
        return OK
    if left(payload) < 1:
        return TRUNCATED
    count = take_u8(payload)
    if left(payload) < count * subrectangle_bytes(mask):
        return TRUNCATED
    if count and not mask & SUBRECTS_COLORED and not colors.has_foreground:
        return BAD_SUBENCODING
    pixel = colors.foreground
    for i in range(count):
        if mask & SUBRECTS_COLORED:
            pixel = take_pixel(payload)
        place = take_u8(payload)
        size = take_u8(payload)
        x = place >> 4
        y = place & 15
        width = (size >> 4) + 1
        height = (size & 15) + 1
        if x + width > tile.width or y + height > tile.height:
            return OUT_OF_BOUNDS
        paint_fill(surface, tile.x + x, tile.y + y, width, height, pixel)
    return OK


cdef Status hextile_decode(const Rect* rect, Cursor* payload, Surface* surface, Decoders* state) noexcept nogil:
    cdef Colors colors = Colors(0, 0, False, False)
    cdef int32_t right = rect.x + rect.width, bottom = rect.y + rect.height
    cdef Status status
    cdef Rect tile
    tile.y = rect.y
    while tile.y < bottom and rect.width > 0:
        tile.height = min(<int32_t>TILE_PX, bottom - tile.y)
        tile.x = rect.x
        while tile.x < right:
            tile.width = min(<int32_t>TILE_PX, right - tile.x)
            status = tile_decode(&tile, payload, surface, &colors)
            if status != OK:
                return status
            tile.x += TILE_PX
        tile.y += TILE_PX
    return OK if left(payload) == 0 else TRAILING
