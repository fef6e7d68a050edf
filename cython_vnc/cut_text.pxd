"""Text that is cut and pasted: the newest of the server's, and ours that it may ask for (RFC 6143 section 7.6.4; rfbproto, "Extended Clipboard")."""

from libc.stdint cimport int64_t, uint8_t, uint32_t

from cython_vnc.buffer cimport Bytes
from cython_vnc.decoders.base cimport Status
from cython_vnc.wire cimport Cursor

cdef enum:
    # `cut_text_take`: the rest has to come first.
    CUT_TEXT_WAITS = -1

cdef struct CutText:
    Bytes newest                # latin-1; or `packed`: the zlib stream of an extended clipboard
    bint packed
    bint too_long               # it was dropped: `newest` is empty
    uint32_t texts              # how many came
    uint32_t caps               # flags of what the server understands; 0: latin-1 alone
    uint32_t most_unasked_bytes # of a text of ours that it takes without having asked
    Bytes offered               # the message that answers its request

# One ServerCutText behind its length, which is negative for an extended clipboard's. `taken` gets how many bytes of it are done with,
# or CUT_TEXT_WAITS; what is left of it then is of no interest. Answers go into `out`: TOO_LARGE as in client_messages.pxd.
cdef Status cut_text_take(CutText* cut, Cursor* cursor, int64_t length, Bytes* out, Py_ssize_t* taken) noexcept nogil
cdef Status cut_text_offer(CutText* cut, const uint8_t* message, Py_ssize_t message_bytes) noexcept nogil
cdef void cut_text_free(CutText* cut) noexcept nogil
