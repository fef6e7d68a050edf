"""A picture's grey levels beside its colours, for those who look at nothing else: one byte a pixel."""

from libc.stdint cimport int32_t, uint8_t, uint32_t

from cython_vnc.surface cimport Rect, Surface

cdef enum:
    # Where a tile's picture is: as colours in the surface, as levels here, or both.
    LUMA_COLORS = 0
    LUMA_LEVELS = 1
    LUMA_BOTH = 2

cdef struct Luma:
    uint8_t* levels             # rows of `stride_px`; NULL: there are none
    Py_ssize_t stride_px
    int32_t width, height
    uint8_t* tiles              # one LUMA_ a tile of 16x16
    int32_t columns, rows
    # Tiles painted in each form since `luma_ready`, and how many of late; which form is read.
    uint32_t levels_taken, colors_taken
    float levels_rate, colors_rate
    bint reads_levels

cdef inline uint8_t* level_at(const Luma* luma, int32_t x, int32_t y) noexcept nogil:
    return luma.levels + y * luma.stride_px + x

cdef inline bint luma_used(const Luma* luma) noexcept nogil:
    return luma != NULL and luma.levels != NULL

# Levels for a surface, whose every tile has colours, instead of those of before. False: no memory, and there are none.
cdef bint luma_new(Luma* luma, const Surface* surface) noexcept nogil
cdef void luma_free(Luma* luma) noexcept nogil
# Before levels, or colours, are painted into `rect`, all of it: tiles that keep pixels of before keep them in the same form.
cdef void luma_take_levels(Luma* luma, Surface* surface, const Rect* rect) noexcept nogil
cdef void luma_take_colors(Luma* luma, Surface* surface, const Rect* rect) noexcept nogil
# Before the surface is read in `rect`. What was levels is grey.
cdef void luma_give_colors(Luma* luma, Surface* surface, const Rect* rect) noexcept nogil
# Everywhere; nothing where there are no levels.
cdef void luma_give_all_colors(Luma* luma, Surface* surface) noexcept nogil
# Make the picture ready to be read whole, in the form that less has to be made of. True: in levels; False: in colours.
cdef bint luma_ready(Luma* luma, Surface* surface) noexcept nogil
# Before the levels are read.
cdef void luma_give_levels(Luma* luma, Surface* surface) noexcept nogil
