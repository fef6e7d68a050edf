"""Questions to a worker: answered, refused, failed, never answered, ended."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import msgpack
import pytest

from envserver.broker import questions
from envserver.broker.questions import Questions
from envserver.errors import RemoteError
from workers.messages import LENGTH


class Worker:
    """What it was sent."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []

    def send(self, data: bytes) -> None:
        self.got.append(msgpack.unpackb(data[LENGTH.size :]))


@pytest.fixture
def worker() -> Any:
    return Worker()


def ask(asked: Questions, worker: Any, what: str, **fields: Any) -> asyncio.Task[dict[str, Any]]:
    return asyncio.create_task(asked.ask(worker, "remote 3", what, 0.0, fields))


async def until_asked(worker: Worker, count: int) -> None:
    while len(worker.got) < count:
        await asyncio.sleep(0)


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 10))


def test_answers_go_to_who_asked(worker: Any) -> None:
    async def test() -> None:
        asked = Questions()
        first, second = ask(asked, worker, "pointer"), ask(asked, worker, "clipboard", after_ns=7)
        await until_asked(worker, 2)
        one, two = worker.got
        assert (one["type"], one["what"]) == ("ask", "pointer")
        assert (two["what"], two["after_ns"], two["max_s"]) == ("clipboard", 7, 0.0)
        asked.answered({"id": 1 << 40, "result": {}})  # somebody gave it up
        asked.answered({"id": two["id"], "result": {"text": "b"}})
        asked.answered({"id": one["id"], "result": {"shape": None}})
        asked.answered({"id": one["id"], "result": {"shape": "twice"}})
        assert await first == {"shape": None}
        assert await second == {"text": "b"}

    run(test())


@pytest.mark.parametrize(
    ("result", "error", "message"),
    [
        ({"refused": "no such character"}, ValueError, "remote 3: no such character"),
        ({"failed": "not connected"}, RemoteError, "remote 3: not connected"),
    ],
)
def test_what_is_not_done_is_an_error(
    worker: Any, result: dict[str, str], error: type[Exception], message: str
) -> None:
    async def test() -> None:
        asked = Questions()
        asking = ask(asked, worker, "set_clipboard", text="x")
        await until_asked(worker, 1)
        asked.answered({"id": worker.got[0]["id"], "result": result})
        with pytest.raises(error, match=message):
            await asking

    run(test())


def test_a_worker_that_ends_answers_nothing(worker: Any) -> None:
    async def test() -> None:
        asked = Questions()
        asking = [ask(asked, worker, "pointer") for _ in range(3)]
        await until_asked(worker, 3)
        asking[0].cancel()
        asked.give_up()
        for each in asking[1:]:
            with pytest.raises(RemoteError, match="remote 3: its worker ended"):
                await each
        asked.give_up()

    run(test())


def test_a_worker_that_says_nothing_is_not_waited_for(
    worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(questions, "ANSWER_S", 0.01)
    asked = Questions()
    with pytest.raises(RemoteError, match=r"remote 3: no answer in 0\.01 s"):
        asyncio.run(asked.ask(worker, "remote 3", "pointer", 0.0, {}))
