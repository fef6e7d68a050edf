"""ZRLE: 64x64 tiles of palettes and runs, through one zlib stream a connection."""

from libc.stdint cimport int32_t, uint8_t, uint32_t

from cython_vnc.decoders.base cimport (
    BAD_PALETTE, BAD_SUBENCODING, LONG_ZLIB, MAX_PAYLOAD_BYTES, NEED_MORE, OK, OUT_OF_BOUNDS, SHORT_ZLIB, TOO_LARGE,
    TRAILING, TRUNCATED, Decoders, Status, refusal,
)
from cython_vnc.decoders.expand cimport (
    ExpandPalette, expand_bgr, expand_bit_row, expand_fill, expand_packed_row, expand_palette, expand_path, expand_planes,
    expand_triple_row,
)
from cython_vnc.decoders.paint cimport paint_fill
from cython_vnc.decoders.scratch cimport deflated_limit, scratch_inflate
from cython_vnc.surface cimport Rect, Surface, pixel_at, rect_area
from cython_vnc.wire cimport Cursor, left, take_bytes, take_u8, take_u32

cdef enum:
    LENGTH_BYTES = 4
    TILE_PX = 64
    CPIXEL_BYTES = 3
    RLE = 128                   # a bit of the subencoding, and of an index that a run length follows
    MOST_PACKED = 16            # colors of a packed palette
    MOST_COLORS = 127


cdef inline Py_ssize_t inflated_limit(const Rect* rect) noexcept nogil:
    """The most that the tiles of a rectangle can take: runs of one pixel each, and a full palette each."""
    cdef Py_ssize_t columns = (<Py_ssize_t>rect.width + TILE_PX - 1) // TILE_PX
    cdef Py_ssize_t rows = (<Py_ssize_t>rect.height + TILE_PX - 1) // TILE_PX
    return columns * rows * (1 + MOST_COLORS * CPIXEL_BYTES) + rect_area(rect) * (CPIXEL_BYTES + 1)


cdef Py_ssize_t zrle_measure(const Rect* rect, const Cursor* buffered, Decoders* state) noexcept nogil:
    cdef Cursor cursor = Cursor(buffered.at, buffered.end)
    cdef Py_ssize_t deflated_bytes
    if left(&cursor) < LENGTH_BYTES:
        return NEED_MORE
    deflated_bytes = take_u32(&cursor)
    if deflated_bytes > MAX_PAYLOAD_BYTES - LENGTH_BYTES or deflated_bytes > deflated_limit(inflated_limit(rect)):
        return refusal(TOO_LARGE)
    return LENGTH_BYTES + deflated_bytes if left(&cursor) >= deflated_bytes else NEED_MORE


cdef Status tile_raw(const Rect* tile, Cursor* source, Surface* surface) noexcept nogil:
    cdef Py_ssize_t row_bytes = tile.width * CPIXEL_BYTES
    cdef int path = expand_path()
    cdef int32_t row
    if left(source) < row_bytes * tile.height:
        return SHORT_ZLIB
    for row in range(tile.height):
        expand_triple_row(path, pixel_at(surface, tile.x, tile.y + row), take_bytes(source, row_bytes), tile.width, False)
    return OK


cdef Status tile_packed(const Rect* tile, Cursor* source, Surface* surface, ExpandPalette* palette, int colors) noexcept nogil:
    cdef int path = expand_path()
    cdef int bits = 1 if colors == 2 else 2 if colors <= 4 else 4
    cdef Py_ssize_t row_bytes = (tile.width * bits + 7) // 8
    cdef uint32_t* target = pixel_at(surface, tile.x, tile.y)
    cdef uint8_t greatest = 0
    cdef int32_t row
    if left(source) < row_bytes * tile.height:
        return SHORT_ZLIB
    if bits == 1:
        for row in range(tile.height):
            expand_bit_row(path, target, take_bytes(source, row_bytes), tile.width, palette.colors[0], palette.colors[1])
            target += surface.stride_px
        return OK
    expand_planes(palette, colors)
    for row in range(tile.height):
        greatest = max(greatest, expand_packed_row(path, target, take_bytes(source, row_bytes), tile.width, bits, palette))
        target += surface.stride_px
    return OK if greatest < colors else BAD_PALETTE


