"""Updates that waited and cannot be decoded: whatever ends then, ends on the last good picture."""

from typing import Any

import numpy as np
import pytest
from fakes.hot_rig import HotRig, Picture, Screen
from fakes.server_bytes import raw, rectangle, update
from reference.rfb_decoders import TIGHT

from workers.entries import Fault
from workers.mail import Letter

WIDTH, HEIGHT = 64, 48
RED = b"\x00\x00\xff\x00"


def crowded(rig: HotRig, screen: Screen) -> Picture:
    """Two updates a row, so that the next wait; returns what the last row shows."""
    for count in range(4):
        before = int(rig.ring.control(0)["updates"])
        screen.paint_all(10 + count)
        screen.paint_all(20 + count)
        until_updates(rig, before + 2)
        rig.step()
    assert np.array_equal(rig.picture(), screen.pixels)
    return rig.picture().copy()


def until_updates(rig: HotRig, count: int) -> None:
    rig.until(lambda: bool(rig.ring.control(0)["updates"] >= count))


def send_broken(rig: HotRig, screen: Screen) -> None:
    """An update whose first half is painted before the second turns out to be none."""
    before = int(rig.ring.control(0)["updates"])
    left = raw(0, 0, WIDTH // 2, HEIGHT, RED)
    right = rectangle(WIDTH // 2, 0, WIDTH // 2, HEIGHT, TIGHT, b"\x90\x07no JPEG")
    screen.server.sendall(update(left, right))
    until_updates(rig, before + 1)


def end(rig: HotRig) -> None:
    assert rig.hot.post_reward(Letter.REWARD, 0, 1, 1.0, True, False, 0, b"", 0)


def test_an_end_on_half_an_update_shows_the_row_before(make_rig: Any) -> None:
    rig, screen = make_rig(autoreset="next_step")
    shown = crowded(rig, screen)
    send_broken(rig, screen)
    end(rig)
    # The end is noticed, and with it what is wrong, before a row is asked for.
    rig.letter(Letter.BROKEN)
    record = rig.step()
    assert (record["terminated"], record["fault"], record["reward"]) == (1, 0, 1)
    assert np.array_equal(rig.picture(), shown)


def test_the_same_with_both_pictures_in_a_row(make_rig: Any) -> None:
    rig, screen = make_rig(autoreset="same_step", while_resetting="mask")
    shown = crowded(rig, screen)
    send_broken(rig, screen)
    end(rig)
    rig.letter(Letter.BROKEN)
    record = rig.step()
    assert (record["final_reward"], record["fault"]) == (1, 0)
    assert np.array_equal(rig.picture(), shown)
    assert np.array_equal(rig.ring.spare(0), shown)


@pytest.mark.parametrize("autoreset", ["next_step", "same_step"])
def test_an_end_after_the_server_broke(make_rig: Any, autoreset: str) -> None:
    rig, screen = make_rig(autoreset=autoreset, while_resetting="mask")
    shown = crowded(rig, screen)
    send_broken(rig, screen)
    step = rig.ask()
    rig.letter(Letter.BROKEN)
    end(rig)
    record = rig.answer(step)
    assert record["fault"] == 0
    assert np.array_equal(rig.picture(), shown)


def test_a_fault_after_half_an_update(make_rig: Any) -> None:
    rig, screen = make_rig(autoreset="same_step", while_resetting="mask")
    shown = crowded(rig, screen)
    send_broken(rig, screen)
    assert rig.hot.post(Letter.LOST, Fault.REWARDER_LOST)
    record = rig.step()
    assert (record["truncated"], record["fault"]) == (1, Fault.REWARDER_LOST)
    assert np.array_equal(rig.picture(), shown)
