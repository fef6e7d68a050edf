"""Python's way in, past the protocol: for tests.

One rectangle at a time, outside a connection; one row of pixels, by the path of expand.h that is named; one stream of zlib data;
and what a client decodes when nobody looks at colors, or closely.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport int32_t, uint8_t, uint32_t

from cython_vnc.decoders.base cimport NEED_MORE, OK, Decoders, Status
from cython_vnc.decoders.expand cimport (
    EXPAND_SCALAR, EXPAND_SSE2, EXPAND_SSSE3, ExpandPalette, expand_bit_row, expand_fill, expand_gray_row, expand_greatest,
    expand_index_row, expand_packed_row, expand_palette, expand_path, expand_planes, expand_triple_row,
)
from cython_vnc.decoders.registry cimport Decoder, decoder_find, decoders_free, decoders_init
from cython_vnc.inflate cimport (
    BY_COST, ISAL_ONLY, ZLIB_ONLY, Inflate, Rule as StreamRule, inflate_feed, inflate_free, inflate_is_isal, inflate_library,
    inflate_reset, inflate_rule,
)
from cython_vnc.luma cimport luma_give_levels, luma_used
from cython_vnc.protocol cimport RFBProtocol
from cython_vnc.surface cimport Rect, Surface
from cython_vnc.wire cimport Cursor

from enum import IntEnum

from cython_vnc.decoders.base import status_text
from cython_vnc.errors import DecodeError

cdef uint8_t NOTHING = 0
_PATHS = {"scalar": EXPAND_SCALAR, "sse2": EXPAND_SSE2, "ssse3": EXPAND_SSSE3}

# --- rectangles


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


# --- rows of pixels

def paths():
    return [name for name, number in _PATHS.items() if number <= expand_path()]


def expand_row(path, kind, const uint8_t[:] source, uint32_t[:] target, const uint8_t[:] palette=None):
    cdef int number = _PATHS[path]
    cdef int colors = 0 if palette is None else <int>(palette.shape[0] // 3)
    cdef Py_ssize_t width = target.shape[0]
    cdef ExpandPalette looked_up
    cdef uint8_t greatest = 0
    if number > expand_path():
        raise ValueError(f"this processor has no {path}")
    if target.strides[0] != 4 or not width or not 0 < source.shape[0] or colors > 256:
        raise ValueError("a row has adjacent pixels, one at least, and a source")
    bits = {"rgb": 24, "bgr": 24, "fill": 0, "index": 8, "gray": 8, "packed4": 4, "packed2": 2, "bits": 1}[kind]
    if source.shape[0] != (width * bits + 7) // 8 and bits:
        raise ValueError(f"{source.shape[0]} bytes, expected those of {width} pixels")
    if colors:
        expand_palette(&looked_up, &palette[0], colors, True)
        if colors <= 16:
            expand_planes(&looked_up, colors)
    if kind == "fill":
        expand_fill(&target[0], width, source[0] * <uint32_t>0x010203)
    elif kind == "gray":
        expand_gray_row(number, &target[0], &source[0], width)
    elif bits == 24:
        expand_triple_row(number, &target[0], &source[0], width, kind == "rgb")
    elif bits == 1:
        expand_bit_row(number, &target[0], &source[0], width, looked_up.colors[0], looked_up.colors[1])
    elif bits < 8:
        greatest = expand_packed_row(number, &target[0], &source[0], width, bits, &looked_up)
    else:
        greatest = expand_greatest(&source[0], width)
        if greatest < colors:
            expand_index_row(number, &target[0], &source[0], width, &looked_up, colors)
    return greatest


# --- zlib streams

Rule = IntEnum("Rule", {"BY_COST": BY_COST, "ZLIB_ONLY": ZLIB_ONLY, "ISAL_ONLY": ISAL_ONLY}, module=__name__)


cdef class Inflater:
    cdef Inflate stream

    def __cinit__(self, int rule=BY_COST):
        inflate_rule(&self.stream, <StreamRule>rule)

    def __dealloc__(self):
        inflate_free(&self.stream)

    @property
    def library(self):
        return inflate_library(&self.stream).decode()

    def follow(self, int rule):
        inflate_rule(&self.stream, <StreamRule>rule)

    def feed(self, const uint8_t[:] data, Py_ssize_t room_bytes):
        cdef const uint8_t* source = &data[0] if data.shape[0] else NULL
        cdef Py_ssize_t written = 0
        cdef int outcome
        target = bytearray(room_bytes)
        cdef uint8_t[:] view = target
        outcome = inflate_feed(&self.stream, source, data.shape[0], &view[0], room_bytes, &written)
        return outcome, bytes(target[:written])

    def reset(self):
        inflate_reset(&self.stream)


def isal_there(name=None):
    cdef bytes encoded
    if name is None:
        return inflate_is_isal(NULL)
    encoded = name.encode()
    return inflate_is_isal(encoded)


# --- what nobody sees of a client's picture

def decode_gray(RFBProtocol protocol not None):
    protocol.expect_open()
    if not luma_used(&protocol.luma) and not protocol.see_gray():
        raise MemoryError(f"no memory for {protocol.width}x{protocol.height} levels of gray")


def decode_halves(RFBProtocol protocol not None):
    protocol.decoders.halves = True


def gray_picture(RFBProtocol protocol not None):
    protocol.expect_open()
    if not luma_used(&protocol.luma):
        raise ValueError("colors are decoded: there are no levels of gray")
    protocol.settle()
    protocol.check()
    luma_give_levels(&protocol.luma, &protocol.surface)
    return PyBytes_FromStringAndSize(<const char*>protocol.luma.levels, protocol.luma.stride_px * protocol.luma.height)
