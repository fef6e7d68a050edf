"""Paints rows from a framebuffer as the hot thread does, one call at a time: for tests and benchmarks."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memset

from cython_vnc.luma cimport Luma
from cython_vnc.surface cimport TILE_PX, Damage, Rect, Surface, damage_add
from workers.area cimport area_free
from workers.observation cimport Observation, observation_bytes, observation_new
from workers.publish cimport publish_changes


cdef class Painter:
    cdef Observation shown

    def __cinit__(self, int width, int height, int channels, screen=(), crop=(), bint vectors=True, bint streams=False):
        observation_new(&self.shown, width, height, channels, screen, crop)
        self.shown.area.vectors &= vectors
        self.shown.streams = streams

    def __dealloc__(self):
        area_free(&self.shown.area)

    def publish(
        self, const uint32_t[:, ::1] pixels, uint64_t[:, ::1] changed_at, uint64_t since, uint8_t[::1] row, int width=0,
        painted=None, const uint8_t[:, ::1] levels=None,
    ):
        cdef Surface surface
        cdef Luma luma
        cdef Damage damage
        cdef Rect rect
        memset(&damage, 0, sizeof(Damage))
        memset(&luma, 0, sizeof(Luma))
        surface.pixels = <uint32_t*>&pixels[0, 0]
        surface.stride_px = pixels.shape[1]
        surface.width = width or <int>pixels.shape[1]
        surface.height = <int>pixels.shape[0]
        damage.changed_at = &changed_at[0, 0]
        damage.columns = <int>changed_at.shape[1]
        damage.rows = <int>changed_at.shape[0]
        if row.shape[0] != observation_bytes(&self.shown):
            raise ValueError(f"a row of {row.shape[0]} bytes, expected {observation_bytes(&self.shown)}")
        if surface.width > pixels.shape[1] or (
            damage.columns != (surface.width + TILE_PX - 1) // TILE_PX or damage.rows != (surface.height + TILE_PX - 1) // TILE_PX
        ):
            raise ValueError("the tiles are not those of the picture")
        if levels is not None:
            if levels.shape[0] != pixels.shape[0] or levels.shape[1] != pixels.shape[1] or not self.shown.gray:
                raise ValueError("levels are for grey rows, and of the size of the pixels")
            luma.levels, luma.stride_px = <uint8_t*>&levels[0, 0], levels.shape[1]
            luma.width, luma.height = surface.width, surface.height
        if painted is None:
            damage.forgotten = since + 1
        for frame, (rect.x, rect.y, rect.width, rect.height) in painted or ():
            if not (0 <= rect.x <= surface.width - rect.width and 0 <= rect.y <= surface.height - rect.height):
                raise ValueError(f"{rect} leaves the picture")
            damage_add(&damage, &rect, frame)
        with nogil:
            publish_changes(&surface, NULL if levels is None else &luma, &damage, since, &self.shown, &row[0])
