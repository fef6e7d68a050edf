"""A rewarder that goes over to another environment's task, and what it leaves behind."""

import os
from typing import Any

import pytest
from fakes.counting_task import Counting, Fragile, Other, run, running

import envserver.rewarder.runner as runners
from envserver.rewarder import Desktop, TaskError
from envserver.rewarder.loading import Switch
from workers import rewarder_messages as messages

KNOWN = {
    "rt.A-v0": Switch("fakes.counting_task:Counting"),
    "rt.B-v0": Switch("fakes.counting_task:Other", time_limit_s=0.05),
    "rt.D-v0": Switch("fakes.counting_task:Other", screen=(375, 667)),
    "rt.E-v0": Switch("fakes.counting_task:Fragile"),
    "rt.F-v0": Switch("fakes.counting_task:Unmade"),
    "rt.W-v0": Switch("fakes.counting_task:Watching"),
    "rt.X-v0": Switch("fakes.counting_task:Watching"),
}


@pytest.fixture(autouse=True)
def runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    def find_switch(env_id: str, current: str | None) -> Switch:
        if env_id not in KNOWN:
            raise TaskError(f"no {env_id}")
        return KNOWN[env_id]

    monkeypatch.setattr(runners, "find_switch", find_switch)
    monkeypatch.setattr(Desktop, "size", lambda self: (160, 210))


def inotify_instances() -> int:
    count = 0
    for name in os.listdir("/proc/self/fd"):
        try:
            count += os.readlink(f"/proc/self/fd/{name}") == "anon_inode:inotify"
        except FileNotFoundError:  # the listing's own
            continue
    return count


def test_another_environment_of_the_runtime_is_switched_to() -> None:
    async def test() -> None:
        async with running(env_id="rt.A-v0") as one, one.peer() as peer:
            await peer.reset(env_id="rt.A-v0")
            old = one.task
            reply = await peer.reset(env_id="rt.C-v0")
            assert (reply.method, reply.body["message"]) == (messages.REPLY_ERROR, "no rt.C-v0")
            assert one.runner.server.env_state == messages.RUNNING
            refusal = (await peer.reset(env_id="rt.D-v0")).body["message"]
            assert refusal.startswith("rt.D-v0 needs a screen of 375x667, this desktop has 160x210")
            assert (one.task, one.runner.server.env_id) == (old, "rt.A-v0")
            await peer.send(messages.RESET, {"seed": None, "env_id": "rt.B-v0"})
            message = await peer.next()
            while message.method != messages.DESCRIBE:
                message = await peer.next()
            assert message.body == {"env_id": "rt.B-v0", "env_state": "resetting", "fps": 30.0}
            while (await peer.told())[0] != messages.REPLY_RESET:
                pass
            assert (type(one.task), one.task.setups, old.closes) == (Other, 1, 1)
            assert await peer.told() == (0.0, True, {"truncated": True}, 3)  # its time limit

    run(test())


def test_switching_to_and_fro_leaves_no_watch_behind() -> None:
    async def test() -> None:
        before = inotify_instances()
        async with running("Watching", env_id="rt.W-v0") as one, one.peer() as peer:
            await peer.reset()
            assert inotify_instances() == before + 1
            for env_id in ("rt.X-v0", "rt.W-v0", "rt.X-v0"):
                assert (await peer.reset(env_id=env_id)).method == messages.REPLY_RESET
                assert inotify_instances() == before + 1
            assert (await peer.reset(env_id="rt.A-v0")).method == messages.REPLY_RESET
            assert inotify_instances() == before
            await peer.reset(env_id="rt.W-v0")
        assert inotify_instances() == before

    run(test())


@pytest.mark.parametrize("then", ["rt.E-v0", "rt.A-v0", None])
def test_a_task_that_could_not_be_set_up_is_set_up_by_the_next_reset(
    monkeypatch: pytest.MonkeyPatch, then: str | None
) -> None:
    def broken() -> Any:
        raise RuntimeError("no such luck")

    async def test() -> None:
        async with running(env_id="rt.A-v0") as one, one.peer() as peer:
            await peer.reset()
            old = one.task
            monkeypatch.setattr(Fragile, "in_setup", staticmethod(broken))
            for _ in range(2):
                reply = await peer.reset(env_id="rt.E-v0")
                assert reply.method == messages.REPLY_ERROR
                assert reply.body["message"] == "Fragile: setup: RuntimeError: no such luck"
                assert one.runner.server.env_id == "rt.A-v0"
                assert one.runner.server.env_state == messages.RESETTING
                assert not one.runner.failed.done()
            monkeypatch.setattr(Fragile, "in_setup", staticmethod(lambda: None))
            assert (await peer.reset(env_id=then)).method == messages.REPLY_RESET
            assert one.runner.server.env_id == (then or "rt.A-v0")
            assert type(one.task) is (Fragile if then == "rt.E-v0" else Counting)
            assert one.task is not old
            assert old.closes == 1
            assert one.task.setups == len(one.task.resets) == 1

    run(test())


def test_a_task_that_cannot_be_made_changes_nothing() -> None:
    async def test() -> None:
        async with running(env_id="rt.A-v0") as one, one.peer() as peer:
            await peer.reset()
            old: Counting = one.task
            reply = await peer.reset(env_id="rt.F-v0")
            assert reply.body["message"] == "Unmade(): RuntimeError: no such luck"
            assert (one.task, old.closes, one.runner.server.env_id) == (old, 0, "rt.A-v0")
            assert one.runner.server.env_state == messages.RUNNING
            assert (await peer.reset(env_id="rt.A-v0")).method == messages.REPLY_RESET
            assert one.task is old

    run(test())
