"""RRE, an encoding (RFC 6143 section 7.7.3)."""

from cython_vnc.decoders.base cimport Decoders, Status
from cython_vnc.surface cimport Rect, Surface
from cython_vnc.wire cimport Cursor

cdef Py_ssize_t rre_measure(const Rect* rect, const Cursor* buffered, Decoders* state) noexcept nogil
cdef Status rre_decode(const Rect* rect, Cursor* payload, Surface* surface, Decoders* state) noexcept nogil
