"""The pictures of one environment's rows: live, repeated, or frozen at the end of an episode.

Called between `row_claim` and `row_finish` by the hot thread alone. Every function leaves `record.frame` and
`record.generation` saying what the pixels show, so that the next publication into this slot converts just the rest.
A source is `good` when it is settled and not broken; of no other are the pixels looked at.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from cython_vnc.luma cimport Luma, luma_ready, luma_used
from shm.atomic cimport load_acquire
from shm.layout cimport DONE, Record, pixels_at, record_at, spare_at
from workers.area cimport area_free
from workers.publish cimport pool_maximum, pool_take, publish_changes, publish_pool
from workers.source cimport ScreenSource


cdef void rows_find_newest(Rows* rows) noexcept nogil:
    """Look for the newest row that an earlier worker of this environment published."""
    cdef uint64_t slot, state
    for slot in range(rows.view.header.slots):
        state = load_acquire(&record_at(rows.view, slot, rows.env).state)
        if state & 3 == DONE and (not rows.has_newest or state >> 2 > rows.newest_step):
            rows.newest_step = state >> 2
            rows.has_newest = True


cdef void rows_switch(Rows* rows, uint64_t last_frame) noexcept nogil:
    """Another source takes over: its frame 1 follows the old source's newest, and every row is out of date."""
    rows.base += last_frame + 1
    rows.layout_frame = rows.base + 1
    rows.width = rows.height = 0


cdef bint rows_pools(Rows* rows) noexcept nogil:
    """Make memory for max-pooling. False: no memory."""
    rows.pool.width, rows.pool.height = rows.shown.crop.width, rows.shown.crop.height
    rows.pool.stride_px = rows.shown.crop.width
    rows.pool.pixels = <uint32_t*>calloc(<size_t>rows.pool.stride_px * rows.pool.height, sizeof(uint32_t))
    return rows.pool.pixels != NULL


cdef void rows_free(Rows* rows) noexcept nogil:
    free(rows.pool.pixels)
    free(rows.frozen)
    area_free(&rows.shown.area)


cdef uint64_t paint(Rows* rows, ScreenSource source, uint8_t* pixels, uint64_t shown, bint pooled) noexcept nogil:
    """Bring a picture that shows frame `shown` (0: nothing) up to the source's newest; returns what it shows then."""
    cdef Luma* luma = source.luma if luma_used(source.luma) else NULL
    cdef bint levels = luma != NULL and luma_ready(luma, &source.surface)
    if levels != rows.levels:
        # What is averaged of rounded greys may be a level apart.
        rows.levels = levels
        rows.layout_frame = rows.base + source.frame
    if source.surface.width != rows.width or source.surface.height != rows.height:
        rows.width = source.surface.width
        rows.height = source.surface.height
        rows.layout_frame = rows.base + source.frame
    if pooled:
        pool_maximum(&rows.pool, &source.surface, &rows.shown)
        publish_pool(&rows.pool, &rows.shown, pixels)
        return 0
    if shown < rows.layout_frame:
        shown = 0
    if source.frame != 0 and shown == rows.base + source.frame:
        return shown
    publish_changes(
        &source.surface, luma if levels else NULL, &source.damage, shown - rows.base if shown > rows.base else 0, &rows.shown, pixels
    )
    return rows.base + source.frame


cdef void mark(Rows* rows, uint64_t step, uint64_t frame) noexcept nogil:
    cdef Record* record = record_at(rows.view, step, rows.env)
    record.frame = frame
    record.generation = rows.generation
    rows.newest_step = step
    rows.has_newest = True


cdef void rows_pool(Rows* rows, ScreenSource source) noexcept nogil:
    """Keep the source's newest frame for the maximum with the next."""
    pool_take(&rows.pool, &source.surface, &rows.shown)


cdef void rows_prepare(Rows* rows, ScreenSource source, uint64_t step) noexcept nogil:
    """The newest frame of a good source, in a row that is not published yet."""
    cdef Record* record = record_at(rows.view, step, rows.env)
    cdef uint64_t shown = record.frame if record.generation == rows.generation else 0
    record.frame = paint(rows, source, pixels_at(rows.view, step, rows.env), shown, False)
    record.generation = rows.generation


cdef void rows_repeat(Rows* rows, uint64_t step) noexcept nogil:
    """The newest row again; black before the first."""
    cdef uint64_t frame = 0
    cdef Record* newest = record_at(rows.view, rows.newest_step, rows.env)
    cdef uint8_t* pixels = pixels_at(rows.view, step, rows.env)
    if not rows.has_newest:
        memset(pixels, 0, rows.view.header.row_bytes)
    else:
        if newest.generation == rows.generation:
            frame = newest.frame
        if pixels != pixels_at(rows.view, rows.newest_step, rows.env):
            memcpy(pixels, pixels_at(rows.view, rows.newest_step, rows.env), rows.view.header.row_bytes)
    mark(rows, step, frame)


cdef void rows_live(Rows* rows, ScreenSource source, bint good, uint64_t step, bint pooled) noexcept nogil:
    """The source's newest frame, or the maximum of it and the one that was kept; if it is no `good`, the newest row again."""
    cdef Record* record = record_at(rows.view, step, rows.env)
    cdef uint64_t shown = record.frame if record.generation == rows.generation else 0
    if good:
        mark(rows, step, paint(rows, source, pixels_at(rows.view, step, rows.env), shown, pooled))
    else:
        rows_repeat(rows, step)


cdef bint frozen_memory(Rows* rows) noexcept nogil:
    """Memory for a frozen picture, kept from the first on; zeros, like a picture that shows nothing."""
    if rows.frozen == NULL:
        rows.frozen = <uint8_t*>calloc(rows.view.header.row_bytes, 1)
        rows.frozen_frame = 0
    return rows.frozen != NULL


cdef bint rows_freeze(Rows* rows, ScreenSource source, bint good, bint pooled) noexcept nogil:
    """Keep what `rows_live` would show. False: no memory."""
    if not frozen_memory(rows):
        return False
    if good:
        rows.frozen_frame = paint(rows, source, rows.frozen, rows.frozen_frame, pooled)
        return True
    rows.frozen_frame = 0
    if rows.has_newest:
        memcpy(rows.frozen, pixels_at(rows.view, rows.newest_step, rows.env), rows.view.header.row_bytes)
    return True


cdef void rows_frozen(Rows* rows, uint64_t step) noexcept nogil:
    """The picture that was kept."""
    memcpy(pixels_at(rows.view, step, rows.env), rows.frozen, rows.view.header.row_bytes)
    mark(rows, step, rows.frozen_frame)


cdef void rows_final(Rows* rows) noexcept nogil:
    """The picture that was kept becomes the final observation beside the row that is being written.

    The trainer reads it with that row, and before it asks for the next: nobody writes it in between.
    """
    memcpy(spare_at(rows.view, rows.env), rows.frozen, rows.view.header.row_bytes)
