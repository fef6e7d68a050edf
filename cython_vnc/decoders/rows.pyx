"""Python's way to expand.h: one row of pixels, by the path that is named."""

from libc.stdint cimport uint8_t, uint32_t

from cython_vnc.decoders.expand cimport (
    EXPAND_SCALAR, EXPAND_SSE2, EXPAND_SSSE3, ExpandPalette, expand_bit_row, expand_fill, expand_gray_row, expand_greatest, expand_index_row,
    expand_packed_row, expand_palette, expand_path, expand_planes, expand_triple_row,
)

_PATHS = {"scalar": EXPAND_SCALAR, "sse2": EXPAND_SSE2, "ssse3": EXPAND_SSSE3}


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
