"""The figures of a run, from records with known times."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from envserver.demo import Measurement, percentiles
from shm.layout import RECORD_DTYPE

MS = 1_000_000
PERIOD_NS = 20 * MS


def rows(tick: int, **columns: Any) -> NDArray[np.void]:
    """Two good rows of a tick at 50 a second, with other columns where given."""
    due_ns = (tick + 1) * PERIOD_NS + 1000 * MS
    records = np.zeros(2, RECORD_DTYPE)
    records["due_ns"] = due_ns
    records["server_ns"] = due_ns - 5 * MS
    records["updates"] = tick + 1
    for name, value in columns.items():
        records[name] = value
    return records


def measured(*ticks: NDArray[np.void], late_return_ms: dict[int, int] | None = None) -> Measurement:
    measurement = Measurement(2, 50.0)
    for number, records in enumerate(ticks):
        returned_ns = int(records["due_ns"][0]) + (late_return_ms or {}).get(number, 1) * MS
        measurement.tick(records, number % 2, returned_ns - 19 * MS, returned_ns)
    return measurement


def test_good_ticks_are_on_time() -> None:
    measurement = measured(*(rows(tick) for tick in range(11)))
    assert measurement.ticks_on_time() == 1.0
    assert measurement.updates_per_env_s() == pytest.approx(50.0)
    assert measurement.seen_per_env_s() == pytest.approx(50.0)
    assert measurement.frame_age_ms() == {"p50": 6.0, "p99": 6.0}
    assert percentiles(measurement.step_ms) == {"p50": 19.0, "p99": 19.0}
    assert measurement.faults == 5


def test_a_late_return_is_not_on_time() -> None:
    measurement = measured(*(rows(tick) for tick in range(11)), late_return_ms={3: 5})
    assert measurement.ticks_on_time() == pytest.approx(0.9)


def test_a_late_row_is_not_on_time() -> None:
    ticks = [rows(tick, late=[0, 1] if tick == 2 else 0) for tick in range(11)]
    assert measured(*ticks).ticks_on_time() == pytest.approx(0.9)


def test_a_skipped_tick_is_not_on_time() -> None:
    ticks = [rows(tick) for tick in range(11) if tick != 5]
    assert measured(*ticks).ticks_on_time() == pytest.approx(0.9)


def test_a_still_screen_is_on_time() -> None:
    ticks = [rows(tick, server_ns=900 * MS, updates=1) for tick in range(11)]
    measurement = measured(*ticks)
    assert measurement.ticks_on_time() == 1.0
    assert measurement.updates_per_env_s() == 0.0


@pytest.mark.parametrize(("sent_before_due_ms", "on_time"), [(19, 1.0), (21, 0.9)])
def test_a_row_has_what_was_sent_20_ms_before(sent_before_due_ms: int, on_time: float) -> None:
    # The screen was still until an update that the row of tick 4 lacks and the row of tick 5 has.
    missed_ns = int(rows(4)["due_ns"][0]) - sent_before_due_ms * MS
    ticks = [rows(tick, server_ns=900 * MS, updates=1) for tick in range(5)]
    ticks += [rows(tick, server_ns=missed_ns, updates=2) for tick in range(5, 11)]
    assert measured(*ticks).ticks_on_time() == pytest.approx(on_time)


def test_what_the_stamps_do_not_settle_is_not_on_time() -> None:
    ticks = [rows(tick, server_ns=900 * MS, updates=1) for tick in range(5)]
    ticks += [rows(tick, updates=3) for tick in range(5, 11)]
    assert measured(*ticks).ticks_on_time() == pytest.approx(0.9)


def test_ticks_that_are_excused_do_not_count() -> None:
    measurement = measured(*(rows(tick) for tick in range(11)), late_return_ms={4: 5, 6: 5})
    assert measurement.ticks_on_time() == pytest.approx(0.8)
    due_ns = int(rows(4)["due_ns"][0])
    excused = measurement.ticks_on_time(lambda times_ns: abs(times_ns - due_ns) < MS)
    assert excused == pytest.approx(8 / 9)
    assert measurement.ticks_on_time(lambda times_ns: times_ns > 0) == 0


def test_two_updates_between_two_ticks_are_seen_as_one() -> None:
    measurement = measured(*(rows(tick, updates=tick // 2 * 2) for tick in range(11)))
    assert measurement.updates_per_env_s() == pytest.approx(50.0)
    assert measurement.seen_per_env_s() == pytest.approx(25.0)


def test_the_environment_with_the_fewest_counts() -> None:
    measurement = measured(*(rows(tick, updates=[tick, 5 * tick]) for tick in range(11)))
    assert measurement.updates_per_env_s() == pytest.approx(50.0)


def test_a_server_without_stamps_has_no_frame_age() -> None:
    measurement = measured(*(rows(tick, server_ns=0) for tick in range(3)))
    assert measurement.frame_age_ms() is None
