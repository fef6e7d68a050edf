"""When a row is due, and what it says at the end of an episode."""

import socket
import time
from typing import Any

import msgpack
import numpy as np
import pytest

from workers.entries import Due, EntryKind, Fault, Flag, Phase
from workers.mail import Letter

FUTURE_NS = 3_600_000_000_000
RED = np.full((8, 8, 3), (255, 0, 0), np.uint8)


def reward(rig: Any, episode: int, value: float, done: bool = False, **info: Any) -> None:
    packed = msgpack.packb(info) if info else b""
    assert rig.hot.post_reward(Letter.REWARD, 0, episode, value, done, False, 0, packed, 0)


def tell(rig: Any, number: int, replaces: int, **info: Any) -> None:
    """An info of episode 1."""
    packed = msgpack.packb(info)
    mail = (Letter.REWARD, 0, 1, 0.0, False, False, 0, packed, number, replaces)
    assert rig.hot.post_reward(*mail)


def infos_of(record: Any) -> list[dict[str, Any]]:
    unpacker = msgpack.Unpacker()
    unpacker.feed(bytes(record["info"][: record["info_bytes"]]))
    return list(unpacker)


def end(rig: Any, episode: int, value: float = 0.0) -> None:
    """The remote says done, and the hot thread has heard it: a row that is due shows it."""
    reward(rig, episode, value, done=True)


def test_now_shows_what_has_arrived(make_rig: Any) -> None:
    rig, screen = make_rig()
    screen.paint(3, 5, RED)
    record = rig.step(due=Due.NOW, value=7)
    assert np.array_equal(rig.picture(), screen.pixels)
    assert (record["action"], record["episode"], record["resetting"]) == (7, 1, 0)
    assert record["published_ns"] >= record["pixel_ns"] > 0


def test_at_waits_for_its_time(make_rig: Any) -> None:
    rig, _ = make_rig()
    due_ns = time.monotonic_ns() + 30_000_000
    record = rig.step(due=Due.AT, due_ns=due_ns)
    assert record["published_ns"] >= due_ns
    assert record["due_ns"] == due_ns


def test_changed_waits_for_damage_in_its_region(make_rig: Any) -> None:
    rig, screen = make_rig()
    late_ns = time.monotonic_ns() + FUTURE_NS
    step = rig.ask(due=Due.CHANGED, due_ns=late_ns, x=32, y=16, width=16, height=16)
    rig.until_taken()
    screen.paint(0, 0, RED)
    screen.paint(40, 20, RED)
    record = rig.answer(step)
    assert record["updates"] >= 4
    assert np.array_equal(rig.picture(), screen.pixels)
    step = rig.ask(
        due=Due.CHANGED, due_ns=time.monotonic_ns() + 40_000_000, x=32, y=16, width=16, height=16
    )
    screen.paint(0, 0, RED)
    record = rig.answer(step)
    assert record["published_ns"] >= record["due_ns"]


def test_changed_sees_what_a_tap_changes_before_its_release(make_rig: Any) -> None:
    rig, screen = make_rig()
    rig.put(EntryKind.KEY, argument=0x61, value=1)
    rig.put(EntryKind.KEY, argument=0x61, value=0, offset_us=40_000)
    step = rig.ask(due=Due.CHANGED, due_ns=time.monotonic_ns() + FUTURE_NS)
    assert screen.hear() == ("key", (0x61, True))
    screen.paint(0, 0, RED)
    record = rig.answer(step)
    assert screen.hear() == ("key", (0x61, False))
    assert record["published_ns"] >= record["action_ns"]


def test_quiet_waits_until_nothing_changes(make_rig: Any) -> None:
    rig, screen = make_rig()
    late_ns = time.monotonic_ns() + FUTURE_NS
    step = rig.ask(due=Due.QUIET, quiet_ns=30_000_000, due_ns=late_ns)
    screen.paint(0, 0, RED)
    record = rig.answer(step)
    assert record["published_ns"] - record["pixel_ns"] >= 30_000_000
    assert np.array_equal(rig.picture(), screen.pixels)


