"""A task's episodes and ticks, as its clients hear of them."""

import asyncio
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from fakes.counting_task import Gated, Limited, run, running

from envserver.rewarder import DesktopError, Outcome
from envserver.rewarder import runner as runners
from workers import rewarder_messages as messages


def test_the_first_episode_begins_by_itself() -> None:
    async def test() -> None:
        async with running() as one, one.peer() as peer:
            heard = [await peer.told()]
            while heard[-1] != ("running", 1):
                heard.append(await peer.told())
            assert one.task.setups == 1
            assert len(one.task.resets) == 1

    run(test())


def test_a_reset_says_goal_and_info_before_it_runs() -> None:
    async def test() -> None:
        async with running() as one, one.peer() as peer:
            while await peer.told() != ("running", 1):
                pass
            await peer.send(messages.RESET, {"seed": 5, "fps": 60, "options": {"level": 2}})
            assert await peer.told() == ("resetting", 2)
            assert await peer.told() == ("goal 2", 2)
            assert await peer.told() == (0.0, False, {"level": 1}, 2)
            assert await peer.told() == ("running", 2)
            assert await peer.told() == (messages.REPLY_RESET, 2)
            assert one.task.resets[-1] == (5, {"level": 2})

    run(test())


@pytest.mark.parametrize("asked", [{}, {"seed": 5}, {"options": {"level": 2}}])
def test_a_first_episode_that_nobody_saw_is_handed_over(asked: dict[str, Any]) -> None:
    async def test() -> None:
        async with running() as one:
            while one.runner.server.env_state != messages.RUNNING:
                await asyncio.sleep(0)
            async with one.peer() as peer:
                assert await peer.told() == ("running", 1)
                await peer.send(messages.RESET, {"fps": 60, **asked})
                if asked:
                    assert await peer.told() == ("resetting", 2)
                    return
                assert await peer.told() == ("goal 1", 1)
                assert await peer.told() == (0.0, False, {"level": 1}, 1)
                assert await peer.told() == ("running", 1)
                assert await peer.told() == (messages.REPLY_RESET, 1)
                assert len(one.task.resets) == 1
                await peer.send(messages.RESET, {"fps": 60})
                assert await peer.told() == ("resetting", 2)

    run(test())


@pytest.mark.parametrize("observer", [True, False])
def test_an_observer_leaves_the_first_episode_untouched(observer: bool) -> None:
    async def test() -> None:
        async with running("Gated") as one, one.peer(observer=observer) as early:
            assert isinstance(one.task, Gated)
            assert (await early.told())[0] == "resetting"
            one.task.gate.set()
            while await early.told() != ("running", 1):
                pass
            async with one.peer() as peer:
                assert await peer.told() == ("running", 1)
                await peer.send(messages.RESET, {"fps": 60})
                handed_over, anew = ("goal 1", 1), ("resetting", 2)
                assert await peer.told() == (handed_over if observer else anew)

    run(test())


def test_rewards_and_the_sequence_of_an_end() -> None:
    async def test() -> None:
        async with running() as one, one.peer() as peer:
            assert (await peer.reset(seed=1)).episode == 2
            found = [0.5, Outcome(0.0, info={"hint": "warm"}), None, Outcome(2, True, {"x": 1})]
            await one.call(lambda: one.task.found.extend(found))
            assert await peer.told() == (0.5, False, {}, 2)
            assert await peer.told() == (0.0, False, {"hint": "warm"}, 2)
            assert await peer.told() == (2, True, {"x": 1}, 2)
            assert await peer.told() == ("resetting", 3)
            assert await peer.told() == ("goal 3", 3)
            assert await peer.told() == (0.0, False, {"level": 1}, 3)
            assert await peer.told() == ("running", 3)
            await one.call(lambda: setattr(one.task, "over", True))
            assert await peer.told() == (0.0, True, {}, 3)
            assert await peer.told() == ("resetting", 4)

    run(test())


def test_numbers_may_be_numpys() -> None:
    async def test() -> None:
        async with running() as one, one.peer() as peer:
            await one.call(lambda: setattr(one.task, "in_reset", lambda: {"goal": np.zeros(2)}))
            await peer.send(messages.RESET, {"seed": 1})
            while (told := await peer.told())[0] != 0.0 or told[-1] != 2:
                pass
            assert told[2] == {"goal": [0.0, 0.0]}
            while (await peer.told())[0] != messages.REPLY_RESET:
                pass
            info = {"v": np.int64(3), "w": {"x": np.float32(0.25), "is": np.bool_(True)}}
            found = [np.float32(0.5), np.int64(1), Outcome(np.float64(2), np.bool_(True), info)]  # type: ignore[arg-type]
            await one.call(lambda: one.task.found.extend(found))
            assert (await peer.told())[:3] == (0.5, False, {})
            assert (await peer.told())[:3] == (1.0, False, {})
            plain = {"v": 3, "w": {"x": 0.25, "is": True}}
            assert (await peer.told())[:3] == (2.0, True, plain)

    run(test())


