"""The table of encodings. One line each; their numbers are small."""

from libc.stdint cimport int32_t
from libc.stdlib cimport free
from libc.string cimport memset

from cython_vnc.constants cimport Encoding
from cython_vnc.decoders.base cimport Decoders, Status
from cython_vnc.decoders.copyrect cimport copyrect_decode, copyrect_measure
from cython_vnc.decoders.hextile cimport hextile_decode, hextile_measure
from cython_vnc.decoders.raw cimport raw_decode, raw_measure
from cython_vnc.decoders.rre cimport rre_decode, rre_measure
from cython_vnc.decoders.tight cimport tight_decode, tight_is_jpeg, tight_measure
from cython_vnc.decoders.zlib cimport zlib_decode, zlib_measure
from cython_vnc.decoders.zrle cimport zrle_decode, zrle_measure
from cython_vnc.inflate cimport inflate_free
from cython_vnc.jpeg cimport jpeg_free
from cython_vnc.luma cimport Luma, luma_give_colors, luma_take_colors, luma_used
from cython_vnc.surface cimport Rect, Surface
from cython_vnc.wire cimport Cursor, left, take_u16

cdef Decoder[7] TABLE
TABLE[0] = Decoder(0, raw_measure, raw_decode, b"raw", False)
TABLE[1] = Decoder(1, copyrect_measure, copyrect_decode, b"copyrect", False)
TABLE[2] = Decoder(2, rre_measure, rre_decode, b"rre", False)
TABLE[3] = Decoder(5, hextile_measure, hextile_decode, b"hextile", False)
TABLE[4] = Decoder(6, zlib_measure, zlib_decode, b"zlib", True)
TABLE[5] = Decoder(7, tight_measure, tight_decode, b"tight", True)
TABLE[6] = Decoder(16, zrle_measure, zrle_decode, b"zrle", True)


cdef const Decoder* BY_NUMBER[17]
cdef Py_ssize_t entry
for entry in range(<Py_ssize_t>(sizeof(TABLE) // sizeof(Decoder))):
    BY_NUMBER[TABLE[entry].encoding] = &TABLE[entry]


cdef const Decoder* decoder_find(int32_t encoding) noexcept nogil:
    # Asked twice a rectangle; the numbers of pseudo-encodings are negative.
    if 0 <= encoding < <int32_t>(sizeof(BY_NUMBER) // sizeof(BY_NUMBER[0])):
        return BY_NUMBER[encoding]
    return NULL


cdef void colors_take(const Decoder* decoder, const Rect* rect, const Cursor* payload, Surface* surface, Luma* luma) noexcept nogil:
    """Before anything but a JPEG is painted."""
    cdef Cursor cursor = payload[0]
    cdef Rect source = rect[0]
    if decoder.encoding == Encoding.TIGHT and tight_is_jpeg(payload):
        return
    if decoder.encoding == Encoding.COPYRECT and left(payload) >= 4:
        source.x = take_u16(&cursor)
        source.y = take_u16(&cursor)
        if source.x + source.width > surface.width or source.y + source.height > surface.height:
            return
        luma_give_colors(luma, surface, &source)
    luma_take_colors(luma, surface, rect)


cdef Status decoder_paint(
    const Decoder* decoder, const Rect* rect, Cursor* payload, Surface* surface, Decoders* state
) noexcept nogil:
    if luma_used(state.luma) and not state.hidden:
        colors_take(decoder, rect, payload, surface, state.luma)
    return decoder.decode(rect, payload, surface, state)


cdef void decoders_init(Decoders* state) noexcept nogil:
    memset(state, 0, sizeof(Decoders))


cdef void decoders_free(Decoders* state) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(4):
        inflate_free(&state.tight[i])
    inflate_free(&state.zlib)
    inflate_free(&state.zrle)
    jpeg_free(&state.jpeg)
    free(state.scratch)
    decoders_init(state)