def test_events_leave_in_order_at_their_offsets(make_rig: Any) -> None:
    rig, screen = make_rig()
    rig.put(EntryKind.KEY, argument=0x61, value=1)
    rig.put(EntryKind.KEY, argument=0x61, value=0, offset_us=40_000)
    rig.put(EntryKind.POINTER, x=5, y=6, argument=1)
    sent_ns = time.monotonic_ns()
    record = rig.step(due=Due.NOW)
    assert [screen.hear() for _ in range(3)] == [
        ("key", (0x61, True)), ("key", (0x61, False)), ("pointer", (5, 6, 1)),
    ]  # fmt: skip
    assert record["action_ns"] - sent_ns >= 40_000_000
    assert record["published_ns"] >= record["action_ns"]


def test_reset_releases_what_is_held(make_rig: Any) -> None:
    rig, screen = make_rig()
    rig.put(EntryKind.KEY, argument=0xFF51, value=1)
    rig.put(EntryKind.POINTER, x=1, y=2, argument=4)
    rig.step()
    rig.put(EntryKind.RESET, step=2)
    heard = [screen.hear() for _ in range(4)]
    assert heard[2:] == [("key", (0xFF51, False)), ("pointer", (1, 2, 0))]


def test_stop_releases_what_is_held(make_rig: Any) -> None:
    rig, screen = make_rig()
    rig.put(EntryKind.KEY, argument=0xFF51, value=1)
    rig.step()
    rig.stop_worker()
    assert [screen.hear(), screen.hear()] == [("key", (0xFF51, True)), ("key", (0xFF51, False))]


def test_no_event_from_before_a_reset_leaves_after_it(make_rig: Any) -> None:
    rig, screen = make_rig()
    rig.put(EntryKind.KEY, argument=0x61, value=1, offset_us=3_000_000)
    rig.step(due=Due.AT, due_ns=time.monotonic_ns())
    rig.reset(2, screen)
    rig.put(EntryKind.KEY, argument=0x62, value=1)
    rig.step()
    assert screen.hear() == ("key", (0x62, True))


def test_rewards_add_up_and_belong_to_their_episode(make_rig: Any) -> None:
    rig, _ = make_rig()
    for episode, value in ((1, 1.5), (0, 100.0), (1, 2.0)):
        reward(rig, episode, value, lives=3)
    record = rig.step()
    assert record["reward"] == 3.5
    assert infos_of(record) == [{"lives": 3}, {"lives": 3}]
    assert rig.step()["reward"] == 0


def test_infos_of_a_row_are_all_there(make_rig: Any) -> None:
    rig, _ = make_rig()
    for number, (text, replaces) in enumerate((("one", 0), ("two", 0), ("three", 2), ("no", 1))):
        tell(rig, number + 1, replaces, text=[text])
    record = rig.step()
    # The third took the place of the second; the fourth names one that is not the last.
    assert infos_of(record) == [{"text": ["one"]}, {"text": ["three"]}, {"text": ["no"]}]
    tell(rig, 5, 4, lives=2)
    assert infos_of(rig.step()) == [{"lives": 2}]
    assert infos_of(rig.step()) == []


def test_too_many_infos_are_told_by_number(make_rig: Any) -> None:
    rig, _ = make_rig()
    for number in range(7, 13):
        tell(rig, number, 0, text=["x" * 60])
    record = rig.step()
    assert record["flags"] & Flag.INFO_ELSEWHERE
    assert record["info_bytes"] == 0
    step, told = rig.letter(Letter.INFO_PUBLISHED)
    assert (step, told >> 16, told & 0xFFFF) == (rig.now, 12, 5)
    tell(rig, 13, 12, text=["y"])
    assert infos_of(rig.step()) == [{"text": ["y"]}]


