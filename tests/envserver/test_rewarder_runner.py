"""A task's episodes and ticks, as its clients hear of them; mistakes in it become clear errors."""

import asyncio
import contextlib
import logging
import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from envserver.rewarder import Desktop, Outcome, Task, TaskError
from envserver.rewarder import runner as runners
from envserver.rewarder.runner import TaskRunner
from workers import rewarder_messages as messages

TIMEOUT_S = 20.0


class Counting(Task):
    """Rewards what the test puts into `found`; remembers its resets. `made` is the newest."""

    made: "Counting"
    fps = 1000.0

    def __init__(self) -> None:
        type(self).made = self
        Counting.made = self
        self.found: list[Any] = []
        self.resets: list[tuple[int, dict[str, Any]]] = []
        self.setups = self.closes = self.ticks = 0
        self.over = False
        self.in_reset: Callable[[], Any] = lambda: None

    def setup(self) -> None:
        self.setups += 1

    def reset(self, seed: int, options: dict[str, Any]) -> dict[str, Any] | None:
        self.resets.append((seed, options))
        self.over = False
        result = self.in_reset()
        self.say(f"goal {len(self.resets)}")
        return {"level": 1} if result is None else result

    def tick(self) -> Any:
        self.ticks += 1
        found = self.found.pop(0) if self.found else None
        if callable(found):
            return found()
        return found

    def done(self) -> bool:
        return self.over

    def close(self) -> None:
        self.closes += 1


class Other(Counting):
    fps = 30.0


class Limited(Counting):
    time_limit_s = 0.05


class Hasty(Counting):
    tick_timeout_s = 0.1


class Slow(Counting):
    fps = 0.01


class Unmade(Task):
    def __init__(self) -> None:
        raise RuntimeError("no such luck")


class Odd(Task):
    fps = 0


class Peer:
    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.sent = 0

    async def send(self, method: str, body: dict[str, Any]) -> None:
        head = messages.headers(self.sent, time.time(), episode=0)
        self.sent += 1
        await self.socket.send(messages.build(method, head, body))

    async def reset(self, **body: Any) -> messages.Message:
        """Reset; returns the reply, what came before it is dropped."""
        await self.send(messages.RESET, {"seed": None, "env_id": None, "fps": 60, **body})
        while True:
            message = await self.next()
            if message.parent_message_id is not None:
                return message

    async def next(self) -> messages.Message:
        return messages.parse(await self.socket.recv())

    async def told(self) -> tuple[Any, ...]:
        message = await self.next()
        body = message.body
        if message.method == messages.DESCRIBE:
            return body["env_state"], message.episode
        if message.method == messages.TEXT:
            return body["text"], message.episode
        if message.method == messages.REWARD:
            return body["reward"], body["done"], body["info"], message.episode
        return message.method, message.episode


class Running:
    def __init__(self, runner: TaskRunner, port: int) -> None:
        self.runner, self.port = runner, port

    @property
    def task(self) -> Counting:
        return Counting.made

    async def call(self, function: Callable[[], Any]) -> Any:
        """Change the task between ticks."""
        async with self.runner._lock:
            return function()

    @contextlib.asynccontextmanager
    async def peer(self) -> AsyncIterator[Peer]:
        headers = {"authorization": messages.authorization("openai")}
        uri = f"ws://127.0.0.1:{self.port}/"
        async with connect(uri, additional_headers=headers, compression=None) as socket:
            yield Peer(socket)


@contextlib.asynccontextmanager
async def running(name: str = "Counting", env_id: str | None = None) -> AsyncIterator[Running]:
    desktop = Desktop()
    runner = TaskRunner(f"{__file__}:{name}", env_id, "openai", desktop)
    await runner.set_up()
    port = await runner.server.start()
    task = asyncio.create_task(runner.run())
    try:
        yield Running(runner, port)
    finally:
        task.cancel()
        await runner.close()
        desktop.close()


@pytest.fixture(autouse=True)
def this_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tasks are looked up by the file's name: let it mean this module and its classes."""
    import sys

    from envserver.rewarder import loading

    monkeypatch.setattr(loading, "_file", lambda place: sys.modules[__name__])


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, TIMEOUT_S))


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
            await peer.reset()
            assert await peer.told() == (0.0, True, {"truncated": True}, 2)
            assert await peer.told() == ("resetting", 3)

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
            await peer.reset()
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


