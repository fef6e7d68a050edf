"""A VNC server as a screen source: the socket's I/O and the pacing of requests, around `cython_vnc.protocol`. [I/O]

Pacing: ContinuousUpdates where the server has them and the session wants 60 or more frames a second; else an
incremental request on a timer, not after each update, so that the round trip is not part of the frame period. At more than 30 frames a
second the timer is put forward or back a little, so that requests go out with events or when an update came. Where it is known
when the next row is due, and that is far away, the request goes out shortly before: the server puts all changes since the last into one
update, and it is new when it is shown. A row that waits for a change asks often. A server keeps
one outstanding request, so on a still screen the timer stops after a few and starts again with the next update.

Decoding: updates that came in one turn are painted at its end. Where more than one came for each row lately, they are kept until shortly
before the next is due, or until a row is asked for, since much of what they paint will be painted over. At one a row
nothing would be saved, and the work would be done when it is late.
"""

import os

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.errno cimport EAGAIN, EINTR, ENOMEM, errno
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from cython_vnc.buffer cimport bytes_free, bytes_live, bytes_reserve, put_bytes
from cython_vnc.decoders.base cimport NO_MEMORY, OK, TOO_LARGE, Status
from cython_vnc.luma cimport luma_used
from cython_vnc.protocol cimport RFBProtocol
from shm.atomic cimport load_acquire, monotonic_ns, store_release
from workers.source cimport OFFER, SHAPE, TEXT, ScreenSource

from cython_vnc.clipboard import offer_of, text_of, too_long
from cython_vnc.errors import RFBError
from cython_vnc.events import PointerShape


cdef extern from "<sys/socket.h>" nogil:
    Py_ssize_t recv(int descriptor, void* buffer, size_t size, int flags)
    Py_ssize_t send(int descriptor, const void* buffer, size_t size, int flags)
    const int MSG_DONTWAIT
    const int MSG_NOSIGNAL

cdef enum:
    # Received in one turn before the loop looks at its clock again: four raw 1024x768 screens.
    TURN_BYTES = 12 << 20
    RECEIVE_BYTES = 256 << 10
    # Requests sent after the newest update before the timer rests; covers a round trip of 8 periods.
    QUIET_REQUESTS = 8
    # How long before a row is due its picture is asked for: a server may wait for its own next frame. And how
    # long before, what waits is decoded.
    ASK_AHEAD_NS = 33_000_000
    PAINT_AHEAD_NS = 4_000_000
    # While a row is awaited a request may go out so much of a period early, if the thread is awake anyway; one that
    # needs a timer goes out so much later, so that requests drift until they fall together with something else.
    EARLY_PART = 4
    LATE_PART = 8
    # A request so often where any change is waited for.
    FRAME_NS = 16_666_667
    SHIFT = 0xFFE1
    # ClientFence (rfbproto, "ClientFence"): Request, BlockBefore.
    FENCE_FLAGS = 0x80000001
    # Request alone.
    PROBE_FLAGS = 0x80000000

cdef int64_t NEVER_NS = 0x7FFFFFFFFFFFFFFF