def test_infos_before_the_first_picture_are_in_the_first_row(make_rig: Any) -> None:
    rig, screen = make_rig()
    rig.put(EntryKind.RESET, step=2)
    step = rig.ask()
    assert rig.letter(Letter.RESET_WANTED)[0] == 2
    assert rig.hot.post_reward(
        Letter.REWARD, 0, 2, 0.5, False, False, 0, msgpack.packb({"goal": "up"}), 1
    )
    assert rig.hot.post(Letter.RUNNING, 2, 2)
    rig.first_picture(screen, 2)
    record = rig.answer(step)
    assert (record["reward"], infos_of(record)) == (0.0, [{"goal": "up"}])
    record = rig.step()
    assert (record["reward"], infos_of(record)) == (0.5, [])


def test_a_row_that_is_due_waits_for_a_reward_that_has_arrived(make_rig: Any) -> None:
    rig, _ = make_rig()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        rig.hot.watch_rewarder(ours.fileno(), 10**10)
        # Unread in the socket; then read and not posted; then posted.
        theirs.send(b"x")
        step = rig.ask(due=Due.AT, due_ns=time.monotonic_ns())
        assert rig.ring.wait(step, 1, time.monotonic_ns() + 20_000_000) == 0
        rig.hot.reads_rewarder(True)
        assert ours.recv(1) == b"x"
        assert rig.ring.wait(step, 1, time.monotonic_ns() + 20_000_000) == 0
        reward(rig, 1, 2.5)
        rig.hot.reads_rewarder(False)
        assert rig.answer(step)["reward"] == 2.5
        # One that never is posted holds nothing up for longer than it may.
        rig.hot.watch_rewarder(ours.fileno(), 1_500_000)
        theirs.send(b"x")
        due_ns = time.monotonic_ns()
        record = rig.step(due=Due.AT, due_ns=due_ns)
        assert record["published_ns"] - due_ns >= 1_500_000
        rig.hot.watch_rewarder(-1)


def test_large_info_is_kept_elsewhere(make_rig: Any) -> None:
    rig, _ = make_rig()
    packed = msgpack.packb({"text": "x" * 1000})
    assert rig.hot.post_reward(Letter.REWARD, 0, 1, 1.0, False, False, 0, packed, 42)
    record = rig.step()
    assert record["flags"] & Flag.INFO_ELSEWHERE
    assert rig.letter(Letter.INFO_PUBLISHED) == (rig.now, 42 << 16)


def test_next_step_ends_then_shows_the_next_episode(make_rig: Any) -> None:
    rig, screen = make_rig(autoreset="next_step")
    screen.paint(0, 0, RED)
    end(rig, 1, 2.0)
    record = rig.step()
    terminal = screen.pixels.copy()
    assert (record["terminated"], record["truncated"], record["reward"]) == (1, 0, 2.0)
    assert np.array_equal(rig.picture(), terminal)
    step = rig.ask()
    assert rig.hot.post(Letter.RUNNING, 0, 2)
    rig.first_picture(screen, 2)
    reward(rig, 2, 5.0)
    record = rig.answer(step)
    assert (record["terminated"], record["reward"], record["episode"]) == (0, 0.0, 2)
    assert np.array_equal(rig.picture(), screen.pixels)
    assert rig.step()["reward"] == 5.0


def test_terminal_picture_is_frozen_when_the_remote_goes_on(make_rig: Any) -> None:
    rig, screen = make_rig(autoreset="next_step")
    screen.paint(0, 0, RED)
    terminal = screen.pixels.copy()
    end(rig, 1)
    assert rig.hot.post(Letter.RUNNING, 0, 2)
    # The hot thread reads its letters before it looks at the queue.
    rig.put(EntryKind.KEY, argument=0x61, value=1)
    rig.until_taken()
    screen.paint_all(9)
    record = rig.step()
    assert record["terminated"]
    assert np.array_equal(rig.picture(), terminal)
    step = rig.ask()
    rig.first_picture(screen, 10)
    assert rig.answer(step)["episode"] == 2
    assert np.array_equal(rig.picture(), screen.pixels)


