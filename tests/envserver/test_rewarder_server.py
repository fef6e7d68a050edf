"""The rewarder against the `websockets` client: admission, order of messages, resets, odd peers."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from envserver.rewarder.server import ResetRefused, RewarderServer
from workers import rewarder_messages as messages

TIMEOUT_S = 10
DESCRIBED = {"env_id": "gym-core.Pong-v0", "env_state": "running", "fps": 60.0}


class Peer:
    """A client: numbers what it sends, parses what it gets."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.count = 0

    async def send(self, method: str, body: dict[str, Any], episode: int | None = None) -> None:
        headers = messages.headers(self.count, time.time(), episode=episode)
        self.count += 1
        await self.socket.send(messages.build(method, headers, body))

    async def next(self) -> messages.Message:
        return messages.parse(await self.socket.recv())

    async def told(self) -> tuple[str, int, dict[str, Any]]:
        message = await self.next()
        return message.method, message.episode, message.body


class Program:
    """What the rewarder stands for: resets count up, and refuse the seed 13."""

    def __init__(self) -> None:
        self.requests: list[messages.Message] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.server = RewarderServer(
            env_id="gym-core.Pong-v0", fps=60.0, on_reset=self.reset, password="sesame"
        )
        self.port = 0

    async def reset(self, message: messages.Message) -> dict[str, Any]:
        self.requests.append(message)
        if message.body.get("seed") == 13:
            raise ResetRefused("seed 13 brings bad luck")
        episode = max(message.episode, self.server.episode) + 1
        self.server.describe(messages.RESETTING, episode)
        await self.gate.wait()
        self.server.describe(messages.RUNNING, episode)
        return {"info": {"lives": 3}}

    @contextlib.asynccontextmanager
    async def peer(
        self, password: str = "sesame", observer: str | None = None
    ) -> AsyncIterator[Peer]:
        headers = {"authorization": messages.authorization(password)}
        if observer is not None:
            headers["openai-observer"] = observer
        async with connect(
            f"ws://127.0.0.1:{self.port}/", additional_headers=headers, compression=None
        ) as socket:
            yield Peer(socket)


@contextlib.asynccontextmanager
async def program() -> AsyncIterator[Program]:
    made = Program()
    made.server.describe(messages.RUNNING, 1)
    made.port = await made.server.start()
    try:
        yield made
    finally:
        await made.server.close()


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, TIMEOUT_S))


def test_describe_on_connect_then_pings() -> None:
    async def test() -> None:
        async with program() as one, one.peer() as peer:
            assert await peer.told() == (
                messages.DESCRIBE,
                1,
                {"env_id": "gym-core.Pong-v0", "env_state": "running", "fps": 60.0},
            )
            for number in range(3):
                await peer.send(messages.PING, {})
                reply = await peer.next()
                assert (reply.method, reply.parent_message_id) == (messages.REPLY_PING, number)
                assert reply.body == {}
                assert reply.message_id == number + 1

    run(test())


def test_reset_then_rewards() -> None:
    async def test() -> None:
        async with program() as one, one.peer() as peer:
            await peer.next()
            body = {"seed": 5, "env_id": None, "fps": 60, "clock": "step", "options": {"a": 1}}
            await peer.send(messages.RESET, body, episode=0)
            assert (await peer.told())[1:] == (
                2,
                {"env_id": "gym-core.Pong-v0", "env_state": "resetting", "fps": 60.0},
            )
            assert (await peer.next()).body["env_state"] == "running"
            reply = await peer.next()
            assert (reply.method, reply.episode) == (messages.REPLY_RESET, 2)
            assert reply.parent_message_id == 0
            assert reply.headers["parent_runtime"] >= 0
            assert reply.body == {"info": {"lives": 3}}
            assert one.requests[0].body == body
            one.server.reward(-1.5, done=False, info={"a": [1]})
            one.server.reward(0, done=True, info={})
            one.server.describe(messages.RESETTING, 3)
            assert await peer.told() == (
                messages.REWARD,
                2,
                {"reward": -1.5, "done": False, "info": {"a": [1]}},
            )
            assert await peer.told() == (
                messages.REWARD,
                2,
                {"reward": 0, "done": True, "info": {}},
            )
            assert (await peer.next()).episode == 3

    run(test())