cdef class RFBSource(ScreenSource):
    """One connection after its handshake.

    Args:
        protocol: after `start`, with what the handshake left over already received.
        descriptor: a connected, non-blocking socket; the caller keeps it open while the source is used.
        fps: the session's frames a second, or None for as many as the server sends.
    """

    def __init__(self, RFBProtocol protocol, int descriptor, fps: float | None) -> None:
        self.protocol = protocol
        protocol.lazy = True
        self.descriptor = descriptor
        self.period_ns = <int64_t>(1e9 / (fps or 60.0))
        # EnableContinuousUpdates has one area, and would confine the first picture too.
        self.use_continuous = (fps is None or fps >= 60) and protocol.subscriptions == 0
        self.take()

    def __dealloc__(self):
        bytes_free(&self.parcel)

    cdef bint take(self) noexcept nogil:
        """Handle what was received, and mirror the protocol's state."""
        self.status = self.protocol.parse()
        self.surface = self.protocol.surface
        self.damage = self.protocol.damage
        self.rectangles = self.protocol.rectangles
        self.bytes_received = self.protocol.bytes_received
        self.has_picture = self.protocol.has_picture
        self.partial = self.protocol.partial
        self.barrier_seen = self.protocol.fence_reply
        self.fences = self.protocol.fence_supported
        self.texts = self.protocol.cut.texts
        if self.protocol.frame != self.frame:
            self.frame = self.protocol.frame
            self.updates = self.frame
            self.pixel_ns = monotonic_ns()
            self.server_ns = self.protocol.server_ns
            if self.quiet_requests >= QUIET_REQUESTS:
                self.next_request_ns = self.pixel_ns
            self.quiet_requests = 0
        return self.status == OK

    cdef bint readable(self) noexcept nogil:
        cdef Py_ssize_t room = 0, turn = 0
        cdef Py_ssize_t count
        cdef uint8_t* buffer
        while turn < TURN_BYTES:
            buffer = self.protocol.receive_room(RECEIVE_BYTES, &room)
            if buffer == NULL:
                self.error_number = ENOMEM
                return False
            count = recv(self.descriptor, buffer, room, MSG_DONTWAIT)
            if count < 0:
                if errno == EINTR:
                    continue
                if errno == EAGAIN:
                    break
                self.error_number = errno
                return False
            if count == 0:
                self.ended = True
                return False
            turn += count
            self.protocol.received(count)
            if not self.take():
                return False
            if count < room:
                break
        return self.paint(monotonic_ns()) and self.flush()

    cdef bint settle(self) noexcept nogil:
        self.keeps = False
        self.status = self.protocol.settle()
        return self.status == OK

    cdef bint paint(self, int64_t now_ns) noexcept nogil:
        """Decode what came, or keep it."""
        self.keeps = self.crowded and now_ns < self.wanted_ns - PAINT_AHEAD_NS
        return self.keeps or self.settle()

    cdef void shown_as(self, bint gray, bint small) noexcept nogil:
        self.protocol.decoders.halves = small
        if not gray:
            return
        if not luma_used(&self.protocol.luma):
            self.protocol.see_gray()
        self.luma = &self.protocol.luma

    cdef bint flush(self) noexcept nogil:
        cdef Py_ssize_t count
        while self.protocol.outbound.end > self.protocol.outbound.start:
            count = send(self.descriptor, self.protocol.outbound.data + self.protocol.outbound.start,
                         self.protocol.outbound.end - self.protocol.outbound.start, MSG_DONTWAIT | MSG_NOSIGNAL)
            if count < 0:
                if errno == EINTR:
                    continue
                if errno == EAGAIN:
                    self.wants_write = True
                    return True
                self.error_number = errno
                return False
            self.protocol.sent(count)
        self.wants_write = False
        return True

    cdef int64_t pace(self, int64_t now_ns) noexcept nogil:
        cdef int64_t next_ns = self.ask(now_ns)
        # What is to be sent does not wait for a decoder.
        if self.keeps and self.flush() and self.paint(now_ns) and self.keeps:
            next_ns = min(next_ns, self.wanted_ns - PAINT_AHEAD_NS)
        return next_ns

    cdef int64_t ask(self, int64_t now_ns) noexcept nogil:
        """Request updates; returns when to do so next."""
        cdef int64_t period_ns = self.period_ns, early_ns = 0, late_ns = 0
        if load_acquire(&self.probe_wanted) != 0:
            store_release(&self.probe_wanted, 0)
            # Without a payload its reply is no barrier's.
            self.protocol.send_fence(PROBE_FLAGS, <const uint8_t*>&self.probe_wanted, 0)
        if self.protocol.continuous_enabled:
            return NEVER_NS
        if self.use_continuous and self.protocol.continuous_supported:
            self.protocol.enable_continuous(True)
            return NEVER_NS
        if self.quiet_requests >= QUIET_REQUESTS:
            return NEVER_NS
        if self.wanted_ns == 0:
            period_ns = min(period_ns, FRAME_NS)
            self.next_request_ns = min(self.next_request_ns, self.requested_ns + period_ns)
        elif period_ns <= ASK_AHEAD_NS:
            late_ns = period_ns // LATE_PART
            early_ns = period_ns // EARLY_PART if self.wanted_ns != NEVER_NS else 0
        elif self.wanted_ns != NEVER_NS and self.wanted_ns != self.asked_for_ns:
            self.next_request_ns = self.wanted_ns - ASK_AHEAD_NS
        if now_ns >= self.next_request_ns - early_ns:
            self.protocol.request_update(True)
            self.quiet_requests += 1
            self.requested_ns = now_ns
            self.asked_for_ns = self.wanted_ns
            if late_ns:
                self.next_request_ns = max(self.next_request_ns, now_ns) + period_ns
            else:
                self.next_request_ns = max(self.next_request_ns + period_ns, now_ns + period_ns // 2)
        return self.next_request_ns + late_ns

    cdef bint queued(self, Status status) noexcept nogil:
        """Remember why a message was refused."""
        if status != OK:
            self.refused = status
        return status == OK

    cdef bint key(self, uint32_t keysym, bint down) noexcept nogil:
        # Xvnc (TigerVNC 1.12) forgets the key that it adds for a keysym its layout lacks if no key came before.
        if not self.typed and not (0x20 <= keysym <= 0x7E or 0xFF00 <= keysym <= 0xFFFF):
            if not (self.queued(self.protocol.key_event(SHIFT, True)) and self.queued(self.protocol.key_event(SHIFT, False))):
                return False
        self.typed = True
        return self.queued(self.protocol.key_event(keysym, down))

    cdef bint pointer(self, uint16_t x, uint16_t y, uint8_t buttons) noexcept nogil:
        return self.queued(self.protocol.pointer_event(x, y, buttons))

    cdef bint refresh(self) noexcept nogil:
        return self.queued(self.protocol.request_update(False))

    cdef bint barrier(self, uint64_t payload) noexcept nogil:
        cdef uint8_t data[8]
        cdef int i
        for i in range(8):
            data[i] = <uint8_t>(payload >> (56 - 8 * i))
        return self.queued(self.protocol.send_fence(FENCE_FLAGS, data, 8))

    # What goes between the threads beside rows.

    cdef bint exchange(self, uint64_t parcel) noexcept nogil:
        cdef const uint8_t* data = self.parcel.data + self.parcel.start
        cdef Status status = OK
        if parcel == OFFER:
            status = self.protocol.offer(data, self.said_bytes, data + self.said_bytes, bytes_live(&self.parcel) - self.said_bytes)
        elif parcel == TEXT:
            self.packed, self.too_long = self.protocol.cut.packed, self.protocol.cut.too_long
            status = self.fill(self.protocol.cut.newest.data + self.protocol.cut.newest.start, bytes_live(&self.protocol.cut.newest))
        elif parcel == SHAPE:
            self.shape = self.protocol.pointer
            status = self.fill(self.shape.pixels, 4 * <Py_ssize_t>self.shape.width * self.shape.height)
        self.exchanged = status == OK
        return self.queued(status)

    cdef Status fill(self, const void* data, Py_ssize_t count) noexcept nogil:
        if count > 0:
            if bytes_reserve(&self.parcel, count) == NULL:
                return NO_MEMORY
            put_bytes(&self.parcel, <const uint8_t*>data, count)
        return OK

    def give(self, text: str) -> None:
        """Prepare a text for `Parcel.OFFER`."""
        cdef bytes said, kept
        said, kept = offer_of(text, self.protocol.cut.caps, self.protocol.cut.most_unasked_bytes)
        self.want()
        self.said_bytes = len(said)
        if self.fill(<const uint8_t*>said, len(said)) != OK or self.fill(<const uint8_t*>kept, len(kept)) != OK:
            raise MemoryError

    def want(self) -> None:
        """Prepare for another parcel."""
        bytes_free(&self.parcel)
        self.exchanged = False

    def given(self) -> bool:
        """Whether the hot thread has handled the parcel; not where the connection is lost."""
        return self.exchanged

    def text(self) -> str:
        """Give the text that was cut last, of `Parcel.TEXT`; empty before the first."""
        if self.too_long:
            raise too_long()
        data = self.take_parcel()
        return text_of(data, self.packed) if data else ""

    def pointer_shape(self) -> PointerShape | None:
        """Give the pointer's shape, of `Parcel.SHAPE`; None until the server sends one."""
        pixels = self.take_parcel()
        if self.shape.changes == 0:
            return None
        return PointerShape(self.shape.width, self.shape.height, self.shape.hotspot_x, self.shape.hotspot_y, pixels)

    cdef bytes take_parcel(self):
        data = PyBytes_FromStringAndSize(<const char*>self.parcel.data + self.parcel.start, bytes_live(&self.parcel))
        bytes_free(&self.parcel)
        return data

    def probe(self) -> None:
        """Have the hot thread ask the server, by a fence, to say something."""
        store_release(&self.probe_wanted, 1)

    @property
    def broke_protocol(self) -> bool:
        """Whether the server sent what the protocol does not allow."""
        return self.status != OK

    def why(self) -> str:
        if self.status != OK:
            try:
                self.protocol.check()
            except RFBError as error:
                return str(error)
        if self.refused == TOO_LARGE:
            return "the VNC server reads nothing: too much input waits for it"
        if self.refused != OK:
            return "the VNC server lacks the Fence extension"
        if self.ended:
            return "the VNC server closed the connection"
        return f"connection to the VNC server lost: {os.strerror(self.error_number)}"