def test_same_step_gives_both_pictures(make_rig: Any) -> None:
    rig, screen = make_rig(autoreset="same_step")
    screen.paint(0, 0, RED)
    terminal = screen.pixels.copy()
    reward(rig, 1, 3.0, done=True, score=9)
    step = rig.ask()
    rig.until(lambda: rig.ring.control(0)["phase"] == Phase.RESETTING)
    assert rig.hot.post(Letter.RUNNING, 0, 2)
    rig.first_picture(screen, 2)
    record = rig.answer(step)
    assert (record["terminated"], record["reward"], record["episode"]) == (1, 3.0, 2)
    assert record["flags"] & Flag.HAS_FINAL
    assert record["final_episode"] == 1
    assert msgpack.unpackb(bytes(record["final_info"][: record["final_info_bytes"]])) == {
        "score": 9
    }
    assert np.array_equal(rig.picture(), screen.pixels)
    assert np.array_equal(rig.ring.spare(0), terminal)
    assert not rig.step()["terminated"]


def test_disabled_waits_for_a_reset(make_rig: Any) -> None:
    rig, screen = make_rig(autoreset="disabled")
    end(rig, 1)
    assert rig.step()["terminated"]
    assert rig.step()["resetting"]
    assert rig.ring.control(0)["phase"] == Phase.ENDED
    record = rig.reset(2, screen)
    assert (record["resetting"], record["episode"]) == (0, 2)


def test_mask_never_waits(make_rig: Any) -> None:
    rig, screen = make_rig(autoreset="next_step", while_resetting="mask")
    end(rig, 1)
    assert rig.step()["terminated"]
    last = rig.picture().copy()
    screen.paint_all(77)
    record = rig.step()
    assert (record["resetting"], record["reward"], record["terminated"]) == (1, 0.0, 0)
    assert np.array_equal(rig.picture(), last)
    assert rig.hot.post(Letter.RUNNING, 0, 2)
    rig.first_picture(screen, 3)
    while rig.step()["resetting"]:
        pass
    assert np.array_equal(rig.picture(), screen.pixels)


@pytest.mark.parametrize("autoreset", ["next_step", "disabled"])
def test_fault_truncates_once_with_the_last_good_picture(make_rig: Any, autoreset: str) -> None:
    rig, screen = make_rig(autoreset=autoreset, while_resetting="mask")
    rig.step()
    good = rig.picture().copy()
    reward(rig, 1, 4.0)
    screen.server.close()
    rig.letter(Letter.BROKEN)
    assert rig.hot.post(Letter.LOST, Fault.CONNECTION_LOST)
    record = rig.step()
    assert (record["truncated"], record["terminated"]) == (1, 0)
    assert record["fault"] == Fault.CONNECTION_LOST
    assert np.array_equal(rig.picture(), good)
    record = rig.step()
    assert (record["truncated"], record["resetting"], record["reward"]) == (0, 1, 0.0)


def test_step_limit_truncates_and_asks_for_a_reset(make_rig: Any) -> None:
    rig, _ = make_rig(autoreset="next_step", max_episode_steps=3)
    assert [int(rig.step()["truncated"]) for _ in range(3)] == [0, 0, 1]
    assert rig.letter(Letter.RESET_WANTED) == (0, 1)


def test_hold_repeats_the_row_and_keeps_rewards(make_rig: Any) -> None:
    rig, screen = make_rig()
    rig.step()
    before = rig.picture().copy()
    screen.paint_all(5)
    reward(rig, 1, 1.0)
    assert rig.step(kind=EntryKind.HOLD)["reward"] == 0
    assert np.array_equal(rig.picture(), before)
    assert rig.step()["reward"] == 1.0
    assert np.array_equal(rig.picture(), screen.pixels)


def test_row_given_up_is_not_written(make_rig: Any) -> None:
    rig, screen = make_rig()
    step = rig.ask(due=Due.AT, due_ns=time.monotonic_ns() + FUTURE_NS)
    assert rig.ring.abandon(step, 0)
    rig.ring.fill_abandoned(step, 0)
    kept = rig.picture(step).copy()
    screen.paint_all(6)
    assert rig.step()["late"] == 0
    assert np.array_equal(rig.picture(step), kept)
    assert np.array_equal(rig.picture(), screen.pixels)
