"""Paints rectangles that waited, but for those that are painted over before anybody looks.

Theory of operation: from the last rectangle to the first, a bit a pixel says whether something later paints it. A rectangle whose
bits are all set is hidden. One that is not sets its bits; CopyRect then clears those of its source, for what it copies has to
be there. What is hidden copies nothing.
"""

from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memset

from cython_vnc.bits cimport RowBits, row_bits, row_words, word_bits
from cython_vnc.constants cimport Encoding
from cython_vnc.decoders.base cimport OK, Decoders, Status
from cython_vnc.decoders.registry cimport Decoder, decoder_find, decoder_paint
from cython_vnc.surface cimport Rect, Surface, rect_area
from cython_vnc.update cimport rectangle_take
from cython_vnc.wire cimport Cursor, take_u16

cdef enum:
    COPYRECT_BYTES = 4
    # Of the surface's pixels.
    SMALL_PART = 8


# What of a rectangle inside the surface is covered.

cdef void covered_set(uint64_t* covered, Py_ssize_t words_per_row, const Rect* rect) noexcept nogil:
    cdef RowBits bits = row_bits(rect)
    cdef uint64_t* row = covered + rect.y * words_per_row
    cdef Py_ssize_t word
    cdef int32_t y
    for y in range(rect.height):
        for word in range(bits.first, bits.last + 1):
            row[word] |= word_bits(&bits, word)
        row += words_per_row


cdef void covered_clear(uint64_t* covered, Py_ssize_t words_per_row, const Rect* rect) noexcept nogil:
    cdef RowBits bits = row_bits(rect)
    cdef uint64_t* row = covered + rect.y * words_per_row
    cdef Py_ssize_t word
    cdef int32_t y
    for y in range(rect.height):
        for word in range(bits.first, bits.last + 1):
            row[word] &= ~word_bits(&bits, word)
        row += words_per_row


cdef bint covered_whole(const uint64_t* covered, Py_ssize_t words_per_row, const Rect* rect) noexcept nogil:
    cdef RowBits bits = row_bits(rect)
    cdef const uint64_t* row = covered + rect.y * words_per_row
    cdef Py_ssize_t word
    cdef int32_t y
    for y in range(rect.height):
        for word in range(bits.first, bits.last + 1):
            if word_bits(&bits, word) & ~row[word]:
                return False
        row += words_per_row
    return True


cdef bint waiting_fits(Waiting* waiting, uint32_t rectangles, Py_ssize_t payload_bytes) noexcept nogil:
    if waiting.rectangles == NULL:
        waiting.rectangles = <WaitingRectangle*>malloc(MOST_WAITING_RECTANGLES * sizeof(WaitingRectangle))
    return (
        waiting.rectangles != NULL
        and waiting.count + rectangles <= MOST_WAITING_RECTANGLES
        and waiting.waiting_bytes + payload_bytes <= MOST_WAITING_BYTES
    )


cdef void waiting_add(Waiting* waiting, const Rect* rect, Py_ssize_t position, uint32_t payload_bytes) noexcept nogil:
    cdef WaitingRectangle* one = waiting.rectangles + waiting.count
    one.position = <uint32_t>position
    one.payload_bytes = payload_bytes
    one.hidden = False
    waiting.count += 1
    waiting.painted_px += rect_area(rect)


cdef uint64_t* covered_bits(Waiting* waiting, const Surface* surface) noexcept nogil:
    """All clear; NULL when out of memory."""
    cdef Py_ssize_t words = row_words(surface.width) * surface.height
    cdef void* grown
    if words > waiting.covered_words:
        grown = realloc(waiting.covered, words * sizeof(uint64_t))
        if grown == NULL:
            return NULL
        waiting.covered = <uint64_t*>grown
        waiting.covered_words = words
    memset(waiting.covered, 0, words * sizeof(uint64_t))
    return waiting.covered


cdef void waiting_hide(Waiting* waiting, const uint8_t* data, const Surface* surface) noexcept nogil:
    cdef Py_ssize_t words_per_row = row_words(surface.width)
    cdef uint64_t* covered = covered_bits(waiting, surface)
    cdef WaitingRectangle* one
    cdef Cursor cursor
    cdef Rect rect
    cdef int32_t encoding
    cdef uint32_t left_over = waiting.count
    if covered == NULL:
        return
    while left_over > 0:
        left_over -= 1
        one = waiting.rectangles + left_over
        cursor.at = data + one.position
        rectangle_take(&cursor, &rect, &encoding)
        one.hidden = rect_area(&rect) == 0 or covered_whole(covered, words_per_row, &rect)
        if one.hidden:
            continue
        covered_set(covered, words_per_row, &rect)
        if encoding == Encoding.COPYRECT and one.payload_bytes >= COPYRECT_BYTES:
            rect.x = take_u16(&cursor)
            rect.y = take_u16(&cursor)
            if rect.x + rect.width <= surface.width and rect.y + rect.height <= surface.height:
                covered_clear(covered, words_per_row, &rect)


cdef Status waiting_paint(
    Waiting* waiting, const uint8_t* data, Surface* surface, Decoders* decoders, Rect* failed_rect, int32_t* failed_encoding
) noexcept nogil:
    cdef const WaitingRectangle* one
    cdef const Decoder* decoder
    cdef Cursor payload
    cdef Status status = OK
    cdef uint32_t i
    # One update seldom paints a pixel twice; and where little is painted, to look takes as long as to paint.
    if waiting.updates > 1 and waiting.painted_px * SMALL_PART >= <Py_ssize_t>surface.width * surface.height:
        waiting_hide(waiting, data, surface)
    for i in range(waiting.count):
        one = waiting.rectangles + i
        payload.at = data + one.position
        rectangle_take(&payload, failed_rect, failed_encoding)
        payload.end = payload.at + one.payload_bytes
        decoder = decoder_find(failed_encoding[0])
        if one.hidden and not decoder.streams:
            continue
        decoders.hidden = one.hidden
        status = decoder_paint(decoder, failed_rect, &payload, surface, decoders)
        if status != OK:
            break
    decoders.hidden = False
    return status


cdef void waiting_clear(Waiting* waiting) noexcept nogil:
    waiting.count = waiting.updates = 0
    waiting.waiting_bytes = waiting.painted_px = 0


cdef void waiting_free(Waiting* waiting) noexcept nogil:
    free(waiting.rectangles)
    free(waiting.covered)
    memset(waiting, 0, sizeof(Waiting))