def test_a_flood_of_texts_is_cut() -> None:
    async def test() -> None:
        async with running() as one, one.peer() as peer:
            await peer.reset()
            task, most = one.task, runners.MOST_TEXTS

            def flood() -> float:
                for number in range(most + 23):
                    task.say(f"text {number}")
                return 1.0

            await one.call(lambda: task.found.extend([flood, lambda: task.say("calm"), 2.0]))
            told = [(await peer.told())[0] for _ in range(most + 4)]
            assert told[:most] == [f"text {number}" for number in range(most)]
            left_out = f"23 more texts were left out: a tick may say {most}"
            assert told[most:] == [left_out, 1.0, "calm", 2.0]

    run(test())


def test_one_seed_says_all_that_follows() -> None:
    async def seeds() -> list[int]:
        async with running() as one, one.peer() as peer:
            await peer.reset(seed=11)
            for _ in range(2):
                await peer.reset()
            return [seed for seed, _ in one.task.resets[-3:]]

    async def test() -> None:
        first, second = await seeds(), await seeds()
        assert first == second
        assert first[0] == 11
        assert len(set(first)) == 3

    run(test())


def test_a_time_limit_truncates() -> None:
    async def test() -> None:
        async with running("Limited") as one, one.peer() as peer:
            await peer.reset(seed=1)
            assert await peer.told() == (0.0, True, {"truncated": True}, 2)
            assert await peer.told() == ("resetting", 3)

    run(test())


@pytest.mark.parametrize("name", ["Counting", "Lasting"])
def test_the_environments_limit_goes_before_the_tasks(name: str) -> None:
    async def test() -> None:
        async with running(name, time_limit_s=0.05) as one, one.peer() as peer:
            await peer.reset(seed=1)
            assert await peer.told() == (0.0, True, {"truncated": True}, 2)

    run(test())


def test_a_desktop_that_fails_a_tick_ends_the_episode_with_a_reason() -> None:
    def gone() -> None:
        raise DesktopError("the browser is gone")

    async def test() -> None:
        async with running() as one, one.peer() as peer:
            assert (await peer.reset(seed=1)).episode == 2

            def plan() -> None:
                one.task.found.extend([1.0, gone])
                one.task.in_reset = lambda: one.task.found.append(gone)

            await one.call(plan)
            assert await peer.told() == (1.0, False, {}, 2)
            ended = {"truncated": True, "reason": "the browser is gone"}
            assert await peer.told() == (0.0, True, ended, 2)
            while await peer.told() != ("running", 3):
                pass
            # One that never gets as far as a good tick would begin anew for ever.
            assert (await one.runner.failed).endswith("DesktopError: the browser is gone")

    run(test())


def test_time_stands_still_while_nobody_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Limited, "time_limit_s", 100.0)
    later_s = 0.0
    monkeypatch.setattr(runners, "monotonic", lambda: time.monotonic() + later_s)

    async def test() -> None:
        nonlocal later_s
        async with running("Limited") as one:
            while one.runner.server.env_state != messages.RUNNING:
                await asyncio.sleep(0)
            assert one.task.ticks == 0
            later_s = 1000.0
            one.task.found += [0.5, 0.5]
            async with one.peer() as peer:
                assert await peer.told() == ("running", 1)
                for _ in range(2):
                    assert await peer.told() == (0.5, False, {}, 1)
                later_s = 2000.0
                assert await peer.told() == (0.0, True, {"truncated": True}, 1)

    run(test())


def test_a_task_is_woken_by_threads_descriptors_and_files() -> None:
    async def test() -> None:
        async with running("Slow") as one, one.peer() as peer:
            await peer.reset()
            read, write = os.pipe()

            async def ticks_after(what: Callable[[], Any]) -> None:
                await one.call(lambda: one.task.found.append(1.0))
                what()
                assert (await peer.told())[0] == 1.0

            await ticks_after(threading.Thread(target=one.task.wake).start)
            one.task.tick_on(read, lambda: os.read(read, 100))
            await ticks_after(lambda: os.write(write, b"x"))
            await ticks_after(lambda: os.write(write, b"x"))
            one.task.tick_on_change(one.task.desktop.home)
            await asyncio.sleep(0)
            await ticks_after(lambda: (one.task.desktop.home / "file").write_text("x"))
            os.close(write)
            os.close(read)

    run(test())


def test_pings_are_answered_while_a_reset_takes_its_time() -> None:
    async def test() -> None:
        async with running() as one, one.peer() as peer:
            await peer.reset(seed=1)
            gate = threading.Event()
            await one.call(lambda: setattr(one.task, "in_reset", gate.wait))
            await peer.send(messages.RESET, {"seed": None})
            assert await peer.told() == ("resetting", 3)
            await peer.send(messages.PING, {})
            assert (await peer.next()).method == messages.REPLY_PING
            one.task.in_reset = lambda: {}
            gate.set()
            while (await peer.told()) != (messages.REPLY_RESET, 3):
                pass

    run(test())
