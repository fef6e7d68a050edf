"""The process of one rewarder.  [I/O]

    python -P -m envserver.rewarder --task MODULE:CLASS [--env-id ID] [--time-limit SECONDS]
                                    (--listen-fd N | --port P [--host H])

Clients give the password of ENVSERVER_REWARDER_PASSWORD (`openai` without it). It ends with status
1 when the task cannot go on, after its clients were told why.
"""

import argparse
import asyncio
import contextlib
import ctypes
import logging
import os
import signal
import socket
import sys
from collections.abc import Sequence
from typing import Any

from envserver.rewarder.desktop import Desktop
from envserver.rewarder.errors import RewarderError
from envserver.rewarder.runner import TaskRunner

logger = logging.getLogger(__name__)

PASSWORD_VARIABLE = "ENVSERVER_REWARDER_PASSWORD"
DEFAULT_PASSWORD = "openai"
PR_SET_DUMPABLE = 4
CLOSE_TIMEOUT_S = 2.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a task until it fails or is told to end; returns the exit status.

    A thread of the task may still run: leave by `os._exit`.
    """
    parser = argparse.ArgumentParser(prog="python -m envserver.rewarder", description=__doc__)
    parser.add_argument("--task", required=True, metavar="MODULE:CLASS")
    parser.add_argument("--env-id", default=None)
    parser.add_argument("--time-limit", type=float, default=None, metavar="SECONDS")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--listen-fd", type=int)
    where.add_argument("--port", type=int)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--log-level", default="INFO")
    options = parser.parse_args(arguments)
    logging.basicConfig(
        stream=sys.stderr, level=options.log_level, format="%(levelname)s %(name)s: %(message)s"
    )
    _hide_environment()
    password = os.environ.pop(PASSWORD_VARIABLE, "") or DEFAULT_PASSWORD
    return asyncio.run(_run(options, password))


async def _run(options: argparse.Namespace, password: str) -> int:
    loop = asyncio.get_running_loop()
    asked_to_end = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked_to_end.set)
    desktop = Desktop()
    tasks: list[asyncio.Task[Any]] = []
    runner: TaskRunner | None = None
    try:
        runner = TaskRunner(
            options.task, options.env_id, password, desktop, time_limit_s=options.time_limit
        )
        serving = asyncio.create_task(_serve(options, runner))
        tasks += (serving, asyncio.create_task(asked_to_end.wait()))
        await asyncio.wait((*tasks, runner.failed), return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            serving.result()
        if not runner.failed.done():
            return 0
        logger.error("%s", runner.failed.result())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await runner.server.send_away(runner.failed.result())
        return 1
    except (RewarderError, OSError) as error:
        logger.error("%s", error)
        return 1
    finally:
        for task in tasks:
            task.cancel()
        if runner is not None:
            await runner.close()
        desktop.close()


async def _serve(options: argparse.Namespace, runner: TaskRunner) -> None:
    await runner.set_up()
    if options.listen_fd is not None:
        listener = socket.socket(fileno=options.listen_fd)
        listener.set_inheritable(False)
        await runner.server.start(listener=listener)
    else:
        port = await runner.server.start(options.host, options.port)
        logger.info("rewarder on %s:%d", options.host, port)
    await runner.run()


def _hide_environment() -> None:
    """Keep other programs of this user from reading the password in /proc (prctl(2))."""
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


if __name__ == "__main__":
    status = main()
    logging.shutdown()
    sys.stderr.flush()
    os._exit(status)