def test_requested_episode_ahead_of_ours_wins() -> None:
    async def test() -> None:
        async with program() as one, one.peer() as peer:
            await peer.next()
            await peer.send(messages.RESET, {"seed": None, "env_id": None, "fps": 60}, episode=41)
            assert (await peer.next()).episode == 42

    run(test())


def test_pings_are_answered_during_a_reset() -> None:
    async def test() -> None:
        async with program() as one, one.peer() as peer:
            one.gate.clear()
            await peer.next()
            await peer.send(messages.RESET, {})
            await peer.send(messages.PING, {})
            assert {(await peer.next()).method for _ in range(2)} == {
                messages.DESCRIBE,
                messages.REPLY_PING,
            }
            assert one.server.env_state == messages.RESETTING
            one.gate.set()
            assert (await peer.next()).body["env_state"] == "running"
            assert (await peer.next()).method == messages.REPLY_RESET

    run(test())


def test_refused_reset_is_an_error_reply() -> None:
    async def test() -> None:
        async with program() as one, one.peer() as peer:
            await peer.next()
            await peer.send(messages.RESET, {"seed": 13})
            reply = await peer.next()
            assert (reply.method, reply.parent_message_id) == (messages.REPLY_ERROR, 0)
            assert reply.body == {"message": "seed 13 brings bad luck"}
            await peer.send(messages.PING, {})
            assert (await peer.next()).method == messages.REPLY_PING

    run(test())


@pytest.mark.parametrize(
    ("headers", "says"),
    [
        ({}, "No authorization header"),
        ({"authorization": "Basic ???"}, "Could not parse"),
        ({"authorization": messages.authorization("wrong")}, "Invalid password"),
    ],
)
def test_stranger_is_told_why_and_closed(headers: dict[str, str], says: str) -> None:
    async def test() -> None:
        async with program() as one:
            uri = f"ws://127.0.0.1:{one.port}/"
            async with connect(uri, additional_headers=headers) as socket:
                close = messages.parse(await socket.recv())
                assert close.method == messages.CLOSE
                assert says in close.body["message"]
                with pytest.raises(ConnectionClosed):
                    await socket.recv()
                assert socket.close_code == 1000
                assert says in (socket.close_reason or "")
            assert not one.server.clients

    run(test())


def test_second_client_that_speaks_is_sent_away_and_observers_are_not() -> None:
    async def test() -> None:
        async with (
            program() as one,
            one.peer() as first,
            one.peer() as second,
            one.peer(observer="true") as observer,
        ):
            for peer in (first, second, observer):
                await peer.next()
            for peer in (first, observer):
                await peer.send(messages.PING, {})
                assert (await peer.next()).method == messages.REPLY_PING
            # Still silent, it hears everything.
            one.server.reward(1, done=False, info={})
            for peer in (first, second, observer):
                assert (await peer.next()).method == messages.REWARD
            await second.send(messages.PING, {})
            close = await second.next()
            assert close.method == messages.CLOSE
            assert "already has an active client" in close.body["message"]
            with pytest.raises(ConnectionClosed):
                await second.next()

    run(test())


def test_place_of_the_active_client_is_free_when_it_left() -> None:
    async def test() -> None:
        async with program() as one:
            for _ in range(2):
                async with one.peer(observer="false") as peer:
                    await peer.next()
                    await peer.send(messages.PING, {})
                    assert (await peer.next()).method == messages.REPLY_PING

    run(test())


@pytest.mark.parametrize("junk", [b"binary", "no JSON", "{}", json.dumps({"method": 1})])
def test_junk_is_answered_with_a_close(junk: str | bytes) -> None:
    async def test() -> None:
        async with program() as one, one.peer() as peer:
            await peer.next()
            await peer.socket.send(junk)
            assert (await peer.next()).method == messages.CLOSE
            with pytest.raises(ConnectionClosed):
                await peer.next()

    run(test())


ASKED = {"seed": None, "env_id": "gym-core.Pong-v0", "fps": 60}


