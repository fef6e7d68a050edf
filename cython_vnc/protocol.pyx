"""What Python sees of an `RFBProtocol`, documented in protocol.pyi: arguments are checked here, failures become exceptions."""

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t, uint64_t

from cython_vnc.buffer cimport bytes_free, bytes_live
from cython_vnc.client_messages cimport put_cut_text, put_qemu_key_event, put_set_encodings, put_set_pixel_format
from cython_vnc.constants cimport FENCE_REQUEST, Breach, Limit
from cython_vnc.cursor cimport CursorShape
from cython_vnc.decoders.base cimport BAD_MESSAGE, OK, TOO_LARGE, Status
from cython_vnc.framebuffer cimport damage_rectangles
from cython_vnc.parser cimport MAX_SUBSCRIPTIONS, RFBParser
from cython_vnc.luma cimport luma_give_all_colors
from cython_vnc.surface cimport Rect
from cython_vnc.view cimport view_bytes, view_pixels

from cython_vnc import clipboard, events
from cython_vnc.encodings import encodings_for
from cython_vnc.failures import error_of

DEFAULT_ROOM_BYTES = 1 << 18


cdef class RFBProtocol(RFBParser):
    @property
    def width(self):
        return self.surface.width

    @property
    def height(self):
        return self.surface.height

    @property
    def pointer_position(self):
        return self.cursor_x, self.cursor_y

    @property
    def pointer_shape(self):
        cdef CursorShape* shape = &self.pointer
        if shape.changes == 0:
            return None
        return events.PointerShape(
            shape.width,
            shape.height,
            shape.hotspot_x,
            shape.hotspot_y,
            PyBytes_FromStringAndSize(<const char*>shape.pixels, 4 * <Py_ssize_t>shape.width * shape.height),
        )

    def get_buffer(self, Py_ssize_t wanted_bytes=-1):
        cdef Py_ssize_t room = 0
        cdef uint8_t* at
        self.expect_open()
        if wanted_bytes < 1:
            wanted_bytes = DEFAULT_ROOM_BYTES
        at = self.receive_room(wanted_bytes, &room)
        if at == NULL:
            raise MemoryError(f"no memory to receive {wanted_bytes} bytes")
        self.inbound_viewed = True
        return view_bytes(self, &self.views, at, room)

    def buffer_updated(self, Py_ssize_t count):
        cdef bint progressed = True
        cdef uint64_t frame
        cdef uint32_t resizes, shapes, bells, texts, replies
        found = []
        self.count_received(count)
        while progressed:
            frame, resizes, shapes = self.frame, self.resizes, self.pointer.changes
            bells, texts, replies = self.bells, self.cut.texts, self.fence_replies
            with nogil:
                self.parse_message(&progressed)
            self.check()
            if self.resizes != resizes:
                found.append(events.Resized(self.surface.width, self.surface.height))
            if self.pointer.changes != shapes:
                found.append(events.PointerShapeChanged())
            if self.frame != frame:
                end_byte = self.bytes_received - <uint64_t>self.unparsed_bytes()
                damage = tuple(self.damage_since(frame))
                found.append(events.FramebufferUpdated(self.frame, damage, self.update_begin_byte, end_byte))
            if self.bells != bells:
                found.append(events.Bell())
            if self.cut.texts != texts and not self.cut.too_long:
                found.append(events.CutText(self.newest_cut_text()))
            if self.fence_replies != replies:
                found.append(events.FenceReply(self.fence_reply))
        return found

    def receive(self, Py_ssize_t count):
        self.count_received(count)
        with nogil:
            self.parse()
        self.check()

    def error(self, int status):
        cdef Rect* rect = &self.failed_rect
        return error_of(
            status,
            self.breach,
            self.failed_encoding,
            (rect.x, rect.y, rect.width, rect.height),
            self.failed_value,
            (self.update.width, self.update.height),
        )

    def check(self):
        if self.failure != OK:
            raise self.error(self.failure)

    def damage_since(self, uint64_t frame):
        return damage_rectangles(&self.damage, &self.surface, frame)

    def picture(self):
        self.expect_open()
        self.settle()
        self.check()
        luma_give_all_colors(&self.luma, &self.surface)
        self.surface_viewed = True
        return view_pixels(
            self, &self.views, self.surface.pixels, self.surface.height, self.surface.width, 4 * self.surface.stride_px
        )

    @property
    def cut_texts(self):
        return self.cut.texts

    @property
    def clipboard_caps(self):
        return self.cut.caps

    def newest_cut_text(self):
        if self.cut.too_long:
            raise clipboard.too_long()
        if self.cut.texts == 0:
            return ""
        data = PyBytes_FromStringAndSize(
            <const char*>self.cut.newest.data + self.cut.newest.start, bytes_live(&self.cut.newest)
        )
        return clipboard.text_of(data, self.cut.packed)

    def data_to_send(self):
        data = PyBytes_FromStringAndSize(<const char*>self.outbound.data + self.outbound.start, bytes_live(&self.outbound))
        self.sent(len(data))
        return data

    def start(self, encodings):
        cdef int32_t wire[256]
        cdef int i
        if not 1 <= len(encodings) <= 256:
            raise ValueError(f"{len(encodings)} encodings, expected 1 to 256")
        for i, encoding in enumerate(encodings):
            wire[i] = encoding
        self.expect_queued(put_set_pixel_format(&self.outbound))
        self.expect_queued(put_set_encodings(&self.outbound, wire, <uint16_t>len(encodings)))
        self.expect_queued(self.request_update(False))

    def subscribe(self, rectangles):
        cdef int i
        if len(rectangles) > MAX_SUBSCRIPTIONS:
            raise ValueError(f"{len(rectangles)} rectangles, expected at most {int(MAX_SUBSCRIPTIONS)}")
        for i, (x, y, width, height) in enumerate(rectangles):
            if min(x, y) < 0 or min(width, height) < 1 or max(x, y, width, height) > 0xFFFF:
                raise ValueError(f"rectangle {width}x{height}+{x}+{y} is no part of a screen")
        for i, (x, y, width, height) in enumerate(rectangles):
            self.subscription[i].x, self.subscription[i].y = x, y
            self.subscription[i].width, self.subscription[i].height = width, height
        self.subscriptions = len(rectangles)

    def write_update_request(self, bint incremental=True):
        self.expect_queued(self.request_update(incremental))

    def write_key_event(self, uint32_t keysym, bint down, keycode=None):
        if keycode is None:
            self.expect_queued(self.key_event(keysym, down))
        elif not self.qemu_keys:
            raise ValueError("the server does not take key codes, only keysyms")
        else:
            self.expect_queued(put_qemu_key_event(&self.outbound, keysym, keycode, down))

    def write_pointer_event(self, int32_t x, int32_t y, uint8_t buttons=0):
        if not (0 <= x < self.surface.width and 0 <= y < self.surface.height):
            raise ValueError(f"the pointer at ({x}, {y}) leaves the {self.surface.width}x{self.surface.height} framebuffer")
        self.expect_queued(self.pointer_event(<uint16_t>x, <uint16_t>y, buttons))

    def write_cut_text(self, text):
        latin1 = text.encode("latin-1")
        if len(latin1) > Limit.MAX_CUT_TEXT_BYTES:
            raise ValueError(f"cut text of {len(latin1)} bytes, at most {int(Limit.MAX_CUT_TEXT_BYTES)} can be sent")
        self.expect_queued(put_cut_text(&self.outbound, latin1, <uint32_t>len(latin1)))

    def offer_text(self, text):
        cdef bytes said, kept
        said, kept = clipboard.offer_of(text, self.cut.caps, self.cut.most_unasked_bytes)
        self.expect_queued(self.offer(said, len(said), kept, len(kept)))

    def write_enable_continuous(self, bint enable):
        self.expect_queued(self.enable_continuous(enable))

    def write_fence(self, bytes payload, uint32_t flags):
        if len(payload) > Limit.MAX_FENCE_BYTES:
            raise ValueError(f"fence payload of {len(payload)} bytes, at most {int(Limit.MAX_FENCE_BYTES)} can be sent")
        self.expect_queued(self.send_fence(flags | <uint32_t>FENCE_REQUEST, payload, <uint8_t>len(payload)))

    def close(self):
        self.release_memory()

    cdef int expect_open(self) except -1:
        if self.surface.pixels == NULL:
            raise ValueError("the protocol is closed")
        return 0

    cdef int count_received(self, Py_ssize_t count) except -1:
        self.expect_open()
        if not 0 <= count <= self.inbound.capacity - self.inbound.end:
            raise ValueError(f"{count} bytes received into a buffer with room for {self.inbound.capacity - self.inbound.end}")
        self.received(count)
        return 0

    cdef int expect_queued(self, Status status) except -1:
        if self.surface.pixels == NULL:
            bytes_free(&self.outbound)
        self.expect_open()
        if status == BAD_MESSAGE:
            raise ValueError("the server has not shown that it knows this message")
        if status == TOO_LARGE:
            raise error_of(status, Breach.READS_NOTHING, 0, (0, 0, 0, 0), bytes_live(&self.outbound), (0, 0))
        if status != OK:
            raise MemoryError("no memory for a message to the server")
        return 0
