"""Memory of ours that Python looks at: a block is never freed while a view of it may be alive."""

from cython_vnc.decoders.base cimport Status

cdef struct Retired:
    void* block
    Retired* next

cdef struct Views:
    Py_ssize_t alive
    Retired* retired                # blocks that were replaced while viewed

# Free `block`, or keep it until no view is alive if it `was_viewed`.
cdef Status block_retire(Views* views, void* block, bint was_viewed) noexcept nogil
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
