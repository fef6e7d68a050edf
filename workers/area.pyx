"""Area averaging, on what changed only.

Theory of operation. An output pixel covers a rectangle of the source whose sides are rational; it is the mean of what lies
below it, each source pixel weighed by how much of it is covered. For each output row: the columns that touch a changed tile, as
runs; the lines below it added up column by column, for a run's columns (area.h, vectors); then each pixel's columns weighed and
added up. Grey is taken of the sums, which is the sum of the unrounded greys, where there are no levels of grey to sum up.
Nothing is kept from one output row to the next but the runs, so a pixel is always the same number, whatever changed beside it.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from cython_vnc.luma cimport Luma
from cython_vnc.surface cimport TILE_PX, Damage, Surface, pixel_at


cdef extern from "workers/convert.h" nogil:
    enum:
        GRAY_BITS

cdef inline double covered(int64_t pixel, int64_t part, int64_t source, int64_t count) noexcept nogil:
    """How much of a source pixel lies in one of `count` equal parts of `source` pixels."""
    return <double>(min((pixel + 1) * count, (part + 1) * source) - max(pixel * count, part * source)) / count


cdef inline area_span span_of(int64_t part, int64_t source, int64_t count) noexcept nogil:
    cdef area_span span
    span.first = <int32_t>(part * source // count)
    span.last = <int32_t>(((part + 1) * source - 1) // count)
    return span


cdef void columns_fill(Area* area) noexcept nogil:
    """Spans and weights along a row; the weights also turn sums into levels."""
    cdef double level = (<double>area.width * area.height) / (<double>area.source_width * area.source_height)
    cdef int32_t i, pixel
    cdef area_span span
    if area.gray:
        level /= 1 << GRAY_BITS
    for i in range(area.width):
        span = area.columns[i] = span_of(i, area.source_width, area.width)
        for pixel in range(span.first, span.last + 1):
            area.column_weights[i * area.room + pixel - span.first] = <float>(
                covered(pixel, i, area.source_width, area.width) * level
            )


cdef void lines_fill(Area* area) noexcept nogil:
    cdef int32_t i
    cdef area_span span
    for i in range(area.height):
        span = area.lines[i] = span_of(i, area.source_height, area.height)
        area.line_weights[2 * i] = <float>covered(span.first, i, area.source_height, area.height)
        area.line_weights[2 * i + 1] = <float>covered(span.last, i, area.source_height, area.height)


cdef bint area_new(Area* area, int32_t source_width, int32_t source_height, int32_t width, int32_t height, bint gray) noexcept nogil:
    cdef int64_t longest = min((source_width + width - 1) // width + 1, source_width)
    memset(area, 0, sizeof(Area))
    area.source_width, area.source_height = source_width, source_height
    area.width, area.height = width, height
    area.gray = gray
    area.vectors = area_has_vectors()
    area.room = (longest + AREA_LANES - 1) // AREA_LANES * AREA_LANES
    area.plane_px = source_width + area.room
    area.columns = <area_span*>calloc(width, sizeof(area_span))
    area.column_weights = <float*>calloc(width * <size_t>area.room, sizeof(float))
    area.lines = <area_span*>calloc(height, sizeof(area_span))
    area.line_weights = <float*>calloc(2 * <size_t>height, sizeof(float))
    area.sums = <float*>calloc((1 if gray else 3) * <size_t>area.plane_px, sizeof(float))
    area.runs = <Run*>calloc(width, sizeof(Run))
    if (
        area.columns == NULL or area.column_weights == NULL or area.lines == NULL or area.line_weights == NULL
        or area.sums == NULL or area.runs == NULL
    ):
        area_free(area)
        return False
    columns_fill(area)
    lines_fill(area)
    return True


cdef void area_free(Area* area) noexcept nogil:
    free(area.columns)
    free(area.column_weights)
    free(area.lines)
    free(area.line_weights)
    free(area.sums)
    free(area.runs)
    memset(area, 0, sizeof(Area))


cdef inline bint column_changed(const Damage* damage, int32_t column, int32_t top, int32_t bottom, uint64_t since) noexcept nogil:
    cdef const uint64_t* stamps = damage.changed_at + <Py_ssize_t>top * damage.columns + column
    cdef int32_t row
    for row in range(top, bottom + 1):
        if stamps[0] > since:
            return True
        stamps += damage.columns
    return False


cdef void runs_find(
    Area* area, const Surface* surface, int32_t x, const Damage* damage, int32_t top, int32_t bottom, uint64_t since
) noexcept nogil:
    """The output pixels that a changed tile of tile rows [top, bottom] touches."""
    cdef int32_t column, left, right
    cdef Run* run = area.runs
    area.run_count = 0
    while top <= bottom and not area.changed_rows[top]:
        top += 1
    while top <= bottom and not area.changed_rows[bottom]:
        bottom -= 1
    if top > bottom:
        return
    column = 0
    while column < damage.columns:
        if not column_changed(damage, column, top, bottom, since):
            column += 1
            continue
        left = max(column * TILE_PX + x, 0)
        while column < damage.columns and column_changed(damage, column, top, bottom, since):
            column += 1
        right = min(min(column * TILE_PX, surface.width) + x, area.source_width)
        if left >= right:
            continue
        left = <int32_t>(<int64_t>left * area.width // area.source_width)
        right = <int32_t>((<int64_t>right * area.width + area.source_width - 1) // area.source_width)
        if area.run_count and left <= run.end:
            run.end = right
            continue
        run = area.runs + area.run_count
        area.run_count += 1
        run.first = left
        run.end = right


cdef void levels_of(const area_lines* lines, const Surface* surface, const Luma* luma, area_levels* levels) noexcept nogil:
    """The lines of levels where those of pixels are."""
    levels.whole_lines, levels.stride_px = lines.whole_lines, luma.stride_px
    levels.first_weight, levels.last_weight = lines.first_weight, lines.last_weight
    # Both have rows of the same stride.
    levels.first = luma.levels + (lines.first - surface.pixels) if lines.first != NULL else NULL
    levels.last = luma.levels + (lines.last - surface.pixels) if lines.last != NULL else NULL
    levels.whole = luma.levels + (lines.whole - surface.pixels) if lines.whole != NULL else NULL


cdef void lines_of(const Area* area, const Surface* surface, int32_t y, int32_t line, area_lines* lines) noexcept nogil:
    """The lines of the surface below an output row."""
    cdef const area_span* span = area.lines + line
    cdef int32_t top = max(span.first, y), bottom = min(span.last, y + surface.height - 1)
    lines.stride_px = surface.stride_px
    lines.first = lines.last = lines.whole = NULL
    lines.first_weight = area.line_weights[2 * line]
    lines.last_weight = area.line_weights[2 * line + 1]
    if top == span.first and top <= bottom and lines.first_weight < 1:
        lines.first = pixel_at(surface, 0, top - y)
        top += 1
    if bottom == span.last and top <= bottom and lines.last_weight < 1:
        lines.last = pixel_at(surface, 0, bottom - y)
        bottom -= 1
    lines.whole_lines = max(bottom - top + 1, 0)
    if lines.whole_lines:
        lines.whole = pixel_at(surface, 0, top - y)


cdef void run_paint(
    Area* area, const Surface* surface, const Luma* luma, int32_t x, const area_lines* lines, const Run* run, uint8_t* target
) noexcept nogil:
    """Make the pixels of a run; `target` is the row's first byte."""
    cdef int32_t channel, planes = 1 if area.gray else 3
    cdef int32_t left = area.columns[run.first].first, right = area.columns[run.end - 1].last + 1
    cdef int32_t seen_left = max(left, x), seen_right = min(right, x + surface.width)
    cdef area_lines here = lines[0]
    cdef area_levels levels
    if seen_left > left or seen_right < right:
        for channel in range(planes):
            memset(area.sums + channel * area.plane_px, 0, (right - left) * sizeof(float))
    if seen_left < seen_right:
        if here.first != NULL:
            here.first += seen_left - x
        if here.last != NULL:
            here.last += seen_left - x
        if here.whole != NULL:
            here.whole += seen_left - x
        if luma != NULL:
            levels_of(&here, surface, luma, &levels)
            area_level_columns(&levels, seen_right - seen_left, area.sums + (seen_left - left), area.vectors)
        else:
            area_columns(&here, seen_right - seen_left, area.sums + (seen_left - left), area.plane_px, area.gray, area.vectors)
    for channel in range(planes):
        area_pixels(
            area.columns + run.first, area.column_weights + run.first * area.room, area.room, run.end - run.first,
            area.sums + channel * area.plane_px, left, target + run.first * planes + channel, planes, area.vectors
        )


