"""The client of rewarders against what Universe's servers said, in their order and spelling."""

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import pytest
from fakes.heard import Heard
from fakes.original_server import OriginalServer, original_server

from workers import rewarder as client
from workers.entries import Fault
from workers.errors import RemoteUnusable, ResetRefused
from workers.messages import WorkerConfig
from workers.rewarder import Rewarder

TIMEOUT_S = 10.0


class Reading(Heard):
    """Notes whether a reward was handed over while the socket was said to be read."""

    def __init__(self) -> None:
        super().__init__()
        self.descriptors: list[int] = []
        self.is_reading = False
        self.read_while_handling: list[bool] = []
        self.idle = asyncio.Event()

    def socket(self, descriptor: int) -> None:
        self.descriptors.append(descriptor)

    def reads(self, reads: bool) -> None:
        self.is_reading = reads
        if not reads and self.read_while_handling:
            self.idle.set()

    def reward(self, *arguments: Any) -> None:
        self.read_while_handling.append(self.is_reading)


class Connected:
    """A client that is being served."""

    def __init__(self, server: OriginalServer, rewarder: Rewarder, heard: Heard) -> None:
        self.server, self.rewarder, self.heard = server, rewarder, heard
        self.serving = asyncio.ensure_future(rewarder.serve())

    async def next(self) -> tuple[Any, ...]:
        return await self.heard.told.get()

    async def failure(self) -> RemoteUnusable:
        with pytest.raises(RemoteUnusable) as raised:
            await self.serving
        return raised.value


def config(port: int, **fields: Any) -> WorkerConfig:
    fields = {"env_id": "flashgames.DuskDrive-v0", "reset_timeout_s": 5.0, **fields}
    return WorkerConfig(
        env=0, generation=1, name="old", rewarder_host="127.0.0.1", rewarder_port=port, **fields
    )


