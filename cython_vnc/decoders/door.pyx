"""Python's way to the decoders: one rectangle at a time, outside a connection."""

from libc.stdint cimport int32_t, uint8_t, uint32_t

from cython_vnc.decoders.base cimport NEED_MORE, OK, Decoders, Status
from cython_vnc.decoders.registry cimport Decoder, decoder_find, decoders_free, decoders_init
from cython_vnc.surface cimport Rect, Surface
from cython_vnc.wire cimport Cursor

from cython_vnc.decoders.base import status_text
from cython_vnc.errors import DecodeError

cdef uint8_t NOTHING = 0


cdef class DecoderState:
    cdef Decoders decoders

    def __cinit__(self):
        decoders_init(&self.decoders)

    def __dealloc__(self):
        decoders_free(&self.decoders)


cdef const Decoder* find(int32_t encoding) except NULL:
    cdef const Decoder* decoder = decoder_find(encoding)
    if decoder == NULL:
        raise ValueError(f"encoding {encoding} has no decoder")
    return decoder


cdef object failure(const Decoder* decoder, const Rect* rect, Status status):
    name = decoder.name.decode()
    place = f"({rect.x}, {rect.y}, {rect.width}, {rect.height})"
    return DecodeError(f"{name}: rectangle {place}: {status_text(status)}")


def measure_rectangle(int32_t encoding, rect, const uint8_t[:] buffered, DecoderState state=None):
    cdef const Decoder* decoder = find(encoding)
    cdef Rect area = Rect(rect[0], rect[1], rect[2], rect[3])
    cdef Cursor cursor
    cdef Py_ssize_t measured
    state = DecoderState() if state is None else state
    cursor.at = &buffered[0] if buffered.shape[0] else &NOTHING
    cursor.end = cursor.at + buffered.shape[0]
    with nogil:
        measured = decoder.measure(&area, &cursor, &state.decoders)
    if measured == NEED_MORE:
        return None
    if measured < 0:
        raise failure(decoder, &area, <Status>(-2 - measured))
    return measured


def decode_rectangle(int32_t encoding, rect, const uint8_t[:] payload, uint32_t[:, :] pixels, DecoderState state=None):
    cdef const Decoder* decoder = find(encoding)
    cdef Rect area = Rect(rect[0], rect[1], rect[2], rect[3])
    cdef Surface surface
    cdef Cursor cursor
    cdef Status status
    if pixels.strides[1] != 4 or pixels.strides[0] % 4 or not pixels.shape[0] or not pixels.shape[1]:
        raise ValueError("pixels must have rows of whole, adjacent pixels")
    if (min(area.x, area.y, area.width, area.height) < 0 or area.x + area.width > pixels.shape[1]
            or area.y + area.height > pixels.shape[0]):
        raise ValueError(f"rectangle {tuple(rect)} leaves the {pixels.shape[1]}x{pixels.shape[0]} pixels")
    state = DecoderState() if state is None else state
    cursor.at = &payload[0] if payload.shape[0] else &NOTHING
    cursor.end = cursor.at + payload.shape[0]
    surface.pixels = &pixels[0, 0]
    surface.stride_px = pixels.strides[0] // 4
    surface.width = <int32_t>pixels.shape[1]
    surface.height = <int32_t>pixels.shape[0]
    with nogil:
        status = decoder.decode(&area, &cursor, &surface, &state.decoders)
    if status != OK:
        raise failure(decoder, &area, status)
