"""The table of encodings. One line each; their numbers are small."""

from libc.stdint cimport int32_t
from libc.stdlib cimport free
from libc.string cimport memset

from cython_vnc.decoders.base cimport Decoders
from cython_vnc.decoders.copyrect cimport copyrect_decode, copyrect_measure
from cython_vnc.decoders.hextile cimport hextile_decode, hextile_measure
from cython_vnc.decoders.raw cimport raw_decode, raw_measure
from cython_vnc.decoders.rre cimport rre_decode, rre_measure
from cython_vnc.decoders.tight cimport tight_decode, tight_measure
from cython_vnc.decoders.zlib cimport zlib_decode, zlib_measure
from cython_vnc.decoders.zrle cimport zrle_decode, zrle_measure
from cython_vnc.inflate cimport inflate_free
from cython_vnc.jpeg cimport jpeg_free

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
