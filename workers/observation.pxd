"""What a row shows of the screen: which part, how large, in colour or grey."""

from libc.stdint cimport int32_t

from cython_vnc.surface cimport Rect
from workers.area cimport Area

cdef struct Observation:
    # The session's screen; a desktop of another size is centred in it.
    int32_t screen_width, screen_height
    Rect crop                   # the part of it that is shown
    int32_t width, height       # of the row
    bint gray                   # one channel, else R, G, B
    bint streams                # rows are written past the cache, which all of them together would not fit
    bint resized                # by `area`
    bint small                  # so much that pictures of half the size would nearly do
    Area area

cdef enum:
    # Pixels of the screen to one of the row, each way, from which on it is small.
    SMALL_PX = 9

cdef inline Py_ssize_t observation_bytes(const Observation* shown) noexcept nogil:
    return <Py_ssize_t>shown.width * shown.height * (1 if shown.gray else 3)

cdef int observation_new(Observation* shown, int width, int height, int channels, screen, crop) except -1