cdef void rows_look(Area* area, const Damage* damage, uint64_t since) noexcept nogil:
    """Which rows of tiles have one that changed."""
    cdef int32_t row
    cdef Py_ssize_t column
    cdef uint64_t newer
    cdef const uint64_t* stamps = damage.changed_at
    for row in range(min(damage.rows, <int32_t>MOST_TILES)):
        newer = 0
        for column in range(damage.columns):
            newer |= stamps[column] > since
        area.changed_rows[row] = <uint8_t>newer
        stamps += damage.columns


cdef void area_paint(
    Area* area, const Surface* surface, const Luma* luma, int32_t x, int32_t y, const Damage* damage, uint64_t since, uint8_t* pixels
) noexcept nogil:
    """Make the pixels that a tile with `changed_at > since` touches; `since` 0: all."""
    cdef int32_t line, index, top, bottom, seen_top = -1, seen_bottom = -1
    cdef Py_ssize_t row_bytes = <Py_ssize_t>area.width * (1 if area.gray else 3)
    cdef area_lines lines
    if since == 0:
        area.run_count = 1
        area.runs[0].first, area.runs[0].end = 0, area.width
    else:
        rows_look(area, damage, since)
    for line in range(area.height):
        if since != 0:
            bottom = min(area.lines[line].last - y, surface.height - 1)
            if bottom < 0 or area.lines[line].first - y >= surface.height:
                continue
            top = max(area.lines[line].first - y, 0) // TILE_PX
            bottom //= TILE_PX
            if top != seen_top or bottom != seen_bottom:
                runs_find(area, surface, x, damage, top, bottom, since)
                seen_top, seen_bottom = top, bottom
        if area.run_count == 0:
            continue
        lines_of(area, surface, y, line, &lines)
        for index in range(area.run_count):
            run_paint(area, surface, luma, x, &lines, area.runs + index, pixels + line * row_bytes)
