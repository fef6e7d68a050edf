"""A screen source without a server: each step it draws one square into its framebuffer, for benchmarks of the handover.

The square's colour is a counter (R, G, B = its low 24 bits, big end first), its place moves with the counter as in
`square_at`, so a reader can prove that every row changed every step.
"""

from libc.stdint cimport int32_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free

from cython_vnc.surface cimport TILE_PX, Rect, damage_add, pixel_at
from shm.atomic cimport monotonic_ns
from workers.source cimport ScreenSource


def square_at(counter: int, width: int, height: int, patch_px: int = 64) -> tuple[int, int]:
    """Give the upper left corner, in pixels, of the square drawn for `counter`."""
    return counter * 53 % (width - patch_px + 1), counter * 37 % (height - patch_px + 1)


cdef class SyntheticSource(ScreenSource):
    """Draws a `patch_px` square a step; always has a picture."""

    def __cinit__(self, int width, int height, int patch_px=64):
        if not 0 < patch_px <= min(width, height):
            raise ValueError(f"patch_px is {patch_px}, expected 1 to {min(width, height)}")
        self.surface.width = width
        self.surface.height = height
        self.surface.stride_px = width
        self.damage.columns = (width + TILE_PX - 1) // TILE_PX
        self.damage.rows = (height + TILE_PX - 1) // TILE_PX
        self.memory = <uint32_t*>calloc(<size_t>width * height, sizeof(uint32_t))
        self.stamps = <uint64_t*>calloc(<size_t>self.damage.columns * self.damage.rows, sizeof(uint64_t))
        if self.memory == NULL or self.stamps == NULL:
            raise MemoryError
        self.surface.pixels = self.memory
        self.damage.changed_at = self.stamps
        self.patch_px = patch_px
        self.has_picture = True
        self.refresh()

    def __dealloc__(self):
        free(self.memory)
        free(self.stamps)

    cdef bint refresh(self) noexcept nogil:
        cdef Rect whole
        whole.x = whole.y = 0
        whole.width = self.surface.width
        whole.height = self.surface.height
        self.frame += 1
        damage_add(&self.damage, &whole, self.frame)
        return True

    cdef void step_begins(self, uint64_t step) noexcept nogil:
        cdef Rect square
        cdef int32_t x, y
        cdef uint32_t* row
        self.counter += 1
        square.width = square.height = self.patch_px
        square.x = <int32_t>(self.counter * 53 % <uint64_t>(self.surface.width - self.patch_px + 1))
        square.y = <int32_t>(self.counter * 37 % <uint64_t>(self.surface.height - self.patch_px + 1))
        for y in range(square.y, square.y + self.patch_px):
            row = pixel_at(&self.surface, square.x, y)
            for x in range(self.patch_px):
                row[x] = <uint32_t>(self.counter & 0xFFFFFF)
        self.frame += 1
        self.updates += 1
        self.rectangles += 1
        self.pixel_ns = self.server_ns = monotonic_ns()
        damage_add(&self.damage, &square, self.frame)
