"""The rewarder's own process: its command line, its errors, its end; and DevTools."""

import asyncio
import http.server
import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.sync.server import ServerConnection, serve

from envserver.processes import python_command, python_environment
from envserver.rewarder import DesktopError, Task
from envserver.rewarder.devtools import DevTools
from workers import rewarder_messages as messages

TASK = """
from envserver.rewarder import Task
class Mine(Task):
    fps = 100
    def reset(self, seed, options):
        self.program = self.desktop.run(["sleep", "1000"])
        self.say(f"pid {self.program.pid}")
    def tick(self):
        if (self.desktop.home / "fail").exists():
            raise OSError("it is broken")
"""


@pytest.fixture
def task_file(tmp_path: Path) -> str:
    path = tmp_path / "mine.py"
    path.write_text(TASK)
    return str(path)


def start(*arguments: str, **options: Any) -> "subprocess.Popen[bytes]":
    environment = python_environment(ENVSERVER_REWARDER_PASSWORD="sesame")
    environment.pop("DISPLAY", None)
    return subprocess.Popen(
        python_command("-m", "envserver.rewarder", *arguments),
        env=environment,
        stderr=subprocess.PIPE,
        **options,
    )


def ended(process: "subprocess.Popen[bytes]") -> tuple[int, str]:
    log = process.communicate(timeout=30)[1].decode()
    return process.returncode, log


@pytest.mark.integration
@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["--task", f"{__file__}:Unready", "--port", "0"], 1, "Unready: setup: OSError: no disk"),
        (["--port", "0"], 2, "--task"),
        (["--task", "x:Y"], 2, "--listen-fd --port"),
        (["--task", "nope:Task", "--port", "0"], 1, "cannot import nope"),
        (["--task", "nope", "--port", "0"], 1, "expected 'module:Class'"),
    ],
)
def test_what_cannot_run_says_why(arguments: list[str], status: int, says: str) -> None:
    found, log = ended(start(*arguments))
    assert found == status
    assert says in log


@pytest.mark.integration
def test_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        task = "envserver.tasks.terminal:CreateFile"
        found, log = ended(start("--task", task, "--port", port))
    assert found == 1
    assert "address already in use" in log


async def first_goal(port: int) -> tuple[str, Any]:
    headers = {"authorization": messages.authorization("sesame")}
    async with connect(f"ws://127.0.0.1:{port}/", additional_headers=headers) as socket_:
        body = {"fps": 60, "seed": 1}
        reset = messages.build(messages.RESET, messages.headers(0, 1.0, episode=0), body)
        await socket_.send(reset)
        while True:
            message = messages.parse(await socket_.recv())
            if message.method == messages.TEXT and message.episode == 2:
                return message.body["text"], message


@pytest.mark.integration
def test_it_serves_on_a_socket_and_ends_with_all_it_started(task_file: str, ends: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        number = str(listener.fileno())
        process = start(
            *("--task", f"{task_file}:Mine", "--env-id", "my.Own-v0", "--listen-fd", number),
            pass_fds=(listener.fileno(),),
        )
    text, _ = asyncio.run(asyncio.wait_for(first_goal(port), 30))
    pid = int(text.removeprefix("pid "))
    gone = ends(pid)
    # Nobody but root reads the password there.
    environment = os.stat(f"/proc/{process.pid}/environ")
    assert environment.st_uid == 0
    assert b"sesame" not in Path(f"/proc/{pid}/environ").read_bytes()
    process.send_signal(signal.SIGTERM)
    status, log = ended(process)
    assert status == 0, log
    assert gone(0.0)


@pytest.mark.integration
def test_a_task_that_fails_tells_its_client_and_ends(task_file: str) -> None:
    async def use(port: int) -> str:
        headers = {"authorization": messages.authorization("sesame")}
        async with connect(f"ws://127.0.0.1:{port}/", additional_headers=headers) as socket_:
            while True:
                message = messages.parse(await socket_.recv())
                if message.method == messages.TEXT:
                    pid = int(message.body["text"].removeprefix("pid "))
                    home = Path(os.readlink(f"/proc/{pid}/cwd"))
                    (home / "fail").touch()
                elif message.method == messages.CLOSE:
                    return str(message.body["message"])

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        number = str(listener.fileno())
        process = start(
            "--task", f"{task_file}:Mine", "--listen-fd", number, pass_fds=(listener.fileno(),)
        )
    assert asyncio.run(asyncio.wait_for(use(port), 30)) == "Mine: tick: OSError: it is broken"
    status, log = ended(process)
    assert status == 1
    assert 'raise OSError("it is broken")' in log


class Unready(Task):
    """For a process that this file is given to."""

    def setup(self) -> None:
        raise OSError("no disk")


class Pages(http.server.BaseHTTPRequestHandler):
    """Chromium's list of targets."""

    pages: list[dict[str, str]]

    def do_GET(self) -> None:
        body = json.dumps(self.pages).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def browser() -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """The DevTools port of something like a Chromium, and what it was asked."""
    asked: list[dict[str, Any]] = []

    def answer(connection: ServerConnection) -> None:
        for text in connection:
            call = json.loads(text)
            asked.append(call)
            reply: dict[str, Any] = {"result": {"result": {"value": {"x": [1]}}}}
            if call["params"].get("expression") == "broken":
                error = {"exception": {"description": "ReferenceError: broken is not defined"}}
                reply = {"result": {"exceptionDetails": error, "result": {}}}
            elif call["method"] == "No.such":
                reply = {"error": {"message": "'No.such' wasn't found"}}
            elif call["method"] == "Say.nothing":
                continue
            elif call["method"] == "Browser.close":
                return
            connection.send(json.dumps({"method": "Some.event"}))
            connection.send(json.dumps({"id": call["id"], **reply}))

    with serve(answer, "127.0.0.1", 0) as sockets:
        thread = threading.Thread(target=sockets.serve_forever)
        thread.start()
        url = f"ws://127.0.0.1:{sockets.socket.getsockname()[1]}/devtools/page/1"
        Pages.pages = [{"type": "worker"}, {"type": "page", "webSocketDebuggerUrl": url}]
        with http.server.HTTPServer(("127.0.0.1", 0), Pages) as pages:
            listing = threading.Thread(target=pages.serve_forever)
            listing.start()
            yield pages.server_port, asked
            pages.shutdown()
            listing.join()
        sockets.shutdown()
        thread.join()


def test_devtools(browser: tuple[int, list[dict[str, Any]]]) -> None:
    port, asked = browser
    tools = DevTools(port, timeout_s=5.0)
    assert tools.evaluate("game.score") == {"x": [1]}
    assert asked[0]["params"]["expression"] == "game.score"
    with pytest.raises(DesktopError, match="broken: ReferenceError: broken is not defined"):
        tools.evaluate("broken")
    with pytest.raises(DesktopError, match=r"No\.such: 'No\.such' wasn't found"):
        tools.call("No.such")
    with pytest.raises(DesktopError, match="the browser is gone"):
        tools.call("Browser.close")
    tools.close()
    tools = DevTools(port, timeout_s=0.1)
    with pytest.raises(DesktopError, match=r"no answer within 0\.1 s"):
        tools.call("Say.nothing")
    tools.close()
    Pages.pages = []
    with pytest.raises(DesktopError, match="it has no page"):
        DevTools(port, timeout_s=0.05)


def test_devtools_without_a_browser() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(DesktopError, match=f"no page on DevTools port {port}"):
        DevTools(port, timeout_s=0.05)
