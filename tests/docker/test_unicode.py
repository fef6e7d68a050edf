"""Text of all scripts arrives in every image as it was typed: in terminals and in Chromium."""

import time
from collections.abc import Callable

import pytest
from fakes.containers import containers
from fakes.texts import TEXTS

import envserver
from envserver.remotes.engine import Engine

pytestmark = pytest.mark.docker

TIMEOUT_S = 30
PAGE = """
import sys
from pathlib import Path
from envserver.rewarder.devtools import DevTools

def profiles():
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_text().split("\\0")
        except OSError:  # it has ended meanwhile
            continue
        for word in words:
            if word.startswith("--user-data-dir="):
                yield Path(word.partition("=")[2])

[profile] = set(profiles())
port = int((profile / "DevToolsActivePort").read_text().split()[0])
print(DevTools(port).evaluate(sys.argv[1]), end="")
"""


@pytest.fixture
def inside(docker_engine: Engine) -> Callable[..., str]:
    """Runs a program in the container that was started last; returns what it printed."""
    before = {each["Id"] for each in containers(docker_engine, env="0")}

    def run(*argv: str) -> str:
        ids = {each["Id"] for each in containers(docker_engine, env="0")} - before
        [one] = (
            each
            for each in ids
            if docker_engine.api.inspect_container(each)["Config"]["User"] == "envserver"
        )
        made = docker_engine.api.exec_create(one, list(argv))
        printed: bytes = docker_engine.api.exec_start(made["Id"])
        return printed.decode()

    return run


def until(wanted: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + TIMEOUT_S
    while not wanted():
        assert time.monotonic() < deadline_s


@pytest.mark.parametrize("image", ["base", "gym-core", "terminal", "miniwob"])
def test_a_terminal_reads_what_was_typed(image: str, inside: Callable[..., str]) -> None:
    """Gym-core's games read keys only; its image has the base's terminal, as they all have."""
    text = "\n".join(TEXTS.values())
    with envserver.desktop(
        "terminal.CreateFile-v0",
        provider="docker",
        container={"image": f"envserver/{image}"},
        screen=(800, 600),
    ) as desktop:
        desktop.type("cd /tmp; cat > got; mv got typed\n")
        until(lambda: inside("find", "/tmp/got") == "/tmp/got\n")
        desktop.type(f"{text}\n")
        desktop.press("ctrl+d")
        until(lambda: inside("find", "/tmp/typed") == "/tmp/typed\n")
        assert inside("cat", "/tmp/typed") == f"{text}\n"


def test_a_page_gets_what_was_typed(inside: Callable[..., str]) -> None:
    with envserver.desktop("miniwob.EnterText-v0", provider="docker") as desktop:
        inside("python3", "-c", PAGE, "tt.focus()")
        for script, text in TEXTS.items():
            desktop.type(f"{text}|")
            until(lambda: inside("python3", "-c", PAGE, "tt.value").endswith("|"))
            assert inside("python3", "-c", PAGE, "tt.value") == f"{text}|", script
            desktop.press("ctrl+a")
            desktop.press("BackSpace")
