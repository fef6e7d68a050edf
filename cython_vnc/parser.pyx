"""Parses what a server says after the handshake, and writes what its client says (RFC 6143 section 7.5 to 7.8).

Theory of operation: bytes go into `inbound`, and `parse` takes whole messages from its front. A FramebufferUpdate stays
there until it has come whole (`update.pyx` finds its end), then all its rectangles are decoded: the framebuffer goes from
one frame to the next inside one call. An update beyond MAX_UPDATE_BYTES is decoded rectangle by rectangle instead, and
flagged. With `lazy`, an update that came whole only says what it changes, and stays where it is: its bytes are the first of
`inbound`, and parsing goes on behind them (`waiting.waiting_bytes`). `settle` paints all that waits, in its order, but for
what later ones hide. What resizes the framebuffer or comes in parts does not wait, and first everything before it is
painted. After a failure `parse` and `settle` return it again and again: the connection is lost.

Blocks that Python views are never freed under it: see view.pxd.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memset

from cython_vnc.buffer cimport bytes_free, bytes_live, bytes_taken
from cython_vnc.client_messages cimport (
    put_enable_continuous, put_fence, put_key_event, put_message, put_pointer_event, put_update_request,
)
from cython_vnc.constants cimport FENCE_REQUEST, Breach, Encoding, Limit, ServerMessage
from cython_vnc.cursor cimport cursor_free, cursor_store
from cython_vnc.cut_text cimport CUT_TEXT_WAITS, cut_text_free, cut_text_offer, cut_text_take
from cython_vnc.decoders.base cimport BAD_MESSAGE, OK, TOO_LARGE, Status
from cython_vnc.decoders.registry cimport Decoder, decoder_find, decoder_paint, decoders_free, decoders_init
from cython_vnc.framebuffer cimport coverage_add, coverage_free, damage_free, framebuffer_new, framebuffer_resize
from cython_vnc.luma cimport luma_free, luma_give_all_colors, luma_new, luma_used
from cython_vnc.surface cimport Rect, Surface, damage_add, repainted, surface_part
from cython_vnc.update cimport (
    RECTANGLE_HEADER_BYTES, is_resize, rectangle_take, size_allowed, update_begin, update_free, update_rebase, update_walk,
)
from cython_vnc.view cimport block_retire, viewed_reserve
from cython_vnc.waiting cimport MOST_WAITING_BYTES, waiting_add, waiting_clear, waiting_fits, waiting_free, waiting_paint
from cython_vnc.wire cimport Cursor, left, take_bytes, take_s32, take_u8, take_u16, take_u32


cdef class RFBParser:
    def __cinit__(self, int width, int height, *, int max_width=Limit.MAX_WIDTH_PX, int max_height=Limit.MAX_HEIGHT_PX):
        self.limits.max_width = min(max_width, <int>Limit.MAX_WIDTH_PX)
        self.limits.max_height = min(max_height, <int>Limit.MAX_HEIGHT_PX)
        if not size_allowed(&self.limits, width, height):
            raise ValueError(
                f"a framebuffer of {width}x{height}, expected 1x1 to {self.limits.max_width}x{self.limits.max_height}"
                f" and at most {int(Limit.MAX_AREA_PX)} pixels"
            )
        decoders_init(&self.decoders)
        if framebuffer_new(&self.surface, &self.damage, &self.coverage, width, height) != OK:
            raise MemoryError(f"no memory for a framebuffer of {width}x{height}")

    def __dealloc__(self):
        self.release_memory()

    # --- receiving

    cdef uint8_t* receive_room(self, Py_ssize_t wanted, Py_ssize_t* room) noexcept nogil:
        cdef uint8_t* at = viewed_reserve(&self.views, &self.inbound, &self.inbound_viewed, wanted)
        room[0] = self.inbound.capacity - self.inbound.end if at != NULL else 0
        return at

    cdef void received(self, Py_ssize_t count) noexcept nogil:
        self.inbound.end += count
        self.bytes_received += <uint64_t>count

    cdef Status parse(self) noexcept nogil:
        cdef bint progressed = True
        while progressed and self.parse_message(&progressed) == OK:
            pass
        return self.failure

    cdef Py_ssize_t unparsed_bytes(self) noexcept nogil:
        return bytes_live(&self.inbound) - self.waiting.waiting_bytes

    cdef const uint8_t* unparsed(self) noexcept nogil:
        return self.inbound.data + self.inbound.start + self.waiting.waiting_bytes

    cdef bint see_gray(self) noexcept nogil:
        self.decoders.luma = &self.luma
        return luma_new(&self.luma, &self.surface)

    cdef Status parse_message(self, bint* progressed) noexcept nogil:
        """Handle at most one whole message."""
        cdef Py_ssize_t live = self.unparsed_bytes()
        cdef Py_ssize_t skipped = min(self.skipping, live)
        cdef Cursor cursor
        cdef uint8_t kind
        progressed[0] = False
        if self.failure != OK:
            return self.failure
        if skipped > 0:
            self.skipping -= skipped
            self.take(skipped, progressed)
            return OK
        if self.update.active:
            return self.parse_update(progressed)
        if live == 0:
            return OK
        cursor.at = self.unparsed()
        cursor.end = cursor.at + live
        kind = take_u8(&cursor)
        if kind == ServerMessage.FRAMEBUFFER_UPDATE:
            if live >= 4:
                cursor.at += 1
                self.update_begin_byte = self.bytes_received - <uint64_t>live
                update_begin(&self.update, take_u16(&cursor), self.surface.width, self.surface.height, &self.decoders)
                self.take(4, progressed)
        elif kind == ServerMessage.SERVER_FENCE:
            return self.parse_fence(&cursor, progressed)
        elif kind == ServerMessage.SERVER_CUT_TEXT:
            return self.parse_cut_text(&cursor, progressed)
        elif kind == ServerMessage.SET_COLOUR_MAP_ENTRIES:
            # Of no meaning in true colour; 6 bytes an entry.
            if live >= 6:
                cursor.at += 3
                self.skipping = 6 * <Py_ssize_t>take_u16(&cursor)
                self.take(6, progressed)
        elif kind == ServerMessage.BELL:
            self.bells += 1
            self.take(1, progressed)
        elif kind == ServerMessage.END_OF_CONTINUOUS_UPDATES:
            # The first says that the server knows them; then one answers each disabling (rfbproto, "EndOfContinuousUpdates").
            if self.disables_pending > 0:
                self.disables_pending -= 1
            elif self.continuous_supported:
                self.continuous_enabled = False
            self.continuous_supported = True
            self.take(1, progressed)
        else:
            return self.fail(BAD_MESSAGE, Breach.MESSAGE_TYPE, kind)
        return OK

    cdef Status parse_cut_text(self, Cursor* cursor, bint* progressed) noexcept nogil:
        cdef int64_t text_bytes
        cdef Py_ssize_t taken
        cdef Status status
        if left(cursor) < 7:
            return OK
        cursor.at += 3
        text_bytes = take_s32(cursor)
        if not -Limit.MAX_CUT_TEXT_BYTES <= text_bytes <= Limit.MAX_CUT_TEXT_BYTES:
            return self.fail(TOO_LARGE, Breach.CUT_TEXT_LENGTH, <int64_t><uint32_t>text_bytes)
        status = cut_text_take(&self.cut, cursor, text_bytes, &self.outbound, &taken)
        if status != OK:
            return self.unsaid(status)
        if taken != CUT_TEXT_WAITS:
            self.skipping = <Py_ssize_t>(text_bytes if text_bytes >= 0 else -text_bytes) - taken
            self.take(8 + taken, progressed)
        return OK

    cdef Status parse_fence(self, Cursor* cursor, bint* progressed) noexcept nogil:
        """(rfbproto, "ServerFence")"""
        cdef uint32_t flags
        cdef uint8_t payload_bytes
        cdef Status status
        if left(cursor) < 8:
            return OK
        cursor.at += 3
        flags = take_u32(cursor)
        payload_bytes = take_u8(cursor)
        if payload_bytes > Limit.MAX_FENCE_BYTES:
            return self.fail(TOO_LARGE, Breach.FENCE_LENGTH, payload_bytes)
        if left(cursor) < payload_bytes:
            return OK
        self.fence_supported = True
        self.take(9 + <Py_ssize_t>payload_bytes, progressed)
        if flags & <uint32_t>FENCE_REQUEST:
            # Messages are handled one after the other, so every ordering that the flags ask for holds.
            status = put_fence(&self.outbound, flags & 7, cursor.at, payload_bytes)
            if status != OK:
                return self.unsaid(status)
        elif payload_bytes == 8:
            self.fence_reply = <uint64_t>take_u32(cursor) << 32
            self.fence_reply |= take_u32(cursor)
            self.fence_replies += 1
        return OK

    cdef void take(self, Py_ssize_t count, bint* progressed) noexcept nogil:
        """The next `count` bytes are done with."""
        if self.waiting.waiting_bytes > 0:
            self.waiting.waiting_bytes += count
            if self.waiting.waiting_bytes > MOST_WAITING_BYTES:
                self.settle()
        else:
            bytes_taken(&self.inbound, count)
        progressed[0] = True

    cdef Status unsaid(self, Status status) noexcept nogil:
        """An answer of ours was not queued."""
        return self.fail(status, Breach.READS_NOTHING if status == TOO_LARGE else Breach.NO_BREACH, bytes_live(&self.outbound))

    cdef Status fail(self, Status status, Breach breach, int64_t value) noexcept nogil:
        self.failure, self.breach, self.failed_value = status, breach, value
        return status

    # --- a FramebufferUpdate

    cdef Status parse_update(self, bint* progressed) noexcept nogil:
        cdef Update* update = &self.update
        cdef Status status = update_walk(
            update, self.unparsed(), self.unparsed_bytes(), &self.limits, &self.decoders
        )
        if status != OK:
            self.failed_rect, self.failed_encoding = update.rect, update.encoding
            return self.fail(status, update.breach, update.value)
        if not update.complete and self.unparsed_bytes() > Limit.MAX_UPDATE_BYTES:
            update.partial = True
        if update.complete or update.partial:
            self.partial = update.partial
            if not self.may_wait():
                status = self.settle()
                if status != OK:
                    return status
            status = self.take_walked(self.may_wait())
            if status != OK:
                return status
            update_rebase(update)
        if update.complete:
            progressed[0] = True
            return self.finish_update()
        return OK

    cdef Status take_walked(self, bint waits) noexcept nogil:
        """Handle the walked rectangles; those of pixels may wait for `settle`."""
        cdef Cursor cursor, payload
        cdef const uint8_t* first = self.inbound.data + self.inbound.start
        cdef const Decoder* decoder
        cdef Status status = OK
        cdef Rect rect
        cdef int32_t encoding
        cdef uint32_t i
        cursor.at = self.unparsed()
        cursor.end = cursor.at + self.update.position
        for i in range(self.update.span_count):
            rectangle_take(&cursor, &rect, &encoding)
            decoder = decoder_find(encoding)
            payload.at = take_bytes(&cursor, self.update.spans[i])
            payload.end = cursor.at
            if decoder == NULL:
                status = self.apply_pseudo(&rect, encoding, payload.at)
            else:
                if waits:
                    waiting_add(&self.waiting, &rect, payload.at - RECTANGLE_HEADER_BYTES - first, self.update.spans[i])
                else:
                    status = decoder_paint(decoder, &rect, &payload, &self.surface, &self.decoders)
                damage_add(&self.damage, &rect, self.frame + 1)
                coverage_add(&self.coverage, &rect)
                self.rectangles += 1
                self.pixels += <uint64_t>rect.width * <uint64_t>rect.height
            if status != OK:
                self.failed_rect, self.failed_encoding = rect, encoding
                return self.fail(status, Breach.NO_BREACH, 0)
        if waits:
            self.waiting.updates += 1
            self.waiting.waiting_bytes += self.update.position
        else:
            bytes_taken(&self.inbound, self.update.position)
        return OK

    cdef bint may_wait(self) noexcept nogil:
        """Whether the walked update may be painted later."""
        cdef Update* update = &self.update
        return (
            self.lazy and update.complete and not update.partial and not update.resizes
            and waiting_fits(&self.waiting, update.span_count, update.position)
        )

    cdef Status settle(self) noexcept nogil:
        cdef Rect rect
        cdef int32_t encoding
        cdef const uint8_t* data = self.inbound.data + self.inbound.start
        cdef Status status
        if self.failure != OK:
            return self.failure
        status = waiting_paint(&self.waiting, data, &self.surface, &self.decoders, &rect, &encoding)
        bytes_taken(&self.inbound, self.waiting.waiting_bytes)
        waiting_clear(&self.waiting)
        if status != OK:
            self.failed_rect, self.failed_encoding = rect, encoding
            self.fail(status, Breach.NO_BREACH, 0)
        return self.failure

    cdef Status apply_pseudo(self, const Rect* rect, int32_t encoding, const uint8_t* payload) noexcept nogil:
        if is_resize(encoding, rect):
            return self.resize(rect.width, rect.height)
        if encoding == Encoding.CURSOR:
            return cursor_store(&self.pointer, rect, payload)
        if encoding == Encoding.TIMESTAMP:
            self.server_ns = <int64_t>(
                <uint64_t>rect.x << 48 | <uint64_t>rect.y << 32 | <uint64_t>rect.width << 16 | <uint64_t>rect.height
            )
        elif encoding == Encoding.QEMU_EXTENDED_KEY:
            self.qemu_keys = True
        return OK

    cdef Status resize(self, int32_t width, int32_t height) noexcept nogil:
        """Keep what fits; every tile counts as changed, no pixel as painted."""
        cdef uint32_t* old_pixels = self.surface.pixels
        cdef Status status = OK
        if width == self.surface.width and height == self.surface.height:
            return status
        luma_give_all_colors(&self.luma, &self.surface)
        status = framebuffer_resize(&self.surface, &self.damage, &self.coverage, width, height, self.frame + 1)
        if status != OK:
            return status
        if luma_used(&self.luma):
            luma_new(&self.luma, &self.surface)
        status = block_retire(&self.views, old_pixels, self.surface_viewed)
        self.surface_viewed = False
        self.has_picture = False
        self.resized = True
        self.resizes += 1
        return status

    cdef Status finish_update(self) noexcept nogil:
        cdef Status status = OK
        self.frame += 1
        self.update.active = False
        self.has_picture = self.coverage.bits == NULL
        if self.resized:
            # What the new size holds is the server's to say again, and continuous updates go by a region of the old size.
            self.resized = False
            status = self.request_update(False)
            if status == OK and self.continuous_enabled:
                status = self.put_continuous(True)
            if status != OK:
                return self.unsaid(status)
        return OK

    # --- sending

    cdef Status key_event(self, uint32_t keysym, bint down) noexcept nogil:
        return put_key_event(&self.outbound, keysym, down)

    cdef Status pointer_event(self, uint16_t x, uint16_t y, uint8_t buttons) noexcept nogil:
        self.cursor_x, self.cursor_y = x, y
        return put_pointer_event(&self.outbound, x, y, buttons)

    cdef Status request_update(self, bint incremental) noexcept nogil:
        cdef Rect area
        cdef Status status = OK
        cdef int i
        # A server may spend the first request, one after a resize, and one for the whole screen on its size and
        # pointer alone: then the next one goes on asking for all.
        if not incremental:
            self.whole_asked, self.whole_frame = True, self.frame
        elif self.whole_asked and self.subscriptions > 0:
            self.whole_asked = not repainted(&self.damage, self.whole_frame)
        if not incremental or self.subscriptions == 0 or not self.has_picture or self.whole_asked:
            area = surface_part(&self.surface, NULL)
            return put_update_request(&self.outbound, incremental, &area)
        for i in range(self.subscriptions):
            area = surface_part(&self.surface, &self.subscription[i])
            if area.width > 0 and area.height > 0 and status == OK:
                status = put_update_request(&self.outbound, True, &area)
        return status

    cdef Status put_continuous(self, bint enable) noexcept nogil:
        cdef Rect area = surface_part(&self.surface, NULL)
        return put_enable_continuous(&self.outbound, enable, &area)

    cdef Status enable_continuous(self, bint enable) noexcept nogil:
        cdef Status status
        if not self.continuous_supported:
            return BAD_MESSAGE
        status = self.put_continuous(enable)
        if status == OK:
            if not enable:
                self.disables_pending += 1
            self.continuous_enabled = enable
        return status

    cdef Status send_fence(self, uint32_t flags, const uint8_t* payload, uint8_t payload_bytes) noexcept nogil:
        if not self.fence_supported or payload_bytes > Limit.MAX_FENCE_BYTES:
            return BAD_MESSAGE
        return put_fence(&self.outbound, flags, payload, payload_bytes)

    cdef Status offer(self, const uint8_t* said, Py_ssize_t said_bytes, const uint8_t* kept, Py_ssize_t kept_bytes) noexcept nogil:
        cdef Status status = cut_text_offer(&self.cut, kept, kept_bytes)
        return status if status != OK else put_message(&self.outbound, said, said_bytes)

    cdef void sent(self, Py_ssize_t count) noexcept nogil:
        bytes_taken(&self.outbound, count)

    # --- memory

    cdef void release_memory(self) noexcept nogil:
        block_retire(&self.views, self.surface.pixels, self.surface_viewed)
        block_retire(&self.views, self.inbound.data, self.inbound_viewed)
        memset(&self.surface, 0, sizeof(Surface))
        memset(&self.inbound, 0, sizeof(Bytes))
        damage_free(&self.damage)
        coverage_free(&self.coverage)
        decoders_free(&self.decoders)
        waiting_free(&self.waiting)
        luma_free(&self.luma)
        bytes_free(&self.outbound)
        cut_text_free(&self.cut)
        cursor_free(&self.pointer)
        update_free(&self.update)
