"""Rectangles, the framebuffer a decoder paints into, and its damage by tile."""

from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t

cdef enum:
    TILE_PX = 16
    LATEST_RECTS = 16

cdef struct Rect:
    int32_t x
    int32_t y
    int32_t width
    int32_t height

cdef inline Py_ssize_t rect_area(const Rect* rect) noexcept nogil:
    return <Py_ssize_t>rect.width * rect.height

cdef struct Surface:
    # 32 bits a pixel; bytes in memory are B, G, R, X (pixel = R << 16 | G << 8 | B).
    uint32_t* pixels
    Py_ssize_t stride_px
    int32_t width
    int32_t height

cdef inline uint32_t* pixel_at(const Surface* surface, int32_t x, int32_t y) noexcept nogil:
    return surface.pixels + y * surface.stride_px + x

cdef inline Rect surface_part(const Surface* surface, const Rect* wanted) noexcept nogil:
    """The part of a rectangle that is on the surface, which may be nothing; NULL: all of the surface."""
    cdef Rect part
    part.x = part.y = 0
    part.width, part.height = surface.width, surface.height
    if wanted != NULL:
        part.x, part.y = min(wanted.x, part.width), min(wanted.y, part.height)
        part.width = min(wanted.width, part.width - part.x)
        part.height = min(wanted.height, part.height - part.y)
    return part

cdef struct Painted:
    Rect rect
    uint64_t frame

cdef struct Damage:
    # changed_at[row * columns + column]: number of the newest frame (FramebufferUpdate) that touched the 16x16 tile.
    uint64_t* changed_at
    int32_t columns
    int32_t rows
    # The same by the pixel: the last LATEST_RECTS of `added` rectangles, number n at n % LATEST_RECTS; what came before
    # was not newer than `forgotten`.
    uint64_t added
    uint64_t forgotten
    Painted latest[LATEST_RECTS]

cdef inline void damage_add(Damage* damage, const Rect* rect, uint64_t frame) noexcept nogil:
    """Note that `rect` (inside the surface) was painted, in a frame not older than those before."""
    cdef Painted* place = damage.latest + damage.added % LATEST_RECTS
    cdef int32_t row, column
    if rect.width <= 0 or rect.height <= 0:
        return
    damage.forgotten = place.frame
    place.rect, place.frame = rect[0], frame
    damage.added += 1
    for row in range(rect.y // TILE_PX, (rect.y + rect.height - 1) // TILE_PX + 1):
        for column in range(rect.x // TILE_PX, (rect.x + rect.width - 1) // TILE_PX + 1):
            damage.changed_at[row * damage.columns + column] = frame

cdef inline bint repainted(const Damage* damage, uint64_t since) noexcept nogil:
    """Whether every tile changed after frame `since`."""
    cdef int32_t tile
    for tile in range(damage.rows * damage.columns):
        if damage.changed_at[tile] <= since:
            return False
    return True
