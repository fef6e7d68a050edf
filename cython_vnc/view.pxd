"""Memory of ours that Python looks at: a block is never freed while a view of it may be alive."""

from libc.stdint cimport uint8_t

from cython_vnc.buffer cimport Bytes
from cython_vnc.decoders.base cimport Status

cdef struct Retired:
    void* block
    Retired* next

cdef struct Views:
    Py_ssize_t alive
    Retired* retired                # blocks that were replaced while viewed

# Free `block`, or keep it until no view is alive if it `was_viewed`.
cdef Status block_retire(Views* views, void* block, bint was_viewed) noexcept nogil
# `bytes_reserve` for bytes that may be `viewed`: such a block stays as it is, and what is live goes on in a new one.
cdef uint8_t* viewed_reserve(Views* views, Bytes* buffer, bint* viewed, Py_ssize_t wanted) noexcept nogil
cdef void retired_free(Views* views) noexcept nogil

cdef class View:
    cdef object owner
    cdef Views* views
    cdef void* data
    cdef bint writable
    cdef int ndim
    cdef Py_ssize_t shape[3]
    cdef Py_ssize_t strides[3]

# `data` as rows of columns of bytes; its owner outlives the view, and so do the owner's `views`.
cdef object view_pixels(object owner, Views* views, void* data, Py_ssize_t height, Py_ssize_t width, Py_ssize_t stride_bytes)
cdef object view_bytes(object owner, Views* views, void* data, Py_ssize_t size)
