"""Tight, an encoding (rfbproto, "Tight Encoding")."""

from cython_vnc.decoders.base cimport Decoders, Status
from cython_vnc.surface cimport Rect, Surface
from cython_vnc.wire cimport Cursor

cdef Py_ssize_t tight_measure(const Rect* rect, const Cursor* buffered, Decoders* state) noexcept nogil
cdef Status tight_decode(const Rect* rect, Cursor* payload, Surface* surface, Decoders* state) noexcept nogil
cdef bint tight_is_jpeg(const Cursor* payload) noexcept nogil
