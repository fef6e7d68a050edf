"""Exports memory by the buffer protocol and counts who looks at it."""

from cpython.buffer cimport PyBUF_FORMAT, PyBUF_ND, PyBUF_STRIDES, PyBUF_WRITABLE
from libc.stdint cimport uint8_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from cython_vnc.buffer cimport Bytes, bytes_live, bytes_reserve
from cython_vnc.decoders.base cimport NO_MEMORY, OK, Status


cdef class View:
    """What a memoryview of ours is a view of."""

    def __dealloc__(self):
        if self.views != NULL:
            self.views.alive -= 1
            if self.views.alive == 0:
                retired_free(self.views)

    def __getbuffer__(self, Py_buffer* buffer, int flags):
        if flags & PyBUF_WRITABLE and not self.writable:
            raise BufferError("the framebuffer is read-only")
        if self.ndim > 1 and flags & PyBUF_STRIDES != PyBUF_STRIDES:
            raise BufferError("rows of the framebuffer are padded: ask for strides")
        buffer.obj = self
        buffer.buf = self.data
        buffer.itemsize = 1
        buffer.len = self.shape[0] * self.shape[1] * self.shape[2]
        buffer.readonly = not self.writable
        buffer.format = NULL
        if flags & PyBUF_FORMAT:
            buffer.format = b"B"
        buffer.ndim = self.ndim
        buffer.shape = self.shape if flags & PyBUF_ND else NULL
        buffer.strides = self.strides if flags & PyBUF_STRIDES == PyBUF_STRIDES else NULL
        buffer.suboffsets = NULL
        buffer.internal = NULL


cdef object view_pixels(object owner, Views* views, void* data, Py_ssize_t height, Py_ssize_t width, Py_ssize_t stride_bytes):
    cdef View view = View.__new__(View)
    view.owner, view.views, view.data = owner, views, data
    view.writable, view.ndim = False, 3
    view.shape[0], view.shape[1], view.shape[2] = height, width, 4
    view.strides[0], view.strides[1], view.strides[2] = stride_bytes, 4, 1
    views.alive += 1
    return memoryview(view)


cdef object view_bytes(object owner, Views* views, void* data, Py_ssize_t size):
    cdef View view = View.__new__(View)
    view.owner, view.views, view.data = owner, views, data
    view.writable, view.ndim = True, 1
    view.shape[0], view.shape[1], view.shape[2] = size, 1, 1
    view.strides[0], view.strides[1], view.strides[2] = 1, 1, 1
    views.alive += 1
    return memoryview(view)


cdef Status block_retire(Views* views, void* block, bint was_viewed) noexcept nogil:
    cdef Retired* retired
    if not was_viewed or views.alive == 0:
        free(block)
        return OK
    retired = <Retired*>malloc(sizeof(Retired))
    if retired == NULL:
        return NO_MEMORY
    retired.block, retired.next = block, views.retired
    views.retired = retired
    return OK


cdef uint8_t* viewed_reserve(Views* views, Bytes* buffer, bint* viewed, Py_ssize_t wanted) noexcept nogil:
    cdef uint8_t* before = buffer.data
    cdef Py_ssize_t live = bytes_live(buffer)
    cdef Py_ssize_t capacity = 2 * live + wanted
    if not viewed[0] or views.alive == 0 or buffer.capacity - buffer.end >= wanted:
        return bytes_reserve(buffer, wanted)
    buffer.data = <uint8_t*>malloc(<size_t>capacity)
    if buffer.data == NULL or block_retire(views, before, True) != OK:
        free(buffer.data)
        buffer.data = before
        return NULL
    memcpy(buffer.data, before + buffer.start, <size_t>live)
    buffer.capacity, buffer.start, buffer.end = capacity, 0, live
    viewed[0] = False
    return buffer.data + live


cdef void retired_free(Views* views) noexcept nogil:
    cdef Retired* retired
    while views.retired != NULL:
        retired = views.retired
        views.retired = retired.next
        free(retired.block)
        free(retired)
