"""Area averaging of what changed: each touched pixel of a smaller picture is made anew of all that it covers."""

from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t

from cython_vnc.luma cimport Luma
from cython_vnc.surface cimport Damage, Surface


cdef extern from "workers/area.h" nogil:
    enum:
        AREA_LANES
    ctypedef struct area_lines:
        const uint32_t* whole
        Py_ssize_t whole_lines, stride_px
        const uint32_t* first
        const uint32_t* last
        float first_weight, last_weight
    ctypedef struct area_levels:
        const uint8_t* whole
        Py_ssize_t whole_lines, stride_px
        const uint8_t* first
        const uint8_t* last
        float first_weight, last_weight
    ctypedef struct area_span:
        int32_t first, last
    int area_has_vectors()
    void area_columns(const area_lines* lines, Py_ssize_t count, float* sums, Py_ssize_t plane_px, int gray, int vectors)
    void area_level_columns(const area_levels* lines, Py_ssize_t count, float* sums, int vectors)
    void area_pixels(
        const area_span* spans, const float* weights, Py_ssize_t room, Py_ssize_t count, const float* sums, int32_t left,
        uint8_t* target, Py_ssize_t step, int vectors
    )

cdef enum:
    # Rows of tiles of the tallest desktop, whose height is a 16 bit number (RFC 6143 section 7.3.2).
    MOST_TILES = 4096

cdef struct Run:
    # Pixels of an output row: [first, end).
    int32_t first
    int32_t end

cdef struct Area:
    # From a picture of source_width x source_height to one of width x height, no larger either way.
    int32_t source_width, source_height
    int32_t width, height
    bint gray
    bint vectors                # use the vector path
    area_span* columns          # `width` of them
    float* column_weights       # `room` for each
    Py_ssize_t room
    area_span* lines            # `height` of them
    float* line_weights         # of each the first line's and the last line's
    float* sums                 # `plane_px` for each channel
    Py_ssize_t plane_px
    Run* runs                   # room for the runs of one output row
    int32_t run_count
    uint8_t changed_rows[MOST_TILES]

# False: no memory.
cdef bint area_new(Area* area, int32_t source_width, int32_t source_height, int32_t width, int32_t height, bint gray) noexcept nogil
cdef void area_free(Area* area) noexcept nogil
# The surface's corner lies at (x, y) of the source picture; what it does not reach is black. Grey may be made of levels instead of the
# surface's pixels; NULL: there are none.
cdef void area_paint(
    Area* area, const Surface* surface, const Luma* luma, int32_t x, int32_t y, const Damage* damage, uint64_t since, uint8_t* pixels
) noexcept nogil
