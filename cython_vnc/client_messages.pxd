"""What a client says, appended to a buffer (RFC 6143 section 7.5; rfbproto for the extensions).

Each returns OK, NO_MEMORY, or TOO_LARGE when MAX_OUTBOUND_BYTES already wait to be sent; then nothing was appended.
"""

from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t

from cython_vnc.buffer cimport Bytes
from cython_vnc.decoders.base cimport Status
from cython_vnc.surface cimport Rect

cdef Status put_set_pixel_format(Bytes* out) noexcept nogil
cdef Status put_set_encodings(Bytes* out, const int32_t* encodings, uint16_t count) noexcept nogil
cdef Status put_update_request(Bytes* out, bint incremental, const Rect* area) noexcept nogil
cdef Status put_key_event(Bytes* out, uint32_t keysym, bint down) noexcept nogil
cdef Status put_qemu_key_event(Bytes* out, uint32_t keysym, uint32_t keycode, bint down) noexcept nogil
cdef Status put_pointer_event(Bytes* out, uint16_t x, uint16_t y, uint8_t buttons) noexcept nogil
cdef Status put_cut_text(Bytes* out, const uint8_t* latin1, uint32_t text_bytes) noexcept nogil
cdef Status put_clipboard(Bytes* out, uint32_t flags) noexcept nogil
cdef Status put_clipboard_caps(Bytes* out) noexcept nogil
cdef Status put_message(Bytes* out, const uint8_t* message, Py_ssize_t message_bytes) noexcept nogil
cdef Status put_enable_continuous(Bytes* out, bint enable, const Rect* area) noexcept nogil
cdef Status put_fence(Bytes* out, uint32_t flags, const uint8_t* payload, uint8_t payload_bytes) noexcept nogil
