"""Bounds of two clocks' difference, from pings."""

from hypothesis import given
from hypothesis import strategies as st

from workers.clock import ClockOffset

TIMES = st.integers(0, 10**9)


@given(st.integers(-(10**18), 10**18), st.lists(st.tuples(TIMES, TIMES, TIMES), min_size=1))
def test_bounds_hold_and_only_narrow(offset_ns: int, pings: list[tuple[int, int, int]]) -> None:
    clock = ClockOffset()
    width_ns = None
    for sent_ns, there_ns, back_ns in pings:
        stamp_ns = sent_ns + there_ns - offset_ns
        clock.add(sent_ns, stamp_ns, sent_ns + there_ns + back_ns)
        assert clock.low_ns <= offset_ns <= clock.high_ns
        assert width_ns is None or clock.high_ns - clock.low_ns <= width_ns
        width_ns = clock.high_ns - clock.low_ns
    assert clock.pings == len(pings)


def test_a_clock_that_was_set_begins_anew() -> None:
    clock = ClockOffset()
    clock.add(100, 50, 110)
    assert (clock.low_ns, clock.high_ns) == (50, 60)
    clock.add(200, 1000, 210)
    assert (clock.low_ns, clock.high_ns) == (-800, -790)
    clock.forget()
    clock.add(300, 0, 400)
    assert (clock.low_ns, clock.high_ns, clock.pings) == (300, 400, 1)
