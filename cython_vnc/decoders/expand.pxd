"""Rows of pixels: see expand.h. Nothing here reads or writes beyond `width` pixels."""

from libc.stdint cimport uint8_t, uint32_t


cdef extern from "cython_vnc/decoders/expand.h" nogil:
    uint32_t expand_rgb(const uint8_t* source)
    uint32_t expand_bgr(const uint8_t* source)
    void expand_fill(uint32_t* target, Py_ssize_t width, uint32_t pixel)
    uint8_t expand_greatest(const uint8_t* source, Py_ssize_t width)
    void expand_rgb_row(uint32_t* target, const uint8_t* source, Py_ssize_t width)
    void expand_bgr_row(uint32_t* target, const uint8_t* source, Py_ssize_t width)
    void expand_index_row(uint32_t* target, const uint8_t* source, Py_ssize_t width, const uint32_t* palette, int colors)
    void expand_bit_row(uint32_t* target, const uint8_t* source, Py_ssize_t width, uint32_t zero, uint32_t one)
    void expand_unpack_row(uint8_t* target, const uint8_t* source, Py_ssize_t width, int bits)
    void expand_gradient_row(uint32_t* target, const uint8_t* source, Py_ssize_t width, const uint32_t* above)
