"""What an encoding is to the protocol: `measure` frames a rectangle, `decode` paints it.

`measure` gets the bytes buffered so far, after the 12-byte rectangle header, and returns how many the rectangle takes in
all, or NEED_MORE. It never paints and never touches a zlib stream. What cannot be right whatever follows is returned as
`-2 - Status` (see `refusal`), so that a hostile length is refused before it is waited for.
`decode` gets a complete payload, and must stay inside `rect` (which the protocol has checked against the surface), inside
the payload, and must consume it exactly. Decode state is one `Decoders` a connection; rectangles arrive strictly in order.
Adding an encoding: one module with the two functions, one line in registry.pyx.
"""

from libc.stdint cimport uint8_t, uint32_t

from cython_vnc.inflate cimport Inflate
from cython_vnc.jpeg cimport Jpeg
from cython_vnc.luma cimport Luma
from cython_vnc.surface cimport Rect, Surface
from cython_vnc.wire cimport Cursor

cdef enum:
    NEED_MORE = -1
    # A rectangle's payload may not be longer: 4 bytes a pixel of the largest framebuffer accepted, and some.
    MAX_PAYLOAD_BYTES = 1 << 28

cpdef enum Status:
    OK = 0
    TRUNCATED = 1        # the payload ends inside a field
    TRAILING = 2         # bytes are left over in the payload
    OUT_OF_BOUNDS = 3    # a subrectangle, run or copy source leaves its rectangle or the framebuffer
    BAD_ZLIB = 4         # the zlib stream is corrupt, ends, or needs a dictionary
    SHORT_ZLIB = 5       # it inflates to fewer bytes than the rectangle needs
    LONG_ZLIB = 6        # it inflates to more
    BAD_JPEG = 7
    BAD_PALETTE = 8      # palette size or index
    BAD_SUBENCODING = 9  # a control byte, filter or subencoding that does not exist
    TOO_LARGE = 10       # a length beyond any sensible limit
    NO_MEMORY = 11
    BAD_MESSAGE = 12     # of the protocol, not of a decoder: see protocol.pyx
    UNKNOWN_ENCODING = 13

cdef struct Decoders:
    # State that lives as long as the connection.
    Inflate tight[4]
    Inflate zlib
    Inflate zrle
    Jpeg jpeg
    uint8_t* scratch            # inflated bytes; grown by `scratch_reserve`, never shrunk
    Py_ssize_t scratch_bytes
    Py_ssize_t walked           # how far `measure` of Hextile got in this rectangle (payload offset); reset per rectangle
    uint32_t walked_tiles
    Luma* luma                  # nobody looks at colours: JPEGs are painted here; NULL: they are
    bint halves                 # nobody looks closely: JPEGs are decoded at half their size
    bint hidden                 # the rectangle in hand will never be seen: read it as far as later ones need, and paint nothing

ctypedef Py_ssize_t (*measure_fn)(const Rect* rect, const Cursor* buffered, Decoders* state) noexcept nogil
ctypedef Status (*decode_fn)(const Rect* rect, Cursor* payload, Surface* surface, Decoders* state) noexcept nogil

cdef inline Py_ssize_t refusal(Status status) noexcept nogil:
    return -2 - <Py_ssize_t>status
