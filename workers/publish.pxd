"""From a framebuffer to a row: only what changed since the frame the row shows."""

from libc.stdint cimport int32_t, uint8_t, uint64_t

from cython_vnc.luma cimport Luma
from cython_vnc.surface cimport Damage, Rect, Surface
from workers.observation cimport Observation

cdef void publish_changes(
    const Surface* surface, const Luma* luma, const Damage* damage, uint64_t since, Observation* shown, uint8_t* pixels
) noexcept nogil
# `pool` is as large as what is shown of the screen.
cdef void pool_take(Surface* pool, const Surface* surface, const Observation* shown) noexcept nogil
cdef void pool_maximum(Surface* pool, const Surface* surface, const Observation* shown) noexcept nogil
cdef void publish_pool(const Surface* pool, Observation* shown, uint8_t* pixels) noexcept nogil
cdef bint damaged(const Damage* damage, const Rect* region, uint64_t since) noexcept nogil
cdef void surface_shift(const Surface* surface, const Observation* shown, int32_t* x, int32_t* y) noexcept nogil
