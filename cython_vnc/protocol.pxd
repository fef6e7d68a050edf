"""The RFB client of one connection after its handshake: bytes in, a framebuffer with damage out; bytes to send.

This is the C face for a hot loop that never takes the GIL; `protocol.pyi` is the Python face of the same class.
Not thread-safe: one thread at a time.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from cython_vnc.decoders.base cimport Decoders, Status
from cython_vnc.surface cimport Damage, Rect, Surface

cdef struct Bytes:
    # A growable buffer: live bytes are data[start:end].
    uint8_t* data
    Py_ssize_t capacity
    Py_ssize_t start
    Py_ssize_t end

cdef class RFBProtocol:
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
    # (private parse state follows in the implementation)

    # Where to receive: room for at least `wanted` bytes; NULL when out of memory. Then say how many came.
    cdef uint8_t* receive_room(self, Py_ssize_t wanted, Py_ssize_t* room) noexcept nogil
    cdef void received(self, Py_ssize_t count) noexcept nogil
    # Handle every whole message that was received. Fence requests are answered into `outbound`.
    cdef Status parse(self) noexcept nogil
    # Client messages, appended to `outbound`; the caller sends outbound.data[start:end] and calls `sent`.
    cdef Status key_event(self, uint32_t keysym, bint down) noexcept nogil
    cdef Status pointer_event(self, uint16_t x, uint16_t y, uint8_t buttons) noexcept nogil
    cdef Status request_update(self, bint incremental) noexcept nogil
    cdef Status enable_continuous(self, bint enable) noexcept nogil
    cdef Status send_fence(self, uint32_t flags, const uint8_t* payload, uint8_t payload_bytes) noexcept nogil
    cdef void sent(self, Py_ssize_t count) noexcept nogil
