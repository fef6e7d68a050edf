"""Tight: one color, a JPEG, or pixels through a filter and one of four zlib streams."""

from libc.stdint cimport int32_t, uint8_t, uint32_t

from cython_vnc.decoders.base cimport (
    BAD_JPEG, BAD_PALETTE, BAD_SUBENCODING, MAX_PAYLOAD_BYTES, NEED_MORE, NO_MEMORY, OK, TOO_LARGE, TRAILING,
    TRUNCATED, Decoders, Status, refusal,
)
from cython_vnc.decoders.expand cimport (
    ExpandPalette, expand_bit_row, expand_gradient_row, expand_greatest, expand_index_row, expand_palette, expand_path,
    expand_planes, expand_rgb, expand_triple_row,
)
from cython_vnc.decoders.paint cimport paint_fill
from cython_vnc.decoders.scratch cimport scratch_inflate_exactly, scratch_reserve
from cython_vnc.inflate cimport inflate_reset
from cython_vnc.jpeg cimport (
    JPEG_NO_MEMORY, JPEG_OK, jpeg_decode, jpeg_decode_half, jpeg_half_px, jpeg_halves, jpeg_luma, jpeg_luma_half,
)
from cython_vnc.luma cimport luma_take_levels, luma_used
from cython_vnc.surface cimport Rect, Surface, pixel_at, rect_area
from cython_vnc.wire cimport Cursor, left, take_bytes, take_u8

cdef enum:
    TPIXEL_BYTES = 3
    STREAMS = 4
    # The upper four bits of the control byte: two bits of a stream and whether a filter follows, or
    FILL = 8
    JPEG = 9
    HAS_FILTER = 4
    COPY_FILTER = 0
    PALETTE_FILTER = 1
    GRADIENT_FILTER = 2
    # Less than that is sent as it is.
    LEAST_DEFLATED_BYTES = 12

cdef struct Basic:
    # What comes before the pixels of basic compression.
    int stream
    int filter
    int colors
    const uint8_t* palette
    Py_ssize_t row_bytes


cdef bint tight_is_jpeg(const Cursor* payload) noexcept nogil:
    return left(payload) > 0 and payload.at[0] >> STREAMS == JPEG


cdef inline Py_ssize_t take_compact(Cursor* cursor) noexcept nogil:
    """Take a length of one to three bytes, seven bits each and eight in the third; -1 where it is cut short."""
    cdef Py_ssize_t value = 0
    cdef uint8_t byte
    cdef int shift
    for shift in range(0, 15, 7):
        if left(cursor) < 1:
            return -1
        byte = take_u8(cursor)
        if shift == 14:
            return value | <Py_ssize_t>byte << shift
        value |= <Py_ssize_t>(byte & 127) << shift
        if not byte & 128:
            break
    return value


cdef Status take_basic(Cursor* cursor, uint8_t kind, const Rect* rect, Basic* basic) noexcept nogil:
    """Take the filter and its palette."""
    basic.stream = kind & (STREAMS - 1)
    basic.filter = COPY_FILTER
    basic.colors = 0
    basic.palette = NULL
    basic.row_bytes = <Py_ssize_t>rect.width * TPIXEL_BYTES
    if kind & HAS_FILTER:
        if left(cursor) < 1:
            return TRUNCATED
        basic.filter = take_u8(cursor)
    if basic.filter > GRADIENT_FILTER:
        return BAD_SUBENCODING
    if basic.filter == PALETTE_FILTER:
        if left(cursor) < 1:
            return TRUNCATED
        basic.colors = take_u8(cursor) + 1
        if basic.colors < 2:
            return BAD_PALETTE
        if left(cursor) < basic.colors * TPIXEL_BYTES:
            return TRUNCATED
        basic.palette = take_bytes(cursor, basic.colors * TPIXEL_BYTES)
        basic.row_bytes = (<Py_ssize_t>rect.width + 7) // 8 if basic.colors == 2 else rect.width
    return OK


cdef inline Py_ssize_t measure_counted(Cursor* cursor, const Cursor* buffered) noexcept nogil:
    cdef Py_ssize_t size = take_compact(cursor)
    if size < 0 or left(cursor) < size:
        return NEED_MORE
    return cursor.at + size - buffered.at


cdef Py_ssize_t tight_measure(const Rect* rect, const Cursor* buffered, Decoders* state) noexcept nogil:
    cdef Cursor cursor = Cursor(buffered.at, buffered.end)
    cdef Py_ssize_t plain_bytes
    cdef Basic basic
    cdef Status status
    cdef uint8_t kind
    if left(&cursor) < 1:
        return NEED_MORE
    kind = take_u8(&cursor) >> STREAMS
    if kind == FILL:
        return 1 + TPIXEL_BYTES if left(&cursor) >= TPIXEL_BYTES else NEED_MORE
    if kind == JPEG:
        return measure_counted(&cursor, buffered)
    if kind > JPEG:
        return refusal(BAD_SUBENCODING)
    if rect_area(rect) * 4 > MAX_PAYLOAD_BYTES:
        return refusal(TOO_LARGE)
    status = take_basic(&cursor, kind, rect, &basic)
    if status != OK:
        return NEED_MORE if status == TRUNCATED else refusal(status)
    plain_bytes = basic.row_bytes * rect.height
    if plain_bytes >= LEAST_DEFLATED_BYTES:
        return measure_counted(&cursor, buffered)
    return cursor.at + plain_bytes - buffered.at if left(&cursor) >= plain_bytes else NEED_MORE