@pytest.mark.parametrize(
    ("second", "episode", "ran"),
    [
        (ASKED, 0, 1),
        ({**ASKED, "env_id": None}, None, 1),
        (ASKED, 2, 2),  # the current one: it has been seen
        (ASKED, 41, 2),
        ({**ASKED, "fps": 30}, 0, 2),
        ({**ASKED, "env_id": "gym-core.Breakout-v0"}, 0, 2),
        ({**ASKED, "clock": "step"}, 0, 2),
        ({**ASKED, "seed": 5}, 0, 2),
        ({**ASKED, "options": {"level": 2}}, 0, 2),
    ],
)
def test_two_resets_at_once(second: dict[str, Any], episode: int | None, ran: int) -> None:
    async def test() -> None:
        async with program() as one, one.peer() as peer:
            await peer.next()
            one.gate.clear()
            await peer.send(messages.RESET, ASKED, episode=0)
            await peer.send(messages.RESET, second, episode=episode)
            assert (await peer.told())[1] == 2
            # Ours has come, and so has what was sent before it.
            await peer.send(messages.PING, {})
            assert (await peer.next()).method == messages.REPLY_PING
            one.gate.set()
            replies: list[tuple[Any, ...]] = []
            while len(replies) < 2:
                message = await peer.next()
                if message.parent_message_id is not None:
                    replies.append((message.method, message.parent_message_id, message.episode))
            last = 2 if ran == 1 else max(episode or 0, 2) + 1
            assert replies == [
                (messages.REPLY_RESET, 0, 2),
                (messages.REPLY_RESET, 1, last),
            ]
            assert len(one.requests) == ran
            # One that comes later is no repetition.
            await peer.send(messages.RESET, ASKED, episode=0)
            assert (await peer.told())[1] == last + 1

    run(test())


@pytest.mark.parametrize("fps", [None, 0, -5, 60.5, 1e9])
def test_a_frame_rate_that_no_server_has_counts_as_none(fps: float | None) -> None:
    async def test() -> None:
        async with program() as one, one.peer() as peer:
            await peer.next()
            one.gate.clear()
            await peer.send(messages.RESET, {**ASKED, "fps": None}, episode=0)
            await peer.send(messages.RESET, {**ASKED, "fps": fps}, episode=0)
            await peer.next()
            one.gate.set()
            told = [(await peer.next()) for _ in range(3)]
            assert [message.parent_message_id for message in told] == [None, 0, 1]
            assert len(one.requests) == 1
            assert told[0].body["fps"] == 60.0  # the server's own

    run(test())


def test_a_reset_that_was_refused_does_not_answer_the_next() -> None:
    async def test() -> None:
        async with program() as one, one.peer() as peer:
            await peer.next()
            await peer.send(messages.RESET, {**ASKED, "seed": 13}, episode=0)
            await peer.send(messages.RESET, ASKED, episode=0)
            assert (await peer.next()).method == messages.REPLY_ERROR
            assert (await peer.told())[1:] == (2, {**DESCRIBED, "env_state": "resetting"})

    run(test())


def test_unknown_method_is_ignored() -> None:
    async def test() -> None:
        async with program() as one, one.peer() as peer:
            await peer.next()
            await peer.send("v0.agent.action", {"env_id": "x", "action": []})
            await peer.send(messages.PING, {})
            reply = await peer.next()
            assert (reply.method, reply.parent_message_id) == (messages.REPLY_PING, 1)

    run(test())


def test_probes_and_vanished_clients_disturb_nobody() -> None:
    async def test() -> None:
        async with program() as one, one.peer() as peer:
            await peer.next()
            for _ in range(10):
                _, writer = await asyncio.open_connection("127.0.0.1", one.port)
                writer.close()
                await writer.wait_closed()
            async with one.peer() as vanished:
                await vanished.next()
                vanished.socket.transport.abort()
            while len(one.server.clients) > 1:
                one.server.reward(0.25, done=False, info={})
                assert (await peer.next()).body["reward"] == 0.25
            await peer.send(messages.PING, {})
            assert (await peer.next()).method == messages.REPLY_PING

    run(test())
