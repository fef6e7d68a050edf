"""Walks a FramebufferUpdate (RFC 6143 section 7.6.1).

Theory of operation: `update_walk` is called whenever bytes came. It goes on at the rectangle where it stopped, so that no
rectangle is walked twice, and keeps one length a rectangle, so that decoding need not measure again. What no
following byte could mend (a rectangle outside the framebuffer, an unknown encoding, a length beyond its limit) is
refused here, before it is waited for and before anything of the update is painted.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t
from libc.stdlib cimport free, realloc

from cython_vnc.constants cimport Breach, Encoding, Limit
from cython_vnc.cursor cimport cursor_payload_bytes
from cython_vnc.decoders.base cimport (
    MAX_PAYLOAD_BYTES, NEED_MORE, NO_MEMORY, OK, OUT_OF_BOUNDS, TOO_LARGE, UNKNOWN_ENCODING, Decoders, Status, refusal,
)
from cython_vnc.decoders.registry cimport Decoder, decoder_find
from cython_vnc.surface cimport Rect
from cython_vnc.wire cimport Cursor, left, take_u32


cdef void update_begin(Update* update, uint32_t rectangles, int32_t width, int32_t height, Decoders* decoders) noexcept nogil:
    update.active = True
    update.complete = False
    update.partial = False
    update.resizes = False
    update.rectangles_left = rectangles
    update.position = 0
    update.needed = NEED_MORE
    update.breach = Breach.NO_BREACH
    update.width, update.height = width, height
    update.span_count = 0
    decoders.walked = 0
    decoders.walked_tiles = 0


cdef Status update_walk(Update* update, const uint8_t* data, Py_ssize_t live_bytes, const Limits* limits, Decoders* decoders) noexcept nogil:
    cdef Cursor cursor
    cdef Status status
    while update.rectangles_left > 0:
        if live_bytes - update.position < RECTANGLE_HEADER_BYTES:
            return OK
        cursor.at, cursor.end = data + update.position, data + live_bytes
        rectangle_take(&cursor, &update.rect, &update.encoding)
        if update.needed < 0:
            status = rectangle_measure(update, &cursor, limits, decoders)
            if status != OK:
                return status
        if update.needed < 0 or left(&cursor) < update.needed:
            return OK
        status = span_append(update, <uint32_t>update.needed)
        if status != OK:
            return status
        if is_resize(update.encoding, &update.rect):
            update.resizes |= update.rect.width != update.width or update.rect.height != update.height
            update.width, update.height = update.rect.width, update.rect.height
        update.position += RECTANGLE_HEADER_BYTES + update.needed
        update.needed = NEED_MORE
        update.rectangles_left -= 1
        if update.encoding == Encoding.LAST_RECT:
            update.rectangles_left = 0
        decoders.walked = 0
        decoders.walked_tiles = 0
    update.complete = True
    return OK


cdef Status rectangle_measure(Update* update, const Cursor* payload, const Limits* limits, Decoders* decoders) noexcept nogil:
    """Set `needed`, which stays NEED_MORE when the bytes do not yet tell."""
    cdef const Rect* rect = &update.rect
    cdef const Decoder* decoder = decoder_find(update.encoding)
    if decoder == NULL:
        update.needed = pseudo_measure(update, payload, limits)
    elif rect.x + rect.width > update.width or rect.y + rect.height > update.height:
        update.breach = Breach.RECTANGLE_OUTSIDE
        return OUT_OF_BOUNDS
    else:
        update.needed = decoder.measure(rect, payload, decoders)
    if update.needed < NEED_MORE:
        return <Status>(-2 - update.needed)
    return OK if update.needed <= MAX_PAYLOAD_BYTES else TOO_LARGE


cdef Py_ssize_t pseudo_measure(Update* update, const Cursor* payload, const Limits* limits) noexcept nogil:
    """`measure` of what is no pixels (RFC 6143 section 7.8; rfbproto for the extensions)."""
    cdef const Rect* rect = &update.rect
    cdef Cursor cursor = payload[0]
    cdef uint32_t name_bytes
    if is_resize(update.encoding, rect) and not size_allowed(limits, rect.width, rect.height):
        update.breach = Breach.FRAMEBUFFER_SIZE
        return refusal(TOO_LARGE)
    if update.encoding == Encoding.EXTENDED_DESKTOP_SIZE:
        # The number of screens, padding, and 16 bytes a screen.
        return 4 + 16 * <Py_ssize_t>cursor.at[0] if left(&cursor) >= 1 else NEED_MORE
    if update.encoding == Encoding.CURSOR:
        if rect.width > Limit.MAX_CURSOR_PX or rect.height > Limit.MAX_CURSOR_PX:
            update.breach = Breach.CURSOR_SIZE
            return refusal(TOO_LARGE)
        return cursor_payload_bytes(rect)
    if update.encoding == Encoding.DESKTOP_NAME:
        if left(&cursor) < 4:
            return NEED_MORE
        name_bytes = take_u32(&cursor)
        if name_bytes > Limit.MAX_NAME_BYTES:
            update.breach, update.value = Breach.NAME_LENGTH, name_bytes
            return refusal(TOO_LARGE)
        return 4 + <Py_ssize_t>name_bytes
    if update.encoding == Encoding.LED_STATE:
        return 1
    if (
        update.encoding == Encoding.DESKTOP_SIZE
        or update.encoding == Encoding.LAST_RECT
        or update.encoding == Encoding.QEMU_EXTENDED_KEY
        or update.encoding == Encoding.TIMESTAMP
    ):
        return 0
    return refusal(UNKNOWN_ENCODING)


cdef Status span_append(Update* update, uint32_t payload_bytes) noexcept nogil:
    cdef uint32_t capacity
    cdef uint32_t* spans
    if update.span_count == update.span_capacity:
        capacity = max(<uint32_t>64, 2 * update.span_capacity)
        spans = <uint32_t*>realloc(update.spans, capacity * sizeof(uint32_t))
        if spans == NULL:
            return NO_MEMORY
        update.spans, update.span_capacity = spans, capacity
    update.spans[update.span_count] = payload_bytes
    update.span_count += 1
    return OK


cdef void update_rebase(Update* update) noexcept nogil:
    update.position = 0
    update.span_count = 0


cdef void update_free(Update* update) noexcept nogil:
    free(update.spans)
    update.spans = NULL
    update.span_count = update.span_capacity = 0
    update.active = False


cdef bint is_resize(int32_t encoding, const Rect* rect) noexcept nogil:
    # In ExtendedDesktopSize y is the result of a request of ours: anything but 0 is a refusal, and no size.
    return encoding == Encoding.DESKTOP_SIZE or (encoding == Encoding.EXTENDED_DESKTOP_SIZE and rect.y == 0)


cdef bint size_allowed(const Limits* limits, int64_t width, int64_t height) noexcept nogil:
    return (
        1 <= width <= limits.max_width
        and 1 <= height <= limits.max_height
        and width * height <= Limit.MAX_AREA_PX
    )
