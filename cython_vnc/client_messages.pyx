"""Writes the messages of client_messages.pxd."""

from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t

from cython_vnc.buffer cimport Bytes, bytes_live, bytes_reserve, put_bytes, put_u8, put_u16, put_u32
from cython_vnc.constants cimport ClientMessage, Clipboard, Limit
from cython_vnc.decoders.base cimport NO_MEMORY, OK, TOO_LARGE, Status
from cython_vnc.surface cimport Rect


cdef inline Status room(Bytes* out, Py_ssize_t message_bytes) noexcept nogil:
    if bytes_live(out) >= Limit.MAX_OUTBOUND_BYTES:
        return TOO_LARGE
    return OK if bytes_reserve(out, message_bytes) != NULL else NO_MEMORY


cdef inline void put_area(Bytes* out, const Rect* area) noexcept nogil:
    put_u16(out, <uint16_t>area.x)
    put_u16(out, <uint16_t>area.y)
    put_u16(out, <uint16_t>area.width)
    put_u16(out, <uint16_t>area.height)


cdef Status put_set_pixel_format(Bytes* out) noexcept nogil:
    """32 bits a pixel, depth 24, little endian, maxima 255, shifts 16, 8, 0: in memory B, G, R, X (RFC 6143 section 7.5.1)."""
    cdef Status status = room(out, 20)
    cdef int i
    if status != OK:
        return status
    put_u32(out, ClientMessage.SET_PIXEL_FORMAT << 24)
    put_u32(out, 32 << 24 | 24 << 16 | 0 << 8 | 1)
    for i in range(3):
        put_u16(out, 255)
    put_u8(out, 16)
    put_u8(out, 8)
    put_u32(out, 0)
    return OK


cdef Status put_set_encodings(Bytes* out, const int32_t* encodings, uint16_t count) noexcept nogil:
    cdef Status status = room(out, 4 + 4 * <Py_ssize_t>count)
    cdef int i
    if status != OK:
        return status
    put_u16(out, ClientMessage.SET_ENCODINGS << 8)
    put_u16(out, count)
    for i in range(count):
        put_u32(out, <uint32_t>encodings[i])
    return OK


cdef Status put_update_request(Bytes* out, bint incremental, const Rect* area) noexcept nogil:
    cdef Status status = room(out, 10)
    if status != OK:
        return status
    put_u8(out, ClientMessage.FRAMEBUFFER_UPDATE_REQUEST)
    put_u8(out, incremental)
    put_area(out, area)
    return OK


cdef Status put_key_event(Bytes* out, uint32_t keysym, bint down) noexcept nogil:
    cdef Status status = room(out, 8)
    if status != OK:
        return status
    put_u8(out, ClientMessage.KEY_EVENT)
    put_u8(out, down)
    put_u16(out, 0)
    put_u32(out, keysym)
    return OK


cdef Status put_qemu_key_event(Bytes* out, uint32_t keysym, uint32_t keycode, bint down) noexcept nogil:
    """`keycode` is an XT scan code; 0xe0 prefixes are written as 0x80 in the first byte (rfbproto, "QEMU Extended Key Event Message")."""
    cdef Status status = room(out, 12)
    if status != OK:
        return status
    put_u16(out, ClientMessage.QEMU_CLIENT << 8)
    put_u16(out, down)
    put_u32(out, keysym)
    put_u32(out, keycode)
    return OK


cdef Status put_pointer_event(Bytes* out, uint16_t x, uint16_t y, uint8_t buttons) noexcept nogil:
    cdef Status status = room(out, 6)
    if status != OK:
        return status
    put_u8(out, ClientMessage.POINTER_EVENT)
    put_u8(out, buttons)
    put_u16(out, x)
    put_u16(out, y)
    return OK


cdef Status put_cut_text(Bytes* out, const uint8_t* latin1, uint32_t text_bytes) noexcept nogil:
    cdef Status status = room(out, 8 + <Py_ssize_t>text_bytes)
    if status != OK:
        return status
    put_u32(out, ClientMessage.CLIENT_CUT_TEXT << 24)
    put_u32(out, text_bytes)
    put_bytes(out, latin1, text_bytes)
    return OK


cdef Status put_clipboard(Bytes* out, uint32_t flags) noexcept nogil:
    """A message of flags alone (rfbproto, "Extended Clipboard")."""
    cdef Status status = room(out, 12)
    if status != OK:
        return status
    put_u32(out, ClientMessage.CLIENT_CUT_TEXT << 24)
    put_u32(out, <uint32_t>-4)
    put_u32(out, flags)
    return OK


cdef Status put_clipboard_caps(Bytes* out) noexcept nogil:
    """We take texts, up to a length without having asked (rfbproto, "Extended Clipboard")."""
    cdef Status status = room(out, 16)
    if status != OK:
        return status
    put_u32(out, ClientMessage.CLIENT_CUT_TEXT << 24)
    put_u32(out, <uint32_t>-8)
    put_u32(out, Clipboard.CAPS | Clipboard.REQUEST | Clipboard.PEEK | Clipboard.NOTIFY | Clipboard.PROVIDE | Clipboard.TEXT)
    put_u32(out, Limit.MAX_TEXT_BYTES)
    return OK


cdef Status put_message(Bytes* out, const uint8_t* message, Py_ssize_t message_bytes) noexcept nogil:
    cdef Status status = room(out, message_bytes)
    if status == OK:
        put_bytes(out, message, message_bytes)
    return status


cdef Status put_enable_continuous(Bytes* out, bint enable, const Rect* area) noexcept nogil:
    """(rfbproto, "EnableContinuousUpdates")"""
    cdef Status status = room(out, 10)
    if status != OK:
        return status
    put_u8(out, ClientMessage.ENABLE_CONTINUOUS_UPDATES)
    put_u8(out, enable)
    put_area(out, area)
    return OK


cdef Status put_fence(Bytes* out, uint32_t flags, const uint8_t* payload, uint8_t payload_bytes) noexcept nogil:
    """(rfbproto, "ClientFence")"""
    cdef Status status = room(out, 9 + <Py_ssize_t>payload_bytes)
    if status != OK:
        return status
    put_u32(out, <uint32_t>ClientMessage.CLIENT_FENCE << 24)
    put_u32(out, flags)
    put_u8(out, payload_bytes)
    put_bytes(out, payload, payload_bytes)
    return OK
