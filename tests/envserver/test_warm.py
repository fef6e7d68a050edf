"""Waiting for a spare's first episode."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from fakes.original_server import original_server

from envserver.broker import warm
from envserver.remotes.base import Endpoint, Remote, RemoteAddress

TIMEOUT_S = 10.0


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, TIMEOUT_S))


def remote(port: int) -> Remote:
    return Remote("spare", RemoteAddress(rewarder=Endpoint("127.0.0.1", port, "secret")))


def test_it_waits_for_the_first_episode_as_an_observer() -> None:
    async def test() -> None:
        async with original_server() as server:
            server.greeting = ("resetting", 1)
            waiting = asyncio.ensure_future(warm.wait_running(remote(server.port)))
            await server.connected.get()
            assert server.requests[0]["openai-observer"] == "true"
            assert server.requests[0]["authorization"] == "Basic c2VjcmV0Og=="
            await server.text(1, "the goal")
            await server.describe("resetting", 1)
            assert not waiting.done()
            await server.describe("running", 1)
            await waiting
            assert server.heard.empty()

    run(test())


def test_one_that_runs_already() -> None:
    async def test() -> None:
        async with original_server() as server:
            await warm.wait_running(remote(server.port))

    run(test())


@pytest.mark.parametrize("ends_by", ["close", "drop", "junk"])
def test_one_that_does_not_tell(ends_by: str) -> None:
    async def test() -> None:
        async with original_server() as server:
            server.greeting = ("resetting", 1)
            waiting = asyncio.ensure_future(warm.wait_running(remote(server.port)))
            await server.connected.get()
            if ends_by == "close":
                await server.say("v0.connection.close", {"message": "no observers here"})
            elif ends_by == "drop":
                await server.drop()
            else:
                await server.raw("no JSON")
            await waiting

    run(test())


def test_one_that_runs_nothing_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm, "LIMIT_S", 0.1)

    async def test() -> None:
        async with original_server() as server:
            server.greeting = ("resetting", 0)
            await warm.wait_running(remote(server.port))
            assert len(server.requests) == 1

    run(test())


def test_one_without_a_rewarder_or_without_a_listener() -> None:
    async def test() -> None:
        await warm.wait_running(Remote("bare", RemoteAddress()))
        await warm.wait_running(remote(9))

    run(test())
