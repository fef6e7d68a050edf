"""Where the rectangles of a FramebufferUpdate begin and end, found while it is still arriving."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t

from cython_vnc.constants cimport Breach
from cython_vnc.decoders.base cimport Decoders, Status
from cython_vnc.surface cimport Rect
from cython_vnc.wire cimport Cursor, take_s32, take_u16

cdef enum:
    RECTANGLE_HEADER_BYTES = 12

cdef struct Update:
    bint active                     # the header of an update was read, its last rectangle not yet decoded
    bint complete                   # every rectangle was walked
    bint partial                    # too long to be received whole
    bint resizes                    # the framebuffer gets another size by it, or got one in between
    uint32_t rectangles_left        # to walk
    Py_ssize_t position             # of the next rectangle to walk; bytes before it are walked and not yet decoded
    Py_ssize_t needed               # its payload, or -1 while that is not known
    # The framebuffer's size at that point: a rectangle before it may have changed it.
    int32_t width
    int32_t height
    # Payload bytes of the rectangles walked and not yet decoded.
    uint32_t* spans
    uint32_t span_count
    uint32_t span_capacity
    # The rectangle at `position`, for the message when it is refused.
    Rect rect
    int32_t encoding
    Breach breach
    int64_t value

cdef struct Limits:
    int32_t max_width
    int32_t max_height

cdef inline void rectangle_take(Cursor* cursor, Rect* rect, int32_t* encoding) noexcept nogil:
    rect.x = take_u16(cursor)
    rect.y = take_u16(cursor)
    rect.width = take_u16(cursor)
    rect.height = take_u16(cursor)
    encoding[0] = take_s32(cursor)

cdef void update_begin(Update* update, uint32_t rectangles, int32_t width, int32_t height, Decoders* decoders) noexcept nogil
# Walk every rectangle that `data[:live_bytes]` holds whole.
cdef Status update_walk(Update* update, const uint8_t* data, Py_ssize_t live_bytes, const Limits* limits, Decoders* decoders) noexcept nogil
# The walked rectangles were decoded, and the bytes up to `position` given back.
cdef void update_rebase(Update* update) noexcept nogil
cdef void update_free(Update* update) noexcept nogil
# Whether a rectangle of DesktopSize or ExtendedDesktopSize says a size (it may say that resizing failed).
cdef bint is_resize(int32_t encoding, const Rect* rect) noexcept nogil
cdef bint size_allowed(const Limits* limits, int64_t width, int64_t height) noexcept nogil
