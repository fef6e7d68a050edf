"""From a framebuffer to a row: only what changed since the frame the row shows.

A row remembers the newest frame it shows; every tile remembers the newest frame that touched it. What is newer
is converted, whatever lies between: any ring depth, any gap, any order of slots (ARCHITECTURE, "A step").
A surface of another size than the screen is centred in it; what is outside is cut off or black.

Max-pooling makes a picture of its own, of the size of what is shown, which is then published whole: the maximum is taken
of whole pixels, before anything is averaged, and of greys where the row is grey.
"""

from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t, uintptr_t
from libc.string cimport memcpy, memset

from cython_vnc.luma cimport Luma, level_at
from cython_vnc.surface cimport LATEST_RECTS, TILE_PX, Damage, Painted, Rect, Surface, pixel_at
from workers.area cimport area_paint
from workers.observation cimport Observation, observation_bytes


cdef extern from "workers/convert.h" nogil:
    void rgb_row(const uint32_t* source, uint8_t* target, Py_ssize_t count)
    void rgb_row_stream(const uint32_t* source, uint8_t* target, Py_ssize_t count)
    void stores_settle()
    void gray_row(const uint32_t* source, uint8_t* target, Py_ssize_t count)
    void maximum_row(uint32_t* into, const uint32_t* other, Py_ssize_t count, int gray)


cdef enum:
    LINE_PX = 64    # three cache lines: as many pixels may be between one that begins a cache line and the next
    # Runs that go past the cache are widened to whole cache lines, which shorter ones are not worth.
    STREAM_PX = 4 * LINE_PX


cdef struct Place:
    # Where a surface lies in what is shown, and what of it is seen: [left, right) x [top, bottom) of the surface.
    int32_t x, y
    int32_t left, top, right, bottom


cdef inline int32_t half(int32_t room) noexcept nogil:
    """Half of what is left over, towards zero: negative where something is cut off."""
    return room // 2 if room >= 0 else -(-room // 2)


cdef void surface_shift(const Surface* surface, const Observation* shown, int32_t* x, int32_t* y) noexcept nogil:
    """Where the surface's upper left corner lies on the session's screen."""
    x[0] = half(shown.screen_width - surface.width)
    y[0] = half(shown.screen_height - surface.height)


cdef Place place_of(const Surface* surface, const Observation* shown) noexcept nogil:
    cdef Place place
    surface_shift(surface, shown, &place.x, &place.y)
    place.x -= shown.crop.x
    place.y -= shown.crop.y
    place.left = max(-place.x, 0)
    place.top = max(-place.y, 0)
    place.right = min(surface.width, shown.crop.width - place.x)
    place.bottom = min(surface.height, shown.crop.height - place.y)
    return place


cdef inline bint fills(const Place* place, const Observation* shown) noexcept nogil:
    """Whether the surface leaves nothing black."""
    return place.x <= 0 and place.y <= 0 and (
        place.right + place.x == shown.crop.width and place.bottom + place.y == shown.crop.height
    )


cdef inline int32_t before(const uint8_t* target) noexcept nogil:
    """How many pixels of three bytes before `target` one begins a cache line."""
    # 3 * 43 is 1 modulo 64.
    return <int32_t>(<uintptr_t>target * 43 % LINE_PX)


cdef inline void stream_run(
    const Surface* surface, const Place* place, uint8_t* target, int32_t left, int32_t right, int32_t y
) noexcept nogil:
    """Convert a run past the cache, `target` being where `left` goes.

    A cache line of which only a part is written so costs the memory as much as many whole ones; so pixels
    beside it that are seen, and have not changed, are written again.
    """
    cdef int32_t further = min(before(target), left - place.left)
    left -= further
    target -= 3 * further
    right += min((LINE_PX - before(target + 3 * (right - left))) % LINE_PX, place.right - right)
    rgb_row_stream(pixel_at(surface, left, y), target, right - left)


cdef void copy_area(
    const Surface* surface, const Luma* luma, const Place* place, const Observation* shown, uint8_t* pixels,
    int32_t left, int32_t top, int32_t right, int32_t bottom,
) noexcept nogil:
    """Convert the surface's pixels [left, right) x [top, bottom), cut to what is seen."""
    cdef int32_t y
    cdef Py_ssize_t target
    left, top = max(left, place.left), max(top, place.top)
    right, bottom = min(right, place.right), min(bottom, place.bottom)
    if left >= right:
        return
    for y in range(top, bottom):
        target = <Py_ssize_t>(y + place.y) * shown.width + left + place.x
        if shown.gray and luma != NULL:
            memcpy(pixels + target, level_at(luma, left, y), right - left)
        elif shown.gray:
            gray_row(pixel_at(surface, left, y), pixels + target, right - left)
        elif shown.streams and right - left >= STREAM_PX:
            stream_run(surface, place, pixels + target * 3, left, right, y)
        else:
            rgb_row(pixel_at(surface, left, y), pixels + target * 3, right - left)


cdef inline bint whole_lines(const Observation* shown, int32_t changed, int32_t width) noexcept nogil:
    """Whether lines of which so much has changed are cheaper to convert from end to end: past the cache, more than half."""
    return shown.streams and not shown.gray and 2 * changed > width


