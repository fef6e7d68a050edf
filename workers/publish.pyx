"""From a framebuffer to a row: only the tiles that changed since the frame the row shows.

A row remembers the newest frame it shows; every tile remembers the newest frame that touched it. What is newer
is converted, whatever lies between: any ring depth, any gap, any order of slots (ARCHITECTURE, "A step").
A surface of another size than the canvas is centred; what is outside is cut off or black.
"""

from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memset

from cython_vnc.surface cimport TILE_PX, Damage, Rect, Surface, pixel_at


cdef extern from "workers/convert.h" nogil:
    void rgb_row(const uint32_t* source, uint8_t* target, Py_ssize_t count)
    void maximum(uint8_t* into, const uint8_t* other, size_t count)


cdef inline int32_t half(int32_t room) noexcept nogil:
    """Half of what is left over, towards zero: negative where something is cut off."""
    return room // 2 if room >= 0 else -(-room // 2)


cdef void surface_shift(const Surface* surface, int32_t width, int32_t height, int32_t* x, int32_t* y) noexcept nogil:
    """Where the surface's upper left corner lies in a picture of `width` x `height`."""
    x[0] = half(width - surface.width)
    y[0] = half(height - surface.height)


cdef void copy_area(const Surface* surface, Canvas* canvas, int32_t left, int32_t top, int32_t right, int32_t bottom) noexcept nogil:
    """Convert the surface's pixels [left, right) x [top, bottom), cut to both pictures."""
    cdef int32_t shift_x, shift_y
    cdef int32_t y
    surface_shift(surface, canvas.width, canvas.height, &shift_x, &shift_y)
    left = max(left, -shift_x)
    top = max(top, -shift_y)
    right = min(min(right, surface.width), canvas.width - shift_x)
    bottom = min(min(bottom, surface.height), canvas.height - shift_y)
    if left >= right:
        return
    for y in range(top, bottom):
        rgb_row(pixel_at(surface, left, y),
                canvas.pixels + (<Py_ssize_t>(y + shift_y) * canvas.width + left + shift_x) * 3, right - left)


cdef void publish_changes(const Surface* surface, const Damage* damage, uint64_t since, Canvas* canvas) noexcept nogil:
    """Convert every tile with `changed_at > since`; `since` 0 repaints the whole canvas."""
    cdef int32_t row, column, start
    cdef const uint64_t* stamps
    if since == 0:
        if surface.width != canvas.width or surface.height != canvas.height:
            memset(canvas.pixels, 0, <size_t>canvas.width * canvas.height * 3)
        copy_area(surface, canvas, 0, 0, surface.width, surface.height)
        return
    for row in range(damage.rows):
        stamps = damage.changed_at + <Py_ssize_t>row * damage.columns
        column = 0
        while column < damage.columns:
            if stamps[column] <= since:
                column += 1
                continue
            start = column
            while column < damage.columns and stamps[column] > since:
                column += 1
            copy_area(surface, canvas, start * TILE_PX, row * TILE_PX, column * TILE_PX, (row + 1) * TILE_PX)


cdef bint damaged(const Damage* damage, const Rect* region, uint64_t since) noexcept nogil:
    """Whether a tile that touches `region` changed after frame `since`; an empty region means the whole screen."""
    cdef int32_t left = 0, top = 0, right = damage.columns - 1, bottom = damage.rows - 1
    cdef int32_t row, column
    if region.width > 0 and region.height > 0:
        left = max(left, region.x // TILE_PX)
        top = max(top, region.y // TILE_PX)
        right = min(right, (region.x + region.width - 1) // TILE_PX)
        bottom = min(bottom, (region.y + region.height - 1) // TILE_PX)
    for row in range(top, bottom + 1):
        for column in range(left, right + 1):
            if damage.changed_at[<Py_ssize_t>row * damage.columns + column] > since:
                return True
    return False


cdef void canvas_maximum(Canvas* canvas, const uint8_t* other) noexcept nogil:
    """Every byte becomes the larger of the two pictures' (frame skip with max-pooling)."""
    maximum(canvas.pixels, other, <size_t>canvas.width * canvas.height * 3)
