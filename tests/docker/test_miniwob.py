"""MiniWoB++ in a container without rights and without a network: a solver gets its reward."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
from fakes.containers import containers

from envserver.remotes.engine import Engine
from envserver.remotes.images import image_of

pytestmark = pytest.mark.docker

SOLVERS = Path(__file__).parents[2] / "examples" / "solvers"


def load_solvers() -> ModuleType:
    """The example, under another name than that of the package with the pages."""
    sys.path.append(str(SOLVERS))
    try:
        spec = importlib.util.spec_from_file_location("solve_miniwob", SOLVERS / "miniwob.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(SOLVERS))
    return module


def test_a_solver_in_a_container(docker_engine: Engine) -> None:
    solvers = load_solvers()
    before = {each["Id"] for each in containers(docker_engine, env="0")}
    envs = solvers.make("ClickTest-v0", provider="docker")
    try:
        for name in ("ClickTest-v0", "EnterText-v0"):
            assert solvers.episode(envs, name, 0, solve_it=False, max_steps=5) == 0.0
            assert solvers.episode(envs, name, 0) == 1.0
        mine = [each for each in containers(docker_engine, env="0") if each["Id"] not in before]
        facts = [docker_engine.api.inspect_container(each["Id"]) for each in mine]
        [one] = [each for each in facts if "miniwob" in each["Config"]["Image"]]
    finally:
        envs.close()
    host = one["HostConfig"]
    assert one["Config"]["User"] == "envserver"
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert not host["Privileged"]
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert host["PidsLimit"] >= 512
    assert host["ShmSize"] == 256 << 20


ASK = """
import os, subprocess, sys, time
from websockets.sync.client import connect
from workers import rewarder_messages as messages

subprocess.Popen(["envserver-remote", "miniwob.ClickTest-v0"])
told = {"Authorization": messages.authorization("openai")}
while True:
    try:
        link = connect("ws://127.0.0.1:15900", additional_headers=told)
        break
    except OSError:
        time.sleep(0.05)
head = {"episode_id": "0", "message_id": 1, "sent_at": time.time()}
link.send(messages.build(messages.RESET, head, {"seed": 0}))
for text in link:
    print(text, flush=True)
    if messages.parse(text).method in (messages.TEXT, messages.REPLY_ERROR):
        os._exit(0)
"""


def test_the_browser_needs_no_network(docker_engine: Engine) -> None:
    made = docker_engine.api.create_container(
        image_of("miniwob"),
        command=["python3", "-c", ASK],
        labels={"envserver-test": "miniwob"},
        host_config=docker_engine.api.create_host_config(
            network_mode="none", cap_drop=["ALL"], security_opt=["no-new-privileges"], init=True
        ),
    )["Id"]
    try:
        docker_engine.api.start(made)
        ended = docker_engine.api.wait(made, timeout=45)
        said = docker_engine.api.logs(made).decode()
        assert "Click the button." in said
        assert ended["StatusCode"] == 0, said
    finally:
        docker_engine.api.remove_container(made, force=True)
