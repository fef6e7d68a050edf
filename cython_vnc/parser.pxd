"""The RFB client of one connection after its handshake: bytes in, a framebuffer with damage out; bytes to send.

This is the C face of `RFBProtocol`, for a hot loop that never takes the GIL; protocol.pxd adds the Python face.
Not thread-safe: one thread at a time.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from cython_vnc.buffer cimport Bytes
from cython_vnc.constants cimport Breach
from cython_vnc.cursor cimport CursorShape
from cython_vnc.cut_text cimport CutText
from cython_vnc.decoders.base cimport Decoders, Status
from cython_vnc.framebuffer cimport Coverage
from cython_vnc.luma cimport Luma
from cython_vnc.surface cimport Damage, Rect, Surface
from cython_vnc.update cimport Limits, Update
from cython_vnc.view cimport Views
from cython_vnc.waiting cimport Waiting
from cython_vnc.wire cimport Cursor

cdef enum:
    MAX_SUBSCRIPTIONS = 16

cdef class RFBParser:
    cdef Surface surface
    cdef Damage damage
    cdef Decoders decoders
    cdef Bytes inbound
    cdef Bytes outbound
    # Read by the hot loop after `parse`:
    cdef readonly uint64_t frame          # number of whole FramebufferUpdates decoded; stamps in `damage`; a resize counts as one
    cdef readonly uint64_t rectangles     # of pixels, decoded in all
    cdef readonly uint64_t pixels         # of those rectangles
    cdef readonly uint64_t bytes_received
    cdef readonly int64_t server_ns       # stamp of the newest update by the server (TIMESTAMP pseudo-encoding), else 0
    cdef readonly bint has_picture        # every pixel was painted at least once since connect or resize
    cdef readonly bint partial            # the newest update was decoded as it came (above 8 MiB)
    cdef readonly uint32_t resizes        # counts DesktopSize changes; the surface was reallocated
    cdef readonly bint fence_supported
    cdef readonly bint continuous_supported
    cdef readonly bint continuous_enabled
    cdef readonly uint64_t fence_reply    # payload of the newest 8-byte fence reply to one of ours, big endian
    cdef readonly uint32_t fence_replies  # how many came
    cdef readonly bint qemu_keys
    cdef int32_t cursor_x, cursor_y       # where our PointerEvents put it
    cdef Status failure                   # what `parse` returned, with its place for the message:
    cdef int32_t failed_encoding
    cdef Rect failed_rect
    # Updates that came whole wait for `settle`: damage and counters are ahead of the pixels until then.
    cdef public bint lazy
    # Nobody looks at colours: JPEGs that come from now on are decoded to their luma, in `luma`. Called before any came. False: no memory.
    cdef bint see_gray(self) noexcept nogil
    cdef Luma luma
    # Newest shape of the pointer; `pointer.changes` counts them.
    cdef CursorShape pointer
    # The newest text that the server cut, and ours.
    cdef CutText cut
    cdef readonly uint32_t bells
    # Private:
    cdef Limits limits
    cdef Coverage coverage
    cdef Update update
    cdef Waiting waiting
    cdef uint64_t update_begin_byte       # of those received
    cdef Breach breach
    cdef int64_t failed_value
    cdef Py_ssize_t skipping              # bytes of a message of no interest that are still to come
    cdef bint resized                     # in the update being decoded
    cdef uint32_t disables_pending        # EndOfContinuousUpdates that we caused
    cdef Views views
    cdef bint surface_viewed              # by Python: the present block may have views
    cdef bint inbound_viewed
    cdef Rect subscription[MAX_SUBSCRIPTIONS]  # what updates are asked for; none: the whole screen
    cdef int subscriptions
    cdef bint whole_asked                 # the whole screen was, at `whole_frame`, and has not come yet
    cdef uint64_t whole_frame

    # Where to receive: room for at least `wanted` bytes; NULL when out of memory. Then say how many came.
    cdef uint8_t* receive_room(self, Py_ssize_t wanted, Py_ssize_t* room) noexcept nogil
    cdef void received(self, Py_ssize_t count) noexcept nogil
    # Handle every whole message that was received. Fence requests are answered into `outbound`.
    cdef Status parse(self) noexcept nogil
    # Bring the pixels up to date. What is wholly painted over by what came later is not painted, nor decoded where it can be helped.
    cdef Status settle(self) noexcept nogil
    # Client messages, appended to `outbound`; the caller sends outbound.data[start:end] and calls `sent`.
    # TOO_LARGE when 1 MiB waits already; BAD_MESSAGE for continuous updates or a fence that the server has not shown to know.
    cdef Status key_event(self, uint32_t keysym, bint down) noexcept nogil
    cdef Status pointer_event(self, uint16_t x, uint16_t y, uint8_t buttons) noexcept nogil
    cdef Status request_update(self, bint incremental) noexcept nogil
    cdef Status enable_continuous(self, bint enable) noexcept nogil
    cdef Status put_continuous(self, bint enable) noexcept nogil
    # Say something about a text of ours; `kept` is the message that answers the server's request for it.
    cdef Status offer(self, const uint8_t* said, Py_ssize_t said_bytes, const uint8_t* kept, Py_ssize_t kept_bytes) noexcept nogil
    cdef Status send_fence(self, uint32_t flags, const uint8_t* payload, uint8_t payload_bytes) noexcept nogil
    cdef void sent(self, Py_ssize_t count) noexcept nogil

    cdef Status parse_message(self, bint* progressed) noexcept nogil
    cdef Status parse_update(self, bint* progressed) noexcept nogil
    cdef Status parse_cut_text(self, Cursor* cursor, bint* progressed) noexcept nogil
    cdef Status parse_fence(self, Cursor* cursor, bint* progressed) noexcept nogil
    cdef Py_ssize_t unparsed_bytes(self) noexcept nogil
    cdef const uint8_t* unparsed(self) noexcept nogil
    cdef bint may_wait(self) noexcept nogil
    cdef Status take_walked(self, bint waits) noexcept nogil
    cdef Status apply_pseudo(self, const Rect* rect, int32_t encoding, const uint8_t* payload) noexcept nogil
    cdef Status resize(self, int32_t width, int32_t height) noexcept nogil
    cdef Status finish_update(self) noexcept nogil
    cdef void take(self, Py_ssize_t count, bint* progressed) noexcept nogil
    cdef Status unsaid(self, Status status) noexcept nogil
    cdef Status fail(self, Status status, Breach breach, int64_t value) noexcept nogil
    cdef void release_memory(self) noexcept nogil