@contextlib.asynccontextmanager
async def connected(
    offset: int = 0, greeting: tuple[str, int] | None = ("running", 1), **options: Any
) -> AsyncIterator[Connected]:
    async with original_server(**options) as server:
        server.greeting = greeting
        heard = Heard()
        rewarder = Rewarder(config(server.port), offset, heard)
        await rewarder.connect()
        made = Connected(server, rewarder, heard)
        try:
            yield made
        finally:
            await rewarder.close()
            await asyncio.gather(made.serving, return_exceptions=True)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clocks are compared without delay."""
    monkeypatch.setattr(client, "CALIBRATE_AFTER_S", 0.0)


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, TIMEOUT_S))


@pytest.mark.parametrize("windows", [False, True])
@pytest.mark.parametrize("reply_first", [False, True])
def test_the_sequence_of_the_first_reset(windows: bool, reply_first: bool) -> None:
    async def test() -> None:
        async with connected(windows=windows) as one:
            server = one.server
            assert await one.next() == ("episode", 0, 1, True)
            assert one.heard.is_ready.is_set()
            assert (await one.heard.compared)[2] == client.CALIBRATION_PINGS == server.pings
            assert server.requests[0]["authorization"] == "Basic b3BlbmFpOg=="
            assert server.requests[0]["openai-observer"] == "false"
            reset = asyncio.ensure_future(one.rewarder.reset(7, 5, None, {}))
            asked = await server.heard.get()
            assert asked["method"] == "v0.env.reset"
            assert asked["headers"]["message_id"] == client.CALIBRATION_PINGS
            assert asked["headers"]["episode_id"] == "0"
            assert asked["headers"]["sent_at"] == pytest.approx(time.time(), abs=60)
            assert asked["body"]["seed"] == 5
            assert asked["body"]["env_id"] == "flashgames.DuskDrive-v0"
            await server.describe("resetting", 2)
            if reply_first:
                await server.reply_reset(asked, 2)
                await server.describe("running", 2)
            else:
                await server.describe("running", 2)
                await server.reply_reset(asked, 2)
            await reset
            assert await one.next() == ("episode", 7, 2, True)
            await server.reward(2, 1.5, info={"stats/x": "a/b"})
            await server.text(2, "hello/world")
            await server.say("v0.env.observation", {"observation": [1]}, episode_id="2")
            await server.reward(2, 2, done=True)
            await server.describe("resetting", 3)
            await server.describe("running", 3)
            assert await one.next() == ("reward", 2, 1.5, "", {"stats/x": "a/b"})
            assert await one.next() == ("reward", 2, 0.0, "", {"text": ["hello/world"]})
            assert await one.next() == ("reward", 2, 0.0, "", {"observation": [1]})
            assert await one.next() == ("reward", 2, 2.0, "terminated", {})
            assert await one.next() == ("episode", 0, 3, False)
            assert await one.next() == ("episode", 0, 3, True)

    run(test())


def test_a_reset_comes_before_pings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "CALIBRATE_AFTER_S", TIMEOUT_S)

    async def test() -> None:
        async with connected() as one:
            reset = asyncio.ensure_future(one.rewarder.reset(1, None, None, {}))
            asked = await one.server.heard.get()
            assert asked["headers"]["message_id"] == one.server.pings == 0
            await one.server.reply_reset(asked, 1)
            await reset

    run(test())


def test_a_reset_that_the_server_skipped() -> None:
    async def test() -> None:
        async with connected(greeting=("running", 4)) as one:
            reset = asyncio.ensure_future(one.rewarder.reset(1, None, None, {}))
            await one.server.reply_reset(await one.server.heard.get(), 4)
            await reset
            assert await one.next() == ("episode", 0, 4, True)
            assert await one.next() == ("episode", 1, 4, True)

    run(test())


def test_episodes_of_a_second_connection_are_greater() -> None:
    async def test() -> None:
        async with connected(offset=6) as one:
            assert await one.next() == ("episode", 0, 7, True)
            await one.server.reward(1, 1.0)
            assert await one.next() == ("reward", 7, 1.0, "", {})

    run(test())


def test_an_error_reply_refuses_the_reset_only() -> None:
    async def test() -> None:
        async with connected() as one:
            reset = asyncio.ensure_future(one.rewarder.reset(1, None, "nope", {}))
            asked = await one.server.heard.get()
            await one.server.say(
                "v0.reply.error",
                {"message": "no such game"},
                parent_message_id=asked["headers"]["message_id"],
            )
            with pytest.raises(ResetRefused, match="no such game"):
                await reset
            assert not one.serving.done()

    run(test())


@pytest.mark.parametrize("value", [b"bytes", math.inf])
def test_options_that_json_has_not_refuse_the_reset_only(value: object) -> None:
    async def test() -> None:
        async with connected() as one:
            with pytest.raises(ResetRefused, match="seed or options cannot be sent"):
                await one.rewarder.reset(1, None, None, {"x": value})
            assert not one.serving.done()

    run(test())


def test_unknown_messages_and_replies_are_ignored() -> None:
    async def test() -> None:
        async with connected() as one:
            await one.next()
            await one.server.say("v0.env.applause", {"loud": True}, episode_id="1")
            await one.server.say("v0.reply.control.ping", {}, parent_message_id=999)
            await one.server.say("v0.reply.error", {"message": "late"}, parent_message_id=998)
            await one.server.reward(1, 3.0)
            assert await one.next() == ("reward", 1, 3.0, "", {})

    run(test())


def test_clocks_are_compared() -> None:
    async def test() -> None:
        async with original_server() as server:
            server.clock_ahead_s = 1000.0
            heard = Heard()
            rewarder = Rewarder(config(server.port), 0, heard)
            await rewarder.connect()
            serving = asyncio.ensure_future(rewarder.serve())
            low_ns, high_ns, pings = await heard.compared
            true_ns = time.monotonic_ns() - time.time_ns() - 1000 * 10**9
            assert pings == client.CALIBRATION_PINGS
            # Floats of seconds since 1970 are good for a quarter of a microsecond.
            assert low_ns - 10**4 <= true_ns <= high_ns + 10**4
            assert high_ns - low_ns < 10**9
            await rewarder.close()
            await asyncio.gather(serving, return_exceptions=True)

    run(test())


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        ("Invalid password: 'x'. Try again.", Fault.AUTHENTICATION),
        ("No authorization header supplied.", Fault.AUTHENTICATION),
        ("The rewarder already has an active client.", Fault.REWARDER_LOST),
    ],
)
def test_a_close_is_final(message: str, fault: Fault) -> None:
    async def test() -> None:
        async with connected(greeting=None) as one:
            reset = asyncio.ensure_future(one.rewarder.reset(1, None, None, {}))
            await one.server.heard.get()
            await one.server.say("v0.connection.close", {"message": message})
            failure = await one.failure()
            assert (failure.fault, failure.final) == (fault, True)
            assert message in str(failure)
            with pytest.raises(RemoteUnusable, match=message[:20]):
                await reset

    run(test())


@pytest.mark.parametrize(
    "junk",
    [
        "no JSON",
        '{"method": "v0.env.reward", "headers": {"sent_at": 1, "episode_id": "1"}, "body": {}}',
        '{"method": "v0.env.text", "headers": {"sent_at": 1, "episode_id": "1"},'
        ' "body": {"text": "\\ud800"}}',
        '{"method": "v0.env.observation", "headers": {"sent_at": 1e300, "episode_id": "1"},'
        ' "body": {"observation": 36893488147419103232}}',
    ],
)
def test_junk_ends_the_connection_with_a_reason(junk: str) -> None:
    async def test() -> None:
        async with original_server() as server:
            heard = Heard()

            class Strict(Heard):
                def reward(self, *arguments: Any) -> None:
                    from workers.infos import InfoLog

                    InfoLog().add(1, arguments[-1])

            rewarder = Rewarder(config(server.port), 0, Strict())
            await rewarder.connect()
            serving = asyncio.ensure_future(rewarder.serve())
            await server.connected.get()
            await server.raw(junk)
            with pytest.raises(RemoteUnusable) as raised:
                await serving
            assert (raised.value.fault, raised.value.final) == (Fault.REWARDER_LOST, False)
            assert heard.told.empty()

    run(test())


def test_a_lost_connection_fails_the_reset() -> None:
    async def test() -> None:
        async with connected() as one:
            reset = asyncio.ensure_future(one.rewarder.reset(1, None, None, {}))
            await one.server.heard.get()
            await one.server.drop()
            with pytest.raises(RemoteUnusable, match=r"127\.0\.0\.1"):
                await reset
            assert not (await one.failure()).final

    run(test())


def test_who_says_nothing_is_lost() -> None:
    async def test() -> None:
        async with original_server() as server:
            server.answers_pings = False
            rewarder = Rewarder(config(server.port, step_timeout_s=0.025), 0, Heard())
            await rewarder.connect()
            with pytest.raises(RemoteUnusable, match=r"has said nothing for 0\.05 s"):
                await rewarder.serve()

    run(test())


def test_who_is_silent_in_a_reset_has_its_time() -> None:
    async def test() -> None:
        async with original_server() as server:
            server.answers_pings = False
            told = config(server.port, reset_timeout_s=0.3, step_timeout_s=0.01)
            rewarder = Rewarder(told, 0, Heard())
            await rewarder.connect()
            reset = asyncio.ensure_future(rewarder.reset(1, None, None, {}))
            serving = asyncio.ensure_future(rewarder.serve())
            with pytest.raises(
                RemoteUnusable, match=r"did not answer the reset within 0.3 s"
            ) as raised:
                await reset
            assert raised.value.fault == Fault.RESET_FAILED
            with pytest.raises(RemoteUnusable, match="has said nothing for"):
                await serving

    run(test())


def test_what_was_read_is_handed_over_before_it_is_said_to_be() -> None:
    async def test() -> None:
        async with original_server() as server:
            heard = Reading()
            rewarder = Rewarder(config(server.port), 0, heard)
            await rewarder.connect()
            serving = asyncio.ensure_future(rewarder.serve())
            await server.connected.get()
            for number in range(5):
                await server.reward(1, number)
            await heard.idle.wait()
            while len(heard.read_while_handling) < 5:
                await asyncio.sleep(0)
            assert all(heard.read_while_handling)
            await rewarder.close()
            await asyncio.gather(serving, return_exceptions=True)
            assert heard.descriptors[0] >= 0
            assert heard.descriptors[1:] == [-1]

    run(test())


@pytest.mark.parametrize(("status", "final"), [(401, True), (502, False)])
def test_a_web_server_in_front_that_refuses(status: int, final: bool) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n".encode())
        writer.close()

    async def test() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(RemoteUnusable) as raised:
                await Rewarder(config(port), 0, Heard()).connect()
            assert raised.value.final is final
            assert str(status) in str(raised.value)
            if final:
                assert raised.value.fault == Fault.AUTHENTICATION

    run(test())