cdef inline Status take_run(Cursor* source, int32_t remaining, int32_t* run) noexcept nogil:
    """Take a run length: 1 plus bytes that go on after 255. It may not be longer than what remains of the tile."""
    cdef uint8_t more = 255
    run[0] = 1
    while more == 255:
        if left(source) < 1:
            return SHORT_ZLIB
        more = take_u8(source)
        run[0] += more
        if run[0] > remaining:
            return OUT_OF_BOUNDS
    return OK


cdef Status tile_runs(const Rect* tile, Cursor* source, Surface* surface, const uint32_t* palette, int colors) noexcept nogil:
    """Paint runs: of indices, or of CPIXELs where there are no colors."""
    cdef uint32_t* row = pixel_at(surface, tile.x, tile.y)
    cdef int32_t remaining = tile.width * tile.height
    cdef int32_t column = 0, run, part
    cdef uint32_t pixel
    cdef uint8_t index
    cdef Status status
    while remaining > 0:
        run = 1
        if colors == 0:
            if left(source) < CPIXEL_BYTES:
                return SHORT_ZLIB
            pixel = expand_bgr(take_bytes(source, CPIXEL_BYTES))
            status = take_run(source, remaining, &run)
        else:
            if left(source) < 1:
                return SHORT_ZLIB
            index = take_u8(source)
            status = take_run(source, remaining, &run) if index & RLE else OK
            if index & MOST_COLORS >= colors:
                return BAD_PALETTE
            pixel = palette[index & MOST_COLORS]
        if status != OK:
            return status
        remaining -= run
        if run == 1:
            row[column] = pixel
            column += 1
            if column == tile.width:
                column = 0
                row += surface.stride_px
            continue
        while run > 0:
            part = min(run, tile.width - column)
            expand_fill(row + column, part, pixel)
            run -= part
            column += part
            if column == tile.width:
                column = 0
                row += surface.stride_px
    return OK


cdef Status tile_decode(const Rect* tile, Cursor* source, Surface* surface) noexcept nogil:
    cdef ExpandPalette palette
    cdef uint8_t subencoding
    cdef int colors
    if left(source) < 1:
        return SHORT_ZLIB
    subencoding = take_u8(source)
    colors = subencoding & MOST_COLORS
    if subencoding == RLE + 1 or MOST_PACKED < subencoding < RLE:
        return BAD_SUBENCODING
    if left(source) < colors * CPIXEL_BYTES:
        return SHORT_ZLIB
    expand_palette(&palette, take_bytes(source, colors * CPIXEL_BYTES), colors, False)
    if subencoding & RLE:
        return tile_runs(tile, source, surface, palette.colors, colors)
    if colors == 0:
        return tile_raw(tile, source, surface)
    if colors == 1:
        paint_fill(surface, tile.x, tile.y, tile.width, tile.height, palette.colors[0])
        return OK
    return tile_packed(tile, source, surface, &palette, colors)


cdef Status zrle_decode(const Rect* rect, Cursor* payload, Surface* surface, Decoders* state) noexcept nogil:
    cdef Py_ssize_t deflated_bytes
    cdef Py_ssize_t written = 0
    cdef int32_t right = rect.x + rect.width, bottom = rect.y + rect.height
    cdef Cursor source
    cdef Status status
    cdef Rect tile
    if left(payload) < LENGTH_BYTES:
        return TRUNCATED
    deflated_bytes = take_u32(payload)
    if left(payload) != deflated_bytes:
        return TRUNCATED if left(payload) < deflated_bytes else TRAILING
    status = scratch_inflate(state, &state.zrle, take_bytes(payload, deflated_bytes), deflated_bytes,
                             inflated_limit(rect), &written)
    if status != OK or state.hidden:
        return status
    source.at = state.scratch
    source.end = state.scratch + written
    tile.y = rect.y
    while tile.y < bottom and rect.width > 0:
        tile.height = min(<int32_t>TILE_PX, bottom - tile.y)
        tile.x = rect.x
        while tile.x < right:
            tile.width = min(<int32_t>TILE_PX, right - tile.x)
            status = tile_decode(&tile, &source, surface)
            if status != OK:
                return status
            tile.x += TILE_PX
        tile.y += TILE_PX
    return OK if left(&source) == 0 else LONG_ZLIB
