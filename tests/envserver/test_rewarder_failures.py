"""Mistakes in a task become clear errors, for its client or for the whole remote."""

import logging
import threading
from typing import Any

import numpy as np
import pytest
from fakes.counting_task import run, running
from websockets.exceptions import ConnectionClosed

from envserver.rewarder import Desktop, Outcome, TaskError
from envserver.rewarder.runner import TaskRunner
from workers import rewarder_messages as messages


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
        (np.float32("nan"), "tick returned"),
        (np.zeros(2), "expected a finite number"),
        (Outcome(0.0, done="no"), "expected done to be True or False"),  # type: ignore[arg-type]
        (Outcome(0.0, info={"x": np.float64("inf")}), "its info cannot be sent"),
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
                TaskRunner(f"fakes.counting_task:{name}", None, "x", desktop)
            desktop.close()

    run(test())