def raises() -> Any:
    raise ZeroDivisionError("far too many")


def test_a_reset_that_raises_is_an_error_reply(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        async with running() as one, one.peer() as peer:
            await peer.reset()
            await one.call(lambda: setattr(one.task, "in_reset", raises))
            reply = await peer.reset()
            assert reply.method == messages.REPLY_ERROR
            assert reply.body["message"] == "Counting: reset: ZeroDivisionError: far too many"
            assert "in raises" in caplog.text
            await one.call(lambda: setattr(one.task, "in_reset", lambda: 3))
            assert "reset returned 3" in (await peer.reset()).body["message"]
            await one.call(lambda: setattr(one.task, "in_reset", lambda: None))
            assert (await peer.reset()).method == messages.REPLY_RESET
            assert not one.runner.failed.done()

    with caplog.at_level(logging.ERROR):
        run(test())


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (raises, "Counting: tick: ZeroDivisionError: far too many"),
        ("a lot", "tick returned 'a lot', expected a finite number"),
        (float("nan"), "tick returned nan"),
        (True, "tick returned True"),
        (Outcome(0.0, info={"x": object()}), "its info cannot be sent"),
        (Outcome(0.0, done=True), "Counting: reset: ZeroDivisionError"),
    ],
)
def test_a_task_that_goes_wrong_fails_the_rewarder(found: Any, says: str) -> None:
    async def test() -> None:
        async with running() as one, one.peer() as peer:
            await peer.reset()

            def plan() -> None:
                one.task.in_reset = raises
                one.task.found.append(found)

            await one.call(plan)
            assert says in await one.runner.failed
            await one.runner.server.send_away(one.runner.failed.result())
            while (message := await peer.next()).method != messages.CLOSE:
                pass
            assert says in message.body["message"]
            with pytest.raises(ConnectionClosed):
                await peer.next()

    run(test())


def test_a_tick_that_never_returns_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    gate = threading.Event()

    async def test() -> None:
        async with running("Hasty") as one, one.peer() as peer:
            await peer.reset()
            await one.call(lambda: one.task.found.append(gate.wait))
            failed = await one.runner.failed
            assert failed == "Hasty: tick: did not return within 0.1 s"
            assert "gate.wait" not in failed
            assert "threading.py" in caplog.text  # where it hangs
            assert (await peer.reset()).method == messages.REPLY_ERROR
            gate.set()

    with caplog.at_level(logging.ERROR):
        run(test())


def test_another_environment_of_the_runtime_is_switched_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tasks = {"rt.A-v0": f"{__file__}:Counting", "rt.B-v0": f"{__file__}:Other"}

    def task_of(env_id: str, current: str | None) -> str:
        if env_id not in tasks:
            raise TaskError(f"no {env_id}")
        return tasks[env_id]

    monkeypatch.setattr(runners, "task_of", task_of)

    async def test() -> None:
        async with running(env_id="rt.A-v0") as one, one.peer() as peer:
            await peer.reset(env_id="rt.A-v0")
            old = one.task
            reply = await peer.reset(env_id="rt.C-v0")
            assert (reply.method, reply.body["message"]) == (messages.REPLY_ERROR, "no rt.C-v0")
            assert one.runner.server.env_state == messages.RUNNING
            await peer.send(messages.RESET, {"seed": None, "env_id": "rt.B-v0"})
            message = await peer.next()
            while message.method != messages.DESCRIBE:
                message = await peer.next()
            assert message.body == {"env_id": "rt.B-v0", "env_state": "resetting", "fps": 30.0}
            while (await peer.told())[0] != messages.REPLY_RESET:
                pass
            assert (type(one.task), one.task.setups, old.closes) == (Other, 1, 1)

    run(test())


def test_classes_that_cannot_be_made() -> None:
    async def test() -> None:
        for name, says in (
            ("Unmade", r"Unmade\(\): RuntimeError: no such luck"),
            ("Odd", "fps is 0, expected more than 0"),
            ("Missing", "has no Task of the name 'Missing', it has .*Counting"),
            ("Peer", "has no Task of the name 'Peer'"),
        ):
            desktop = Desktop()
            with pytest.raises(TaskError, match=says):
                TaskRunner(f"{__file__}:{name}", None, "x", desktop)
            desktop.close()

    run(test())
