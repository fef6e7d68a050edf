"""Rows of pixels: see expand.h. Nothing here reads or writes beyond `width` pixels."""

from libc.stdint cimport uint8_t, uint32_t


cdef extern from "cython_vnc/decoders/expand.h" nogil:
    int EXPAND_SCALAR
    int EXPAND_SSE2
    int EXPAND_SSSE3
    ctypedef struct ExpandPalette:
        uint32_t[256] colors
    # The best path that this processor has.
    int expand_path()
    uint32_t expand_rgb(const uint8_t* source)
    uint32_t expand_bgr(const uint8_t* source)
    void expand_fill(uint32_t* target, Py_ssize_t width, uint32_t pixel)
    void expand_fill_rows(uint32_t* target, Py_ssize_t stride_px, Py_ssize_t width, Py_ssize_t height, uint32_t pixel)
    uint8_t expand_greatest(const uint8_t* source, Py_ssize_t count)
    void expand_palette(ExpandPalette* palette, const uint8_t* source, int colors, bint rgb)
    void expand_planes(ExpandPalette* palette, int colors)
    void expand_triple_row(int path, uint32_t* target, const uint8_t* source, Py_ssize_t width, bint rgb)
    void expand_index_row(int path, uint32_t* target, const uint8_t* source, Py_ssize_t width, const ExpandPalette* palette, int colors)
    uint8_t expand_packed_row(int path, uint32_t* target, const uint8_t* source, Py_ssize_t width, int bits, const ExpandPalette* palette)
    void expand_bit_row(int path, uint32_t* target, const uint8_t* source, Py_ssize_t width, uint32_t zero, uint32_t one)
    void expand_gray_row(int path, uint32_t* target, const uint8_t* source, Py_ssize_t width)
    void expand_gradient_row(uint32_t* target, const uint8_t* source, Py_ssize_t width, const uint32_t* above)
