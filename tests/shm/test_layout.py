"""One description of the segment, the same in C and in Python."""

import subprocess
import sys

import numpy as np
import pytest

from shm.layout import (
    CONTROL_DTYPE,
    ENTRY_DTYPE,
    LAYOUT_VERSION,
    PAGE_BYTES,
    RECORD_DTYPE,
    RowState,
    header_bytes,
    header_sizes,
    segment_bytes,
)

SIZES = (8, 768, 1024, 3, 4, 1024)


def test_dtypes_are_whole_cache_lines() -> None:
    assert (RECORD_DTYPE.itemsize % 64, ENTRY_DTYPE.itemsize, CONTROL_DTYPE.itemsize) == (
        0,
        64,
        256,
    )
    assert not any(name.startswith("pad") for name in RECORD_DTYPE.names or ())


def test_writers_of_a_control_block_share_no_cache_line() -> None:
    fields = CONTROL_DTYPE.fields
    assert fields is not None
    lines = {
        name: fields[name][1] // 64 for name in ("broker_fault", "heartbeat_ns", "tail", "head")
    }
    assert len(set(lines.values())) == 4


def test_record_fields_have_their_types() -> None:
    row = np.zeros(1, RECORD_DTYPE)[0]
    assert row["reward"].dtype == np.float64
    assert row["state"].dtype == np.uint64
    assert row["info"].shape == (256,)


def test_row_states_are_the_contract() -> None:
    assert [state.name for state in RowState] == ["EMPTY", "CLAIMED", "DONE", "ABANDONED"]
    assert RowState(2) is RowState.DONE


def test_header_says_what_it_was_made_of() -> None:
    sizes = header_sizes(header_bytes(*SIZES))
    assert tuple(sizes.values())[1:-1] == SIZES
    assert sizes["version"] == LAYOUT_VERSION
    assert sizes["total_bytes"] == segment_bytes(*SIZES)
    assert sizes["total_bytes"] % PAGE_BYTES == 0
    assert sizes["total_bytes"] > 8 * 5 * 768 * 1024 * 3


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (0, 0, "num_envs is 0"),
        (1, -1, "height is -1"),
        (3, 5, "channels is 5"),
        (4, 1, "slots is 1"),
        (5, 1000, "power of two"),
        (4, 60_000_000, "slots is 60000000"),
    ],
)
def test_impossible_sizes_are_refused(place: int, value: int, message: str) -> None:
    sizes = list(SIZES)
    sizes[place] = value
    with pytest.raises(ValueError, match=message):
        segment_bytes(*sizes)


def test_a_segment_beyond_all_addresses_is_refused() -> None:
    with pytest.raises(ValueError, match="128 TB"):
        segment_bytes(60_000, 30_000, 30_000, 4, 60_000, 1024)


@pytest.mark.parametrize(
    ("offset", "message"), [(0, "begin"), (17, "offsets"), (25, "slots|offsets"), (60, "offsets")]
)
def test_a_damaged_header_is_refused(offset: int, message: str) -> None:
    raw = bytearray(header_bytes(*SIZES))
    raw[offset] ^= 1
    with pytest.raises(ValueError, match=message):
        header_sizes(bytes(raw))


def test_workers_need_no_numpy() -> None:
    code = (
        "import sys, shm.layout, shm.view, shm.writer, shm.control, shm.segment, shm.doorbell\n"
        "print('numpy' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "False\n"