cdef void publish_tiles(
    const Surface* surface, const Luma* luma, const Damage* damage, uint64_t since, const Place* place, const Observation* shown,
    uint8_t* pixels,
) noexcept nogil:
    """Runs of tiles that changed after `since`."""
    cdef int32_t row, column, start, changed
    cdef const uint64_t* stamps
    for row in range(place.top // TILE_PX, min(damage.rows, (place.bottom + TILE_PX - 1) // TILE_PX)):
        stamps = damage.changed_at + <Py_ssize_t>row * damage.columns
        changed = 0
        for column in range(damage.columns):
            changed += stamps[column] > since
        if whole_lines(shown, changed, damage.columns):
            copy_area(surface, luma, place, shown, pixels, 0, row * TILE_PX, surface.width, (row + 1) * TILE_PX)
            continue
        column = 0
        while column < damage.columns:
            if stamps[column] <= since:
                column += 1
                continue
            start = column
            while column < damage.columns and stamps[column] > since:
                column += 1
            copy_area(surface, luma, place, shown, pixels, start * TILE_PX, row * TILE_PX, column * TILE_PX, (row + 1) * TILE_PX)


cdef void publish_rects(
    const Surface* surface, const Luma* luma, const Damage* damage, uint64_t since, const Place* place, const Observation* shown,
    uint8_t* pixels,
) noexcept nogil:
    """The pixels that were painted after `since`, each once.

    From edge to edge of the rectangles, downwards: between two of them each line has the same runs of pixels, and what overlaps
    or touches is one run. So a row is written in the order of its memory, in runs as long as there are.
    """
    cdef Rect rects[LATEST_RECTS]   # by their left sides
    cdef const Painted* painted
    cdef const Rect* rect
    cdef int32_t count = 0, number, top = 0, bottom, left, right, changed
    while count < LATEST_RECTS and <uint64_t>count < damage.added:
        painted = damage.latest + (damage.added - 1 - count) % LATEST_RECTS
        if painted.frame <= since:
            break
        number = count
        while number and rects[number - 1].x > painted.rect.x:
            rects[number] = rects[number - 1]
            number -= 1
        rects[number] = painted.rect
        count += 1
    while top < surface.height:
        bottom = surface.height
        changed = left = right = 0
        for number in range(count):
            rect = &rects[number]
            if rect.y > top:
                bottom = min(bottom, rect.y)
            elif rect.y + rect.height > top:
                bottom = min(bottom, rect.y + rect.height)
                changed += max(rect.x + rect.width - max(rect.x, right), 0)
                right = max(right, rect.x + rect.width)
        right = 0
        if whole_lines(shown, changed, surface.width):
            copy_area(surface, luma, place, shown, pixels, 0, top, surface.width, bottom)
            top = bottom
            continue
        for number in range(count):
            rect = &rects[number]
            if rect.y > top or rect.y + rect.height <= top:
                continue
            if rect.x > right:
                copy_area(surface, luma, place, shown, pixels, left, top, right, bottom)
                left = rect.x
            right = max(right, rect.x + rect.width)
        copy_area(surface, luma, place, shown, pixels, left, top, right, bottom)
        top = bottom


cdef void publish_changes(
    const Surface* surface, const Luma* luma, const Damage* damage, uint64_t since, Observation* shown, uint8_t* pixels
) noexcept nogil:
    """Convert what was painted after `since`; 0 repaints the whole row. Grey comes from the levels, where there are any."""
    cdef Place place = place_of(surface, shown)
    if shown.resized:
        area_paint(&shown.area, surface, luma, place.x, place.y, damage, since, pixels)
        return
    if since == 0:
        if not fills(&place, shown):
            memset(pixels, 0, observation_bytes(shown))
        copy_area(surface, luma, &place, shown, pixels, 0, 0, surface.width, surface.height)
        if shown.streams:
            stores_settle()
        return
    if damage.forgotten > since:
        publish_tiles(surface, luma, damage, since, &place, shown, pixels)
    else:
        publish_rects(surface, luma, damage, since, &place, shown, pixels)
    if shown.streams:
        stores_settle()


cdef void publish_pool(const Surface* pool, Observation* shown, uint8_t* pixels) noexcept nogil:
    """The whole pool becomes the row."""
    cdef Place place
    if shown.resized:
        area_paint(&shown.area, pool, NULL, 0, 0, NULL, 0, pixels)
        return
    place.x = place.y = place.left = place.top = 0
    place.right, place.bottom = pool.width, pool.height
    copy_area(pool, NULL, &place, shown, pixels, 0, 0, pool.width, pool.height)
    if shown.streams:
        stores_settle()


cdef void pool_take(Surface* pool, const Surface* surface, const Observation* shown) noexcept nogil:
    """What is shown of the surface, as it is."""
    cdef Place place = place_of(surface, shown)
    cdef int32_t y
    if not fills(&place, shown):
        memset(pool.pixels, 0, <size_t>pool.stride_px * pool.height * sizeof(uint32_t))
    if place.left < place.right:
        for y in range(place.top, place.bottom):
            memcpy(
                pixel_at(pool, place.left + place.x, y + place.y), pixel_at(surface, place.left, y),
                <size_t>(place.right - place.left) * sizeof(uint32_t)
            )


cdef void pool_maximum(Surface* pool, const Surface* surface, const Observation* shown) noexcept nogil:
    """The larger of the pool and the surface; where the surface does not reach, the pool stays."""
    cdef Place place = place_of(surface, shown)
    cdef int32_t y
    if place.left < place.right:
        for y in range(place.top, place.bottom):
            maximum_row(
                pixel_at(pool, place.left + place.x, y + place.y), pixel_at(surface, place.left, y),
                place.right - place.left, shown.gray
            )


cdef bint damaged(const Damage* damage, const Rect* region, uint64_t since) noexcept nogil:
    """Whether a tile that touches `region` changed after frame `since`; an empty region means the whole screen."""
    if damage.added == 0 or damage.latest[(damage.added - 1) % LATEST_RECTS].frame <= since:
        return False
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


