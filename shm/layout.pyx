"""The offsets of a segment, and its description for Python.

Importing this must not import NumPy: workers run without it.
"""

from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

cdef extern from *:
    """
    #define static_assert_true(truth) _Static_assert(truth, #truth)
    """
    void static_assert_true(bint truth) nogil

cdef enum:
    CACHE_LINE = 64
    # Bounds that keep every product below 2**63 and every index in 32 bits.
    MOST_ENVS = 1 << 16
    MOST_PIXELS = 1 << 15
    MOST_CHANNELS = 4
    MOST_SLOTS = 1 << 16
    MOST_ENTRIES = 1 << 20


cdef void sizes_check() noexcept nogil:
    """Hold at compile time what layout.pxd promises about cache lines."""
    static_assert_true(sizeof(Header) == 4 * CACHE_LINE)
    static_assert_true(sizeof(Entry) == CACHE_LINE)
    static_assert_true(sizeof(Control) == CONTROL_BYTES)
    static_assert_true(sizeof(Record) % CACHE_LINE == 0)
    static_assert_true(<size_t>&(<Header*>NULL).wake_seq % CACHE_LINE == 0)
    static_assert_true(<size_t>&(<Control*>NULL).heartbeat_ns == CACHE_LINE)
    static_assert_true(<size_t>&(<Control*>NULL).tail == 2 * CACHE_LINE)
    static_assert_true(<size_t>&(<Control*>NULL).head == 3 * CACHE_LINE)
    static_assert_true(<size_t>&(<Record*>NULL).info % CACHE_LINE == 0)


cdef inline uint64_t pages(uint64_t nbytes) noexcept nogil:
    return (nbytes + PAGE_BYTES - 1) & ~<uint64_t>(PAGE_BYTES - 1)


cdef void layout_fill(
    Header* header, uint32_t num_envs, uint32_t height, uint32_t width, uint32_t channels, uint32_t slots,
    uint32_t queue_entries,
) noexcept nogil:
    """Fill `header` for a segment of these sizes; they are within the bounds of `sizes`."""
    cdef uint64_t offset = pages(sizeof(Header))
    memset(header, 0, sizeof(Header))
    header.magic = SEGMENT_MAGIC
    header.version = LAYOUT_VERSION
    header.num_envs = num_envs
    header.slots = slots
    header.height = height
    header.width = width
    header.channels = channels
    header.queue_entries = queue_entries
    header.row_bytes = <uint64_t>height * width * channels
    header.wanted = 0xFFFFFFFF

    header.bitmap_offset = offset
    offset += pages((num_envs + 63) // 64 * 8)
    header.control_offset = offset
    header.control_stride = pages(CONTROL_BYTES + <uint64_t>queue_entries * sizeof(Entry))
    offset += num_envs * header.control_stride
    header.spare_offset = offset
    header.spare_stride = pages(header.row_bytes)
    offset += num_envs * header.spare_stride
    header.records_offset = offset
    header.records_slot_stride = pages(num_envs * sizeof(Record))
    offset += slots * header.records_slot_stride
    header.pixels_offset = offset
    header.pixels_slot_stride = pages(num_envs * header.row_bytes)
    header.total_bytes = offset + slots * header.pixels_slot_stride


cdef bint layout_equal(const Header* one, const Header* other) noexcept nogil:
    """Whether two headers describe the same memory; what changes while a session runs is not compared."""
    return memcmp(one, other, <size_t>&(<Header*>NULL).wake_seq) == 0


cdef int sizes(Header* header, int num_envs, int height, int width, int channels, int slots, int queue_entries) except -1:
    """Fill `header`, or raise ValueError for sizes that no segment has."""
    sizes_check()
    for name, value, least, most in (
        ("num_envs", num_envs, 1, MOST_ENVS),
        ("height", height, 1, MOST_PIXELS),
        ("width", width, 1, MOST_PIXELS),
        ("channels", channels, 1, MOST_CHANNELS),
        ("slots", slots, 2, MOST_SLOTS),
        ("queue_entries", queue_entries, 2, MOST_ENTRIES),
    ):
        if not least <= value <= most:
            raise ValueError(f"{name} is {value}, expected {least} to {most}")
    if queue_entries & (queue_entries - 1):
        raise ValueError(f"queue_entries is {queue_entries}, expected a power of two")
    # 2**16 * 2**32 bytes: num_envs * row_bytes * slots could pass 2**63.
    if num_envs * <double>height * width * channels * slots > 2.0 ** 47:
        raise ValueError(
            f"{num_envs} environments x {slots} slots of {width}x{height}x{channels} pass the 128 TB that a process can map"
        )
    layout_fill(header, num_envs, height, width, channels, slots, queue_entries)
    return 0


def segment_bytes(num_envs, height, width, channels, slots, queue_entries):
    cdef Header header
    sizes(&header, num_envs, height, width, channels, slots, queue_entries)
    return header.total_bytes


def header_bytes(num_envs, height, width, channels, slots, queue_entries):
    cdef Header header
    sizes(&header, num_envs, height, width, channels, slots, queue_entries)
    return (<const char*>&header)[:sizeof(Header)]


def header_sizes(bytes raw):
    cdef Header found, expected
    if len(raw) < <Py_ssize_t>sizeof(Header):
        raise ValueError(f"{len(raw)} bytes, a header has {sizeof(Header)}")
    memcpy(&found, <const char*>raw, sizeof(Header))
    if found.magic != SEGMENT_MAGIC:
        raise ValueError("it does not begin like a segment")
    result = {
        "version": found.version, "num_envs": found.num_envs, "height": found.height, "width": found.width,
        "channels": found.channels, "slots": found.slots, "queue_entries": found.queue_entries,
        "total_bytes": found.total_bytes,
    }
    if found.version == LAYOUT_VERSION:
        for name in ("num_envs", "height", "width", "channels", "slots", "queue_entries"):
            if result[name] > MOST_ENTRIES:
                raise ValueError(f"its header says {name} = {result[name]}")
        sizes(
            &expected, found.num_envs, found.height, found.width, found.channels, found.slots, found.queue_entries
        )
        if not layout_equal(&found, &expected):
            raise ValueError("its header has other offsets than its sizes give")
    return result


cdef dict made = {}


cdef object packed(object buffer):
    """The NumPy dtype of one struct, from the compiled struct's own description; padding left out."""
    import numpy

    whole = numpy.asarray(buffer).dtype
    names = [name for name in whole.names if not name.startswith("pad_")]
    return numpy.dtype({
        "names": names,
        "formats": [whole.fields[name][0] for name in names],
        "offsets": [whole.fields[name][1] for name in names],
        "itemsize": whole.itemsize,
    })


def record_dtype():
    cdef Record record
    if "record" not in made:
        made["record"] = packed(<Record[:1]>&record)
    return made["record"]


def entry_dtype():
    cdef Entry entry
    if "entry" not in made:
        made["entry"] = packed(<Entry[:1]>&entry)
    return made["entry"]


def control_dtype():
    cdef Control control
    if "control" not in made:
        made["control"] = packed(<Control[:1]>&control)
    return made["control"]


def __getattr__(name):
    if name == "RECORD_DTYPE":
        return record_dtype()
    if name == "ENTRY_DTYPE":
        return entry_dtype()
    if name == "CONTROL_DTYPE":
        return control_dtype()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