cdef Status fill_decode(const Rect* rect, Cursor* payload, Surface* surface) noexcept nogil:
    if left(payload) != TPIXEL_BYTES:
        return TRUNCATED if left(payload) < TPIXEL_BYTES else TRAILING
    paint_fill(surface, rect.x, rect.y, rect.width, rect.height, expand_rgb(payload.at))
    return OK


cdef inline Status take_counted(Cursor* payload, Cursor* counted) noexcept nogil:
    """Take a compact length and the bytes that it counts, which must be the last."""
    cdef Py_ssize_t size = take_compact(payload)
    if size < 0 or left(payload) < size:
        return TRUNCATED
    if left(payload) > size:
        return TRAILING
    counted.at = take_bytes(payload, size)
    counted.end = payload.at
    return OK


cdef Status jpeg_rectangle(const Rect* rect, Cursor* payload, Surface* surface, Decoders* state) noexcept nogil:
    cdef Cursor jpeg
    cdef Status status = take_counted(payload, &jpeg)
    cdef int outcome
    cdef bint halved
    if status != OK or state.hidden:
        return status
    halved = state.halves and jpeg_halves(left(&jpeg), rect)
    if halved:
        status = scratch_reserve(state, jpeg_half_px(rect) * <Py_ssize_t>sizeof(uint32_t))
        if status != OK:
            return status
    if luma_used(state.luma):
        luma_take_levels(state.luma, surface, rect)
        if halved:
            outcome = jpeg_luma_half(&state.jpeg, jpeg.at, left(&jpeg), rect, state.luma, state.scratch)
        else:
            outcome = jpeg_luma(&state.jpeg, jpeg.at, left(&jpeg), rect, state.luma)
    elif halved:
        outcome = jpeg_decode_half(&state.jpeg, jpeg.at, left(&jpeg), rect, surface, <uint32_t*>state.scratch)
    else:
        outcome = jpeg_decode(&state.jpeg, jpeg.at, left(&jpeg), rect, surface)
    if outcome == JPEG_OK:
        return OK
    return NO_MEMORY if outcome == JPEG_NO_MEMORY else BAD_JPEG


cdef Status palette_paint(const Rect* rect, const Basic* basic, const uint8_t* plain, Surface* surface) noexcept nogil:
    cdef int path = expand_path()
    cdef uint32_t* target = pixel_at(surface, rect.x, rect.y)
    cdef ExpandPalette palette
    cdef int32_t row
    expand_palette(&palette, basic.palette, basic.colors, True)
    if basic.colors == 2:
        for row in range(rect.height):
            expand_bit_row(path, target, plain, rect.width, palette.colors[0], palette.colors[1])
            target += surface.stride_px
            plain += basic.row_bytes
        return OK
    if expand_greatest(plain, rect_area(rect)) >= basic.colors:
        return BAD_PALETTE
    if basic.colors <= 16:
        expand_planes(&palette, basic.colors)
    for row in range(rect.height):
        expand_index_row(path, target, plain, rect.width, &palette, basic.colors)
        target += surface.stride_px
        plain += basic.row_bytes
    return OK


cdef void gradient_paint(const Rect* rect, const Basic* basic, const uint8_t* plain, Surface* surface) noexcept nogil:
    # The surface itself holds the row above, so that no row is too wide.
    cdef uint32_t* above = NULL
    cdef int32_t row
    for row in range(rect.height):
        expand_gradient_row(pixel_at(surface, rect.x, rect.y + row), plain, rect.width, above)
        above = pixel_at(surface, rect.x, rect.y + row)
        plain += basic.row_bytes


cdef Status basic_decode(const Rect* rect, uint8_t kind, Cursor* payload, Surface* surface, Decoders* state) noexcept nogil:
    cdef Py_ssize_t plain_bytes
    cdef const uint8_t* plain
    cdef Cursor deflated
    cdef int32_t row
    cdef int path
    cdef Basic basic
    cdef Status status = take_basic(payload, kind, rect, &basic)
    if status != OK:
        return status
    plain_bytes = basic.row_bytes * rect.height
    if plain_bytes < LEAST_DEFLATED_BYTES:
        if left(payload) != plain_bytes:
            return TRUNCATED if left(payload) < plain_bytes else TRAILING
        plain = take_bytes(payload, plain_bytes)
    else:
        status = take_counted(payload, &deflated)
        if status == OK:
            status = scratch_inflate_exactly(state, &state.tight[basic.stream], deflated.at, left(&deflated), plain_bytes)
        if status != OK:
            return status
        plain = state.scratch
    if state.hidden:
        return OK
    if basic.filter == PALETTE_FILTER:
        return palette_paint(rect, &basic, plain, surface)
    if basic.filter == GRADIENT_FILTER:
        gradient_paint(rect, &basic, plain, surface)
        return OK
    path = expand_path()
    for row in range(rect.height):
        expand_triple_row(path, pixel_at(surface, rect.x, rect.y + row), plain, rect.width, True)
        plain += basic.row_bytes
    return OK


cdef Status tight_decode(const Rect* rect, Cursor* payload, Surface* surface, Decoders* state) noexcept nogil:
    cdef uint8_t control
    cdef int stream
    if left(payload) < 1:
        return TRUNCATED
    control = take_u8(payload)
    # The lower bits begin streams anew, whatever the upper ones say.
    for stream in range(STREAMS):
        if control >> stream & 1:
            inflate_reset(&state.tight[stream])
    if control >> STREAMS == FILL:
        return OK if state.hidden else fill_decode(rect, payload, surface)
    if control >> STREAMS == JPEG:
        return jpeg_rectangle(rect, payload, surface, state)
    if control >> STREAMS > JPEG:
        return BAD_SUBENCODING
    return basic_decode(rect, control >> STREAMS, payload, surface, state)
