"""A screen source without a server: each step it draws one patch into its framebuffer, for benchmarks of the handover.

The patch's colour is a counter (R, G, B = its low 24 bits, big end first), its place moves with the counter as in
`patch_at`, so a reader can prove that every row changed every step. The patch is a square of 64 pixels until a pointer
event at x, y makes it x + 1 pixels wide and y + 1 high.
"""

from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free

from cython_vnc.decoders.base cimport OK
from cython_vnc.framebuffer cimport Coverage, coverage_free, damage_free, framebuffer_new
from cython_vnc.surface cimport Rect, damage_add, pixel_at
from shm.atomic cimport monotonic_ns
from workers.source cimport ScreenSource

PATCH_PX = 64


def patch_at(counter, width, height, patch_width=PATCH_PX, patch_height=PATCH_PX):
    """Give the upper left corner, in pixels, of the patch drawn for `counter`, or for each of an array of them."""
    return counter * 53 % (width - patch_width + 1), counter * 37 % (height - patch_height + 1)


cdef class SyntheticSource(ScreenSource):
    """Draws a patch a step; always has a picture."""

    def __cinit__(self, int width, int height):
        cdef Coverage unpainted
        if not 0 < min(width, height):
            raise ValueError(f"the screen is {width}x{height}, expected one pixel at least")
        if framebuffer_new(&self.surface, &self.damage, &unpainted, width, height) != OK:
            raise MemoryError
        coverage_free(&unpainted)
        self.patch_width = min(PATCH_PX, width)
        self.patch_height = min(PATCH_PX, height)
        self.has_picture = True
        self.refresh()

    def __dealloc__(self):
        free(self.surface.pixels)
        damage_free(&self.damage)

    cdef bint refresh(self) noexcept nogil:
        cdef Rect whole
        whole.x = whole.y = 0
        whole.width = self.surface.width
        whole.height = self.surface.height
        self.frame += 1
        damage_add(&self.damage, &whole, self.frame)
        return True

    cdef bint pointer(self, uint16_t x, uint16_t y, uint8_t buttons) noexcept nogil:
        self.patch_width = min(<int32_t>x + 1, self.surface.width)
        self.patch_height = min(<int32_t>y + 1, self.surface.height)
        return True

    cdef void step_begins(self, uint64_t step) noexcept nogil:
        cdef Rect patch
        cdef int32_t x, y
        cdef uint32_t* row
        cdef uint32_t colour
        self.counter += 1
        colour = <uint32_t>(self.counter & 0xFFFFFF)
        patch.width = self.patch_width
        patch.height = self.patch_height
        patch.x = <int32_t>(self.counter * 53 % <uint64_t>(self.surface.width - patch.width + 1))
        patch.y = <int32_t>(self.counter * 37 % <uint64_t>(self.surface.height - patch.height + 1))
        for y in range(patch.y, patch.y + patch.height):
            row = pixel_at(&self.surface, patch.x, y)
            for x in range(patch.width):
                row[x] = colour
        self.frame += 1
        self.updates += 1
        self.rectangles += 1
        self.pixel_ns = self.server_ns = monotonic_ns()
        damage_add(&self.damage, &patch, self.frame)
